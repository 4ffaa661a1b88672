"""A dataset card as the Hub has it: metadata in YAML, then what a reader should know before training on the data.

All of it is written from what was recorded: the lineage, the audit, the gate. Where nothing was recorded, the card says
so rather than guess.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath

import yaml
from pydantic import JsonValue

from labwright.contracts.data import AuditReport, Inspection
from labwright.contracts.research import DatasetVersion, GateReport, Lineage
from labwright.data.examples import Reader
from labwright.data.layouts import Kind
from labwright.data.licences import licence_id
from labwright.data.lineage import Node, drawn, lineage, source_of
from labwright.data.versions import lines_of

_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
_LARGE = ((10**7, "1M<n<10M"), (10**8, "10M<n<100M"), (10**9, "100M<n<1B"), (10**10, "1B<n<10B"))
_TASKS = {
    Kind.CHOICES: "multiple-choice",
    Kind.CLASSIFICATION: "text-classification",
    Kind.WORKED: "question-answering",
}
_HUB = re.compile(r"hub:([\w.-]+/[\w.-]+)")
_MARKS = re.compile(r"([\\`*_{}\[\]|#])")
_SAMPLES = 200
_MOST_ISSUES = 20


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of a version beside its lineage; what is missing was not looked at."""

    audit: AuditReport | None = None
    inspection: Inspection | None = None
    gates: Sequence[GateReport] = ()
    files: Mapping[str, str] = field(default_factory=dict)  # split -> path in the repository
    languages: Sequence[str] = ()  # codes of ISO 639-1


def card(version: DatasetVersion, evidence: Evidence | None = None) -> str:
    """The whole README.md of a dataset version.

    Raises:
        DataError: its rows are gone, or nothing was recorded of how it was made.
    """
    known = evidence or Evidence()
    tree = lineage(version)
    facts = _Facts.of(version, tree)
    head = yaml.safe_dump(_metadata(version, facts, known), sort_keys=False, allow_unicode=True, width=1000)
    body = "\n".join(_body(version, facts, known))
    return f"---\n{head}---\n\n{body}\n"


