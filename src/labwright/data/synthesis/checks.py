"""What a row has to pass before it counts: the cheap checks first, a judge last.

Each refusal has a reason that is counted and words that say what was wrong. A check that cannot be made (a script that
fails, a judge that does not answer) is an error, and never a refusal or a pass.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue

from labwright.contracts.data import ProgramLimits, ProgramRunner, RowJudge
from labwright.contracts.errors import DataError, ProviderError
from labwright.data.rows import Row
from labwright.data.synthesis.fields import RowSchema
from labwright.data.synthesis.generators import Batch, Files, Written, answered, staged
from labwright.data.synthesis.known import OWN, Benchmarks, Known, as_row
from labwright.data.synthesis.outcomes import Outcome, Refusal
from labwright.data.synthesis.purse import Tab
from labwright.data.synthesis.spec import ChecksSpec, JudgeSpec, LengthSpec, SynthFormat, VerifierSpec
from labwright.data.synthesis.templating import Variables

LanguageOf = Callable[[str], str | None]
"""The language of a text (ISO 639-1), None where it cannot be told."""
TokensOf = Callable[[Sequence[str]], Sequence[int]]
"""How many tokens each text has."""
_SHOWN = 120
LONGEST_WHY = 400


@dataclass(slots=True)
class Candidate:
    """A row on its way through the checks."""

    written: Written
    row: Row | None = None
    outcome: Outcome | None = None

    def refuse(self, refusal: Refusal, why: str) -> None:
        """It ends here."""
        self.outcome = Outcome(refusal, why if len(why) <= LONGEST_WHY else f"{why[: LONGEST_WHY - 1]}…")


@dataclass(frozen=True, slots=True)
class Means:
    """What checks need beside the row."""

    schema: RowSchema
    row_format: SynthFormat
    files: Files  # beside the spec
    known: Known
    benchmarks: Benchmarks | None
    programs: ProgramRunner | None
    language_of: LanguageOf
    tokens_of: TokensOf | None


@dataclass(frozen=True, slots=True)
class Checks:
    """The checks of one slice."""

    spec: ChecksSpec
    means: Means
    judge: RowJudge | None = None
    tab: Tab | None = None  # the judge's

    def screen(self, batch: Batch, rows: Sequence[Written]) -> list[Candidate]:
        """All checks but the judge's. What passes is known from now on. Raises DataError where a verifier fails."""
        candidates = [Candidate(written) for written in rows]
        for candidate in candidates:
            if candidate.written.fault is not None:
                candidate.refuse(*candidate.written.fault)
            else:
                self._shape(candidate)
        self._verify(batch, [c for c in candidates if c.outcome is None])
        for candidate in candidates:
            if candidate.outcome is None:
                self._repeats(candidate)
        return candidates

    # -- one by one ----------------------------------------------------------------------------------------------------

    def _shape(self, candidate: Candidate) -> None:
        raw = candidate.written.made.row
        complaint = _not_json(raw) or self.means.schema.complaint(raw)
        if complaint:
            candidate.refuse(Refusal.SCHEMA, complaint)
            return
        try:
            row = as_row(raw, self.means.row_format, 1, Path("row"))
        except DataError as error:
            candidate.refuse(Refusal.SCHEMA, error.what)
            return
        candidate.row = row
        for refusal, why in (
            (Refusal.LENGTH, self._length(row)),
            (
                Refusal.REQUIRED,
                next((f"{p!r} is not in it" for p in self.spec.require if not re.search(p, row.text)), ""),
            ),
            (Refusal.FORBIDDEN, next((f"{p!r} is in it" for p in self.spec.forbid if re.search(p, row.text)), "")),
            (Refusal.LANGUAGE, self._language(row)),
        ):
            if why:
                candidate.refuse(refusal, why)
                return

    def _length(self, row: Row) -> str:
        for field, limits in self.spec.length.items():
            text = _field(row, field)
            for amount, unit, low, high in self._measures(text, limits):
                if (low is not None and amount < low) or (high is not None and amount > high):
                    return f"{field} has {amount} {unit}"
        return ""

    def _measures(self, text: str, limits: LengthSpec) -> list[tuple[int, str, int | None, int | None]]:
        measures = [
            (len(text), "characters", limits.min_characters, limits.max_characters),
            (len(text.split()), "words", limits.min_words, limits.max_words),
        ]
        if limits.min_tokens is not None or limits.max_tokens is not None:
            assert self.means.tokens_of is not None  # asked for before the run began
            measures.append((self.means.tokens_of([text])[0], "tokens", limits.min_tokens, limits.max_tokens))
        return measures

    def _language(self, row: Row) -> str:
        wanted = self.spec.language
        if wanted is None:
            return ""
        found = self.means.language_of(_field(row, wanted.field))
        if found in wanted.codes:
            return ""
        return f"{wanted.field} is in {found}" if found else f"the language of {wanted.field} cannot be told"

    def _repeats(self, candidate: Candidate) -> None:
        assert candidate.row is not None
        twin = self.means.known.twin(candidate.row) if self.spec.dedup.near else self.means.known.same(candidate.row)
        if twin is not None:
            own = Refusal.NEAR_DUPLICATE if twin.near else Refusal.DUPLICATE
            how = "is nearly" if twin.near else "is"
            candidate.refuse(own if twin.of == OWN else Refusal.KNOWN_DATA, f"{how} {twin.of}")
            return
        if self.means.benchmarks is not None:
            hit = self.means.benchmarks.hit(candidate.row)
            if hit is not None:
                candidate.refuse(Refusal.BENCHMARK, hit)
                return
        self.means.known.add(candidate.row)

    # -- together ------------------------------------------------------------------------------------------------------

    def _verify(self, batch: Batch, candidates: Sequence[Candidate]) -> None:
        verifier = self.spec.verifier
        if verifier is None or not candidates:
            return
        if verifier.expression is not None:
            for candidate in candidates:
                fault = _fault(verifier.expression, batch, candidate.written)
                if fault:
                    candidate.refuse(Refusal.VERIFIER, fault)
            return
        for candidate, verdict in zip(candidates, self._verdicts(verifier, batch, candidates), strict=True):
            if verdict.get("ok") is not True:
                candidate.refuse(Refusal.VERIFIER, str(verdict.get("reason") or "the script says no"))

    def _verdicts(
        self, verifier: VerifierSpec, batch: Batch, candidates: Sequence[Candidate]
    ) -> list[dict[str, JsonValue]]:
        script, programs = verifier.script, self.means.programs
        assert script is not None and programs is not None  # asked for before the run began
        limits = ProgramLimits(verifier.timeout_s, verifier.memory_mb << 20)
        with staged(self.means.files, (script, *verifier.files)) as place:
            lines = [
                json.dumps({"row": c.written.made.row, "slice": batch.part.name, "params": c.written.params})
                for c in candidates
            ]
            (place / "candidates.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
            args = ["--rows", "candidates.jsonl", "--out", "verdicts.jsonl"]
            verdicts = list(answered(programs, script, args, place, "verdicts.jsonl", limits))
        if len(verdicts) != len(candidates) or not all(isinstance(v.get("ok"), bool) for v in verdicts):
            what = f"the script got {len(candidates)} rows and gave {len(verdicts)} verdicts"
            cure = 'write one line {"ok": true or false} for each row'
            raise DataError(what if len(verdicts) != len(candidates) else "a verdict has no `ok` that is true or false",
                            where=script, cure=cure)  # fmt: skip
        return verdicts

    def judge_all(self, candidates: Sequence[Candidate], executor: Executor | None) -> None:
        """The judge's word on those that have no outcome yet; one after the other where there is no executor.

        Raises:
            ProviderError, BudgetError: the first of those whose judgement failed; they have no outcome still.
        """
        waiting = [candidate for candidate in candidates if candidate.outcome is None]
        if self.spec.judge is None:
            for candidate in waiting:
                candidate.outcome = Outcome()
        elif executor is None:
            for candidate in waiting:
                self._judge(candidate, self.spec.judge)
        else:
            calls = [executor.submit(self._judge, candidate, self.spec.judge) for candidate in waiting]
            errors = [error for error in (call.exception() for call in calls) if error is not None]
            if errors:
                raise errors[0]

    def _judge(self, candidate: Candidate, wanted: JudgeSpec) -> None:
        assert self.judge is not None and self.tab is not None  # asked for before the run began
        self.tab.must_not_be_empty()
        judgement = self.judge.judge(candidate.written.made.row, wanted.rubric)
        self.tab.settle(judgement.usd, judgement.tokens)
        if not 0 <= judgement.score <= 1:
            raise ProviderError(
                f"the judge gave {judgement.score}, which is no score from 0 to 1", where=self.judge.name
            )
        passed = judgement.score >= wanted.at_least
        why = "" if passed else f"{judgement.score:.2f}: {judgement.reason}"[:LONGEST_WHY]
        candidate.outcome = Outcome(None if passed else Refusal.JUDGE, why, judgement)


def _fault(expression: str, batch: Batch, written: Written) -> str:
    """Why a verifier's expression does not hold of a row; empty where it does."""
    known = Variables.given(batch.seed, written.params, {"slice": batch.part.name})
    try:
        holds = known.evaluate(expression, "checks.verifier", row=dict(written.made.row))
    except DataError as error:
        return error.what
    return "" if holds else f"{expression} does not hold"


def _field(row: Row, field: str) -> str:
    if field == "row":
        return row.text
    value = row.raw.get(field)
    if value is None and field in ("prompt", "completion"):
        return row.prompt if field == "prompt" else row.completion
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _not_json(raw: Mapping[str, JsonValue]) -> str:
    try:
        json.dumps(raw, ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError) as error:
        return f"has no form in JSON: {str(error)[:_SHOWN]}"
    return ""
