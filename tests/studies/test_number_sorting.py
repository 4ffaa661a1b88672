"""The study of `make demo` at reduced size: real model, recipe, referee and sandbox; fewer items, trials and steps."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

STUDY = Path(__file__).resolve().parents[2] / "studies" / "number-sorting"
ITEMS = 60


def reduced(folder: Path) -> Path:
    """The study with one trial of 16 steps of 8 rows, 60 items a split, and time enough on any machine."""
    shutil.copytree(STUDY, folder, ignore=shutil.ignore_patterns("data"))
    subprocess.run([sys.executable, str(folder / "make_data.py")], check=True, capture_output=True)
    dev = folder / "benchmark" / "dev.jsonl"
    dev.write_text("".join(dev.read_text().splitlines(keepends=True)[:ITEMS]))
    _edit(folder / "benchmark" / "benchmark.yaml", lambda pack: pack["test"].update(count=ITEMS))
    search = {"rungs": [16], "trials": 1, "extra_trials": 0, "vary": {"learning_rate": [0.001], "data": ["sorted"]}}
    _edit(folder / "study.yaml", lambda spec: spec["search"].update(search))
    _edit(folder / "study.yaml", lambda spec: spec["recipe"]["params"].update(batch_size=8))
    _edit(folder / "study.yaml", lambda spec: spec["budget"].update(wall_clock="6h"))  # of a machine that is busy
    return folder


def _edit(path: Path, change: object) -> None:
    content = yaml.safe_load(path.read_text())
    change(content)  # type: ignore[operator]
    path.write_text(yaml.safe_dump(content))


@pytest.mark.slow
def test_the_demo_at_reduced_size_ends_with_a_better_model_on_the_sealed_test(tmp_path, bundled_home):
    command = [sys.executable, "-m", "labwright", "study", "run", str(reduced(tmp_path / "study")), "--json"]
    environment = {**os.environ, "LABWRIGHT_HOME": str(bundled_home), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    result = json.loads(done.stdout)
    assert result["state"] == "finished"
    assert result["verdict"]["outcome"] == "promoted"
    assert result["runs"] >= 3  # smoke, search, and the retrain with a fresh seed
    assert result["difference"]["low"] > 0  # item by item, against the few-shot base
    assert result["test"]["best"]["estimate"] > result["test"]["few_shot"]["estimate"]
    assert result["incidents"] == []
    assert Path(result["report"]).stat().st_size > 10_000
    assert (Path(result["best_model"]) / "model.safetensors").is_file()
