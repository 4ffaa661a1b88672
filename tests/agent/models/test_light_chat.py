"""The light chat model against a real server, streamed and not: what goes over the wire, and what comes back."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest
from pydantic_ai import Tool
from pydantic_ai.exceptions import ModelAPIError, ModelConnectionError, ModelHTTPError
from pydantic_ai.messages import (
    ModelMessagesTypeAdapter,
    ModelRequest,
    ModelResponse,
    PartDeltaEvent,
    PartStartEvent,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.settings import ModelSettings
from tests.agent.models.driving import ask, light
from tests.servers.openai_server import (
    OpenAIServer,
    Reply,
    broken_after,
    call,
    calls,
    cut_after,
    late,
    plain,
    text,
    unmeasured,
)

both = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
SECRET = "canary-key-123456"


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@both
def test_an_answer_comes_with_its_text_usage_and_reasoning(stream: bool) -> None:
    reply = text("Hello there, all of you.", reasoning="The user greets me.",
                 usage={"prompt_tokens": 40, "completion_tokens": 9, "prompt_tokens_details": {"cached_tokens": 30},
                        "completion_tokens_details": {"reasoning_tokens": 4}})  # fmt: skip
    with OpenAIServer([reply]) as server:
        asked = ask(light(server), stream=stream)
    [response] = asked.responses
    assert asked.output == "Hello there, all of you."
    assert [p.content for p in response.parts if isinstance(p, ThinkingPart)] == ["The user greets me."]
    assert (response.usage.input_tokens, response.usage.output_tokens) == (40, 9)
    assert (response.usage.cache_read_tokens, response.usage.output_reasoning_tokens) == (30, 4)
    assert (response.finish_reason, response.provider_name, response.model_name) == ("stop", "local", "stub")


@both
def test_tools_are_called_and_their_results_sent_back(stream: bool) -> None:
    script = [calls(call("add", {"a": 1, "b": 2}), call("add", {"a": 3, "b": 4}), saying="Adding."), text("3 and 7")]
    with OpenAIServer(script) as server:
        asked = ask(light(server), stream=stream, tools=[add], instructions="Be exact.")
        first, second = (r.json for r in server.requests)
    assert asked.output == "3 and 7"
    assert [m["role"] for m in first["messages"]] == ["system", "user"]
    assert first["messages"][0]["content"] == "Be exact."
    assert first["tools"][0]["function"]["parameters"]["required"] == ["a", "b"]
    assert [m["role"] for m in second["messages"]] == ["system", "user", "assistant", "tool", "tool"]
    assert [m["content"] for m in second["messages"][3:]] == ["3", "7"]
    assert [c["id"] for c in second["messages"][2]["tool_calls"]] == [m["tool_call_id"] for m in second["messages"][3:]]
    assert "stream" not in first if not stream else first["stream_options"] == {"include_usage": True}


def test_text_arrives_piece_by_piece() -> None:
    said = "a sentence that comes in several pieces, as it is made"
    with OpenAIServer([text(said)]) as server:
        asked = ask(light(server), stream=True)
    starts = [e.part.content for e in asked.events if isinstance(e, PartStartEvent) and isinstance(e.part, TextPart)]
    deltas = [e.delta.content_delta for e in asked.events if isinstance(e, PartDeltaEvent)]
    assert len(deltas) >= 3
    assert "".join([*starts, *deltas]) == said


@both
def test_thoughts_inside_tags_are_split_from_the_answer(stream: bool) -> None:
    with OpenAIServer([text("<think>\nIs 1 < 2? Yes.</think>\n\nYes, 1 < 2.")]) as server:
        asked = ask(light(server), stream=stream)
    [response] = asked.responses
    assert asked.output == "Yes, 1 < 2."
    assert [p.content.strip() for p in response.parts if isinstance(p, ThinkingPart)] == ["Is 1 < 2? Yes."]


@both
def test_an_answer_that_only_mentions_the_tag_is_left_alone(stream: bool) -> None:
    with OpenAIServer([text("Write <think> first."), text("<th")]) as server:
        assert ask(light(server), stream=stream).output == "Write <think> first."
        assert ask(light(server), stream=stream).output == "<th"


@both
def test_malformed_arguments_are_answered_and_never_sent_back_malformed(stream: bool) -> None:
    """Servers parse the arguments of a history, and refuse all that follows a malformed one."""
    with OpenAIServer([call("add", '{"a": 1, "b": '), call("add", {"a": 1, "b": 2}), text("3")]) as server:
        assert ask(light(server), stream=stream, tools=[add]).output == "3"
        sent = server.requests[1].json["messages"][-2]["tool_calls"][0]["function"]["arguments"]
    assert json.loads(sent) == {"malformed_arguments": '{"a": 1, "b": '}


@both
def test_ids_that_a_server_uses_twice_are_made_unique(stream: bool) -> None:
    same = call("add", {"a": 1, "b": 1}, id="call_0")
    with OpenAIServer([same, calls(same, same), text("done")]) as server:
        asked = ask(light(server), stream=stream, tools=[add])
    ids = [p.tool_call_id for r in asked.responses for p in r.parts if isinstance(p, ToolCallPart)]
    assert len(ids) == len(set(ids)) == 3
    assert ids[0] == "call_0"


@pytest.mark.parametrize("whole", [False, True])
def test_several_streamed_calls_stay_apart(whole: bool) -> None:
    reply = calls(call("add", {"a": 1, "b": 2}), call("add", {"a": 30, "b": 4}))
    with OpenAIServer([replace(reply, whole_calls=whole), text("ok")]) as server:
        asked = ask(light(server), stream=True, tools=[add])
    returned = [p.content for m in asked.messages for p in m.parts if isinstance(p, ToolReturnPart)]
    assert sorted(returned) == [3, 34]


@both
def test_usage_that_a_server_leaves_out_is_unmeasured_and_not_zero(stream: bool) -> None:
    with OpenAIServer([unmeasured(text("hi"))]) as server:
        [response] = ask(light(server), stream=stream).responses
    assert response.usage.unmeasured_requests == 1
    assert response.usage.cost is None


@pytest.mark.parametrize("polite", [False, True], ids=["hung-up", "well-ended"])
@pytest.mark.parametrize("chunks", [0, 1, 3])
def test_a_stream_cut_before_its_end_is_an_error_and_no_answer(chunks: int, polite: bool) -> None:
    with OpenAIServer([cut_after(chunks, polite=polite)]) as server, pytest.raises(ModelConnectionError) as caught:
        ask(light(server), stream=True)
    assert caught.value.in_stream


def test_a_body_cut_in_the_middle_is_an_error() -> None:
    with OpenAIServer([cut_after(1)]) as server, pytest.raises(ModelConnectionError):
        ask(light(server), stream=False)


@both
def test_a_call_cut_in_its_arguments_does_not_run(stream: bool) -> None:
    ran: list[str] = []

    def write(content: str) -> str:
        """Write a file."""
        ran.append(content)
        return "written"

    reply = cut_after(4, call("write", {"content": "a long text that will be cut somewhere in the middle"}))
    with OpenAIServer([reply]) as server, pytest.raises(ModelConnectionError):
        ask(light(server), stream=stream, tools=[write])
    assert ran == []


@both
def test_an_error_inside_an_answer_of_status_200_is_an_error(stream: bool) -> None:
    with OpenAIServer([broken_after(2)]) as server, pytest.raises(ModelHTTPError, match="the engine died") as caught:
        ask(light(server), stream=stream)
    assert caught.value.status_code == 500


@both
def test_a_page_instead_of_an_answer_is_said(stream: bool) -> None:
    page = plain(502, "<html>Bad gateway</html>")
    with OpenAIServer([page]) as server, pytest.raises(ModelHTTPError, match="Bad gateway"):
        ask(light(server), stream=stream)


def test_the_key_goes_out_as_bearer_and_never_into_an_error_or_a_repr() -> None:
    refused = Reply(status=401, body={"error": {"message": f"Incorrect API key provided: {SECRET}"}})
    with OpenAIServer([text("hi"), refused]) as server:
        model = light(server, key=SECRET)
        ask(model, stream=False)
        assert server.requests[0].headers["authorization"] == f"Bearer {SECRET}"
        with pytest.raises(ModelHTTPError) as caught:
            ask(model, stream=False)
    assert SECRET not in f"{caught.value!s} {caught.value.body!r} {model!r} {model.source!r} {vars(caught.value)!r}"


def test_without_a_key_no_authorization_is_sent() -> None:
    with OpenAIServer([text("hi")]) as server:
        ask(light(server), stream=False)
        assert "authorization" not in server.requests[0].headers


def test_a_users_password_in_the_address_stays_out_of_the_history() -> None:
    with OpenAIServer([text("hi")]) as server:
        url = server.url.replace("//", "//me:canary-password@")
        model = light(server)
        model.source = replace(model.source, url=url)
        asked = ask(model, stream=False)
        assert server.requests[0].headers["authorization"].startswith("Basic ")
    assert b"canary-password" not in ModelMessagesTypeAdapter.dump_json(asked.messages)


def test_a_server_that_does_not_listen_is_a_connection_error() -> None:
    with OpenAIServer() as server:
        model = light(server)
    with pytest.raises(ModelConnectionError, match=r"127\.0\.0\.1") as caught:
        ask(model, stream=False)
    assert not caught.value.in_stream


def test_a_timeout_of_the_settings_holds() -> None:
    with OpenAIServer([late(600, text("late"))]) as server, pytest.raises(ModelConnectionError):
        ask(light(server), stream=False, settings=ModelSettings(timeout=0.2))


def test_settings_go_over_the_wire() -> None:
    settings = ModelSettings(
        max_tokens=77, temperature=0.5, stop_sequences=["END"], thinking="high", extra_body={"chat": 1},
        extra_headers={"X-HF-Bill-To": "lab"},
    )  # fmt: skip
    with OpenAIServer([text("hi")]) as server:
        ask(light(server), stream=False, settings=settings)
        sent, headers = server.requests[0].json, server.requests[0].headers
    assert (sent["max_tokens"], sent["temperature"], sent["stop"], sent["chat"]) == (77, 0.5, ["END"], 1)
    assert sent["reasoning_effort"] == "high"
    assert headers["x-hf-bill-to"] == "lab"


def test_no_setting_is_sent_that_nobody_asked_for() -> None:
    with OpenAIServer([text("hi")]) as server:
        ask(light(server), stream=False)
        assert sorted(server.requests[0].json) == ["messages", "model"]


@both
def test_structured_output_is_asked_for_as_a_required_tool(stream: bool) -> None:
    with OpenAIServer([call("final_result", {"response": 7})]) as server:
        assert ask(light(server), stream=stream, output_type=int).output == 7
        assert server.requests[0].json["tool_choice"] == "required"


@both
def test_tools_that_are_loaded_on_demand_are_found_by_search(stream: bool) -> None:
    hidden = Tool(add, defer_loading=True)
    with OpenAIServer([call("search_tools", {"queries": ["add"]}), call("add", {"a": 2, "b": 2}), text("4")]) as server:
        assert ask(light(server), stream=stream, tools=[hidden]).output == "4"
        assert server.requests[0].tool_names == ["search_tools"]
        assert "add" in server.requests[1].tool_names


def test_a_history_of_another_provider_is_understood() -> None:
    history = [
        ModelRequest([UserPromptPart("add 1 and 2")]),
        ModelResponse(
            [
                ThinkingPart("hm", signature="sig", provider_name="anthropic"),
                ToolCallPart("add", {"a": 1, "b": 2}, "t1"),
            ],
            provider_name="anthropic",
        ),
        ModelRequest([ToolReturnPart("add", 3, "t1")]),
        ModelResponse([TextPart("3")], provider_name="anthropic"),
    ]
    with OpenAIServer([text("still 3")]) as server:
        ask(light(server), "sure?", stream=False, history=history, tools=[add])
        roles = [m["role"] for m in server.requests[0].json["messages"]]
    assert roles == ["user", "assistant", "tool", "assistant", "user"]


def test_a_lone_surrogate_in_a_history_does_not_fail_the_call() -> None:
    with OpenAIServer([text("hi")]) as server:
        assert ask(light(server), "broken \ud800 text, größer", stream=False).output == "hi"
        assert server.requests[0].json["messages"][0]["content"] == "broken ? text, größer"


def test_each_message_is_encoded_once_and_forgotten_with_its_history() -> None:
    with OpenAIServer([call("add", {"a": 1, "b": 2})] * 5 + [text("done")]) as server:
        model = light(server)
        asked = ask(model, stream=False, tools=[add])
        encoder = model._encoder
        assert 0 < len(encoder) <= 2 * len(asked.messages)
        del asked
    assert len(encoder) <= 2


def test_a_message_that_changed_is_encoded_anew() -> None:
    with OpenAIServer([text("a"), text("b")]) as server:
        model = light(server)
        message = ModelRequest([UserPromptPart("first")])
        asyncio.run(model.request([message], None, ModelRequestParameters()))
        message.parts = [UserPromptPart("second")]
        asyncio.run(model.request([message], None, ModelRequestParameters()))
        assert [r.json["messages"][0]["content"] for r in server.requests] == ["first", "second"]


def test_a_model_serves_one_event_loop_after_another() -> None:
    with OpenAIServer([text("a"), text("b")]) as server:
        model = light(server)
        assert ask(model, stream=False).output == "a"
        assert ask(model, stream=True).output == "b"


def test_an_answer_without_a_message_is_said() -> None:
    with OpenAIServer([replace(text("x"), finish="stop")]) as server:
        model = light(server)
        with pytest.raises(ModelAPIError, match="no chat completion"):
            model._answer(b"<html>a login page</html>")
        with pytest.raises(ModelAPIError, match="without a message"):
            model._answer(b'{"choices": []}')
