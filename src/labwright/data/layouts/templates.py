"""Prompt templates: text with `{column}` in it, and nothing that could run.

`{question}`, `{context}` and `{choices}` are there whatever the columns are called; any other name is a column. `{{`
and `}}` are braces.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from labwright.contracts.errors import DataError

_PART = re.compile(r"\{\{|\}\}|\{([^{}]+)\}|[{}]")


@dataclass(frozen=True, slots=True)
class Template:
    """A parsed template."""

    text: str
    names: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> Template:
        """Raises DataError for a brace that stands alone."""
        names: list[str] = []
        for match in _PART.finditer(text):
            if match.group() in ("{", "}"):
                raise DataError(
                    f"a lone {match.group()!r} at character {match.start() + 1} of the template",
                    where="template",
                    cure="write {column} for a column, {{ and }} for braces",
                )
            if match.group(1):
                names.append(match.group(1))
        return cls(text, tuple(dict.fromkeys(names)))

    def fill(self, values: Mapping[str, JsonValue]) -> str:
        """With the row's values; null is nothing, and what is no text is written as JSON."""

        def value_of(match: re.Match[str]) -> str:
            if match.group(1) is None:
                return match.group()[0]
            return as_text(values.get(match.group(1)))

        return _PART.sub(value_of, self.text)


def as_text(value: JsonValue) -> str:
    """A value as it is written into a prompt."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
