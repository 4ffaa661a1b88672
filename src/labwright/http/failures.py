"""What went wrong, said for a person: statuses, messages of a dozen services, limits and when they end."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import httpx
from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from labwright.contracts.errors import NotFoundError, RateLimitedError, ServiceError
from labwright.contracts.http import Service
from labwright.http.addresses import belongs, clean, may_have_token, shown

_LIMITED = re.compile(rb"rate limit|too many requests|abuse detection", re.IGNORECASE)
_MARKUP = re.compile(r"<(title|summary)[^>]*>(.*?)</\1>", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"<[^>]*>")
_LEFT = re.compile(r"\br=(\d+)")
_UNTIL = re.compile(r"\bt=(\d+(?:\.\d+)?)")
_SECONDARY_S = 60.0  # what GitHub asks for where its secondary limit names no time
_EPOCH = 1_000_000_000.0  # a larger reset is a moment, a smaller one a duration
_MOST_TEXT = 240


class _Said(BaseModel):
    """The fields in which services put their messages."""

    model_config = ConfigDict(extra="ignore")

    error: JsonValue = None
    message: JsonValue = None
    detail: JsonValue = None
    error_description: JsonValue = None
    code: JsonValue = None


def is_limit(response: httpx.Response) -> bool:
    """Whether the answer says "too often": 429, or a 403 with a spent limit. The body has been read."""
    if response.status_code == 429:
        return True
    if response.status_code != 403:
        return False
    headers = response.headers
    return headers.get("x-ratelimit-remaining") == "0" or "retry-after" in headers or _says_limit(response)


def wait_asked(response: httpx.Response, now: float) -> float | None:
    """The seconds that an answer asks to wait for, or None where it names no time."""
    asked = _retry_after(response.headers.get("retry-after", ""), now)
    if asked is not None:
        return asked
    if response.headers.get("x-ratelimit-remaining") == "0":
        reset = _number(response.headers.get("x-ratelimit-reset", ""))
        if reset is not None:
            return max(0.0, reset - now + 1.0 if reset > _EPOCH else reset)
    if response.status_code == 429:
        limit = response.headers.get("ratelimit", "")
        left, until = _LEFT.search(limit), _UNTIL.search(limit)
        if until is not None and (left is None or left.group(1) == "0"):
            return float(until.group(1))
    if response.status_code == 403 and _says_limit(response):
        return _SECONDARY_S
    return None


def limited(service: Service, response: httpx.Response, url: httpx.URL, now: float) -> RateLimitedError:
    """The error of a service that asks to be left alone."""
    seconds = wait_asked(response, now)
    said = _message(service, response)
    if seconds is None:
        when, cure = "", "try again in some minutes"
    else:
        moment = datetime.fromtimestamp(min(now + seconds, 253_000_000_000), UTC)
        when = f" until {moment:%Y-%m-%d %H:%M:%S} UTC (in {_duration(seconds)})"
        cure = f"come back after {moment:%H:%M} UTC"
    if service.token is None and service.token_variable is not None:
        cure += f", or set {service.token_variable}: with a token it may be asked more often"
    what = f"{service.name} asks to be left alone{when}: {response.status_code}{said}"
    return RateLimitedError(
        what, where=shown(url, service.token), cure=cure, status=response.status_code, code=_code(response)
    )


def refused(service: Service, response: httpx.Response, url: httpx.URL, now: float) -> ServiceError:
    """The error of an answer whose status is no success."""
    status, code, where = response.status_code, _code(response), shown(url, service.token)
    said = _message(service, response)
    if is_limit(response):
        return limited(service, response, url, now)
    if status in (404, 410) or (code is not None and code.endswith("NotFound")):
        cure = "check the name"
        if status in (401, 403) and service.token is None and service.token_variable is not None:
            cure = f"check the name; if it is private, set {service.token_variable}"
        return NotFoundError(
            f"{service.name} has no such thing: {status}{said}", where=where, cure=cure, status=status, code=code
        )
    try:
        phrase = f" {HTTPStatus(status).phrase}"
    except ValueError:
        phrase = ""
    what = f"{service.name} answered {status}{phrase}{said}"
    return ServiceError(what, where=where, cure=_cure(service, status, url), status=status, code=code)


def unanswered(
    service: Service, error: httpx.HTTPError, url: httpx.URL, connect_s: float, read_s: float
) -> ServiceError:
    """The error of a connection that failed."""
    cure = "check the connection and try again; `--offline` serves what was fetched before"
    match error:
        case httpx.ConnectTimeout():
            what = f"{service.name}: no connection in {connect_s:g} s"
        case httpx.TimeoutException():
            what = f"{service.name} stayed silent for {read_s:g} s"
        case httpx.ConnectError():
            what = f"{service.name}: no connection: {clean(str(error), service.token)}"
        case httpx.UnsupportedProtocol():
            what, cure = f"{service.name}: only http:// and https:// addresses are fetched", "give another address"
        case _:
            said = clean(str(error), service.token) or type(error).__name__
            what = f"{service.name}: the connection broke off: {said}"
    return ServiceError(what, where=shown(url, service.token), cure=cure)


def _cure(service: Service, status: int, url: httpx.URL) -> str:
    if status in (401, 403):
        if service.token is None:
            return f"set {service.token_variable}" if service.token_variable else "it may need an account"
        if not may_have_token(service, url) and belongs(service, url):
            return "the token is sent over https only: give the service's https address"
        return f"check the token{f' in {service.token_variable}' if service.token_variable else ''} and what it may see"
    if status == 402:
        return "its free allowance is spent: try again tomorrow, or use another source"
    if status >= 500:
        return "the service has trouble: try again later, or use another source"
    return "check what was asked"


def _message(service: Service, response: httpx.Response) -> str:
    said = clean(response.headers.get("x-error-message", "") or _in_body(response), service.token)
    if len(said) > _MOST_TEXT:
        said = said[:_MOST_TEXT] + "…"
    code = response.headers.get("x-error-code")
    named = f" [{clean(code, service.token)[:60]}]" if code else ""
    return f"{named}: {said}" if said else named


def _in_body(response: httpx.Response) -> str:
    text = response.content[:20_000].decode("utf-8", errors="replace").strip()
    try:
        found = _Said.model_validate_json(response.content)
    except ValidationError:
        markup = _MARKUP.findall(text) if text.startswith("<") else []
        if markup:  # an Atom feed's summary says more than its title
            chosen = next((inner for name, inner in reversed(markup) if name.lower() == "summary"), markup[0][1])
            return _TAG.sub(" ", chosen)
        return "" if text.startswith("<") else text
    return next((words for value in (found.error, found.message, found.detail) if (words := _words(value))), "")


def _words(value: JsonValue) -> str:
    match value:
        case str():
            return value
        case dict():
            return next((words for words in (_words(value.get(name)) for name in ("message", "error")) if words), "")
        case list() if value:
            return _words(value[0])
        case _:
            return ""


def _code(response: httpx.Response) -> str | None:
    code: str | None = response.headers.get("x-error-code")
    return clean(code)[:60] if code else None


def _says_limit(response: httpx.Response) -> bool:
    return _LIMITED.search(response.content[:2_000]) is not None


def _retry_after(value: str, now: float) -> float | None:
    seconds = _number(value)
    if seconds is not None:
        return seconds if seconds > 0 else None
    try:
        moment = parsedate_to_datetime(value)
        aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
        return max(0.0, aware.timestamp() - now) or None
    except (TypeError, ValueError, OverflowError):
        return None


def _number(value: str) -> float | None:
    try:
        found = float(value)
    except ValueError:
        return None
    return found if 0 <= found < 1e12 else None


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
