"""The shapes of GitHub's answers, as far as they are read here."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from labwright.repositories.wire import Count, FilePath, Flag, Text, Wire, each


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


Items = Annotated[list[Any], BeforeValidator(_list)]
RepositoryName = Annotated[str, Field(pattern=r"^[\w-][\w.-]*/[\w.-]*[\w-][\w.-]*$")]


class SearchWire(Wire):
    """A page of a search."""

    items: Items
    total_count: Count = None
    incomplete_results: Flag = False


class RepositoryWire(Wire):
    """A repository."""

    full_name: RepositoryName
    html_url: Text = ""
    description: Text = ""
    stargazers_count: Count = None
    pushed_at: Text = ""
    default_branch: Text = ""
    archived: Flag = False


class NamedWire(Wire):
    """The repository of a hit."""

    full_name: RepositoryName


class MatchWire(Wire):
    """A passage with a hit in it."""

    fragment: Text = ""


class CodeHitWire(Wire):
    """A file that code search found."""

    path: FilePath
    repository: NamedWire
    text_matches: Items = Field(default_factory=list)

    def passage(self) -> str:
        """The first passage; empty where GitHub sent none."""
        matches, _ = each(self.text_matches, MatchWire)
        return next((match.fragment for match in matches if match.fragment), "")


class TreeEntryWire(Wire):
    """An entry of a tree."""

    path: FilePath
    type: Text = ""  # blob | tree | commit
    mode: Text = ""
    sha: Text = ""
    size: Count = None


class TreeWire(Wire):
    """A tree, or as much of it as GitHub sends at once."""

    tree: Items
    truncated: Flag = False


class ContentWire(Wire):
    """A file."""

    type: Text = "file"  # file | symlink | submodule
    path: Text = ""
    sha: Text = ""
    size: Count = None
    encoding: Text = ""
    content: Text = ""
    html_url: Text = ""
    target: Text = ""
    submodule_git_url: Text = ""


class BlobWire(Wire):
    """A blob, whole."""

    content: str


class CommitWire(Wire):
    """A commit that a name points to."""

    sha: Text = ""


class RefWire(Wire):
    """A branch or tag."""

    name: Annotated[str, Field(min_length=1)]
    commit: CommitWire = CommitWire()
