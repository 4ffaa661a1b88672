"""A ledger copied to another kind of place is the same ledger: every row with its number, and it goes on from there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy.exc import DatabaseError
from tests.ledger import ledger_samples as samples
from tests.servers.ledger_places import FreshLedger, rows_of
from tests.servers.postgres_server import PostgresServer

from labwright.contracts import sessions as events
from labwright.contracts.compute import MetricPoint
from labwright.contracts.errors import StorageError, UsageError
from labwright.contracts.events import NoteTaken, PaperKept
from labwright.contracts.literature import Query
from labwright.ledger import Ledger, copying
from labwright.ledger.schema import metadata


@pytest.fixture(params=["sqlite to postgresql", "postgresql to sqlite"])
def places(
    request: pytest.FixtureRequest, sqlite_ledger: FreshLedger, postgres_ledger: FreshLedger
) -> Iterator[tuple[str, str]]:
    """An empty ledger and another of the other kind."""
    both = (sqlite_ledger, postgres_ledger)
    with ExitStack() as stack:
        source, target = (
            stack.enter_context(fresh()) for fresh in (both if request.param.startswith("sqlite") else both[::-1])
        )
        yield source, target


def fill(url: str) -> None:
    with Ledger.open(url) as ledger:
        ledger.record_many("s-1", samples.rich_history("s-1"))
        ledger.record_many(None, samples.session_history("i-1"))
        ledger.record_many(None, samples.library_history())
        with ledger.deciding() as decision:
            decision.index_text("arxiv:2301.00002", "ab" * 32, "How naïve runs are sorted")
        ledger.append_messages("i-1", 0, [b"first\x00", b"second"])
        ledger.append_messages("i-1", 1, [b"in its place"])
        ledger.save_head("i-1", b"{}")
        ledger.fold_metrics("s-1.t1.r1", 40, [MetricPoint(step, 1.0, {"loss": 1.0 / (1 + step)}) for step in range(5)])


def rows_in(url: str) -> dict[str, list[tuple[object, ...]]]:
    others = {name: f"SELECT * FROM {name} ORDER BY 1, 2" for name in ("events", "messages", "heads", "curves")}
    found = {name: rows_of(url, statement) for name, statement in others.items()}
    plain = {n: [tuple(bool(v) if n == "messages" and i == 3 else v for i, v in enumerate(r)) for r in rows]
             for n, rows in found.items()}  # fmt: skip
    index = "SELECT rowid, title, authors, abstract, body, notes, text_hash FROM paper_search ORDER BY rowid"
    return {**samples.state_rows(url), **plain, "paper_search": rows_of(url, index)}


def test_a_copy_has_every_row_with_its_number_and_goes_on_where_the_ledger_was(places: tuple[str, str]) -> None:
    source, target = places
    fill(source)
    before = rows_in(source)
    copied = copying.copy(source, target)
    assert rows_in(target) == before == rows_in(source)
    assert copied.rows["events"] == len(before["events"]) > 50
    assert copied.rows["messages"] == 3 and copied.rows["paper_search"] == 2
    with Ledger.open(source) as old, Ledger.open(target) as new:
        assert new.session_view("i-1") == old.session_view("i-1")
        assert new.study_view("s-1") == old.study_view("s-1")
        assert new.curves("s-1.t1.r1") == old.curves("s-1.t1.r1")
        assert new.messages("i-1", replaced=True) == [b"first\x00", b"second", b"in its place"]
        assert [len(new.search_papers(Query(q)).papers) for q in ("naive", "sorted", "nowhere")] == [1, 1, 0]
        assert new.record(None, NoteTaken("on")).seq == old.events()[-1].seq + 1
        new.append_messages("i-1", 2, [b"on"])
        assert new.messages("i-1") == [b"first\x00", b"in its place", b"on"]
        new.rebuild(None)
        assert new.session_view("i-1") == old.session_view("i-1")


def test_a_nul_in_a_tool_s_result_is_copied_as_postgresql_can_hold_it(places: tuple[str, str]) -> None:
    source, target = places
    with Ledger.open(source) as ledger:
        ledger.record(None, samples.opened("i-1"))
        ledger.record(None, events.ToolStarted("i-1", "r1", "c1", "run", (), {}))
        ledger.record(None, events.ToolEnded("i-1", "r1", "c1", "success", "ELF\x00\x01"))
        ledger.record(None, events.SessionAttached("i-1", 7, "autopilot"))
    assert copying.copy(source, target).running == ("i-1",)
    with Ledger.open(target) as ledger:
        assert ledger.tool_calls("i-1")[0].result.replace("\x00", "\ufffd") == "ELF\ufffd\x01"
        assert ledger.session_events("i-1")[2].event == events.ToolEnded("i-1", "r1", "c1", "success", "ELF\x00\x01")


def test_a_text_that_postgresql_holds_in_part_is_read_again_on_sqlite(
    postgres_ledger: FreshLedger, tmp_path: Path
) -> None:
    with postgres_ledger() as source:
        with Ledger.open(source) as ledger:
            ledger.record(None, samples.kept("2301.00001", "A lexicon"))
            ledger.record(None, events_with_text("2301.00001"))
            with ledger.deciding() as decision:
                decision.index_text("arxiv:2301.00001", "ab" * 32, "sorting " * 100_000)
        copying.copy(source, target := f"sqlite:///{tmp_path}/lab.db")
    with Ledger.open(target) as ledger, ledger.deciding() as decision:
        assert [kept.entry.paper.ids.arxiv for kept in decision.unindexed_papers()] == ["2301.00001"]


def events_with_text(arxiv: str) -> PaperKept:
    kept = samples.kept(arxiv, "A lexicon")
    return PaperKept(kept.key, kept.paper, kept.why, text_hash="ab" * 32)


def test_a_place_with_content_is_refused_and_left_as_it_was(places: tuple[str, str]) -> None:
    source, target = places
    with Ledger.open(source) as ledger:
        ledger.record(None, NoteTaken("to be copied"))
    with Ledger.open(target) as ledger:
        ledger.record(None, NoteTaken("mine"))
    before = rows_of(target, "SELECT * FROM events")
    with pytest.raises(UsageError, match="a ledger already, with rows in events"):
        copying.copy(source, target)
    assert rows_of(target, "SELECT * FROM events") == before
    with pytest.raises(UsageError, match="a ledger already"):
        copying.copy(source, source)


def test_a_copy_that_fails_in_the_middle_leaves_nothing(places: tuple[str, str]) -> None:
    source, target = places
    with Ledger.open(source) as ledger:
        ledger.record("s-1", samples.created())
        ledger.fold_metrics("s-1.t1.r1", 40, [MetricPoint(1, 1.0, {"loss": 0.5})])
    refuse = {
        "sqlite": ("CREATE TRIGGER no BEFORE INSERT ON curves BEGIN SELECT RAISE(ABORT, 'full'); END",),
        "postgresql+psycopg": (
            "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'full'; END $$",
            "CREATE TRIGGER no BEFORE INSERT ON curves FOR EACH ROW EXECUTE FUNCTION no()",
        ),
    }
    for statement in refuse[target.partition(":")[0]]:
        rows_of(target, statement)
    try:
        with pytest.raises((StorageError, DatabaseError), match="full"):
            copying.copy(source, target)
    finally:
        rows_of(target, "DROP TRIGGER no" if target.startswith("sqlite") else "DROP FUNCTION no() CASCADE")
    assert rows_of(target, "SELECT count(*) FROM events") == [(0,)]
    assert rows_of(target, "SELECT count(*) FROM studies") == [(0,)]


def test_a_place_without_a_ledger_is_not_copied_and_nothing_is_made_of_it(
    postgres_server: PostgresServer, tmp_path: Path
) -> None:
    target = f"sqlite:///{tmp_path}/new/lab.db"
    with postgres_server.database() as bare:
        for source in (f"sqlite:///{tmp_path}/none.db", "sqlite://", bare):
            with pytest.raises(UsageError, match="no ledger to copy"):
                copying.copy(source, target)
    with pytest.raises(UsageError, match="cannot be kept") as refused:
        copying.copy("mysql://ann:hunter2@host/lab", target)
    assert refused.value.where == "FROM" and "hunter2" not in refused.value.one_line()
    (tmp_path / "text.db").write_text("this is no database, whatever its name says. " * 100)
    with pytest.raises(StorageError, match="is no ledger"):
        copying.copy(f"sqlite:///{tmp_path}/text.db", target)
    assert [path.name for path in tmp_path.iterdir()] == ["text.db"]


def test_no_table_is_forgotten() -> None:
    assert {table.name for table in copying.TABLES} == set(metadata.tables)
