"""The directory the intern works in: its commands run in the sandbox, its file tools in this process, rooted there.

pydantic-ai's own bubblewrap workspace starts a sandbox for every file that is read (about 130 forks each). Here only
commands are wrapped, by the same probed sandbox that training runs get: no network, no other process, nothing of the
user's files but the workspace, and `--die-with-parent`, so no command lives on to swap a file behind a check.

Where bubblewrap cannot, a Docker container of the session's own does: without network, the workspace at the same path
in it. With neither, commands run as they are, and policy asks about each.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psutil
from pydantic_ai import RunContext
from pydantic_ai.capabilities import AbstractCapability
from pydantic_ai.workspaces import LocalWorkspaceBackend
from pydantic_ai_harness.docker_sandbox import DockerSandbox, DockerSandboxBackend

from labwright.agent.deps import Deps
from labwright.compute import Mounts, Sandbox, fence

_DOCKER_ANSWERS_S = 30.0
_TASKS = 1024  # processes and threads of one command
_MEMORY_SHARE = 0.85  # of the machine's


class SandboxedBackend(LocalWorkspaceBackend):
    """A local workspace whose commands are confined where the sandbox's probe held, and have ceilings everywhere."""

    def __init__(self, directory: Path, sandbox: Sandbox, *, hidden: Sequence[Path] = (), tasks: int = _TASKS) -> None:
        super().__init__(str(directory))
        self._directory = directory
        self._sandbox = sandbox
        self._tasks = tasks
        self._mounts = Mounts(writable=(directory,), hidden=tuple(hidden))

    async def run(self, command: str | Sequence[str], *, shell: bool = False, **options: Any) -> Any:
        """Run a command line, or a program with its arguments. What it leaves behind ends with it."""
        as_line = shell or isinstance(command, str)
        argv = ["/bin/sh", "-c", str(command)] if as_line else [str(word) for word in command]
        line = self._sandbox.command(argv, mounts=self._mounts, cwd=self._directory, gpus=False)
        memory_bytes = int(psutil.virtual_memory().total * _MEMORY_SHARE)
        with fence(line, tasks=self._tasks, memory_bytes=memory_bytes, mode=self._sandbox.cgroups) as fenced:
            result = await super().run(fenced.argv, **options)
            complaint = fenced.complaint()
        return replace(result, stderr=f"{result.stderr}{complaint}\n") if complaint else result


class ContainerBackend(LocalWorkspaceBackend):
    """A local workspace whose commands run in a container that sees nothing else of this machine."""

    def __init__(self, directory: Path, image: str, executable: str = "docker") -> None:
        super().__init__(str(directory))
        self._executable = executable
        self._container = DockerSandboxBackend(
            image=image,
            working_dir=str(directory),
            allow_internet_access=False,
            docker_args=[
                *("--volume", f"{directory}:{directory}", "--user", f"{os.getuid()}:{os.getgid()}"),
                *("--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
            ],
            executable=executable,
        )

    async def run(self, command: Any, *, shell: bool = False, **options: Any) -> Any:
        """Run a command line, or a program with its arguments; the first one starts the container."""
        return await self._container.run(command, shell=shell, **options)

    async def close(self) -> None:
        """Remove the container."""
        if self._container.ref is not None:
            await DockerSandbox[Any](executable=self._executable).destroy(self._container.ref)


@dataclass(frozen=True, slots=True)
class Confinement:
    """Where commands run, whether they are confined there, and what a person should know."""

    backend: SandboxedBackend | ContainerBackend
    confined: bool
    remark: str = ""


def confine(
    directory: Path, sandbox: Sandbox, *, hidden: Sequence[Path], image: str | None, docker: str = "docker"
) -> Confinement:
    """The best there is: bubblewrap, else a container of `image` (None: no container), else nothing."""
    if sandbox.boundary == "enforced":
        return Confinement(SandboxedBackend(directory, sandbox, hidden=hidden), confined=True)
    why = f"bubblewrap: {sandbox.why}"
    if image is not None:
        refusal = _docker_refuses(docker)
        if not refusal:
            remark = f"commands run in a Docker container of {image}, without network ({why})"
            return Confinement(ContainerBackend(directory, image, docker), confined=True, remark=remark)
        why += f"; Docker: {refusal}"
    remark = f"commands are not sandboxed, so each one is asked about before it runs ({why})"
    return Confinement(SandboxedBackend(directory, sandbox), confined=False, remark=remark)


def _docker_refuses(docker: str) -> str:
    """Why Docker cannot be used here; empty where its daemon answers."""
    if shutil.which(docker) is None:
        return "it is not installed"
    try:
        asked = subprocess.run([docker, "info"], capture_output=True, timeout=_DOCKER_ANSWERS_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return "" if asked.returncode == 0 else (asked.stderr.decode(errors="replace").strip()[:200] or "it refused")


@dataclass
class Workspace(AbstractCapability[Deps]):
    """Gives the agent's shell and file tools their workspace."""

    backend: SandboxedBackend | ContainerBackend
    id: str | None = field(default="labwright_workspace", kw_only=True)

    def get_workspace(self, ctx: RunContext[Deps], *, ref: Any) -> SandboxedBackend | ContainerBackend:  # noqa: ARG002
        """The one workspace of the session."""
        return self.backend
