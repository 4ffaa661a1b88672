"""The file under the ledger: its schema, what keeps it append-only, and what happens when the disk misbehaves."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from io import StringIO
from pathlib import Path

import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from sqlalchemy import event
from sqlalchemy.exc import DatabaseError, OperationalError
from tests.ledger import ledger_samples as samples
from tests.servers.ledger_places import FreshLedger, rows_of

from labwright.contracts.errors import LabwrightError, StorageError, UsageError
from labwright.contracts.events import NoteTaken
from labwright.ledger import Ledger, migrations
from labwright.ledger.complaints import storage_errors
from labwright.ledger.connection import open_engine
from labwright.ledger.schema import SCHEMA_VERSION


def test_opening_a_place_without_a_ledger_makes_one_and_opening_it_again_changes_nothing(bare_url: str) -> None:
    with Ledger.open(bare_url) as ledger:
        ledger.record("s-1", samples.created())
    for _ in range(2):
        with Ledger.open(bare_url) as again:
            assert [s.id for s in again.summaries()] == ["s-1"]


def test_the_migrated_schema_is_the_schema_in_code(ledger_url: str) -> None:
    engine, _ = open_engine(ledger_url)
    with engine.connect() as connection:
        assert migrations.differences(connection) == []
    engine.dispose()
    assert migrations.newest_version() == SCHEMA_VERSION


def test_the_migrations_also_speak_postgresql() -> None:
    out = StringIO()
    context = MigrationContext.configure(dialect_name="postgresql", opts={"as_sql": True, "output_buffer": out})
    folder = Path(migrations.__file__).parent
    with Operations.context(context):
        for step in reversed(list(ScriptDirectory(folder).walk_revisions())):
            step.module.upgrade()
    ddl = out.getvalue()
    assert "seq BIGSERIAL NOT NULL" in ddl
    assert "BEFORE UPDATE OR DELETE OR TRUNCATE ON events" in ddl
    assert "document TSVECTOR GENERATED ALWAYS AS" in ddl
    assert "USING GIN (document)" in ddl
    assert "fts5" not in ddl


@pytest.mark.parametrize("statement", ["UPDATE events SET at = 0", "DELETE FROM events"])
def test_events_cannot_be_changed_or_removed(ledger_url: str, statement: str) -> None:
    with Ledger.open(ledger_url) as ledger:
        recorded = ledger.record(None, NoteTaken("kept"))
        with pytest.raises(DatabaseError, match="append-only"):
            rows_of(ledger_url, statement)
        assert ledger.events() == (recorded,)


def test_a_current_ledger_opens_without_alembic_and_reads_without_numpy(sqlite_ledger: FreshLedger) -> None:
    with sqlite_ledger() as url:
        with Ledger.open(url) as ledger:
            ledger.record("s-1", samples.created())
        heavy = ("alembic", "numpy", "psycopg")
        code = (
            "import sys; from labwright.ledger import Ledger; "
            f"Ledger.open({url!r}).status('s-1'); print([m for m in {heavy} if m in sys.modules])"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


WRITER = """
import sys
from labwright.contracts.events import NoteTaken
from labwright.ledger import Ledger
with Ledger.open(sys.argv[1]) as ledger:
    print(*(ledger.record(None, NoteTaken(str(i), sys.argv[2])).seq for i in range(60)))
