"""Which MCP servers are configured: in `LABWRIGHT_HOME/mcp.json` and the workspace's `.mcp.json`, read and checked.

    {"mcpServers": {
        "papers": {"command": "uvx", "args": ["papers-mcp"], "env": {"API_KEY": "${PAPERS_KEY}"}},
        "wiki":   {"url": "https://wiki.example/mcp", "headers": {"Authorization": "Bearer ${WIKI_TOKEN:-none}"},
                   "trust": "read-only-hints"}},
     "allow": {"NAME": "FINGERPRINT"}}

A workspace is often somebody else's repository, and the agent may write in it; its servers would run outside the
sandbox with this person's credentials. So they start only where the home's `allow` has the entry's fingerprint or the
person agrees when asked, and they cannot declare themselves trusted. Nothing here fails a session: what cannot be used
is left out, and a note says why.
"""

from __future__ import annotations

import hashlib
import json
import re
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

HOME_FILE = "mcp.json"
WORKSPACE_FILE = ".mcp.json"
MOST_BYTES = 1_000_000
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")
_LONGEST_NAME = 24
_SHORTEST_SECRET = 4


@dataclass(frozen=True, slots=True)
class Local:
    """A server that is a process of this machine and speaks on its stdin and stdout."""

    command: str
    args: tuple[str, ...] = field(repr=False)
    env: Mapping[str, str] = field(repr=False)
    cwd: str | None


@dataclass(frozen=True, slots=True)
class Remote:
    """A server behind a URL, by streamable HTTP or, where it says so, by the older SSE."""

    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    transport: Literal["http", "sse"]


@dataclass(frozen=True, slots=True)
class Server:
    """One configured server, with its own credentials. `name` is safe as a part of a tool's name."""

    name: str
    reach: Local | Remote
    file: Path
    fingerprint: str
    shown: str  # how it is reached, with variables unexpanded
    secrets: tuple[str, ...] = field(default=(), repr=False)  # the longest first
    trusts_hints: bool = False
    timeout_s: float = 20.0

    def hide(self, text: str) -> str:
        """The text without what this server was given in confidence."""
        for secret in self.secrets:
            text = text.replace(secret, "[hidden]")
        return text


@dataclass(frozen=True, slots=True)
class Configured:
    """The servers that may be started, and a sentence for each thing that was left out."""

    servers: tuple[Server, ...]
    notes: tuple[str, ...]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)

    command: str | None = None
    args: list[str] = Field(default_factory=list)
    env: dict[str, str] = Field(default_factory=dict)
    cwd: str | None = None
    url: str | None = None
    headers: dict[str, str] = Field(default_factory=dict)
    type: Literal["stdio", "http", "streamable-http", "streamableHttp", "sse"] | None = None
    disabled: bool = False
    trust: Literal["none", "read-only-hints"] = "none"
    timeout_s: float = Field(default=20.0, gt=0, le=600, strict=False)

    @model_validator(mode="after")
    def _one_way(self) -> _Entry:
        if (self.command is None) == (self.url is None):
            raise ValueError("it needs either a command or a url")
        return self


class _MissingError(Exception):
    """A variable that is not set."""


def nobody(server: Server) -> bool:
    """The answer where nobody can be asked: a workspace's server does not start."""
    del server
    return False


def read_servers(
    home: Path, workspace: Path | None, environment: Mapping[str, str], ask: Callable[[Server], bool] = nobody
) -> Configured:
    """The servers of the home and the workspace. Where both have a name, the home's counts.

    `ask` is asked about each server of the workspace that the home's `allow` does not have.
    """
    notes: list[str] = []
    servers: dict[str, Server] = {}
    ours = _read(home / HOME_FILE, notes, follow=True)
    allowed = _mapping(ours.get("allow")).values()
    for server in _servers(home / HOME_FILE, ours, environment, notes):
        servers.setdefault(server.name, server)
    if workspace is not None:
        file = workspace / WORKSPACE_FILE
        for server in _servers(file, _read(file, notes, follow=False), environment, notes, of_workspace=True):
            if server.name in servers:
                notes.append(
                    f"MCP server {server.name} of {file} is left out: {home / HOME_FILE} has one of that name."
                )
            elif server.fingerprint in allowed or ask(server):
                servers[server.name] = server
            else:
                notes.append(
                    f"MCP server {server.name} of {file} is not started: it would run outside the sandbox "
                    f"({server.shown}). To allow it, add to {home / HOME_FILE}: "
                    f'"allow": {{"{server.name}": "{server.fingerprint}"}}.'
                )
    return Configured(tuple(servers.values()), tuple(notes))


