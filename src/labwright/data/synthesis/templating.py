"""The template language of a spec: Jinja, in a sandbox, with draws that depend on the row's seed alone.

A spec may come from an agent, so a template can neither reach Python's insides nor fill the memory: attributes,
filters and functions are lists of what is allowed, products and powers have a ceiling, and so have loops and output.

Functions: integer(low, high), number(low, high, digits), choice(list), weighted({value: weight}), sample(list, k),
shuffled(list), range(n), min, max, sum, abs, round, len, int, float, str.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Self

from jinja2 import StrictUndefined, Template, TemplateError, meta, nodes
from jinja2.environment import TemplateExpression
from jinja2.exceptions import SecurityError
from jinja2.runtime import LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment
from pydantic import JsonValue

from labwright.contracts.errors import DataError

LONGEST = 1_000_000  # characters of one rendered text, members of one list
MOST_STEPS = 100_000  # of all `range` of one row
_BITS = 4_096  # of a number


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_FILTERS = _words(
    "abs capitalize count d default dictsort e escape first float groupby int items join last length list lower map "
    "max min reject rejectattr reverse round select selectattr slice sort string sum title tojson trim truncate unique "
    "upper wordcount"
)
_METHODS = _words(
    "capitalize count endswith get index items keys lower lstrip removeprefix removesuffix rstrip split splitlines "
    "startswith strip swapcase title upper values isdigit isalpha isupper islower find"
)
_KNOWN_ERRORS = (TemplateError, TypeError, ValueError, ArithmeticError, LookupError, RecursionError, AttributeError)
FUNCTIONS = _words("integer number choice weighted sample shuffled range min max sum abs round len int float str")


class _Sandbox(ImmutableSandboxedEnvironment):
    intercepted_binops = frozenset({"*", "**", "%", "+"})

    def __init__(self) -> None:
        super().__init__(undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False, finalize=_weighed)
        self.globals.clear()
        self.filters = {name: f for name, f in self.filters.items() if name in _FILTERS}
        own: dict[str, Callable[..., str]] = {"join": _join, "string": _string, "tojson": _json}
        self.filters |= own

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        if isinstance(obj, str | list | dict | tuple) and callable(value):
            return attr in _METHODS
        return super().is_safe_attribute(obj, attr, value) and isinstance(obj, dict | LoopContext)

    def getattr(self, obj: Any, attribute: str) -> Any:
        """A row's field before a dictionary's method of the same name."""
        return obj[attribute] if isinstance(obj, dict) and attribute in obj else super().getattr(obj, attribute)

    def wrap_str_format(self, value: Any) -> Callable[..., str] | None:  # noqa: ARG002
        """`str.format` is not among the methods: its widths fill the memory."""
        return None

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if operator == "%" and isinstance(left, str):
            raise SecurityError("formatting with % is not allowed")
        if operator == "+" and isinstance(left, str | list | tuple):
            _must_fit(_weight(left) + _weight(right))
        if operator in ("*", "**"):
            _must_be_small(operator, left, right)
        return super().call_binop(context, operator, left, right)


def _join(values: Iterable[object], separator: str = "") -> str:
    members = [str(_weighed(value)) for value in values]
    _must_fit(sum(map(len, members)) + len(separator) * len(members))
    return separator.join(members)


def _string(value: object) -> str:
    return str(_weighed(value))


def _json(value: object) -> str:
    return json.dumps(_weighed(value), ensure_ascii=False)


def _must_be_small(operator: str, left: Any, right: Any) -> None:
    sized = next((v for v in (left, right) if isinstance(v, str | list | tuple)), None)
    if sized is not None:
        times = right if sized is left else left
        _must_fit(_weight(sized) * (times if isinstance(times, int) else 1))
    elif isinstance(left, int) and isinstance(right, int):
        bits = left.bit_length() * max(right, 1) if operator == "**" else left.bit_length() + right.bit_length()
        if bits > _BITS:
            raise SecurityError("the number is too large")


def _weighed(value: Any) -> Any:
    """The value, if writing it out does not fill the memory: a list may hold a list many times."""
    _weight(value)
    return value


def _weight(value: object) -> int:
    """The characters and members of a value, those of a value that it holds twice counted twice."""
    if isinstance(value, str):
        return len(value)
    weight = 0
    if isinstance(value, list | tuple | dict):
        for inner in value.items() if isinstance(value, dict) else value:
            weight += 1 + _weight(inner)
            _must_fit(weight)
    return weight


def _must_fit(size: int) -> None:
    if size > LONGEST:
        raise SecurityError("the text is too long")


_ENVIRONMENT = _Sandbox()


@lru_cache(maxsize=512)  # compiling takes a hundred times as long as filling in
def _template(source: str) -> Template:
    return _ENVIRONMENT.from_string(source)


@lru_cache(maxsize=512)
def _expression(source: str) -> TemplateExpression:
    return _ENVIRONMENT.compile_expression(source, undefined_to_none=False)


def names_in(source: str, *, expression: bool = False) -> frozenset[str]:
    """The variables that a template or an expression reads. Raises ValueError where it is none, in a person's words."""
    try:
        parsed = _ENVIRONMENT.parse(f"{{{{ {source} }}}}" if expression else source)
        for other in parsed.find_all((nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)):
            raise ValueError(f"`{type(other).__name__.lower()}` is not possible here")
        if parsed.find(nodes.Concat) is not None:
            raise ValueError("`~` is not possible here: write {{ a }}{{ b }}")
        for used in parsed.find_all(nodes.Filter):
            if used.name not in _FILTERS:
                raise ValueError(f"there is no filter {used.name!r}; there are {', '.join(sorted(_FILTERS))}")
        if expression:
            _ENVIRONMENT.compile_expression(source)
        else:
            _ENVIRONMENT.from_string(source)
    except TemplateError as error:
        raise ValueError(f"no valid {'expression' if expression else 'template'}: {error.message}") from error
    return frozenset(meta.find_undeclared_variables(parsed))


