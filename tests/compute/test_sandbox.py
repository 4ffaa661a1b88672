"""What a sandboxed command can see and do, asked from inside it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.compute.small_runs import SANDBOX

from labwright.compute.sandbox import Mounts, Sandbox, interpreter_roots

confined = pytest.mark.skipif(SANDBOX.boundary != "enforced", reason=SANDBOX.why)


def inside(script: str, mounts: Mounts, cwd: Path, *args: str) -> object:
    """What the script prints as JSON, run in the sandbox."""
    line = SANDBOX.command([sys.executable, "-c", script, *args], mounts=mounts, cwd=cwd)
    done = subprocess.run(line, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


READ = """
import json, sys
def read(path):
    try:
        return open(path).read()
    except OSError as error:
        return type(error).__name__
print(json.dumps([read(path) for path in sys.argv[1:]]))
"""
LIST = "import json, os, sys; print(json.dumps([sorted(os.listdir(path)) for path in sys.argv[1:]]))"


def test_a_sandbox_that_is_off_changes_nothing_and_says_why() -> None:
    off = Sandbox("off")
    assert off.boundary == "not enforced"
    assert "LABWRIGHT_SANDBOX" in off.why
    assert off.command(["a", "b"], mounts=Mounts(), cwd=Path("/")) == ["a", "b"]


def test_a_binary_that_cannot_confine_does_not_count_as_a_boundary(tmp_path: Path) -> None:
    fake = tmp_path / "bwrap"
    fake.write_text('#!/bin/sh\nwhile [ "$1" != -- ]; do shift; done; shift; exec "$@"\n')  # runs it, unconfined
    fake.chmod(0o755)
    script = "from labwright.compute import Sandbox; s = Sandbox('auto'); print(s.boundary); print(s.why)"
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    boundary, why = done.stdout.strip().splitlines()
    assert boundary == "not enforced"
    assert "could be read" in why


def test_a_machine_without_bubblewrap_is_told_the_cure(tmp_path: Path) -> None:
    script = "from labwright.compute import Sandbox; print(Sandbox('auto').why)"
    environment = {"PATH": str(tmp_path), "HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert "apt-get install bubblewrap" in done.stdout


@confined
def test_neither_home_nor_neighbours_nor_the_repository_are_visible(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "secret").write_text("sealed")
    repository_file = Path(__file__).resolve()
    seen = inside(
        READ, Mounts(writable=(tmp_path / "run",)), tmp_path / "run", f"{tmp_path}/secret", str(repository_file)
    )
    assert seen == ["FileNotFoundError", "FileNotFoundError"]
    home = inside(LIST, Mounts(writable=(tmp_path / "run",)), tmp_path / "run", str(Path.home()))
    roots = {
        root.relative_to(Path.home()).parts[0]
        for root in interpreter_roots(Path(sys.executable))
        if root.is_relative_to(Path.home())
    }
    assert home == [sorted(roots)]


@confined
def test_hidden_paths_are_covered_inside_any_bind(tmp_path: Path) -> None:
    run = tmp_path / "run"
    (run / "vault").mkdir(parents=True)
    (run / "vault" / "test.jsonl").write_text("sealed")
    (run / "answers").write_text("sealed")
    mounts = Mounts(writable=(run,), hidden=(run / "vault", run / "answers", run / "not-there"))
    assert inside(READ, mounts, run, f"{run}/vault/test.jsonl", f"{run}/answers") == [
        "FileNotFoundError",
        "PermissionError",
    ]


@confined
def test_a_hidden_path_inside_the_virtual_environment_is_covered(tmp_path: Path) -> None:
    hidden = Path(json.__file__).resolve().parent / "tool.py"  # of the interpreter's installation, which is bound
    seen = inside(READ, Mounts(writable=(tmp_path,), hidden=(hidden,)), tmp_path, str(hidden))
    assert seen == ["PermissionError"]


@confined
def test_a_hidden_path_reached_through_a_link_is_covered(tmp_path: Path) -> None:
    real, run = tmp_path / "real", tmp_path / "run"
    (real / "vault").mkdir(parents=True)
    (real / "vault" / "items").write_text("sealed")
    run.mkdir()
    (tmp_path / "link").symlink_to(real)
    mounts = Mounts(read_only=(tmp_path / "link",), writable=(run,), hidden=(tmp_path / "link" / "vault",))
    assert inside(LIST, mounts, run, f"{tmp_path}/link", f"{tmp_path}/link/vault", f"{real}/vault") == [
        ["vault"],
        [],
        [],
    ]


@confined
def test_a_bind_inside_a_hidden_directory_shows_itself_and_nothing_beside_it(tmp_path: Path) -> None:
    home, run = tmp_path / "home", tmp_path / "home" / "run"
    run.mkdir(parents=True)
    (home / "secret").write_text("sealed")
    mounts = Mounts(read_only=(tmp_path,), writable=(run,), hidden=(home,))
    assert inside(LIST, mounts, run, str(home)) == [["run"]]


@confined
def test_there_is_no_network_no_other_process_and_no_new_namespace(tmp_path: Path) -> None:
    script = """
import json, os, socket, subprocess
links = [line.split(":")[0].strip() for line in open("/proc/net/dev") if ":" in line]
try:
    socket.create_connection(("192.0.2.1", 80), timeout=2)
    reached = "reached"
except OSError as error:
    reached = "unreachable"
pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
again = subprocess.run(["unshare", "--user", "true"], capture_output=True).returncode
print(json.dumps([links, reached, max(pids) < 10, again != 0]))
"""
    assert inside(script, Mounts(writable=(tmp_path,)), tmp_path) == [["lo"], "unreachable", True, True]


@confined
def test_read_only_mounts_cannot_be_written_and_writable_ones_can(tmp_path: Path) -> None:
    data, run = tmp_path / "data", tmp_path / "run"
    data.mkdir()
    run.mkdir()
    script = """
import json, os, sys
def write(path):
    try:
        open(path, "w").close()
        return "written"
    except OSError as error:
        return os.strerror(error.errno)
print(json.dumps([write(path) for path in sys.argv[1:]]))
"""
    paths = (f"{data}/x", f"{run}/x", "/usr/x", f"{sys.prefix}/x")
    seen = inside(script, Mounts(read_only=(data,), writable=(run,)), run, *paths)
    assert seen == ["Read-only file system", "written", "Read-only file system", "Read-only file system"]


@confined
def test_torch_finds_its_cores_inside(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    script = "import torch, json; print(json.dumps([torch.get_num_threads(), float(torch.ones(3).sum())]))"
    threads, total = inside(script, Mounts(writable=(tmp_path,)), tmp_path)  # type: ignore[misc]
    assert threads >= 1
    assert total == 3.0


def test_only_the_virtual_environment_of_a_repository_is_bound(tmp_path: Path) -> None:
    environment = tmp_path / "repository" / ".venv"
    (environment / "bin").mkdir(parents=True)
    (environment / "pyvenv.cfg").touch()
    (environment / "bin" / "python").symlink_to(Path(sys.executable).resolve())
    roots = interpreter_roots(environment / "bin" / "python")
    assert roots[0] == environment
    assert tmp_path / "repository" not in roots


def test_an_interpreter_in_the_home_does_not_open_the_home(tmp_path: Path) -> None:
    script = """
from pathlib import Path
from labwright.compute.sandbox import interpreter_roots
home = Path.home()
(home / "bin").mkdir(); (home / "lib" / "python3.11").mkdir(parents=True); (home / "bin" / "python").touch()
print(interpreter_roots(home / "bin" / "python"))
"""
    environment = {"HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "()"
