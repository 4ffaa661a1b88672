"""The PEP 723 header of a script: which distributions it says that it needs."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator

from labwright.documentation.environment import Environment, normalised
from labwright.documentation.problems import Problem, ProblemKind

_BLOCK = re.compile(r"^# /// script\s*$\n((?:^#(?: .*)?$\n)*?)^# ///\s*$", re.M)
_NAME = re.compile(r"^\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[[^\]]*\])?\s*(.*)$")
_EXACT = re.compile(r"^==\s*([0-9][\w.+!-]*)$")


def header_problems(text: str, environment: Environment) -> Iterator[Problem]:
    """Dependencies that are not installed, or in another version than the header's `==`; a header that is no TOML."""
    block = _BLOCK.search(text)
    if block is None:
        return
    start = text.count("\n", 0, block.start()) + 1
    try:
        table = tomllib.loads("\n".join(line[2:] for line in block.group(1).splitlines()))
    except tomllib.TOMLDecodeError as error:
        yield Problem(start, 1, ProblemKind.SYNTAX, f"the script header is not TOML: {error}")
        return
    dependencies = table.get("dependencies", [])
    for entry in dependencies if isinstance(dependencies, list) else []:
        requirement = str(entry)
        found = _NAME.match(requirement.partition(";")[0])
        if ";" in requirement or found is None:
            continue  # a marker may take it out
        at = next((n for n, line in enumerate(text.splitlines(), 1) if requirement in line), start)
        yield from _problems(found.group(1), found.group(2).strip(), at, environment)


def _problems(name: str, wanted: str, line: int, environment: Environment) -> Iterator[Problem]:
    installed = environment.distributions().get(normalised(name))
    if installed is None:
        what = f"the header asks for `{name}`, which is not installed here"
        yield Problem(line, 1, ProblemKind.NOT_INSTALLED, what, "what is used of it could not be checked", name)
        return
    exact = _EXACT.match(wanted)
    if exact is not None and not _same(exact.group(1), installed.version):
        what = f"the header asks for `{name}=={exact.group(1)}`, and {installed.version} is installed here"
        cure = "the script was checked against the installed one"
        yield Problem(line, 1, ProblemKind.NOT_INSTALLED, what, cure, name)


def _same(wanted: str, installed: str) -> bool:
    """Whether `==` takes it: trailing zeros and a local label (`2.13.0+cpu`) make no difference."""
    ours = installed if "+" in wanted else installed.partition("+")[0]
    return re.sub(r"(\.0)+$", "", wanted) == re.sub(r"(\.0)+$", "", ours)
