"""Contamination: which training rows hold a benchmark item.

Pure functions over items and rows. The engine uses them against `dev`, where the spans are shown; the referee uses the
same against the sealed `test` and passes on a count. What keeps false alarms away (docs in DESIGN.md, data gate):

- The template. A run of words that more than 5 % of a benchmark's items share is its template, and never counts.
- Items with fewer than 8 words outside the template are compared only by exact normalised input and answer.
- A reworded item counts only while its numbers stand: another number makes another problem.
- A reworded item of fewer than 24 words counts only where its answer stands in the row too.

Methods, in order; a row and an item are reported once, by the first that fires:

exact       the row's prompt, or its whole text, is the item's input, character by character
normalised  the item's words stand in the row without a gap (short items: input and answer)
ngram       containment, after Brown et al. (2020, arXiv 2005.14165): half of the item's distinctive 8-grams, or of
            its distinctive 3-grams (8-grams do not survive a few changed words), within a stretch twice its length, and
            there a third of the grams that are the item's own
minhash     near-duplicates in other order: MinHash over words (Broder, 1997), confirmed by their Jaccard similarity of
            0.8, by half of the words that are the item's own, and by its answer

Comparing takes half a millisecond a row. Where there are many rows, a screen (`labwright.data.duplicates.screen`) first
tells the few that could hold an item at all; it never loses a hit, so few rows and many give the same findings.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import TYPE_CHECKING, Literal

from labwright.contracts.research import Hit
from labwright.data.containment import OWN_ITEMS, Containment, Gram, grams_of
from labwright.data.folding import OPERATORS, Folded, find, fold, join
from labwright.data.near import NearIndex, jaccard
from labwright.data.rows import Row
from labwright.data.template import Template

if TYPE_CHECKING:
    from labwright.data.duplicates.screen import Conditions, Screen, Share

Method = Literal["exact", "normalised", "ngram", "minhash"]

DISTINCTIVE_WORDS = 8
LONG_GRAM = 8
LONG_SHARE = 0.5
SHORT_GRAM = 3
SHORT_SHARE = 0.5
SHORT_GRAMS_NEEDED = 6
OWN_WORDS_SHARE = 0.5
STRETCH = 2  # the 3-grams must stand within this many times the item's length
NUMBERS_SHARE = 0.75
ANSWER_NEEDED_BELOW = 24
NEAR_SIMILARITY = 0.8
LONGEST_SPAN = 240  # characters
SCREENED_FROM = 256  # rows; for fewer, or a quarter of the items, building the screen would take longer
SCREENED_CHARACTERS = 1 << 18  # at a time
SCREENED_ROWS = 2048  # likewise
WIDTHS = (1, 2, SHORT_GRAM, 5, LONG_GRAM)  # of the runs of words by which the screen knows a whole item


@dataclass(frozen=True, slots=True)
class BenchItem:
    """One benchmark item, as the checks need it."""

    id: str
    input: str
    answer: str = ""


@dataclass(frozen=True, slots=True)
class _Item:
    """An item, folded and taken apart."""

    id: str
    raw_input: str
    input: Folded
    answer: Gram
    distinctive_words: int
    long_grams: frozenset[Gram]
    short_grams: frozenset[Gram]
    numbers: frozenset[str]
    words: frozenset[str]

    @property
    def is_short(self) -> bool:
        return self.distinctive_words < DISTINCTIVE_WORDS


@dataclass(frozen=True, slots=True)
class _Folds:
    """A row, folded once for all methods."""

    row: Row
    prompt: Folded
    completion: Folded
    whole: Folded

    @property
    def question(self) -> Folded:
        """Where a question stands: the prompt, or in a plain text anywhere."""
        return self.prompt if self.prompt.words else self.whole


@dataclass(frozen=True, slots=True)
class BenchmarkIndex:
    """A benchmark's items, indexed; build once, check any number of rows."""

    items: tuple[_Item, ...]
    template: Template
    _raw: Mapping[str, tuple[int, ...]]
    _anchors: Mapping[int, Mapping[Gram, tuple[tuple[int, int], ...]]]  # by width: gram -> (item, place in it)
    _long: Containment
    _short: Containment
    _own_words: Mapping[int, frozenset[str]]
    _near: NearIndex
    _screening: _Screening = field(default_factory=lambda: _Screening(), compare=False, repr=False)

    @classmethod
    def build(cls, items: Sequence[BenchItem]) -> BenchmarkIndex:
        """Fold the items, tell template from content, and index what is left. Items without input are left out."""
        kept = [item for item in items if item.input.strip()]
        inputs = [fold(item.input) for item in kept]
        template = Template.of([folded.words for folded in inputs])
        ready = tuple(_take_apart(*pair, template) for pair in zip(kept, inputs, strict=True))
        raw: dict[str, list[int]] = defaultdict(list)
        for number, item in enumerate(ready):
            raw[item.raw_input].append(number)
        long_items = [(number, item) for number, item in enumerate(ready) if not item.is_short]
        near = NearIndex()
        for number, item in long_items:
            if len(item.words) >= DISTINCTIVE_WORDS:
                near.add(number, item.words)
        return cls(
            items=ready,
            template=template,
            _raw={text: tuple(numbers) for text, numbers in raw.items()},
            _anchors=_anchors(ready),
            _long=Containment.of(LONG_GRAM, {number: item.long_grams for number, item in long_items}),
            _short=Containment.of(SHORT_GRAM, {number: item.short_grams for number, item in long_items}),
            _own_words=_own_words(long_items),
            _near=near,
        )

    @property
    def template_share(self) -> float:
        """The share of the items' input words that are template."""
        return self.template.share

    def check(self, rows: Iterable[Row]) -> list[Hit]:
        """Every row and item that belong together, in the rows' order; see the methods above."""
        return list(self.hits(rows))

    def hits(self, rows: Iterable[Row]) -> Iterator[Hit]:
        """As `check`, one hit at a time: any number of rows may stream through."""
        for row in self._suspects(rows):
            prompt, completion = fold(row.prompt), fold(row.completion)
            folds = _Folds(row, prompt, completion, join(prompt, completion))
            found: dict[int, Hit] = {}
            for number, hit in self._find(folds):
                found.setdefault(number, hit)
            for number in sorted(found):
                yield found[number]

    def _suspects(self, rows: Iterable[Row]) -> Iterator[Row]:
        """The rows that could hold an item: all of the first few, of the others those that the screen lets through."""
        stream = iter(rows)
        screening = self._screening
        while screening.screen is None:
            if screening.rows >= max(SCREENED_FROM, len(self.items) // 4):
                from labwright.data.duplicates.screen import Screen  # noqa: PLC0415  # numpy, for many rows only

                screening.screen = Screen(conditions(self))
                break
            row = next(stream, None)
            if row is None:
                return
            screening.rows += 1
            yield row
        for batch in _batches(stream):
            suspects = screening.screen.suspects([(row.prompt, row.completion) for row in batch])
            yield from (row for row, is_suspect in zip(batch, suspects.tolist(), strict=True) if is_suspect)

    def _find(self, folds: _Folds) -> Iterator[tuple[int, Hit]]:
        yield from self._exact(folds)
        yield from self._normalised(folds)
        yield from self._contained(folds)
        yield from self._reordered(folds)

    def _exact(self, folds: _Folds) -> Iterator[tuple[int, Hit]]:
        prompt, whole = folds.row.prompt.strip(), folds.row.text.strip()
        for text in dict.fromkeys((prompt, whole)):
            for number in self._raw.get(text, ()) if text else ():
                item = self.items[number]
                answered = text == prompt and find(item.answer, folds.completion.words) is not None
                if not item.is_short or not item.answer or answered:
                    yield number, self._hit(folds, number, "exact", 1.0, _shortened(text))

    def _normalised(self, folds: _Folds) -> Iterator[tuple[int, Hit]]:
        words = folds.whole.words
        for width, anchors in self._anchors.items():
            for place, gram in enumerate(grams_of(words, width)):
                for number, offset in anchors.get(gram, ()):
                    start = place - offset
                    end = self._match(folds, self.items[number], start)
                    if end is not None:
                        yield (
                            number,
                            self._hit(folds, number, "normalised", 1.0, _shortened(folds.whole.excerpt(start, end))),
                        )

    def _match(self, folds: _Folds, item: _Item, start: int) -> int | None:
        """The end of the item in the row where its input starts at `start`; None where it does not stand there."""
        words = folds.whole.words
        end = start + len(item.input.words)
        if start < 0 or words[start:end] != item.input.words or _goes_on(folds.whole, start - 1):
            return None
        if not item.is_short:
            return None if _goes_on(folds.whole, end - 1) else end
        after = end + len(item.answer)
        if item.answer and words[end:after] == item.answer and not _goes_on(folds.whole, after - 1):
            return after
        return _match_with_completion(folds, item, start, end)

    def _contained(self, folds: _Folds) -> Iterator[tuple[int, Hit]]:
        words = folds.whole.words
        for containment, needed, fewest in (
            (self._long, LONG_SHARE, 1),
            (self._short, SHORT_SHARE, SHORT_GRAMS_NEEDED),
        ):
            places = containment.places(words)
            for number in containment.holding_at_least(needed, places):
                item = self.items[number]
                size = len(item.input.words)
                if len(containment.grams[number]) < fewest:
                    continue
                share, start, end = containment.densest(number, places, STRETCH * size)
                near = frozenset(words[max(0, start - size) : end + size])
                if share >= needed and _confirmed(item, folds, near):
                    span = _shortened(folds.whole.excerpt(start, end))
                    yield number, self._hit(folds, number, "ngram", share, span)

    def _reordered(self, folds: _Folds) -> Iterator[tuple[int, Hit]]:
        words = self.template.rare(folds.question.words)
        for number in self._near.candidates(words) if words else ():
            item = self.items[number]
            similarity = jaccard(item.words, words)
            own = self._own_words[number]
            if (
                similarity >= NEAR_SIMILARITY
                and own
                and len(own & words) >= OWN_WORDS_SHARE * len(own)
                and _confirmed(item, folds, frozenset(folds.question.words), answer_needed=True)
            ):
                span = _shortened(folds.question.excerpt(0, len(folds.question.words)))
                yield number, self._hit(folds, number, "minhash", similarity, span)

    def _hit(self, folds: _Folds, number: int, method: Method, similarity: float, span: str) -> Hit:
        return Hit(folds.row.number, self.items[number].id, method, round(similarity, 3), span)


@dataclass(slots=True)
class _Screening:
    """How many rows were compared so far, and the screen from when they are many."""

    rows: int = 0
    screen: Screen | None = None


def conditions(index: BenchmarkIndex) -> Conditions:
    """What each method asks of a row at the least, in grams that can be counted."""
    from labwright.data.duplicates.screen import Conditions, Share  # noqa: PLC0415  # as above

    whole: dict[int, list[Share]] = defaultdict(list)
    near = [(index._own_words[number], len(index.items[number].words)) for number in index._own_words]
    for width, run in _runs_of_whole_items(index):
        whole[width].append(Share([run], 1))
    whole[LONG_GRAM] += [Share(*asked) for asked in index._long.asked(LONG_SHARE, 1)]
    whole[SHORT_GRAM] += [Share(*asked) for asked in index._short.asked(SHORT_SHARE, SHORT_GRAMS_NEEDED)]
    return Conditions(
        raw=frozenset(index._raw),
        whole=whole,
        question=[
            Share(
                [(word,) for word in own],
                ceil(OWN_WORDS_SHARE * len(own)),
                NEAR_SIMILARITY * words,
                words / NEAR_SIMILARITY,
            )
            for own, words in near
            if own and words >= DISTINCTIVE_WORDS
        ],
        template=index.template.words,
    )


def _runs_of_whole_items(index: BenchmarkIndex) -> set[tuple[int, Gram]]:
    """Of each item a run of its words around its anchor, of as many words as `WIDTHS` and the item allow."""
    found: set[tuple[int, Gram]] = set()
    for number, place in (at for grams in index._anchors.values() for ats in grams.values() for at in ats):
        words = index.items[number].input.words
        width = max(width for width in WIDTHS if width <= len(words))
        start = min(place, len(words) - width)
        found.add((width, words[start : start + width]))
    return found


def _batches(rows: Iterator[Row]) -> Iterator[list[Row]]:
    """So many rows at a time as make a good batch for the screen."""
    batch: list[Row] = []
    characters = 0
    for row in rows:
        batch.append(row)
        characters += len(row.prompt) + len(row.completion)
        if characters >= SCREENED_CHARACTERS or len(batch) >= SCREENED_ROWS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch


def _take_apart(item: BenchItem, folded: Folded, template: Template) -> _Item:
    words = folded.words
    distinctive = [not covered for covered in template.covers(words)]
    return _Item(
        id=item.id,
        raw_input=item.input.strip(),
        input=folded,
        answer=fold(item.answer).words,
        distinctive_words=sum(distinctive),
        long_grams=frozenset(g for g in grams_of(words, LONG_GRAM) if not template.holds(g)),
        short_grams=frozenset(g for g in grams_of(words, SHORT_GRAM) if not template.holds(g)),
        numbers=frozenset(word for word in words if word[0].isdigit()) - template.constants,
        words=template.rare(words),
    )


def _anchors(items: Sequence[_Item]) -> dict[int, dict[Gram, tuple[tuple[int, int], ...]]]:
    """Each item under its rarest gram, so that a row of the same template is compared with few items."""
    counts: Counter[Gram] = Counter()
    for item in items:  # an item without words (only invisible characters) has no anchor; `exact` may still find it
        counts.update(set(grams_of(item.input.words, min(SHORT_GRAM, len(item.input.words)))))
    anchors: dict[int, dict[Gram, list[tuple[int, int]]]] = defaultdict(lambda: defaultdict(list))
    for number, item in enumerate(items):
        width = min(SHORT_GRAM, len(item.input.words))
        if width == 0:
            continue
        place, gram = min(enumerate(grams_of(item.input.words, width)), key=lambda found: (counts[found[1]], found[0]))
        anchors[width][gram].append((number, place))
    return {width: {gram: tuple(at) for gram, at in by_gram.items()} for width, by_gram in anchors.items()}


def _own_words(items: Iterable[tuple[int, _Item]]) -> dict[int, frozenset[str]]:
    words = {number: item.words for number, item in items}
    counts = Counter(word for members in set(words.values()) for word in members)
    return {number: frozenset(w for w in members if counts[w] <= OWN_ITEMS) for number, members in words.items()}


def _goes_on(folded: Folded, index: int) -> bool:
    """Whether word `index` and the next belong to one expression or list of numbers, so a match must not end there."""
    if index < 0 or index + 1 >= len(folded.words):
        return False
    word, following = folded.words[index], folded.words[index + 1]
    if word in OPERATORS or following in OPERATORS:
        return True
    return word[-1].isdigit() and following[0].isdigit() and not folded.gap(index).strip(" ,")


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST_SPAN else text[: LONGEST_SPAN - 1] + "…"


def _match_with_completion(folds: _Folds, item: _Item, start: int, end: int) -> int | None:
    """A short item whose input stands in the prompt, and whose answer the completion is or, after it, holds."""
    prompt_words = len(folds.prompt.words)
    if end > prompt_words or (end < prompt_words and _goes_on(folds.whole, end - 1)):
        return None
    if not item.answer:
        return end if start == 0 and end == prompt_words else None
    if folds.completion.words == item.answer:
        return end
    if end == prompt_words and find(item.answer, folds.completion.words) is not None:
        return end
    return None


def _confirmed(item: _Item, folds: _Folds, near: frozenset[str], *, answer_needed: bool = False) -> bool:
    """Whether a reworded item is still that item: its numbers are near, and where it is brief its answer stands too."""
    missing = len(item.numbers - near)
    allowed = max(int((1 - NUMBERS_SHARE) * len(item.numbers)), 1 if len(item.numbers) > 2 else 0)
    if missing > allowed:
        return False
    answer_needed = answer_needed or len(item.input.words) < ANSWER_NEEDED_BELOW
    return not answer_needed or not item.answer or find(item.answer, folds.whole.words) is not None
