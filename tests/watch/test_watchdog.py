"""The watchdog: silent on healthy runs, however short and noisy, and awake on planted trouble."""

from __future__ import annotations

import math
import random

import pytest
from tests.watch.curves import learning, points

from labwright.contracts.compute import MetricPoint
from labwright.contracts.research import Alert
from labwright.watch import RULES, Stall, Watchdog


def heard(run: list[MetricPoint]) -> list[Alert]:
    return Watchdog("s.t1.r1").look(run)


@pytest.mark.parametrize("steps", [12, 24, 36, 64, 200])
@pytest.mark.parametrize("noise", [0.02, 0.1, 0.25])
def test_a_healthy_run_raises_no_alert(steps: int, noise: float) -> None:
    for seed in range(60):
        assert heard(points(learning(steps, noise=noise, seed=seed))) == []


def test_a_run_that_learns_slowly_raises_no_alert() -> None:
    for seed in range(60):
        dice = random.Random(seed)
        losses = [(0.69 - 0.008 * step) * (1 + dice.gauss(0, 0.08)) for step in range(48)]
        assert heard(points(losses)) == []


def test_a_policy_loss_around_zero_raises_no_alert() -> None:
    for seed in range(60):
        dice = random.Random(seed)
        assert heard(points(0.001 + dice.gauss(0, 0.05) for _ in range(100))) == []


def test_one_spike_is_no_divergence() -> None:
    losses = learning(36)
    losses[20] = 6.0
    assert heard(points(losses)) == []


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_loss_that_is_no_number_stops_the_run_and_asks_for_a_lower_rate(bad: float) -> None:
    run = points([*learning(7), bad, *learning(4)])
    (alert,) = heard(run)
    assert (alert.rule, alert.severity, alert.step, alert.stops_run) == ("not-finite", "error", 8, True)
    assert alert.change == {"learning_rate": {"times": 0.1}}
    assert alert.message == f"loss is {bad} at step 8"


def test_a_gradient_that_is_no_number_stops_the_run_too() -> None:
    run = [*points(learning(5)), MetricPoint(6, 1_700_000_018.0, {"loss": 0.5, "grad_norm": math.nan})]
    assert [(a.rule, a.message) for a in heard(run)] == [("not-finite", "grad_norm is nan at step 6")]


@pytest.mark.parametrize("seed", range(20))
def test_a_loss_that_climbs_away_is_stopped_as_divergence(seed: int) -> None:
    run = points(learning(12, seed=seed) + [0.4 * 1.4**n for n in range(12)])
    (alert,) = heard(run)
    assert (alert.rule, alert.stops_run) == ("divergence", True)
    assert alert.step <= 20
    assert alert.change == {"learning_rate": {"times": 0.1}}
    assert alert.numbers["loss"] > alert.numbers["limit"] > alert.numbers["best"]


def test_a_run_that_diverges_from_its_first_step_is_stopped() -> None:
    (alert,) = heard(points(0.7 * 1.5**n for n in range(12)))
    assert (alert.rule, alert.stops_run) == ("divergence", True)


def test_a_loss_that_stands_still_is_a_plateau() -> None:
    dice = random.Random(1)
    (alert,) = heard(points(0.68 + dice.gauss(0, 0.01) for _ in range(36)))
    assert (alert.rule, alert.severity, alert.stops_run) == ("plateau", "warning", False)
    assert alert.change == {"learning_rate": {"times": 3.0}, "max_steps": {"times": 2.0}}
    assert alert.numbers["gain"] < 0.03


def test_a_short_run_is_never_called_a_plateau() -> None:
    assert heard(points([0.68] * 12)) == []


def test_a_held_out_loss_that_rises_while_the_loss_falls_is_overfitting() -> None:
    run = points(learning(60, end=0.01))
    for step, value in ((10, 0.5), (20, 0.4), (30, 0.38), (40, 0.44), (50, 0.52)):
        run.insert(
            next(i for i, p in enumerate(run) if p.step == step) + 1,
            MetricPoint(step, run[0].at + 3.0 * step, {"eval_loss": value}),
        )
    (alert,) = heard(run)
    assert (alert.rule, alert.step, alert.stops_run) == ("overfit", 50, False)
    assert alert.change == {"max_steps": {"times": 0.5}}
    assert "rose from 0.38 at step 30 to 0.52 at step 50" in alert.message


