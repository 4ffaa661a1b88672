"""A recipe as a model hands it in: the shape that it fills, before anything in it is believed."""

from __future__ import annotations

from pydantic import BaseModel, Field

from labwright.contracts.literature import Hyperparameter, Recipe
from labwright.literature.recipes import LONGEST_QUOTE

_NAME = 300
_MOST_SETTINGS = 40


class ClaimedSetting(BaseModel):
    """One hyperparameter."""

    name: str = Field(max_length=60, description="learning_rate, batch_size, epochs, lora_r, …")
    value: str = Field(max_length=_NAME, description="as the text writes it")


class ClaimedRecipe(BaseModel):
    """What was trained how, and what came of it. Empty where the quoted place does not say."""

    base_model: str = Field("", max_length=_NAME)
    method: str = Field("", max_length=_NAME, description="sft, dpo, grpo, …")
    datasets: list[str] = Field(default_factory=list, max_length=20, description="what it was trained on")
    hyperparameters: list[ClaimedSetting] = Field(default_factory=list, max_length=_MOST_SETTINGS)
    benchmark: str = Field("", max_length=_NAME)
    metric: str = Field("", max_length=_NAME)
    result: str = Field("", max_length=_NAME, description="the number, as the text writes it")
    baseline: str = Field("", max_length=_NAME, description="the number that it is compared with")
    quote: str = Field(description=f"word for word, at most {LONGEST_QUOTE} characters; holds every number above")

    def recipe(self, *, by: str, paper: str = "") -> Recipe:
        """The claim as a recipe, unchecked."""
        return Recipe(
            paper=paper,
            base_model=self.base_model.strip(),
            method=self.method.strip(),
            datasets=tuple(name.strip() for name in self.datasets if name.strip()),
            hyperparameters=tuple(Hyperparameter(s.name.strip(), s.value.strip()) for s in self.hyperparameters),
            benchmark=self.benchmark.strip(),
            metric=self.metric.strip(),
            result=self.result.strip(),
            baseline=self.baseline.strip(),
            quote=self.quote,
            by=by,
        )


class AttributedRecipe(ClaimedRecipe):
    """A recipe with the place where it was read."""

    where: str = Field(description="where the quote stands, as under `sources`: URL, arXiv id, path")
