"""The rows of declared sources on the Hub are looked into, within bounds; what was not is said, with its reason."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.servers.hub_server import HubDataset, HubServer

from labwright.contracts.specs import SourceSpec
from labwright.data import commands
from labwright.data.ancestry import Ancestry, follow
from labwright.data.audit.ancestors import MOST_CONFIGS, MOST_DATASETS, MOST_ROWS, Ancestors
from labwright.data.audit.engine import OpenBenchmark, Request, SealedBenchmark
from labwright.data.audit.full import audit_table
from labwright.data.audit.leakage import Contamination
from labwright.data.overlap import BenchItem, BenchmarkIndex
from labwright.data.sources import HubAccess, open_source
from labwright.data.transforms import Rules
from labwright.data.versions import register
from labwright.data.workbench import Workbench
from labwright.ledger import Ledger

QUESTION = "A farmer in Oulu keeps 17 brown goats, sells 5 of them in May and buys 9 white sheep; how many animals now?"
CLEAN = [{"prompt": f"How many legs have {n} spiders on a wall?", "completion": str(8 * n)} for n in range(40)]
DIRTY = [*CLEAN, {"prompt": QUESTION, "completion": "21"}]
DEV = OpenBenchmark("farm (dev)", BenchmarkIndex.build([BenchItem("1", QUESTION, "21")]))

Serve = Callable[..., HubAccess]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    with ExitStack() as stack:

        def start(*datasets: HubDataset) -> HubAccess:
            return stack.enter_context(HubServer(datasets)).access(tmp_path / "cache")

        yield start


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Workbench]:
    with Ledger.open(f"sqlite:///{tmp_path / 'home' / 'lab.db'}") as ledger:
        yield Workbench(tmp_path / "home", ledger)


def dataset(name: str, rows: Sequence[dict[str, str]] = CLEAN, *sources: str, **more: object) -> HubDataset:
    tags = [f"source_datasets:{source}" for source in sources]
    given: dict[str, object] = {"splits": {"default": {"train": rows}}, "tags": tags}
    return HubDataset(name, **{**given, **more})  # type: ignore[arg-type]


def followed(
    bench: Workbench, hub: HubAccess, against: Sequence[OpenBenchmark | SealedBenchmark] = (DEV,), data: str = "hub:a/x"
) -> Ancestry:
    return follow(data, Ancestors(bench, hub, data, against), ["hub:someone/else"])


def test_items_in_the_rows_of_a_source_two_steps_up_taint_what_holds_no_copy(serve: Serve, bench: Workbench) -> None:
    hub = serve(
        dataset("a/x", CLEAN, "https://huggingface.co/datasets/a/reworded"),
        dataset("a/reworded", CLEAN, "extended|a/raw"),
        dataset("a/raw", DIRTY),
    )
    found = followed(bench, hub)
    (way,) = found.tainted
    assert way.rows_hit == 1 and way.chain[-1] == "extended|a/raw"
    assert [(one.rows, one.hit) for one in found.looked] == [(40, 0), (41, 1)]
    table = open_source("hub:a/x", hub=hub)
    report = audit_table(table, Request(against=(DEV,), ancestry=found), detectors=[Contamination()])
    (issue,) = report.issues
    assert issue.severity == "error" and issue.what.endswith("holds items in 1 row")
    assert any("40 rows were compared (every row of the split train): none holds an item" in r for r in report.remarks)


def test_a_sealed_test_counts_the_rows_of_a_source_by_itself(serve: Serve, bench: Workbench) -> None:
    asked: list[int] = []

    def count(rows: Iterable[tuple[str, str]]) -> int:
        asked.append(len(list(rows)))
        return 3

    hub = serve(dataset("a/x", CLEAN, "a/raw"), dataset("a/raw"))
    found = followed(bench, hub, (DEV, SealedBenchmark("farm (test)", count)))
    assert [way.rows_hit for way in found.tainted] == [3]
    assert asked == [40]


def test_every_config_is_looked_into_up_to_a_number_that_is_said(serve: Serve, bench: Workbench) -> None:
    few = {"main": {"train": CLEAN}, "socratic": {"train": DIRTY}}
    many = {f"c{n}": {"train": CLEAN} for n in range(MOST_CONFIGS + 2)}
    hub = serve(dataset("a/x", CLEAN, "a/few", "a/many"), dataset("a/few", splits=few), dataset("a/many", splits=many))
    found = followed(bench, hub)
    assert [one.hit for one in found.looked] == [1, 0]
    assert "of the config socratic" in found.looked[0].how
    assert f"{MOST_CONFIGS} of its {MOST_CONFIGS + 2} configs" in found.looked[1].how


def test_of_a_long_source_a_sample_is_compared_and_said_to_be_one(serve: Serve, bench: Workbench) -> None:
    rows = [{"prompt": f"row {n}", "completion": str(n)} for n in range(2 * MOST_ROWS)]
    found = followed(bench, serve(dataset("a/x", CLEAN, "a/long"), dataset("a/long", rows)))
    assert found.looked[0].rows <= MOST_ROWS and "places spread over" in str(found.looked[0])


def test_what_a_person_said_of_a_training_set_is_followed_too(serve: Serve, bench: Workbench, tmp_path: Path) -> None:
    file = tmp_path / "train.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in CLEAN))
    said = (SourceSpec(name="hub:a/raw", splits=("train",)),)
    version = register(file, "train", "prompt-completion", bench.home, said)
    bench.keep(version)
    found = followed(bench, serve(dataset("a/raw", DIRTY)), data=version.id)
    assert [(way.chain, way.rows_hit) for way in found.tainted] == [((version.id, "hub:a/raw"), 1)]


def test_sources_that_cannot_be_looked_into_are_named_with_the_reason(serve: Serve, bench: Workbench) -> None:
    line = b'{"prompt": "a", "completion": "b"}\n'
    hub = serve(
        dataset("a/x", CLEAN, "a/gated", "a/gone", "a/huge", "two words"),
        dataset("a/gated", gated=True),
        dataset("a/huge", splits={}, files={"train.jsonl": line * 40_000}),
    )
    book = Ancestors(bench, hub, "hub:a/x", (DEV,), most_bytes=1_000_000)
    said = {one.name: one.why_not for one in follow("hub:a/x", book, []).looked}
    assert "gated" in said["a/gated"]
    assert "no dataset of this name" in said["a/gone"]
    assert said["two words"] == "this is no dataset on the Hub"
    assert said["a/huge"] == "its first file has 1.4 MB; at most 1 MB are fetched for this"


def test_after_so_many_datasets_the_others_are_said_to_be_left_out(serve: Serve, bench: Workbench) -> None:
    names = [f"a/s{n}" for n in range(MOST_DATASETS + 1)]
    found = followed(bench, serve(dataset("a/x", CLEAN, *names), *(dataset(name) for name in names)))
    assert [bool(one.why_not) for one in found.looked] == [False] * MOST_DATASETS + [True]


def test_what_a_version_dropped_of_its_own_source_taints_it_no_more(
    bench: Workbench, serve: Serve, tmp_path: Path
) -> None:
    src = tmp_path / "raw.jsonl"
    src.write_text("".join(json.dumps(row) + "\n" for row in DIRTY))
    made = commands.filter_rows(bench, str(src), str(tmp_path / "kept.jsonl"), Rules(where="length(prompt) < 60"))
    found = followed(bench, serve(), data=str(made.file))
    assert found.tainted == () and found.looked == ()
    assert str(src) in found.seen


def test_a_card_that_names_a_file_of_this_machine_means_none(
    serve: Serve, bench: Workbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "x.jsonl").write_text('{"prompt": "a", "completion": "b"}\n')
    (one,) = followed(bench, serve(dataset("a/x", CLEAN, "train"))).looked
    assert "no dataset of this name" in one.why_not
