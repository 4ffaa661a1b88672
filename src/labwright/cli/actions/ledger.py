"""`labwright ledger`: the ledger moves to another place."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from labwright.cli.edge import print_json, say
from labwright.ledger import copying


def copy(source: str, target: str, json: bool) -> int:
    """Copy a ledger into an empty place."""
    done = copying.copy(_url(source), _url(target))
    if json:
        print_json({**asdict(done), "rows_in_all": sum(done.rows.values())})
        return 0
    kinds = {"events": "events", "studies": "studies", "agent_sessions": "sessions", "papers": "papers"}
    told = ", ".join(f"{done.rows[table]:,} {word}" for table, word in kinds.items())
    say(f"copied {told}: {sum(done.rows.values()):,} rows from {done.source} to {done.target}")
    if done.running:
        say(f"not ended when it was copied: {', '.join(done.running)}; what they record from now on is not in the copy")
    say(f"to use it: export LABWRIGHT_LEDGER_URL={_setting(target, done.target)}")
    return 0


def _url(place: str) -> str:
    """A file's name is a place, too."""
    return place if "://" in place else f"sqlite:///{Path(place).expanduser().resolve()}"


def _setting(place: str, described: str) -> str:
    """What to set: of a server the place without its password, of a file its URL."""
    url = _url(place)
    return url if url.startswith("sqlite") else described
