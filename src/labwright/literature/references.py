"""Ids for the entries of a bibliography that carry none, as cheaply as they can be had.

A reader follows a citation only where it knows whom to ask for. The titles that the library holds cost nothing; the
list of one source of citations costs one question, however many entries lack an id. What is left is said.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from labwright.contracts.literature import Cited, Paper, Reading, Reference
from labwright.literature.asking import Refused
from labwright.literature.merging import plain
from labwright.literature.reader.resolving import Search, resolve

MOST_LISTED = 500  # references of one paper: one request at Semantic Scholar
_LEAST_LIKE = 0.85  # titles; `resolve` looks closer
_CLOSEST = 5

Listing = Callable[[], Cited | Sequence[Refused]]
"""Asks for the references of the paper that is read: the list of the first source that has one, or what all said."""


def with_ids(reading: Reading, titled: Search, listing: Listing | None = None) -> Reading:
    """The reading with ids for references that had none; the same object where nothing changed.

    Args:
        reading: what was read.
        titled: the library's papers of a title.
        listing: asked at most once, and only where the library leaves an entry without an id; None: never.
    """
    references = resolve(reading.document.references, titled, most=len(reading.document.references)).references
    remarks: list[str] = []
    left = nameless(references)
    if left and listing is not None:
        listed = listing()
        if isinstance(listed, Cited):
            references = resolve(references, _alike(listed), most=left).references
            if left := nameless(references):
                remarks.append(f"{_entries(left)} not in the list of references of {listed.source or 'any source'}")
        else:
            said = "; ".join(f"{each.source}: {each.error.what}" for each in listed) or "there is no source to ask"
            remarks.append(f"{_entries(left)} not looked up: {said}")
    if references == reading.document.references and not remarks:
        return reading
    document = reading.document
    if references != document.references:
        document = replace(document, references=references)
    return replace(reading, document=document, remarks=(*reading.remarks, *remarks))


def nameless(references: Iterable[Reference]) -> int:
    """How many entries carry no id."""
    return sum(not entry.ids.key for entry in references)


def _alike(listed: Cited) -> Callable[[str], Sequence[Paper]]:
    """A list of papers, searched by title: the same one, else those that are nearly the same."""
    titles = {plain(citation.paper.title): citation.paper for citation in listed.citations}

    def search(title: str) -> Sequence[Paper]:
        wanted = plain(title)
        if wanted in titles:
            return (titles[wanted],)
        return [titles[each] for each in difflib.get_close_matches(wanted, titles, _CLOSEST, _LEAST_LIKE)]

    return search


def _entries(count: int) -> str:
    return f"{count} {'reference' if count == 1 else 'references'} without an id:"
