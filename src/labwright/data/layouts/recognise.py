"""Find a dataset's layout from its columns and a few of its rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from pydantic import JsonValue

from labwright.data.layouts.columns import Columns
from labwright.data.layouts.layout import Kind, Layout, Role
from labwright.data.layouts.recognisers.choices import recognise_choices, recognise_worked, recognise_yes_no
from labwright.data.layouts.recognisers.conversations import recognise_messages, recognise_transcript
from labwright.data.layouts.recognisers.preferences import recognise_preference, recognise_unpaired
from labwright.data.layouts.recognisers.texts import (
    recognise_alpaca,
    recognise_classification,
    recognise_pairs,
    recognise_prompts,
    recognise_text,
)

LEAST_CONFIDENCE = 0.35
MOST_SAMPLES = 200  # more would only cost time

_RECOGNISERS: tuple[Callable[[Columns], Layout | None], ...] = (
    recognise_preference,
    recognise_messages,
    recognise_choices,
    recognise_unpaired,
    recognise_worked,
    recognise_alpaca,
    recognise_yes_no,
    recognise_pairs,
    recognise_classification,
    recognise_transcript,
    recognise_prompts,
    recognise_text,
)


def recognise(
    columns: Mapping[str, str] | Iterable[str],
    samples: Sequence[Mapping[str, JsonValue]],
    *,
    kind: Kind | None = None,
    roles: Mapping[Role, str] | None = None,
    labels: Mapping[str, Sequence[str]] | None = None,
) -> Layout | None:
    """The likeliest layout, or None where nothing fits.

    `columns` are names with types (of DuckDB, Arrow or the Hub) or names alone; `samples` are rows as they stand in the
    files. `kind` asks for one layout. `roles` says which column plays a role where names do not tell. `labels` gives
    the class names of columns that hold numbers (the Hub's ClassLabel).
    """
    found = candidates(columns, samples, kind=kind, roles=roles, labels=labels)
    return found[0] if found else None


def candidates(
    columns: Mapping[str, str] | Iterable[str],
    samples: Sequence[Mapping[str, JsonValue]],
    *,
    kind: Kind | None = None,
    roles: Mapping[Role, str] | None = None,
    labels: Mapping[str, Sequence[str]] | None = None,
) -> tuple[Layout, ...]:
    """All layouts that fit, the likeliest first."""
    types = dict(columns) if isinstance(columns, Mapping) else dict.fromkeys(columns, "")
    seen = samples[:MOST_SAMPLES]
    whole = tuple(dict.fromkeys((*types, *(name for row in seen for name in row))))
    plays = {column: str(role) for role, column in (roles or {}).items()}
    if plays:  # only the named columns count, and each under the name that its role is known by
        types = {plays[name]: type_name for name, type_name in types.items() if name in plays}
        seen = [{plays[name]: value for name, value in row.items() if name in plays} for row in seen]
    table = Columns(types, seen)
    given = {role: column for column, role in plays.items()}
    found: list[Layout] = []
    for recogniser in _RECOGNISERS:
        layout = recogniser(table)
        if layout is None or layout.confidence < LEAST_CONFIDENCE or (kind is not None and layout.kind is not kind):
            continue
        found.append(_finished(layout, whole, given, labels or {}))
    found.sort(key=lambda layout: -layout.confidence)  # stable: of equals, the earlier recogniser
    return tuple(found)


def _finished(
    layout: Layout, whole: Sequence[str], given: Mapping[str, str], labels: Mapping[str, Sequence[str]]
) -> Layout:
    """With the columns' own names, the class names, and the columns that play no part."""
    roles = {role: tuple(given.get(name, name) for name in columns) for role, columns in layout.roles.items()}
    used = {name for columns in roles.values() for name in columns}
    label = roles.get(Role.LABEL) or roles.get(Role.ANSWER)
    return replace(
        layout,
        roles=roles,
        labels=tuple(labels.get(label[0], ())) if label else (),
        others=tuple(name for name in whole if name not in used),
        confidence=round(layout.confidence, 3),
    )
