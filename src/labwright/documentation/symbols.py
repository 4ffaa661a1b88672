"""What a name can stand for, as far as sources tell: modules, classes, functions, instances, and what is not known."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from labwright.documentation.modules import Module

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class ModuleSymbol:
    """A module with source."""

    module: Module


@dataclass(frozen=True, slots=True)
class ClassSymbol:
    """A class. `patched` names what a function that returned it had put in its place."""

    name: str  # qualified inside its module
    module: Module
    node: ast.ClassDef
    patched: frozenset[str] = frozenset()

    @property
    def path(self) -> str:
        return f"{self.module.name}.{self.name}"


@dataclass(frozen=True, slots=True)
class FunctionSymbol:
    """A function or method. `bound`: its first parameter is filled; `perhaps`: it, or what a subclass made of it."""

    name: str
    module: Module
    node: FunctionNode
    owner: ClassSymbol | None = None
    bound: bool = False
    perhaps: bool = False

    @property
    def path(self) -> str:
        return f"{self.module.name}.{self.name}"


@dataclass(frozen=True, slots=True)
class InstanceSymbol:
    """An object of this class: its constructor was seen called. Not `exact`: a function promises it, or a subclass."""

    of: ClassSymbol
    exact: bool = True


@dataclass(frozen=True, slots=True)
class Opaque:
    """Something is there, or may be; what it is cannot be said from sources."""

    why: str
    value: ast.expr | None = field(default=None, compare=False)
    module: Module | None = field(default=None, compare=False)
    name: str = ""


Symbol = ModuleSymbol | ClassSymbol | FunctionSymbol | InstanceSymbol | Opaque


@dataclass(frozen=True, slots=True)
class Answer:
    """What a name may stand for, or that it provably does not exist (`absent`)."""

    options: tuple[Symbol, ...] = ()
    absent: bool = False

    @property
    def only(self) -> Symbol | None:
        """The one thing that it can be; None where there are several, or where it is not known."""
        return self.options[0] if len(self.options) == 1 and not isinstance(self.options[0], Opaque) else None


ABSENT = Answer(absent=True)


def opaque(why: str) -> Answer:
    return Answer((Opaque(why),))
