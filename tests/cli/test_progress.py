"""Progress on a terminal fits it; in a pipe it is plain lines, each said once."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.cells import cell_len
from rich.console import Console
from tests.study import sample_study as sample

from labwright.cli.progress import PlainProgress, StudyProgress, open_progress
from labwright.cli.screen import screen, sparkline
from labwright.contracts.progress import Activity, ProgressSink, SilentProgress
from labwright.contracts.views import StudyView

NOW = sample.START + 600
TRAINING = Activity(
    "training t3.r2 to step 36",
    run_id=f"{sample.STUDY}.t3.r2",
    step=24,
    max_steps=36,
    loss=0.512,
    losses=tuple(1 / (1 + i / 5) for i in range(300)),
    started_at=NOW - 48,
)
LONG = "Teach a model to sort numbers \x1b[31m and keep every one of " + "very " * 40 + "long goals"


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def picture(view: StudyView, activity: Activity, width: int, height: int = 30) -> list[str]:
    stream = io.StringIO()
    console = Console(file=stream, width=width, height=height, color_system=None, legacy_windows=False)
    console.print(screen(view, activity, now=NOW, width=width, height=height))
    return stream.getvalue().rstrip("\n").split("\n")


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("view", [sample.running(), sample.study(), sample.blocked(), sample.study(LONG)])
@pytest.mark.parametrize("activity", [TRAINING, Activity(""), Activity("scoring t2.r2 on dev", done=130, total=200)])
def test_the_live_picture_fits_its_terminal(view: StudyView, activity: Activity, width: int) -> None:
    lines = picture(view, activity, width)
    assert {cell_len(line) for line in lines} == {width}
    assert len(lines) <= 30


def test_the_live_picture_fits_a_small_terminal_with_many_trials() -> None:
    view = sample.running()
    many = tuple(replace(view.trials[0], id=f"{sample.STUDY}.t{i}") for i in range(1, 60))
    lines = picture(replace(view, trials=many), TRAINING, 80, 24)
    assert len(lines) <= 24
    assert any("earlier trials not shown" in line for line in lines)


def test_the_live_picture_tells_where_the_study_stands() -> None:
    text = "\n".join(picture(sample.running(), TRAINING, 120))
    for said in ("● search", "trials 3/5", "17.0 %", "stopped ▲1", "step 24/36", "0:48, 0:24 left", "loss 0.512", "▁"):
        assert said in text
    assert "few-shot base 7.5 % [4.6, 12.0] on dev" in text
    done = "\n".join(picture(sample.study(), Activity("writing the report"), 120))
    assert "best t2.r2 72.5 % [65.9, 78.2] against few-shot 7.5 % [4.6, 12.0] on dev" in done


def test_plain_output_says_each_thing_once_and_has_no_control_codes() -> None:
    stream = io.StringIO()
    shown = PlainProgress(stream, now=lambda: NOW)
    view = sample.running()
    view = replace(view, spec=sample.spec(LONG))
    for step in (24, 25, 25, 30, 36):
        shown.update(view, replace(TRAINING, step=step))
    before = stream.getvalue()
    shown.update(view, replace(TRAINING, step=36))
    assert stream.getvalue() == before
    lines = before.splitlines()
    assert len(lines) == len(set(lines))
    assert "\x1b" not in before and "\r" not in before
    assert all(line[2] == ":" and line[8] == "Z" for line in lines)
    shown.update(replace(sample.study(), spec=view.spec), Activity("writing the report"))
    shown.close()
    news = stream.getvalue()[len(before) :]
    assert "t2.r2 on test: 71.0 % [64.4, 76.8] of 200 items" in news
    assert "verdict on t2: promote" in news
    assert "t1.r1" not in news


def test_a_pipe_gets_plain_lines_and_a_terminal_the_live_display() -> None:
    piped = io.StringIO()
    sink = open_progress(piped)
    assert isinstance(sink, PlainProgress)
    assert isinstance(open_progress(Terminal(), plain=True), PlainProgress)
    terminal = Terminal()
    live = open_progress(terminal, plain=False, width=100, now=lambda: NOW)
    assert isinstance(live, StudyProgress)
    live.update(sample.running(), TRAINING)
    live.close()
    live.close()
    assert "step 24/36" in terminal.getvalue()


def test_the_silent_sink_remembers_what_it_was_told() -> None:
    silent = SilentProgress()
    sink: ProgressSink = silent
    sink.update(sample.running(), TRAINING)
    sink.close()
    assert silent.last is not None and silent.last[1] is TRAINING
    assert silent.closed


def test_a_sparkline_has_the_width_it_was_given_and_survives_broken_losses() -> None:
    assert sparkline([3.0, 2.0, 1.0], 10) == "█▅▁"
    assert len(sparkline(list(range(1000)), 40)) == 40
    assert sparkline([float("nan"), float("inf")], 10) == ""
    assert sparkline([1.0, 1.0], 4) == "▁▁"
