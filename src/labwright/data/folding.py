"""Texts folded to words, so that case, punctuation, spacing and Unicode variants do not hide a copy.

What is folded away: case, compatibility forms (NFKC), format characters such as zero-width spaces, punctuation and
symbols. What is kept: letters, digits, and an arithmetic operator between two numbers of a line, because `12 + 5` and
`12 - 5` are different items. Chinese, Japanese and Korean characters count as words of their own.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

OPERATORS = frozenset("+-*/^")
_CJK = "\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\uac00-\ud7af"
_TOKEN = re.compile(rf"[{_CJK}]|[^\W_{_CJK}]+|[+\-*/^]")
_OPERATOR_SPELLINGS = str.maketrans({"×": "*", "·": "*", "÷": "/", "−": "-", "\u2217": "*", "\u2215": "/"})
_BEFORE = " \t)]"
_AFTER = " \t(["
_FOLDS = 4  # casefolding and NFKC undo each other for a few characters; it settles after two


@dataclass(frozen=True, slots=True)
class Folded:
    """A text's words, and where each stood in the text they were found in."""

    words: tuple[str, ...]
    spans: tuple[tuple[int, int], ...]
    text: str

    def excerpt(self, first: int, last: int) -> str:
        """What stood from word `first` up to, but without, word `last`."""
        return self.text[self.spans[first][0] : self.spans[last - 1][1]] if first < last else ""

    def gap(self, index: int) -> str:
        """What stands between word `index` and the next one."""
        return self.text[self.spans[index][1] : self.spans[index + 1][0]]


def fold(text: str) -> Folded:
    """Words with their places; places are in the source text where folding kept its length."""
    folded = _fold_characters(text)
    words: list[str] = []
    spans: list[tuple[int, int]] = []
    for match in _TOKEN.finditer(folded):
        word = match.group()
        if word in OPERATORS and not _between_numbers(folded, *match.span()):
            continue
        words.append(word)
        spans.append(match.span())
    if not words:  # nothing but symbols: they are the content then
        for match in re.finditer(r"\S+", folded):
            words.append(match.group())
            spans.append(match.span())
    return Folded(tuple(words), tuple(spans), text if len(folded) == len(text) else folded)


def join(first: Folded, second: Folded) -> Folded:
    """Two texts, one after the other on a new line."""
    if not first.words:
        return second
    shift = len(first.text) + 1
    moved = tuple((start + shift, end + shift) for start, end in second.spans)
    return Folded(first.words + second.words, first.spans + moved, f"{first.text}\n{second.text}")


def normalise(text: str) -> str:
    """The folded words with one space between them; normalising twice changes nothing."""
    return " ".join(fold(text).words)


def find(needle: Sequence[str], words: Sequence[str]) -> int | None:
    """Where `needle` stands in `words` without a gap, if it does."""
    size = len(needle)
    if size == 0 or size > len(words):
        return None
    wanted = tuple(needle)
    first = wanted[0]
    for start in range(len(words) - size + 1):
        if words[start] == first and tuple(words[start : start + size]) == wanted:
            return start
    return None


def _fold_characters(text: str) -> str:
    if text.isascii():
        return text.lower()
    folded = text
    for _ in range(_FOLDS):
        visible = "".join(c for c in folded if unicodedata.category(c) != "Cf")
        again = unicodedata.normalize("NFKC", visible.casefold()).translate(_OPERATOR_SPELLINGS)
        if again == folded:
            break
        folded = again
    return folded


def _between_numbers(text: str, start: int, end: int) -> bool:
    before = start - 1
    while before >= 0 and text[before] in _BEFORE:
        before -= 1
    after = end
    while after < len(text) and text[after] in _AFTER:
        after += 1
    return before >= 0 and after < len(text) and text[before].isdigit() and text[after].isdigit()