def test_a_held_out_loss_that_wobbles_is_no_overfitting() -> None:
    run = points(learning(60, end=0.01))
    held_out = [MetricPoint(s, run[s - 1].at, {"eval_loss": v}) for s, v in ((20, 0.4), (40, 0.43), (60, 0.39))]
    for point in held_out:
        run.insert([p.step for p in run].index(point.step) + 1, point)
    assert heard(run) == []


def test_steps_that_take_many_times_what_they_took_are_a_stall() -> None:
    run = points(learning(12))
    slow = [MetricPoint(12 + n, run[-1].at + 40.0 * n, {"loss": 0.3}) for n in range(1, 4)]
    (alert,) = heard([*run, *slow])
    assert (alert.rule, alert.step, alert.stops_run) == ("stall", 15, False)
    assert alert.numbers == {"step_s": 40.0, "usual_s": 3.0}


def test_one_slow_step_and_jitter_of_fast_steps_are_no_stall() -> None:
    run = points(learning(12), pace_s=0.01)
    jitter = [MetricPoint(12 + n, run[-1].at + 0.5 * n, {"loss": 0.3}) for n in range(1, 6)]
    pause = [MetricPoint(18, jitter[-1].at + 90.0, {"loss": 0.3})]
    assert heard([*run, *jitter, *pause]) == []


def test_silence_is_a_stall_once_it_has_lasted() -> None:
    watchdog = Watchdog("r")
    assert watchdog.look(points(learning(12)), now=1000.0) == []
    assert watchdog.look([], now=1100.0) == []
    (alert,) = watchdog.look([], now=1121.0)
    assert (alert.rule, alert.message) == ("stall", "nothing new in metrics.jsonl for 121 s after step 12")
    assert watchdog.look([], now=2000.0) == []


def test_a_resumed_study_does_not_take_its_own_absence_for_silence() -> None:
    long_after = 1_800_000_000.0
    assert Watchdog("r").look(points(learning(12)), now=long_after) == []


def test_a_run_may_take_long_to_load_its_model() -> None:
    watchdog = Watchdog("r")
    assert [watchdog.look([], now=t) for t in (0.0, 300.0, 899.0)] == [[], [], []]
    assert [a.rule for a in watchdog.look([], now=900.0)] == ["stall"]


@pytest.mark.parametrize("size", [1, 2, 7, 100])
def test_alerts_do_not_depend_on_how_the_points_were_cut_into_reads(size: int) -> None:
    run = points([*learning(12), *(0.4 * 1.4**n for n in range(12)), math.nan])
    watchdog = Watchdog("s.t1.r1")
    found = [a for i in range(0, len(run), size) for a in watchdog.look(run[i : i + size], now=5.0)]
    assert [a.rule for a in found] == ["divergence", "not-finite"]
    assert [repr(a) for a in found] == [repr(a) for a in heard(run)]


def test_each_rule_speaks_once_a_run() -> None:
    assert [a.rule for a in heard(points([0.5, math.nan, math.nan, math.nan]))] == ["not-finite"]


def test_what_followed_a_checkpoint_is_forgotten_when_the_run_resumes_from_it() -> None:
    losses = learning(12)
    again = points([0.4 * 1.4**n for n in range(3)], first_step=9)  # the old attempt had begun to climb
    resumed = points(learning(20)[8:], first_step=9)
    assert heard([*points(losses[:8]), *again, *resumed]) == []


def test_thresholds_are_the_callers_to_change() -> None:
    rules = (Stall(silent_start_s=5.0),)
    watchdog = Watchdog("r", rules)
    watchdog.look([], now=0.0)
    assert [a.rule for a in watchdog.look([], now=6.0)] == ["stall"]
    assert len(RULES) == 5


def test_a_run_that_continues_one_that_has_learnt_is_at_rest_and_not_stuck() -> None:
    rest = [0.2 * (1 + random.Random(step).gauss(0, 0.05)) for step in range(48)]
    later = [MetricPoint(12 + p.step, p.at + 3600, p.values) for p in points(rest)]
    assert [a.rule for a in Watchdog("s.t1.r2").look(later)] == ["plateau"]
    assert Watchdog("s.t1.r2", before=points(learning(12))).look(later) == []
