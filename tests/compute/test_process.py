"""The process backend where runs and their surroundings misbehave."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from tests.compute.small_runs import OPEN, SANDBOX, ended, is_gone, log_of, order, run, wait_for

from labwright.compute import ProcessBackend, Sandbox
from labwright.contracts.compute import RunOrder, RunStatus
from labwright.contracts.errors import BackendError
from labwright.contracts.research import RunState

both = pytest.mark.parametrize("sandbox", [SANDBOX, OPEN], ids=["sandboxed", "open"])
confined = pytest.mark.skipif(SANDBOX.boundary != "enforced", reason=SANDBOX.why)

SLEEP = "import time; print('up', flush=True); time.sleep(600)"
UNTIL_TOLD = """
import os, time
print('up', flush=True)
while not os.path.exists('go'):
    time.sleep(0.02)
"""
DAEMON = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(600)
    os._exit(0)
os.wait()
"""


def supervisor_pid(directory: Path) -> int:
    return int(json.loads((directory / ".supervision" / "supervisor.json").read_text())["pid"])


def recipe_pids(directory: Path) -> list[int]:
    """Processes of the run, seen from outside."""
    mark = f"LABWRIGHT_RUN_DIR={directory}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if mark in (entry / "environ").read_bytes().split(b"\0") and not is_gone(int(entry.name)):
                    found.append(int(entry.name))
            except OSError:
                pass
    return sorted(found)


def is_up(directory: Path) -> bool:
    return (directory / "log.txt").exists() and "up" in (directory / "log.txt").read_text()


def is_followed(directory: Path) -> bool:
    """Whether the supervisor has found the recipe: it keeps the bubblewrap around it stopped from then on."""
    supervisor = supervisor_pid(directory)
    children = Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split()
    if json.loads((directory / ".supervision" / "order.json").read_text())["boundary"] != "enforced":
        return bool(children)
    return any(Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[0] == "T" for child in children)


def followed_to_its_end(backend: ProcessBackend, what: RunOrder) -> RunStatus:
    """Run a recipe that waits to be told, and tell it once its supervisor has it in sight."""
    handle = backend.submit(what)
    wait_for(lambda: is_up(what.directory) and is_followed(what.directory))
    (what.directory / "go").touch()
    return ended(backend, handle)


@both
def test_a_run_outlives_the_process_that_submitted_it(tmp_path: Path, sandbox: Sandbox) -> None:
    what = order(tmp_path / "run", UNTIL_TOLD + "print('done')")
    script = f"""
import os, signal, sys
from pathlib import Path
from labwright.compute import ProcessBackend, Sandbox
from tests.compute.small_runs import order
recipe = Path({str(what.directory / "recipe.py")!r}).read_text()
ProcessBackend(Path({str(tmp_path)!r}), Sandbox({"auto" if sandbox is SANDBOX else "off"!r})).submit(
    order(Path({str(what.directory)!r}), recipe))
os.kill(os.getpid(), signal.SIGKILL)
"""
    repository = Path(__file__).resolve().parents[2]
    parent = subprocess.run([sys.executable, "-c", script], cwd=repository, start_new_session=True, check=False)
    assert parent.returncode == -signal.SIGKILL
    backend = ProcessBackend(tmp_path, sandbox)
    handle = backend.reattach("run", what.directory)
    assert handle is not None
    assert not backend.poll(handle).state.is_final
    (what.directory / "go").touch()
    assert ended(backend, handle).state is RunState.SUCCEEDED
    assert log_of(backend, handle) == ["up", "done"]


def test_the_queue_respects_slots_and_order_across_backends(tmp_path: Path) -> None:
    first, second = ProcessBackend(tmp_path, OPEN), ProcessBackend(tmp_path, OPEN)
    recipe = "import time; time.sleep(0.4)"
    handles = [
        backend.submit(order(tmp_path / f"run{number}", recipe))
        for number, backend in enumerate([first, second, first, second])
    ]
    statuses = [ended(first, handle) for handle in handles]
    for before, after in pairwise(statuses):
        assert before.ended_at is not None
        assert after.started_at is not None
        assert after.started_at >= before.ended_at


