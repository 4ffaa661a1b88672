"""What the agent may do in the lab, one family a file; each tool declares its effects and what it may cost.

A tool is a thin face over the research engine: it reads arguments that a model wrote, asks the engine or the ledger,
and answers in at most about two kilobytes. Numbers come from the referee, items of a benchmark never appear. Tools
know the lab through `desk.Desk` alone; `families.families(desk)` builds them all.
"""

from labwright.tools.family import Family

__all__ = ["Family"]
