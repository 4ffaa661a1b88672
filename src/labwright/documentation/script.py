"""Reads a script and says what of the installed packages it uses wrongly. Nothing is imported, nothing is run.

What a model remembers of TRL and Transformers is from another year. Every complaint here is one that Python itself
would make (ImportError, AttributeError, TypeError) or that the package makes (a deprecation); where sources leave a
doubt, nothing is said: a check that cries wolf is not read.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from itertools import chain
from pathlib import Path

from labwright.documentation.calls import Calls, Complaint, is_partial, is_super_init
from labwright.documentation.environment import Environment, Located, normalised
from labwright.documentation.finding import defined
from labwright.documentation.guards import (
    ALL,
    IMPORTS,
    NOTHING,
    Facts,
    caught,
    expects_failure,
    is_main,
    leaves,
)
from labwright.documentation.header import header_problems
from labwright.documentation.modules import Imported, Module
from labwright.documentation.problems import Problem, ProblemKind, nearest, quoted
from labwright.documentation.resolving import Resolver
from labwright.documentation.scopes import Scope, Scopes
from labwright.documentation.signatures import Given, faults
from labwright.documentation.symbols import ClassSymbol, FunctionSymbol, InstanceSymbol, ModuleSymbol


class ScriptCheck(ast.NodeVisitor):
    """The check of one script."""

    def __init__(self, module: Module, resolver: Resolver, siblings: Sequence[Path]) -> None:
        self._module = module
        self._resolver = resolver
        self._calls = Calls(resolver)
        self._scopes = Scopes(module, resolver)
        self._scope = self._scopes.top
        self._siblings = siblings
        self._guarded: frozenset[str] = NOTHING  # of "imports", "calls": what is not complained of here
        self._perhaps = False  # in a function or behind a condition: it may never run
        self._class: ClassSymbol | None = None
        self._facts = Facts(module, resolver.environment)
        self.problems: list[Problem] = []

    # Blocks

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self._function(node)

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        for outside in (*node.decorator_list, *node.args.defaults, *(one for one in node.args.kw_defaults if one)):
            self.visit(outside)
        marks = " ".join(ast.unparse(one) for one in node.decorator_list).lower()
        conditional = IMPORTS if "require" in marks or "skip" in marks else NOTHING
        with self._inside(self._scopes.function(node, self._scope), conditional, function=True):
            self._block(node.body)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        with self._inside(self._scopes.function(node, self._scope), NOTHING, function=True):
            self.visit(node.body)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        for outside in (*node.decorator_list, *node.bases, *(word.value for word in node.keywords)):
            self.visit(outside)
        found = self._scopes.named(node.name, self._scope).only
        outer, self._class = self._class, found if isinstance(found, ClassSymbol) else None
        with self._inside(self._scopes.of_class(node, self._scope), NOTHING):
            self._block(node.body)
        self._class = outer

    def _comprehension(self, node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp) -> None:
        with self._inside(self._scopes.comprehension(node, self._scope), NOTHING):
            self.generic_visit(node)

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _comprehension  # noqa: N815

    def _block(self, statements: Sequence[ast.stmt]) -> None:
        """Visits a block; after `if not available: return`, the rest of it is as conditional as an `if`."""
        before = self._guarded
        for statement in statements:
            self.visit(statement)
            if isinstance(statement, ast.If) and self._facts.guards(statement.test) and leaves(statement.body):
                self._guarded = self._guarded | ALL
        self._guarded = before

    def generic_visit(self, node: ast.AST) -> None:
        for _, value in ast.iter_fields(node):
            if isinstance(value, list) and value and isinstance(value[0], ast.stmt):
                self._block(value)
            elif isinstance(value, list):
                for one in value:
                    if isinstance(one, ast.AST):
                        self.visit(one)
            elif isinstance(value, ast.AST):
                self.visit(value)

    def visit_If(self, node: ast.If) -> None:
        self.visit(node.test)
        with self._guarding(self._facts.guards(node.test)):
            outer, self._perhaps = self._perhaps, self._perhaps or not is_main(node.test)
            self._block(node.body)
            self._block(node.orelse)
            self._perhaps = outer

    def visit_IfExp(self, node: ast.IfExp) -> None:
        self.visit(node.test)
        with self._guarding(self._facts.guards(node.test)):
            self.visit(node.body)
            self.visit(node.orelse)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        with self._guarding(self._facts.guards(node.values[0])):
            self.generic_visit(node)

    def visit_Try(self, node: ast.Try | ast.TryStar) -> None:
        with self._guarding(caught(node)):
            self._block(node.body)
            for handler in node.handlers:
                self._block(handler.body)
            self._block(node.orelse)  # what is done with what was imported above
        self._block(node.finalbody)

    visit_TryStar = visit_Try  # noqa: N815

    def visit_With(self, node: ast.With) -> None:
        with self._guarding(expects_failure(node)):
            self.generic_visit(node)

    # Imports

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self._module_is_there(alias.name, alias)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        source = self._module.absolute(node.level, node.module)
        if source is None or (node.level and "." not in self._module.name) or not self._module_is_there(source, node):
            return
        target = self._resolver.module(source)
        for alias in node.names:
            if alias.name == "*":
                continue
            answer = self._resolver.imported_from(source, alias.name)
            if answer.absent and "imports" not in self._guarded and alias.name not in self._facts.asked:
                cure = _instead(alias.name, source, target, self._resolver)
                self._report(alias, ProblemKind.MISSING_NAME, f"`{source}` has no `{alias.name}`", cure, alias.name)

    def _module_is_there(self, name: str, node: ast.AST) -> bool:
        """Whether a module can be imported; complains where not."""
        top = name.partition(".")[0]
        if top == self._module.name.partition(".")[0]:
            return self._resolver.exists(name) is not False
        if self._resolver.exists(top) is False:
            if top not in self._facts.optional and "imports" not in self._guarded and not self._is_local(top):
                known = self._resolver.environment.top_level()
                close = nearest(top, known, 1)
                cure = f"did you mean `{close[0]}`?" if close else "install it, or do without it"
                kind = ProblemKind.NOT_INSTALLED if self._perhaps else ProblemKind.MISSING_MODULE
                self._report(node, kind, f"`{top}` is not installed in this environment", cure, top)
            return False
        if self._resolver.exists(name) is False:
            if "imports" not in self._guarded:
                parent, last = self._nearest_parent(name)
                located = self._resolver.environment.find(parent)
                close = nearest(last, self._resolver.environment.submodules(located) if located else ())
                cure = f"did you mean {quoted(f'{parent}.{one}' for one in close)}?" if close else ""
                self._report(node, ProblemKind.MISSING_MODULE, f"`{parent}` has no module `{last}`", cure, name)
            return False
        return True

    def _nearest_parent(self, name: str) -> tuple[str, str]:
        parts = name.split(".")
        for cut in range(1, len(parts)):
            if self._resolver.exists(".".join(parts[: cut + 1])) is False:
                return ".".join(parts[:cut]), parts[cut]
        return ".".join(parts[:-1]), parts[-1]

    def _is_local(self, top: str) -> bool:
        """Whether it may be a file beside the script, or somewhere that the script adds to the path."""
        return self._facts.changes_path or any(
            (f / f"{top}.py").is_file() or (f / top).is_dir() for f in self._siblings
        )

    # Attributes and calls

    def visit_Attribute(self, node: ast.Attribute) -> None:
        self.visit(node.value)
        if isinstance(node.ctx, ast.Load) and "calls" not in self._guarded and node.attr not in self._facts.asked:
            self._attribute(node, called=False)

    def _attribute(self, node: ast.Attribute, *, called: bool) -> bool:
        """Complains of an attribute that is not there. Of objects only what is called is judged."""
        base = self._scopes.evaluate(node.value, self._scope)
        only = base.only
        if only is None or (isinstance(only, InstanceSymbol | ClassSymbol) and not called):
            return False
        if isinstance(only, FunctionSymbol) or not self._resolver.attribute(only, node.attr).absent:
            return False
        if isinstance(only, ModuleSymbol) and f"{only.module.name}.{node.attr}" in self._facts.modules:
            return False
        cure = ""
        if isinstance(only, ModuleSymbol):
            owner = only.module.name
            cure = _instead(node.attr, owner, only.module, self._resolver)
        else:
            of = only.of if isinstance(only, InstanceSymbol) else only
            assert isinstance(of, ClassSymbol)
            owner = of.name
            if of.module is self._module:
                return False  # its own class: objects of it may be given attributes anywhere in the script
            links = [link for link in self._resolver.classes.line(of) if link is not None]
            close = nearest(node.attr, (name for link in links for name in link.names.bound))
            cure = f"did you mean {quoted(close)}?" if close else ""
        self._report(node, ProblemKind.MISSING_ATTRIBUTE, f"`{owner}` has no `{node.attr}`", cure, node.attr)
        return True

    def visit_Call(self, node: ast.Call) -> None:
        func = node.func
        if isinstance(func, ast.Attribute):
            self.visit(func.value)
            quiet = "calls" in self._guarded or func.attr in self._facts.asked
            if not quiet and not self._attribute(func, called=True):
                self._call(node)
        else:
            self.visit(func)
            if "calls" not in self._guarded:
                self._call(node)
        for argument in (*node.args, *node.keywords):
            self.visit(argument)

    def _call(self, node: ast.Call) -> None:
        given, literal = self._given(node)
        if is_super_init(node):
            self._super_init(node, given)
            return
        answer = self._scopes.evaluate(node.func, self._scope)
        found = self._calls.complaints(answer, given, literal)
        if isinstance(node.func, ast.Attribute) and node.func.attr == "from_pretrained":
            loaded = self._scopes.evaluate(node.func.value, self._scope)
            found = chain(found, self._calls.loading(loaded, given))
        elif is_partial(answer) and node.args and not isinstance(node.args[0], ast.Starred):
            kept = self._scopes.evaluate(node.args[0], self._scope)
            found = self._calls.partial(kept, replace(given, positional=given.positional - 1))
        for complaint in dict.fromkeys(found):
            self._complain(node, complaint)

    def _super_init(self, node: ast.Call, given: Given) -> None:
        found = self._calls.base_constructor(self._class) if self._class is not None else None
        if found is None or self._class is None:
            return
        signature, by = found
        base = self._resolver.infer(self._class.node.bases[0], self._class.module)
        if not set(faults(signature, given)):
            return
        for complaint in self._calls.complaints(base, given, frozenset()):
            if complaint.kind is not ProblemKind.DEPRECATED and by is not None:
                self._complain(node, complaint)

    def _given(self, node: ast.Call) -> tuple[Given, frozenset[str]]:
        keywords: list[str] = []
        literal: set[str] = set()
        more = False
        for word in node.keywords:
            if word.arg is None:
                names = self._dict_keys(word.value)
                more = more or names is None
                keywords.extend(names or ())
            else:
                keywords.append(word.arg)
                if isinstance(word.value, ast.Constant) and word.value.value in (None, False):
                    literal.add(word.arg)
        plain = [one for one in node.args if not isinstance(one, ast.Starred)]
        starred = len(plain) < len(node.args)
        return Given(len(plain), tuple(keywords), starred, more), frozenset(literal)

    def _dict_keys(self, node: ast.expr) -> tuple[str, ...] | None:
        """The names in `**{…}`, `**dict(…)`, or in a variable that is only ever such a one and only ever spread."""
        if isinstance(node, ast.Name):
            value = self._facts.only_spread(node.id)
            return self._dict_keys(value) if value is not None else None
        if isinstance(node, ast.Dict):
            keys = [key.value for key in node.keys if isinstance(key, ast.Constant) and isinstance(key.value, str)]
            return tuple(keys) if len(keys) == len(node.keys) else None
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "dict" and not node.args:
            words = [word.arg for word in node.keywords if word.arg is not None]
            return tuple(words) if len(words) == len(node.keywords) else None
        return None

    # Reporting

    def _complain(self, node: ast.Call, complaint: Complaint) -> None:
        at: ast.AST = node
        for word in node.keywords:
            if word.arg == complaint.argument:
                at = word
        self._report(at, complaint.kind, complaint.what, complaint.cure, complaint.argument)

    def _report(self, node: ast.AST, kind: ProblemKind, what: str, cure: str = "", name: str = "") -> None:
        line, column = getattr(node, "lineno", 1), getattr(node, "col_offset", 0) + 1
        self.problems.append(Problem(line, column, kind, what, cure, name))

    @contextmanager
    def _guarding(self, guards: frozenset[str]) -> Iterator[None]:
        before = self._guarded
        self._guarded = before | guards
        yield
        self._guarded = before

    @contextmanager
    def _inside(self, scope: Scope, guards: frozenset[str], *, function: bool = False) -> Iterator[None]:
        outer, was = self._scope, self._perhaps
        self._scope, self._perhaps = scope, was or function
        with self._guarding(guards):
            yield
        self._scope, self._perhaps = outer, was


def check(text: str, environment: Environment, resolver: Resolver, path: Path | None = None) -> tuple[Problem, ...]:
    """Everything that is wrong with a script, in order of lines.

    Args:
        text: the script.
        environment: the Python that is going to run it.
        resolver: of that environment.
        path: where the script lies, so that files beside it count as modules.
    """
    name = _module_name(path, environment) if path is not None else "__main__"
    located = Located(name, path, (path.parent,) if path is not None and path.name == "__init__.py" else ())
    module = Module(located, text)
    try:
        _ = module.tree
    except (SyntaxError, ValueError) as error:
        line, column = getattr(error, "lineno", 1) or 1, getattr(error, "offset", 1) or 1
        return (_unread(error, line, column, environment),)
    with resolver.beside(module) if name == "__main__" else nullcontext():
        visitor = ScriptCheck(module, resolver, (path.parent,) if path is not None else ())
        visitor.visit(module.tree)
    asked = list(header_problems(text, environment))
    named = {normalised(one.name) for one in asked}  # said once: at the header
    absent = (ProblemKind.MISSING_MODULE, ProblemKind.NOT_INSTALLED)
    found = [one for one in visitor.problems if not (one.kind in absent and normalised(one.name) in named)]
    return tuple(sorted({*asked, *found}))


def _unread(error: Exception, line: int, column: int, environment: Environment) -> Problem:
    """A syntax error, unless the Python that will run the script is newer than the one that reads it here."""
    ours = sys.version_info[:2]
    theirs = tuple(int(part) for part in environment.version.split(".")[:2] if part.isdigit())
    said = getattr(error, "msg", str(error))
    if theirs > ours:
        what = f"Python {'.'.join(map(str, ours))}, which checks it, cannot read it: {said}"
        return Problem(line, column, ProblemKind.UNCHECKED, what, f"check it with Python {environment.version}")
    return Problem(line, column, ProblemKind.SYNTAX, f"not Python: {said}")


def _module_name(path: Path, environment: Environment) -> str:
    """The name under which a file of the environment is imported; `__main__` for any other."""
    for folder in environment.paths:
        if path.is_relative_to(folder):
            parts = list(path.relative_to(folder).with_suffix("").parts)
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            located = environment.find(name)
            if located is not None and located.source == path:
                return name
    return "__main__"


def _instead(name: str, source: str, target: Module | None, resolver: Resolver) -> str:
    """Where the name is instead, or which names of the module are like it."""
    root = resolver.module(source.partition(".")[0])
    if root is not None and root is not target and resolver.member(root, name).only is not None:
        return f"`{root.name}` has it"
    moved = defined(resolver, source.partition(".")[0], name, 1)
    if moved:
        return f"there is `{moved[0]}`"
    if target is None:
        return ""
    served = {one.name for bound in target.names.bound.values() for one in bound if isinstance(one, Imported)}
    names = {*target.names.bound, *(one for one in served if one)}
    for star in target.names.stars:
        names |= resolver.star_names(star) or frozenset()
    if target.is_package:
        names |= set(resolver.environment.submodules(target.located))
    close = nearest(name, sorted(names))
    return f"did you mean {quoted(close)}?" if close else ""
