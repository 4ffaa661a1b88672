"""How tools answer: compact JSON that stays short, with the rest behind `skip`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

MOST = 2000  # characters of an answer; what is longer is paged


def answer(document: Mapping[str, Any]) -> str:
    """A document as one line of JSON; what says nothing is left out."""
    return json.dumps(_telling(document), ensure_ascii=False, separators=(",", ":"), default=str)


def page(name: str, entries: Iterable[Mapping[str, Any]], *, skip: int = 0, **head: Any) -> str:
    """Entries from number `skip` on, as many as fit; `next` is the `skip` that shows the following ones."""
    every = list(entries)
    shown: list[dict[str, Any]] = []
    used = len(answer(head)) + 60
    for entry in every[max(skip, 0) :]:
        kept = _telling(entry)
        used += len(answer(kept)) + 1
        if shown and used > MOST:
            break
        shown.append(kept)
    after = max(skip, 0) + len(shown)
    more = {"next": after, "of": len(every)} if after < len(every) else {}
    whole = {**_telling(head), name: shown, **more}
    return json.dumps(whole, ensure_ascii=False, separators=(",", ":"), default=str)


def _telling(document: Mapping[str, Any]) -> dict[str, Any]:
    """Without what says nothing."""
    return {key: value for key, value in document.items() if value not in (None, "", [], {})}


def clipped(text: str, most: int = 300) -> str:
    """A text that someone else wrote, on one line and not longer than this."""
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def rounded(number: float | None) -> float | None:
    """A score or time with four significant digits: enough to report, and short."""
    return None if number is None else float(f"{number:.4g}")
