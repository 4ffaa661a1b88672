"""Whether a name stands in a text, however it is spelled: LLaMA-2 7B, Llama 2 (7B) and llama-2-7b are one model."""

from __future__ import annotations

import re
from functools import lru_cache

from labwright.literature.recipes.numbers import missing, numbers, plain

_PART = re.compile(r"[^\W\d_]+|\d+(?:\.\d+)*")
_CHUNK = re.compile(r"[^\W_]+(?:\.\d+[^\W_]*)*")
_JOINED = re.compile(r"(?<=[^\W\d_])[-_ ](?=\d+(?:\.\d+)?(?![^\W_]|\.\d))")  # llama-2: the version belongs to the name
_SIZE = re.compile(r"\d+(?:\.\d+)?[kmbt]", re.IGNORECASE)


def absent(name: str, text: str) -> tuple[str, ...]:
    """The parts of a name that do not stand in the text; empty where all of it does. Case and dashes do not count."""
    lacking = []
    flat = _flat(text)
    for chunk in _CHUNK.findall(_JOINED.sub("", plain(name))):
        if not _pattern(chunk.casefold()).search(flat) and not (
            _SIZE.fullmatch(chunk) and not missing(chunk, numbers(text))
        ):
            lacking.append(chunk)
    return tuple(lacking)


@lru_cache(maxsize=8)
def _flat(text: str) -> str:
    return plain(text).casefold()


@lru_cache(maxsize=256)
def _pattern(chunk: str) -> re.Pattern[str]:
    """A chunk with anything but letters and digits where letters meet digits, as a whole word."""
    parts = [re.escape(part) for part in _PART.findall(chunk)]
    after = r"(?![^\W_])(?!\.\d)" if chunk[-1].isdigit() else r"(?![^\W\d_]|\d)"
    return re.compile(r"(?<![^\W_])" + r"[\W_]{0,2}".join(parts) + after)
