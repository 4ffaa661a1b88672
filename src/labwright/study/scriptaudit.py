"""A look at a training script before it runs: what in it reaches for things that a recipe has no business with.

This is a courtesy to the reader of the report, not the boundary: the sandbox and the referee hold whatever a script
hides from this look. It reads the script's syntax tree, so a comment or a docstring raises nothing.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from labwright.contracts.research import Incident

_PATHS = (
    (re.compile(r"/proc(/|$)"), "reads /proc, where other processes show"),
    (re.compile(r"\bvault\b", re.IGNORECASE), "names the vault, where the sealed items are"),
    (re.compile(r"\.labwright\b|LABWRIGHT_HOME"), "names the lab's home"),
    (re.compile(r"\b(test|dev)\.jsonl\b"), "names a benchmark's items"),
    (re.compile(r"\bdocker\.sock\b|/var/run/"), "names a control socket of the machine"),
)
_CALLS = {
    "fork": "forks a process of its own",
    "setsid": "leaves its session",
    "ptrace": "traces processes",
}
_KEYWORDS = {"start_new_session": "starts a process that leaves its session"}


def audit(script: Path) -> list[Incident]:
    """What a script reaches for, a line each; an unreadable script is one finding."""
    try:
        tree = ast.parse(script.read_text(errors="replace"))
    except SyntaxError as error:
        return [Incident(f"{script.name}:{error.lineno}", "suspicious-script", f"is no valid Python: {error.msg}")]
    found = {(line, what) for line, what in _findings(tree)}
    return [Incident(f"{script.name}:{line}", "suspicious-script", what) for line, what in sorted(found)]


def _findings(tree: ast.Module) -> Iterator[tuple[int, str]]:
    prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            yield from ((node.lineno, what) for pattern, what in _PATHS if pattern.search(node.value))
        elif isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in _CALLS:
                yield node.lineno, _CALLS[name]
            for keyword in node.keywords:
                asked = isinstance(keyword.value, ast.Constant) and keyword.value.value is True
                if keyword.arg in _KEYWORDS and asked:
                    yield node.lineno, _KEYWORDS[keyword.arg]
