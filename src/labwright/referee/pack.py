"""A benchmark pack on disk: benchmark.yaml, its items, its worked examples; every complaint names file and field.

Reading a pack opens the dev part and the worked examples. The test part is only named: `read_items`, and `make_items`
of making.py, are for the vault, which alone asks them for a test.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from labwright.contracts.errors import DataError, SpecError
from labwright.contracts.specs import BenchmarkSpec, MakerSpec
from labwright.contracts.yamlcomplaints import validated
from labwright.contracts.yamlfile import compose
from labwright.referee.measures.calls import ExpectedCall
from labwright.referee.measures.instructions import Instruction
from labwright.referee.measures.keys import NEEDED, CallLine, Criteria, Criterion, InstructionLine, Spans, as_text

SPEC_FILE = "benchmark.yaml"
_LONGEST_FILE_BYTES = 1 << 30
_ADDED = {
    "scorer": ("select", "ignore", "place", "timeout_s", "memory_mb", "rubric", "loose", "separator", "whole"),
    "generation": ("samples", "description", "pass_at"),
}


@dataclass(frozen=True, slots=True)
class Case:
    """What a program is given on standard input, and what it must print."""

    input: str
    output: str


@dataclass(frozen=True, slots=True)
class Item:
    """One question with its key. For a `choice` scorer the answer is a letter, an index from 0, or a choice's text.

    Where several answers are right, `answers` holds them all and `answer` is the one that a worked example shows.
    `blank` is a mark in the prompt: a choice is put in its place, and what follows it is what is scored.

    For `code` the key is `tests`: `setup` is the code that an output continues or replaces, `entry_point` the function
    that the tests know as `candidate`. Programs that read and print have `cases`. For `rubric` it is `rubric`, where
    the benchmark has none for all items. Both may hold a reference as their answer, or none.

    For `instructions`, `calls` and `criteria` the key has their name, for `pairwise` it is the `baseline` answer that
    outputs are held against. For `spans` each accepted answer is a list of them.
    """

    id: str
    prompt: str
    answer: str
    choices: tuple[str, ...] = ()
    setup: str = ""
    tests: str = ""
    entry_point: str = ""
    rubric: str = ""
    answers: tuple[str, ...] = ()
    blank: str = ""
    cases: tuple[Case, ...] = ()
    instructions: tuple[Instruction, ...] = ()
    calls: tuple[ExpectedCall, ...] = ()
    baseline: str = ""
    spans: tuple[tuple[str, ...], ...] = ()
    criteria: tuple[Criterion, ...] = ()

    @property
    def accepted(self) -> tuple[str, ...]:
        """Every answer that is right, the shown one first."""
        return tuple(dict.fromkeys((self.answer, *self.answers)))

    @property
    def filled(self) -> str:
        """The prompt with the text of the right choice in the place of its blank."""
        place = choice_index(self.answer, self.choices)
        return self.prompt.replace(self.blank, self.answer if place is None else self.choices[place])


@dataclass(frozen=True, slots=True)
class Pack:
    """What a pack shows to everyone; the test items are not in here."""

    directory: Path
    spec: BenchmarkSpec
    dev: tuple[Item, ...]
    shots: tuple[Item, ...]  # at most generation.few_shot worked examples
    pack_id: str  # a hash over spec, dev and shots as they were read
    notes: tuple[str, ...] = ()


class _CaseLine(BaseModel):
    model_config = ConfigDict(extra="ignore")

    input: str
    output: str


class _Line(BaseModel):
    """One line of an items file. Fields that are not ours are left alone: real data sets carry many."""

    model_config = ConfigDict(extra="ignore")

    id: Annotated[str | None, BeforeValidator(as_text)] = None
    prompt: str = Field(min_length=1)
    answer: Annotated[str, BeforeValidator(as_text)] = ""
    choices: tuple[Annotated[str, BeforeValidator(as_text)], ...] = ()
    setup: str = ""
    tests: str = ""
    entry_point: str = Field(default="", pattern=r"^([^\W\d]\w*)?$")
    rubric: str = ""
    answers: tuple[Annotated[str, BeforeValidator(as_text)], ...] = ()
    blank: str = ""
    cases: tuple[_CaseLine, ...] = ()
    instructions: tuple[InstructionLine, ...] = ()
    calls: tuple[CallLine, ...] = ()
    baseline: str = ""
    spans: tuple[Spans, ...] = ()
    criteria: Criteria = ()


def read_pack(directory: Path) -> Pack:
    """Read and check a pack.

    Without a `shots` file the first `few_shot` dev items become the worked examples and leave dev.

    Raises:
        SpecError: benchmark.yaml is missing, malformed, or names what is not there.
        DataError: an items file is malformed; `where` holds file, line and field.
    """
    spec = read_spec(directory / SPEC_FILE)
    where = str(directory / SPEC_FILE)
    if isinstance(spec.dev, MakerSpec):
        raise SpecError(
            "dev must be a file: what everyone iterates on has to be the same for everyone",
            where=f"{where} (dev)",
            cure="run the maker once and keep what it wrote; a made `test` is fine",
        )
    for name, path in (("dev", spec.dev), ("test", spec.test), ("shots", spec.shots)):
        file = path.script if isinstance(path, MakerSpec) else path
        if file is not None:
            _must_be_inside(directory, file, f"{where} ({name})")
    dev = read_items(directory / spec.dev, spec)
    wanted, notes = spec.generation.few_shot, []
    if spec.shots is not None:
        shots = read_items(directory / spec.shots, spec)[:wanted]
        dev_prompts = {item.prompt for item in dev}
        if any(shot.prompt in dev_prompts for shot in shots):
            raise SpecError("a worked example also stands in dev", where=f"{where} (shots)", cure="take it out of dev")
    else:
        shots, dev = dev[:wanted], dev[wanted:]
        if shots:
            notes.append(f"the first {len(shots)} items of {spec.dev} serve as worked examples and are not scored")
    if not dev:
        raise SpecError("no dev items are left to score", where=f"{where} (dev)", cure="add items or lower few_shot")
    if len(shots) < wanted:
        notes.append(f"few_shot asks for {wanted} worked examples, the pack has {len(shots)}")
    return Pack(directory, spec, dev, shots, _pack_id(spec, dev, shots), tuple(notes))


def _pack_id(spec: BenchmarkSpec, dev: tuple[Item, ...], shots: tuple[Item, ...]) -> str:
    public = {
        "spec": _as_before(spec),
        "dev": [item_fields(i) for i in dev],
        "shots": [item_fields(i) for i in shots],
    }
    return hashlib.sha256(json.dumps(public, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def item_fields(item: Item) -> dict[str, object]:
    """An item as a line of a file: fields that only some scorers know are left out where they are empty."""
    return {k: v for k, v in asdict(item).items() if v or k in ("id", "prompt", "answer", "choices")}


def _as_before(spec: BenchmarkSpec) -> dict[str, Any]:
    """The spec as it is hashed. A pack keeps its id when a version adds settings: unset ones are left out."""
    said: dict[str, Any] = spec.model_dump(mode="json")
    if not spec.sources:
        del said["sources"]
    for part, names in _ADDED.items():
        defaults = type(getattr(spec, part)).model_fields
        for name in names:
            if getattr(getattr(spec, part), name) == defaults[name].default:
                del said[part][name]
    return said


def _must_be_inside(directory: Path, name: str, where: str) -> None:
    path = (directory / name).resolve()
    if not path.is_relative_to(directory.resolve()):
        raise SpecError(f"{name} lies outside the pack", where=where, cure="copy the file into the pack")
    if not path.is_file():
        near = difflib.get_close_matches(name, [p.name for p in directory.iterdir() if p.is_file()], n=1)
        raise SpecError(f"{name} does not exist", where=where, cure=f"did you mean {near[0]}?" if near else "make it")


# -- benchmark.yaml ----------------------------------------------------------------------------------------------------


def read_spec(path: Path) -> BenchmarkSpec:
    """A benchmark.yaml, typed. Raises SpecError with file, line, field and cure."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise SpecError(
            f"a benchmark pack needs a {SPEC_FILE}", where=str(path.parent), cure="see studies/ for examples"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(f"cannot be read: {error}", where=str(path)) from error
    spec = validated(path, compose(path, text, "a benchmark", "see studies/ for examples"), text, BenchmarkSpec)
    _check_together(path, spec)
    return spec


