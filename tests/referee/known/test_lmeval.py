"""Tasks of lm-evaluation-harness, in its own YAML on small local data; where it is installed, against itself."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.referee.known.sources import arc, gsm8k, humaneval, open_table, read, write

from labwright.compute.sandbox import Sandbox
from labwright.contracts.errors import DataError, LabwrightError, UsageError
from labwright.referee import scoring
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
TRIVIA = {
    "task": "small_trivia", "output_type": "generate_until", "training_split": "train", "test_split": "test",
    "doc_to_text": "Question: {{question}}?\nAnswer:", "doc_to_target": "{{answer.aliases}}", "num_fewshot": 2,
    "fewshot_config": {"sampler": "first_n"}, "fewshot_split": "train",
    "generation_kwargs": {"until": ["\n", ".", ","], "do_sample": False},
    "filter_list": [{"name": "bare", "filter": [{"function": "remove_whitespace"}, {"function": "take_first"}]}],
    "metric_list": [{"metric": "exact_match", "ignore_case": True, "ignore_punctuation": True}],
}  # fmt: skip
BLANKS = {
    "task": "small_blanks", "output_type": "multiple_choice", "training_split": "train", "test_split": "test",
    "doc_to_text": "{{answer}}", "doc_to_target": "{{tail}}", "doc_to_choice": "{{[head + one, head + two]}}",
    "num_fewshot": 2, "fewshot_config": {"sampler": "first_n"}, "fewshot_split": "train",
    "metric_list": [{"metric": "acc"}],
}  # fmt: skip
PROGRAMS = {
    "task": "small_programs", "output_type": "generate_until", "test_split": "test", "training_split": "train",
    "doc_to_text": "{{prompt}}", "doc_to_target": "{{test}}\ncheck({{entry_point}})", "num_fewshot": 0,
    "metric_list": [{"metric": "!function utils.pass_at_k", "k": [1]}],
    "generation_kwargs": {"until": ["\ndef"], "max_gen_toks": 99, "do_sample": False},
    "filter_list": [
        {"name": "x", "filter": [{"function": "custom", "filter_fn": "!function utils.build_predictions"}]}
    ],
}  # fmt: skip
SAID = ["#### 1,007", "#### 1007\n#### 5", "it is 1007", "no", "", " #### $1,007.", "#### 1,007."]


def trivia(start: int, stop: int) -> list[dict[str, Any]]:
    return [{"question": f"Who {n}", "answer": {"aliases": [f"Town {n}", f"The Town-{n}"]}} for n in range(start, stop)]


def blanks(start: int, stop: int) -> list[dict[str, Any]]:
    """Some begin with the blank, some options begin alike, and one is followed by no blank."""
    heads = ("Ann thanked Eve since ", "", "So\nthe ")
    tails = ("had helped.", "helped?", "'s mother did.")
    return [
        {"head": heads[n % 3], "one": "Ann", "two": "Anna", "tail": f"{tails[n % 3]} {n}", "answer": n % 2}
        for n in range(start, stop)
    ]


@pytest.fixture
def tasks(tmp_path: Path) -> Path:
    folder = tmp_path / "tasks"
    for name, make in (("gsm", gsm8k), ("arc", arc), ("trivia", trivia), ("blanks", blanks), ("programs", humaneval)):
        write(folder / f"{name}_train.jsonl", make(0, 12))
        write(folder / f"{name}_test.jsonl", make(12, 22))
    return folder


def task(folder: Path, settings: dict[str, Any], data: str, **changes: Any) -> str:
    files = {split: str(folder / f"{data}_{split}.jsonl") for split in ("train", "test")}
    content = {**settings, "dataset_path": "json", "dataset_kwargs": {"data_files": files}, **changes}
    plain = {key: value for key, value in content.items() if value is not None}
    text = re.sub(r"'?!function ([\w.]+)'?", r"!function '\1'", yaml.safe_dump(plain))
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


def test_every_target_of_a_task_is_right(tasks: Path) -> None:
    pack = read_pack(add(task(tasks, TRIVIA, "trivia"), tasks).directory)
    item = pack.dev[0]
    assert item.answers == ("Town 2", "The Town-2")
    assert few_shot_prefix(pack.shots[:1], pack.spec.generation) == "Question: Who 0?\nAnswer: Town 0\n\n"
    scorer = benchmark_scorer(pack.spec)
    assert [scorer.score(item, said).score for said in (" town 2", "the town2", "Town 3", "")] == [1, 1, 0, 0]


def test_several_choices_of_a_task_may_be_right(tasks: Path) -> None:
    source = task(tasks, ARC, "arc", doc_to_target="{{[0, 1]}}")
    item = read_pack(add(source, tasks).directory).dev[0]
    assert (item.answer, item.answers) == ("2", ("2", "3"))


def test_choices_that_stand_in_the_prompt_are_a_blank_in_it(tasks: Path) -> None:
    added = add(task(tasks, BLANKS, "blanks"), tasks)
    pack = read_pack(added.directory)
    prompts = {item.prompt for item in pack.dev}
    assert {"Ann thanked Eve since _ had helped. 3", "_ helped? 4", "So\nthe _ 's mother did. 5"} <= prompts
    assert {item.choices for item in pack.dev} == {("Ann", "Anna")}
    with pytest.raises(UsageError, match="lengths of whole prompts"):
        add_benchmark("lm-eval:small_blanks", out=tasks.parent / "norm", open_table=open_table,
                      options=AddOptions(include_path=tasks, metric="acc_norm"))  # fmt: skip


@pytest.mark.skipif(Sandbox().boundary != "enforced", reason="programs are not confined here")
def test_a_task_of_programs_is_scored_by_running_them(tasks: Path) -> None:
    added = add(task(tasks, PROGRAMS, "programs"), tasks)
    assert (added.scorer, added.metric) == ("code", "pass@1")
    pack = read_pack(added.directory)
    scorer, item = benchmark_scorer(pack.spec), pack.dev[0]
    assert item.prompt == item.setup
    assert [scorer.score(item, said).score for said in (item.answer, "    return None\n")] == [1, 0]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"metric_list": [{"metric": "!function utils.pass_at_k", "k": [1, 8]}]}, "pass@8 is asked of 1 outputs"),
        ({"filter_list": [{"name": "x", "filter": [{"function": "regex"}]}]}, "a step `regex`"),
    ],
)
def test_a_task_of_programs_that_needs_more_is_refused(changes: dict[str, Any], why: str, tasks: Path) -> None:
    with pytest.raises(UsageError, match=why):
        add(task(tasks, PROGRAMS, "programs", **changes), tasks)


def test_a_task_that_draws_several_programs_is_scored_by_pass_at_k(tasks: Path) -> None:
    changes = {
        "repeats": 4, "metric_list": [{"metric": "!function utils.pass_at_k", "k": [1, 2]}],
        "generation_kwargs": {"until": ["\ndef"], "do_sample": True, "temperature": 0.8},
    }  # fmt: skip
    pack = read_pack(add(task(tasks, PROGRAMS, "programs", **changes), tasks).directory)
    assert (pack.spec.generation.samples, pack.spec.generation.pass_at, pack.spec.metric.name) == (4, 2, "pass@2")


def test_what_is_refused_says_where_its_rows_are(tasks: Path) -> None:
    task(tasks, GSM, "gsm", process_results="!function utils.score")
    text = (tasks / "small_gsm.yaml").read_text().replace("dataset_path: json", "dataset_path: org/rows")
    (tasks / "small_gsm.yaml").write_text(f"{text}\ndataset_name: main\n")
    with pytest.raises(UsageError, match="process_results") as raised:
        add("lm-eval:small_gsm", tasks)
    assert "hub:org/rows:main" in str(raised.value.cure)


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
        ({"metric_list": [{"metric": "exact_match", "ignore_numbers": True}]}, "without digits"),
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

    made = {"gsm": GSM, "arc": ARC, "trivia": TRIVIA, "blanks": BLANKS}
    for name, source in [(str(settings["task"]), task(tasks, settings, data)) for data, settings in made.items()]:
        loaded = TaskManager(include_path=str(tasks)).load(name)
        theirs = (loaded.get("tasks", loaded) if isinstance(loaded, dict) else {name: loaded})[name]
        added = add_benchmark(
            source, out=tasks.parent / name, open_table=open_table, options=AddOptions(include_path=tasks)
        )
        pack = read_pack(added.directory)
        generation, scorer = pack.spec.generation, benchmark_scorer(pack.spec)
        shots = () if name == "small_gsm" else pack.shots
        for doc, item in zip(theirs.test_docs(), read_items(added.directory / "test.jsonl", pack.spec), strict=True):
            asked = theirs.fewshot_context(doc, len(shots))
            if name == "small_blanks":
                requests = theirs.construct_requests(doc, asked, metadata=("t", 0, 1))
                ours = [scoring.choice_request(item, generation, choice) for choice in item.choices]
                prefix = few_shot_prefix(shots, generation)
                assert [r.arguments[:2] for r in requests] == [(prefix + o.prompt, o.continuation) for o in ours]
                continue
            assert asked == few_shot_prefix(shots, generation) + item_prompt(item, generation)
            if name == "small_arc":
                requests = theirs.construct_requests(doc, asked, metadata=("t", 0, 1))
                assert [r.arguments[1] for r in requests] == [answer_lead(generation) + c for c in item.choices]
                continue
            right = doc["answer"]["aliases"] if name == "small_trivia" else [doc["answer"]]
            for said in (*SAID, *right, *(f" {each.lower()}!" for each in right)):
                found = said
                for step in theirs._filters[0].filters:
                    step = step() if callable(step) else step
                    found = next(iter(step.apply([[found]], [doc])))
                    found = found[0] if isinstance(found, list) else found
                assert theirs.process_results(doc, [found])["exact_match"] == scorer.score(item, said).score


def test_rows_of_the_pack_are_plain_items(tasks: Path) -> None:
    added = add(task(tasks, GSM, "gsm"), tasks)
    assert set(read(added.directory / "dev.jsonl")[0]) <= {"id", "prompt", "answer", "choices"}
