"""Cycles of identical calls with identical results are broken; anything that brings news is not."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.agent.scripted import Bench, Script, call, returns, script

from labwright.agent.capabilities.loopguard import repeating


def _refused(bench: Bench, said: Script) -> int:
    return sum("again and again" in text for text in returns(bench.log).values())


def test_the_fourth_identical_call_with_identical_results_is_not_made(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    said = script(*[[call("touch", name="a")] for _ in range(4)], "I do something else")
    bench.turn("go", said)
    assert bench.marks == ["touch a"] * 3 and _refused(bench, said) == 1


def test_the_order_of_arguments_makes_no_difference(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    orders = ['{"usd": 0.1, "on": "a"}', '{"on": "a", "usd": 0.1}', '{"on":"a","usd":0.10}', '{"usd":1e-1,"on":"a"}']
    bench.turn("go", script(*[[call("spend", raw=raw)] for raw in orders], "enough"))
    assert len(bench.marks) == 3


def test_polling_with_changing_results_is_fine(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    (tmp_path / "note.txt").write_text("0")

    def changed(n: int):
        def reply(_: object):
            (tmp_path / "note.txt").write_text(str(n))
            return [call("look")]

        return reply

    bench.turn("go", script(*[changed(n) for n in range(12)], "done"))
    assert sorted(returns(bench.log).values()) == sorted(str(n) for n in range(12))


@pytest.mark.parametrize("length", [2, 3, 5])
def test_longer_cycles_are_broken_as_well(tmp_path: Path, length: int) -> None:
    bench = Bench(tmp_path)
    rounds = [[call("touch", name=f"{n % length}")] for n in range(3 * length + 1)]
    said = script(*rounds, "enough")
    bench.turn("go", said)
    assert len(bench.marks) == 3 * length and _refused(bench, said) == 1


def test_it_does_not_speak_again_of_what_is_past(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    same, others = [[call("touch", name="a")] for _ in range(4)], [[call("touch", name=f"b{n}")] for n in range(17)]
    said = script(*same, *others, "done")
    bench.turn("go", said)
    assert _refused(bench, said) == 1 and len(bench.marks) == 3 + 17
    later = script([call("touch", name="a")], "done")  # and in the next turn the window is empty
    bench.turn("again", later)
    assert len(bench.marks) == 3 + 17 + 1


@pytest.mark.parametrize("how", ["value", "retry", "failed"])
def test_the_same_failure_again_and_again_is_a_cycle(tmp_path: Path, how: str) -> None:
    bench = Bench(tmp_path)
    said = script(*[[call("fail", how=how)] for _ in range(5)], "I stop")
    assert bench.turn("go", said).kind == "done"
    assert len(bench.marks) <= 4 and _refused(bench, said) == 1


def test_denied_calls_are_a_cycle_too(tmp_path: Path) -> None:
    bench = Bench(tmp_path, approve="never")
    said = script(*[[call("publish", name="p")] for _ in range(4)], "I stop")
    bench.turn("go", said)
    assert _refused(bench, said) == 1


def test_a_cycle_needs_calls_and_results_to_repeat() -> None:
    assert repeating([("a", "1")] * 2) == 0
    assert repeating([("a", "1")] * 3) == 1
    assert repeating([("a", "1"), ("b", "2")] * 3) == 2
    assert repeating([("a", str(n)) for n in range(15)]) == 0
    assert repeating([("x", "0"), *[("a", "1")] * 3]) == 1
