"""Ceilings as people write them: `$1,000`, `5k dollars`, `ten bucks`, `50 cents`, `12 runs`.

What is named and cannot be read (`5 EUR`, `$5 per hour`, `0 runs`) is told from what is not named: a ceiling that a
person set and nobody holds is worse than a question.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from labwright.agent.durations import NUMBER_WORDS, number_word

MOST_RUNS = 10_000
MOST_USD = 1e9  # nobody means more
AMOUNT = r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:\s?k)?(?![\w-]|[.,]\d)"
_UP_TO = r"(?:\b(?:at\s+most|up\s+to|no\s+more\s+than|under|max(?:imum)?)\s+)?"
_CURRENCY = r"(?:dollars?|usd|bucks|cents?)"
USD = (
    rf"(?:\b(?:for|spend|costs?|budget(?:\s+of)?|and)\s+)?{_UP_TO}"
    rf"(?:(?<![-\w])\$\s?(?P<a>{AMOUNT})"
    rf"|(?<![\w.,$-])(?P<b>{AMOUNT}|{'|'.join(NUMBER_WORDS)})\s*+(?P<unit>\$|{_CURRENCY}\b)"
    rf"|\busd\s*+(?:[:=]\s*+)?(?P<c>{AMOUNT}))(?!\s*(?:/|per\b|an?\b|each\b|every\b))"
)
_SOME_NUMBER = r"(?<![\d.,])[.,]*+\d[\d.,]*+"  # from its first character only
SOME_MONEY = (
    rf"[-–]?[$€£]\s*[-–]?\d|{_SOME_NUMBER}\s*+(?:k\s*+)?(?:[$€£]|(?:{_CURRENCY}|eur|euros?|pounds)\b)"
    r"|\busd\s*+(?:[:=]\s*+)?-?\d"
)
RUNS = (
    r"(?:\b(?:at\s+most|up\s+to|no\s+more\s+than|max(?:imum)?|in|with)\s+)?"
    r"(?:(?<![\w.,-])(\d+)\s+(?:training\s+)?runs\b|\bruns\s*[:=]\s*(\d++)(?![\w.,]*\d))"
)
SOME_RUNS = rf"-?{_SOME_NUMBER}\s+(?:training\s+)?runs\b|\bruns\s*[:=]\s*-?\d"


def the_usd(found: Iterable[re.Match[str]]) -> float | None:
    """The dollars that matches of USD agree on; None where there are none.

    Raises:
        ValueError: two differ, or nobody could mean so much.
    """
    said = set[float]()
    for match in found:
        number = amount(match["a"] or match["b"] or match["c"])
        said.add(number / 100 if (match["unit"] or "").lower().startswith("cent") else number)
    if len(said) > 1 or any(number > MOST_USD for number in said):
        raise ValueError("no one amount")
    return next(iter(said), None)


def the_runs(found: Iterable[re.Match[str]]) -> int | None:
    """The number that matches of RUNS agree on; None where there are none.

    Raises:
        ValueError: two differ, or nobody could mean so many.
    """
    said = {int(match.group(1) or match.group(2)) for match in found}
    if len(said) > 1 or not all(1 <= number <= MOST_RUNS for number in said):
        raise ValueError("no number of runs")
    return next(iter(said), None)


def amount(said: str) -> float:
    """`5`, `1,000.50`, `2k`, `ten`."""
    bare = "".join(said.lower().replace(",", "").split())
    if bare in NUMBER_WORDS:
        return number_word(bare)
    return 1000.0 * float(bare.removesuffix("k")) if bare.endswith("k") else float(bare)
