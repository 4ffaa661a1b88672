"""Reads recipes without any LLM: by rules over tables and sentences. They find less than a reader does, and say so."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice

from labwright.contracts.literature import Claims, Document, Recipe
from labwright.literature.recipes.sentencerules import recipes_of_prose
from labwright.literature.recipes.tablerules import recipes_of_table
from labwright.literature.recipes.tables import tables

NAME = "rules"
MOST_OF_TABLE = 60
MOST_OF_SECTION = 40  # outside its tables
_OTHERS_WORK = re.compile(
    r"related work|acknowledge?ment|references|bibliography|ethic|broader impact|limitations?$|checklist",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class RuleExtractor:
    """Finds settings and results that are written the usual way. Implements `RecipeExtractor`."""

    @property
    def name(self) -> str:
        return NAME

    def extract(self, document: Document) -> Claims:
        """Recipes of all sections but those about the work of others."""
        found: list[Recipe] = []
        remarks: list[str] = []
        parts = [("", "Abstract", document.abstract), *((s.number, s.title, s.text) for s in document.sections)]
        for number, title, text in parts:
            if not _OTHERS_WORK.search(title):
                recipes, left_out = _of_section(text, title)
                place = f"{number} {title}".strip()
                found += [replace(recipe, section=place, by=NAME) for recipe in recipes]
                remarks += [f"{place}: {remark}" for remark in left_out]
        return Claims(tuple(found), tuple(remarks))


def _of_section(text: str, title: str) -> tuple[list[Recipe], list[str]]:
    found: list[Recipe] = []
    remarks: list[str] = []
    prose: list[tuple[int, int]] = []
    at = 0
    for count, table in enumerate(tables(text), start=1):
        prose.append((at, table.rows[0].start))
        at = table.rows[-1].end
        found += _at_most(MOST_OF_TABLE, recipes_of_table(text, table, title), f"table {count}", remarks)
    prose.append((at, len(text)))
    found += _at_most(MOST_OF_SECTION, recipes_of_prose(text, prose, title), "its sentences", remarks)
    return found, remarks


def _at_most(most: int, recipes: Iterator[Recipe], what: str, remarks: list[str]) -> list[Recipe]:
    kept = list(islice(recipes, most))
    left_out = sum(1 for _ in recipes)
    if left_out:
        remarks.append(f"{left_out} more recipes of {what} are left out: the most is {most}")
    return kept
