"""Tell a text's language.

The script decides where one language nearly alone is written in it. For Latin and Cyrillic every word that is among a
language's commonest counts for it, more where fewer languages have the word; letters that only a few languages have
decide between neighbours (Danish and Norwegian, Czech and Slovak, Spanish and Catalan).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from types import MappingProxyType

LOOKED_AT = 600  # characters of a long text: more would not change the answer
FEWEST_WORDS = 5
_SHARE = 0.17  # of the words that must be the language's, weighted; running text has 0.3 and more
_LEAD = 1.12  # over the second

_NAMES = [
    "en",
    "English",
    "de",
    "German",
    "fr",
    "French",
    "es",
    "Spanish",
    "pt",
    "Portuguese",
    "it",
    "Italian",
    "nl",
    "Dutch",
    "sv",
    "Swedish",
    "da",
    "Danish",
    "no",
    "Norwegian",
    "fi",
    "Finnish",
    "pl",
    "Polish",
    "cs",
    "Czech",
    "sk",
    "Slovak",
    "ro",
    "Romanian",
    "hu",
    "Hungarian",
    "tr",
    "Turkish",
    "id",
    "Indonesian",
    "vi",
    "Vietnamese",
    "ca",
    "Catalan",
    "ru",
    "Russian",
    "uk",
    "Ukrainian",
    "bg",
    "Bulgarian",
    "sr",
    "Serbian",
    "zh",
    "Chinese",
    "ja",
    "Japanese",
    "ko",
    "Korean",
    "ar",
    "Arabic",
    "fa",
    "Persian",
    "ur",
    "Urdu",
    "he",
    "Hebrew",
    "el",
    "Greek",
    "hi",
    "Hindi",
    "bn",
    "Bengali",
    "ta",
    "Tamil",
    "te",
    "Telugu",
    "th",
    "Thai",
    "ka",
    "Georgian",
    "hy",
    "Armenian",
    "am",
    "Amharic",
    "km",
    "Khmer",
]
LANGUAGES: Mapping[str, str] = MappingProxyType(dict(zip(_NAMES[::2], _NAMES[1::2], strict=True)))
"""ISO 639-1 codes and English names of the languages that can be told."""

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
_PROSE = re.compile(r"```.*?(?:```|\Z)|https?://\S+|`[^`\n]*`|\\[a-zA-Z]+|<[^<>]*>", re.DOTALL)
_OTHER_SCRIPT = re.compile(r"[\u0370-\u03ff\u0530-\u1fff\u2e80-\uffdc]")
_SCRIPTS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (code, re.compile(f"[{span}]"))
    for code, span in (
        ("ja", "\u3040-\u30ff"),
        ("ko", "\uac00-\ud7af\u1100-\u11ff"),
        ("zh", "\u4e00-\u9fff\u3400-\u4dbf"),
        ("ar", "\u0600-\u06ff"),
        ("he", "\u0590-\u05ff"),
        ("el", "\u0370-\u03ff"),
        ("hi", "\u0900-\u097f"),
        ("bn", "\u0980-\u09ff"),
        ("ta", "\u0b80-\u0bff"),
        ("te", "\u0c00-\u0c7f"),
        ("th", "\u0e00-\u0e7f"),
        ("ka", "\u10a0-\u10ff"),
        ("hy", "\u0530-\u058f"),
        ("am", "\u1200-\u137f"),
        ("km", "\u1780-\u17ff"),
    )
)
_KANA_SHARE = 0.1  # Japanese is mostly written in Chinese characters
_PERSIAN, _URDU = re.compile("[پچژگک]"), re.compile("[ٹڈڑےھ]")
_OWN_LETTERS: Mapping[str, str] = {
    "de": "ß", "es": "ñ¿¡", "pt": "ãõ", "pl": "łąęśźżń", "cs": "ěřů", "sk": "ľĺŕôä", "ro": "șțăţ", "hu": "őű",
    "tr": "ğış", "vi": "ơưđạảấầẩậắằặẹẻẽếềểễệỉịọỏốồổộớờởợụủứừửữựỳỵỷỹ", "sv": "äö", "da": "æø", "no": "æø", "fi": "äö",
    "fr": "œêçèù", "ca": "·çò", "ru": "ыэё", "uk": "іїєґ", "bg": "ъщ", "sr": "ђјљњћџ",
}  # fmt: skip
_LETTER_WEIGHT = 0.5


def name_of(code: str) -> str:
    """A language's English name; the code itself where it has none here."""
    return LANGUAGES.get(code, code)


def language_of(text: str) -> str | None:
    """The ISO 639-1 code of a text's language; None where it cannot be told."""
    prose = _PROSE.sub(" ", text[: 2 * LOOKED_AT])[:LOOKED_AT] if any(mark in text for mark in "`<\\:") else text
    prose = prose[:LOOKED_AT]
    if _OTHER_SCRIPT.search(prose) and (code := _by_script(prose)):
        return code
    words = _WORD.findall(prose.lower())
    if len(words) < FEWEST_WORDS:
        return None
    return _by_words(words, prose)


def _by_script(text: str) -> str | None:
    letters = sum(map(str.isalpha, text))
    counts = {code: len(pattern.findall(text)) for code, pattern in _SCRIPTS}
    counts["ja"] += counts["zh"] if counts["ja"] > _KANA_SHARE * (counts["zh"] + counts["ja"]) else 0
    code = max(counts, key=lambda name: counts[name])
    if counts[code] < max(4, 0.5 * letters):
        return None
    if code == "ar":
        return "ur" if _URDU.search(text) else "fa" if _PERSIAN.search(text) else "ar"
    return code


def _by_words(words: list[str], text: str) -> str | None:
    weights = _weights()
    scores: dict[str, float] = defaultdict(float)
    for word in words:
        for code, weight in weights.get(word, ()):
            scores[code] += weight
    if not scores:
        return None
    if not text.isascii():
        present = set(text.lower())
        for code, letters in _OWN_LETTERS.items():
            if code in scores and (own := present.intersection(letters)):
                scores[code] *= 1 + _LETTER_WEIGHT * min(len(own), 2) / 2
    best, *others = sorted(scores, key=lambda code: -scores[code])
    if scores[best] < _SHARE * len(words) or (others and scores[best] < _LEAD * scores[others[0]]):
        return None
    return best


@lru_cache(maxsize=1)
def _weights() -> Mapping[str, tuple[tuple[str, float], ...]]:
    """Of each word, the languages that have it and what it counts for them."""
    having: dict[str, list[str]] = defaultdict(list)
    for line in files(__package__).joinpath("words.txt").read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            code, _, words = line.partition(":")
            for word in dict.fromkeys(words.split()):
                having[word].append(code)
    return {
        word: tuple((code, 1.0 if len(codes) == 1 else 0.6 if len(codes) == 2 else 0.35) for code in codes)
        for word, codes in having.items()
    }
