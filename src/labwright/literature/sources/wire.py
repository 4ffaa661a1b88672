"""How a source takes in what a service sends: shapes that forgive a gap, and one error for what cannot be read.

Public services leave fields out, send null for a list, or put a number where a text was promised. One odd field must
not cost the answer, so the fields below become None, or an empty list, where they are not what they should be. What is
not even the promised document (a page, an error under status 200) is a ServiceError.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, ValidatorFunctionWrapHandler
from pydantic.functional_validators import AfterValidator, WrapValidator

from labwright.contracts.errors import ServiceError
from labwright.contracts.http import Fetcher, Page, Params, Service

T = TypeVar("T")

_DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?:[T ].*)?", re.ASCII | re.DOTALL)


def _or_none(value: object, handler: ValidatorFunctionWrapHandler) -> object:
    try:
        return handler(value)
    except ValidationError:
        return None


def _or_empty(value: object, handler: ValidatorFunctionWrapHandler) -> object:
    try:
        return handler(value)
    except ValidationError:
        return []


def _writable(text: str) -> str:
    """JSON may hold half of a pair of surrogates, which nothing can write down."""
    return text.encode("utf-8", "replace").decode()


Gap = WrapValidator(_or_none)
Text = Annotated[Annotated[str, AfterValidator(_writable)] | None, Gap]
Count = Annotated[Annotated[int, Field(ge=0)] | None, Gap]
Several = Annotated[list[Annotated[T | None, Gap]], WrapValidator(_or_empty)]
"""A list inside a document; its unreadable items are None, and it is empty where it is no list at all."""
Rows = list[Annotated[T | None, Gap]]
"""A document that is a list; its unreadable items are None. What is no list is not this document."""


class Wire(BaseModel):
    """A document of a service: the fields we read, each with a default, and whatever else it sends."""

    model_config = ConfigDict(extra="ignore", frozen=True)


def read(page: Page, shape: TypeAdapter[T]) -> T:
    """A page's JSON in a shape. Raises ServiceError that quotes the service's own error where it sent one."""
    document = page.json()
    cure = "try again later, or ask another source"
    said = _said(document)
    if said:
        raise ServiceError(f"{page.service} answered with an error: {said}", where=page.url, cure=cure)
    try:
        return shape.validate_python(document)
    except ValidationError as error:
        what = f"{page.service} answered in an unknown shape: {error.errors()[0]['msg']}"
        raise ServiceError(what, where=page.url, cure=cure) from error


def ask(
    fetcher: Fetcher,
    service: Service,
    path: str,
    params: Params | None,
    understand: Callable[[Page], T],
    most_bytes: int | None = None,
) -> T:
    """GETs a page and understands it; one that cannot be understood raises and is not cached."""

    understood: list[T] = []  # kept, so that nothing is read twice

    def accept(page: Page) -> None:
        understood.append(understand(page))

    page = fetcher.get(service, path, params, most_bytes=most_bytes, accept=accept)
    return understood[-1] if understood else understand(page)


def line(text: str | None) -> str:
    """A text on one line, without control characters: titles and names go to terminals and pages."""
    spaced = " ".join((text or "").split())
    return "".join(c for c in spaced if unicodedata.category(c) not in ("Cc", "Cs"))


def date(text: str | None) -> str | None:
    """YYYY-MM-DD out of a timestamp, where it begins with one."""
    hit = _DATE.fullmatch((text or "").strip())
    if hit is None or not (1 <= int(hit[2]) <= 12 and 1 <= int(hit[3]) <= 31):
        return None
    return f"{hit[1]}-{hit[2]}-{hit[3]}"


def web_address(text: str | None) -> str:
    """An http(s) address, else nothing: what a service links to may be `javascript:`."""
    address = line(text)
    return address if re.match(r"https?://[^\s/]+", address) else ""


def _said(document: object) -> str:
    """The error in a document that is one: `{"error": …}`, or `{"message": …}` with hardly anything beside it."""
    if not isinstance(document, Mapping):
        return ""
    said = document.get("error") or (document.get("message") if len(document) <= 3 else "") or ""
    if isinstance(said, Mapping):
        said = said.get("message") or ""
    return line(said)[:300] if isinstance(said, str) else ""
