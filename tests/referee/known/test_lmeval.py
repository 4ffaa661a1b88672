"""Tasks of lm-evaluation-harness, in its own YAML on small local data; where it is installed, against itself."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.referee.known.sources import arc, gsm8k, open_table, read, write

from labwright.contracts.errors import DataError, LabwrightError, UsageError
from labwright.referee.known import AddedBenchmark, AddOptions, add_benchmark
from labwright.referee.pack import Item, read_items, read_pack
from labwright.referee.prompts import answer_lead, few_shot_prefix, item_prompt
from labwright.referee.scorers import benchmark_scorer

GSM = {
    "task": "small_gsm", "output_type": "generate_until", "training_split": "train", "fewshot_split": "train",
    "test_split": "test", "doc_to_text": "Question: {{question}}\nAnswer:", "doc_to_target": "{{answer}}",
    "metric_list": [{"metric": "exact_match", "aggregation": "mean", "higher_is_better": True, "ignore_case": True,
                     "ignore_punctuation": False, "regexes_to_ignore": [",", "\\$", "(?s).*#### ", "\\.$"]}],
    "generation_kwargs": {"until": ["Question:", "</s>"], "do_sample": False, "temperature": 0.0},
    "num_fewshot": 3,
    "filter_list": [
        {"name": "strict-match", "filter": [{"function": "regex", "regex_pattern": "#### (\\-?[0-9\\.\\,]+)"},
                                            {"function": "take_first"}]},
        {"name": "flexible-extract", "filter": [
            {"function": "regex", "group_select": -1, "regex_pattern": "(-?[$0-9.,]{2,})|(-?[0-9]+)"},
            {"function": "take_first"}]},
    ],
}  # fmt: skip
ARC = {
    "task": "small_arc", "output_type": "multiple_choice", "training_split": "train", "test_split": "test",
    "doc_to_text": "Question: {{question}}\nAnswer:", "doc_to_target": "{{choices.label.index(answerKey)}}",
    "doc_to_choice": "{{choices.text}}", "description": "Science.\n\n", "num_fewshot": 2,
    "fewshot_config": {"sampler": "first_n"}, "fewshot_split": "train",
    "metric_list": [{"metric": "acc"}, {"metric": "acc_norm"}],
}  # fmt: skip
SAID = ["#### 1,007", "#### 1007\n#### 5", "it is 1007", "no", "", " #### $1,007.", "#### 1,007."]


@pytest.fixture
def tasks(tmp_path: Path) -> Path:
    folder = tmp_path / "tasks"
    for name, make in (("gsm", gsm8k), ("arc", arc)):
        write(folder / f"{name}_train.jsonl", make(0, 12))
        write(folder / f"{name}_test.jsonl", make(12, 22))
    return folder


def task(folder: Path, settings: dict[str, Any], data: str, **changes: Any) -> str:
    files = {split: str(folder / f"{data}_{split}.jsonl") for split in ("train", "test")}
    content = {**settings, "dataset_path": "json", "dataset_kwargs": {"data_files": files}, **changes}
    plain = {key: value for key, value in content.items() if value is not None}
    text = yaml.safe_dump(plain).replace("'!function ", "!function '")
    (folder / f"{content['task']}.yaml").write_text(text)
    return f"lm-eval:{content['task']}"


def add(source: str, folder: Path, **chosen: Any) -> AddedBenchmark:
    options = AddOptions(include_path=folder, **chosen)
    return add_benchmark(source, out=folder.parent / "pack", open_table=open_table, options=options)


def test_a_generating_task_keeps_its_prompts_its_stops_and_its_filter(tasks: Path) -> None:
    added = add(task(tasks, GSM, "gsm"), tasks)
    pack = read_pack(added.directory)
    assert (added.dev, added.test, added.shots, added.metric) == (9, 10, 3, "exact_match")
    assert pack.spec.generation.stop == ("Question:", "</s>")
    assert item_prompt(pack.dev[0], pack.spec.generation).startswith("Question: Ann has 3 apples")
    assert few_shot_prefix(pack.shots, pack.spec.generation).count("####") == 3
    scorer = benchmark_scorer(pack.spec)
    item = Item("i", "?", "So 7 + 1000.\n#### 1,007")
    assert [scorer.score(item, said).score for said in SAID] == [1, 1, 0, 0, 0, 0, 1]
    assert any("flexible-extract" in note for note in added.notes)


def test_another_filter_is_chosen_by_its_name(tasks: Path) -> None:
    pack = read_pack(add(task(tasks, GSM, "gsm"), tasks, filter="flexible-extract").directory)
    scorer = benchmark_scorer(pack.spec)
    item = Item("i", "?", "So 7 + 1000.\n#### 1,007")
    assert [scorer.score(item, said).score for said in SAID] == [1, 0, 1, 0, 0, 1, 1]
    with pytest.raises(UsageError, match="no filter"):
        add_benchmark("lm-eval:small_gsm", out=tasks.parent / "new", open_table=open_table,
                      options=AddOptions(include_path=tasks, filter="none"))  # fmt: skip


def test_a_choosing_task_keeps_its_description_choices_and_normalisation(tasks: Path) -> None:
    added = add(task(tasks, ARC, "arc"), tasks)
    pack = read_pack(added.directory)
    assert added.metric == "acc_norm"
    assert pack.spec.scorer.length_normalised
    assert few_shot_prefix((), pack.spec.generation) == "Science.\n\n"
    assert few_shot_prefix(pack.shots, pack.spec.generation).startswith(
        "Science.\n\nQuestion: What is 0 + 1?\nAnswer: 1\n\n"
    )
    assert pack.dev[0].choices == ("2", "3", "4")
    chosen = add_benchmark("lm-eval:small_arc", out=tasks.parent / "acc", open_table=open_table,
                           options=AddOptions(include_path=tasks, metric="acc"))  # fmt: skip
    assert not read_pack(chosen.directory).spec.scorer.length_normalised


def test_what_a_file_includes_is_overridden_by_it(tasks: Path) -> None:
    task(tasks, ARC, "arc")
    (tasks / "sub").mkdir()
    (tasks / "sub" / "other.yaml").write_text('"include": ../small_arc.yaml\n"task": other\ndescription: ""\n')
    assert read_pack(add("lm-eval:other", tasks).directory).spec.generation.description == ""


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"output_type": "loglikelihood_rolling"}, "loglikelihood_rolling"),
        ({"metric_list": [{"metric": "bleu"}]}, "its metric is bleu"),
        ({"process_results": "utils.score"}, "process_results"),
        ({"filter_list": [{"name": "x", "filter": [{"function": "majority_vote"}]}]}, "majority_vote"),
        ({"filter_list": [{"name": "x", "filter": [{"function": "regex", "group_select": 2}]}]}, "match number 2"),
        ({"doc_to_target": '{{["a", "b"]}}'}, "several right answers"),
        ({"description": "About {{question}}"}, "differs from item to item"),
        ({"target_delimiter": "\n"}, "no blank"),
        ({"generation_kwargs": {"do_sample": True, "temperature": 1.0, "top_p": 0.9}}, "top_p"),
        ({"dataset_kwargs": {"data_files": {"train": ["a", "b"]}}}, "several"),
    ],
)
def test_what_cannot_be_frozen_faithfully_is_refused_with_the_reason(
    changes: dict[str, Any], why: str, tasks: Path
) -> None:
    with pytest.raises(UsageError, match="cannot be frozen faithfully") as raised:
        add(task(tasks, GSM, "gsm", **changes), tasks)
    assert why in raised.value.what
    assert str(tasks) in str(raised.value.where)
    assert not (tasks.parent / "pack").exists()


def test_code_of_a_task_file_runs_only_where_it_is_allowed(tasks: Path) -> None:
    source = task(tasks, GSM, "gsm", doc_to_text="!function utils.ask")
    (tasks / "utils.py").write_text("def ask(doc):\n    return doc['question'].upper()\n")
    with pytest.raises(UsageError, match="Python of its own") as raised:
        add(source, tasks)
    assert "--allow-code" in str(raised.value.cure)
    pack = read_pack(add(source, tasks, allow_code=True).directory)
    assert pack.dev[0].prompt.startswith("ANN HAS")


def test_code_that_cannot_be_loaded_is_an_error_that_names_the_file(tasks: Path) -> None:
    source = task(tasks, GSM, "gsm", doc_to_text="!function utils.ask")
    for content in (None, "import no_such_module\n", "def other(): pass\n", "def ask(:\n"):
        (tasks / "utils.py").unlink(missing_ok=True)
        if content is not None:
            (tasks / "utils.py").write_text(content)
        with pytest.raises(DataError) as raised:
            add(source, tasks, allow_code=True)
        assert "utils.py" in str(raised.value.where)


@pytest.mark.parametrize(
    "content",
    ["task: broken\nfoo: [", "- task: broken", "task: broken\ninclude: broken.yaml", "task: broken\ninclude: no.yaml"],
)
def test_a_broken_task_file_is_an_error_for_a_person(content: str, tasks: Path) -> None:
    (tasks / "broken.yaml").write_text(content)
    with pytest.raises(LabwrightError):
        add("lm-eval:broken", tasks)


def test_a_group_names_its_tasks(tasks: Path) -> None:
    task(tasks, ARC, "arc", tag=["science"])
    (tasks / "group.yaml").write_text("group: many\ntask:\n  - small_arc\n  - small_gsm\n")
    for name in ("science", "many"):
        with pytest.raises(UsageError, match="group of tasks") as raised:
            add(f"lm-eval:{name}", tasks)
        assert "small_arc" in str(raised.value.cure)


def test_templates_cannot_reach_out_of_their_sandbox(tasks: Path) -> None:
    hostile = "{{ ''.__class__.__mro__[1].__subclasses__() }}"
    with pytest.raises(DataError, match="no split holds questions"):
        add(task(tasks, GSM, "gsm", doc_to_text=hostile), tasks)


@pytest.mark.skipif(importlib.util.find_spec("lm_eval") is None, reason="lm-eval is not installed")
@pytest.mark.slow
def test_prompts_choices_and_scores_are_those_of_the_harness_itself(tasks: Path) -> None:
    from lm_eval.tasks import TaskManager  # noqa: PLC0415 - seconds to import

    for name, source in (("small_gsm", task(tasks, GSM, "gsm")), ("small_arc", task(tasks, ARC, "arc"))):
        loaded = TaskManager(include_path=str(tasks)).load(name)
        theirs = (loaded.get("tasks", loaded) if isinstance(loaded, dict) else {name: loaded})[name]
        added = add_benchmark(
            source, out=tasks.parent / name, open_table=open_table, options=AddOptions(include_path=tasks)
        )
        pack = read_pack(added.directory)
        generation, scorer = pack.spec.generation, benchmark_scorer(pack.spec)
        shots = pack.shots if name == "small_arc" else ()
        for doc, item in zip(theirs.test_docs(), read_items(added.directory / "test.jsonl", pack.spec), strict=True):
            asked = theirs.fewshot_context(doc, len(shots))
            assert asked == few_shot_prefix(shots, generation) + item_prompt(item, generation)
            if name == "small_arc":
                requests = theirs.construct_requests(doc, asked, metadata=("t", 0, 1))
                assert [r.arguments[1] for r in requests] == [answer_lead(generation) + c for c in item.choices]
                continue
            for said in (*SAID, doc["answer"]):
                found = said
                for step in theirs._filters[0].filters:
                    step = step() if callable(step) else step
                    found = next(iter(step.apply([[found]], [doc])))
                    found = found[0] if isinstance(found, list) else found
                assert theirs.process_results(doc, [found])["exact_match"] == scorer.score(item, said).score


def test_rows_of_the_pack_are_plain_items(tasks: Path) -> None:
    added = add(task(tasks, GSM, "gsm"), tasks)
    assert set(read(added.directory / "dev.jsonl")[0]) <= {"id", "prompt", "answer", "choices"}
