"""What writes rows: a model, a template, a program, a reasoning-gym task. All are asked for batches.

A batch is named by its slice and number, and its seed follows from both and from the spec's: who asks for the same
batch again, after a kill, gets the same rows from everything but a model.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import random
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from pydantic import JsonValue

from labwright.contracts.data import Made, ProgramLimits, ProgramRunner, RowWriter
from labwright.contracts.errors import DataError, UsageError
from labwright.data.synthesis.fields import RowSchema
from labwright.data.synthesis.outcomes import Refusal
from labwright.data.synthesis.purse import Tab
from labwright.data.synthesis.spec import GymSpec, LlmSpec, ProgramSpec, SliceSpec, SynthesisSpec, TemplateSpec
from labwright.data.synthesis.templating import Variables

_STDERR_SHOWN = 400
TEMPLATE_ROWS_A_CALL = 50
GYM_CURE = "pip install 'labwright[synth]'"
MORE = (Refusal.SURPLUS, "more rows than were asked for")
UNVERIFIED = (Refusal.VERIFIER, "the task gives its own answer less than full marks, or has none")


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows to be written at once."""

    part: SliceSpec
    number: int
    size: int
    seed: int

    def seed_of(self, row: int) -> int:
        """The seed of one of its rows."""
        return seed_from(self.seed, row)


@dataclass(frozen=True, slots=True)
class Written:
    """A row with what made it and the variables that it was made from; `fault` where its maker says it is none."""

    made: Made
    params: Mapping[str, JsonValue]
    fault: tuple[Refusal, str] | None = None


class Writer(Protocol):
    """Writes batches."""

    rows_a_call: int

    def write(self, batch: Batch) -> Sequence[Written]:
        """Up to `batch.size` rows. Raises ProviderError and BudgetError (models), DataError (templates, programs)."""


def seed_from(*of: int | str) -> int:
    """A seed that follows from others."""
    text = ":".join(map(str, of)).encode()
    return int.from_bytes(hashlib.sha256(text).digest()[:4], "big") >> 1


def variables(batch: Batch, row: int, where: str) -> Variables:
    """The variables of one row of a batch."""
    seed = batch.seed_of(row)
    part = batch.part
    return Variables.drawn(seed, part.params, part.let, {"slice": part.name, "seed": seed}, where)


# -- a model -----------------------------------------------------------------------------------------------------------


class LlmWriter:
    """Asks a model. Each row has an instruction of its own where the slice's variables differ."""

    def __init__(self, spec: LlmSpec, schema: RowSchema, writer: RowWriter, tab: Tab) -> None:
        self.rows_a_call = spec.rows_a_call
        self._spec = spec
        self._schema = schema.asked(without=spec.fixed)
        self._writer = writer
        self._tab = tab

    def write(self, batch: Batch) -> Sequence[Written]:
        """See `Writer`."""
        self._tab.must_not_be_empty()
        where = f"slice {batch.part.name}"
        rows = [variables(batch, n, where) for n in range(batch.size)]
        wishes = [self._wish(row, batch.part, where) for row in rows]
        instruction = "\n\n".join([*_numbered(wishes), *self._examples(batch)])
        answers = list(self._writer.write(instruction, self._schema, batch.size, batch.seed))
        known = all(made.usd is not None for made in answers)
        self._tab.settle(sum(made.usd or 0.0 for made in answers) if known else None, sum(m.tokens for m in answers))
        written = []
        for made, row in zip(answers, rows, strict=False):  # fewer than asked: counted by who asked
            fixed = {name: row.render(text, f"{where}, fixed.{name}") for name, text in self._spec.fixed.items()}
            written.append(Written(replace(made, row={**made.row, **fixed}), row.values))
        return [*written, *(Written(made, {}, MORE) for made in answers[batch.size :])]

    def _wish(self, row: Variables, part: SliceSpec, where: str) -> str:
        instructions = row.render(part.instructions, f"{where}, instructions")
        return row.render(self._spec.prompt, "generator.prompt", instructions=instructions).strip()

    def _examples(self, batch: Batch) -> list[str]:
        shots = min(self._spec.shots, len(self._spec.examples))
        if not shots:
            return []
        drawn = random.Random(f"{batch.seed}:examples").sample(list(self._spec.examples), shots)
        lines = [json.dumps(row, ensure_ascii=False) for row in drawn]
        return ["Examples of such rows, which must not be repeated:\n" + "\n".join(lines)]


def _numbered(wishes: Sequence[str]) -> list[str]:
    if len(set(wishes)) == 1:
        return [wishes[0]]
    return ["Each row has an instruction of its own; write them in this order."] + [
        f"Row {number}: {wish}" for number, wish in enumerate(wishes, start=1)
    ]