def test_two_slots_let_two_runs_go_at_a_time(tmp_path: Path) -> None:
    backend = ProcessBackend(tmp_path, OPEN, cpu_slots=2)
    handles = [backend.submit(order(tmp_path / name, SLEEP)) for name in ("a", "b", "c")]
    wait_for(lambda: is_up(tmp_path / "a") and is_up(tmp_path / "b"))
    assert backend.poll(handles[2]).state is RunState.QUEUED
    backend.cancel(handles[0])
    wait_for(lambda: is_up(tmp_path / "c"))
    for handle in handles[1:]:
        backend.cancel(handle)
        ended(backend, handle)


def test_the_ticket_of_a_dead_supervisor_is_passed_over(tmp_path: Path) -> None:
    backend = ProcessBackend(tmp_path, OPEN)
    handles = [backend.submit(order(tmp_path / name, SLEEP)) for name in ("a", "b", "c")]
    os.kill(supervisor_pid(tmp_path / "b"), signal.SIGKILL)
    wait_for(lambda: is_up(tmp_path / "a"))
    backend.cancel(handles[0])
    wait_for(lambda: is_up(tmp_path / "c"))
    assert backend.poll(handles[1]).state is RunState.LOST
    backend.cancel(handles[2])
    ended(backend, handles[2])


def test_a_queued_run_can_be_cancelled_and_never_starts(tmp_path: Path) -> None:
    backend = ProcessBackend(tmp_path, OPEN)
    first, second = (backend.submit(order(tmp_path / name, SLEEP)) for name in ("a", "b"))
    backend.cancel(second)
    status = ended(backend, second)
    assert (status.state, status.started_at) == (RunState.CANCELLED, None)
    backend.cancel(first, "alert")
    assert ended(backend, first).reason == "alert"


def test_gpu_runs_get_their_own_gpu_and_wait_for_it(tmp_path: Path) -> None:
    backend = ProcessBackend(tmp_path, OPEN, gpus=(4, 5))
    recipe = "import os; print(os.environ['CUDA_VISIBLE_DEVICES'], flush=True)" + UNTIL_TOLD
    folders = [tmp_path / f"run{n}" for n in range(3)]
    handles = [backend.submit(order(f, recipe, gpus=gpus)) for f, gpus in zip(folders, [1, 1, 2], strict=True)]
    wait_for(lambda: is_up(folders[0]) and is_up(folders[1]))
    for folder in folders:
        (folder / "go").touch()
    statuses = [ended(backend, handle) for handle in handles]
    assert [log_of(backend, handle) for handle in handles] == [["4", "up"], ["5", "up"], ["4,5", "up"]]
    last = statuses[2].started_at
    assert last is not None
    assert all(status.ended_at is not None and status.ended_at <= last for status in statuses[:2])


def test_a_run_that_wants_more_gpus_than_there_are_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BackendError, match="wants 2 GPUs and this machine has 1"):
        ProcessBackend(tmp_path, OPEN, gpus=(0,)).submit(order(tmp_path / "run", SLEEP, gpus=2))


@both
def test_a_run_that_uses_too_much_memory_is_ended(tmp_path: Path, sandbox: Sandbox) -> None:
    recipe = "import time; held = [bytearray(20_000_000) for _ in range(15)]; time.sleep(600)"
    status, _ = run(ProcessBackend(tmp_path, sandbox), order(tmp_path / "run", recipe, memory_bytes=150_000_000))
    assert (status.state, status.reason) == (RunState.FAILED, "memory")
    assert status.peak_memory_bytes is not None
    assert status.peak_memory_bytes > 150_000_000
    assert recipe_pids(tmp_path / "run") == []


@confined
def test_files_in_the_sandboxed_tmp_count_as_memory(tmp_path: Path) -> None:
    recipe = "import time; open('/tmp/big', 'wb').write(bytes(120_000_000)); time.sleep(600)"
    status, _ = run(ProcessBackend(tmp_path, SANDBOX), order(tmp_path / "run", recipe, memory_bytes=100_000_000))
    assert status.reason == "memory"


