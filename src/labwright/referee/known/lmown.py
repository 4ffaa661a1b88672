"""Tasks of lm-evaluation-harness that score in a way of their own, where a scorer of ours does the same: IFEval, DROP.

They are known by the installed harness's own function, so a task that only looks alike is not taken for them. The rows
are read as the dataset has them; prompts and decoding stay the task's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from labwright.contracts.specs import ScorerSpec
from labwright.referee.known import answers, following
from labwright.referee.known.lmscoring import Refuse, Scoring
from labwright.referee.known.reading import ReadRow
from labwright.referee.known.taskfiles import Function, installed_tasks


@dataclass(frozen=True, slots=True)
class OwnScoring:
    """How such a task's rows are read, and its metrics, the usual one first."""

    read: ReadRow
    metrics: Mapping[str, ScorerSpec]
    note: str

    def scoring(self, wanted: str | None, refused: Refuse) -> Scoring:
        """By the metric that is wanted, else the usual one. Raises UsageError where a pack does not know it."""
        metric = wanted or next(iter(self.metrics))
        if metric not in self.metrics:
            raise refused(f"its metric is {metric}; a pack knows {', '.join(self.metrics)}")
        return Scoring(self.metrics[metric], metric, notes=(self.note,))


_IFEVAL = OwnScoring(
    following.ifeval,
    {
        "prompt_level_strict_acc": ScorerSpec(kind="instructions"),
        "prompt_level_loose_acc": ScorerSpec(kind="instructions", loose=True),
    },
    "sentences and languages are told by Labwright's own rules, not by nltk and langdetect",
)
_DROP = OwnScoring(
    answers.drop,
    {"f1": ScorerSpec(kind="spans"), "em": ScorerSpec(kind="spans", whole=True)},
    "an output is one span, as in lm-eval: an answer of several spans never gets all of the F1",
)
_KNOWN: Mapping[str, OwnScoring] = {"ifeval": _IFEVAL, "leaderboard/ifeval": _IFEVAL, "drop": _DROP}


def own_scoring(settings: Mapping[str, Any]) -> OwnScoring | None:
    """What is known of the function that scores the task; None where there is none, or it is another."""
    function, installed = settings.get("process_results"), installed_tasks()
    if not isinstance(function, Function) or installed is None or function.name != "utils.process_results":
        return None
    folder = function.folder.resolve()
    if not folder.is_relative_to(installed.resolve()):
        return None
    return _KNOWN.get(folder.relative_to(installed.resolve()).as_posix())
