"""Everything that the installed sources say of one name: signature, arguments, docstring, source, deprecations."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from labwright.documentation.calls import Called, Calls
from labwright.documentation.changelog import changes
from labwright.documentation.classes import Link, is_public
from labwright.documentation.deprecations import of_definition
from labwright.documentation.docstrings import arguments, summary
from labwright.documentation.modules import Assigned, Module
from labwright.documentation.passing import last_name
from labwright.documentation.resolving import Resolver
from labwright.documentation.signatures import Parameter, Signature, of_arguments
from labwright.documentation.symbols import ClassSymbol, FunctionSymbol, InstanceSymbol, ModuleSymbol, Opaque, Symbol

_MOST_FOLLOWED = 100  # of the names that a package imports: transformers has thousands


class SymbolKind(StrEnum):
    """What a name stands for."""

    MODULE = "module"
    CLASS = "class"
    FUNCTION = "function"
    METHOD = "method"
    PROPERTY = "property"
    ARGUMENT = "argument"
    VALUE = "value"


@dataclass(frozen=True, slots=True)
class Member:
    """A public name inside a module or class."""

    name: str
    kind: SymbolKind
    summary: str


@dataclass(frozen=True, slots=True)
class SymbolDoc:
    """What is installed under a name. What sources cannot tell stands in `remarks`."""

    asked: str
    path: str  # where it is defined
    kind: SymbolKind
    package: str = ""  # the distribution; empty for the standard library
    version: str = ""
    signature: Signature | None = None  # each parameter with its documentation and the class that adds it
    doc: str = ""
    bases: tuple[str, ...] = ()  # classes in the order in which attributes are sought
    members: tuple[Member, ...] = ()
    file: str = ""
    first_line: int = 0
    source: str = ""
    deprecated: str = ""
    changes: tuple[str, ...] = ()  # entries of the changelog that the distribution ships
    remarks: tuple[str, ...] = ()
    also: tuple[str, ...] = ()  # other things of that name

    @property
    def last_line(self) -> int:
        return self.first_line + max(0, self.source.count("\n"))


class Describer:
    """Builds descriptions of symbols."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver
        self._calls = Calls(resolver)

    def describe(self, asked: str, symbol: Symbol) -> SymbolDoc | None:
        """What there is to say; None of what has no source at all."""
        match symbol:
            case ModuleSymbol(module):
                return self._module(asked, module)
            case ClassSymbol():
                return self._class(asked, symbol)
            case FunctionSymbol():
                return self._function(asked, symbol)
            case InstanceSymbol(of):
                described = self._class(asked, of)
                return replace(described, remarks=(*described.remarks, f"`{asked}` is an object of this class"))
            case Opaque(_, value, module, name) if value is not None and module is not None:
                return self._value(asked, value, module, name)
            case _:
                return None

    def argument(self, asked: str, symbol: ClassSymbol, name: str) -> SymbolDoc | None:
        """One argument of a class's constructor, asked for as if it were an attribute: `SFTConfig.packing`."""
        whole = self._class(asked, symbol)
        parameter = whole.signature.named(name) if whole.signature is not None else None
        if parameter is None:
            return None
        return replace(
            whole,
            path=f"{symbol.path}.{name}",
            kind=SymbolKind.ARGUMENT,
            signature=Signature((parameter,)),
            doc=parameter.doc,
            deprecated=parameter.deprecated,
            members=(),
            source="",
            bases=(),
            changes=self._changes(symbol.module, name),
        )

    def _module(self, asked: str, module: Module) -> SymbolDoc:
        remarks: tuple[str, ...] = ()
        if module.adds_names and not module.names.typed_own:
            remarks = ("the module binds names as it runs, so this list may be incomplete",)
        members = tuple(self._module_members(module))
        doc = ast.get_docstring(module.tree) or ""
        return self._placed(
            SymbolDoc(asked, module.name, SymbolKind.MODULE, doc=doc, members=members, remarks=remarks, first_line=1),
            module,
            module.source,
        )

    def _module_members(self, module: Module) -> Iterator[Member]:
        exported, followed = set(module.exported or ()), 0
        for name, bound in sorted(module.names.bound.items()):
            if not is_public(name) or (exported and name not in exported):
                continue
            node = bound[-1]
            if isinstance(node, ast.ClassDef):
                yield Member(name, SymbolKind.CLASS, summary(ast.get_docstring(node) or ""))
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield Member(name, SymbolKind.FUNCTION, summary(ast.get_docstring(node) or ""))
            elif module.is_package or name in exported:
                followed += 1
                yield self._imported(module, name) if followed <= _MOST_FOLLOWED else Member(name, SymbolKind.VALUE, "")
        if module.is_package:
            for name in self._resolver.environment.submodules(module.located):
                if is_public(name) and name not in module.names.bound:
                    yield Member(name, SymbolKind.MODULE, "")

    def _imported(self, module: Module, name: str) -> Member:
        """A name that is bound to something of another module, as what it is there."""
        match self._resolver.member(module, name).only:
            case ClassSymbol() as symbol:
                return Member(name, SymbolKind.CLASS, summary(ast.get_docstring(symbol.node) or ""))
            case FunctionSymbol() as symbol:
                return Member(name, SymbolKind.FUNCTION, summary(ast.get_docstring(symbol.node) or ""))
            case ModuleSymbol():
                return Member(name, SymbolKind.MODULE, "")
            case _:
                return Member(name, SymbolKind.VALUE, "")

    def _class(self, asked: str, symbol: ClassSymbol) -> SymbolDoc:
        line = self._resolver.classes.line(symbol)
        called = self._calls.callable(symbol)
        remarks: list[str] = []
        if called is None:
            remarks.append("what its constructor takes cannot be said from sources alone")
        if None in line:
            remarks.append("one of its bases is compiled or made as the program runs")
        links = [link for link in line if link is not None]
        doc = ast.get_docstring(symbol.node) or ""
        return self._placed(
            SymbolDoc(
                asked,
                symbol.path,
                SymbolKind.CLASS,
                signature=self._documented(called, links) if called is not None else None,
                doc=doc or next((d for link in links if (d := ast.get_docstring(link.symbol.node))), ""),
                bases=tuple(link.symbol.path for link in links[1:]),
                members=tuple(_class_members(links)),
                first_line=_first(symbol.node),
                deprecated=of_definition(symbol.node),
                changes=self._changes(symbol.module, symbol.node.name),
                remarks=tuple(remarks),
            ),
            symbol.module,
            _segment(symbol.module, symbol.node),
        )

    def _documented(self, called: Called, links: list[Link]) -> Signature:
        """The signature with what docstrings say of each argument, the most derived class first."""
        said: dict[str, str] = {}
        docs = [ast.get_docstring(called.by.node) or ""] if called.by is not None else []
        for doc in (*docs, *(ast.get_docstring(link.symbol.node) or "" for link in links)):
            for name, text in arguments(doc).items():
                said.setdefault(name, text)
        old = self._calls.deprecated_arguments(called)

        def full(one: Parameter) -> Parameter:
            return replace(one, doc=said.get(one.name, one.doc), deprecated=old.get(one.name, one.deprecated))

        return replace(called.signature, parameters=tuple(full(one) for one in called.signature.parameters))

    def _function(self, asked: str, symbol: FunctionSymbol) -> SymbolDoc:
        called = self._calls.callable(symbol)
        doc = ast.get_docstring(symbol.node) or ""
        remarks: tuple[str, ...] = ()
        if called is None:
            written = of_arguments(symbol.node.args, symbol.node.returns)
            called = Called(symbol.name, written.without_first() if symbol.bound else written, symbol, symbol)
            remarks = ("a decorator may change what it takes: this is what its `def` says",)
        if symbol.owner is not None and not symbol.bound and "staticmethod" not in _marks(symbol):
            called = replace(called, signature=called.signature.without_first())
        kind = SymbolKind.METHOD if symbol.owner is not None else SymbolKind.FUNCTION
        kind = SymbolKind.PROPERTY if {"property", "cached_property"} & _marks(symbol) else kind
        return self._placed(
            SymbolDoc(
                asked,
                symbol.path,
                kind,
                signature=None if kind is SymbolKind.PROPERTY else self._documented(called, []),
                doc=doc,
                first_line=_first(symbol.node),
                deprecated=of_definition(symbol.node),
                changes=self._changes(symbol.module, symbol.node.name),
                remarks=remarks,
            ),
            symbol.module,
            _segment(symbol.module, symbol.node),
        )

    def _value(self, asked: str, value: ast.expr, module: Module, owner: str) -> SymbolDoc:
        lines = module.source.splitlines()[value.lineno - 1 : value.end_lineno or value.lineno]
        name = asked.rpartition(".")[2]
        path = ".".join(part for part in (module.name, owner if owner != name else "", name) if part)
        found = SymbolDoc(asked, path, SymbolKind.VALUE, first_line=value.lineno)
        return self._placed(found, module, "\n".join(lines))

    def _placed(self, doc: SymbolDoc, module: Module, source: str) -> SymbolDoc:
        installed = self._resolver.environment.owner(module.name)
        return replace(
            doc,
            package=installed.name if installed else "",
            version=installed.version if installed else "",
            file=str(module.located.source),
            source=source,
            doc=inspect.cleandoc(doc.doc),
        )

    def _changes(self, module: Module, name: str) -> tuple[str, ...]:
        installed = self._resolver.environment.owner(module.name)
        return changes(installed, name) if installed is not None else ()


def _class_members(links: list[Link]) -> Iterator[Member]:
    seen: set[str] = set()
    for link in links:
        for name, bound in link.names.bound.items():
            node = bound[-1]
            if name in seen or not (is_public(name) or name == "__call__"):
                continue
            seen.add(name)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                marks = {last_name(one) for one in node.decorator_list}
                kind = SymbolKind.PROPERTY if {"property", "cached_property"} & marks else SymbolKind.METHOD
                yield Member(name, kind, summary(ast.get_docstring(node) or ""))
            elif isinstance(node, Assigned) and node.annotation is None:
                yield Member(name, SymbolKind.VALUE, "")


def _marks(symbol: FunctionSymbol) -> set[str]:
    return {last_name(one) for one in symbol.node.decorator_list}


def _first(node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return min([node.lineno, *(one.lineno for one in node.decorator_list)])


def _segment(module: Module, node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    return "\n".join(module.source.splitlines()[_first(node) - 1 : node.end_lineno or node.lineno])
