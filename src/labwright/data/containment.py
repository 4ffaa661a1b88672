"""How much of a benchmark's items a row holds, counted in n-grams: the method `ngram` of the contamination checks."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import ceil

Gram = tuple[str, ...]

OWN_ITEMS = 2
OWN_SHARE = 1 / 3


@dataclass(frozen=True, slots=True)
class Containment:
    """How much of each item a row holds, in n-grams of one width.

    An item's own grams are those that at most one other item has. A share of them must be there too: a benchmark of
    forty tasks has forty templates, none of which reaches 5 % of its items, and each would else be found in every row
    of its task.
    """

    width: int
    grams: Mapping[int, frozenset[Gram]]
    own: Mapping[int, frozenset[Gram]]
    holders: Mapping[Gram, tuple[int, ...]]

    @classmethod
    def of(cls, width: int, grams: Mapping[int, frozenset[Gram]]) -> Containment:
        holders: dict[Gram, list[int]] = defaultdict(list)
        for number, members in grams.items():
            for gram in members:
                holders[gram].append(number)
        different = Counter(gram for members in set(grams.values()) for gram in members)
        own = {number: frozenset(g for g in members if different[g] <= OWN_ITEMS) for number, members in grams.items()}
        return cls(width, grams, own, {gram: tuple(numbers) for gram, numbers in holders.items()})

    def places(self, words: Gram) -> dict[Gram, list[int]]:
        """Where a row's grams stand, of those that any item has."""
        places: dict[Gram, list[int]] = defaultdict(list)
        for gram in set(grams_of(words, self.width)) & self.holders.keys():
            places[gram] = []
        if places:
            for place, gram in enumerate(grams_of(words, self.width)):
                if gram in places:
                    places[gram].append(place)
        return places

    def holding_at_least(self, share: float, places: Mapping[Gram, list[int]]) -> list[int]:
        """Items of which that share stands anywhere among the places."""
        counts = Counter(number for gram in places for number in self.holders[gram])
        return [number for number, count in counts.items() if count >= share * len(self.grams[number])]

    def densest(self, number: int, places: Mapping[Gram, list[int]], length: int) -> tuple[float, int, int]:
        """The stretch of at most `length` words that holds most of an item: the share, and where it starts and ends.

        The share is 0 where too little of the item's own is in that stretch.
        """
        grams = self.grams[number]
        found = sorted((place, gram) for gram in grams if gram in places for place in places[gram])
        inside: Counter[Gram] = Counter()
        best, left, held = (0, 0, 0), 0, 0
        for right, (place, gram) in enumerate(found):
            held += inside[gram] == 0
            inside[gram] += 1
            while found[left][0] < place + self.width - length:
                inside[found[left][1]] -= 1
                held -= inside[found[left][1]] == 0
                left += 1
            if held > best[0]:
                best = (held, left, right)
        most, first, last = best
        stretch = {gram for _, gram in found[first : last + 1]}
        if len(self.own[number] & stretch) < OWN_SHARE * len(self.own[number]):
            return 0.0, 0, 0
        return most / len(grams), found[first][0], found[last][0] + self.width

    def asked(self, share: float, fewest: int) -> Iterator[tuple[frozenset[Gram], int]]:
        """Of each item that can be found by that share: grams, and how many of them a row must hold at the least."""
        for number, grams in self.grams.items():
            own = self.own[number]
            if len(grams) >= fewest:
                yield (own, ceil(OWN_SHARE * len(own))) if own else (grams, ceil(share * len(grams)))


def grams_of(words: Gram, width: int) -> Iterator[Gram]:
    """Each run of `width` words, in order."""
    return zip(*(words[i:] for i in range(width)), strict=False)
