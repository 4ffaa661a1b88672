"""Tasks of Inspect as benchmarks: samples as the task's solvers ask them, and the scorers that a pack has too."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from labwright.contracts.errors import DataError, UsageError
from labwright.contracts.specs import GenerationSpec, MetricSpec, ScorerSpec
from labwright.referee.known.draft import Draft, Part, Question
from labwright.referee.known.options import AddOptions

_SCRIPT = Path(__file__).with_name("inspectdump.py")
_WITHIN_S = 900.0
_MAX_TOKENS = 1024
_ANSWERS = {  # what inspect's `answer` looks for
    "letter": r"(?is)ANSWER\s*:\s*([A-Za-z])(?:[^\w]|\n|$)(?!.*ANSWER\s*:)",
    "word": r"(?is)ANSWER\s*:\s*(\S+?)(?=[.,;:!?]?\s*(?:\n|$))(?!.*ANSWER\s*:)",
    "line": r"(?i)ANSWER\s*:\s*([^\n]+)\s*\Z",
}
_CHOICE = r"(?is)ANSWER\s*:\s*\(?([A-Za-z])(?:[^\w]|\n|$)(?!.*ANSWER\s*:)"
_GRADED = "The output is right where it agrees with the reference answer in substance: then 10, else 0."


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore")

    name: str
    params: dict[str, Any] = {}


class _Message(BaseModel):
    model_config = ConfigDict(extra="ignore")

    role: str
    content: str


class _Sample(BaseModel):
    model_config = ConfigDict(extra="ignore")

    id: str = ""
    messages: list[_Message]
    target: list[str]
    choices: list[str] = []


class Dumped(BaseModel):
    """What the script wrote down."""

    model_config = ConfigDict(extra="ignore")

    refused: str = ""
    version: str = ""
    name: str = ""
    solvers: list[_Part] = []
    scorers: list[_Part] = []
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    stop: list[str] = []
    epochs: int = 1
    samples: list[_Sample] = []


def dumped(name: str, options: AddOptions) -> Dumped:
    """The task, as a process with inspect-ai reads it.

    Raises:
        UsageError: inspect-ai is not installed, or the task is a file's and nobody allowed its code.
        DataError: the task cannot be loaded; with what its process said last.
    """
    where = f"inspect:{name}"
    if importlib.util.find_spec("inspect_ai") is None:
        raise UsageError("inspect-ai is not installed", where=where, cure="pip install inspect-ai")
    if Path(name.partition("@")[0]).expanduser().exists() and not options.allow_code:
        raise UsageError(
            "the task is Python of its own", where=where, cure="read that file, then allow it: --allow-code"
        )
    with tempfile.TemporaryDirectory(prefix="labwright-inspect-") as folder:
        out = Path(folder) / "task.json"
        try:
            ended = subprocess.run(
                [sys.executable, "-P", str(_SCRIPT), name, str(out)],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=_WITHIN_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise DataError(f"took over {_WITHIN_S:.0f} s to load", where=where, cure="try again") from None
        if ended.returncode != 0 or not out.is_file():
            said = " | ".join(ended.stderr.strip().splitlines()[-3:]) or "(nothing)"
            raise DataError(f"cannot be loaded: {said}", where=where, cure="`inspect list tasks` lists them")
        try:
            return Dumped.model_validate_json(out.read_text(encoding="utf-8"))
        except ValidationError as error:
            what = f"is written down in a way that is not understood: {error.errors()[0]['msg']}"
            raise DataError(what, where=where, cure="try inspect-ai 0.3") from error


def draft_of(name: str, options: AddOptions) -> Draft:
    """The benchmark that a task is. Raises as `dumped`, and UsageError where it cannot be frozen faithfully."""
    return draft_from(dumped(name, options), name)


def draft_from(task: Dumped, name: str) -> Draft:
    """From what was written down."""
    notes: list[str] = []
    if task.refused:
        raise _refused(name, task.refused)
    if task.top_p not in (None, 1.0):
        raise _refused(name, "it samples with top_p")
    scorer = _scorer(task, name, notes)
    questions = tuple(_question(sample, scorer, name) for sample in task.samples)
    if any(message.role == "system" for sample in task.samples for message in sample.messages):
        notes.append("the task's system message stands before the prompt, in the user's turn")
    sampled = task.epochs > 1
    temperature = task.temperature if task.temperature is not None else (1.0 if sampled else 0.0)
    if task.temperature is None:
        notes.append(f"the task leaves the temperature to the provider; here it is {temperature:g}")
    return Draft(
        layout="inspect",
        origin=f"inspect:{name}",
        parts=(Part("samples", questions, {}, len(questions)),),
        scorer=scorer,
        generation=GenerationSpec(
            max_new_tokens=task.max_tokens or _MAX_TOKENS,
            temperature=temperature,
            stop=tuple(task.stop),
            few_shot=0,
            chat=True,
            samples=task.epochs if sampled and temperature > 0 else 1,
        ),
        metric=MetricSpec(name="score") if scorer.kind == "rubric" else MetricSpec(),
        harness=f"inspect-ai {task.version}",
        notes=tuple(notes),
        details={"solvers": [p.model_dump() for p in task.solvers], "scorers": [p.model_dump() for p in task.scorers]},
    )


def _refused(name: str, why: str) -> UsageError:
    return UsageError(
        f"inspect:{name} cannot be frozen faithfully: {why}",
        where=f"inspect:{name}",
        cure="score it with Inspect itself, or add its dataset with hub:… and a scorer of your own",
    )


def _question(sample: _Sample, scorer: ScorerSpec, name: str) -> Question:
    if not sample.target:
        raise _refused(name, "a sample has no target")
    if len(sample.target) > 1 and (scorer.kind == "rubric" or sample.choices):
        raise _refused(name, "a sample has several targets that count together")
    roles = [message.role for message in sample.messages if message.role != "system"]
    if roles != ["user"]:
        raise _refused(name, "a sample is a conversation of several turns")
    prompt = "\n\n".join(message.content for message in sample.messages if message.content)
    target = sample.target[0]
    if scorer.kind == "rubric":
        return Question(prompt, target, rubric=scorer.rubric or _GRADED, name=sample.id)
    answers = tuple(dict.fromkeys(sample.target))
    return Question(prompt, target, answers=answers if len(answers) > 1 else (), name=sample.id)


def _scorer(task: Dumped, name: str, notes: list[str]) -> ScorerSpec:
    """The first of the task's scorers that a pack has too."""
    why = "it has no scorer"
    for part in task.scorers:
        try:
            found = _mapped(part, notes)
        except _NotOursError as error:
            why = str(error)
            continue
        if len(task.scorers) > 1:
            notes.append(f"scored by {part.name}; the task has {len(task.scorers)} scorers")
        return found
    raise _refused(name, why)


