"""`labwright code`: repositories, files, working examples."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from labwright.assemble import open_lab
from labwright.assemble.reading import ReadingRoom
from labwright.cli import transcript
from labwright.cli.edge import print_json, say
from labwright.cli.transcript import one_line
from labwright.contracts.errors import UsageError
from labwright.contracts.literature import Failure
from labwright.contracts.repositories import Place

_SORTS = ("stars", "updated", "forks", "best")


def examples(query: str, repo: str | None, limit: int, offline: bool, json: bool) -> int:
    """Working examples, the best first."""
    with _reading(repo, offline) as (room, where):
        found = room.code.examples(query, where, limit=limit)
    if json:
        print_json({**asdict(found), "examples": [{**asdict(e), "where": str(e.place)} for e in found.examples]})
        return 0
    if not found.examples:
        say("no example was found: try fewer words, or name a repository with --repo")
    for example in found.examples:
        lines = f"  ({example.lines} lines)" if example.lines is not None else ""
        shown = _shown(example.place, repo)
        say(f"{shown}{lines}")
        say(f"    {one_line('; '.join(example.why), 150)}")
        if example.focus:
            say(f"    labwright code read {shown} --lines {example.focus}")
    _say_gaps(found.remarks, found.failures)
    return 0


def repos(query: str, sort: str, limit: int, offline: bool, json: bool) -> int:
    """Repositories on GitHub."""
    if sort not in _SORTS:
        raise UsageError(f"repositories are not sorted by {sort!r}", where="--sort", cure=f"use {', '.join(_SORTS)}")
    with _reading(None, offline) as (room, _):
        found = room.github.repositories(query, limit, sort=sort)  # type: ignore[arg-type]  # checked above
    if json:
        print_json(
            {**asdict(found), "repositories": [{**asdict(r), "where": str(r.place)} for r in found.repositories]}
        )
        return 0
    if not found.repositories:
        say("nothing was found")
    for r in found.repositories:
        facts = [f"{r.stars:,} stars" if r.stars is not None else "", r.updated, "archived" if r.archived else ""]
        say(f"{r.place}  ({', '.join(fact for fact in facts if fact)})")
        if r.description:
            say(f"    {one_line(r.description, 150)}")
    _say_gaps(found.remarks, found.failures)
    return 0


def files(repo: str, under: str, offline: bool, json: bool) -> int:
    """A repository's files."""
    with _reading(repo, offline) as (room, where):
        listing = room.code.files(f"{where}:{under}" if under else str(where))
    if json:
        print_json({**asdict(listing), "where": str(listing.place)})
        return 0
    for file in listing.files:
        size = "" if file.size is None else f"{file.size:,}"
        say(f"{size:>12}  {file.path}" + (f"  ({file.note})" if file.note else ""))
    _say_gaps(listing.remarks, ())
    return 0


def read(where: str, lines: str | None, offline: bool, json: bool) -> int:
    """A file by line range."""
    path = Path(where).expanduser()
    if path.is_dir():
        raise UsageError("this is a directory", where=where, cure=f"list it: labwright code files {where}")
    if ":" not in where and where.count("/") != 1 and not path.is_file():  # neither a place nor OWNER/NAME
        cure = "check the path, or name a file as `code examples` and `code files` show it: github:OWNER/NAME:PATH"
        raise UsageError("there is no such file", where=where, cure=cure)
    with _reading(str(path.parent) if path.is_file() else where, offline) as (room, place):
        shown = room.code.read(f"{place}:{path.name}" if path.is_file() else where, lines)
    if json:
        print_json({**asdict(shown), "where": str(shown.place)})
        return 0
    say(shown.text)
    _say_gaps(shown.remarks, ())
    return 0


def _shown(place: Place, repo: str | None) -> str:
    """A place as the next command takes it: a file of a directory by its path, for no other process knows its name."""
    return str(Path(repo).expanduser() / place.path) if place.source == "local" and repo else str(place)


@contextmanager
def _reading(where: str | None, offline: bool) -> Iterator[tuple[ReadingRoom, str | None]]:
    """A reading room, and the place as it calls it: a directory of this machine becomes a checkout."""
    directory = Path(where).expanduser() if where else None
    local = directory is not None and directory.is_dir()
    room = ReadingRoom(open_lab(), offline=offline, checkouts=(directory,) if directory is not None and local else ())
    try:
        yield room, f"local:{room.checkouts.names[0]}" if local else where
    finally:
        room.close()


def _say_gaps(remarks: Iterable[str], failures: Iterable[Failure]) -> None:
    for text in remarks:
        transcript.note(text)
    for failure in failures:
        transcript.note(f"{failure.source} did not answer: {failure.why}")
