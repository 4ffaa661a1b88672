"""The edge between commands and a person: errors of the tree become a message with its cure and an exit code."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

from labwright.contracts.errors import LabwrightError

INTERRUPTED = 130


def act(load: Callable[[str], ModuleType], module: str, name: str, arguments: Sequence[Any]) -> int:
    """Run an action and return the exit code: 0 done, 1 failed, 2 usage, 3 a ceiling was reached."""
    try:
        code = getattr(load(module), name)(*arguments)
    except LabwrightError as error:
        print(describe(error), file=sys.stderr)  # noqa: T201 - this is the surface
        return error.exit_code
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)  # noqa: T201
        return INTERRUPTED
    return int(code or 0)


def describe(error: LabwrightError) -> str:
    """The error on up to three lines: what, where, cure."""
    lines = [f"error: {error.what}"]
    if error.where:
        lines.append(f"  where: {error.where}")
    if error.cure:
        lines.append(f"  cure:  {error.cure}")
    return "\n".join(lines)


def print_json(document: object) -> None:
    """One JSON document on stdout."""
    print(json.dumps(document, indent=2, ensure_ascii=False))  # noqa: T201


def say(text: str = "") -> None:
    """A line of a command's answer on stdout."""
    print(text)  # noqa: T201
