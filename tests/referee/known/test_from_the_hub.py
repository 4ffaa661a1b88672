"""A dataset on the Hub becomes a pack that names its revision and licence; what is not to be had is an error."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.referee.known.sources import arc, gsm8k
from tests.servers.hub_server import SHA, HubDataset, HubServer

from labwright.contracts.errors import DataError
from labwright.data.sources import Table, open_source
from labwright.referee.known import AddedBenchmark, add_benchmark
from labwright.referee.pack import read_pack


def add(dataset: HubDataset, source: str, tmp_path: Path) -> AddedBenchmark:
    with HubServer([dataset]) as server:
        access = server.access(tmp_path / "cache")

        def open_table(src: str, split: str | None) -> Table:
            return open_source(src, split=split, hub=access)

        return add_benchmark(source, out=tmp_path / "pack", open_table=open_table)


def test_revision_licence_and_config_are_kept(tmp_path: Path) -> None:
    splits = {"main": {"train": gsm8k(0, 30), "test": gsm8k(30, 50)}}
    added = add(HubDataset("openai/gsm8k", splits, licence="mit"), "hub:openai/gsm8k:main", tmp_path)
    assert (added.name, added.layout, added.revision, added.licence) == ("gsm8k", "gsm8k", SHA, "mit")
    assert (added.dev, added.test, added.shots) == (25, 20, 5)
    said = json.loads((added.directory / "provenance.json").read_text())
    assert (said["revision"], said["licence"], said["source"]) == (SHA, "mit", "hub:openai/gsm8k:main")


def test_nested_columns_come_through_parquet(tmp_path: Path) -> None:
    splits = {"ARC-Easy": {"train": arc(0, 10), "validation": arc(10, 20), "test": arc(20, 40)}}
    added = add(HubDataset("allenai/ai2_arc", splits), "hub:allenai/ai2_arc:ARC-Easy", tmp_path)
    assert (added.name, added.dev, added.test) == ("ai2_arc-arc-easy", 10, 20)
    assert read_pack(added.directory).dev[0].choices == ("10", "11", "12")


@pytest.mark.parametrize("trouble", [{"gated": True}, {"private": True}, {"disabled": True}])
def test_a_dataset_that_is_not_to_be_had_is_an_error(trouble: dict[str, Any], tmp_path: Path) -> None:
    dataset = HubDataset("openai/gsm8k", {"main": {"test": gsm8k(0, 20)}}, **trouble)
    with pytest.raises(DataError):
        add(dataset, "hub:openai/gsm8k:main", tmp_path)
    assert not (tmp_path / "pack").exists()
