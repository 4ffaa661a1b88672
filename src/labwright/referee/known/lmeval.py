"""Tasks of lm-evaluation-harness as benchmarks: their prompts, targets, filters and metrics, without their loop.

Frozen are tasks that generate text compared by `exact_match`, with one right answer or several; multiple-choice tasks
scored by `acc` or `acc_norm`, also those whose choices stand in the prompt; programs scored by `pass@k`; and of those
with a metric of their own IFEval and DROP. All else (perplexities, other metrics) is refused: a pack could not give
those numbers.
"""

from __future__ import annotations

import os.path
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from labwright.contracts.errors import DataError, UsageError
from labwright.contracts.specs import GenerationSpec, MetricSpec
from labwright.referee.known.answers import filled
from labwright.referee.known.draft import Draft, Part, Question, UnusableRowError
from labwright.referee.known.jinja import Doc, literal, rendered
from labwright.referee.known.lmown import own_scoring
from labwright.referee.known.lmscoring import scoring_of
from labwright.referee.known.options import AddOptions, OpenTable
from labwright.referee.known.reading import checked, read_part
from labwright.referee.known.taskfiles import Function, TaskFile, callable_of, find_task

_FILE_KINDS = ("json", "csv", "parquet", "text", "arrow")
_PART_KEYS = ("training_split", "validation_split", "test_split")
_DEFAULT_STOP = "\n\n"


def draft_of(name: str, open_table: OpenTable, options: AddOptions) -> Draft:
    """The benchmark that a task is.

    Raises:
        UsageError: there is no such task, or it cannot be frozen faithfully; says why.
        DataError: its file or its data cannot be read.
    """
    task = _Task(find_task(name, options.include_path), options)
    generation = task.generation()
    scorer, metric = task.scoring.scorer, task.scoring.metric
    names = [task.text(key) for key in _PART_KEYS]
    parts = tuple(task.part(open_table, part) for part in dict.fromkeys(n for n in names if n))
    examples = task.examples(open_table, parts)
    if scorer.length_normalised and any(question.blank for part in parts for question in part.questions):
        raise task.refused("acc_norm divides by the lengths of whole prompts; --metric acc does not")
    wanted = generation.few_shot if options.few_shot is None else options.few_shot
    notes = [*task.notes]
    if wanted and not task.is_first_n:
        notes.append("lm-eval draws other worked examples for each item; here they are the same for all")
    return Draft(
        layout="lm-eval",
        origin=f"lm-eval:{name}",
        parts=tuple(part for part in parts if part.name in set(names)),
        scorer=scorer,
        generation=generation,
        metric=MetricSpec(name=metric),
        examples=examples,
        evaluated=task.text("test_split") or task.text("validation_split") or None,
        harness=task.file.harness,
        notes=tuple(notes),
        details=task.details(metric),
        dataset=task.dataset,
    )


