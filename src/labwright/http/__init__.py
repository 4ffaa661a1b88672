"""One polite client for every public service: a shared cache, a pace a service, retries, limits, tokens kept apart.

Whoever asks arXiv, the Hub, Semantic Scholar, OpenAlex or GitHub does it through `Http`, so that manners are in one place.
"""

from labwright.http.client import Http

__all__ = ["Http"]
