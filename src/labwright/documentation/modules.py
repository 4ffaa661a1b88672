"""What a module's source binds to which names, without running it.

The checker must never take a name for missing that is there, so the table errs on one side: whatever could add names
as the module runs (`globals()`, `__getattr__`, `exec`, a star import from what cannot be read) makes it `open`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from labwright.documentation.environment import Located

_ADDS_NAMES = re.compile(
    r"\bglobals\(\)|\bsys\.modules\b|\bvars\(\)|\bexec\(|\blocals\(\)|\b__getattr__\b|\b__dict__\b|\bglobal_enum\b|\b_convert_\("
)
_LITERAL_ALL = re.compile(r"^__all__(?:\s*:[^=\n]+)?\s*=\s*([\[(].*?[\])])", re.M | re.S)
_CHANGED_ALL = re.compile(r"^\s*__all__\s*(?:\+=|\.)|__all__\s*=\s*[\[(].*?[\])]\s*\+", re.M)

DefinitionNode = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Imported:
    """`import a.b` (name None) or `from a import b`; `module` is absolute."""

    module: str
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Assigned:
    """A name that is given the value of an expression; None where it cannot be said (a loop, an unpacking)."""

    value: ast.expr | None
    annotation: ast.expr | None = None


Bound = Imported | Assigned | DefinitionNode


@dataclass(slots=True)
class Names:
    """What a body binds. Several for one name where it depends on a condition, or on an `except`."""

    bound: dict[str, list[Bound]] = field(default_factory=dict)
    earlier: dict[str, list[Bound]] = field(default_factory=dict)  # what was bound first and then bound anew
    stars: list[str] = field(default_factory=list)
    typed_own: bool = False  # an `if TYPE_CHECKING:` imports from the own package: the table of a lazy module
    conditional: set[str] = field(default_factory=set)

    def bind(self, name: str, what: Bound, conditional: bool) -> None:
        if conditional:
            self.conditional.add(name)
            self.bound.setdefault(name, []).append(what)
        else:
            if name in self.bound:
                self.earlier.setdefault(name, []).extend(self.bound[name])
            self.bound[name] = [what]


class Module:
    """A module whose source was read."""

    def __init__(self, located: Located, source: str) -> None:
        self.located = located
        self.name = located.name
        self.source = source

    @property
    def is_package(self) -> bool:
        return bool(self.located.package)

    @cached_property
    def tree(self) -> ast.Module:
        """Raises SyntaxError where the source is none of this Python's."""
        return ast.parse(self.source)

    @cached_property
    def names(self) -> Names:
        return bindings(self.tree.body, self)

    @cached_property
    def adds_names(self) -> bool:
        """Whether something in it may bind names that the table does not show."""
        return _ADDS_NAMES.search(self.source) is not None

    @cached_property
    def says_global(self) -> bool:
        """Whether some function of it may bind names outside itself."""
        return re.search(r"^[ \t]+(?:global|nonlocal) ", self.source, re.M) is not None

    @cached_property
    def mentions(self) -> frozenset[str]:
        """Every word of the source: a name that a lazy module can serve stands somewhere in it."""
        return frozenset(re.findall(r"\w+", self.source))

    @cached_property
    def exported(self) -> tuple[str, ...] | None:
        """`__all__` where it is a plain list that nothing changes; read without parsing the module."""
        if "__all__" not in self.source or _CHANGED_ALL.search(self.source):
            return None
        found = _LITERAL_ALL.findall(self.source)
        if len(found) != 1:
            return None
        try:
            value = ast.literal_eval(found[0])
        except (ValueError, SyntaxError):
            return None
        return tuple(str(name) for name in value)

    def absolute(self, level: int, module: str | None) -> str | None:
        """The module that `from ..x import` names here; None where it leads out of the package."""
        if level == 0:
            return module
        parts = self.name.split(".")
        up = level - 1 if self.is_package else level
        if up >= len(parts) and up > 0:
            return None
        base = parts[: len(parts) - up]
        return ".".join([*base, module] if module else base)


def bindings(body: list[ast.stmt], module: Module) -> Names:
    """Every name that a module's or a class's body binds."""
    names = Names()
    for statement in body:
        _bind(statement, names, module, conditional=False, typing=False)
    for node in _functions(body) if module.says_global else ():
        for inner in ast.walk(node):
            if isinstance(inner, ast.Global):
                for name in inner.names:
                    names.bind(name, Assigned(None), conditional=True)
    return names


