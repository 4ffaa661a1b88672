"""Puts together what a lab can read: papers, documentation and code, over one client for all public services.

Beside `lab.py`, since only what reads needs an HTTP client. Nothing is fetched before something is asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from labwright.assemble import Lab
from labwright.contracts.errors import NotFoundError
from labwright.contracts.literature import Query
from labwright.documentation import Environment, InstalledDocs, WebDocs
from labwright.http import Http, services
from labwright.literature import Literature, Sources
from labwright.literature.library import Library
from labwright.literature.reader import Reader
from labwright.literature.sources import ArxivSource, HuggingFaceSource, OpenAlexSource, SemanticScholarSource
from labwright.repositories import Code, GitHub, HubFiles, LocalCheckouts

if TYPE_CHECKING:
    from labwright.data.sources import HubAccess, Table

_PAPERS_WITH_DATA = 10
_HF_TOKEN = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")
_GITHUB_TOKEN = ("GITHUB_TOKEN", "GH_TOKEN")
_S2_KEY = ("S2_API_KEY", "SEMANTIC_SCHOLAR_API_KEY")
_OPENALEX_KEY = ("OPENALEX_API_KEY",)


class ReadingRoom:
    """Everything that can be read from a lab. Each part is made when it is first used."""

    def __init__(
        self, lab: Lab, *, offline: bool = False, checkouts: tuple[Path, ...] = (), python: Path | None = None
    ) -> None:
        """Over a lab's home and ledger.

        Args:
            lab: whose cache and library.
            offline: fetch nothing, as the setting `offline` does for every command.
            checkouts: directories whose code is searched beside GitHub's and the Hub's.
            python: the interpreter whose packages are documented; default: this one.
        """
        settings = lab.settings
        environment = settings.process_environment
        hf_token = _first(environment, _HF_TOKEN)
        self._lab = lab
        self._python = python
        self.checkouts = LocalCheckouts(*checkouts)
        self.http = Http(lab.home / "cache" / "http", offline=offline or settings.offline)
        self._arxiv = services.arxiv(settings.arxiv_url)
        self._pages = services.arxiv_pages(settings.arxiv_pages_url)
        self._ar5iv = services.ar5iv(settings.ar5iv_url)
        self.hub = services.hugging_face(environment.get("HF_ENDPOINT") or "https://huggingface.co", hf_token)
        self.viewer = services.dataset_viewer(settings.dataset_viewer_url, hf_token)
        self._s2 = services.semantic_scholar(settings.semantic_scholar_url, _first(environment, _S2_KEY))
        self._openalex = services.openalex(settings.openalex_url, _first(environment, _OPENALEX_KEY))
        self._github = services.github(settings.github_url, _first(environment, _GITHUB_TOKEN))

    def close(self) -> None:
        """Give the connections back."""
        self.http.close()

    @cached_property
    def library(self) -> Library:
        """What was read."""
        return Library(self._lab.ledger, self._lab.home / "objects")

    @cached_property
    def reader(self) -> Reader:
        """Full texts."""
        return Reader(self.http, self._pages, self._ar5iv, self.hub, services.web())

    @cached_property
    def daily(self) -> HuggingFaceSource:
        """The papers of a day."""
        return HuggingFaceSource(self.http, self.hub)

    @cached_property
    def literature(self) -> Literature:
        """Papers. Of those that know citations, Semantic Scholar is asked first, since it says how a paper is cited."""
        arxiv = ArxivSource(self.http, self._arxiv)
        s2 = SemanticScholarSource(self.http, self._s2)
        openalex = OpenAlexSource(self.http, self._openalex)
        sources = Sources(
            papers=(arxiv, self.daily, s2, openalex),
            citations=(s2, openalex),
            recommenders=(s2,),
            resources=(self.daily,),
            snippets=(s2,),
        )
        return Literature(sources, read=self.reader.read, library=self.library)

    @cached_property
    def documentation(self) -> InstalledDocs:
        """What is installed."""
        environment = Environment.of(self._python) if self._python is not None else None
        return InstalledDocs(environment, cache=self._lab.home / "cache" / "docs")

    @cached_property
    def web_docs(self) -> WebDocs:
        """Documentation on the web."""
        return WebDocs(self.http, self.hub, services.web())

    @property
    def hub_access(self) -> HubAccess:
        """Datasets on the Hub."""
        from labwright.data.sources import HubAccess  # noqa: PLC0415 - DuckDB, heavy, once data is looked at

        return HubAccess(self.http, self.hub, self.viewer)

    def table(self, src: str, split: str | None = None) -> Table:
        """The data that a person means: see `data.sources.open_source`, which also raises."""
        from labwright.data.sources import open_source  # noqa: PLC0415 - as above

        return open_source(src, split=split, hub=self.hub_access)

    def datasets_of_papers(self, query: str) -> Sequence[tuple[str, str]]:
        """Datasets that the papers for a query are linked with: each dataset's id with the paper's."""
        papers = self.literature.search(Query(query, limit=_PAPERS_WITH_DATA), ("hf",)).papers
        found: list[tuple[str, str]] = []
        for paper in papers:
            with suppress(NotFoundError):
                linked = self.daily.resources(paper.ids, _PAPERS_WITH_DATA)
                found += [(resource.id, paper.id) for resource in linked if resource.kind == "dataset"]
        return found

    @cached_property
    def github(self) -> GitHub:
        """Repositories on GitHub."""
        return GitHub(self.http, self._github)

    @cached_property
    def code(self) -> Code:
        """Code of GitHub, the Hub and checkouts on this machine."""
        return Code((self.github, HubFiles(self.http, self.hub), self.checkouts))


def _first(environment: Mapping[str, str], names: tuple[str, ...]) -> str | None:
    return next((environment[name] for name in names if environment.get(name)), None)
