from __future__ import annotations

from pathlib import Path

import pytest
from tests.repositories.trees import TREE
from tests.servers.github_server import GitHubServer
from tests.servers.replay import reply

from labwright.contracts.errors import NotFoundError, RateLimitedError, ServiceError, UsageError
from labwright.http import Http
from labwright.http.patience import Patience
from labwright.http.services import github as github_service
from labwright.repositories import Code, FakeCode, GitHub, LocalCheckouts


@pytest.fixture
def door(tmp_path: Path) -> Code:
    (tmp_path / "checkout").mkdir()
    (tmp_path / "checkout" / "a.py").write_text("import trl\n")
    broken = TREE | {"notebooks/broken.ipynb": b"{"}
    return Code(
        [
            FakeCode({"org/tool": broken, "org/other": TREE}, stars={"org/tool": 5, "org/other": 9}, name="github"),
            LocalCheckouts(tmp_path / "checkout"),
        ]
    )


def test_a_file_is_read_by_place_by_link_and_by_the_name_of_a_checkout(door: Code) -> None:
    assert door.read("org/tool:README.md").text.startswith("1  # tool")
    linked = door.read("https://github.com/org/tool/blob/main/examples/scripts/train_dpo.py#L6-L7")
    assert "6  from datasets" in linked.text and (linked.first, linked.last) == (6, 7)
    assert door.read("https://github.com/org/tool/blob/main/README.md#L1", "3").first == 3
    assert "import trl" in door.read("checkout:a.py").text and "import trl" in door.read("local:checkout:a.py").text


def test_a_notebook_is_read_as_text_or_as_it_stands(door: Code) -> None:
    shown = door.read("org/tool:notebooks/grpo_small.ipynb")
    assert "### Cell 2 (code, ran as [3])" in shown.text and "not of the file" in shown.remarks[0]
    assert '"nbformat"' in door.read("org/tool:notebooks/grpo_small.ipynb", as_it_stands=True).text
    broken = door.read("org/tool:notebooks/broken.ipynb")
    assert "1  {" in broken.text and "no notebook" in broken.remarks[0]


def test_a_wrong_name_is_answered_with_near_ones(door: Code) -> None:
    with pytest.raises(NotFoundError) as missing:
        door.read("org/tool:examples/train_dpo.py")
    assert "examples/scripts/train_dpo.py" in str(missing.value.cure)
    with pytest.raises(NotFoundError):
        door.read("org/absent:README.md")


def test_places_are_listed_and_an_unknown_source_names_those_there_are(door: Code) -> None:
    assert [entry.path for entry in door.files("org/tool:src/tool").files] == [
        "src/tool/__init__.py",
        "src/tool/dpo.py",
    ]
    with pytest.raises(UsageError) as refused:
        door.files("hf:org/model")
    assert "github, local" in str(refused.value.cure)
    with pytest.raises(UsageError):
        door.search("x", sources=["gitlab"])


def test_repositories_and_hits_of_all_sources_are_put_together(door: Code) -> None:
    found = door.repositories("dpo")
    assert [(r.place.repo, r.stars) for r in found.repositories] == [("org/other", 9), ("org/tool", 5)]
    hits = door.search("trl", limit=4)
    assert {hit.place.source for hit in hits.hits} == {"github", "local"} and len(hits.hits) == 4
    assert {hit.place.source for hit in door.search("trl", sources=["local"]).hits} == {"local"}
    assert {hit.place.repo for hit in door.search("trl", "checkout").hits} == {"checkout"}


def test_a_source_that_fails_is_named_beside_what_the_others_found(tmp_path: Path) -> None:
    with GitHubServer({}) as server, Http(tmp_path / "cache", patience=Patience.hurried()) as http:
        server.fail(reply(429, {"message": "slow"}, {"Retry-After": "999"}), times=100)
        github = GitHub(http, github_service(server.url))
        found = Code([github, FakeCode({"org/tool": TREE})]).search("dpo")
        assert found.hits and found.failures[0].source == "github"
        with pytest.raises(RateLimitedError):
            Code([github]).repositories("dpo")
        two = Code([github, GitHub(http, github_service("http://127.0.0.1:9"))])
        with pytest.raises(ServiceError):
            two.search("dpo")
