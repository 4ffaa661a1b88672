"""The benchmarks of post-training studies can be added from rows of their real shape, and score a right output 1.

PostTrainBench's seven (AIME 2025, GPQA main, HealthBench, HumanEval, GSM8K 10-shot, Arena-Hard writing, BFCL
exec_simple), and IFEval and DROP. HumanEval's rows are added in test_adding.py.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.referee.known.sources import gsm8k, open_table, write

from labwright.contracts.errors import DataError, UsageError
from labwright.referee.judging.judge import FakeJudge
from labwright.referee.known import AddedBenchmark, AddOptions, add_benchmark
from labwright.referee.known.draft import UnusableRowError
from labwright.referee.known.layouts import layout_of
from labwright.referee.pack import Item, read_items, read_pack
from labwright.referee.prompts import few_shot_prefix
from labwright.referee.scorers import Means, benchmark_scorer

Rows = list[dict[str, Any]]
BINOMIAL = {
    "name": "calc_binomial", "description": "Of k in n.",
    "parameters": {"type": "dict", "required": ["n", "p"], "properties": {
        "n": {"type": "integer", "description": "trials"}, "p": {"type": "float", "description": "chance"},
        "tails": {"type": "string", "description": "which", "default": "both"}}},
}  # fmt: skip


def exec_simple(count: int) -> Rows:
    return [
        {"id": f"exec_simple_{n}", "question": [[{"role": "user", "content": f"Chance of one in {n}?"}]],
         "function": [BINOMIAL], "execution_result_type": ["exact_match"],
         "ground_truth": [f"calc_binomial(n={n}, p=0.5)"]}
        for n in range(count)
    ]  # fmt: skip


def simple(count: int) -> tuple[Rows, Rows]:
    questions: Rows = [
        {"id": f"simple_{n}", "question": [[{"role": "user", "content": f"In {n}?"}]], "function": [BINOMIAL]}
        for n in range(count)
    ]
    answers: Rows = [
        {"id": f"simple_{n}", "ground_truth": [{"calc_binomial": {"n": [n], "p": [0.5, 0.25], "tails": ["both", ""]}}]}
        for n in range(count)
    ]
    return questions, answers


def arena(count: int) -> tuple[Rows, Rows]:
    questions: Rows = [
        {"uid": f"u{n}", "category": "creative_writing", "subcategory": "creative_writing", "prompt": f"Poem {n}"}
        for n in range(count)
    ]
    answers: Rows = [
        {"uid": f"u{n}", "ans_id": f"a{n}", "model": "some-model", "tstamp": 1.5, "metadata": {"token_len": 2},
         "messages": [{"role": "user", "content": f"Poem {n}"},
                      {"role": "assistant", "content": {"answer": f"Baseline {n}"}}]}
        for n in range(count)
    ]  # fmt: skip
    return questions, answers


def first_arena(count: int) -> tuple[Rows, Rows]:
    questions: Rows = [
        {"question_id": f"q{n}", "category": "arena-hard-v0.1", "cluster": "c", "turns": [{"content": f"Task {n}"}]}
        for n in range(count)
    ]
    answers: Rows = [
        {"question_id": f"q{n}", "answer_id": "a", "model_id": "m", "tstamp": 1.5,
         "choices": [{"index": 0, "turns": [{"content": f"Baseline {n}", "token_len": 2}]}]}
        for n in range(count)
    ]  # fmt: skip
    return questions, answers


def ifeval(count: int) -> Rows:
    """As the Hub has it: every setting stands in every row, mostly null."""
    nothing = {"num_words": None, "relation": None, "keywords": None}
    return [
        {"key": 1000 + n, "prompt": f"Say {n} without commas, in 3 words or more.",
         "instruction_id_list": ["punctuation:no_comma", "length_constraints:number_words"],
         "kwargs": [nothing, {**nothing, "num_words": 3.0, "relation": "at least"}]}
        for n in range(count)
    ]  # fmt: skip


def added(folder: Path, rows: Rows, name: str, answers: Rows | None = None, **options: Any) -> AddedBenchmark:
    source = write(folder / name, rows)
    joined = None if answers is None else str(write(folder / "answers" / "MODEL.jsonl", answers))
    chosen = AddOptions(answers=joined, **options)
    return add_benchmark(str(source), out=folder / "pack", open_table=open_table, options=chosen)


def sealed(benchmark: AddedBenchmark) -> tuple[Item, ...]:
    return read_items(benchmark.directory / "test.jsonl", read_pack(benchmark.directory).spec)


def scores(benchmark: AddedBenchmark, *outputs: str, means: Means | None = None) -> list[float]:
    scorer = benchmark_scorer(read_pack(benchmark.directory).spec, means)
    item = min(sealed(benchmark), key=lambda each: each.prompt)
    return [scorer.score(item, output).score for output in outputs]


@pytest.mark.parametrize(
    ("row", "name"),
    [
        ({"problem": "How many?", "answer": "70", "id": "0"}, "math-ai/aime25"),
        ({"question": "How many?", "answer": "70"}, "opencompass/AIME2025"),
        ({"problem_idx": 1, "problem": "How many?", "answer": 70, "problem_type": ["x"]}, "MathArena/aime_2025"),
    ],
)
def test_aime_2025(row: Mapping[str, Any], name: str, tmp_path: Path) -> None:
    layout = layout_of(row, name)
    assert layout is not None
    assert layout.name == "aime"
    rows = [{key: f"{value} {n}" if value == "How many?" else value for key, value in row.items()} for n in range(14)]
    made = added(tmp_path, rows, f"{name.partition('/')[2]}.jsonl")
    assert (made.layout, made.scorer) == ("aime", "numeric")
    assert scores(made, r"So it is \boxed{70}.", "71") == [1, 0]


def test_gpqa_main(tmp_path: Path) -> None:
    rows = [
        {"Question": f"Which {n}?", "Correct Answer": "right", "Incorrect Answer 1": "a", "Incorrect Answer 2": "b",
         "Incorrect Answer 3": "c", "Explanation": "e", "Record ID": f"r{n}", "Subdomain": "Physics"}
        for n in range(14)
    ]  # fmt: skip
    made = added(tmp_path, rows, "gpqa_main.jsonl")
    letter = min(sealed(made), key=lambda each: each.prompt).answer
    assert (made.layout, scores(made, letter, "(E)")) == ("gpqa", [1, 0])


def test_healthbench(tmp_path: Path) -> None:
    rows = [
        {"prompt": [{"role": "user", "content": f"Dose {n}?"}], "prompt_id": f"p{n}", "example_tags": ["t"],
         "rubrics": [{"criterion": "Asks for weight", "points": 7, "tags": ["axis:accuracy"]},
                     {"criterion": "Names a dose", "points": -5, "tags": ["axis:accuracy"]},
                     {"criterion": "Is short", "points": 3, "tags": ["level:example"]}],
         "ideal_completions_data": None, "canary": "c"}
        for n in range(8)
    ]  # fmt: skip
    made = added(tmp_path, rows, "healthbench.jsonl")
    assert (made.layout, made.scorer, made.metric) == ("rubrics", "criteria", "score")
    for unmet, score in (("Names a dose", 1.0), ("Asks for weight", -0.2), ("Is short", 0.2)):
        judge = FakeJudge(lambda case, unmet=unmet: float(unmet not in case))
        assert scores(made, "How heavy?", means=Means(judge=judge)) == [score]


def test_gsm8k_with_ten_worked_examples(tmp_path: Path) -> None:
    made = added(tmp_path, gsm8k(10, 50), "gsm8k.jsonl", few_shot=10)
    pack = read_pack(made.directory)
    assert few_shot_prefix(pack.shots, pack.spec.generation).count("####") == made.shots == 10
    answer = min(sealed(made), key=lambda each: each.prompt).answer
    assert scores(made, f"So it is\n#### {answer}", "#### 3") == [1, 0]


@pytest.mark.parametrize(("make", "asked"), [(arena, "Poem"), (first_arena, "Task")])
def test_arena_hard_is_held_against_a_baselines_answers(make: Any, asked: str, tmp_path: Path) -> None:
    questions, answers = make(8)
    made = added(tmp_path, questions, "question.jsonl", [*answers[1:], {**answers[0], "uid": "x", "question_id": "x"}])
    assert (made.scorer, made.metric, made.dev + made.test) == ("pairwise", "win rate", 7)
    assert any("1 of 8 rows left out: the answers hold none for it" in note for note in made.notes)
    details = json.loads((made.directory / "provenance.json").read_text())["details"]
    assert (Path(details["answers"]).name, len(details["answers_content"])) == ("MODEL.jsonl", 64)
    item = sealed(made)[0]
    assert item.baseline == item.prompt.replace(asked, "Baseline")
    means = Means(judge=FakeJudge(lambda case: float(case.index("Mine") < case.index("Baseline"))))
    assert scores(made, "Mine", "", means=means) == [1, 0]


def test_a_baseline_may_be_a_column(tmp_path: Path) -> None:
    rows = [{"instruction": f"Say {n}", "output": "Said.", "generator": "m", "dataset": "d"} for n in range(6)]
    made = added(tmp_path, rows, "alpaca_eval.jsonl")
    assert (made.layout, sealed(made)[0].baseline) == ("alpaca-eval", "Said.")
    mapped = {"prompt": "instruction", "baseline": "output"}
    other = add_benchmark(
        str(write(tmp_path / "mine.jsonl", rows)), out=tmp_path / "other", open_table=open_table,
        options=AddOptions(columns=mapped),
    )  # fmt: skip
    assert (other.layout, other.scorer, other.metric) == ("columns", "pairwise", "win rate")


def test_bfcl_exec_simple(tmp_path: Path) -> None:
    made = added(tmp_path, exec_simple(8), "BFCL_v3_exec_simple.json")
    item = min(sealed(made), key=lambda each: each.prompt)
    assert '"name": "calc_binomial"' in item.prompt
    right = item.answer
    assert right == f"[calc_binomial(n={item.calls[0].arguments['n'][0]}, p=0.5)]"
    said = (right, right.replace(")", ", tails='Both')"), right.replace(")", ", tails='left')"), "none")
    assert (made.scorer, scores(made, *said)) == ("calls", [1, 1, 0, 0])


def test_bfcl_simple_with_its_possible_answers(tmp_path: Path) -> None:
    questions, answers = simple(8)
    made = added(tmp_path, questions, "BFCL_v3_simple.json", answers)
    right = min(sealed(made), key=lambda each: each.prompt).answer
    assert scores(made, right, right.replace("0.5", "0.25"), right.replace("0.5", "0.75")) == [1, 1, 0]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"ground_truth": ["import os"]}, "holds no call"),
        ({"ground_truth": ["other(n=1)"]}, "not described"),
        ({"ground_truth": ["calc_binomial(1, 2, 3, 4)"]}, "without a name"),
        ({"ground_truth": [{"calc_binomial": {"n": []}}]}, "no accepted values"),
        ({"ground_truth": []}, "holds no call"),
        ({"function": "f"}, "describes no function"),
        ({"function": [{**BINOMIAL, "parameters": {"properties": {"n": {"type": "HashMap"}}}}]}, "Java or JavaScript"),
        ({"question": [[{"role": "user", "content": "a"}], [{"role": "user", "content": "b"}]]}, "several turns"),
    ],
)
def test_a_row_of_bfcl_that_cannot_be_scored_says_why(change: dict[str, Any], why: str) -> None:
    row = {**exec_simple(1)[0], **change}
    layout = layout_of(row, "bfcl")
    assert layout is not None
    with pytest.raises(UnusableRowError, match=why):
        layout.read(row)


def test_ifeval(tmp_path: Path) -> None:
    rows = [*ifeval(8), {**ifeval(1)[0], "instruction_id_list": ["punctuation:none", "x"]}]
    made = added(tmp_path, rows, "ifeval.jsonl")
    assert (made.layout, made.scorer, made.metric) == ("ifeval", "instructions", "strict accuracy")
    assert scores(made, "It is so", "It is, so", "So") == [1, 0, 0]
    assert any("there is no instruction 'punctuation:none'" in note for note in made.notes)


def test_drop(tmp_path: Path) -> None:
    rows = [
        {"section_id": "s", "query_id": f"q{n}", "passage": "P.", "question": f"Who {n}?",
         "answer": {"number": "", "date": {"day": "", "month": "", "year": ""}, "spans": ["Ann", "Eve"]},
         "validated_answers": {"number": [""], "date": [{"day": "1", "month": "May", "year": ""}], "spans": [[]]}}
        for n in range(12)
    ]  # fmt: skip
    made = added(tmp_path, rows, "drop.jsonl")
    assert scores(made, "Eve; Ann", "Ann", "1 May", "Bob") == [1, 0.5, 1, 0]
    pack = read_pack(made.directory)
    assert pack.shots[0].answer == "Ann; Eve"


def test_answers_that_do_not_belong_to_the_questions_are_refused(tmp_path: Path) -> None:
    questions, answers = simple(4)
    with pytest.raises(DataError, match="cannot be joined"):
        added(tmp_path / "a", questions, "q.jsonl", [{"number": 1}])
    with pytest.raises(DataError, match="stands in it twice"):
        added(tmp_path / "b", questions, "q.jsonl", [*answers, answers[0]])
    with pytest.raises(UsageError, match="without its answers cannot be frozen") as raised:
        added(tmp_path / "c", questions, "q.jsonl")
    assert "--answers" in str(raised.value.cure)
