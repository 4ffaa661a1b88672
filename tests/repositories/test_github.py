from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.repositories.trees import TREE
from tests.servers.github_server import GitHubServer
from tests.servers.replay import reply

from labwright.contracts.errors import NotFoundError, RateLimitedError, ServiceError, UsageError
from labwright.contracts.repositories import FileKind
from labwright.http import Http
from labwright.http.patience import Patience
from labwright.http.services import github as github_service
from labwright.repositories import GitHub


@contextmanager
def serving(home: Path, server: GitHubServer, token: str | None = None, **options: int) -> Iterator[GitHub]:
    with server, Http(home / "cache", patience=Patience.hurried()) as http:
        yield GitHub(http, github_service(server.url, token), **options)


def many(count: int) -> tuple[dict[str, dict[str, bytes]], dict[str, int]]:
    """Repositories whose stars rise with their number, so that the best are on the last page of an unsorted list."""
    names = [f"org/tool-{n:04d}" for n in range(count)]
    return {name: {"a.py": b"x"} for name in names}, {name: n for n, name in enumerate(names)}


def test_the_top_by_stars_is_true_with_one_request_where_github_sorts(tmp_path: Path) -> None:
    repos, stars = many(350)
    server = GitHubServer(repos, stars=stars)
    with serving(tmp_path, server) as source:
        found = source.repositories("tool", 5)
    assert [r.stars for r in found.repositories] == [349, 348, 347, 346, 345]
    assert found.total == 350 and not found.remarks and len(server.requests) == 1


def test_the_top_by_stars_is_true_even_where_the_pages_come_unsorted(tmp_path: Path) -> None:
    repos, stars = many(350)
    with serving(tmp_path, GitHubServer(repos, stars=stars, sorts=False)) as source:
        assert [r.stars for r in source.repositories("tool", 3).repositories] == [349, 348, 347]


def test_where_the_cap_cut_is_said(tmp_path: Path) -> None:
    repos, stars = many(1100)
    with serving(tmp_path, GitHubServer(repos, stars=stars)) as source:
        found = source.repositories("tool", 1050)
    assert len(found.repositories) == 1000 and found.total == 1100
    assert "1000 of these 1100" in found.remarks[0]


def test_a_search_that_github_gave_up_on_is_said(tmp_path: Path) -> None:
    server = GitHubServer({})
    row = {"full_name": "org/a", "stargazers_count": None, "description": 3, "pushed_at": None}
    server.fail(reply({"total_count": 9, "incomplete_results": True, "items": [row, None, {"full_name": "../x"}]}))
    with serving(tmp_path, server) as source:
        found = source.repositories("tool", 5)
    assert [r.place.repo for r in found.repositories] == ["org/a"]
    assert any("ran out of time" in remark for remark in found.remarks)
    assert any("2 results" in remark for remark in found.remarks)


def test_the_repositories_of_an_owner_are_sorted_over_all_pages(tmp_path: Path) -> None:
    repos, stars = many(25)
    server = GitHubServer(repos, stars=stars, page_limit=10)
    with serving(tmp_path, server) as source:
        found = source.owned("org", 2)
        assert [r.stars for r in found.repositories] == [24, 23] and found.total == 25
        assert len(server.requests) == 3
        with pytest.raises(NotFoundError):
            source.owned("nobody", 2)
        with pytest.raises(UsageError):
            source.owned("../user", 2)


def test_a_next_page_at_another_host_is_not_followed(tmp_path: Path) -> None:
    server = GitHubServer({})
    server.fail(reply(200, [], {"Link": '<http://169.254.169.254/latest>; rel="next"'}))
    with serving(tmp_path, server) as source, pytest.raises(ServiceError, match="another host"):
        source.owned("org", 2)


def test_a_tree_that_github_cuts_short_is_walked_to_the_end(tmp_path: Path) -> None:
    files = {f"d{a}/e{b}/f{c}.py": b"x" for a in range(3) for b in range(3) for c in range(4)} | {"top.py": b"y"}
    with serving(tmp_path, GitHubServer({"org/tool": files}, tree_cap=10)) as source:
        listing = source.files("org/tool")
        assert [entry.path for entry in listing.files] == sorted(files) and listing.complete


