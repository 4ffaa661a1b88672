"""What is wrong with a call, given what is called: arguments it does not take, misses, or should not be given."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from labwright.documentation.deprecations import of_definition, of_parameters
from labwright.documentation.docstrings import arguments
from labwright.documentation.passing import own_nodes
from labwright.documentation.problems import ProblemKind, nearest, quoted
from labwright.documentation.resolving import Resolver
from labwright.documentation.signatures import Fault, Given, Kind, Signature, faults, of_arguments
from labwright.documentation.swallowed import Loading, meant_by, slips
from labwright.documentation.symbols import Answer, ClassSymbol, FunctionSymbol, InstanceSymbol, Symbol

_MOST_NAMED = 12  # arguments, where none is like the one that was given
_KINDS = {
    Fault.UNKNOWN: ProblemKind.UNKNOWN_ARGUMENT,
    Fault.MISSING: ProblemKind.MISSING_ARGUMENT,
    Fault.TOO_MANY: ProblemKind.TOO_MANY_ARGUMENTS,
    Fault.TWICE: ProblemKind.ARGUMENT_TWICE,
}


@dataclass(frozen=True, slots=True)
class Called:
    """Something that can be called: its name for people, what it takes, and where that is written."""

    name: str
    signature: Signature
    by: FunctionSymbol | None  # the function whose source it is; None for a dataclass's fields
    symbol: ClassSymbol | FunctionSymbol


@dataclass(frozen=True, slots=True)
class Complaint:
    """A problem of a call, at one of its arguments (by name) or at the call itself."""

    kind: ProblemKind
    argument: str
    what: str
    cure: str = ""


class Calls:
    """Judges calls by the sources of what they call."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver
        self._known: dict[Symbol, Called | None] = {}
        self._deprecated: dict[Symbol, dict[str, str]] = {}
        self._loading = Loading(resolver)

    def callable(self, symbol: Symbol) -> Called | None:
        """What it takes; None where that is not known."""
        if symbol not in self._known:
            self._known[symbol] = self._callable(symbol)
        return self._known[symbol]

    def _callable(self, symbol: Symbol) -> Called | None:
        classes = self._resolver.classes
        match symbol:
            case ClassSymbol():
                constructor = classes.constructor(symbol)
                if constructor is None:
                    return None
                signature, by = constructor
                return Called(symbol.name, self.followed(signature, by), by, symbol)
            case FunctionSymbol():
                found = classes.signature(symbol)
                if found is None and symbol.perhaps:  # of such only slips are told, whatever wraps it
                    found = of_arguments(symbol.node.args).without_first()
                return None if found is None else Called(symbol.name, self.followed(found, symbol), symbol, symbol)
            case InstanceSymbol(of):
                called = classes.attribute(of, "__call__", instance=True).only
                return self._callable(called) if isinstance(called, FunctionSymbol) else None
            case _:
                return None

    def followed(self, signature: Signature, by: FunctionSymbol | None, depth: int = 4) -> Signature:
        """The same with what its `**kwargs` may hold, where they go nowhere but to one callable that is closed.

        `def __init__(self, a, **kwargs): super().__init__(**kwargs)` takes `a` and what the base takes.
        """
        if by is None or not signature.takes_any_keyword or depth == 0:
            return signature
        target = self._forwarded(by)
        if target is None:
            return signature
        further = self.followed(target[0], target[1], depth - 1)
        if further.takes_any_keyword:
            return signature
        own = {one.name for one in signature.parameters}
        filled = target[2]
        more = [
            parameter
            for name in further.keywords
            if name not in own and name not in filled and (parameter := further.named(name)) is not None
        ]
        kept = [one for one in signature.parameters if one.kind is not Kind.MORE_KEYWORDS]
        # A default stands for "need not be given": the base's own call may fill what it requires in another way.
        late = [replace(one, kind=Kind.KEYWORD, default=one.default or "...") for one in more]
        return Signature((*kept, *late), signature.returns)

    def _forwarded(self, by: FunctionSymbol) -> tuple[Signature, FunctionSymbol | None, frozenset[str]] | None:
        """The callable to which a function hands its `**kwargs` whole, if that is all it does with them."""
        kwarg = by.node.args.kwarg
        if kwarg is None:
            return None
        mentioned = [n for n in ast.walk(by.node) if isinstance(n, ast.Name) and n.id == kwarg.arg]
        calls = [
            node
            for node in own_nodes(by.node)
            if isinstance(node, ast.Call)
            and any(w.arg is None and isinstance(w.value, ast.Name) and w.value.id == kwarg.arg for w in node.keywords)
        ]
        if len(mentioned) != 1 or len(calls) != 1:
            return None
        call = calls[0]
        stars = [word for word in call.keywords if word.arg is None]
        if len(stars) != 1 or any(isinstance(one, ast.Starred) for one in call.args):
            return None
        found = self._target(call, by)
        if found is None:
            return None
        signature, target = found
        slots = [one.name for one in signature.parameters[: len(call.args)]]
        return signature, target, frozenset((*slots, *(word.arg for word in call.keywords if word.arg)))

    def _target(self, call: ast.Call, by: FunctionSymbol) -> tuple[Signature, FunctionSymbol | None] | None:
        if is_super_init(call) and by.owner is not None and by.node.name == "__init__":
            return self.base_constructor(by.owner)
        return None

    def base_constructor(self, owner: ClassSymbol) -> tuple[Signature, FunctionSymbol | None] | None:
        """What `super().__init__` takes in a class that has one base."""
        if len(owner.node.bases) != 1:
            return None
        base = self._resolver.infer(owner.node.bases[0], owner.module).only
        return self._resolver.classes.constructor(base) if isinstance(base, ClassSymbol) else None

    # Judging

    def complaints(self, answer: Answer, given: Given, literal: frozenset[str]) -> Iterator[Complaint]:
        """What is wrong for everything that the called name can be. `literal`: arguments given as plain None/False."""
        if not answer.options or answer.absent:
            return
        known = [self.callable(symbol) for symbol in answer.options]
        if any(one is None for one in known):
            return
        all_of_them = [one for one in known if one is not None]
        found = [set(_certain(one, given)) for one in all_of_them]
        for fault, name in sorted(set.intersection(*found)):
            yield self._complaint(all_of_them[0], fault, name)
        if len(all_of_them) == 1:
            called = all_of_them[0]
            yield from self._deprecations(called, given, literal)
            if called.by is not None:
                yield from (Complaint(*told) for told in slips(called.by, called.name, called.signature, given))

    def loading(self, of: Answer, given: Given) -> Iterator[Complaint]:
        """What is wrong with a call of `from_pretrained` of what `of` is."""
        return (Complaint(*told) for told in self._loading.problems(of.only, given))

    def partial(self, answer: Answer, given: Given) -> Iterator[Complaint]:
        """What is wrong with arguments that `functools.partial` keeps for later; more of them may come then."""
        for complaint in self.complaints(answer, replace(given, more_keywords=True, more_positional=True), frozenset()):
            if complaint.kind is not ProblemKind.DEPRECATED:
                yield complaint

    def _complaint(self, called: Called, fault: Fault, name: str) -> Complaint:
        label = f"`{called.name}`"
        match fault:
            case Fault.UNKNOWN:
                return Complaint(
                    _KINDS[fault], name, f"{label} takes no argument `{name}`", self.suggestion(called, name)
                )
            case Fault.MISSING:
                return Complaint(_KINDS[fault], "", f"{label} needs the argument `{name}`")
            case Fault.TOO_MANY:
                count = "no positional arguments" if name == "0" else f"at most {name} positional arguments"
                return Complaint(_KINDS[fault], "", f"{label} takes {count}")
            case Fault.TWICE:
                return Complaint(_KINDS[fault], name, f"{label} gets `{name}` by position and by name")

    def suggestion(self, called: Called, name: str) -> str:
        """What there is instead: the nearest names, those whose type says it, and fields of its config's class."""
        own = called.signature.keywords
        elsewhere = list(self._config_fields(called))
        exact = [path for path, fields in elsewhere if name in fields]
        if exact:
            return f"`{exact[0]}` takes it"
        close = nearest(name, own)
        typed = [
            one.name
            for one in called.signature.parameters
            if len(name) > 4 and re.search(re.escape(name.replace("_", "")), one.annotation.replace("_", ""), re.I)
        ]
        if close and not typed:
            return f"did you mean {quoted(close)}?"
        if typed:
            return f"`{typed[0]}` takes such a thing"
        for path, fields in elsewhere:
            if near := nearest(name, fields, 2):
                return f"`{path}` has {quoted(near)}"
        if len(own) > _MOST_NAMED:
            return f"none of its {len(own)} arguments is like it"
        return f"it takes {quoted(own)}" if own else "it takes none"

    def _config_fields(self, called: Called) -> Iterator[tuple[str, tuple[str, ...]]]:
        """The classes that its annotations name, with what their constructors take: `args: SFTConfig`."""
        module = called.by.module if called.by is not None else called.symbol.module
        for parameter in called.signature.parameters:
            for word in re.findall(r"\b(?:[A-Z]\w*)?(?:Config|Arguments|Args)\b", parameter.annotation):
                symbol = self._resolver.infer(ast.Name(word), module).only
                found = self.callable(symbol) if isinstance(symbol, ClassSymbol) else None
                if found is not None and found.symbol is not called.symbol:
                    yield word, found.signature.keywords

    def _deprecations(self, called: Called, given: Given, literal: frozenset[str]) -> Iterator[Complaint]:
        said = of_definition(called.symbol.node)
        if not said and called.by is not None and called.by.node is not called.symbol.node:
            said = of_definition(called.by.node) if not isinstance(called.symbol, ClassSymbol) else ""
        if said:
            yield Complaint(ProblemKind.DEPRECATED, "", f"`{called.name}` is deprecated", said)
        old = self.deprecated_arguments(called)
        for name in given.keywords:
            if name in old and name not in literal:
                yield Complaint(ProblemKind.DEPRECATED, name, f"`{name}` of `{called.name}` is deprecated", old[name])

    def deprecated_arguments(self, called: Called) -> dict[str, str]:
        """The arguments that its sources call deprecated; what a derived class says of one counts before its base."""
        if called.symbol not in self._deprecated:
            found = {one.name: one.deprecated for one in called.signature.parameters if one.deprecated}
            for name, said in self._said(called):
                found.setdefault(name, said)
            self._deprecated[called.symbol] = {name: said for name, said in found.items() if said}
        return self._deprecated[called.symbol]

    def _said(self, called: Called) -> Iterable[tuple[str, str]]:
        if isinstance(called.symbol, FunctionSymbol):
            yield from of_parameters([called.symbol.node], ast.get_docstring(called.symbol.node) or "").items()
            return
        for link in self._resolver.classes.line(called.symbol):
            if link is None:
                return
            inits = [
                one
                for one in link.symbol.node.body
                if isinstance(one, ast.FunctionDef) and one.name in ("__init__", "__post_init__")
            ]
            docs = [ast.get_docstring(link.symbol.node) or "", *(ast.get_docstring(one) or "" for one in inits)]
            said = {name: text for doc in docs for name, text in of_parameters(inits, doc).items()}
            yield from said.items()
            yield from ((name, "") for doc in docs for name in arguments(doc) if name not in said)
            if called.by is not None and called.by.owner is not None and link.symbol.node is called.by.owner.node:
                return  # its `__init__` is the one that is called


def _certain(called: Called, given: Given) -> Iterator[tuple[Fault, str]]:
    """What is wrong with a call; of a method that a subclass may have changed, only slips of the pen."""
    changed = isinstance(called.symbol, FunctionSymbol) and called.symbol.perhaps
    for fault, name in faults(called.signature, given):
        if not changed or (fault is Fault.UNKNOWN and meant_by(name, called.signature.keywords)):
            yield fault, name


def is_partial(answer: Answer) -> bool:
    """Whether what is called is `functools.partial`, of which there is a compiled one, too."""
    return any(isinstance(one, ClassSymbol) and one.path == "functools.partial" for one in answer.options)


def is_super_init(call: ast.Call) -> bool:
    """Whether a call is `super().__init__(…)`."""
    func = call.func
    return (
        isinstance(func, ast.Attribute)
        and func.attr == "__init__"
        and isinstance(func.value, ast.Call)
        and isinstance(func.value.func, ast.Name)
        and func.value.func.id == "super"
        and not func.value.args
    )
