"""From an id to a model: each provider by its own key, the fallback, the roles, and messages that name the cure."""

from __future__ import annotations

import subprocess
import sys

import pytest
from pydantic import SecretStr
from pydantic_ai import Tool
from pydantic_ai.exceptions import FallbackExceptionGroup, ModelAPIError
from pydantic_ai.models import Model
from tests.agent.models.driving import ask
from tests.servers.openai_server import OpenAIServer, call, cut_after, error, overflow, quota, text

from labwright.agent.models import ModelAccess, context_window, explain, parse_model_id, resolve_model, worst_case
from labwright.agent.models.prices import UNKNOWN_WINDOW, leaves
from labwright.config import Settings
from labwright.contracts.errors import ModelError

both = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
CARD = {
    "id": "org/model",
    "providers": [
        {"provider": "cheap", "status": "live", "context_length": 65536, "pricing": {"input": 0.5, "output": 1}},
        {"provider": "dear", "status": "live", "context_length": 131072, "pricing": {"input": 2, "output": 4}},
        {"provider": "gone", "status": "error", "context_length": 16, "pricing": {"input": 99, "output": 99}},
    ],
}


async def at_once(seconds: float) -> None:
    """Waits no time."""


def resolved(model_id: str, access: ModelAccess) -> Model:
    return resolve_model(model_id, access, sleep=at_once)


@pytest.mark.parametrize(
    ("text_", "provider", "name"),
    [
        ("anthropic:claude-x", "anthropic", "claude-x"),
        ("hf:org/model", "hf", "org/model"),
        ("huggingface:org/model:novita", "hf", "org/model:novita"),
        ("local:qwen3:8b", "local", "qwen3:8b"),
        (" autopilot ", "autopilot", ""),
    ],
)
def test_an_id_has_a_provider_and_a_name(text_: str, provider: str, name: str) -> None:
    parsed = parse_model_id(text_)
    assert (parsed.provider, parsed.name) == (provider, name)


@pytest.mark.parametrize("wrong", ["", "gpt-5", "openai:", ":x", "hf:model"])
def test_what_is_no_id_is_told_the_forms(wrong: str) -> None:
    with pytest.raises(ModelError, match="hf:ORG/MODEL"):
        parse_model_id(wrong)


@pytest.mark.parametrize(
    ("model_id", "variable"),
    [
        ("anthropic:x", "ANTHROPIC_API_KEY"),
        ("openai:x", "OPENAI_API_KEY"),
        ("openai-chat:x", "OPENAI_API_KEY"),
        ("google:x", "GOOGLE_API_KEY"),
        ("hf:o/m", "HF_TOKEN"),
    ],
)
def test_a_model_without_a_key_names_the_variable_to_set(model_id: str, variable: str) -> None:
    with pytest.raises(ModelError, match=f"set {variable}") as caught:
        resolved(model_id, ModelAccess())
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("model_id", "variable", "provider"),
    [
        ("anthropic:claude-sonnet-4-5", "ANTHROPIC_API_KEY", "anthropic"),
        ("openai:gpt-5.2", "OPENAI_API_KEY", "openai"),
        ("openai-chat:gpt-5.2", "OPENAI_API_KEY", "openai"),
        ("google:gemini-2.5-pro", "GEMINI_API_KEY", "google"),
    ],
)
def test_a_provider_with_a_key_gives_its_model_a_price_and_a_window(
    model_id: str, variable: str, provider: str
) -> None:
    model = resolved(model_id, ModelAccess(environment={variable: "k"}))
    assert (model.system, model.model_name) == (provider, model_id.partition(":")[2])
    assert (model.settings or {}).get("max_retries") == 0
    assert context_window(model) > 100_000
    cost = worst_case(model, 1_000_000, 0)
    assert cost is not None
    assert cost > 1


def test_a_provider_that_nobody_knows_is_a_usage_error() -> None:
    with pytest.raises(ModelError, match="nonsense"):
        resolved("nonsense:model", ModelAccess())