def test_only_the_folder_that_is_wanted_is_walked(tmp_path: Path) -> None:
    files = {f"d{a}/e{b}/f{c}.py": b"x" for a in range(3) for b in range(3) for c in range(4)}
    server = GitHubServer({"org/tool": files}, tree_cap=10)
    with serving(tmp_path, server) as source:
        listing = source.files("org/tool", under="d1/e2")
        assert [entry.path for entry in listing.files] == [f"d1/e2/f{c}.py" for c in range(4)] and listing.complete
    assert len(server.requests) <= 5


def test_a_walk_that_costs_too_much_stops_and_says_where(tmp_path: Path) -> None:
    files = {f"d{a}/e{b}/f{c}.py": b"x" for a in range(3) for b in range(3) for c in range(4)}
    server = GitHubServer({"org/tool": files}, tree_cap=10)
    with serving(tmp_path, server, walk_requests=4) as source:
        listing = source.files("org/tool")
    assert not listing.complete and "not looked into" in listing.remarks[0] and "d2" in listing.remarks[0]
    assert len(server.requests) == 4


def test_a_branch_with_a_slash_is_one_revision(tmp_path: Path) -> None:
    with serving(tmp_path, GitHubServer({"org/tool": TREE})) as source:
        assert len(source.files("org/tool", "feature/x").files) == len(TREE)


def test_a_file_above_a_megabyte_is_read_from_its_blob(tmp_path: Path) -> None:
    large = b"line of text\n" * 100_000
    with serving(tmp_path, GitHubServer({"org/tool": {"large.txt": large, "huge.txt": b"x" * 9_000_000}})) as source:
        assert source.read("org/tool", "large.txt").text.encode() == large
        with pytest.raises(ServiceError, match="too large"):
            source.read("org/tool", "huge.txt")


def test_links_folders_and_submodules_are_named_as_such(tmp_path: Path) -> None:
    server = GitHubServer({"org/tool": {"a/link": b"../b", "b": b"x"}}, links={"a/link": "../../outside"})
    with serving(tmp_path, server) as source:
        assert [(e.path, e.note) for e in source.files("org/tool").files] == [("a/link", "symlink"), ("b", "")]
        with pytest.raises(UsageError, match="link to"):
            source.read("org/tool", "a/link")
        with pytest.raises(UsageError, match="folder"):
            source.read("org/tool", "a")
        server.fail(reply({"type": "submodule", "submodule_git_url": "https://example.org/x.git"}))
        with pytest.raises(UsageError, match="submodule") as refused:
            source.read("org/tool", "sub")
        assert "example.org" in str(refused.value.cure)


@pytest.mark.parametrize(
    "content",
    [
        {"type": "file", "encoding": "base64", "content": "!!!", "size": 2},
        {"type": "file", "encoding": "none", "content": None, "size": 2_000_000},
        {"type": None, "size": None},
    ],
)
def test_content_that_is_damaged_or_missing_is_an_error(tmp_path: Path, content: dict[str, object]) -> None:
    server = GitHubServer({"org/tool": TREE})
    server.fail(reply(content))
    with serving(tmp_path, server) as source, pytest.raises(ServiceError):
        source.read("org/tool", "README.md")


def test_readme_refs_and_the_repository_itself(tmp_path: Path) -> None:
    with serving(tmp_path, GitHubServer({"org/tool": TREE}, stars={"org/tool": 5})) as source:
        readme = source.readme("org/tool")
        assert readme.place.path == "README.md" and "DPO" in readme.text and readme.kind is FileKind.TEXT
        assert source.refs("org/tool") == (("main", "c" * 40), ("v1.0", "d" * 40))
        assert source.repository("org/tool").stars == 5


def test_without_a_token_names_are_searched_and_the_token_is_asked_for(tmp_path: Path) -> None:
    server = GitHubServer({"org/tool": TREE})
    with serving(tmp_path, server) as source:
        found = source.search("dpo trainer", "org/tool", 10)
    assert found.hits[0].place.path.endswith("dpo.py") and "GITHUB_TOKEN" in found.remarks[0]
    assert not server.asked("/search/code")


