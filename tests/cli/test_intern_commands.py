"""From a prompt to a finished study, through an approval: the commands that a person types, over a scripted model."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.servers.openai_server import OpenAIServer, call, text
from tests.toys.empty_ledger import place_ledger
from tests.toys.toy_study import TOYS, write_study

SEARCH = {"rungs": [24], "trials": 1, "extra_trials": 0, "vary": {"learning_rate": [0.001]}}


def labwright(home: Path, url: str, *words: str) -> tuple[int, Any, str]:
    """A command's exit code, its JSON document, and what it said besides."""
    environment = {
        **os.environ,
        "LABWRIGHT_HOME": str(place_ledger(home)),
        "LABWRIGHT_BASE_URL": url,
        "LABWRIGHT_SANDBOX": "off",  # so that starting a study's runs asks first
        "LABWRIGHT_GENERATION_WORKER": str(TOYS / "toy_worker.py"),
        "CANARY_API_KEY": "canary-3f9a1c77e2",
    }
    command = [sys.executable, "-m", "labwright", *words, "--json"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert "canary-3f9a1c77e2" not in done.stdout + done.stderr
    return done.returncode, json.loads(done.stdout), done.stderr


def test_a_prompt_becomes_a_finished_study_through_an_approval(tmp_path: Path, tiny_model: Path) -> None:
    folder = write_study(tmp_path / "study", tiny_model, search=SEARCH)
    home, workspace = tmp_path / "home", tmp_path / "work"
    script = [
        call("load_capability", {"id": "study"}),
        call("study_import", {"directory": str(folder)}),
        call("study_run", {"study": "study-1", "decide_by": "autopilot"}),
        call("study_wait", {"study": "study-1", "up_to_s": 120}),
        call("study_report", {"study": "study-1"}),
        text("The referee promoted it."),
    ]
    with OpenAIServer(script) as server:
        goal = f"Run the study in {folder} and tell me its verdict"
        code, first, said = labwright(
            home, server.url, "run", goal, "--model", "local:stub", "--workspace", str(workspace)
        )
        assert (code, first["outcome"]) == (4, "waiting"), said
        (asked,) = [a for a in first["approvals"] if a["state"] == "open"]
        assert len(server.requests) == 3

        _, waiting, _ = labwright(home, server.url, "approvals", "list")
        assert [a["id"] for a in waiting] == [asked["id"]]
        assert waiting[0]["tool"] == "study_run" and "outside the sandbox" in waiting[0]["what"]
        wrong = ("approvals", "approve", asked["id"], "--set", "decide_by=me")
        code, refused, _ = labwright(home, server.url, *wrong)
        assert code == 2 and "decide_by: 'me' is not one of" in refused["error"]["what"]
        _, approved, _ = labwright(
            home, server.url, "approvals", "approve", asked["id"], "--set", "decide_by=autopilot"
        )
        assert approved["state"] == "approved"

        code, last, said = labwright(home, server.url, "sessions", "resume", first["session"])
        assert (code, last["outcome"], last["text"]) == (0, "done", "The referee promoted it."), said
        assert last["studies"] == ["study-1"]
        seen = json.dumps(server.requests[-1].json)
        assert "canary-3f9a1c77e2" not in seen and "promoted" in seen

        _, study, _ = labwright(home, server.url, "study", "status", "study-1")
        assert study["state"] == "finished"
        _, trace, _ = labwright(home, server.url, "sessions", "export", first["session"], str(tmp_path / "trace.jsonl"))
    lines = [json.loads(line) for line in (tmp_path / "trace.jsonl").read_text().splitlines()]
    assert trace["entries"] == len(lines) and lines[0]["harness"] == "labwright"
    called = [c["name"] for e in lines[1:] for c in e["message"]["content"] if isinstance(c, dict) and "name" in c]
    assert called == ["load_capability", "study_import", "study_run", "study_wait", "study_report"]


def test_a_session_that_a_ceiling_ended_goes_on_under_a_higher_one(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with OpenAIServer([call("load_capability", {"id": "study"}), text("There are none.")]) as server:
        goal = ("run", "Which studies are there?", "--model", "local:stub", "--workspace", str(tmp_path / "work"))
        code, first, said = labwright(home, server.url, *goal, "--max-steps", "1")
        assert (code, first["outcome"]) == (3, "budget") and "--max-steps" in first["text"], said
        code, last, said = labwright(home, server.url, "sessions", "resume", first["session"], "--max-steps", "3")
        assert (code, last["text"]) == (0, "There are none."), said
