"""Every tool of every family says what it does, what it may cost, and little else."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import get_args

import pytest
from pydantic_ai.tools import ToolDefinition
from tests.toys.toy_study import toy_lab

from labwright.contracts.effects import Cost, Effect
from labwright.desk import LabDesk
from labwright.tools.families import families

NAMES = ("study", "jobs", "notes", "papers", "data", "datajobs", "docs", "code", "ask")


@pytest.fixture
def tools(tmp_path: Path) -> dict[str, ToolDefinition]:
    lab = toy_lab(tmp_path / "home", sandbox="off")
    found = families(LabDesk(lab, tmp_path))
    lab.ledger.close()
    assert tuple(found) == NAMES
    return {name: t.tool_def for family in found.values() for name, t in family.toolset.tools.items()}


def test_every_tool_declares_its_effects_and_an_estimate_of_its_cost(tools: dict[str, ToolDefinition]) -> None:
    for name, tool in tools.items():
        assert tool.metadata, name
        assert tool.metadata["effects"] and set(tool.metadata["effects"]) <= set(get_args(Effect)), name
        assert isinstance(tool.metadata["cost"]({"study": "none"}), Cost), name
        assert isinstance(tool.metadata["sandboxed"], bool), name


def test_every_tool_is_described_and_every_argument_that_is_no_id(tools: dict[str, ToolDefinition]) -> None:
    for name, tool in tools.items():
        assert tool.description, name
        for argument, schema in tool.parameters_json_schema.get("properties", {}).items():
            assert argument in ("study", "run") or schema.get("description"), f"{name}.{argument}"


@pytest.mark.parametrize("name", NAMES)
def test_the_schemas_of_a_family_which_are_loaded_together_stay_small(name: str, tmp_path: Path) -> None:
    lab = toy_lab(tmp_path / "home", sandbox="off")
    family = families(LabDesk(lab, tmp_path))[name]
    lab.ledger.close()
    tools = [tool.tool_def for tool in family.toolset.tools.values()]
    assert sum(len(json.dumps([t.name, t.description, t.parameters_json_schema])) for t in tools) < 8_000


def test_what_executes_outside_a_sandbox_says_so_and_shows_what_it_runs(tools: dict[str, ToolDefinition]) -> None:
    executing = [t for t in tools.values() if "execute" in (t.metadata or {})["effects"]]
    jobs = {"data_difficulty", "data_synth"}
    assert {t.name for t in executing} == {"study_run", "study_finish", "study_propose_script", *jobs}
    for tool in executing:
        assert not (tool.metadata or {})["sandboxed"]
        assert inspect.ismethod((tool.metadata or {})["preview"])
