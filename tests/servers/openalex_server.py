"""OpenAlex on loopback: works by id and DOI, lists by filter with cursors, search."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tests.literature.canonical_papers import PAPERS, REFERENCES, found
from tests.servers.replay import ReplayServer, Reply, Request, reply

from labwright.contracts.literature import Paper

NOT_FOUND = "<!doctype html>\n<html lang=en>\n<title>404 Not Found</title>\n<h1>Not Found</h1>\n"


def openalex_server(
    papers: Iterable[Paper] = PAPERS, references: Mapping[str, Sequence[Paper]] = REFERENCES
) -> ReplayServer:
    """A server that knows these papers and what each cites, by `Paper.id`; start it with `with`."""
    known = tuple(papers)

    def filtered(name: str, value: str) -> list[Paper]:
        values = value.split("|")
        match name:
            case "cites":
                return [p for p in known if any(r.ids.openalex in values for r in references.get(p.id, ()))]
            case "cited_by":
                return [r for p in known if p.ids.openalex in values for r in references.get(p.id, ())]
            case "openalex_id":
                return [p for p in known if p.ids.openalex in values]
            case "doi":
                return [p for p in known if doi(p).lower() in [each.lower() for each in values]]
            case "publication_year":
                return [p for p in known if _compares(p.year, value)]
            case "cited_by_count":
                return [p for p in known if _compares(p.citations, value)]
        raise AssertionError(f"no filter {name}")

    def works(request: Request) -> Reply:
        size = int(request.query.get("per_page", 25))
        if size > 100 or re.search(r"[*?~]", request.query.get("search", "")):
            return reply(403, {"error": "Invalid query parameters error.", "message": "per_page must be at most 100"})
        hits = found(request.query["search"], known) if "search" in request.query else list(known)
        for part in filter(None, request.query.get("filter", "").split(",")):
            name, _, value = part.partition(":")
            allowed = filtered(name, value)
            hits = [paper for paper in hits if paper in allowed]
        if request.query.get("sort") == "cited_by_count:desc":
            hits.sort(key=lambda paper: -(paper.citations or 0))
        cursor = request.query.get("cursor", "*")
        start = 0 if cursor == "*" else int(cursor.removeprefix("IlsxMDA"))
        following = f"IlsxMDA{start + size}" if start + size < len(hits) else None
        meta = {"count": len(hits), "db_response_time_ms": 9, "page": None, "per_page": size, "next_cursor": following}
        return reply({"meta": meta, "results": [work(p) for p in hits[start : start + size]], "group_by": []})

    def one(request: Request) -> Reply:
        name = request.path.removeprefix("/works/")
        for paper in known:
            dois = (doi(paper), f"10.48550/arxiv.{paper.ids.arxiv}")
            if name == paper.ids.openalex or name.lower() in {f"doi:{each}".lower() for each in dois}:
                return reply(work(paper))
        return reply(404, NOT_FOUND)

    return ReplayServer({"/works": works, "/works/*": one})


def doi(paper: Paper) -> str:
    """The article's, else the preprint's."""
    return paper.ids.doi or f"10.48550/arXiv.{paper.ids.arxiv}"


def work(paper: Paper) -> dict[str, Any]:
    """A paper as the service sends it."""
    where = {
        "is_oa": True,
        "landing_page_url": f"http://arxiv.org/abs/{paper.ids.arxiv}",
        "pdf_url": paper.pdf_url or None,
        "source": {"id": "https://openalex.org/S4306400194", "display_name": "arXiv (Cornell University)"},
    }
    index: dict[str, list[int]] = {}
    for place, word in enumerate(paper.abstract.split()):
        index.setdefault(word, []).append(place)
    return {
        "id": f"https://openalex.org/{paper.ids.openalex}",
        "doi": f"https://doi.org/{doi(paper).lower()}",
        "title": paper.title.replace("Model", "<i>Model</i>"),
        "publication_year": paper.year,
        "publication_date": paper.published,
        "ids": {
            "openalex": f"https://openalex.org/{paper.ids.openalex}",
            "doi": f"https://doi.org/{doi(paper).lower()}",
        },
        "primary_location": where,
        "locations": [where],
        "authorships": [
            {"author_position": "first", "author": {"id": f"https://openalex.org/A{n}", "display_name": name}}
            for n, name in enumerate(paper.authors)
        ],
        "cited_by_count": paper.citations,
        "abstract_inverted_index": index or None,
        "open_access": {"is_oa": True, "oa_url": paper.pdf_url},
    }


def _compares(number: int | None, value: str) -> bool:
    return (number or 0) > int(value[1:]) if value.startswith(">") else (number or 0) < int(value[1:])
