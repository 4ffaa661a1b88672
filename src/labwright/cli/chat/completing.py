"""What may be completed in a chat: commands, and the ids and words that may follow them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from labwright.assemble import Lab
from labwright.cli.chat.commands import COMMANDS, EFFORTS, MODES, offers_of


class Completions:
    """What may be completed in a chat. Models are looked up once, when they are first needed."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._models: tuple[str, ...] | None = None

    def commands(self) -> Mapping[str, str]:
        """Names and their help."""
        return {name: command.help for name, command in COMMANDS.items()}

    def arguments(self, command: str, before: Sequence[str]) -> Iterable[str]:
        """Ids and words that may follow."""
        ledger = self._lab.ledger
        if command == "/approve" and len(before) == 1:
            return ("yes", "deny")
        if before:
            return ()
        match command:
            case "/model":
                if self._models is None:
                    self._models = tuple(o.id for o in offers_of(self._lab) if o.id is not None)
                return self._models
            case "/effort":
                return (*EFFORTS, "off", "default")
            case "/budget":
                return ("usd", "hours", "tokens", "steps")
            case "/approve":
                return (*(a.id for a in ledger.approvals(open_only=True)), *MODES)
            case "/resume":
                return [s.id for s in reversed(ledger.sessions())]
            case "/study" | "/jobs":
                return [s.id for s in ledger.summaries()]
        return ()
