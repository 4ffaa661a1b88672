"""arXiv's Atom interface on loopback, over a handful of papers: /api/query with searches, id lists and its errors."""

from __future__ import annotations

import re
from collections.abc import Iterable
from xml.sax.saxutils import escape

from tests.literature.canonical_papers import PAPERS
from tests.servers.replay import ReplayServer, Reply, Request

from labwright.contracts.literature import Paper

PATH = "/api/query"
_ID = re.compile(r"(\d{4}\.\d{4,5}|[a-z-]+/\d{7})(v\d+)?")
_TERM = re.compile(r'(\w+):(?:"([^"]+)"|(\[[^\]]+\])|(\S+))')


def arxiv_server(papers: Iterable[Paper] = PAPERS) -> ReplayServer:
    """A server that knows these papers; start it with `with`."""
    known = tuple(papers)
    return ReplayServer({PATH: lambda request: _answer(request, known)})


def atom(entries: Iterable[str], total: int, start: int = 0, status: int = 200) -> Reply:
    """A feed of entries."""
    body = f"""<?xml version='1.0' encoding='UTF-8'?>
<feed xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/" xmlns:arxiv="http://arxiv.org/schemas/atom" \
xmlns="http://www.w3.org/2005/Atom">
  <id>https://arxiv.org/api/cHxbiOdZaP56ODnBPIenZhzg5f8</id>
  <title>arXiv Query: search_query=&amp;id_list=&amp;start={start}</title>
  <updated>2026-11-20T10:11:12Z</updated>
  <link href="https://arxiv.org/api/query?start={start}" type="application/atom+xml"/>
  <opensearch:itemsPerPage>10</opensearch:itemsPerPage>
  <opensearch:totalResults>{total}</opensearch:totalResults>
  <opensearch:startIndex>{start}</opensearch:startIndex>
  {"".join(entries)}
</feed>"""
    return Reply(status, body.encode(), {"Content-Type": "application/atom+xml; charset=utf-8"})


def entry(paper: Paper, version: int = 1) -> str:
    """A paper as an entry: its id is an http address with a version, its title is broken over lines."""
    name = f"{paper.ids.arxiv}v{version}"
    authors = "".join(f"<author><name>{escape(author)}</name></author>" for author in paper.authors)
    doi = f"<arxiv:doi>{paper.ids.doi}</arxiv:doi>" if paper.ids.doi else ""
    venue = f"<arxiv:journal_ref>{escape(paper.venue)}</arxiv:journal_ref>" if paper.venue else ""
    title = escape(paper.title).replace(": ", ":\n  ")
    return f"""<entry>
    <id>http://arxiv.org/abs/{name}</id>
    <title>{title}</title>
    <updated>2024-07-29T22:26:36Z</updated>
    <link href="https://arxiv.org/abs/{name}" rel="alternate" type="text/html"/>
    <link href="https://arxiv.org/pdf/{name}" rel="related" type="application/pdf" title="pdf"/>
    <summary>{escape(paper.abstract)}
    </summary>
    <category term="cs.LG" scheme="http://arxiv.org/schemas/atom"/>
    <published>{paper.published}T17:57:46Z</published>
    <arxiv:comment>12 pages</arxiv:comment>
    <arxiv:primary_category term="cs.LG"/>
    {authors}{doi}{venue}
  </entry>"""


def error(text: str, status: int = 400) -> Reply:
    """What arXiv answers to a request that it cannot read: a feed with one entry titled Error."""
    return atom(
        [
            f"""<entry><id>https://arxiv.org/api/errors#incorrect_id_format_for_x</id><title>Error</title>
    <updated>2026-11-20T00:00:00Z</updated><link href="https://arxiv.org/api/errors" rel="alternate"/>
    <summary>{escape(text)}</summary><author><name>arXiv api core</name></author></entry>"""
        ],
        total=1,
        status=status,
    )


def _answer(request: Request, papers: tuple[Paper, ...]) -> Reply:
    start, most = int(request.query.get("start", 0)), int(request.query.get("max_results", 10))
    if most > 2000 or start > 30_000:
        return error("max_results must not exceed 2000")
    if "id_list" in request.query:
        names = request.query["id_list"].split(",")
        for name in names:
            if not _ID.fullmatch(name):
                return error(f"incorrect id format for {name}")
        bare = {hit[1] for name in names if (hit := _ID.fullmatch(name))}
        hits = [paper for paper in papers if paper.ids.arxiv in bare]  # its own order; unknown ones are silently gone
    else:
        hits = _searched(request.query["search_query"], papers)
    return atom([entry(paper, version=3) for paper in hits[start : start + most]], len(hits), start)


def _searched(asked: str, papers: tuple[Paper, ...]) -> list[Paper]:
    """Terms of `FIELD:word` that are all AND or all OR, and a range of dates."""
    terms = [(field, phrase or span or word.rstrip(")")) for field, phrase, span, word in _TERM.findall(asked)]
    dates = [text for field, text in terms if field == "submittedDate"]
    words = [(field, text) for field, text in terms if field != "submittedDate"]
    some = any if " OR " in asked else all

    def holds(paper: Paper) -> bool:
        in_field = {"ti": paper.title, "abs": paper.abstract, "au": " ".join(paper.authors)}
        every = re.sub(r"[^\w ]", " ", " ".join(in_field.values()).lower())
        texts = [(re.sub(r"[^\w ]", " ", in_field.get(field, every).lower()), text.lower()) for field, text in words]
        return some(text in where for where, text in texts)

    def dated(paper: Paper) -> bool:
        day = (paper.published or "").replace("-", "") + "1757"
        return all(span[1:13] <= day <= span[-13:-1] for span in dates)

    hits = [paper for paper in papers if holds(paper) and dated(paper)]
    return sorted(hits, key=lambda p: -sum(text.lower() in p.title.lower() for _, text in words))
