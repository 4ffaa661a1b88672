"""The walk follows citations nearest first, ends on any graph, keeps to its budget, and says what it left out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.literature.canonical_papers import DPO, GRPO, INSTRUCT, PPO
from tests.literature.graph.worlds import named, paper, source
from tests.servers.replay import reply
from tests.servers.s2_server import s2_server

from labwright.contracts.errors import (
    NotFoundError,
    OfflineError,
    RateLimitedError,
    ServiceError,
    UsageError,
)
from labwright.contracts.literature import Citation, Cited, Direction, Failure, Paper, PaperIds
from labwright.http import Http, services
from labwright.literature.graph import Graph, Side, Step, walk
from labwright.literature.sources import SemanticScholarSource
from labwright.literature.sources.fake import FakeSource

A, B, C, D, E = (paper(name) for name in "abcde")


def pairs(graph: Graph) -> set[tuple[str, str]]:
    names = named(graph.papers)
    return {(names[edge.citing], names[edge.cited]) for edge in graph.edges}


def test_papers_are_found_both_ways_and_stand_by_their_distance() -> None:
    known = source([A, B, C, D, E], {"a": ["b"], "b": ["c"], "c": ["d"], "e": ["a"]})
    graph = walk([A], known.cited, depth=2)
    assert named(graph.papers)[0] == "a" and graph.seeds == 1
    assert dict(zip(named(graph.papers), graph.distances, strict=True)) == {"a": 0, "b": 1, "e": 1, "c": 2}
    assert pairs(graph) == {("a", "b"), ("b", "c"), ("e", "a")}
    assert graph.unfollowed == () and graph.partial == () and graph.troubles == ()


def test_a_circle_of_citations_is_walked_once() -> None:
    known = source([A, B, C], {"a": ["b", "a"], "b": ["c"], "c": ["a"]})
    graph = walk([A], known.cited, depth=9)
    assert pairs(graph) == {("a", "b"), ("b", "c"), ("c", "a")}  # and nobody cites himself
    assert graph.asked == 6 and len(known.asked) == 6


def test_the_budget_is_kept_and_what_it_left_is_named() -> None:
    many = [paper(f"p{n}") for n in range(30)]
    known = source([A, *many], {"a": [f"p{n}" for n in range(30)]})
    graph = walk([A], known.cited, requests=7)
    assert graph.asked == 7 and len(known.asked) == 7
    assert len(graph.unfollowed) == 62 - 7
    assert Side(0, Direction.CITATIONS) not in graph.unfollowed  # those begun with come first


def test_the_most_promising_of_a_distance_is_followed_first() -> None:
    famous, tied, plain = paper("famous", citations=9000), paper("tied", citations=0), paper("plain", citations=0)
    told = Citation(tied, intents=("methodology",), influential=True)
    known = source([A, plain, famous, tied], {"a": [Citation(plain), Citation(famous), told]})
    walk([A], known.cited, requests=6)
    assert known.asked[2:] == [
        "references: local:tied",
        "citations: local:tied",
        "references: local:famous",
        "citations: local:famous",
    ]


def test_a_deep_walk_reaches_every_distance_with_a_small_budget() -> None:
    near = [paper(f"n{n}") for n in range(20)]
    far = [paper(f"f{n}") for n in range(20)]
    cites = {"a": [p.ids.local or "" for p in near]} | {f"n{n}": [f"f{n}"] for n in range(20)}
    known = source([A, *near, *far], cites)
    graph = walk([A], known.cited, depth=3, requests=12)
    followed = {each.split("local:")[1][0] for each in known.asked}
    assert followed == {"a", "n", "f"} and graph.asked == 12


def test_what_one_distance_leaves_of_the_budget_serves_another() -> None:
    near = [paper(f"n{n}") for n in range(10)]
    known = source([A, *near], {"a": [p.ids.local or "" for p in near]})
    graph = walk([A], known.cited, depth=4, requests=22)
    assert graph.asked == 22 and graph.unfollowed == ()


def test_of_a_long_list_the_best_are_kept_and_ties_among_known_papers_all() -> None:
    crowd = [paper(f"p{n}", citations=n) for n in range(50)]
    known = source([A, B, *crowd], {"a": [f"p{n}" for n in range(50)], "b": [f"p{n}" for n in range(50)]})
    graph = walk([A, B], known.cited, per_paper=10, depth=1)
    assert set(named(graph.papers)) == {"a", "b"} | {f"p{n}" for n in range(30, 50)}
    assert {("b", "p49"), ("b", "p40")} <= pairs(graph)
    assert Side(0, Direction.REFERENCES) in graph.partial


def test_descriptions_of_one_paper_under_several_ids_become_one() -> None:
    by_sha = Paper(PaperIds(s2="1" * 40), "A study of sorting numbers by preference", ("Ann Author",), 2021)
    by_doi = replace(by_sha, ids=PaperIds(doi="10.1/x"), citations=7)
    both = replace(by_sha, ids=PaperIds(s2="1" * 40, doi="10.1/x", arxiv="2101.00001"), title="Sorting")
    answers = {
        ("local:a", Direction.REFERENCES): [Citation(replace(by_sha, title="Sorting by preference, extended"))],
        ("local:a", Direction.CITATIONS): [Citation(by_doi, intents=("result",))],
    }

    def cited(ids: PaperIds, direction: Direction, limit: int) -> Cited:
        known = answers.get((ids.key, direction))
        return Cited(tuple(known if known is not None else [Citation(both)] if "s2" in ids.key else []))

    graph = walk([A], cited, depth=2)
    assert len(graph.papers) == 2
    assert graph.papers[1].ids == PaperIds(s2="1" * 40, doi="10.1/x", arxiv="2101.00001")
    assert graph.papers[1].citations == 7
    assert {(edge.citing, edge.cited, edge.intents) for edge in graph.edges} == {(0, 1, ()), (1, 0, ("result",))}


def test_papers_without_any_id_are_kept_once_and_not_followed() -> None:
    nameless = Paper(PaperIds(), "Lecture notes", year=1999)
    known = FakeSource([A], references={A.id: [Citation(nameless), Citation(nameless), Citation(B)]})
    graph = walk([A], known.cited, depth=2)
    assert [each.title for each in graph.papers].count("Lecture notes") == 1
    assert all("Lecture" not in asked and not asked.endswith(": ") for asked in known.asked)


def test_both_ends_of_a_citation_say_how_it_is_made() -> None:
    def cited(ids: PaperIds, direction: Direction, limit: int) -> Cited:
        if ids.key == "local:a" and direction is Direction.REFERENCES:
            return Cited((Citation(B, ("We use b.",), ("methodology",)),))
        if ids.key == "local:b" and direction is Direction.CITATIONS:
            return Cited((Citation(A, ("b is good.",), ("background",), influential=True),))
        return Cited(())

    (edge,) = walk([A], cited).edges
    assert edge.contexts == ("We use b.", "b is good.")
    assert edge.intents == ("methodology", "background") and edge.influential


def test_a_question_that_fails_costs_its_answer_and_is_named() -> None:
    known = source([A, B, C], {"a": ["b", "c"]})

    def cited(ids: PaperIds, direction: Direction, limit: int) -> Cited:
        if ids == B.ids:
            raise NotFoundError("no such paper", where="b")
        answer = known.cited(ids, direction, limit)
        return replace(answer, failures=(Failure("s2", "busy"),)) if ids == C.ids else answer

    graph = walk([A], cited)
    troubles = {
        (named([graph.papers[each.side.paper]])[0], each.side.direction.value, each.answered): each.failure.why
        for each in graph.troubles
    }
    assert troubles == {
        ("b", "references", False): "b: no such paper",
        ("b", "citations", False): "b: no such paper",
        ("c", "references", False): "busy",
        ("c", "citations", True): "busy",
    }
    assert graph.stopped == ""


def test_services_that_fail_again_and_again_are_left_alone() -> None:
    many = [paper(f"p{n}") for n in range(30)]
    known = source([A, *many], {"a": [f"p{n}" for n in range(30)]})

    def cited(ids: PaperIds, direction: Direction, limit: int) -> Cited:
        if ids != A.ids:
            known.asked.append("refused")
            raise RateLimitedError("come back tomorrow")
        return known.cited(ids, direction, limit)

    graph = walk([A], cited)
    assert known.asked.count("refused") == 4
    assert "come back tomorrow" in graph.stopped and len(graph.papers) == 31 and graph.unfollowed


@pytest.mark.parametrize("kind", [NotFoundError, RateLimitedError, OfflineError, ServiceError])
def test_a_walk_of_which_nothing_is_answered_is_an_error_of_that_kind(kind: type[ServiceError]) -> None:
    with pytest.raises(kind, match="no citation could be fetched: gone") as caught:
        walk([A], FakeSource([A], fails=kind("gone", cure="wait")).cited)
    assert type(caught.value) is kind and caught.value.cure == "wait"


def test_a_paper_that_nobody_cites_is_a_graph_of_its_own() -> None:
    graph = walk([A], source([A], {}).cited)
    assert graph.papers == (A,) or graph.papers[0].ids == A.ids
    assert graph.edges == () and graph.asked == 2


@pytest.mark.parametrize("wrong", [{"depth": 0}, {"requests": 0}, {"per_paper": 0}])
def test_a_walk_of_nothing_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(UsageError):
        walk([A], source([A], {}).cited, **wrong)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="needs a paper"):
        walk([], source([A], {}).cited)


def test_every_question_is_told_before_it_is_asked() -> None:
    steps: list[Step] = []
    known = source([A, B], {"a": ["b"]})
    walk([A], known.cited, depth=1, requests=5, told=steps.append)
    assert [(step.number, step.of, step.direction) for step in steps] == [
        (1, 5, Direction.REFERENCES),
        (2, 5, Direction.CITATIONS),
    ]
    assert steps[0].paper.title == A.title


def test_a_larger_budget_goes_on_where_the_cache_ends_and_then_everything_is_there_offline(tmp_path: Path) -> None:
    with s2_server() as server, Http(tmp_path) as http:
        service = replace(services.semantic_scholar(server.url), interval_s=0.0)
        known = SemanticScholarSource(http, service)
        walk([DPO], known.cited, requests=4)
        first = [each.path for each in server.requests]
        graph = walk([DPO], known.cited, requests=7)
        assert [each.path for each in server.requests][: len(first)] == first
        assert len(server.requests) == 7 == graph.asked  # four of them were answered from the cache
        assert {each.id for each in graph.papers} >= {DPO.id, PPO.id, INSTRUCT.id, GRPO.id}
        with Http(tmp_path, offline=True) as offline:
            again = walk([DPO], SemanticScholarSource(offline, service).cited, requests=7)
            assert again == graph and len(server.requests) == 7
            beyond = walk([DPO], SemanticScholarSource(offline, service).cited, requests=30)
            assert beyond.stopped == "" and any("offline" in each.failure.why for each in beyond.troubles)


def test_a_server_that_sends_nonsense_in_between_loses_that_answer_only(tmp_path: Path) -> None:
    with s2_server() as server, Http(tmp_path) as http:
        known = SemanticScholarSource(http, replace(services.semantic_scholar(server.url), interval_s=0.0))
        server.fail(reply(200, {"data": [None, {"citedPaper": None}, {"citedPaper": {"title": 7}}]}))
        graph = walk([DPO], known.cited, depth=1)
        assert [each.id for each in graph.papers] == [DPO.id, GRPO.id]
