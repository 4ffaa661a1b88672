"""The session's plan, in a small file: the harness's in-memory store that writes itself down.

Its SQLite store opens a connection for every look, a quarter of a second of wall-clock each; the plan is looked at
before every request.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import TypeAdapter
from pydantic_ai_harness.planning import InMemoryPlanStore, PlanItem

_ITEMS = TypeAdapter(list[PlanItem])
_OPEN = ("pending", "in_progress")


def read_plan(path: Path) -> list[PlanItem]:
    """The plan in a file; empty where there is none."""
    return _ITEMS.validate_json(path.read_bytes()) if path.is_file() else []


class FilePlanStore(InMemoryPlanStore):
    """A plan that another process finds again. `write_plan`, the one tool that changes it, replaces it whole."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self._items = read_plan(path)

    async def set_items(self, items: list[PlanItem]) -> None:
        """Replace the plan, here and in the file, whole or not at all."""
        await super().set_items(items)
        fresh = self._path.with_suffix(".new")
        fresh.parent.mkdir(parents=True, exist_ok=True)
        fresh.write_bytes(_ITEMS.dump_json(items))
        fresh.replace(self._path)

    async def open_items(self) -> list[str]:
        """What is still to be done."""
        return [item.content for item in await self.get_items() if item.status.value in _OPEN]
