"""The reader itself: asks one place after another for a paper's full text, and says what each of them answered."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote, urlsplit

from labwright.contracts.errors import LabwrightError, NotFoundError, ServiceError, UsageError
from labwright.contracts.http import Fetcher, Page, Service
from labwright.contracts.literature import Document, Paper, PaperIds
from labwright.literature.reader import layout, markdown
from labwright.literature.reader.prints import Limits, check_size

_MOST_HTML = 48_000_000


@dataclass(frozen=True, slots=True)
class _Attempt:
    origin: str
    read: Callable[[], Document]


class Reader:
    """Reads the full text of papers: arXiv's HTML, else ar5iv's, else the PDF, else Hugging Face's Markdown.

    Args:
        fetcher: the client.
        arxiv_pages: arXiv's site, for `/html/ID` and `/pdf/ID`.
        ar5iv: the older conversions, for `/html/ID`.
        hf: the Hub, for `/papers/ID.md`; None leaves it out.
        web: how other hosts are asked, for `Paper.pdf_url`.
        limits: how much of a PDF is read.
    """

    def __init__(
        self,
        fetcher: Fetcher,
        arxiv_pages: Service,
        ar5iv: Service,
        hf: Service | None,
        web: Service,
        *,
        limits: Limits | None = None,
    ) -> None:
        self._fetcher = fetcher
        self._arxiv = arxiv_pages
        self._ar5iv = ar5iv
        self._hf = hf
        self._web = web
        self._limits = limits or Limits()

    def read(self, paper: Paper) -> Document:
        """The full text of a paper; what failed before it was found stands in `remarks`.

        Raises ServiceError that lists what each place answered; NotFoundError, OfflineError or RateLimitedError where
        all of them failed in this one way; NotFoundError too where no place is known.
        """
        failures: list[tuple[str, LabwrightError]] = []
        for attempt in self._attempts(paper):
            try:
                found = attempt.read()
            except (ServiceError, UsageError) as error:
                failures.append((attempt.origin, error))
                continue
            return replace(
                found,
                title=found.title or paper.title,
                abstract=found.abstract or paper.abstract,
                remarks=(*(f"{origin}: {error.one_line()}" for origin, error in failures), *found.remarks),
            )
        raise _failed(paper, failures)

    def read_pdf(self, source: Path | bytes, ids: PaperIds | None = None) -> Document:
        """The text of a PDF at hand.

        Raises UsageError: no such file, no PDF, encrypted, damaged, without text (scanned), or too large.
        """
        if isinstance(source, bytes):
            return self._printed(source, "the PDF", ids or PaperIds())
        try:
            check_size(source.stat().st_size, str(source), self._limits)
            data = source.read_bytes()
        except OSError as error:
            what = f"the file cannot be read: {error.strerror or error}"
            raise UsageError(what, where=str(source), cure="check the path") from error
        return self._printed(data, str(source), ids or PaperIds())

    def _attempts(self, paper: Paper) -> Iterator[_Attempt]:
        """The places to ask, best first."""
        ids = paper.ids
        if ids.arxiv is not None:
            name = quote(ids.arxiv)
            yield _Attempt("arxiv-html", lambda: self._html(self._arxiv, f"/html/{name}", ids, "arxiv-html"))
            yield _Attempt("ar5iv", lambda: self._html(self._ar5iv, f"/html/{name}", ids, "ar5iv"))
            yield _Attempt("pdf", lambda: self._pdf(self._arxiv, f"/pdf/{name}", ids))
            if self._hf is not None:
                hub = self._hf
                yield _Attempt("hf-markdown", lambda: self._markdown(hub, f"/papers/{name}.md", ids))
        if paper.pdf_url and not (ids.arxiv is not None and _is_arxiv(paper.pdf_url)):
            service = self._arxiv if _is_arxiv(paper.pdf_url) else self._web  # arXiv's pace, whoever gave the address
            yield _Attempt("pdf", lambda: self._pdf(service, paper.pdf_url, ids))

    def _html(self, service: Service, path: str, ids: PaperIds, origin: str) -> Document:
        from labwright.literature.reader import latexml  # noqa: PLC0415 - selectolax, heavy, once there is a page

        page = self._fetcher.get(service, path, most_bytes=_MOST_HTML, accept=latexml.check)
        return latexml.document(page, ids, origin)

    def _markdown(self, service: Service, path: str, ids: PaperIds) -> Document:
        return markdown.document(self._fetcher.get(service, path, accept=markdown.check), ids, "hf-markdown")

    def _pdf(self, service: Service, path: str, ids: PaperIds) -> Document:
        if not path.startswith(("/", "https://", "http://")):
            raise ServiceError("the address of its PDF is none of the web", where=path[:200])
        page = self._fetcher.get(service, path, most_bytes=self._limits.most_bytes, accept=_check_pdf)
        return self._printed(page.body, page.url, ids)

    def _printed(self, data: bytes, where: str, ids: PaperIds) -> Document:
        from labwright.literature.reader import pdf  # noqa: PLC0415 - pypdf, heavy, once there is a PDF

        return layout.document(pdf.printed(data, where, self._limits), ids)


def _check_pdf(page: Page) -> None:
    if b"%PDF-" not in page.body[:1024]:
        kind = page.headers.get("content-type", "").split(";")[0] or "something without a type"
        cure = "download the PDF in a browser and give the file to `labwright papers add`"
        raise ServiceError(f"{page.service} answered {kind} instead of a PDF", where=page.url, cure=cure)


def _is_arxiv(url: str) -> bool:
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return False
    return host == "arxiv.org" or host.endswith(".arxiv.org")


def _failed(paper: Paper, failures: list[tuple[str, LabwrightError]]) -> ServiceError:
    cure = "give its PDF, if you have it, to `labwright papers add`"
    if not failures:
        what = "no place is known that has its full text: no arXiv id, and no address of a PDF"
        return NotFoundError(what, where=paper.id, cure=cure)
    kinds = {type(error) for _, error in failures}
    kind = kinds.pop() if len(kinds) == 1 else ServiceError
    answers = "; ".join(
        f"{origin}: {error.what}{f' ({error.where})' if error.where else ''}" for origin, error in failures
    )
    made = kind if issubclass(kind, ServiceError) else ServiceError
    cures = {error.cure for _, error in failures}
    if made is not ServiceError and failures[0][1].cure:
        cure = failures[0][1].cure
    elif len(cures) == 1 and (shared := cures.pop()):  # of all places at once, as where there is no connection
        cure = f"{shared}; or {cure}"
    return made(f"its full text could not be read. {answers}", where=paper.id, cure=cure)
