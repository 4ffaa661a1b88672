"""The library in the ledger: what its events add up to, and how its index is asked."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.ledger import ledger_samples as samples
from tests.servers.ledger_places import FreshLedger, rows_of

from labwright.contracts.errors import StorageError
from labwright.contracts.events import LibraryEvent, NoteTaken, PaperKept, PaperNoted
from labwright.contracts.literature import Paper, PaperIds, Query
from labwright.ledger import Ledger, library_search
from labwright.ledger.library_projection import names_of


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Ledger]:
    with Ledger.open(ledger_url) as opened:
        yield opened


def found(ledger: Ledger, text: str, **filters: int) -> list[str]:
    return [paper.title for paper in ledger.search_papers(Query(text, **filters)).papers]


def test_papers_that_turn_out_to_be_one_become_one_entry_with_everything_said_of_both(ledger: Ledger) -> None:
    ledger.record_many(None, samples.library_history())
    under = [ledger.papers_named([PaperIds(arxiv=f"2301.0000{n}")]) for n in (1, 2)]
    assert under[0] == under[1] == ledger.papers_named([PaperIds(doi="10.1000/Sorting")])
    (one,) = under[0]
    assert one.key == "arxiv:2301.00002"
    assert one.entry.why == "for the base\ncompared"
    assert one.entry.notes == ("table 2 has the learning rate", "the same as the other?")
    assert one.entry.added_at == 2000.0
    assert found(ledger, "sorting") == ["Sorting it by losses"]
    assert found(ledger, "learning rate") == ["Sorting it by losses"], "notes are searched"
    assert found(ledger, "ablation") == ["Adapters, revisited"], "and the reasons"


def test_a_paper_is_found_under_every_name_that_it_ever_had(ledger: Ledger) -> None:
    ledger.record(None, samples.kept("2301.00003", "Adapters", doi="10.1000/first"))
    ledger.record(None, samples.kept("2301.00003", "Adapters", doi="10.1000/second"))
    for ids in (PaperIds(doi="10.1000/first"), PaperIds(doi="10.1000/second"), PaperIds(arxiv="2301.00003")):
        assert [kept.entry.paper.title for kept in ledger.papers_named([ids])] == ["Adapters"]
    assert ledger.papers_named([PaperIds(doi="10.48550/arXiv.2301.00003")]), "an arXiv id written as a DOI"
    assert ledger.papers_named([PaperIds()]) == ledger.papers_named([]) == ()


def test_a_name_stays_with_the_paper_that_had_it_first(ledger: Ledger) -> None:
    ledger.record(None, samples.kept("2301.00001", "First", doi="10.1000/shared"))
    ledger.record(None, samples.kept("2301.00002", "Second", doi="10.1000/shared"))
    assert [kept.entry.paper.title for kept in ledger.papers_named([PaperIds(doi="10.1000/shared")])] == ["First"]


@pytest.mark.parametrize(
    "event",
    [
        PaperNoted("arxiv:9999.00001", "of nothing"),
        samples.kept("2301.00001", "Sorting", also=("arxiv:9999.00001",)),
        samples.kept("2301.00001", "Sorting", also=("arxiv:2301.00001",)),
    ],
)
def test_what_contradicts_the_library_is_refused_and_leaves_nothing(
    ledger: Ledger, ledger_url: str, event: LibraryEvent
) -> None:
    ledger.record(None, samples.kept("2301.00001", "Sorting"))
    before, count = samples.state_rows(ledger_url), len(ledger.events())
    with pytest.raises(StorageError, match=r"no (other )?paper"):
        ledger.record(None, event)
    assert (samples.state_rows(ledger_url), len(ledger.events())) == (before, count)


def test_an_event_of_the_library_is_refused_in_a_study(ledger: Ledger) -> None:
    ledger.record("s-1", samples.created())
    with pytest.raises(StorageError, match="belongs to no study"):
        ledger.record("s-1", samples.kept("2301.00001", "Sorting"))


def test_a_replay_keeps_the_texts_in_the_index_and_drops_what_is_no_paper(ledger: Ledger, ledger_url: str) -> None:
    ledger.record_many(None, samples.library_history())
    with ledger.deciding() as decision:
        decision.index_text("arxiv:2301.00002", "ab" * 32, "zymurgy in the appendix")
    before = samples.state_rows(ledger_url)
    nobody = "(rowid, title, authors, abstract, body, notes) VALUES (999, 'nobody', '', '', '', '')"
    rows_of(ledger_url, f"INSERT INTO paper_search {nobody}")
    ledger.rebuild(None)
    assert samples.state_rows(ledger_url) == before
    assert found(ledger, "zymurgy") == ["Sorting it by losses"]


def plausible_events() -> st.SearchStrategy[tuple[float, LibraryEvent]]:
    """Anything that may happen to three papers, in no order that makes sense."""
    number, doi = st.sampled_from(["2301.00001", "2301.00002", "2301.00003"]), st.none() | st.just("10.1000/x")
    keys = st.lists(number.map(lambda arxiv: f"arxiv:{arxiv}"), max_size=1).map(tuple)
    title, why = st.sampled_from(["Sorting", "Adapters"]), st.sampled_from(["", "why", "because"])
    keeping = st.builds(samples.kept, number, title, why, also=keys, doi=doi)
    noting = st.builds(PaperNoted, number.map(lambda arxiv: f"arxiv:{arxiv}"), st.sampled_from(["a", "b\nc"]))
    return st.tuples(st.floats(0, 1000), st.one_of(keeping, noting))


def rebuilds_to_the_same_state(ledger_url: str, history: list[tuple[float, LibraryEvent]]) -> None:
    with Ledger.open(ledger_url) as ledger:
        for at, event in history:
            try:
                ledger.record(None, event, at=at)
            except StorageError:  # it contradicts what is there, and must leave no trace
                continue
        before = samples.state_rows(ledger_url)
        ledger.rebuild(None)
        assert samples.state_rows(ledger_url) == before


@given(history=st.lists(plausible_events(), max_size=20))
@settings(max_examples=25, deadline=None)
def test_any_order_of_the_library_s_events_rebuilds_to_the_same_state(
    sqlite_ledger: FreshLedger, history: list[tuple[float, LibraryEvent]]
) -> None:
    with sqlite_ledger() as url:
        rebuilds_to_the_same_state(url, history)


@given(history=st.lists(plausible_events(), min_size=10, max_size=20))
@settings(max_examples=5, deadline=None)
def test_any_order_of_the_library_s_events_rebuilds_to_the_same_state_on_postgresql_too(
    postgres_ledger: FreshLedger, history: list[tuple[float, LibraryEvent]]
) -> None:
    with postgres_ledger() as url:
        rebuilds_to_the_same_state(url, history)


# Searching


def test_titles_count_most_and_forms_of_a_word_are_one_word(ledger: Ledger) -> None:
    ledger.record(None, samples.kept("2301.00001", "Something else", "it reports on preferences"))
    ledger.record(None, samples.kept("2301.00002", "Naïve preference optimisation"))
    assert found(ledger, "preference") == ["Naïve preference optimisation", "Something else"]
    assert found(ledger, "Preferences optimising") == ["Naïve preference optimisation"]
    assert found(ledger, "naive") == ["Naïve preference optimisation"]


HOSTILE = [
    '"', '""', '"unbalanced', "'", "a AND", "OR", "NOT", "NEAR(", "NEAR(a b, 3)", "title:", "title: sorting", "-", "--",
    "-sorting", "sorting*", "*", "^sorting", "(", ")", "((((", "{}", "a + b", "sorting; DROP TABLE papers", "%", "_",
    "\x00", "a\x00b", "\ud800", "sorting\ud800", "\\", "“sorting”", "…", "🙂", "排序", "a" * 10_000, "w " * 5_000,
    '"' * 999, "%s", ":question", "?", "rank", "paper_search", "\n\t",
]  # fmt: skip


def test_whatever_is_searched_for_is_taken_as_words(ledger: Ledger) -> None:
    ledger.record(None, samples.kept("2301.00001", "Sorting by loss"))
    for text in HOSTILE:
        expected = ["Sorting by loss"] if "sorting" in text else []
        assert found(ledger, text) == expected, ascii(text)[:40]
        assert len(ledger.marked_papers(Query(text))) == len(expected), ascii(text)[:40]


@given(text=st.text(max_size=60))
@settings(max_examples=60, deadline=None)
def test_no_text_is_an_error(text: str) -> None:
    with sqlite3.connect(":memory:") as raw:
        raw.execute("CREATE VIRTUAL TABLE t USING fts5(x, tokenize = 'porter unicode61 remove_diacritics 2')")
        words = library_search.words_of(text)
        if words:
            raw.execute("SELECT count(*) FROM t WHERE t MATCH ?", [library_search.fts5(words)]).fetchall()


def test_a_phrase_must_stand_as_it_is(ledger: Ledger) -> None:
    ledger.record(None, samples.kept("2301.00001", "Chain of thought"))
    ledger.record(None, samples.kept("2301.00002", "A thought on the chain of command"))
    assert found(ledger, '"chain of thought"') == ["Chain of thought"]
    assert sorted(found(ledger, "chain thought")) == ["A thought on the chain of command", "Chain of thought"]
    assert found(ledger, '"chain of thought" command') == ["Chain of thought"], (
        "the phrase has to be there, the word may"
    )
    assert found(ledger, '"chain of justice" thought') == []


def test_where_no_paper_has_all_words_those_with_some_are_found(ledger: Ledger) -> None:
    ledger.record(None, samples.kept("2301.00001", "Sorting by loss"))
    ledger.record(None, samples.kept("2301.00002", "Adapters"))
    assert found(ledger, "sorting zymurgy") == ["Sorting by loss"]
    assert sorted(found(ledger, "sorting adapters quokka")) == ["Adapters", "Sorting by loss"]
    assert found(ledger, "zymurgy quokka") == []
    assert found(ledger, "the of") == [], "words that say nothing are looked for where there are no others"


def test_filters_let_pass_what_nobody_knows(ledger: Ledger) -> None:
    for number, (year, citations) in enumerate([(2020, 5), (2024, 50), (None, 50), (2024, None)]):
        paper = Paper(PaperIds(corpus=number), f"Sorting {number}", year=year, citations=citations)
        ledger.record(None, PaperKept(f"corpus:{number}", paper, ""))
    assert sorted(found(ledger, "sorting", since=2024)) == ["Sorting 1", "Sorting 2", "Sorting 3"]
    assert sorted(found(ledger, "sorting", until=2020)) == ["Sorting 0", "Sorting 2"]
    assert sorted(found(ledger, "sorting", min_citations=50)) == ["Sorting 1", "Sorting 2", "Sorting 3"]
    assert [e.paper.title for e in ledger.library_entries(Query("", until=2020))] == ["Sorting 2", "Sorting 0"]
    assert ledger.count_papers(Query("", since=2024, min_citations=51)) == 1


def test_the_total_is_said_where_the_limit_leaves_some_out(ledger: Ledger) -> None:
    for number in range(5):
        ledger.record(None, samples.kept(f"2301.0000{number}", f"Sorting {number}"))
    assert [ledger.search_papers(Query("sorting", limit=limit)).total for limit in (2, 5, 9)] == [5, 5, 5]
    assert ledger.search_papers(Query("sorting zymurgy", limit=2)).total is None, "these are not what was asked for"


def test_what_was_found_is_marked_in_the_texts(ledger: Ledger) -> None:
    ledger.record(None, samples.kept("2301.00001", "Sorting", "it \x02marks\x03 something"))
    with ledger.deciding() as decision:
        decision.index_text("arxiv:2301.00001", "ab" * 32, "\x1e3 Losses\x1fThe losses fell.")
    (marked,) = ledger.marked_papers(Query("loss"))
    assert marked.text == "\x1e3 \x02Losses\x03\x1fThe \x02losses\x03 fell."
    assert (marked.abstract, marked.notes) == ("About Sorting.", "it  marks  something")


def test_names_carry_the_kind_of_the_id() -> None:
    ids = PaperIds("2305.18290", "10.1/X", "ab", 12, "W3", "mine")
    expected = ("arxiv:2305.18290", "doi:10.1/x", "s2:ab", "corpus:12", "openalex:W3", "local:mine")
    assert names_of(ids) == expected


def test_a_ledger_without_a_library_is_brought_up_to_date_and_keeps_everything(bare_url: str) -> None:
    samples.migrated_to("0002", bare_url)
    body = '{"text": "from before", "about": "", "kind": "note_taken"}'
    rows_of(bare_url, f"INSERT INTO events (at, kind, body) VALUES (5.0, 'note_taken', '{body}')")
    with Ledger.open(bare_url) as ledger:
        assert [recorded.event for recorded in ledger.events()] == [NoteTaken("from before")]
        ledger.record_many(None, samples.library_history())
        assert found(ledger, "sorting") == ["Sorting it by losses"]
