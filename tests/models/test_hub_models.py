"""Models from a Hub on loopback: pinned, without pickles, fetched once; every refusal has a cure."""

from __future__ import annotations

import json
import re
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from labwright.contracts.errors import ModelError
from labwright.models import BaseModel, resolve

pytest.importorskip("huggingface_hub", reason="the train extra is not installed")

COMMIT = "1234567890abcdef1234567890abcdef12345678"
_HEADER = json.dumps({"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}).encode()
FILES = {
    "config.json": b'{"model_type": "llama"}',
    "tokenizer.json": b"{}",
    "model.safetensors": struct.pack("<Q", len(_HEADER)) + _HEADER + b"\0" * 8,
    "pytorch_model.bin": b"a pickle",
    "modeling_custom.py": b"raise SystemExit",
    "README.md": b"words",
}
PICKLED = {name: content for name, content in FILES.items() if name != "model.safetensors"}
REPOSITORIES = {"lab/good": FILES, "lab/pickled": PICKLED, "lab/gated": FILES}


@dataclass
class LoopbackHub:
    """A few routes of the Hub's, and what was asked of them."""

    endpoint: str = ""
    asked: list[str] = field(default_factory=list)


def handler(hub: LoopbackHub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *arguments: object) -> None:
            pass

        def answer(self, status: int, body: bytes, **headers: str) -> None:
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        def do_GET(self) -> None:
            hub.asked.append(self.path)
            path = self.path.partition("?")[0]
            if match := re.match(r"^/api/models/([\w-]+/[\w-]+)(?:/revision/(\w+))?$", path):
                self.info(match[1], match[2] or "main")
            elif match := re.match(rf"^/([\w-]+/[\w-]+)/resolve/{COMMIT}/(.+)$", path):
                body = REPOSITORIES[match[1]][match[2]]
                self.answer(200, body, X_Repo_Commit=COMMIT, ETag=f'"{match[2]}"')
            else:
                self.answer(404, b"{}", X_Error_Code="EntryNotFound")

        def do_HEAD(self) -> None:
            self.do_GET()

        def info(self, repo: str, revision: str) -> None:
            if repo == "lab/gated":
                self.answer(403, b"{}", X_Error_Code="GatedRepo")
            elif repo not in REPOSITORIES:
                self.answer(404, b"{}", X_Error_Code="RepoNotFound")
            elif revision not in ("main", "v1", COMMIT):
                self.answer(404, b"{}", X_Error_Code="RevisionNotFound")
            else:
                siblings = [{"rfilename": name, "size": len(body)} for name, body in REPOSITORIES[repo].items()]
                self.answer(200, json.dumps({"id": repo, "sha": COMMIT, "siblings": siblings}).encode())

    return Handler


@pytest.fixture
def hub() -> Iterator[LoopbackHub]:
    hub = LoopbackHub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(hub))
    hub.endpoint = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield hub
    server.shutdown()
    thread.join()
    server.server_close()


def fetched(name: str, tmp_path: Path, hub: LoopbackHub) -> BaseModel:
    return resolve(name, tmp_path / "home", tmp_path, endpoint=hub.endpoint)


def test_a_hub_model_is_pinned_to_its_commit_and_comes_without_pickles_and_code(
    tmp_path: Path, hub: LoopbackHub
) -> None:
    base = fetched("lab/good", tmp_path, hub)
    assert base.path == tmp_path / "home" / "models" / f"lab--good-{COMMIT[:12]}"
    assert base.parameters == 2
    found = {p.name for p in base.path.iterdir()}
    assert found == {"config.json", "tokenizer.json", "model.safetensors", "labwright.json"}


def test_a_model_that_is_there_is_not_fetched_again_and_a_full_commit_asks_nobody(
    tmp_path: Path, hub: LoopbackHub
) -> None:
    first = fetched("lab/good@v1", tmp_path, hub)
    downloads = [path for path in hub.asked if "/resolve/" in path]
    assert fetched("lab/good", tmp_path, hub).model_id == first.model_id
    assert [path for path in hub.asked if "/resolve/" in path] == downloads
    hub.asked.clear()
    assert fetched(f"lab/good@{COMMIT}", tmp_path, hub).path == first.path
    assert hub.asked == []


@pytest.mark.parametrize(
    ("name", "what", "cure"),
    [
        ("lab/gated", "gated", "hf auth login"),
        ("lab/none", "neither a directory nor a Hub model", "correct the name"),
        ("lab/good@v9", "no revision 'v9'", "commit that exists"),
        ("lab/pickled", "pickles are refused", "safetensors"),
    ],
)
def test_a_refusal_says_what_to_do(tmp_path: Path, hub: LoopbackHub, name: str, what: str, cure: str) -> None:
    with pytest.raises(ModelError) as caught:
        fetched(name, tmp_path, hub)
    assert what in caught.value.what
    assert cure in (caught.value.cure or "")


def test_an_unreachable_hub_points_to_what_is_here_already(tmp_path: Path, hub: LoopbackHub) -> None:
    nowhere = "http://127.0.0.1:9"  # the discard port: nothing listens
    with pytest.raises(ModelError, match="cannot be used") as caught:
        resolve("lab/good", tmp_path / "home", tmp_path, endpoint=nowhere)
    assert "smollm2-135m-instruct" in (caught.value.cure or "")
    here = fetched("lab/good", tmp_path, hub)
    with pytest.raises(ModelError) as caught:
        resolve("lab/good", tmp_path / "home", tmp_path, endpoint=nowhere)
    assert str(here.path) in (caught.value.cure or "")
