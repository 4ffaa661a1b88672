"""How SQLite ranks where more papers have the words than are scored, and where the words say nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, create_engine

from labwright.contracts.events import PaperKept
from labwright.contracts.literature import Paper, PaperIds, Query
from labwright.ledger import Ledger, library_fts5, library_search
from labwright.ledger.library_fts5 import Best

# Number 0 was kept first. All say "sorting"; 1 and 5 in the title, 5 and 6 twice.
ABOUT = ["of the sorting", "of sorting", "sorting", "sorting", "a sorting", "sorting and sorting", "sorting sorting"]
TITLES = ["Oldest", "Sorting of the past", "Two", "Three", "Four", "On sorting", "Newest"]


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    url = f"sqlite:///{tmp_path_factory.mktemp('ledger')}/lab.db"
    with Ledger.open(url) as ledger:
        for number, (title, about) in enumerate(zip(TITLES, ABOUT, strict=True)):
            paper = Paper(PaperIds(corpus=number + 1), title, year=2020 + number, abstract=about)
            ledger.record(None, PaperKept(paper.ids.key, paper, ""))
    engine = create_engine(url)
    with engine.connect() as opened:
        yield opened
    engine.dispose()


def titles(best: Best) -> list[str]:
    return [title for row in best.rows for title in TITLES if f'"title":"{title}"' in row.body]


def test_where_few_papers_have_the_words_all_are_ranked_and_counted(connection: Connection) -> None:
    best = library_fts5.best(connection, '"sorting"', Query("", limit=3), common=False)
    assert (best.total, best.wide, len(best.rows)) == (7, False, 3)
    assert set(titles(best)[:2]) == {"On sorting", "Sorting of the past"}


def test_where_many_have_them_titles_come_first_then_the_best_of_the_newest(connection: Connection) -> None:
    best = library_fts5.best(connection, '"sorting"', Query("", limit=5), common=False, most=3)
    assert (best.total, best.wide) == (7, True)
    assert titles(best)[:3] == ["On sorting", "Sorting of the past", "Newest"]
    assert set(titles(best)[3:]) == {"Three", "Four"}  # of the newest; no paper stands there twice


def test_a_filter_chooses_before_the_newest_are_taken(connection: Connection) -> None:
    best = library_fts5.best(connection, '"sorting"', Query("", until=2022, limit=5), common=False, most=3)
    assert (best.total, best.wide) == (None, False)
    assert sorted(titles(best)) == ["Oldest", "Sorting of the past", "Two"]
    wide = library_fts5.best(connection, '"sorting"', Query("", until=2025, limit=2), common=False, most=3)
    assert (wide.total, wide.wide, titles(wide)[0]) == (None, True, "On sorting")


def test_words_that_say_nothing_are_looked_for_in_titles_and_elsewhere_only_where_none_has_them(
    connection: Connection,
) -> None:
    assert titles(library_fts5.best(connection, '"of the"', Query(""), common=True)) == ["Sorting of the past"]
    anywhere = library_fts5.best(connection, '"and"', Query(""), common=True)
    assert (titles(anywhere), anywhere.total) == (["On sorting"], 1)
    newest = library_fts5.best(connection, '"sorting"', Query("", since=2024, limit=1), common=True)
    assert (titles(newest), newest.total) == (["On sorting"], None)


def test_what_was_found_is_marked_in_the_paper_asked_for(connection: Connection) -> None:
    (row,) = library_fts5.best(connection, '"of the"', Query(""), common=True).rows
    assert library_fts5.highlighted(connection, '"sorting"', row.seq, "<", ">").abstract == "of <sorting>"


@pytest.mark.parametrize(
    ("question", "common"),
    [("the of", True), ('"to be or" the', True), ("Of, the!", True), ("the model", False), ('"of the model"', False)],
)
def test_a_question_of_nothing_but_words_that_say_nothing_is_told_from_others(question: str, common: bool) -> None:
    assert library_search.words_of(question).common is common
