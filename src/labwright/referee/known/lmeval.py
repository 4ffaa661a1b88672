"""Tasks of lm-evaluation-harness as benchmarks: their prompts, targets, filters and metrics, without their loop.

Frozen are tasks that generate text compared by `exact_match`, and multiple-choice tasks scored by `acc` or `acc_norm`.
All else (perplexities, metrics of a task's own, several right answers) is refused: a pack could not give those numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from labwright.contracts.errors import DataError, UsageError
from labwright.contracts.specs import GenerationSpec, MetricSpec, ScorerSpec
from labwright.referee.known.draft import Draft, Part, Question, UnusableRowError
from labwright.referee.known.jinja import Doc, literal, rendered
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
    scorer, metric = task.scorer()
    names = [task.text(key) for key in _PART_KEYS]
    parts = tuple(task.part(open_table, part) for part in dict.fromkeys(n for n in names if n))
    examples = task.examples(open_table, parts)
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
    )


@dataclass(frozen=True, slots=True)
class _Filtered:
    """What a filter does to an output."""

    pattern: str = ""
    select: str = "first"
    strips: bool = False
    lowers: bool = False


class _Task:
    """A task's settings, made into ours one by one."""

    def __init__(self, file: TaskFile, options: AddOptions) -> None:
        self.file, self._settings, self._options = file, file.settings, options
        self.notes: list[str] = []
        self._where = str(file.path)
        kind = self.text("output_type") or "generate_until"
        if kind not in ("generate_until", "multiple_choice"):
            raise self._refused(f"its outputs are scored by {kind}, not by an answer")
        self.is_choice = kind == "multiple_choice"
        for key in ("class", "process_results", "use_prompt", "doc_to_image", "doc_to_audio", "custom_dataset"):
            if self._settings.get(key):
                raise self._refused(f"it has `{key}`, which scores or asks in a way of its own")
        fewshot = self._settings.get("fewshot_config")
        self._fewshot: Mapping[str, Any] = fewshot if isinstance(fewshot, dict) else {}
        self.is_first_n = self._fewshot.get("sampler") == "first_n" or "samples" in self._fewshot

    def text(self, key: str, otherwise: str = "") -> str:
        """A setting that is text."""
        value = self._settings.get(key)
        return value if isinstance(value, str) else otherwise

    def details(self, metric: str) -> dict[str, object]:
        """For the provenance: the settings as they were, functions by name."""
        plain = {
            k: v if isinstance(v, str | int | float | bool | list | dict | None) else str(v)
            for k, v in self._settings.items()
        }
        return {"file": self.file.path.name, "metric": metric, "filter": self._options.filter, "settings": plain}

    def _refused(self, why: str) -> UsageError:
        return UsageError(
            f"lm-eval:{self.file.name} cannot be frozen faithfully: {why}",
            where=self._where,
            cure="score it with the harness itself, or add its dataset with hub:… and a scorer of your own",
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
            raise self._refused("it samples with top_p or top_k")
        if int(self._settings.get("repeats") or 1) > 1:
            self.notes.append("lm-eval draws several outputs an item and takes the first; here one is drawn")
        shots = self._settings.get("num_fewshot")
        return GenerationSpec(
            max_new_tokens=int(kwargs.get("max_gen_toks", kwargs.get("max_new_tokens", 256)))
            if not self.is_choice
            else 1,
            temperature=float(kwargs["temperature"]) if sampled else 0.0,
            stop=() if self.is_choice else tuple([until] if isinstance(until, str) else [str(u) for u in until or []]),
            few_shot=int(shots) if isinstance(shots, int) else 0,
            shot_template=self._template(),
            shot_separator=separator,
            description=self._description(),
        )

    def _template(self) -> str:
        delimiter, prefix = self.text("target_delimiter", " "), self.text("gen_prefix")
        if "{" in delimiter + prefix:
            raise self._refused("its delimiters hold braces or templates")
        if prefix and delimiter != " ":
            raise self._refused("it has both a `gen_prefix` and a delimiter of its own")
        if delimiter.strip(" ") and not (self.is_choice and self._metric_names()[:1] != ["acc_norm"]):
            raise self._refused("a delimiter that is no blank stands before the answers")
        return f"{{prompt}} {prefix} {{answer}}" if prefix else f"{{prompt}}{delimiter}{{answer}}"

    def _description(self) -> str:
        description = self._settings.get("description") or ""
        if not isinstance(description, str) or "{{" in description or "{%" in description:
            raise self._refused("its description differs from item to item")
        return description

    def question(self, doc: Doc, over: Mapping[str, Any] | None = None) -> Question:
        """One row, asked as the task asks. Raises UnusableRowError."""
        settings = {**self._settings, **{k: v for k, v in (over or {}).items() if k.startswith("doc_to_")}}
        prompt = self._value(settings.get("doc_to_text"), doc)
        target = self._value(settings.get("doc_to_target"), doc)
        if not isinstance(prompt, str) or (prompt.isdigit() and settings.get("doc_to_choice")):
            raise self._refused("its choices stand in the prompt, each with a prompt of its own")
        if settings.get("doc_to_choice") is None:
            return Question(prompt, self._one_target(target))
        choices = self._choices(settings["doc_to_choice"], doc)
        place = int(target) if isinstance(target, str) and target.isdigit() else target
        if isinstance(place, list):
            raise self._refused("several of its choices are right")
        if isinstance(place, int) and not isinstance(place, bool):
            if not 0 <= place < len(choices):
                raise UnusableRowError("the answer is none of the choices")
            place = choices[place]
        return Question(prompt, str(place), choices if self.is_choice else ())

    def _one_target(self, target: object) -> str:
        if isinstance(target, str) and target[:1] == "[" and target[-1:] == "]":
            try:
                target = literal(target)
            except UnusableRowError:
                return str(target)
        if isinstance(target, list):
            if len(target) != 1:
                raise self._refused("an item has several right answers")
            target = target[0]
        return str(target)

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

    # -- scores --------------------------------------------------------------------------------------------------------

    def _metric_names(self) -> list[str]:
        if self._options.metric:
            return [self._options.metric]
        listed = [str(m.get("metric")) for m in self._settings.get("metric_list") or [] if isinstance(m, dict)]
        listed = listed or (["acc", "acc_norm"] if self.is_choice else ["exact_match"])
        return sorted(listed, key=lambda name: name != "acc_norm")

    def scorer(self) -> tuple[ScorerSpec, str]:
        """The scorer and the metric's name."""
        names = self._metric_names()
        known = [n for n in names if n in (("acc_norm", "acc") if self.is_choice else ("exact_match",))]
        if not known:
            raise self._refused(f"its metric is {', '.join(names)}")
        if self.is_choice:
            return ScorerSpec(kind="choice", length_normalised=known[0] == "acc_norm"), known[0]
        return self._exact_match(self._filtered()), known[0]

    def _exact_match(self, filtered: _Filtered) -> ScorerSpec:
        listed = [m for m in self._settings.get("metric_list") or [] if isinstance(m, dict)]
        how: Mapping[str, Any] = next((m for m in listed if m.get("metric") == "exact_match"), {})
        if how.get("ignore_numbers"):
            raise self._refused("it compares without digits")
        if filtered.lowers and not how.get("ignore_case"):
            raise self._refused("its filter changes the case of outputs and its metric does not")
        steps = [
            *(["strip"] if filtered.strips else []),
            *(["lower"] if how.get("ignore_case") else []),
            *(["punctuation"] if how.get("ignore_punctuation") else []),
        ]
        common = {"normalise": tuple(steps), "ignore": tuple(how.get("regexes_to_ignore") or ())}
        if not filtered.pattern:
            return ScorerSpec.model_validate({"kind": "exact", **common})
        pattern = f"(?-m:{filtered.pattern})" if set("^$") & set(filtered.pattern) else filtered.pattern
        return ScorerSpec.model_validate({"kind": "regex", "pattern": pattern, "select": filtered.select, **common})

    def _filtered(self) -> _Filtered:
        """The chosen filter's steps, as far as a scorer of ours does the same."""
        listed = [f for f in self._settings.get("filter_list") or [] if isinstance(f, dict)]
        names = [str(f.get("name")) for f in listed]
        wanted = self._options.filter
        if wanted is not None and wanted not in names:
            cure = f"it has: {', '.join(names) or 'none'}"
            raise UsageError(f"the task has no filter {wanted!r}", where=self._where, cure=cure)
        if not listed:
            return _Filtered()
        chosen = listed[names.index(wanted)] if wanted else listed[0]
        if wanted is None and len(names) > 1:
            self.notes.append(f"scored by the filter {names[0]}; the task has {', '.join(names[1:])} too (--filter)")
        found = _Filtered()
        for step in chosen.get("filter") or []:
            found = self._step(found, step)
        return found

    def _step(self, found: _Filtered, step: Mapping[str, Any]) -> _Filtered:
        name = step.get("function")
        if name == "regex" and not found.pattern:
            group = step.get("group_select", 0)
            if group not in (0, -1):
                raise self._refused(f"its filter takes match number {group}")
            pattern = str(step.get("regex_pattern", r"#### (\-?[0-9\.\,]+)"))
            return _Filtered(pattern, "first" if group == 0 else "last", found.strips, found.lowers)
        if name == "remove_whitespace":
            return _Filtered(found.pattern, found.select, True, found.lowers)
        if name == "lowercase":
            return _Filtered(found.pattern, found.select, found.strips, True)
        if name == "take_first":
            return found
        raise self._refused(f"its filter has a step `{name}`")

    # -- rows ----------------------------------------------------------------------------------------------------------

    def part(self, open_table: OpenTable, split: str) -> Part:
        """A split's questions, after `process_docs` where the task has one."""
        process = self._settings.get("process_docs")
        source, asked = self._source(split)
        table = open_table(source, asked)
        if process is None:
            read = read_part(table, self.question)
            return Part(split, read.questions, read.left_out, read.rows, read.digest)
        if not isinstance(process, Function):
            raise self._refused("its `process_docs` is no function")
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
                raise self._refused(f"its data files name none for {split}, or several")
            return (chosen, None) if "://" in chosen else (str(self._file(chosen)), None)
        if not path:
            raise self._refused("it names no dataset")
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
            samples = callable_of(samples, allowed=self._options.allow_code)()
        if isinstance(samples, list):
            return tuple(self.question(doc, self._fewshot) for doc in samples if isinstance(doc, dict))
        split = self._fewshot.get("split") or self._settings.get("fewshot_split")
        if not isinstance(split, str):
            return None
        known = next((part for part in parts if part.name == split), None)
        return (known or self.part(open_table, split)).questions
