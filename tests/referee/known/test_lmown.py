"""Tasks of the installed harness that score in a way of their own: IFEval and DROP, held against its own functions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.referee.known.sources import open_table, write
from tests.referee.known.test_posttraining import ifeval

from labwright.contracts.errors import UsageError
from labwright.referee.known import AddOptions, add_benchmark
from labwright.referee.known.taskfiles import Function, callable_of, installed_tasks
from labwright.referee.pack import Item, Pack, read_pack
from labwright.referee.prompts import item_prompt
from labwright.referee.scorers import benchmark_scorer

TASKS = installed_tasks()
pytestmark = pytest.mark.skipif(TASKS is None, reason="lm-eval is not installed")


def drop(count: int) -> list[dict[str, Any]]:
    date = {"day": "", "month": "", "year": ""}
    return [
        {"query_id": f"q{n}", "passage": "Ann and Eve ran 3 yards.", "question": f"Who ran {n}?",
         "answer": {"number": "", "date": date, "spans": ["Ann", "the Eve"]},
         "validated_answers": {"number": ["3", ""], "date": [date, {**date, "year": "1990"}], "spans": [[], []]}}
        for n in range(count)
    ]  # fmt: skip


def added(folder: Path, task: str, rows: list[dict[str, Any]], split: str, **options: Any) -> Pack:
    assert TASKS is not None
    data = write(folder / "data" / "rows.jsonl", rows)
    settings = {
        "include": str(TASKS / task), "task": "small", "dataset_path": "json", "dataset_name": None,
        "dataset_kwargs": {"data_files": {split: str(data)}}, "training_split": None,
    }  # fmt: skip
    (folder / "small.yaml").write_text(yaml.safe_dump(settings))
    chosen = AddOptions(include_path=folder, **options)
    made = add_benchmark("lm-eval:small", out=folder / "pack", open_table=open_table, options=chosen)
    return read_pack(made.directory)


def score(pack: Pack, item: Item, output: str) -> float:
    return benchmark_scorer(pack.spec).score(item, output).score


def test_ifeval_is_asked_as_the_harness_asks_and_scored_strictly_or_loosely(tmp_path: Path) -> None:
    strict = added(tmp_path / "a", "ifeval/ifeval.yaml", ifeval(6), "train")
    assert (strict.spec.metric.name, strict.spec.generation.max_new_tokens) == ("prompt_level_strict_acc", 1280)
    item = strict.dev[0]
    assert (
        item_prompt(item, strict.spec.generation)
        == item.prompt
        == f"Say {item.prompt[4]} without commas, in 3 words or more."
    )
    loose = added(tmp_path / "b", "ifeval/ifeval.yaml", ifeval(6), "train", metric="prompt_level_loose_acc")
    said = "Sure, so:\nAll of it"
    assert (score(strict, item, said), score(loose, item, said), score(strict, item, "All of it")) == (0, 1, 1)
    with pytest.raises(UsageError, match="its metric is inst_level_strict_acc; a pack knows"):
        added(tmp_path / "c", "ifeval/ifeval.yaml", ifeval(6), "train", metric="inst_level_strict_acc")


@pytest.mark.parametrize("metric", ["f1", "em"])
def test_drop_scores_as_the_harness_scores(metric: str, tmp_path: Path) -> None:
    assert TASKS is not None
    rows = drop(6)
    pack = added(tmp_path, "drop/default.yaml", rows, "validation", metric=metric)
    item = pack.dev[0]
    assert item.prompt.startswith("Ann and Eve ran 3 yards. Who ran")
    answers = callable_of(Function("utils.get_answers", TASKS / "drop"), allowed=False)(rows[0])
    theirs = callable_of(Function("utils.process_results", TASKS / "drop"), allowed=False)
    for said in ("Ann", "Ann, Eve", "3", "3.0 yards", "4 yards", "1990", "", " the Eve", "Ann the Eve"):
        expected = theirs({"answers": answers}, [said])[metric]
        assert score(pack, item, said) == pytest.approx(expected), said


def test_a_function_of_the_same_name_from_elsewhere_is_not_taken_for_it(tmp_path: Path) -> None:
    data = write(tmp_path / "rows.jsonl", ifeval(6))
    (tmp_path / "utils.py").write_text("def process_results(doc, results): return {}\n")
    (tmp_path / "own.yaml").write_text(
        f"task: own\ndataset_path: json\ndataset_kwargs: {{data_files: {{train: {data}}}}}\ntest_split: train\n"
        "doc_to_text: prompt\ndoc_to_target: 0\nprocess_results: !function utils.process_results\n"
        "metric_list: [{metric: prompt_level_strict_acc}]\n"
    )
    options = AddOptions(include_path=tmp_path, allow_code=True)
    with pytest.raises(UsageError, match="`process_results`, which scores or asks in a way of its own"):
        add_benchmark("lm-eval:own", out=tmp_path / "pack", open_table=open_table, options=options)
