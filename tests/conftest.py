"""What all tests share: one tiny model for the whole session."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A from-scratch tiny Llama with a character vocabulary, made on the spot."""
    from labwright.models.tiny import make_tiny_model  # noqa: PLC0415 - torch, and only for tests that need a model

    path = tmp_path_factory.mktemp("models") / "tiny"
    make_tiny_model(path, alphabet="0123456789 Sortascending:->\nabcdefghijklmnopqrstuvwxyz")
    return path
