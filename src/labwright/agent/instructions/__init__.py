"""What agents are told before anything else: one Markdown file an agent, so that wording is edited as prose."""

from __future__ import annotations

from functools import cache
from importlib import resources


@cache
def text(name: str) -> str:
    """The instructions of one agent, `intern` or `researcher`.

    Raises:
        FileNotFoundError: there are none of that name.
    """
    return resources.files(__name__).joinpath(f"{name}.md").read_text(encoding="utf-8").strip()
