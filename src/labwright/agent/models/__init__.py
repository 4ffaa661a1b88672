"""The models that may sit at the wheel: from an id to a pydantic-ai model, with retries, a fallback and prices.

The folder exists so that everything which differs between providers ends here: keys, addresses, wire, error wordings,
context lengths. Only `local:` and `hf:` have a client of our own (`chat.py`); the rest are pydantic-ai's.
"""

from labwright.agent.models.access import ModelAccess, Role
from labwright.agent.models.errors import Trouble, classify, explain
from labwright.agent.models.ids import ModelId, parse_model_id
from labwright.agent.models.offers import Offer, available
from labwright.agent.models.prices import context_window, leaves, price_of, worst_case
from labwright.agent.models.resolve import resolve_model
from labwright.agent.models.retrying import RetryingModel, Schedule, Waiting

__all__ = [
    "ModelAccess",
    "ModelId",
    "Offer",
    "RetryingModel",
    "Role",
    "Schedule",
    "Trouble",
    "Waiting",
    "available",
    "classify",
    "context_window",
    "explain",
    "leaves",
    "parse_model_id",
    "price_of",
    "resolve_model",
    "worst_case",
]
