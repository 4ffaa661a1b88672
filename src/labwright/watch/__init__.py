"""The watchdog: rules over a run's live metrics that raise alerts, and may stop the run.

It reads what the run writes and trusts none of it further than arithmetic goes; it runs in the engine's process, so no
training script can silence it.
"""

from labwright.watch.rules import RULES, Divergence, NotFinite, Overfit, Plateau, Rule, Stall
from labwright.watch.tailer import Tailer
from labwright.watch.watchdog import Watchdog

__all__ = [
    "RULES",
    "Divergence",
    "NotFinite",
    "Overfit",
    "Plateau",
    "Rule",
    "Stall",
    "Tailer",
    "Watchdog",
]
