"""`labwright approvals`: what the intern waits for, and a person's answers, from any terminal."""

from __future__ import annotations

import getpass
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from pydantic import JsonValue
from rich.table import Table

from labwright.assemble import open_lab
from labwright.cli.arguments import edited, with_changes
from labwright.cli.edge import print_json, say
from labwright.cli.transcript import one_line, wide
from labwright.contracts.errors import UsageError
from labwright.contracts.sessions import Approval
from labwright.guard.approvals import Approvals


def list_all(every: bool, json: bool) -> int:
    """What waits, oldest first; with `every` also what was answered."""
    lab = open_lab()
    approvals = Approvals(lab.ledger)
    approvals.expire()
    found = lab.ledger.approvals() if every else approvals.open()
    if json:
        print_json([asdict(a) for a in found])
        return 0
    if not found:
        say("nothing waits for an answer")
        return 0
    table = Table(box=None, pad_edge=False)
    for heading in ("id", "state", "session", "asked", "what", "cost"):
        table.add_column(heading, no_wrap=heading != "what", overflow="fold")
    for a in found:
        asked = time.strftime("%m-%d %H:%M", time.localtime(a.asked_at))
        table.add_row(a.id, a.state, a.session_id, asked, one_line(a.what, 200), cost_of(a))
    wide().print(table)
    return 0


def show(approval_id: str, json: bool) -> int:
    """One approval with all that a person needs to decide."""
    approval = open_lab().ledger.approval(approval_id)
    print_json(asdict(approval)) if json else say(described(approval))
    return 0


def approve(approval_id: str, args: str | None, changes: Sequence[str], edit: bool, json: bool) -> int:
    """Approve, with other arguments where some are given, set one by one, or left in an editor."""
    if (args is not None) + bool(changes) + edit > 1:
        raise UsageError("arguments are given in more than one way", cure="use one of --args, --set and --edit")
    lab = open_lab()
    approvals = Approvals(lab.ledger)
    final: Mapping[str, JsonValue] | str | None = args
    draft = lab.home / "drafts" / f"{approval_id}.yaml"  # kept until it is taken: an edit that is refused is not lost
    if changes or edit:
        asked = approvals.get(approval_id)
        environment = lab.settings.process_environment
        editor = environment.get("VISUAL") or environment.get("EDITOR") or ""
        final = with_changes(asked.args, changes) if changes else edited(asked.args, editor, draft)
    answered = approvals.answer(approval_id, "approved", by=getpass.getuser(), args=final)
    draft.unlink(missing_ok=True)
    return _told(answered, json)


def deny(approval_id: str, why: str, json: bool) -> int:
    """Deny, and say why."""
    answered = Approvals(open_lab().ledger).answer(approval_id, "denied", by=getpass.getuser(), why=why)
    return _told(answered, json)


def described(a: Approval) -> str:
    """What is asked, as a page."""
    lines = [
        f"{a.id} ({a.state}) of session {a.session_id}",
        f"  what     {one_line(a.what, 300)}",
        f"  effects  {', '.join(a.effects) or 'not declared'}",
        f"  cost     {cost_of(a)}",
        f"  left     {a.budget_left}",
    ]
    if a.state != "open":
        lines.append(f"  answer   {a.state} by {a.by or 'nobody'}" + (f": {a.why}" if a.why else ""))
    preview = a.preview or "\n".join(f"{name}: {value}" for name, value in a.final_args.items())
    return "\n".join([*lines, "", *(f"  │ {line}" for line in preview.splitlines())])


def cost_of(a: Approval) -> str:
    """An estimate in words; an unknown price is said to be unknown."""
    parts = ["unknown" if a.cost.usd is None else f"${a.cost.usd:.2f}"]
    if a.cost.gpu_hours:
        parts.append(f"{a.cost.gpu_hours:g} GPU-hours")
    if a.cost.wall_clock_s:
        parts.append(f"{a.cost.wall_clock_s / 60:.0f} min")
    return ", ".join(parts)


def _told(answered: Approval, json: bool) -> int:
    if json:
        print_json(asdict(answered))
    else:
        say(f"{answered.id} is {answered.state}; go on with: labwright sessions resume {answered.session_id}")
    return 0
