"""Other people's servers: real ones, on stdio and on loopback HTTP."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from pydantic_ai import Agent
from pydantic_ai.messages import ModelMessage, ModelRequest, ModelResponse, TextPart, ToolCallPart, ToolReturnPart
from pydantic_ai.models.function import AgentInfo, FunctionModel
from pydantic_ai.tools import ToolDefinition
from tests.agent import mcp_servers
from tests.agent.mcp_servers import http_server

from labwright.agent.mcp import LONGEST_NAME, connected, tool_name
from labwright.agent.servers import Configured, Local, Remote, Server

SCRIPT = str(Path(mcp_servers.__file__))


def stdio(name: str = "local", *, trust: bool = False, **env: str) -> Server:
    reach = Local(sys.executable, (SCRIPT,), env, None)
    return Server(name, reach, Path("mcp.json"), "f", "shown", tuple(env.values()), trusts_hints=trust, timeout_s=180)


def remote(name: str, url: str, token: str) -> Server:
    reach = Remote(url, {"Authorization": f"Bearer {token}"}, "http")
    return Server(name, reach, Path("mcp.json"), "f", "shown", (token,), timeout_s=180)


class Script(FunctionModel):
    """Loads a capability, then makes the given calls one by one; remembers the tools that it was offered."""

    def __init__(self, *calls: ToolCallPart) -> None:
        self.calls = list(calls)
        self.offered: list[dict[str, ToolDefinition]] = []
        super().__init__(self._answer)

    @classmethod
    def supported_native_tools(cls) -> frozenset[Any]:
        return frozenset()

    def _answer(self, messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        self.offered.append({tool.name: tool for tool in info.function_tools})
        return ModelResponse([self.calls.pop(0) if self.calls else TextPart("done")])


def load(server: str) -> ToolCallPart:
    return ToolCallPart("load_capability", {"id": f"mcp__{server}"})


def returns(messages: Sequence[ModelMessage]) -> list[ToolReturnPart]:
    return [p for m in messages if isinstance(m, ModelRequest) for p in m.parts if isinstance(p, ToolReturnPart)]


def run(servers: Sequence[Server], script: Script, logs: Path) -> tuple[list[ToolReturnPart], list[str]]:
    """The results of the script's calls, and everything that was said."""
    said: list[str] = []

    async def session() -> list[ToolReturnPart]:
        async with connected(Configured(tuple(servers), ()), logs=logs, say=said.append) as those:
            result = await Agent(script, capabilities=list(those.capabilities)).run("go")
            return returns(result.all_messages())

    return asyncio.run(session()), said


def test_a_stdio_server_gets_its_own_variables_and_none_of_ours(tmp_path: Path) -> None:
    assert "PYTEST_CURRENT_TEST" in os.environ  # one of ours
    script = Script(load("local"), ToolCallPart("mcp__local__environment", {}))
    results, said = run([stdio(OWN_KEY="own-key")], script, tmp_path)
    theirs = json.loads(str(results[-1].content))
    assert theirs["OWN_KEY"] == "own-key"
    assert set(theirs) <= {"OWN_KEY", "HOME", "LC_CTYPE", "LOGNAME", "PATH", "SHELL", "TERM", "USER"}
    assert said == []


def test_its_tools_come_on_demand_under_our_names_and_declare_no_effects(tmp_path: Path) -> None:
    script = Script(load("local"))
    run([stdio()], script, tmp_path)
    first, then = script.offered
    assert set(first) == {"load_capability"}
    assert {"mcp__local__environment", "mcp__local__write"} <= set(then)
    theirs = [tool for name, tool in then.items() if name.startswith("mcp__")]
    assert [tool.metadata for tool in theirs if "effects" in (tool.metadata or {})] == []
    assert "a line on stderr" in (tmp_path / "mcp-local.log").read_text()


def test_a_read_only_hint_counts_only_where_the_configuration_trusts_it(tmp_path: Path) -> None:
    script = Script(load("local"))
    run([stdio(trust=True)], script, tmp_path)
    effects = {name: (tool.metadata or {}).get("effects") for name, tool in script.offered[-1].items()}
    assert effects["mcp__local__environment"] == ("read",)
    assert effects["mcp__local__write"] is None


def test_what_a_server_refuses_is_a_failed_result(tmp_path: Path) -> None:
    script = Script(load("local"), ToolCallPart("mcp__local__refuse", {}))
    results, _ = run([stdio()], script, tmp_path)
    assert results[-1].outcome == "failed"
    assert "refuse" in str(results[-1].content)


