"""Classes read from sources: their line of bases, their attributes, and what their constructors take."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from labwright.documentation.modules import Assigned, Bound, Module, Names, bindings
from labwright.documentation.passing import Infer, is_dataclass, keeps_signature, last_name
from labwright.documentation.signatures import Kind, Parameter, Signature, of_arguments, ordered, text
from labwright.documentation.symbols import (
    ABSENT,
    Answer,
    ClassSymbol,
    FunctionSymbol,
    Opaque,
    Symbol,
    opaque,
)

_NEUTRAL = frozenset(("object", "Generic", "Protocol", "ABC"))  # bases that add no arguments and no attributes

_SETS = re.compile(r"setattr\(\s*(?:self|cls|type\(self\))\s*,|\b(?:self|cls)\.__dict__|vars\((?:self|cls)\)")


@dataclass(frozen=True, slots=True)
class Link:
    """A class in the line of another's bases, and what its body binds."""

    symbol: ClassSymbol
    names: Names


Line = tuple[Link | None, ...]  # in the order in which attributes are sought; None is a base that could not be read


class Classes:
    """Questions about classes. `infer` says what an expression of a module stands for."""

    def __init__(self, infer: Infer) -> None:
        self._infer = infer
        self._lines: dict[tuple[str, str, int], Line] = {}

    def line(self, symbol: ClassSymbol) -> Line:
        """The method resolution order (C3), as far as it can be read."""
        key = (symbol.module.name, symbol.name, symbol.node.lineno)
        if key not in self._lines:
            self._lines[key] = (None,)  # a class among its own bases
            self._lines[key] = self._line(symbol)
        return self._lines[key]

    def _line(self, symbol: ClassSymbol) -> Line:
        own = Link(symbol, bindings(symbol.node.body, symbol.module))
        lines: list[list[Link | None]] = []
        parents: list[Link | None] = []
        for base in symbol.node.bases:
            if last_name(base.value if isinstance(base, ast.Subscript) else base) in _NEUTRAL:
                continue
            only = self._infer(base, symbol.module).only
            line: Line = self.line(only) if isinstance(only, ClassSymbol) else (None,)
            lines.append(list(line))
            parents.append(line[0])
        return (own, *_merged([*lines, parents]))

    def forget(self, module: str) -> None:
        """Drop what is known of a module's classes."""
        self._lines = {key: line for key, line in self._lines.items() if key[0] != module}

    def has_own_metaclass(self, symbol: ClassSymbol) -> bool:
        return any(word.arg == "metaclass" and last_name(word.value) != "ABCMeta" for word in symbol.node.keywords)

    def makes_instances(self, symbol: ClassSymbol) -> bool:
        """Whether calling it gives an object of exactly this class."""
        known = [link for link in self.line(symbol) if link is not None]
        return self.decorated(symbol) is not None and not any(
            "__new__" in link.names.bound or self.has_own_metaclass(link.symbol) for link in known
        )

    def decorated(self, symbol: ClassSymbol) -> frozenset[str] | None:
        """What its decorators replace on it; None where they may make anything of it."""
        replaced = set(symbol.patched)
        for decorator in symbol.node.decorator_list:
            if last_name(decorator) == "dataclass" and is_dataclass(symbol, self._infer) is not None:
                continue
            changed = keeps_signature(decorator, symbol.module, self._infer)
            if changed is None:
                return None
            replaced |= changed
        return frozenset(replaced)

    # Attributes

    def attribute(self, symbol: ClassSymbol, name: str, *, instance: bool) -> Answer:
        """What an attribute of a class, or of an object of it, stands for."""
        if name in symbol.patched:
            return opaque("replaced on the class")
        line = self.line(symbol)
        for link in line:
            if link is None:
                return opaque("a base could not be read")
            if name in link.names.bound:
                return self._options(link, name, instance)
        return ABSENT if self._is_closed(symbol, line, name) else opaque("it may be set as the program runs")

    def _is_closed(self, symbol: ClassSymbol, line: Line, name: str) -> bool:
        if name.startswith("__") or self.decorated(symbol) != frozenset():
            return False
        for link in line:
            if link is None or self.has_own_metaclass(link.symbol):
                return False
            if {"__getattr__", "__getattribute__"} & link.names.bound.keys():
                return False
            if name in link.symbol.module.mentions or _SETS.search(link.symbol.module.source):
                return False
        return True

    def _options(self, link: Link, name: str, instance: bool) -> Answer:
        options: list[Symbol] = [self._attribute(link, one, instance) for one in link.names.bound[name]]
        return Answer(tuple(options))

    def _attribute(self, link: Link, what: Bound, instance: bool) -> Symbol:
        match what:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                marks = {last_name(decorator) for decorator in what.decorator_list}
                bound = "classmethod" in marks or (instance and "staticmethod" not in marks)
                path = f"{link.symbol.name}.{what.name}"
                return FunctionSymbol(path, link.symbol.module, what, link.symbol, bound)
            case ast.ClassDef():
                return ClassSymbol(f"{link.symbol.name}.{what.name}", link.symbol.module, what)
            case Assigned(value, _) if value is not None:
                return Opaque("a value", value, link.symbol.module, link.symbol.name)
            case _:
                return Opaque("a field")

    # Constructors

    def constructor(self, symbol: ClassSymbol) -> tuple[Signature, FunctionSymbol | None] | None:
        """What calling a class takes, and the `__init__` (or `__new__`) that says so; None where that is not known."""
        replaced = self.decorated(symbol)
        line = self.line(symbol)
        known = [link for link in line if link is not None]
        if replaced is None or "__init__" in replaced or "__new__" in replaced:
            return None
        if any(self.has_own_metaclass(link.symbol) for link in known):
            return None
        if any("__new__" in link.names.bound for link in known):
            return self._by_new(line)
        for link in line:
            if link is None:
                return None
            if "__init__" in link.names.bound:
                return self._by_method(link, "__init__")
            if (decorator := is_dataclass(link.symbol, self._infer)) is not None and _writes_init(decorator):
                fields = self.fields(link.symbol)
                return (Signature(fields), None) if fields is not None else None
        return Signature(), None

    def _by_new(self, line: Line) -> tuple[Signature, FunctionSymbol | None] | None:
        """With a `__new__`: it and `__init__` both take the arguments, so only where one of them is there alone."""
        first = line[0]
        if first is None or None in line or "__new__" not in first.names.bound:
            return None
        if any(link is not None and "__init__" in link.names.bound for link in line):
            return None
        return self._by_method(first, "__new__")

    def _by_method(self, link: Link, name: str) -> tuple[Signature, FunctionSymbol | None] | None:
        answer = self._options(link, name, instance=True)
        if not isinstance(answer.only, FunctionSymbol):
            return None
        signature = self.signature(replace(answer.only, bound=True))
        return (signature, answer.only) if signature is not None else None

    def signature(self, symbol: FunctionSymbol) -> Signature | None:
        """What a function or method takes; None where a decorator may change that."""
        accepted: list[Parameter] = []
        for decorator in symbol.node.decorator_list:
            if last_name(decorator) == "deprecate_kwarg" and isinstance(decorator, ast.Call):
                accepted.extend(_renamed(decorator))
            elif keeps_signature(decorator, symbol.module, self._infer) is None:
                return None
        signature = of_arguments(symbol.node.args, symbol.node.returns)
        if symbol.bound:
            signature = signature.without_first()
        known = {one.name for one in signature.parameters}
        return replace(
            signature,
            parameters=(*signature.parameters, *(one for one in accepted if one.name not in known)),
        )

    def fields(self, symbol: ClassSymbol) -> tuple[Parameter, ...] | None:
        """The parameters of a dataclass's `__init__`, inherited ones first; None where a base could not be read."""
        found: dict[str, Parameter] = {}
        for link in reversed(self.line(symbol)):
            if link is None:
                return None
            decorator = is_dataclass(link.symbol, self._infer)
            if decorator is None:
                if link.symbol.node.decorator_list:
                    return None  # such as pydantic's or attrs' own
                continue
            origin = "" if link.symbol is symbol else link.symbol.path
            own = _own_fields(link, _flag(decorator, "kw_only"), origin, conditional_is_unknown=True)
            if own is None:
                return None
            for name, parameter in own.items():
                if parameter is None:
                    found.pop(name, None)
                else:
                    found[name] = parameter
        return ordered(found.values())


