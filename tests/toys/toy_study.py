"""Studies of the toy kind: real engine, referee, backend and sandbox; a recipe and a worker that need no torch."""

from __future__ import annotations

import json
import random
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml
from tests.toys.empty_ledger import place_ledger

from labwright.assemble import Lab, open_lab
from labwright.config import Settings
from labwright.contracts.views import StudyView
from labwright.study.spec import read_study

TOYS = Path(__file__).parent
RECIPE = (TOYS / "toy_recipe.py").read_text()
_CALL = 'if __name__ == "__main__":\n    main()\n'


@dataclass(frozen=True)
class FinishedStudy:
    """A study that ran to its end, and the lab that it is in."""

    lab: Lab
    view: StudyView


def recipe_that_also(attack: str, *, before: bool = False) -> str:
    """The toy recipe with statements added, at its end or before it starts."""
    call = _CALL.replace("    main()\n", "")
    body = "\n".join(f"    {line}" for line in textwrap.dedent(attack).strip().splitlines())
    parts = [body, "    main()"] if before else ["    main()", body]
    return RECIPE.replace(_CALL, call + "\n".join(parts) + "\n")


def items(count: int, seed: int, low: int, high: int) -> list[dict[str, str]]:
    """Number-sorting items with numbers from a range of their own, so splits never overlap."""
    dice = random.Random(seed)
    seen, found = set(), []
    while len(found) < count:
        numbers = tuple(dice.sample(range(low, high), 3))
        if numbers not in seen:
            seen.add(numbers)
            answer = " ".join(str(n) for n in sorted(numbers))
            found.append(
                {
                    "id": f"i{len(found)}",
                    "prompt": f"Sort ascending: {' '.join(map(str, numbers))} ->",
                    "answer": answer,
                }
            )
    return found


def write_study(
    folder: Path, base: Path, *, recipe: str = RECIPE, params: Mapping[str, object] | None = None, **changes: object
) -> Path:
    """A study: 120 dev and 120 test items, clean and noisy data, a toy recipe. `changes` go into study.yaml."""
    folder.mkdir(parents=True)
    benchmark = folder / "benchmark"
    benchmark.mkdir()
    pack = {
        "name": "toy-sorting",
        "scorer": {"kind": "exact", "normalise": ["strip"]},
        "generation": {"max_new_tokens": 12, "stop": ["\n"], "few_shot": 2},
    }
    (benchmark / "benchmark.yaml").write_text(yaml.safe_dump(pack))
    write_lines(benchmark / "dev.jsonl", items(120, 1, 100, 200))
    write_lines(benchmark / "test.jsonl", items(120, 2, 200, 300))
    write_lines(benchmark / "shots.jsonl", items(2, 3, 300, 400))
    clean = [{"prompt": i["prompt"], "completion": " " + i["answer"]} for i in items(80, 4, 400, 600)]
    noisy = [{**row, "completion": " 1 2 3"} if n % 2 else row for n, row in enumerate(clean)]
    write_lines(folder / "clean.jsonl", clean)
    write_lines(folder / "noisy.jsonl", noisy)
    (folder / "recipe.py").write_text(recipe)
    spec: dict[str, object] = {
        "goal": "Teach the toy to sort",
        "base_model": str(base),
        "benchmark": "benchmark/",
        "data": [{"name": "clean", "path": "clean.jsonl"}, {"name": "noisy", "path": "noisy.jsonl"}],
        "recipe": {"name": "./recipe.py", "params": {"step_s": 0.01, **(params or {})}},
        "search": {
            "rungs": [8, 24],
            "trials": 4,
            "extra_trials": 0,
            "vary": {"learning_rate": [0.0003, 0.001], "data": ["clean", "noisy"]},
        },
        "budget": {"wall_clock": "1h", "runs": 40},
    }
    (folder / "study.yaml").write_text(yaml.safe_dump({**spec, **changes}))
    return folder


def toy_lab(home: Path, **settings: object) -> Lab:
    """A lab whose generation worker is the toy."""
    place_ledger(home)
    given: Mapping[str, object] = {"home": home, "generation_worker": TOYS / "toy_worker.py", "poll_s": 0.05}
    return open_lab(Settings.model_validate({**given, **settings}))


def run_study(lab: Lab, folder: Path) -> StudyView:
    """Run a study to its end."""
    return lab.engine(lab.create_study(read_study(folder))).run()


def write_lines(path: Path, rows: list[dict[str, str]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
