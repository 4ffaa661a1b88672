"""A synthesis run: ask, check, keep, until every slice has its rows or the budget is at its end.

Rounds of a few batches are asked for at a time; whoever is furthest from its target comes first, so that a budget which
ends early leaves a balanced set. Everything that was made goes to the journal at once and everything that was checked
after it, so a run that was killed is taken up by the same command and pays for nothing twice.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from labwright.contracts.data import Made, ModelChoice
from labwright.contracts.errors import BudgetError, DataError, ProviderError
from labwright.data.synthesis.checks import Candidate, Checks
from labwright.data.synthesis.generators import (
    Batch,
    GymWriter,
    LlmWriter,
    ProgramWriter,
    TemplateWriter,
    Writer,
    Written,
    batch_of,
    installed_tasks,
)
from labwright.data.synthesis.journal import Entry, Journal
from labwright.data.synthesis.known import as_row
from labwright.data.synthesis.outcomes import JUDGED, Outcome, Refusal
from labwright.data.synthesis.parts import Parts
from labwright.data.synthesis.purse import Purse, Tab
from labwright.data.synthesis.reading import SpecFile
from labwright.data.synthesis.report import Doing, Ended, Progress, SliceReport, Standing
from labwright.data.synthesis.spec import GymSpec, LlmSpec, ProgramSpec, SliceSpec

_MOST_FAILED_ROUNDS = 3
_LEAST_RATE = 0.05


@dataclass
class Slice:
    """How one slice stands. Only the run writes it."""

    part: SliceSpec
    wanted: int
    most_asked: int
    writer: Writer
    checks: Checks
    generator: str
    accepted: int = 0
    asked: int = 0
    made: int = 0
    unchecked: int = 0
    next_number: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)
    ended: Ended | None = None
    why: str = ""

    @property
    def rate(self) -> float:
        """Of the rows asked for so far, the share that was accepted; one at the start."""
        return max(self.accepted / self.asked, _LEAST_RATE) if self.asked else 1.0

    def count(self, outcomes: Sequence[Outcome]) -> None:
        """Count what came of a batch."""
        for outcome in outcomes:
            if outcome.refusal is None:
                self.accepted += 1
            else:
                self.refused[outcome.refusal.value] += 1
                self.examples.setdefault(outcome.refusal.value, outcome.why)

    def miss(self, refusal: Refusal, rows: int, why: str) -> None:
        """Count rows that were asked for and never came."""
        if rows > 0:
            self.refused[refusal.value] += rows
            self.examples.setdefault(refusal.value, why)

    def report(self) -> SliceReport:
        """For people."""
        return SliceReport(
            self.part.name, self.generator, self.wanted, self.accepted, self.asked, self.made, dict(self.refused),
            dict(self.examples), self.unchecked, self.ended or "budget", self.why,
        )  # fmt: skip


@dataclass
class _Pending:
    """A batch that was made and not yet checked to its end."""

    batch: Batch
    rows: Sequence[Written]
    candidates: list[Candidate] | None = None


class Run:
    """One run of one process. `work` returns when nothing more can or need be done."""

    def __init__(
        self,
        source: SpecFile,
        parts: Parts,
        journal: Journal,
        purse: Purse,
        slices: Sequence[Slice],
        progress: Progress,
    ) -> None:
        self._source = source
        self._parts = parts
        self._journal = journal
        self._purse = purse
        self.slices = {one.part.name: one for one in slices}
        self._progress = progress
        self._began = parts.clock()
        self._earlier_s = 0.0
        self._pending: list[_Pending] = []
        self._width = source.spec.parallel
        self._failed_rounds = 0
        self.models: dict[str, None] = {}
        self.known = 0

    @property
    def elapsed_s(self) -> float:
        """Seconds of work, those of earlier processes included."""
        return self._earlier_s + self._parts.clock() - self._began

    # -- taking up -----------------------------------------------------------------------------------------------------

    def recall(self, entries: Iterable[Entry]) -> None:
        """Stand where the journal ends."""
        made: dict[tuple[str, int], _Pending] = {}
        for entry in entries:
            kind = entry["kind"]
            if kind == "made":
                batch = batch_of(self._source.spec, self._part(entry), entry["number"], entry["size"])
                made[(entry["slice"], entry["number"])] = _Pending(batch, _remembered(entry))
                self._count_made(batch, made[(entry["slice"], entry["number"])].rows)
            elif kind == "checked":
                pending = made.pop((entry["slice"], entry["number"]))
                self._remember(pending, [_outcome(outcome) for outcome in entry["outcomes"]])
                self._earlier_s = entry["elapsed_s"]
            elif kind == "failed":
                one = self.slices[entry["slice"]]
                one.asked += entry["size"]
                one.next_number = max(one.next_number, entry["number"] + 1)
                one.miss(Refusal.FAILED, entry["size"], entry["why"])
        self._pending = list(made.values())

    def _part(self, entry: Entry) -> SliceSpec:
        return self.slices[entry["slice"]].part

    def _remember(self, pending: _Pending, outcomes: Sequence[Outcome]) -> None:
        one = self.slices[pending.batch.part.name]
        one.count(outcomes)
        for written, outcome in zip(pending.rows, outcomes, strict=True):
            if outcome.refusal in JUDGED and written.fault is None:
                means = one.checks.means
                means.known.add(as_row(written.made.row, means.row_format, 1, self._source.path))

    # -- working -------------------------------------------------------------------------------------------------------

    def work(self) -> None:
        """Until all slices have ended.

        Raises:
            DataError: a template, program or verifier failed.
            ProviderError: a model failed again and again. What was made is in the journal.
        """
        with ThreadPoolExecutor(self._source.spec.parallel, thread_name_prefix="synthesis") as executor:
            try:
                for pending in self._pending:
                    self._check(pending, executor)
                while plan := self._plan():
                    self._round(plan, executor)
            except BaseException:
                executor.shutdown(cancel_futures=True)
                raise

    def _plan(self) -> list[Batch]:
        """The next round: batches of those slices that are furthest from their targets."""
        self._end_those_that_are_done()
        expected = {name: float(one.accepted) for name, one in self.slices.items() if one.ended is None}
        asked = {name: self.slices[name].asked for name in expected}
        plan: list[Batch] = []
        while expected and len(plan) < self._width:
            name = min(expected, key=lambda n: expected[n] / self.slices[n].wanted)
            one = self.slices[name]
            missing = math.ceil((one.wanted - expected[name]) / one.rate - 1e-9)
            size = min(missing, one.writer.rows_a_call, one.most_asked - asked[name])
            if size < 1:
                del expected[name]
                continue
            plan.append(batch_of(self._source.spec, one.part, one.next_number, size))
            one.next_number += 1
            asked[name] += size
            expected[name] += size * one.rate
        return plan

    def _end_those_that_are_done(self) -> None:
        limit_s = self._source.spec.budget.wall_clock
        for one in self.slices.values():
            if one.accepted >= one.wanted:
                one.ended, one.why = "full", ""
            elif one.ended is None and one.asked >= one.most_asked:
                one.ended = "attempts"
                one.why = f"{one.asked} rows were asked for, and {one.accepted} passed"
            elif one.ended is None and limit_s is not None and self.elapsed_s >= limit_s:
                one.ended, one.why = "time", f"the budget's {limit_s:.0f} s are over"

    def _round(self, plan: Sequence[Batch], executor: ThreadPoolExecutor) -> None:
        self.tell("writing")
        calls = [(batch, executor.submit(self._write, batch)) for batch in plan]
        succeeded = refused = False
        failure: ProviderError | None = None
        fatal: BaseException | None = None
        for batch, call in calls:
            try:
                rows = call.result()
            except BudgetError as error:
                refused = True
                self._refused(batch, error)
            except ProviderError as error:
                failure = error
                self._failed(batch, error)
            except DataError as error:  # the others are paid for: they are checked first
                fatal = fatal or error
            else:
                succeeded = True
                self._count_made(batch, rows)
                self._check(_Pending(batch, rows), executor)
        if fatal is not None:
            raise fatal
        if refused:
            self._width = 1
        self._failed_rounds = 0 if succeeded or failure is None else self._failed_rounds + 1
        if failure is not None and self._failed_rounds >= _MOST_FAILED_ROUNDS:
            raise failure

    def _write(self, batch: Batch) -> Sequence[Written]:
        """In a thread: write, and put what was written down before anything else happens to it."""
        rows = self.slices[batch.part.name].writer.write(batch)
        prompts = list(dict.fromkeys(written.made.prompt for written in rows))
        noted = [_noted(written, prompts) for written in rows]
        self._journal.add(
            {"kind": "made", "slice": batch.part.name, "number": batch.number, "size": batch.size, "seed": batch.seed,
             "prompts": prompts, "rows": noted}
        )  # fmt: skip
        return rows

    def _count_made(self, batch: Batch, rows: Sequence[Written]) -> None:
        one = self.slices[batch.part.name]
        one.asked += batch.size
        one.made += len(rows)
        one.next_number = max(one.next_number, batch.number + 1)
        one.miss(Refusal.MISSING, batch.size - len(rows), f"{batch.size} were asked for, {len(rows)} came")
        self.models |= dict.fromkeys(written.made.model for written in rows)

    def _failed(self, batch: Batch, error: ProviderError) -> None:
        one, why = self.slices[batch.part.name], error.one_line()
        self._journal.add(
            {"kind": "failed", "slice": batch.part.name, "number": batch.number, "size": batch.size, "why": why}
        )
        one.asked += batch.size
        one.miss(Refusal.FAILED, batch.size, why)

    def _refused(self, batch: Batch, error: BudgetError) -> None:
        """A call did not fit the budget. Several at a time may ask for more than one alone: that is tried first."""
        if self._width == 1:
            one = self.slices[batch.part.name]
            one.ended, one.why = "budget", error.one_line()

    # -- checking ------------------------------------------------------------------------------------------------------

    def _check(self, pending: _Pending, executor: ThreadPoolExecutor) -> None:
        self.tell("checking")
        one = self.slices[pending.batch.part.name]
        pending.candidates = one.checks.screen(pending.batch, pending.rows)
        try:
            self._judged(one, pending.candidates, executor)
        except BudgetError as error:
            one.unchecked += len(pending.rows)
            one.ended, one.why = "budget", error.one_line()
            return
        outcomes = [candidate.outcome or Outcome() for candidate in pending.candidates]
        outcomes = _up_to(outcomes, one.wanted - one.accepted)
        self._journal.add(
            {"kind": "checked", "slice": one.part.name, "number": pending.batch.number,
             "outcomes": [_entry(outcome, one.checks) for outcome in outcomes], "elapsed_s": self.elapsed_s}
        )  # fmt: skip
        one.count(outcomes)

    def _judged(self, one: Slice, candidates: Sequence[Candidate], executor: ThreadPoolExecutor) -> None:
        """Ask the judge, and again where that failed; those that were judged keep their judgement."""
        for attempt in range(_MOST_FAILED_ROUNDS):
            try:
                one.checks.judge_all(candidates, executor if attempt == 0 else None)
            except (ProviderError, BudgetError) as error:
                if attempt == _MOST_FAILED_ROUNDS - 1 or (isinstance(error, BudgetError) and attempt > 0):
                    raise
            else:
                return

    def tell(self, doing: Doing) -> None:
        """Say where the run stands."""
        slices = {name: (one.accepted, one.wanted) for name, one in self.slices.items()}
        self._progress(
            Standing(
                doing,
                sum(a for a, _ in slices.values()),
                sum(w for _, w in slices.values()),
                sum(one.made for one in self.slices.values()),
                self._purse.spent,
                self.elapsed_s,
                slices,
                self.known,
            )
        )


def _up_to(outcomes: Sequence[Outcome], wanted: int) -> list[Outcome]:
    """The first that pass, as many as are wanted; those beyond are said to be surplus."""
    kept: list[Outcome] = []
    passed = 0
    for outcome in outcomes:
        passed += outcome.refusal is None
        surplus = outcome.refusal is None and passed > wanted
        kept.append(Outcome(Refusal.SURPLUS, "the slice was full", outcome.judgement) if surplus else outcome)
    return kept


# -- the journal's entries ---------------------------------------------------------------------------------------------


def _noted(written: Written, prompts: Sequence[str]) -> Entry:
    made = written.made
    fault = None if written.fault is None else [written.fault[0].value, written.fault[1]]
    return {
        "row": dict(made.row), "prompt": prompts.index(made.prompt), "model": made.model, "seed": made.seed,
        "usd": made.usd, "tokens": made.tokens, "params": dict(written.params), "fault": fault,
    }  # fmt: skip


def _remembered(entry: Entry) -> list[Written]:
    return [
        Written(
            Made(row["row"], entry["prompts"][row["prompt"]], row["model"], row["seed"], row["usd"], row["tokens"]),
            row["params"],
            None if row["fault"] is None else (Refusal(row["fault"][0]), row["fault"][1]),
        )
        for row in entry["rows"]
    ]


def _entry(outcome: Outcome, checks: Checks) -> Entry:
    judgement, judge = outcome.judgement, None
    if judgement is not None and checks.judge is not None:
        judge = {"model": checks.judge.name, "score": judgement.score, "reason": judgement.reason,
                 "usd": judgement.usd, "tokens": judgement.tokens}  # fmt: skip
    return {"refusal": outcome.refusal.value if outcome.refusal else None, "why": outcome.why, "judge": judge}


def _outcome(entry: Entry) -> Outcome:
    return Outcome(None if entry["refusal"] is None else Refusal(entry["refusal"]), entry["why"])


# -- the makers of rows ------------------------------------------------------------------------------------------------


def writer_of(source: SpecFile, part: SliceSpec, checks: Checks, parts: Parts, purse: Purse) -> Writer:
    """What writes the rows of a slice. Raises ModelError where its model cannot be used."""
    spec = source.spec
    generator = spec.generator_of(part)
    if isinstance(generator, LlmSpec):
        assert parts.writer is not None  # see `must_suffice`
        tab = Tab(purse)
        choice = ModelChoice(generator.model, generator.temperature, generator.max_tokens)
        return LlmWriter(generator, checks.means.schema, parts.writer(choice, tab), tab)
    if isinstance(generator, ProgramSpec):
        assert parts.programs is not None
        return ProgramWriter(generator, source.beside, parts.programs)
    if isinstance(generator, GymSpec):
        return GymWriter(generator, spec.format, parts.tasks or installed_tasks())
    return TemplateWriter(generator, checks.means.schema)
