"""Detectors of conversations that no chat template takes, or that teach the template's own marks as text.

The turns of a row become a short string, a letter a turn (s system, u user, a assistant, c assistant with calls, t
tool, x nobody knows), and the rules of order are regular expressions over it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from jinja2 import TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from labwright.contracts.data import Issue, IssueClass
from labwright.data.audit.engine import FEWEST_ROWS, VIEW, Check, Subject, graded
from labwright.data.layouts.turns import SPEAKERS
from labwright.data.sources.scratch import literal, quoted

_LETTERS = {"system": "s", "user": "u", "assistant": "a", "tool": "t"}
_CALLING = ("function_call", "tool_call", "function-call")
_SPECIAL = (
    r"<\|(im_start|im_end|im_sep|endoftext|begin_of_text|end_of_text|start_header_id|end_header_id|eot_id|eom_id|user|"
    r"assistant|system|end|pad|bos|eos|start|message|return|channel|fim_prefix|fim_suffix|fim_middle|python_tag)\|>"
    r"|<(start_of_turn|end_of_turn|bos|eos|pad|unk)>|<s>\s*\[INST\]|\[/?INST\]|<</?SYS>>|^\s*<s>|</s>\s*$|\[(PAD|CLS|SEP)\]"
)
_RENDERED = 200  # conversations that are put through the model's own template


@dataclass(frozen=True, slots=True)
class _Rule:
    """What is wrong with the order of turns where `pattern` is found."""

    pattern: str
    what: str
    fix: str


_ORDER = (
    _Rule("x", "have a turn of a role that nobody knows", "rename these roles to system, user, assistant or tool"),
    _Rule(".s", "have a system turn that is not the first", "move it to the front, or make it a user turn"),
    _Rule("^s?[atc]", "begin with an answer: no user spoke before", "put the question in front, or cut the answer"),
    _Rule("uu|aa|ac", "have two turns of one role in a row", "join them, or leave these rows out"),
    _Rule("(^|[^ct])t", "have a tool's answer that no call asked for", "put the call in front, or cut the answer"),
    _Rule("c[^t]", "have a tool call without an answer", "put the tool's answer behind it, or cut the call"),
)
_ENDS = _Rule("[^ac]$", "do not end with the assistant: there is nothing to learn", "cut the last turns")
_EMPTY_TURN = _Rule("", "have an empty turn", "delete these turns or rows: they teach silence")
_NO_TURNS = _Rule("", "have no turns", "delete these rows")


@dataclass(frozen=True, slots=True)
class _Template:
    """Marks of a family of chat templates, as they stand in text that was rendered."""

    name: str
    opening: str
    closing: str
    answer: str


_FAMILIES = (
    _Template("ChatML", "<|im_start|>", "<|im_end|>", "<|im_start|>assistant"),
    _Template("Llama 3", "<|start_header_id|>", "<|eot_id|>", "<|start_header_id|>assistant"),
    _Template("Gemma", "<start_of_turn>", "<end_of_turn>", "<start_of_turn>model"),
    _Template("Mistral", "[INST]", "[/INST]", "[/INST]"),
)


class ChatFormat:
    """Conversations whose turns are out of order, empty, of unknown roles, or do not end with the assistant; tools'
    answers without a call and calls without an answer; special tokens (`<|im_end|>`, `[INST]`, …) inside contents.

    Where texts are rendered conversations, rows that lack the template's tokens. With a model's chat template, the
    conversations (a sample) that it refuses. Not ending with the assistant is right for prompts (GRPO).
    """

    name = "chat format"
    weight = 0.6

    def look(self, subject: Subject) -> Iterator[Issue]:
        """See the class."""
        if subject.roles.messages:
            yield from self._turns(subject)
            yield from self._rendered(subject)
        family = _family(subject) if subject.roles.text or subject.roles.rest else None
        if family is not None:
            yield from self._tokens(subject, family)
        else:
            yield from self._strays(subject)

    def _turns(self, subject: Subject) -> Iterator[Issue]:
        looked_at, exact = _tabulate(subject)
        order = [*_ORDER] if subject.request.purpose == "grpo" else [*_ORDER, _ENDS]
        tests = [(f"regexp_matches(letters, '{rule.pattern}')", "roles", rule) for rule in order]
        tests += [("blanks > 0", "'empty turns: ' || blanks", _EMPTY_TURN), ("letters = ''", "'no turns'", _NO_TURNS)]
        for condition, note, rule in tests:
            flagged = subject.flag(
                IssueClass.CHAT_FORMAT,
                f"SELECT _n, {note} AS note FROM turns WHERE {condition}",
                column=subject.roles.messages,
                looked_at=looked_at,
                exact=exact,
            )
            if flagged.rows:
                yield subject.issue(
                    flagged,
                    graded(flagged.share, error=0.01),
                    f"{flagged.rows:,} of {looked_at:,} conversations {rule.what}",
                    fix=rule.fix,
                )

    def _strays(self, subject: Subject) -> Iterator[Issue]:
        mark = (
            f"CASE WHEN contains(text, '<') OR contains(text, '[') THEN regexp_matches(text, {literal(_SPECIAL)}) END"
        )
        note = f"trim(regexp_extract(text, {literal(_SPECIAL)}))"
        (flagged,) = subject.scan([Check(IssueClass.CHAT_FORMAT, mark, note=note)])
        if flagged.rows:
            yield subject.issue(
                flagged,
                graded(flagged.share, error=0.02),
                f"{flagged.rows:,} of {flagged.looked_at:,} rows have special tokens of a chat template in their text",
                fix="strip them: the trainer's template adds its own, and a model that writes them ends its turn early",
                excerpt=f"substr(text, greatest(1, strpos(text, {note}) - 60), 240)",
            )

    def _tokens(self, subject: Subject, family: _Template) -> Iterator[Issue]:
        opened, closed = (_count(mark) for mark in (family.opening, family.closing))
        lacks = (
            f"NOT contains(text, {literal(family.opening)}) OR {opened} <> {closed} "
            f"OR NOT contains(text, {literal(family.answer)})"
        )
        note = (
            f"{opened} || ' × {family.opening}, ' || {closed} || ' × {family.closing}' || "
            f"CASE WHEN contains(text, {literal(family.answer)}) THEN '' ELSE ', no assistant' END"
        )
        (flagged,) = subject.scan([Check(IssueClass.CHAT_FORMAT, f"text IS NOT NULL AND ({lacks})", note=note)])
        if flagged.rows:
            yield subject.issue(
                flagged,
                graded(flagged.share, error=0.02),
                f"{flagged.rows:,} of {flagged.looked_at:,} texts lack tokens of their template ({family.name})",
                fix="render these conversations again, each turn with its opening and its closing token",
            )

    def _rendered(self, subject: Subject) -> Iterator[Issue]:
        """What the model's own template says to a sample of conversations."""
        source = subject.request.chat_template
        if not source:
            return
        environment = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
        )
        environment.globals["raise_exception"] = _refuse
        environment.globals["strftime_now"] = _no_date
        try:
            template = environment.from_string(source)
        except TemplateError as error:
            subject.remarks.append(f"The chat template cannot be read: {error}")
            return
        condition, looked_at, exact = subject.draw(_RENDERED)
        refused: list[tuple[int, str]] = []
        for number, turns in subject.scratch.connection.execute(
            f"SELECT _n, messages FROM {VIEW} WHERE {condition} AND len(messages) > 0 LIMIT {4 * _RENDERED}"
        ).fetchall():
            messages = [{"role": turn["role"], "content": turn["content"] or ""} for turn in turns if turn]
            try:
                template.render(messages=messages, add_generation_prompt=False, bos_token="", eos_token="", tools=None)
            except (TemplateError, TypeError, ValueError, ArithmeticError, LookupError) as error:
                refused.append((number, f"the template says: {str(error)[:120]}"))
        if refused:
            flagged = subject.flag_numbers(
                IssueClass.CHAT_FORMAT, refused, column=subject.roles.messages, looked_at=looked_at, exact=exact
            )
            yield subject.issue(
                flagged,
                graded(flagged.share, error=0.01),
                f"the model's chat template refuses {flagged.rows:,} of {looked_at:,} conversations",
                fix="bring the turns into the order that the template wants; its words are beside the rows",
            )


