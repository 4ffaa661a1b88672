"""A person gives a study that does not run more time or more dollars, so that it goes on where it stood.

Only those two: what a verdict rests on, such as the number of comparisons and the seals, stays as it was. The raise is
an event, so reports and bundles show it, and whoever replays the history finds the same ceilings.
"""

from __future__ import annotations

from pathlib import Path

from labwright.contracts.errors import UsageError
from labwright.contracts.events import BudgetRaised
from labwright.contracts.research import StudyState
from labwright.contracts.views import StudyView
from labwright.ledger import Ledger
from labwright.study.lock import is_held


def raise_ceilings(
    ledger: Ledger, view: StudyView, by: str, *, wall_clock_s: float | None = None, usd: float | None = None
) -> None:
    """Write down higher ceilings, on all that the study takes. Nothing is written where they are what they were.

    Raises:
        UsageError: the study is over or a process is running it; a ceiling would be lower than it is.
    """
    budget = view.spec.budget
    _must_not_be_less(view, "--budget-hours", wall_clock_s, budget.wall_clock, 3600.0)
    _must_not_be_less(view, "--budget-usd", usd, budget.usd, 1.0)
    raised = BudgetRaised(
        wall_clock_s if wall_clock_s is not None and wall_clock_s > budget.wall_clock else None,
        usd if usd is not None and usd > budget.usd else None,
        by,
    )
    if raised.wall_clock_s is None and raised.usd is None:
        return
    if view.state is StudyState.FINISHED:
        cure = f"raise them in study.yaml, and run it anew: labwright study run {view.source}"
        raise UsageError(f"study {view.id} is finished, so its ceilings stay what they were", cure=cure)
    if is_held(Path(view.directory)):
        cure = f"stop it first: labwright study stop {view.id}"
        raise UsageError(f"a process is running study {view.id}", where=view.directory, cure=cure)
    ledger.record(view.id, raised)


def _must_not_be_less(view: StudyView, option: str, given: float | None, before: float, unit: float) -> None:
    if given is None or given >= before:
        return
    what = f"{given / unit:g} is less than the {before / unit:g} that study {view.id} has"
    raise UsageError(what, where=option, cure="a ceiling is on all that the study takes: give a higher one, or none")
