"""That the referee scores as lm-eval does, in at most half the time: same items, same model, same decoding.

    python benchmarks/referee.py [--rounds 3] [--items 200] [--model smollm2-135m-instruct]

Two benchmarks are made in a temporary directory: sorting three numbers (four worked examples, greedy, up to 16 new
tokens, exact match) and choosing the largest of four numbers (zero-shot, summed log-likelihood). Each is scored by the
real referee, from a pack sealed in a temporary lab through a sandboxed worker, and by lm-eval's `hf` model, from a task
of its own in YAML, with the batch size at which lm-eval was fastest here, the number format of the worker and its
threads. The two take turns, and the fastest turn of each counts. OMP_NUM_THREADS reaches both: on a machine that does
other work at the same time, 1 gives the steadiest figures.

- cold: a new process, every import, the model, the items, up to the score.
- warm: lm-eval's figure is its model call alone; the referee's is a second evaluation in the same process, which
  stages and loads the weights again, generates, scores and records.

The referee runs tokens once that prompts or choices share. Zero-shot answers as long as their question leave it the
least to save: about half of lm-eval's time there, where these two benchmarks take about a third.

Nothing is downloaded once the lab's home (LABWRIGHT_HOME) holds the model. Exit code 1 where the scores differ or the
referee takes more than half of lm-eval's time; 2 where lm-eval is not installed.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from pydantic import JsonValue, TypeAdapter

from labwright.assemble import Lab, open_lab
from labwright.config import Settings
from labwright.contracts.research import BASE, Style
from labwright.models import BaseModel, resolve
from labwright.referee.protocol import Evaluate, Seal
from labwright.referee.vault import read_results

SHOTS, NEW_TOKENS = 4, 16
MOST_OF_ITS_TIME = 0.5
BATCH_SIZES = (32, 64, 128)  # lm-eval's `auto` tries 64 x the whole context first: minutes on a CPU
TRIED_ON = 128  # items

Entry = dict[str, JsonValue]
STRIP: Entry = {"function": "regex", "regex_pattern": "(?s).+"}  # the whole text: this filter strips what it finds

LM_EVAL = """
import json, sys, time
import torch
import lm_eval
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks import TaskManager

given = json.loads(sys.argv[1])
cuda = torch.cuda.is_available()
modern = cuda and torch.cuda.get_device_capability()[0] >= 8
lm = HFLM(given["model"], device="cuda" if cuda else "cpu", dtype="bfloat16" if modern else "float32")
spent = []

def timed(call):
    def wrapper(requests, **options):
        begun = time.perf_counter()
        answers = call(requests, **options)
        spent.append(time.perf_counter() - begun)
        return answers
    return wrapper

lm.generate_until, lm.loglikelihood = timed(lm.generate_until), timed(lm.loglikelihood)
tasks = TaskManager(include_path=given["tasks"], include_defaults=False)
for size in given["batch_sizes"]:
    lm.batch_size_per_gpu = size
    found = lm_eval.simple_evaluate(
        lm, tasks=[given["task"]], task_manager=tasks, limit=given["limit"], bootstrap_iters=0
    )
samples = sorted(found["samples"][given["task"]], key=lambda sample: sample["doc_id"])
with open(given["out"], "w") as out:
    json.dump({
        "call_s": spent,
        "scores": [sample[given["metric"]] for sample in samples],
        "prompts": [sample["arguments"][0][0] for sample in samples],
    }, out)
"""


@dataclass(frozen=True, slots=True)
class Task:
    """One benchmark, as a pack for the referee and as a YAML task for lm-eval."""

    name: str
    style: Style
    pack: Path
    yaml_dir: Path
    metric: str  # lm-eval's
    prompts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Heard:
    """What lm-eval's process reports."""

    call_s: list[float]
    scores: list[float]
    prompts: list[str]


@dataclass
class Side:
    """One side's scores, one an item, and its times in seconds."""

    scores: Sequence[float] = ()
    cold_s: list[float] = field(default_factory=list)
    warm_s: list[float] = field(default_factory=list)


# -- the items ---------------------------------------------------------------------------------------------------------


def to_sort(count: int) -> list[Entry]:
    """Three numbers to sort, no two times the same three."""
    return [
        {"prompt": f"Sort ascending: {_text(numbers)} ->", "answer": _text(sorted(numbers))}
        for numbers in _distinct(count, size=3, seed=1)
    ]


def to_choose_from(count: int) -> list[Entry]:
    """Four numbers, the largest of which is to be chosen."""
    return [
        {
            "prompt": f"Of the four numbers {_text(numbers)} the largest is",
            "answer": str(max(numbers)),
            "choices": [str(number) for number in numbers],
            "right": numbers.index(max(numbers)),
        }
        for numbers in _distinct(count, size=4, seed=2)
    ]


