"""Texts as hashed words, a batch at a time: what `fold` finds word by word, at the speed of numpy.

The words are those of `labwright.data.folding.fold`, one for one (a property test holds the two together); only their
64-bit hashes are kept. Equal words have equal hashes wherever they stand; different words share one with a chance of
2 to the power of -64, so whoever must be sure compares texts in the end.
"""

from __future__ import annotations

import hashlib
import re
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from labwright.data.folding import fold

Hashes = NDArray[np.uint64]
Places = NDArray[np.int64]

_WORD, _ALONE, _OPERATOR, _DIGIT, _BEFORE, _AFTER, _UNKNOWN = 1, 2, 4, 8, 16, 32, 64
_BASE = 0x9E3779B97F4A7C15
_OPERATOR_SPELLINGS = {"×": "*", "·": "*", "÷": "/", "−": "-", "\u2217": "*", "\u2215": "/"}
_FOLDS = 4
_CODES = sys.maxunicode + 1


@dataclass(frozen=True, slots=True)
class Words:
    """The words of a batch of texts, one text after the other: text `i` has `hashes[bounds[i] : bounds[i + 1]]`."""

    hashes: Hashes
    numeric: NDArray[np.bool_]  # words that begin with a digit
    bounds: Places

    @property
    def counts(self) -> Places:
        """Words a text."""
        return np.diff(self.bounds)

    @property
    def owners(self) -> Places:
        """Of each word, the text it stands in."""
        return np.repeat(np.arange(len(self.bounds) - 1), self.counts)


def words_of(texts: Sequence[str]) -> Words:
    """The folded words of each text, hashed."""
    joined = "\n".join(texts)
    if joined.isascii():
        found = _plain(joined, texts)
    else:
        plain = [number for number, text in enumerate(texts) if text.isascii()]
        other = [number for number, text in enumerate(texts) if not text.isascii()]
        ascii_texts = [texts[number] for number in plain]
        found = _merged(
            len(texts),
            (np.array(plain, np.int64), _plain("\n".join(ascii_texts), ascii_texts)),
            (np.array(other, np.int64), _folded([_fold_characters(texts[number]) for number in other])),
        )
    bare = [number for number in np.flatnonzero(found.counts == 0).tolist() if texts[number].strip()]
    for number in reversed(bare):  # symbols only: they are the content then
        found = _inserted(found, number, fold(texts[number]).words)
    return found


def hashes_of(words: Iterable[str]) -> Hashes:
    """The hashes of folded words."""
    spelt = [word.encode("utf-8", "surrogatepass") for word in words]
    lengths = np.array([len(word) for word in spelt], np.int64)
    ends = np.cumsum(lengths)
    return _hashed(b"".join(spelt), ends - lengths, ends)


def runs(hashes: Hashes, width: int) -> Hashes:
    """The hash of each run of `width` words, by the word it begins with; the last `width` - 1 have none."""
    if width == 1 or len(hashes) < width:
        return hashes[: max(0, len(hashes) - width + 1)]
    mixed, done = hashes, 1  # a run's polynomial is made of those of its halves
    for bit in f"{width:b}"[1:]:
        mixed = mixed[:-done] * np.uint64(pow(_BASE, done, 1 << 64)) + mixed[done:]
        done *= 2
        if bit == "1":
            mixed = mixed[:-1] * np.uint64(_BASE) + hashes[done:]
            done += 1
    return scrambled(mixed)


def combined(words: Sequence[Hashes]) -> Hashes:
    """The hashes of runs as `runs` gives them, from those of their first words, their second ones, and so on."""
    if len(words) == 1:
        return words[0]
    mixed = words[0].copy()
    for following in words[1:]:
        mixed *= np.uint64(_BASE)
        mixed += following
    return scrambled(mixed)


def scrambled(values: Hashes) -> Hashes:
    """Spread over all bits, in place (the end of splitmix64; Steele, Lea and Flood, 2014)."""
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        values ^= values >> np.uint64(shift)
        values *= np.uint64(factor)
    values ^= values >> np.uint64(31)
    return values


def _plain(joined: str, texts: Sequence[str]) -> Words:
    """Of ASCII texts, which in lower case keep their lengths."""
    lower = f"\n{joined}\n".lower().encode("ascii")
    kinds = np.frombuffer(lower.translate(_ascii_kinds()), np.uint8)
    starts, ends = _places(kinds)
    return Words(_hashed(lower, starts, ends), (kinds[starts] & _DIGIT) > 0, _bounds(starts, texts))


def _folded(texts: Sequence[str]) -> Words:
    """Of any texts whose characters are folded."""
    joined = "\n" + "\n".join(texts) + "\n"
    codes = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), np.uint32)
    kinds = _kinds(codes)
    starts, ends = _places(kinds)
    width = 1 + (codes >= 0x80).astype(np.int64) + (codes >= 0x800) + (codes >= 0x10000)  # bytes in UTF-8
    at = np.concatenate([np.zeros(1, np.int64), np.cumsum(width)])
    hashes = _hashed(joined.encode("utf-8", "surrogatepass"), at[starts], at[ends])
    return Words(hashes, (kinds[starts] & _DIGIT) > 0, _bounds(starts, texts))


def _places(kinds: NDArray[np.uint8]) -> tuple[Places, Places]:
    """Where words start and end; there is a line end before, between and after the texts."""
    inside = kinds & _WORD
    edges = np.flatnonzero(inside[1:] != inside[:-1]) + 1
    starts, ends = edges[::2], edges[1::2]
    alone = np.flatnonzero((kinds & (_ALONE | _OPERATOR)) != 0)
    if len(alone):
        alone = alone[((kinds[alone] & _ALONE) > 0) | _between_numbers(kinds, alone)]
    if len(alone):
        at = np.searchsorted(starts, alone)
        starts, ends = np.insert(starts, at, alone), np.insert(ends, at, alone + 1)
    return starts, ends


