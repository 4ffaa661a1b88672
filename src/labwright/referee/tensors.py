"""Untrusted safetensors files: their headers read with care, their numbers checked in slices.

A file that a run hands over may lie about everything. The header is bounded and checked here before any library maps
the file: lengths, offsets that overlap or leave holes, shapes that do not fit their bytes, unknown types.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from labwright.contracts.errors import BoundaryError

_LONGEST_HEADER_BYTES = 64 << 20
_SLICE_BYTES = 8 << 20
FLOATS = ("F64", "F32", "F16", "BF16")
_BYTES = {
    "F64": 8,
    "F32": 4,
    "F16": 2,
    "BF16": 2,
    "F8_E4M3": 1,
    "F8_E5M2": 1,
    "I64": 8,
    "I32": 4,
    "I16": 2,
    "I8": 1,
    "U64": 8,
    "U32": 4,
    "U16": 2,
    "U8": 1,
    "BOOL": 1,
}
CURE = "hand over what the recipe protocol asks for: plain safetensors, written by this run"


@dataclass(frozen=True, slots=True)
class TensorEntry:
    """One tensor as a header describes it; `start` and `end` are bytes from the beginning of the file."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int


def copy_regular(source: Path, target: Path, *, most_bytes: int) -> None:
    """Copy a file's bytes: never a link, never a device, never more than the ceiling.

    The copy is what is checked and used afterwards, so a file that changes meanwhile changes nothing.
    """
    try:
        opened = os.open(
            source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
        )  # neither follow a link nor wait on a pipe
    except OSError as error:
        raise BoundaryError(f"{source.name} is no regular file", where=str(source), cure=CURE) from error
    left = most_bytes
    with os.fdopen(opened, "rb") as reading, target.open("xb") as writing:
        status = os.fstat(opened)
        if not stat.S_ISREG(status.st_mode):
            raise BoundaryError(f"{source.name} is no regular file", where=str(source), cure=CURE)
        if status.st_size > most_bytes:
            what = f"{source.name} has {status.st_size} bytes, more than {most_bytes}: too many for this base"
            raise BoundaryError(what, where=str(source), cure=CURE)
        while piece := reading.read(_SLICE_BYTES):
            left -= len(piece)
            if left < 0:
                raise BoundaryError(f"{source.name} grew while it was copied", where=str(source), cure=CURE)
            writing.write(piece)


def read_header(path: Path) -> dict[str, TensorEntry]:
    """The tensors of a safetensors file. Raises BoundaryError for a header that is not sound."""
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if size < 8 or not 2 <= length <= min(size - 8, _LONGEST_HEADER_BYTES):
            raise _malformed(path, f"its header claims {length} bytes")
        raw = file.read(length)
    try:
        header = json.loads(raw)
    except (ValueError, RecursionError):
        raise _malformed(path, "its header is no JSON") from None
    if not isinstance(header, dict):
        raise _malformed(path, "its header is no table")
    header.pop("__metadata__", None)
    entries = [_entry(path, name, described, 8 + length) for name, described in header.items()]
    at = 8 + length
    for entry in sorted(entries, key=lambda e: (e.start, e.end)):
        if entry.start != at:
            raise _malformed(path, f"the bytes of {entry.name} overlap others or leave a hole")
        at = entry.end
    if at != size:
        raise _malformed(path, f"{size - at} bytes belong to no tensor")
    return {entry.name: entry for entry in entries}


def _entry(path: Path, name: str, described: object, offset: int) -> TensorEntry:
    if not isinstance(described, dict) or set(described) != {"dtype", "shape", "data_offsets"}:
        raise _malformed(path, f"{name} is not described by dtype, shape and data_offsets")
    dtype, shape, span = described["dtype"], described["shape"], described["data_offsets"]
    if not _counts(shape) or len(shape) > 8 or not _counts(span) or len(span) != 2:
        raise _malformed(path, f"{name} has no sound shape or offsets")
    if not isinstance(dtype, str) or dtype not in _BYTES:
        raise _malformed(path, f"{name} is of an unknown type")
    if span[1] - span[0] != math.prod(shape) * _BYTES[dtype]:
        raise _malformed(path, f"the bytes of {name} do not fit its shape")
    return TensorEntry(name, dtype, tuple(shape), offset + span[0], offset + span[1])


def _counts(values: object) -> bool:
    return isinstance(values, list) and all(type(v) is int and 0 <= v < 1 << 48 for v in values)


def _malformed(path: Path, what: str) -> BoundaryError:
    return BoundaryError(f"{path.name} is no sound safetensors file: {what}", where=str(path), cure=CURE)


def must_be_finite(path: Path, entries: Sequence[TensorEntry]) -> None:
    """Raises BoundaryError naming the first tensor that holds NaN or an infinity."""
    for entry in entries:
        if entry.dtype not in FLOATS:
            continue
        if not all(_is_finite(piece, entry.dtype) for piece in _pieces(path, entry)):
            raise BoundaryError(
                f"{entry.name} holds NaN or infinite numbers",
                where=str(path),
                cure="the training diverged: lower the learning rate",
            )


def _is_finite(piece: bytes, dtype: str) -> bool:
    """Whether no number has an exponent of all ones, which is what NaN and the infinities are."""
    import numpy as np  # noqa: PLC0415  only the referee needs it

    kind, mask = {
        "F64": ("<u8", 0x7FF0_0000_0000_0000),
        "F32": ("<u4", 0x7F80_0000),
        "F16": ("<u2", 0x7C00),
        "BF16": ("<u2", 0x7F80),
    }[dtype]
    bits = np.frombuffer(piece, dtype=kind)
    return not bool(((bits & bits.dtype.type(mask)) == bits.dtype.type(mask)).any())


def _pieces(path: Path, entry: TensorEntry) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(entry.start)
        left = entry.end - entry.start
        while left:
            piece = file.read(min(left, _SLICE_BYTES))
            left -= len(piece)
            yield piece


def tensor_digest(path: Path, entry: TensorEntry) -> str:
    """A hash over one tensor's type, shape and bytes, whatever file it lies in."""
    digest = hashlib.sha256(f"{entry.dtype}{entry.shape}".encode())
    for piece in _pieces(path, entry):
        digest.update(piece)
    return digest.hexdigest()
