"""A callable's parameters, as its source gives them, and what is wrong with a call of it."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """How a parameter may be given."""

    POSITIONAL = "positional only"
    EITHER = "positional or keyword"
    MORE_POSITIONAL = "*"
    KEYWORD = "keyword only"
    MORE_KEYWORDS = "**"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter. `default` is its source text; None where the parameter must be given."""

    name: str
    kind: Kind = Kind.EITHER
    annotation: str = ""
    default: str | None = None
    inherited_from: str = ""  # the class that adds it, where that is not the one asked about
    doc: str = ""
    deprecated: str = ""  # what its source says of that

    def __str__(self) -> str:
        stars = self.kind.value if self.kind in (Kind.MORE_POSITIONAL, Kind.MORE_KEYWORDS) else ""
        text = f"{stars}{self.name}" + (f": {self.annotation}" if self.annotation else "")
        if self.default is None:
            return text
        return f"{text} = {self.default}" if self.annotation else f"{text}={self.default}"


@dataclass(frozen=True, slots=True)
class Signature:
    """Parameters in order, without `self`."""

    parameters: tuple[Parameter, ...] = ()
    returns: str = ""

    def __str__(self) -> str:
        shown: list[str] = []
        starred = False
        for index, parameter in enumerate(self.parameters):
            if parameter.kind is Kind.KEYWORD and not starred:
                shown.append("*")
            starred = starred or parameter.kind in (Kind.KEYWORD, Kind.MORE_POSITIONAL)
            shown.append(str(parameter))
            following = self.parameters[index + 1].kind if index + 1 < len(self.parameters) else None
            if parameter.kind is Kind.POSITIONAL and following is not Kind.POSITIONAL:
                shown.append("/")
        return f"({', '.join(shown)})" + (f" -> {self.returns}" if self.returns else "")

    def named(self, name: str) -> Parameter | None:
        """The parameter that a keyword argument of this name fills."""
        taken = (Kind.EITHER, Kind.KEYWORD)
        return next((one for one in self.parameters if one.name == name and one.kind in taken), None)

    @property
    def takes_any_keyword(self) -> bool:
        return any(one.kind is Kind.MORE_KEYWORDS for one in self.parameters)

    @property
    def keywords(self) -> tuple[str, ...]:
        return tuple(one.name for one in self.parameters if one.kind in (Kind.EITHER, Kind.KEYWORD))

    def without_first(self) -> Signature:
        """As seen on a bound method."""
        first = self.parameters[0] if self.parameters else None
        if first is None or first.kind is Kind.MORE_POSITIONAL:
            return self
        return Signature(self.parameters[1:], self.returns)


@dataclass(frozen=True, slots=True)
class Given:
    """What a call gives. `open_ended`: a `*` or `**` whose content is not known."""

    positional: int
    keywords: tuple[str, ...]
    more_positional: bool = False
    more_keywords: bool = False


class Fault(StrEnum):
    """What can be wrong with a call."""

    UNKNOWN = "unknown-argument"
    MISSING = "missing-argument"
    TOO_MANY = "too-many-arguments"
    TWICE = "argument-given-twice"


def faults(signature: Signature, given: Given) -> Iterator[tuple[Fault, str]]:
    """What a call would raise TypeError for: the fault, and the argument's name (or how many there may be)."""
    slots = [one for one in signature.parameters if one.kind in (Kind.POSITIONAL, Kind.EITHER)]
    takes_more = any(one.kind is Kind.MORE_POSITIONAL for one in signature.parameters)
    if given.positional > len(slots) and not takes_more:
        yield Fault.TOO_MANY, str(len(slots))
    filled = {one.name for one in slots[: given.positional]}
    for name in given.keywords:
        parameter = signature.named(name)
        if parameter is None and not signature.takes_any_keyword:
            yield Fault.UNKNOWN, name
        elif parameter is not None and name in filled:
            yield Fault.TWICE, name
    if given.more_positional or given.more_keywords:
        return
    for one in signature.parameters:
        required = one.default is None and one.kind not in (Kind.MORE_POSITIONAL, Kind.MORE_KEYWORDS)
        if required and one.name not in filled and one.name not in given.keywords:
            yield Fault.MISSING, one.name


def of_arguments(args: ast.arguments, returns: ast.expr | None = None) -> Signature:
    """The signature that a `def` writes."""
    found: list[Parameter] = []
    positional = [*args.posonlyargs, *args.args]
    defaults: Sequence[ast.expr | None] = [*[None] * (len(positional) - len(args.defaults)), *args.defaults]
    for index, (one, default) in enumerate(zip(positional, defaults, strict=True)):
        kind = Kind.POSITIONAL if index < len(args.posonlyargs) else Kind.EITHER
        found.append(_parameter(one, kind, default))
    if args.vararg is not None:
        found.append(_parameter(args.vararg, Kind.MORE_POSITIONAL, None))
    for one, default in zip(args.kwonlyargs, args.kw_defaults, strict=True):
        found.append(_parameter(one, Kind.KEYWORD, default))
    if args.kwarg is not None:
        found.append(_parameter(args.kwarg, Kind.MORE_KEYWORDS, None))
    return Signature(tuple(found), text(returns))


def alternatives(annotation: ast.expr | None) -> list[ast.expr]:
    """What an annotation allows, `None` left out: `A` and `B` of `A | B`, `Union[A, B, None]` or `"A | B"`."""
    match annotation:
        case None | ast.Constant(value=None):
            return []
        case ast.Constant(value=str() as written):
            try:
                return alternatives(ast.parse(written.strip(), mode="eval").body)
            except (SyntaxError, ValueError, RecursionError):
                return [annotation]
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return [*alternatives(left), *alternatives(right)]
        case ast.Subscript(value=ast.Name(id="Union" | "Optional") | ast.Attribute(attr="Union" | "Optional")):
            inside = annotation.slice
            parts = inside.elts if isinstance(inside, ast.Tuple) else [inside]
            return [one for part in parts for one in alternatives(part)]
        case _:
            return [annotation]


def text(node: ast.expr | None) -> str:
    """An expression's source; an annotation in quotes without them."""
    if node is None:
        return ""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ast.unparse(node)


def ordered(parameters: Iterable[Parameter]) -> tuple[Parameter, ...]:
    """Keyword-only parameters last, as a dataclass's `__init__` has them."""
    all_of_them = list(parameters)
    late = [one for one in all_of_them if one.kind is Kind.KEYWORD]
    return (*(one for one in all_of_them if one.kind is not Kind.KEYWORD), *late)


def _parameter(node: ast.arg, kind: Kind, default: ast.expr | None) -> Parameter:
    return Parameter(node.arg, kind, text(node.annotation), None if default is None else ast.unparse(default))
