"""What a PDF's print is to those who read it, and how much of one is read; without the library that opens it."""

from __future__ import annotations

from dataclasses import dataclass

from labwright.contracts.errors import UsageError


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of a PDF is read at most."""

    most_bytes: int = 60_000_000
    pages: int = 400
    page_bytes: int = 4_000_000  # of one page's drawing instructions: a plot of a million points holds no text
    seconds: float = 120.0


@dataclass(frozen=True, slots=True)
class Line:
    """A printed line."""

    text: str
    page: int  # from 0
    x: float = 0.0  # of its left end, in points
    size: float = 0.0  # of most of its type, in points; 0 where unknown
    bold: bool = False


@dataclass(frozen=True, slots=True)
class Print:
    """What could be read of a PDF."""

    lines: tuple[Line, ...]
    title: str  # as the file's own metadata give it
    remarks: tuple[str, ...]


def check_size(size: int, where: str, limits: Limits) -> None:
    """Raises UsageError where a PDF of so many bytes is not read."""
    if size > limits.most_bytes:
        what = f"the PDF has {size / 1e6:.1f} MB, more than the {limits.most_bytes / 1e6:.1f} MB that are read"
        raise UsageError(what, where=where, cure="give a smaller version, for example without its figures")
