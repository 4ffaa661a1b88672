"""`labwright papers library` and `reindex`: what the lab has read, and its index made whole."""

from __future__ import annotations

import time
from dataclasses import asdict

from labwright.assemble import Lab, open_lab
from labwright.cli import transcript
from labwright.cli.edge import print_json, say
from labwright.cli.transcript import one_line
from labwright.contracts.literature import LibraryEntry
from labwright.literature.library import Library


def library(limit: int, json: bool) -> int:
    """The newest entries. Nothing is fetched."""
    shelf = _library(open_lab())
    entries, total = shelf.entries(limit), shelf.size
    if json:
        print_json({"total": total, "entries": [{"id": entry.paper.id, **asdict(entry)} for entry in entries]})
        return 0
    if not entries:
        say("the library is empty: what `labwright papers read` reads, and `papers add` adds, is kept in it")
    for entry in entries:
        _show(entry)
    if total > len(entries):
        transcript.note(f"the newest {len(entries)} of {total:,}: raise --limit, or search with --source library")
    return 0


def reindex(json: bool) -> int:
    """Make texts searchable that are not."""
    done = _library(open_lab()).reindex()
    if json:
        print_json(asdict(done))
        return 1 if done.faults else 0
    if not done.papers and not done.faults:
        say("every text of the library is searchable")
    else:
        say(f"{done.papers:,} {'paper' if done.papers == 1 else 'papers'} made searchable again")
    for fault in done.faults:
        transcript.note(fault)
    return 1 if done.faults else 0


def _library(lab: Lab) -> Library:
    return Library(lab.ledger, lab.home / "objects")


def _show(entry: LibraryEntry) -> None:
    paper = entry.paper
    day = time.strftime("%Y-%m-%d", time.localtime(entry.added_at))
    facts = [str(paper.year) if paper.year else "", f"kept {day}", "" if entry.text_hash else "without its text"]
    say(f"{paper.id}  {one_line(paper.title, 110)}  ({', '.join(fact for fact in facts if fact)})")
    for why in entry.why.splitlines():
        say(f"    why: {one_line(why, 200)}")
    for note in entry.notes:
        say(f"    note: {one_line(note, 300)}")
