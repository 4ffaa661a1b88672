"""A dataset's columns as the recognisers see them: names without case and spelling, and what the samples hold."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

_MOST_JSON = 4_000_000  # characters of a cell that is looked into

Test = Callable[[JsonValue], bool]


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `cells` are the samples' values in their order, `values` those that are not null."""

    name: str
    type: str
    cells: tuple[JsonValue, ...]
    values: tuple[JsonValue, ...]

    def share(self, test: Test) -> float:
        """Of the values. 0 where there are none."""
        return sum(test(value) for value in self.values) / len(self.values) if self.values else 0.0

    def mostly(self, test: Test, least: float = 0.6) -> bool:
        """Whether the test holds for most values; damaged rows are the converter's business."""
        return bool(self.values) and self.share(test) >= least

    @property
    def unseen(self) -> bool:
        """Nothing is known of its values."""
        return not self.values

    def might_be(self, test: Test, *types: str) -> float:
        """The share of the values that fit. Without values, a guess from the type's name, or from nothing."""
        if self.values:
            return self.share(test)
        kind = self.type.lower()
        if not kind or kind == "null":
            return 0.5
        return 0.8 if any(word in kind for word in types) else 0.0


class Columns:
    """All columns of a dataset, found by their names' plain form (`Correct Answer` is `correct_answer`)."""

    def __init__(self, columns: Mapping[str, str] | Iterable[str], samples: Sequence[Mapping[str, JsonValue]]) -> None:
        types = dict(columns) if isinstance(columns, Mapping) else dict.fromkeys(columns, "")
        for sample in samples:
            for name in sample:
                types.setdefault(name, "")
        self._columns: dict[str, Column] = {}
        self._exact: dict[str, Column] = {}
        for name, kind in types.items():
            cells = tuple(sample.get(name) for sample in samples)
            column = Column(name, kind, cells, tuple(cell for cell in cells if cell is not None))
            self._exact[name] = column
            self._columns.setdefault(plain(name), column)

    def __contains__(self, name: str) -> bool:
        return name in self._columns

    @property
    def all(self) -> tuple[Column, ...]:
        return tuple(self._exact.values())

    def find(self, names: Iterable[str], test: Test | None = None) -> Column | None:
        """The first of `names` that exists and whose values mostly pass the test."""
        for name in names:
            column = self._columns.get(name)
            if column is not None and (test is None or column.unseen or column.mostly(test)):
                return column
        return None

    def named(self, pattern: str) -> tuple[Column, ...]:
        """Columns whose plain names match a pattern, sorted by name."""
        wanted = re.compile(pattern)
        return tuple(self._columns[name] for name in sorted(self._columns) if wanted.fullmatch(name))


def plain(name: str) -> str:
    """A column's name without case; spaces, hyphens and dots are underscores."""
    return re.sub(r"[\s\-.]+", "_", name.strip()).lower()


def is_text(value: JsonValue) -> bool:
    return isinstance(value, str)


def is_whole(value: JsonValue) -> bool:
    """A whole number, also as digits in a string."""
    return (isinstance(value, int) and not isinstance(value, bool)) or (
        isinstance(value, str) and value.strip().lstrip("-").isdecimal()
    )


def is_verdict(value: JsonValue) -> bool:
    """True or false, also as 0 and 1."""
    return isinstance(value, bool) or (isinstance(value, int | float) and value in (0, 1))


def is_texts(value: JsonValue) -> bool:
    """A list of strings."""
    return isinstance(value, list) and bool(value) and all(isinstance(member, str) for member in value)


def unfolded(value: JsonValue) -> JsonValue:
    """A list or an object that stands as JSON in a string; all else as it is."""
    if isinstance(value, str) and len(value) <= _MOST_JSON and value.lstrip()[:1] in ("[", "{"):
        try:
            parsed: JsonValue = json.loads(value)
        except (ValueError, RecursionError):
            return value
        return parsed if isinstance(parsed, list | dict) else value
    return value
