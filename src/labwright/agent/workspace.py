"""The directory the intern works in: its commands run in the sandbox, its file tools in this process, rooted there.

pydantic-ai's own bubblewrap workspace starts a sandbox for every file that is read (about 130 forks each). Here only
commands are wrapped, by the same probed sandbox that training runs get: no network, no other process, nothing of the
user's files but the workspace, and `--die-with-parent`, so no command lives on to swap a file behind a check.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic_ai import RunContext
from pydantic_ai.capabilities import AbstractCapability
from pydantic_ai.workspaces import LocalWorkspaceBackend

from labwright.agent.deps import Deps
from labwright.compute import Mounts, Sandbox


class SandboxedBackend(LocalWorkspaceBackend):
    """A local workspace whose commands are confined where the sandbox's probe held."""

    def __init__(self, directory: Path, sandbox: Sandbox, *, hidden: Sequence[Path] = ()) -> None:
        super().__init__(str(directory))
        self._directory = directory
        self._sandbox = sandbox
        self._mounts = Mounts(writable=(directory,), hidden=tuple(hidden))

    async def run(self, command: str | Sequence[str], *, shell: bool = False, **options: Any) -> Any:
        """Run a command line, or a program with its arguments."""
        as_line = shell or isinstance(command, str)
        argv = ["/bin/sh", "-c", str(command)] if as_line else [str(word) for word in command]
        return await super().run(
            self._sandbox.command(argv, mounts=self._mounts, cwd=self._directory, gpus=False), **options
        )


@dataclass
class Workspace(AbstractCapability[Deps]):
    """Gives the agent's shell and file tools their workspace."""

    backend: SandboxedBackend
    id: str | None = field(default="labwright_workspace", kw_only=True)

    def get_workspace(self, ctx: RunContext[Deps], *, ref: Any) -> SandboxedBackend:  # noqa: ARG002
        """The one workspace of the session."""
        return self.backend
