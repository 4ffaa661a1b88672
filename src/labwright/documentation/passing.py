"""Whether a decorator or a function hands on what it is given, so that its signature still holds.

Read from the decorator's own source: it returns its argument, or a wrapper `(*args, **kwargs)` that passes all on.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator

from labwright.documentation.modules import Module
from labwright.documentation.symbols import Answer, ClassSymbol, FunctionNode, FunctionSymbol

Infer = Callable[[ast.expr, Module], Answer]

_KEEPS = frozenset(
    [
        "staticmethod",
        "classmethod",
        "abstractmethod",
        "abstractclassmethod",
        "wraps",
        "cache",
        "lru_cache",
        "contextmanager",
        "overload",
        "final",
        "asynccontextmanager",
        "override",
        "runtime_checkable",
        "no_type_check",
        "no_grad",
        "inference_mode",
        "enable_grad",
        "total_ordering",
        "deprecated",
    ]
)  # well known, and compiled or too clever to be read
_WEIGHTY = frozenset(("__init__", "__new__", "__call__", "__class__"))


def last_name(node: ast.expr) -> str:
    """`no_grad` of `torch.no_grad()`, of `torch.no_grad`, of `no_grad`."""
    if isinstance(node, ast.Call):
        return last_name(node.func)
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def keeps_signature(decorator: ast.expr, module: Module, infer: Infer) -> frozenset[str] | None:
    """What a decorator replaces on its argument (mostly nothing); None where it may give anything."""
    if last_name(decorator) in _KEEPS:
        return frozenset()
    called = isinstance(decorator, ast.Call)
    only = infer(decorator.func if isinstance(decorator, ast.Call) else decorator, module).only
    if not isinstance(only, FunctionSymbol):
        return None
    return _hands_on(_returned_function(only.node) if called else only.node)


def returns_its_argument(node: FunctionNode) -> frozenset[str] | None:
    """The attributes that it sets on its first argument before it returns it; None where it does anything else."""
    returned = _returned(node)
    return _changed(node) if returned and returned == {_first(node)} else None


def _changed(node: FunctionNode) -> frozenset[str] | None:
    """What a function sets on its first argument; None where that cannot be said, or it is bound anew."""
    first = _first(node)
    changed: set[str] = set()
    for inner in own_nodes(node):
        if isinstance(inner, ast.Name) and inner.id == first and isinstance(inner.ctx, ast.Store):
            return None
        if isinstance(inner, ast.Attribute) and isinstance(inner.ctx, ast.Store) and _is(inner.value, first):
            changed.add(inner.attr)
        if isinstance(inner, ast.Call) and last_name(inner) == "setattr" and inner.args and _is(inner.args[0], first):
            name = inner.args[1] if len(inner.args) > 1 else None
            if not (isinstance(name, ast.Constant) and isinstance(name.value, str)):
                return None
            changed.add(name.value)
    return frozenset(name for name in changed if not name.startswith("__") or name in _WEIGHTY)


def own_nodes(node: FunctionNode) -> Iterator[ast.AST]:
    """The nodes of a function's body, without those of functions and classes in it."""
    waiting: list[ast.AST] = list(node.body)
    while waiting:
        one = waiting.pop()
        yield one
        if not isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            waiting.extend(ast.iter_child_nodes(one))


def is_dataclass(symbol: ClassSymbol, infer: Infer) -> ast.expr | None:
    """The decorator that makes it a dataclass of the standard library."""
    for decorator in symbol.node.decorator_list:
        if last_name(decorator) == "dataclass":
            only = infer(decorator.func if isinstance(decorator, ast.Call) else decorator, symbol.module).only
            if isinstance(only, FunctionSymbol) and only.path == "dataclasses.dataclass":
                return decorator
    return None


def _hands_on(node: FunctionNode | None) -> frozenset[str] | None:
    """As above, where it may also return a wrapper that passes everything on."""
    if node is None or not node.args.args:
        return None
    inside = _inside(node)
    returned = _returned(node)
    wrappers = returned - {_first(node)}
    if not returned or not all(name in inside and _passes_all(inside[name]) for name in wrappers):
        return None
    return _changed(node)


def _returned_function(node: FunctionNode) -> FunctionNode | None:
    """The function defined in it that every `return` gives back."""
    names = _returned(node)
    return _inside(node).get(names.pop()) if len(names) == 1 else None


def _returned(node: FunctionNode) -> set[str]:
    """The plain names that its `return`s give; an empty one for any other expression."""
    returns = [one.value for one in own_nodes(node) if isinstance(one, ast.Return)]
    return {one.id if isinstance(one, ast.Name) else "" for one in returns}


def _inside(node: FunctionNode) -> dict[str, FunctionNode]:
    return {one.name: one for one in own_nodes(node) if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)}


def _first(node: FunctionNode) -> str:
    return node.args.args[0].arg if node.args.args else ""


def _passes_all(node: FunctionNode) -> bool:
    """Whether it takes `*args, **kwargs` (after `self`, perhaps) and only ever passes them on whole."""
    args = node.args
    if args.vararg is None or args.kwarg is None or args.kwonlyargs or len(args.args) > 1:
        return False
    if args.args and args.args[0].arg not in ("self", "cls"):
        return False
    whole, seen = 0, 0
    for inner in own_nodes(node):
        if isinstance(inner, ast.Name) and inner.id in (args.vararg.arg, args.kwarg.arg):
            seen += 1
        if isinstance(inner, ast.Starred) and _is(inner.value, args.vararg.arg):
            whole += 1
        if isinstance(inner, ast.keyword) and inner.arg is None and _is(inner.value, args.kwarg.arg):
            whole += 1
    return whole >= 2 and whole == seen


def _is(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name