def test_with_a_token_the_text_is_searched(tmp_path: Path) -> None:
    server = GitHubServer({"org/tool": TREE, "org/other": {"x.py": b"DPOTrainer"}})
    with serving(tmp_path, server, "secret-token") as source:
        found = source.search("DPOTrainer", "org/tool", 10)
        assert [h.place.path for h in found.hits] == ["examples/scripts/train_dpo.py"]
        assert found.hits[0].text == "from trl import DPOConfig, DPOTrainer"
        assert len(source.search("DPOTrainer", None, 10).hits) == 2
    asked = server.asked("/search/code")[0]
    assert asked.headers["authorization"] == "Bearer secret-token" and "text-match" in asked.headers["accept"]


def test_where_code_search_is_spent_the_names_serve(tmp_path: Path) -> None:
    server = GitHubServer({"org/tool": TREE})
    spent = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "4000000000", "x-ratelimit-resource": "code_search"}
    server.fail(reply(403, {"message": "API rate limit exceeded"}, spent), times=20, path="/search/code")
    with serving(tmp_path, server, "secret-token") as source:
        found = source.search("dpo", "org/tool", 10)
        assert found.hits and "asks to be left alone" in found.remarks[0]
        with pytest.raises(RateLimitedError):
            source.search("dpo", None, 10)


@pytest.mark.parametrize("status", [403, 429])
def test_a_spent_limit_says_when_it_ends_and_which_variable_helps(tmp_path: Path, status: int) -> None:
    server = GitHubServer({"org/tool": TREE})
    spent = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "4000000000"}
    server.fail(reply(status, {"message": "API rate limit exceeded for 1.2.3.4"}, spent), times=20)
    with serving(tmp_path, server) as source, pytest.raises(RateLimitedError) as refused:
        source.files("org/tool")
    assert "2096" in refused.value.one_line() and "GITHUB_TOKEN" in str(refused.value.cure)


def test_a_refused_token_is_no_rate_limit_and_does_not_appear_in_the_error(tmp_path: Path) -> None:
    server = GitHubServer({"org/tool": TREE})
    server.fail(reply(401, {"message": "Bad credentials secret-token"}), times=5)
    with serving(tmp_path, server, "secret-token") as source, pytest.raises(ServiceError) as refused:
        source.files("org/tool")
    assert not isinstance(refused.value, RateLimitedError) and "secret-token" not in refused.value.one_line()


def test_a_search_that_github_would_refuse_is_refused_here(tmp_path: Path) -> None:
    server = GitHubServer({})
    with serving(tmp_path, server, "secret-token") as source:
        for text in ("", "  ", "x" * 257):
            with pytest.raises(UsageError):
                source.repositories(text, 5)
            with pytest.raises(UsageError):
                source.search(text, "org/tool", 5)
    assert not server.requests


def test_an_empty_repository_has_no_files_and_says_so(tmp_path: Path) -> None:
    server = GitHubServer({"org/empty": {}})
    server.fail(reply(409, {"message": "Git Repository is empty."}))
    with serving(tmp_path, server) as source:
        listing = source.files("org/empty")
    assert listing.files == () and listing.remarks == ("the repository is empty",)


def test_a_repository_that_was_taken_down_does_not_end_a_search(tmp_path: Path) -> None:
    server = GitHubServer({"org/tool-a": TREE, "org/tool-b": TREE}, stars={"org/tool-a": 9})
    server.fail(reply(451, {"message": "Repository access blocked"}), times=9, path="/repos/org/tool-a/*")
    with serving(tmp_path, server) as source:
        found = source.search("tool", None, 5)
    assert {hit.place.repo for hit in found.hits} == {"org/tool-b"} and found.failures[0].source == "github:org/tool-a"


def test_a_hit_of_another_shape_is_left_out_and_counted(tmp_path: Path) -> None:
    server = GitHubServer({"org/tool": TREE})
    good = {"path": "a.py", "repository": {"full_name": "org/tool"}, "text_matches": None}
    odd = [{"path": "../x", "repository": {"full_name": "org/tool"}}, {"path": "a.py", "repository": None}, good]
    server.fail(reply({"total_count": None, "items": odd}))
    with serving(tmp_path, server, "secret-token") as source:
        found = source.search("dpo", "org/tool", 5)
    assert [hit.place.path for hit in found.hits] == ["a.py"] and found.hits[0].text == ""
    assert any("2 hits" in remark for remark in found.remarks)
