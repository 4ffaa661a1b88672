"""A YAML file with the lines of its fields, so that a complaint can say where.

Both files that people write by hand, study.yaml and benchmark.yaml, are read here: one rule for numbers, for a key
that is given twice, and for what is no YAML at all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import yaml
from pydantic import JsonValue

from labwright.contracts.errors import SpecError

Location = tuple[str | int, ...]
"""The way to a field: keys and list positions."""

Node = yaml.Node


class _Loader(yaml.SafeLoader):
    """YAML 1.1 reads `3e-4` as text, since it wants a dot. People write learning rates so; here it is a number."""


_Loader.yaml_implicit_resolvers = {k: list(v) for k, v in yaml.SafeLoader.yaml_implicit_resolvers.items()}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?[0-9][0-9_]*(?:\.[0-9_]*)?[eE][-+]?[0-9]+$"), list("-+0123456789")
)


def compose(path: Path, text: str, what: str, cure: str) -> yaml.MappingNode:
    """The file's nodes. Raises SpecError where it is no YAML, is empty, is no mapping, or says a key twice.

    `what` is what the file should be, such as "a study"; `cure` is where to start from where it is nothing of the kind.
    """
    try:
        root = yaml.compose(text, Loader=_Loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)  # PyYAML gives it to most of its errors, not to all
        where = f"{path}:{mark.line + 1}, column {mark.column + 1}" if mark else str(path)
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        mend = (
            "indent with spaces" if "'\\t'" in problem else "check the indentation, colons and quotes on and above it"
        )
        raise SpecError(f"not valid YAML: {problem}", where=where, cure=mend) from error
    if root is None:
        raise SpecError("the file is empty", where=str(path), cure=cure)
    if not isinstance(root, yaml.MappingNode):
        problem = f"{what} is a mapping of `field: value` lines, and this is not one"
        raise SpecError(problem, where=f"{path}:1", cure=cure)
    seen: dict[tuple[int, str], int] = {}
    for mapping, key in _keys(root, set()):
        line, name = key.start_mark.line + 1, (id(mapping), key.value)
        if name in seen:
            raise SpecError(
                f"{key.value!r} is given twice; the first is on line {seen[name]}",
                where=f"{path}:{line} ({key.value})",
                cure="remove one of the two",
            )
        seen[name] = line
    return root


def _keys(node: Node, visited: set[int]) -> Iterator[tuple[yaml.MappingNode, yaml.ScalarNode]]:
    """Every scalar key with the mapping it stands in; an alias is walked once."""
    if id(node) in visited:
        return
    visited.add(id(node))
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode):
                yield node, key
            yield from _keys(value, visited)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            yield from _keys(value, visited)


def place(path: Path, root: Node, location: Location) -> str:
    """`…/study.yaml:12 (search.rungs)`: the line of the deepest node that the file has on the way to the field.

    Where the field's own key stands in the file, that is its line; a missing field is reported at its parent's.
    """
    node, line = root, root.start_mark.line
    for step in location:
        found = _child(node, step)
        if found is None:
            continue  # the tag of a union, a default, or a field that is missing
        node, line = found
    dotted = "".join(f"[{s}]" if isinstance(s, int) else f".{s}" for s in location).lstrip(".")
    return f"{path}:{line + 1}" + (f" ({dotted})" if dotted else "")


def _child(node: Node, step: str | int) -> tuple[yaml.Node, int] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value == str(step):
                return value, key.start_mark.line
    elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step], node.value[step].start_mark.line
    return None


def load(path: Path, text: str) -> JsonValue:
    """The file's plain values. Raises SpecError for tags that ask for more than plain data."""
    try:
        value: JsonValue = yaml.load(text, Loader=_Loader)  # a SafeLoader: it constructs plain data and nothing else
    except yaml.YAMLError as error:
        raise SpecError(f"not valid YAML: {error}", where=str(path), cure="write plain values only") from error
    return value
