"""Documentation on the web as Markdown, by the page: for guides, and for what is not installed.

Hugging Face serves every page of its docs as Markdown, and an `llms.txt` that lists them; other pages are HTML, of
which trafilatura takes the text.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urldefrag, urljoin, urlsplit

from labwright.contracts.errors import NotFoundError, OfflineError, RateLimitedError, ServiceError, UsageError
from labwright.contracts.http import Fetcher, Page, Service

_LISTED = re.compile(r"\[([^\]]+)\]\(([^)\s]+)\)(?::\s*(.*))?")
_HEADING = re.compile(r"^(#{1,6})\s+(.*?)\s*$", re.M)
_READ = ("text/html", "application/xhtml", "text/plain", "text/markdown", "text/x-", "application/json")
_MOST_READ = 4  # pages that a search fetches


@dataclass(frozen=True, slots=True)
class WebPage:
    """A part of a page's text; `next_offset` is None at its end."""

    url: str
    title: str
    text: str
    offset: int
    total: int
    next_offset: int | None
    origin: str  # markdown | html


@dataclass(frozen=True, slots=True)
class WebHit:
    """A section of a documentation page that answers a search."""

    url: str
    title: str  # of the page
    section: str
    text: str
    score: float


@dataclass(frozen=True, slots=True)
class WebFound:
    """The best sections, and the pages that could not be read."""

    hits: tuple[WebHit, ...]
    failures: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Listed:
    title: str
    url: str
    about: str


