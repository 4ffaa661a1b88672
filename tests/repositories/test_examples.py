from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from tests.repositories.trees import NOTEBOOK, TRAIN_DPO, TREE
from tests.servers.github_server import GitHubServer
from tests.servers.replay import reply

from labwright.contracts.errors import NotFoundError, ServiceError, UsageError
from labwright.contracts.repositories import Example, FoundExamples
from labwright.http import Http
from labwright.http.patience import Patience
from labwright.http.services import github as github_service
from labwright.repositories import Code, FakeCode, GitHub

TODAY = date(2026, 11, 25)
BODY = "".join(f"# step {n}\nx{n} = {n}\n" for n in range(20))


def code(*sources: FakeCode | GitHub) -> Code:
    return Code(sources, today=lambda: TODAY)


def ranked(found: FoundExamples) -> list[str]:
    return [example.place.path for example in found.examples]


def named(found: FoundExamples, path: str) -> Example:
    return next(example for example in found.examples if example.place.path == path)


def test_the_script_that_shows_it_comes_first_and_says_why() -> None:
    found = code(FakeCode({"org/tool": TREE})).examples("how to train with DPO using trl", "fake:org/tool")
    best = found.examples[0]
    assert best.place.path == "examples/scripts/train_dpo.py"
    why = " / ".join(best.why)
    for reason in ("lies in examples/", "path names", "imports trl", "runs as a script", "names its dependencies"):
        assert reason in why
    assert best.lines == TRAIN_DPO.count("\n")
    assert ranked(found).index("src/tool/dpo.py") < ranked(found).index("tests/test_dpo.py")
    assert "counts less: a test" in " ".join(named(found, "tests/test_dpo.py").why)
    assert not [path for path in ranked(found) if path.endswith((".bin", "__init__.py", "picture"))]


def test_a_notebook_is_judged_by_its_code() -> None:
    found = code(FakeCode({"org/tool": TREE})).examples("GRPO trl notebook", "fake:org/tool")
    best = found.examples[0]
    assert best.place.path == "notebooks/grpo_small.ipynb" and "imports trl" in best.why
    assert best.lines is not None and best.lines > NOTEBOOK.count("\n")


def test_an_example_that_does_not_use_the_library_or_does_not_parse_falls_back() -> None:
    files = {
        "examples/sft_a.py": f"import trl\n{BODY}",
        "examples/sft_b.py": f"import keras\n{BODY}",
        "examples/sft_c.py": f"import trl\nprint 'old'\n{BODY}",
        "legacy/examples/sft_d.py": f"import trl\n{BODY}",
    }
    found = code(FakeCode({"org/tool": files})).examples("sft", "fake:org/tool", libraries=["trl"])
    assert ranked(found)[0] == "examples/sft_a.py"
    assert "does not import trl" in named(found, "examples/sft_b.py").why
    assert any("parse" in why for why in named(found, "examples/sft_c.py").why)
    assert any(why == "counts less: legacy/" for why in named(found, "legacy/examples/sft_d.py").why)


def test_stars_and_age_of_a_repository_count() -> None:
    files = {"examples/dpo.py": TRAIN_DPO}
    source = FakeCode(
        {"org/loved": files, "org/new": files, "org/old": files},
        stars={"org/loved": 20_000, "org/new": 3, "org/old": 2},
        updated={"org/loved": "2026-10-01", "org/new": "2026-10-01", "org/old": "2020-01-01"},
    )
    found = code(source).examples("dpo")
    assert [example.place.repo for example in found.examples] == ["org/loved", "org/new", "org/old"]
    assert "20000 stars" in found.examples[0].why and "last changed 2020-01-01" in found.examples[2].why


def test_a_long_file_says_where_to_look_and_it_is_read_there() -> None:
    text = "".join(f"# filler {n}\n" for n in range(300)) + TRAIN_DPO + "".join(f"# more {n}\n" for n in range(300))
    door = code(FakeCode({"org/tool": {"examples/everything.py": text}}))
    example = door.examples("DPOTrainer beta", "fake:org/tool").examples[0]
    first, last = (int(number) for number in example.focus.split("-"))
    assert first <= 310 <= last
    shown = door.read(str(example.place), example.focus)
    assert "DPOTrainer(" in shown.text and shown.first == first and shown.total == text.count("\n")


