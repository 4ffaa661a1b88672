"""A real PostgreSQL server of the tests' own, on loopback.

    server = PostgresServer.started()      # `why_not` says why there can be none
    with server.database() as url:         # without a table, and gone afterwards
        Ledger.open(url)
    with server.ledger() as url:           # with the tables of an empty ledger
        Ledger.open(url)

The server runs on files in a temporary folder that are never synced, with a password, and ends with the process that
started it. PostgreSQL refuses to run as root, so root gives it to another user.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Self

from sqlalchemy import Engine, create_engine, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import StaticPool

from labwright.ledger import Ledger

OWNER = "lab"
_PR_SET_PDEATHSIG = 1
_FOLDERS = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql*/bin")
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "shared_buffers": "16MB",
    "max_connections": "40",
}
_PATIENCE_S = 120.0
_EMPTY = """
DO $$ DECLARE name text; BEGIN
    PERFORM pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid();
    SET LOCAL session_replication_role = replica;  -- else the trigger that keeps events append-only is in the way
    FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version' LOOP
        EXECUTE format('DELETE FROM %I', name);
    END LOOP;
    ALTER SEQUENCE events_seq_seq RESTART;
    ALTER SEQUENCE messages_seq_seq RESTART;
END $$
"""


def binaries() -> Path | None:
    """Where `initdb` and `postgres` are: Debian keeps them off the PATH."""
    named = shutil.which("initdb")
    found = [Path(named).resolve().parent] if named else []
    for pattern in _FOLDERS:
        found += sorted(Path("/").glob(pattern.lstrip("/")), reverse=True)
    return next((folder for folder in found if (folder / "initdb").exists() and (folder / "postgres").exists()), None)


def why_not() -> str | None:
    """Why there can be no server here, if so."""
    try:
        import psycopg  # noqa: F401, PLC0415  optional: this asks whether it is there
    except ImportError as error:
        return f"the driver psycopg is not installed: {error}"
    return None if binaries() else "no PostgreSQL server is installed: apt-get install postgresql"


@dataclass
class PostgresServer:
    """A running server."""

    folder: Path
    port: int
    password: str
    process: subprocess.Popen[bytes]
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))
    _free: list[str] = field(default_factory=list)
    _engines: dict[str, Engine] = field(default_factory=dict)

    @classmethod
    def started(cls) -> Self:
        """Make the files, start, and wait until it answers."""
        programs = binaries()
        assert programs is not None, why_not()
        folder = Path(tempfile.mkdtemp(prefix="labwright-postgres-"))
        user = _other_user()
        password = f"p@:/%{secrets.token_hex(8)}"  # everything that a URL has to escape
        word = folder / "password"
        word.write_text(password)
        if user is not None:
            for path in (folder, word):
                os.chown(path, user.pw_uid, user.pw_gid)
        make = [programs / "initdb", "--no-sync", "--username", OWNER, "--pwfile", word, "--encoding", "UTF8",
                "--locale", "C.UTF-8", "--auth", "scram-sha-256", "--pgdata", folder / "data"]  # fmt: skip
        _run(make, user, folder)
        for _ in range(5):  # another process may take the port between the look and the start
            port = _free_port()
            server = cls(folder, port, password, _start(programs, folder, port, user))
            if server._answers():
                return server
        raise AssertionError((folder / "log").read_text())

    def stop(self) -> None:
        """End it at once, and remove its files."""
        self.process.send_signal(signal.SIGQUIT)  # nothing of it is to be kept
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, database: str, **parts: str) -> str:
        """Of a database, as a person writes it; `parts` are put in their place."""
        usual = {"drivername": "postgresql+psycopg", "username": OWNER, "password": self.password, "host": "127.0.0.1"}
        url = URL.create(**{**usual, **parts}, port=self.port, database=database)  # type: ignore[arg-type]
        return url.render_as_string(hide_password=False)

    @contextmanager
    def database(self, options: str = "") -> Iterator[str]:
        """A database of one's own, without a table."""
        name = f"lab{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE template0 {options}")
        try:
            yield self.url(name)
        finally:
            self.execute(f"DROP DATABASE {name} WITH (FORCE)")

    @contextmanager
    def ledger(self) -> Iterator[str]:
        """A database with an empty ledger's tables. It is used again: emptying one is quicker than making one."""
        name = self._free.pop() if self._free else self._migrated()
        yield self.url(name)
        self.execute(_EMPTY, name)
        self._free.append(name)

    def execute(self, statement: str, database: str = "postgres") -> None:
        """Run a statement as the server's owner."""
        engine = self._engines.get(database)
        if engine is None:
            engine = create_engine(self.url(database), isolation_level="AUTOCOMMIT", poolclass=StaticPool)
            self._engines[database] = engine
        with engine.connect() as connection:
            connection.execute(text(statement))

    def _migrated(self) -> str:
        name = f"ledger{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        Ledger.open(self.url(name)).close()
        return name

    def _answers(self) -> bool:
        until = time.monotonic() + _PATIENCE_S
        while self.process.poll() is None and time.monotonic() < until:
            try:
                self.execute("SELECT 1")
            except OperationalError:
                time.sleep(0.05)
            else:
                return True
        return False


def _other_user() -> pwd.struct_passwd | None:
    """Whom root gives the server to."""
    if os.getuid() != 0:
        return None
    known = {user.pw_name: user for user in pwd.getpwall()}
    return known.get("postgres") or known["nobody"]


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


def _run(command: list[object], user: pwd.struct_passwd | None, folder: Path) -> None:
    done = subprocess.run([str(word) for word in command], cwd=folder, capture_output=True, text=True, **_as(user))
    assert done.returncode == 0, done.stderr


def _start(programs: Path, folder: Path, port: int, user: pwd.struct_passwd | None) -> subprocess.Popen[bytes]:
    command = [str(programs / "postgres"), "-D", str(folder / "data"), "-p", str(port)]
    for name, value in _SETTINGS.items():
        command += ["-c", f"{name}={value}"]
    with (folder / "log").open("ab") as log:
        return subprocess.Popen(
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=_die_with_parent,
            **_as(user),
        )  # fmt: skip


def _as(user: pwd.struct_passwd | None) -> dict[str, object]:
    return {} if user is None else {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def _die_with_parent() -> None:
    """A test run that was killed leaves no server behind. Runs after the change of user, which would undo it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGQUIT)
