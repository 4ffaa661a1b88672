"""How a task of lm-evaluation-harness scores, as a scorer of ours: its metric, its filter, its right answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from labwright.contracts.errors import UsageError
from labwright.contracts.specs import ScorerSpec
from labwright.referee.known.options import AddOptions
from labwright.referee.known.taskfiles import Function

_PASSES = ("pass_at_k", "pass_at_1")
_FINDS_CODE = ("build_predictions", "extract_code")
Refuse = Callable[[str], UsageError]


@dataclass(frozen=True, slots=True)
class Scoring:
    """The scorer and the metric's name; for programs also how many are drawn, and whether they continue a prompt."""

    scorer: ScorerSpec
    metric: str
    samples: int = 1
    pass_at: int | None = None
    continues_prompt: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Filtered:
    """What a filter does to an output."""

    pattern: str = ""
    select: str = "first"
    strips: bool = False
    lowers: bool = False


def scoring_of(
    settings: Mapping[str, Any], is_choice: bool, options: AddOptions, where: str, refused: Refuse
) -> Scoring:
    """How the task scores. Raises UsageError where a pack cannot score so; says why."""
    return _Reader(settings, is_choice, options, where, refused).scoring()


class _Reader:
    """Reads a task's metrics and filters."""

    def __init__(
        self, settings: Mapping[str, Any], is_choice: bool, options: AddOptions, where: str, refused: Refuse
    ) -> None:
        self._settings, self._is_choice, self._options = settings, is_choice, options
        self._where, self._refused = where, refused
        self._metrics = [m for m in settings.get("metric_list") or [] if isinstance(m, dict)]
        self._notes: list[str] = []

    def scoring(self) -> Scoring:
        """The metric that is chosen, else the first that a pack knows."""
        names = self._names()
        if self._is_choice:
            known = [name for name in names if name in ("acc_norm", "acc")]
            if known:
                return Scoring(ScorerSpec(kind="choice", length_normalised=known[0] == "acc_norm"), known[0])
        elif "exact_match" in names:
            scorer = self._exact_match(self._filtered())
            return Scoring(scorer, "exact_match", notes=tuple(self._notes))
        elif set(_PASSES) & set(names):
            return self._programs()
        raise self._refused(f"its metric is {', '.join(names)}")

    def _names(self) -> list[str]:
        if self._options.metric:
            return [self._options.metric]
        listed = [_name(m.get("metric")) for m in self._metrics]
        listed = listed or (["acc", "acc_norm"] if self._is_choice else ["exact_match"])
        return sorted(listed, key=lambda name: name != "acc_norm")

    def _programs(self) -> Scoring:
        """Programs that pass their tests: pass@1, or pass@k where the task draws enough of them."""
        how = next(m for m in self._metrics if _name(m.get("metric")) in _PASSES)
        asked = how.get("k") or [1]
        most = max(int(k) for k in (asked if isinstance(asked, list) else [asked]))
        drawn = int(self._settings.get("repeats") or 1)
        if most > drawn:
            raise self._refused(f"its pass@{most} is asked of {drawn} outputs")
        continues = False
        for chosen in self._settings.get("filter_list") or []:
            for step in chosen.get("filter") or []:
                name = _name(step.get("filter_fn"))
                if step.get("function") in ("take_first", "take_first_k"):
                    continue
                if step.get("function") != "custom" or not name.startswith(_FINDS_CODE):
                    raise self._refused(f"its filter has a step `{step.get('function')}`")
                continues = continues or name.startswith("build_predictions")
        note = "programs are found in outputs, and run, by Labwright's own rules; see docs/reference/benchmark-yaml.md"
        return Scoring(
            ScorerSpec(kind="code"),
            f"pass@{most}",
            drawn if most > 1 else 1,
            most if most > 1 else None,
            continues,
            (note,),
        )

    def _exact_match(self, filtered: _Filtered) -> ScorerSpec:
        how: Mapping[str, Any] = next((m for m in self._metrics if m.get("metric") == "exact_match"), {})
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
            self._notes.append(f"scored by the filter {names[0]}; the task has {', '.join(names[1:])} too (--filter)")
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


def _name(value: object) -> str:
    """A metric's or function's own name, without its module."""
    return value.name.rpartition(".")[2] if isinstance(value, Function) else str(value)
