"""Recipes out of tables: columns of hyperparameters, lists of settings, results of methods on benchmarks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from labwright.contracts.literature import Hyperparameter, Recipe
from labwright.literature.recipes.checking import labelled, plausible
from labwright.literature.recipes.numbers import numbers, plain
from labwright.literature.recipes.passages import LONGEST_QUOTE
from labwright.literature.recipes.tables import Row, Table
from labwright.literature.recipes.vocabulary import (
    BASE_MODEL,
    BASE_ROW,
    BENCHMARK,
    DATASET,
    METHOD,
    METRIC,
    OURS,
    SETTINGS,
    Setting,
)

_LONGEST_VALUE = 80
_UNIT_FACTOR = re.compile(r"[×x*]\s?10|\d?e-\d", re.IGNORECASE)  # "(×1e-5)" in a label: the cells are not the values
_A_SCORE = re.compile(r"[+~≈]?\s?\d{1,4}(?:\.\d+)?\s?%?(?:\s?(?:[±(_↑↓▲▼△▽]|[+−-]\d).{0,20})?[†‡*]{0,2}")
_FEWEST_LABELS = 2
_MOST_COLUMNS = 64
_MOST_BASE_ROWS = 20


@dataclass(frozen=True, slots=True)
class Named:
    """What a piece of text names; a name is only known where there is one of its kind."""

    base_model: str
    method: str
    datasets: tuple[str, ...]

    @classmethod
    def by(cls, text: str, benchmark: str = "") -> Named:
        """The names in a text. A benchmark's own name is not a dataset that was trained on."""
        models = {match.group() for match in BASE_MODEL.finditer(text)}
        methods = methods_in(text)
        datasets = dict.fromkeys(m.group() for m in DATASET.finditer(text) if m.group() != benchmark)
        return cls(models.pop() if len(models) == 1 else "", methods[0] if len(methods) == 1 else "", tuple(datasets))


def methods_in(text: str) -> tuple[str, ...]:
    """The methods that a text names, each once."""
    return tuple(dict.fromkeys(match.lastgroup or "" for match in METHOD.finditer(text)))


def recipes_of_table(text: str, table: Table, section: str) -> Iterator[Recipe]:
    """Everything in a table that says how something was trained, or what came of it.

    Args:
        text: that the table stands in.
        table: one of its tables.
        section: for what neither row nor caption say.
    """
    caption = text[slice(*table.caption)] if table.caption else ""
    lora = "lora" in f"{caption} {section} {' '.join(c for row in table.rows for c in row.cells)}".casefold()
    reading = _Reading(text, table, plain(caption), section, lora)
    if len(reading.settings_in_first_column) >= _FEWEST_LABELS:
        yield from reading.lists_of_settings()
    else:
        yield from reading.rows()
        yield from reading.columns()


