"""How often files hold a text: by ripgrep, which is many times faster, or by Python where it is not there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from labwright.repositories.contents import MOST_BYTES, is_binary_name

_ANSWERS_S: Final = 30.0
_MOST_ARGUMENTS: Final = 100_000  # characters of paths in one call: the least that systems take is more
_OPTIONS: Final = (
    *(
        "--no-config",
        "--count-matches",
        "--with-filename",
        "--null",
        "--fixed-strings",
        "--ignore-case",
        "--no-messages",
    ),
    *("--no-ignore", "--hidden", "--threads", "2", "--max-filesize", str(MOST_BYTES)),
)


def found_ripgrep(name: str) -> str | None:
    """The program, beside this interpreter (where pip puts it) or on the path."""
    return shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)


def holding(root: Path, paths: Sequence[str], text: str, ripgrep: str | None) -> dict[str, int]:
    """Those of the files (below the root) that hold a text, in whatever case, and how often."""
    looked_at = [path for path in paths if not is_binary_name(path)]
    program = found_ripgrep(ripgrep) if ripgrep is not None else None
    found: dict[str, int] = {}
    for chunk in _chunks(looked_at):
        answered = _asked(program, root, chunk, text) if program is not None else None
        found |= answered if answered is not None else {path: _times(root / path, text) for path in chunk}
    return {path: times for path, times in found.items() if times}


def _chunks(paths: Sequence[str]) -> Iterator[list[str]]:
    chunk: list[str] = []
    length = 0
    for path in paths:
        if chunk and length + len(path) > _MOST_ARGUMENTS:
            yield chunk
            chunk, length = [], 0
        chunk.append(path)
        length += len(path) + 1
    if chunk:
        yield chunk


def _asked(program: str, root: Path, chunk: Sequence[str], text: str) -> dict[str, int] | None:
    """None where ripgrep could not answer; then Python looks."""
    command = [program, *_OPTIONS, "--regexp", text, "--", *chunk]
    try:
        asked = subprocess.run(
            command, capture_output=True, timeout=_ANSWERS_S, check=False, cwd=root, stdin=subprocess.DEVNULL
        )
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
    # 1 says that nothing was found; 2 that some file could not be read, which is no reason to forget the others.
    if asked.returncode not in (0, 1, 2) or (asked.returncode == 2 and not asked.stdout):
        return None
    counted = (line.partition(b"\0") for line in asked.stdout.splitlines())
    return {os.fsdecode(path): int(times) for path, _, times in counted if times.isdigit()}


def _times(file: Path, text: str) -> int:
    try:
        if not file.is_file() or file.stat().st_size > MOST_BYTES:
            return 0
        data = file.read_bytes()
    except OSError:
        return 0
    return data.decode("utf-8", errors="replace").lower().count(text.lower())
