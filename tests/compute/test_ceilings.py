"""Ceilings on processes and memory, kept by the kernel or by a watcher: never tried with a program that forks on."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import uuid
from dataclasses import replace
from pathlib import Path

import pytest
from tests.compute.small_runs import ended, is_gone, order, run, wait_for

from labwright.compute import ProcessBackend, Sandbox, fence
from labwright.compute.fences import kept_by_the_kernel
from labwright.compute.programs import SandboxedPrograms
from labwright.compute.supervision import cgroups
from labwright.contracts.compute import Resources, RunOrder
from labwright.contracts.data import ProgramEnd, ProgramLimits
from labwright.contracts.research import RunState

KEPT, WHY = kept_by_the_kernel()
by_the_kernel = pytest.mark.skipif(len(KEPT) < 2, reason=WHY or "cgroups work")
SANDBOXED, OPEN = Sandbox("auto"), Sandbox("off")
WATCHED, OPEN_WATCHED = Sandbox("auto", cgroups="off"), Sandbox("off", cgroups="off")
everywhere = pytest.mark.parametrize(
    "sandbox",
    [SANDBOXED, OPEN, WATCHED, OPEN_WATCHED],
    ids=["sandboxed", "open", "sandboxed-watched", "open-watched"],
)
both = pytest.mark.parametrize("sandbox", [SANDBOXED, OPEN_WATCHED], ids=["sandboxed", "open-watched"])

MANY = """
import subprocess, time
held = [subprocess.Popen(["sleep", "600"]) for _ in range(200)]
time.sleep(600)
"""
THREADS = """
import threading, time
for _ in range(200):
    threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
time.sleep(600)
"""
UNTROUBLED = """
import subprocess
held = []
try:
    for _ in range(200):
        held.append(subprocess.Popen(["sleep", "600"]))
except BlockingIOError:
    print("up to", len(held))
for process in held:
    process.kill()
    process.wait()
"""


def small(directory: Path, recipe: str, *, tasks: int = 50, memory_bytes: int = 1 << 30) -> RunOrder:
    return replace(order(directory, recipe), resources=Resources(memory_bytes=memory_bytes, tasks=tasks))


def living(name: str, of: Path) -> int:
    """How many processes of a run are left, seen from outside."""
    mark, found = f"LABWRIGHT_RUN_DIR={of}".encode(), 0
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                found += (entry / "comm").read_text().strip() == name and mark in (entry / "environ").read_bytes()
    return found


def command_lines() -> list[bytes]:
    """Of every process of the machine."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                found.append((entry / "cmdline").read_bytes())
    return found


# -- runs --------------------------------------------------------------------------------------------------------------


@everywhere
def test_a_run_that_starts_too_many_processes_is_ended(tmp_path: Path, sandbox: Sandbox) -> None:
    backend = ProcessBackend(tmp_path, sandbox)
    handle = backend.submit(small(tmp_path / "run", MANY))
    status = ended(backend, handle)
    assert (status.state, status.reason) == (RunState.FAILED, "processes")
    assert "more than 50 processes and threads" in (tmp_path / "run" / "log.txt").read_text()
    assert living("sleep", tmp_path / "run") == 0


@both
def test_threads_count_like_processes(tmp_path: Path, sandbox: Sandbox) -> None:
    status, _ = run(ProcessBackend(tmp_path, sandbox), small(tmp_path / "run", THREADS))
    assert (status.state, status.reason) == (RunState.FAILED, "processes")


@by_the_kernel
def test_a_run_that_does_with_fewer_goes_on_and_its_log_says_so(tmp_path: Path) -> None:
    status, lines = run(ProcessBackend(tmp_path, OPEN), small(tmp_path / "run", UNTROUBLED))
    assert (status.state, lines) == (RunState.SUCCEEDED, ["up to 49"])
    assert "refused a process or thread beyond 50" in (tmp_path / "run" / "log.txt").read_text()


@by_the_kernel
def test_memory_that_no_look_sees_ends_the_run_for_memory(tmp_path: Path) -> None:
    grabbing = "held = bytearray(b'x') * 2_000_000_000"
    status, _ = run(ProcessBackend(tmp_path, SANDBOXED), small(tmp_path / "run", grabbing, memory_bytes=200_000_000))
    assert (status.state, status.reason) == (RunState.FAILED, "memory")


def folders_of(run_directory: Path) -> list[Path]:
    record = json.loads((run_directory / ".supervision" / "supervisor.json").read_text())
    return [Path(folder) for folder in record.get("cgroups", ())]


