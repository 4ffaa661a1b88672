"""`labwright docs` and `labwright code check` as a person types them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.servers.replay import ReplayServer, reply

BAD = "from rich.console import Console, Consol\nConsole(widht=3)\n"


def labwright(home: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "LABWRIGHT_HOME": str(home), "LABWRIGHT_OFFLINE": "1", **more}
    command = [sys.executable, "-m", "labwright", *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)


def test_a_symbol_comes_with_its_signature_and_its_source(tmp_path: Path) -> None:
    done = labwright(tmp_path, "docs", "httpx.Client.get", "--source")
    assert done.returncode == 0, done.stderr
    assert "httpx._client.Client.get" in done.stdout and "def get(" in done.stdout


def test_where_nothing_installed_answers_the_webs_documentation_does(tmp_path: Path) -> None:
    guide = "# Wombats\n\n## Burrowing\n\nWombats burrow qqzz.\n"
    markdown = {"Content-Type": "text/markdown; charset=utf-8"}
    routes = {
        "/docs/wombat/llms.txt": reply(200, "- [Wombats](/docs/wombat/burrow.md): burrowing\n", markdown),
        "/docs/wombat/burrow.md": reply(200, guide, markdown),
    }
    with ReplayServer(routes) as hub:
        at = {"HF_ENDPOINT": hub.url, "LABWRIGHT_OFFLINE": "0"}
        for query in ("qqzz burrow", "Burrowing"):
            done = labwright(tmp_path, "docs", query, "--package", "wombat", **at)
            assert done.returncode == 0 and f"{hub.url}/docs/wombat/burrow.md" in done.stdout, done.stderr
            assert "the web's of wombat" in done.stderr
        unknown = labwright(tmp_path, "docs", "zzzz.yyyy", **at)
    assert unknown.returncode == 2 and "nothing of that name is installed: zzzz.yyyy" in unknown.stderr
    assert "Hugging Face has no documentation of 'zzzz'" in unknown.stderr


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
