"""The tools of other people's MCP servers, held at arm's length.

A server is started with its own credentials and nobody else's; one that cannot be reached, or dies, costs its own tools
only. Its tools are loaded on demand, under names that cannot meet ours, and declare no effects, so that policy asks:
a server's readOnlyHint is its own claim, and counts only where the person's configuration says so.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from pydantic_ai.capabilities import Capability
from pydantic_ai.exceptions import ToolFailed
from pydantic_ai.tools import RunContext, ToolDefinition
from pydantic_ai.toolsets import ToolsetTool, WrapperToolset

from labwright.agent.servers import Configured, Local, Server

if TYPE_CHECKING:
    from pydantic_ai.mcp import MCPToolset

LONGEST_NAME = 64  # what the strictest provider takes
LONGEST_DESCRIPTION = 1_024  # characters
LARGEST_SCHEMA = 16_000  # characters
_NAMED = 12  # tools that stand in the catalogue's line
_CLOSING_S = 5.0
_CLIENTS = ("mcp", "client")  # loggers of the protocol's client
_MOST_COMPLAINTS = 20


@dataclass(frozen=True, slots=True)
class Connected:
    """A capability for each server that answered."""

    capabilities: tuple[Capability[Any], ...]


@asynccontextmanager
async def connected(configured: Configured, *, logs: Path, say: Callable[[str], None]) -> AsyncIterator[Connected]:
    """Connect to all servers at once, each within its own timeout, and stay connected until the end.

    `say` hears a sentence for each server that is left out, now or later, and why. What a server prints goes to
    `logs`/mcp-NAME.log.
    """
    for note in configured.notes:
        say(note)
    hide = [server.hide for server in configured.servers]
    async with AsyncExitStack() as stack:
        stack.enter_context(_heard_once(say, hide))
        opened = await asyncio.gather(*(_open(server, logs, stack, say) for server in configured.servers))
        for one in opened:
            if isinstance(one, str):
                say(one)
        yield Connected(tuple(one for one in opened if isinstance(one, Capability)))


class _Once(logging.Handler):
    """Says each complaint of the protocol's client once, in a line."""

    def __init__(self, say: Callable[[str], None], hide: Sequence[Callable[[str], str]]) -> None:
        super().__init__(logging.WARNING)
        self._say, self._hide = say, hide
        self._said: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        """Without the traceback: it would hold what a server printed."""
        message = _clipped(" ".join(record.getMessage().split()), 200)
        for hide in self._hide:
            message = hide(message)
        if message not in self._said and len(self._said) < _MOST_COMPLAINTS:
            self._said.add(message)
            self._say(f"MCP client (said once): {message}")


@contextmanager
def _heard_once(say: Callable[[str], None], hide: Sequence[Callable[[str], str]]) -> Iterator[None]:
    """A server that prints a banner on stdout would cost the screen a traceback a line; what is handled does not."""
    handler, loggers = _Once(say, hide), [logging.getLogger(name) for name in _CLIENTS]
    for log in loggers:
        log.addHandler(handler)
    try:
        yield
    finally:
        for log in loggers:
            log.removeHandler(handler)


async def _open(server: Server, logs: Path, stack: AsyncExitStack, say: Callable[[str], None]) -> Capability[Any] | str:
    try:
        toolset = _toolset(server, logs)
        async with asyncio.timeout(server.timeout_s):
            await toolset.__aenter__()
            stack.push_async_callback(_close, toolset)
            names = [tool.name for tool in await toolset.list_tools()]
    except TimeoutError:
        said = f"it did not answer within {server.timeout_s:g} s."
        return f"MCP server {server.name} is left out: {said}{_see(server, logs)}"
    except Exception as error:  # noqa: BLE001 - an edge: whatever a server does is a note, and never ends a session
        return f"MCP server {server.name} is left out: {server.hide(_reason(error))}{_see(server, logs)}"
    held = ServerToolset(toolset, server, say)
    named = ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")
    return Capability(
        id=f"mcp__{server.name}",
        description=f"Tools of the MCP server {server.name}: {_clipped(named, LONGEST_DESCRIPTION)}",
        toolsets=[held],
        defer_loading=True,
    )


def _see(server: Server, logs: Path) -> str:
    """Where to read why, where it said something."""
    log = _log(server, logs)
    said = isinstance(server.reach, Local) and log.exists() and log.stat().st_size
    return f" What it said is in {log}." if said else ""


def _log(server: Server, logs: Path) -> Path:
    return logs / f"mcp-{server.name}.log"


