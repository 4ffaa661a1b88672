"""A family of tools: what the agent loads at once, behind one line of its catalogue."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic_ai.toolsets import FunctionToolset


@dataclass(frozen=True, slots=True)
class Family:
    """Tools with the line that offers them and the words that come with them once they are loaded."""

    id: str
    description: str
    instructions: str
    toolset: FunctionToolset[Any]