def _own_fields(
    link: Link, keyword_only: bool, origin: str, *, conditional_is_unknown: bool
) -> dict[str, Parameter | None] | None:
    """A dataclass's own fields; None as a value is one that `__init__` does not take."""
    fields: dict[str, Parameter | None] = {}
    for statement in link.symbol.node.body:
        if isinstance(statement, ast.If | ast.Try) and conditional_is_unknown:
            if any(isinstance(inner, ast.AnnAssign) for inner in ast.walk(statement)):
                return None
            continue
        if not isinstance(statement, ast.AnnAssign) or not isinstance(statement.target, ast.Name):
            continue
        annotation = text(statement.annotation)
        if "KW_ONLY" in annotation:
            keyword_only = True
        elif "ClassVar" not in annotation:
            fields[statement.target.id] = _field(statement, annotation, keyword_only, origin)
    return fields


def _field(statement: ast.AnnAssign, annotation: str, keyword_only: bool, origin: str) -> Parameter | None:
    assert isinstance(statement.target, ast.Name)
    value = statement.value
    default = None if value is None else ast.unparse(value)
    help_text = ""
    if isinstance(value, ast.Call) and last_name(value) == "field":
        words = {word.arg: word.value for word in value.keywords}
        if _is_false(words.get("init")):
            return None
        keyword_only = keyword_only or _is_true(words.get("kw_only"))
        if "default" in words:
            default = ast.unparse(words["default"])
        elif "default_factory" in words:
            default = f"{ast.unparse(words['default_factory'])}()"
        elif None not in words:
            default = None
        metadata = words.get("metadata")
        if isinstance(metadata, ast.Dict):
            help_text = _help(metadata)
    kind = Kind.KEYWORD if keyword_only else Kind.EITHER
    return Parameter(statement.target.id, kind, annotation, default, origin, help_text)


