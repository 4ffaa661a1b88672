"""Where a script looks before it leaps: code that only runs when something is there is not complained of.

`try: import x except ImportError`, `if is_x_available():`, version checks, `hasattr`, `pytest.raises`: what is behind
such a condition may be written for another version than the one that is installed.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Sequence

from labwright.documentation.environment import Environment
from labwright.documentation.modules import Module, is_type_checking
from labwright.documentation.passing import last_name

IMPORTS = frozenset(("imports",))
ALL = frozenset(("imports", "calls"))
NOTHING: frozenset[str] = frozenset()

_IMPORT_ERRORS = frozenset(("ImportError", "ModuleNotFoundError", "Exception", "BaseException", ""))
_CALL_ERRORS = frozenset(("TypeError", "AttributeError", "ImportError", "ModuleNotFoundError", "NameError"))
_EXPECTED = frozenset(("raises", "assertRaises", "assertRaisesRegex", "suppress"))
_GUARD = re.compile(
    r"availab|version|find_spec|hasattr|install|platform|support|import|TYPE_CHECKING|signature|__code__|modules|"
    r"\b_?(?:has|have|HAS|HAVE|WITH|IS|USE)_|_(?:lt|le|gt|ge|eq)_|>=|\bis None\b.*import"
)
_EXITS = ("exit", "_exit", "skip", "fail", "abort")


class Facts:
    """What is true of a whole script, gathered in one walk over it."""

    def __init__(self, module: Module, environment: Environment) -> None:
        self.changes_path = "sys.path" in module.source or "site.addsitedir" in module.source
        self.modules: set[str] = set()  # dotted names that it imports as modules or assigns to
        self.asked: set[str] = set()  # names whose being there it asks for: `hasattr(x, "name")`
        self.optional: set[str] = set()  # modules without which it is skipped
        self._environment = environment
        self._uses: Counter[str] = Counter()
        self._spread: Counter[str] = Counter()
        self._assigned: dict[str, list[ast.expr | None]] = {}
        self._flags: set[str] = set()  # names that were given the outcome of such a question
        for node in ast.walk(module.tree):
            self._gather(node)

    def guards(self, test: ast.expr) -> frozenset[str]:
        """What is not complained of behind a condition."""
        if is_type_checking(test) or (isinstance(test, ast.Constant) and not test.value):
            return ALL
        text = ast.unparse(test)
        if _GUARD.search(text):
            return ALL
        words = re.findall(r"\w+", text)
        if self._flags.intersection(words):
            return ALL
        about = (word.removeprefix("is_").split("_")[0] for word in words if word.startswith("is_"))
        return ALL if any(self._environment.find(name) is not None for name in about) else NOTHING

    def only_spread(self, name: str) -> ast.expr | None:
        """The value of a variable that is bound once and only ever used as `**name`; else None."""
        values = self._assigned.get(name, [])
        if len(values) != 1 or self._uses[name] != self._spread[name]:
            return None
        return values[0] if isinstance(values[0], ast.Dict | ast.Call) else None

    def _gather(self, node: ast.AST) -> None:
        match node:
            case ast.Import():
                for alias in node.names:
                    parts = alias.name.split(".")
                    self.modules.update(".".join(parts[:cut]) for cut in range(1, len(parts) + 1))
            case ast.Name(id=name, ctx=ast.Load()):
                self._uses[name] += 1
            case ast.Name(id=name):
                self._assigned.setdefault(name, [])
            case ast.Attribute(attr=attr, ctx=ast.Store() | ast.Del()):
                self.asked.add(attr)
            case ast.arg(arg=name):
                self._assigned.setdefault(name, []).append(None)
            case ast.keyword(arg=None, value=ast.Name(id=name)):
                self._spread[name] += 1
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                self._assigned.setdefault(name, []).append(value)
                if _GUARD.search(ast.unparse(value)) and not isinstance(value, ast.Constant):
                    self._flags.add(name)
            case ast.Call():
                self._gather_call(node)
            case _:
                pass

    def _gather_call(self, node: ast.Call) -> None:
        name = last_name(node)
        if name in ("hasattr", "getattr", "setattr", "delattr") and len(node.args) > 1:
            self.asked |= _string(node.args[1])
        if name == "importorskip" and node.args:
            self.optional |= {one.partition(".")[0] for one in _string(node.args[0])}


def caught(node: ast.Try | ast.TryStar) -> frozenset[str]:
    """What a `try` takes care of itself."""
    names: set[str] = set()
    for handler in node.handlers:
        kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
        names |= {last_name(kind) if kind is not None else "" for kind in kinds}
    if names & _CALL_ERRORS:
        return ALL
    return IMPORTS if names & _IMPORT_ERRORS else NOTHING


def expects_failure(node: ast.With) -> frozenset[str]:
    """`with pytest.raises(TypeError):` and its like."""
    return ALL if any(last_name(item.context_expr) in _EXPECTED for item in node.items) else NOTHING


def is_main(test: ast.expr) -> bool:
    """Whether a condition is `__name__ == "__main__"`: it holds when the script runs."""
    return isinstance(test, ast.Compare) and isinstance(test.left, ast.Name) and test.left.id == "__name__"


def leaves(body: Sequence[ast.stmt]) -> bool:
    """Whether a block ends by leaving what is around it."""
    last = body[-1]
    if isinstance(last, ast.Expr) and isinstance(last.value, ast.Call):
        return last_name(last.value) in _EXITS
    return isinstance(last, ast.Return | ast.Raise | ast.Continue | ast.Break)


def _string(node: ast.expr) -> set[str]:
    return {node.value} if isinstance(node, ast.Constant) and isinstance(node.value, str) else set()
