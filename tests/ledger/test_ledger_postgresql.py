"""What is special about a ledger on PostgreSQL: who sees what when, what a server may say, and what a text may hold."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from itertools import islice, product
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from tests.ledger import ledger_samples as samples
from tests.servers.ledger_places import FreshLedger, rows_of
from tests.servers.postgres_server import PostgresServer

from labwright.contracts import sessions as events
from labwright.contracts.errors import LabwrightError, StorageError
from labwright.contracts.events import NoteTaken
from labwright.contracts.literature import Query
from labwright.ledger import Ledger, library_search
from labwright.ledger.complaints import storage_errors
from labwright.ledger.connection import described, open_engine, writer


@pytest.fixture
def url(postgres_ledger: FreshLedger) -> Iterator[str]:
    with postgres_ledger() as one:
        yield one


def refusal(url: str) -> LabwrightError:
    with pytest.raises(LabwrightError) as caught:
        Ledger.open(url).close()
    assert caught.value.cure
    return caught.value


# Who sees what


def test_a_reader_sees_one_moment_however_many_questions_it_asks(url: str) -> None:
    engine, _ = open_engine(url)
    count = text("SELECT count(*) FROM events")
    with Ledger.open(url) as ledger, engine.connect() as reader:
        ledger.record(None, NoteTaken("before"))
        assert reader.execute(count).scalar_one() == 1
        ledger.record(None, NoteTaken("meanwhile"))
        assert reader.execute(count).scalar_one() == 1
        reader.rollback()
        assert reader.execute(count).scalar_one() == 2
    engine.dispose()


def test_a_writer_that_waited_for_its_turn_sees_what_was_recorded_meanwhile(url: str) -> None:
    seen = """
import sys
from labwright.ledger import Ledger
with Ledger.open(sys.argv[1]) as ledger:
    ledger.sessions()
    print("here", flush=True)
    sys.stdin.readline()
    with ledger.deciding() as decision:
        print(decision.approval_count())
"""
    with Ledger.open(url) as ledger:
        ledger.record(None, samples.opened("i-1"))
        other = subprocess.Popen(
            [sys.executable, "-c", seen, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert other.stdout is not None
        assert other.stdout.readline() == "here\n"
        assert other.stdin is not None
        with ledger.deciding() as decision:
            other.stdin.write("go\n")
            other.stdin.flush()
            wait_for_a_waiter(url, other)
            decision.record(samples.asked("i-1", "A1"))
        assert other.communicate()[0] == "1\n"


def wait_for_a_waiter(url: str, process: subprocess.Popen[str]) -> None:
    """Until another process's transaction waits for its turn."""
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    waiting = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
    with engine.connect() as admin:
        while not admin.execute(waiting).scalar_one():
            assert process.poll() is None, "it ended and never waited"
            admin.execute(text("SELECT pg_sleep(0.01)"))
    engine.dispose()


KILLED = """
import sys
from labwright.contracts.sessions import UserSaid
from labwright.ledger import Ledger
with Ledger.open(sys.argv[1]) as ledger, ledger.deciding() as decision:
    decision.record(UserSaid("i-1", "half done"))
    print("in the middle", flush=True)
    sys.stdin.read()
"""


