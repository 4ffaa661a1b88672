"""The facade: many sources, some of which fail; filters that are not dropped silently; a library that works offline."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.literature.canonical_papers import COMMON, DPO, GRPO, INSTRUCT, LORA, PPO, RARE, UNKNOWN
from tests.servers.openalex_server import openalex_server
from tests.servers.replay import reply
from tests.servers.s2_server import s2_server

from labwright.contracts.errors import (
    NotFoundError,
    OfflineError,
    RateLimitedError,
    ServiceError,
    StorageError,
    UsageError,
)
from labwright.contracts.http import Service
from labwright.contracts.literature import (
    Citation,
    Cited,
    Direction,
    Document,
    Filter,
    LibraryEntry,
    Paper,
    PaperIds,
    Query,
    Reading,
    Reference,
    Resource,
    Section,
)
from labwright.http import Http, Patience
from labwright.ledger import Ledger
from labwright.literature.library import Library
from labwright.literature.literature import Literature, Sources
from labwright.literature.sources import FakeSource, OpenAlexSource, SemanticScholarSource

DOWN = ServiceError("it is down", where="https://api.example.org/", cure="come back later")
TEXT = Document(DPO.ids, DPO.title, DPO.abstract, (Section("1", "Introduction", 1, "Preferences are data."),))


def over(*sources: FakeSource, **more: object) -> Literature:
    """Everything is asked of these."""
    return Literature(Sources(sources, sources, sources, sources, sources), **more)  # type: ignore[arg-type]


def partly(paper: Paper, **fields: object) -> Paper:
    return replace(paper, **fields)  # type: ignore[arg-type]


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    ledger = Ledger.open(f"sqlite:///{tmp_path}/lab.db")
    yield Library(ledger, tmp_path / "objects")
    ledger.close()


class Broken(Library):
    """A library whose disk is full, or whose texts are damaged."""

    def keep(self, paper: Paper, document: Document | None, why: str) -> LibraryEntry:
        raise StorageError("the disk is full")

    def document(self, ids: PaperIds) -> Document | None:
        raise StorageError("the text is damaged")


# Search


def test_what_several_sources_find_is_merged_and_stands_first() -> None:
    bare = partly(DPO, ids=PaperIds(arxiv="2305.18290"), citations=None)
    arxiv = FakeSource([partly(LORA, citations=None), bare], name="arxiv")
    s2 = FakeSource([partly(DPO, ids=PaperIds(arxiv="2305.18290", corpus=7))], name="s2")
    found = over(arxiv, s2).search(Query(COMMON))
    assert [paper.title for paper in found.papers] == [DPO.title, LORA.title]
    assert found.papers[0].sources == ("arxiv", "s2")
    assert found.papers[0].citations == DPO.citations
    assert found.papers[0].ids.corpus == 7


def test_sources_are_asked_at_the_same_time() -> None:
    meet = threading.Barrier(2, timeout=120)

    class Waiting(FakeSource):
        def _asks(self, what: str) -> None:
            meet.wait()

    found = over(Waiting([DPO], name="a"), Waiting([LORA], name="b")).search(Query(COMMON))
    assert len(found.papers) == 2


def test_a_source_that_fails_is_named_and_the_others_answer() -> None:
    found = over(FakeSource(name="arxiv", fails=DOWN), FakeSource([DPO], name="s2")).search(Query(RARE))
    assert [paper.title for paper in found.papers] == [DPO.title]
    assert [failure.source for failure in found.failures] == ["arxiv"]
    assert "it is down" in found.failures[0].why
    assert "come back later" in found.failures[0].why


def test_where_all_sources_fail_the_error_says_what_each_said() -> None:
    limited = RateLimitedError("asks to wait until noon", cure="set a key")
    with pytest.raises(ServiceError, match=r"arxiv: it is down .*s2: asks to wait until noon") as raised:
        over(FakeSource(name="arxiv", fails=DOWN), FakeSource(name="s2", fails=limited)).search(Query(RARE))
    assert raised.value.cure == "come back later; set a key"


@pytest.mark.parametrize("kind", [RateLimitedError, OfflineError])
def test_where_all_sources_fail_alike_the_error_is_of_that_kind(kind: type[ServiceError]) -> None:
    with pytest.raises(kind):
        over(FakeSource(name="a", fails=kind("no")), FakeSource(name="b", fails=kind("no"))).search(Query(RARE))


def test_a_defect_of_our_own_is_not_taken_for_a_failure_of_the_source() -> None:
    class Defective(FakeSource):
        def _asks(self, what: str) -> None:
            raise KeyError("data")

    with pytest.raises(KeyError):
        over(Defective([DPO]), FakeSource([DPO], name="s2")).search(Query(RARE))


def test_only_the_sources_named_are_asked() -> None:
    a, b = FakeSource([DPO], name="a"), FakeSource([DPO], name="b")
    over(a, b).search(Query(RARE), ["b"])
    assert (a.asked, b.asked) == ([], [f"search: {RARE}"])


def test_a_source_that_does_not_exist_is_a_mistake_of_the_person() -> None:
    with pytest.raises(UsageError, match="there is no source 'scholar'") as raised:
        over(FakeSource(name="a"), FakeSource(name="b")).search(Query(RARE), ["a", "scholar"])
    assert raised.value.cure == "one of: a, b"


@pytest.mark.parametrize("query", [Query("  "), Query('""'), Query("x", limit=0), Query("x", since=2024, until=2020)])
def test_a_search_that_cannot_find_anything_is_a_mistake_of_the_person(query: Query) -> None:
    with pytest.raises(UsageError):
        over(FakeSource([DPO])).search(query)


def test_a_limit_holds_over_all_sources() -> None:
    found = over(FakeSource([DPO, LORA], name="a"), FakeSource([INSTRUCT, GRPO], name="b")).search(
        Query(COMMON, limit=3)
    )
    assert len(found.papers) == 3
    assert found.total == 2


def test_a_filter_that_a_source_lacks_is_applied_on_what_others_know_and_is_said() -> None:
    arxiv = FakeSource(
        [partly(DPO, citations=None), partly(GRPO, citations=None)], name="arxiv", lacks=[Filter.MIN_CITATIONS]
    )
    s2 = FakeSource([DPO, GRPO], name="s2", lacks=[Filter.MIN_CITATIONS])
    found = over(arxiv, s2).search(Query(COMMON, min_citations=5000))
    assert [paper.title for paper in found.papers] == [DPO.title]
    assert [(one.source, one.filter) for one in found.unapplied] == [
        ("arxiv", Filter.MIN_CITATIONS),
        ("s2", Filter.MIN_CITATIONS),
    ]
    assert all("checked here on its papers" in one.why for one in found.unapplied)


def test_papers_that_cannot_be_checked_stay_and_are_said() -> None:
    lacking = FakeSource([partly(DPO, citations=None), LORA], name="arxiv", lacks=[Filter.MIN_CITATIONS])
    found = over(lacking).search(Query(COMMON, min_citations=6000))
    assert {paper.title for paper in found.papers} == {DPO.title, LORA.title}
    assert "1 paper could not be checked here either" in found.unapplied[0].why


def test_papers_that_a_source_let_through_without_a_year_are_said() -> None:
    class Careless(FakeSource):
        def search(self, query: Query):  # type: ignore[no-untyped-def]
            return replace(super().search(query), unapplied=())

    found = over(Careless([partly(DPO, year=None, published=None)], name="x")).search(Query(RARE, since=2020))
    assert [(one.source, one.filter) for one in found.unapplied] == [("x", Filter.SINCE)]
    assert "year is not known" in found.unapplied[0].why


def test_a_library_is_searched_too_and_alone_where_nothing_else_answers(library: Library) -> None:
    library.keep(DPO, TEXT, "to read")
    found = over(FakeSource(name="arxiv", fails=OfflineError("not in the cache")), library=library).search(Query(RARE))
    assert [paper.title for paper in found.papers] == [DPO.title]
    assert [failure.source for failure in found.failures] == ["arxiv"]
    assert over(FakeSource(name="arxiv"), library=library).names == ("arxiv", "library")


@pytest.mark.parametrize("ask", [Literature.search, Literature.snippets])
def test_a_library_that_holds_nothing_of_it_does_not_hide_that_no_source_answered(
    library: Library, ask: Callable[..., object]
) -> None:
    silent = over(FakeSource(name="arxiv", fails=DOWN), FakeSource(name="s2", fails=DOWN), library=library)
    with pytest.raises(ServiceError, match=r"holds nothing that fits: arxiv: it is down .*; s2: it is down") as raised:
        ask(silent, Query(RARE))
    assert raised.value.cure == "come back later"
    ask(silent, Query(RARE), ["library"])  # who asks the library alone is answered


# One paper


def test_a_paper_is_described_by_every_source_also_under_ids_that_were_learned() -> None:
    by_sha = FakeSource([partly(DPO, ids=PaperIds(s2=DPO.ids.s2, arxiv="2305.18290"))], name="s2")
    hf = FakeSource([partly(DPO, ids=PaperIds(arxiv="2305.18290"), summary="In short.")], name="hf")
    paper = over(by_sha, hf).paper(PaperIds(s2=DPO.ids.s2))
    assert paper.sources == ("s2", "hf")
    assert paper.summary == "In short."


def test_an_unknown_paper_is_not_found_and_the_error_names_who_was_asked() -> None:
    with pytest.raises(NotFoundError, match=r"arxiv:2912.00001: no such paper; asked: a, b"):
        over(FakeSource([DPO], name="a"), FakeSource([LORA], name="b")).paper(UNKNOWN)


def test_a_paper_that_nobody_knows_while_a_source_is_down_may_exist() -> None:
    with pytest.raises(ServiceError, match=r"a: it is down .*b: does not know it") as raised:
        over(FakeSource(name="a", fails=DOWN), FakeSource(name="b")).paper(DPO.ids)
    assert not isinstance(raised.value, NotFoundError)
    with pytest.raises(OfflineError):
        over(FakeSource(name="a", fails=OfflineError("no")), FakeSource(name="b")).paper(DPO.ids)


def test_showing_a_paper_says_which_sources_failed() -> None:
    shown = over(FakeSource(name="a", fails=DOWN), FakeSource([DPO], name="b")).show(DPO.ids)
    assert [failure.source for failure in shown.failures] == ["a"]
    assert shown.papers[0].title == DPO.title


def test_several_papers_are_looked_up_and_unknown_ones_left_out() -> None:
    found = over(FakeSource([DPO, LORA, PPO], name="a"), FakeSource([LORA], name="b")).lookup(
        [LORA.ids, DPO.ids, UNKNOWN]
    )
    assert {paper.title for paper in found.papers} == {LORA.title, DPO.title}


# Reading


def test_what_was_read_is_kept_with_its_reason_and_read_from_the_library_the_next_time(library: Library) -> None:
    fetched: list[str] = []

    def read(paper: Paper) -> Document:
        fetched.append(paper.title)
        return TEXT

    source = FakeSource([DPO], name="arxiv")
    literature = over(source, read=read, library=library)
    first = literature.read(PaperIds(arxiv="2305.18290"), "it is the landmark")
    source.fails = OfflineError("not in the cache")
    second = literature.read(PaperIds(corpus=DPO.ids.corpus), "to compare")
    assert (first.from_library, second.from_library) == (False, True)
    assert fetched == [DPO.title]
    assert second.document == first.document
    entry = library.entry(DPO.ids)
    assert entry is not None
    assert "it is the landmark" in entry.why
    assert "to compare" in entry.why


def test_a_text_is_read_where_only_the_text_can_be_had() -> None:
    reading = over(FakeSource(name="s2", fails=DOWN), read=lambda _: TEXT).read(PaperIds(arxiv="2305.18290"))
    assert reading.paper.title == DPO.title
    assert "it is down" in reading.remarks[0]


def test_a_paper_without_an_arxiv_id_is_not_read_where_nobody_describes_it() -> None:
    with pytest.raises(ServiceError, match="it is down"):
        over(FakeSource(name="s2", fails=DOWN), read=lambda _: TEXT).read(PaperIds(doi="10.1/x"))


def test_a_text_that_cannot_be_kept_is_read_all_the_same(tmp_path: Path) -> None:
    broken = Broken(Ledger.open(f"sqlite:///{tmp_path}/lab.db"), tmp_path / "objects")
    reading = over(FakeSource([DPO]), read=lambda _: TEXT, library=broken).read(DPO.ids, "why")
    assert reading.document == TEXT
    assert "the disk is full" in reading.remarks[0]


def test_a_kept_text_that_is_damaged_is_fetched_again(tmp_path: Path) -> None:
    ledger = Ledger.open(f"sqlite:///{tmp_path}/lab.db")
    Library(ledger, tmp_path / "objects").keep(DPO, TEXT, "")
    broken = Broken(ledger, tmp_path / "objects")
    reading = over(FakeSource(name="a", fails=DOWN), read=lambda _: TEXT, library=broken).read(DPO.ids)
    assert reading.document == TEXT
    assert "the text is damaged" in reading.remarks[0]


def test_without_a_reader_only_the_library_is_read(library: Library) -> None:
    with pytest.raises(NotFoundError, match="does not hold the text"):
        over(FakeSource([DPO]), library=library).read(DPO.ids)


def test_what_the_reader_cannot_have_is_its_error() -> None:
    def read(paper: Paper) -> Document:
        raise DOWN

    with pytest.raises(ServiceError, match="it is down"):
        over(FakeSource([DPO]), read=read).read(DPO.ids)


# Citations


def test_citations_come_from_the_first_source_that_answers() -> None:
    first = FakeSource([DPO, PPO], name="s2", references={DPO.id: [Citation(PPO, ("as in [1]",))]})
    second = FakeSource([DPO], name="openalex")
    cited = over(first, second).cited(DPO.ids, Direction.REFERENCES, 5)
    assert (cited.source, cited.failures) == ("s2", ())
    assert cited.citations[0].contexts == ("as in [1]",)
    assert second.asked == []


def test_citations_come_from_the_next_source_where_one_fails_and_it_is_said() -> None:
    first = FakeSource(name="s2", fails=DOWN)
    second = FakeSource([DPO, PPO], name="openalex", references={DPO.id: [Citation(PPO)]})
    cited = over(first, second).cited(DPO.ids, Direction.REFERENCES, 5)
    assert cited.source == "openalex"
    assert [failure.source for failure in cited.failures] == ["s2"]


def test_references_that_one_source_does_not_have_come_from_the_next() -> None:
    first = FakeSource([DPO], name="s2")
    second = FakeSource([DPO, PPO], name="openalex", references={DPO.id: [Citation(PPO)]})
    cited = over(first, second).cited(DPO.ids, Direction.REFERENCES, 5)
    assert cited.source == "openalex"
    assert "no references" in cited.failures[0].why


def test_references_come_from_the_librarys_text_where_no_source_has_them(library: Library) -> None:
    entries = (
        Reference("[1]", "J. Schulman et al. PPO.", PPO.ids, PPO.title),
        Reference("[2]", "E. Hu et al.", PaperIds(), LORA.title),
        Reference("[3]", "personal communication"),
    )
    library.keep(DPO, replace(TEXT, references=entries), "")
    literature = over(FakeSource(name="s2", fails=OfflineError("offline")), library=library)
    cited = literature.cited(DPO.ids, Direction.REFERENCES, 5)
    assert [one.paper.title for one in cited.citations] == [PPO.title, LORA.title]
    assert (cited.source, cited.total, cited.complete) == ("library", 3, False)
    assert [failure.source for failure in cited.failures] == ["s2"]
    with pytest.raises(OfflineError):
        literature.cited(DPO.ids, Direction.CITATIONS, 5)


ENTRIES = (
    Reference("[1]", "J. Schulman. Proximal policy optimization algorithms. 2017.", title=PPO.title.lower()),
    Reference("[2]", "E. Hu et al. 2021.", LORA.ids, LORA.title, by="link"),
    Reference("[3]", "A report that nobody lists.", title="A report that nobody lists"),
)


def test_a_text_that_is_fetched_gets_ids_for_its_references_by_one_question_and_keeps_them(library: Library) -> None:
    s2 = FakeSource([DPO, PPO], name="s2", references={DPO.id: [Citation(PPO)]})
    literature = over(s2, read=lambda _: replace(TEXT, references=ENTRIES), library=library)
    found = literature.read(DPO.ids)
    assert [entry.ids.arxiv for entry in found.document.references] == [PPO.ids.arxiv, LORA.ids.arxiv, None]
    assert [entry.by for entry in found.document.references] == ["title", "link", ""]
    assert any("1 reference without an id" in remark for remark in found.remarks)
    assert s2.asked.count(f"references: {DPO.ids.key}") == 1
    asked = list(s2.asked)
    again = literature.read(DPO.ids)
    assert (again.document, again.remarks, s2.asked) == (found.document, (), asked)


def test_references_that_could_not_be_looked_up_are_when_they_are_asked_for(library: Library) -> None:
    s2 = FakeSource([DPO, PPO], name="s2", references={DPO.id: [Citation(PPO)]}, fails=DOWN)
    arxiv = FakeSource([DPO], name="arxiv")
    sources = Sources((arxiv, s2), (s2,))
    literature = Literature(sources, read=lambda _: replace(TEXT, references=ENTRIES), library=library)
    first = literature.read(DPO.ids)
    assert "2 references without an id: not looked up: s2: it did not answer a moment ago" in first.remarks
    assert not any(asked.startswith("references") for asked in s2.asked)  # its silence was not waited for twice
    assert any("it is down" in remark for remark in literature.resolved(literature.read(DPO.ids)).remarks)
    s2.fails = None
    found = literature.resolved(literature.read(DPO.ids))
    assert [entry.ids.arxiv for entry in found.document.references] == [PPO.ids.arxiv, LORA.ids.arxiv, None]
    assert literature.read(DPO.ids).document == found.document


def test_a_paper_that_was_kept_since_gives_its_id_to_whoever_cites_it_offline(library: Library) -> None:
    library.keep(DPO, replace(TEXT, references=ENTRIES), "")
    offline = over(FakeSource(name="s2", fails=OfflineError("offline")), library=library)
    assert [bool(entry.ids.key) for entry in offline.read(DPO.ids).document.references] == [False, True, False]
    library.keep(PPO, None, "")
    found = offline.read(DPO.ids)
    assert [entry.ids.arxiv for entry in found.document.references] == [PPO.ids.arxiv, LORA.ids.arxiv, None]
    assert library.document(DPO.ids) == found.document and found.remarks == ()


def test_a_bibliography_whose_entries_all_have_ids_costs_no_question() -> None:
    s2 = FakeSource([DPO], name="s2")
    text = replace(TEXT, references=(Reference("[1]", "PPO", PPO.ids),))
    reading = Reading(DPO, text, from_library=False)
    assert over(s2).resolved(reading) is reading and s2.asked == []


def test_that_nobody_cites_a_paper_is_an_answer() -> None:
    second = FakeSource([DPO], name="openalex")
    cited = over(FakeSource([DPO], name="s2"), second).cited(DPO.ids, Direction.CITATIONS, 5)
    assert (cited.citations, cited.complete, cited.source) == ((), True, "s2")
    assert second.asked == []


def test_a_paper_is_asked_for_again_under_the_ids_that_others_know() -> None:
    describes = FakeSource([partly(DPO, ids=PaperIds(openalex="W1", arxiv="2305.18290"))], name="openalex")
    cites = FakeSource(
        [partly(DPO, ids=PaperIds(arxiv="2305.18290")), PPO],
        name="s2",
        references={"arxiv:2305.18290": [Citation(PPO)]},
    )
    literature = Literature(Sources(papers=(describes,), citations=(cites,)))
    assert literature.cited(PaperIds(openalex="W1"), Direction.REFERENCES, 5).citations[0].paper.title == PPO.title


def test_the_ids_that_the_library_knows_are_used(library: Library) -> None:
    library.keep(DPO, None, "")
    cites = FakeSource([partly(DPO, ids=PaperIds(openalex=DPO.ids.openalex)), PPO], name="openalex")
    literature = Literature(Sources(citations=(cites,)), library=library)
    assert literature.cited(PaperIds(arxiv="2305.18290"), Direction.CITATIONS, 5).source == "openalex"


def test_the_citations_of_an_unknown_paper_are_not_found_and_the_error_names_who_was_asked() -> None:
    with pytest.raises(NotFoundError, match=r"s2: .*; openalex: "):
        over(FakeSource([DPO], name="s2"), FakeSource([DPO], name="openalex")).cited(UNKNOWN, Direction.CITATIONS, 5)


def test_citations_that_nobody_can_give_now_are_an_error_that_lists_all() -> None:
    limited = RateLimitedError("wait")
    with pytest.raises(ServiceError, match=r"s2: it is down .*openalex: wait"):
        over(FakeSource(name="s2", fails=DOWN), FakeSource(name="openalex", fails=limited)).cited(
            DPO.ids, Direction.CITATIONS, 5
        )


def test_hidden_references_come_from_openalex_over_the_wire(tmp_path: Path) -> None:
    with (
        Http(tmp_path, patience=Patience.hurried()) as http,
        s2_server(hidden=[DPO.id]) as first,
        openalex_server() as second,
    ):
        s2 = SemanticScholarSource(http, Service("semantic-scholar", first.url))
        openalex = OpenAlexSource(http, Service("openalex", second.url))
        literature = Literature(Sources(papers=(s2, openalex), citations=(s2, openalex)))
        hidden = literature.cited(DPO.ids, Direction.REFERENCES, 5)
        first.fail(reply(429, {"message": "Too Many Requests", "code": "429"}), times=100)
        limited = literature.cited(PPO.ids, Direction.CITATIONS, 5)
    assert {one.paper.title for one in hidden.citations} == {PPO.title, INSTRUCT.title}
    assert (hidden.source, hidden.failures[0].source) == ("openalex", "s2")
    assert (limited.source, limited.failures[0].source, len(limited.citations)) == ("openalex", "s2", 3)


# Related papers, resources, snippets


def test_related_papers_of_several_sources_are_ranked_together_without_the_paper_itself() -> None:
    found = over(FakeSource([DPO, PPO, GRPO], name="a"), FakeSource([DPO, GRPO], name="b")).related(DPO.ids, 5)
    assert found.papers[0].title == GRPO.title
    assert DPO.title not in {paper.title for paper in found.papers}


def test_resources_of_several_sources_are_one_list_by_use() -> None:
    one = Resource("model", "org/M", "https://huggingface.co/org/M", None, 5)
    same = Resource("model", "org/m", "https://huggingface.co/org/m", 10)
    data = Resource("dataset", "org/d", "https://huggingface.co/datasets/org/d", 700)
    first = FakeSource([DPO], name="hf", resources={DPO.id: [one]})
    second = FakeSource([DPO], name="x", resources={DPO.id: [same, data]})
    linked = over(first, second, FakeSource(name="y", fails=DOWN)).resources(DPO.ids)
    assert [(each.id, each.downloads, each.likes) for each in linked.resources] == [
        ("org/d", 700, None),
        ("org/M", 10, 5),
    ]
    assert [failure.source for failure in linked.failures] == ["y"]


def test_resources_and_related_papers_are_asked_for_again_under_the_ids_that_others_know() -> None:
    describes = FakeSource([partly(DPO, ids=PaperIds(doi="10.1/dpo", arxiv="2305.18290"))], name="openalex")
    bare = partly(DPO, ids=PaperIds(arxiv="2305.18290"))
    hub = FakeSource([bare, PPO], name="hf", resources={bare.id: [Resource("model", "org/m", "https://x", 1)]})
    literature = Literature(Sources(papers=(describes,), resources=(hub,), recommenders=(hub,)))
    assert [one.id for one in literature.resources(PaperIds(doi="10.1/dpo")).resources] == ["org/m"]
    assert literature.related(PaperIds(doi="10.1/dpo")).papers[0].title == PPO.title


def test_without_anybody_who_knows_the_paper_there_are_no_resources() -> None:
    with pytest.raises(NotFoundError):
        over(FakeSource([LORA], name="hf")).resources(DPO.ids)


def test_passages_of_several_sources_are_dealt_out_in_turn_once_each_and_filtered() -> None:
    first = FakeSource([DPO, INSTRUCT, PPO], name="s2")  # the last is too old
    second = FakeSource([DPO, GRPO], name="library")
    passages = over(first, second, FakeSource(name="x", fails=DOWN)).snippets(Query("l", since=2022))
    assert [snippet.paper.title for snippet in passages.snippets] == [DPO.title, INSTRUCT.title, GRPO.title]
    assert [failure.source for failure in passages.failures] == ["x"]


def test_a_passage_whose_paper_cannot_be_checked_is_said() -> None:
    passages = over(FakeSource([partly(DPO, citations=None)], name="s2")).snippets(
        Query("preferences", min_citations=5)
    )
    assert [(one.source, one.filter) for one in passages.unapplied] == [("s2", Filter.MIN_CITATIONS)]


def test_nobody_to_ask_is_said() -> None:
    with pytest.raises(ServiceError, match="there is no source to ask"):
        Literature(Sources()).search(Query("x"))
    assert isinstance(over(FakeSource([DPO])).cited(DPO.ids, Direction.CITATIONS, 1), Cited)
