"""What a source says is on its way out: by decorators, by warnings that it gives, and by its docstrings."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator

from labwright.documentation.docstrings import arguments
from labwright.documentation.passing import last_name
from labwright.documentation.symbols import FunctionNode

_CATEGORIES = ("DeprecationWarning", "FutureWarning")
_WORDS = re.compile(r"deprecat|will be removed|no longer", re.I)
_BLOCK = re.compile(r"<Deprecated[^>]*>\s*(.*?)\s*</Deprecated>", re.S)
_DIRECTIVE = re.compile(r"^\.\. deprecated::\s*(.*(?:\n[ \t]+.*)*)", re.M)


def of_definition(node: FunctionNode | ast.ClassDef) -> str:
    """Why a class or function should not be used any more, in its source's words; empty where it may be."""
    for decorator in node.decorator_list:
        name = last_name(decorator).lower()
        if "deprecat" in name and not ("arg" in name or "kwarg" in name or "positional" in name):
            return _message(decorator) or "its source marks it as deprecated"
    body = node.body
    if isinstance(node, ast.ClassDef):
        inits = [
            one for one in node.body if isinstance(one, ast.FunctionDef) and one.name in ("__init__", "__post_init__")
        ]
        body = [statement for one in inits for statement in one.body]
    for statement in body:
        said = _warning(statement.value) if isinstance(statement, ast.Expr) else ""
        if node.name in re.findall(r"\w+", said):  # else it warns of something else, perhaps for others
            return said
    doc = ast.get_docstring(node) or ""
    for pattern in (_BLOCK, _DIRECTIVE):
        for match in pattern.finditer(doc):
            # Of the whole where it stands right under the summary, unindented; further down it is of some use of it.
            if doc[: match.start()].strip().count("\n\n") == 0 and doc[: match.start()][-1:] in ("", "\n"):
                return one_line(match.group(1)) or "its docstring says so"
    return ""


def of_parameters(nodes: Iterable[FunctionNode], doc: str) -> dict[str, str]:
    """The deprecated ones, each with what is said of it: by functions that get them, and by a docstring."""
    found: dict[str, str] = {}
    for name, text in arguments(doc).items():
        if said := of_argument_text(name, text):
            found[name] = said
    for node in nodes:
        for inner in ast.walk(node):
            if isinstance(inner, ast.If) and (name := _given(inner.test)):
                for said in _said(inner.body):
                    if name in re.findall(r"\w+", said):
                        found[name] = said
    return found


def of_argument_text(name: str, text: str) -> str:
    """What the description of an argument says of its deprecation; of one of its values' it may say what it likes."""
    block = _BLOCK.search(text) or re.search(r"\.\. deprecated::\s*(.*)", text, re.S)
    if block is not None:
        said = one_line(block.group(1))
        if said and not _WORDS.search(said):
            return ""  # of a default that will change, and the like
        subject = re.search(r"`+\"?([^`\"]+)\"?`+(?=.*deprecat)", said)
        return (said or "its docstring says so") if subject is None or subject.group(1) == name else ""
    plain = one_line(text)
    if re.match(r"\W*(deprecated\b|this (argument|parameter|option) is deprecated)", plain, re.I):
        return plain if not re.match(r"\W*deprecated in \[", plain, re.I) else ""
    return ""


def one_line(text: str, most: int = 300) -> str:
    """A text on one line, shortened with an ellipsis."""
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def _given(test: ast.expr) -> str:
    """The argument whose being given a plain condition tests: `x is not None`, `x`, `self.x is not None`."""
    if isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.ops[0], ast.IsNot):
        right = test.comparators[0]
        if isinstance(right, ast.Constant) and right.value is None:
            return _name(test.left)
    if isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.ops[0], ast.In):
        left, right = test.left, test.comparators[0]
        if isinstance(left, ast.Constant) and isinstance(left.value, str) and _name(right) == "kwargs":
            return left.value
    return _name(test)


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self":
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _said(body: list[ast.stmt]) -> Iterator[str]:
    for statement in body:
        if isinstance(statement, ast.Expr) and (said := _warning(statement.value)):
            yield said


def _warning(node: ast.expr) -> str:
    """The text of a call that warns of a deprecation."""
    if not isinstance(node, ast.Call) or not node.args:
        return ""
    said = _text(node.args[0])
    rest = [*node.args[1:], *(word.value for word in node.keywords)]
    category = any(last_name(one).endswith(_CATEGORIES) for one in rest)
    if last_name(node) == "warn" and category and _WORDS.search(said):
        return one_line(said)
    if last_name(node).startswith("warning") and re.search(r"\bdeprecated\b", said):
        return one_line(said)
    return ""


def _message(decorator: ast.expr) -> str:
    if not isinstance(decorator, ast.Call):
        return ""
    words = {word.arg: word.value for word in decorator.keywords}
    texts = [
        _text(one) for one in (*decorator.args[:1], *(words[key] for key in ("message", "reason") if key in words))
    ]
    return one_line(" ".join(text for text in texts if text))


def _text(node: ast.expr) -> str:
    """A string's text; what is put into an f-string stands in braces."""
    match node:
        case ast.Constant(value=str() as value):
            return value
        case ast.JoinedStr(values=values):
            return "".join(
                _text(one) if isinstance(one, ast.Constant) else f"{{{ast.unparse(one.value)}}}"
                for one in values
                if isinstance(one, ast.Constant | ast.FormattedValue)
            )
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _text(left) + _text(right)
        case _:
            return ""
