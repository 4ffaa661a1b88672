"""Small local data in the shapes of known benchmarks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from labwright.data.sources import Table, open_source


def open_table(source: str, split: str | None) -> Table:
    """Local sources only."""
    return open_source(source, split=split)


def write(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    """A JSONL file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def read(path: Path) -> list[dict[str, Any]]:
    """The lines of a JSONL file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def gsm8k(start: int, stop: int) -> list[dict[str, Any]]:
    return [
        {"question": f"Ann has {n} apples and buys 1000. How many?", "answer": f"So {n} + 1000.\n#### {n + 1000:,}"}
        for n in range(start, stop)
    ]


def arc(start: int, stop: int) -> list[dict[str, Any]]:
    return [
        {
            "id": f"q{n}",
            "question": f"What is {n} + 1?",
            "choices": {"text": [str(n), str(n + 1), str(n + 2)], "label": ["A", "B", "C"]},
            "answerKey": "B",
        }
        for n in range(start, stop)
    ]


def humaneval(start: int, stop: int) -> list[dict[str, Any]]:
    return [
        {
            "task_id": f"HumanEval/{n}",
            "prompt": f'def add{n}(x):\n    """Add {n} to x.\n    """\n',
            "canonical_solution": f"    return x + {n}\n",
            "test": f"\n\nMETADATA = {{}}\n\n\ndef check(candidate):\n    assert candidate(1) == {n + 1}\n",
            "entry_point": f"add{n}",
        }
        for n in range(start, stop)
    ]
