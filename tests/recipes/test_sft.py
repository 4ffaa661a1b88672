"""The SFT recipe as a backend runs it: a process in its own directory, which may be killed at any time.

Starting one takes seconds of imports, so runs that do not depend on each other are started together.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("trl", reason="the train extra is not installed")

from safetensors.numpy import load_file

from labwright.models.directory import check
from labwright.models.tiny import make_tiny_model

RECIPE = Path(__file__).resolve().parents[2] / "recipes" / "sft.py"
ROWS = 200  # at 16 a step an epoch is 13 steps, so that 30 steps cross two of them
STEPS = 30
LORA = {"batch_size": 16, "max_steps": STEPS, "save_steps": 1, "lora_r": 4}


class Lab:
    """A tiny base model, a training set, and run directories."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.base = make_tiny_model(home / "base", alphabet="abcdefghijklmnopqrstuvwxyz ->")
        rng = random.Random(3)
        words = ["".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=4)) for _ in range(ROWS)]
        self.data = home / "train.jsonl"
        self.data.write_text("".join(line({"prompt": f"{w} ->", "completion": f" {w[::-1]}"}) for w in words))
        self.texts = home / "texts.jsonl"
        self.texts.write_text("".join(line({"text": f"{w} -> {w[::-1]}", "label": 1}) for w in words))

    def directory(self, name: str, params: Mapping[str, object], **inputs: Path) -> Path:
        run = self.home / name
        (run / "inputs").mkdir(parents=True)
        chosen = {"base_model": self.base, "train.jsonl": inputs.pop("data", self.data), **inputs}
        for entry, path in chosen.items():
            (run / "inputs" / entry).symlink_to(path)
        (run / "params.json").write_text(json.dumps(params))
        shutil.copyfile(RECIPE, run / "recipe.py")
        return run

    def start(self, run: Path, *, seed: int = 5, deadline_s: float = 7200) -> subprocess.Popen[bytes]:
        environment = {"LABWRIGHT_RUN_DIR": str(run), "LABWRIGHT_SEED": str(seed)}
        environment["LABWRIGHT_DEADLINE"] = str(time.time() + deadline_s)
        with (run / "log.txt").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "recipe.py"],
                cwd=run,
                env={**os.environ, **environment, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"},
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def run(self, run: Path, **how: Any) -> None:
        finish(run, self.start(run, **how))


def line(row: Mapping[str, object]) -> str:
    return json.dumps(row) + "\n"


def log(run: Path) -> str:
    return (run / "log.txt").read_text()


def finish(run: Path, process: subprocess.Popen[bytes]) -> None:
    assert process.wait(timeout=900) == 0, log(run)


def metrics(run: Path) -> list[dict[str, float]]:
    path = run / "metrics.jsonl"
    return [json.loads(text) for text in path.read_text().splitlines()] if path.exists() else []


def wait_for_step(run: Path, process: subprocess.Popen[bytes], step: int) -> None:
    path = run / "metrics.jsonl"
    while True:
        has_ended = process.poll() is not None
        if path.exists() and path.read_text().count("\n") >= step:
            return
        assert not has_ended, log(run)
        time.sleep(0.01)


def losses(run: Path) -> list[tuple[float, float]]:
    return [(point["step"], point["loss"]) for point in metrics(run)]


def weights(directory: Path) -> dict[str, bytes]:
    found = {}
    for path in directory.glob("*.safetensors"):
        found.update({name: tensor.tobytes() for name, tensor in load_file(path).items()})
    assert found
    return found


def result(run: Path) -> dict[str, Any]:
    content = json.loads((run / "result.json").read_text())
    assert isinstance(content, dict)
    return content


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    return Lab(tmp_path_factory.mktemp("sft"))


@pytest.fixture(scope="module")
def whole(lab: Lab) -> Path:
    """A run of 30 steps that nothing disturbed."""
    run = lab.directory("whole", LORA)
    lab.run(run)
    return run


def test_a_run_leaves_an_adapter_a_checkpoint_and_one_line_a_step(whole: Path) -> None:
    points = metrics(whole)
    assert [p["step"] for p in points] == list(range(1, STEPS + 1))
    assert {"time", "loss", "learning_rate", "grad_norm", "tokens_per_s"} <= set(points[0])
    assert points[-1]["loss"] < points[0]["loss"]
    assert points[0]["learning_rate"] > 0
    assert points[-1]["learning_rate"] == 1e-3
    assert sorted(p.name for p in (whole / "checkpoints").iterdir()) == [f"checkpoint-{STEPS}"]
    assert not list((whole / "adapter").glob("*.bin"))
    said = result(whole)
    assert (said["steps"], said["stopped"], said["loss"]) == (STEPS, "finished", points[-1]["loss"])
    assert "Warning" not in log(whole) and "%|" not in log(whole)


def test_a_killed_run_goes_on_as_if_nothing_had_happened(lab: Lab, whole: Path) -> None:
    run = lab.directory("killed", LORA)
    process = lab.start(run)
    wait_for_step(run, process, 8)
    process.send_signal(signal.SIGKILL)
    process.wait()
    half = run / "checkpoints" / "checkpoint-99"  # as a recipe that saved in place would leave it
    half.mkdir()
    (half / "trainer_state.json").write_text('{"global_step": 99}')
    with (run / "metrics.jsonl").open("a") as file:
        file.write('{"step": 100, "loss": 1.0}\n{"step": 1')
    lab.run(run)
    assert "checkpoint-99 is incomplete" in log(run)
    assert result(run)["went_on_from_step"] > 0
    assert losses(run) == losses(whole)
    assert weights(run / "adapter") == weights(whole / "adapter")


def test_a_survivor_goes_on_from_another_runs_checkpoint_as_if_it_were_one_run(lab: Lab, whole: Path) -> None:
    first = lab.directory("rung-1", {**LORA, "max_steps": 16})
    other_seed = lab.directory("other-seed", {**LORA, "max_steps": 16})
    processes = [lab.start(first), lab.start(other_seed, seed=6)]
    finish(first, processes[0])
    finish(other_seed, processes[1])
    assert losses(first) == losses(whole)[:16]
    assert losses(other_seed)[0] != losses(whole)[0]

    second = lab.directory("rung-2", LORA, checkpoint=first / "checkpoints" / "checkpoint-16")
    unfinished = lab.home / "unfinished"  # killed between the last checkpoint and the weights
    shutil.copytree(whole, unfinished, symlinks=True, ignore=shutil.ignore_patterns("adapter", "result.json"))
    processes = [lab.start(second), lab.start(unfinished)]
    for run, process in zip((second, unfinished), processes, strict=True):
        finish(run, process)
        assert weights(run / "adapter") == weights(whole / "adapter")
        assert result(run)["steps"] == STEPS
    assert losses(second) == losses(whole)[16:]
    assert losses(unfinished) == losses(whole)


def test_sigterm_and_the_deadline_end_a_run_cleanly(lab: Lab) -> None:
    endless = {**LORA, "max_steps": 1_000_000, "save_steps": 0, "schedule": "constant"}
    told = lab.directory("told", endless)
    late = lab.directory("late", endless)
    began = time.monotonic()
    first = lab.start(told)
    wait_for_step(told, first, 3)
    took_s = time.monotonic() - began
    processes = [first, lab.start(late, deadline_s=4 + 1.5 * took_s)]
    first.send_signal(signal.SIGTERM)
    while processes[1].wait(timeout=900) is not None and not metrics(late):  # it is to come to some steps
        took_s *= 3
        shutil.rmtree(late)
        late = lab.directory("late", endless)
        processes[1] = lab.start(late, deadline_s=4 + 1.5 * took_s)
    for run, process, reason in zip((told, late), processes, ("sigterm", "deadline"), strict=True):
        finish(run, process)
        said = result(run)
        assert said["stopped"] == reason
        assert metrics(run)[-1]["step"] == said["steps"]
        assert (run / "checkpoints" / f"checkpoint-{said['steps']}" / "optimizer.pt").is_file()
        assert weights(run / "adapter")


def test_all_weights_can_be_trained_on_texts_with_rows_held_out(lab: Lab) -> None:
    params = {"lora": False, "format": "text", "max_steps": 25, "validation_rows": 20, "learning_rate": 3e-3}
    run = lab.directory("full", params, data=lab.texts)
    chat = lab.directory("chat", {"format": "messages"}, data=chat_rows(lab))
    processes = [lab.start(run), lab.start(chat)]
    finish(run, processes[0])
    points = metrics(run)
    assert [p["step"] for p in points] == list(range(1, 26))
    evaluated = {p["step"]: p["eval_loss"] for p in points if "eval_loss" in p}
    assert sorted(evaluated) == [10, 20, 25]
    assert evaluated[25] < evaluated[10]
    check(run / "model")
    assert weights(run / "model") != weights(lab.base)
    assert processes[1].wait(timeout=900) == 1
    assert "format is messages, but the base model's tokenizer has no chat template" in log(chat)


def chat_rows(lab: Lab) -> Path:
    path = lab.home / "chat.jsonl"
    path.write_text(line({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}))
    return path


@pytest.mark.parametrize(
    ("params", "row", "said"),
    [
        ({"learning_rat": 1}, {}, "unknown parameter learning_rat; known are format, max_length"),
        ({"format": "csv"}, {}, "format is 'csv'; it must be one of prompt-completion, messages, text"),
        ({"batch_size": "16"}, {}, "batch_size is '16'; it must be of type int"),
        ({"batch_size": 0}, {}, "batch_size is 0; it must be at least 1"),
        ({"lora": 1}, {}, "lora is 1; it must be of type bool"),
        ({"learning_rate": 0}, {}, "learning_rate is 0.0; it must be above 0"),
        ({"validation_rows": 2}, {"prompt": "a", "completion": "b"}, "holds 2 rows, and validation_rows takes 2"),
        ({}, {"prompt": "a"}, "train.jsonl, line 2: column 'completion' is missing"),
        ({}, {"prompt": "a", "completion": 7}, "train.jsonl, line 2: column 'completion' is no text"),
        ({"format": "text"}, {"prompt": "a"}, "line 1: column 'text' is missing"),
    ],
)
def test_a_mistake_is_named_before_anything_slow_begins(
    lab: Lab, tmp_path: Path, params: dict[str, object], row: dict[str, object], said: str
) -> None:
    data = tmp_path / "train.jsonl"
    data.write_text(line({"prompt": "a", "completion": "b"}) + line(row))
    run = lab.directory(tmp_path.name, params, data=data)
    process = lab.start(run)
    assert process.wait(timeout=300) == 1
    assert said in log(run)
    assert "Traceback" not in log(run)
    assert not (run / "metrics.jsonl").exists()


def test_the_recipe_imports_nothing_of_labwright() -> None:
    assert "labwright." not in RECIPE.read_text().replace("LABWRIGHT", "")
