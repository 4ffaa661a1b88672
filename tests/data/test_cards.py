"""Dataset cards: metadata that the Hub takes, and a text that tells what was recorded and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from labwright.contracts.data import AuditReport, Issue, IssueClass
from labwright.contracts.events import GateChecked
from labwright.contracts.research import DatasetVersion, GateReport
from labwright.data import commands
from labwright.data.cards import Evidence, card
from labwright.data.sources import open_source
from labwright.data.transforms import dedup, mix
from labwright.data.versions import register_table
from labwright.data.workbench import Workbench
from labwright.ledger import Ledger

AUDIT = AuditReport(
    *("data", "x.jsonl", "d", "sft", 9, None, 100, 1.0),
    issues=(Issue(IssueClass.EMPTY, "warning", "2 rows | are <empty>", 2, 9),),
    score=81,
    parts={"empty": 19.0},
    fitness="fit after these fixes",
    why="2 rows are empty.",
)


def _version(
    tmp_path: Path, name: str = "data", licence: str | None = None, origin: str | None = None
) -> DatasetVersion:
    path = tmp_path / f"{name}.jsonl"
    rows = [{"prompt": f"{name} {n}", "completion": "x", "level": n if n else None} for n in range(9)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    table = open_source(str(path))
    return register_table(replace(table, licence=licence, origin=origin or table.origin), name, tmp_path / "home")


def _head(text: str) -> dict[str, object]:
    _, head, _ = text.split("---\n", 2)
    loaded = yaml.safe_load(head)
    assert isinstance(loaded, dict)
    return loaded


def test_the_metadata_is_what_the_hub_takes(tmp_path: Path) -> None:
    repocard = pytest.importorskip("huggingface_hub")
    version = dedup(_version(tmp_path, licence="MIT", origin="hub:org/sums@abc:main"), name="sums: cleaned")
    text = card(version, Evidence(files={"train": "data/train.parquet"}, languages=["en"]))
    data = repocard.DatasetCard(text).data
    assert data.to_dict() == {
        "pretty_name": "sums: cleaned",
        "license": "mit",
        "language": ["en"],
        "size_categories": ["n<1K"],
        "task_categories": ["text-generation"],
        "source_datasets": ["org/sums"],
        "tags": ["labwright"],
        "configs": [{"config_name": "default", "data_files": [{"split": "train", "path": "data/train.parquet"}]}],
    }


@pytest.mark.parametrize(
    ("licences", "expected"),
    [
        (("mit", "mit"), {"license": "mit"}),
        (("mit", "CC-BY-4.0"), {"license": ["mit", "cc-by-4.0"]}),
        (("mit", None), {"license": "unknown"}),
        (("mit", "My own: terms"), {"license": "other", "license_name": "mit-my-own-terms"}),
    ],
)
def test_licences_of_several_sources_are_not_blurred(
    tmp_path: Path, licences: tuple[str | None, str | None], expected: dict[str, object]
) -> None:
    first, second = _version(tmp_path, "a", licences[0]), _version(tmp_path, "b", licences[1])
    head = _head(card(mix([first, second], [2, 1], 9, 0)))
    assert {name: head[name] for name in ("license", "license_name") if name in head} == expected


def test_the_text_tells_sources_steps_weights_quality_and_what_was_not_looked_at(tmp_path: Path) -> None:
    first, second = _version(tmp_path, "a"), _version(tmp_path, "b")
    mixed = mix([first, second], [2, 1], 9, 5)
    text = card(mixed)
    assert f"| `{first.id}` | 2.0 | 6 | 0.6667 |" in text
    assert "1. **register** →" in text
    assert "   - weights: `2.0, 1.0`" in text
    assert "code: labwright 0.1.0" in text
    assert "| level | number, sometimes null |" in card(first)
    assert "was not audited" in text
    assert "not checked against any benchmark" in text
    assert "2 of 2 sources state no licence" in text
    told = card(mixed, Evidence(audit=AUDIT, gates=[GateReport(mixed.id, "test", 9, 2, "block")]))
    assert "**81 of 100: fit after these fixes**, by an audit of every row." in told
    assert r"| warning | 2 rows \| are &lt;empty&gt; | 2 | 9 |" in told
    assert "- 2 of 9 rows hold items of a benchmark's sealed test: block" in told


def test_a_card_does_not_tell_where_files_lay_on_somebody_s_machine(tmp_path: Path) -> None:
    text = card(dedup(_version(tmp_path)))
    assert str(tmp_path) not in text
    assert "| data.jsonl | train |" in text


def test_hostile_names_are_neither_markdown_nor_html(tmp_path: Path) -> None:
    version = replace(_version(tmp_path), name="x\n---\n# <script>alert(1)</script> | [a](b)")
    text = card(version)
    assert "<script>" not in text.split("---\n", 2)[2]
    assert _head(text)["pretty_name"] == "x --- # <script>alert(1)</script> | [a](b)"
    assert r"# x --- \# &lt;script&gt;alert(1)&lt;/script&gt; \| \[a\](b)" in text


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Workbench]:
    with Ledger.open(f"sqlite:///{tmp_path / 'home' / 'lab.db'}") as ledger:
        yield Workbench(tmp_path / "home", ledger)


def test_what_the_gate_found_is_read_from_the_ledger(tmp_path: Path, bench: Workbench) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text('{"prompt":"a","completion":"b"}\n')
    version = bench.open(str(path))
    bench.ledger.record(None, GateChecked("bench", GateReport(version.id, "dev", 1, 0, "pass")))
    assert "- 0 of 1 rows hold items of a benchmark's dev split: pass" in commands.card(bench, str(path))
