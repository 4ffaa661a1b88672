"""Local servers: their addresses, what a probe finds, and that no foreign key ever reaches them."""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping

import pytest
from tests.servers.openai_server import OpenAIServer

from labwright.agent.models.access import ModelAccess
from labwright.agent.models.local import choose_server, find_servers, normalise_url, probe, shown
from labwright.contracts.errors import ModelError


@pytest.mark.parametrize(
    ("given", "base"),
    [
        ("http://localhost:8000", "http://localhost:8000/v1"),
        ("http://localhost:8000/", "http://localhost:8000/v1"),
        ("http://localhost:8000/v1", "http://localhost:8000/v1"),
        ("http://localhost:8000/v1/", "http://localhost:8000/v1"),
        ("localhost:11434", "http://localhost:11434/v1"),
        ("gpu-box:8080/v1", "http://gpu-box:8080/v1"),
        ("http://h/v1/chat/completions", "http://h/v1"),
        ("https://h.example/openai", "https://h.example/openai/v1"),
        ("https://h.example/v1beta/openai", "https://h.example/v1beta/openai"),
        ("https://h.example/api/v3", "https://h.example/api/v3"),
        ("http://[::1]:8000", "http://[::1]:8000/v1"),
    ],
)
def test_an_address_is_made_a_base_url(given: str, base: str) -> None:
    assert normalise_url(given) == base


@pytest.mark.parametrize("given", ["", "ftp://h", "http://", "http://h:99999", "file:///etc/passwd"])
def test_what_is_no_address_names_the_variable(given: str) -> None:
    with pytest.raises(ModelError, match="LABWRIGHT_BASE_URL"):
        normalise_url(given)


def test_an_address_is_shown_without_its_password() -> None:
    assert shown("http://me:canary@h:1/v1") == "http://h:1/v1"


def test_a_probe_lists_models_and_the_context_that_a_server_tells() -> None:
    listed = [{"id": "m", "max_model_len": 8192}, {"id": "n", "meta": {"n_ctx": 2048}}, {"id": "o"}]
    with OpenAIServer(models=listed) as server:
        found = probe(server.url, "vLLM")
    assert found.answers
    assert [(m.name, m.context_window) for m in found.models] == [("m", 8192), ("n", 2048), ("o", None)]


def test_a_probe_says_what_is_wrong() -> None:
    with OpenAIServer(key="right-key-12345") as server:
        assert probe(server.url, "x").why == "wants a key"
        assert probe(server.url, "x", "wrong").why == "wants another key"
        assert probe(server.url, "x", "right-key-12345").answers
        assert probe(f"{server.root}/v2", "x", "right-key-12345").why == f"answers 404 to {server.root}/v2/models"
    assert probe(server.url, "x").why == "nothing listens there"


def test_a_probe_of_something_else_says_so() -> None:
    with OpenAIServer(models=[{"name": "no id"}]) as server:
        assert probe(server.url, "x").why == "answers, but not as an OpenAI-compatible server"


def test_silent_servers_are_given_up_on_together_and_soon() -> None:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(40)]
    ports = {f"s{i}": s.getsockname()[1] for i, s in enumerate(sockets)}
    began = time.monotonic()
    found = find_servers(ModelAccess(ports=ports), timeout_s=1.5)
    assert time.monotonic() - began < 40 * 1.5  # one after the other would take this long
    assert all(s.why == "does not answer within 1.5 s" for s in found)
    for s in sockets:
        s.close()


def test_no_key_of_any_provider_reaches_a_usual_port() -> None:
    """Whatever listens on a port is not known to be the server that a key is for."""
    with OpenAIServer() as server:
        access = ModelAccess(
            environment={"HF_TOKEN": "hf_canary", "OPENAI_API_KEY": "sk-canary"}, api_key="canary",
            ports={"vLLM": server.port},
        )  # fmt: skip
        assert find_servers(access)[0].answers
        assert not any("canary" in v for asked in server.others for v in asked.headers.values())


def test_the_configured_server_alone_is_probed_with_its_key() -> None:
    with OpenAIServer(key="right-key-12345") as server, OpenAIServer() as usual:
        access = ModelAccess(base_url=server.root, api_key="right-key-12345", ports={"vLLM": usual.port})
        [found] = find_servers(access)
        assert found.answers
        assert usual.others == []


def found(ports: Mapping[str, int], name: str) -> str:
    access = ModelAccess(ports=ports)
    server, served = choose_server(name, find_servers(access), configured=False)
    return f"{server.label} {served.name}"


def test_the_server_that_has_the_model_is_chosen() -> None:
    with OpenAIServer(models=["a"]) as one, OpenAIServer(models=["b:latest"]) as two:
        ports = {"vLLM": one.port, "Ollama": two.port}
        assert found(ports, "a") == "vLLM a"
        assert found(ports, "b") == "Ollama b:latest"
        with pytest.raises(ModelError, match="vLLM: a; Ollama: b:latest"):
            found(ports, "c")


def test_llama_cpp_serves_its_model_under_any_name() -> None:
    with OpenAIServer(models=[{"id": "/models/x.gguf", "owned_by": "llamacpp"}]) as server:
        assert found({"llama.cpp": server.port}, "qwen") == "llama.cpp qwen"


def test_with_no_server_the_message_says_where_was_asked_and_what_to_set() -> None:
    with OpenAIServer() as server:
        port = server.port
    with pytest.raises(ModelError, match="nothing listens there") as caught:
        found({"Ollama": port}, "m")
    assert "LABWRIGHT_BASE_URL" in str(caught.value)
