"""OpenAI-compatible servers of this machine or network: their address, whether they answer, what they serve.

Nothing here sends a key except LABWRIGHT_API_KEY, and that only to LABWRIGHT_BASE_URL. Proxies and .netrc of the
environment are not used: what listens on a local port gets no credential by accident.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

import httpx2
from pydantic import BaseModel, ValidationError

from labwright.agent.models.access import ModelAccess
from labwright.contracts.errors import ModelError

PROBE_TIMEOUT_S = 5.0
_VERSION = re.compile(r"v\d+[a-z0-9]*")


@dataclass(frozen=True, slots=True)
class Served:
    """A model that a server offers. `context_window` in tokens, None where the server does not say."""

    name: str
    context_window: int | None = None


@dataclass(frozen=True, slots=True)
class LocalServer:
    """What a probe found at an address. `why` says what is wrong where it does not answer as it should."""

    url: str
    label: str
    models: tuple[Served, ...] = ()
    why: str | None = None
    takes_any_name: bool = False  # llama.cpp serves its one model under whatever name is asked

    @property
    def answers(self) -> bool:
        return self.why is None

    def named(self, name: str) -> Served | None:
        """The model of this name; Ollama's `:latest` may be left out."""
        found = next((m for m in self.models if m.name in (name, f"{name}:latest")), None)
        if found is None and self.takes_any_name:
            found = Served(name, self.models[0].context_window if self.models else None)
        return found


class _Meta(BaseModel):
    n_ctx: int | None = None


class _Listed(BaseModel):
    id: str
    owned_by: str | None = None
    max_model_len: int | None = None  # vLLM, SGLang
    context_length: int | None = None
    meta: _Meta | None = None  # llama.cpp


class _Listing(BaseModel):
    data: list[_Listed] | None = None  # Ollama without a model sends null


def normalise_url(url: str) -> str:
    """A server's base URL as clients want it: with a scheme, ending in its version, `/v1` where it names none.

    Raises:
        ModelError: it is no http address.
    """
    text = url.strip() if "//" in url else f"http://{url.strip()}"
    try:
        parts = urlsplit(text)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        valid = False
    if not valid:
        raise ModelError(
            f"{shown(url)!r} is no address of a server",
            where="LABWRIGHT_BASE_URL",
            cure="write it like http://localhost:8000/v1",
        )
    path = re.sub(r"/(chat/completions|completions|models)/?$", "", parts.path).rstrip("/")
    if not any(_VERSION.fullmatch(segment) for segment in path.split("/")):
        path += "/v1"
    return urlunsplit((parts.scheme, parts.netloc, path, "", ""))


def shown(url: str) -> str:
    """The address without a user's name and password."""
    return re.sub(r"//[^/@]*@", "//", url)


def find_servers(access: ModelAccess, timeout_s: float = PROBE_TIMEOUT_S) -> tuple[LocalServer, ...]:
    """Probe the configured server, or where there is none all the usual ports, at the same time."""
    if access.base_url is not None:
        return (probe(normalise_url(access.base_url), "LABWRIGHT_BASE_URL", access.api_key, timeout_s),)
    places = [(f"http://127.0.0.1:{port}/v1", label) for label, port in access.ports.items()]
    with ThreadPoolExecutor(max_workers=max(1, len(places))) as pool:
        return tuple(pool.map(lambda place: probe(place[0], place[1], None, timeout_s), places))


def probe(url: str, label: str, key: str | None = None, timeout_s: float = PROBE_TIMEOUT_S) -> LocalServer:
    """Ask a server for its models. Never raises: what is wrong is in `why`."""
    headers = {"authorization": f"Bearer {key}"} if key else {}
    timeout = httpx2.Timeout(timeout_s)
    try:
        with httpx2.Client(timeout=timeout, trust_env=False, verify=url.startswith("https"), headers=headers) as client:
            answer = client.get(f"{url}/models")
            if answer.status_code in (401, 403):
                return LocalServer(url, label, why="wants another key" if key else "wants a key")
            if answer.status_code != 200:
                return LocalServer(url, label, why=f"answers {answer.status_code} to {shown(url)}/models")
            listed = _Listing.model_validate_json(answer.content).data or []
            llama = any(m.owned_by == "llamacpp" for m in listed)
            window = _llama_window(client, url) if llama else None
    except httpx2.ConnectError:
        return LocalServer(url, label, why="nothing listens there")
    except httpx2.TimeoutException:
        return LocalServer(url, label, why=f"does not answer within {timeout_s:g} s")
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        return LocalServer(url, label, why=f"does not answer: {error}")
    except ValidationError:
        return LocalServer(url, label, why="answers, but not as an OpenAI-compatible server")
    return LocalServer(url, label, tuple(_served(m, window) for m in listed), takes_any_name=llama)


def _served(model: _Listed, window: int | None) -> Served:
    own = model.meta.n_ctx if model.meta is not None else None
    return Served(model.id, window or model.max_model_len or model.context_length or own)


class _Generation(BaseModel):
    n_ctx: int | None = None


class _Props(BaseModel):
    default_generation_settings: _Generation | None = None


def _llama_window(client: httpx2.Client, url: str) -> int | None:
    """llama.cpp says outside of /v1 with what context it was started."""
    answer = client.get(f"{url.removesuffix('/v1')}/props")
    if answer.status_code != 200:
        return None
    settings = _Props.model_validate_json(answer.content).default_generation_settings
    return settings.n_ctx if settings is not None else None


def choose_server(name: str, servers: Sequence[LocalServer], *, configured: bool) -> tuple[LocalServer, Served]:
    """The server for a model's name. A configured one is believed to know names that it does not list.

    Raises:
        ModelError: no server answers, or none has a model of this name; says what was found.
    """
    for server in servers:
        served = server.named(name) if server.answers else None
        if served is not None:
            return server, served
    if configured:
        [server] = servers
        unlisted = server.why is not None and server.why.startswith("answers ")  # a server without a list of models
        if server.answers or unlisted:
            return server, Served(name)
        cure = "set LABWRIGHT_API_KEY" if "key" in (server.why or "") else "start the server, or correct the address"
        raise ModelError(f"{shown(server.url)} {server.why}", where="LABWRIGHT_BASE_URL", cure=cure)
    alive = [s for s in servers if s.answers]
    if not alive:
        asked = "; ".join(f"{s.label}, {shown(s.url)}: {s.why}" for s in servers)
        raise ModelError(
            f"no local server answers ({asked})",
            where=f"local:{name}",
            cure="start one, or set LABWRIGHT_BASE_URL to its address (and LABWRIGHT_API_KEY to its key)",
        )
    has = "; ".join(f"{s.label}: {', '.join(m.name for m in s.models) or 'no model'}" for s in alive)
    raise ModelError("no local server has this model", where=f"local:{name}", cure=f"choose one that is there: {has}")
