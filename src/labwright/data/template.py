"""Telling a benchmark's template from its content.

Benchmarks repeat themselves: instructions, question forms, answer formats. A plain n-gram check then finds every item
in every row of the same task. So what many items share is found first. A word is template where it stands in

- a run of four or more words that more than 5 % of the items share, or of two or three that more than half share, or
- an opening or an ending, of any length, that more than 5 % share (prompts such as `Sort ascending:` are too short for
  a run of four).

Both also need at least three items, or a benchmark of a few items would be all template; and items that are the same
but for case and punctuation count once, or a repeated item would hide itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

Gram = tuple[str, ...]

SHARE = 0.05
BRIEF_SHARE = 0.5
ITEMS = 3
RUN = 4
_CONTENT_GRAMS = (3, 8)  # the widths overlap.py compares by


@dataclass(frozen=True, slots=True)
class Template:
    """What a benchmark's items have in common."""

    runs: frozenset[Gram]  # of 2 and 3 words (in more than half of the items) and of 4
    openings: frozenset[Gram]
    endings: frozenset[Gram]
    grams: frozenset[Gram]  # of the widths that are compared
    words: frozenset[str]
    constants: frozenset[str]  # words that more than half of the items share
    share: float  # of all words of all items

    @classmethod
    def of(cls, items: Sequence[Gram]) -> Template:
        """Find it in the items' folded inputs."""
        different = sorted(set(items))
        often = max(ITEMS, int(SHARE * len(different)) + 1)
        mostly = max(ITEMS, int(BRIEF_SHARE * len(different)) + 1)
        template = cls(
            runs=_shared(different, 2, mostly) | _shared(different, 3, mostly) | _shared(different, RUN, often),
            openings=_shared_openings(different, often),
            endings=_shared_openings([item[::-1] for item in different], often),
            grams=frozenset().union(*(_shared(different, width, often) for width in _CONTENT_GRAMS)),
            words=frozenset(gram[0] for gram in _shared(different, 1, often)),
            constants=frozenset(gram[0] for gram in _shared(different, 1, mostly)),
            share=0.0,
        )
        covered = [flag for item in items for flag in template.covers(item)]
        share = sum(covered) / len(covered) if covered else 0.0
        return replace(template, share=share)

    def covers(self, words: Gram) -> list[bool]:
        """For each word of an item, whether it is template."""
        covered = [False] * len(words)
        for width in range(2, RUN + 1):
            for start in range(len(words) - width + 1):
                if words[start : start + width] in self.runs:
                    covered[start : start + width] = [True] * width
        opening = _longest(words, self.openings)
        ending = _longest(words[::-1], self.endings)
        covered[:opening] = [True] * opening
        covered[len(words) - ending :] = [True] * ending
        return covered

    def holds(self, gram: Gram) -> bool:
        """Whether a gram of a compared width is template."""
        return gram in self.grams

    def rare(self, words: Gram) -> frozenset[str]:
        """The words that are not in more than 5 % of the items."""
        return frozenset(words) - self.words


def _shared(items: Sequence[Gram], width: int, needed: int) -> frozenset[Gram]:
    counts: Counter[Gram] = Counter()
    for item in items:
        counts.update({item[start : start + width] for start in range(len(item) - width + 1)})
    return frozenset(gram for gram, count in counts.items() if count >= needed)


def _shared_openings(items: Sequence[Gram], needed: int) -> frozenset[Gram]:
    """All openings that enough items share; grown a word at a time, so a long input costs nothing more."""
    found: set[Gram] = set()
    alive = list(items)
    length = 1
    while alive:
        counts = Counter(item[:length] for item in alive if len(item) >= length)
        shared = {opening for opening, count in counts.items() if count >= needed}
        found |= shared
        alive = [item for item in alive if len(item) > length and item[:length] in shared]
        length += 1
    return frozenset(found)


def _longest(words: Gram, openings: frozenset[Gram]) -> int:
    length = 0
    while length < len(words) and words[: length + 1] in openings:
        length += 1
    return length
