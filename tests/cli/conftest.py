"""What tests of several commands need."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from labwright.cli.edge import act

Do = Callable[..., tuple[int, str, str]]


@pytest.fixture
def do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Do:
    """An action in a lab of its own: its exit code, stdout and stderr."""
    monkeypatch.setenv("LABWRIGHT_HOME", str(tmp_path / "home"))

    def run(module: str, name: str, *words: Any) -> tuple[int, str, str]:
        code = act(import_module, f"labwright.cli.actions.{module}", name, words)
        said = capsys.readouterr()
        return code, said.out, said.err

    return run