def _distinct(count: int, *, size: int, seed: int) -> list[list[int]]:
    dice, found = random.Random(seed), dict[frozenset[int], list[int]]()
    while len(found) < count:
        numbers = dice.sample(range(100), size)
        found.setdefault(frozenset(numbers), numbers)
    return list(found.values())


def _text(numbers: Sequence[int]) -> str:
    return " ".join(map(str, numbers))


def make_task(folder: Path, name: str, style: Style, made: list[Entry], for_pack: Entry, for_lm_eval: Entry) -> Task:
    """Write both forms; the prompts are written out here too, for neither side to be trusted with them."""
    shown = made[:SHOTS] if style == "few_shot" else []
    files = {"shots": made[:SHOTS], "test": made[SHOTS : 2 * SHOTS], "dev": made[2 * SHOTS :]}
    pack, yaml_dir = folder / name / "pack", folder / name / "lm-eval"
    pack.mkdir(parents=True)
    yaml_dir.mkdir()
    for part, lines in files.items():
        (pack / f"{part}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    spec: Entry = {"name": name, "shots": "shots.jsonl", **for_pack}
    (pack / "benchmark.yaml").write_text(yaml.safe_dump(spec))
    task: Entry = {
        "task": name,
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": str(pack / "dev.jsonl"), "train": str(pack / "shots.jsonl")}},
        "test_split": "test",
        "fewshot_split": "train",
        "fewshot_config": {"sampler": "first_n"},
        "num_fewshot": len(shown),
        "doc_to_text": "{{prompt}}",
        "target_delimiter": " ",
        "fewshot_delimiter": "\n",
        **for_lm_eval,
    }
    (yaml_dir / f"{name}.yaml").write_text(yaml.safe_dump(task))
    prefix = "".join(f"{shot['prompt']} {shot['answer']}\n" for shot in shown)
    prompts = tuple(f"{prefix}{entry['prompt']}" for entry in files["dev"])
    return Task(name, style, pack, yaml_dir, "acc" if style == "zero_shot" else "exact_match", prompts)


def sorting(folder: Path, items: int) -> Task:
    """Generation: four worked examples, greedy, up to the end of the line."""
    return make_task(
        folder,
        "sorting",
        "few_shot",
        to_sort(items + 2 * SHOTS),
        {
            "scorer": {"kind": "exact", "normalise": ["strip"]},
            "generation": {"max_new_tokens": NEW_TOKENS, "temperature": 0, "stop": ["\n"], "few_shot": SHOTS},
        },
        {
            "output_type": "generate_until",
            "doc_to_target": "{{answer}}",
            "generation_kwargs": {"until": ["\n"], "max_gen_toks": NEW_TOKENS, "do_sample": False},
            "filter_list": [{"name": "strip", "filter": [STRIP, {"function": "take_first"}]}],
            "metric_list": [{"metric": "exact_match", "aggregation": "mean", "higher_is_better": True}],
        },
    )


def choosing(folder: Path, items: int) -> Task:
    """Log-likelihood: the likeliest of four continuations, zero-shot."""
    return make_task(
        folder,
        "choosing",
        "zero_shot",
        to_choose_from(items + 2 * SHOTS),
        {"scorer": {"kind": "choice"}, "generation": {"few_shot": SHOTS}},
        {
            "output_type": "multiple_choice",
            "doc_to_choice": "{{choices}}",
            "doc_to_target": "{{right}}",
            "metric_list": [{"metric": "acc", "aggregation": "mean", "higher_is_better": True}],
        },
    )


# -- the two sides -----------------------------------------------------------------------------------------------------


def referee_turn(side: Side, lab: Lab, base: BaseModel, task: Task) -> None:
    """Score with a referee that is started for it, and once more while it runs."""
    begun = time.perf_counter()
    referee = lab.referee()
    try:
        sealed = referee.seal(Seal(None, str(task.pack)))
        for times in (side.cold_s, side.warm_s):
            request = Evaluate(
                study_id=None,
                evaluation_id=f"{task.name}-{time.time_ns()}",
                benchmark_id=sealed.benchmark_id,
                subject=BASE,
                style=task.style,
                split="dev",
                base=str(base.path),
                base_id=base.model_id,
            )
            found = referee.evaluate(request)
            times.append(time.perf_counter() - begun)
            begun = time.perf_counter()
    finally:
        referee.close()
    side.scores = [result.score for result in read_results(lab.home / "objects", found.results_id)]


def ask_lm_eval(
    base: BaseModel, task: Task, batch_sizes: Sequence[int], folder: Path, limit: int | None = None
) -> Heard:
    """Run lm-eval in a process of its own, offline, once a batch size."""
    out = folder / "lm-eval.json"
    given = {
        "model": str(base.path),
        "tasks": str(task.yaml_dir),
        "task": task.name,
        "metric": task.metric,
        "batch_sizes": batch_sizes,
        "limit": limit,
        "out": str(out),
    }
    environment = {
        **os.environ,
        "HF_HUB_OFFLINE": "1",
        "HF_DATASETS_CACHE": str(folder / "datasets"),
        "OMP_WAIT_POLICY": os.environ.get("OMP_WAIT_POLICY", "PASSIVE"),  # as the worker has it
    }
    ended = subprocess.run(
        [sys.executable, "-c", LM_EVAL, json.dumps(given)], capture_output=True, text=True, env=environment, check=False
    )
    if ended.returncode:
        sys.exit(f"lm-eval ended with exit code {ended.returncode}:\n{ended.stderr[-3000:]}")
    return TypeAdapter(Heard).validate_json(out.read_bytes())


def lm_eval_turn(side: Side, base: BaseModel, task: Task, batch_size: int, folder: Path) -> None:
    """Score with lm-eval, from the start of its process to its end."""
    begun = time.perf_counter()
    heard = ask_lm_eval(base, task, (batch_size,), folder)
    side.cold_s.append(time.perf_counter() - begun)
    side.warm_s.append(heard.call_s[0])
    side.scores = heard.scores
    if tuple(heard.prompts) != task.prompts:
        sys.exit(f"lm-eval was not asked the same: {heard.prompts[0]!r} instead of {task.prompts[0]!r}")


# -- the comparison ----------------------------------------------------------------------------------------------------


def compare(task: Task, lab: Lab, base: BaseModel, rounds: int, folder: Path) -> bool:
    """Measure both sides in turn and print; whether the scores agree and the referee took at most half the time."""
    tried_s = ask_lm_eval(base, task, BATCH_SIZES, folder, TRIED_ON).call_s
    batch_size = BATCH_SIZES[tried_s.index(min(tried_s))]
    ours, theirs = Side(), Side()
    for _ in range(rounds):
        referee_turn(ours, lab, base, task)
        lm_eval_turn(theirs, base, task, batch_size, folder)
    count = len(task.prompts)
    agreed = sum(a == b for a, b in zip(ours.scores, theirs.scores, strict=True))
    print(f"\n## {task.name}: {count} items, {task.style.replace('_', '-')}\n")
    tried = ", ".join(f"{size}: {taken:.1f} s" for size, taken in zip(BATCH_SIZES, tried_s, strict=True))
    print(f"lm-eval's batch size is {batch_size} (on {TRIED_ON} items {tried}).\n")
    print("| | referee | lm-eval | referee / lm-eval |")
    print("|---|---|---|---|")
    print(
        f"| score | {sum(ours.scores) / count:.1%} | {sum(theirs.scores) / count:.1%} | {agreed}/{count} items agree |"
    )
    cold, warm = min(ours.cold_s) / min(theirs.cold_s), min(ours.warm_s) / min(theirs.warm_s)
    print(f"| cold, s | {_times(ours.cold_s)} | {_times(theirs.cold_s)} | {cold:.2f} |")
    print(f"| warm, s | {_times(ours.warm_s)} | {_times(theirs.warm_s)} | {warm:.2f} |", flush=True)
    return sum(ours.scores) == sum(theirs.scores) and cold <= MOST_OF_ITS_TIME and warm <= MOST_OF_ITS_TIME


def _times(taken_s: Sequence[float]) -> str:
    """The fastest, and the slowest in brackets."""
    return f"{min(taken_s):.1f} (to {max(taken_s):.1f})"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--items", type=int, default=200)
    parser.add_argument("--model", default="smollm2-135m-instruct")
    given = parser.parse_args()
    if importlib.util.find_spec("lm_eval") is None:
        print("lm-eval is not installed: pip install -c constraints.txt 'labwright[eval]'", file=sys.stderr)
        return 2
    settings = Settings()
    base = resolve(given.model, settings.home_path, Path.cwd())
    kept = True
    make: Callable[[Path, int], Task]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lab = open_lab(settings.model_copy(update={"home": folder / "home", "ledger_url": None}))
        print(f"{given.model}; boundary: {lab.sandbox.boundary}; {given.rounds} rounds.", flush=True)
        for make in (sorting, choosing):
            kept &= compare(make(folder, given.items), lab, base, given.rounds, folder)
        lab.ledger.close()
    print(f"\nSame scores in at most half of lm-eval's time: {'kept' if kept else 'BROKEN'}.")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
