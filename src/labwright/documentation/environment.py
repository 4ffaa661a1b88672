"""Where a Python finds its modules, read from the disk: nothing of what is installed there is imported or run.

An `Environment` may be the running interpreter's or any other's: a virtual environment is asked once for its paths.
"""

from __future__ import annotations

import ast
import importlib.machinery
import importlib.metadata
import json
import re
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from labwright.contracts.errors import UsageError

_ASK = (
    "import json,sys;print(json.dumps([sys.path,sorted(sys.builtin_module_names),"
    "sorted(sys.stdlib_module_names),list(sys.version_info[:3])]))"
)
_COMPILED = (*importlib.machinery.EXTENSION_SUFFIXES, ".pyd", ".so")
_WORD = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Located:
    """Where a module is. `source` is None where it is compiled, built in, or a folder without `__init__.py`."""

    name: str
    source: Path | None
    package: tuple[Path, ...] = ()  # folders that hold its submodules; empty where it is no package


@dataclass(frozen=True, slots=True)
class Installed:
    """A distribution, such as `trl 1.16.0`."""

    name: str
    version: str
    info: Path  # its dist-info folder


class Environment:
    """The modules and distributions of one Python."""

    def __init__(
        self, paths: Iterable[Path], *, builtin: Iterable[str] = (), standard: Iterable[str] = (), version: str = ""
    ) -> None:
        self.paths = tuple(path for path in dict.fromkeys(paths) if path.is_dir())
        self.version = version
        self._builtin = frozenset(builtin)
        self.standard = frozenset(standard)
        self._located: dict[str, Located | None] = {}
        self._listed: dict[Path, frozenset[str]] = {}
        self._distributions: dict[str, Installed] | None = None
        self._owners: dict[str, Installed | None] = {}
        self._redirected = _editable(self.paths)

    @classmethod
    def running(cls) -> Self:
        """That of this process, without the folder of the script that runs."""
        aside = {Path.cwd(), Path(sys.argv[0]).resolve().parent}
        paths = [path for path in (Path(entry) for entry in sys.path if entry) if path not in aside]
        version = ".".join(map(str, sys.version_info[:3]))
        return cls(paths, builtin=sys.builtin_module_names, standard=sys.stdlib_module_names, version=version)

    @classmethod
    def of(cls, python: Path) -> Self:
        """That of another interpreter. Raises UsageError where it does not run."""
        cure = "name the python of a virtual environment, such as .venv/bin/python"
        try:
            done = subprocess.run([python, "-I", "-c", _ASK], capture_output=True, text=True, timeout=60)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise UsageError(f"this Python does not run: {error}", where=str(python), cure=cure) from error
        try:
            paths, builtin, standard, version = json.loads(done.stdout)
        except ValueError as error:
            said = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
            raise UsageError(f"this Python did not say its paths: {said}", where=str(python), cure=cure) from error
        return cls(
            map(Path, paths), builtin=builtin, standard=standard, version=".".join(str(part) for part in version)
        )

    def stamp(self) -> tuple[int, ...]:
        """Changes when something is installed or removed."""
        return tuple(path.stat().st_mtime_ns for path in self.paths if path.is_dir())

    def again(self) -> Environment:
        """The same environment, read anew."""
        return Environment(self.paths, builtin=self._builtin, standard=self.standard, version=self.version)

    def find(self, name: str) -> Located | None:
        """Where a module is; None where there is none of that name."""
        if name not in self._located:
            self._located[name] = self._find(name)
        return self._located[name]

    def is_builtin(self, name: str) -> bool:
        """Whether a module is part of the interpreter itself, so that no file says what it holds."""
        return name in self._builtin

    def submodules(self, located: Located) -> tuple[str, ...]:
        """The names directly under a package, sorted."""
        names: set[str] = set()
        for folder in located.package:
            for entry in self._list(folder):
                stem = entry.split(".")[0]
                if stem.isidentifier() and stem != "__init__" and self.find(f"{located.name}.{stem}") is not None:
                    names.add(stem)
        return tuple(sorted(names))

    def top_level(self) -> tuple[str, ...]:
        """Every name that can be imported, sorted; the standard library included."""
        names = set(self._builtin) | set(self._redirected) | set(self.standard)
        for path in self.paths:
            for entry in self._list(path):
                stem, dot, rest = entry.partition(".")
                if stem.isidentifier() and (not dot or rest == "py" or f".{rest}".endswith(_COMPILED)):
                    names.add(stem)
        return tuple(sorted(names))

    def distributions(self) -> dict[str, Installed]:
        """What is installed, by normalised name (`huggingface-hub`)."""
        if self._distributions is None:
            found: dict[str, Installed] = {}
            for path in self.paths:
                for entry in sorted(self._list(path)):
                    if entry.endswith(".dist-info"):
                        name, _, version = entry.removesuffix(".dist-info").partition("-")
                        found.setdefault(normalised(name), Installed(name, version, path / entry))
            self._distributions = found
        return self._distributions

    def owner(self, module: str) -> Installed | None:
        """The distribution that a module came with; None for the standard library and what was never installed."""
        top = module.partition(".")[0]
        if top not in self._owners:
            self._owners[top] = self._owner(top)
        return self._owners[top]

    def _owner(self, top: str) -> Installed | None:
        if top in self.standard:
            return None
        named = self.distributions().get(normalised(top))
        if named is not None:
            return named
        for one in self.distributions().values():
            tops = one.info / "top_level.txt"
            record = one.info / "RECORD"
            if tops.is_file() and top in tops.read_text(errors="replace").split():
                return one
            if not tops.is_file() and record.is_file():
                text = record.read_text(errors="replace")
                if text.startswith((f"{top}/", f"{top}.py,")) or f"\n{top}/" in text or f"\n{top}.py," in text:
                    return one
        return None

    def _find(self, name: str) -> Located | None:
        parent, _, last = name.rpartition(".")
        if not last.isidentifier():
            return None
        if not parent:
            if last in self._builtin:
                return Located(name, None)
            if last in self._redirected:
                return self._search(name, last, (self._redirected[last].parent,))
            return self._search(name, last, self.paths)
        above = self.find(parent)
        return self._search(name, last, above.package) if above is not None else None

    def _search(self, name: str, last: str, folders: tuple[Path, ...]) -> Located | None:
        portions: list[Path] = []
        for folder in folders:
            entries = self._list(folder)
            inside = folder / last
            if last in entries and "__init__.py" in self._list(inside):
                return Located(name, inside / "__init__.py", (inside,))
            if f"{last}.py" in entries:
                return Located(name, folder / f"{last}.py")
            if any(f"{last}{suffix}" in entries for suffix in _COMPILED):
                return Located(name, None)
            if last in entries and any(f"__init__{suffix}" in self._list(inside) for suffix in _COMPILED):
                return Located(name, None, (inside,))
            if last in entries and inside.is_dir():
                portions.append(inside)
        return Located(name, None, tuple(portions)) if portions else None

    def _list(self, folder: Path) -> frozenset[str]:
        if folder not in self._listed:
            try:
                self._listed[folder] = frozenset(entry.name for entry in folder.iterdir())
            except OSError:
                self._listed[folder] = frozenset()
        return self._listed[folder]


def normalised(name: str) -> str:
    """A distribution's name as PEP 503 compares it."""
    return _WORD.sub("-", name.lower()).strip("-")


def _editable(paths: tuple[Path, ...]) -> dict[str, Path]:
    """Where setuptools' finders of editable installs send a name: their table is a literal in a generated file."""
    found: dict[str, Path] = {}
    for path in paths:
        for file in path.glob("__editable__*_finder.py"):
            match = re.search(r"^MAPPING\b[^=]*=\s*(\{.*?\})\s*$", file.read_text(errors="replace"), re.M | re.S)
            try:
                table = ast.literal_eval(match.group(1)) if match else {}
            except (ValueError, SyntaxError):
                continue
            found.update({str(name): Path(str(place)) for name, place in dict(table).items()})
    return found
