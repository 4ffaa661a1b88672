"""Which datasets there are: the Hub's search, papers, and what happens where one of them fails."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.servers.hub_server import HubDataset, HubServer
from tests.servers.replay import reply

from labwright.contracts.errors import ServiceError
from labwright.data.finding import find

MATHS = "task_categories:question-answering"
DATASETS = [
    HubDataset(
        "acme/maths-small", licence="mit", downloads=10, tags=[MATHS, "size_categories:1K<n<10K", "language:en"]
    ),
    HubDataset("acme/maths-large", downloads=500, gated=True, tags=["license:cc-by-nc-4.0", "arxiv:2110.14168"]),
    HubDataset("acme/maths-gone", downloads=900, disabled=True),
    HubDataset("other/gsm", licence="apache-2.0", downloads=90),
]


def test_candidates_come_with_what_decides(tmp_path: Path) -> None:
    with HubServer(DATASETS) as server:
        found = find("maths", server.access(tmp_path))
    large, small = found.candidates
    assert (large.id, large.downloads, large.gated, large.licence) == ("acme/maths-large", 500, True, "cc-by-nc-4.0")
    assert large.papers == ("arXiv:2110.14168",)
    assert (small.licence, small.size, small.languages, small.gated) == ("mit", "1K<n<10K", ("en",), False)
    assert server.requests[0].query["sort"] == "downloads"


def test_a_task_narrows_the_search(tmp_path: Path) -> None:
    with HubServer(DATASETS) as server:
        found = find("maths", server.access(tmp_path), task="question-answering")
    assert [one.id for one in found.candidates] == ["acme/maths-small"]


def test_datasets_of_papers_join_and_say_which_paper(tmp_path: Path) -> None:
    linked = [("other/gsm", "arXiv:2110.14168"), ("acme/maths-small", "arXiv:1"), ("acme/nowhere", "arXiv:2")]
    with HubServer(DATASETS) as server:
        found = find("maths", server.access(tmp_path), papers=lambda query: linked)
    by_id = {one.id: one for one in found.candidates}
    assert list(by_id) == ["acme/maths-large", "other/gsm", "acme/maths-small"]
    assert by_id["other/gsm"].papers == ("arXiv:2110.14168",)
    assert by_id["acme/maths-small"].papers == ("arXiv:1",)
    assert "acme/nowhere" in found.remarks[0]


def test_papers_that_cannot_be_asked_are_a_remark(tmp_path: Path) -> None:
    def broken(query: str) -> list[tuple[str, str]]:
        raise ServiceError("semantic-scholar is down", where="https://api.semanticscholar.org")

    with HubServer(DATASETS) as server:
        found = find("maths", server.access(tmp_path), papers=broken)
    assert len(found.candidates) == 2
    assert "semantic-scholar is down" in found.remarks[0]


def test_no_hit_is_no_candidate(tmp_path: Path) -> None:
    with HubServer(DATASETS) as server:
        assert find("zebra", server.access(tmp_path)).candidates == ()


@pytest.mark.parametrize("answer", [{"error": "odd"}, "<html>maintenance</html>", None])
def test_an_answer_that_is_no_list_is_an_error(tmp_path: Path, answer: object) -> None:
    with HubServer(DATASETS) as server:
        server.fail(reply(200, answer), times=9)
        with pytest.raises(ServiceError):
            find("maths", server.access(tmp_path))


def test_odd_hits_do_not_hide_the_others(tmp_path: Path) -> None:
    hits = [None, 7, {}, {"id": 5}, {"id": "acme/ok", "tags": None, "downloads": "many", "cardData": [], "gated": None}]
    with HubServer([]) as server:
        server.fail(reply(hits))
        found = find("x", server.access(tmp_path))
    assert [(one.id, one.downloads, one.licence, one.gated) for one in found.candidates] == [
        ("acme/ok", None, None, False)
    ]
