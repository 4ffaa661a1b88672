"""Answers of services, damaged on their way: each part once missing, and once of another kind.

What a source makes of them is either a paper that is what its type says (`sound`) or a ServiceError.
"""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from labwright.contracts.http import Fetcher, Page, Params, Service
from labwright.contracts.literature import Paper


class Damaging:
    """A fetcher that can put another body into an answer on its way, so that many damages are tried in little time."""

    def __init__(self, fetcher: Fetcher) -> None:
        self._fetcher = fetcher
        self._last: Page | None = None
        self._body: bytes | None = None

    @property
    def offline(self) -> bool:
        return self._fetcher.offline

    @property
    def last(self) -> Page:
        assert self._last is not None
        return self._last

    @property
    def waits(self) -> bool:
        """Whether no answer was damaged since it was said."""
        return self._body is not None

    def damage(self, body: bytes | None) -> None:
        """The next answer is the last one with this body."""
        self._body = body

    def get(
        self,
        service: Service,
        path: str,
        params: Params | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        most_bytes: int | None = None,
        accept: Callable[[Page], None] | None = None,
    ) -> Page:
        if self._body is None:
            self._last = self._fetcher.get(service, path, params, headers=headers, most_bytes=most_bytes, accept=accept)
            return self._last
        page = self._damaged()
        if accept is not None:
            accept(page)
        return page

    def post(
        self,
        service: Service,
        path: str,
        document: Any,
        params: Params | None = None,
        *,
        most_bytes: int | None = None,
        accept: Callable[[Page], None] | None = None,
    ) -> Page:
        if self._body is None:
            self._last = self._fetcher.post(service, path, document, params, most_bytes=most_bytes, accept=accept)
            return self._last
        page = self._damaged()
        if accept is not None:
            accept(page)
        return page

    def _damaged(self) -> Page:
        page = replace(self.last, body=self._body or b"")
        self._body = None
        return page


def sound(paper: Paper) -> None:
    """Whether a paper is what its type says."""
    texts = (paper.title, paper.abstract, paper.venue, paper.summary, paper.url, paper.pdf_url, paper.code_url)
    assert paper.title
    assert all(isinstance(text, str) for text in texts)
    assert all(isinstance(author, str) and author for author in paper.authors)
    assert isinstance(paper.authors, tuple)
    assert "".join((*texts, *paper.authors)).encode()
    assert all(
        number is None or type(number) is int
        for number in (paper.year, paper.citations, paper.influential, paper.upvotes, paper.ids.corpus)
    )
    assert all(
        text is None or isinstance(text, str)
        for text in (paper.published, paper.ids.arxiv, paper.ids.doi, paper.ids.s2, paper.ids.openalex)
    )


def damaged_json(body: bytes) -> Iterator[bytes]:
    document = json.loads(body)
    odd: tuple[Any, ...] = (7, "x", [], {}, True, [None], {"a": 1}, -1, "\ud800")
    for number, path in enumerate(paths(document)):
        for value in (None, odd[number % len(odd)], odd[(number * 5 + 3) % len(odd)]):
            yield json.dumps(with_value(document, path, value)).encode()


def paths(document: Any) -> Iterator[tuple[str | int, ...]]:
    """Every place in a document, a sample of long lists and big objects only."""
    items: list[tuple[str | int, Any]] = []
    if isinstance(document, dict):
        items = list(document.items())[:40]
    elif isinstance(document, list):
        items = list(enumerate(document))[:2]
    for key, value in items:
        yield (key,)
        yield from ((key, *rest) for rest in paths(value))


def with_value(document: Any, path: tuple[str | int, ...], value: Any) -> Any:
    if not path:
        return value
    copy = dict(document) if isinstance(document, dict) else list(document)
    copy[path[0]] = with_value(document[path[0]], path[1:], value)  # type: ignore[index]
    return copy


def damaged_xml(body: bytes) -> Iterator[bytes]:
    count = len(list(ET.fromstring(body).iter()))
    for number in range(1, count):
        for text in (None, "", "7"):
            root = ET.fromstring(body)
            element = list(root.iter())[number]
            if text is None:
                parent = next(one for one in root.iter() if element in list(one))
                parent.remove(element)
            else:
                element.text = text
            yield ET.tostring(root)
