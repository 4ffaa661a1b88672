from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.repositories.trees import TREE
from tests.servers.hub_files_server import HubFilesServer
from tests.servers.replay import ReplayServer, reply

from labwright.contracts.errors import NotFoundError, OfflineError, RateLimitedError, ServiceError
from labwright.contracts.repositories import FileKind
from labwright.http import Http
from labwright.http.patience import Patience
from labwright.http.services import hugging_face
from labwright.repositories import HubFiles

REPOS = {
    "org/model": {"README.md": b"# model\n", "config.json": b"{}\n", "model.bin": b"\0" * 100},
    "datasets/org/rows": {"data/train.jsonl": b'{"a": 1}\n', "README.md": b"# rows\n"},
    "spaces/org/model-demo": {"app.py": b"import gradio\n"},
}


@contextmanager
def serving(home: Path, server: HubFilesServer, token: str | None = None) -> Iterator[HubFiles]:
    with server, Http(home / "cache", patience=Patience.hurried()) as http:
        yield HubFiles(http, hugging_face(server.url, token))


def test_models_datasets_and_spaces_are_listed_and_read(tmp_path: Path) -> None:
    server = HubFilesServer(REPOS)
    with serving(tmp_path, server) as source:
        assert [(e.path, e.size, e.note) for e in source.files("org/model").files] == [
            ("README.md", 8, ""),
            ("config.json", 3, ""),
            ("model.bin", 100, "lfs"),
        ]
        assert source.read("datasets/org/rows", "data/train.jsonl").text == '{"a": 1}\n'
        assert source.read("spaces/org/model-demo", "app.py", "refs/pr/1").text == "import gradio\n"
        assert source.readme("org/model").text == "# model\n"
    assert "/resolve/refs%2Fpr%2F1/app.py" in server.requests[2].target


def test_a_tree_is_read_over_all_pages(tmp_path: Path) -> None:
    files = {f"data/{n:03d}.txt": b"x" for n in range(25)}
    server = HubFilesServer({"org/model": files}, page_limit=10)
    with serving(tmp_path, server) as source:
        listing = source.files("org/model")
    assert [e.path for e in listing.files] == sorted(files) and listing.complete and len(server.requests) == 3


def test_weights_are_not_fetched_to_be_thrown_away(tmp_path: Path) -> None:
    server = HubFilesServer(REPOS)
    with serving(tmp_path, server) as source:
        assert source.read("org/model", "model.bin").kind is FileKind.BINARY
    assert not server.requests


def test_a_large_file_is_refused_before_it_is_read_whole(tmp_path: Path) -> None:
    server = HubFilesServer({"org/model": {"log.txt": b"x" * 9_000_000}})
    with serving(tmp_path, server) as source, pytest.raises(ServiceError):
        source.read("org/model", "log.txt")


def test_a_file_behind_a_redirect_is_read_and_the_token_stays(tmp_path: Path) -> None:
    with ReplayServer({"/app.py": reply("import gradio\n")}) as cdn:
        elsewhere = cdn.url.replace("127.0.0.1", "localhost")
        with serving(tmp_path, HubFilesServer(REPOS, cdn=elsewhere), "hf_secret") as source:
            assert source.read("spaces/org/model-demo", "app.py").text == "import gradio\n"
        assert "authorization" not in cdn.requests[0].headers


def test_gated_private_missing_and_wrong_revision_are_told_apart(tmp_path: Path) -> None:
    server = HubFilesServer(REPOS | {"org/gated": {}, "org/private": {}}, gated=["org/gated"], private=["org/private"])
    with serving(tmp_path, server) as source:
        with pytest.raises(ServiceError, match="is gated") as gated:
            source.files("org/gated")
        assert not isinstance(gated.value, NotFoundError)
        assert "accept its terms" in str(gated.value.cure) and "HF_TOKEN" in str(gated.value.cure)
        with pytest.raises(NotFoundError, match="or it is private"):
            source.read("org/private", "README.md")
        with pytest.raises(NotFoundError, match="no revision v9"):
            source.files("org/model", "v9")
        with pytest.raises(NotFoundError, match=r"has no nothing\.md at main"):
            source.read("org/model", "nothing.md")


def test_a_missing_page_without_a_reason_is_still_not_found(tmp_path: Path) -> None:
    server = HubFilesServer(REPOS)
    server.fail(reply(404, "<html>404</html>"))
    with serving(tmp_path, server) as source, pytest.raises(NotFoundError):
        source.files("org/model")


def test_repositories_of_all_kinds_come_by_likes(tmp_path: Path) -> None:
    server = HubFilesServer(REPOS, likes={"org/model": 3, "spaces/org/model-demo": 8})
    with serving(tmp_path, server) as source:
        found = source.repositories("model", 5)
    assert [(r.place.repo, r.stars) for r in found.repositories] == [("spaces/org/model-demo", 8), ("org/model", 3)]
    assert found.repositories[0].updated == "2026-09-01"


def test_where_one_kind_fails_the_others_answer(tmp_path: Path) -> None:
    server = HubFilesServer(REPOS)
    server.fail(reply(500, {"error": "Internal"}), times=50, path="/api/datasets")
    with serving(tmp_path, server) as source:
        found = source.repositories("model", 5)
    assert len(found.repositories) == 2 and [f.source for f in found.failures] == ["hf datasets"]


def test_a_search_goes_around_a_gated_repository_and_says_so(tmp_path: Path) -> None:
    repos = {"org/tool-a": TREE, "org/tool-b": TREE}
    server = HubFilesServer(repos, gated=["org/tool-a"], likes={"org/tool-a": 9})
    with serving(tmp_path, server) as source:
        found = source.search("tool", None, 5)
    assert {h.place.repo for h in found.hits} == {"org/tool-b"} and "gated" in found.failures[0].why


def test_a_spent_limit_stops_a_search_at_once(tmp_path: Path) -> None:
    server = HubFilesServer({"org/tool": TREE})
    server.fail(reply(429, {"error": "slow"}, {"Retry-After": "900"}), times=50, path="/api/models/*")
    with serving(tmp_path, server) as source, pytest.raises(RateLimitedError):
        source.search("tool", None, 5)


def test_offline_a_listing_serves_from_the_cache_and_a_missing_one_says_so(tmp_path: Path) -> None:
    with HubFilesServer({"org/tool": TREE}) as server:
        with Http(tmp_path / "cache", patience=Patience.hurried()) as http:
            HubFiles(http, hugging_face(server.url)).files("org/tool")
        with Http(tmp_path / "cache", offline=True) as http:
            source = HubFiles(http, hugging_face(server.url))
            assert len(source.files("org/tool").files) == len(TREE)
            with pytest.raises(OfflineError):
                source.files("org/tool", under="src")
