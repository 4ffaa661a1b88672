"""Repositories on this machine: directories that a person has named, and nothing outside them.

Searched with ripgrep where it is there. Files that hold secrets by their name are neither listed nor searched nor
read, and a link is followed only to files of the same checkout.
"""

from __future__ import annotations

import math
import os
import re
import stat
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Final

from labwright.contracts.errors import LabwrightError, NotFoundError, ServiceError, StorageError, UsageError
from labwright.contracts.repositories import (
    FileEntry,
    FileKind,
    FileText,
    FoundRepositories,
    Hit,
    Hits,
    Listing,
    Place,
    Repository,
)
from labwright.repositories.addresses import clean_path
from labwright.repositories.checkout_files import is_secret, listed, readable_within
from labwright.repositories.contents import MOST_BYTES, file_text, readable_size
from labwright.repositories.matching import match_name, telling, terms
from labwright.repositories.ripgrep import holding

_LONGEST_LINE: Final = 240


@dataclass(frozen=True, slots=True)
class _Scored:
    """A file that answers: how many of the words it holds, how well its name fits, and how often it holds them."""

    repo: str
    path: str
    words: int
    named: float
    often: float


class LocalCheckouts:
    """A `CodeSource` over directories. A checkout's name is its directory's; where two are alike, their whole path."""

    name = "local"

    def __init__(self, *roots: Path, ripgrep: str | None = "rg") -> None:
        """`ripgrep` is looked for beside the interpreter, then on the path; None searches in Python."""
        self._ripgrep = ripgrep
        self._roots: dict[str, Path] = {}
        resolved = list(dict.fromkeys(root.expanduser().resolve() for root in roots))
        short = [_short(root) for root in resolved]
        for root, name in zip(resolved, short, strict=True):
            self._roots[name if short.count(name) == 1 else str(root).replace(":", "_")] = root

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the checkouts."""
        return tuple(self._roots)

    def repositories(self, text: str, limit: int) -> FoundRepositories:
        """The checkouts whose name answers; all of them where the text is empty."""
        wanted = terms(text)
        found = []
        for name, root in self._roots.items():
            if (not wanted or match_name(name, wanted).matched) and root.is_dir():
                changed = datetime.fromtimestamp(root.stat().st_mtime, UTC).date().isoformat()
                found.append(Repository(Place(self.name, name), root.as_uri(), updated=changed))
        return FoundRepositories(tuple(found[:limit]), len(found))

    def files(self, repo: str, revision: str = "", under: str = "") -> Listing:
        """Every file that git does not ignore. Raises NotFoundError, UsageError."""
        root = self._root(repo, revision)
        under = clean_path(under)
        place = Place(self.name, repo, under)
        paths, remarks = listed(root)
        below = [p for p in paths if not under or p == under or p.startswith(f"{under}/")]
        if under and not below:
            raise NotFoundError(f"{repo} has no folder {under}", where=str(place), cure="list its root")
        return Listing(place, tuple(_entry(root, path) for path in below), not remarks, tuple(remarks))

    def search(self, text: str, repo: str | None, limit: int) -> Hits:
        """Files that hold the words: those with the most of them first, then those whose name answers."""
        wanted = telling(terms(text))
        if not wanted:
            raise UsageError("the search is empty", cure="name what to look for")
        remarks: list[str] = []
        scored: list[_Scored] = []
        for name in [repo] if repo is not None else self.names:
            root = self._root(name, "")
            paths, told = listed(root)
            remarks += [f"{name}: {remark}" for remark in told]
            held = [holding(root, paths, term, self._ripgrep) for term in wanted]
            for path in paths:
                named = match_name(path, wanted)
                times = [counts[path] for counts in held if path in counts]
                if times or named.matched:
                    often = sum(math.log1p(n) for n in times)
                    scored.append(_Scored(name, path, len(times), named.score, often))
        scored.sort(key=lambda hit: (-hit.words - hit.named, -hit.often, hit.repo, hit.path))
        if scored and max(hit.words for hit in scored) < len(wanted):
            remarks.append(f"no file holds all of: {', '.join(wanted)}")
        hits = [self._hit(hit.repo, hit.path, wanted if hit.words else ()) for hit in scored[:limit]]
        return Hits(tuple(hits), len(scored), tuple(remarks))

    def read(self, repo: str, path: str, revision: str = "") -> FileText:
        """A whole file of at most 8 MB. Raises NotFoundError, UsageError, StorageError."""
        root = self._root(repo, revision)
        path = clean_path(path)
        place = Place(self.name, repo, path)
        if not path:
            raise UsageError("a whole checkout is no file", where=str(place), cure="name one of its files")
        if is_secret(path):
            cure = "look at it yourself; what it holds is not shown to models"
            raise UsageError("by its name this file may hold secrets: it is not read", where=str(place), cure=cure)
        target = readable_within(root, path)
        if target is None:
            raise UsageError("this link leads out of the checkout", where=str(place), cure="name a file in it")
        if target.is_dir():
            raise UsageError("this is a folder", where=str(place), cure="list it and name one of its files")
        try:
            data = _bytes(target)
        except (FileNotFoundError, NotADirectoryError) as error:
            cure = "list the checkout and name one of its files"
            raise NotFoundError(f"{repo} has no file {path}", where=str(place), cure=cure) from error
        except OSError as error:
            what = f"cannot be read: {error.strerror or error}"
            raise StorageError(what, where=str(place), cure="give this user the right to read it") from error
        return file_text(place, data, target.as_uri())

    def _root(self, repo: str, revision: str) -> Path:
        root = self._roots.get(repo)
        if root is None:
            known = ", ".join(self._roots) or "none"
            raise NotFoundError("no such checkout is known", where=repo, cure=f"known ones: {known}")
        if revision:
            raise UsageError("a checkout is read as it lies there", where=repo, cure="leave the revision out")
        if not root.is_dir():
            raise NotFoundError("this checkout is no longer there", where=str(root), cure="name another directory")
        return root

    def _hit(self, name: str, path: str, wanted: tuple[str, ...]) -> Hit:
        """With the line that holds the most words, the first of several."""
        place = Place(self.name, name, path)
        try:
            file = self.read(name, path) if wanted else None
        except LabwrightError:  # gone, or too large: it was found, and what is wrong is said when it is read
            file = None
        if file is None or file.kind is not FileKind.TEXT:
            return Hit(place)
        best, most = None, 0
        for number, line in enumerate(file.text.split("\n"), start=1):
            lowered = line.lower()
            count = sum(term in lowered for term in wanted)
            if count > most:
                best, most = (number, line.strip()), count
        if best is None:
            return Hit(place)
        text = best[1] if len(best[1]) <= _LONGEST_LINE else best[1][:_LONGEST_LINE] + " …"
        return Hit(place, best[0], text)


def _short(root: Path) -> str:
    return re.sub(r"[:\s]", "_", root.name) or "root"


def _entry(root: Path, path: str) -> FileEntry:
    try:
        status = (root / path).lstat()
    except OSError:  # deleted, but still in git's index
        return FileEntry(path)
    if stat.S_ISLNK(status.st_mode):
        return FileEntry(path, None, "symlink")
    return FileEntry(path, status.st_size)


def _bytes(target: Path) -> bytes:
    """Of an ordinary file: a pipe would wait for ever, and a link put there meanwhile is not followed."""
    number = os.open(target, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(number, "rb") as file:
        status = os.fstat(number)
        if not stat.S_ISREG(status.st_mode):
            raise UsageError("this is no ordinary file", where=PurePosixPath(target).name, cure="name another one")
        if status.st_size > MOST_BYTES:
            what = f"the file is too large to be read: {readable_size(status.st_size)} of at most 8 MB"
            raise ServiceError(what, where=target.name, cure="search it, or read it by other means")
        return file.read(MOST_BYTES)