def test_only_so_many_are_read_and_that_is_said() -> None:
    files = {f"examples/dpo_{n:02d}.py": TRAIN_DPO for n in range(30)}
    found = code(FakeCode({"org/tool": files})).examples("dpo", "fake:org/tool", limit=40)
    assert len(found.examples) == 30 and sum(e.lines is not None for e in found.examples) == 12
    assert any("12 of 30 candidates were read" in remark for remark in found.remarks)


def test_a_folder_of_a_repository_can_be_asked_alone() -> None:
    found = code(FakeCode({"org/tool": TREE})).examples("dpo", "fake:org/tool:src")
    assert ranked(found) == ["src/tool/dpo.py"]


def test_with_nothing_to_look_for_or_nowhere_the_error_says_so() -> None:
    door = code(FakeCode({"org/tool": TREE}))
    with pytest.raises(UsageError):
        door.examples("  ", "fake:org/tool")
    with pytest.raises(NotFoundError):
        door.examples("dpo", "fake:org/absent")
    by_place = door.examples("zebra", "fake:org/tool")
    assert by_place.examples and by_place.remarks[0].startswith("none of them holds zebra")


@pytest.fixture
def http(tmp_path: Path) -> Http:
    return Http(tmp_path / "cache", patience=Patience.hurried())


def test_without_a_token_examples_come_from_the_trees_of_the_best_repositories(http: Http) -> None:
    with GitHubServer({"org/trl-tool": TREE, "org/unrelated": TREE}, stars={"org/trl-tool": 50}) as server:
        found = code(GitHub(http, github_service(server.url))).examples("trl DPO example")
    assert found.examples[0].place.path == "examples/scripts/train_dpo.py"
    assert {example.place.repo for example in found.examples} == {"org/trl-tool"}
    assert any("GITHUB_TOKEN" in remark for remark in found.remarks)
    assert any("were looked for by trl only" in remark for remark in found.remarks)
    assert len(server.requests) < 25  # of the 60 that an hour has


def test_with_a_token_the_search_counts(http: Http) -> None:
    files = {"a/one.py": "import trl\nDPOTrainer()\n" * 8, "a/two.py": "pass\n" * 20}
    encoded = {path: text.encode() for path, text in files.items()}
    with GitHubServer({"org/tool": encoded}) as server:
        source = GitHub(http, github_service(server.url, "secret-token"))
        found = code(source).examples("DPOTrainer", "org/tool")
    assert ranked(found) == ["a/one.py"] and "the search found it" in found.examples[0].why


def test_a_limit_in_the_middle_leaves_what_was_found_and_is_said(http: Http) -> None:
    with GitHubServer({"org/trl": TREE}) as server:
        limit = reply(403, {"message": "rate limit"}, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "4000000000"})
        server.fail(limit, times=100, path="/repos/org/trl/contents/*")
        found = code(GitHub(http, github_service(server.url))).examples("dpo", "org/trl")
    assert found.examples[0].place.path == "examples/scripts/train_dpo.py"
    assert "not read" in " ".join(found.examples[0].why) and found.examples[0].lines is None
    assert found.failures[0].source == "github"
    assert len(server.asked("/repos/org/trl/contents/*")) == 1


def test_where_one_source_fails_the_other_answers_and_where_all_fail_each_is_named(http: Http) -> None:
    with GitHubServer({}) as server:
        server.fail(reply(500, {"message": "down"}), times=100)
        github = GitHub(http, github_service(server.url))
        found = code(github, FakeCode({"org/tool": TREE})).examples("dpo")
        assert found.examples and [failure.source for failure in found.failures] == ["github"]
        with pytest.raises(ServiceError, match="github"):
            code(github).examples("dpo")
