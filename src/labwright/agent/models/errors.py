"""What a failed model call means: whose fault it is, whether waiting helps, and what a person can do about it.

pydantic-ai gives its errors types; this adds the overflow wordings that it does not know (llama.cpp, TGI, Ollama, LM
Studio, SGLang), since a prompt that is too long must never be taken for a request that is wrong.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Literal

from pydantic_ai.exceptions import (
    ModelAPIError,
    ModelAuthenticationError,
    ModelConnectionError,
    ModelContextWindowExceededError,
    ModelHTTPError,
    ModelNotFoundError,
    ModelOverloadedError,
    ModelQuotaExceededError,
    ModelRateLimitError,
    ModelRequestRejectedError,
    ModelRequestTimeout,
    ModelServerError,
    ModelUnavailableError,
    UserError,
)

from labwright.contracts.errors import LabwrightError, ModelError, ProviderError

Trouble = Literal["overflow", "rate-limit", "transient", "auth", "quota", "rejected", "other"]
_Category = type[
    ModelRateLimitError | ModelQuotaExceededError | ModelUnavailableError | ModelServerError | ModelRequestRejectedError
]

_OVERFLOW = re.compile(
    r"context[ _-]?(length|size|window|limit)"  # OpenAI, vLLM, llama.cpp, Ollama, LM Studio, SGLang, Anthropic
    r"|max_new_tokens`? must be <="  # TGI, Together
    r"|inputs`? must have less than"  # TGI
    r"|longer than the maximum model length"  # vLLM
    r"|(prompt|input|request) is too (long|large)"  # Anthropic, Fireworks, Bedrock
    r"|reduce the length of the (messages|prompt|input)"  # Groq, OpenAI
    r"|maximum number of tokens allowed"  # Gemini
    r"|exceed_context_size",  # llama.cpp
    re.IGNORECASE,
)
_MAY_OVERFLOW = (400, 413, 422, 500)  # statuses under which some server says so; a 429 about tokens is a rate limit
_QUOTA = re.compile(
    r"insufficient_quota|billing_hard_limit|credit_balance|spend_limit_exceeded|usage_limit_exceeded"
    r"|depleted your monthly|exceeded your (current quota|monthly included credits)|payment required",
    re.IGNORECASE,
)
_OVERLOADED = re.compile(r"overloaded|over capacity", re.IGNORECASE)
_BY_CODE: dict[str, int] = {  # what an error object without a status means by its code or type
    "rate_limit_exceeded": 429,
    "rate_limit_error": 429,
    "too_many_requests": 429,
    "context_length_exceeded": 400,
    "exceed_context_size_error": 400,
    "invalid_request_error": 400,
    "BadRequestError": 400,
    "invalid_api_key": 401,
    "insufficient_quota": 402,
    "model_not_found": 404,
    "server_error": 500,
    "InternalServerError": 500,
    "service_unavailable": 503,
    "server_is_overloaded": 529,
    "overloaded": 529,
    "overloaded_error": 529,
}


def classify(error: BaseException) -> Trouble:
    """What kind of trouble an error is. A group, as a fallback raises it, is its first error."""
    if isinstance(error, BaseExceptionGroup):
        return classify(error.exceptions[0])
    if not isinstance(error, ModelAPIError):
        return "other"
    if _overflows(error):
        return "overflow"
    if isinstance(error, ModelQuotaExceededError):
        return "quota"
    if isinstance(error, ModelRateLimitError):
        return "quota" if _QUOTA.search(f"{error.provider_error_code} {error}") else "rate-limit"
    if isinstance(error, ModelAuthenticationError):
        return "auth"
    if isinstance(error, ModelUnavailableError | ModelServerError | ModelConnectionError | ModelRequestTimeout):
        return "transient"
    if isinstance(error, ModelHTTPError) and error.status_code == 408:
        return "transient"
    if isinstance(error, ModelRequestRejectedError | ModelHTTPError):
        return "rejected"
    return "other"


def broke_off(error: BaseException) -> bool:
    """Whether an answer had begun when it failed: no transport may ask for it again, since a part was given out."""
    if isinstance(error, BaseExceptionGroup):
        return any(broke_off(e) for e in error.exceptions)
    return isinstance(error, ModelHTTPError | ModelConnectionError) and error.in_stream


def _overflows(error: ModelAPIError) -> bool:
    if isinstance(error, ModelContextWindowExceededError):
        return True
    if isinstance(error, ModelAuthenticationError | ModelNotFoundError | ModelRateLimitError | ModelQuotaExceededError):
        return False
    if isinstance(error, ModelHTTPError):
        return error.status_code == 413 or (
            error.status_code in _MAY_OVERFLOW and _OVERFLOW.search(str(error)) is not None
        )
    return isinstance(error, ModelRequestRejectedError) and _OVERFLOW.search(str(error)) is not None


def error_of(
    body: str, *, status: int | None, model_name: str, headers: Mapping[str, str] | None = None, in_stream: bool = False
) -> ModelAPIError:
    """The typed error for what an OpenAI-compatible server answered, or sent inside a stream (`status` None)."""
    found = _error_object(body)
    said, code, kind = _text(found.get("message")) or body[:500], _text(found.get("code")), _text(found.get("type"))
    if status is None:
        stated = int(code) if code.isdigit() and 400 <= int(code) < 600 else None
        status = stated or _BY_CODE.get(code) or _BY_CODE.get(kind) or 500
    return ModelHTTPError.for_category(
        _category(status, f"{code} {kind}", said),
        status_code=status,
        model_name=model_name,
        body=found or body[:500],
        headers=headers,
        provider_error_code=code or None,
        provider_error_type=kind or None,
        in_stream=in_stream,
    )


def _error_object(body: str) -> dict[str, Any]:
    """{"error": {…}}, {"error": "…"} as the router says it, or the flat object of an older vLLM."""
    try:
        loaded = json.loads(body)
    except ValueError:
        return {}
    if isinstance(loaded, str):
        return {"message": loaded}
    if not isinstance(loaded, dict):
        return {}
    inner = loaded.get("error", loaded)
    if isinstance(inner, dict):
        return inner
    kind = loaded.get("error_type")
    return {"message": str(inner), **({"type": kind} if kind else {})}


def _category(status: int, codes: str, said: str) -> _Category | None:
    if status == 413 or (
        status in _MAY_OVERFLOW and (_OVERFLOW.search(said) or _OVERFLOW.search(codes.replace("_", " ")))
    ):
        return ModelContextWindowExceededError
    if status == 402 or (status in (400, 403, 429) and _QUOTA.search(f"{codes} {said}")):
        return ModelQuotaExceededError
    if status in (401, 403) or "invalid_api_key" in codes:
        return ModelAuthenticationError
    if status == 404 or "model_not_found" in codes:
        return ModelNotFoundError
    if status == 429:
        return ModelRateLimitError
    if status == 529 or (status >= 500 and _OVERLOADED.search(f"{codes} {said}")):
        return ModelOverloadedError
    if status == 503:
        return ModelUnavailableError
    if status >= 500:
        return ModelServerError
    return ModelRequestRejectedError if status in (400, 422) else None


def _text(value: object) -> str:
    return "" if value is None else str(value)


def explain(error: BaseException, model_id: str) -> LabwrightError:
    """The error for a person: what the provider said, of which model, and what helps."""
    if isinstance(error, BaseExceptionGroup):
        errors = [explain(e, model_id) for e in error.exceptions]
        return ProviderError("; ".join(e.what for e in errors), where=model_id, cure=errors[0].cure)
    if isinstance(error, LabwrightError):
        return error
    if isinstance(error, UserError):
        return ModelError(str(error), where=model_id, cure="choose another model: `labwright models` lists them")
    trouble = classify(error)
    what, cure = _EXPLAINED[trouble]
    if isinstance(error, ModelNotFoundError):
        what, cure = "the provider has no such model", "check its name; `labwright models` lists what is here"
    elif isinstance(error, ModelConnectionError):
        what = "the connection broke off in the middle of an answer" if error.in_stream else "the server is not reached"
    said = _said(error)
    return ProviderError(f"{what}: {said}" if said else what, where=model_id, cure=cure)


_EXPLAINED: dict[Trouble, tuple[str, str]] = {
    "overflow": (
        "the conversation is longer than the model's context",
        "/compact it, or use a model with a longer one",
    ),
    "rate-limit": ("the provider's rate limit is reached", "wait, or set LABWRIGHT_FALLBACK_MODEL"),
    "transient": (
        "the provider failed, and failed again when asked again",
        "try later, or set LABWRIGHT_FALLBACK_MODEL",
    ),
    "auth": ("the provider does not accept the key", "check the key's variable, and that the key may use this model"),
    "quota": ("the account's credit or quota is used up", "top it up, or choose another model"),
    "rejected": ("the provider rejected the request", "choose another model, or report this with the text above"),
    "other": ("the model could not be used", "choose another model: `labwright models` lists them"),
}


def _said(error: BaseException) -> str:
    """The provider's own words, short."""
    body = error.body if isinstance(error, ModelAPIError) else None
    said = body.get("message") if isinstance(body, dict) else body
    text = " ".join(str(said if said else error).split())
    return text if len(text) <= 300 else f"{text[:299]}…"
