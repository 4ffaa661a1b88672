"""The kept texts of papers: each a Document as JSON under the hash of its bytes, beside the datasets' rows.

A text is written once and never changed, so the ledger needs only its hash, and a text that was damaged is found out.
`searchable` is what of it goes into the library's index, with the headings set apart so that a hit knows its section.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError

from labwright.contracts.errors import StorageError
from labwright.contracts.literature import Document, Paper

DOCUMENT: TypeAdapter[Document] = TypeAdapter(Document)
PAPER: TypeAdapter[Paper] = TypeAdapter(Paper)

HEADING: Final = "\x1e"  # before a section's heading in a searchable text
TEXT: Final = "\x1f"  # between the heading and the section's text
_NO_SIGNS = {code: " " for code in range(32) if chr(code) not in "\t\n\r"}
_CURE = "read the paper again, with the network, and it is kept anew"


class Texts:
    """The directory of a lab's objects, as far as papers are concerned."""

    def __init__(self, objects: Path) -> None:
        self._objects = objects

    def put(self, document: Document) -> str:
        """Keep a text and return its hash. Raises StorageError where it cannot be written."""
        content = DOCUMENT.dump_json(document)
        digest = hashlib.sha256(content).hexdigest()
        path = self._path(digest)
        try:
            if not (path.is_file() and path.read_bytes() == content):  # a damaged one is healed
                self._write(path, content)
        except OSError as error:
            raise StorageError.of(error, str(self._objects)) or StorageError(
                f"the text of a paper cannot be written: {error.strerror}",
                where=str(self._objects),
                cure="check the directory and the disk",
            ) from error
        return digest

    def get(self, digest: str) -> Document:
        """A kept text. Raises StorageError where it is gone, was changed, or is from another version."""
        path = self._path(digest)
        try:
            content = path.read_bytes()
        except OSError as error:
            what = f"the kept text of the paper cannot be read: {error.strerror}"
            raise StorageError(what, where=str(path), cure=_CURE) from error
        if hashlib.sha256(content).hexdigest() != digest:
            raise StorageError("the kept text of the paper was changed or damaged", where=str(path), cure=_CURE)
        try:
            return DOCUMENT.validate_json(content)
        except ValidationError as error:
            what = f"the kept text of the paper is from another version: {error.errors()[0]['msg']}"
            raise StorageError(what, where=str(path), cure=_CURE) from error

    def _path(self, digest: str) -> Path:
        return self._objects / f"{digest}.json"

    def _write(self, path: Path, content: bytes) -> None:
        """To a temporary file first: a kill leaves a whole text or none."""
        self._objects.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=self._objects, prefix=".writing-", suffix=".json")
        scratch = Path(temporary)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            scratch.chmod(0o644)
            scratch.replace(path)
        finally:
            scratch.unlink(missing_ok=True)


def searchable(document: Document) -> str:
    """The sections' text for the index. Neither the abstract, which is indexed by itself, nor the references."""
    sections = (
        f"{HEADING}{_line(f'{section.number} {section.title}')}{TEXT}{section.text.translate(_NO_SIGNS)}"
        for section in document.sections
    )
    return "".join(sections)


def storable(text: str) -> str:
    """A text without what no database or file takes: halves of characters, and signs that control something."""
    return text.encode("utf-8", "replace").decode().translate(_NO_SIGNS)


def storable_document(document: Document) -> Document:
    """The same where it has a form in JSON; else with its halves of characters, which some PDFs hold, replaced."""
    try:
        DOCUMENT.dump_json(document)
    except PydanticSerializationError:
        return DOCUMENT.validate_python(_whole(DOCUMENT.dump_python(document)))
    return document


def storable_paper(paper: Paper) -> Paper:
    """As `storable_document`; the title on one line."""
    try:
        PAPER.dump_json(paper)
    except PydanticSerializationError:
        paper = PAPER.validate_python(_whole(PAPER.dump_python(paper)))
    return replace(paper, title=_line(paper.title))


def _line(text: str) -> str:
    return " ".join(text.translate(_NO_SIGNS).split())


def _whole(value: object) -> object:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {key: _whole(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_whole(each) for each in value)
    return value
