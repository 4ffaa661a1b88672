"""What every extractor of recipes does, whether it reads by rules, with a model, or not at all."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pydantic_ai.messages import ModelMessage, ModelResponse, ToolCallPart
from pydantic_ai.models.function import AgentInfo, FunctionModel

from labwright.agent.extraction import LlmExtractor
from labwright.contracts.literature import Document, Hyperparameter, PaperIds, Recipe, RecipeExtractor, Section
from labwright.literature.recipes import FixedExtractor, RuleExtractor, read_recipes

SENTENCE = "SFT uses a learning rate of 1e-5."
PAPER = Document(PaperIds(arxiv="2310.16944"), "A paper", "", (Section("3", "Training", 1, SENTENCE),))
NOTHING = Document(PaperIds(), "", "", ())


def model(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
    claim = {"method": "sft", "hyperparameters": [{"name": "learning_rate", "value": "1e-5"}], "quote": SENTENCE}
    return ModelResponse([ToolCallPart("hand_in", {"recipes": [claim]})])


EXTRACTORS: dict[str, Callable[[], RecipeExtractor]] = {
    "rules": RuleExtractor,
    "model": lambda: LlmExtractor(FunctionModel(model), by="local:stub"),
    "fixed": lambda: FixedExtractor(
        (Recipe("", method="sft", hyperparameters=(Hyperparameter("learning_rate", "1e-5"),), quote=SENTENCE),)
    ),
}


@pytest.fixture(params=EXTRACTORS)
def extractor(request: pytest.FixtureRequest) -> RecipeExtractor:
    return EXTRACTORS[request.param]()


def test_it_has_a_name(extractor: RecipeExtractor) -> None:
    assert extractor.name in ("rules", "local:stub", "fixed")


def test_it_finds_the_recipe_and_the_check_holds_it(extractor: RecipeExtractor) -> None:
    (recipe,) = read_recipes(PAPER, extractor).recipes
    assert (recipe.method, recipe.hyperparameters) == ("sft", (Hyperparameter("learning_rate", "1e-5"),))
    assert (recipe.paper, recipe.section, recipe.quote) == ("arxiv:2310.16944", "3 Training", SENTENCE)


def test_the_same_document_gives_the_same_claims(extractor: RecipeExtractor) -> None:
    assert extractor.extract(PAPER) == extractor.extract(PAPER)


def test_a_document_without_text_gives_no_recipe(extractor: RecipeExtractor) -> None:
    assert read_recipes(NOTHING, extractor).recipes == ()
