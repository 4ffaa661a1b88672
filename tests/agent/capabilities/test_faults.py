"""What goes wrong in a call is an answer that helps, and never the end of the run."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.agent.scripted import Bench, call, returns, script


def test_broken_json_is_repaired(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    said = script([call("touch", raw="{'name': 'a',}")], [call("touch", raw='```json\n{"name": "b"}\n```')], "done")
    assert bench.turn("go", said).kind == "done"
    assert bench.marks[0] == "touch a"


def test_arguments_that_do_not_fit_are_answered_with_the_schema(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    said = script([call("structured", items="none")], [call("structured", items=[{"a": 1}])], "done")
    assert bench.turn("go", said).kind == "done"
    told = str(returns(said.asked[1]))
    assert "not valid" in told and "items" in told and "properties" in told
    assert bench.marks == ["structured 1"]


def test_the_second_time_in_a_row_the_advice_is_another_and_success_resets_it(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    wrong = [call("structured", items="none", label=str(n)) for n in range(3)]
    said = script([wrong[0]], [wrong[1]], [call("structured", items=[])], [wrong[2]], "done")
    bench.turn("go", said)
    first, second, _, third = returns(said.asked[-1]).values()
    assert "second time in a row" not in first and "second time in a row" in second
    assert "second time in a row" not in third


def test_malformed_arguments_again_and_again_do_not_kill_the_session_silently(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    said = script(*[[call("structured", items=f"none {n}")] for n in range(12)], "I stop")
    outcome = bench.turn("go", said)
    assert outcome.kind in ("done", "failed")
    if outcome.kind == "failed":
        assert "structured" in outcome.text
    assert bench.marks == []


@pytest.mark.parametrize(("how", "said_so"), [("value", "ValueError"), ("os", "OSError"), ("failed", "it went wrong")])
def test_an_exception_in_a_tool_is_told_and_the_run_goes_on(tmp_path: Path, how: str, said_so: str) -> None:
    bench = Bench(tmp_path)
    said = script([call("fail", how=how), call("touch", name="a")], "I saw it")
    assert bench.turn("go", said).text == "I saw it"
    assert said_so in str(returns(said.asked[1]))
    assert sorted(bench.outcomes) == [("fail", "failed"), ("touch", "success")]


def test_a_tool_that_asks_for_another_try_has_ended_in_the_ledger(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.turn("go", script([call("fail", how="retry")], "I saw it"))
    assert bench.outcomes == [("fail", "failed")]


def test_an_unknown_tool_is_named_and_nothing_breaks(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    said = script([call("no_such_tool", x=1)], "I see")
    assert bench.turn("go", said).kind == "done"
    assert "no_such_tool" in str(returns(said.asked[1]))


def test_a_tool_that_is_not_loaded_yet_is_not_carried_out(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    said = script([call("later")], [call("load_capability", id="extra")], [call("later")], "done")
    assert bench.turn("go", said).kind == "done"
    assert bench.marks == ["later"]