# -- templates ---------------------------------------------------------------------------------------------------------


class TemplateWriter:
    """Fills in templates. A text for a field that is no string is read as JSON."""

    rows_a_call = TEMPLATE_ROWS_A_CALL

    def __init__(self, spec: TemplateSpec, schema: RowSchema) -> None:
        self._spec = spec
        self._schema = schema

    def write(self, batch: Batch) -> Sequence[Written]:
        """See `Writer`."""
        where = f"slice {batch.part.name}"
        written = []
        for number in range(batch.size):
            row = variables(batch, number, where)
            filled = {name: self._filled(row, name, value) for name, value in self._spec.row.items()}
            written.append(Written(Made(filled, "", "template", batch.seed_of(number)), row.values))
        return written

    def _filled(self, row: Variables, name: str, value: JsonValue) -> JsonValue:
        field = self._schema.fields.get(name)
        if isinstance(value, str) and field is not None and (field.type != "string" or field.enum):
            text = row.render(value, f"generator.row.{name}")
            try:
                read: JsonValue = json.loads(text)
            except ValueError:
                return text
            return text if field.enum and read not in field.enum else read
        return _rendered(row, value, f"generator.row.{name}")


def _rendered(row: Variables, value: JsonValue, where: str) -> JsonValue:
    if isinstance(value, str):
        return row.render(value, where)
    if isinstance(value, list):
        return [_rendered(row, inner, where) for inner in value]
    if isinstance(value, dict):
        return {name: _rendered(row, inner, where) for name, inner in value.items()}
    return value


# -- programs ----------------------------------------------------------------------------------------------------------


class ProgramWriter:
    """Runs a script in a folder of its own, which holds the script, the files that the spec names, and nothing else."""

    def __init__(self, spec: ProgramSpec, files: Files, programs: ProgramRunner) -> None:
        self.rows_a_call = spec.rows_a_call
        self._spec = spec
        self._files = files
        self._programs = programs

    def write(self, batch: Batch) -> Sequence[Written]:
        """See `Writer`."""
        spec = self._spec
        limits = ProgramLimits(spec.timeout_s, spec.memory_mb << 20)
        params = dict(variables(batch, 0, f"slice {batch.part.name}").values) if batch.part.let else {}
        with staged(self._files, (spec.script, *spec.files)) as place:
            (place / "params.json").write_text(json.dumps({**batch.part.params, **params}), encoding="utf-8")
            args = ["--slice", batch.part.name, "--seed", str(batch.seed), "--count", str(batch.size)]
            args += ["--params", "params.json", "--out", "rows.jsonl"]
            rows = list(answered(self._programs, spec.script, args, place, "rows.jsonl", limits))
        name, values = f"program:{spec.script}", {**batch.part.params, **params}
        faults = [None] * batch.size + [MORE] * len(rows)
        return [Written(Made(row, "", name, batch.seed), values, faults[n]) for n, row in enumerate(rows)]


@dataclass(frozen=True, slots=True)
class Files:
    """The files beside a spec that its programs need, with the SHA-256 that each had when the spec was read."""

    folder: Path
    hashes: Mapping[str, str]


class staged:  # noqa: N801 - used as a function
    """A folder with copies of some files, each under its own name; gone afterwards."""

    def __init__(self, source: Files, names: Sequence[str]) -> None:
        self._source, self._names = source, names

    def __enter__(self) -> Path:
        self._folder = tempfile.TemporaryDirectory(prefix="labwright-synthesis-")
        place = Path(self._folder.name).resolve()
        for name in self._names:
            _copy(self._source, name, place / Path(name).name)
        return place

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()


def _copy(source: Files, name: str, target: Path) -> None:
    """Copy a file of a folder, and of nowhere else: what was opened has to be what lies there, whatever links say.

    The folder may be one that an agent writes to while this runs: what is copied is read by its script, and what a
    person agreed to, and a run goes by, is the file as it was.
    """
    folder, path = source.folder, source.folder / name
    try:
        with path.open("rb") as file, target.open("wb") as copy:
            real, opened = path.resolve(strict=True), os.fstat(file.fileno())
            found = real.stat()
            is_it = (found.st_dev, found.st_ino) == (opened.st_dev, opened.st_ino)
            if not (real.is_relative_to(folder.resolve()) and is_it):
                raise DataError("it is a link that leads out of the spec's folder", where=str(path),
                                cure="copy the file beside the spec")  # fmt: skip
            shutil.copyfileobj(file, copy)
        if hashlib.sha256(target.read_bytes()).hexdigest() != source.hashes[name]:
            raise DataError("it was changed while rows were made by it", where=str(path),
                            cure="put it back and give the same again, or give another output file")  # fmt: skip
    except OSError as error:
        raise DataError(f"it cannot be read: {error.strerror}", where=str(path), cure="put it back") from error


