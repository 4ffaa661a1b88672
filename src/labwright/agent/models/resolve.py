"""From a model's id to a pydantic-ai model that retries, and falls back where a fallback is set.

A provider's client is imported only when its model is asked for: they cost between a third of a second and 1.3 s.
"""

from __future__ import annotations

import asyncio

from pydantic_ai.exceptions import UserError
from pydantic_ai.models import Model, infer_model
from pydantic_ai.models.fallback import FallbackModel
from pydantic_ai.settings import ModelSettings

from labwright.agent.models.access import ModelAccess
from labwright.agent.models.chat import LightChatModel
from labwright.agent.models.errors import classify
from labwright.agent.models.ids import AUTOPILOT, FORMS, HUGGING_FACE, KEYS, LOCAL, ModelId, parse_model_id
from labwright.agent.models.local import choose_server, find_servers
from labwright.agent.models.prices import UNKNOWN_WINDOW
from labwright.agent.models.retrying import OnWait, RetryingModel, Schedule, Sleep
from labwright.agent.models.router import read_card
from labwright.contracts.errors import ModelError

_STEPS_IN = ("rate-limit", "transient", "quota")  # what another model may do better with the same request


def resolve_model(
    model_id: str,
    access: ModelAccess,
    *,
    on_wait: OnWait | None = None,
    schedule: Schedule | None = None,
    sleep: Sleep = asyncio.sleep,
) -> Model:
    """The model of an id, wrapped in retries. Asks a local server, or the router, what it serves: seconds at most.

    `access.fallback` steps in where the model's rate limit, quota or server fails it after all retries; never for a
    refused key, a rejected request or an overflow.

    Raises:
        ModelError: the id is none, its key is not set, its server does not answer, its client is not installed.
    """

    def retrying(which: ModelId) -> Model:
        return RetryingModel(_model(which, access), schedule=schedule, sleep=sleep, on_wait=on_wait)

    wanted = parse_model_id(model_id)
    if wanted.provider == AUTOPILOT:
        return _model(wanted, access)  # decides by rules: nothing to retry, nobody to replace it
    first = retrying(wanted)
    second = parse_model_id(access.fallback) if access.fallback is not None else None
    if second is None or second in (wanted, ModelId(AUTOPILOT, "")):
        return first
    return FallbackModel(first, retrying(second), fallback_on=_another_may_do)


def _another_may_do(error: Exception) -> bool:
    return classify(error) in _STEPS_IN


def _model(wanted: ModelId, access: ModelAccess) -> Model:
    if wanted.provider == AUTOPILOT:
        from labwright.agent.autopilot import AutopilotModel  # noqa: PLC0415 - the engine's rules come with it

        return AutopilotModel()
    if wanted.provider == LOCAL:
        return _local(wanted, access)
    if wanted.provider == HUGGING_FACE:
        return _hugging_face(wanted, access)
    key = access.need_key(wanted.provider) if wanted.provider in KEYS else None
    try:
        return _of_provider(wanted, key, access)
    except ImportError as error:
        cure = f"pip install 'pydantic-ai-slim[{wanted.provider}]', or write {FORMS}"
        raise ModelError("its provider's client is not installed", where=str(wanted), cure=cure) from error
    except (UserError, ValueError) as error:
        raise ModelError(str(error), where=str(wanted), cure=f"write {FORMS}") from error


def _of_provider(wanted: ModelId, key: str | None, access: ModelAccess) -> Model:
    """A model through its provider's own client, whose retries are off: the schedule is ours."""
    settings = ModelSettings(max_retries=0)
    environment = access.environment
    if wanted.provider == "anthropic" and key is not None:
        from pydantic_ai.models.anthropic import AnthropicModel  # noqa: PLC0415 - 1.3 s of imports
        from pydantic_ai.providers.anthropic import AnthropicProvider  # noqa: PLC0415

        base = environment.get("ANTHROPIC_BASE_URL") or None
        cached = ModelSettings(max_retries=0, cache=True)  # a history is sent anew each time: read at a tenth
        return AnthropicModel(wanted.name, provider=AnthropicProvider(api_key=key, base_url=base), settings=cached)
    if wanted.provider in ("openai", "openai-chat") and key is not None:
        from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel  # noqa: PLC0415 - 0.4 s
        from pydantic_ai.profiles.openai import OpenAIModelProfile  # noqa: PLC0415
        from pydantic_ai.providers.openai import OpenAIProvider  # noqa: PLC0415

        base = environment.get("OPENAI_BASE_URL") or "https://api.openai.com/v1"
        provider = OpenAIProvider(api_key=key, base_url=base)
        if wanted.provider == "openai":
            return OpenAIResponsesModel(wanted.name, provider=provider, settings=settings)
        strict = OpenAIModelProfile(openai_chat_streaming_requires_finish_reason=True)
        return OpenAIChatModel(wanted.name, provider=provider, settings=settings, profile=strict)
    if wanted.provider == "google" and key is not None:
        from pydantic_ai.models.google import GoogleModel  # noqa: PLC0415
        from pydantic_ai.providers.google import GoogleProvider  # noqa: PLC0415

        return GoogleModel(wanted.name, provider=GoogleProvider(api_key=key), settings=settings)
    return infer_model(str(wanted))  # pydantic-ai's other providers, which read their own variables


def _local(wanted: ModelId, access: ModelAccess) -> Model:
    server, served = choose_server(wanted.name, find_servers(access), configured=access.base_url is not None)
    return LightChatModel(
        served.name,
        base_url=server.url,
        provider_name=LOCAL,
        key=access.api_key if access.base_url is not None else None,
        context_window=access.context_window or served.context_window or UNKNOWN_WINDOW,
    )


def _hugging_face(wanted: ModelId, access: ModelAccess) -> Model:
    key = access.need_key(HUGGING_FACE)
    card = read_card(access.router_url, key, wanted)
    return LightChatModel(
        wanted.name,
        base_url=access.router_url,
        provider_name="huggingface",
        key=key,
        context_window=(card.window() if card is not None else None) or UNKNOWN_WINDOW,
        card=card,
        trust_env=True,
    )