def _read(file: Path, notes: list[str], *, follow: bool) -> Mapping[str, Any]:
    """A file's JSON object; empty, with a note, where it is none. A missing file is nothing to speak of."""
    try:
        status = file.stat() if follow else file.lstat()
        if not stat.S_ISREG(status.st_mode) or status.st_size > MOST_BYTES:
            notes.append(f"{file} is left out: it is no ordinary file of at most {MOST_BYTES} bytes.")
            return {}
        content = json.loads(file.read_bytes())
    except FileNotFoundError:
        return {}
    except OSError as error:
        notes.append(f"{file} cannot be read: {error.strerror}.")
        return {}
    except ValueError as error:
        notes.append(f"{file} is left out: it is no JSON ({error}).")
        return {}
    if not isinstance(content, dict):
        notes.append(f"{file} is left out: it is no JSON object.")
    return _mapping(content)


def _servers(
    file: Path,
    content: Mapping[str, Any],
    environment: Mapping[str, str],
    notes: list[str],
    *,
    of_workspace: bool = False,
) -> Iterator[Server]:
    for given_name, raw in _mapping(content.get("mcpServers")).items():
        name = re.sub(r"[^a-z0-9]+", "-", given_name.lower()).strip("-")[:_LONGEST_NAME].strip("-")
        where = f"MCP server {given_name!r} of {file} is left out"
        try:
            entry = _Entry.model_validate(raw)
            if entry.disabled:
                continue
            if not name:
                raise ValueError("its name needs a letter or digit from a to z, 0 to 9")
            yield _server(name, file, entry, raw, environment, of_workspace=of_workspace)
            if of_workspace and entry.trust != "none":
                notes.append(f"MCP server {name}: its `trust` is ignored, because {file} is the workspace's own word.")
        except _MissingError as missing:
            notes.append(f"{where}: the variable {missing} is not set.")
        except ValidationError as error:
            notes.append(f"{where}: {_first(error)}.")
        except ValueError as error:
            notes.append(f"{where}: {error}.")


def _server(
    name: str, file: Path, entry: _Entry, raw: object, environment: Mapping[str, str], *, of_workspace: bool
) -> Server:
    secrets: set[str] = set()

    def expand(text: str) -> str:
        secrets.update(environment.get(match[1], "") for match in _VARIABLE.finditer(text))
        return _VARIABLE.sub(lambda match: _value(match, environment), text)

    def given(values: Mapping[str, str]) -> dict[str, str]:
        expanded = {key: expand(value) for key, value in values.items()}
        secrets.update(word for value in expanded.values() for word in (value, *value.split()))
        return expanded

    place = str(file.parent.resolve()) if of_workspace else ""
    canonical = json.dumps([name, place, raw], sort_keys=True)
    reach: Local | Remote
    if entry.command is not None:
        cwd = str((file.parent / expand(entry.cwd or ".")).resolve()) if entry.cwd or of_workspace else None
        reach = Local(expand(entry.command), tuple(map(expand, entry.args)), given(entry.env), cwd)
        shown = " ".join([entry.command, *entry.args])
    else:
        assert entry.url is not None
        url = expand(entry.url)
        if not url.startswith(("https://", "http://")):
            raise ValueError("its url must begin with https:// or http://")
        reach = Remote(url, given(entry.headers), "sse" if entry.type == "sse" else "http")
        shown = entry.url
    named = sorted({match[1] for match in _VARIABLE.finditer(json.dumps(raw))})
    return Server(
        name=name,
        reach=reach,
        file=file,
        fingerprint=hashlib.sha256(canonical.encode()).hexdigest()[:32],
        shown=f"{shown}, with {', '.join(named)}" if named else shown,
        secrets=tuple(sorted((s for s in secrets if len(s) >= _SHORTEST_SECRET), key=len, reverse=True)),
        trusts_hints=entry.trust == "read-only-hints" and not of_workspace,
        timeout_s=entry.timeout_s,
    )


def _value(match: re.Match[str], environment: Mapping[str, str]) -> str:
    """A variable's value; its default where it is unset or empty, as in a shell."""
    value, default = environment.get(match[1], ""), match[2]
    if value or default is None:
        if match[1] not in environment:
            raise _MissingError(match[1])
        return value
    return str(default)


def _mapping(value: object) -> Mapping[str, Any]:
    return {str(key): item for key, item in value.items()} if isinstance(value, dict) else {}


def _first(error: ValidationError) -> str:
    """What is wrong with an entry, without its values: they may be credentials."""
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    message = first["msg"].removeprefix("Value error, ")
    return f"{place}: {message}" if place else message
