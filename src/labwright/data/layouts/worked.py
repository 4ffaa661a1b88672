"""The result at the end of a worked solution.

GSM8K marks it with `#### 42` (Cobbe et al., 2021, arXiv 2110.14168), MATH with `\\boxed{42}` (Hendrycks et al., 2021,
arXiv 2103.03874).
"""

from __future__ import annotations

from pydantic import JsonValue

_BOXED = "\\boxed{"


def has_hashes(value: JsonValue) -> bool:
    return isinstance(value, str) and "####" in value and bool(value.rpartition("####")[2].strip())


def has_boxed(value: JsonValue) -> bool:
    return isinstance(value, str) and boxed(value) is not None


def result_of(text: str) -> str | None:
    """The marked result, or None where there is none."""
    if has_hashes(text):
        return text.rpartition("####")[2].strip()
    return boxed(text)


def boxed(text: str) -> str | None:
    """What the last `\\boxed{…}` holds; braces within are matched."""
    start = text.rfind(_BOXED)
    if start < 0:
        return None
    depth = 1
    for place in range(start + len(_BOXED), len(text)):
        character = text[place]
        depth += (character == "{") - (character == "}")
        if depth == 0:
            return text[start + len(_BOXED) : place].strip() or None
    return None
