"""Which column means what: the audit's detectors ask for a prompt and an answer, whatever the data calls them.

`roles_of` asks `data/layouts`; `view_sql` is the select that gives every layout the same columns.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from labwright.data.layouts import Kind, Layout, Role, recognise
from labwright.data.sources import Loaded, literal, quoted

_SAMPLES = 100
_VARIANT_KEYS = {"role/content": ("role", "content"), "from/value": ("from", "value")}
TURNS = "STRUCT(role VARCHAR, content VARCHAR)[]"
_PLAIN = "CAST(struct_extract(m, {key}) AS VARCHAR)"
_SPACES = ("' '", "chr(9)", "chr(10)", "chr(13)")


@dataclass(frozen=True, slots=True)
class Roles:
    """The columns by meaning; an empty name where there is none. `prompts` are joined in their order."""

    prompts: tuple[str, ...] = ()
    answer: str = ""
    text: str = ""  # where there are no prompt and answer
    label: str = ""
    messages: str = ""
    role_key: str = "role"
    content_key: str = "content"
    chosen: str = ""
    rejected: str = ""
    turns_in: tuple[str, ...] = ()  # of prompts, chosen and rejected: those that hold turns
    rest: tuple[str, ...] = ()  # other columns that are text; where nothing was recognised, every one
    layout: str = "unknown"

    @property
    def named(self) -> tuple[str, ...]:
        """Every column that has a meaning here, without repeats."""
        names = (*self.prompts, self.answer, self.text, self.label, self.messages, self.chosen, self.rejected)
        return tuple(dict.fromkeys(name for name in names if name))


def roles_of(loaded: Loaded, *, classify: bool = False) -> Roles:
    """Recognise the layout (`data/layouts`) by columns and rows from all over the table.

    `classify` prefers text and label. Where no layout fits, every column with text is looked at as text.
    """
    spread = sorted({place * loaded.rows // _SAMPLES for place in range(_SAMPLES)})
    samples = loaded.fetch(spread)
    back = {here: name for name, here in loaded.renamed.items()}
    columns = {back.get(here, here): kind for here, kind in loaded.columns.items()}
    layout = recognise(columns, samples, kind=Kind.CLASSIFICATION) if classify else None
    layout = layout or recognise(columns, samples)
    strings = tuple(name for name, kind in loaded.columns.items() if _holds_text(kind))
    if layout is None:
        return Roles(rest=strings)
    here = {role: tuple(loaded.renamed.get(n, n) for n in names) for role, names in layout.roles.items()}
    return _of(layout, here, loaded.columns, strings, classify)


def _of(
    layout: Layout,
    here: Mapping[Role, tuple[str, ...]],
    columns: Mapping[str, str],
    strings: tuple[str, ...],
    classify: bool,
) -> Roles:
    def first(role: Role) -> str:
        return here.get(role, ("",))[0]

    kind = layout.kind
    if messages := first(Role.MESSAGES):
        keys = _turn_keys(columns[messages]) or _VARIANT_KEYS.get(layout.variant)
        if keys is None:  # pairs, strings in turn: text, but no turns that could be told apart
            return Roles(layout=str(kind), rest=(messages,))
        return Roles(layout=str(kind), messages=messages, role_key=keys[0], content_key=keys[1])
    prompts = tuple(n for role in (Role.PROMPT, Role.CONTEXT, Role.CHOICES, Role.SYSTEM) for n in here.get(role, ()))
    turns = {n: keys for n in columns if (keys := _turn_keys(columns[n]))}
    keys = next(
        (turns[n] for n in (*prompts, first(Role.ANSWER), first(Role.CHOSEN)) if n in turns), ("role", "content")
    )
    roles = Roles(
        layout=str(kind), prompts=prompts, turns_in=tuple(turns), role_key=keys[0], content_key=keys[1]
    )  # fmt: skip
    if kind is Kind.PREFERENCE:
        if first(Role.LABEL):  # which of the two is better stands in a column of its own
            return replace(roles, rest=tuple(n for n in (first(Role.CHOSEN), first(Role.REJECTED)) if n))
        return replace(roles, chosen=first(Role.CHOSEN), rejected=first(Role.REJECTED))
    if kind is Kind.CLASSIFICATION:
        texts = here.get(Role.TEXT, ())
        if len(texts) == 1:
            return replace(roles, text=texts[0], label=first(Role.LABEL))
        return replace(roles, prompts=texts, label=first(Role.LABEL))
    if text := first(Role.TEXT):
        return replace(roles, text=text)
    answer = first(Role.ANSWER)
    if not prompts and not answer:
        return replace(roles, rest=strings)
    return replace(roles, answer=answer, label=answer if classify else "")


def view_sql(relation: str, columns: Mapping[str, str], roles: Roles) -> str:
    """The select behind the audit's view: `_n`, prompt, answer, text, label, chosen, rejected, messages."""
    prompt, answer, text, messages = "NULL", "NULL", "NULL", f"CAST(NULL AS {TURNS})"
    if roles.messages:
        messages = _turns(roles.messages, columns, roles)
        relation = f"(SELECT *, {messages} AS _turns FROM {relation})"
        messages = "_turns"
        prompt, answer, text = _cut("_turns")
    elif roles.text:
        text = _text(roles.text, columns)
    else:
        prompt = _joined([_said(name, columns, roles) for name in roles.prompts])
        answer = _said(roles.answer or roles.chosen, columns, roles)
        rejected = [_said(roles.rejected, columns, roles)] if roles.rejected else []
        text = _joined(
            [p for p in (prompt, answer, *rejected, *(_text(name, columns) for name in roles.rest)) if p != "NULL"]
        )
    label = _text(roles.label, columns) if roles.label else "NULL"
    parts = {"prompt": prompt, "answer": answer, "text": text, "label": label}
    parts |= {"chosen": _said(roles.chosen, columns, roles), "rejected": _said(roles.rejected, columns, roles)}
    chosen = ", ".join(f"CAST({sql} AS VARCHAR) AS {name}" for name, sql in parts.items())
    return f"SELECT _n, {chosen}, {messages} AS messages FROM {relation}"


