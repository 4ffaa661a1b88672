"""The words of a search, and how well a file's name answers them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from labwright.contracts.repositories import FileEntry

_TERM = re.compile(r'"([^"]+)"|(\S+)')
_QUALIFIER = re.compile(
    r"-?(?:repo|user|org|language|path|extension|filename|stars|forks|size|in|is|topic|topics|pushed|created|license"
    r"|archived|fork|sort):\S*",
    re.IGNORECASE,
)
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_STEM = 4  # letters of which two words must share at least the beginning: train and training, but not ppo and pp
_SHORTEST = 3  # letters of a word that is looked for within others
_FILLER: Final = re.compile(
    r"an?|and|any|are|as|at|by|code|do|does|examples?|for|from|how|i|into?|is|it|me|my|of|on|or|samples?|scripts?|show"
    r"|some|that|the|this|to|tutorials?|us(?:e|ing)|want|with|working"
)


def terms(text: str) -> tuple[str, ...]:
    """The words and "phrases" of a search in lower case, without GitHub's qualifiers."""
    found: dict[str, None] = {}
    for phrase, word in _TERM.findall(text):
        if phrase.strip():
            found[phrase.strip().lower()] = None
        elif word and not _QUALIFIER.fullmatch(word):
            found[word.strip("\"'`,;.()?!").lower()] = None
    return tuple(term for term in found if term)


def telling(words: Sequence[str]) -> tuple[str, ...]:
    """Without words that every question holds; all of them where nothing else is left."""
    return tuple(word for word in words if not _FILLER.fullmatch(word)) or tuple(words)


@dataclass(frozen=True, slots=True)
class NameMatch:
    """Which words a path answers, and how well: a word in the file's own name counts more than one in a folder's."""

    score: float
    matched: tuple[str, ...]


def match_name(path: str, wanted: Sequence[str]) -> NameMatch:
    """How well a path answers; the score of a file that answers every word in its own name is 1."""
    folder, _, name = path.rpartition("/")
    own, above = _words(name.rpartition(".")[0] or name), _words(folder)
    score, matched = 0.0, []
    for term in wanted:
        parts = _words(term)
        joined = _joined(term)
        in_name = _holds(own, parts) or (len(joined) >= _SHORTEST and joined in _joined(name))
        best = 1.0 if in_name else 0.6 if _holds(above, parts) else 0.0
        if best:
            matched.append(term)
        score += best
    return NameMatch(score / len(wanted) if wanted else 0.0, tuple(matched))


def by_name(files: Iterable[FileEntry], wanted: Sequence[str], limit: int) -> list[FileEntry]:
    """Files whose path answers, best first."""
    scored = [(match_name(entry.path, wanted).score, entry) for entry in files]
    answering = sorted((pair for pair in scored if pair[0] > 0), key=lambda pair: (-pair[0], len(pair[1].path)))
    return [entry for _, entry in answering[:limit]]


def _words(text: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(text)]


def _joined(text: str) -> str:
    joined = "".join(_words(text))
    return joined or text.lower()


def _holds(words: Sequence[str], parts: Sequence[str]) -> bool:
    return bool(parts) and all(any(_alike(word, part) for word in words) for part in parts)


def _alike(one: str, other: str) -> bool:
    if one == other:
        return True
    short, long = sorted((one, other), key=len)
    return len(short) >= _STEM and long.startswith(short)
