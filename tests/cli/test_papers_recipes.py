"""`labwright papers recipes --model` against a model server on loopback that reads well, lies, fails, and costs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.literature.canonical_papers import DPO, LORA
from tests.literature.reader.latexml_pages import para, section, whole
from tests.servers.openai_server import OpenAIServer, Reply, call, error, text
from tests.servers.public_services import PublicServices, public_services
from tests.servers.replay import reply

QUOTE = "We train Pythia-2.8B with DPO, a learning rate of 1e-6 and a batch size of 64."
RATE = {"name": "learning_rate", "value": "1e-6"}
TRUE = {"base_model": "Pythia-2.8B", "method": "dpo", "hyperparameters": [RATE], "quote": QUOTE}
LIE = TRUE | {"hyperparameters": [{"name": "learning_rate", "value": "5e-5"}]}
NO_QUOTE = TRUE | {"quote": "We train Pythia-2.8B with DPO at a learning rate of 1e-6 on a moon."}


@pytest.fixture(scope="module")
def services() -> Iterator[PublicServices]:
    with public_services() as running:
        rank = whole(section("4", "Setup", para("We fine-tune GPT-2 with a batch size of 8.")), title=LORA.title)
        running.pages.routes[f"/html/{LORA.ids.arxiv}"] = reply(rank)
        yield running


def recipes(
    services: PublicServices, home: Path, server: OpenAIServer, *words: str
) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        **services.environment,
        "LABWRIGHT_HOME": str(home),
        "LABWRIGHT_BASE_URL": server.url,
        "LABWRIGHT_API_KEY": "canary-key-4411",
    }
    command = [sys.executable, "-m", "labwright", "papers", "recipes", *words, "--model", "local:stub", "--json"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert "canary-key-4411" not in done.stdout + done.stderr
    return done


def asked_about(request: dict[str, Any], paper: str) -> bool:
    return any(paper in str(message.get("content")) for message in request["messages"])


def corrects_one_lie_and_insists_on_the_other(request: dict[str, Any]) -> Reply:
    if asked_about(request, LORA.title):
        return error(400, "this model reads no such papers")
    told = any(message["role"] == "tool" for message in request["messages"])
    return call("hand_in", {"recipes": [TRUE if told else LIE, NO_QUOTE]})


def test_a_model_s_lies_are_rejected_with_why_and_a_paper_that_it_fails_takes_nothing_from_the_others(
    services: PublicServices, tmp_path: Path
) -> None:
    with OpenAIServer(corrects_one_lie_and_insists_on_the_other, key="canary-key-4411") as server:
        done = recipes(services, tmp_path, server, "2305.18290", "2106.09685", "2401.00001")
        sent = [request.json for request in server.requests if asked_about(request.json, DPO.title)]
    found = json.loads(done.stdout)
    assert done.returncode == 1, done.stderr
    (recipe,) = found["recipes"]
    assert (recipe["by"], recipe["quote"], recipe["section"]) == ("local:stub", QUOTE, "2 Training")
    assert recipe["hyperparameters"] == [RATE]
    assert ["does not stand in the text" in each["why"] for each in found["rejected"]] == [True]
    failed = {each["paper"]: each["why"] for each in found["failed"]}
    assert "no such paper" in failed["arxiv:2401.00001"] and "reads no such papers" in failed["arxiv:2106.09685"]
    assert len(sent) == 2 and "5e-5 is not in the quote" in json.dumps(sent[1])
    assert [tool["function"]["name"] for tool in sent[0]["tools"]] == ["hand_in"]
    assert "unpriced" in done.stderr or "price" in done.stderr, done.stderr


def test_a_model_that_only_talks_is_an_error_with_its_name(services: PublicServices, tmp_path: Path) -> None:
    with OpenAIServer(lambda _: text("There is one recipe in it.")) as server:
        done = recipes(services, tmp_path, server, "2305.18290")
    assert done.returncode == 1 and "Traceback" not in done.stderr
    told = json.loads(done.stdout)["error"]
    assert told["type"] == "ProviderError" and told["where"] == "local:stub"
