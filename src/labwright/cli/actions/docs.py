"""`labwright docs` and `labwright code check`: what is installed, and a script held against it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from labwright.assemble import open_lab
from labwright.assemble_reading import ReadingRoom
from labwright.cli import transcript
from labwright.cli.edge import print_json, say
from labwright.contracts.errors import UsageError
from labwright.documentation import Hit, Problem, rendering

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
    """A symbol's documentation; for words, what answers them; with `web`, or for an address, the web's."""
    room = ReadingRoom(open_lab(), offline=offline, python=python)
    try:
        if "://" in query:
            return _page(room, query, offset, json)
        if web:
            return _web(room, query, packages, json)
        if _NAME.fullmatch(query):
            try:
                return _symbol(room, query, source, json)
            except UsageError:
                if "." in query or not (hits := room.documentation.search(query, packages)):
                    raise
                transcript.note(f"nothing is installed under the name {query}; this answers the word")
                return _hits(hits, json)
        return _hits(room.documentation.search(query, packages), json)
    finally:
        room.close()


def check(script: Path, python: Path | None, json: bool) -> int:
    """Hold a script against what is installed. Exit code 1 where something would fail."""
    try:
        text = script.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise UsageError(f"the script cannot be read: {error.strerror}", where=str(script), cure="check it") from error
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
        say(rendering.hits(hits) or "nothing installed answers; try other words, or --web")
    return 0


def _web(room: ReadingRoom, query: str, packages: Sequence[str], json: bool) -> int:
    found = [room.web_docs.search(query, library) for library in packages or _LIBRARIES]
    if json:
        print_json({"hits": [asdict(hit) for each in found for hit in each.hits],
                    "failures": [why for each in found for why in each.failures]})  # fmt: skip
        return 0
    for hit in (hit for each in found for hit in each.hits):
        say(f"{hit.url}\n  {hit.title}: {hit.section}\n  {transcript.one_line(hit.text, 240)}")
    for why in (why for each in found for why in each.failures):
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
