"""`labwright sessions`: the intern's sessions, how one stands, and its trace."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path

from rich.table import Table

from labwright.assemble import open_lab
from labwright.cli.edge import print_json, say
from labwright.cli.standing import CUT_OFF, at_work, state_word
from labwright.cli.transcript import one_line, spent, wide
from labwright.contracts.errors import StorageError, UsageError
from labwright.contracts.sessions import SessionSummary, SessionView
from labwright.study.elsewhere import of_session, release_session, told


def list_all(json: bool) -> int:
    """Every session of the lab, newest last."""
    lab = open_lab()
    found = lab.ledger.sessions()
    if json:
        print_json([{**asdict(s), "at_work": at_work(s)} for s in found])
        return 0
    if not found:
        say('no sessions yet; start one with: labwright run "…"')
        return 0
    table = Table(box=None, pad_edge=False)
    table.add_column("session", no_wrap=True, min_width=max(len(s.id) for s in found))
    for heading in ("state", "model", "tokens", "spent", "goal"):
        table.add_column(heading, no_wrap=heading != "goal", overflow="fold")
    for s in found:
        model, goal = one_line(s.model, 40), one_line(s.goal, 60)
        table.add_row(s.id, state_word(s), model, f"{s.tokens:,}", _price(s), goal)
    wide().print(table)
    return 0


def show(session_id: str, json: bool) -> int:
    """One session: its budget, its questions, its studies, what was called."""
    lab = open_lab()
    view = lab.ledger.session_view(session_id)
    if at_work(view) == "here":  # else nobody knows that it worked until now
        view = lab.ledger.session_view(session_id, time.time())
    calls = lab.ledger.tool_calls(session_id)
    if json:
        print_json({**asdict(view), "at_work": at_work(view), "tool_calls": [asdict(c) for c in calls]})
        return 0
    say(_headline(view))
    for call in calls[-20:]:
        say(f"  {call.outcome or 'open':<8} {call.tool} {one_line(str(dict(call.args)), 80)}")
    return 0


def release(session_id: str, json: bool) -> int:
    """Say that the process of another machine is gone."""
    seen = release_session(open_lab().ledger, session_id)
    if json:
        print_json({"session": session_id, "released_from": seen.process.host})
        return 0
    say(f"session {session_id} is no longer {seen.process.host}'s; go on with: labwright sessions resume {session_id}")
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
    state = state_word(view)
    if state == CUT_OFF:
        state = f"{CUT_OFF}: its process is gone, and `labwright sessions resume {view.id}` goes on"
    elif (seen := of_session(view)) is not None:
        state = f"running {told(seen)}; where it is gone: `labwright sessions release {view.id}`"
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


def _price(s: SessionSummary) -> str:
    return f"${s.usd:.2f}" + (f" + {s.unpriced_calls} unpriced" if s.unpriced_calls else "")