class _NotOursError(Exception):
    """A scorer that a pack does not have; says why."""


def _mapped(part: _Part, notes: list[str]) -> ScorerSpec:
    said: Mapping[str, Any] = part.params
    folded = said.get("ignore_case", True)
    case = ["lower"] if folded else []
    if part.name == "match":
        location = said.get("location", "end")
        if said.get("numeric"):
            if location != "end":
                raise _NotOursError(f"its scorer looks for a number at: {location}")
            return ScorerSpec(kind="numeric", tolerance=0)
        return _text_match(location, case)
    if part.name == "includes":
        return ScorerSpec.model_validate({"kind": "includes", "normalise": case})
    if part.name == "exact":
        return ScorerSpec(kind="normalised")
    if part.name == "f1" and not said.get("answer_fn") and not said.get("stop_words"):
        notes.append("F1 counts words as SQuAD does; Inspect counts a word once however often it stands there")
        return ScorerSpec(kind="f1")
    if part.name == "pattern":
        if said.get("match_all") or re.compile(str(said.get("pattern"))).groups > 1:
            raise _NotOursError("its pattern has several groups")
        return _regex(str(said["pattern"]), folded)
    if part.name == "answer" and said.get("pattern") in _ANSWERS:
        return _regex(_ANSWERS[said["pattern"]], True)
    if part.name == "choice":
        notes.append("an output's choice is the letter after its last `ANSWER:`; Inspect also takes a few looser forms")
        return _regex(_CHOICE, True)
    if part.name in ("model_graded_qa", "model_graded_fact"):
        notes.append("graded by the judge of LABWRIGHT_JUDGE_MODEL, with the referee's own instructions")
        own = said.get("instructions")
        return ScorerSpec(kind="rubric", rubric=f"{_GRADED}\n\n{own}" if isinstance(own, str) else _GRADED)
    raise _NotOursError(f"it is scored by {part.name}")


def _text_match(location: str, case: list[str]) -> ScorerSpec:
    steps = ["strip", *case, "edges"]
    if location == "exact":
        return ScorerSpec.model_validate({"kind": "exact", "normalise": steps})
    place = {"begin": "start", "end": "end", "any": "anywhere"}[location]
    return ScorerSpec.model_validate({"kind": "includes", "normalise": steps, "place": place})


def _regex(pattern: str, folded: bool) -> ScorerSpec:
    """The pattern as `re.search` with its flags reads it: ours are searched line by line otherwise."""
    inline = re.match(r"\(\?([aiLmsux]+)\)", pattern)
    flags = set(inline.group(1)) if inline else set[str]()
    flags |= {"i"} if folded else set()
    body = pattern[inline.end() :] if inline else pattern
    off = "" if "m" in flags else "-m"
    wrapped = f"(?{''.join(sorted(flags))}{off}:{body})"
    return ScorerSpec(
        kind="regex", pattern=wrapped, select="first", normalise=("strip", "lower") if folded else ("strip",)
    )
