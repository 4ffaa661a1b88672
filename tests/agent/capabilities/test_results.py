"""What tools return, on its way into the history: short, and without secrets."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from pydantic_ai.exceptions import ModelHTTPError
from tests.agent.scripted import Bench, call, returns, script

from labwright.agent.trace import write_trace

CANARY = "canary-1234567-secret"
SECRETS = {
    "HF_TOKEN": CANARY,
    "OPENAI_API_KEY": "canary-7654321-other",
    "DATABASE_URL": "postgres://u:canary-pass-99@h/d",
}
VALUES = (CANARY, "canary-7654321-other", "canary-pass-99")


def test_a_long_result_spills_to_a_file_that_can_be_paged_also_after_a_resume(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    lines = [f"line {n} of many, with some words in it" for n in range(5000)]
    (tmp_path / "note.txt").write_text("\n".join(lines))
    said = script([call("look")], "I saw its start")
    bench.turn("go", said)
    [short] = returns(said.asked[1]).values()
    assert len(short) < 4_000 and "line 0 " in short and "line 4999 " in short and "line 2500 " not in short
    handle = re.search(r"stored to handle '([^']+)'", short)
    assert handle, short
    paged = script([call("read_tool_result", handle=handle[1], offset=2490, limit=20)], "done")
    bench.turn("and then?", paged)
    assert "line 2500 " in list(returns(paged.asked[1]).values())[-1]


def _show(where: str, values: tuple[str, ...] = VALUES) -> None:
    for value in values:
        assert value not in where, f"{value} in …{where[max(0, where.find(value) - 200) : where.find(value) + 60]}"


def test_secrets_of_the_environment_are_nowhere(tmp_path: Path) -> None:
    bench = Bench(tmp_path, environment=SECRETS)
    (tmp_path / "note.txt").write_text(f"key: {CANARY}\n" + json.dumps(SECRETS) + "\n" + "x" * 20_000 + CANARY)
    (tmp_path / "rows.json").write_text(json.dumps([{"token": VALUES[1]}, {CANARY: [VALUES[2]]}]))
    (bench.workspace / "AGENTS.md").write_text(f"Use {CANARY}.")
    (bench.workspace / "code.py").write_text(f"KEY = '{CANARY}'\nx = 1\n")
    said = script(
        [call("look"), call("look", file="rows.json")],
        [call("fail", how="value"), call("fail", how="retry"), call("fail", how="failed")],
        [call("read_file", path="code.py"), call("grep", pattern="canary")],
        [call("edit_file", path="code.py", old_text="KEY = 'canary'", new_text="y")],
        [call("run_command", command="cat code.py")],
        ModelHTTPError(status_code=401, model_name="scripted", body={"message": f"bad key {CANARY}"}),
    )
    outcome = bench.turn(f"my token is {CANARY}, use it", said)
    assert outcome.kind == "failed"
    _show(outcome.text)
    _show(said.seen)
    bench.turn("and?", script([call("read_file", path=CANARY)], f"it is {CANARY}"))  # had it guessed one
    _show("\n".join(str(r.event) for r in bench.ledger.session_events(bench.session_id)))
    _show("\n".join(p.read_bytes().decode("utf-8", "replace") for p in bench.lab.home.rglob("*") if p.is_file()))
    write_trace(bench.ledger, bench.session_id, tmp_path / "trace.jsonl", {})  # even where nobody knows the secrets
    _show((tmp_path / "trace.jsonl").read_text())


def test_a_failure_that_ends_the_session_quotes_no_secret(tmp_path: Path) -> None:
    bench = Bench(tmp_path, environment=SECRETS)
    outcome = bench.turn("go", script(ModelHTTPError(status_code=400, model_name="m", body={"message": CANARY})))
    _show(outcome.text)
    _show(bench.view.reason)


@pytest.mark.parametrize(
    "text",
    ["-----BEGIN RSA PRIVATE KEY-----\nabc", "x-api-key: os.environ['KEY'] \" \\ end", 'a "hf_' + "a1" * 20 + '" b'],
)
def test_a_log_from_which_something_was_taken_can_still_be_read(tmp_path: Path, text: str) -> None:
    bench = Bench(tmp_path)
    bench.turn("go", script([call("touch", name=text)], f"I wrote {text}"))
    after = script("fine")
    bench.turn("and now?", after)
    assert len(after.asked[0]) == 5


def test_the_trace_shows_each_call_and_result_once_over_resumes(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.turn("go", script([call("touch", "c1", name="a"), call("publish", "c2", name="p")]))
    bench.answer(bench.view.open_approvals[0].id)
    bench.turn(None, script(ModelHTTPError(status_code=500, model_name="m")))
    bench.turn(None, script("done"))
    write_trace(bench.ledger, bench.session_id, tmp_path / "trace.jsonl", {})
    lines = [json.loads(line) for line in (tmp_path / "trace.jsonl").read_text().splitlines()]
    said = [line["message"] for line in lines if line["type"] == "message"]
    assert [m["role"] for m in said] == ["user", "assistant", "toolResult", "toolResult", "assistant"]
