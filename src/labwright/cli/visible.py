"""What others wrote, made fit for a terminal.

A model's answer, a tool's result, a script or a title may hold control codes that move the cursor, repaint what was
shown, or turn the reading direction; none of them reaches the screen, least of all beside a question to a person.
"""

from __future__ import annotations

import unicodedata

_JOINERS = "\u200b\u200c\u200d\u00ad\ufeff"  # of emoji and of words: of no width, and of no harm


def visible(text: str) -> str:
    """The text with its lines and tabs, and with a mark in place of every other control character."""
    flat = text.replace("\r\n", "\n")
    return flat if flat.isascii() and flat.isprintable() else "".join(map(_shown, flat))


def _shown(character: str) -> str:
    if character in "\n\t" or character.isprintable():
        return character
    if character in _JOINERS:
        return ""
    return " " if unicodedata.category(character) == "Zs" else "�"
