"""The edge between commands and a person: errors of the tree become a message with its cure and an exit code.

With `--json`, stdout carries exactly one JSON document, also for an error: `{"error": {type, what, where, cure}}`.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

from labwright.cli.visible import visible
from labwright.contracts.errors import LabwrightError, StorageError, UsageError

INTERRUPTED = 130
# C1 codes, turned directions, halves of pairs.
_OBEYED = re.compile("[\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def act(
    load: Callable[[str], ModuleType], module: str, name: str, arguments: Sequence[Any], as_json: bool = False
) -> int:
    """Run an action with its arguments and `as_json`. The exit code: 0 done, 1 failed, 2 usage, 3 a ceiling."""
    try:
        code = getattr(load(module), name)(*arguments, as_json)
        sys.stdout.flush()
    except LabwrightError as error:
        return _told(error, as_json)
    except ModuleNotFoundError as error:  # of an extra; one of our own is a defect
        if error.name is None or error.name.partition(".")[0] == "labwright":
            raise
        cure = f"make install, or: {sys.executable} -m pip install 'labwright[train,agent,literature]'"
        return _told(UsageError(f"the package {error.name} is not installed", cure=cure), as_json)
    except BrokenPipeError:  # whoever read the answer, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        meant = StorageError.of(error)
        if meant is None:
            raise
        return _told(meant, as_json)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)  # noqa: T201
        return INTERRUPTED
    return int(code or 0)


def _told(error: LabwrightError, as_json: bool) -> int:
    show(error)
    if as_json:
        print_json(error_document(type(error).__name__, error.what, error.where, error.cure))
    return error.exit_code


def show(error: LabwrightError) -> None:
    """The error on stderr."""
    print(visible(describe(error)), file=sys.stderr)  # noqa: T201 - this is the surface


def describe(error: LabwrightError) -> str:
    """The error on up to three lines: what, where, cure."""
    lines = [f"error: {error.what}"]
    if error.where:
        lines.append(f"  where: {error.where}")
    if error.cure:
        lines.append(f"  cure:  {error.cure}")
    return "\n".join(lines)


def error_document(
    kind: str, what: str, where: str | None = None, cure: str | None = None
) -> dict[str, dict[str, str | None]]:
    """What `--json` prints for an error."""
    return {"error": {"type": kind, "what": what, "where": where, "cure": cure}}


def print_json(document: object) -> None:
    """One JSON document on stdout. What JSON lets through and a terminal obeys, or cannot write, is escaped."""
    text = json.dumps(document, indent=2, ensure_ascii=False)
    print(_OBEYED.sub(lambda found: f"\\u{ord(found[0]):04x}", text))  # noqa: T201


def say(text: str = "") -> None:
    """A line of a command's answer on stdout, without control codes: what is said may be other people's words."""
    print(visible(text))  # noqa: T201
