"""Semantic Scholar on loopback: both searches, papers, batches, citations, recommendations, snippets."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tests.literature.canonical_papers import PAPERS, REFERENCES, found
from tests.servers.replay import ReplayServer, Reply, Request, reply

from labwright.contracts.literature import Paper

UNKNOWN_FIELDS = re.compile(r"\btldr\b")


def s2_server(
    papers: Iterable[Paper] = PAPERS,
    references: Mapping[str, Sequence[Paper]] = REFERENCES,
    *,
    hidden: Iterable[str] = (),
    bulk_page: int = 1000,
) -> ReplayServer:
    """A server that knows these papers and who cites whom; start it with `with`.

    Args:
        papers: what it knows.
        references: what each cites, by `Paper.id`.
        hidden: papers whose references their publisher hides, by `Paper.id`.
        bulk_page: how many papers a page of the bulk search has.
    """
    known = tuple(papers)
    elided = frozenset(hidden)

    def hits(request: Request) -> list[Paper]:
        phrases = re.findall(r'"([^"]+)"', request.query["query"])
        some = found(request.query["query"].replace('"', " "), known)
        some = [p for p in some if all(phrase in f"{p.title} {p.abstract}".lower() for phrase in phrases)]
        return [paper for paper in some if _fits(paper, request.query)]

    def search(request: Request) -> Reply:
        offset, limit = int(request.query.get("offset", 0)), int(request.query.get("limit", 100))
        if not request.query.get("query") or limit > 100 or offset + limit > 1000 or "-" in request.query["query"]:
            return reply(400, {"error": "Unacceptable query params"})
        some = hits(request)
        if not some:
            return reply({"total": 0, "offset": offset})
        page = {"total": len(some), "offset": offset, "data": [row(p) for p in some[offset : offset + limit]]}
        return reply(page | ({"next": offset + limit} if offset + limit < len(some) else {}))

    def bulk(request: Request) -> Reply:
        if UNKNOWN_FIELDS.search(request.query.get("fields", "")):
            return reply(400, {"error": "Unrecognized or unsupported fields: [tldr]"})
        some = sorted(hits(request), key=lambda paper: -(paper.citations or 0))
        start = int(request.query.get("token", "T0")[1:])
        page: dict[str, Any] = {"total": len(some), "data": [row(p) for p in some[start : start + bulk_page]]}
        page["token"] = f"T{start + bulk_page}" if start + bulk_page < len(some) else None
        return reply(page)

    def batch(request: Request) -> Reply:
        asked = [named(name, known) for name in request.json["ids"]]
        if not any(asked):
            return reply(400, {"error": "No valid paper ids given"})
        return reply([row(paper) if paper else None for paper in asked])

    def of_paper(request: Request) -> Reply:
        name = request.path.removeprefix("/graph/v1/paper/")
        side = next((side for side in ("citations", "references") if name.endswith(f"/{side}")), None)
        paper = named(name.removesuffix(f"/{side}"), known)
        if paper is None:
            return reply(404, {"error": f"Paper with id {name} not found"})
        if side is None:
            return reply(row(paper))
        if "tldr" in request.query["fields"]:
            return reply(400, {"error": "Unrecognized or unsupported fields: [tldr]"})
        if side == "references" and paper.id in elided:
            return reply({"offset": 0, "data": None})
        ends = references.get(paper.id, ())
        if side == "citations":
            ends = [each for each in known if any(p.id == paper.id for p in references.get(each.id, ()))]
        offset, limit = int(request.query["offset"]), int(request.query["limit"])
        edges = [edge(each, side) for each in ends[offset : offset + limit]]
        return reply(
            {"offset": offset, "data": edges} | ({"next": offset + limit} if offset + limit < len(ends) else {})
        )

    def recommended(request: Request) -> Reply:
        paper = named(request.path.removeprefix("/recommendations/v1/papers/forpaper/"), known)
        if paper is None:
            return reply(404, {"error": "Paper not found"})
        others = [row(each) for each in known if each is not paper]
        return reply({"recommendedPapers": others[: int(request.query["limit"])]})

    def snippets(request: Request) -> Reply:
        some = [paper for paper in found(request.query["query"], known) if _fits(paper, request.query)]
        data = [snippet(paper, 0.9 - n / 100) for n, paper in enumerate(some[: int(request.query["limit"])])]
        return reply({"data": data, "retrievalVersion": "pa1-v1"})

    return ReplayServer(
        {
            "/graph/v1/paper/search": search,
            "/graph/v1/paper/search/bulk": bulk,
            "/graph/v1/paper/batch": batch,
            "/graph/v1/paper/*": of_paper,
            "/recommendations/v1/papers/forpaper/*": recommended,
            "/graph/v1/snippet/search": snippets,
        }
    )


def named(name: object, papers: Iterable[Paper]) -> Paper | None:
    """The paper under one of the names that the service takes."""
    for paper in papers:
        ids = paper.ids
        doi = ids.doi or f"10.48550/arxiv.{ids.arxiv}"
        if name in (ids.s2, f"CorpusId:{ids.corpus}", f"ARXIV:{ids.arxiv}", f"DOI:{doi}"):
            return paper
    return None


def row(paper: Paper) -> dict[str, Any]:
    """A paper as every question sends it."""
    ids = paper.ids
    return {
        "paperId": ids.s2,
        "externalIds": {
            "DBLP": "journals/corr/abs-1",
            "ArXiv": ids.arxiv,
            "DOI": ids.doi or f"10.48550/arXiv.{ids.arxiv}",
            "CorpusId": ids.corpus,
        },
        "url": f"https://www.semanticscholar.org/paper/{ids.s2}",
        "title": paper.title,
        "abstract": paper.abstract or None,
        "venue": paper.venue or "arXiv.org",
        "year": paper.year,
        "citationCount": paper.citations,
        "influentialCitationCount": paper.influential,
        "openAccessPdf": {"url": paper.pdf_url, "status": "GREEN", "license": None, "disclaimer": "Notice: …"},
        "publicationDate": paper.published,
        "authors": [{"authorId": str(n), "name": name} for n, name in enumerate(paper.authors)],
        "tldr": {"model": "tldr@v2.0.0", "text": f"In short: {paper.title}."},
    }


def edge(paper: Paper, side: str) -> dict[str, Any]:
    """A citation as either list sends it."""
    without = {key: value for key, value in row(paper).items() if key != "tldr"}
    return {
        "contexts": [f"We follow {paper.authors[0]} et al. [4]."],
        "intents": ["methodology"],
        "isInfluential": True,
        "citedPaper" if side == "references" else "citingPaper": without,
    }


def snippet(paper: Paper, score: float) -> dict[str, Any]:
    """A passage: its paper has a CorpusId, which is a string here, and no other id."""
    return {
        "score": score,
        "paper": {
            "corpusId": str(paper.ids.corpus),
            "title": paper.title,
            "authors": list(paper.authors),
            "openAccessInfo": {"license": "CCBY", "status": "GREEN", "disclaimer": "Notice: …"},
        },
        "snippet": {
            "text": paper.abstract,
            "snippetKind": "body",
            "section": "Introduction",
            "snippetOffset": {"start": 10, "end": 20},
            "annotations": {"refMentions": None, "sentences": None},
        },
    }


def _fits(paper: Paper, query: Mapping[str, str]) -> bool:
    first, _, last = query.get("year", "-").partition("-")
    year = paper.year or 0
    return int(first or 0) <= year <= int(last or 9999) and (paper.citations or 0) >= int(
        query.get("minCitationCount", 0)
    )
