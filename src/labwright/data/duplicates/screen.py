"""Which rows could hold a benchmark item at all: a quick look at every row, before the few are compared in earnest.

Contamination is decided by `labwright.data.overlap`, word by word; that takes half a millisecond a row. Each of its
methods has a condition that a row must meet and that hashed words can tell a hundred times as quickly:

exact       the prompt or the whole text is an item's input
normalised  a run of up to eight of the item's words, its rarest among them, stands in the row
ngram       a third of the n-grams that are an item's own stand in the row
minhash     half of the words that are an item's own stand in the question, and it is about as long as the item

Who fails all four cannot be a hit. Two different runs of words may share a hash; that lets a row through in vain, and
where two of one item's own do, less is asked of its rows. So nothing that the full comparison would find is lost.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labwright.data.duplicates.words import Hashes, Places, Words, combined, hashes_of, runs, words_of

Gram = tuple[str, ...]
_SPARSITY = 8  # places of the first table a hash
_TABLE_BITS = (12, 26)
_LINK = 3  # words: a longer run is looked for where all of its runs of this width may be


@dataclass(frozen=True, slots=True)
class Share:
    """What of one item a row must hold: `needed` of these grams. `least` and `most` bound its different rare words."""

    grams: Collection[Gram]
    needed: int
    least: float = 0.0
    most: float = float("inf")


@dataclass(frozen=True, slots=True)
class Conditions:
    """What the methods ask of a row: any one of these."""

    raw: frozenset[str]  # to be the prompt or the whole text
    whole: Mapping[int, Sequence[Share]]  # grams of the whole text, by width
    question: Sequence[Share]  # single words of the question
    template: frozenset[str]  # words that do not count as rare


class Screen:
    """Built once from a benchmark's conditions; `suspects` takes any number of rows."""

    def __init__(self, conditions: Conditions) -> None:
        vocabulary = _Vocabulary(conditions)
        self._raw = conditions.raw
        self._raw_sizes = frozenset(map(len, conditions.raw))
        self._whole = {width: _Counter(shares, vocabulary) for width, shares in conditions.whole.items() if shares}
        wide = {
            gram for width, shares in conditions.whole.items() if width >= _LINK for s in shares for gram in s.grams
        }
        links = {gram[place : place + _LINK] for gram in wide for place in range(len(gram) - _LINK + 1)}
        self._links = _Table(vocabulary.grams(links))
        self._question = _Counter(conditions.question, vocabulary) if conditions.question else None
        self._template = _Table(vocabulary.grams([(word,) for word in sorted(conditions.template)]))

    def suspects(self, rows: Sequence[tuple[str, str]]) -> NDArray[np.bool_]:
        """Which of these prompts and completions have to be compared in earnest."""
        flags = np.fromiter((self._is_raw(*row) for row in rows), np.bool_, len(rows))
        words = words_of([text for row in rows for text in row])
        ends, owners = words.bounds[2::2], words.owners >> 1
        linked = self._links.may_hold(runs(words.hashes, _LINK))
        for width, counter in self._whole.items():
            places, grams = _found(counter.table, words.hashes, width, linked)
            of = owners[places]
            inside = places + width <= ends[of]  # the others run on into the next row
            flags[counter.met(of[inside], grams[inside])[0]] = True
        if self._question is not None:
            self._ask_questions(self._question, words, flags)
        return flags

    def _is_raw(self, prompt: str, completion: str) -> bool:
        if (text := prompt.strip()) in self._raw:
            return True
        if text and (answer := completion.rstrip()):  # the length tells nearly always, without joining the two
            size = len(prompt.lstrip()) + 1 + len(answer)
            return size in self._raw_sizes and f"{prompt}\n{completion}".strip() in self._raw
        return f"{prompt}\n{completion}".strip() in self._raw

    def _ask_questions(self, counter: _Counter, words: Words, flags: NDArray[np.bool_]) -> None:
        prompts = words.counts[::2] > 0
        is_asked = np.stack([prompts, ~prompts], axis=1).ravel()  # the prompt, or a whole text without one
        is_asked &= words.counts + 1 >= counter.least.min()
        places = np.flatnonzero(np.repeat(is_asked, words.counts))
        rows, hashes = words.owners[places] >> 1, words.hashes[places]
        places, grams = counter.table.places(hashes)
        found, items = counter.met(rows[places], grams)
        if not len(found):
            return
        rare = np.isin(rows, found)
        rare[self._template.places(hashes)[0]] = False
        different = np.unique(np.stack([rows[rare].astype(np.uint64), hashes[rare]], axis=1), axis=0)[:, 0]
        counts = np.bincount(different.astype(np.int64), minlength=len(flags))[found]
        fits = (counts + 1 >= counter.least[items]) & (counts - 1 <= counter.most[items])  # 1: for a shared hash
        flags[found[fits]] = True


