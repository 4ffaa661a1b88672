"""What every source of code promises, asked of each of them. A new one joins by a line in SOURCES."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from tests.repositories.trees import TRAIN_DPO, TREE
from tests.servers.github_server import GitHubServer
from tests.servers.hub_files_server import HubFilesServer
from tests.servers.replay import ReplayServer, Reply, cut, reply

from labwright.contracts.errors import NotFoundError, RateLimitedError, ServiceError, UsageError
from labwright.contracts.http import Service
from labwright.contracts.repositories import CodeSource, FileKind
from labwright.http import Http
from labwright.http.patience import Patience
from labwright.repositories import FakeCode, GitHub, HubFiles, LocalCheckouts, excerpt

Built = tuple[CodeSource, str, ReplayServer | None]  # the source, its name of the repository, its server


@contextmanager
def github(home: Path, token: str | None = None) -> Iterator[Built]:
    with GitHubServer({"org/tool": TREE, "org/other": {"x.py": b"pass\n"}}, stars={"org/tool": 9}) as server:
        yield GitHub(_http(home), Service("github", server.url, token=token)), "org/tool", server


@contextmanager
def hub(home: Path) -> Iterator[Built]:
    repos = {"org/tool": TREE, "datasets/org/other": {"x.py": b"pass\n"}}
    with HubFilesServer(repos, likes={"org/tool": 9}) as server:
        yield HubFiles(_http(home), Service("hugging-face", server.url)), "org/tool", server


@contextmanager
def local(home: Path, ripgrep: str | None = "rg") -> Iterator[Built]:
    for path, data in TREE.items():
        file = home / "tool" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    yield LocalCheckouts(home / "tool", ripgrep=ripgrep), "tool", None


@contextmanager
def fake(home: Path) -> Iterator[Built]:
    yield FakeCode({"org/tool": TREE, "org/other": {"x.py": "pass\n"}}, stars={"org/tool": 9}), "org/tool", None


SOURCES: dict[str, Callable[[Path], AbstractContextManager[Built]]] = {
    "github": github,
    "github-token": lambda home: github(home, "secret-token"),
    "hf": hub,
    "local": local,
    "local-without-ripgrep": lambda home: local(home, None),
    "fake": fake,
}
REMOTE = ("github", "github-token", "hf")


def _http(home: Path) -> Http:
    return Http(home / "cache", patience=Patience.hurried())


@pytest.fixture(params=SOURCES)
def built(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Built]:
    with SOURCES[str(request.param)](tmp_path) as what:
        yield what


@pytest.fixture(params=REMOTE)
def remote(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Built]:
    with SOURCES[str(request.param)](tmp_path) as what:
        yield what


def test_every_file_is_listed_by_path_with_its_size(built: Built) -> None:
    source, repo, _ = built
    listing = source.files(repo)
    assert [entry.path for entry in listing.files] == sorted(TREE)
    assert {entry.path: entry.size for entry in listing.files} == {path: len(data) for path, data in TREE.items()}
    assert listing.complete and not listing.remarks


def test_a_folder_is_listed_by_itself_and_a_missing_one_is_an_error(built: Built) -> None:
    source, repo, _ = built
    assert [entry.path for entry in source.files(repo, under="src/tool").files] == [
        "src/tool/__init__.py",
        "src/tool/dpo.py",
    ]
    with pytest.raises(NotFoundError):
        source.files(repo, under="nowhere")


def test_a_file_is_read_whole(built: Built) -> None:
    source, repo, _ = built
    file = source.read(repo, "examples/scripts/train_dpo.py")
    assert file.text == TRAIN_DPO and file.kind is FileKind.TEXT and file.size == len(TRAIN_DPO)
    assert file.place.source == source.name and file.url


def test_what_is_no_text_says_so_in_place_of_its_bytes(built: Built) -> None:
    source, repo, _ = built
    for path in ("data/weights.bin", "data/picture"):
        file = source.read(repo, path)
        assert file.kind is FileKind.BINARY and file.text == ""
        assert "binary" in excerpt(file).text


def test_an_lfs_pointer_is_told_from_the_file_that_it_stands_for(built: Built) -> None:
    source, repo, _ = built
    file = source.read(repo, "data/large.csv")
    assert file.kind is FileKind.LFS_POINTER and "2.0 GB" in file.remarks[0]


@pytest.mark.parametrize("path", ["../secret", "src/../../secret", "/etc/passwd", "src\\..\\x", "a\0b"])
def test_no_path_leads_out_of_a_repository(built: Built, path: str) -> None:
    source, repo, server = built
    with pytest.raises(UsageError):
        source.read(repo, path)
    assert server is None or not server.requests


def test_a_missing_file_a_missing_repository_and_a_folder_are_told_apart_from_a_failure(built: Built) -> None:
    source, repo, _ = built
    with pytest.raises(NotFoundError) as missing:
        source.read(repo, "src/tool/nothing.py")
    assert missing.value.cure
    with pytest.raises(NotFoundError):
        source.read("org/absent" if "/" in repo else "absent", "README.md")
    with pytest.raises(NotFoundError):
        source.files("org/absent" if "/" in repo else "absent")


def test_a_search_in_a_repository_finds_the_file_by_its_name_at_least(built: Built) -> None:
    source, repo, _ = built
    hits = source.search("DPO", repo, 3)
    assert 0 < len(hits.hits) <= 3
    paths = [hit.place.path for hit in source.search("DPO", repo, 50).hits]
    assert "examples/scripts/train_dpo.py" in paths and "data/weights.bin" not in paths
    assert all(hit.place.repo == repo and hit.place.source == source.name for hit in hits.hits)


def test_a_search_that_could_not_see_the_text_says_so(built: Built) -> None:
    source, repo, _ = built
    found = source.search("ultrafeedback", repo, 10)
    assert [hit.place.path for hit in found.hits] == ["examples/scripts/train_dpo.py"] or "names of files" in str(
        found.remarks
    )


def test_a_search_without_a_repository_looks_into_those_there_are(built: Built) -> None:
    source, _, _ = built
    found = source.search("tool", None, 50)
    assert any("tool" in str(hit.place) for hit in found.hits)


def test_repositories_are_found_by_name_those_with_the_most_stars_first(built: Built) -> None:
    source, repo, _ = built
    found = source.repositories("tool", 10)
    assert [r.place.repo for r in found.repositories] == [repo]


FAULTS: dict[str, Reply] = {
    "server-error": reply(500, {"message": "Server Error"}),
    "rate-limit": reply(429, {"message": "slow down"}, {"Retry-After": "9000"}),
    "web-page": reply("<html><body>maintenance</body></html>"),
    "another-shape": reply({"unexpected": [1, 2]}),
    "null": reply(200, b"null", {"Content-Type": "application/json"}),
    "a-string": reply(200, b'"error"', {"Content-Type": "application/json"}),
    "malformed": reply(200, b'{"tree": [', {"Content-Type": "application/json"}),
    "truncated": cut(reply({"tree": [], "items": [], "padding": "x" * 500})),
    "error-with-200": reply({"error": "Internal", "message": "try later"}),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_of_a_service_ends_in_a_typed_error(remote: Built, fault: str) -> None:
    source, repo, server = remote
    assert server is not None
    server.fail(FAULTS[fault], times=100)
    kind = RateLimitedError if fault == "rate-limit" else ServiceError
    with pytest.raises(kind):
        source.files(repo)
    with pytest.raises(kind):
        source.repositories("tool", 5)
    with pytest.raises(kind):
        source.search("DPO", repo, 5)


def test_entries_of_another_shape_are_left_out_and_counted(remote: Built) -> None:
    source, repo, server = remote
    assert server is not None
    odd = [
        None,
        3,
        {"path": None},
        {"path": "a\x1b[31m"},
        {"path": "../x"},
        {"path": "a.py", "type": "blob" if source.name == "github" else "file", "size": "x"},
    ]
    server.fail(reply({"tree": odd, "truncated": None} if source.name == "github" else odd))
    listing = source.files(repo)
    assert [(entry.path, entry.size) for entry in listing.files] == [("a.py", None)]
    assert not listing.complete and "5 entries" in listing.remarks[0]
