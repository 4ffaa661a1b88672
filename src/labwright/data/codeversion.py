"""Which code made a dataset version: Labwright's version, and the commit where it runs from a checkout."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import labwright


@cache
def code_version() -> str:
    """`labwright 0.1.0`, or `labwright 0.1.0+g1a2b3c4d5e6f` in a checkout; uncommitted changes are not told."""
    package = Path(labwright.__file__).resolve().parent
    commit = commit_of(package.parents[1]) if package.parent.name == "src" else None
    return f"labwright {labwright.__version__}" + (f"+g{commit[:12]}" if commit else "")


def commit_of(checkout: Path) -> str | None:
    """The commit that a git checkout stands at, without asking git; None where it cannot be told."""
    try:
        git = checkout / ".git"
        if git.is_file():  # a worktree: the file names the folder
            git = (checkout / git.read_text().removeprefix("gitdir:").strip()).resolve()
        head = (git / "HEAD").read_text().strip()
        if not head.startswith("ref: "):
            return head
        ref = head.removeprefix("ref: ")
        common = git / (git / "commondir").read_text().strip() if (git / "commondir").is_file() else git
        if (common / ref).is_file():
            return (common / ref).read_text().strip()
        packed = (common / "packed-refs").read_text().splitlines()
        return next((line.split()[0] for line in packed if line.endswith(f" {ref}")), None)
    except (OSError, UnicodeDecodeError, IndexError):
        return None
