"""Which datasets there are for a task: the Hub's search, and the datasets that papers are linked with.

Candidates are told with what decides: licence, size, whether they are gated, and where they were found.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from pydantic import JsonValue

from labwright.contracts.errors import ServiceError
from labwright.contracts.http import Page
from labwright.data.sources import HubAccess
from labwright.data.sources.hub_wire import Repo, good

PaperDatasets = Callable[[str], Sequence[tuple[str, str]]]
"""From a query to pairs of a dataset's id on the Hub and the paper that is linked with it."""

_DESCRIPTION = 300
_FROM_PAPERS = 10


@dataclass(frozen=True, slots=True)
class Candidate:
    """A dataset that may serve. What nobody said is None."""

    id: str  # for `open_source`, behind `hub:`
    downloads: int | None  # in the last 30 days
    likes: int | None
    licence: str | None
    size: str | None  # the Hub's class of rows, such as 10K<n<100K
    gated: bool
    modified: str | None
    tasks: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    description: str = ""
    papers: tuple[str, ...] = ()  # that it is linked with


@dataclass(frozen=True, slots=True)
class Found:
    """Candidates, the most downloaded first, and what of the search failed."""

    candidates: tuple[Candidate, ...]
    remarks: tuple[str, ...] = ()


def find(
    query: str, hub: HubAccess, *, task: str | None = None, limit: int = 20, papers: PaperDatasets | None = None
) -> Found:
    """Datasets for a query, perhaps of one task (the Hub's word for it, such as `question-answering`).

    Raises:
        ServiceError: the Hub did not answer the search. What else fails is a remark.
    """
    params = {
        "search": query or None,
        "filter": f"task_categories:{task}" if task else None,
        "sort": "downloads",
        "direction": -1,
        "limit": limit,
        "full": "true",
    }
    page = hub.fetcher.get(hub.hub, "/api/datasets", params, accept=_refuse_other)
    found = {repo.id: _candidate(repo) for repo in good(Repo, _listed(page.json())) if not repo.disabled}
    remarks: list[str] = []
    for dataset, paper in _linked(query, papers, remarks):
        if dataset not in found:
            candidate = _looked_up(dataset, hub, remarks)
            if candidate is None:
                continue
            found[dataset] = candidate
        known = found[dataset]
        found[dataset] = replace(known, papers=tuple(dict.fromkeys((*known.papers, paper))))
    ordered = sorted(found.values(), key=lambda one: (-(one.downloads or 0), one.id))
    return Found(tuple(ordered[: limit + _FROM_PAPERS]), tuple(remarks))


def _linked(query: str, papers: PaperDatasets | None, remarks: list[str]) -> Sequence[tuple[str, str]]:
    if papers is None:
        return ()
    try:
        return papers(query)[:_FROM_PAPERS]
    except ServiceError as error:
        remarks.append(f"no datasets from papers: {error.one_line()}")
        return ()


def _looked_up(dataset: str, hub: HubAccess, remarks: list[str]) -> Candidate | None:
    try:
        found = good(Repo, [hub.fetcher.get(hub.hub, f"/api/datasets/{dataset}").json()])
    except ServiceError as error:
        remarks.append(f"{dataset}, which a paper is linked with, cannot be looked at: {error.what}")
        return None
    return _candidate(found[0]) if found else None


def _candidate(repo: Repo) -> Candidate:
    return Candidate(
        repo.id,
        repo.downloads,
        repo.likes,
        repo.licence,
        repo.tagged("size_categories:"),
        repo.is_gated,
        repo.last_modified,
        repo.all_tagged("task_categories:"),
        repo.all_tagged("language:"),
        " ".join((repo.description or "").split())[:_DESCRIPTION],
        tuple(f"arXiv:{one}" for one in repo.all_tagged("arxiv:")),
    )


def _listed(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else []


def _refuse_other(page: Page) -> None:
    """Keep no answer that is no list."""
    if not isinstance(page.json(), list):
        raise ServiceError(f"{page.service} answered no list of datasets", where=page.url, cure="try again later")
