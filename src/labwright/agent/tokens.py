"""Words of a person's text: what counts as one token, which tokens are paths, and a text that fields are taken from.

A text may be anything that a person pastes: every pattern here and in its neighbours reads a text in time that grows
with its length and no faster. So tokens are possessive (`++`: nothing is given back once it was read), and a pattern
that begins with a token begins where a token does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

_QUOTED = r"\"[^\"\n]+\"|'[^'\n]+'|`[^`\n]+`"
_CHARACTERS = r"(?:\\ |[^\s;,\"'`\0])++"
TOKEN = rf"(?>{_QUOTED}|{_CHARACTERS})"
AT_TOKEN = r"(?<![^\s;,\"'`\0])(?<!\\ )"
"""Before a token that stands first in a pattern."""
_DATA_FILE = re.compile(r"\.(?:jsonl|ndjson|parquet|json)$", re.IGNORECASE)
_NO_PATH_OF_ITS_OWN = r"(?![/~]|\.\.?/|\w+[:=])"
# A path without an ending, a space, and a file: one path with a space in it, or two things?
_SPACED = re.compile(
    rf"{_QUOTED}|{AT_TOKEN}(?P<token>{_CHARACTERS})(?<![\\.?!:]) "
    rf"{_NO_PATH_OF_ITS_OWN}[^\s;,\"'`\0]+\.(?:jsonl|ndjson|parquet|json)\b",
    re.IGNORECASE,
)
_PATH_IN = re.compile(r"(?:^|(?<=[=:]))[~.\w-]*+/")


class Text:
    """A text from which fields are taken: what was taken is blanked, so that it is not read twice."""

    def __init__(self, text: str) -> None:
        self.rest = text.replace("\0", " ")

    def blank(self, *spans: tuple[int, int]) -> None:
        """Take these parts out, in the order they stand in."""
        pieces, done = [], 0
        for start, end in spans:
            pieces += [self.rest[done:start], "\0" * (end - start)]
            done = end
        self.rest = "".join([*pieces, self.rest[done:]])

    def take(self, pattern: str) -> re.Match[str] | None:
        """The first place that matches."""
        found = re.search(pattern, self.rest, re.IGNORECASE)
        if found is not None:
            self.blank(found.span())
        return found

    def take_all(self, pattern: str) -> Sequence[re.Match[str]]:
        """Every place that matches."""
        taken = list(re.finditer(pattern, self.rest, re.IGNORECASE))
        self.blank(*(found.span() for found in taken))
        return taken

    def first(self, patterns: tuple[str, ...], fits: Callable[[str, str], bool], *, keep: bool = False) -> str | None:
        """The token of the first pattern that fits; it is blanked with its label unless it is kept."""
        for pattern in patterns:
            for found in re.finditer(pattern, self.rest, re.IGNORECASE):
                token = found.group("token")
                if "\0" not in token and fits(bare(token), found.group()):
                    if not keep:
                        self.blank((found.start(), found.start("token") + len(unstopped(token))))
                    return bare(token)
        return None

    def take_token(self, fits: Callable[[str], bool], *, keep: bool = False) -> str | None:
        """The first token that fits."""
        return self.first((rf"(?P<token>{TOKEN})",), lambda token, _: fits(token), keep=keep)

    def take_tokens(self, fits: Callable[[str], bool]) -> tuple[str, ...]:
        """Every token that fits."""
        tokens = [found for found in re.finditer(TOKEN, self.rest) if "\0" not in found.group()]
        taken = [found for found in tokens if fits(bare(found.group()))]
        self.blank(*((found.start(), found.start() + len(unstopped(found.group()))) for found in taken))
        return tuple(bare(found.group()) for found in taken)


def tokens(text: str) -> Iterator[str]:
    """Every token, without quotes and without the punctuation of its sentence."""
    return (bare(found.group()) for found in re.finditer(TOKEN, text))


def spaced(text: str) -> Iterator[tuple[int, int]]:
    """Where a path that is not quoted may have a space in it."""
    for found in _SPACED.finditer(text):
        path = _PATH_IN.search(found["token"] or "")
        if path and not is_data_file(found["token"]):
            yield found.start("token") + path.start(), found.end()


def is_data_file(token: str) -> bool:
    """Whether it ends like a file of rows."""
    return bool(_DATA_FILE.search(token))


def is_path(token: str) -> bool:
    """Whether it looks like a path."""
    return ("/" in token and "://" not in token) or token.startswith(("./", "~", "..")) or is_data_file(token)


def is_marked(said: str) -> bool:
    """Whether a colon, an equals sign or quotes stand before or in the last word: it is meant as a name."""
    words = said.split()[-2:]
    before, last = words[0] if len(words) > 1 else "", words[-1] if words else ""
    return before.endswith((":", "=")) or any(c in last[:-1] for c in ":=") or any(c in said for c in "\"'`")


def unstopped(token: str) -> str:
    """A token without the punctuation of its sentence."""
    return token if token[:1] in "\"'`" else token.rstrip(".,;:!?)")


def bare(token: str) -> str:
    """A token without quotes and without the punctuation of its sentence."""
    token = unstopped(token.strip())
    is_quoted = len(token) > 1 and token[0] in "\"'`" and token[-1] == token[0]
    return token[1:-1] if is_quoted else token.strip("\"'`(").replace("\\ ", " ")
