"""The tools of data, at a desk with a workspace."""

from __future__ import annotations

import asyncio
import inspect
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from tests.agent.scripted import lab_in
from tests.toys.toy_study import write_study

from labwright.contracts.errors import DataError, UsageError
from labwright.desk import LabDesk
from labwright.tools.datasets import DataTools


@pytest.fixture
def data(tmp_path: Path) -> DataTools:
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    rows = [{"prompt": f"Add {n} and {n}.", "completion": str(2 * n)} for n in range(40)]
    rows += [rows[0], {"prompt": "Say nothing.", "completion": " "}]
    (workspace / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return DataTools(LabDesk(lab_in(tmp_path), workspace))


def did(said: Any) -> dict[str, Any]:
    text = asyncio.run(said) if inspect.isawaitable(said) else said
    document = json.loads(str(text))
    assert isinstance(document, dict)
    return document


def test_data_is_inspected_before_it_is_trained_on(data: DataTools) -> None:
    found = did(data.data_inspect("train.jsonl"))
    assert found["splits"][0]["rows"] == 42 and len(found["samples"]) == 2


def test_a_model_sees_no_secrets_of_the_rows(data: DataTools) -> None:
    key = "hf_qbzdefkhsjklmnopqrstuvwxyzabcdefgh"
    rows = [{"prompt": "write to bob@web.de", "completion": key, "turns": [{"content": f"use {key}"}]}] * 3
    (data._desk.workspace / "private.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    said = json.dumps(did(data.data_inspect("private.jsonl")))
    assert key not in said and "bob@web.de" not in said and "masked" in said


def test_an_audit_says_what_is_wrong_and_what_mends_it(data: DataTools) -> None:
    found = did(data.data_audit("train.jsonl", "sft"))
    kinds = {issue["kind"]: issue for issue in found["issues"]}
    assert kinds["empty"]["rows"] == 1 and "train.jsonl:42" in kinds["empty"]["shows"][0]
    assert found["fitness"] != "fit"


def test_rows_of_a_version_do_not_lack_a_provenance(data: DataTools) -> None:
    did(data.data_dedup("train.jsonl", "once.jsonl"))
    kinds = {src: {issue["kind"] for issue in did(data.data_audit(src, "sft"))["issues"]} for src in
             ("train.jsonl", "once.jsonl")}  # fmt: skip
    assert all("provenance" not in found for found in kinds.values())
    (data._desk.workspace / "new.jsonl").write_text('{"prompt": "1", "completion": "2"}\n')
    assert "provenance" in {issue["kind"] for issue in did(data.data_audit("new.jsonl", "sft"))["issues"]}


def test_an_audit_against_a_benchmark_shows_dev_and_counts_the_test_on_the_meter(
    data: DataTools, tmp_path: Path, tiny_model: Path
) -> None:
    workspace = data._desk.workspace
    write_study(workspace / "study", tiny_model)
    pack = workspace / "study" / "benchmark"
    tests = [json.loads(line) for line in (pack / "test.jsonl").read_text().splitlines()]
    devs = [json.loads(line) for line in (pack / "dev.jsonl").read_text().splitlines()]
    mixed = [*devs[-3:], *tests[:2]]
    lines = [json.dumps({"prompt": item["prompt"], "completion": item["answer"]}) + "\n" for item in mixed]
    (workspace / "leaky.jsonl").write_text((workspace / "train.jsonl").read_text() + "".join(lines))
    found = did(data.data_audit("leaky.jsonl", "sft", "study/benchmark"))
    leaks = [issue["what"] for issue in found["issues"] if issue["kind"] == "contamination"]
    assert any("(dev)" in what and what.startswith("3 of") for what in leaks)
    assert any("2 rows hold items of the sealed test" in what for what in leaks)
    (benchmark_id,) = {e.event.benchmark_id for e in data._desk.ledger.events() if e.event.kind == "query_metered"}
    assert [r.event.split for r in data._desk.ledger.queries(benchmark_id)] == ["test"]


def test_data_that_comes_by_its_lineage_from_the_benchmarks_own_source_is_said_to(
    data: DataTools, tiny_model: Path
) -> None:
    workspace = data._desk.workspace
    write_study(workspace / "study", tiny_model)
    did(data.data_filter("train.jsonl", "kept.jsonl", "length(prompt) > 11"))
    source = {"source": str(workspace / "train.jsonl")}
    (workspace / "study" / "benchmark" / "provenance.json").write_text(json.dumps(source))
    found = did(data.data_audit("kept.jsonl", "sft", "study/benchmark"))
    leaks = [issue["what"] for issue in found["issues"] if issue["kind"] == "contamination"]
    (said,) = leaks
    assert said.startswith("declared sources:") and "train.jsonl is what the benchmark was made of" in said


def test_changes_make_new_files_with_one_lineage(data: DataTools) -> None:
    once = did(data.data_dedup("train.jsonl", "once.jsonl"))
    assert once["dropped"] == 1
    did(data.data_filter("once.jsonl", "said.jsonl", "trim(completion) <> ''"))
    parts = did(data.data_split("said.jsonl", "part.jsonl", {"train": 0.75, "test": 0.25}))["parts"]
    assert sum(part["rows"] for part in parts) == 40
    chain = data.data_lineage("part-test.jsonl")
    assert all(step in chain for step in ("split", "filter", "dedup", "register"))
    assert "train.jsonl:1" in data.data_lineage("once.jsonl", 1)


def test_rows_are_repeated_by_weights_that_the_lineage_shows(data: DataTools) -> None:
    did(data.data_filter("train.jsonl", "said.jsonl", "trim(completion) <> ''"))
    made = did(data.data_upsample("said.jsonl", "more.jsonl", where="length(completion) = 1", factor=3))
    assert made["rows"] == 41 + 2 * 6
    assert "factor=3" in data.data_lineage("more.jsonl")
    with pytest.raises(DataError, match="which rows to repeat"):
        asyncio.run(data.data_upsample("said.jsonl", "none.jsonl"))


def test_an_audit_counts_the_tokens_of_the_model_that_is_named(data: DataTools, tiny_model: Path) -> None:
    shutil.copytree(tiny_model, data._desk.workspace / "tiny")
    found = did(data.data_audit("train.jsonl", "sft", model="tiny", max_length=4))
    assert any("4 tokens" in issue["what"] for issue in found["issues"] if issue["kind"] == "truncated"), found
    with pytest.raises(UsageError, match="tokens are a model's own"):
        asyncio.run(data.data_audit("train.jsonl", max_length=4))
    with pytest.raises(UsageError, match="outside the workspace"):
        asyncio.run(data.data_audit("train.jsonl", model=str(tiny_model)))


def test_rows_are_converted_to_what_trainers_take(data: DataTools) -> None:
    done = did(data.data_convert("train.jsonl", "chat.jsonl", "messages"))
    assert done["rows"] + done.get("rejected", 0) == 42
    first = json.loads((data._desk.workspace / "chat.jsonl").read_text().splitlines()[0])
    assert [turn["role"] for turn in first["messages"]] == ["user", "assistant"]
    assert done["version"] in data.data_lineage("chat.jsonl") and "train.jsonl:1" in data.data_lineage("chat.jsonl", 1)
    told = {"prompt": "completion", "answer": "prompt"}
    did(data.data_convert("train.jsonl", "back.jsonl", "prompt-completion", columns=told))
    back = json.loads((data._desk.workspace / "back.jsonl").read_text().splitlines()[1])
    assert back == {"prompt": "2", "completion": "Add 1 and 1."}


@pytest.mark.parametrize(
    ("src", "out", "said"),
    [
        ("/etc/passwd", "x.jsonl", "outside the workspace"),
        ("train.jsonl", "/tmp/x.jsonl", "outside the workspace"),
        ("train.jsonl", "train.jsonl", "the file exists"),
        ("nothing.jsonl", "x.jsonl", "no such file"),
    ],
)
def test_nothing_outside_the_workspace_is_read_or_written(data: DataTools, src: str, out: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        asyncio.run(data.data_dedup(src, out))


@pytest.mark.parametrize("src", ["many", "many/*.jsonl", "many/deep", "*"])
def test_no_link_in_a_directory_leads_out_of_the_workspace(data: DataTools, tmp_path: Path, src: str) -> None:
    (tmp_path / "sealed.jsonl").write_text('{"prompt": "SEALED", "completion": "42"}\n')
    deep = data._desk.workspace / "many" / "deep"
    deep.mkdir(parents=True)
    for link in (deep.parent / "a.jsonl", deep / "b.jsonl"):
        link.symlink_to(tmp_path / "sealed.jsonl")
    with pytest.raises(UsageError, match="outside the workspace"):
        did(data.data_inspect(src))
