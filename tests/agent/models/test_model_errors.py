"""What a failure means is told apart by status, code and words, and explained to a person with a cure."""

from __future__ import annotations

import pytest
from pydantic_ai.exceptions import (
    FallbackExceptionGroup,
    ModelAPIError,
    ModelContextWindowExceededError,
    ModelHTTPError,
    ModelQuotaExceededError,
    UserError,
)
from tests.agent.models.driving import ask, light
from tests.servers.openai_server import OVERFLOWS, OpenAIServer, Reply, broken_after, error, overflow, quota

from labwright.agent.models import classify, explain
from labwright.agent.models.access import ModelAccess
from labwright.agent.models.resolve import resolve_model
from labwright.contracts.errors import LabwrightError, ModelError, ProviderError

both = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])


def failure(reply: Reply, *, stream: bool = False) -> ModelAPIError:
    with OpenAIServer([reply]) as server, pytest.raises(ModelAPIError) as caught:
        ask(light(server), stream=stream)
    return caught.value


@both
@pytest.mark.parametrize("server", OVERFLOWS)
def test_an_overflow_is_one_in_every_servers_words(server: str, stream: bool) -> None:
    caught = failure(overflow(server), stream=stream)
    assert isinstance(caught, ModelContextWindowExceededError)
    assert classify(caught) == "overflow"


@pytest.mark.parametrize("server", OVERFLOWS)
def test_an_overflow_is_one_through_openais_own_client_too(server: str) -> None:
    with OpenAIServer([overflow(server)]) as there:
        access = ModelAccess(environment={"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": there.url})
        with pytest.raises(ModelAPIError) as caught:
            ask(resolve_model("openai-chat:m", access), stream=False)
    assert classify(caught.value) == "overflow"


@both
def test_an_overflow_inside_a_stream_is_one(stream: bool) -> None:
    reply = broken_after(0, body=OVERFLOWS["llama.cpp"].body)
    if not stream:
        reply = overflow("llama.cpp")
    assert classify(failure(reply, stream=stream)) == "overflow"


@pytest.mark.parametrize(
    ("reply", "trouble"),
    [
        (error(429, "slow down"), "rate-limit"),
        (
            error(429, "Request too large: limit 6000 tokens per minute, reduce the length of the messages"),
            "rate-limit",
        ),
        (error(429, {"error": {"message": "You exceeded your current quota", "code": "insufficient_quota"}}), "quota"),
        (quota(), "quota"),
        (error(500), "transient"),
        (error(502), "transient"),
        (error(503, "loading model"), "transient"),
        (error(529), "transient"),
        (error(408), "transient"),
        (error(401, "bad key"), "auth"),
        (error(403, "not yours"), "auth"),
        (error(404, "no such model"), "rejected"),
        (error(400, "unknown field: reasoning_effort"), "rejected"),
        (error(422, "temperature must be positive"), "rejected"),
        (error(413, "payload too large"), "overflow"),
        (error(500, "CUDA out of memory"), "transient"),
    ],
)
def test_each_kind_of_failure_is_told_apart(reply: Reply, trouble: str) -> None:
    assert classify(failure(reply)) == trouble


def test_the_routers_error_that_is_a_string_is_read() -> None:
    caught = failure(quota())
    assert isinstance(caught, ModelQuotaExceededError)
    assert "depleted your monthly included credits" in str(caught)


def test_retry_after_is_read_from_the_header() -> None:
    assert failure(error(429, "slow", {"Retry-After": "7"})).retry_after == 7


def test_what_is_no_models_failure_is_other() -> None:
    assert classify(ValueError("x")) == "other"


def test_a_group_is_what_its_first_error_is() -> None:
    group = FallbackExceptionGroup("all failed", [failure(error(401)), failure(error(500))])
    assert classify(group) == "auth"


@pytest.mark.parametrize(
    "reply", [error(429), error(500), error(401), quota(), error(400), error(404), overflow("vllm")]
)
def test_every_failure_is_explained_with_the_model_and_a_cure(reply: Reply) -> None:
    said = explain(failure(reply), "local:stub")
    assert isinstance(said, ProviderError)
    assert (said.where, said.exit_code) == ("local:stub", 1)
    assert said.cure


def test_a_group_is_explained_by_all_its_errors() -> None:
    group = FallbackExceptionGroup("all failed", [failure(quota()), failure(error(500, "boiler on fire"))])
    said = explain(group, "hf:a/b")
    assert "depleted" in said.what
    assert "boiler on fire" in said.what


def test_a_long_page_of_an_error_is_cut_short() -> None:
    assert len(explain(failure(error(500, "x" * 5000)), "local:m").what) < 500


def test_a_usage_error_of_the_library_becomes_ours() -> None:
    assert isinstance(explain(UserError("no"), "x:y"), ModelError)
    mine = LabwrightError("mine")
    assert explain(mine, "x:y") is mine


def test_a_model_that_is_not_there_is_said_so() -> None:
    caught = failure(error(404, "model 'm' not found"))
    assert isinstance(caught, ModelHTTPError)
    assert "no such model" in explain(caught, "local:m").what