def _toolset(server: Server, logs: Path) -> MCPToolset[Any]:
    # The protocol's client costs more than a second to import, so only who has a server pays for it.
    from fastmcp.client.transports import SSETransport, StdioTransport, StreamableHttpTransport  # noqa: PLC0415
    from pydantic_ai.mcp import MCPToolset  # noqa: PLC0415

    reach = server.reach
    transport: StdioTransport | SSETransport | StreamableHttpTransport
    if isinstance(reach, Local):
        logs.mkdir(parents=True, exist_ok=True)
        transport = StdioTransport(
            command=reach.command,
            args=list(reach.args),
            env=dict(reach.env),  # over the few of ours that every process needs (PATH, HOME, …), and no more
            cwd=reach.cwd,
            keep_alive=False,
            log_file=_log(server, logs),
        )
    elif reach.transport == "sse":
        transport = SSETransport(reach.url, headers=dict(reach.headers))
    else:
        transport = StreamableHttpTransport(reach.url, headers=dict(reach.headers))
    return MCPToolset(transport, id=server.name, tool_error_behavior="failed", init_timeout=server.timeout_s)


async def _close(toolset: MCPToolset[Any]) -> None:
    try:
        async with asyncio.timeout(_CLOSING_S):
            await toolset.__aexit__(None, None, None)
    except Exception:  # noqa: BLE001 - an edge: a server that is gone already cannot be asked to go
        return


@dataclass
class ServerToolset(WrapperToolset[Any]):
    """One server's tools under our names, without effects. The connection is `connected`'s: a run opens nothing."""

    server: Server
    say: Callable[[str], None]
    _originals: dict[str, ToolsetTool[Any]] = field(default_factory=dict, init=False, repr=False)
    _said: set[str] = field(default_factory=set, init=False, repr=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *args: Any) -> bool | None:
        return None

    async def get_tools(self, ctx: RunContext[Any]) -> dict[str, ToolsetTool[Any]]:
        """The tools as the server lists them now, or as it last did."""
        try:
            listed = await self.wrapped.get_tools(ctx)
        except Exception as error:  # noqa: BLE001 - an edge: see `_open`
            self._tell(f"MCP server {self.server.name} no longer lists its tools: {_reason(error)}")
            return {name: self._ours(name, tool) for name, tool in self._originals.items()}
        self._originals = {}
        for name, tool in listed.items():
            if len(str(tool.tool_def.parameters_json_schema)) > LARGEST_SCHEMA:
                self._tell(f"MCP server {self.server.name}: the tool {name} is left out, for its schema is too large.")
            else:
                self._originals[tool_name(self.server.name, name)] = tool
        return {name: self._ours(name, tool) for name, tool in self._originals.items()}

    async def call_tool(
        self,
        name: str,
        tool_args: dict[str, Any],
        ctx: RunContext[Any],
        tool: ToolsetTool[Any],  # noqa: ARG002 - it is ours; the server's own is what has to be called
    ) -> Any:
        """Call it by the server's own name for it.

        Raises:
            ToolFailed: the server refused, or is gone.
        """
        original = self._originals[name]
        try:
            own = replace(ctx, tool_name=original.tool_def.name)
            return await self.wrapped.call_tool(original.tool_def.name, tool_args, own, original)
        except ToolFailed:
            raise
        except Exception as error:  # one of the marked edges: a tool call
            # A broken connection comes as ModelRetry too, and a model that retries a dead server would end its own run.
            reason = self.server.hide(_reason(error))
            self._tell(f"MCP server {self.server.name} failed: {reason}")
            raise ToolFailed(
                f"The MCP server {self.server.name} refused or did not answer: {reason} "
                "Unless it refused, whether the call had an effect is unknown."
            ) from error

    def _ours(self, name: str, tool: ToolsetTool[Any]) -> ToolsetTool[Any]:
        return replace(tool, toolset=self, tool_def=self._definition(name, tool.tool_def))

    def _definition(self, name: str, theirs: ToolDefinition) -> ToolDefinition:
        hints = (theirs.metadata or {}).get("annotations") or {}
        metadata: dict[str, Any] = {"server": self.server.name, "sandboxed": False}
        if self.server.trusts_hints and hints.get("readOnlyHint") is True:
            metadata |= {"effects": ("read",), "cost": None}
        description = _clipped(theirs.description or "", LONGEST_DESCRIPTION)
        return replace(theirs, name=name, description=description, metadata=metadata)

    def _tell(self, message: str) -> None:
        if message not in self._said:
            self._said.add(message)
            self.say(self.server.hide(message))


def tool_name(server: str, tool: str) -> str:
    """Our name for a server's tool: `mcp__SERVER__TOOL`, in characters and length that every provider takes."""
    name = f"mcp__{server}__{re.sub(r'[^A-Za-z0-9_-]+', '_', tool)}"
    if len(name) <= LONGEST_NAME and name.endswith(f"__{tool}"):
        return name
    return f"{name[: LONGEST_NAME - 9]}_{sha256(tool.encode()).hexdigest()[:8]}"  # what was changed stays unique


def _reason(error: BaseException) -> str:
    """The innermost cause in a sentence: connection errors come wrapped in groups of groups."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    text = " ".join(str(error).split()).rstrip(".")
    return _clipped(f"{text or type(error).__name__}.", 300)


def _clipped(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


__all__ = ["Connected", "ServerToolset", "connected", "tool_name"]