@both
def test_openais_own_client_is_retried_by_our_schedule_alone(stream: bool) -> None:
    with OpenAIServer([error(500), error(500), text("ok")]) as server:
        access = ModelAccess(environment={"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": server.url})
        waits: list[float] = []
        model = resolve_model("openai-chat:m", access, sleep=at_once, on_wait=lambda w: waits.append(w.wait_s))
        assert ask(model, stream=stream).output == "ok"
        assert (len(server.requests), waits) == (3, [1, 4])


def test_a_cut_stream_through_openais_own_client_is_an_error() -> None:
    with OpenAIServer([cut_after(3, polite=True)]) as server:
        access = ModelAccess(environment={"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": server.url})
        with pytest.raises(ModelAPIError):
            ask(resolved("openai-chat:m", access), stream=True)


# -- local and router --------------------------------------------------------------------------------------------------


@both
def test_a_local_model_gets_its_own_key_and_nobody_elses(stream: bool) -> None:
    keys = {"HF_TOKEN": "hf_canary", "OPENAI_API_KEY": "sk-canary", "ANTHROPIC_API_KEY": "canary"}
    with OpenAIServer([text("hi")], key="right-key-12345", models=[{"id": "m", "max_model_len": 4096}]) as server:
        model = resolved("local:m", ModelAccess(environment=keys, base_url=server.root, api_key="right-key-12345"))
        assert ask(model, stream=stream).output == "hi"
        sent = [v for asked in [*server.requests, *server.others] for v in asked.headers.values()]
    assert not any("canary" in value for value in sent)
    assert (model.system, context_window(model)) == ("local", 4096)


def test_a_local_model_is_found_on_the_usual_ports() -> None:
    with OpenAIServer([text("hi")], models=["m"]) as server:
        model = resolved("local:m", ModelAccess(api_key="canary", ports={"vLLM": server.port}))
        assert ask(model, stream=False).output == "hi"
        assert "authorization" not in server.requests[0].headers
    assert context_window(model) == UNKNOWN_WINDOW


def test_a_local_window_can_be_set() -> None:
    with OpenAIServer(models=["m"]) as server:
        assert context_window(resolved("local:m", ModelAccess(base_url=server.url, context_window=4096))) == 4096


def test_a_local_server_that_is_away_or_refuses_is_said_before_the_first_call() -> None:
    with OpenAIServer(key="right-key-12345") as server, pytest.raises(ModelError, match="LABWRIGHT_API_KEY"):
        resolved("local:m", ModelAccess(base_url=server.url))
    with pytest.raises(ModelError, match="nothing listens there"):
        resolved("local:m", ModelAccess(base_url=server.url))


def test_a_configured_server_may_know_names_that_it_does_not_list() -> None:
    with OpenAIServer([text("hi")], models=["other"]) as server:
        assert ask(resolved("local:m", ModelAccess(base_url=server.url)), stream=False).output == "hi"


@both
def test_a_router_model_bears_the_hub_token_its_price_and_its_window(stream: bool) -> None:
    usage = {"prompt_tokens": 1_000_000, "completion_tokens": 0}
    with OpenAIServer([text("hi", usage=usage)], key="hf_right", cards={"org/model": CARD}) as server:
        model = resolved("hf:org/model", ModelAccess(environment={"HF_TOKEN": "hf_right"}, router_url=server.url))
        [response] = ask(model, stream=stream).responses
    assert (response.provider_name, context_window(model)) == ("huggingface", 65536)
    assert worst_case(model, 1_000_000, 1_000_000) == 6
    assert response.usage.cost == 2


def test_a_pinned_provider_sets_the_price_and_the_window() -> None:
    with OpenAIServer([text("hi")], cards={"org/model": CARD}) as server:
        access = ModelAccess(environment={"HF_TOKEN": "hf_right"}, router_url=server.url)
        model = resolved("hf:org/model:cheap", access)
        ask(model, stream=False)
        assert server.requests[0].json["model"] == "org/model:cheap"
    assert (worst_case(model, 1_000_000, 0), context_window(model)) == (0.5, 65536)


def test_a_router_that_does_not_say_leaves_the_model_unpriced() -> None:
    with OpenAIServer() as server:
        access = ModelAccess(environment={"HF_TOKEN": "hf_right"}, router_url=server.url)
        model = resolved("hf:org/model", access)
    assert (worst_case(model, 1, 1), context_window(model)) == (None, UNKNOWN_WINDOW)


