"""Reads what services send: JSON of which any part may be missing, null or of another type, and pages that go on."""

from __future__ import annotations

import re
from typing import Annotated, Any, TypeVar
from urllib.parse import urljoin, urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, ValidationError

from labwright.contracts.errors import ServiceError
from labwright.contracts.http import Page, Service

_LINK = re.compile(r"<([^>]*)>([^<]*)")
_NEXT = re.compile(r";\s*rel=\"?[^\";]*\bnext\b")


def _number(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


Count = Annotated[int | None, BeforeValidator(_number)]
"""A number, or None where something else stands there."""

Text = Annotated[str, BeforeValidator(_text)]
"""A text, empty where something else stands there."""

Flag = Annotated[bool, BeforeValidator(lambda value: value is True)]
"""True, or else False."""


def _path(value: str) -> str:
    if not value or not value.isprintable() or value.startswith("/") or ".." in value.split("/"):
        raise ValueError("no path inside a repository that could be shown")
    return value


FilePath = Annotated[str, AfterValidator(_path)]
"""The path of a file in a repository. One with control characters, or that leads out of it, is none."""


class Wire(BaseModel):
    """Something that a service sent. Unknown fields are left out."""

    model_config = ConfigDict(extra="ignore", frozen=True)


W = TypeVar("W", bound=Wire)


def one(page: Page, kind: type[W]) -> W:
    """The object that a page holds. Raises ServiceError where it is another."""
    document = page.json()
    try:
        return kind.model_validate(document)
    except ValidationError as error:
        raise _unexpected(page, str(error.errors()[0]["msg"])) from error


def items(page: Page, kind: type[W]) -> tuple[list[W], int]:
    """The objects of a page that is a list, and how many others stood among them. Raises ServiceError for no list."""
    document = page.json()
    if not isinstance(document, list):
        raise _unexpected(page, "it is no list")
    return each(document, kind)


def each(values: Any, kind: type[W]) -> tuple[list[W], int]:
    """Those values that are such objects, and how many are not."""
    good: list[W] = []
    listed = values if isinstance(values, list) else []
    for value in listed:
        try:
            good.append(kind.model_validate(value))
        except ValidationError:
            continue
    return good, len(listed) - len(good)


def next_page(page: Page, service: Service) -> str | None:
    """The URL of the next page, from the Link header; None at the end. It has to be at the service itself."""
    for url, parameters in _LINK.findall(page.headers.get("link", "")):
        if _NEXT.search(parameters):
            whole = urljoin(page.url, str(url))
            if _origin(whole) != _origin(service.base_url):
                raise ServiceError(
                    f"{service.name} names a next page at another host", where=whole, cure="narrow the search"
                )
            return whole
    return None


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc


def _unexpected(page: Page, why: str) -> ServiceError:
    shown = page.text[:120].replace("\n", " ")
    return ServiceError(
        f"{page.service} answered something unexpected ({why}): {shown}", where=page.url, cure="try again later"
    )
