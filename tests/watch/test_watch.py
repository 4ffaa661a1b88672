"""The watchdog on curves of every kind, and the tailer on files of every kind."""

from __future__ import annotations

import json
import math
import random

import pytest

from labwright.contracts.compute import MetricPoint
from labwright.watch import Tailer, Watchdog


def curve(losses, *, every_s: float = 3.0, **more) -> list[MetricPoint]:
    return [
        MetricPoint(n, 1000 + n * every_s, {"loss": loss, **{k: v[n] for k, v in more.items() if v[n] is not None}})
        for n, loss in enumerate(losses)
    ]


def learning(steps: int, seed: int = 0, noise: float = 0.08) -> list[float]:
    """The demo's real shape: from 0.69 to 0.2 within 25 steps, noisy, then slowly on."""
    dice = random.Random(seed)
    return [
        (0.15 + 0.55 * math.exp(-n / 12) + 0.1 * math.exp(-n / 80)) * (1 + dice.uniform(-noise, noise) * 2)
        for n in range(steps)
    ]


def rules(points) -> list[str]:
    return [a.rule for a in Watchdog("r").look(points)]


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("steps", [2, 12, 36, 72])
def test_a_run_that_learns_raises_nothing(steps, seed):
    assert rules(curve(learning(steps, seed))) == []


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_stops_the_run_and_advises_a_tenth_of_the_rate(bad):
    (alert,) = Watchdog("r").look(curve([0.7, 0.6, bad, bad]))
    assert (alert.rule, alert.step, alert.stops_run) == ("not-finite", 2, True)
    assert alert.change == {"learning_rate": {"times": 0.1}}


def test_a_loss_that_climbs_and_stays_up_stops_the_run():
    (alert,) = Watchdog("r").look(curve([*learning(12), *(1.5 + n for n in range(8))]))
    assert alert.rule == "divergence" and alert.stops_run and alert.numbers["loss"] > alert.numbers["best"] * 2


def test_one_bad_batch_is_no_divergence():
    losses = learning(30)
    losses[15] = 4.0
    assert rules(curve(losses)) == []


def test_a_flat_loss_is_a_plateau_that_advises_a_higher_rate_and_does_not_stop_the_run():
    dice = random.Random(1)
    (alert,) = Watchdog("r").look(curve([0.69 + dice.uniform(-0.002, 0.002) for _ in range(60)]))
    assert alert.rule == "plateau" and not alert.stops_run
    assert alert.change["learning_rate"] == {"times": 3.0}


def test_a_held_out_loss_that_rises_while_training_loss_falls_is_overfit():
    held_out = [None] * 40
    for n, value in zip(range(0, 40, 5), [0.6, 0.5, 0.45, 0.44, 0.47, 0.52, 0.6, 0.7], strict=True):
        held_out[n] = value
    (alert,) = Watchdog("r").look(curve(learning(40), eval_loss=held_out))
    assert alert.rule == "overfit" and alert.change == {"max_steps": {"times": 0.5}}


def test_steps_that_suddenly_take_many_times_as_long_are_a_stall():
    points = curve(learning(10))
    late = MetricPoint(10, points[-1].at + 200, {"loss": 0.3})
    assert rules([*points, late]) == ["stall"]


def test_silence_alone_raises_a_stall():
    watchdog = Watchdog("r")
    points = curve(learning(10))
    assert watchdog.look(points, now=points[-1].at + 5) == []
    assert watchdog.look([], now=points[-1].at + 30) == []
    assert [a.rule for a in watchdog.look([], now=points[-1].at + 300)] == ["stall"]


def test_a_rule_speaks_once():
    watchdog = Watchdog("r")
    nan = float("nan")
    assert len(watchdog.look(curve([0.7, nan, nan]))) == 1
    assert watchdog.look([MetricPoint(4, 1, {"loss": nan})]) == []


def test_reading_in_pieces_or_at_once_says_the_same():
    points = curve([*learning(12), *(1.5 + n for n in range(8))])
    at_once, in_pieces = Watchdog("r"), Watchdog("r")
    assert at_once.look(points) == [a for p in points for a in in_pieces.look([p])]


def test_the_tailer_reads_only_what_is_new_and_leaves_half_a_line(tmp_path):
    path = tmp_path / "metrics.jsonl"
    tailer = Tailer(path)
    assert tailer.read() == ([], 0)
    path.write_text('{"step": 1, "time": 5, "loss": 0.5}\n{"step": 2, "lo')
    points, offset = tailer.read()
    assert [p.step for p in points] == [1] and points[0].values == {"loss": 0.5} and points[0].at == 5
    with path.open("a") as file:
        file.write('ss": 0.25}\n')
    points, end = tailer.read()
    assert [p.values for p in points] == [{"loss": 0.25}] and end == path.stat().st_size > offset


def test_the_tailer_reads_nan_and_counts_what_is_no_point(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(
        b'{"step": 1, "loss": NaN}\nnonsense\n{"loss": 1}\n[1]\n\xff\xfe\n{"step": 2, "ok": true, "loss": 1}\n'
    )
    tailer = Tailer(path)
    points, _ = tailer.read()
    assert math.isnan(points[0].values["loss"]) and points[1].values == {"loss": 1.0}
    assert tailer.bad_lines == 4


def test_a_file_that_became_shorter_is_read_again(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text("".join(json.dumps({"step": n}) + "\n" for n in range(5)))
    tailer = Tailer(path)
    tailer.read()
    path.write_text('{"step": 0}\n')
    assert [p.step for p in tailer.read()[0]] == [0]


def test_a_link_or_a_pipe_in_place_of_the_file_is_not_read(tmp_path):
    import os  # noqa: PLC0415

    (tmp_path / "elsewhere").write_text('{"step": 1}\n')
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    os.mkfifo(tmp_path / "pipe")
    assert Tailer(tmp_path / "link").read() == ([], 0)
    assert Tailer(tmp_path / "pipe").read() == ([], 0)
