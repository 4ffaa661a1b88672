"""Training scripts that a trial brought along: kept in the study's directory under the hash of what they say.

A script in a workspace may be edited at any time, also after somebody approved it. So the trial names a copy, and the
engine starts that copy only while its content is what the name says.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from labwright.contracts.errors import BackendError, UsageError

_FOLDER = "recipes"
_MOST_BYTES = 1_000_000
_KEPT = re.compile(r"^recipes/[\w.-]+-([0-9a-f]{16})\.py$")
_UNUSUAL = re.compile(r"[^\w.-]+")


def name_of(script: str, content: bytes) -> str:
    """The recipe's name for trials: `recipes/train-3f9a….py`.

    Raises:
        UsageError: it is too long for a script.
    """
    if len(content) > _MOST_BYTES:
        raise UsageError(f"the script has {len(content):,} bytes", where=script, cure="scripts hold at most 1 MB")
    stem = _UNUSUAL.sub("-", Path(script).stem)[:60] or "script"
    return f"{_FOLDER}/{stem}-{content_hash(content)}.py"


def keep(script: str, content: bytes, study_directory: Path) -> None:
    """Put a script into the study's directory, under its name."""
    target = study_directory / name_of(script, content)
    target.parent.mkdir(exist_ok=True)
    fresh = target.with_suffix(".new")
    fresh.write_bytes(content)
    fresh.replace(target)


def kept(recipe: str, study_directory: Path) -> Path | None:
    """The copy that a recipe's name means; None where the name means no copy.

    Raises:
        BackendError: the copy is gone, or is not what was proposed.
    """
    named = _KEPT.match(recipe)
    if named is None:
        return None
    path = study_directory / recipe
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BackendError(f"the trial's script cannot be read: {error.strerror}", where=str(path)) from error
    if content_hash(content) != named.group(1):
        raise BackendError("the script is not the one that was proposed", where=str(path), cure="propose it again")
    return path


def content_hash(content: bytes) -> str:
    """The first 16 hex digits of a script's SHA-256."""
    return hashlib.sha256(content).hexdigest()[:16]
