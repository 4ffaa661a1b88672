"""Follows names from module to module: re-exports, aliases, star imports and lazy packages, reading one file at a time.

The answer is one of three: what it is, that it does not exist, or that sources cannot tell. Only the second is ever
reported as a mistake, so every doubt ends in the third.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from labwright.documentation.classes import Classes
from labwright.documentation.environment import Environment, Located
from labwright.documentation.modules import Assigned, Bound, Imported, Module
from labwright.documentation.passing import own_nodes, returns_its_argument
from labwright.documentation.signatures import alternatives
from labwright.documentation.symbols import (
    ABSENT,
    Answer,
    ClassSymbol,
    FunctionSymbol,
    InstanceSymbol,
    ModuleSymbol,
    Opaque,
    Symbol,
    opaque,
)

_MODULE_ATTRIBUTES = frozenset(
    [
        "__name__",
        "__doc__",
        "__file__",
        "__path__",
        "__package__",
        "__spec__",
        "__loader__",
        "__dict__",
        "__class__",
        "__cached__",
        "__builtins__",
        "__annotations__",
        "__version__",
        "__all__",
    ]
)
_MOST_BYTES = 4_000_000
_MOST_OPTIONS = 4


class Resolver:
    """Names of one environment. Modules are read when first asked for, and kept."""

    def __init__(self, environment: Environment) -> None:
        self.environment = environment
        self._modules: dict[str, Module | None] = {}
        self._answers: dict[tuple[str, str], Answer] = {}
        self._stars: dict[str, frozenset[str] | None] = {}
        self._busy: set[tuple[str, str]] = set()
        self.classes = Classes(self.infer)

    # Modules

    def module(self, name: str) -> Module | None:
        """A module with readable source; None where there is none, or no source."""
        if name not in self._modules:
            self._modules[name] = self._read(self.environment.find(name))
        return self._modules[name]

    @contextmanager
    def beside(self, module: Module) -> Iterator[None]:
        """While it lasts, a script is known under its name too."""
        self._modules[module.name] = module
        try:
            yield
        finally:
            del self._modules[module.name]
            self._stars.pop(module.name, None)
            self._answers = {key: answer for key, answer in self._answers.items() if key[0] != module.name}
            self.classes.forget(module.name)

    def exists(self, name: str) -> bool | None:
        """Whether a module can be imported; None where a package finds its modules by its own means."""
        if self.environment.find(name) is not None or (name in self._modules and self._modules[name] is not None):
            return True
        parent, _, last = name.rpartition(".")
        if not parent:
            return name in self.environment.standard  # of the standard library, though not on this machine's disk
        above = self.exists(parent)
        if above is not True:
            return above
        located = self.environment.find(parent)
        if located is None or located.source is None:
            return None  # compiled and built-in modules may hold modules of their own
        package = self.module(parent)
        if package is None:
            return None
        if self._mentions_hook(name) or "__path__" in package.mentions:
            root = self.module(name.partition(".")[0])
            if root is None or parent != root.name or last in root.mentions:
                return None
        if last in package.mentions and ("modules" in package.mentions or package.adds_names):
            return None  # such as os.path: put into sys.modules by hand
        return False

    def _mentions_hook(self, name: str) -> bool:
        root = self.module(name.partition(".")[0])
        return root is not None and "meta_path" in root.mentions

    def _read(self, located: Located | None) -> Module | None:
        if located is None or located.source is None:
            return None
        try:
            raw = Path(located.source).read_bytes()
            module = Module(located, raw.decode("utf-8", errors="replace"))
            if len(raw) <= _MOST_BYTES:
                return module
        except OSError:
            pass
        return None

    # Names

    def path(self, dotted: str) -> Answer:
        """What a whole dotted name stands for, such as `trl.SFTTrainer.train`."""
        parts = dotted.split(".")
        for cut in range(len(parts), 0, -1):
            name = ".".join(parts[:cut])
            if self.environment.find(name) is None:
                continue
            answer = self.imported(name)
            if cut == len(parts) or answer.only is None:
                return answer if cut == len(parts) else opaque("compiled")
            for part in parts[cut:]:
                if answer.only is None:
                    return answer if answer.absent else opaque("what it belongs to is not known")
                answer = self.attribute(answer.only, part)
            return answer
        return ABSENT

    def imported(self, name: str) -> Answer:
        """The module itself."""
        module = self.module(name)
        if module is not None:
            return Answer((ModuleSymbol(module),))
        return ABSENT if self.exists(name) is False else opaque(f"{name} has no source to read")

    def member(self, module: Module, name: str) -> Answer:
        """What a module calls so."""
        key = (module.name, name)
        if key in self._answers:
            return self._answers[key]
        if key in self._busy:
            return opaque("defined in a circle")
        self._busy.add(key)
        try:
            answer = self._member(module, name)
        finally:
            self._busy.discard(key)
        self._answers[key] = answer
        return answer

    def _member(self, module: Module, name: str) -> Answer:
        try:
            names = module.names
        except (SyntaxError, ValueError, RecursionError):
            return opaque("its source is not read by this Python")
        if name in names.bound:
            return self.options(names.bound[name], module, name)
        unclear = False
        for star in names.stars:
            offered = self.star_names(star)
            if offered is None:
                unclear = True
            elif name in offered:
                target = self.module(star)
                return self.member(target, name) if target is not None else opaque("no source")
        submodule = f"{module.name}.{name}"
        if module.is_package and self.environment.find(submodule) is not None:
            return self.imported(submodule)
        if unclear or name in _MODULE_ATTRIBUTES or (module.is_package and self.exists(submodule) is None):
            return opaque("it may come from a star import or by a module's own means")
        if module.adds_names and not self._lazy_without(module, name):
            return opaque("the module binds names as it runs")
        return ABSENT

    def _lazy_without(self, module: Module, name: str) -> bool:
        """Whether a module lists its lazy names, and this is provably none of them.

        Such a module has an `if TYPE_CHECKING:` that imports what it serves. What it serves by rules (`XFast` for
        `X`) shows as `endswith` in the class that stands for the module.
        """
        if not module.names.typed_own or name in module.mentions:
            return False
        for served in module.names.bound.values():
            for what in served:
                if isinstance(what, Imported) and what.name is not None and "lazy" in what.name.lower():
                    for symbol in self.options([what], module, what.name).options:
                        if not isinstance(symbol, ClassSymbol) or name.endswith(_suffixes(symbol.node)):
                            return False
        return True

    def options(self, bound: list[Bound], module: Module, name: str) -> Answer:
        """What a module's bindings of a name lead to."""
        options: list[Symbol] = []
        for what in bound:
            answer = self._bound(what, module, name)
            options.extend(answer.options or (Opaque("it is bound to what does not exist"),))
        return Answer(tuple(dict.fromkeys(options)))

    def _bound(self, what: Bound, module: Module, name: str) -> Answer:
        match what:
            case ast.ClassDef():
                return Answer((ClassSymbol(what.name, module, what),))
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                return Answer((FunctionSymbol(what.name, module, what),))
            case Imported(source, wanted):
                if source == module.name and wanted == name and self.exists(f"{source}.{name}"):
                    return self.imported(f"{source}.{name}")  # a package that imports a module of its own from itself
                return self.imported(source) if wanted is None else self.imported_from(source, wanted)
            case Assigned(value, _):
                if value is None:
                    return opaque("its value is not a plain expression")
                answer = self.infer(value, module, before=name)
                if not answer.absent and all(isinstance(option, Opaque) for option in answer.options):
                    return Answer((Opaque("a value", value, module, name),))
                return answer

    def imported_from(self, source: str, name: str) -> Answer:
        """What `from source import name` gives."""
        target = self.module(source)
        if target is None:
            return ABSENT if self.exists(source) is False else opaque(f"{source} has no source to read")
        return self.member(target, name)

    def star_names(self, source: str) -> frozenset[str] | None:
        """What `from source import *` gives; None where it cannot be said."""
        if source not in self._stars:
            self._stars[source] = None  # of a circle nothing is known
            self._stars[source] = self._star_names(source)
        return self._stars[source]

    def _star_names(self, source: str) -> frozenset[str] | None:
        module = self.module(source)
        if module is None:
            return None
        if module.exported is not None:
            return frozenset(module.exported)
        try:
            names = module.names
        except (SyntaxError, ValueError, RecursionError):
            return None
        lazy = names.typed_own
        if "__all__" in names.bound or (module.adds_names and not lazy):
            return None
        found = {name for name in names.bound if not name.startswith("_")}
        for star in names.stars:
            more = self.star_names(star)
            if more is None:
                return None
            found |= more
        return frozenset(found)

    # Expressions

    def infer(self, node: ast.expr, module: Module, *, before: str = "") -> Answer:
        """What an expression of a module's top level stands for. `before`: the name that it is being bound to."""

        def named(name: str) -> Answer:
            if name == before:
                earlier = module.names.earlier.get(name, [])
                return self.options(earlier[-1:], module, name) if earlier else opaque("bound to itself")
            if name in module.names.bound or module.names.stars:
                return self.member(module, name)
            return opaque("a built-in name")

        return self.evaluate(node, named)

    def evaluate(self, node: ast.expr, named: Callable[[str], Answer]) -> Answer:
        """What an expression stands for, where `named` says what a plain name does."""
        match node:
            case ast.Name(id=name):
                return named(name)
            case ast.Attribute(value=base, attr=attr):
                return self._each(self.evaluate(base, named), lambda symbol: self.attribute(symbol, attr))
            case ast.Subscript(value=base) if isinstance(base, ast.Name | ast.Attribute):
                only = self.evaluate(base, named).only
                return Answer((only,)) if isinstance(only, ClassSymbol) else opaque("an element")
            case ast.Call():
                first = self.evaluate(node.args[0], named) if node.args else None
                return self._each(self.evaluate(node.func, named), lambda symbol: self.called(symbol, first))
            case _:
                return opaque("an expression")

    def _each(self, answer: Answer, then: Callable[[Symbol], Answer]) -> Answer:
        """The same question to everything that something can be: absent where it is so for all."""
        if not answer.options or len(answer.options) > _MOST_OPTIONS:
            return opaque("not known")
        answers = [then(symbol) for symbol in answer.options]
        if all(one.absent for one in answers):
            return ABSENT
        options = [option for one in answers for option in (one.options or (Opaque("not there"),))]
        return Answer(tuple(dict.fromkeys(options)))

    def called(self, called: Symbol | None, first: Answer | None) -> Answer:
        """What a call gives, whose first argument is `first`."""
        if isinstance(called, ClassSymbol) and self.classes.makes_instances(called):
            return Answer((InstanceSymbol(called),))
        if isinstance(called, FunctionSymbol) and first is not None and first.only is not None:
            patched = returns_its_argument(called.node)
            if patched is not None and not called.node.decorator_list:
                only = first.only
                if isinstance(only, ClassSymbol):
                    return Answer((ClassSymbol(only.name, only.module, only.node, only.patched | patched),))
                return first if not patched else opaque("changed by a call")
        return self._promised(called) if isinstance(called, FunctionSymbol) else opaque("what a call gives")

    def _promised(self, called: FunctionSymbol) -> Answer:
        """What a function gives by its annotation, where that names classes and nothing wraps the function."""
        node = called.node
        if not isinstance(node, ast.FunctionDef) or self.classes.signature(called) is None:
            return opaque("what a call gives")
        if any(isinstance(inner, ast.Yield | ast.YieldFrom) for inner in own_nodes(node)):
            return opaque("what is given one by one")
        named = [self.infer(one, called.module).only for one in alternatives(node.returns)]
        classes = [one for one in named if isinstance(one, ClassSymbol) and self.classes.makes_instances(one)]
        if not classes or len(classes) < len(named):
            return opaque("what a call gives")
        return Answer(tuple(InstanceSymbol(one, exact=False) for one in dict.fromkeys(classes)))

    def attribute(self, symbol: Symbol, name: str) -> Answer:
        """What an attribute of something stands for."""
        match symbol:
            case ModuleSymbol(module):
                return self.member(module, name)
            case ClassSymbol():
                return self.classes.attribute(symbol, name, instance=False)
            case InstanceSymbol(of, exact):
                answer = self.classes.attribute(of, name, instance=True)
                if exact:
                    return answer
                if answer.absent:
                    return opaque("a subclass may have it")
                return Answer(
                    tuple(
                        replace(one, perhaps=True) if isinstance(one, FunctionSymbol) else one for one in answer.options
                    )
                )
            case _:
                return opaque("an attribute of what is not known")


def _suffixes(node: ast.ClassDef) -> tuple[str, ...]:
    """What a class's methods test the ends of names for."""
    return tuple(
        call.args[0].value
        for call in ast.walk(node)
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr == "endswith"
        and call.args
        and isinstance(call.args[0], ast.Constant)
        and isinstance(call.args[0].value, str)
    )
