"""`labwright models` in a process of its own: what it lists, what it says is missing, and what it keeps to itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

from tests.servers.openai_server import OpenAIServer

from labwright.agent.models import ModelAccess, available

_OURS = ("LABWRIGHT_", "HF_", "OPENAI_", "ANTHROPIC_", "GOOGLE_", "GEMINI_")


def typed(*words: str, **variables: str) -> str:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(_OURS)} | variables
    done = subprocess.run(
        [sys.executable, "-m", "labwright", "models", *words], env=environment, capture_output=True, text=True,
        timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_it_lists_keys_local_models_and_the_autopilot() -> None:
    with OpenAIServer(models=[{"id": "tiny", "max_model_len": 4096}]) as server:
        said: Any = json.loads(typed("--json", LABWRIGHT_BASE_URL=server.root, HF_TOKEN="hf_canary"))
    offers = {o["id"] or o["provider"]: o for o in said["offers"]}
    assert offers["hf:ORG/MODEL"]["state"] == "ready"
    assert (offers["local:tiny"]["state"], offers["local:tiny"]["context_window"]) == ("ready", 4096)
    assert offers["Anthropic"]["why"] == "set ANTHROPIC_API_KEY to use anthropic:NAME"
    assert offers["autopilot"]["state"] == "ready"
    assert "canary" not in json.dumps(said)


def test_a_server_that_does_not_answer_is_said_and_the_choice_is_kept() -> None:
    with OpenAIServer() as server:
        url = server.url
    out = typed(LABWRIGHT_BASE_URL=url, LABWRIGHT_MODEL="local:m", LABWRIGHT_FALLBACK_MODEL="autopilot")
    assert f"no server: {url}: nothing listens there" in out
    assert "chosen: local:m; fallback: autopilot" in out
    assert "\x1b" not in out


def test_every_usual_port_has_a_line_whether_it_answers_or_not() -> None:
    with OpenAIServer(models=["a", "b"]) as one, OpenAIServer(models=[]) as two:
        offers = available(ModelAccess(ports={"vLLM": one.port, "Ollama": two.port}))
    assert [o.id for o in offers if o.provider.startswith("vLLM")] == ["local:a", "local:b"]
    [ollama] = [o for o in offers if o.provider == "Ollama"]
    assert "has no model" in ollama.why
