"""The public services that Labwright asks: where each is, whose token it takes, how often it may be asked.

Keys come from the caller; nothing here reads the environment. Intervals are what each service's terms or limits ask
for; where a limit counts a window (the Hub, GitHub), a short interval spreads requests and the window's headers do the
rest.
"""

from __future__ import annotations

from labwright.contracts.http import Service

_HOUR = 3600.0
_DAY = 24 * _HOUR


def arxiv(base_url: str = "https://export.arxiv.org") -> Service:
    """The arXiv API: one request every three seconds, one at a time, over all that a lab runs."""
    return Service("arxiv", base_url.rstrip("/"), interval_s=3.0, one_at_a_time=True, fresh_s=_DAY)


def arxiv_pages(base_url: str = "https://arxiv.org") -> Service:
    """arXiv's HTML and PDF. Its name, and so its pace, is the API's: the rule counts both together."""
    return Service("arxiv", base_url.rstrip("/"), interval_s=3.0, one_at_a_time=True, fresh_s=7 * _DAY)


def ar5iv(base_url: str = "https://ar5iv.labs.arxiv.org") -> Service:
    """HTML of older arXiv papers."""
    return Service("ar5iv", base_url.rstrip("/"), interval_s=3.0, one_at_a_time=True, fresh_s=7 * _DAY)


def hugging_face(endpoint: str = "https://huggingface.co", token: str | None = None) -> Service:
    """The Hugging Face Hub: papers, repositories and their files."""
    return Service(
        "hugging-face", endpoint.rstrip("/"), token=token, interval_s=0.2, fresh_s=_HOUR, token_variable="HF_TOKEN"
    )


def dataset_viewer(base_url: str = "https://datasets-server.huggingface.co", token: str | None = None) -> Service:
    """The Hub's dataset viewer."""
    return Service(
        "dataset-viewer",
        base_url.rstrip("/"),
        token=token,
        interval_s=0.2,
        fresh_s=_HOUR,
        token_variable="HF_TOKEN",
        only_json=True,
    )


def semantic_scholar(base_url: str = "https://api.semanticscholar.org", key: str | None = None) -> Service:
    """Semantic Scholar. A key allows one request a second; without one, everybody shares a pool."""
    return Service(
        "semantic-scholar",
        base_url.rstrip("/"),
        token=key,
        token_header="x-api-key",
        token_prefix="",
        interval_s=1.1,
        fresh_s=_DAY,
        token_variable="S2_API_KEY",
        only_json=True,
    )


def openalex(base_url: str = "https://api.openalex.org", key: str | None = None) -> Service:
    """OpenAlex, whose key goes in the query string. Searches cost its free allowance, so answers stay for a day."""
    return Service(
        "openalex",
        base_url.rstrip("/"),
        token=key,
        token_param="api_key",
        interval_s=0.1,
        fresh_s=_DAY,
        token_variable="OPENALEX_API_KEY",
        only_json=True,
    )


def github(base_url: str = "https://api.github.com", token: str | None = None) -> Service:
    """GitHub's REST API."""
    return Service(
        "github",
        base_url.rstrip("/"),
        token=token,
        interval_s=0.1,
        headers={"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"},
        fresh_s=_HOUR,
        token_variable="GITHUB_TOKEN",
    )


def web(*, private: bool = False) -> Service:
    """Any other page, by its whole URL; it has no token and no base.

    An address may come from a paper or a model, so this machine and private networks are not asked unless `private`.
    """
    return Service("web", "", public_only=not private, fresh_s=_DAY)
