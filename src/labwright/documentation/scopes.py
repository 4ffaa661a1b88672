"""Which names a script's functions, lambdas and comprehensions bind, so that a name leads to the right thing."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from labwright.documentation.modules import Assigned, Bound, Imported, Module, Names, bindings, targets
from labwright.documentation.passing import last_name
from labwright.documentation.resolving import Resolver
from labwright.documentation.symbols import Answer, ClassSymbol, FunctionSymbol, Opaque, Symbol, opaque

_Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


@dataclass(frozen=True, slots=True, eq=False)
class Scope:
    """One level of names; `outer` is sought next. A class's names are not seen from the functions in it."""

    names: Names
    outer: Scope | None = None
    is_class: bool = False
    prefix: str = ""  # of the qualified names of what is defined in it


class Scopes:
    """What names of one script stand for."""

    def __init__(self, module: Module, resolver: Resolver) -> None:
        self._module = module
        self._resolver = resolver
        self.top = Scope(module.names)
        self._known: dict[tuple[Scope, str], Answer] = {}
        self._busy: set[tuple[Scope, str]] = set()

    def function(self, node: _Function, outer: Scope) -> Scope:
        """The scope of a function's body."""
        body = node.body if isinstance(node.body, list) else []
        names = bindings(body, self._module)
        args = node.args
        for one in (*args.posonlyargs, *args.args, *args.kwonlyargs, args.vararg, args.kwarg):
            if one is not None:
                names.bind(one.arg, Assigned(None), conditional=True)
        for inner in ast.walk(node) if self._module.says_global else ():
            if isinstance(inner, ast.Global | ast.Nonlocal):
                for name in inner.names:
                    names.bind(name, Assigned(None), conditional=True)
        prefix = f"{outer.prefix}{node.name}.<locals>." if not isinstance(node, ast.Lambda) else outer.prefix
        return Scope(names, _seen_from_inside(outer), prefix=prefix)

    def of_class(self, node: ast.ClassDef, outer: Scope) -> Scope:
        names = bindings(node.body, self._module)
        return Scope(names, _seen_from_inside(outer), is_class=True, prefix=f"{outer.prefix}{node.name}.")

    def comprehension(self, node: _Comprehension, outer: Scope) -> Scope:
        names = Names()
        for generator in node.generators:
            for name in targets(generator.target):
                names.bind(name, Assigned(None), conditional=True)
        return Scope(names, outer, prefix=outer.prefix)

    def evaluate(self, node: ast.expr, scope: Scope) -> Answer:
        """What an expression in a scope stands for."""
        return self._resolver.evaluate(node, lambda name: self.named(name, scope))

    def named(self, name: str, scope: Scope) -> Answer:
        """What a name stands for: one of everything that is ever bound to it in the scope where it is found."""
        at: Scope | None = scope
        while at is not None:
            if name in at.names.bound:
                return self._found(name, at)
            at = at.outer
        return self._starred(name)

    def _starred(self, name: str) -> Answer:
        """What a star import at the top brings under a name: of several the last, unless one cannot be read."""
        for star in reversed(self.top.names.stars):
            offered = self._resolver.star_names(star)
            if offered is None:
                break
            if name in offered:
                return self._resolver.imported_from(star, name)
        return opaque("a built-in name, or from a star import that cannot be read")

    def _found(self, name: str, scope: Scope) -> Answer:
        key = (scope, name)
        if key not in self._known:
            if key in self._busy:
                return opaque("bound in a circle")
            self._busy.add(key)
            options: list[Symbol] = []
            for bound in (*scope.names.earlier.get(name, ()), *scope.names.bound[name]):
                if isinstance(bound, ast.FunctionDef) and any(last_name(d) == "overload" for d in bound.decorator_list):
                    continue  # what is called is the definition after it
                options.extend(self._bound(bound, scope).options or (Opaque("not there"),))
            self._busy.discard(key)
            self._known[key] = Answer(tuple(dict.fromkeys(options)))
        return self._known[key]

    def _bound(self, bound: Bound, scope: Scope) -> Answer:
        match bound:
            case ast.ClassDef():
                if scope is not self.top:
                    return opaque("a class of a function: its bases may be local names")
                return Answer((ClassSymbol(scope.prefix + bound.name, self._module, bound),))
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                return Answer((FunctionSymbol(scope.prefix + bound.name, self._module, bound),))
            case Imported(source, wanted):
                return (
                    self._resolver.imported(source) if wanted is None else self._resolver.imported_from(source, wanted)
                )
            case Assigned(value, _) if value is not None:
                return self.evaluate(value, scope)
            case _:
                return opaque("its value is not a plain expression")


def _seen_from_inside(scope: Scope) -> Scope:
    """The scope that a function sees around it: past a class's own names."""
    while scope.is_class and scope.outer is not None:
        scope = scope.outer
    return scope
