"""A light pydantic-ai model over httpx2 for OpenAI-compatible chat servers: the Hugging Face router and local ones.

It exists beside pydantic-ai's OpenAI model because that one imports the OpenAI client (a third of a second of CPU) and
transforms the whole history at every call (three times the CPU of a session's calls). It bears its own provider's
name, so that a local model called `gpt-5` is never priced as OpenAI's.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Self

import httpx2
from pydantic import ValidationError
from pydantic_ai import RunContext
from pydantic_ai.exceptions import ModelAPIError
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ThinkingPart, ToolCallPart
from pydantic_ai.models import Model, ModelRequestParameters, StreamedResponse
from pydantic_ai.native_tools import AbstractNativeTool
from pydantic_ai.profiles import ModelProfile
from pydantic_ai.settings import ModelSettings
from pydantic_ai.tools import ToolDefinition

from labwright.agent.models.answers import CallIds, Source, details_of, finish_of
from labwright.agent.models.errors import error_of
from labwright.agent.models.router import RouterCard
from labwright.agent.models.stream import LightStream
from labwright.agent.models.wire import Answer, Encoder, ThoughtSplitter, dump, encode_tools

READ_TIMEOUT_S = 600.0
CONNECT_TIMEOUT_S = 10.0
_PLAIN_SETTINGS = ("temperature", "top_p", "max_tokens", "seed", "presence_penalty", "frequency_penalty", "top_k")
_EFFORT = {True: None, False: "none", "xhigh": "high", "max": "high"}


class LightChatModel(Model[httpx2.AsyncClient]):
    """One model of one server. `provider_name` is what its answers, prices and traces are filed under.

    `context_window` in tokens, None unknown. `card` holds the router's prices: with it, answers bear their cost.
    `trust_env` lets the environment's proxies apply. `settings` are defaults; of pydantic-ai's own settings those are
    sent that these servers have in common.
    """

    def __init__(
        self,
        name: str,
        *,
        base_url: str,
        provider_name: str,
        key: str | None = None,
        context_window: int | None = None,
        card: RouterCard | None = None,
        trust_env: bool = False,
        settings: ModelSettings | None = None,
    ) -> None:
        self.source = Source(name, provider_name, base_url.rstrip("/"), key, card)
        self._trust_env = trust_env
        self._encoder = Encoder()
        self._client: httpx2.AsyncClient | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._entered = 0
        profile = ModelProfile(
            context_window=context_window,
            supports_thinking=True,
            supports_image_input=False,
            supports_document_input=False,
            supports_audio_file_input=False,
            supports_video_input=False,
        )
        super().__init__(settings=settings, profile=profile)

    @property
    def model_name(self) -> str:
        return self.source.model_name

    @property
    def system(self) -> str:
        return self.source.provider_name

    @property
    def base_url(self) -> str:
        return self.source.shown_url

    @classmethod
    def supported_native_tools(cls) -> frozenset[type[AbstractNativeTool]]:
        """None: so tools that are loaded on demand are found by our own `search_tools`."""
        return frozenset()

    # -- the client ----------------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        self._entered += 1
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._entered -= 1
        if self._entered <= 0 and self._client is not None:
            client, self._client = self._client, None
            await client.aclose()

    def _open_client(self) -> httpx2.AsyncClient:
        """One client an event loop: its connections cannot serve another. No redirects: they would carry the key."""
        loop = asyncio.get_running_loop()
        if self._client is None or self._loop is not loop:
            self._client = httpx2.AsyncClient(
                timeout=httpx2.Timeout(READ_TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
                trust_env=self._trust_env,
                verify=self.source.url.startswith("https"),  # no certificates to load where none are used
            )
            self._loop = loop
        return self._client

    # -- a call --------------------------------------------------------------------------------------------------------

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        settings, params = self.prepare_request(model_settings, model_request_parameters)
        history = self.prepare_messages(messages, params)
        try:
            reply = await self._send(history, settings, params, stream=False)
            body = await reply.aread()
        except httpx2.HTTPError as error:
            raise self.source.failure(error) from error
        answer = self._answer(body)
        return self._response(answer, CallIds(self._encoder.call_ids(history)), reply)

    @asynccontextmanager
    async def request_stream(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
        run_context: RunContext[Any] | None = None,  # noqa: ARG002 - the seam is pydantic-ai's
    ) -> AsyncGenerator[StreamedResponse]:
        settings, params = self.prepare_request(model_settings, model_request_parameters)
        history = self.prepare_messages(messages, params)
        try:
            reply = await self._send(history, settings, params, stream=True)
        except httpx2.HTTPError as error:
            raise self.source.failure(error) from error
        try:
            stream = LightStream(params, reply=reply, source=self.source, ids=CallIds(self._encoder.call_ids(history)))
            await stream.begin()
            yield stream
        finally:
            await reply.aclose()

    async def _send(
        self,
        history: Sequence[ModelMessage],
        settings: ModelSettings | None,
        params: ModelRequestParameters,
        *,
        stream: bool,
    ) -> httpx2.Response:
        """Open the reply.

        Raises:
            ModelHTTPError: the server refused, as the category that its status and words mean.
        """
        given: dict[str, Any] = dict(settings or {})
        headers = {"content-type": "application/json", **given.get("extra_headers", {})}
        if self.source.key:
            headers["authorization"] = f"Bearer {self.source.key}"
        client = self._open_client()
        request = client.build_request(
            "POST",
            f"{self.source.url}/chat/completions",
            content=self._body(history, given, params, stream),
            headers=headers,
            timeout=given.get("timeout", client.timeout),
        )
        reply = await client.send(request, stream=True)
        if reply.status_code == 200:
            return reply
        body = (await reply.aread()).decode(errors="replace")
        raise error_of(
            self.source.redacted(body),
            status=max(reply.status_code, 400),
            model_name=self.source.model_name,
            headers=reply.headers,
        )

    def _body(
        self, history: Sequence[ModelMessage], settings: dict[str, Any], params: ModelRequestParameters, stream: bool
    ) -> bytes:
        fields: dict[str, Any] = {"model": self.source.model_name}
        if stream:
            fields |= {"stream": True, "stream_options": {"include_usage": True}}
        fields |= {k: settings[k] for k in _PLAIN_SETTINGS if settings.get(k) is not None}
        if settings.get("stop_sequences"):
            fields["stop"] = settings["stop_sequences"]
        effort = _EFFORT.get(params.thinking, params.thinking) if params.thinking is not None else None
        if effort is not None:
            fields["reasoning_effort"] = effort
        tools, choice = _choice([*params.declared_function_tools, *params.output_tools], settings, params)
        if tools:
            fields["tools"] = encode_tools(tools)
            if choice is not None:
                fields["tool_choice"] = choice
            if settings.get("parallel_tool_calls") is not None:
                fields["parallel_tool_calls"] = settings["parallel_tool_calls"]
        if isinstance(settings.get("extra_body"), dict):
            fields |= settings["extra_body"]
        messages = self._encoder.messages(history, [part.content for part in params.instruction_parts or ()])
        return dump(fields)[:-1] + b',"messages":' + messages + b"}"

    def _answer(self, body: bytes) -> Answer:
        try:
            answer = Answer.model_validate_json(body)
        except ValidationError as error:
            said = self.source.redacted(body[:200].decode(errors="replace"))
            raise ModelAPIError(
                self.source.model_name, f"{self.source.shown_url} answers with what is no chat completion: {said}"
            ) from error
        if answer.error is not None:
            raise error_of(
                self.source.redacted(body.decode(errors="replace")), status=None, model_name=self.source.model_name
            )
        if not answer.choices or answer.choices[0].message is None:
            raise ModelAPIError(self.source.model_name, f"{self.source.shown_url} answers without a message")
        return answer

    def _response(self, answer: Answer, ids: CallIds, reply: httpx2.Response) -> ModelResponse:
        choice = answer.choices[0] if answer.choices else None
        message = choice.message if choice is not None else None
        parts: list[ThinkingPart | TextPart | ToolCallPart] = []
        if choice is not None and message is not None:
            if message.thought:
                parts.append(ThinkingPart(message.thought))
            splitter = ThoughtSplitter()
            pieces = [*splitter.feed(message.text), *splitter.flush()]
            for is_thought in (True, False):
                said = "".join(text for kind, text in pieces if kind is is_thought)
                if said.strip():
                    parts.append(ThinkingPart(said) if is_thought else TextPart(said))
            for call in message.tool_calls or ():
                parts.append(ToolCallPart(call.function.name or "", call.function.raw, ids.take(call.id)))
        return ModelResponse(
            parts,
            usage=self.source.usage(answer.usage, reply.headers),
            model_name=answer.model or self.source.model_name,
            provider_name=self.source.provider_name,
            provider_url=self.source.shown_url,
            provider_details=details_of(reply.headers),
            provider_response_id=answer.id,
            finish_reason=finish_of(choice.finish_reason if choice is not None else None),
        )


def _choice(
    tools: list[ToolDefinition], settings: dict[str, Any], params: ModelRequestParameters
) -> tuple[list[ToolDefinition], str | None]:
    """The tools to declare and the `tool_choice`; None is the server's default, auto."""
    asked = settings.get("tool_choice")
    if asked == "none" or asked == []:
        return list(params.output_tools), "required" if params.output_tools and not params.allow_text_output else None
    if isinstance(asked, list):
        return [t for t in tools if t.name in asked], "required"
    return tools, "required" if asked == "required" or not params.allow_text_output else None
