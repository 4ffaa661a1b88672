"""How a place in a repository is written: by people as a URL or OWNER/NAME, by us as `github:OWNER/NAME@REVISION:PATH`.

Names and paths end up in URLs and in file names, so what could lead elsewhere is refused here, for every source.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import quote, unquote, urlsplit

from labwright.contracts.errors import UsageError
from labwright.contracts.repositories import Place

_FORMS: Final = (
    "write github:OWNER/NAME, github:OWNER/NAME@REVISION:PATH, hf:OWNER/NAME:PATH, hf:datasets/OWNER/NAME:PATH, "
    "local:NAME:PATH, or a URL of github.com or huggingface.co"
)
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*|\.[A-Za-z0-9_-][A-Za-z0-9._-]*")
_PREFIX = re.compile(r"([a-z]+):(?!//)(.*)", re.DOTALL)
_LINES = re.compile(r"L(\d+)(?:C\d+)?(?:-L?(\d+)(?:C\d+)?)?")
SOURCES: Final = ("github", "hf", "local")
_GITHUB_HOSTS: Final = ("github.com", "www.github.com")
_HUB_HOSTS: Final = ("huggingface.co", "www.huggingface.co", "hf.co")
_HUB_KINDS: Final = ("datasets", "spaces")
_FILE_VIEWS: Final = ("blob", "raw", "tree", "resolve", "blame", "edit")


def parse(text: str, *, sources: Sequence[str] = SOURCES, checkouts: Sequence[str] = ()) -> Place:
    """The place that a text names. `checkouts` are the names of local ones, which come first where no source is named.

    In the URL of a file the revision is taken to be one part long: a branch with a slash has to be written our way.

    Raises:
        UsageError: it is none of the forms.
    """
    stripped = text.strip()
    if "://" in stripped:
        return _of_url(stripped)
    prefixed = _PREFIX.fullmatch(stripped)
    if prefixed is not None and prefixed[1] in sources:
        return _of_source(prefixed[1], prefixed[2], text)
    name = stripped.partition(":")[0]
    if name in checkouts:
        return _of_source("local", stripped, text)
    is_hub = stripped.partition("/")[0] in _HUB_KINDS and name.count("/") >= 1
    return _of_source("hf" if is_hub else "github", stripped, text)


def linked_lines(text: str) -> str | None:
    """The lines that a URL's `#L10-L80` names."""
    found = _LINES.fullmatch(text.partition("#")[2]) if "://" in text else None
    return None if found is None else f"{found[1]}-{found[2] or found[1]}"


def _of_source(source: str, rest: str, text: str) -> Place:
    head, _, path = rest.partition(":")
    if source == "local":  # a directory's name may hold an @
        repo, revision = head, ""
    else:
        repo, _, revision = head.partition("@")
        try:
            if source in ("github", "hf"):
                (check_github if source == "github" else check_hub)(repo)
        except UsageError as error:
            raise UsageError(f"no place in a repository: {error.what}", where=text, cure=_FORMS) from error
    if not repo:
        raise UsageError("no place in a repository: it names none", where=text, cure=_FORMS)
    return Place(source, repo, clean_path(path), revision)


def _of_url(text: str) -> Place:
    try:
        parts = urlsplit(text)
        host = (parts.hostname or "").lower()
    except ValueError as error:
        raise UsageError(f"not a URL: {error}", where=text, cure=_FORMS) from error
    segments = [unquote(part) for part in parts.path.split("/") if part]
    if host == "raw.githubusercontent.com" and len(segments) >= 4:
        refs = segments[2:]
        if refs[:1] == ["refs"] and len(refs) >= 4:  # refs/heads/main/path
            refs = refs[2:]
        return _made("github", "/".join(segments[:2]), refs[0], refs[1:], text)
    if host in _GITHUB_HOSTS and len(segments) >= 2:
        segments[1] = segments[1].removesuffix(".git")
        return _viewed("github", segments, 2, text)
    if host in _HUB_HOSTS and segments:
        wide = 3 if segments[0] in _HUB_KINDS else 2
        if len(segments) > 1 and segments[wide - 1 : wide] and segments[wide - 1] in _FILE_VIEWS:
            wide -= 1  # an old name without owner, such as gpt2
        return _viewed("hf", segments, min(wide, len(segments)), text)
    raise UsageError("no repository at this address", where=text, cure=_FORMS)


def _viewed(source: str, segments: list[str], wide: int, text: str) -> Place:
    repo, rest = "/".join(segments[:wide]), segments[wide:]
    if len(rest) >= 2 and rest[0] in _FILE_VIEWS:
        return _made(source, repo, rest[1], rest[2:], text)
    return _made(source, repo, "", [], text)


def _made(source: str, repo: str, revision: str, path: list[str], text: str) -> Place:
    at = f"@{revision}" if revision else ""
    return _of_source(source, f"{repo}{at}:{'/'.join(path)}", text)


def clean_path(path: str) -> str:
    """A path inside a repository, without empty parts.

    Raises:
        UsageError: it would lead out of the repository.
    """
    if "\0" in path or "\\" in path or path.startswith("/"):
        raise UsageError("not a path inside a repository", where=path, cure="give it from the repository's root")
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise UsageError("a path may not lead out of its repository", where=path, cure="leave out the `..`")
    return "/".join(parts)


def check_github(repo: str) -> str:
    """The name of a repository on GitHub. Raises UsageError."""
    parts = repo.split("/")
    if len(parts) != 2 or not all(_NAME.fullmatch(part) for part in parts):
        raise UsageError("a repository on GitHub is OWNER/NAME", where=repo, cure="such as huggingface/trl")
    return repo


def check_hub(repo: str) -> str:
    """The name of a repository on the Hub. Raises UsageError."""
    parts = repo.split("/")
    bare = parts[1:] if parts[0] in _HUB_KINDS else parts
    if not 1 <= len(bare) <= 2 or not all(_NAME.fullmatch(part) for part in bare):
        cure = "such as Qwen/Qwen3-0.6B, datasets/trl-lib/tldr or spaces/OWNER/NAME"
        raise UsageError(
            "a repository on the Hub is OWNER/NAME, datasets/OWNER/NAME or spaces/OWNER/NAME", where=repo, cure=cure
        )
    return repo


def quoted(path: str) -> str:
    """A path as part of a URL."""
    return quote(path, safe="/")


def quoted_revision(revision: str) -> str:
    """A revision as one part of a URL: a branch's slash must not end it."""
    return quote(revision, safe="")
