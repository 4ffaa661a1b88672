"""What the ledger's property tests share."""

from __future__ import annotations

from pathlib import Path

import pytest

from labwright.ledger import Ledger


@pytest.fixture(scope="session")
def empty_ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated file to copy, which is quicker than migrating one for each example."""
    file = tmp_path_factory.mktemp("empty") / "lab.db"
    Ledger.open(f"sqlite:///{file}").close()
    return file
