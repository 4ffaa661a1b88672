"""The templates of lm-evaluation-harness tasks: its Jinja dialect, in a sandboxed environment."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping

from jinja2 import StrictUndefined, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from pydantic import JsonValue

from labwright.referee.known.draft import UnusableRowError

Doc = Mapping[str, JsonValue]


def _regex_replace(string: str, pattern: str, replacement: str, count: int = 0) -> str:
    return re.sub(pattern, replacement, string, count=count)


_ENVIRONMENT = ImmutableSandboxedEnvironment(undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False)
_ENVIRONMENT.filters["regex_replace"] = _regex_replace


def rendered(template: str, doc: Doc) -> str:
    """The template filled from a row. Raises UnusableRowError where it cannot be."""
    try:
        return _ENVIRONMENT.from_string(template).render(**doc)
    except (TemplateError, TypeError, ValueError, KeyError, IndexError, AttributeError, ArithmeticError) as error:
        raise UnusableRowError(f"a template cannot be filled: {error}") from error


def literal(text: str) -> object:
    """A Python literal. Raises UnusableRowError."""
    try:
        return ast.literal_eval(text)
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise UnusableRowError(f"a template gives no list: {text[:60]!r}") from error
