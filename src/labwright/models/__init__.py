"""Base models: where a study's `base_model` is found, checked, built or downloaded, and how it gets its id.

A study trains and scores against one base, so it must be exactly known: `resolve` returns a directory in Hugging Face
format (safetensors only, no custom code) with a hash over its weights, config and tokenizer.
"""

from __future__ import annotations

from labwright.models.base import BUNDLED, BaseModel, resolve

__all__ = ["BUNDLED", "BaseModel", "resolve"]
