"""Scores that were paid for once: kept under the lab's home by model, method and row."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from labwright.contracts.errors import StorageError
from labwright.ledger.wal import use_write_ahead_log

_SCHEMA = "CREATE TABLE IF NOT EXISTS scores (key BLOB PRIMARY KEY, score REAL NOT NULL) WITHOUT ROWID"
_PARAMETERS = 900  # SQLite's old limit is 999 in one statement
_WAIT_S = 30.0


class ScoreCache:
    """A file of scores. Safe to use from several processes; what was put in survives a kill."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @classmethod
    def under(cls, home: Path) -> ScoreCache:
        """The lab's own."""
        return cls(home / "cache" / "difficulty.db")

    def get(self, model_id: str, method: str, rows: Sequence[bytes]) -> dict[bytes, float]:
        """The known scores of rows (their hashes). Raises StorageError."""
        keys = {_key(model_id, method, row): row for row in rows}
        found: dict[bytes, float] = {}
        with self._open() as connection:
            wanted = list(keys)
            for start in range(0, len(wanted), _PARAMETERS):
                part = wanted[start : start + _PARAMETERS]
                marks = ", ".join("?" * len(part))
                query = f"SELECT key, score FROM scores WHERE key IN ({marks})"
                found |= {keys[bytes(key)]: float(value) for key, value in connection.execute(query, part)}
        return found

    def put(self, model_id: str, method: str, scores: Mapping[bytes, float]) -> None:
        """Keep scores, all or none. Raises StorageError."""
        rows = [(_key(model_id, method, row), value) for row, value in scores.items()]
        with self._open() as connection:
            connection.executemany("INSERT OR REPLACE INTO scores VALUES (?, ?)", rows)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(self._path, timeout=_WAIT_S)
            try:
                use_write_ahead_log(connection, _WAIT_S)
                connection.execute(_SCHEMA)
                with connection:
                    yield connection
            finally:
                connection.close()
        except sqlite3.Error as error:
            raise StorageError(
                f"the scores that were kept cannot be used: {error}",
                where=str(self._path),
                cure="free some space there; a damaged file can be deleted, its rows are then scored again",
            ) from error
        except OSError as error:
            raise StorageError.of(error, str(self._path)) or StorageError(
                f"scores cannot be kept: {error.strerror}", where=str(self._path), cure="check the directory"
            ) from error


def _key(model_id: str, method: str, row: bytes) -> bytes:
    return hashlib.blake2b(json.dumps([model_id, method]).encode() + row, digest_size=16).digest()