class Variables:
    """The variables of one row: its slice's params and `let`, drawn from the row's seed."""

    def __init__(self, seed: int, more: Mapping[str, JsonValue]) -> None:
        self._functions = _functions(random.Random(f"{seed}:templates"))
        self._more = dict(more)
        self.values: dict[str, JsonValue] = {}

    @classmethod
    def drawn(
        cls,
        seed: int,
        params: Mapping[str, JsonValue],
        let: Mapping[str, str],
        more: Mapping[str, JsonValue],
        where: str,
    ) -> Self:
        """Of a list among the params one member is drawn; `let` is worked out in order. Raises DataError."""
        row = cls(seed, more)
        draws = random.Random(f"{seed}:params")
        for name, value in params.items():
            row.values[name] = draws.choice(value) if isinstance(value, list) and value else value
        for name, source in let.items():
            row.values[name] = row.evaluate(source, f"{where}, let.{name}")
        return row

    @classmethod
    def given(cls, seed: int, values: Mapping[str, JsonValue], more: Mapping[str, JsonValue]) -> Self:
        """Variables that were drawn before."""
        row = cls(seed, more)
        row.values.update(values)
        return row

    def evaluate(self, source: str, where: str, **more: JsonValue) -> Any:
        """An expression's value. Raises DataError."""
        try:
            value = _expression(source)(**self._all(more))
            if isinstance(value, StrictUndefined):
                raise DataError(f"{source!r} names what is not there", where=where, cure="see `params` and `let`")
        except _KNOWN_ERRORS as error:
            raise DataError(f"{source!r} cannot be worked out: {error}", where=where, cure="correct it") from error
        return _checked(value, where)

    def render(self, source: str, where: str, **more: JsonValue) -> str:
        """A template's text. Raises DataError."""
        parts: list[str] = []
        size = 0
        try:
            for part in _template(source).generate(**self._all(more)):
                size += len(part)
                _must_fit(size)
                parts.append(part)
        except _KNOWN_ERRORS as error:
            raise DataError(f"the template cannot be filled in: {error}", where=where, cure="correct it") from error
        return "".join(parts)

    def _all(self, more: Mapping[str, JsonValue]) -> dict[str, Any]:
        return {**self._functions, **self._more, **self.values, **more}


def _checked(value: Any, where: str) -> Any:
    try:
        return _weighed(value)
    except SecurityError as error:
        raise DataError(f"the value is too large: {error}", where=where, cure="make it smaller") from error


def _functions(draws: random.Random) -> dict[str, Callable[..., Any]]:
    left = MOST_STEPS

    def steps(*args: int) -> Sequence[int]:
        nonlocal left
        asked = range(*args)
        left -= len(asked)
        if left < 0:
            raise SecurityError(f"more than {MOST_STEPS:,} steps in one row")
        return asked

    def weighted(weights: Mapping[Any, float]) -> Any:
        return draws.choices(list(weights), list(weights.values()))[0]

    def shuffled(values: Iterable[Any]) -> list[Any]:
        members = list(values)
        draws.shuffle(members)
        return members

    return {
        "integer": draws.randint,
        "number": lambda low, high, digits=2: round(draws.uniform(low, high), digits),
        "choice": lambda values: draws.choice(list(values)),
        "weighted": weighted,
        "sample": lambda values, k: draws.sample(list(values), k),
        "shuffled": shuffled,
        "range": steps,
        "min": min, "max": max, "sum": sum, "abs": abs, "round": round, "len": len,
        "int": int, "float": float, "str": str,
    }  # fmt: skip
