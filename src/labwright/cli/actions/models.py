"""`labwright models`: what can be used from here, and what is missing for the rest."""

from __future__ import annotations

from dataclasses import asdict

from labwright.agent.models import ModelAccess, Offer, available
from labwright.cli.edge import print_json, say
from labwright.config import read_settings


def list_models(json: bool) -> int:
    """Print each offer. Probes the local servers; sends no key to any that is not configured."""
    access = ModelAccess.of(read_settings())
    offers = available(access)
    if json:
        chosen = {"main": access.main, "fallback": access.fallback, "researcher": access.researcher,
                  "judge": access.judge}  # fmt: skip
        print_json({"chosen": chosen, "offers": [asdict(offer) for offer in offers]})
        return 0
    width = max(len(offer.id or offer.provider) for offer in offers)
    for offer in offers:
        mark = "ok" if offer.state == "ready" else "--"
        say(f"{mark}  {offer.id or offer.provider:<{width}}  {_words(offer)}")
    say()
    if access.main is None:
        say("chosen: none; give --model ID or set LABWRIGHT_MODEL")
    else:
        say(f"chosen: {access.main}" + (f"; fallback: {access.fallback}" if access.fallback else ""))
    return 0


def _words(offer: Offer) -> str:
    if offer.state != "ready":
        return f"{offer.state}: {offer.why}"
    window = f", {offer.context_window:,} tokens of context" if offer.context_window is not None else ""
    return f"{offer.provider}: {offer.why}{window}"
