"""Specs in a folder, scripted writers and judges, and the files that a run leaves."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from pydantic import JsonValue

from labwright.compute import Sandbox
from labwright.compute.programs import SandboxedPrograms
from labwright.contracts.data import Judgement, Keeper, Made, ModelChoice, RowJudge, RowWriter
from labwright.data.synthesis import Parts, SynthesisReport, synthesise

SUMS = """
name: sums
generator:
  kind: template
  row: {prompt: "{{ verb }} {{ a }} and {{ b }}.", completion: "{{ a + b }}"}
slices:
  - {name: small, count: 12, params: {verb: [Add, Sum]}, let: {a: "integer(1, 9)", b: "integer(1, 9)"}}
  - {name: large, count: 8, params: {verb: [Add, Sum]}, let: {a: "integer(100, 999)", b: "integer(100, 999)"}}
"""
LLM = """
name: asked
parallel: {parallel}
generator: {{kind: llm, rows_a_call: 4}}
checks: {checks}
budget: {budget}
slices: [{{name: one, count: {count}, instructions: "Write about rain."}}]
"""


def llm_spec(*, count: int = 8, checks: str = "{}", budget: str = "{}", parallel: int = 1) -> str:
    return LLM.format(count=count, checks=checks, budget=budget, parallel=parallel)


def write_spec(folder: Path, text: str, name: str = "spec.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def run(folder: Path, text: str, parts: Parts | None = None, out: str = "out.jsonl", **more: Any) -> SynthesisReport:
    return synthesise(write_spec(folder, text), folder / out, parts=parts or Parts(), **more)


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def row(number: int) -> dict[str, JsonValue]:
    """A row that is like no other: digits make rows different whatever their words."""
    return {"prompt": f"Question {number} about rain?", "completion": f"Answer {number}."}


Says = Sequence[Mapping[str, JsonValue]] | BaseException


@dataclass
class ScriptedWriter:
    """A RowWriter: numbered rows, or what a function of the call's number says."""

    says: Callable[[int, int], Says] | None = None  # (number of the call, rows asked for)
    usd: float | None = 0.01
    tokens: int = 100
    keeper: Keeper | None = None  # kept as an adapter keeps it, where there is one
    worst_usd: float | None = 0.05
    asked: list[tuple[str, int, int]] = field(default_factory=list)
    choices: list[ModelChoice] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _given: int = 0

    @property
    def name(self) -> str:
        return "scripted"

    def write(self, instruction: str, schema: Mapping[str, JsonValue], count: int, seed: int) -> Sequence[Made]:
        call_id = uuid4().hex
        if self.keeper is not None:
            self.keeper.reserve(call_id, self.name, 500, 500, self.worst_usd)
        with self._lock:
            number = len(self.asked)
            self.asked.append((instruction, count, seed))
            first, self._given = self._given, self._given + count
        said: Says = [row(first + n) for n in range(count)] if self.says is None else self.says(number, count)
        if isinstance(said, BaseException):
            if self.keeper is not None:
                self.keeper.release(call_id)
            raise said
        if self.keeper is not None:
            self.keeper.reconcile(call_id, input_tokens=self.tokens // 2, output_tokens=self.tokens // 2, usd=self.usd)
        share = max(len(said), 1)
        usd = None if self.usd is None else self.usd / share
        return [Made(dict(one), instruction, self.name, seed, usd, self.tokens // share) for one in said]

    def of(self, choice: ModelChoice, keeper: Keeper) -> RowWriter:
        """For `Parts.writer`; this writer keeps no purse, so the run books what it says."""
        self.choices.append(choice)
        return self

    def keeping(self, choice: ModelChoice, keeper: Keeper) -> RowWriter:
        """For `Parts.writer`; reserves before each call."""
        self.keeper = keeper
        return self


@dataclass
class ScriptedJudge:
    """A RowJudge: what a function of the row says, one unless told otherwise."""

    says: Callable[[Mapping[str, JsonValue]], float | BaseException] = lambda _: 1.0
    usd: float | None = 0.001
    judged: list[Mapping[str, JsonValue]] = field(default_factory=list)

    @property
    def name(self) -> str:
        return "scripted-judge"

    def judge(self, row: Mapping[str, JsonValue], rubric: str) -> Judgement:
        self.judged.append(row)
        said = self.says(row)
        if isinstance(said, BaseException):
            raise said
        return Judgement(said, "because", self.usd, 10)

    def of(self, choice: ModelChoice, keeper: Keeper) -> RowJudge:
        return self


def programs() -> SandboxedPrograms:
    return SandboxedPrograms(Sandbox())
