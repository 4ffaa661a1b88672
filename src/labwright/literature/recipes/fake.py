"""An extractor that claims what it was given, for tests and for recipes that a person has written down."""

from __future__ import annotations

from dataclasses import dataclass

from labwright.contracts.literature import Claims, Document, Recipe


@dataclass(frozen=True, slots=True)
class FixedExtractor:
    """Claims the same recipes of every document. Implements `RecipeExtractor`."""

    recipes: tuple[Recipe, ...]
    name: str = "fixed"

    def extract(self, document: Document) -> Claims:
        """What it was given, whatever the document says."""
        del document
        return Claims(self.recipes)