@dataclass(frozen=True, slots=True)
class _Facts:
    tree: Node
    sources: tuple[Lineage, ...]
    licences: tuple[str | None, ...]
    kind: Kind | None
    layout: str
    columns: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, version: DatasetVersion, tree: Node) -> _Facts:
        with lines_of(version) as lines:
            reader = Reader.of(lines)
            step = max(1, len(lines) // _SAMPLES)
            samples = [lines.row(number) for number in range(0, len(lines), step)]
        names = dict.fromkeys(name for row in samples for name in row)
        sources = tuple(node.step for node in tree.walk() if not node.parents)
        return cls(
            tree,
            sources,
            tuple(_text_or_none(step.params.get("licence")) for step in sources),
            reader.layout.kind if reader.layout else None,
            str(reader.layout) if reader.layout else "no known layout",
            tuple((name, _types([row.get(name) for row in samples])) for name in names),
        )


def _metadata(version: DatasetVersion, facts: _Facts, known: Evidence) -> dict[str, JsonValue]:
    found: dict[str, JsonValue] = {"pretty_name": " ".join(version.name.split()), **_licence(facts.licences)}
    if known.languages:
        found["language"] = list(known.languages)
    found["size_categories"] = [_size(version.rows)]
    if facts.kind is not None:
        found["task_categories"] = [_TASKS.get(facts.kind, "text-generation")]
    hub = [match[1] for step in facts.sources if (match := _HUB.match(source_of(step)))]
    found["source_datasets"] = [*dict.fromkeys(hub)] or ["original"]
    synthetic = any(step.transform == "synthesis" for step in version.lineage)
    found["tags"] = ["labwright", *(["synthetic"] if synthetic else [])]
    if known.files:
        files: list[JsonValue] = [{"split": split, "path": path} for split, path in known.files.items()]
        found["configs"] = [{"config_name": "default", "data_files": files}]
    return found


def _licence(licences: Sequence[str | None]) -> dict[str, JsonValue]:
    """As the Hub takes it: one of its ids, or several, or `other` with a name."""
    named = list(dict.fromkeys(one for one in licences if one))
    if not named or None in licences:
        return {"license": "unknown"}
    ids = [licence_id(one) for one in named]
    if all(ids):
        return {"license": ids[0] if len(ids) == 1 else [one for one in ids if one]}
    return {"license": "other", "license_name": "-".join(re.sub(r"[^a-z0-9.]+", "-", one.lower()) for one in named)}


def _body(version: DatasetVersion, facts: _Facts, known: Evidence) -> Iterator[str]:
    steps = [step for step in version.lineage if step.parents]
    yield f"# {_said(version.name)}\n"
    made = f"made in {_count(len(steps), 'recorded step')} from" if steps else "as they stood in"
    yield (
        f"{_count(version.rows, 'row')}, {made} {_count(len(facts.sources), 'source')}."
        f" The version is named by its content: `{version.id}` begins the SHA-256 of its rows in canonical JSONL.\n"
    )
    yield from _sources(facts)
    yield from _making(version, facts)
    yield from _weights(version)
    yield from _columns(facts, known.inspection)
    yield from _quality(version, known.audit)
    yield from _gates(known.gates)
    yield from _licences(facts)
    yield "## Tracing a row\n"
    yield f"```\nlabwright data lineage {version.id} --row 1\n```"


def _sources(facts: _Facts) -> Iterator[str]:
    yield "## Sources\n"
    yield "| source | split | revision or SHA-256 | licence |\n|---|---|---|---|"
    for step, licence in zip(facts.sources, facts.licences, strict=True):
        digest = str(step.params.get("revision") or step.params.get("digest") or "not recorded")
        split = str(step.params.get("split") or "")
        told = (
            _said(_public(source_of(step))) or "not recorded",
            _said(split),
            _code(digest),
            _said(licence or "not stated"),
        )
        yield f"| {' | '.join(told)} |"
    yield ""


def _making(version: DatasetVersion, facts: _Facts) -> Iterator[str]:
    yield "## How it was made\n"
    for number, step in enumerate(version.lineage, start=1):
        yield f"{number}. **{_said(step.transform)}**" + (f" → `{step.made}`" if step.made else "")
        for name, value in step.params.items():
            if value not in (None, "", [], {}):
                yield f"   - {_said(name.replace('_', ' '))}: {_code(_plain(value))}"
        if step.code:
            yield f"   - code: {_said(step.code)}"
    yield ""
    yield "```"
    yield from (_without_paths(line, facts).replace("```", "'''") for line in drawn(facts.tree))
    yield "```\n"


def _weights(version: DatasetVersion) -> Iterator[str]:
    """Mixing and repeating, which change what a model sees most of all."""
    mixes = [step for step in version.lineage if step.transform == "mix"]
    if not mixes:
        return
    yield "## Mixing weights\n"
    yield "| version | weight | rows | passes |\n|---|---:|---:|---:|"
    for step in mixes:
        columns = [step.params.get(name) for name in ("weights", "rows", "passes")]
        lists = [column if isinstance(column, list) else [None] * len(step.parents) for column in columns]
        for parent, weight, rows, passes in zip(step.parents, *lists, strict=False):
            yield f"| `{parent}` | {_plain(weight)} | {_plain(rows)} | {_plain(passes)} |"
    yield ""


def _columns(facts: _Facts, inspection: Inspection | None) -> Iterator[str]:
    yield "## Columns\n"
    yield f"Layout: {_said(facts.layout)}.\n"
    yield "| column | type |\n|---|---|"
    for name, kind in inspection.schema if inspection is not None else facts.columns:
        yield f"| {_said(name)} | {_said(kind)} |"
    yield ""


def _quality(version: DatasetVersion, audit: AuditReport | None) -> Iterator[str]:
    yield "## Quality\n"
    if audit is None:
        yield f"This version was not audited: `labwright data audit {version.id}`.\n"
        return
    on = "every row" if audit.sampled is None else f"a sample of {audit.sampled:,} rows"
    yield f"**{audit.score} of 100: {_said(audit.fitness)}**, by an audit of {on}. {_said(audit.why)}\n"
    if audit.issues:
        yield "| severity | what | rows | looked at |\n|---|---|---:|---:|"
    for issue in audit.issues[:_MOST_ISSUES]:
        yield f"| {issue.severity} | {_said(issue.what)} | {issue.rows:,} | {issue.looked_at:,} |"
    if len(audit.issues) > _MOST_ISSUES:
        yield f"\n{len(audit.issues) - _MOST_ISSUES} more are in the audit."
    yield ""


def _gates(gates: Sequence[GateReport]) -> Iterator[str]:
    yield "## Contamination\n"
    if not gates:
        yield "This version was not checked against any benchmark.\n"
        return
    for gate in gates:
        split = "a benchmark's sealed test" if gate.split == "test" else "a benchmark's dev split"
        yield f"- {gate.rows_hit:,} of {gate.rows_checked:,} rows hold items of {split}: {gate.action}"
    yield ""


def _licences(facts: _Facts) -> Iterator[str]:
    yield "## Licence\n"
    missing = sum(one is None for one in facts.licences)
    if missing:
        yield f"{missing} of {len(facts.licences)} sources state no licence; whoever uses the data must find out.\n"
    named = [one for one in dict.fromkeys(facts.licences) if one]
    if named:
        yield f"The sources' licences: {', '.join(_said(one) for one in named)}. The terms of each hold for its rows.\n"


def _public(text: str) -> str:
    """Of a path on somebody's machine only the file's name: the rest is nobody's business."""
    return PurePath(text).name if text.startswith(("/", "~")) else text


def _without_paths(line: str, facts: _Facts) -> str:
    for step in facts.sources:
        line = line.replace(source_of(step), _public(source_of(step))) if source_of(step) else line
    return line


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("s" if number != 1 else "")


def _size(rows: int) -> str:
    return next((name for limit, name in (*_SIZES, *_LARGE) if rows < limit), "10B<n<100B")


def _types(values: Sequence[JsonValue]) -> str:
    names = {bool: "true or false", int: "number", float: "number", str: "text", list: "list", dict: "object"}
    found = sorted({names[type(value)] for value in values if value is not None})
    empty = ", sometimes null" if any(value is None for value in values) and found else ""
    return (" or ".join(found) or "null") + empty


def _plain(value: JsonValue) -> str:
    match value:
        case dict():
            return ", ".join(f"{name}: {_plain(one)}" for name, one in value.items())
        case list():
            return ", ".join(_plain(one) for one in value)
        case None:
            return ""
        case str():
            return _public(value)
        case _:
            return str(value)


def _said(text: str) -> str:
    """Text of others, so that it is neither Markdown nor HTML."""
    return _MARKS.sub(r"\\\1", html.escape(" ".join(text.split()), quote=False))


def _code(text: str) -> str:
    return "`" + " ".join(text.replace("`", "'").replace("|", "¦").split()) + "`"


def _text_or_none(value: JsonValue) -> str | None:
    return value if isinstance(value, str) and value else None
