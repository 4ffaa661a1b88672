"""The nouns of code search: places in repositories, files and their text, examples, the Protocol of their sources."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from labwright.contracts.literature import Failure


@dataclass(frozen=True, slots=True)
class Place:
    """A repository, or a file in one. As text: `github:OWNER/NAME@REVISION:PATH`, which `repositories.parse` reads."""

    source: str  # github | hf | local
    repo: str  # OWNER/NAME; on the Hub a dataset is datasets/OWNER/NAME, a Space spaces/OWNER/NAME; a checkout's name
    path: str = ""
    revision: str = ""  # a branch, tag or commit; empty is the default branch, or the checkout as it lies there

    def __str__(self) -> str:
        at = f"@{self.revision}" if self.revision else ""
        return f"{self.source}:{self.repo}{at}" + (f":{self.path}" if self.path else "")


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository, as its source describes it. None and empty mean: not said."""

    place: Place
    url: str
    description: str = ""
    stars: int | None = None  # on the Hub: likes
    updated: str = ""  # YYYY-MM-DD of the last push
    default_branch: str = ""
    archived: bool = False


@dataclass(frozen=True, slots=True)
class FoundRepositories:
    """Repositories, those with the most stars first, with everything that was not as asked."""

    repositories: tuple[Repository, ...]
    total: int | None = None  # how many there are, where a source said
    remarks: tuple[str, ...] = ()
    failures: tuple[Failure, ...] = ()


@dataclass(frozen=True, slots=True)
class FileEntry:
    """A file in a listing."""

    path: str  # from the root of the repository, with slashes
    size: int | None = None  # bytes
    note: str = ""  # symlink | submodule | lfs, where it is not an ordinary file


@dataclass(frozen=True, slots=True)
class Listing:
    """The files of a repository, by path. Not `complete` where some were not looked at; `remarks` say which."""

    place: Place
    files: tuple[FileEntry, ...]
    complete: bool = True
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Hit:
    """A file that answers a search, with a line or passage of it where the text was searched."""

    place: Place
    line: int | None = None  # of the first line in `text`; None where only the name was searched, or nobody said
    text: str = ""


@dataclass(frozen=True, slots=True)
class Hits:
    """What a search found, best first, and what was not searched."""

    hits: tuple[Hit, ...]
    total: int | None = None
    remarks: tuple[str, ...] = ()
    failures: tuple[Failure, ...] = ()


class FileKind(StrEnum):
    """What a file turned out to be."""

    TEXT = "text"
    BINARY = "binary"  # `text` is empty
    LFS_POINTER = "lfs-pointer"  # `text` is the pointer; the content lies elsewhere


@dataclass(frozen=True, slots=True)
class FileText:
    """A whole file as text."""

    place: Place
    text: str
    kind: FileKind = FileKind.TEXT
    size: int = 0  # bytes
    url: str = ""  # for a person
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Numbered lines of a file. What is before and after them is said in `text` too."""

    place: Place
    text: str
    first: int  # 1-based; 0 where there is no line
    last: int
    total: int  # lines of the file
    url: str = ""
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Example:
    """A file that shows how something is done, and why it was chosen."""

    place: Place
    score: float
    why: tuple[str, ...]
    lines: int | None = None  # None: not read
    url: str = ""
    focus: str = ""  # the lines to look at first, such as "41-120"


@dataclass(frozen=True, slots=True)
class FoundExamples:
    """Examples, best first, and what was not looked at."""

    examples: tuple[Example, ...]
    remarks: tuple[str, ...] = ()
    failures: tuple[Failure, ...] = ()


class CodeSource(Protocol):
    """Finds and reads files of repositories. The conformance suite is tests/conformance/test_code_sources.py."""

    @property
    def name(self) -> str:
        """As places name it: github, hf, local."""

    def repositories(self, text: str, limit: int) -> FoundRepositories:
        """Repositories for a search, those with the most stars first. Raises ServiceError."""

    def files(self, repo: str, revision: str = "", under: str = "") -> Listing:
        """Every file of a repository, or of a folder in it. Raises NotFoundError, UsageError, ServiceError."""

    def search(self, text: str, repo: str | None, limit: int) -> Hits:
        """Files that hold the words, or whose name does where the text cannot be searched (a remark says so).

        Raises NotFoundError, UsageError, ServiceError.
        """

    def read(self, repo: str, path: str, revision: str = "") -> FileText:
        """A whole file. Raises NotFoundError, UsageError (a path that leaves the repository), ServiceError."""


def failure_lines(failures: Sequence[Failure]) -> str:
    """Failures as one sentence."""
    return "; ".join(f"{failure.source}: {failure.why}" for failure in failures)
