"""PDFs written by hand, as a paper's would be set: lines of Helvetica, plain or bold, at a place and in a size."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO

from pypdf import PdfReader, PdfWriter


@dataclass(frozen=True)
class Set:
    """A line as it is set."""

    text: str
    size: float = 10.0
    bold: bool = False
    x: float = 72.0
    stays: bool = False  # what comes next stands on the same line


def heading(text: str, size: float = 12.0) -> Set:
    return Set(text, size, bold=True)


def pdf(*pages: Sequence[Set | str], title: str = "") -> bytes:
    """A PDF of these pages."""
    objects: list[bytes] = []
    count = len(pages)
    kids = " ".join(f"{5 + 2 * n} 0 R" for n in range(count))
    objects.append(b"<< /Type /Catalog /Pages 2 0 R >>")
    objects.append(f"<< /Type /Pages /Kids [{kids}] /Count {count} >>".encode())
    for name in ("Helvetica", "Helvetica-Bold"):
        font = f"<< /Type /Font /Subtype /Type1 /BaseFont /{name} /Encoding /WinAnsiEncoding >>"
        objects.append(font.encode())
    for n, lines in enumerate(pages):
        fonts = "<< /Font << /F1 3 0 R /F2 4 0 R >> >>"
        head = "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792]"
        objects.append(f"{head} /Resources {fonts} /Contents {6 + 2 * n} 0 R >>".encode())
        objects.append(_stream(_drawing(lines)))
    objects.append(f"<< /Title ({_escaped(title)}) >>".encode("cp1252"))
    return _file(objects)


def encrypted(data: bytes, password: str, algorithm: str = "RC4-128") -> bytes:
    writer = PdfWriter(clone_from=PdfReader(BytesIO(data)))
    writer.encrypt(password, algorithm=algorithm)
    out = BytesIO()
    writer.write(out)
    return out.getvalue()


def _drawing(lines: Sequence[Set | str]) -> bytes:
    parts: list[str] = []
    y = 740.0
    for line in (Set(line) if isinstance(line, str) else line for line in lines):
        parts.append(f"BT /F{2 if line.bold else 1} {line.size} Tf {line.x} {y} Td ({_escaped(line.text)}) Tj ET")
        y -= 0.0 if line.stays else line.size * 1.3
    return "\n".join(parts).encode("cp1252")


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")


def _stream(content: bytes) -> bytes:
    packed = zlib.compress(content)
    return b"<< /Length %d /Filter /FlateDecode >>\nstream\n%s\nendstream" % (len(packed), packed)


def _file(objects: Sequence[bytes]) -> bytes:
    out = bytearray(b"%PDF-1.5\n%\xe2\xe3\xcf\xd3\n")
    places: list[int] = []
    for number, content in enumerate(objects, start=1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    for place in places:
        out += b"%010d 00000 n \n" % place
    out += b"trailer\n<< /Size %d /Root 1 0 R /Info %d 0 R >>\n" % (len(objects) + 1, len(objects))
    out += b"startxref\n%d\n%%%%EOF\n" % start
    return bytes(out)