def _check_together(path: Path, spec: BenchmarkSpec) -> None:
    """What no single field can be blamed for."""
    template = spec.generation.shot_template
    if (
        template.count("{prompt}") != 1
        or template.count("{answer}") != 1
        or template.find("{answer}") < template.find("{prompt}")
    ):
        raise SpecError(
            "shot_template must hold {prompt} once and, after it, {answer} once",
            where=f"{path} (generation.shot_template)",
            cure='write "{prompt} {answer}"',
        )
    if spec.scorer.kind == "choice" and spec.generation.chat:
        raise SpecError(
            "a choice scorer compares log-likelihoods of plain text, so it cannot use a chat template",
            where=f"{path} (generation.chat)",
            cure="set chat: false",
        )
    if spec.generation.samples > 1 and (spec.generation.temperature == 0 or spec.scorer.kind == "choice"):
        greedy = spec.scorer.kind != "choice"
        raise SpecError(
            "samples at temperature 0 are all the same" if greedy else "a choice scorer draws no samples",
            where=f"{path} (generation.samples)",
            cure="set generation.temperature, such as 0.7" if greedy else "remove generation.samples",
        )
    _check_pass_at(path, spec)
    if spec.scorer.separator is not None and not spec.scorer.separator.strip():
        raise SpecError(
            "the separator is blank, and words are parted by blanks too",
            where=f"{path} (scorer.separator)",
            cure='write a mark, such as ";", or leave it out: then an output is one span',
        )
    if spec.scorer.kind == "regex" and spec.scorer.pattern and re.compile(spec.scorer.pattern).groups < 1:
        raise SpecError(
            "the pattern has no group, so it catches no prediction",
            where=f"{path} (scorer.pattern)",
            cure="put parentheses around the part that is the answer",
        )


