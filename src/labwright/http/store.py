"""The cache's file: SQLite, by hishel; one that is damaged is set aside and made anew, for a cache is only a cache."""

from __future__ import annotations

import fcntl
import logging
import sqlite3
import threading
import time
from pathlib import Path

import httpx
from hishel import Entry, SqliteStorage

from labwright.contracts.errors import StorageError
from labwright.http.question import KEPT_AT

_FILE = "answers.db"
_MOST_BYTES = 2 * 1024**3
_CHECKED_BYTES = 16_000_000  # a larger file is looked at only where SQLite looks when it opens it
_COLUMNS = (
    "SELECT id, cache_key, data, expires_at, last_accessed_at, chunk_count, ttl_deadline, tti FROM entries LIMIT 1"
)


class Store:
    """Answers by key. Several threads and processes may share the directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._path = directory / _FILE
        self._lock = threading.Lock()
        self._storage: SqliteStorage | None = None
        # hishel logs a traceback where the cache could not be used and goes on without it; so do we, in silence.
        logging.getLogger("hishel").addHandler(logging.NullHandler())

    @property
    def exists(self) -> bool:
        """Whether anything was ever kept here."""
        return self._path.is_file()

    @property
    def storage(self) -> SqliteStorage:
        """hishel's storage, opened when first asked for."""
        with self._lock:
            if self._storage is None:
                self._storage = self._opened()
            return self._storage

    def newest(self, key: str) -> httpx.Response | None:
        """The latest answer under a key, however old; its body has been read."""
        if not self.exists:
            return None
        for entry in self._by_age(key):
            try:
                body = b"".join(entry.response.stream or ())  # type: ignore[arg-type]  # a sync storage's is an Iterator
            except (sqlite3.Error, RuntimeError):  # it vanished, or its page of the file is damaged
                continue
            headers = entry.response.headers
            pairs = [(name, value) for name in headers for value in headers.get_list(name) or []]
            bare = [(name, value) for name, value in pairs if name != "content-length"]
            return httpx.Response(entry.response.status_code, headers=bare, content=body)
        return None

    def forget(self, key: str, *, but_newest: bool = False) -> None:
        """Keep nothing under this key any longer, or nothing but the latest."""
        for entry in self._by_age(key)[1 if but_newest else 0 :]:
            self.storage.remove_entry(entry.id)

    def renew(self, failed: SqliteStorage) -> None:
        """Look at the whole file again after something in it could not be read; another thread may have done so."""
        with self._lock:
            if self._storage is failed:
                failed.close()
                self._storage = self._opened(thorough=True)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            if self._storage is not None:
                self._storage.close()
                self._storage = None

    def _by_age(self, key: str) -> list[Entry]:
        """The latest first."""
        return sorted(self.storage.get_entries(key), key=_when, reverse=True)

    def _opened(self, *, thorough: bool = False) -> SqliteStorage:
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            with (self._directory / "answers.lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                if self.exists and not _is_sound(self._path, thorough=thorough):
                    self._set_aside()
        except OSError as error:
            raise StorageError.of(error, str(self._directory)) or StorageError(
                f"the cache cannot be kept there: {error.strerror}",
                where=str(self._directory),
                cure="give the cache a directory of its own",
            ) from error
        return SqliteStorage(database_path=self._path, max_size=_MOST_BYTES)

    def _set_aside(self) -> None:
        suffix = f".damaged-{time.time_ns()}"
        for name in (_FILE, f"{_FILE}-wal", f"{_FILE}-shm"):
            path = self._directory / name
            if path.exists():
                path.rename(self._directory / (name + suffix))


def _is_sound(path: Path, *, thorough: bool) -> bool:
    connection = sqlite3.connect(path, timeout=5.0)
    try:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if "entries" in tables:
            connection.execute(_COLUMNS).fetchall()
        if "streams" in tables:
            connection.execute("SELECT entry_id, chunk_number, chunk_data FROM streams LIMIT 1").fetchall()
        if thorough or path.stat().st_size <= _CHECKED_BYTES:
            return bool(connection.execute("PRAGMA quick_check(1)").fetchone() == ("ok",))
    except sqlite3.OperationalError as error:
        return "no such column" not in str(error)  # else locked, or a machine's trouble: not the file's
    except sqlite3.DatabaseError:
        return False
    else:
        return True
    finally:
        connection.close()


def _when(entry: Entry) -> float:
    return float(entry.response.headers.get(KEPT_AT) or 0.0)
