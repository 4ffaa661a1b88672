"""Where in a package a name is defined, when it is not where it was sought: moved, renamed, or never at the top."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from labwright.documentation.resolving import Resolver

_MOST_FILES = 6000
_SKIPPED = frozenset(("__pycache__", "tests", "test", "_vendor", "_internal"))


def sources(folder: Path) -> Iterator[Path]:
    """A package's source files, sorted, without its tests."""
    count = 0
    for here, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in _SKIPPED and name.isidentifier())
        for name in sorted(files):
            if name.endswith(".py") and count < _MOST_FILES:
                count += 1
                yield Path(here, name)


def module_of(file: Path, folder: Path, package: str) -> str:
    """The dotted name of a file inside a package's folder."""
    parts = [package, *file.relative_to(folder).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def defined(resolver: Resolver, package: str, name: str, most: int = 3) -> tuple[str, ...]:
    """The shortest paths under which a package offers a class or function that it defines somewhere."""
    located = resolver.environment.find(package)
    if located is None or located.source is None or not located.package:
        return ()
    folder = located.package[0]
    pattern = re.compile(rf"^(?:class|def|async def) {re.escape(name)}\b".encode(), re.M)
    found: list[str] = []
    for file in sources(folder):
        try:
            if pattern.search(file.read_bytes()):
                found.append(_public(resolver, module_of(file, folder, package), name))
        except OSError:
            continue
    return tuple(sorted(dict.fromkeys(found), key=lambda path: (path.count("._"), path.count("."), path))[:most])


def _public(resolver: Resolver, module: str, name: str) -> str:
    """The shortest parent that offers the same thing."""
    parts = module.split(".")
    here = resolver.path(f"{module}.{name}").only
    for cut in range(1, len(parts)):
        path = ".".join([*parts[:cut], name])
        if here is not None and resolver.path(path).only == here:
            return path
    return f"{module}.{name}"
