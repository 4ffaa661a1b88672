"""Datasets on the Hub, met on loopback: what they hold, and every way of not being readable."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.servers.hub_server import SHA, TOKEN, HubDataset, HubServer
from tests.servers.replay import cut, reply

from labwright.contracts.errors import DataError, OfflineError, ServiceError
from labwright.data.sources import HubAccess, Scratch, Table, open_source
from labwright.http import Http, Patience

ROWS = [{"prompt": f"add {n}", "completion": str(n + 1), "label": n % 2} for n in range(2500)]
JSONL = "".join(json.dumps(row) + "\n" for row in ROWS[:40]).encode()

Serve = Callable[..., tuple[HubServer, HubAccess]]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    with ExitStack() as stack:

        def start(*datasets: HubDataset, token: str | None = None, ranges: bool = True) -> tuple[HubServer, HubAccess]:
            server = stack.enter_context(HubServer(datasets, ranges=ranges))
            return server, server.access(tmp_path / "cache", token)

        yield start


def sums(**more: object) -> HubDataset:
    given: dict[str, object] = {"splits": {"default": {"train": ROWS, "test": ROWS[:10]}}, "licence": "mit"}
    return HubDataset("acme/sums", **{**given, **more})  # type: ignore[arg-type]


def loaded_rows(table: Table, most_rows: int | None = None) -> tuple[int, int | None]:
    with Scratch() as scratch:
        loaded = table.load(scratch, most_rows=most_rows)
        return loaded.rows, loaded.sampled


def test_a_dataset_is_read_through_ranges_of_the_viewers_parquet(serve: Serve) -> None:
    server, access = serve(sums())
    table = open_source("hub:acme/sums", hub=access)
    assert (table.split, table.licence, table.revision) == ("train", "mit", SHA)
    assert [(size.name, size.rows) for size in table.splits] == [("train", 2500), ("test", 10)]
    assert [row for _, row in table.rows()] == ROWS
    assert all("range" in request.headers for request in server.asked("/datasets/*"))
    with Scratch() as scratch:
        loaded = table.load(scratch)
        assert (loaded.rows, loaded.sampled) == (2500, None)
        assert str(loaded.locate(2499)) == "acme/sums/default/train/0000.parquet:2500"
        assert loaded.fetch([2499])[0]["prompt"] == "add 2499"


def test_a_bare_name_that_is_no_path_means_the_hub(serve: Serve) -> None:
    _, access = serve(sums())
    assert open_source("acme/sums", split="test", hub=access).split == "test"


def test_a_sample_is_spread_over_row_groups(serve: Serve) -> None:
    _, access = serve(sums(row_group_size=100))
    with Scratch() as scratch:
        loaded = open_source("acme/sums", hub=access).load(scratch, most_rows=40)
        assert loaded.sampled == loaded.rows == 40
        assert [loaded.locate(n).row for n in (0, 39)] == [1, 2410]
        assert loaded.fetch([39])[0]["prompt"] == "add 2409"


def test_several_configs_ask_for_a_choice(serve: Serve) -> None:
    _, access = serve(sums(splits={"main": {"train": ROWS}, "socratic": {"train": ROWS[:5]}}))
    with pytest.raises(DataError, match="2 configs: main, socratic"):
        open_source("acme/sums", hub=access)
    assert loaded_rows(open_source("hub:acme/sums:socratic", hub=access)) == (5, None)
    with pytest.raises(DataError, match="no config 'other'"):
        open_source("hub:acme/sums:other", hub=access)


def test_class_names_come_with_the_table(serve: Serve) -> None:
    _, access = serve(sums(features={"label": {"_type": "ClassLabel", "names": ["even", "odd"]}}))
    assert open_source("acme/sums", hub=access).class_names == {"label": ("even", "odd")}


def test_a_dataset_that_is_not_there_is_an_error(serve: Serve) -> None:
    _, access = serve(sums())
    with pytest.raises(DataError, match="no dataset of this name") as caught:
        open_source("hub:acme/other", hub=access)
    assert "HF_TOKEN" in str(caught.value)


def test_a_private_dataset_is_found_with_a_token_only(serve: Serve) -> None:
    _, stranger = serve(sums(private=True))
    with pytest.raises(DataError, match="that can be seen without a token"):
        open_source("acme/sums", hub=stranger)
    _, owner = serve(sums(private=True), token=TOKEN)
    assert loaded_rows(open_source("acme/sums", split="test", hub=owner)) == (10, None)


def test_a_gated_dataset_says_that_it_is_gated(serve: Serve) -> None:
    _, stranger = serve(sums(gated=True))
    with pytest.raises(DataError, match="gated") as caught:
        open_source("acme/sums", hub=stranger)
    assert "accept the terms" in str(caught.value)
    _, guest = serve(sums(gated=True), token=TOKEN)
    assert loaded_rows(open_source("acme/sums", hub=guest)) == (2500, None)


def test_a_gated_repositorys_files_are_refused_as_gated(serve: Serve) -> None:
    _, access = serve(sums(gated=True, files={"train.json": JSONL}))
    with pytest.raises(DataError, match="gated"):
        loaded_rows(open_source("hub:acme/sums@refs/pr/1", hub=access))


def test_a_disabled_dataset_says_so(serve: Serve) -> None:
    _, access = serve(sums(disabled=True))
    with pytest.raises(DataError, match="disabled"):
        open_source("acme/sums", hub=access)


def test_a_dataset_that_is_not_ready_says_so(serve: Serve) -> None:
    _, access = serve(sums(viewer_error=(500, "ResponseNotReady", "The server is busier than usual")))
    with pytest.raises(DataError, match="still preparing"):
        open_source("acme/sums", hub=access)


def test_a_blocked_dataset_without_files_says_why(serve: Serve) -> None:
    _, access = serve(sums(viewer_error=(501, "DatasetInBlockListError", "This dataset has been disabled for now.")))
    with pytest.raises(DataError, match="disabled for now"):
        open_source("acme/sums", hub=access)


def test_files_serve_where_the_viewer_does_not(serve: Serve) -> None:
    blocked = (501, "DatasetInBlockListError", "This dataset has been disabled for now.")
    files = {"README.md": b"# x", "data/train.jsonl": JSONL, "data/test.jsonl": JSONL[:100]}
    _, access = serve(sums(viewer_error=blocked, files=files))
    table = open_source("acme/sums", hub=access)
    assert [size.name for size in table.splits] == ["train", "test"]
    assert "disabled for now" in table.remarks[0]
    assert [row for _, row in table.rows()] == ROWS[:40]
    assert loaded_rows(table) == (40, None)


def test_a_revision_is_read_from_its_own_files(serve: Serve) -> None:
    _, access = serve(sums(files={"train.jsonl": JSONL}))
    assert loaded_rows(open_source("hub:acme/sums@main", hub=access)) == (2500, None)
    assert loaded_rows(open_source("hub:acme/sums@refs/pr/1", hub=access)) == (40, None)
    with pytest.raises(DataError, match="no revision 'v9'"):
        open_source("hub:acme/sums@v9", hub=access)


def test_a_partial_conversion_gives_way_to_the_files(serve: Serve) -> None:
    _, access = serve(sums(partial=True, files={"train.jsonl": JSONL}))
    assert loaded_rows(open_source("acme/sums", hub=access)) == (40, None)
    _, bare = serve(sums(partial=True))
    assert "first part" in open_source("acme/sums", hub=bare).remarks[0]


def test_a_service_without_ranges_still_serves_small_files(serve: Serve) -> None:
    _, access = serve(sums(), ranges=False)
    assert loaded_rows(open_source("acme/sums", hub=access)) == (2500, None)


def test_html_instead_of_json_is_an_error_of_the_service(serve: Serve) -> None:
    server, access = serve(sums())
    server.fail(reply("<html>maintenance</html>"), times=9, path="/api/datasets/acme/sums")
    with pytest.raises(ServiceError):
        open_source("acme/sums", hub=access)


@pytest.mark.parametrize("answer", [{}, {"splits": None}, {"splits": [None, 3, {"config": 1}]}])
def test_a_viewer_that_answers_nonsense_is_no_empty_success(serve: Serve, answer: dict[str, object]) -> None:
    server, access = serve(sums())
    server.fail(reply(answer), path="/viewer/splits")
    with pytest.raises(DataError, match="no files of a format"):
        open_source("acme/sums", hub=access)


def test_a_range_that_is_cut_is_asked_for_again(serve: Serve) -> None:
    server, access = serve(sums())
    table = open_source("acme/sums", hub=access)
    server.fail(cut(reply(206, b"x" * 100)), path="/datasets/*")
    assert loaded_rows(table) == (2500, None)
    ranges = [request.headers["range"] for request in server.asked("/datasets/*")]
    assert ranges[0] == ranges[1]


def test_a_file_that_vanishes_between_asking_and_reading_is_the_services_error(serve: Serve) -> None:
    server, access = serve(sums())
    table = open_source("acme/sums", hub=access)
    server.fail(reply(404, {"error": "gone"}, {"X-Error-Code": "EntryNotFound"}), times=99, path="/datasets/*")
    with pytest.raises(ServiceError, match="no such thing"):
        loaded_rows(table)
    with pytest.raises(ServiceError):
        list(table.rows())


def test_the_token_goes_to_the_hub_only_and_offline_is_offline(serve: Serve, tmp_path: Path) -> None:
    server, access = serve(sums(), token=TOKEN)
    list(open_source("acme/sums", split="test", hub=access).rows())
    assert all(r.headers["authorization"] == f"Bearer {TOKEN}" for r in server.requests)
    offline = Http(tmp_path / "none", offline=True, patience=Patience.hurried())
    with pytest.raises(OfflineError):
        open_source("acme/sums", hub=HubAccess(offline, access.hub, access.viewer))


def test_without_the_hub_a_name_is_an_error() -> None:
    with pytest.raises(DataError, match="no such file"):
        open_source("acme/sums")
    with pytest.raises(DataError, match="no name on the Hub"):
        open_source("no/such/file.jsonl")
