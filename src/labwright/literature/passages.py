"""Cuts the passages out of a paper's text that answer a search, each with its section.

The index marks what it found in the whole text; a passage is a paragraph (a table counts as one) with marks in it. A
long one is cut around its densest part, with an ellipsis where something is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from labwright.contracts.literature import Snippet
from labwright.ledger.library_queries import MarkedPaper
from labwright.ledger.library_search import MARK, UNMARK
from labwright.literature.texts import HEADING, TEXT

ABSTRACT = "Abstract"
NOTES = "notes"  # of this lab, not of the paper

_LONGEST = 1_200  # letters of a passage
_BEFORE = 200  # of them before the first hit, where it is cut
_PARAGRAPH = re.compile(r"\n\s*\n")
_HIT = re.compile(f"{MARK}([^{MARK}{UNMARK}]*){UNMARK}")
_MARKS = str.maketrans("", "", MARK + UNMARK)
_STEM = 5  # letters by which forms of one word are told to be one


@dataclass(frozen=True, slots=True)
class _Hit:
    start: int  # in the text without marks
    word: str


def snippets_of(paper: MarkedPaper, rank: int, most: int) -> list[Snippet]:
    """The best passages of a paper that is the `rank`-th of a search, from 0; best first.

    A passage's score is the number of different words found in it, and a little for many hits and for the rank.
    """
    passages = [_snippet(paper, section, text, rank) for section, text in _paragraphs(paper) if MARK in text]
    return sorted(passages, key=lambda snippet: -snippet.score)[:most]


def _paragraphs(paper: MarkedPaper) -> Iterator[tuple[str, str]]:
    yield ABSTRACT, paper.abstract
    for section in paper.text.split(HEADING):
        heading, _, text = section.partition(TEXT)
        heading = heading.translate(_MARKS)
        for paragraph in _PARAGRAPH.split(text):
            yield heading, paragraph
    for note in paper.notes.splitlines():
        yield NOTES, note


def _snippet(paper: MarkedPaper, section: str, marked: str, rank: int) -> Snippet:
    plain, hits = _unmarked(marked)
    text, inside = _cut(plain, hits)
    score = len({hit.word for hit in inside}) + min(len(inside), 10) / 20 + 0.4 / (1 + rank)
    return Snippet(paper.paper, text, section, round(score, 3))


def _unmarked(marked: str) -> tuple[str, list[_Hit]]:
    hits = []
    for number, hit in enumerate(_HIT.finditer(marked)):
        word = hit[1].casefold()
        hits.append(_Hit(hit.start() - 2 * number, word if " " in word else word[:_STEM]))
    return marked.translate(_MARKS), hits


def _cut(plain: str, hits: list[_Hit]) -> tuple[str, list[_Hit]]:
    """The part of a paragraph with the most different words, and the hits in it."""
    if len(plain) <= _LONGEST:
        return plain.strip(), hits
    within = _LONGEST - _BEFORE

    def reached(first: _Hit) -> list[_Hit]:
        return [hit for hit in hits if first.start <= hit.start < first.start + within]

    best = max(hits, key=lambda first: (len({hit.word for hit in reached(first)}), -first.start))
    start = max(0, best.start - _BEFORE)
    start = 0 if start == 0 else plain.find(" ", start, best.start) + 1 or start
    end = min(len(plain), start + _LONGEST)
    end = end if end == len(plain) else max(plain.rfind(" ", start, end), best.start + 1)
    inside = [hit for hit in hits if start <= hit.start < end]
    return f"{'… ' if start else ''}{plain[start:end].strip()}{' …' if end < len(plain) else ''}", inside
