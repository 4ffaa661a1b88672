"""Real MCP servers for the tests: run as a script it speaks stdio; `http_server` serves streamable HTTP on loopback."""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from mcp.server.mcpserver import MCPServer
from mcp.types import ToolAnnotations


def make_server() -> MCPServer[Any]:
    """Tools: the names of its environment's variables, one that writes, one that fails, one that ends the process."""
    server = MCPServer("loopback")

    @server.tool(annotations=ToolAnnotations(read_only_hint=True))
    def environment() -> str:
        """The server's environment."""
        return json.dumps(dict(os.environ))

    @server.tool()
    def write(text: str) -> str:
        """Writes."""
        return f"wrote {text}"

    @server.tool()
    def refuse() -> str:
        """Fails."""
        raise ValueError("no such page")

    @server.tool()
    def leave() -> str:
        """Ends the server."""
        os._exit(3)

    return server


@dataclass
class HttpServer:
    """A running server and the credentials that it was sent."""

    url: str
    credentials: set[str] = field(default_factory=set)


@contextmanager
def http_server(*, redirect_to: str | None = None) -> Iterator[HttpServer]:
    """A streamable-HTTP server on a free port of 127.0.0.1, or one that sends its callers elsewhere."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()  # who comes before the server is up, waits
        running = HttpServer(f"http://127.0.0.1:{listener.getsockname()[1]}/mcp")
        app = make_server().streamable_http_app()

        async def noting(scope: Any, receive: Any, send: Any) -> None:
            for name, value in scope.get("headers", ()):
                if name in (b"authorization", b"x-api-key"):
                    running.credentials.add(value.decode())
            if redirect_to is None or scope["type"] != "http":
                await app(scope, receive, send)
            else:
                moved = [(b"location", redirect_to.encode()), (b"content-length", b"0")]
                await send({"type": "http.response.start", "status": 307, "headers": moved})
                await send({"type": "http.response.body", "body": b""})

        config = uvicorn.Config(noting, log_level="error", lifespan="on", timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            yield running
        finally:
            server.should_exit = True
            thread.join(5)


if __name__ == "__main__":
    print("a line on stderr", file=sys.stderr)
    make_server().run("stdio")