@by_the_kernel
def test_the_cgroup_goes_with_its_run(tmp_path: Path) -> None:
    backend = ProcessBackend(tmp_path, SANDBOXED)
    handle = backend.submit(small(tmp_path / "run", "import time; time.sleep(600)"))
    wait_for(lambda: bool(folders_of(tmp_path / "run")))
    folders = folders_of(tmp_path / "run")
    assert all(folder.is_dir() for folder in folders)
    backend.cancel(handle)
    ended(backend, handle)
    assert not any(folder.exists() for folder in folders)


@by_the_kernel
def test_the_cgroup_goes_when_its_supervisor_was_killed(tmp_path: Path) -> None:
    leaving = "import os, time\nif os.fork() == 0:\n    os.setsid()\n    time.sleep(600)\ntime.sleep(600)"
    backend = ProcessBackend(tmp_path, OPEN)
    handle = backend.submit(small(tmp_path / "run", leaving))
    wait_for(lambda: bool(folders_of(tmp_path / "run")))
    folders = folders_of(tmp_path / "run")
    pid = int(handle.token.split(":")[0])
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: is_gone(pid))
    assert backend.poll(handle).reason == "lost"
    assert not any(folder.exists() for folder in folders)


def test_a_run_directory_of_an_earlier_version_can_still_be_read(tmp_path: Path) -> None:
    backend = ProcessBackend(tmp_path, OPEN)
    handle = backend.submit(small(tmp_path / "run", "import time; time.sleep(600)"))
    kept = tmp_path / "run" / ".supervision" / "order.json"
    wait_for(lambda: backend.poll(handle).state is RunState.RUNNING)
    old = {name: value for name, value in json.loads(kept.read_text()).items() if name not in ("tasks", "cgroups")}
    kept.write_text(json.dumps(old))
    pid = int(handle.token.split(":")[0])
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: is_gone(pid))
    assert backend.poll(handle).reason == "lost"


# -- short commands ----------------------------------------------------------------------------------------------------


def program(folder: Path, text: str, sandbox: Sandbox, **limits: float) -> ProgramEnd:
    (folder / "program.py").write_text(text)
    given = ProgramLimits(**{"timeout_s": 240.0, "memory_bytes": 1 << 30, "tasks": 50, **limits})  # type: ignore[arg-type]
    return SandboxedPrograms(sandbox, dict(os.environ)).run("program.py", (), folder, given)


@everywhere
def test_a_program_that_starts_too_many_processes_fails_and_says_why(tmp_path: Path, sandbox: Sandbox) -> None:
    end = program(tmp_path, MANY, sandbox)
    assert end.code not in (0, None)
    assert "more than 50 processes and threads" in end.stderr


@both
def test_memory_of_a_program_is_counted_over_all_its_processes(tmp_path: Path, sandbox: Sandbox) -> None:
    text = """
import os, time
is_child = any(os.fork() == 0 for _ in range(3))
held = b"x" * 180_000_000
time.sleep(600) if is_child else os.wait()
"""
    end = program(tmp_path, text, sandbox, memory_bytes=400_000_000)
    assert "memory" in end.stderr


@everywhere
def test_what_a_command_says_and_how_it_ends_come_through_the_fence(tmp_path: Path, sandbox: Sandbox) -> None:
    end = program(tmp_path, "import sys\nprint('said')\nsys.stderr.write('and how')\nsys.exit(7)", sandbox)
    assert (end.code, end.stdout, end.stderr) == (7, "said\n", "and how")


@both
def test_nothing_that_a_command_starts_outlives_it(tmp_path: Path, sandbox: Sandbox) -> None:
    long = f"300.{uuid.uuid4().int % 10**12}"  # a time to sleep that no other process was told
    text = f"import subprocess; subprocess.Popen(['sleep', '{long}'], start_new_session=True)"
    assert program(tmp_path, text, sandbox).code == 0
    assert not any(long.encode() in line for line in command_lines())


@by_the_kernel
def test_a_cgroup_whose_owner_died_is_swept_up_by_the_next() -> None:
    with fence(["true"], tasks=10, memory_bytes=1 << 28) as fenced:
        assert fenced.group.pids is not None
        left = fenced.group.pids.with_name("labwright-999999999-1-command")  # no machine has that many processes
        left.mkdir(exist_ok=True)  # a suite beside this one makes it too
    with fence(["true"], tasks=10, memory_bytes=1 << 28):
        assert not left.exists()


