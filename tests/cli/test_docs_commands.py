"""`labwright docs` and `labwright code check` as a person types them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

BAD = "from rich.console import Console, Consol\nConsole(widht=3)\n"


def labwright(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "LABWRIGHT_HOME": str(home), "LABWRIGHT_OFFLINE": "1"}
    command = [sys.executable, "-m", "labwright", *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)


def test_a_symbol_comes_with_its_signature_and_its_source(tmp_path: Path) -> None:
    done = labwright(tmp_path, "docs", "httpx.Client.get", "--source")
    assert done.returncode == 0, done.stderr
    assert "httpx._client.Client.get" in done.stdout and "def get(" in done.stdout


def test_a_script_with_mistakes_ends_with_1_and_names_each_with_its_cure(tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    script.write_text(BAD)
    done = labwright(tmp_path, "code", "check", str(script))
    assert done.returncode == 1
    assert ":1:" in done.stdout and "`Console`" in done.stdout and "`width`" in done.stdout
    document = json.loads(labwright(tmp_path, "code", "check", str(script), "--json").stdout)
    assert document["errors"] == 2 and [problem["line"] for problem in document["problems"]] == [1, 2]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("docs", "rich.console.Consol"), 2, "Console"),
        (("docs", "https://example.org/page"), 1, "offline"),
        (("code", "check", "no-such.py"), 2, "no-such.py"),
        (("docs", "x", "--python", "/no/python"), 2, "/no/python"),
    ],
)
def test_mistakes_are_named_with_their_cure(tmp_path: Path, words: tuple[str, ...], code: int, said: str) -> None:
    done = labwright(tmp_path, *words)
    assert (done.returncode, said in done.stderr) == (code, True), done.stderr
    assert "Traceback" not in done.stderr and "cure:" in done.stderr
