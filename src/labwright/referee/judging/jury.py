"""Who judges a benchmark's outputs, on whose account, and what that may cost: the bench's part that asks a judge model.

A study has one account and one judge, over all of its evaluations. What the judging of its sealed test will take is
kept back from the evaluations on dev; how much that is, the engine says, from what `appraise` finds and from what was
measured since.
"""

from __future__ import annotations

import contextlib
import json
import math
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from uuid import uuid4

from labwright.compute.sandbox import Sandbox
from labwright.contracts.data import Judgement
from labwright.contracts.errors import ProviderError, UsageError
from labwright.contracts.views import StudyView
from labwright.ledger import Ledger
from labwright.referee.judging.account import JudgeAccount
from labwright.referee.judging.judge import JudgeProcess, PaidJudge, RememberingJudge
from labwright.referee.pack import Item
from labwright.referee.protocol import Appraisal, Evaluate, Opening
from labwright.referee.scorers import Means, benchmark_scorer
from labwright.referee.vault import Sealed

_JUDGED_BY = "judged by "  # the beginning of an evaluation's note
_CHARACTERS_A_TOKEN = 4


@dataclass
class _Listener:
    """A judge that gives no judgement worth keeping: it hears what would be asked."""

    name: str
    asked: list[tuple[str, str]] = field(default_factory=list)

    def judge(self, instructions: str, case: str) -> Judgement:
        self.asked.append((instructions, case))
        return Judgement(0.5, "")


class Jury:
    """The judge's process and its accounts."""

    def __init__(self, opening: Opening, ledger: Ledger, sandbox: Sandbox, home: Path) -> None:
        self._opening, self._ledger, self._sandbox, self._home = opening, ledger, sandbox, home
        self._process = JudgeProcess(opening.judge_model, opening.judge, opening.judge_environment)

    def close(self) -> None:
        """End the judge's process."""
        self._process.close()

    def means(self, sealed: Sealed, account: JudgeAccount) -> Means:
        """What scoring needs beside keys. What a judge said of this benchmark's outputs is kept with its secrets."""
        judge = None
        if self._opening.judge:
            paid = PaidJudge(self._process, account)
            judge = RememberingJudge(paid, self._kept(sealed))
        return Means(self._sandbox, self._opening.sandbox == "off", judge)

    def _kept(self, sealed: Sealed) -> Path:
        return self._home / "vault" / "judgements" / sealed.benchmark_id

    # -- accounts ------------------------------------------------------------------------------------------------------

    def account(self, request: Evaluate, view: StudyView | None) -> JudgeAccount:
        """What the judge takes counts on the study's dollars; outside any study, on those that were named."""
        if view is not None:
            cure = "raise budget.usd in study.yaml and start a new study: what was judged is kept, and not paid twice"
            return self._opened_for(view.id, view.spec.budget.usd, cure, study_id=view.id, kept_usd=request.kept_usd)
        cure = "give it again with a higher --judge-usd: what was judged is kept, and not paid twice"
        return self._opened_for(request.evaluation_id, request.judge_usd, cure)

    def account_of_its_own(self, purpose: str) -> JudgeAccount:
        """For what belongs to no study and no evaluation."""
        return self._opened_for(f"{purpose}-{time.strftime('%Y%m%d-%H%M%S')}-{uuid4().hex[:6]}", None, "")

    def _opened_for(
        self, owner: str, usd: float | None, cure: str, *, study_id: str | None = None, kept_usd: float = 0.0
    ) -> JudgeAccount:
        return JudgeAccount(
            self._ledger,
            owner,
            model=self._opening.judge_model,
            workspace=str(self._home),
            usd=usd,
            cure=cure,
            study_id=study_id,
            kept_usd=kept_usd,
        )

    # -- one judge for all of a study ----------------------------------------------------------------------------------

    def note(self, sealed: Sealed) -> tuple[str, ...]:
        """What an evaluation says of its judge."""
        return (_JUDGED_BY + self._opening.judge_model,) if sealed.spec.scorer.is_judged else ()

    def must_be_the_same(self, sealed: Sealed, view: StudyView | None) -> None:
        """Scores of two judges are not comparable, so a study keeps the one that it began with. Raises UsageError."""
        if not sealed.spec.scorer.is_judged or view is None:
            return
        notes = (note for e in view.evaluations for note in e.notes)
        before = next((note for note in notes if note.startswith(_JUDGED_BY)), None)
        if before is not None and before != _JUDGED_BY + self._opening.judge_model:
            first = before.removeprefix(_JUDGED_BY)
            raise UsageError(
                f"this study was judged by {first} so far, and its scores would not compare",
                where="LABWRIGHT_JUDGE_MODEL",
                cure=f"set LABWRIGHT_JUDGE_MODEL={first}, or start a new study",
            )

    # -- what the sealed test will take --------------------------------------------------------------------------------

    def appraise(self, sealed: Sealed) -> Appraisal:
        """How often an item asks the judge, and what one judgement may cost: of the longest item, at the worst.

        Nobody is asked to judge. Raises ProviderError where the judge's process says nothing.
        """
        if not sealed.spec.scorer.is_judged or not self._opening.judge:
            return Appraisal()
        listener = _Listener(self._opening.judge_model)
        generation = sealed.spec.generation
        output = "x" * (_CHARACTERS_A_TOKEN * generation.max_new_tokens)
        said = output if generation.samples == 1 else json.dumps([output] * generation.samples)
        scorer = benchmark_scorer(sealed.spec, Means(self._sandbox, judge=listener))
        item = max((*sealed.dev, *sealed.test), key=_length)
        scorer.score(item, said)
        longest = sorted(listener.asked, key=lambda asked: len("".join(asked)))[-2:]
        worst = [self._process.ask("most", *question) for question in longest]
        failed = next((reply for reply in worst if not reply.ok), None)
        if failed is not None:
            raise ProviderError(f"the judge does not say what a judgement takes: {failed.error}",
                                where=self._opening.judge_model, cure=failed.cure)  # fmt: skip
        prices = [reply.usd for reply in worst if reply.usd is not None]
        most = max(prices) if len(prices) == len(worst) and prices else None
        often = float(len(listener.asked))
        if sealed.spec.scorer.kind == "criteria":
            often *= _criteria_an_item(sealed) / len(item.criteria)
        return Appraisal(math.ceil(round(often, 6)), most, self._measured(sealed))

    def _measured(self, sealed: Sealed) -> float | None:
        """What a judgement took on the mean: a study whose outputs were all judged before has no call of its own."""
        prices = []
        for path in self._kept(sealed).glob("[!.]*.json"):
            with contextlib.suppress(OSError, ValueError, TypeError):
                prices.append(Judgement(**json.loads(path.read_text(encoding="utf-8"))).usd)
        known = [usd for usd in prices if usd is not None]
        return fmean(known) if known else None


def _length(item: Item) -> int:
    criterion = max((len(each.text) for each in item.criteria), default=0)
    return len(item.prompt) + len(item.answer) + len(item.rubric) + len(item.baseline) + criterion


def _criteria_an_item(sealed: Sealed) -> float:
    """How many criteria an item has on the mean, of the split that has more."""
    return max(fmean([len(item.criteria) for item in split]) for split in (sealed.dev, sealed.test) if split)
