"""What a run says of itself in result.json: kept, never trusted, and named where it claims more than was measured."""

from __future__ import annotations

import json
from pathlib import Path

from labwright.contracts.events import IncidentFound
from labwright.contracts.research import Evaluation, Incident, Run

_CLAIMS = ("accuracy", "score", "exact_match", "eval_accuracy", "test_accuracy", "dev_accuracy")
_MOST_BYTES = 1_000_000


def compare(run: Run, evaluation: Evaluation) -> IncidentFound | None:
    """An incident where result.json claims a score above the referee's interval; None otherwise."""
    path = Path(run.directory) / "result.json"
    if not path.is_file() or path.is_symlink() or path.stat().st_size > _MOST_BYTES:
        return None
    try:
        said = json.loads(path.read_text(errors="replace"))
    except (json.JSONDecodeError, RecursionError):
        return IncidentFound(Incident(run.id, "unreadable-result", "result.json is no JSON; it was ignored"))
    if not isinstance(said, dict):
        return None
    for name in (evaluation.metric, *_CLAIMS):
        claim = said.get(name)
        if isinstance(claim, int | float) and not isinstance(claim, bool) and claim > evaluation.score.high:
            measured = f"{evaluation.score.estimate:.1%}"
            detail = f"result.json claims {name} = {claim:g}; the referee measured {measured}, and only that counts"
            return IncidentFound(Incident(run.id, "forged-result", detail))
    return None
