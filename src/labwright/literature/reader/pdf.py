"""The lines of a PDF with what the print says about them: page, place, size and weight of the type.

A PDF knows glyphs and places, no paragraphs and no headings. Its lines, cleaned of what stands on every page, are what
`layout` makes a document of. PDFs of strangers are hostile: bytes, pages and time are bounded, and a damaged one ends
in an error that says so.
"""

from __future__ import annotations

import logging
import re
import time
import unicodedata
import zlib
from collections import Counter
from collections.abc import Sequence
from io import BytesIO

from pypdf import PageObject, PdfReader
from pypdf.errors import DependencyError, FileNotDecryptedError, PyPdfError
from pypdf.generic import DictionaryObject

from labwright.contracts.errors import UsageError
from labwright.literature.reader.columns import Run, in_reading_order
from labwright.literature.reader.prints import Limits, Line, Print, check_size

BROKEN = (
    # pypdf: "broken PDF files might cause other exceptions". These are the ones that a file's content can cause.
    PyPdfError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    NotImplementedError,
    OSError,
    RecursionError,
    TypeError,
    ValueError,
    zlib.error,
)
_LIGATURES = {0xFB00: "ff", 0xFB01: "fi", 0xFB02: "fl", 0xFB03: "ffi", 0xFB04: "ffl", 0xFB05: "st", 0xFB06: "st"}
_UNWANTED = {**_LIGATURES, **dict.fromkeys([0, 0xAD, 0x200B, 0xFEFF, 0xFFFE, *range(1, 9), 11, 12, *range(14, 32)])}
_BOLD = re.compile(r"bold|black|heavy|cmbx|cmb\d|-medi|semibold|demi", re.IGNORECASE)
_STAMP = re.compile(r"arXiv:\S{7,20}\s+\[[\w.\-]+\]\s+\d{1,2} \w{3} \d{4}")
_EDGE = 2  # lines at the top and at the bottom of a page where running heads stand


def printed(data: bytes, where: str, limits: Limits) -> Print:
    """The lines of a PDF in reading order, without running heads and page numbers.

    Raises UsageError: no PDF, too large, encrypted, damaged, or without any text.
    """
    _check_bytes(data, where, limits)
    remarks: list[str] = []
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # else it tells the terminal about every oddity
    try:
        reader = PdfReader(BytesIO(data))
        count = len(reader.pages)
    except (DependencyError, FileNotDecryptedError) as error:
        raise _locked(where) from error
    except BROKEN as error:
        raise _damaged(where, error) from error
    pages = _pages(reader, where, limits, remarks)
    if not any(line.text for page in pages for line in page):
        what = "the PDF holds no text: its pages are pictures" if count else "the PDF has no pages"
        raise UsageError(what, where=where, cure="run it through OCR first (such as `ocrmypdf`), then give the result")
    lines = tuple(line for page in _without_running_heads(pages) for line in page)
    _check_letters(lines, where)
    return Print(lines, _title(reader), tuple(remarks))


def _check_letters(lines: Sequence[Line], where: str) -> None:
    """Raises UsageError where the letters are signs: fonts that do not say which letter a glyph is give dingbats."""
    kinds = Counter(unicodedata.category(letter) for line in lines for letter in line.text if letter != " ")
    signs = kinds["So"] + kinds["Co"] + kinds["Cn"]
    if signs > 0.2 * kinds.total():
        what = "the PDF's fonts do not say which letters they show: its text is unreadable signs"
        raise UsageError(what, where=where, cure="run it through OCR first (such as `ocrmypdf --force-ocr`)")


def _check_bytes(data: bytes, where: str, limits: Limits) -> None:
    check_size(len(data), where, limits)
    if b"%PDF-" not in data[:1024]:
        begins = "it is empty" if not data.strip() else f"it begins with {data[:16]!r}"
        raise UsageError(f"this is no PDF: {begins}", where=where, cure="check that the download is the paper itself")


def _locked(where: str) -> UsageError:
    cure = "save it without a password (such as `qpdf --decrypt IN.pdf OUT.pdf`) and give that"
    return UsageError("the PDF is encrypted and does not open without its password", where=where, cure=cure)


def _damaged(where: str, error: Exception) -> UsageError:
    said = str(error).split("\n")[0][:200] or type(error).__name__
    return UsageError(f"the PDF is damaged: {said}", where=where, cure="download it again")