def test_memory_shared_by_forked_workers_is_counted_once(tmp_path: Path) -> None:
    recipe = """
import os, time
held = bytearray(b"x") * 100_000_000
workers = [os.fork() for _ in range(1)]
if workers[0] and not os.fork():
    time.sleep(1); os._exit(0)
time.sleep(1)
"""
    status, _ = run(ProcessBackend(tmp_path, OPEN), order(tmp_path / "run", recipe, memory_bytes=280_000_000))
    assert status.reason == "finished"


@both
def test_a_run_past_its_deadline_may_save_and_is_then_ended(tmp_path: Path, sandbox: Sandbox) -> None:
    recipe = """
import signal, sys, time
def save(*_):
    open("saved", "w").close()
    sys.exit(0)
signal.signal(signal.SIGTERM, save)
time.sleep(600)
"""
    backend = ProcessBackend(tmp_path, sandbox, grace_s=0.2, term_s=120.0)
    for seconds in (1.0, 5.0, 25.0, 125.0):  # Python must be up by then, and nobody knows how long that takes here
        directory = tmp_path / f"run-{seconds}"
        status, _ = run(backend, order(directory, recipe, seconds=seconds))
        if (directory / "saved").exists():
            break
    assert (status.state, status.reason, status.exit_code) == (RunState.FAILED, "deadline", 0)
    assert (directory / "saved").exists()


@both
def test_a_run_that_ignores_sigterm_is_killed(tmp_path: Path, sandbox: Sandbox) -> None:
    recipe = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
    backend = ProcessBackend(tmp_path, sandbox, term_s=0.3)
    handle = backend.submit(order(tmp_path / "run", recipe))
    wait_for(lambda: is_up(tmp_path / "run"))
    backend.cancel(handle)
    status = ended(backend, handle)
    assert (status.state, status.reason, status.left_behind) == (RunState.CANCELLED, "cancelled", ())
    assert recipe_pids(tmp_path / "run") == []


@both
def test_a_daemon_left_behind_is_named_and_dead(tmp_path: Path, sandbox: Sandbox) -> None:
    status = followed_to_its_end(ProcessBackend(tmp_path, sandbox), order(tmp_path / "run", DAEMON + UNTIL_TOLD))
    assert status.state is RunState.SUCCEEDED
    assert len(status.left_behind) == 1
    assert "python" in status.left_behind[0]
    assert recipe_pids(tmp_path / "run") == []


@both
def test_a_process_that_keeps_forking_does_not_get_away(tmp_path: Path, sandbox: Sandbox) -> None:
    recipe = f"""{UNTIL_TOLD}
if os.fork() == 0:
    os.setsid()
    while True:  # each lives a moment and goes on as its child
        if os.fork():
            os._exit(0)
        time.sleep(0.005)
"""
    status = followed_to_its_end(ProcessBackend(tmp_path, sandbox), order(tmp_path / "run", recipe))
    assert status.left_behind
    assert recipe_pids(tmp_path / "run") == []


@both
def test_a_killed_supervisor_means_lost_and_nothing_is_left(tmp_path: Path, sandbox: Sandbox) -> None:
    backend = ProcessBackend(tmp_path, sandbox)
    handle = backend.submit(order(tmp_path / "run", DAEMON + "print('up', flush=True); time.sleep(600)"))
    wait_for(lambda: is_up(tmp_path / "run"))
    os.kill(supervisor_pid(tmp_path / "run"), signal.SIGKILL)
    wait_for(lambda: is_gone(supervisor_pid(tmp_path / "run")))
    status = backend.poll(handle)
    assert (status.state, status.reason) == (RunState.LOST, "lost")
    wait_for(lambda: recipe_pids(tmp_path / "run") == [])
    assert backend.poll(handle) == status


@both
def test_a_recipe_killed_from_outside_is_called_killed(tmp_path: Path, sandbox: Sandbox) -> None:
    backend = ProcessBackend(tmp_path, sandbox)
    handle = backend.submit(order(tmp_path / "run", SLEEP))
    wait_for(lambda: is_up(tmp_path / "run"))
    python = [pid for pid in recipe_pids(tmp_path / "run") if Path(f"/proc/{pid}/comm").read_text() != "bwrap\n"]
    os.kill(python[-1], signal.SIGKILL)
    status = ended(backend, handle)
    assert (status.state, status.reason, status.exit_code) == (RunState.FAILED, "killed", 137)


