"""How long the client waits and how often it asks again: in one place, so that a hurried caller can say less."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Patience:
    """Waits, retries and timeouts of one client."""

    retries: int = 5  # after the first try, for answers that say "later"
    reconnections: int = 2  # after the first try, where there is no connection or it stays silent
    longest_s: float = 60.0  # waited for one question in all; a service that asks for more is an error at once
    first_wait_s: float = 1.0  # doubles with each retry, less a random part of up to a half
    connect_s: float = 10.0
    read_s: float = 30.0  # between two pieces of an answer
    body_s: float = 300.0  # for the whole of an answer's body
    turn_s: float = 600.0  # for the turn at a service that is asked one request at a time
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.time

    @classmethod
    def hurried(cls) -> Self:
        """As many retries, but no waits between them, and no pace: for tests against a server on loopback."""
        return cls(sleep=lambda _: None)
