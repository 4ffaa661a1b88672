"""Hugging Face's papers on loopback: search, the daily list, one paper, and the models and datasets that name it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tests.literature.canonical_papers import PAPERS, found
from tests.servers.replay import ReplayServer, Reply, Request, reply

from labwright.contracts.literature import Paper

LIMITS = {"ratelimit": '"api";r=999;t=295', "ratelimit-policy": '"fixed window";"api";q=1000;w=300'}


def hf_papers_server(
    papers: Iterable[Paper] = PAPERS,
    *,
    models: Mapping[str, Sequence[dict[str, Any]]] | None = None,
    datasets: Mapping[str, Sequence[dict[str, Any]]] | None = None,
    spaces: Mapping[str, Sequence[dict[str, Any]]] | None = None,
) -> ReplayServer:
    """A server that knows these papers, and what is linked to them by arXiv id; start it with `with`."""
    known = tuple(papers)

    def search(request: Request) -> Reply:
        hits = found(request.query["q"], known)
        return reply(200, [row(paper) for paper in hits[: int(request.query.get("limit", 20))]], LIMITS)

    def daily(request: Request) -> Reply:
        size, page = int(request.query.get("limit", 50)), int(request.query.get("p", 0))
        if size > 100:
            return refused(400, 'Invalid query: "limit" must be at most 100')
        hits = [paper for paper in known if (paper.published or "").startswith(request.query.get("date", ""))]
        if "month" in request.query:
            hits = [paper for paper in known if (paper.published or "").startswith(request.query["month"])]
        return reply(200, [row(paper) for paper in hits[page * size : (page + 1) * size]], LIMITS)

    def one(request: Request) -> Reply:
        name = request.path.removeprefix("/api/papers/")
        for paper in known:
            if paper.ids.arxiv == name:
                return reply(200, flat(paper) | {"linkedSpaces": list((spaces or {}).get(name, ()))}, LIMITS)
        return refused(404, "Paper not found", "EntryNotFound")

    return ReplayServer(
        {
            "/api/papers/search": search,
            "/api/papers/*": one,
            "/api/daily_papers": daily,
            "/api/models": lambda request: _listed(request, models or {}),
            "/api/datasets": lambda request: _listed(request, datasets or {}),
        }
    )


def refused(status: int, message: str, code: str = "") -> Reply:
    """An error as the Hub writes it: in the body, and in headers of its own."""
    headers = {"X-Error-Message": message} | ({"X-Error-Code": code} if code else {})
    return reply(status, {"error": message}, headers)


def flat(paper: Paper) -> dict[str, Any]:
    """A paper as its own page sends it."""
    return {
        "id": paper.ids.arxiv,
        "authors": [
            {"_id": f"65f{n:021d}", "name": name, "hidden": False, "status": "claimed_verified"}
            for n, name in enumerate(paper.authors)
        ],
        "publishedAt": f"{paper.published}T17:57:46.000Z",
        "submittedOnDailyAt": f"{paper.published}T23:00:00.000Z",
        "title": re.sub(r": ", ":\n  ", paper.title),
        "summary": paper.abstract,
        "upvotes": paper.upvotes,
        "discussionId": "64754a8ba4ea5c3d9a2f0d5e",
        "ai_summary": f"{paper.authors[0]} and others: {paper.title}.",
        "ai_keywords": ["language models"],
        "githubRepo": f"https://github.com/someone/{(paper.ids.arxiv or '').replace('/', '-')}",
        "githubStars": 12,
    }


def row(paper: Paper) -> dict[str, Any]:
    """A paper as a list sends it: inside, with its comments outside."""
    return {
        "paper": flat(paper),
        "publishedAt": f"{paper.published}T17:57:46.000Z",
        "title": paper.title,
        "summary": paper.abstract,
        "thumbnail": "https://cdn-thumbnails.huggingface.co/social-thumbnails/papers/x.png",
        "numComments": 2,
        "submittedBy": {"_id": "5f0", "fullname": "Somebody", "name": "somebody", "type": "user"},
        "isAuthorParticipating": False,
    }


def repository(name: str, downloads: int | None, likes: int | None = 0) -> dict[str, Any]:
    """A model, dataset or Space as a list sends it."""
    return {
        "_id": "621",
        "id": name,
        "likes": likes,
        "downloads": downloads,
        "private": False,
        "tags": ["arxiv:2305.18290", "license:mit"],
        "modelId": name,
    }


def _listed(request: Request, linked: Mapping[str, Sequence[dict[str, Any]]]) -> Reply:
    """A page of repositories, the most downloaded first, with the link to the next."""
    rows = sorted(linked.get(request.query["filter"].removeprefix("arxiv:"), ()), key=lambda r: -(r["downloads"] or 0))
    size, start = int(request.query.get("limit", 30)), int(request.query.get("cursor", 0))
    more = {}
    if start + size < len(rows):
        query = f"filter={request.query['filter']}&sort=downloads&limit={size}&cursor={start + size}"
        more = {"Link": f'<http://{request.headers["host"]}{request.path}?{query}>; rel="next"'}
    return reply(200, rows[start : start + size], LIMITS | more)