def test_a_killed_run_starts_again_with_its_checkpoints_and_its_log(tmp_path: Path) -> None:
    recipe = """
import os, time
if os.path.exists("checkpoints/1"):
    print("went on"); raise SystemExit
os.makedirs("checkpoints/1"); print("up", flush=True); time.sleep(600)
"""
    backend = ProcessBackend(tmp_path, OPEN)
    what = order(tmp_path / "run", recipe)
    first = backend.submit(what)
    wait_for(lambda: is_up(tmp_path / "run"))
    os.kill(supervisor_pid(tmp_path / "run"), signal.SIGKILL)
    wait_for(lambda: is_gone(supervisor_pid(tmp_path / "run")))
    assert backend.submit(what).token == first.token
    again = backend.submit(replace(what, attempt=2))
    assert again.token != first.token
    assert ended(backend, again).state is RunState.SUCCEEDED
    assert log_of(backend, again) == ["up", "went on"]


@both
def test_secrets_of_the_environment_do_not_reach_a_run(tmp_path: Path, sandbox: Sandbox) -> None:
    script = f"""
from pathlib import Path
from labwright.compute import ProcessBackend, Sandbox
from tests.compute.small_runs import order, run
recipe = "import os; print(dict(os.environ)); print([open(f'/proc/{{p}}/environ').read() for p in (os.getppid(),)])"
print(run(ProcessBackend(Path({str(tmp_path)!r}), Sandbox({"auto" if sandbox is SANDBOX else "off"!r})),
          order(Path({str(tmp_path / "run")!r}), recipe, environment={{"GRANTED": "visible"}})))
"""
    repository = Path(__file__).resolve().parents[2]
    environment = {**os.environ, "MY_TOKEN": "s3cr3t"}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=repository, env=environment, capture_output=True, text=True, check=True
    )
    assert "visible" in done.stdout
    assert "s3cr3t" not in done.stdout


@confined
def test_inputs_and_supervision_cannot_be_changed_from_inside(tmp_path: Path) -> None:
    data = tmp_path / "rows.jsonl"
    data.write_text("row\n")
    recipe = """
import os
print(open("inputs/train.jsonl").read().strip())
def attempt(name, action):
    try:
        action()
        print(name, "done")
    except OSError as error:
        print(name, os.strerror(error.errno))
attempt("overwrite", lambda: open("inputs/train.jsonl", "w"))
attempt("replace", lambda: os.unlink("inputs/train.jsonl"))
attempt("move", lambda: os.rename("inputs", "elsewhere"))
attempt("supervision", lambda: os.rename(".supervision", "elsewhere"))
open("status.json", "w").write('{"state": "succeeded"}')
print(os.listdir(".supervision"))
raise SystemExit(3)
"""
    backend = ProcessBackend(tmp_path / "home", SANDBOX)
    status, lines = run(backend, order(tmp_path / "run", recipe, inputs={"train.jsonl": data}))
    assert lines == [
        "row",
        "overwrite Read-only file system",
        "replace Read-only file system",
        "move Device or resource busy",
        "supervision Device or resource busy",
        "[]",
    ]
    assert (status.state, status.exit_code) == (RunState.FAILED, 3)
    assert json.loads((tmp_path / "run" / "status.json").read_text())["state"] == "failed"


@confined
def test_a_run_that_opens_the_vault_finds_a_decoy_and_is_named(tmp_path: Path) -> None:
    vault = tmp_path / "home" / "vault"
    vault.mkdir(parents=True)
    (vault / "test.jsonl").write_text("sealed")
    recipe = f"print(repr(open({str(vault / 'test.jsonl')!r}).read()))"
    backend = ProcessBackend(tmp_path / "home", SANDBOX)
    status, lines = run(backend, order(tmp_path / "home" / "runs" / "run", recipe, hidden=(vault,)))
    assert lines == ["''"]
    assert status.touched == (f"{vault}/test.jsonl",)
    honest, _ = run(backend, order(tmp_path / "home" / "runs" / "honest", "import json", hidden=(vault,)))
    assert honest.touched == ()