def targets(target: ast.expr) -> Iterator[str]:
    """The plain names that an assignment's left side binds."""
    if isinstance(target, ast.Name):
        yield target.id
    elif isinstance(target, ast.Tuple | ast.List):
        for element in target.elts:
            yield from targets(element)
    elif isinstance(target, ast.Starred):
        yield from targets(target.value)


def blocks(statement: ast.stmt) -> Iterator[list[ast.stmt]]:
    """The bodies inside a statement that run in the same scope."""
    match statement:
        case ast.If() | ast.For() | ast.AsyncFor() | ast.While():
            yield statement.body
            yield statement.orelse
        case ast.Try() | ast.TryStar():
            yield statement.body
            for handler in statement.handlers:
                yield handler.body
            yield statement.orelse
            yield statement.finalbody
        case ast.With() | ast.AsyncWith():
            yield statement.body
        case ast.Match():
            for case in statement.cases:
                yield case.body
        case _:
            return


def is_type_checking(test: ast.expr) -> bool:
    """Whether a condition is `TYPE_CHECKING`."""
    return (isinstance(test, ast.Name) and test.id == "TYPE_CHECKING") or (
        isinstance(test, ast.Attribute) and test.attr == "TYPE_CHECKING"
    )


def _bind(statement: ast.stmt, names: Names, module: Module, *, conditional: bool, typing: bool) -> None:
    match statement:
        case ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
            names.bind(statement.name, statement, conditional)
        case ast.Import():
            for alias in statement.names:
                top = alias.name.partition(".")[0]
                names.bind(alias.asname or top, Imported(alias.name if alias.asname else top), conditional)
        case ast.ImportFrom():
            _bind_from(statement, names, module, conditional, typing)
        case ast.Assign():
            for target in statement.targets:
                plain = isinstance(target, ast.Name)
                for name in targets(target):
                    names.bind(name, Assigned(statement.value if plain else None), conditional)
        case ast.AnnAssign():
            for name in targets(statement.target):
                names.bind(name, Assigned(statement.value, statement.annotation), conditional)
        case ast.AugAssign():
            for name in targets(statement.target):
                names.bind(name, Assigned(None), conditional=True)
        case ast.For() | ast.AsyncFor():
            for name in targets(statement.target):
                names.bind(name, Assigned(None), conditional=True)
        case ast.With() | ast.AsyncWith():
            for item in statement.items:
                for name in targets(item.optional_vars) if item.optional_vars else ():
                    names.bind(name, Assigned(None), conditional)
        case ast.Try() | ast.TryStar():
            for handler in statement.handlers:
                if handler.name:
                    names.bind(handler.name, Assigned(None), conditional=True)
        case ast.Match():
            for node in (inner for one in statement.cases for inner in ast.walk(one.pattern)):
                captured = node.name if isinstance(node, ast.MatchAs | ast.MatchStar) else None
                captured = node.rest if isinstance(node, ast.MatchMapping) else captured
                if captured:
                    names.bind(captured, Assigned(None), conditional=True)
        case _:
            pass
    for walrus in _walrus(statement):
        names.bind(walrus.target.id, Assigned(None), conditional=True)
    inside = typing or (isinstance(statement, ast.If) and is_type_checking(statement.test))
    always = isinstance(statement, ast.With | ast.AsyncWith) and not conditional
    for block in blocks(statement):
        for inner in block:
            _bind(inner, names, module, conditional=not always, typing=inside)


def _bind_from(statement: ast.ImportFrom, names: Names, module: Module, conditional: bool, typing: bool) -> None:
    source = module.absolute(statement.level, statement.module)
    own = source is not None and source.partition(".")[0] == module.name.partition(".")[0]
    names.typed_own = names.typed_own or (typing and own)
    for alias in statement.names:
        if alias.name == "*":
            names.stars.append(source or "")
        else:
            what = Imported(source, alias.name) if source else Assigned(None)
            names.bind(alias.asname or alias.name, what, conditional)


def _walrus(statement: ast.stmt) -> Iterator[ast.NamedExpr]:
    if isinstance(statement, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        return
    for child in ast.iter_child_nodes(statement):
        if isinstance(child, ast.expr):
            yield from (node for node in ast.walk(child) if isinstance(node, ast.NamedExpr))


def _functions(body: list[ast.stmt]) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """The functions of a body that say `global`: their assignments are the module's."""
    for statement in body:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            yield statement
        elif isinstance(statement, ast.ClassDef):
            yield from _functions(statement.body)
        else:
            for block in blocks(statement):
                yield from _functions(block)
