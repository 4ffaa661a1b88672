"""An empty ledger, made once a process: its migrations take a tenth of a second, and their imports most of one.

What a first start does by itself is tested in `tests/ledger`; other tests begin after it.
"""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

from labwright.ledger import Ledger


def place_ledger(home: Path) -> Path:
    """Put an empty ledger into a lab's home, unless it has one; its URL is that of the settings' default."""
    file = home / "lab.db"
    if not file.exists():
        home.mkdir(parents=True, exist_ok=True)
        file.write_bytes(_migrated())
    return home


@cache
def _migrated() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "lab.db")
        Ledger.open(f"sqlite:///{file}").close()
        return file.read_bytes()
