"""What the data folder and the referee ask of a model: text, log-likelihoods of continuations, and judgements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from labwright.contracts.data import Judgement


@dataclass(frozen=True, slots=True)
class Decoding:
    """How text is generated. Temperature 0 is greedy."""

    max_new_tokens: int
    temperature: float = 0.0
    stop: tuple[str, ...] = ()
    batch_size: int = 32
    seed: int = 0
    chat: bool = False


@dataclass(frozen=True, slots=True)
class LikelihoodRequest:
    """Score `continuation` after `prompt`."""

    prompt: str
    continuation: str


class Generator(Protocol):
    """A model that answers prompts. `shared_prefix` is what every prompt starts with, computed once."""

    def generate(self, prompts: Sequence[str], decoding: Decoding, *, shared_prefix: str = "") -> list[str]:
        """One output a prompt, in order, cut at the first stop string."""

    def log_likelihoods(self, requests: Sequence[LikelihoodRequest], *, shared_prefix: str = "") -> list[float]:
        """The summed log-probability (natural log) of each continuation's tokens, in order."""


class ItemScorer(Protocol):
    """Says how well a model does on rows: 1 for a row it gets right, 0 for one it does not."""

    def score_rows(self, rows: Sequence[tuple[str, str]]) -> list[float]:
        """One score for each (prompt, answer), in order."""


class OutputJudge(Protocol):
    """A model that judges outputs by a rubric, for the referee. May be asked by several threads at once."""

    @property
    def name(self) -> str:
        """The model's id: scores of different judges are not comparable."""

    def judge(self, instructions: str, case: str) -> Judgement:
        """A score from 0 to 1 with a reason. Raises ProviderError where there is no judgement: it is never a score."""
