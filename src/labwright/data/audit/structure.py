"""Detectors of structure: what is missing or empty, columns that do not keep to one type, rows of another schema."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from labwright.contracts.data import Issue, IssueClass, Purpose, Severity
from labwright.data.audit.engine import MEASURES, VIEW, Subject, graded, quoting
from labwright.data.sources.scratch import literal, quoted

_SIZED = {"prompt": MEASURES, "answer": MEASURES}
_TOLD: Mapping[Purpose, tuple[str, tuple[str, ...]]] = {
    "sft": ("prompt-completion", ("prompt", "answer")),
    "dpo": ("preference", ("prompt", "chosen", "rejected")),
    "grpo": ("prompt", ("prompt",)),
    "classify": ("", ()),
}
_MOSTLY = 0.9
_NULLS_TOLD = 0.05
_NUMERIC_SHARE = 0.9
_COLUMNS_TOLD = 12
_JSON_KINDS = (
    "CASE json_type({column}) WHEN 'VARCHAR' THEN 'string' WHEN 'BOOLEAN' THEN 'true or false' WHEN 'OBJECT' THEN "
    "'object' WHEN 'ARRAY' THEN 'list' WHEN 'NULL' THEN NULL ELSE 'number' END"
)


class Purposes:
    """Data without a column that its purpose needs: answers for fine-tuning, pairs for DPO, labels; for any, text."""

    name = "what the purpose needs"
    weight = 0.1

    def look(self, subject: Subject) -> Iterator[Issue]:
        """See the class."""
        roles = subject.roles
        has_turns = bool(roles.messages)
        lacks = {
            "sft": "" if has_turns or roles.answer or roles.text or roles.chosen or roles.rest else "an answer",
            "dpo": "" if roles.chosen and roles.rejected else "a chosen and a rejected answer",
            "grpo": "" if has_turns or roles.prompts else "a prompt",
            "classify": "" if roles.label else "a label",
        }
        purpose = subject.request.purpose
        if not roles.named and not roles.rest:
            yield Issue(
                IssueClass.MISSING,
                "error",
                "no column holds text: there is nothing that a language model could learn to say",
                subject.rows,
                subject.rows,
                fix="say in words what the numbers are, or name another file",
                exact=subject.is_whole,
            )
            return
        if purpose is None or not lacks[purpose]:
            return
        yield Issue(
            IssueClass.MISSING,
            "error",
            f"for {purpose} each row needs {lacks[purpose]}; no column holds one (the layout is {roles.layout})",
            subject.rows,
            subject.rows,
            fix=_told_by_name(subject, purpose),
            exact=subject.is_whole,
        )


def _told_by_name(subject: Subject, purpose: Purpose) -> str:
    """The command that says which column is which."""
    target, roles = _TOLD[purpose]
    if not target:
        return "name the column of classes `label`"
    columns = [word for role in roles for word in ("--column", f"{role}=NAME")]
    return subject.command("convert", "--to", target, *columns)


class Empties:
    """Answers, prompts, texts and labels that are null, or nothing but space.

    An empty answer teaches silence: an error from one row in a hundred on, a warning below. An empty prompt is a
    warning. Nulls of other columns are information, from 5 % on.
    """

    name = "missing and empty values"
    weight = 0.5

    def look(self, subject: Subject) -> Iterator[Issue]:
        """See the class."""
        for meaning, column in _meant(subject):
            for kind, condition in self._conditions(meaning):
                flagged = subject.flag(
                    kind, f"SELECT _n, '' AS note FROM {_SIZED.get(meaning, VIEW)} WHERE {condition}", column=column
                )
                if flagged.rows:
                    word = "null or not there" if kind is IssueClass.MISSING else "empty or nothing but spaces"
                    yield subject.issue(
                        flagged,
                        graded(flagged.share, error=0.01 if meaning != "prompt" else 2.0),
                        f"{column!r} is {word} in {_rows(flagged.rows)}",
                        fix=_without(subject, column, kind),
                    )
        yield from self._others(subject)

    def _conditions(self, meaning: str) -> tuple[tuple[IssueClass, str], ...]:
        if meaning in _SIZED:
            missing, empty = f"{meaning}_size IS NULL", f"{meaning}_size = 0"
        else:
            missing, empty = f"{meaning} IS NULL", f"NOT regexp_matches({meaning}, '\\S')"
        return (IssueClass.MISSING, missing), (IssueClass.EMPTY, empty)

    def _others(self, subject: Subject) -> Iterator[Issue]:
        """Nulls of columns without a meaning here: nothing is lost, but a person should know."""
        others = [name for name in subject.loaded.columns if name not in subject.roles.named]
        nulls = {name: subject.rows - count for name, count in _filled(subject, others).items()}
        told = {name: n for name, n in nulls.items() if n >= _NULLS_TOLD * subject.rows}
        if told:
            most = sorted(told.items(), key=lambda pair: -pair[1])[:_COLUMNS_TOLD]
            words = ", ".join(f"{name!r} in {n / subject.rows:.0%}" for name, n in most)
            yield Issue(
                IssueClass.MISSING,
                "info",
                f"columns that are null in many rows: {words}",
                max(told.values()),
                subject.rows,
                exact=subject.is_whole,
                numbers={name: n / subject.rows for name, n in most},
            )


class MixedTypes:
    """Columns whose values have several types: strings among numbers, lists among strings.

    Exact: a column without a common type is loaded as JSON, so each value's type is known. A column of strings of
    which 90 % and more are numbers counts too, unless it is free text. Rows of the rarer types are flagged.
    """

    name = "mixed types"
    weight = 0.3

    def look(self, subject: Subject) -> Iterator[Issue]:
        """See the class."""
        columns = subject.loaded.columns
        for column in (name for name, kind in columns.items() if kind == "JSON"):
            yield from self._json(subject, column)
        free = {*subject.roles.prompts, subject.roles.text, subject.roles.answer, *subject.roles.rest}
        strings = [name for name, kind in columns.items() if kind == "VARCHAR" and name not in free]
        for column in strings[:_COLUMNS_TOLD]:
            yield from self._numbers(subject, column)

    def _json(self, subject: Subject, column: str) -> Iterator[Issue]:
        kind = _JSON_KINDS.format(column=quoted(column))
        relation = subject.loaded.relation
        found = subject.ask(
            f"SELECT kind, count(*) FROM (SELECT {kind} AS kind FROM {relation}) WHERE kind IS NOT NULL "
            "GROUP BY kind ORDER BY 2 DESC, 1"
        )
        if len(found) < 2:
            return
        counts = {str(name): int(n or 0) for name, n in found}
        usual = next(iter(counts))
        flagged = subject.flag(
            IssueClass.MIXED_TYPES,
            f"SELECT _n, kind AS note FROM (SELECT _n, {kind} AS kind FROM {relation}) WHERE kind <> ?",
            column=column,
            parameters=[usual],
        )
        words = ", ".join(f"{n:,} × {name}" for name, n in counts.items())
        named = column in subject.roles.named
        yield subject.issue(
            flagged,
            graded(flagged.share, error=0.2 if named else 2.0),
            f"{column!r} holds values of several types: {words}",
            fix=f"write {column!r} as {usual} in every row; the flagged rows are those of the other types",
            numbers={name: n / subject.rows for name, n in counts.items()},
        )

    def _numbers(self, subject: Subject, column: str) -> Iterator[Issue]:
        """Numbers as strings, and among them words."""
        name = quoted(column)
        odd = f"{name} IS NOT NULL AND trim({name}) <> '' AND TRY_CAST(trim({name}) AS DOUBLE) IS NULL"
        condition, _, _ = subject.draw(2000)
        seen, words = subject.ask(
            f"SELECT count({name}), count(*) FILTER (WHERE {odd}) FROM {subject.loaded.relation} WHERE {condition}"
        )[0]
        if not seen or int(words or 0) > (1 - _NUMERIC_SHARE) * int(seen):
            return
        flagged = subject.flag(
            IssueClass.MIXED_TYPES,
            f"SELECT _n, {quoting(name)} AS note FROM {subject.loaded.relation} WHERE {odd}",
            column=column,
        )
        if flagged.rows and flagged.share <= 1 - _NUMERIC_SHARE:
            yield subject.issue(
                flagged,
                "warning",
                f"{column!r} holds numbers, but words in {_rows(flagged.rows)}",
                fix=f"write numbers into {column!r}, or null",
            )


class SchemaDrift:
    """Rows that follow another schema than the rest: a column of another name, or a file that lacks a column.

    Rows: a column that fewer than one row in ten has, while those rows lack a column that nearly all others have.
    Files: a column that is empty in the whole file and filled in nine rows of ten elsewhere. A column that is merely
    rare is no drift.
    """

    name = "schema drift"
    weight = 0.3

    def look(self, subject: Subject) -> Iterator[Issue]:
        """See the class."""
        filled = _filled(subject, list(subject.loaded.columns))
        usual = [name for name, n in filled.items() if n >= _MOSTLY * subject.rows]
        rare = [name for name, n in filled.items() if 0 < n <= (1 - _MOSTLY) * subject.rows]
        for column in rare:
            yield from self._rows(subject, column, usual, filled[column])
        if len(subject.table.files) > 1:
            yield from self._files(subject)

    def _rows(self, subject: Subject, column: str, usual: Sequence[str], count: int) -> Iterator[Issue]:
        there = f"{quoted(column)} IS NOT NULL"
        lacks = _filled(subject, usual, there)
        lost = [name for name, n in lacks.items() if n <= (1 - _MOSTLY) * count]
        if not lost:
            return
        condition = " OR ".join(f"{quoted(name)} IS NULL" for name in lost)
        flagged = subject.flag(
            IssueClass.SCHEMA_DRIFT,
            f"SELECT _n, {literal(f'{column!r} instead of {lost[0]!r}')} AS note FROM {subject.loaded.relation} "
            f"WHERE {there} AND ({condition})",
            column=column,
        )
        names = ", ".join(repr(name) for name in lost)
        yield subject.issue(
            flagged,
            _worse(subject, lost, flagged.share),
            f"{_rows(flagged.rows)} have {column!r} and lack {names}, which nearly all others have",
            fix=f"rename {column!r} to {lost[0]!r} in these rows, if it means the same",
        )

    def _files(self, subject: Subject) -> Iterator[Issue]:
        columns = list(subject.loaded.columns)
        counts = ", ".join(f"count({quoted(name)})" for name in columns)
        spans = _spans(subject)
        by_file = [
            subject.ask(f"SELECT count(*), {counts} FROM {subject.loaded.relation} WHERE _n >= {a} AND _n < {b}")[0]
            for _, a, b in spans
        ]
        for place, column in enumerate(columns, start=1):
            without = [(span, n) for span, n in zip(spans, by_file, strict=True) if n[0] and not n[place]]
            others = [n for n in by_file if n[place]]
            rows = sum(int(n[0] or 0) for n in others)
            if not without or not rows or sum(int(n[place] or 0) for n in others) < _MOSTLY * rows:
                continue
            where = " OR ".join(f"(_n >= {a} AND _n < {b})" for (_, a, b), _ in without)
            flagged = subject.flag(
                IssueClass.SCHEMA_DRIFT,
                f"SELECT _n, {literal(f'this file has no {column!r}')} AS note FROM {subject.loaded.relation} "
                f"WHERE {where}",
                column=column,
            )
            files = ", ".join(name for (name, _, _), _ in without[:3])
            yield subject.issue(
                flagged,
                _worse(subject, [column], flagged.share),
                f"{len(without)} of {len(spans)} files have no {column!r}, which the others have: {files}",
                fix="bring these files to the schema of the others, or leave them out",
            )


def _worse(subject: Subject, columns: Sequence[str], share: float) -> Severity:
    """Drift of a column that training needs is an error from one row in a hundred on."""
    needed = any(column in subject.roles.named for column in columns)
    return graded(share, error=0.01 if needed else 2.0)


def _filled(subject: Subject, columns: Sequence[str], where: str = "true") -> Mapping[str, int]:
    """How many rows have a value, by column."""
    if not columns:
        return {}
    counts = ", ".join(f"count({quoted(name)})" for name in columns)
    (found,) = subject.ask(f"SELECT {counts} FROM {subject.loaded.relation} WHERE {where}")
    return {name: int(n or 0) for name, n in zip(columns, found, strict=True)}


def _spans(subject: Subject) -> list[tuple[str, int, int]]:
    """Each file's name with its first row and the row after its last."""
    spans: list[tuple[str, int, int]] = []
    start = 0
    for stretch in subject.loaded.places.stretches:
        end = start + stretch.rows
        if spans and spans[-1][0] == stretch.file.name:
            spans[-1] = (spans[-1][0], spans[-1][1], end)
        else:
            spans.append((stretch.file.name, start, end))
        start = end
    return spans


def _without(subject: Subject, column: str, kind: IssueClass) -> str:
    if column == subject.roles.messages:
        return "end each conversation with an answer of the assistant, or leave it out"
    test = f"{quoted(column)} IS NOT NULL"
    if kind is IssueClass.EMPTY:
        test = f"regexp_matches({quoted(column)}, '\\S')"
    return subject.command("filter", "--where", test)


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"


def _meant(subject: Subject) -> list[tuple[str, str]]:
    """The view's columns that must hold something, with the data's own names."""
    roles = subject.roles
    if roles.messages:
        return [("answer", roles.messages)]
    pairs = (
        ("prompt", roles.prompts[0] if roles.prompts else ""),
        ("answer", roles.answer),
        ("text", roles.text),
        ("label", roles.label),
        ("chosen", roles.chosen),
        ("rejected", roles.rejected),
    )
    return [(meaning, column) for meaning, column in pairs if column]
