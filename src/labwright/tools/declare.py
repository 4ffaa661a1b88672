"""How a tool says what it does to the world and what it may cost: the only things that policy looks at."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic_ai import Tool

from labwright.contracts.effects import Cost, CostOf, Effect

Preview = Callable[[Mapping[str, Any]], str]
"""What a person sees of a call before it is approved: the script, the plan."""

Pin = Callable[[Mapping[str, Any]], dict[str, Any]]
"""Arguments with what they refer to pinned by its hash, so that what was approved is what runs."""


def free(_args: Mapping[str, Any]) -> Cost:
    """The estimate of a tool that costs nothing worth counting."""
    return Cost()


def declare(
    function: Callable[..., Any],
    *,
    effects: Sequence[Effect],
    cost: CostOf = free,
    sandboxed: bool = True,
    preview: Preview | None = None,
    pin: Pin | None = None,
    final: bool = False,
) -> Tool[Any]:
    """A tool from a function, with its declaration in `ToolDefinition.metadata`.

    Args:
        function: the tool; its name, arguments and docstring become the schema.
        effects: what a call may do.
        cost: an estimate from a call's arguments.
        sandboxed: what it writes and executes stays in the lab's own files and in sandboxed runs.
        preview: what an approval shows.
        pin: makes an approval mean the content that it showed.
        final: it is the final evaluation, so it may use the time that is kept for it.
    """
    metadata = {"effects": tuple(effects), "cost": cost, "sandboxed": sandboxed, "preview": preview, "pin": pin}
    metadata["final"] = final
    return Tool(function, metadata=metadata, max_retries=5)
