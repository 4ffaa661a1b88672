"""`labwright sessions`: the intern's sessions, how one stands, and its trace."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path

import psutil
from rich.table import Table

from labwright.assemble import open_lab
from labwright.cli.edge import print_json, say
from labwright.cli.transcript import one_line, spent, wide
from labwright.contracts.errors import StorageError, UsageError
from labwright.contracts.sessions import SessionSummary, SessionView

_CUT_OFF = "cut off"


def list_all(json: bool) -> int:
    """Every session of the lab, newest last."""
    lab = open_lab()
    found = lab.ledger.sessions()
    if json:
        print_json([asdict(s) for s in found])
        return 0
    if not found:
        say('no sessions yet; start one with: labwright run "…"')
        return 0
    table = Table(box=None, pad_edge=False)
    table.add_column("session", no_wrap=True, min_width=max(len(s.id) for s in found))
    for heading in ("state", "model", "tokens", "spent", "goal"):
        table.add_column(heading, no_wrap=heading != "goal", overflow="fold")
    for s in found:
        pid = lab.ledger.session_view(s.id).pid if s.state == "running" else None
        model, goal = one_line(s.model, 40), one_line(s.goal, 60)
        table.add_row(s.id, _state(s, pid), model, f"{s.tokens:,}", _price(s), goal)
    wide().print(table)
    return 0


def show(session_id: str, json: bool) -> int:
    """One session: its budget, its questions, its studies, what was called."""
    lab = open_lab()
    view = lab.ledger.session_view(session_id, time.time())
    calls = lab.ledger.tool_calls(session_id)
    if json:
        print_json({**asdict(view), "tool_calls": [asdict(c) for c in calls]})
        return 0
    say(_headline(view))
    for call in calls[-20:]:
        say(f"  {call.outcome or 'open':<8} {call.tool} {one_line(str(dict(call.args)), 80)}")
    return 0


def export(session_id: str, out: Path, json: bool) -> int:
    """Write the trace. Nothing that is there is written over."""
    from labwright.agent.trace import write_trace  # noqa: PLC0415  pydantic-ai, for this command alone

    if out.exists():
        raise UsageError("the file exists", where=str(out), cure="name a new one")
    lab = open_lab()
    try:
        entries = write_trace(lab.ledger, session_id, out, lab.settings.process_environment)
    except OSError as error:
        cure = "name a file in a directory that is there"
        told = StorageError.of(error) or UsageError(f"cannot be written: {error.strerror}", where=str(out), cure=cure)
        raise told from error
    if json:
        print_json({"session": session_id, "out": str(out), "entries": entries})
    else:
        say(f"wrote {entries} entries to {out}")
    return 0


def _headline(view: SessionView) -> str:
    state = _state(view, view.pid)
    if state == _CUT_OFF:
        state = f"{_CUT_OFF}: its process is gone, and `labwright sessions resume {view.id}` goes on"
    lines = [
        f"{view.id}: {state}" + (f", {view.reason}" if view.reason else ""),
        f"  goal       {view.goal}",
        f"  model      {view.model}",
        f"  workspace  {view.workspace}",
        f"  took       {spent(view)}",
    ]
    if view.studies:
        lines.append(f"  studies    {', '.join(view.studies)}")
    lines += [f"  waits for  {a.id}: {a.what}" for a in view.open_approvals]
    return "\n".join(lines)


def _state(session: SessionSummary | SessionView, pid: int | None) -> str:
    """Its state in a word. The ledger says `running` of one whose process was killed, until it is taken up again."""
    if session.state == "running" and pid is not None and not psutil.pid_exists(pid):
        return _CUT_OFF
    return session.outcome or session.state if session.state == "ended" else session.state


def _price(s: SessionSummary) -> str:
    return f"${s.usd:.2f}" + (f" + {s.unpriced_calls} unpriced" if s.unpriced_calls else "")