def _refuse(message: str) -> None:
    raise TemplateError(message)


def _no_date(_: str) -> str:
    return "1 Jan 2025"


def _tabulate(subject: Subject) -> tuple[int, bool]:
    """Make the table `turns`: of every row, or of as many as there is time for, its turns as letters."""
    affordable = subject.rows * subject.seconds_left / max(4 * subject.pass_s, 1e-6)
    relation, condition, looked_at, exact = subject.pick(max(FEWEST_ROWS, int(affordable)))
    names: dict[str, list[str]] = {}
    for name, speaker in SPEAKERS.items():
        names.setdefault("c" if name in _CALLING else _LETTERS[speaker], []).append(name)
    whens = " ".join(
        f"WHEN lower(trim(m.role)) IN ({', '.join(literal(name) for name in group)}) THEN "
        + ("CASE WHEN coalesce(calls[i], false) THEN 'c' ELSE 'a' END" if letter == "a" else literal(letter))
        for letter, group in names.items()
    )
    blank = "NOT regexp_matches(coalesce(m.content, ''), '\\S') AND NOT coalesce(calls[i], false)"
    subject.scratch.connection.execute(
        "CREATE OR REPLACE TABLE turns AS SELECT _n, "
        f"array_to_string(list_transform(messages, lambda m, i: CASE {whens} ELSE 'x' END), '') AS letters, "
        f"len(list_filter(messages, lambda m, i: {blank})) AS blanks, "
        "left(array_to_string(list_transform(messages, lambda m: coalesce(m.role, '?')), ' '), 120) AS roles "
        f"FROM (SELECT * FROM {relation} WHERE ({condition}) AND messages IS NOT NULL) {_calls(subject)}"
    )
    return looked_at, exact


