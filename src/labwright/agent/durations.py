"""Durations as people write them: `15m`, `2 hours`, `half an hour`, `1h30m`, `an hour and a half`."""

from __future__ import annotations

import re

_NUMBERS = {
    "a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
    "ten": 10, "eleven": 11, "twelve": 12, "fifteen": 15, "twenty": 20, "thirty": 30, "forty-five": 45, "sixty": 60,
    "ninety": 90,
}  # fmt: skip
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_THOUSANDS = r"\d{1,3}(?:,\d{3})++(?!\d)"  # 1,000 is no decimal comma
_DIGITS = rf"(?:{_THOUSANDS}|\d++(?:[.,]\d++)?+)"
_NUMBER_WORD = rf"(?:{'|'.join(sorted(_NUMBERS, key=len, reverse=True))})"
_LONG_UNIT = r"(?:seconds?|secs?|minutes?|mins?|hours?|hrs?|days?)"
_UNIT = rf"(?:{_LONG_UNIT}|[smhd])"
_QUANTITY = rf"(?:{_DIGITS}\s*+(?:-\s*+)?+{_UNIT}|{_NUMBER_WORD}[\s-]++{_LONG_UNIT})(?![a-z])"
_WHOLE = rf"{_QUANTITY}(?:\s+and\s+a\s+half(?![a-z])|(?:\s*+(?:(?:and|,)\s*+)?{_QUANTITY}))?"
_AND_A_HALF = rf"(?:{_DIGITS}|{_NUMBER_WORD})\s+and\s+a\s+half\s+{_LONG_UNIT}"
_PARTS = (
    r"(?:a\s+)?half\s+(?:an?\s+)?(?:hour|day|minute)|(?:a\s+)?quarter\s+(?:of\s+)?an?\s+hour"
    r"|three\s+quarters\s+of\s+an\s+hour"
)
NUMBER_WORDS = tuple(_NUMBERS)
DURATION = rf"(?<![\w.,/$-])(?:{_PARTS}|{_AND_A_HALF}|{_WHOLE})(?![\w/-])"
_ABOUT = r"(?:at\s+most\s+|up\s+to\s+|no\s+more\s+than\s+|less\s+than\s+|about\s+|around\s+|under\s+|max(?:imum)?\s+)?"
NAMED_DURATION = (
    r"(?:time|wall[- ]?clock|budget|deadline|limit|ceiling|duration)\s*+(?:budget|limit|of|is|[:=]){0,3}\s*+" + _ABOUT
)
BEFORE_DURATION = r"\b(?:in|within|for|under|spend|take|use|max(?:imum)?|you\s+have)\s+" + _ABOUT
AT_MOST = r"\b(?:at\s+most|up\s+to|no\s+more\s+than|less\s+than)\s+"


def duration_s(text: str) -> float | None:
    """Seconds from `15m`, `2 hours`, `half an hour`, `1h30m`, `an hour and a half`; None where it is no duration."""
    said = " ".join(text.lower().split()).strip(" .,;")
    found = re.fullmatch(DURATION, said) or re.search(DURATION, said)
    return seconds(found.group()) if found else None


def seconds(said: str) -> float:
    said = " ".join(said.lower().replace("-", " ").split()).replace("forty five", "forty-five")
    unit_of_part = re.search(r"hour|day|minute", said)
    if re.fullmatch(r"(?:a )?half .*", said) and unit_of_part:
        return 0.5 * _UNITS[unit_of_part.group()[0]]
    if "quarter" in said:
        return (3 if said.startswith("three") else 1) * 900.0
    middle = re.fullmatch(rf"({_DIGITS}|{_NUMBER_WORD}) and a half ({_LONG_UNIT})", said)
    if middle:
        return (_value(middle.group(1)) + 0.5) * _UNITS[middle.group(2)[0]]
    parts = re.findall(rf"({_DIGITS}|(?<![a-z]){_NUMBER_WORD}(?=\s))\s*({_UNIT})(?![a-z])", said)
    half = 0.5 if said.endswith("and a half") else 0.0
    return sum(_value(n) * _UNITS[u[0]] for n, u in parts) + half * _UNITS[parts[0][1][0]]


def _value(number: str) -> float:
    if re.fullmatch(_THOUSANDS, number):
        return float(number.replace(",", ""))
    return number_word(number) if number in _NUMBERS else float(number.replace(",", "."))


def number_word(word: str) -> float:
    """The number that a word of NUMBER_WORDS says."""
    return float(_NUMBERS[word.lower()])