class _Task:
    """A task's settings, made into ours one by one."""

    def __init__(self, file: TaskFile, options: AddOptions) -> None:
        self.file, self._settings, self._options = file, file.settings, options
        self._where = str(file.path)
        kind = self.text("output_type") or "generate_until"
        if kind not in ("generate_until", "multiple_choice"):
            raise self.refused(f"its outputs are scored by {kind}, not by an answer")
        self.is_choice = kind == "multiple_choice"
        self._own = own_scoring(self._settings)
        for key in ("class", "process_results", "use_prompt", "doc_to_image", "doc_to_audio", "custom_dataset"):
            if self._settings.get(key) and not (key == "process_results" and self._own):
                raise self.refused(f"it has `{key}`, which scores or asks in a way of its own")
        if self._own is not None:
            self.scoring = self._own.scoring(options.metric, self.refused)
        else:
            self.scoring = scoring_of(self._settings, self.is_choice, options, self._where, self.refused)
        self.notes: list[str] = [*self.scoring.notes]
        fewshot = self._settings.get("fewshot_config")
        self._fewshot: Mapping[str, Any] = fewshot if isinstance(fewshot, dict) else {}
        self.is_first_n = self._fewshot.get("sampler") == "first_n" or "samples" in self._fewshot

    def text(self, key: str, otherwise: str = "") -> str:
        """A setting that is text."""
        value = self._settings.get(key)
        return value if isinstance(value, str) else otherwise

    def details(self, metric: str) -> dict[str, object]:
        """For the provenance: the settings as they were, functions by name."""
        settings = {key: _plain(value) for key, value in self._settings.items()}
        return {"file": self.file.path.name, "metric": metric, "filter": self._options.filter, "settings": settings}

    @property
    def dataset(self) -> str:
        """Its dataset's name on the Hub; empty where it reads files."""
        path, config = self.text("dataset_path"), self.text("dataset_name")
        is_on_the_hub = path and path not in _FILE_KINDS and not Path(path).expanduser().exists()
        return f"hub:{path}{f':{config}' if config else ''}" if is_on_the_hub else ""

    def refused(self, why: str) -> UsageError:
        """The error that says why; and where its rows can be had without the task."""
        source = self.dataset or "its dataset"
        return UsageError(
            f"lm-eval:{self.file.name} cannot be frozen faithfully: {why}",
            where=self._where,
            cure=f"score it with the harness itself, or add {source}: known layouts have a scorer of their own, "
            "others take --map or --rubric",
        )

    # -- prompts -------------------------------------------------------------------------------------------------------

    def generation(self) -> GenerationSpec:
        """Decoding and the shape of prompts."""
        said = self._settings.get("generation_kwargs")
        kwargs: Mapping[str, Any] = said if isinstance(said, dict) else {}
        separator = self.text("fewshot_delimiter", "\n\n")
        until = kwargs.get("until", [separator])
        sampled = bool(kwargs.get("do_sample")) and float(kwargs.get("temperature") or 0) > 0
        if sampled and (kwargs.get("top_p", 1.0) not in (1, 1.0) or kwargs.get("top_k")):
            raise self.refused("it samples with top_p or top_k")
        if int(self._settings.get("repeats") or 1) > self.scoring.samples:
            self.notes.append("lm-eval draws several outputs an item and takes the first; here one is drawn")
        shots = self._settings.get("num_fewshot")
        return GenerationSpec(
            max_new_tokens=int(kwargs.get("max_gen_toks", kwargs.get("max_new_tokens", 256)))
            if not self.is_choice
            else 1,
            temperature=float(kwargs["temperature"]) if sampled else 0.0,
            stop=() if self.is_choice else tuple([until] if isinstance(until, str) else [str(u) for u in until or []]),
            few_shot=int(shots) if isinstance(shots, int) else 0,
            samples=self.scoring.samples,
            pass_at=self.scoring.pass_at,
            shot_template=self._template(),
            shot_separator=separator,
            description=self._description(),
        )

    def _template(self) -> str:
        delimiter, prefix = self.text("target_delimiter", " "), self.text("gen_prefix")
        if "{" in delimiter + prefix:
            raise self.refused("its delimiters hold braces or templates")
        if prefix and delimiter != " ":
            raise self.refused("it has both a `gen_prefix` and a delimiter of its own")
        if delimiter.strip(" ") and not (self.is_choice and not self.scoring.scorer.length_normalised):
            raise self.refused("a delimiter that is no blank stands before the answers")
        return f"{{prompt}} {prefix} {{answer}}" if prefix else f"{{prompt}}{delimiter}{{answer}}"

    def _description(self) -> str:
        description = self._settings.get("description") or ""
        if not isinstance(description, str) or "{{" in description or "{%" in description:
            raise self.refused("its description differs from item to item")
        return description

    def question(self, doc: Doc, over: Mapping[str, Any] | None = None) -> Question:
        """One row, asked as the task asks. Raises UnusableRowError."""
        settings = {**self._settings, **{k: v for k, v in (over or {}).items() if k.startswith("doc_to_")}}
        prompt = self._value(settings.get("doc_to_text"), doc)
        if self._own is not None:
            return replace(self._own.read(doc), prompt=str(prompt))
        target = self._value(settings.get("doc_to_target"), doc)
        if settings.get("doc_to_choice") is None:
            if not isinstance(prompt, str):
                raise UnusableRowError("the prompt is no text")
            if self.scoring.scorer.kind == "code":
                shown = self._value(settings.get("doc_to_target"), {**doc, "is_fewshot": True})
                return self._program(prompt, str(target), str(shown), doc)
            return _with_answers(prompt, _targets(target))
        choices = self._choices(settings["doc_to_choice"], doc)
        if isinstance(prompt, int) or (isinstance(prompt, str) and prompt.isdigit()):
            return self._filled(choices, int(prompt), target)
        if not isinstance(prompt, str):
            raise UnusableRowError("the prompt is no text")
        right = tuple(dict.fromkeys(_choice(choices, place) for place in _listed(target)))
        return replace(_with_answers(prompt, right), choices=choices if self.is_choice else ())

    def _filled(self, contexts: tuple[str, ...], right: int, target: object) -> Question:
        """Choices that stand in the prompt, and one target after them: what they have in common stands there once."""
        if not self.is_choice or self.text("gen_prefix"):
            raise self.refused("its choices stand in the prompt, each with a prompt of its own")
        common = os.path.commonprefix(contexts)  # noqa: RUF071 - of texts, letter by letter
        head = common[: max(common.rfind(" "), common.rfind("\n")) + 1]
        choices = tuple(context.removeprefix(head) for context in contexts)
        if not 0 <= right < len(choices):
            raise UnusableRowError("the answer is none of the choices")
        return filled(head, choices, f"{self.text('target_delimiter', ' ')}{target}", choices[right])

    def _program(self, prompt: str, target: str, shown: str, doc: Doc) -> Question:
        """What the task compares with is the tests of a program."""
        given, entry = doc.get("prompt"), doc.get("entry_point")
        solution = doc.get("canonical_solution") or doc.get("code")
        return Question(
            prompt,
            solution if isinstance(solution, str) else "",
            setup=given if self.scoring.continues_prompt and isinstance(given, str) else "",
            tests=target,
            entry_point=entry if isinstance(entry, str) else "",
            shown=shown,
        )

    def _choices(self, setting: object, doc: Doc) -> tuple[str, ...]:
        found = self._value(setting, doc)
        if isinstance(found, str):
            found = literal(found)
        if isinstance(found, dict):
            found = list(found.values())
        if not isinstance(found, list) or not all(isinstance(choice, str) for choice in found):
            raise UnusableRowError("the choices are no list of texts")
        return tuple(found)

    def _value(self, setting: object, doc: Doc) -> object:
        """A column, a filled template, what a function gives, or the setting itself."""
        if isinstance(setting, Function):
            return callable_of(setting, allowed=self._options.allow_code)(dict(doc))
        if isinstance(setting, str):
            return doc[setting] if setting in doc else rendered(setting, doc)
        return setting

    # -- rows ----------------------------------------------------------------------------------------------------------

    def part(self, open_table: OpenTable, split: str) -> Part:
        """A split's questions, after `process_docs` where the task has one."""
        process = None if self._own is not None else self._settings.get("process_docs")
        source, asked = self._source(split)
        table = open_table(source, asked)
        if process is None:
            read = read_part(table, self.question)
            return Part(split, read.questions, read.left_out, read.rows, read.digest)
        if not isinstance(process, Function):
            raise self.refused("its `process_docs` is no function")
        docs = self._processed(process, [row for _, row in table.rows()])
        questions, left_out = self._questions(docs)
        return Part(split, questions, left_out, len(docs), table.digest())

    def _questions(self, docs: Sequence[Doc]) -> tuple[tuple[Question, ...], dict[str, int]]:
        questions: list[Question] = []
        left_out: dict[str, int] = {}
        for doc in docs:
            try:
                questions.append(checked(self.question(doc)))
            except UnusableRowError as error:
                left_out[str(error)] = left_out.get(str(error), 0) + 1
        return tuple(questions), left_out

    def _processed(self, function: Function, rows: list[dict[str, JsonValue]]) -> list[dict[str, JsonValue]]:
        process = callable_of(function, allowed=self._options.allow_code)
        try:
            from datasets import Dataset  # noqa: PLC0415 - heavy, and only tasks with a function need it
        except ImportError as error:
            cure = "pip install 'labwright[train]'"
            raise DataError("the task's process_docs needs `datasets`", where=self._where, cure=cure) from error
        try:
            return [dict(row) for row in process(Dataset.from_list(rows))]
        except (TypeError, ValueError, KeyError, IndexError, AttributeError, ArithmeticError) as error:
            raise DataError(f"{function} failed: {error}", where=self._where, cure="correct the function") from error

    def _source(self, split: str) -> tuple[str, str | None]:
        """What `open_source` takes for a split."""
        path, config = self.text("dataset_path"), self.text("dataset_name")
        kwargs = self._settings.get("dataset_kwargs")
        files = kwargs.get("data_files") if isinstance(kwargs, dict) else None
        if path in _FILE_KINDS:
            chosen = files.get(split) if isinstance(files, dict) else files
            if not isinstance(chosen, str):
                raise self.refused(f"its data files name none for {split}, or several")
            return (chosen, None) if "://" in chosen else (str(self._file(chosen)), None)
        if not path:
            raise self.refused("it names no dataset")
        local = Path(path).expanduser()
        if local.exists():
            return str(local), split
        revision = kwargs.get("revision") if isinstance(kwargs, dict) else None
        return f"hub:{path}" + (f"@{revision}" if revision else "") + (f":{config}" if config else ""), split

    def _file(self, name: str) -> Path:
        """A data file: as the harness finds it, from here, else beside the task file."""
        here = Path(name).expanduser()
        return here if here.exists() else self.file.path.parent / name

    def examples(self, open_table: OpenTable, parts: Sequence[Part]) -> tuple[Question, ...] | None:
        """The worked examples that the task names; None where they come from its training rows."""
        samples = self._fewshot.get("samples")
        if isinstance(samples, Function):
            samples = self._own_examples(samples)
        if isinstance(samples, list):
            return tuple(self.question(doc, self._fewshot) for doc in samples if isinstance(doc, dict))
        split = self._fewshot.get("split") or self._settings.get("fewshot_split")
        if not isinstance(split, str):
            return None
        known = next((part for part in parts if part.name == split), None)
        return (known or self.part(open_table, split)).questions

    def _own_examples(self, function: Function) -> list[Doc] | None:
        """The worked examples that a function holds. Some modules fetch metrics when they are loaded; then none."""
        try:
            return list(callable_of(function, allowed=self._options.allow_code)())
        except DataError as error:
            if self.scoring.scorer.kind != "code":
                raise
            self.notes.append(f"the task's own worked examples could not be had ({error.what}); others are shown")
            return None


def _plain(value: object) -> object:
    """A setting as JSON has it; functions by their names."""
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def _with_answers(prompt: str, answers: tuple[str, ...]) -> Question:
    return Question(prompt, answers[0], answers=answers if len(answers) > 1 else ())


def _targets(target: object) -> tuple[str, ...]:
    """The right answers, once each."""
    return tuple(dict.fromkeys(str(each) for each in _listed(target)))


def _listed(target: object) -> list[object]:
    """A target as a list: one where the task gives one, also where a template writes it out. Never empty."""
    if isinstance(target, str) and target[:1] == "[" and target[-1:] == "]":
        try:
            target = literal(target)
        except UnusableRowError:
            return [target]
    if not isinstance(target, list):
        return [target]
    if not target:
        raise UnusableRowError("there is no answer")
    return target


def _choice(choices: tuple[str, ...], place: object) -> str:
    if isinstance(place, str) and place.isdigit():
        place = int(place)
    if isinstance(place, int) and not isinstance(place, bool):
        if not 0 <= place < len(choices):
            raise UnusableRowError("the answer is none of the choices")
        return choices[place]
    return str(place)
