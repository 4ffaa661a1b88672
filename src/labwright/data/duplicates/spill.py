"""What near-duplicate detection keeps on disk: sets of shingles and band keys, written once and mapped for reading."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from labwright.contracts.errors import StorageError
from labwright.data.duplicates.likeness import Sketches
from labwright.data.duplicates.words import Hashes, Places

_PAIRS_AT_ONCE = 1 << 16
_SHINGLES_AT_ONCE = 1 << 22
_T = TypeVar("_T", bound=np.generic)


class Spill:
    """Files of one run in a folder that the caller deletes; rows are numbered from 0 in the order of `add`."""

    def __init__(self, folder: Path, bands: int) -> None:
        self._folder = folder
        self._open: list[BinaryIO] = []
        self._sizes: list[Places] = []
        self._whole: list[Hashes] = []
        try:
            self._shingles = self._created("shingles")
            self._bands = [self._created(f"band-{number}") for number in range(bands)]
        except OSError as error:
            raise self._trouble(error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for file in self._open:
            file.close()

    def add(self, sketches: Sketches) -> None:
        """Write a batch's sketches; those of texts without words must have been taken out."""
        try:
            self._shingles.write(sketches.shingles.tobytes())
            for file, keys in zip(self._bands, np.ascontiguousarray(sketches.bands.T), strict=True):
                file.write(keys.tobytes())
        except OSError as error:
            raise self._trouble(error) from error
        self._sizes.append(sketches.sizes.astype(np.int32))
        self._whole.append(sketches.whole)

    def read(self) -> Sets:
        """All that was written."""
        try:
            for file in self._open:
                file.flush()
        except OSError as error:
            raise self._trouble(error) from error
        sizes = np.concatenate([np.zeros(0, np.int32), *self._sizes])
        whole = np.concatenate([np.zeros(0, np.uint64), *self._whole])
        self._sizes, self._whole = [], []
        shingles = _mapped(self._folder / "shingles", np.uint32)
        return Sets(shingles, sizes, whole, tuple(_mapped(Path(file.name), np.uint64) for file in self._bands))

    def _created(self, name: str) -> BinaryIO:
        file = (self._folder / name).open("wb", buffering=1 << 16)
        self._open.append(file)
        return file

    def _trouble(self, error: OSError) -> StorageError:
        return StorageError.of(error, str(self._folder)) or StorageError(
            f"near-duplicates cannot be kept aside: {error.strerror}",
            where=str(self._folder),
            cure="give a folder on a disk with room: about twice the size of the texts",
        )


class Sets:
    """Sets of shingles by row, their sizes, the key of each whole set, and the keys of each band."""

    def __init__(
        self, shingles: NDArray[np.uint32], sizes: NDArray[np.int32], whole: Hashes, bands: tuple[Hashes, ...]
    ) -> None:
        self.sizes = sizes
        self.whole = whole
        self.bands = bands
        self._shingles = shingles
        self._starts = np.cumsum(sizes, dtype=np.int64) - sizes

    def __len__(self) -> int:
        return len(self.sizes)

    def members(self, rows: Places) -> tuple[NDArray[np.uint32], Places]:
        """The sets of some rows, one after the other, and of each shingle the place of its row in `rows`."""
        sizes = self.sizes[rows].astype(np.int64)
        owners = np.repeat(np.arange(len(rows)), sizes)
        within = np.arange(len(owners)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        return self._shingles[self._starts[rows][owners] + within], owners

    def similarities(self, first: Places, second: Places) -> NDArray[np.float64]:
        """The Jaccard similarity of each pair of rows."""
        found = np.empty(len(first), np.float64)
        sizes = self.sizes[first].astype(np.int64) + self.sizes[second]
        begin = 0
        while begin < len(first):  # so many pairs at a time as fit some hundred MB
            room = np.cumsum(sizes[begin : begin + _PAIRS_AT_ONCE])
            end = begin + max(1, int(np.searchsorted(room, _SHINGLES_AT_ONCE)))
            end = min(end, len(first))
            found[begin:end] = self._compared(first[begin:end], second[begin:end])
            begin = end
        return found

    def _compared(self, first: Places, second: Places) -> NDArray[np.float64]:
        values, owners = self.members(np.stack([first, second], axis=1).ravel())
        keys = ((owners >> 1).astype(np.uint64) << np.uint64(32)) | values
        keys.sort()
        twice = keys[1:][keys[1:] == keys[:-1]] >> np.uint64(32)
        shared = np.bincount(twice.astype(np.int64), minlength=len(first))
        similarities: NDArray[np.float64] = shared / np.maximum(
            self.sizes[first].astype(np.int64) + self.sizes[second] - shared, 1
        )
        return similarities


def _mapped(path: Path, kind: type[_T]) -> NDArray[_T]:
    return np.memmap(path, kind, "r") if path.stat().st_size else np.zeros(0, kind)
