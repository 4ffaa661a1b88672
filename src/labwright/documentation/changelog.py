"""What the changelog that a distribution ships says of a name. Few wheels ship one; then there is nothing to say."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

from labwright.documentation.environment import Installed

_FILE = re.compile(
    r"^[^,\n]*?(?:change(?:s|log)|history|news|release[-_]?notes?)[^,/\n]*\.(?:md|rst|txt)(?=,|$)", re.I | re.M
)
_HEADING = re.compile(r"^(?:#+\s*|\[)?v?(\d+\.\d+[\w.]*)")
_MOST = 5


def changes(installed: Installed, name: str) -> tuple[str, ...]:
    """The newest entries that name it, each with the version that it stands under."""
    word = re.compile(rf"(?<![\w.]){re.escape(name)}(?!\w)")
    found: list[str] = []
    for file in _files(installed):
        version = ""
        for entry in re.split(r"\n(?=[-*] |#|\s*\n)", file):
            heading = _HEADING.match(entry.strip().lstrip("#*- ["))
            if heading is not None:
                version = heading.group(1)
            if word.search(entry):
                text = " ".join(entry.split()).lstrip("-* ")
                found.append(f"{version}: {text}" if version and not text.startswith(version) else text)
            if len(found) >= _MOST:
                return tuple(found)
    return tuple(found)


@lru_cache(maxsize=32)
def _files(installed: Installed) -> tuple[str, ...]:
    record = installed.info / "RECORD"
    if not record.is_file():
        return ()
    texts: list[str] = []
    for line in _FILE.findall(record.read_text(errors="replace")):
        path = Path(installed.info.parent, line)
        if path.is_file() and path.stat().st_size < 5_000_000:
            texts.append(path.read_text(errors="replace"))
    return tuple(texts)