def _bounds(starts: Places, texts: Sequence[str]) -> Places:
    lasts = np.cumsum(np.fromiter(map(len, texts), np.int64, len(texts)) + 1)  # each text's closing line end
    return np.concatenate([np.zeros(1, np.int64), np.searchsorted(starts, lasts)])


def _between_numbers(kinds: NDArray[np.uint8], places: Places) -> NDArray[np.bool_]:
    """Which of the signs at `places` stand between two digits, but for spaces and brackets that open or close."""
    flags = []
    for step, skipped in ((-1, _BEFORE), (1, _AFTER)):
        at = places + step
        walking = np.arange(len(at))
        while len(walking := walking[(kinds[at[walking]] & skipped) > 0]):
            at[walking] += step
        flags.append((kinds[at] & _DIGIT) > 0)
    return flags[0] & flags[1]


def _hashed(text: bytes, starts: Places, ends: Places) -> Hashes:
    """Eight bytes of every word at a time, spread over all bits; words without end in one piece."""
    padded = np.frombuffer(text + bytes(8), np.uint8)
    eights = np.ndarray((len(text) + 1,), "<u8", padded, 0, (1,))  # the eight bytes from each place on
    lengths = ends - starts
    hashes = eights[starts]
    hashes &= _MASKS.take(lengths, mode="clip")
    hashes += lengths.astype(np.uint64) * np.uint64(_BASE)
    scrambled(hashes)
    longer = np.flatnonzero((lengths > 8) & (lengths <= _LONGEST))
    done = 8
    while len(longer):
        part = eights[starts[longer] + done] & _MASKS.take(lengths[longer] - done, mode="clip")
        hashes[longer] = scrambled(hashes[longer] * np.uint64(_BASE) + part)
        done += 8
        longer = longer[lengths[longer] > done]
    for place in np.flatnonzero(lengths > _LONGEST).tolist():
        digest = hashlib.blake2b(text[starts[place] : ends[place]], digest_size=8).digest()
        hashes[place] = int.from_bytes(digest, "little")
    return hashes


_LONGEST = 1024
_MASKS = np.array([(1 << (8 * size)) - 1 for size in range(9)], np.uint64)


@cache
def _ascii_kinds() -> bytes:
    return bytes(_kind(chr(code)) if code < 128 else 0 for code in range(256))


_TABLE: list[NDArray[np.uint8]] = []


def _kinds(codes: NDArray[np.uint32]) -> NDArray[np.uint8]:
    """What each character is; a character is looked up in Python the first time it is met."""
    if not _TABLE:
        _TABLE.append(np.full(_CODES, _UNKNOWN, np.uint8))
    table = _TABLE[0]
    kinds: NDArray[np.uint8] = table.take(codes)
    if (unknown := codes[kinds == _UNKNOWN]).size:
        for code in np.unique(unknown).tolist():
            table[code] = _kind(chr(code))
        kinds = table.take(codes)
    return kinds


_STANDING_ALONE = ((0x3040, 0x30FF), (0x3400, 0x9FFF), (0xF900, 0xFAFF), (0xAC00, 0xD7AF))  # as in folding.py


def _kind(character: str) -> int:
    if any(first <= ord(character) <= last for first, last in _STANDING_ALONE):
        return _ALONE
    return (
        _WORD * character.isalnum()
        | _OPERATOR * (character in "+-*/^")
        | _DIGIT * character.isdigit()
        | _BEFORE * (character in " \t)]")
        | _AFTER * (character in " \t([")
    )


def _fold_characters(text: str) -> str:
    """As folding does it, a whole text at a time."""
    folded = text
    for _ in range(_FOLDS):
        again = unicodedata.normalize("NFKC", _visible(folded).casefold())
        for spelling, operator in _OPERATOR_SPELLINGS.items():
            again = again.replace(spelling, operator)
        if again == folded:
            break
        folded = again
    return folded


def _visible(text: str) -> str:
    """Without format characters, such as zero-width spaces."""
    near, far = _format_characters()
    if near.search(text):
        text = near.sub("", text)
    return far.sub("", text) if _FAR.search(text) else text


_FAR = re.compile("[\U00010000-\U0010ffff]")


@cache
def _format_characters() -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Those of the first plane and the others: one pattern for all is twenty times slower."""
    found = [chr(code) for code in range(_CODES) if unicodedata.category(chr(code)) == "Cf"]
    near, far = ([c for c in found if (c > "\uffff") == is_far] for is_far in (False, True))
    return re.compile(f"[{re.escape(''.join(near))}]"), re.compile(f"[{re.escape(''.join(far))}]")


def _merged(texts: int, *parts: tuple[Places, Words]) -> Words:
    """Words of parts of a batch, in the order of the batch."""
    counts = np.zeros(texts, np.int64)
    for numbers, words in parts:
        counts[numbers] = words.counts
    bounds = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])
    hashes, numeric = np.empty(bounds[-1], np.uint64), np.empty(bounds[-1], np.bool_)
    for numbers, words in parts:
        places = np.arange(words.bounds[-1]) + np.repeat(bounds[numbers] - words.bounds[:-1], words.counts)
        hashes[places], numeric[places] = words.hashes, words.numeric
    return Words(hashes, numeric, bounds)


def _inserted(words: Words, text: int, missing: Sequence[str]) -> Words:
    place = int(words.bounds[text])
    bounds = words.bounds.copy()
    bounds[text + 1 :] += len(missing)
    hashes = np.insert(words.hashes, place, hashes_of(missing))
    return Words(hashes, np.insert(words.numeric, place, [word[0].isdigit() for word in missing]), bounds)