def test_a_writer_that_is_killed_in_the_middle_leaves_nothing_and_keeps_nobody_waiting(url: str) -> None:
    with Ledger.open(url) as ledger:
        ledger.record(None, samples.opened("i-1"))
        doomed = subprocess.Popen(
            [sys.executable, "-c", KILLED, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert doomed.stdout is not None
        assert doomed.stdout.readline() == "in the middle\n"
        doomed.kill()
        doomed.communicate()
        ledger.record(None, events.UserSaid("i-1", "whole"))
        assert ledger.session_view("i-1").said == ("whole",)


def test_a_turn_that_does_not_come_is_said_and_a_reader_waits_for_none(url: str) -> None:
    engine, where = open_engine(url)
    impatient = writer(engine, patience_s=0.05)
    with Ledger.open(url) as ledger, ledger.deciding():
        with pytest.raises(StorageError, match="kept the ledger locked"), storage_errors(where), impatient.begin():
            pass
        assert ledger.events() == ()
    engine.dispose()


def test_a_server_that_was_restarted_while_a_session_waited_is_no_error(
    postgres_server: PostgresServer, url: str
) -> None:
    with Ledger.open(url) as ledger:
        ledger.record(None, NoteTaken("before"))
        cut(postgres_server, url)
        ledger.record(None, NoteTaken("after"))
        assert len(ledger.events()) == 2


def named(url: str) -> str:
    return url.rpartition("/")[2]


def cut(server: PostgresServer, url: str) -> None:
    """End all of Labwright's connections, as a restart does."""
    ours = f"datname = '{named(url)}' AND application_name = 'labwright'"
    server.execute(f"SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE {ours}")


def test_a_connection_that_is_cut_in_a_transaction_is_said_and_leaves_nothing(
    postgres_server: PostgresServer, url: str
) -> None:
    with Ledger.open(url) as ledger:
        ledger.record(None, samples.opened("i-1"))
        with pytest.raises(StorageError, match="ended the connection"), ledger.deciding() as decision:
            decision.record(events.UserSaid("i-1", "half done"))
            cut(postgres_server, url)
            decision.record(events.UserSaid("i-1", "the other half"))
        assert ledger.session_view("i-1").said == ()


# What a server may say


def test_what_a_ledger_is_kept_in_is_said_without_making_one(postgres_server: PostgresServer, tmp_path: Path) -> None:
    with postgres_server.database() as url:
        said = described(url)
        assert said.startswith("PostgreSQL 1") and said.endswith(f"/{named(url)}")
        assert postgres_server.password not in said
        assert rows_of(url, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'") == []
    assert described(f"sqlite:///{tmp_path}/far/lab.db") == f"SQLite in {tmp_path}/far/lab.db"
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_is_not_there_is_said(postgres_server: PostgresServer) -> None:
    nowhere = postgres_server.url("lab").replace(f":{postgres_server.port}/", ":1/")
    error = refusal(nowhere)
    assert error.what.startswith("the database server cannot be reached")
    assert error.where == "postgresql://lab@127.0.0.1:1/lab"
    assert postgres_server.password not in error.one_line()


@pytest.mark.parametrize("username", ["lab", "nobody_here"])
def test_a_wrong_password_or_user_is_said_and_the_password_is_never_shown(
    postgres_server: PostgresServer, username: str
) -> None:
    for host in ({}, {"query": {"host": "127.0.0.1"}}):
        error = refusal(postgres_server.url("postgres", username=username, password="hunter2", **host))
        assert error.what.startswith("the database server did not accept this user and password")
        assert "~/.pgpass" in (error.cure or "")
        assert "hunter2" not in error.one_line()
        assert username in error.one_line()


def test_a_database_that_is_not_there_is_said_with_what_makes_it(postgres_server: PostgresServer) -> None:
    error = refusal(postgres_server.url("nosuchlab"))
    assert error.what.startswith("the database server has no such database")
    assert "createdb" in (error.cure or "")


def test_a_user_without_rights_is_told_so(postgres_server: PostgresServer) -> None:
    postgres_server.execute("CREATE ROLE guest LOGIN PASSWORD 'welcome'")
    with postgres_server.database() as url:
        postgres_server.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC", named(url))
        error = refusal(postgres_server.url(named(url), username="guest", password="welcome"))
    assert error.what.startswith("this user may not make or change tables there")


def test_a_user_who_owns_the_database_needs_no_other_right(postgres_server: PostgresServer) -> None:
    postgres_server.execute("CREATE ROLE owner LOGIN PASSWORD 'welcome'")
    with (
        postgres_server.database("OWNER owner") as url,
        Ledger.open(postgres_server.url(named(url), username="owner", password="welcome")) as ledger,
    ):
        ledger.record(None, samples.kept("2301.00001", "Naïve sorting"))
        assert [p.title for p in ledger.search_papers(Query("naive")).papers] == ["Naïve sorting"]


def test_a_user_who_may_add_nothing_but_tables_searches_with_accents(postgres_server: PostgresServer) -> None:
    postgres_server.execute("CREATE ROLE tenant LOGIN PASSWORD 'welcome'")
    with postgres_server.database() as url:
        postgres_server.execute("GRANT ALL ON SCHEMA public TO tenant", named(url))
        with Ledger.open(postgres_server.url(named(url), username="tenant", password="welcome")) as ledger:
            ledger.record(None, samples.kept("2301.00001", "Naïve sorting"))
            assert [len(ledger.search_papers(Query(q)).papers) for q in ("naïve", "sorting", "naive")] == [1, 1, 0]


def test_a_database_of_something_else_is_left_alone(postgres_server: PostgresServer) -> None:
    with postgres_server.database() as url:
        rows_of(url, "CREATE TABLE events (mine int)")
        error = refusal(url)
        assert error.what.startswith("the database holds tables of something else")
        assert rows_of(url, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'") == [("events",)]


def test_a_database_that_cannot_hold_every_text_is_refused(postgres_server: PostgresServer) -> None:
    with postgres_server.database("ENCODING 'LATIN1' LOCALE 'C'") as url:
        error = refusal(url)
    assert error.what == "the database is in LATIN1, not in UTF-8"
    assert "template0" in (error.cure or "")


@pytest.mark.parametrize("scheme", ["postgres", "postgresql"])
def test_a_url_as_services_give_it_is_understood(url: str, scheme: str) -> None:
    with Ledger.open(url.replace("postgresql+psycopg", scheme)) as ledger:
        assert ledger.summaries() == ()


def test_a_driver_that_is_not_installed_is_said_with_what_installs_it() -> None:
    code = (
        "import sys; sys.modules['psycopg'] = None\n"
        "from labwright.contracts.errors import StorageError\n"
        "from labwright.ledger import Ledger\n"
        "try: Ledger.open('postgresql+psycopg://ann:hunter2@127.0.0.1/lab')\n"
        "except StorageError as error: print(error.what, error.where, error.cure, sep='|')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    what, where, cure = done.stdout.strip().split("|")
    assert what.startswith("the driver of PostgreSQL is not installed")
    assert (where, cure) == ("postgresql://ann@127.0.0.1/lab", "pip install 'labwright[postgres]'")


# What a text may hold


def test_a_nul_in_a_log_a_goal_or_a_metric_does_not_end_a_session(ledger_url: str) -> None:
    with Ledger.open(ledger_url) as ledger:
        ledger.record(None, samples.opened("i-1"))
        ledger.record(None, events.ToolStarted("i-1", "r1", "c\x001", "run", (), {"path": "a\x00b"}))
        ledger.record(None, events.ToolEnded("i-1", "r1", "c\x001", "success", "ELF\x00\x01"))
        ledger.record(None, NoteTaken("a\x00b"))
        (call,) = ledger.tool_calls("i-1")
        assert (call.call_id, call.args, call.outcome) == ("c\x001", {"path": "a\x00b"}, "success")
        assert call.result.replace("\x00", "\ufffd") == "ELF\ufffd\x01"
        assert ledger.events()[-1].event == NoteTaken("a\x00b"), "the event itself keeps it"
        before = samples.state_rows(ledger_url)
        ledger.rebuild(None)
        assert samples.state_rows(ledger_url) == before


def test_a_tool_call_s_id_may_be_kilobytes_long(ledger_url: str) -> None:
    """Some servers put a model's signed thoughts into it."""
    ids = [f"call_{digit}" + "".join(f"{n:x}" for n in range(4000)) for digit in "ab"]
    with Ledger.open(ledger_url) as ledger:
        ledger.record(None, samples.opened("i-1"))
        for call_id in ids:
            ledger.record(None, events.ToolStarted("i-1", "r1", call_id, "run", (), {}))
        ledger.record(None, events.ToolEnded("i-1", "r1", ids[1], "success", "done"))
        assert [(c.call_id, c.outcome) for c in ledger.tool_calls("i-1")] == [(ids[0], None), (ids[1], "success")]


# Searching


def test_signs_separate_words_and_a_hit_is_marked_in_the_text_as_it_was_written(ledger_url: str) -> None:
    body = "\x1e3 Scores\x1fOn GPT-4 the precision/recall is 0.75 (naïve: 0.5); see https://example.org/sorting_runs."
    with Ledger.open(ledger_url) as ledger:
        ledger.record(None, samples.kept("2301.00001", "Sorting"))
        with ledger.deciding() as decision:
            decision.index_text("arxiv:2301.00001", "ab" * 32, body)
        for question in ("recall", "gpt", '"gpt-4"', "GPT-4", "0.75", '"precision/recall"', "naive", "runs", "example"):
            (marked,) = ledger.marked_papers(Query(question))
            plain = marked.text.replace(library_search.MARK, "").replace(library_search.UNMARK, "")
            assert plain == body, question
            assert library_search.MARK in marked.text, question
        (marked,) = ledger.marked_papers(Query("recall"))
        assert "precision/\x02recall\x03 is 0.75" in marked.text
        assert ledger.search_papers(Query('"precision 4"')).papers == ()


def test_a_text_with_more_words_than_an_index_holds_is_kept_and_found_by_its_first_ones(ledger_url: str) -> None:
    letters = "бвгджзклмнпрстфхцчшщ"
    body = "Sorting " + " ".join("".join(word) for word in islice(product(letters, repeat=5), 120_000))
    with Ledger.open(ledger_url) as ledger:
        ledger.record(None, samples.kept("2301.00001", "A lexicon"))
        with ledger.deciding() as decision:
            decision.index_text("arxiv:2301.00001", "ab" * 32, body)
        ledger.record(None, samples.kept("2301.00001", "A lexicon", "why " * 200_000))
        for question in ("sorting", "ббббг", "lexicon"):
            assert len(ledger.search_papers(Query(question)).papers) == 1, question