def trimmed(column: str) -> str:
    """SQL of a text without space around it; DuckDB's `trim` is slow, so only texts that need it are given to it."""
    ends = " OR ".join(f"{end}({column}, {space})" for end in ("starts_with", "suffix") for space in _SPACES)
    return f"CASE WHEN {ends} THEN trim({column}, ' ' || chr(9) || chr(10) || chr(13)) ELSE {column} END"


def _holds_text(kind: str) -> bool:
    """Text, or a list or struct with text in it; none with bytes, as of an image and its path."""
    return ("VARCHAR" in kind or "JSON" in kind) and "BLOB" not in kind


def _turn_keys(kind: str) -> tuple[str, str] | None:
    """What a list of turns calls its role and its content; None for other types."""
    if not (kind.startswith("STRUCT(") and kind.endswith(")[]")):
        return None
    fields = {name.strip('"') for name in re.findall(r'[(,]\s*("[^"]+"|\w+) ', kind)}
    pairs = (("role", "content"), ("from", "value"), ("role", "value"), ("speaker", "text"), ("role", "text"))
    return next((pair for pair in pairs if fields.issuperset(pair)), None)


def _text(name: str, columns: Mapping[str, str]) -> str:
    if columns.get(name) == "JSON":
        return f"({quoted(name)} ->> '$')"
    return f"CAST({quoted(name)} AS VARCHAR)"


def _said(name: str, columns: Mapping[str, str], roles: Roles) -> str:
    """A column's text; of a column of turns all that is said."""
    if not name:
        return "NULL"
    if name in roles.turns_in:
        return _all_said(_turns(name, columns, roles))
    return _text(name, columns)


def _turns(name: str, columns: Mapping[str, str], roles: Roles) -> str:
    """A column as turns with role and content as text; content that is a list of parts is JSON."""
    kind = columns[name]
    if kind == "JSON":
        shape = json.dumps([{roles.role_key: "VARCHAR", roles.content_key: "VARCHAR"}])
        return f"list_transform(json_transform({quoted(name)}, {literal(shape)}), lambda m: {_fields(_PLAIN, roles)})"
    if re.fullmatch(r"STRUCT\(\"?role\"? VARCHAR, \"?content\"? VARCHAR\)\[\]", kind):
        return quoted(name)
    said = "json_extract_string(to_json(struct_extract(m, {key})), '$')" if "JSON" in kind else _PLAIN
    return f"list_transform({quoted(name)}, lambda m: {_fields(said, roles)})"


def _fields(said: str, roles: Roles) -> str:
    role, content = (said.format(key=literal(key)) for key in (roles.role_key, roles.content_key))
    return f"{{'role': {role}, 'content': {content}}}"


def _all_said(turns: str) -> str:
    return f"array_to_string(list_transform({turns}, lambda m: coalesce(m.content, '')), chr(10))"


def _cut(turns: str) -> tuple[str, str, str]:
    """Prompt (all before the last turn that an assistant has), answer (that turn) and text of turns."""
    back = (
        f"list_position(list_reverse(list_transform({turns}, "
        "lambda m: coalesce(m.role IN ('assistant', 'gpt', 'model', 'bot', 'chatgpt'), false))), true)"
    )
    last = f"(len({turns}) - {back} + 1)"
    prompt = f"CASE WHEN {back} IS NULL THEN {_all_said(turns)} ELSE {_all_said(f'{turns}[:{last} - 1]')} END"
    return prompt, f"CASE WHEN {back} IS NOT NULL THEN {turns}[{last}].content END", _all_said(turns)


def _joined(parts: list[str]) -> str:
    if not parts:
        return "NULL"
    return parts[0] if len(parts) == 1 else f"concat_ws(chr(10), {', '.join(parts)})"