def _check_pass_at(path: Path, spec: BenchmarkSpec) -> None:
    samples, k = spec.generation.samples, spec.generation.pass_at
    where = f"{path} (generation.pass_at)"
    if k is not None and k > samples:
        what = f"pass@{k} cannot be estimated from {samples} samples"
        raise SpecError(what, where=where, cure=f"set generation.samples to {k} or more; twice as many vary less")
    if k is not None and spec.scorer.gives_shares:
        what = f"pass@k counts outputs that are right, and a {spec.scorer.kind} scorer gives fractions"
        raise SpecError(what, where=where, cure="remove generation.pass_at: the mean over samples is scored")


# -- items -------------------------------------------------------------------------------------------------------------


def read_items(path: Path, spec: BenchmarkSpec) -> tuple[Item, ...]:
    """The items of a JSONL file; items without an id are named after their line.

    Raises DataError with file, line and field.
    """
    try:
        if path.stat().st_size > _LONGEST_FILE_BYTES:
            raise DataError(f"is over {_LONGEST_FILE_BYTES >> 30} GiB", where=str(path), cure="split the benchmark")
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot be read: {error}", where=str(path), cure="write it as UTF-8") from error
    items, first_seen = [], dict[str, int]()
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        item = _item(line, number, path, spec)
        if item.id in first_seen:
            raise DataError(
                f"the id {item.id!r} is that of line {first_seen[item.id]} too",
                where=f"{path}:{number} (id)",
                cure="give each item its own id, or none",
            )
        first_seen[item.id] = number
        items.append(item)
    if not items:
        raise DataError("holds no items", where=str(path), cure='write one {"prompt": …, "answer": …} a line')
    return tuple(items)


