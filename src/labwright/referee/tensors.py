"""Untrusted safetensors files: their headers read with care, their numbers checked in slices.

A file that a run hands over may lie about everything. The header is bounded and checked here before any library maps
the file: lengths, offsets that overlap or leave holes, shapes that do not fit their bytes, unknown types.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from labwright.contracts.errors import BoundaryError

if TYPE_CHECKING:
    import numpy as np

_LONGEST_HEADER_BYTES = 64 << 20
_SLICE_BYTES = 8 << 20
_SLICE_NUMBERS = 1 << 20
_TENSOR_NAME = re.compile(r"[!-~]{1,512}")  # it stands in messages, in the ledger and in the model's id
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


def shown(text: str) -> str:
    """A name that a run chose, fit for a message: escapes for what no terminal or database should get, and no novel."""
    plain = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text[:120])
    return plain if len(text) <= 120 else f"{plain}…"


def open_regular(path: Path) -> BinaryIO:
    """Open a file of a run's: neither follow a link nor wait on a pipe. Raises BoundaryError for anything but a file.

    A file with a second name is refused as well: who holds that name may change it, and it may come from elsewhere.
    """
    try:
        opened = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise BoundaryError(f"{shown(path.name)} is no regular file", where=str(path.parent), cure=CURE) from error
    status = os.fstat(opened)
    if stat.S_ISREG(status.st_mode) and status.st_nlink == 1:
        return os.fdopen(opened, "rb")
    os.close(opened)
    what = "is a hard link: it has a second name" if stat.S_ISREG(status.st_mode) else "is no regular file"
    raise BoundaryError(f"{shown(path.name)} {what}", where=str(path.parent), cure=CURE)


def read_regular(path: Path, *, most_bytes: int) -> bytes:
    """A small file's bytes. Raises BoundaryError for what is no regular file, or longer than the ceiling."""
    with open_regular(path) as file:
        content = file.read(most_bytes + 1)
    if len(content) > most_bytes:
        what = f"{shown(path.name)} is longer than {most_bytes} bytes"
        raise BoundaryError(what, where=str(path.parent), cure=CURE)
    return content


def copy_regular(source: Path, target: Path, *, most_bytes: int) -> None:
    """Copy a file's bytes: never a link, never a device, never more than the ceiling.

    The copy is what is checked and used afterwards, so a file that changes meanwhile changes nothing.
    """
    left = most_bytes
    with open_regular(source) as reading, target.open("xb") as writing:
        size = os.fstat(reading.fileno()).st_size
        if size > most_bytes:
            what = f"{source.name} has {size} bytes, more than {most_bytes}: too many for this base"
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
    if not raw.startswith(b"{"):
        raise _malformed(path, "its header is no table")
    try:
        header = json.loads(raw.decode("utf-8"), object_pairs_hook=_without_repeats)
    except (ValueError, RecursionError):
        raise _malformed(path, "its header is no JSON, or names something twice") from None
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise _malformed(path, "its metadata is no table of texts")
    entries = [_entry(path, name, described, 8 + length) for name, described in header.items()]
    at = 8 + length
    for entry in sorted(entries, key=lambda e: (e.start, e.end)):
        if entry.start != at:
            raise _malformed(path, f"the bytes of {entry.name} overlap others or leave a hole")
        at = entry.end
    if at != size:
        raise _malformed(path, f"{size - at} bytes belong to no tensor")
    return {entry.name: entry for entry in entries}


def _without_repeats(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """A JSON object; another reader may take the first of two equal names where this one takes the last."""
    table = dict(pairs)
    if len(table) != len(pairs):
        raise ValueError("a name stands twice")
    return table


def _entry(path: Path, name: str, described: object, offset: int) -> TensorEntry:
    if not _TENSOR_NAME.fullmatch(name):
        raise _malformed(path, f"{shown(name)!r} is no name for a tensor")
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
    """Whether every exponent is below all ones, which NaN and the infinities have, and below what float32 can hold."""
    import numpy as np  # noqa: PLC0415  only the referee needs it

    kind, mask, least = {
        "F64": ("<u8", 0x7FF0_0000_0000_0000, (1023 + 128) << 52),  # an infinity as soon as it is loaded
        "F32": ("<u4", 0x7F80_0000, 0x7F80_0000),
        "F16": ("<u2", 0x7C00, 0x7C00),
        "BF16": ("<u2", 0x7F80, 0x7F80),
    }[dtype]
    bits = np.frombuffer(piece, dtype=kind)
    return not bool(((bits & bits.dtype.type(mask)) >= bits.dtype.type(least)).any())


def is_zero(path: Path, entry: TensorEntry) -> bool:
    """Whether a tensor holds nothing but zeros."""
    return not any(piece.strip(b"\0") for piece in _pieces(path, entry))


def same_numbers(path: Path, entry: TensorEntry, base_path: Path, base_entry: TensorEntry) -> bool:
    """Whether a tensor is the base's of the same shape, as it is or merely written in another float type."""
    if entry.dtype == base_entry.dtype:
        pairs = zip(_pieces(path, entry), _pieces(base_path, base_entry), strict=True)
        return all(ours == theirs for ours, theirs in pairs)
    pairs = zip(
        _pieces(path, entry, _SLICE_NUMBERS * _BYTES[entry.dtype]),
        _pieces(base_path, base_entry, _SLICE_NUMBERS * _BYTES[base_entry.dtype]),
        strict=True,
    )
    return all(ours == _as_type(theirs, base_entry.dtype, entry.dtype) for ours, theirs in pairs)


def _as_type(piece: bytes, dtype: str, wanted: str) -> bytes:
    """Floats written in another type, rounded to nearest even as torch does."""
    import numpy as np  # noqa: PLC0415  only the referee needs it

    kinds = {"F64": "<f8", "F32": "<f4", "F16": "<f2"}
    numbers: np.ndarray[Any, Any]
    if dtype == "BF16":
        numbers = (np.frombuffer(piece, dtype="<u2").astype("<u4") << 16).view("<f4")
    else:
        numbers = np.frombuffer(piece, dtype=kinds[dtype])
    with np.errstate(over="ignore"):  # a number too large for the narrower type is an infinity there
        if wanted != "BF16":
            return bytes(numbers.astype(kinds[wanted]).tobytes())
        bits = numbers.astype("<f4").view("<u4")
    return bytes((((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype("<u2")).tobytes())


def _pieces(path: Path, entry: TensorEntry, slice_bytes: int = _SLICE_BYTES) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(entry.start)
        left = entry.end - entry.start
        while left:
            piece = file.read(min(left, slice_bytes))
            left -= len(piece)
            yield piece


def tensor_digest(path: Path, entry: TensorEntry) -> str:
    """A hash over one tensor's type, shape and bytes, whatever file it lies in."""
    digest = hashlib.sha256(f"{entry.dtype}{entry.shape}".encode())
    for piece in _pieces(path, entry):
        digest.update(piece)
    return digest.hexdigest()
