"""Conversations: turns in a list, or in one string."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from labwright.data.layouts.columns import Column, Columns, is_text
from labwright.data.layouts.layout import Kind, Layout, Role, roles_of
from labwright.data.layouts.recognisers import names
from labwright.data.layouts.transcripts import form_of, is_transcript
from labwright.data.layouts.turns import are_turns, style_of

_NOT_WHOLE = frozenset({"prompt", "completion", "chosen", "rejected", "response", "history"})  # parts of an example


def recognise_messages(columns: Columns) -> Layout | None:
    """A list of turns, by name or by what it holds."""
    column = columns.find(names.CONVERSATION, are_turns)
    named = column is not None
    if column is None:
        others = (c for c in columns.all if c.name not in _NOT_WHOLE and c.mostly(are_turns))
        column = next(others, None)
    if column is None:
        return _alternating(columns)
    share = column.might_be(are_turns, "role", "struct", "from")
    if not share:
        return None
    style = _most(style_of(value) for value in column.values) or "role/content"
    kind = Kind.MESSAGES if style == "role/content" else Kind.SHAREGPT
    written = f"turns as {style}" if column.values else "a name for turns"
    return Layout(
        kind,
        _roles(columns, column),
        (0.97 if named else 0.85) * share,
        f"{column.name!r} holds {written}",
        variant="" if kind is Kind.MESSAGES else style,
        chat=True,
    )


def recognise_transcript(columns: Columns) -> Layout | None:
    """One string with marked turns."""
    column = columns.find((*names.TEXT, *names.CONVERSATION), is_transcript)
    if column is None or column.unseen:
        return None
    form = _most(form_of(value) for value in column.values) or ""
    return Layout(
        Kind.TRANSCRIPT,
        roles_of(text=column.name),
        0.9 * column.share(is_transcript),
        f"the texts of {column.name!r} are transcripts with marked turns",
        variant=form,
        chat=True,
    )


def _alternating(columns: Columns) -> Layout | None:
    """Strings that alternate, only under a conversation's name: any list of strings would fit."""
    column = columns.find(names.CONVERSATION, lambda value: style_of(value) == "strings")
    if column is None or column.unseen:
        return None
    share = column.share(lambda value: style_of(value) == "strings")
    why = f"{column.name!r} holds lists of texts, taken as user and assistant in turn"
    return Layout(Kind.SHAREGPT, _roles(columns, column), 0.7 * share, why, variant="strings", chat=True)


def _roles(columns: Columns, column: Column) -> Mapping[Role, tuple[str, ...]]:
    system = columns.find(names.SYSTEM, is_text)
    tools = columns.find(names.TOOLS)
    return roles_of(messages=column.name, system=system.name if system else None, tools=tools.name if tools else None)


def _most(found: Iterable[str | None]) -> str | None:
    counts = Counter(name for name in found if name)
    return counts.most_common(1)[0][0] if counts else None