def test_a_server_that_dies_in_a_call_costs_its_own_tools_only(tmp_path: Path) -> None:
    calls = [ToolCallPart(f"mcp__local__{name}", args) for name, args in (("leave", {}), ("write", {"text": "x"}))]
    script = Script(load("local"), *calls)
    results, said = run([stdio()], script, tmp_path)
    assert [result.outcome for result in results[-2:]] == ["failed", "failed"]
    assert "unknown" in str(results[-2].content)
    assert any("MCP server local failed" in line for line in said)


def test_each_http_server_is_sent_its_own_headers(tmp_path: Path) -> None:
    with http_server() as one, http_server() as two:
        script = Script(load("one"), ToolCallPart("mcp__one__write", {"text": "x"}))
        servers = [remote("one", one.url, "token-one"), remote("two", two.url, "token-two")]
        results, said = run(servers, script, tmp_path)
        assert "wrote x" in str(results[-1].content)
        assert said == []
        assert one.credentials == {"Bearer token-one"}
        assert two.credentials == {"Bearer token-two"}


def test_a_server_that_sends_us_elsewhere_does_not_send_its_credentials_there(tmp_path: Path) -> None:
    with http_server() as elsewhere, http_server(redirect_to=elsewhere.url) as moved:
        reach = Remote(moved.url, {"X-Api-Key": "key-one"}, "http")
        run([Server("moved", reach, Path("mcp.json"), "f", "shown", timeout_s=180)], Script(), tmp_path)
        assert moved.credentials == {"key-one"}
        assert elsewhere.credentials == set()


def test_servers_that_cannot_be_reached_are_named_and_the_run_goes_on(tmp_path: Path) -> None:
    with socket.socket() as closed, socket.socket() as mute:
        for one in (closed, mute):
            one.bind(("127.0.0.1", 0))
        mute.listen()
        urls = [f"http://127.0.0.1:{one.getsockname()[1]}/mcp?key=canary-4711" for one in (closed, mute)]
        dead = [
            Server(name, Remote(url, {}, "http"), Path("mcp.json"), "f", "shown", ("canary-4711",), timeout_s=1)
            for name, url in zip(("closed", "mute"), urls, strict=True)
        ]
        absent = Server("absent", Local("/no/such/command", (), {}, None), Path("mcp.json"), "f", "shown")
        _, said = run([*dead, absent], Script(), tmp_path)
    assert len(said) == 3
    for name, line in zip(("closed", "mute", "absent"), said, strict=True):
        assert line.startswith(f"MCP server {name} is left out")
        assert "canary" not in line


def test_a_server_that_prints_on_stdout_is_complained_about_once_and_works(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    noise = "print('Welcome, key-4711!\\n' * 50, flush=True); runpy.run_path(sys.argv[1], run_name='__main__')"
    reach = Local(sys.executable, ("-c", f"import runpy, sys; {noise}", SCRIPT), {}, None)
    chatty = Server("local", reach, Path("mcp.json"), "f", "shown", ("key-4711",), timeout_s=180)
    results, said = run([chatty], Script(load("local"), ToolCallPart("mcp__local__write", {"text": "x"})), tmp_path)
    assert "wrote x" in str(results[-1].content)
    assert len(said) == 1 and "said once" in said[0]
    assert "4711" not in said[0] and capfd.readouterr().err == ""


def test_a_server_that_does_not_start_says_where_its_last_words_are(tmp_path: Path) -> None:
    broken = Local(sys.executable, ("-c", "raise SystemExit('no database')"), {}, None)
    _, said = run([Server("broken", broken, Path("mcp.json"), "f", "shown", timeout_s=180)], Script(), tmp_path)
    (line,) = said
    assert "left out" in line and str(tmp_path / "mcp-broken.log") in line
    assert "no database" in (tmp_path / "mcp-broken.log").read_text()


def test_tool_names_are_unique_and_fit_every_provider() -> None:
    names = [tool_name("s", tool) for tool in ("read", "read file", "read_file", "x" * 200, "x" * 201, "löschen")]
    assert names[0] == "mcp__s__read"
    assert len(set(names)) == len(names)
    assert all(len(name) <= LONGEST_NAME and name.isascii() and " " not in name for name in names)


def test_the_protocol_s_client_is_not_imported_before_a_server_is_configured() -> None:
    code = (
        "import labwright.agent.mcp, sys; sys.exit(any(name in sys.modules for name in ('fastmcp', 'pydantic_ai.mcp')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