def answered(
    programs: ProgramRunner, script: str, args: Sequence[str], place: Path, out: str, limits: ProgramLimits
) -> Iterator[dict[str, JsonValue]]:
    """The objects that a script writes to `out`, one a line. Raises DataError where it fails or writes other things."""
    end = programs.run(Path(script).name, args, place, limits)
    if end.code is None:
        cure = "make it faster, ask for fewer `rows_a_call`, or raise its `timeout_s`"
        raise DataError(f"the script took more than {limits.timeout_s:g} s", where=script, cure=cure)
    if end.code != 0:
        said = end.stderr.strip()[-_STDERR_SHOWN:] or "it said nothing"
        what = f"the script ended with code {end.code}: {said}"
        raise DataError(what, where=script, cure=f"run it by hand: python {script} {' '.join(args)}")
    path = place / out
    if path.is_symlink() or not path.is_file():
        raise DataError("the script wrote no file", where=script, cure="write JSON lines to the file that --out names")
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except ValueError as error:
                raise DataError(f"what the script wrote is not JSON: {error}", where=f"{script}, its line {number}",
                                cure="write one JSON object a line") from error  # fmt: skip
            if not isinstance(row, dict):
                raise DataError("what the script wrote is no object", where=f"{script}, its line {number}",
                                cure="write one JSON object a line")  # fmt: skip
            yield row


# -- reasoning-gym -----------------------------------------------------------------------------------------------------


class Task(Protocol):
    """What is used of a reasoning-gym dataset."""

    def __getitem__(self, index: int) -> dict[str, Any]: ...

    def score_answer(self, answer: str | None, entry: dict[str, Any]) -> float: ...


TaskOf = Callable[..., Task]
"""`create_dataset(name, seed=…, size=…, **config)`."""


def installed_tasks() -> TaskOf:
    """reasoning-gym's own. Raises UsageError where it is not installed, or not whole."""
    try:
        create: TaskOf = importlib.import_module("reasoning_gym").create_dataset
    except ImportError as error:
        is_there = error.name is None or error.name.partition(".")[0] != "reasoning_gym"
        what = f"reasoning-gym cannot be imported: {error}" if is_there else "reasoning-gym is not installed"
        raise UsageError(what, where="generator", cure=GYM_CURE) from error
    return create


class GymWriter:
    """Questions of a task with the answers that its own verifier gives full marks; others are left out."""

    def __init__(self, spec: GymSpec, row_format: str, tasks: TaskOf) -> None:
        self.rows_a_call = spec.rows_a_call
        self._spec = spec
        self._format = row_format
        self._tasks = tasks

    def write(self, batch: Batch) -> Sequence[Written]:
        """See `Writer`."""
        spec = self._spec
        try:
            task = self._tasks(spec.task, seed=batch.seed, size=batch.size, **spec.config)
            entries = [task[index] for index in range(batch.size)]
            faults = [None if _is_verified(task, entry) else UNVERIFIED for entry in entries]
        except (ValueError, TypeError, AssertionError, LookupError) as error:
            where = f"generator.task {spec.task!r}"
            raise DataError(
                f"the task cannot be made: {error}", where=where, cure="check its name and config"
            ) from error
        name = f"reasoning-gym:{spec.task}"
        rows = [Made(self._row(entry), "", name, batch.seed) for entry in entries]
        return [Written(made, batch.part.params, fault) for made, fault in zip(rows, faults, strict=True)]

    def _row(self, entry: Mapping[str, Any]) -> dict[str, JsonValue]:
        question, answer = f"{entry['question']}{self._spec.suffix}", str(entry.get("answer"))
        if self._format == "messages":
            turns = [("user", question), ("assistant", answer)]
            return {"messages": [{"role": role, "content": content} for role, content in turns]}
        if self._format == "text":
            return {"text": f"{question}\n{answer}"}
        if self._format == "prompt":
            return {"prompt": question}
        if self._format == "custom":
            return {"question": question, "answer": answer}
        return {"prompt": question, "completion": answer}


def _is_verified(task: Task, entry: dict[str, Any]) -> bool:
    answer = entry.get("answer")
    return answer is not None and float(task.score_answer(answer=str(answer), entry=entry)) >= 1.0


# -- which of them -----------------------------------------------------------------------------------------------------


def batch_of(spec: SynthesisSpec, part: SliceSpec, number: int, size: int) -> Batch:
    """The batch of a slice under a number."""
    return Batch(part, number, size, seed_from(spec.seed, part.name, number))
