"""The ledger: everything that ever happened in a lab, append-only, and the state it adds up to.

Whoever does something records it here as an event, and whoever wants to know something asks here; so a study that was
killed, moved or looked at from another process needs nothing but its ledger. Budgets, the meter of queries and the
openings of sealed tests are lab-wide and survive any one study, which is why they live in one database.
"""

from labwright.ledger.store import Ledger

__all__ = ["Ledger"]
