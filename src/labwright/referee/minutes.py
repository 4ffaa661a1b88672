"""What the bench writes down, and reads back: the ledger as the referee uses it.

Everything here may be said twice, since an engine asks again after a crash: what is in the ledger is not written anew.
"""

from __future__ import annotations

from labwright.contracts.errors import LabwrightError
from labwright.contracts.events import Event, IncidentFound, QueryMetered, VerdictGiven
from labwright.contracts.research import Evaluation, Incident, Outcome, Run, Verdict
from labwright.contracts.specs import Split
from labwright.contracts.views import StudyView
from labwright.ledger import Ledger


class Minutes:
    """The referee's entries in the ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def meter(self, study_id: str | None, benchmark_id: str, split: Split, purpose: str, subject: str) -> None:
        """Count a look at a split, before it happens; one that crashed and is repeated counts once."""
        event = QueryMetered(benchmark_id, split, "gate" if purpose == "gate" else "evaluation", subject)
        if study_id is None or event not in self.view(study_id).queries:
            self.record(study_id, event)

    def incident(self, study_id: str | None, incident: Incident) -> None:
        """Name what touched the boundary, once."""
        if study_id is not None and incident not in self.view(study_id).incidents:
            self.record(study_id, IncidentFound(incident))

    def view(self, study_id: str) -> StudyView:
        """The study as it stands."""
        return self._ledger.study_view(study_id)

    def record(self, study_id: str | None, event: Event) -> None:
        """Append an event."""
        self._ledger.record(study_id, event)

    def reject(self, study_id: str, run: Run, error: LabwrightError, kind: str) -> None:
        """Reject a run's trial, with the incident behind it."""
        self.incident(study_id, Incident(run.id, kind, error.what))
        verdict = Verdict(
            study_id, run.trial_id, run.id, Outcome.REJECT, f"the referee refused its model: {error.what}"
        )
        if self.view(study_id).verdict_on(run.trial_id) != verdict:
            self.record(study_id, VerdictGiven(verdict))

    def known(self, study_id: str | None, evaluation_id: str) -> Evaluation | None:
        """The evaluation, where it was made before."""
        if study_id is None:
            return None
        return next((e for e in self.view(study_id).evaluations if e.id == evaluation_id), None)