@dataclass(frozen=True)
class _Reading:
    text: str
    table: Table
    caption: str
    section: str
    lora: bool

    @cached_property
    def settings_in_first_column(self) -> dict[int, Setting]:
        found = {row.start: self._setting(row.cells[0]) for row in self.table.body if row.cells}
        return {start: setting for start, setting in found.items() if setting is not None}

    def lists_of_settings(self) -> Iterator[Recipe]:
        """A table with a hyperparameter a row: each other column is a configuration."""
        by_row = self.settings_in_first_column
        for at in range(1, self.width):
            rows = [row for row in self.table.body if row.start in by_row and at < len(row.cells)]
            used = [(row, h) for row in rows if (h := _hyperparameter(by_row[row.start], row.cells[0], row.cells[at]))]
            head = plain(self.table.column(at))
            named = self._named(head)
            for part in _that_fit(used, self._room()):
                yield self._recipe(named, [row for row, _ in part], [h for _, h in part])

    def rows(self) -> Iterator[Recipe]:
        """A table with a configuration a row: columns of hyperparameters, of benchmarks, or both."""
        heads = [plain(self.table.column(at)) for at in range(self.width)]
        settings = {at: s for at, head in enumerate(heads) if (s := self._setting(head)) is not None}
        benchmarks = {at: m.group() for at, head in enumerate(heads) if (m := BENCHMARK.search(head))}
        benchmarks = benchmarks or self._columns_of_caption(heads, settings)
        alone = len(set(benchmarks.values())) == 1
        for row in self.table.body:
            cells = dict(enumerate(row.cells[: self.width]))
            labels = " | ".join(plain(c) for at, c in cells.items() if at not in settings and at not in benchmarks)
            given = [h for at, s in settings.items() if (h := _hyperparameter(s, heads[at], cells.get(at, "")))]
            if not (given or METHOD.search(labels) or OURS.search(labels)) or BASE_ROW.search(labels):
                continue
            scored = [at for at in benchmarks if _A_SCORE.fullmatch(cells.get(at, ""))]
            if not scored and len(given) >= _FEWEST_LABELS:
                yield self._recipe(self._named(labels), [row], given)
            for at in scored:
                named = self._named(labels, benchmarks[at])
                base = self._base_row(row, named)
                known = base is not None and at < len(base.cells) and _A_SCORE.fullmatch(base.cells[at])
                yield self._recipe(
                    named,
                    [base, row] if base and known else [row],
                    given,
                    benchmark=benchmarks[at],
                    metric=self._metric(heads[at], alone=alone),
                    result=cells[at],
                    baseline=base.cells[at] if base and known else "",
                )

    def columns(self) -> Iterator[Recipe]:
        """A table with a benchmark a row and a method a column."""
        by_row = {
            row.start: m.group()
            for row in self.table.body
            if row.cells and (m := BENCHMARK.search(plain(row.cells[0])))
        }
        if len(by_row) < _FEWEST_LABELS:
            return
        for at in range(1, self.width):
            head = plain(self.table.column(at))
            if not (METHOD.search(head) or OURS.search(head)) or BASE_ROW.search(head):
                continue
            for row in self.table.body:
                benchmark = by_row.get(row.start)
                if benchmark and at < len(row.cells) and _A_SCORE.fullmatch(row.cells[at]):
                    named = self._named(head, benchmark)
                    yield self._recipe(named, [row], [], benchmark=benchmark, result=row.cells[at])

    def _setting(self, cell: str) -> Setting | None:
        return next((s for s in SETTINGS if (self.lora or not s.lora) and cell and labelled(s, cell)), None)

    def _columns_of_caption(self, heads: Sequence[str], settings: dict[int, Setting]) -> dict[int, str]:
        """Where only the caption names a benchmark, and only one, columns of a metric are of that."""
        benchmarks = {match.group() for match in BENCHMARK.finditer(self.caption)}
        if len(benchmarks) != 1:
            return {}
        (benchmark,) = benchmarks
        return {at: benchmark for at, head in enumerate(heads) if at not in settings and METRIC.search(head)}

    def _named(self, label: str, benchmark: str = "") -> Named:
        """From the row or column itself, else from the caption. The quote holds both."""
        own, around = Named.by(label, benchmark), Named.by(self.caption, benchmark)
        method = own.method or ("" if METHOD.search(label) else around.method)
        return Named(own.base_model or around.base_model, method or self._method_of_section(label), own.datasets)

    def _method_of_section(self, label: str) -> str:
        methods = methods_in(self.section)
        return methods[0] if len(methods) == 1 and not METHOD.search(f"{label} {self.caption}") else ""

    def _base_row(self, of: Row, named: Named) -> Row | None:
        """The one row of the untrained model; none where there are several, since a wrong one would be worse."""
        rows = [(row, model) for row, model in self.base_rows if row is not of]
        same = [row for row, model in rows if model and model == named.base_model]
        candidates = same or [row for row, _ in rows]
        return candidates[0] if len(candidates) == 1 else None

    @cached_property
    def base_rows(self) -> tuple[tuple[Row, str], ...]:
        """Rows of untrained models: those that say so, and those that say nothing but a model's name."""
        rows = []
        for row in self.table.body:
            said = " | ".join(plain(cell) for cell in row.cells if not _A_SCORE.fullmatch(cell)).strip(" |")
            if not OURS.search(said) and not METHOD.search(said):
                model = Named.by(said).base_model
                if BASE_ROW.search(said) or (model and model == said):
                    rows.append((row, model))
        return tuple(rows[:_MOST_BASE_ROWS])

    @cached_property
    def width(self) -> int:
        """Its columns, as far as they are read."""
        return min(_MOST_COLUMNS, max(len(row.cells) for row in self.table.rows))

    def _metric(self, head: str, *, alone: bool) -> str:
        """From the column, else from the caption where there is only one benchmark that it can be of."""
        match = METRIC.search(BENCHMARK.sub(" ", head)) or (METRIC.search(self.caption) if alone else None)
        return match.group() if match else ""

    def _room(self) -> int:
        """How many characters of rows a quote has beside the caption and the head."""
        return LONGEST_QUOTE - len(self.caption) - sum(row.end - row.start + 1 for row in self.table.head) - 8

    def _recipe(
        self,
        named: Named,
        rows: Sequence[Row],
        given: Sequence[Hyperparameter],
        *,
        benchmark: str = "",
        result: str = "",
        baseline: str = "",
        metric: str = "",
    ) -> Recipe:
        spans = [
            *([self.table.caption] if self.table.caption else []),
            *((row.start, row.end) for row in self.table.head),
        ]
        spans += [(row.start, row.end) for row in rows]
        return Recipe(
            paper="",
            base_model=named.base_model,
            method=named.method,
            datasets=named.datasets,
            hyperparameters=tuple(given),
            benchmark=benchmark,
            metric=metric,
            result=plain(result),
            baseline=plain(baseline),
            quote="\n".join(self.text[a:b] for a, b in sorted(set(spans))),
        )


def _hyperparameter(setting: Setting, label: str, cell: str) -> Hyperparameter | None:
    """A cell as a value; None where it is none, or the label scales it."""
    value = plain(cell).strip()
    if not value or len(value) > _LONGEST_VALUE:
        return None
    if setting.words:
        return Hyperparameter(setting.name, value) if re.search(setting.words, value, re.IGNORECASE) else None
    given = numbers(value)
    if not given or not plausible(setting, given) or _UNIT_FACTOR.search(plain(label)):
        return None
    return Hyperparameter(setting.name, value)


def _that_fit(used: Sequence[tuple[Row, Hyperparameter]], room: int) -> Iterator[list[tuple[Row, Hyperparameter]]]:
    """The rows in parts whose quotes are not too long."""
    part: list[tuple[Row, Hyperparameter]] = []
    size = 0
    for row, hyperparameter in used:
        length = row.end - row.start + 1
        if part and size + length > room:
            yield part
            part, size = [], 0
        part.append((row, hyperparameter))
        size += length
    if part:
        yield part
