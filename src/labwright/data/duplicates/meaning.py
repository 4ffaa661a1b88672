"""Rows that mean the same as a benchmark item in other words: an extra look, by embeddings.

Words decide what is contamination (`labwright.data.overlap`); what is found here is for a person to look at, since two
different problems of one kind are as close as a paraphrase. The embedder is the caller's. `HashedWords` is one without
a model: it finds shared rare words, not meaning, and its name in the report says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from labwright.contracts.errors import DataError
from labwright.data.duplicates.near import batches
from labwright.data.duplicates.words import runs, words_of

Vectors = NDArray[np.float32]
SIMILAR = 0.9
ROWS_AT_ONCE = 512


class Embedder(Protocol):
    """Turns texts into vectors of any length; equal meaning, equal direction."""

    @property
    def name(self) -> str:
        """What a report calls it: a model's id, or that it is no model."""

    def embed(self, texts: Sequence[str]) -> Vectors:
        """One row of the matrix a text."""


@dataclass(frozen=True, slots=True)
class Kin:
    """A row and the item that it is closest to."""

    row: int
    item_id: str
    similarity: float  # cosine


def kin(
    rows: Iterable[tuple[int, str]], items: Sequence[tuple[str, str]], embedder: Embedder, similar: float = SIMILAR
) -> Iterator[Kin]:
    """Rows (number, text) whose vector is within a cosine of `similar` of an item's (id, text).

    Raises:
        DataError: the embedder gave no finite vector for each text.
    """
    if not items:
        return
    ids = [item_id for item_id, _ in items]
    known = _directions(embedder, [text for _, text in items])
    for batch in batches(rows, lambda _: 0, count=ROWS_AT_ONCE):
        cosines = _directions(embedder, [text for _, text in batch]) @ known.T
        closest = cosines.argmax(axis=1)
        for (number, _), place, cosine in zip(batch, closest.tolist(), cosines.max(axis=1).tolist(), strict=True):
            if cosine >= similar:
                yield Kin(number, ids[place], round(cosine, 3))


class HashedWords:
    """TF-IDF over hashed words and word pairs, folded to `size` dimensions. No model, no meaning: shared rare words."""

    name = "hashed TF-IDF (no model: words, not meaning)"

    def __init__(self, texts: Sequence[str], size: int = 2048) -> None:
        """`texts` tell which words are rare: the benchmark's items."""
        self._size = size
        slots, owners, _ = self._slots(texts)
        once = np.unique(owners * size + slots) % size
        self._weights = np.log((1 + len(texts)) / (1 + np.bincount(once, minlength=size))) + 1

    def embed(self, texts: Sequence[str]) -> Vectors:
        """See the class; a text without words is the zero vector."""
        slots, owners, signs = self._slots(texts)
        counts = np.bincount(owners * self._size + slots, signs, minlength=len(texts) * self._size)
        vectors: Vectors = (counts.reshape(len(texts), self._size) * self._weights).astype(np.float32)
        return vectors

    def _slots(self, texts: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        words = words_of(texts)
        owners = words.owners
        pairs = runs(words.hashes, 2)
        inside = owners[1:] == owners[:-1] if len(owners) else np.zeros(0, np.bool_)
        hashes = np.concatenate([words.hashes, pairs[inside]])
        of = np.concatenate([owners, owners[:-1][inside] if len(owners) else owners])
        signs = np.where(hashes >> np.uint64(63), 1.0, -1.0)
        return (hashes % np.uint64(self._size)).astype(np.int64), of, signs


def _directions(embedder: Embedder, texts: Sequence[str]) -> Vectors:
    vectors = np.asarray(embedder.embed(texts), np.float32)
    if vectors.ndim != 2 or len(vectors) != len(texts) or not np.isfinite(vectors).all():
        raise DataError(
            f"{embedder.name} gave an array of shape {vectors.shape} for {len(texts)} texts, or numbers without end",
            cure="use another model for embeddings, or leave the check out",
        )
    lengths = np.sqrt(np.square(vectors).sum(axis=1, keepdims=True))
    return (vectors / np.where(lengths > 0, lengths, 1)).astype(np.float32)