def _help(metadata: ast.Dict) -> str:
    for key, value in zip(metadata.keys, metadata.values, strict=True):
        if isinstance(key, ast.Constant) and key.value == "help":
            try:
                return str(ast.literal_eval(value))
            except ValueError:
                return ""
    return ""


def _renamed(decorator: ast.Call) -> list[Parameter]:
    """The old name that a decorator still takes: `@deprecate_kwarg("old", new_name="new", version="5.0")`."""
    first = decorator.args[0] if decorator.args else None
    if not (isinstance(first, ast.Constant) and isinstance(first.value, str)):
        return []
    words = {word.arg: text(word.value) for word in decorator.keywords if word.arg}
    new, version = words.get("new_name", ""), words.get("version", "")
    message = f"use `{new}`" if new else "it will be removed"
    message += f" (gone in version {version})" if version else ""
    return [Parameter(first.value, Kind.KEYWORD, default="...", deprecated=message)]


def _writes_init(decorator: ast.expr) -> bool:
    words = decorator.keywords if isinstance(decorator, ast.Call) else []
    return not any(word.arg == "init" and not _is_true(word.value) for word in words)


def _flag(decorator: ast.expr, name: str) -> bool:
    words = decorator.keywords if isinstance(decorator, ast.Call) else []
    return any(word.arg == name and _is_true(word.value) for word in words)


def _is_true(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is True


def _is_false(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is False


def _merged(lines: Sequence[list[Link | None]]) -> Line:
    """C3's merge. Where it fails, or meets an unknown base, what follows is unknown too."""
    waiting = [line for line in lines if line]
    merged: list[Link | None] = []
    while waiting:
        head = next(
            (line[0] for line in waiting if not any(_same(line[0], one) for w in waiting for one in w[1:])), None
        )
        merged.append(head)
        if head is None:
            return tuple(merged)
        waiting = [line for line in ([one for one in w if not _same(one, head)] for w in waiting) if line]
    return tuple(merged)


def _same(one: Link | None, other: Link | None) -> bool:
    if one is None or other is None:
        return one is other
    return one.symbol.path == other.symbol.path and one.symbol.node is other.symbol.node


def is_public(name: str) -> bool:
    """Whether a name is meant for users."""
    return not name.startswith("_")


def module_of(symbol: Symbol) -> Module | None:
    """The module that defines it."""
    match symbol:
        case ClassSymbol(module=module) | FunctionSymbol(module=module):
            return module
        case _:
            return None
