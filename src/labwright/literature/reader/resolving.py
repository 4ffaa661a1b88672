"""Ids for the entries of a bibliography that carry none: by searching for their titles, within a budget."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from labwright.contracts.errors import OfflineError, RateLimitedError, ServiceError
from labwright.contracts.literature import Paper, Reference
from labwright.literature.ids import joined

Search = Callable[[str], Sequence[Paper]]
"""Papers that may bear a title, the likeliest first. Raises ServiceError."""

_LEAST_LIKE = 0.92
_LEAST_WORDS = 3  # "Attention" or "Deep learning" names too many papers


@dataclass(frozen=True, slots=True)
class Resolved:
    """The references, in their order; those that a search matched are marked `by="title"`."""

    references: tuple[Reference, ...]
    matched: int
    asked: int
    unasked: int  # have no ids, and were not searched for: the budget was spent, or no title could be read
    failures: tuple[str, ...] = ()


def resolve(references: Iterable[Reference], search: Search, *, most: int = 20) -> Resolved:
    """Searches for the titles of entries without ids, at most `most` of them.

    A paper is taken only where its title is the same but for spelling, and its year, where both are known, differs by
    two at most (a preprint and its publication). A service that asks to wait, or is offline, is not asked again.
    """
    done: list[Reference] = []
    failures: list[str] = []
    matched = asked = unasked = 0
    going = True
    for entry in references:
        if entry.ids.key:
            done.append(entry)
            continue
        if not going or asked >= most or len(entry.title.split()) < _LEAST_WORDS:
            unasked += 1
            done.append(entry)
            continue
        asked += 1
        try:
            found = search(entry.title)
        except ServiceError as error:
            failures.append(error.one_line())
            going = not isinstance(error, RateLimitedError | OfflineError)
            found = ()
        paper = next((paper for paper in found[:5] if paper.ids.key and same_work(entry, paper)), None)
        if paper is not None:
            matched += 1
            entry = replace(entry, ids=joined(entry.ids, paper.ids), title=paper.title, by="title")
        done.append(entry)
    return Resolved(tuple(done), matched, asked, unasked, tuple(dict.fromkeys(failures)))


def same_work(entry: Reference, paper: Paper) -> bool:
    """Whether a paper is what an entry names."""
    one, other = _plain(entry.title), _plain(paper.title)
    if not one or not other:
        return False
    alike = one == other or difflib.SequenceMatcher(None, one, other, autojunk=False).ratio() >= _LEAST_LIKE
    if not alike or re.findall(r"\d+", one) != re.findall(r"\d+", other):  # Llama 2 is not Llama 3
        return False
    years = [int(year) for year in re.findall(r"\b(?:19|20)\d\d\b", entry.text)]
    return paper.year is None or not years or any(abs(year - paper.year) <= 2 for year in years)


def _plain(title: str) -> str:
    return re.sub(r"[\W_]+", " ", title.lower()).strip()
