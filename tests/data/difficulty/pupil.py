"""A model that is good at short sums: the longer a question's numbers, the less often it is right."""

from __future__ import annotations

from collections.abc import Sequence

from labwright.contracts.generation import Decoding, LikelihoodRequest


class Pupil:
    """Right on `a + b` in the share of samples that the last digit of `a` says, in eighths. Counts what it is asked."""

    def __init__(self, fails_after: int | None = None) -> None:
        self.prompts = 0
        self.fails_after = fails_after

    def generate(self, prompts: Sequence[str], decoding: Decoding, *, shared_prefix: str = "") -> list[str]:
        self._count(len(prompts))
        return [self._answer(prompt, decoding.seed % 8) for prompt in prompts]

    def log_likelihoods(self, requests: Sequence[LikelihoodRequest], *, shared_prefix: str = "") -> list[float]:
        """The log-likelihood is minus the length of the question, and of wrong answers less by their first digit."""
        self._count(len(requests))
        return [self._likelihood(one) for one in requests]

    def _count(self, number: int) -> None:
        if self.fails_after is not None and self.prompts + number > self.fails_after:
            raise KeyboardInterrupt  # as a person would
        self.prompts += number

    def _answer(self, prompt: str, sample: int) -> str:
        first, _, second = prompt.rstrip(" =").partition(" + ")
        right = int(first) + int(second)
        return f"That is {right if sample < int(first) % 10 else right + 1}."

    def _likelihood(self, one: LikelihoodRequest) -> float:
        if one.continuation == "bad":
            return float("nan")
        return -float(len(one.prompt)) - (5.0 if one.continuation.startswith("wrong") else 0.0)
