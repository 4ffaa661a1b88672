"""A layout: one way in which the rows of a dataset are questions."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from labwright.contracts.specs import GenerationSpec, ScorerSpec
from labwright.referee.known.draft import Question
from labwright.referee.known.reading import Row


@dataclass(frozen=True, slots=True)
class Layout:
    """One way in which rows are questions. It fits where all its columns are there."""

    name: str
    columns: tuple[str, ...]
    read: Callable[[Row], Question]
    scorer: ScorerSpec
    generation: GenerationSpec
    examples_from: str | None = None  # a split that is there to be shown, such as MMLU's dev
    names: re.Pattern[str] | None = None  # only for datasets with such a name
    metric: str = "accuracy"
    notes: tuple[str, ...] = ()


def asked(question: str) -> str:
    """The usual form of a question."""
    return f"Question: {question.strip()}\nAnswer:"
