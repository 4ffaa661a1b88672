"""An embedder out of any language model in a directory: the mean of its last hidden states over a text's tokens.

A small causal model is no sentence encoder: its vectors all lean one way, so the mean of the benchmark's items is taken
off first (after Mu and Viswanath, 2018, arXiv 1702.01417). Good enough to rank rows for a person; not to decide.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from labwright.contracts.errors import ModelError
from labwright.data.duplicates.meaning import Vectors

TEXTS_AT_ONCE = 16
TOKENS = 512  # of a text; what follows is left out


class HiddenStates:
    """Loads the model at once. Safetensors only, no remote code."""

    def __init__(self, directory: Path, centre_on: Sequence[str] = ()) -> None:
        """`centre_on`: the benchmark's items, whose mean is taken off.

        Raises:
            ModelError: the extra `train` is not installed, or there is no model in the directory.
        """
        try:
            import torch  # noqa: PLC0415  # the extra `train`
            from transformers import AutoModel, AutoTokenizer  # noqa: PLC0415  # likewise
            from transformers.utils.logging import disable_progress_bar  # noqa: PLC0415
        except ImportError as error:
            raise ModelError("embeddings need torch", cure="pip install 'labwright[train]'") from error
        disable_progress_bar()
        try:
            self._tokenizer = AutoTokenizer.from_pretrained(directory, trust_remote_code=False, local_files_only=True)
            self._model = AutoModel.from_pretrained(
                directory, trust_remote_code=False, local_files_only=True, use_safetensors=True
            ).eval()
        except (OSError, ValueError, KeyError) as error:
            raise ModelError(
                f"this cannot be loaded as a model: {error}", where=str(directory), cure="name a model's directory"
            ) from error
        if self._tokenizer.pad_token is None:
            self._tokenizer.pad_token = self._tokenizer.eos_token
        self._tokenizer.padding_side = "right"
        self._torch = torch
        self.name = f"{directory.name} (mean of its hidden states)"
        self._centre = np.zeros((1, 1), np.float32)
        if centre_on:
            self._centre = self.embed(centre_on).mean(axis=0, keepdims=True)

    def embed(self, texts: Sequence[str]) -> Vectors:
        """See the class; a text without tokens is the zero vector."""
        found = [self._some(texts[start : start + TEXTS_AT_ONCE]) for start in range(0, len(texts), TEXTS_AT_ONCE)]
        return np.concatenate(found) - self._centre if found else np.zeros((0, 1), np.float32)

    def _some(self, texts: Sequence[str]) -> Vectors:
        given = [text or " " for text in texts]
        tokens = self._tokenizer(given, padding=True, truncation=True, max_length=TOKENS, return_tensors="pt")
        with self._torch.inference_mode():
            states = self._model(tokens["input_ids"], attention_mask=tokens["attention_mask"]).last_hidden_state.float()
        mask = tokens["attention_mask"].unsqueeze(-1)
        means = (states * mask).sum(1) / mask.sum(1).clamp(min=1)
        vectors: Vectors = means.numpy()
        return vectors
