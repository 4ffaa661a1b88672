"""BFCL: questions to be answered by a function call. What a function would return plays no part: no call is made.

The accepted values lie in a file of their own (`possible_answer/…`, joined by id with `--answers`); the `exec` rows
hold the right call as text. Patil et al., 2025, ICML.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping

from pydantic import JsonValue

from labwright.contracts.specs import GenerationSpec, ScorerSpec
from labwright.referee.known.conversation import conversation
from labwright.referee.known.draft import Question, UnusableRowError
from labwright.referee.known.layout import Layout
from labwright.referee.known.reading import Row, name_in
from labwright.referee.measures.calls import LEAVE_OUT, ExpectedCall, NoCallError, dotted, value_of

_OTHER_TYPES = frozenset(
    ("arraylist", "hashmap", "hashtable", "long", "double", "char", "byte", "short", "bigint", "set", "queue", "stack")
)
_ASK = """\
You can call the functions below, which are described as JSON. Answer with the call that does what is asked, and with \
nothing else, as Python: [function(name=value, other=value)]. Give every argument by its name."""


def _bfcl(row: Row) -> Question:
    functions = _functions(row.get("function"))
    truth = row.get("ground_truth")
    listed = truth if isinstance(truth, list) else [truth]
    calls = tuple(_written(each, functions) if isinstance(each, str) else _accepted(each, functions) for each in listed)
    if not calls:
        raise UnusableRowError("`ground_truth` holds no call")
    described = "\n".join(json.dumps(each, ensure_ascii=False) for each in functions.values())
    asked = f"{_ASK}\n\n{described}\n\n{_asked(row.get('question'))}"
    return Question(asked, _shown(calls), calls=calls, name=name_in(row, "id"))


def _functions(value: JsonValue) -> Mapping[str, Mapping[str, JsonValue]]:
    """The functions by name. Some files hold one that is no list."""
    listed = value if isinstance(value, list) else [value]
    found = {}
    for each in listed:
        if not isinstance(each, dict) or not isinstance(each.get("name"), str):
            raise UnusableRowError("`function` describes no function")
        found[str(each["name"])] = each
    return found


def _asked(value: JsonValue) -> str:
    """A text, or the messages of one turn: later turns would need what a call returned."""
    if isinstance(value, list) and value and isinstance(value[0], list):
        if len(value) > 1:
            raise UnusableRowError("it has several turns, which need what calls return")
        value = value[0]
    return conversation(value)


def _accepted(value: JsonValue, functions: Mapping[str, Mapping[str, JsonValue]]) -> ExpectedCall:
    """`{"function": {"argument": [accepted, …]}}`."""
    if not isinstance(value, dict) or len(value) != 1:
        raise UnusableRowError("`ground_truth` holds no call")
    ((name, arguments),) = value.items()
    if not isinstance(arguments, dict) or not all(isinstance(each, list) and each for each in arguments.values()):
        raise UnusableRowError("`ground_truth` lists no accepted values")
    return _call(name, {key: list(each) for key, each in arguments.items() if isinstance(each, list)}, functions)


def _written(value: str, functions: Mapping[str, Mapping[str, JsonValue]]) -> ExpectedCall:
    """The one right call as Python. An argument that it leaves out may be said where that changes nothing."""
    try:
        node = ast.parse(value.strip(), mode="eval").body
        if not isinstance(node, ast.Call) or any(keyword.arg is None for keyword in node.keywords):
            raise NoCallError
        name = dotted(node.func)
        described = _parameters(functions.get(name, {}))
        given = {key: value_of(argument) for key, argument in zip(described, node.args, strict=False)}
        given |= {str(keyword.arg): value_of(keyword.value) for keyword in node.keywords}
    except (SyntaxError, ValueError, RecursionError, MemoryError, NoCallError) as error:
        raise UnusableRowError("`ground_truth` holds no call") from error
    if len(node.args) > len(described):
        raise UnusableRowError("`ground_truth` holds arguments without a name")
    accepted: dict[str, list[JsonValue]] = {key: [_options(each)] for key, each in given.items()}
    for key, parameter in described.items():
        if key not in accepted and parameter.get("default") is not None:
            accepted[key] = [_options(parameter["default"]), LEAVE_OUT]
    return _call(name, accepted, functions)


def _options(value: JsonValue) -> JsonValue:
    """A value as an accepted one: each key of a dictionary has a list of them."""
    if isinstance(value, dict):
        return {key: [_options(each)] for key, each in value.items()}
    return [_options(each) for each in value] if isinstance(value, list) else value


def _call(
    name: str, accepted: Mapping[str, list[JsonValue]], functions: Mapping[str, Mapping[str, JsonValue]]
) -> ExpectedCall:
    if name not in functions:
        raise UnusableRowError("`ground_truth` calls a function that is not described")
    types = {key: str(each["type"]) for key, each in _parameters(functions[name]).items() if "type" in each}
    if any(each.lower() in _OTHER_TYPES for each in types.values()):
        raise UnusableRowError("its types are those of Java or JavaScript, and calls are read as Python")
    return ExpectedCall(name, accepted, {key: each for key, each in types.items() if key in accepted})


def _parameters(function: Mapping[str, JsonValue]) -> dict[str, dict[str, JsonValue]]:
    described = function.get("parameters")
    properties = described.get("properties") if isinstance(described, dict) else None
    if not isinstance(properties, dict):
        return {}
    return {key: each for key, each in properties.items() if isinstance(each, dict)}


def _shown(calls: tuple[ExpectedCall, ...]) -> str:
    """One right answer, as a worked example shows it."""
    said = []
    for call in calls:
        given = {key: each[0] for key, each in call.arguments.items() if LEAVE_OUT not in each}
        said.append(f"{call.name}({', '.join(f'{key}={_one(each)!r}' for key, each in given.items())})")
    return f"[{', '.join(said)}]"


def _one(value: JsonValue) -> JsonValue:
    """Of an accepted value one that can be said: a dictionary's keys hold lists of them."""
    if isinstance(value, dict):
        listed = {key: each for key, each in value.items() if isinstance(each, list) and each}
        return {key: _one(each[0]) for key, each in listed.items() if LEAVE_OUT not in each}
    return [_one(each) for each in value] if isinstance(value, list) else value


LAYOUTS: tuple[Layout, ...] = (
    Layout(
        "bfcl",
        ("question", "function", "ground_truth"),
        _bfcl,
        ScorerSpec(kind="calls"),
        GenerationSpec(few_shot=0, max_new_tokens=512, chat=True),
        notes=(
            "calls are compared by name and arguments, and never made: a result that would be right is not known",
            "functions stand in the prompt, not in a chat template's own form of tools",
        ),
    ),
)
