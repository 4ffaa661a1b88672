"""Puts a scoring of rows together from a lab: the model in its sandboxed process, until a time at most.

Beside `data.py`, since the command and the intern's own jobs score rows in the same way.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from labwright.assemble import Lab
from labwright.assemble.data import generator, made_document
from labwright.contracts.errors import BudgetError
from labwright.contracts.generation import Decoding, LikelihoodRequest
from labwright.data import commands
from labwright.data.commands import Scored
from labwright.data.difficulty import Method
from labwright.data.difficulty.bins import Bin
from labwright.data.difficulty.scoring import Progress
from labwright.data.workbench import Workbench
from labwright.models.base import OnProgress
from labwright.referee.generation import GenerationWorker

_ROWS_A_BATCH = 32  # what is lost at most when the time is over, and what the worker generates at once


def score_rows(
    lab: Lab,
    bench: Workbench,
    src: str,
    out: str,
    model: str,
    method: Method,
    *,
    keep: Bin | None = None,
    seed: int = 0,
    most_s: float | None = None,
    progress: Progress | None = None,
    on_model: OnProgress | None = None,
) -> Scored:
    """Score every row, and make the variants. Scores are kept as they come, so the same request goes on.

    Args:
        most_s: seconds from now after which it ends; None: until every row is scored.
        on_model: told how far the model is, where it has to be built or downloaded.

    Raises:
        BudgetError: the time is over; says how many rows are scored.
        what `commands.difficulty` raises, and ModelError where the model cannot be used.
    """
    clock = _Clock(None if most_s is None else time.time() + most_s, progress)
    with generator(lab, model, on_model) as (worker, model_id):
        try:
            return commands.difficulty(
                bench, src, out, _Until(worker, clock.ends_at), model_id, method,
                keep=keep, seed=seed, batch_rows=_ROWS_A_BATCH, progress=clock.told,
            )  # fmt: skip
        except BudgetError as error:
            raise clock.over() from error


def scored_document(scored: Scored) -> dict[str, Any]:
    """What a scoring made, for `--json` and for tools."""
    result = scored.result
    counts = {str(kind): count for kind, count in result.counts.items()}
    variants = {str(kind): made_document(made) for kind, made in scored.variants.items()}
    figures = {"counts": counts, "mean": result.mean, "known": result.scores.known, "asked": result.scores.asked}
    return {**made_document(scored.made), **figures, "variants": variants}


@dataclass
class _Clock:
    """When to end, and how far it is until then."""

    ends_at: float | None  # seconds since the epoch
    progress: Progress | None
    done: int = 0
    of: int = 0

    def told(self, done: int, of: int) -> None:
        """After each batch. Raises BudgetError where the next one has no time left."""
        self.done, self.of = done, of
        if self.progress is not None:
            self.progress(done, of)
        if self.ends_at is not None and done < of and time.time() >= self.ends_at:
            raise self.over()

    def over(self) -> BudgetError:
        """In words."""
        how_far = f"{self.done:,} of {self.of:,} rows are scored" if self.of else "no batch of rows was done"
        cure = "give the same command again: it goes on from there, and scores no row twice"
        return BudgetError(f"the time is over, and {how_far}", cure=cure)


@dataclass(frozen=True, slots=True)
class _Until:
    """Implements `Generator`: a worker that is ended in the middle of a batch when the time is over."""

    worker: GenerationWorker
    deadline: float | None

    def generate(self, prompts: Sequence[str], decoding: Decoding, *, shared_prefix: str = "") -> list[str]:
        return self.worker.generate(prompts, decoding, shared_prefix=shared_prefix, deadline=self.deadline)

    def log_likelihoods(self, requests: Sequence[LikelihoodRequest], *, shared_prefix: str = "") -> list[float]:
        return self.worker.log_likelihoods(requests, shared_prefix=shared_prefix, deadline=self.deadline)
