"""Descriptions as Markdown, by the page: long classes say which of their arguments are inherited, and what is left."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from labwright.documentation.deprecations import one_line
from labwright.documentation.describing import SymbolDoc, SymbolKind
from labwright.documentation.docstrings import summary, without_arguments
from labwright.documentation.index import Hit
from labwright.documentation.problems import Problem
from labwright.documentation.signatures import Parameter

_MOST_MEMBERS = 60


@dataclass(frozen=True, slots=True)
class Lines:
    """Some lines of a text, and where to read on."""

    text: str
    first: int
    last: int
    total: int

    @property
    def next(self) -> int | None:
        """The first line that is not shown yet."""
        return self.last + 1 if self.last < self.total else None


def described(doc: SymbolDoc, *, arguments: Sequence[str] = ()) -> str:
    """A description without its source. `arguments`: only those; by default all, inherited ones briefly."""
    return "\n".join(_described(doc, arguments)).strip() + "\n"


def source(doc: SymbolDoc, first: int | None = None, most: int = 200) -> Lines:
    """The source with the line numbers of its file, from a line of the file on."""
    lines = doc.source.splitlines()
    start = max(doc.first_line, first or doc.first_line)
    shown = lines[start - doc.first_line : start - doc.first_line + most]
    text = "\n".join(f"{start + offset:5d}  {line}" for offset, line in enumerate(shown))
    last = start + len(shown) - 1
    return Lines(text, start, last, doc.first_line + len(lines) - 1)


def hits(found: Sequence[Hit]) -> str:
    """Search results as a list."""
    return "\n".join(f"- `{one.path}` ({one.kind}): {one_line(one.summary, 160)}" for one in found)


def problems(found: Sequence[Problem], name: str = "") -> str:
    """What a check found, a line each, and how much of it is an error."""
    if not found:
        return "No problems found: every import, argument and attribute that sources can tell of is there.\n"
    errors = sum(one.is_error for one in found)
    prefix = f"{name}:" if name else ""
    count = f"{errors} error{'s' * (errors != 1)}, {len(found) - errors} warning{'s' * (len(found) - errors != 1)}"
    return "\n".join([*(f"{prefix}{one}" for one in found), "", count]) + "\n"


def _described(doc: SymbolDoc, wanted: Sequence[str]) -> Iterator[str]:
    yield f"# {doc.path}"
    origin = f"{doc.package} {doc.version}" if doc.package else "standard library, or not installed as a package"
    place = f"{doc.file}:{doc.first_line}" + (f"-{doc.last_line}" if doc.last_line > doc.first_line else "")
    yield f"{doc.kind} · {origin} · {place}"
    if doc.deprecated:
        yield f"\n**Deprecated:** {doc.deprecated}"
    for remark in doc.remarks:
        yield f"\nNote: {remark}."
    if doc.bases:
        yield f"\nBases: {', '.join(f'`{base}`' for base in doc.bases)}"
    if doc.signature is not None and not wanted:
        yield from _signature(doc)
    elif doc.signature is not None:
        yield from _wanted(doc, wanted)
    # Of an argument the line above has the first words of its text, which is no docstring with arguments in it.
    text = without_arguments(doc.doc) if doc.signature is not None and doc.kind is not SymbolKind.ARGUMENT else doc.doc
    if text and not wanted:
        yield f"\n## Docstring\n\n{text}"
    if doc.members and not wanted:
        yield from _members(doc)
    if doc.kind is SymbolKind.VALUE and doc.source:
        yield f"\n```python\n{doc.source}\n```"
    if doc.changes:
        yield "\n## Changelog\n"
        yield from (f"- {entry}" for entry in doc.changes)
    if doc.also:
        yield f"\nAlso of this name: {', '.join(f'`{path}`' for path in doc.also)}"


def _signature(doc: SymbolDoc) -> Iterator[str]:
    assert doc.signature is not None
    name = doc.path.rpartition(".")[2]
    inherited = [one for one in doc.signature.parameters if one.inherited_from]
    if doc.kind is SymbolKind.ARGUMENT:
        yield from (f"\n{_argument(one)}" for one in doc.signature.parameters)
        return
    if not inherited:
        yield f"\n```python\n{name}{doc.signature}\n```"
    else:
        own = len(doc.signature.parameters) - len(inherited)
        yield f"\nTakes {len(doc.signature.parameters)} arguments: {own} of its own, {len(inherited)} inherited."
    yield "\n## Arguments\n"
    for one in doc.signature.parameters:
        if not one.inherited_from:
            yield _argument(one)
    for origin in dict.fromkeys(one.inherited_from for one in inherited):
        yield f"\nInherited from `{origin}`:\n"
        yield from (_argument(one, brief=True) for one in inherited if one.inherited_from == origin)


def _wanted(doc: SymbolDoc, wanted: Sequence[str]) -> Iterator[str]:
    assert doc.signature is not None
    for name in wanted:
        parameter = doc.signature.named(name)
        if parameter is None:
            yield f"\nIt takes no argument `{name}`."
        else:
            yield f"\n{_argument(parameter)}"
            if parameter.inherited_from:
                yield f"  (inherited from `{parameter.inherited_from}`)"


def _argument(one: Parameter, *, brief: bool = False) -> str:
    text = f"- `{one}`"
    if one.deprecated:
        text += f": **deprecated:** {one.deprecated}"
    elif one.doc:
        text += f": {one_line(summary(one.doc), 100 if brief else 400)}"
    return text


def _members(doc: SymbolDoc) -> Iterator[str]:
    yield f"\n## Members ({len(doc.members)})\n"
    for member in doc.members[:_MOST_MEMBERS]:
        yield f"- `{member.name}` ({member.kind})" + (f": {one_line(member.summary, 100)}" if member.summary else "")
    left = doc.members[_MOST_MEMBERS:]
    if left:
        yield f"- and {len(left)} more: {', '.join(f'`{member.name}`' for member in left)}"
