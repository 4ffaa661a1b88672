"""What every source of papers promises, asked of each of them over its loopback server.

A new source joins by a line in SOURCES: a function that makes it over a server which knows the canonical papers
(tests/literature/canonical_papers.py) in its service's wire shape. The suite starts and stops the server. A source that
also knows citations, related papers, resources or snippets has its name in the tuple of that kind, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pytest
from tests.literature.canonical_papers import (
    COMMON,
    COMMON_ONES,
    DPO,
    LORA,
    NOTHING,
    OLD,
    PAPERS,
    PPO,
    RARE,
    RARE_ONE,
    REFERENCES,
    UNKNOWN,
)
from tests.literature.damage import Damaging, damaged_json, damaged_xml, sound
from tests.servers.arxiv_server import arxiv_server
from tests.servers.hf_papers_server import hf_papers_server, repository
from tests.servers.openalex_server import openalex_server
from tests.servers.replay import ReplayServer, Reply, cut, reply
from tests.servers.s2_server import s2_server
from tests.toys.empty_ledger import place_ledger

from labwright.contracts.errors import NotFoundError, RateLimitedError, ServiceError
from labwright.contracts.http import Fetcher, Service
from labwright.contracts.literature import (
    Citation,
    CitationSource,
    Direction,
    Filter,
    Paper,
    PaperIds,
    PaperSource,
    Query,
    Recommender,
    Resource,
    ResourceSource,
    SnippetSource,
)
from labwright.http import Http, Patience
from labwright.ledger import Ledger
from labwright.literature.ids import same
from labwright.literature.library import Library, ToKeep
from labwright.literature.sources import (
    ArxivSource,
    FakeSource,
    HuggingFaceSource,
    OpenAlexSource,
    SemanticScholarSource,
)


@dataclass(frozen=True)
class Running:
    """A source, and the server that it asks; not yet started."""

    source: PaperSource
    server: ReplayServer | None  # None: it asks nobody


Build = Callable[[Fetcher, Path], Running]


def over(name: str, server: ReplayServer) -> Service:
    """The service on loopback. Nothing stays fresh: whatever is asked again is asked of the server."""
    return Service(name, server.url, fresh_s=0)


def arxiv(fetcher: Fetcher, home: Path) -> Running:
    server = arxiv_server()
    return Running(ArxivSource(fetcher, over("arxiv", server)), server)


def hf(fetcher: Fetcher, home: Path) -> Running:
    models = [repository(f"org/model-{n}", 1000 - n) for n in range(5)]
    server = hf_papers_server(models={"2305.18290": models}, datasets={"2305.18290": [repository("org/pairs", 70)]})
    return Running(HuggingFaceSource(fetcher, over("hf", server)), server)


def s2(fetcher: Fetcher, home: Path) -> Running:
    server = s2_server()
    return Running(SemanticScholarSource(fetcher, over("semantic-scholar", server)), server)


def openalex(fetcher: Fetcher, home: Path) -> Running:
    server = openalex_server()
    return Running(OpenAlexSource(fetcher, over("openalex", server)), server)


def fake(fetcher: Fetcher, home: Path) -> Running:
    models = [Resource("model", f"org/model-{n}", f"https://huggingface.co/org/model-{n}", n) for n in range(5)]
    references = {key: [Citation(paper, ("as in [1]",)) for paper in cited] for key, cited in REFERENCES.items()}
    return Running(FakeSource(PAPERS, references=references, resources={DPO.id: models}), None)


def library(fetcher: Fetcher, home: Path) -> Running:
    kept = Library(Ledger.open(f"sqlite:///{place_ledger(home)}/lab.db"), home / "objects")
    kept.keep_all(ToKeep(paper) for paper in PAPERS)
    return Running(kept, None)


SOURCES: dict[str, Build] = {
    "arxiv": arxiv,
    "hf": hf,
    "s2": s2,
    "openalex": openalex,
    "fake": fake,
    "library": library,
}
CITATION_SOURCES = ("fake", "s2", "openalex")
RECOMMENDERS = ("fake", "s2")
RESOURCE_SOURCES = ("fake", "hf")
SNIPPET_SOURCES = ("fake", "library", "s2")
ON_THE_WIRE = [name for name in SOURCES if name not in ("fake", "library")]


@pytest.fixture(scope="module")
def http(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Http]:
    with Http(tmp_path_factory.mktemp("http"), patience=Patience.hurried()) as client:
        yield client


@pytest.fixture
def wire(http: Http) -> Damaging:
    return Damaging(http)


@pytest.fixture(params=SOURCES)
def running(request: pytest.FixtureRequest, wire: Damaging, tmp_path: Path) -> Iterator[Running]:
    made = SOURCES[str(request.param)](wire, tmp_path)
    assert made.source.name == request.param
    if made.server is None:
        yield made
    else:
        with made.server:
            yield made


def server_of(running: Running) -> ReplayServer:
    assert running.server is not None
    return running.server


def titles(papers: tuple[Paper, ...]) -> set[str]:
    return {paper.title for paper in papers}


# Search


def test_words_of_a_title_find_it_first(running: Running) -> None:
    found = running.source.search(Query(RARE))
    assert found.papers[0].title == RARE_ONE.title
    assert found.papers[0].ids.key
    assert found.papers[0].sources == (running.source.name,)
    assert not found.failures


def test_what_is_known_of_a_paper_arrives_as_it_was(running: Running) -> None:
    paper = running.source.search(Query(RARE)).papers[0]
    assert same(paper.ids, RARE_ONE.ids)
    assert paper.year == 2023
    assert paper.authors == RARE_ONE.authors
    assert paper.abstract == RARE_ONE.abstract
    assert paper.published in (None, RARE_ONE.published)
    assert paper.citations in (None, RARE_ONE.citations)
    assert paper.upvotes in (None, RARE_ONE.upvotes)


def test_a_search_finds_all_that_fit_and_nothing_else(running: Running) -> None:
    found = running.source.search(Query(COMMON))
    assert titles(found.papers) == {paper.title for paper in COMMON_ONES}


@pytest.mark.parametrize("limit", [0, 1, 3])
def test_a_limit_holds(running: Running, limit: int) -> None:
    assert len(running.source.search(Query(COMMON, limit=limit)).papers) == limit


def test_what_nobody_wrote_about_is_an_empty_answer(running: Running) -> None:
    found = running.source.search(Query(NOTHING))
    assert found.papers == ()
    assert not found.failures


@pytest.mark.parametrize(
    "text", ["", "   ", '"', "((", ")", '"unbalanced phrase', "AND OR", "%s & ? # é\x00", "a" * 3000]
)
def test_any_text_may_be_searched_for(running: Running, text: str) -> None:
    assert isinstance(running.source.search(Query(text)).papers, tuple)


@pytest.mark.parametrize(
    ("query", "fits"),
    [
        (Query(COMMON, since=2023), lambda paper: paper.year >= 2023),
        (Query(COMMON, until=2022), lambda paper: paper.year <= 2022),
        (Query(COMMON, since=2022, until=2023), lambda paper: 2022 <= paper.year <= 2023),
        (Query(COMMON, min_citations=5000), lambda paper: paper.citations >= 5000),
        (Query(COMMON, since=2023, min_citations=5000), lambda paper: paper.year >= 2023 and paper.citations >= 5000),
        (Query(COMMON, since=2024, until=2020), lambda paper: False),
        (Query(COMMON, since=3000), lambda paper: False),
    ],
)
def test_a_filter_is_applied_or_said_not_to_be(running: Running, query: Query, fits: Callable[[Paper], bool]) -> None:
    found = running.source.search(query)
    lacking = {one.filter for one in found.unapplied}
    assert lacking <= query.filters
    assert all(one.source == running.source.name and one.why for one in found.unapplied)
    as_put_in = {paper.title: paper for paper in PAPERS}
    if not lacking:
        assert titles(found.papers) == {paper.title for paper in COMMON_ONES if fits(paper)}
    if Filter.SINCE not in lacking and query.since is not None:
        assert all((as_put_in[title].year or 0) >= query.since for title in titles(found.papers))
    if Filter.UNTIL not in lacking and query.until is not None:
        assert all((as_put_in[title].year or 0) <= query.until for title in titles(found.papers))


# By id


def test_papers_are_found_by_their_ids_in_any_number(running: Running) -> None:
    known = running.source.papers([paper.ids for paper in PAPERS])
    assert titles(known) == titles(PAPERS)
    assert all(paper.sources == (running.source.name,) for paper in known)


def test_a_paper_that_is_asked_for_twice_comes_once(running: Running) -> None:
    assert len(running.source.papers([LORA.ids, LORA.ids])) == 1


def test_an_old_id_with_its_slash_is_found(running: Running) -> None:
    (paper,) = running.source.papers([PaperIds(arxiv=OLD.ids.arxiv)])
    assert paper.title == OLD.title


def test_unknown_papers_are_left_out(running: Running) -> None:
    known = running.source.papers([UNKNOWN, LORA.ids, PaperIds(arxiv="not an id"), PaperIds()])
    assert titles(known) == {LORA.title}


def test_no_ids_are_no_papers(running: Running) -> None:
    assert running.source.papers([]) == ()
    assert running.source.papers([PaperIds()]) == ()


# What services do when they fail

DEEP = "[" * 100_000
FAULTS: dict[str, Reply] = {
    "429": reply(429, "Rate exceeded."),
    "429 in json": reply(429, {"message": "Too Many Requests", "code": "429"}),
    "500": reply(500, {"error": "internal"}),
    "503": reply(503, "<html><body>Service Unavailable</body></html>"),
    "400": reply(400, {"error": "bad request"}),
    "403": reply(403, {"error": "forbidden"}),
    "a page": reply(200, "<!DOCTYPE html><html><body>Down for maintenance</body></html>"),
    "an error that says 200": reply(200, {"error": "Internal error, try again"}),
    "json that ends early": reply(200, b'{"data": [{"title": "x"'),
    "xml that ends early": reply(200, b'<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom"><entry>'),
    "nothing": reply(200, b""),
    "null": reply(200, b"null"),
    "a number": reply(200, b"17"),
    "bytes": reply(200, b"\xff\xfe\x00\x80"),
    "brackets in brackets": reply(200, DEEP),
    "a bomb": reply(
        200,
        b'<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY lol2 "&lol;&lol;">]>'
        b'<feed xmlns="http://www.w3.org/2005/Atom"><title>&lol2;</title></feed>',
    ),
}


@pytest.mark.parametrize("running", ON_THE_WIRE, indirect=True)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_ends_in_an_error_that_says_who_failed_and_where(running: Running, fault: str) -> None:
    server_of(running).fail(FAULTS[fault], times=1000)
    expected = RateLimitedError if fault.startswith("429") else ServiceError
    with pytest.raises(expected) as raised:
        running.source.search(Query(RARE))
    assert raised.value.where
    with pytest.raises(expected):
        running.source.papers([DPO.ids])


@pytest.mark.parametrize("running", ON_THE_WIRE, indirect=True)
def test_an_answer_that_is_cut_off_is_an_error(running: Running) -> None:
    server = server_of(running)
    running.source.search(Query(RARE))
    server.fail(cut(server.answer(server.requests[-1])), times=1000)
    with pytest.raises(ServiceError):
        running.source.search(Query(RARE))


@pytest.mark.parametrize("running", ON_THE_WIRE, indirect=True)
def test_a_failure_is_not_remembered(running: Running) -> None:
    server_of(running).fail(reply(200, "<!DOCTYPE html><html>Down</html>"))
    with pytest.raises(ServiceError):
        running.source.search(Query(RARE))
    assert running.source.search(Query(RARE)).papers[0].title == RARE_ONE.title


# What services send when they do not fail: every part of an answer is once missing, and once of another kind


@pytest.mark.parametrize("running", ON_THE_WIRE, indirect=True)
@pytest.mark.parametrize("asks", ["search", "papers"])
def test_a_gap_in_an_answer_is_tolerated_or_an_error_of_the_service(
    running: Running, wire: Damaging, asks: str
) -> None:
    def ask() -> tuple[Paper, ...]:
        if asks == "search":
            return running.source.search(Query(RARE, limit=1)).papers
        return running.source.papers([DPO.ids])

    assert len(ask()) == 1
    body = wire.last.body
    answered = 0
    for damaged in damaged_xml(body) if body.startswith(b"<?xml") else damaged_json(body):
        wire.damage(damaged)
        try:
            papers = ask()
        except ServiceError:
            papers = ()
        assert not wire.waits, "the damaged answer was not asked for"
        for paper in papers:
            sound(paper)
        answered += len(papers)
    assert answered > 10, "hardly a gap was tolerated"


# The other kinds of source


@pytest.mark.parametrize("running", CITATION_SOURCES, indirect=True)
def test_references_and_citations_are_two_sides_of_one_thing(running: Running) -> None:
    source = cast(CitationSource, running.source)
    cited = source.cited(DPO.ids, Direction.REFERENCES, 10)
    assert titles(tuple(one.paper for one in cited.citations)) == titles(REFERENCES[DPO.id])
    assert cited.complete
    assert cited.source == running.source.name
    citing = source.cited(PPO.ids, Direction.CITATIONS, 10)
    assert {one.paper.title for one in citing.citations} == {
        paper.title for paper in PAPERS if PPO in REFERENCES.get(paper.id, ())
    }


@pytest.mark.parametrize("running", CITATION_SOURCES, indirect=True)
def test_citations_beyond_the_limit_are_said_to_exist(running: Running) -> None:
    cited = cast(CitationSource, running.source).cited(PPO.ids, Direction.CITATIONS, 1)
    assert len(cited.citations) == 1
    assert not cited.complete


@pytest.mark.parametrize("running", CITATION_SOURCES, indirect=True)
def test_the_citations_of_an_unknown_paper_are_not_found(running: Running) -> None:
    with pytest.raises(NotFoundError):
        cast(CitationSource, running.source).cited(UNKNOWN, Direction.CITATIONS, 5)


@pytest.mark.parametrize("running", RECOMMENDERS, indirect=True)
def test_related_papers_are_others_and_keep_the_limit(running: Running) -> None:
    source = cast(Recommender, running.source)
    related = source.related(LORA.ids, 2)
    assert len(related) == 2
    assert LORA.title not in titles(related)
    with pytest.raises(NotFoundError):
        source.related(UNKNOWN, 2)


@pytest.mark.parametrize("running", RESOURCE_SOURCES, indirect=True)
def test_resources_come_by_use_and_keep_the_limit(running: Running) -> None:
    source = cast(ResourceSource, running.source)
    models = [one for one in source.resources(DPO.ids, 20) if one.kind == "model"]
    assert len(models) == 5
    assert [one.downloads for one in models] == sorted((one.downloads or 0 for one in models), reverse=True)
    assert all(one.url.startswith("https://") for one in models)
    assert len(source.resources(DPO.ids, 2)) == 2
    with pytest.raises(NotFoundError):
        source.resources(UNKNOWN, 2)


@pytest.mark.parametrize("running", SNIPPET_SOURCES, indirect=True)
def test_snippets_hold_what_was_asked_for(running: Running) -> None:
    source = cast(SnippetSource, running.source)
    snippets = source.snippets(Query("reward model", limit=1))
    assert len(snippets) == 1
    assert "reward" in snippets[0].text.lower()
    assert snippets[0].paper.title
    assert source.snippets(Query(NOTHING)) == ()
