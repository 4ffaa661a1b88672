"""How good an example a file is, by its path, its text and its repository: a score, and each reason in words.

The weights are judgement, not measurement: what a file is named and what it imports tell more than where it lies, and
where it lies more than how long it is.
"""

from __future__ import annotations

import ast
import math
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from labwright.contracts.repositories import FileKind, FileText, Repository
from labwright.repositories.matching import match_name
from labwright.repositories.notebook import is_notebook

_FOLDERS: Final = {
    **dict.fromkeys(("examples", "example", "cookbook", "cookbooks"), 3.0),
    **dict.fromkeys(("notebooks", "notebook", "recipes", "quickstart", "samples", "demos", "demo"), 2.5),
    **dict.fromkeys(("scripts", "tutorials", "tutorial"), 2.0),
}
_AGAINST: Final = {
    **dict.fromkeys(("tests", "test", "testing", "third_party", "vendor", "dist", "build", ".github"), -2.0),
    **dict.fromkeys(("legacy", "deprecated", "archive", "old"), -2.5),
    **dict.fromkeys(("experimental", "contrib"), -1.0),
    **dict.fromkeys(("benchmark", "benchmarks", "ci"), -0.5),
}
_SUFFIXES: Final = {".py": 1.0, ".ipynb": 1.0, ".sh": 0.3, ".yaml": 0.0, ".yml": 0.0, ".md": -0.5, ".toml": -0.5}
_BARE_NAMES: Final = ("__init__.py", "setup.py", "conftest.py")
_NAME, _HIT, _WORDS, _LIBRARY, _CALL = 4.0, 1.5, 3.0, 2.0, 1.5
_LARGEST = 2_000_000  # bytes; a notebook with pictures is large
_IMPORT = re.compile(r"^\s*(?:from|import)\s+([A-Za-z_]\w*)", re.MULTILINE)
_MAIN = re.compile(r"^if\s+__name__\s*==\s*['\"]__main__['\"]", re.MULTILINE)
_SCRIPT_HEADER = re.compile(r"^# /// script\s*$", re.MULTILINE)
_MAGIC = re.compile(r"^\s*[%!?].*$", re.MULTILINE)  # IPython's lines, which are no Python
_WINDOW: Final = 80  # lines that are worth a first look
_STALE_DAYS: Final = 730


@dataclass(frozen=True, slots=True)
class Judgement:
    """A score and the reasons for it."""

    score: float
    why: tuple[str, ...]


def judge_path(path: str, size: int | None, wanted: Sequence[str], *, hit: bool) -> Judgement | None:
    """By name and place alone; None where the file cannot be an example of this."""
    *folders, name = path.lower().split("/")
    suffix = name[name.rfind(".") :] if "." in name else ""
    if suffix not in _SUFFIXES or name in _BARE_NAMES or (size is not None and size > _LARGEST) or size == 0:
        return None
    good = max((_FOLDERS[f] for f in folders if f in _FOLDERS), default=0.0)
    named = match_name(path, wanted)
    if not (hit or good or named.matched):
        return None
    against = [(_AGAINST[f], f"{f}/") for f in folders if f in _AGAINST]
    if name.startswith("test_") or name.endswith("_test.py"):
        against.append((_AGAINST["tests"], "a test"))
    bad, whose = min(against, default=(0.0, ""))
    why = []
    if good:
        why.append(f"lies in {next(f for f in folders if _FOLDERS.get(f) == good)}/")
    if named.matched:
        why.append(f"its path names {', '.join(named.matched)}")
    if hit:
        why.append("the search found it")
    if bad:
        why.append(f"counts less: {whose}")
    return Judgement(_NAME * named.score + good + bad + _SUFFIXES[suffix] + (_HIT if hit else 0.0), tuple(why))


def judge_text(file: FileText, text: str, wanted: Sequence[str], libraries: Sequence[str]) -> Judgement:
    """By what it holds. `text` is its code: of a notebook the code of its cells, else the whole file."""
    if file.kind is not FileKind.TEXT:
        return Judgement(-10.0, file.remarks)
    lowered = file.text.lower()
    held = [term for term in wanted if term in lowered]
    score = _WORDS * len(held) / len(wanted) if wanted else 0.0
    why = [f"holds {', '.join(held)}"] if held else []
    is_python = file.place.path.endswith(".py") or is_notebook(file.place.path)
    if is_python:
        imported = set(_IMPORT.findall(text))
        used = [lib for lib in dict.fromkeys((*libraries, *wanted)) if lib.lower() in {i.lower() for i in imported}]
        missing = [lib for lib in libraries if lib not in used]
        score += _LIBRARY * bool(used) - _LIBRARY * bool(missing)
        why += [f"imports {', '.join(used)}"] if used else []
        why += [f"does not import {', '.join(missing)}"] if missing else []
        if not _parses(text, lenient=is_notebook(file.place.path)):
            score -= 2.0
            why.append("is no Python that this interpreter can parse")
        called = [term for term in wanted if term.isidentifier() and _calls(text, term)]
        score += _CALL * bool(called)
        why += [f"calls {', '.join(called)}"] if called else []
    if _MAIN.search(text):
        score += 0.5
        why.append("runs as a script")
    if _SCRIPT_HEADER.search(text):
        score += 0.5
        why.append("names its dependencies")
    lines = text.rstrip("\n").count("\n") + 1
    if lines < 10:
        score -= 1.0
        why.append(f"has only {lines} lines")
    elif lines > 1500:
        score -= 1.0
        why.append(f"is long ({lines} lines)")
    elif 20 <= lines <= 400:
        score += 0.5
    return Judgement(score, tuple(why))


def judge_repository(repository: Repository, today: date) -> Judgement:
    """By its stars and how long ago it was changed."""
    score, why = 0.0, []
    if repository.stars:
        score += min(1.5, 0.3 * math.log10(repository.stars + 1))
        why.append(f"{repository.stars} stars")
    try:
        age = (today - date.fromisoformat(repository.updated)).days if repository.updated else 0
    except ValueError:  # no date after all
        age = 0
    if age > _STALE_DAYS:
        score -= 1.0
        why.append(f"last changed {repository.updated}")
    if repository.archived:
        score -= 1.0
        why.append("its repository is archived")
    return Judgement(score, tuple(why))


def focus(text: str, wanted: Sequence[str]) -> str:
    """The lines that hold the most different words; empty where the file is short enough to be read whole."""
    lines = text.lower().split("\n")
    if len(lines) <= _WINDOW:
        return ""
    found = [[term for term in wanted if term in line] for line in lines]
    best, most = 0, -1
    for start in range(0, len(lines) - _WINDOW + 1, _WINDOW // 4):
        inside = [term for terms in found[start : start + _WINDOW] for term in terms]
        score = 10 * len(set(inside)) + min(len(inside), 9)
        if score > most:
            best, most = start, score
    return f"{best + 1}-{best + _WINDOW}"


def _calls(code: str, name: str) -> bool:
    """Whether it calls something of this name (in whatever case), beyond defining it."""
    return re.search(rf"(?<!class )(?<!def )\b{re.escape(name)}\(", code, re.IGNORECASE) is not None


def _parses(code: str, *, lenient: bool) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an invalid escape in someone's file is no concern of ours
            ast.parse(_MAGIC.sub("pass", code) if lenient else code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return lenient  # what IPython takes beyond Python is not known here
    return True
