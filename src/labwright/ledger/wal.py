"""SQLite's write-ahead log, which lets others read while one writes."""

from __future__ import annotations

import sqlite3
import time
from typing import Protocol


class Executing(Protocol):
    """A connection or a cursor of SQLite."""

    def execute(self, statement: str, /) -> object: ...


def use_write_ahead_log(database: Executing, patience_s: float) -> None:
    """Switch to it. SQLite does not wait for this lock by itself, so first openings at once must take turns.

    Raises sqlite3.OperationalError where the lock is still held after `patience_s` seconds.
    """
    until = time.monotonic() + patience_s
    while True:
        try:
            database.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > until:
                raise
            time.sleep(0.05)
        else:
            return