def _calls(subject: Subject) -> str:
    """A join that gives `calls`: of each turn, whether it calls a tool."""
    column = subject.roles.messages
    kind = subject.loaded.columns[column]
    if kind != "JSON" and "tool_calls" not in kind and "function_call" not in kind:
        return "CROSS JOIN (SELECT CAST(NULL AS BOOLEAN[]) AS calls)"
    calling = "coalesce(json_array_length(m, '$.tool_calls') > 0 OR json_type(m, '$.function_call') = 'OBJECT', false)"
    return (
        f"LEFT JOIN (SELECT _n, list_transform(json_extract(to_json({quoted(column)}), '$[*]'), "
        f"lambda m: {calling}) AS calls FROM {subject.loaded.relation} WHERE {quoted(column)} IS NOT NULL) USING (_n)"
    )


def _count(mark: str) -> str:
    return f"((length(text) - length(replace(text, {literal(mark)}, ''))) // {len(mark)})"


def _family(subject: Subject) -> _Template | None:
    """The template that most texts were rendered with."""
    relation, condition, _, _ = subject.pick(2000)
    counts = ", ".join(f"count(*) FILTER (WHERE contains(text, {literal(f.opening)}))" for f in _FAMILIES)
    row = subject.ask(f"SELECT count(text), {counts} FROM {relation} WHERE {condition}")[0]
    rows, *seen = (int(n or 0) for n in row)
    best = max(range(len(seen)), key=lambda place: seen[place])
    return _FAMILIES[best] if seen[best] > 0.5 * rows else None
