"""From a model's outputs to scores, comparisons and verdicts: the arithmetic between the worker and the ledger."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from labwright.contracts.errors import RefereeError
from labwright.contracts.research import Comparison, Evaluation, Interval, ItemResult, Verdict
from labwright.contracts.specs import BenchmarkSpec
from labwright.contracts.views import StudyView
from labwright.referee import verdict
from labwright.referee.generation import GenerationWorker
from labwright.referee.pack import Item
from labwright.referee.prompts import decoding_of, few_shot_prefix, item_prompt
from labwright.referee.protocol import Judge, Rescored
from labwright.referee.scorers import scorer_for
from labwright.stats import compare_paired, wilson

OnProgress = Callable[[int, int], None]


def answer(
    worker: GenerationWorker,
    spec: BenchmarkSpec,
    items: Sequence[Item],
    shots: Sequence[Item],
    deadline: float | None,
    on_progress: OnProgress,
) -> tuple[ItemResult, ...]:
    """Let the loaded model answer the items, and score what it says. The worker never sees an answer."""
    raise NotImplementedError
