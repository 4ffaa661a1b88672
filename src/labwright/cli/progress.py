"""What a person sees while a study runs: a live display on a terminal, plain lines in a pipe.

Both are drawn from the same StudyView snapshots that reports are made of, so the screen never knows more or less
than the ledger. Everything goes to the given stream (stderr): stdout stays free for results.
"""

from __future__ import annotations

from collections.abc import Callable
from time import time
from typing import TextIO

from rich.console import Console
from rich.live import Live

from labwright.cli.screen import screen
from labwright.contracts.progress import Activity, ProgressSink, SilentProgress
from labwright.contracts.research import BASE, StudyState
from labwright.contracts.views import StudyView
from labwright.study.report import headline_of, numbers

__all__ = ["PlainProgress", "SilentProgress", "StudyProgress", "open_progress"]


def open_progress(
    stream: TextIO, *, plain: bool | None = None, width: int | None = None, now: Callable[[], float] = time
) -> ProgressSink:
    """The progress display that this stream can carry; `plain` forces one or the other."""
    console = Console(file=stream, width=width, force_terminal=None if plain is None else not plain)
    if plain is None:
        plain = not console.is_terminal or console.is_dumb_terminal
    return PlainProgress(stream, now=now) if plain else StudyProgress(console, now=now)


class StudyProgress:
    """A live display that redraws in place; the last picture stays on the screen when it closes."""

    def __init__(self, console: Console, *, now: Callable[[], float] = time) -> None:
        self._console = console
        self._now = now
        # stdout is left alone: it may be a pipe that awaits JSON
        self._live = Live(console=console, auto_refresh=False, redirect_stdout=False, vertical_overflow="crop")

    def update(self, view: StudyView, activity: Activity) -> None:
        """Redraw."""
        if not self._live.is_started:
            self._live.start()
        width, height = self._console.size
        self._live.update(screen(view, activity, now=self._now(), width=width, height=height), refresh=True)

    def close(self) -> None:
        """Leave the last picture and give the cursor back."""
        if self._live.is_started:
            self._live.stop()


class PlainProgress:
    """One timestamped line for each thing that changed, without control codes."""

    def __init__(self, stream: TextIO, *, now: Callable[[], float] = time) -> None:
        self._stream = stream
        self._now = now
        self._said: set[str] = set()
        self._label = ""
        self._tenth = -1

    def update(self, view: StudyView, activity: Activity) -> None:
        """Write what was not said before."""
        for key, line in _lines(view):
            self._say(key, line)
        share = _share(activity)
        if activity.label and activity.label != self._label:
            self._label, self._tenth = activity.label, 0
            self._write(activity.label)
        elif share is not None and int(share * 10) > self._tenth and share < 1:
            self._tenth = int(share * 10)
            self._write(f"{activity.label}: {_position(activity)}")

    def close(self) -> None:
        """Nothing is held open."""

    def _say(self, key: str, line: str) -> None:
        if key not in self._said:
            self._said.add(key)
            self._write(line)

    def _write(self, line: str) -> None:
        stamp = numbers.moment(self._now())[11:16]
        seconds = int(self._now()) % 60
        self._stream.write(f"{stamp}:{seconds:02d}Z {_printable(line)}\n")
        self._stream.flush()


def _printable(line: str) -> str:
    """One line without control characters, whatever a goal or a log message holds."""
    return "".join(c if c.isprintable() else " " for c in line)


def _share(activity: Activity) -> float | None:
    done, total = (activity.step, activity.max_steps) if activity.max_steps else (activity.done, activity.total)
    return done / total if done is not None and total else None


def _position(activity: Activity) -> str:
    if activity.max_steps:
        loss = f", loss {activity.loss:.3g}" if activity.loss is not None else ""
        return f"step {activity.step}/{activity.max_steps}{loss}"
    return f"{activity.done}/{activity.total}"


def _lines(view: StudyView) -> list[tuple[str, str]]:
    """Everything that can be said of a study so far, each with a key that says whether it is news."""
    said = [("study", f"study {view.id}: {view.spec.goal}")]
    if view.phase:
        said.append((f"phase {view.phase}", f"phase: {view.phase}"))
    for trial in view.trials:
        parent = f" from {numbers.short_id(trial.parent_id)}" if trial.parent_id else ""
        said.append((trial.id, f"trial {numbers.short_id(trial.id)} ({trial.kind.value}{parent}): {trial.change}"))
    for run in view.runs:
        name = f"run {numbers.short_id(run.id)} ({run.purpose.value})"
        if run.state.is_final:
            why = f": {run.reason}" if run.reason else ""
            said.append((f"{run.id} {run.state} {run.attempt}", f"{name} {run.state.value}{why}"))
    for alert in view.alerts:
        key = f"alert {alert.run_id} {alert.rule} {alert.step}"
        said.append((key, f"{alert.severity}: {alert.rule} in {numbers.short_id(alert.run_id)}: {alert.message}"))
    for done in view.evaluations:
        who = f"{BASE}, {done.style.replace('_', '-')}" if done.subject == BASE else numbers.short_id(done.subject)
        said.append((f"eval {done.id}", f"{who} on {done.split}: {numbers.scored(done.score)} of {done.items} items"))
    for incident in view.incidents:
        key = f"incident {incident.where} {incident.kind} {incident.detail}"
        said.append((key, f"incident: {incident.kind} at {incident.where}: {incident.detail}"))
    for number, verdict in enumerate(view.verdicts):
        text = f"verdict on {numbers.short_id(verdict.trial_id)}: {verdict.outcome.value}: {verdict.reason}"
        said.append((f"verdict {number}", text))
    if view.state in (StudyState.FINISHED, StudyState.STOPPED, StudyState.FAILED):
        said.append((f"ended {view.state}", f"{view.state.value}. {headline_of(view, None).text}"))
    return said
