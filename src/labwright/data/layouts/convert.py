"""Convert rows from one layout to what a trainer takes, one at a time, keeping aside what cannot be."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from labwright.contracts.data import Location, Rejected
from labwright.contracts.errors import DataError
from labwright.data.layouts.example import ConvertOptions, Example
from labwright.data.layouts.layout import Kind, Layout, Role, Target
from labwright.data.layouts.readers import READERS
from labwright.data.layouts.readers.source import Source
from labwright.data.layouts.targets import COLUMNS, has_answers, is_chat, write
from labwright.data.layouts.templates import Template
from labwright.data.layouts.turns import Unfit

Rows = Iterable[tuple[Location, Mapping[str, JsonValue]]]

_TEMPLATE_NAMES = frozenset({"question", "context", "choices"})
_DEFAULTS = ConvertOptions()


@dataclass(frozen=True, slots=True)
class Converted:
    """A row that was converted. `notes` says what of it was left out or repaired."""

    location: Location
    row: Mapping[str, JsonValue]
    notes: frozenset[str] = frozenset()


def convert(
    rows: Rows, layout: Layout, to: Target, options: ConvertOptions = _DEFAULTS
) -> Iterator[Converted | Rejected]:
    """Each row of `rows`, converted or rejected with its reason, in order.

    Raises (at once, before the first row):
        DataError: this layout cannot become that target, or the template or the kept columns do not fit.
    """
    if to not in layout.targets:
        raise DataError(
            f"rows of the layout {layout.kind} cannot become {to}: {_why_not(layout.kind, to)}",
            where=str(layout),
            cure=f"choose {' or '.join(layout.targets)}" if layout.targets else "train on it as text, as it is",
        )
    template = _template(layout, options)
    absent = [name for name in options.keep if name not in layout.names]
    if absent:
        raise DataError(
            f"the column {absent[0]!r} cannot be kept: there is none of that name",
            where="keep",
            cure=f"the columns are {', '.join(sorted(layout.names))}",
        )
    clash = [name for name in options.keep if name in COLUMNS[to]]
    if clash:
        raise DataError(
            f"the column {clash[0]!r} cannot be kept: {to} has one of that name",
            where="keep",
            cure="rename it first, or do not keep it",
        )
    return _converted(rows, layout, to, options, template)


def read(row: Mapping[str, JsonValue], layout: Layout, options: ConvertOptions = _DEFAULTS) -> Example | None:
    """What one row asks and answers; None where it cannot be read or the layout has neither."""
    reader = READERS.get(layout.kind)
    try:
        return reader(Source(row, layout, options, _template(layout, options))) if reader else None
    except Unfit:
        return None


def _converted(
    rows: Rows, layout: Layout, to: Target, options: ConvertOptions, template: Template | None
) -> Iterator[Converted | Rejected]:
    reader = READERS[layout.kind]
    chat = is_chat(layout) if options.form == "auto" else options.form == "chat"
    has_tools, has_reference = bool(layout.columns(Role.TOOLS)), has_answers(layout)
    for location, row in rows:
        try:
            example = reader(Source(row, layout, options, template))
            made = write(example, to, chat=chat, has_tools=has_tools, has_reference=has_reference)
            made |= {name: row.get(name) for name in options.keep}
            _check_json(made)
        except Unfit as refusal:
            yield Rejected(location, str(refusal), row)
        else:
            yield Converted(location, made, example.notes)


def _template(layout: Layout, options: ConvertOptions) -> Template | None:
    if options.template is None:
        return None
    template = Template.parse(options.template)
    there = layout.names
    unknown = [name for name in template.names if name not in there | _TEMPLATE_NAMES]
    if unknown:
        raise DataError(
            f"the template names {unknown[0]!r}, which is no column",
            where="template",
            cure=f"use question, context, choices or a column: {', '.join(sorted(there))}",
        )
    if layout.chat:
        raise DataError(
            "rows that hold turns have no question to write anew",
            where="template",
            cure="leave the template out, or set a system prompt",
        )
    return template


def _why_not(kind: Kind, to: Target) -> str:
    if kind is Kind.TEXT:
        return "a text has neither question nor answer"
    if to == "preference":
        return "a row has no second, worse answer"
    return "a row has no answer"


def _check_json(row: Mapping[str, JsonValue]) -> None:
    for name, value in row.items():
        try:
            json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
        except UnicodeEncodeError as error:
            raise Unfit(name, "it holds half a character (a lone surrogate)") from error
        except (TypeError, ValueError, RecursionError) as error:
            raise Unfit(name, f"it has no form in JSON: {error}") from error
