"""A streamed answer of an OpenAI-compatible server. One that ends before its `finish_reason` is an error."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timezone

import httpx2
from pydantic import ValidationError
from pydantic_ai.exceptions import ModelConnectionError
from pydantic_ai.messages import ModelResponseStreamEvent
from pydantic_ai.models import StreamedResponse

from labwright.agent.models.answers import CallIds, Source, details_of, finish_of
from labwright.agent.models.errors import error_of
from labwright.agent.models.wire import Answer, Call, Choice, ThoughtSplitter


@dataclass
class LightStream(StreamedResponse):
    """Reads server-sent events. `begin` reads up to the first content, so that a stream which fails at once can be
    opened again by whoever retries: nothing of it has been given out."""

    reply: httpx2.Response = field(kw_only=True, repr=False)
    source: Source = field(kw_only=True, repr=False)
    ids: CallIds = field(kw_only=True, repr=False)
    _usage_received: bool | None = field(default=False, init=False)
    _began: datetime = field(default_factory=lambda: datetime.now(timezone.utc), init=False)  # noqa: UP017
    _splitter: ThoughtSplitter = field(default_factory=ThoughtSplitter, init=False, repr=False)
    _calls: list[_Slot] = field(default_factory=list, init=False, repr=False)
    _ahead: list[Answer] = field(default_factory=list, init=False, repr=False)
    _answers: AsyncGenerator[Answer] | None = field(default=None, init=False, repr=False)
    _ended: bool = field(default=False, init=False)

    async def begin(self) -> None:
        """Wait for the first chunk that says something.

        Raises:
            ModelAPIError: the stream failed or ended before it said anything.
        """
        self._answers = self._read()
        async for answer in self._answers:
            self._ahead.append(answer)
            if any(_says_something(choice) for choice in answer.choices or ()):
                return

    async def _get_event_iterator(self) -> AsyncIterator[ModelResponseStreamEvent]:
        for answer in self._ahead:
            for event in self._take(answer):
                yield event
        if self._answers is not None:
            async for answer in self._answers:
                for event in self._take(answer):
                    yield event
        for event in self._text(self._splitter.flush()):
            yield event

    async def _read(self) -> AsyncGenerator[Answer]:
        try:
            async for line in self.reply.aiter_lines():
                data = _data_of(line)
                if data == "[DONE]":
                    break
                if data:
                    answer = self._parsed(data)
                    self._ended = self._ended or any(c.finish_reason for c in answer.choices or ())
                    yield answer
        except httpx2.HTTPError as error:
            raise self.source.failure(error, in_stream=True) from error
        if not self._ended:
            what = f"{self.source.shown_url}: the stream ended before the answer did"
            raise ModelConnectionError(self.model_name, what, phase="read", in_stream=True)

    def _parsed(self, data: str) -> Answer:
        try:
            answer = Answer.model_validate_json(data)
        except ValidationError as error:
            said = f"{self.source.shown_url} sent what is no chunk of an answer: {self.source.redacted(data[:200])}"
            raise ModelConnectionError(self.model_name, said, phase="read", in_stream=True) from error
        if answer.error is not None:
            body = self.source.redacted(data)
            raise error_of(body, status=None, model_name=self.model_name, in_stream=True)
        return answer

    def _take(self, answer: Answer) -> Iterator[ModelResponseStreamEvent]:
        if answer.id and self.provider_response_id is None:
            self.provider_response_id = answer.id
            self.provider_details = details_of(self.reply.headers)
        if answer.usage is not None:
            self._add_usage(self.source.usage(answer.usage, self.reply.headers), reported=True, cumulative=True)
        for choice in answer.choices or ():
            if choice.delta is not None:
                if choice.delta.thought:
                    yield from self._thought(choice.delta.thought)
                yield from self._text(self._splitter.feed(choice.delta.text))
                for call in choice.delta.tool_calls or ():
                    yield from self._call(call)
            if choice.finish_reason is not None:
                self.finish_reason = finish_of(choice.finish_reason)

    def _thought(self, text: str) -> Iterator[ModelResponseStreamEvent]:
        yield from self._parts_manager.handle_thinking_delta(vendor_part_id="thought", content=text)

    def _text(self, pieces: Iterator[tuple[bool, str]]) -> Iterator[ModelResponseStreamEvent]:
        for is_thought, text in pieces:
            if is_thought:
                yield from self._thought(text)
            else:  # some models put blank lines before a call; they are no answer
                yield from self._parts_manager.handle_text_delta(
                    vendor_part_id="text", content=text, ignore_leading_whitespace=True
                )

    def _call(self, call: Call) -> Iterator[ModelResponseStreamEvent]:
        slot = self._slot(call)
        begins = not slot.named and bool(call.function.name)
        event = self._parts_manager.handle_tool_call_delta(
            vendor_part_id=slot.id,
            tool_name=call.function.name if begins else None,
            args=call.function.raw or None,
            tool_call_id=slot.id if begins else None,
        )
        slot.named = slot.named or begins
        if event is not None:
            yield event

    def _slot(self, call: Call) -> _Slot:
        """The call that this chunk belongs to. Not all servers count: some send each call whole, all with index 0."""
        last = self._calls[-1] if self._calls else None
        if call.index is not None:
            last = next((s for s in reversed(self._calls) if s.index == call.index), None)
        another = bool(call.function.name) and (
            call.index is None or (last is not None and bool(call.id) and call.id != last.wire_id)
        )
        if last is None or another:
            last = _Slot(self.ids.take(call.id), call.index, call.id)
            self._calls.append(last)
        return last

    async def close_stream(self) -> None:
        await self.reply.aclose()

    @property
    def model_name(self) -> str:
        return self.source.model_name

    @property
    def provider_name(self) -> str:
        return self.source.provider_name

    @property
    def provider_url(self) -> str:
        return self.source.shown_url

    @property
    def timestamp(self) -> datetime:
        return self._began


@dataclass
class _Slot:
    id: str
    index: int | None
    wire_id: str | None
    named: bool = False


def _says_something(choice: Choice) -> bool:
    delta = choice.delta
    return choice.finish_reason is not None or (
        delta is not None and bool(delta.text or delta.thought or delta.tool_calls)
    )


def _data_of(line: str) -> str:
    """The data of a line of server-sent events. Old llama.cpp says `error:`, old Ollama a bare object."""
    if line.startswith("data:"):
        return line[5:].strip()
    if line.startswith("error:"):
        return '{"error":' + line[6:].strip() + "}"
    return line if line.startswith("{") else ""