def test_a_link_to_a_hidden_path_is_no_input(tmp_path: Path) -> None:
    vault = tmp_path / "vault"
    vault.mkdir()
    (tmp_path / "step-9").symlink_to(vault)
    what = order(tmp_path / "run", SLEEP, inputs={"checkpoint": tmp_path / "step-9"}, hidden=(vault,))
    with pytest.raises(BackendError, match="leads into a hidden path"):
        ProcessBackend(tmp_path, OPEN).submit(what)


def test_a_link_in_place_of_the_log_or_the_status_is_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "precious"
    target.write_text("untouched")
    recipe = f"""
import os
os.unlink("log.txt"); os.symlink({str(target)!r}, "log.txt"); os.symlink({str(target)!r}, "status.json")
raise SystemExit(1)
"""
    backend = ProcessBackend(tmp_path, OPEN)
    handle = backend.submit(order(tmp_path / "run", recipe))
    assert ended(backend, handle).reason == "error"
    assert target.read_text() == "untouched"
    assert not (tmp_path / "run" / "status.json").is_symlink()
    with pytest.raises(BackendError, match="replaced it"):
        list(backend.logs(handle))


def test_a_command_that_does_not_exist_fails_with_a_line_in_the_log(tmp_path: Path) -> None:
    backend = ProcessBackend(tmp_path, OPEN)
    what = order(tmp_path / "run", "")
    handle = backend.submit(type(what)(**{**{f: getattr(what, f) for f in what.__slots__}, "command": ("/no/such",)}))
    assert ended(backend, handle).exit_code == 127
    assert "could not be started" in " ".join(backend.logs(handle))


def test_a_run_that_fills_the_disk_still_gets_its_status(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if os.getuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", str(disk)]).returncode:
        pytest.skip("only root may mount a small disk")
    try:
        recipe = "import time\nwith open('big', 'wb') as f:\n    while True: f.write(bytes(4096)); f.flush()"
        backend = ProcessBackend(tmp_path / "home", OPEN)
        status, _ = run(backend, order(disk / "run", recipe))
        assert (status.state, status.reason) == (RunState.FAILED, "disk")
        assert "the disk is full" in (disk / "run" / "log.txt").read_text()
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def test_many_submits_of_one_run_start_it_once(tmp_path: Path) -> None:
    what = order(tmp_path / "run", "open('starts', 'a').write('x'); import time; time.sleep(0.5)")
    script = f"""
from pathlib import Path
from labwright.compute import ProcessBackend, Sandbox
from tests.compute.small_runs import order
what = order(Path({str(what.directory)!r}), Path({str(what.directory / "recipe.py")!r}).read_text())
print(ProcessBackend(Path({str(tmp_path)!r}), Sandbox("off")).submit(what).token)
"""
    repository = Path(__file__).resolve().parents[2]
    submits = [
        subprocess.Popen([sys.executable, "-c", script], cwd=repository, stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    tokens = {process.communicate()[0] for process in submits}
    assert len(tokens) == 1
    backend = ProcessBackend(tmp_path, OPEN)
    handle = backend.submit(what)
    ended(backend, handle)
    assert (tmp_path / "run" / "starts").read_text() == "x"


def test_a_run_directory_without_a_run_is_no_handle(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    assert ProcessBackend(tmp_path, OPEN).reattach("run", tmp_path / "run") is None


def test_the_supervisor_needs_nothing_but_the_standard_library(tmp_path: Path) -> None:
    package = Path(__file__).resolve().parents[2] / "src" / "labwright" / "compute" / "supervision"
    shutil.copytree(package, tmp_path / "supervision")
    script = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import supervision.main; print('pydantic' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-I", "-S", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_supervisor_asked_to_end_ends_its_run_first(tmp_path: Path) -> None:
    backend = ProcessBackend(tmp_path, OPEN)
    handle = backend.submit(order(tmp_path / "run", SLEEP))
    wait_for(lambda: is_up(tmp_path / "run"))
    os.kill(supervisor_pid(tmp_path / "run"), signal.SIGTERM)
    assert ended(backend, handle).reason == "killed"
