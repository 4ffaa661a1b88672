"""`labwright benchmark add` as a person types it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


def labwright(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "LABWRIGHT_HOME": str(home / "lab"), "LABWRIGHT_OFFLINE": "1"}
    command = [sys.executable, "-m", "labwright", "benchmark", "add", *words]
    return subprocess.run(command, env=environment, cwd=home, capture_output=True, text=True, check=False, timeout=300)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "sums.jsonl"
    path.write_text("".join(json.dumps({"frage": f"{n} + 1 =", "antwort": n + 1}) + "\n" for n in range(12)))
    return path


def test_a_file_becomes_a_pack_beside_and_the_study_line_is_said(source: Path, tmp_path: Path) -> None:
    done = labwright(
        tmp_path, str(source), "--map", "prompt=frage", "--map", "answer=antwort", "--few-shot", "2", "--samples", "4"
    )
    assert done.returncode == 0, done.stderr
    assert "benchmark: " in done.stdout and "avg@4" in done.stdout
    assert (tmp_path / "sums" / "benchmark.yaml").is_file()
    assert "one split only" in done.stderr


def test_json_is_one_document_and_a_refusal_names_its_cure(source: Path, tmp_path: Path) -> None:
    done = labwright(tmp_path, str(source), "--json")
    assert done.returncode == 2
    assert "--map prompt=COLUMN" in json.loads(done.stdout)["error"]["cure"]
    words = ("--map", "prompt=frage", "--map", "answer=antwort", "--name", "plus-one", "--out", "packs/plus", "--json")
    document = json.loads(labwright(tmp_path, str(source), *words).stdout)
    assert (document["name"], document["scorer"]) == ("plus-one", "numeric")
    assert Path(document["directory"]) == tmp_path / "packs" / "plus"


def test_a_map_that_maps_nothing_is_refused(source: Path, tmp_path: Path) -> None:
    done = labwright(tmp_path, str(source), "--map", "prompt")
    assert done.returncode == 2
    assert "--map" in done.stderr
