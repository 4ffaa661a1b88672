"""`labwright docs` and `labwright code check`: what is installed, and a script held against it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from labwright.assemble import open_lab
from labwright.assemble.reading import ReadingRoom
from labwright.cli import transcript
from labwright.cli.edge import print_json, say
from labwright.contracts.errors import ServiceError, UsageError
from labwright.documentation import Hit, Problem, WebHit, rendering

_NAME = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*(?:\(\))?")
_LIBRARIES = ("trl",)
_ALL_LINES = 1_000_000


def docs(
    query: str,
    packages: Sequence[str],
    source: bool,
    offset: int,
    web: bool,
    python: Path | None,
    offline: bool,
    json: bool,
) -> int:
    """A symbol's documentation; for words, what answers them; where nothing installed does, the web's.

    With `web`, or for an address, the web's at once.
    """
    if not query.strip():
        raise UsageError("there is nothing to look for", cure="name a symbol, such as trl.SFTConfig, or words")
    room = ReadingRoom(open_lab(), offline=offline, python=python)
    try:
        if "://" in query:
            return _page(room, query, offset, json)
        if web:
            return _web(room, query, packages, json)
        try:
            done = _installed(room, query, packages, source, json)
        except UsageError as error:
            if (libraries := _elsewhere(room, query, packages)) is None:
                raise
            return _web_instead(room, query, libraries, error, json)
        return _web_instead(room, query, packages or _LIBRARIES, None, json) if done is None else done
    finally:
        room.close()


def check(script: Path, python: Path | None, json: bool) -> int:
    """Hold a script against what is installed. Exit code 1 where something would fail."""
    try:
        text = script.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise UsageError(
            f"the script cannot be read: {error.strerror}",
            where=str(script),
            cure="give the path of a Python file that you may read",
        ) from error
    room = ReadingRoom(open_lab(), python=python)
    try:
        found: Sequence[Problem] = room.documentation.check(text, script.resolve())
    finally:
        room.close()
    errors = sum(problem.is_error for problem in found)
    if json:
        problems = [{**asdict(problem), "is_error": problem.is_error} for problem in found]
        print_json({"script": str(script), "errors": errors, "problems": problems})
    else:
        say(rendering.problems(found, str(script)).rstrip())
    return 1 if errors else 0


def _installed(room: ReadingRoom, query: str, packages: Sequence[str], source: bool, json: bool) -> int | None:
    """What is installed under a name, else what answers the words; None where nothing does."""
    if _NAME.fullmatch(query):
        try:
            return _symbol(room, query, source, json)
        except UsageError:
            if "." in query or not (hits := room.documentation.search(query, packages)):
                raise
            transcript.note(f"nothing is installed under the name {query}; this answers the word")
            return _hits(hits, json)
    hits = room.documentation.search(query, packages)
    return _hits(hits, json) if hits else None


def _elsewhere(room: ReadingRoom, query: str, packages: Sequence[str]) -> Sequence[str] | None:
    """The libraries whose documentation on the web may know what is not installed; None where that rules."""
    find = room.documentation.environment.find
    top, dot, _ = query.partition(".")
    if find(top) is not None or (packages and all(find(package) is not None for package in packages)):
        return None
    if dot and _NAME.fullmatch(query):  # a class's attribute is a matter of the class that is installed
        return (top,) if top.islower() else None
    return packages or _LIBRARIES


def _web_instead(
    room: ReadingRoom, query: str, libraries: Sequence[str], missing: UsageError | None, json: bool
) -> int:
    """The web's documentation, where nothing installed answers; the error stands where that knows nothing either."""
    try:
        hits, failures = _sections(room, query, libraries)
    except ServiceError as error:
        hits, failures = [], [f"the web's documentation did not answer either: {error.what}"]
    if missing is not None and not hits:
        for why in failures:
            transcript.note(why)
        raise missing
    if not json:
        where = f"the web's of {', '.join(libraries)}" if hits else "try other words"
        transcript.note(f"nothing installed answers; {where}")
    return _show_sections(hits, failures, json)


def _symbol(room: ReadingRoom, name: str, source: bool, json: bool) -> int:
    found = room.documentation.lookup(name)
    if json:
        print_json(asdict(found))
        return 0
    say(rendering.described(found).rstrip())
    if source:
        lines = rendering.source(found, most=_ALL_LINES)
        say(f"\n{found.file}\n{lines.text}")
    return 0


def _hits(hits: Sequence[Hit], json: bool) -> int:
    if json:
        print_json([asdict(hit) for hit in hits])
    else:
        say(rendering.hits(hits))
    return 0


def _web(room: ReadingRoom, query: str, packages: Sequence[str], json: bool) -> int:
    hits, failures = _sections(room, query, packages or _LIBRARIES)
    if not hits and not json:
        say(f"the documentation of {', '.join(packages or _LIBRARIES)} does not answer: try other words")
    return _show_sections(hits, failures, json)


def _sections(room: ReadingRoom, query: str, libraries: Sequence[str]) -> tuple[list[WebHit], list[str]]:
    """Of every library, and what failed. Raises ServiceError where none answered."""
    hits: list[WebHit] = []
    failures: list[str] = []
    errors: list[ServiceError] = []
    for library in libraries:
        try:
            found = room.web_docs.search(query, library)
        except ServiceError as error:
            errors.append(error)
            failures.append(error.one_line())
            continue
        hits += found.hits
        failures += found.failures
    if len(errors) == len(libraries):
        raise errors[0]
    return hits, failures


def _show_sections(hits: Sequence[WebHit], failures: Sequence[str], json: bool) -> int:
    if json:
        print_json({"hits": [asdict(hit) for hit in hits], "failures": list(failures)})
        return 0
    for hit in hits:
        say(f"{hit.url}\n  {hit.title}: {hit.section}\n  {transcript.one_line(hit.text, 240)}")
    for why in failures:
        transcript.note(why)
    return 0


def _page(room: ReadingRoom, url: str, offset: int, json: bool) -> int:
    read = room.web_docs.page(url, offset=offset)
    if json:
        print_json(asdict(read))
        return 0
    say(read.text)
    more = f"; go on with --offset {read.next_offset}" if read.next_offset is not None else ""
    transcript.note(f"{read.title}: from character {read.offset} of {read.total}{more}")
    return 0
