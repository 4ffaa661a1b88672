"""Function calls in an output: read as text, compared with the calls that are accepted, and never made.

The rules are those of the Berkeley Function Calling Leaderboard (BFCL) for calls that are not executed: one call a
function, arguments by name, each of the type that its parameter has (a whole number is a float, a float is no whole
number, a bool is no number), its value one of those accepted, texts without regard to case, blanks and `,./-_*^`.

BFCL: Patil et al., 2025, ICML; https://gorilla.cs.berkeley.edu/leaderboard.html
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

LEAVE_OUT = ""  # among the accepted values: the argument may be missing
_THOUGHT = re.compile(r"\A.*</think>", re.DOTALL)
_FENCE = re.compile(r"```[\w+-]*\n(.*?)```", re.DOTALL)
_TAGGED = re.compile(r"<tool_call>(.*?)(?:</tool_call>|\Z)", re.DOTALL)
_FORGIVEN = re.compile(r"[ ,./\-_*^]")
_CONSTANTS: Mapping[str, JsonValue] = {"true": True, "false": False, "null": None, "none": None}
_LONGEST = 20_000
_DEEPEST = 100


@dataclass(frozen=True, slots=True)
class Call:
    """A call that was found."""

    name: str
    arguments: Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True)
class ExpectedCall:
    """A call that is accepted: for each argument its accepted values, where "" says that it may be left out.

    `types` holds BFCL's name of a parameter's type, where it is known. In an accepted dictionary each key holds a list
    of accepted values in turn.
    """

    name: str
    arguments: Mapping[str, Sequence[JsonValue]]
    types: Mapping[str, str]


class NoCallError(Exception):
    """A text is no call."""


# -- reading -----------------------------------------------------------------------------------------------------------


def calls_in(output: str) -> tuple[Call, ...]:
    """The calls that an output makes; none where it makes none.

    They are written as Python (`f(x=1)`, `[f(x=1), g(y=2)]`) or as JSON (`{"name": "f", "arguments": {"x": 1}}`, also
    between `<tool_call>` tags). What counts is the last fenced block, else the whole output, else the last of its lines
    that is a call.
    """
    said = _THOUGHT.sub("", output[:_LONGEST]).strip()
    tagged = [each.strip() for each in _TAGGED.findall(said)] if "<tool_call>" in said else []
    if tagged:
        found = [_calls(each) for each in tagged]
        return tuple(call for each in found for call in each) if all(found) else ()
    fenced = _FENCE.findall(said)
    lines = [line for line in said.split("\n") if "(" in line or "{" in line]
    for text in (*fenced[-1:], said, *reversed(lines[-20:])):
        if calls := _calls(text):
            return calls
    return ()


def _calls(text: str) -> tuple[Call, ...]:
    bare = text.strip().strip("`").strip().rstrip(";")
    for read in (_as_json, _as_python):
        try:
            return read(bare)
        except NoCallError:
            continue
    return ()


def _as_json(text: str) -> tuple[Call, ...]:
    if text[:1] not in "[{":
        raise NoCallError
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise NoCallError from error
    return tuple(_json_call(each) for each in (found if isinstance(found, list) else [found]))


def _json_call(found: object) -> Call:
    if isinstance(found, dict) and isinstance(found.get("function"), dict):
        found = found["function"]
    if not isinstance(found, dict) or not isinstance(found.get("name"), str):
        raise NoCallError
    given = found.get("arguments", found.get("parameters", {}))
    if isinstance(given, str):
        try:
            given = json.loads(given)
        except (ValueError, RecursionError) as error:
            raise NoCallError from error
    if not isinstance(given, dict):
        raise NoCallError
    return Call(found["name"], given)


def _as_python(text: str) -> tuple[Call, ...]:
    try:
        tree = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise NoCallError from error
    nodes = tree.elts if isinstance(tree, ast.List | ast.Tuple) else [tree]
    return tuple(_python_call(node) for node in nodes)


def _python_call(node: ast.expr) -> Call:
    """Arguments by name only: what a place means is not for the text to say."""
    if not isinstance(node, ast.Call) or node.args:
        raise NoCallError
    given = {}
    for keyword in node.keywords:
        if keyword.arg is None or keyword.arg in given:
            raise NoCallError
        given[keyword.arg] = value_of(keyword.value)
    return Call(dotted(node.func), given)


def dotted(node: ast.expr) -> str:
    """`f`, or `module.f`. Raises where it is no name."""
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        raise NoCallError
    return ".".join((node.id, *reversed(names)))


def value_of(node: ast.expr, depth: int = 0) -> JsonValue:
    """What an argument says: data as it stands, sums of numbers, and all else as its text. Nothing is run."""
    if depth > _DEEPEST:
        raise NoCallError
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str | int | float | bool | None) else ast.unparse(node)
    if isinstance(node, ast.List | ast.Tuple | ast.Set):
        return [value_of(each, depth + 1) for each in node.elts]
    if isinstance(node, ast.Dict):
        pairs = zip(node.keys, node.values, strict=True)
        return {str(value_of(key, depth + 1)): value_of(value, depth + 1) for key, value in pairs if key is not None}
    if isinstance(node, ast.UnaryOp | ast.BinOp):
        number = _sum_of(node, depth)
        return ast.unparse(node) if number is None else number
    if isinstance(node, ast.Name) and node.id.lower() in _CONSTANTS:
        return _CONSTANTS[node.id.lower()]
    return ast.unparse(node)


def _sum_of(node: ast.expr, depth: int) -> int | float | None:
    """A number with a sign, or numbers that are added, subtracted, multiplied or divided; None for all else."""
    if depth > _DEEPEST:
        raise NoCallError
    if isinstance(node, ast.Constant):
        return node.value if type(node.value) in (int, float) else None  # type: ignore[return-value]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        inner = _sum_of(node.operand, depth + 1)
        return None if inner is None else -inner if isinstance(node.op, ast.USub) else inner
    if not isinstance(node, ast.BinOp):
        return None
    left, right = _sum_of(node.left, depth + 1), _sum_of(node.right, depth + 1)
    done = _SUMS.get(type(node.op))
    if left is None or right is None or done is None:
        return None
    try:
        return done(left, right)
    except (ArithmeticError, ValueError):
        return None


_SUMS: Mapping[type[ast.operator], Callable[[int | float, int | float], int | float]] = {
    ast.Add: lambda left, right: left + right,
    ast.Sub: lambda left, right: left - right,
    ast.Mult: lambda left, right: left * right,
    ast.Div: lambda left, right: left / right,
}


# -- comparing ---------------------------------------------------------------------------------------------------------


def why_not(said: Sequence[Call], expected: Sequence[ExpectedCall]) -> str:
    """Why these calls are not the expected ones, in any order; empty where they are."""
    if len(said) != len(expected):
        return f"{len(said)} calls, not {len(expected)}"
    left, why = list(said), ""
    for wanted in expected:
        faults = [_fault(call, wanted) for call in left]
        if all(faults):
            return faults[0] if len(expected) == 1 else f"no call is {wanted.name} as expected"
        del left[faults.index("")]
    return why


def _fault(call: Call, wanted: ExpectedCall) -> str:
    if call.name != wanted.name:
        return f"calls {call.name}, not {wanted.name}"
    for name, accepted in wanted.arguments.items():
        if name not in call.arguments and LEAVE_OUT not in accepted:
            return f"{name} is missing"
    for name, value in call.arguments.items():
        if name not in wanted.arguments:
            return f"there is no argument {name}"
        accepted = wanted.arguments[name]
        if not _has_type(value, wanted.types.get(name, "any"), accepted):
            return f"{name} is of the wrong type"
        if not any(_equal(value, each) for each in accepted):
            return f"{name} has the wrong value"
    return ""


def _has_type(value: JsonValue, name: str, accepted: Sequence[JsonValue]) -> bool:
    """The parameter's type, or that of an accepted value: a variable's name is accepted as its text."""
    fits = _TYPES.get(name.lower())
    if fits is None or fits(value):
        return True
    return any(type(value) is type(each) for each in accepted if each != LEAVE_OUT)


_TYPES: Mapping[str, Callable[[JsonValue], bool]] = {
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: type(value) is int,
    "float": lambda value: type(value) in (int, float),
    "number": lambda value: type(value) in (int, float),
    "boolean": lambda value: isinstance(value, bool),
    "array": lambda value: isinstance(value, list),
    "tuple": lambda value: isinstance(value, list),
    "dict": lambda value: isinstance(value, dict),
    "object": lambda value: isinstance(value, dict),
}  # any other name, such as `any`, is no condition


def _equal(value: JsonValue, accepted: JsonValue, depth: int = 0) -> bool:
    if depth > _DEEPEST:
        return False
    if isinstance(accepted, dict):
        if not isinstance(value, dict) or not value.keys() <= accepted.keys():
            return False
        return all(_among(value, key, options, depth + 1) for key, options in accepted.items())
    if isinstance(accepted, list):
        if not isinstance(value, list) or len(value) != len(accepted):
            return False
        return all(_equal(one, other, depth + 1) for one, other in zip(value, accepted, strict=True))
    if isinstance(value, str) and isinstance(accepted, str):
        return _plain(value) == _plain(accepted)
    return isinstance(value, bool) == isinstance(accepted, bool) and value == accepted


def _among(value: Mapping[str, JsonValue], key: str, options: JsonValue, depth: int) -> bool:
    """A key of a dictionary: its value is one of those accepted, or it is missing and may be."""
    listed = options if isinstance(options, list) else [options]
    if key not in value:
        return LEAVE_OUT in listed
    return any(_equal(value[key], each, depth) for each in listed)


def _plain(text: str) -> str:
    return _FORGIVEN.sub("", text).lower().replace("'", '"')
