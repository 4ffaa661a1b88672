"""Where a dataset version came from, and where each of its rows did.

A version carries every step that led to it. `lineage` unfolds them into a tree, `trace` follows one row down that tree
to the file and row that it once stood in. Neither needs anything but the version and the home that it is stored in.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import JsonValue, TypeAdapter

from labwright.contracts.data import Location
from labwright.contracts.errors import DataError
from labwright.contracts.research import DatasetVersion, Lineage
from labwright.contracts.specs import SourceSpec
from labwright.data.origins import read_origin
from labwright.data.versions import home_of

_MOST_SHOWN = 100
_SOURCES: TypeAdapter[tuple[SourceSpec, ...]] = TypeAdapter(tuple[SourceSpec, ...])


@dataclass(frozen=True, slots=True)
class Node:
    """A version in the tree: the step that made it, and what it was made of. A source has no parents."""

    id: str
    step: Lineage
    parents: tuple[Node, ...] = ()

    def walk(self) -> Iterator[Node]:
        """This node and all below it, each once."""
        seen: set[int] = set()
        stack = [self]
        while stack:
            node = stack.pop()
            if id(node) not in seen:
                seen.add(id(node))
                yield node
                stack += reversed(node.parents)


@dataclass(frozen=True, slots=True)
class Step:
    """One stop on a row's way back: in `version`, made by `transform`, it stands at `place`.

    The last stop is the source: `place` is a file and a row in it.
    """

    transform: str
    version: str  # empty for the source
    place: Location
    params: Mapping[str, JsonValue]
    code: str = ""


@dataclass(frozen=True, slots=True)
class Trace:
    """A row's way, from the version that was asked about to its source. `ends` says why it ends early, if it does."""

    steps: tuple[Step, ...]
    ends: str = ""

    @property
    def source(self) -> Location | None:
        """The file and row that the row came from, where that is known."""
        last = self.steps[-1]
        return last.place if not last.version else None


def lineage(version: DatasetVersion) -> Node:
    """The tree of steps that made a version.

    Raises:
        DataError: the version carries no steps.
    """
    if not version.lineage:
        raise DataError(
            "nothing was recorded of how it was made",
            where=f"{version.name} ({version.id})",
            cure=f"register {version.source} again",
        )
    nodes: dict[int, Node] = {}
    for index, step in enumerate(version.lineage):  # a step comes after the steps of its parents
        if len(step.after) == len(step.parents):
            pairs = zip(step.after, step.parents, strict=True)
            below = tuple(nodes[place] if nodes[place].id else replace(nodes[place], id=name) for place, name in pairs)
        else:  # made by an older version of Labwright
            below = tuple(_parent(nodes, index, parent) for parent in step.parents)
        last = index == len(version.lineage) - 1
        nodes[index] = Node(version.id if last else step.made, step, below)
    return nodes[len(version.lineage) - 1]


def trace(version: DatasetVersion, row: int) -> Trace:
    """Follow the 1-based `row` of a version to its source.

    Raises:
        DataError: the version has no such row, or the record of its origin is gone.
    """
    if not 1 <= row <= version.rows:
        raise DataError(
            f"there is no row {row}", where=f"{version.name} ({version.id})", cure=f"choose 1 to {version.rows}"
        )
    home, node, steps = home_of(version), lineage(version), []
    while True:
        steps.append(Step(node.step.transform, node.id, Location(node.id, row), node.step.params, node.step.code))
        if not node.step.origins:
            return Trace(tuple(steps), "an older version of Labwright made this step and did not record its rows")
        came = read_origin(home, node.step.origins, row)
        if not node.parents:
            steps.append(Step("source", "", _named(came, node.step, version), {}))
            return Trace(tuple(steps))
        before = next((parent for parent in node.parents if parent.id == came.file), None)  # of twins the first
        if before is None:
            return Trace(tuple(steps), f"it came from {came}, of which nothing is recorded")
        node, row = before, came.row


def source_of(step: Lineage) -> str:
    """What was registered, as it was asked for."""
    return str(step.params.get("source") or step.params.get("path") or "")


def declared(version: DatasetVersion) -> tuple[SourceSpec, ...]:
    """What a version was made of, with the splits: what was registered, and what a person said of it."""
    found: list[SourceSpec] = []
    for step in version.lineage:
        source, split = step.params.get("source"), step.params.get("split")
        if isinstance(source, str) and not step.parents:
            found.append(SourceSpec(name=source, splits=(split,) if isinstance(split, str) and split else ()))
        found += _SOURCES.validate_python(step.params.get("sources") or ())
    return tuple(dict.fromkeys(found))


def said(step: Lineage) -> str:
    """A step in a line: its name and its parameters."""
    params = ", ".join(f"{name}={_short(value)}" for name, value in step.params.items() if value not in (None, "", []))
    return f"{step.transform} ({params})" if params else step.transform


def drawn(node: Node) -> list[str]:
    """The tree as lines of text; what was told above is not told again."""
    lines: list[str] = []
    told: set[int] = set()

    def tell(node: Node, lead: str, branch: str) -> None:
        again = " (as above)" if id(node) in told and node.parents else ""
        lines.append(f"{lead}{branch}{node.id or '?'}  {said(node.step)}{again}")
        if again:
            return
        told.add(id(node))
        deeper = lead + {"": "", "├─ ": "│  ", "└─ ": "   "}[branch]
        for index, parent in enumerate(node.parents):
            tell(parent, deeper, "└─ " if index == len(node.parents) - 1 else "├─ ")

    tell(node, "", "")
    return lines


def _parent(nodes: Mapping[int, Node], before: int, parent: str) -> Node:
    """The step that made a parent, as well as it can be told: the latest before the child's that made these rows."""
    for index in range(before - 1, -1, -1):
        if nodes[index].id == parent:
            return nodes[index]
    unnamed = [node for node in nodes.values() if not node.id]
    if len(unnamed) == 1:  # an older version of Labwright did not say what a step made
        return Node(parent, unnamed[0].step, unnamed[0].parents)
    return Node(parent, Lineage("not recorded"))


def _named(came: Location, step: Lineage, version: DatasetVersion) -> Location:
    """A study's file is recorded by its bare name; its path is known where the version has only one source."""
    if "path" in step.params and len([one for one in version.lineage if not one.parents]) == 1:
        return Location(version.source, came.row)
    return came


def _short(value: JsonValue) -> str:
    text = (
        "{" + ", ".join(f"{name}: {_short(one)}" for name, one in value.items()) + "}"
        if isinstance(value, dict)
        else str(Path(value).name if isinstance(value, str) and "/" in value and len(value) > _MOST_SHOWN else value)
    )
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}…"
