"""Hashed words are the folded words, one for one."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from labwright.data.duplicates.words import hashes_of, words_of
from labwright.data.folding import fold

_ODD = list("aB1 2+-*/^()[]\t\n×÷−–’…中文かアÅßſﬁ²½٣\u200b\u00ad\u30fb·İ_ΣςK\ud800\U000e0001𝟗\u0301")
_TEXTS = st.text(alphabet=st.one_of(st.characters(), st.sampled_from(_ODD)))


def _check(texts: list[str]) -> None:
    words = words_of(texts)
    assert len(words.bounds) == len(texts) + 1
    for number, text in enumerate(texts):
        expected = fold(text).words
        mine = slice(words.bounds[number], words.bounds[number + 1])
        assert np.array_equal(words.hashes[mine], hashes_of(expected)), (text, expected)
        assert words.numeric[mine].tolist() == [word[0].isdigit() for word in expected]


@settings(max_examples=200, deadline=None)
@given(st.lists(_TEXTS))
def test_the_words_of_any_texts_are_those_that_folding_finds(texts: list[str]) -> None:
    _check(texts)


def test_operators_count_between_numbers_only_whatever_stands_between() -> None:
    _check(["(12 +\t5)", "a + 5", "12 -(  3", "12 - x", "3 --4", "x^2", "2^10", "-", "7 ×  8", "5\n- 3"])


def test_texts_of_signs_alone_and_empty_ones_stand_among_others() -> None:
    _check(["", "→ ←", "word", "   ", "?!", "wörter ☂", "\u200b"])
    _check([])


def test_different_words_have_different_hashes() -> None:
    words = [f"{a}{b}{c}" for a in "abcdefghij" for b in "0123456789" for c in ("", "x", "yz", "中")]
    assert len(np.unique(hashes_of(words))) == len(words)