def _pages(reader: PdfReader, where: str, limits: Limits, remarks: list[str]) -> list[list[Line]]:
    until = time.monotonic() + limits.seconds
    over = f"{limits.seconds:g} s were over"
    count = len(reader.pages)
    pages: list[list[Line]] = []
    unread: list[int] = []
    first: Exception | None = None
    for number in range(count):
        late = time.monotonic() > until
        if late or number >= limits.pages:
            why = over if late else f"only {limits.pages} are read"
            remarks.append(f"pages {number + 1} to {count} were not read: {why}")
            break
        lines: list[Line] = []
        try:
            page = reader.pages[number]
            contents = page.get_contents()
            if contents is not None and len(contents.get_data()) > limits.page_bytes:
                remarks.append(f"page {number + 1} was not read: its drawing is too large")
            else:
                lines = _lines(page, number, until)
        except (DependencyError, FileNotDecryptedError) as error:
            raise _locked(where) from error
        except _OvertimeError:
            remarks.append(f"page {number + 1} was not read: {over}")
        except BROKEN as error:
            first = first or error
            unread.append(number + 1)
        pages.append(lines)
    if first is not None and len(unread) == len(pages):
        raise _damaged(where, first) from first
    if time.monotonic() > until and not any(pages):
        raise UsageError(f"the PDF takes too long to read: {over}", where=where, cure="give a version without figures")
    if unread:
        remarks.append(f"damaged, and not read: page {', '.join(map(str, unread))}")
    return pages


class _OvertimeError(Exception):
    """The time is over in the middle of a page. None of pypdf's kinds, so that no page is cut without a word."""


def _line(runs: Sequence[Run], page: int) -> Line:
    """What was drawn on one line."""
    text = re.sub(r"\s+", " ", "".join(run.text for run in runs)).strip()
    sizes: Counter[float] = Counter()
    bold = 0
    for run in runs:
        letters = len(run.text.strip())
        sizes[round(run.size, 1)] += letters
        bold += letters if run.bold else 0
    size = sizes.most_common(1)[0][0] if +sizes else 0.0
    first = next((run.x for run in runs if run.text.strip()), 0.0)
    return Line(text, page, round(first, 1), size, bold * 2 > sizes.total())


def _lines(page: PageObject, number: int, until: float) -> list[Line]:
    drawn: list[list[Run]] = [[]]

    def piece(text: str, cm: Sequence[float], tm: Sequence[float], font: DictionaryObject | None, size: float) -> None:
        """Called by pypdf with each run of text of one font, its newlines included."""
        name = str(font.get("/BaseFont", "")) if font is not None else ""
        x = tm[4] * cm[0] + tm[5] * cm[2] + cm[4]
        scale = abs(tm[0] * tm[3] - tm[1] * tm[2]) ** 0.5 * abs(cm[0] * cm[3] - cm[1] * cm[2]) ** 0.5
        clean = text.translate(_UNWANTED).encode("utf-8", "replace").decode("utf-8")
        for order, part in enumerate(clean.split("\n")):
            if order:
                drawn.append([])
            drawn[-1].append(Run(part, x, abs(size) * scale, _BOLD.search(name) is not None))

    def step(*_: object) -> None:
        """Called by pypdf before each of a page's drawing instructions."""
        if time.monotonic() > until:
            raise _OvertimeError

    page.extract_text(visitor_operand_before=step, visitor_text=piece)
    if time.monotonic() > until:  # pypdf may have gone on without the part in which the time ended
        raise _OvertimeError
    done = [_line(runs, number) for runs in in_reading_order(drawn)]
    return [line for line in done if line.text and not _STAMP.match(line.text)]


def _without_running_heads(pages: list[list[Line]]) -> list[list[Line]]:
    """Drops lines at the edges of pages that come again and again, and page numbers."""
    seen: Counter[str] = Counter()
    for page in pages:
        seen.update({_shape(line.text) for line in [*page[:_EDGE], *page[-_EDGE:]]})
    filled = sum(1 for page in pages if page)
    needed = max(3, filled * 0.08)
    repeated = {shape for shape, times in seen.items() if times >= needed and re.search(r"[^\W\d]{3}", shape)}
    kept: list[list[Line]] = []
    for page in pages:
        edge = {*range(min(_EDGE, len(page))), *range(max(len(page) - _EDGE, 0), len(page))}
        kept.append(
            [
                line
                for at, line in enumerate(page)
                if at not in edge
                or not (_shape(line.text) in repeated or (at in (0, len(page) - 1) and _is_page_number(line.text)))
            ]
        )
    return kept


def _shape(text: str) -> str:
    return re.sub(r"\d+", "#", text.lower())


def _is_page_number(text: str) -> bool:
    return re.fullmatch(r"[-–—]?\s*(?:\d{1,4}|[ivxl]{1,5})\s*[-–—]?|page \d+(?: of \d+)?", text, re.I) is not None


def _title(reader: PdfReader) -> str:
    try:
        metadata = reader.metadata
        title = metadata.title if metadata is not None else None
    except BROKEN:
        return ""
    return re.sub(r"\s+", " ", title).strip() if isinstance(title, str) else ""
