"""What every backend promises, asked of each of them. A new backend joins by a line in BACKENDS."""

from __future__ import annotations

import io
import json
import os
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path

import pytest
from tests.compute.small_runs import OPEN, SANDBOX, order, wait_for

from labwright.compute import InstantBackend, ProcessBackend
from labwright.contracts.compute import Backend, RunHandle, RunOrder, RunStatus
from labwright.contracts.errors import BackendError
from labwright.contracts.research import RunState

HONEST = """
import json, os
from pathlib import Path
run = Path(os.environ["LABWRIGHT_RUN_DIR"])
print("started")
print((run / "inputs" / "train.jsonl").read_text().strip(), os.environ["LABWRIGHT_SEED"])
(run / "model").mkdir()
(run / "result.json").write_text(json.dumps({"deadline": float(os.environ["LABWRIGHT_DEADLINE"])}))
"""
BROKEN = "print('before'); raise SystemExit(3)"


def as_a_script(what: RunOrder) -> RunStatus:
    """Runs the recipe's text here, with the protocol's environment: what a user's fake would do by hand."""
    given = {
        "LABWRIGHT_RUN_DIR": str(what.directory),
        "LABWRIGHT_SEED": str(what.seed),
        "LABWRIGHT_DEADLINE": repr(what.deadline),
    }
    started_at, code, out = time.time(), 0, io.StringIO()
    recipe = (what.directory / "recipe.py").read_text().replace("os.environ", "given")
    try:
        with redirect_stdout(out):
            exec(recipe, {"given": given, "__name__": "__main__"})
    except SystemExit as end:
        code = int(str(end.code))
    (what.directory / "log.txt").write_text(out.getvalue())
    state, reason = (RunState.FAILED, "error") if code else (RunState.SUCCEEDED, "finished")
    return RunStatus(state, reason, code, started_at, time.time())  # type: ignore[arg-type]


BACKENDS: dict[str, Callable[[Path], Backend]] = {
    "process": lambda home: ProcessBackend(home, SANDBOX),
    "process-open": lambda home: ProcessBackend(home, OPEN),
    "instant": lambda home: InstantBackend(as_a_script),
}
DETACHED = ("process", "process-open")


@pytest.fixture(params=BACKENDS)
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Backend]:
    build = BACKENDS[str(request.param)]
    return lambda: build(tmp_path / "home")


@pytest.fixture(params=DETACHED)
def make_detached(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Backend]:
    build = BACKENDS[str(request.param)]
    return lambda: build(tmp_path / "home")


def honest(tmp_path: Path) -> RunOrder:
    data = tmp_path / "rows.jsonl"
    data.write_text("a row\n")
    return order(tmp_path / "run", HONEST, inputs={"train.jsonl": data})


def ended(backend: Backend, handle: RunHandle) -> RunStatus:
    wait_for(lambda: backend.poll(handle).state.is_final)
    return backend.poll(handle)


def test_a_run_succeeds_and_leaves_what_the_protocol_says(make: Callable[[], Backend], tmp_path: Path) -> None:
    backend, what = make(), honest(tmp_path)
    handle = backend.submit(what)
    status = ended(backend, handle)
    assert (status.state, status.reason, status.exit_code) == (RunState.SUCCEEDED, "finished", 0)
    assert status.started_at is not None
    assert status.ended_at is not None
    assert status.started_at <= status.ended_at
    assert (handle.backend, handle.run_id) == (backend.name, "run")
    assert (what.directory / "model").is_dir()
    assert json.loads((what.directory / "result.json").read_text()) == {"deadline": what.deadline}
    assert json.loads((what.directory / "status.json").read_text())["state"] == "succeeded"
    assert os.path.realpath(what.directory / "inputs" / "train.jsonl") == str(tmp_path.resolve() / "rows.jsonl")


def test_the_log_holds_what_the_run_printed(make: Callable[[], Backend], tmp_path: Path) -> None:
    backend = make()
    handle = backend.submit(honest(tmp_path))
    assert list(backend.logs(handle, follow=True)) == ["started", "a row 7"]
    assert list(backend.logs(handle)) == ["started", "a row 7"]


def test_a_failure_keeps_its_exit_code(make: Callable[[], Backend], tmp_path: Path) -> None:
    backend = make()
    handle = backend.submit(order(tmp_path / "run", BROKEN))
    status = ended(backend, handle)
    assert (status.state, status.reason, status.exit_code) == (RunState.FAILED, "error", 3)
    assert list(backend.logs(handle)) == ["before"]


def test_final_states_stay_also_when_cancelled_or_submitted_again(make: Callable[[], Backend], tmp_path: Path) -> None:
    backend, what = make(), honest(tmp_path)
    handle = backend.submit(what)
    status = ended(backend, handle)
    backend.cancel(handle)
    assert backend.submit(what) == handle
    assert backend.poll(handle) == status


def test_another_instance_finds_the_run_again(make: Callable[[], Backend], tmp_path: Path) -> None:
    what = honest(tmp_path)
    handle = make().submit(what)
    other = make()
    assert other.reattach("run", what.directory) == handle
    assert ended(other, handle).state is RunState.SUCCEEDED


def test_where_nothing_was_submitted_nothing_is_found(make: Callable[[], Backend], tmp_path: Path) -> None:
    backend = make()
    assert backend.reattach("run", tmp_path / "run") is None
    with pytest.raises(BackendError):
        backend.poll(RunHandle(backend.name, "run", tmp_path / "run", "none"))


def test_a_missing_input_is_refused(make: Callable[[], Backend], tmp_path: Path) -> None:
    with pytest.raises(BackendError, match="input"):
        make().submit(order(tmp_path / "run", HONEST, inputs={"train.jsonl": tmp_path / "nothing"}))


def test_a_live_run_is_followed_and_cancelled_from_another_instance(
    make_detached: Callable[[], Backend], tmp_path: Path
) -> None:
    handle = make_detached().submit(order(tmp_path / "run", "import time; print('up', flush=True); time.sleep(600)"))
    other = make_detached()
    lines = other.logs(handle, follow=True)
    assert next(lines) == "up"
    wait_for(lambda: other.poll(handle).state is RunState.RUNNING)  # it may speak before its supervisor does
    other.cancel(handle)
    list(lines)
    status = other.poll(handle)
    assert (status.state, status.reason) == (RunState.CANCELLED, "cancelled")
