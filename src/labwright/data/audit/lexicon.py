"""Lists of words and phrases by language, which the detectors of toxic language, boilerplate and refusals look for.

They are files beside this one, to be read and argued with. A list knows the languages that it has sections for and no
others, so whoever uses one says which: silence about a text in another language is no finding.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib.resources import files

_SECTION = re.compile(r"\[(?P<name>\w+) (?P<language>[a-z]{2})\]")


@lru_cache(maxsize=4)
def lexicon(file: str) -> Mapping[str, Mapping[str, tuple[str, ...]]]:
    """The file's phrases by the section's name and its language."""
    sections: dict[str, dict[str, list[str]]] = {}
    phrases: list[str] = []
    for line in files(__package__).joinpath(file).read_text(encoding="utf-8").splitlines():
        if head := _SECTION.fullmatch(line):
            phrases = sections.setdefault(head["name"], {}).setdefault(head["language"], [])
        elif line.strip() and not line.startswith("#"):
            phrases.append(line.strip())
    return {
        name: {language: tuple(members) for language, members in by_language.items()}
        for name, by_language in sections.items()
    }


def phrases_of(file: str, section: str) -> tuple[str, ...]:
    """All phrases of a section, in every language that it has; none twice."""
    return tuple(dict.fromkeys(phrase for members in lexicon(file)[section].values() for phrase in members))


def languages_of(file: str) -> tuple[str, ...]:
    """The codes of the languages that a file knows, in its order."""
    return tuple(dict.fromkeys(language for section in lexicon(file).values() for language in section))


def whole_words(phrases: Iterable[str]) -> str:
    """A regular expression of Python for phrases as whole words; `*` is the rest of a word.

    Chinese and Japanese put no space between words, so their phrases are found anywhere.
    """
    spaced, unspaced = _by_spacing(phrases)
    words = "|".join(_escaped(phrase, rest=r"\w*") for phrase in spaced)
    parts = [rf"\b(?:{words})\b"] if spaced else []
    return f"(?i)(?:{'|'.join([*parts, *map(re.escape, unspaced)])})"


def screen(phrases: Iterable[str]) -> str:
    """As `whole_words`, for RE2 and a little wider: to it every letter beyond ASCII ends a word.

    Apostrophes need no escape there.
    """
    spaced, unspaced = _by_spacing(phrases)
    plain: dict[tuple[str, str], list[str]] = {}
    for phrase in spaced:
        edges = (r"\b" if phrase[0].isascii() else "", r"\b" if phrase[-1].isascii() and phrase[-1] != "*" else "")
        plain.setdefault(edges, []).append(_escaped(phrase, rest=""))
    parts = [f"{lead}(?:{'|'.join(members)}){tail}" for (lead, tail), members in plain.items()]
    either = "|".join([*parts, *map(re.escape, unspaced)])
    return f"(?i)(?:{either})".replace("\\'", "'")


def _by_spacing(phrases: Iterable[str]) -> tuple[list[str], list[str]]:
    spaced: list[str] = []
    unspaced: list[str] = []
    for phrase in phrases:
        (unspaced if "\u2e80" <= phrase[0] <= "\uabff" else spaced).append(phrase)
    return spaced, unspaced


def _escaped(phrase: str, *, rest: str) -> str:
    return re.escape(phrase).replace(r"\*", rest).replace(r"\ ", r"\s+")
