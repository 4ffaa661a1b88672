"""Recipes: what papers trained on what, with which settings, to which result, each with the words that say so.

The folder exists because a number from memory looks like a number from a paper. Rules or a model claim; `check` holds
each claim against the text that it quotes, and what the text does not bear out is rejected with its reason.
"""

from labwright.contracts.literature import Document, Extraction, RecipeExtractor
from labwright.literature.recipes.checking import check, check_in
from labwright.literature.recipes.fake import FixedExtractor
from labwright.literature.recipes.passages import LONGEST_QUOTE, Place, Text
from labwright.literature.recipes.rules import RuleExtractor
from labwright.literature.recipes.wording import describe

__all__ = [
    "LONGEST_QUOTE",
    "FixedExtractor",
    "Place",
    "RuleExtractor",
    "Text",
    "check",
    "check_in",
    "describe",
    "read_recipes",
]


def read_recipes(document: Document, extractor: RecipeExtractor) -> Extraction:
    """The recipes of a document that hold, the claims that do not, and what the extractor did not read.

    Raises:
        ServiceError, ProviderError: the extractor could not read at all.
    """
    claims = extractor.extract(document)
    checked = check(claims.recipes, document)
    return Extraction(checked.recipes, checked.rejected, claims.remarks)
