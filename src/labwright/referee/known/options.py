"""What a person may choose when a benchmark is frozen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from labwright.data.sources import Table

OpenTable = Callable[[str, str | None], Table]
"""A source and a split, as `data.sources.open_source` takes them."""


@dataclass(frozen=True, slots=True)
class AddOptions:
    """Everything has a default that fits most; `None` and nothing mean: as the benchmark itself says."""

    seed: int = 17  # of every draw: samples, splits, the order of choices
    most_dev: int = 500  # items of dev: each is answered by every model of a study
    most_test: int | None = None
    few_shot: int | None = None
    samples: int = 1  # k of avg@k
    pass_at: int | None = None  # score by pass@k, estimated from the samples, and not by their mean
    temperature: float | None = None  # with samples: 0.7 where nobody says otherwise
    max_new_tokens: int | None = None
    chat: bool = False
    rubric: str | None = None  # score outputs by a judge that goes by this
    answers: str | None = None  # a source whose rows are joined by id: BFCL's answers, a baseline's answers
    columns: Mapping[str, str] = field(default_factory=dict)  # ours -> theirs: {"prompt": "question_text"}
    metric: str | None = None  # lm-eval: which of the task's metrics
    filter: str | None = None  # lm-eval: which of the task's filters
    include_path: Path | None = None  # lm-eval: a directory with task files of one's own
    allow_code: bool = False  # run functions of task files that come from no installed package
