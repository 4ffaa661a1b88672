"""One polite client for every public service: a shared cache, a pace a service, retries, limits, tokens kept apart.

Whoever asks arXiv, the Hub, Semantic Scholar, OpenAlex or GitHub does it through `Http`: manners are in one place.
The services themselves are in `labwright.http.services`. Against a server on loopback, tests give
`Http(cache, patience=Patience.hurried())`, which retries and keeps its order but never sleeps.
"""

from labwright.http.client import Http
from labwright.http.patience import Patience

__all__ = ["Http", "Patience"]