"""


def test_processes_that_open_and_write_at_once_lose_nothing(bare_url: str) -> None:
    url = bare_url
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, url, name], stdout=subprocess.PIPE, text=True)
        for name in ("a", "b", "c")
    ]
    outputs = [writer.communicate()[0] for writer in writers]
    assert [writer.returncode for writer in writers] == [0, 0, 0]
    with Ledger.open(url) as ledger:
        recorded = ledger.events()
    assert [r.seq for r in recorded] == list(range(1, 181))
    for name, output in zip("abc", outputs, strict=True):
        own = [(r.seq, r.event.text) for r in recorded if isinstance(r.event, NoteTaken) and r.event.about == name]
        assert own == [(int(seq), str(i)) for i, seq in enumerate(output.split())]


def refusal(url: str, kind: type[LabwrightError] = StorageError) -> LabwrightError:
    with pytest.raises(kind) as caught:
        Ledger.open(url)
    assert caught.value.cure
    return caught.value


def test_a_file_that_is_no_ledger_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "lab.db"
    file.write_bytes(b"this is no database, whatever its name says. " * 100)
    error = refusal(f"sqlite:///{file}")
    assert "no ledger" in error.what
    assert error.where == str(file)


def test_a_damaged_ledger_is_refused_with_its_place(tmp_path: Path) -> None:
    file = tmp_path / "lab.db"
    with Ledger.open(f"sqlite:///{file}") as ledger:
        ledger.record_many(None, [(1.0, NoteTaken("x" * 500)) for _ in range(200)])
    content = file.read_bytes()
    file.write_bytes(content[:4096] + b"\xa5" * (len(content) - 4096))
    with pytest.raises(StorageError) as caught, Ledger.open(f"sqlite:///{file}") as ledger:
        ledger.events()
    assert "damaged" in caught.value.what
    assert caught.value.where == str(file)


def test_a_ledger_from_a_newer_version_is_refused(bare_url: str) -> None:
    Ledger.open(bare_url).close()
    rows_of(bare_url, "UPDATE alembic_version SET version_num = '9999'")
    assert "newer version" in refusal(bare_url).what


def test_a_home_that_cannot_be_created_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    assert "cannot be created" in refusal(f"sqlite:///{tmp_path}/file/home/lab.db").what


@pytest.mark.parametrize(
    "url",
    [
        "hunter2 is no url",
        "nosuchdatabase://ann:hunter2@host/lab",
        "postgresql+psycopg2://ann:hunter2@host/lab",
        "postgresql+psycopg://ann:hunter2@host:port/lab",
        "postgresql+psycopg://ann:secret@hunter2@host/lab",
    ],
)
def test_a_url_that_cannot_be_meant_is_refused_without_its_password(url: str) -> None:
    error = refusal(url, UsageError)
    assert error.where == "LABWRIGHT_LEDGER_URL"
    assert "hunter2" not in error.one_line()


def test_a_full_disk_is_said_and_loses_nothing(tmp_path: Path) -> None:
    engine, where = open_engine(f"sqlite:///{tmp_path}/lab.db")
    engine.dispose()
    event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA max_page_count = 100"))
    with Ledger(engine, where) as ledger:
        kept = ledger.record(None, NoteTaken("before"))
        with pytest.raises(StorageError, match="disk is full"):
            ledger.record(None, NoteTaken("x" * 1_000_000))
        assert ledger.events() == (kept,)


def test_a_lock_that_never_goes_away_is_said() -> None:
    said = OperationalError("BEGIN IMMEDIATE", {}, sqlite3.OperationalError("database is locked"))
    with pytest.raises(StorageError, match="locked") as caught, storage_errors("lab.db"):
        raise said
    assert caught.value.where == "lab.db"


def test_sqlite_is_set_up_for_several_processes(tmp_path: Path) -> None:
    engine, _ = open_engine(f"sqlite:///{tmp_path}/lab.db")
    with engine.connect() as connection:
        told = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "foreign_keys", "synchronous", "busy_timeout")
        }
    engine.dispose()
    assert told == {"journal_mode": "wal", "foreign_keys": 1, "synchronous": 1, "busy_timeout": 30_000}


def test_an_event_from_another_version_is_a_storage_error(ledger_url: str) -> None:
    with Ledger.open(ledger_url) as ledger:
        rows_of(ledger_url, """INSERT INTO events (at, kind, body) VALUES (1.0, 'moon', '{"kind": "moon"}')""")
        with pytest.raises(StorageError, match="cannot be read"):
            ledger.events()


def test_a_ledger_can_be_used_from_several_threads(ledger_url: str) -> None:
    with Ledger.open(ledger_url) as ledger, ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: ledger.record(None, NoteTaken(str(number))), range(100)))
        assert len(ledger.events()) == 100


def test_a_ledger_in_memory_serves_a_quick_look() -> None:
    with Ledger.open("sqlite://") as ledger:
        ledger.record("s-1", samples.created())
        assert [s.id for s in ledger.summaries()] == ["s-1"]
