"""Near-duplicates at scale: what is similar is grouped, what is not is left alone, whatever the numbers."""

from __future__ import annotations

import random
from itertools import combinations, pairwise
from pathlib import Path

import pytest

from labwright.contracts.errors import DataError, StorageError
from labwright.data.duplicates import Likeness, near_groups, similarity
from labwright.data.folding import fold
from labwright.data.near import jaccard

_VOCABULARY = [f"{a}{b}{c}{d}" for a in "bdfgk" for b in "aeiou" for c in "lmnprst" for d in ("a", "on", "ix", "us")]


def _text(rng: random.Random, words: int = 60) -> str:
    return " ".join(rng.choices(_VOCABULARY, k=words))


def _varied(text: str, rng: random.Random, changes: int) -> str:
    words = text.split()
    for place in rng.sample(range(len(words)), changes):
        words[place] = rng.choice(_VOCABULARY)
    return " ".join(words)


_USUAL = Likeness()


def _groups(texts: list[str], likeness: Likeness = _USUAL) -> list[tuple[int, ...]]:
    return sorted(near_groups(enumerate(texts), likeness).groups)


def test_planted_variants_are_grouped_and_nothing_else_is() -> None:
    rng = random.Random(1)
    texts = [_text(rng) for _ in range(2000)]
    planted = [(number, len(texts) + number) for number in range(400)]
    texts += [_varied(texts[number], rng, 3) for number, _ in planted]
    assert _groups(texts) == planted


def test_the_groups_are_those_of_comparing_every_pair() -> None:
    rng = random.Random(5)
    texts = [_text(rng, 25) for _ in range(40)]
    texts += [_varied(rng.choice(texts), rng, rng.randrange(5)) for _ in range(160)]
    pairs = [frozenset(" ".join(pair) for pair in pairwise(fold(text).words)) for text in texts]
    parents = list(range(len(texts)))

    def root(number: int) -> int:
        while parents[number] != number:
            number = parents[number]
        return number

    for one, other in combinations(range(len(texts)), 2):
        if jaccard(pairs[one], pairs[other]) >= 0.8:
            first, second = sorted((root(one), root(other)))
            parents[second] = first
    groups: dict[int, list[int]] = {}
    for number in range(len(texts)):
        groups.setdefault(root(number), []).append(number)
    exactly = sorted(tuple(group) for group in groups.values() if len(group) > 1)
    assert _groups(texts, Likeness(bands=64)) == exactly


def test_case_punctuation_and_unicode_variants_are_the_same_text() -> None:
    text = "The quick brown fox, it's said, jumps over the lazy dog 12 times."
    others = [text.upper(), text.replace("'", "’"), text.replace(" ", " \u200b "), text.replace("qu", "ｑｕ")]
    assert _groups([text, "Something else altogether", *others]) == [(0, 2, 3, 4, 5)]


def test_another_number_makes_another_text_unless_numbers_do_not_count() -> None:
    text = (
        "Tom has 12 apples and gives 5 of them to his sister; how many apples does Tom have left in the end of it all"
    )
    other = text.replace("12", "13")
    assert _groups([text, other]) == []
    assert _groups([text, other], Likeness(0.7, numbers=False)) == [(0, 1)]
    assert similarity(text, other) == 0.0
    assert similarity(text, other, Likeness(numbers=False)) == pytest.approx(22 / 26)


def test_a_crowd_of_one_template_is_compared_and_a_crowd_of_copies_is_one_group() -> None:
    rng = random.Random(2)
    template = _text(rng, 40)
    alike = [f"{template} {' '.join(rng.sample(_VOCABULARY, 3))}" for _ in range(500)]
    assert [len(group) for group in _groups(alike)] == [500]
    unlike = [f"{template} {' '.join(rng.choices(_VOCABULARY, k=40))}" for _ in range(300)]
    assert _groups(unlike) == []
    assert _groups(["the same words"] * 5000) == [tuple(range(5000))]


def test_texts_of_one_word_and_of_none() -> None:
    assert _groups(["", "yes", " ", "Yes!", "no", "→", "→"]) == [(1, 3), (5, 6)]
    assert near_groups([]).groups == ()
    found = near_groups([(7, ""), (8, "a b"), (9, "a b")])
    assert (found.rows, found.groups, found.spare) == (3, ((8, 9),), 1)


def test_longer_shingles_tell_more_apart() -> None:
    rng = random.Random(3)
    text = _text(rng, 40)
    other = _varied(text, rng, 3)
    assert (
        similarity(text, other, Likeness(shingle=1))
        > similarity(text, other)
        > similarity(text, other, Likeness(shingle=5))
    )
    assert _groups(["a b c", "a b c", "a b"], Likeness(shingle=5)) == [(0, 1)]


def test_bands_follow_the_threshold_so_that_few_pairs_are_missed() -> None:
    for threshold in (0.5, 0.6, 0.7, 0.8, 0.9, 0.95):
        bands, values = Likeness(threshold).banding
        assert bands * values <= 128
        assert (1 - threshold**values) ** bands <= 0.005


def test_progress_is_told_and_nothing_stays_in_the_folder(tmp_path: Path) -> None:
    seen: list[int] = []
    rng = random.Random(4)
    near_groups(((n, _text(rng, 5)) for n in range(9000)), folder=tmp_path, progress=seen.append)
    assert seen == [4096, 8192, 9000]
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="threshold"):
        Likeness(0)
    with pytest.raises(DataError, match="bands"):
        Likeness(bands=200)
    with pytest.raises(StorageError):
        near_groups([(0, "a")], folder=tmp_path / "missing")