class WebDocs:
    """Reads documentation through the one polite client. `hub` is Hugging Face, `web` everything else."""

    def __init__(self, fetcher: Fetcher, hub: Service, web: Service) -> None:
        self._fetcher = fetcher
        self._hub = hub
        self._web = web

    def page(self, url: str, *, offset: int = 0, most: int = 12_000) -> WebPage:
        """A page's text from a character on; with a `#fragment` and no offset, from that heading on.

        Raises UsageError for what is no address, else ServiceError and its kinds.
        """
        if offset < 0 or most < 1:
            raise UsageError("a page is read from a character on, some characters at a time", cure="offset 0 or more")
        address, fragment = urldefrag(url.strip())
        title, text, origin = self._text(address)
        start = offset or (_section_start(text, fragment) if fragment else 0)
        end = _end(text, start, most)
        return WebPage(address, title, text[start:end], start, len(text), end if end < len(text) else None, origin)

    def search(self, query: str, library: str, limit: int = 5) -> WebFound:
        """The sections of a Hugging Face library's documentation (`trl`, `transformers`, `hub`) that answer best.

        Raises NotFoundError for an unknown library, else ServiceError.
        """
        if not re.fullmatch(r"[\w.-]+", library):
            raise UsageError(f"{library!r} is no library", cure="name one, such as trl or transformers")
        words = _words(query)
        listed = self._listed(library)
        ranked = sorted(listed, key=lambda one: -_score(words, f"{one.title} {one.about} {urlsplit(one.url).path}"))
        hits: list[WebHit] = []
        failures: list[str] = []
        for one in ranked[:_MOST_READ]:
            try:
                _, text, _ = self._text(one.url)
            except ServiceError as error:
                failures.append(error.one_line())
                continue
            bonus = _score(words, one.title)
            for section, passage in _sections(text):
                score = _score(words, passage) + 2 * _score(words, section) + bonus
                if score > bonus:
                    hits.append(WebHit(one.url, one.title, section, passage, score))
        if failures and len(failures) == min(len(ranked), _MOST_READ):
            raise ServiceError(f"none of the pages could be read: {failures[0]}", where=f"docs of {library}")
        hits.sort(key=lambda hit: -hit.score)
        return WebFound(tuple(hits[:limit]), tuple(failures))

    def _listed(self, library: str) -> list[_Listed]:
        base = f"{self._hub.base_url}/docs/{library}/"
        try:
            page = self._fetcher.get(self._hub, f"/docs/{library}/llms.txt", accept=_no_html)
            found = [_Listed(t, urljoin(base, u), about or "") for t, u, about in _LISTED.findall(page.text)]
        except (RateLimitedError, OfflineError):
            raise
        except ServiceError:
            found = self._linked(library, base)
        if not found:
            raise NotFoundError("no pages of documentation are listed", where=base, cure="check the library's name")
        return list({urldefrag(one.url)[0]: one for one in found}.values())

    def _linked(self, library: str, base: str) -> list[_Listed]:
        """The pages that the first one links to, where there is no list."""
        from selectolax.lexbor import LexborHTMLParser  # noqa: PLC0415  (optional)

        try:
            page = self._fetcher.get(self._hub, f"/docs/{library}/index")
        except NotFoundError as error:
            cure = "name one of its libraries, such as trl or transformers; any other page is read by its URL"
            raise NotFoundError(f"Hugging Face has no documentation of {library!r}", where=base, cure=cure) from error
        found: list[_Listed] = []
        for link in LexborHTMLParser(page.text).css("a[href]"):
            url = urldefrag(urljoin(page.url, link.attributes.get("href") or ""))[0]
            if f"/docs/{library}/" in url and self._is_hub(url):
                found.append(_Listed(link.text(strip=True), url, ""))
        return found or [_Listed(library, f"{base}index", "")]

    def _text(self, url: str) -> tuple[str, str, str]:
        """Title, text as Markdown, and where that came from."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise UsageError(f"{url!r} is no web address", cure="give a whole one: https://…")
        hub = self._is_hub(url)
        service = self._hub if hub else self._web
        if hub and parts.path.startswith("/docs/") and not parts.path.endswith((".md", ".txt")):
            try:
                page = self._fetcher.get(service, f"{url.split('?')[0].rstrip('/')}.md", accept=_no_html)
            except (RateLimitedError, OfflineError):
                raise
            except ServiceError:
                pass  # a page that is only there as HTML
            else:
                return _title(page.text, url), page.text, "markdown"
        return _of(self._fetcher.get(service, url, accept=_is_text))

    def _is_hub(self, url: str) -> bool:
        return urlsplit(url).netloc == urlsplit(self._hub.base_url).netloc


def _of(page: Page) -> tuple[str, str, str]:
    if not _is_html(page):
        return _title(page.text, page.url), page.text, "markdown"
    import trafilatura  # noqa: PLC0415  (optional, and heavy)

    text = trafilatura.extract(
        page.text,
        url=page.url,
        output_format="markdown",
        include_links=True,
        include_tables=True,
        include_formatting=True,
    )
    if not text or not text.strip():
        raise ServiceError("the page has no text that can be read", where=page.url, cure="open it in a browser")
    about = trafilatura.extract_metadata(page.text)
    return (about.title if about is not None and about.title else _title(text, page.url)), text, "html"


def _no_html(page: Page) -> None:
    """Refuses a web page where Markdown was asked for: it says that there is none."""
    if _is_html(page):
        raise ServiceError("there is no Markdown of this page", where=page.url)


def _is_text(page: Page) -> None:
    """Refuses what is no text."""
    kind = page.headers.get("content-type", "text/html").lower()
    if not kind.startswith(_READ):
        raise ServiceError(f"this is no page of text but {kind.partition(';')[0]}", where=page.url)


def _is_html(page: Page) -> bool:
    kind = page.headers.get("content-type", "").lower()
    start = page.body[:200].lstrip().lower()
    return "html" in kind or start.startswith((b"<!doctype html", b"<html"))


def _title(text: str, url: str) -> str:
    heading = _HEADING.search(text)
    return heading.group(2) if heading else urlsplit(url).path.rpartition("/")[2] or url


def _end(text: str, start: int, most: int) -> int:
    """Where a part ends: at a line's end where one is near."""
    if start + most >= len(text):
        return len(text)
    line = text.rfind("\n", start + most // 2, start + most)
    return line + 1 if line > 0 else start + most


def _section_start(text: str, fragment: str) -> int:
    wanted = _slug(fragment)
    for heading in _HEADING.finditer(text):
        if wanted in (_slug(heading.group(2)), _slug(heading.group(2).partition("[[")[2].rstrip("]"))):
            return heading.start()
    return 0


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def _sections(text: str) -> Iterator[tuple[str, str]]:
    """Each heading with what stands under it."""
    headings = list(_HEADING.finditer(text))
    bounds = [*(one.start() for one in headings), len(text)]
    if not headings or headings[0].start() > 0:
        yield "", text[: bounds[0]]
    for heading, end in zip(headings, bounds[1:], strict=True):
        yield heading.group(2), text[heading.start() : end].strip()


def _words(text: str) -> frozenset[str]:
    return frozenset(word for word in re.findall(r"[a-z0-9]+", text.lower()) if len(word) > 1)


def _score(words: frozenset[str], text: str) -> float:
    """How much of a query a text holds: each word counts, its repetitions less and less."""
    counts = Counter(re.findall(r"[a-z0-9]+", text.lower()))
    length = 1.0 + sum(counts.values()) / 400
    return sum(counts[word] / (counts[word] + length) for word in words if counts[word])