def test_folders_that_are_not_ours_are_never_taken_for_a_cgroup(tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    cgroups.remove([tmp_path / "precious"])
    assert (tmp_path / "precious").is_dir()


# -- where a cgroup can be made ----------------------------------------------------------------------------------------


def machine(folder: Path, cgroup: str, *mounts: str) -> Path:
    """A /proc/self of a machine that is described."""
    (folder / "proc").mkdir()
    (folder / "proc" / "cgroup").write_text(cgroup)
    (folder / "proc" / "mountinfo").write_text("".join(f"30 20 0:28 {mount}\n" for mount in mounts))
    return folder / "proc"


def unified(top: Path, **cgroup_files: tuple[str, str, str]) -> None:
    """Cgroups of version 2 below `top`: path -> controllers, those handed down, processes."""
    for path, (controllers, handed_down, held) in cgroup_files.items():
        place = top / path.replace("__", "/").strip("/")
        place.mkdir(parents=True, exist_ok=True)
        (place / "cgroup.controllers").write_text(controllers)
        (place / "cgroup.subtree_control").write_text(handed_down)
        (place / "cgroup.procs").write_text(held)
        if place != top:
            (place / "cgroup.type").write_text("domain\n")


def test_of_version_2_the_nearest_cgroup_that_hands_both_down_is_taken(tmp_path: Path) -> None:
    top = tmp_path / "fs"
    unified(top, __=("cpu memory pids", "cpu memory pids", ""), user=("memory pids", "memory pids", ""))
    unified(top, user__app=("memory pids", "memory pids", ""), user__app__term=("memory pids", "", "411\n"))
    proc = machine(tmp_path, "0::/user/app/term\n", f"/ {top} rw - cgroup2 cgroup2 rw")
    places, whys = cgroups.places(proc)
    assert places == {"pids": top / "user" / "app", "memory": top / "user" / "app"}
    assert whys == []


def test_of_version_2_one_cgroup_is_taken_for_both_since_a_process_is_in_one_only(tmp_path: Path) -> None:
    top = tmp_path / "fs"
    unified(top, __=("memory pids", "pids", "1\n"), app=("pids", "pids", ""), app__own=("pids", "", "411\n"))
    proc = machine(tmp_path, "0::/app/own\n", f"/ {top} rw - cgroup2 cgroup2 rw")
    assert cgroups.places(proc) == ({"pids": top, "memory": top}, [])


@pytest.mark.parametrize("limit", ["memory.max", "memory.high"])
def test_nothing_is_taken_out_of_a_cgroup_that_limits_memory(tmp_path: Path, limit: str) -> None:
    top = tmp_path / "fs"
    unified(top, __=("memory pids", "memory pids", ""), own=("memory pids", "", "411\n"))
    proc = machine(tmp_path, "0::/own\n", f"/ {top} rw - cgroup2 cgroup2 rw")
    (top / "own" / limit).write_text("max\n")
    assert cgroups.places(proc)[0] == {"pids": top, "memory": top}
    (top / "own" / limit).write_text("8589934592\n")
    places, whys = cgroups.places(proc)
    assert places == {} and "hands the controller `memory` down" in whys[1]


def test_controllers_are_switched_on_only_where_no_process_is_in_the_way(tmp_path: Path) -> None:
    top = tmp_path / "fs"
    unified(top, __=("pids", "", "1\n"), full=("pids", "", "1\n"), full__own=("pids", "", "411\n"))
    (top / "cgroup.type").write_text("domain\n")  # a container's own top is not the root
    proc = machine(tmp_path, "0::/full/own\n", f"/ {top} rw - cgroup2 cgroup2 rw")
    places, whys = cgroups.places(proc)
    assert places == {}
    assert "hands the controller `pids` down" in whys[0]
    (top / "full" / "cgroup.procs").write_text("")
    assert cgroups.places(proc)[0] == {"pids": top / "full"}
    assert (top / "full" / "cgroup.subtree_control").read_text() == "+pids"


def test_of_version_1_each_controller_has_its_own_place(tmp_path: Path) -> None:
    mounts = [
        f"/ {tmp_path}/systemd rw - cgroup cgroup rw,name=systemd",
        f"/docker/abc {tmp_path}/pids rw - cgroup cgroup rw,pids",
        f"/docker/abc {tmp_path}/memory rw - cgroup cgroup rw,memory",
        f"/ {tmp_path}/unified rw - cgroup2 cgroup2 rw",
    ]
    proc = machine(tmp_path, "9:name=systemd:/\n8:pids:/docker/abc\n4:memory:/docker/abc/deep\n0::/\n", *mounts)
    assert cgroups.places(proc) == ({"pids": tmp_path / "pids", "memory": tmp_path / "memory" / "deep"}, [])


def test_where_there_are_no_cgroups_it_is_said(tmp_path: Path) -> None:
    group = cgroups.make("x", tasks=5, memory_bytes=1 << 30, proc=machine(tmp_path, "", "/ / rw - ext4 /dev/sda rw"))
    assert group.folders == () and "are mounted" in group.why
    assert group.command(["a", "b"]) == ["a", "b"]
    assert (group.refused(), group.ran_out_of_memory()) == (0, False)
    assert "No such file" in cgroups.make("x", tasks=5, memory_bytes=1, proc=tmp_path / "nowhere").why
