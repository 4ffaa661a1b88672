"""A study whose preflight finds the budget too small goes on by the command that its cure names."""

from __future__ import annotations

import re
from pathlib import Path

from tests.cli.test_commands import Shell
from tests.toys.toy_study import RECIPE, write_study

# The smoke run says that a step takes five minutes, which an hour does not hold; the runs after it are as fast as ever.
SLOW_SMOKE = RECIPE.replace(
    '"time": time.time()', '"time": time.time() + (300 * state["step"] if params["max_steps"] == 2 else 0)'
)


def test_the_command_that_a_failed_preflight_names_goes_on_under_a_higher_ceiling(
    tmp_path: Path, tiny_model: Path
) -> None:
    shell = Shell(tmp_path / "home", tmp_path)
    search = {"rungs": [8], "trials": 1, "extra_trials": 0, "vary": {"learning_rate": [0.0002]}}
    write_study(tmp_path / "mine", tiny_model, recipe=SLOW_SMOKE, search=search)
    out, err = shell("study", "run", "mine", code=2)
    assert "first do what cures the preflight" in out and "study resume mine-1\n" not in out
    named = re.search(r"labwright (study resume mine-1 --budget-hours [\d.]+), or", err)
    assert named is not None, err
    document = shell.json(*named[1].split())
    assert document["state"] == "finished" and document["budget"]["wall_clock_s"] > 3600
    assert "raised the budget: wall-clock from 1 h to" in Path(document["report"]).read_text()