def _item(line: str, number: int, path: Path, spec: BenchmarkSpec) -> Item:
    where = f"{path}:{number}"
    try:
        read = _Line.model_validate(json.loads(line))
    except (json.JSONDecodeError, RecursionError) as error:
        raise DataError(f"is no JSON: {error}", where=where, cure="one JSON object a line") from error
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        cure = 'an item is {"prompt": "…", "answer": "…"}'
        raise DataError(first["msg"], where=f"{where} ({field})" if field else where, cure=cure) from error
    lacking = _lacking(read, spec)
    if lacking:
        raise DataError(
            f"a {spec.scorer.kind} scorer needs `{lacking}`",
            where=f"{where} ({lacking})",
            cure=f"add {NEEDED[lacking]}",
        )
    others = tuple(each for each in read.answers if each.strip())
    answer = read.answer or next(iter(others), "")
    if spec.scorer.kind == "choice":
        _check_choices(read, answer, where)
        if read.blank and spec.scorer.length_normalised:
            what = "length_normalised divides by a choice's characters, and of a blank what follows it is scored"
            raise DataError(what, where=f"{where} (blank)", cure="set scorer.length_normalised to false")
    return Item(
        read.id or f"{path.stem}-{number}",
        read.prompt,
        answer,
        read.choices,
        read.setup,
        read.tests,
        read.entry_point,
        read.rubric,
        others,
        read.blank,
        tuple(Case(case.input, case.output) for case in read.cases),
        tuple(each.key for each in read.instructions),
        tuple(each.key for each in read.calls),
        read.baseline,
        read.spans,
        tuple(each.key for each in read.criteria),
    )


def _check_choices(read: _Line, answer: str, where: str) -> None:
    if len(read.choices) < 2:
        raise DataError(
            "a choice scorer needs at least two choices",
            where=f"{where} (choices)",
            cure='add "choices": ["…", "…"]',
        )
    if read.blank and (read.prompt.count(read.blank) != 1 or not read.prompt.partition(read.blank)[2].strip()):
        raise DataError(
            f"the blank {read.blank!r} has to stand in the prompt once, with text after it, which is what is scored",
            where=f"{where} (blank)",
            cure='write "prompt": "Ann thanked Eve since _ had helped.", "blank": "_"',
        )
    wrong = next((each for each in (answer, *read.answers) if choice_index(each, read.choices) is None), None)
    if wrong is not None:
        raise DataError(
            f"the answer {wrong!r} is none of the choices",
            where=f"{where} (answer)",
            cure="give a choice's text, its letter, or its index from 0",
        )


def _lacking(read: _Line, spec: BenchmarkSpec) -> str:
    """The field without which this scorer has no key; empty where it is there."""
    if spec.scorer.kind == "code":
        return "" if read.tests or read.cases else "tests"
    if spec.scorer.kind == "rubric":
        return "" if read.rubric or spec.scorer.rubric else "rubric"
    own = {"instructions": bool(read.instructions), "calls": bool(read.calls), "pairwise": bool(read.baseline.strip()),
           "criteria": bool(read.criteria)}  # fmt: skip
    if spec.scorer.kind in own:
        return "" if own[spec.scorer.kind] else {"pairwise": "baseline"}.get(spec.scorer.kind, spec.scorer.kind)
    if spec.scorer.kind == "spans" and read.spans:
        return ""
    return "" if read.answer or any(each.strip() for each in read.answers) else "answer"


def choice_index(answer: str, choices: tuple[str, ...]) -> int | None:
    """Which choice an answer names: by its text, by an index from 0, or by a letter; text goes first."""
    plain = answer.strip()
    texts = [choice.strip() for choice in choices]
    if plain in texts:
        return texts.index(plain)
    if re.fullmatch(r"[0-9]{1,4}", plain) and int(plain) < len(choices):
        return int(plain)
    if re.fullmatch(r"[A-Za-z]", plain) and ord(plain.upper()) - ord("A") < len(choices):
        return ord(plain.upper()) - ord("A")
    return None
