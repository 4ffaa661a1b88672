"""Numbers as papers write them, so that 2e-5, 2×10⁻⁵, $2\\times 10^{-5}$ and 0.00002 are one number.

Digits that belong to a name (Llama-2, GSM8K), a reference (Table 3) or a citation ([12]) are no numbers here: otherwise
nearly every claim would find its number somewhere in a sentence.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from decimal import Decimal

_SUPERSCRIPT = re.compile("[⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻]+")
_RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻", "0123456789+-")
_DASHES = re.compile("[‐‑‒–—―−﹣-]")
_FRACTION = re.compile(r"\\[dt]?frac\s*\{([^{}]{0,40})\}\s*\{([^{}]{0,40})\}")
_FONT = re.compile(
    r"\\(?:mathrm|mathbf|mathit|mathtt|text|textbf|textit|texttt|operatorname|underline|emph|bf|rm|left|right)(?![A-Za-z])"
)
_SIGNS = (
    (re.compile(r"\\(?:times|cdot)(?![A-Za-z])"), "×"),
    (re.compile(r"\\pm(?![A-Za-z])"), "±"),
    (re.compile(r"\\%"), "%"),
    (re.compile(r"\\,(?=\d{3}(?!\d))|(?<=\d)[\u00a0\u2009\u202f](?=\d{3}(?!\d))|\{,\}"), ","),  # thousands
    (re.compile(r"\\[,;:! ]|~"), " "),
    (re.compile(r"10\*\*(?=\s?[-+]?\d)"), "10^"),
    (re.compile(r"\*\*|\$|`"), ""),
    (re.compile(r"\\([A-Za-z]+)"), r" \1 "),
    (re.compile(r"\}\s*\{"), " "),
    (re.compile(r"\\?[{}]"), ""),
)

_NUMBER = re.compile(
    r"""
    (?P<face> \d{1,3}(?:[,_]\d{3})+(?!\d) (?:\.\d{1,20})? | \d{1,25}(?:\.\d{1,25})? | (?<![\d.])\.\d{1,25} )
    (?: (?P<e> [eE][-+]?\d{1,3} | \s?[eE]\s?[-+]\s?\d{1,3} ) (?![\w.]?\d|[A-Za-z])
      | \s?[×·x*]\s?10\s?\^\s?(?P<power>[-+]?\s?\d{1,3})
      | \s?[×·]\s?10(?P<lost>[-+]\d{1,2})(?!\d)
      | \s?\^\s?(?P<raised>[-+]?\s?\d{1,3})
      | (?<=10)(?<![\d.]10)(?P<flat>-\d)(?![\d.])  # a raised exponent that came down; no range falls from 10
    )?
    (?P<scale> \s?-?(?:thousand|million|billion|trillion)\b | \s?[kKmMbBtT](?![\w'’]) )?
    (?P<percent> \s?% | \s?per\s?cent\b | \s?percentage\b )?
    """,
    re.VERBOSE,
)
_WORDS = {
    "single": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
    "ten": 10, "eleven": 11, "twelve": 12, "twenty": 20,
}  # fmt: skip
_WORD = re.compile(
    rf"\b(?P<word>{'|'.join(_WORDS)})(?=[\s-](?:[a-z]+[\s-]){{0,2}}?"
    r"(?:epochs?|pass(?:es)?|rounds?|iterations?|seeds?|runs|gpus?|steps?)\b)",
    re.IGNORECASE,
)
_SCALES = {"k": 3, "m": 6, "b": 9, "t": 12, "thousand": 3, "million": 6, "billion": 9, "trillion": 12}
_REFERENCE = re.compile(
    r"(?:\b(?:section|sec|table|tab|figure|fig|eq|eqn|equation|appendix|algorithm|alg|chapter|theorem|lemma)s?\.?|§)\s*\(?$",
    re.IGNORECASE,
)
_CITATION = re.compile(r"(?P<before>[\w.)\]\"'’]{1,40})\s?\[\d{1,3}(?:\s?[,;-]\s?\d{1,3})*\]")
_NOT_CITED = frozenset({"in", "of", "over", "from", "between", "range", "among", "to"})
_RANGE = re.compile(r"(?:[\d.,]+(?:e[-+]?\d+)?[kmbt%]?-)+", re.IGNORECASE)
_LABELS = frozenset({"rank", "batch", "size", "seed", "lr", "alpha", "step", "length"})  # "rank-16" is a number
_ORDINAL = re.compile(r"(?:st|nd|rd|th)\b")
_TOKEN_BEFORE = re.compile(r"[\w.,/%+-]{1,60}$")


@dataclass(frozen=True, slots=True)
class Number:
    """A number with its place in the plain text. `also` are other readings of the same characters."""

    value: Decimal
    percent: bool
    start: int
    end: int
    also: tuple[Decimal, ...] = ()


def plain(text: str) -> str:
    """Text without LaTeX and emphasis, with one dash, one sign of multiplication, and `^` before what was raised."""
    text = _SUPERSCRIPT.sub(lambda m: "^" + m.group().translate(_RAISED), text)
    text = _FRACTION.sub(r"\1/\2", text)
    text = _FONT.sub("", text)
    for pattern, sign in _SIGNS:
        text = pattern.sub(sign, text)
    return unicodedata.normalize("NFKC", _DASHES.sub("-", text))


def numbers(text: str) -> tuple[Number, ...]:
    """All numbers of a text, from left to right."""
    return spotted(plain(text))


def spotted(text: str) -> tuple[Number, ...]:
    """All numbers of a text that is plain already; their places are in it."""
    cited = [
        (m.start(), m.end()) for m in _CITATION.finditer(text) if m["before"].strip(".").casefold() not in _NOT_CITED
    ]
    found = list(_digits(text, cited))
    found += [
        Number(Decimal(_WORDS[m["word"].casefold()]), False, m.start(), m.end())  # "three epochs"
        for m in _WORD.finditer(text)
    ]
    return tuple(sorted(found, key=lambda number: number.start))


def borne_out(claimed: Number, by: Number) -> bool:
    """Whether a claimed number is what is written: equal in value, where a percentage may stand for a share."""
    values = (by.value, *by.also)
    if claimed.percent == by.percent:
        return claimed.value in values
    if claimed.percent:
        return any(claimed.value in (value, value * 100) for value in values)
    return any(value in (claimed.value, claimed.value * 100) for value in values)


def missing(claim: str, written: Collection[Number]) -> tuple[str, ...]:
    """The numbers of a claim that are not among those written, as the claim writes them."""
    text = plain(claim)
    return tuple(
        text[number.start : number.end].strip()
        for number in spotted(text)
        if not any(borne_out(number, other) for other in written)
    )


def _digits(text: str, cited: list[tuple[int, int]]) -> Iterator[Number]:
    for match in _NUMBER.finditer(text):
        start = match.start()
        sign = _sign(text, start)
        if sign is None or _ORDINAL.match(text, match.end()):
            continue
        if _REFERENCE.search(text, max(0, start - 16), start) or any(a < start < b for a, b in cited):
            continue
        signed = start > 0 and text[start - 1] in "+-" and (sign < 0 or text[start - 1] == "+")
        value, also = _value(match)
        yield Number(
            sign * value,
            match["percent"] is not None,
            start - 1 if signed else start,
            match.end(),
            tuple(sign * other for other in also),
        )


def _sign(text: str, start: int) -> int | None:
    """1 or -1; None where the digits belong to a name, a version or an exponent."""
    before = text[start - 1] if start else " "
    if before.isalnum() or before in "_@^#":
        return None
    if before == "." and start > 1 and text[start - 2].isalnum():
        return None
    if before != "-":
        return 1
    token = _TOKEN_BEFORE.search(text, max(0, start - 60), start)
    joined = token.group() if token else "-"
    if joined in ("-", "--"):
        return -1
    if _RANGE.fullmatch(joined) or joined.strip("-").casefold() in _LABELS:
        return 1
    return None if any(c.isalpha() for c in joined) else 1


def _value(match: re.Match[str]) -> tuple[Decimal, tuple[Decimal, ...]]:
    also: tuple[Decimal, ...]
    face = Decimal(re.sub("[,_]", "", match["face"]))
    exponent = match["e"] or match["power"] or match["lost"]
    value, also = face, ()
    if exponent is not None:
        value = face.scaleb(int(re.sub(r"[eE\s]", "", exponent)))
    elif match["raised"] is not None and face == 10:
        value = Decimal(1).scaleb(int(match["raised"].replace(" ", "")))
    elif match["flat"] is not None:
        value, also = Decimal(1).scaleb(int(match["flat"])), (face,)
    scale = match["scale"]
    if scale is None:
        return value, also
    scaled = value.scaleb(_SCALES[scale.strip(" -").casefold()])
    single_letter_apart = scale[0] == " " and len(scale.strip()) == 1
    return scaled, (*also, value) if single_letter_apart else also