# -- fallback and roles ------------------------------------------------------------------------------------------------


def with_fallback(first: OpenAIServer, second: OpenAIServer) -> Model:
    environment = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": first.url}
    access = ModelAccess(environment=environment, base_url=second.url, fallback="local:second")
    return resolved("openai-chat:first", access)


@both
@pytest.mark.parametrize("reply", [error(500), error(429), quota()])
def test_the_fallback_steps_in_where_the_first_cannot(stream: bool, reply: object) -> None:
    with OpenAIServer(lambda _: reply) as one, OpenAIServer([text("second")]) as two:  # type: ignore[arg-type, return-value]
        asked = ask(with_fallback(one, two), stream=stream)
    assert asked.output == "second"
    assert asked.responses[0].provider_name == "local"


@both
@pytest.mark.parametrize("reply", [error(401), error(400), overflow("vllm"), overflow("llama.cpp")])
def test_the_fallback_does_not_hide_what_is_wrong_with_the_request(stream: bool, reply: object) -> None:
    with OpenAIServer(lambda _: reply) as one, OpenAIServer([text("second")]) as two:  # type: ignore[arg-type, return-value]
        with pytest.raises(ModelAPIError):
            ask(with_fallback(one, two), stream=stream)
        assert two.requests == []


def test_where_all_fail_all_are_named() -> None:
    with OpenAIServer(lambda _: quota()) as one, OpenAIServer(lambda _: error(500, "boiler on fire")) as two:
        model = with_fallback(one, two)
        with pytest.raises(FallbackExceptionGroup) as caught:
            ask(model, stream=False)
    said = explain(caught.value, "openai-chat:first").what
    assert "depleted" in said
    assert "boiler on fire" in said


@both
def test_tools_are_still_found_by_search_through_a_fallback(stream: bool) -> None:
    def add(a: int, b: int) -> int:
        """Add."""
        return a + b

    script = [call("search_tools", {"queries": ["add"]}), call("add", {"a": 2, "b": 2}), text("4")]
    with OpenAIServer(lambda _: quota()) as one, OpenAIServer(script) as two:
        asked = ask(with_fallback(one, two), stream=stream, tools=[Tool(add, defer_loading=True)])
    assert asked.output == "4"


def test_a_fallback_is_priced_and_measured_by_its_worst() -> None:
    with OpenAIServer() as one, OpenAIServer() as two:
        model = with_fallback(one, two)
    assert len(list(leaves(model))) == 2
    assert worst_case(model, 1, 1) is None
    assert context_window(model) == UNKNOWN_WINDOW


def test_a_fallback_that_is_the_model_itself_is_none() -> None:
    with OpenAIServer() as server:
        model = resolved("local:m", ModelAccess(base_url=server.url, fallback="local:m"))
    assert len(list(leaves(model))) == 1


def test_each_role_has_its_model() -> None:
    access = ModelAccess(main="local:main", judge="local:judge")
    assert access.model_for("main") == "local:main"
    assert access.model_for("main", "local:asked") == "local:asked"
    assert access.model_for("researcher") == "local:main"
    assert access.model_for("researcher", "local:asked") == "local:asked"
    assert access.model_for("judge", "local:asked") == "local:judge"


def test_where_nobody_chose_a_model_it_is_said_how() -> None:
    with pytest.raises(ModelError, match="LABWRIGHT_MODEL"):
        ModelAccess().model_for("main")


def test_access_follows_the_settings_and_hides_keys() -> None:
    settings = Settings(base_url="http://h:1", api_key=SecretStr("canary"), model="local:m", fallback_model="autopilot")
    access = ModelAccess.of(settings)
    assert (access.base_url, access.api_key, access.main, access.fallback) == (
        "http://h:1", "canary", "local:m", "autopilot",
    )  # fmt: skip
    assert "canary" not in f"{access!r} {settings!r}"


def test_a_local_model_needs_no_providers_client() -> None:
    """Each costs between a third of a second and 1.3 s to import."""
    code = "import sys, labwright.agent.models; print({'openai', 'anthropic', 'google.genai'} & set(sys.modules))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "set()"
