"""Where the intern's commands run: the best confinement there is, and it is said which.

No Docker daemon is at hand in tests: a stand-in takes its command line and runs `exec` on this machine, so that the
protocol between us, the harness and `docker` is the real one.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Literal

import pytest

from labwright.agent.workspace import ContainerBackend, SandboxedBackend, confine
from labwright.compute import Sandbox

DOCKER = f"""#!{sys.executable}
import os, subprocess, sys
from pathlib import Path
log = Path(__file__).with_suffix(".log")
words = sys.argv[1:]
with log.open("a") as file:
    file.write(" ".join(words) + "\\n")
if words[0] == "info" and log.with_suffix(".down").exists():
    sys.exit("the daemon is not running")
if words[0] == "inspect":
    print("true true")  # its label, and that it runs
if words[0] == "exec":
    rest, where = words[1:], None
    while rest[0].startswith("--"):
        where = rest[1] if rest[0] == "--workdir" else where
        rest = rest[2:]
    pids = log.parent / "pids"  # what is a tmpfs in a real container
    pids.mkdir(exist_ok=True)
    command = [word.replace("/run/pydantic-ai", str(pids)) for word in rest[1:]]
    sys.exit(subprocess.run(command, cwd=where).returncode)
"""


@pytest.fixture
def docker(tmp_path: Path) -> Path:
    path = tmp_path / "bin" / "docker"
    path.parent.mkdir()
    path.write_text(DOCKER)
    path.chmod(0o755)
    return path


@pytest.mark.skipif(Sandbox("auto").boundary != "enforced", reason="bubblewrap does not work on this machine")
def test_where_bubblewrap_works_it_is_taken_without_a_word(tmp_path: Path, docker: Path) -> None:
    found = confine(tmp_path, Sandbox("auto"), hidden=(), image="python", docker=str(docker))
    assert isinstance(found.backend, SandboxedBackend) and found.confined and not found.remark
    assert not docker.with_suffix(".log").exists()


def test_else_commands_run_in_a_container_without_network_that_is_removed(tmp_path: Path, docker: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    found = confine(work, Sandbox("off"), hidden=(), image="python:3.12-slim", docker=str(docker))
    assert isinstance(found.backend, ContainerBackend) and found.confined
    assert "Docker container of python:3.12-slim" in found.remark

    async def use(backend: ContainerBackend) -> str:
        result = await backend.run("echo made > made.txt; pwd", shell=True)
        await backend.close()
        return str(result.stdout).strip()

    assert asyncio.run(use(found.backend)) == str(work)
    assert (work / "made.txt").read_text() == "made\n"
    said = docker.with_suffix(".log").read_text().splitlines()
    started = next(line for line in said if line.startswith("run "))
    assert "--network none" in started and f"--volume {work}:{work}" in started and "--cap-drop ALL" in started
    assert said[-1].startswith("rm --force")


def test_with_neither_commands_are_not_confined_and_it_is_said_why(tmp_path: Path, docker: Path) -> None:
    docker.with_suffix(".down").touch()
    found = confine(tmp_path, Sandbox("off"), hidden=(), image="python", docker=str(docker))
    assert isinstance(found.backend, SandboxedBackend) and not found.confined
    assert "asked about" in found.remark and "the daemon is not running" in found.remark
    missing = confine(tmp_path, Sandbox("off"), hidden=(), image="python", docker="no-such-docker")
    assert "not installed" in missing.remark


@pytest.mark.parametrize("cgroups", ["auto", "off"])
def test_a_command_with_too_many_processes_fails_and_its_errors_say_so(
    tmp_path: Path, cgroups: Literal["auto", "off"]
) -> None:
    backend = SandboxedBackend(tmp_path, Sandbox("auto", cgroups=cgroups), tasks=50)
    crowd = "i=0; while [ $i -lt 200 ]; do sleep 60 & i=$((i + 1)); done; wait"
    result = asyncio.run(backend.run(crowd, shell=True))
    assert result.exit_code != 0
    assert "more than 50 processes and threads" in result.stderr
    fine = asyncio.run(backend.run("echo made; echo odd >&2; exit 3", shell=True))
    assert (fine.exit_code, fine.stdout, fine.stderr) == (3, "made\n", "odd\n")
