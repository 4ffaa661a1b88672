"""One file a family of layouts: rows are read into `Example`, or refused with field and reason."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from labwright.data.layouts.example import ConvertOptions, Example
from labwright.data.layouts.layout import Kind, Layout
from labwright.data.layouts.readers.choices import read_choice
from labwright.data.layouts.readers.conversations import read_conversation, read_marked
from labwright.data.layouts.readers.preferences import read_preference, read_unpaired
from labwright.data.layouts.readers.source import Source
from labwright.data.layouts.readers.texts import read_classified, read_pair, read_prompt, read_worked

READERS: Mapping[Kind, Callable[[Source], Example]] = {
    Kind.MESSAGES: read_conversation,
    Kind.SHAREGPT: read_conversation,
    Kind.TRANSCRIPT: read_marked,
    Kind.ALPACA: read_pair,
    Kind.PROMPT_COMPLETION: read_pair,
    Kind.PROMPT: read_prompt,
    Kind.PREFERENCE: read_preference,
    Kind.UNPAIRED: read_unpaired,
    Kind.CHOICES: read_choice,
    Kind.WORKED: read_worked,
    Kind.CLASSIFICATION: read_classified,
}

__all__ = ["READERS", "ConvertOptions", "Example", "Layout", "Source"]
