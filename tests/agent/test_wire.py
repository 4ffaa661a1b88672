"""The intern against a real OpenAI-compatible server on loopback: what is sent, how often, and how each fault ends."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.agent.scripted import lab_in
from tests.servers.openai_server import (
    OpenAIServer,
    Reply,
    broken_after,
    call,
    calls,
    cut_after,
    error,
    overflow,
    quota,
    text,
)
from tests.toys.empty_ledger import place_ledger

from labwright.agent.session import Outcome
from labwright.contracts.sessions import SessionBudget, SessionView
from labwright.desk import named_paths
from labwright.intern import Person, open_session, work_in

STREAMING = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
AT_ONCE = {"retry-after": "0"}  # else the schedule waits for up to a minute
Script = Sequence[Reply] | Callable[[dict[str, Any]], Reply]


@dataclass
class Turn:
    outcome: Outcome
    server: OpenAIServer
    view: SessionView
    workspace: Path


def turn(
    folder: Path, script: Script, *, stream: bool, budget: SessionBudget | None = None, window: int | None = None,
    researcher: str | None = None,
) -> Turn:  # fmt: skip
    """Turns of one session, in this process, with all that `labwright run` puts together."""
    model = {"id": "stub", **({"max_model_len": window} if window else {})}
    with OpenAIServer(script, models=[model]) as server:
        lab = lab_in(folder, base_url=server.url, researcher=researcher)
        workspace = folder / "workspace"
        opened = open_session(
            lab, "say hi", model="local:stub", workspace=workspace, approve="never", budget=budget or SessionBudget()
        )

        async def go() -> Outcome:
            async with work_in(lab, opened, person=Person(), say=lambda _: None) as session:
                return await session.turn("say hi", lambda _: None, stream=stream)

        outcome = asyncio.run(go())
        return Turn(outcome, server, lab.ledger.session_view(opened), workspace)


def write(name: str) -> Reply:
    return call("read_file", {"path": name})


# -- the command -------------------------------------------------------------------------------------------------------


def _run(server: OpenAIServer, folder: Path, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    run = ("run", "say hi", "--model", "local:stub", "--workspace", str(folder), *options)
    return _labwright(server, folder, *run, **environment)


def _labwright(server: OpenAIServer, folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    places = {
        "LABWRIGHT_HOME": str(place_ledger(folder / "home")),
        "LABWRIGHT_BASE_URL": server.url,
        "LABWRIGHT_SANDBOX": "off",
    }
    return subprocess.run(
        [sys.executable, "-m", "labwright", *words, "--json"],
        env={**os.environ, **places, **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_the_command_goes_from_a_prompt_to_the_end(tmp_path: Path) -> None:
    with OpenAIServer([calls(write("a"), write("b")), text("all done")]) as server:
        done = _run(server, tmp_path, HF_TOKEN="canary-4242-secret")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert (document["outcome"], document["text"]) == ("done", "all done")
    assert document["usage"]["steps"] == 2 and document["usage"]["unpriced_calls"] == 2
    assert "→ read_file" in done.stderr and "\x1b" not in done.stderr + done.stdout
    assert all(b"canary-4242-secret" not in asked.body for asked in server.requests + server.others)
    assert all("canary-4242-secret" not in str(asked.headers) for asked in server.requests + server.others)


def test_the_command_says_how_a_failure_ended_it(tmp_path: Path) -> None:
    with OpenAIServer([quota()]) as server:
        failed = _run(server, tmp_path)
    document = json.loads(failed.stdout)
    assert failed.returncode == 1 and document["outcome"] == "failed"
    assert "credit or quota is used up" in document["text"] and "Traceback" not in failed.stderr


def test_the_commands_ceiling_of_steps_ends_it_with_its_own_code(tmp_path: Path) -> None:
    with OpenAIServer(lambda _: write(f"f{os.urandom(4).hex()}")) as server:
        over = _run(server, tmp_path, "--max-steps", "3")
    assert over.returncode == 3 and json.loads(over.stdout)["outcome"] == "budget"
    assert len(server.requests) == 3


def test_an_approval_is_answered_from_another_terminal_and_a_third_goes_on(tmp_path: Path) -> None:
    """Without a sandbox, each write is asked about."""
    written = call("write_file", {"path": "a.txt", "content": "as the model wanted it"})
    with OpenAIServer([written, text("written")]) as server:
        waiting = _run(server, tmp_path)
        assert waiting.returncode == 4, waiting.stderr
        document = json.loads(waiting.stdout)
        [asked] = document["approvals"]
        assert asked["state"] == "open" and not (tmp_path / "a.txt").exists()
        edited = json.dumps({"path": "a.txt", "content": "as the person wanted it"})
        approved = _labwright(server, tmp_path, "approvals", "approve", asked["id"], "--args", edited)
        assert approved.returncode == 0, approved.stderr
        done = _labwright(server, tmp_path, "sessions", "resume", document["session"])
        assert done.returncode == 0 and json.loads(done.stdout)["text"] == "written", done.stderr
    assert (tmp_path / "a.txt").read_text() == "as the person wanted it"
    assert len(server.requests) == 2


# -- what is sent ------------------------------------------------------------------------------------------------------


@STREAMING
def test_the_first_request_is_small_and_every_family_can_be_reached(tmp_path: Path, stream: bool) -> None:
    done = turn(tmp_path, [text("hi")], stream=stream)
    [asked] = done.server.requests
    assert asked.size < 18_000 and asked.streams is stream
    system = str(asked.json["messages"])
    assert all(f"- {family}:" in system for family in ("study", "jobs", "notes", "ask"))
    assert {"run_command", "read_file", "write_file", "edit_file", "load_capability"} <= set(asked.tool_names)


def test_a_family_is_loaded_on_demand(tmp_path: Path) -> None:
    done = turn(tmp_path, [call("load_capability", {"id": "jobs"}), call("job_list", {}), text("none")], stream=False)
    first, second, _ = done.server.requests
    assert "job_list" not in first.tool_names and "job_list" in second.tool_names
    assert done.outcome.kind == "done"


def test_requests_grow_by_what_is_new_alone(tmp_path: Path) -> None:
    (tmp_path / "workspace").mkdir()
    for n in range(15):
        (tmp_path / "workspace" / f"f{n}").write_text(f"step {n}\n")
    done = turn(tmp_path, [*(write(f"f{n}") for n in range(15)), text("done")], stream=False)
    sizes = [asked.size for asked in done.server.requests]
    assert done.outcome.kind == "done" and len(sizes) == 16
    assert sizes[-1] - sizes[0] < 15 * 500  # sixty such calls: well below two megabytes


def test_the_researcher_may_have_a_model_of_its_own(tmp_path: Path) -> None:
    def says(asked: dict[str, Any]) -> Reply:
        if asked["model"] == "small":
            return call("hand_in", {"answer": "42", "sources": [], "unsure": ["all"]})
        if any(m["role"] == "tool" for m in asked["messages"]):
            return text("done")
        return call("delegate_task", {"agent_name": "researcher", "task": "what is it?"})

    done = turn(tmp_path, says, stream=False, researcher="local:small")
    assert done.outcome.kind == "done"
    assert [asked.json["model"] for asked in done.server.requests] == ["stub", "small", "stub"]
    assert done.view.usage.calls == 3 and done.view.usage.steps == 2


def test_what_a_person_names_may_be_read_and_odd_words_break_nothing(tmp_path: Path) -> None:
    named = tmp_path / "data.jsonl"
    named.write_text("{}\n")
    odd = f"~nobody-of-this-name/x {'long/' * 2000} /nul\0/x .. / https://a.b/c"
    assert named_paths([f"train on '{named}', please. {odd}"]) == (named.resolve(),)
    spaced = tmp_path / "my set" / "x.jsonl"
    spaced.parent.mkdir()
    spaced.touch()
    assert named_paths([f"data '{spaced}'; 15m"]) == (spaced.resolve(),)


# -- faults ------------------------------------------------------------------------------------------------------------


@STREAMING
@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_failure_that_passes_is_waited_out(tmp_path: Path, status: int, stream: bool) -> None:
    done = turn(tmp_path, [write("a"), error(status, "busy", AT_ONCE), text("done")], stream=stream)
    assert done.outcome.kind == "done" and len(done.server.requests) == 3
    assert done.view.usage.calls == 2 and done.view.usage.reserved_tokens == 0


@STREAMING
@pytest.mark.parametrize(("status", "most", "said"), [(429, 3, "rate limit"), (500, 4, "failed again")])
def test_a_failure_that_does_not_pass_ends_clearly(
    tmp_path: Path, status: int, most: int, said: str, stream: bool
) -> None:
    done = turn(tmp_path, lambda _: error(status, "busy", AT_ONCE), stream=stream)
    assert done.outcome.kind == "failed" and said in done.outcome.text and "cure" in done.outcome.text
    assert len(done.server.requests) == most


@STREAMING
@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (quota(), "credit or quota is used up"),
        (error(401, "Incorrect API key"), "does not accept the key"),
        (error(400, "no such parameter"), "rejected the request"),
        (error(404, "no such model"), "no such model"),
    ],
)
def test_what_waiting_does_not_help_is_not_asked_again(tmp_path: Path, reply: Reply, said: str, stream: bool) -> None:
    done = turn(tmp_path, lambda _: reply, stream=stream)
    assert done.outcome.kind == "failed" and said in done.outcome.text
    assert len(done.server.requests) == 1


def test_a_stream_that_breaks_off_is_asked_for_again(tmp_path: Path) -> None:
    done = turn(tmp_path, [cut_after(3), broken_after(3), text("the whole sentence")], stream=True)
    assert done.outcome.kind == "done" and done.outcome.text == "the whole sentence"
    assert "never be finished" not in str(done.server.requests[-1].json["messages"])
    assert done.view.usage.calls == 3  # the broken ones at their worst case


def test_a_call_whose_stream_breaks_off_is_not_made(tmp_path: Path) -> None:
    broken = cut_after(4, call("write_file", {"path": "half.txt", "content": "all of it " * 50}))
    done = turn(tmp_path, [broken, text("done")], stream=True)
    assert done.outcome.kind == "done" and not (done.workspace / "half.txt").exists()


def test_streams_that_always_break_off_end_clearly(tmp_path: Path) -> None:
    done = turn(tmp_path, lambda _: cut_after(3), stream=True)
    assert done.outcome.kind == "failed" and "broke off" in done.outcome.text
    assert len(done.server.requests) <= 6


@STREAMING
def test_malformed_arguments_are_repaired_or_answered(tmp_path: Path, stream: bool) -> None:
    (tmp_path / "workspace").mkdir()
    (tmp_path / "workspace" / "a").write_text("found me")
    script = [call("read_file", "{'path': 'a',"), call("read_file", '{"file": "a"}'), text("done")]
    done = turn(tmp_path, script, stream=stream)
    assert done.outcome.kind == "done"
    told = [m["content"] for m in done.server.requests[-1].json["messages"] if m["role"] == "tool"]
    assert "found me" in told[0] and "Its schema" in told[1]


@STREAMING
@pytest.mark.parametrize("server", ["openai", "vllm", "llama.cpp", "tgi"])
def test_an_overflow_is_handled_once_and_then_fails_clearly(tmp_path: Path, server: str, stream: bool) -> None:
    """Whatever the history: never a loop. ML-Intern made 2,000 calls here."""
    done = turn(tmp_path, lambda _: overflow(server), stream=stream)
    assert done.outcome.kind == "failed" and "does not fit the model's context" in done.outcome.text
    assert len(done.server.requests) <= 2


@STREAMING
def test_after_an_overflow_the_history_is_shortened_and_the_work_goes_on(tmp_path: Path, stream: bool) -> None:
    (tmp_path / "workspace").mkdir()
    for n in range(12):
        (tmp_path / "workspace" / f"f{n}").write_text(f"{n} " + "words " * 1200)
    reads = [write(f"f{n}") for n in range(12)]
    done = turn(tmp_path, [*reads, overflow("vllm"), text("I went on")], stream=stream, window=60_000)
    assert done.outcome.kind == "done" and done.outcome.text == "I went on"
    refused, shorter = done.server.requests[-2:]
    assert shorter.size < 0.8 * refused.size
    assert "words: say hi" in str(shorter.json["messages"])  # the goal, from the ledger


def test_an_overflow_that_comes_again_after_compaction_ends_the_turn(tmp_path: Path) -> None:
    (tmp_path / "workspace").mkdir()
    for n in range(12):
        (tmp_path / "workspace" / f"f{n}").write_text(f"{n} " + "words " * 1200)
    reads = [write(f"f{n}") for n in range(12)]
    script = [*reads, *[overflow("vllm")] * 9]
    done = turn(tmp_path, script, stream=False, window=60_000)
    assert done.outcome.kind == "failed" and "does not fit" in done.outcome.text
    assert len(done.server.requests) == 14


@STREAMING
def test_a_model_that_never_stops_calling_tools_meets_its_ceiling(tmp_path: Path, stream: bool) -> None:
    done = turn(tmp_path, lambda _: write(os.urandom(4).hex()), stream=stream, budget=SessionBudget(steps=8))
    assert (done.outcome.kind, done.outcome.exit_code) == ("budget", 3)
    assert len(done.server.requests) == 8 and done.view.usage.steps == 8


@STREAMING
def test_a_model_that_never_calls_a_tool_is_done_with_its_answer(tmp_path: Path, stream: bool) -> None:
    done = turn(tmp_path, lambda _: text("hello"), stream=stream)
    assert (done.outcome.kind, done.outcome.text) == ("done", "hello") and len(done.server.requests) == 1


@STREAMING
def test_a_model_that_says_nothing_at_all_does_not_go_on_for_ever(tmp_path: Path, stream: bool) -> None:
    done = turn(tmp_path, lambda _: text(""), stream=stream)
    assert done.outcome.kind in ("done", "failed") and len(done.server.requests) <= 6


def test_a_server_that_gives_every_call_the_same_id_confuses_nobody(tmp_path: Path) -> None:
    script = [*(call("read_file", {"path": f"f{n}"}, id="call_0") for n in range(3)), text("done")]
    done = turn(tmp_path, script, stream=False)
    assert done.outcome.kind == "done"
    told = [m["tool_call_id"] for m in done.server.requests[-1].json["messages"] if m["role"] == "tool"]
    assert len(told) == len(set(told)) == 3