def _found(table: _Table, hashes: Hashes, width: int, linked: NDArray[np.bool_]) -> tuple[Places, Places]:
    """Where runs of the table stand, and which. `linked` says where a run of `_LINK` words may be part of one."""
    if width < _LINK:
        return table.places(runs(hashes, width))
    likely = linked[: max(0, len(hashes) - width + 1)]
    for step in range(1, width - _LINK + 1):
        likely = likely & linked[step : step + len(likely)]
    places = np.flatnonzero(likely)
    found, grams = table.places(combined([hashes[places + step] for step in range(width)]))
    return places[found], grams


class _Vocabulary:
    """The hash of every word that the conditions name."""

    def __init__(self, conditions: Conditions) -> None:
        words: set[str] = set(conditions.template)
        for shares in (*conditions.whole.values(), conditions.question):
            words.update(word for share in shares for gram in share.grams for word in gram)
        spelt = sorted(words)
        self._places = {word: place for place, word in enumerate(spelt)}
        self._hashes = hashes_of(spelt)

    def grams(self, grams: Iterable[Gram]) -> Hashes:
        """The hash of each gram; all of one width."""
        listed = list(grams)
        if not listed:
            return np.zeros(0, np.uint64)
        places = np.fromiter((self._places[word] for gram in listed for word in gram), np.int64)
        return combined([self._hashes[column] for column in places.reshape(len(listed), -1).T])


class _Table:
    """A set of hashes. The first bits of one lead to those that begin so, or tell that there are none."""

    def __init__(self, hashes: Hashes) -> None:
        self.hashes = np.unique(hashes)
        low, high = _TABLE_BITS
        bits = min(high, max(low, (_SPARSITY * len(self.hashes)).bit_length()))
        self._shift = np.uint64(64 - bits)
        slots = self.hashes >> self._shift
        self._there = np.zeros(1 << bits, np.bool_)
        self._there[slots] = True
        self._first = np.zeros(1 << bits, np.int32)
        self._first[slots[::-1]] = np.arange(len(slots), dtype=np.int32)[::-1]  # the first of a slot is written last
        self._deepest = int(np.bincount(np.unique(slots, return_inverse=True)[1]).max()) if len(slots) else 0

    def may_hold(self, hashes: Hashes) -> NDArray[np.bool_]:
        """False for hashes that are not in the set; true for the others, and for one in eight that is not."""
        found: NDArray[np.bool_] = self._there[hashes >> self._shift]
        return found

    def places(self, hashes: Hashes) -> tuple[Places, Places]:
        """Of those that are in the set: where they stand in `hashes`, and where in the set."""
        slots = hashes >> self._shift
        likely = np.flatnonzero(self._there[slots])
        at = self._first[slots[likely]].astype(np.int64)
        wanted = hashes[likely]
        for _ in range(1, self._deepest):
            at += (self.hashes[at] < wanted) & (at + 1 < len(self.hashes))
        right = self.hashes[at] == wanted if len(self.hashes) else np.zeros(len(likely), np.bool_)
        return likely[right], at[right]


class _Counter:
    """Counts how many of each item's grams a row holds."""

    def __init__(self, shares: Sequence[Share], vocabulary: _Vocabulary) -> None:
        sizes = np.array([len(share.grams) for share in shares], np.int64)
        hashes = vocabulary.grams(gram for share in shares for gram in share.grams)
        items = np.repeat(np.arange(len(shares)), sizes)
        pairs = np.unique(np.stack([hashes, items.astype(np.uint64)], axis=1), axis=0)
        self.table = _Table(hashes)
        self._starts = np.searchsorted(pairs[:, 0], self.table.hashes)
        self._sizes = np.diff(np.append(self._starts, len(pairs)))
        self._items = pairs[:, 1].astype(np.int64)
        lost = sizes - np.bincount(self._items, minlength=len(shares))  # grams of one item that share a hash
        self._needed = np.maximum(np.array([share.needed for share in shares], np.int64) - lost, 1)
        self._least_needed = int(self._needed.min())
        self.least = np.array([share.least for share in shares])
        self.most = np.array([share.most for share in shares])

    def met(self, owners: Places, grams: Places) -> tuple[Places, Places]:
        """Rows and items of which the rows hold what is needed, given the grams found (by place in the table)."""
        if not len(grams):
            return grams, grams
        count = len(self.table.hashes)
        once, _ = _counted(owners * count + grams)
        rows = once // count
        grams = once - rows * count
        sizes = self._sizes[grams]
        within = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        items = self._items[np.repeat(self._starts[grams], sizes) + within]
        pairs, held = _counted(np.repeat(rows, sizes) * len(self._needed) + items)
        several = held >= self._least_needed
        pairs, held = pairs[several], held[several]
        rows, items = pairs // len(self._needed), pairs % len(self._needed)
        enough = held >= self._needed[items]
        return rows[enough], items[enough]


def _counted(values: Places) -> tuple[Places, Places]:
    """The different values, ascending, and how often each is there; sorts in place."""
    values.sort()
    edges = np.flatnonzero(np.concatenate([[True], values[1:] != values[:-1]]))
    return values[edges], np.diff(edges, append=len(values))
