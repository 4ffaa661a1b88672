"""Reading a study out of plain text: orderings, phrasings, units, and what is left to be asked."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labwright.agent.durations import duration_s
from labwright.agent.grammar import Wanted, merge, read, read_answer

CLAUSES = (
    "Teach smollm2-135m-instruct to sort numbers",
    "benchmark studies/number-sorting/benchmark",
    "data studies/number-sorting/data/train.jsonl",
    "15 minutes",
)
WHOLE = Wanted(
    goal="Teach smollm2-135m-instruct to sort numbers",
    base_model="smollm2-135m-instruct",
    benchmark="studies/number-sorting/benchmark",
    data=("studies/number-sorting/data/train.jsonl",),
    wall_clock_s=900.0,
)


@pytest.mark.parametrize("clauses", list(permutations(CLAUSES)))
@pytest.mark.parametrize("between", ["; ", "\n", ". "])
def test_the_order_of_the_clauses_does_not_matter(clauses: tuple[str, ...], between: str) -> None:
    assert read(between.join(clauses)) == WHOLE


@pytest.mark.parametrize(
    "text",
    [
        "Please teach smollm2-135m-instruct to sort numbers in 15 minutes, using the benchmark in "
        "studies/number-sorting/benchmark and the data in studies/number-sorting/data/train.jsonl.",
        "Teach smollm2-135m-instruct to sort numbers within a quarter of an hour. Evaluate on "
        "studies/number-sorting/benchmark, train on studies/number-sorting/data/train.jsonl.",
        "Using studies/number-sorting/data/train.jsonl, teach smollm2-135m-instruct to sort numbers, measured by "
        "studies/number-sorting/benchmark, in at most 15 min",
        "I'd like you to teach smollm2-135m-instruct to sort numbers. Benchmark: `studies/number-sorting/benchmark`. "
        'Training data: "studies/number-sorting/data/train.jsonl". Time budget: 0.25 hours',
        "goal: teach smollm2-135m-instruct to sort numbers; model: smollm2-135m-instruct; time limit 900s; "
        "benchmark=studies/number-sorting/benchmark; data=studies/number-sorting/data/train.jsonl",
        "You have fifteen minutes. Use studies/number-sorting/benchmark as the benchmark and "
        "studies/number-sorting/data/train.jsonl as training data. Teach smollm2-135m-instruct to sort numbers!",
    ],
)
def test_sentences_say_the_same_as_clauses(text: str) -> None:
    assert read(text) == WHOLE


def test_a_hub_model_two_files_and_dollars_are_read_out_of_one_sentence() -> None:
    said = read(
        "In at most two hours, and for at most $5, fine-tune Qwen/Qwen3-0.6B on a.jsonl and b.jsonl to answer in "
        "French, measured by bench/french."
    )
    goal = "Fine-tune Qwen/Qwen3-0.6B to answer in French"
    assert said == Wanted(goal, "Qwen/Qwen3-0.6B", "bench/french", ("a.jsonl", "b.jsonl"), 7200.0, 5.0)


def test_a_number_in_the_goal_is_no_budget() -> None:
    said = read("Improve smollm2-135m-instruct on 3d geometry; benchmark b/geo; data geo.parquet; 2 hours; 12 runs")
    assert (said.wall_clock_s, said.runs, said.goal) == (7200.0, 12, "Improve smollm2-135m-instruct on 3d geometry")
    assert said.data == ("geo.parquet",)


@pytest.mark.parametrize(
    "said",
    [
        "improve the gsm8k score of Qwen-0.5B; data d.jsonl; bench b/x; 1h",
        "get a 0.5B model to do math: model=Qwen-0.5B data=d.jsonl bench=b/x time=1h",
        "model=Qwen-0.5B bench=b/x data=d.jsonl time=1h goal: do maths",
    ],
)
def test_a_name_with_a_size_is_the_model_and_neither_a_benchmarks_name_nor_a_bare_size(said: str) -> None:
    found = read(said)
    assert (found.base_model, found.benchmark, found.data, found.missing) == ("Qwen-0.5B", "b/x", ("d.jsonl",), ())


def test_paths_with_spaces_are_quoted() -> None:
    said = read("""benchmark 'my bench/pack'; data "my data/a.jsonl", "my data/b.jsonl"; model ./models/tiny; 1h""")
    assert (said.benchmark, said.data) == ("my bench/pack", ("my data/a.jsonl", "my data/b.jsonl"))
    assert said.base_model == "./models/tiny"


@pytest.mark.parametrize("said", ["{} as the benchmark", "{} is the benchmark", "with {} as benchmark"])
@pytest.mark.parametrize("path", ["/abs/bench", "./bench/x", "~/bench"])
def test_a_path_keeps_its_first_characters_where_what_it_is_comes_after_it(said: str, path: str) -> None:
    assert read(f"Teach tiny-1b to rhyme; {said.format(path)}; data d.jsonl; 1h").benchmark == path
    data = said.replace("the benchmark", "the data").replace("benchmark", "data").format(path)
    assert read(f"Teach tiny-1b to rhyme; {data}; bench b/x; 1h").data == (path,)


STUDY = "Teach smollm2-135m-instruct to sort numbers; benchmark b/x; data d.jsonl"


@pytest.mark.parametrize(
    ("said", "usd"),
    [("$1,000", 1000), ("$5k", 5000), ("ten dollars", 10), ("50 cents", 0.5), ("USD 12.50", 12.5), ("for $0", 0)],
)
def test_dollars_are_read_as_people_write_them(said: str, usd: float) -> None:
    found = read(f"{STUDY}; 2h; {said}")
    assert found.usd == usd and not found.missing


@pytest.mark.parametrize(
    ("said", "asked"),
    [
        ("15m; $-5", "usd"), ("15m; 5 EUR", "usd"), ("15m; $5 per hour", "usd"), ("15m; $5 or $10", "usd"),
        ("15m; at most 0 runs", "runs"), ("15m; 2.5 runs", "runs"), ("15m; 99999999999999999999 runs", "runs"),
        ("15m; 3 runs, 5 runs", "runs"), ("15 minutes, no 2 hours", "wall_clock"), ("1h; 2h", "wall_clock"),
        (f"15m; ${'9' * 400}", "usd"),
        ("999999 hours", "wall_clock"), ("0 minutes", "wall_clock"), ("-5 minutes", "wall_clock"),
    ],
)  # fmt: skip
def test_what_contradicts_itself_or_cannot_be_meant_is_asked_and_not_dropped(said: str, asked: str) -> None:
    assert read(f"{STUDY}; {said}").missing == (asked,)


@pytest.mark.parametrize(
    ("field", "answer", "ceiling"),
    [("usd", "7", 7.0), ("usd", "$7", 7.0), ("usd", "none", None), ("runs", "8", 8), ("runs", "No limit.", None)],
)
def test_a_ceiling_that_was_unclear_is_filled_in_or_given_up(field: str, answer: str, ceiling: float | None) -> None:
    unclear = read(f"{STUDY}; 15m; {'5 EUR' if field == 'usd' else '0 runs'}")
    told = read_answer(field, answer, unclear)  # type: ignore[arg-type]
    assert getattr(told, field) == ceiling and not told.missing
    assert read_answer(field, "well", unclear).missing == (field,)  # type: ignore[arg-type]
    assert read_answer(field, "0" if field == "runs" else "a lot", unclear).missing == (field,)  # type: ignore[arg-type]


def test_a_thousand_minutes_are_no_single_minute() -> None:
    assert read(f"{STUDY}; in 1,000 minutes").wall_clock_s == 60_000.0


def test_a_time_in_the_goal_is_not_the_budget_that_is_named() -> None:
    said = read("Teach smollm2-135m-instruct to answer within 30 seconds; benchmark b/x; data d.jsonl; budget 2 hours")
    assert (said.wall_clock_s, said.goal) == (7200.0, "Teach smollm2-135m-instruct to answer within 30 seconds")


def test_one_model_or_another_is_asked() -> None:
    assert read(STUDY.replace(" to sort", " or Qwen/Qwen3-0.6B to sort") + "; 1h").missing == ("base_model",)


def test_half_a_path_is_nobody_s_file() -> None:
    said = read("Teach smollm2-135m-instruct to sort; the data is at /data/my files/a.jsonl; benchmark b/sort; 1h")
    assert said.missing == ("data",)
    assert read_answer("data", "/data/my files/a.jsonl", said).missing == ("data",)
    assert read_answer("data", "'/data/my files/a.jsonl'", said).data == ("/data/my files/a.jsonl",)
    assert read(STUDY.replace("d.jsonl", r"my\ set/d.jsonl")).data == ("my set/d.jsonl",)
    assert read(STUDY.replace("d.jsonl", "a/b.jsonl c/d.jsonl")).data == ("a/b.jsonl", "c/d.jsonl")


def test_where_to_start_from_is_not_the_goal() -> None:
    said = read(
        "I want a model that sorts numbers. Start from HuggingFaceTB/SmolLM2-135M, 1h; benchmark b/x; data d.jsonl"
    )
    assert (said.goal, said.base_model) == ("I want a model that sorts numbers", "HuggingFaceTB/SmolLM2-135M")


@pytest.mark.parametrize("text", ["run the study in studies/sorting", "please run studies/sorting/study.yaml"])
def test_a_directory_with_a_study_needs_nothing_else(text: str) -> None:
    said = read(text)
    assert said.study == "studies/sorting" and not said.missing


@pytest.mark.parametrize(
    ("without", "missing"),
    [(0, ("goal", "base_model")), (1, ("benchmark",)), (2, ("data",)), (3, ("wall_clock",))],
)
def test_what_is_not_said_is_missing(without: int, missing: tuple[str, ...]) -> None:
    assert read("; ".join(c for n, c in enumerate(CLAUSES) if n != without)).missing == missing


@pytest.mark.parametrize("text", ["say hi", "", "what can you do?", "thanks, that was good"])
def test_small_talk_is_no_study(text: str) -> None:
    assert read(text).says_nothing


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("15m", 900), ("15 min", 900), ("15 minutes", 900), ("2 hours", 7200), ("two hours", 7200), ("2h", 7200),
        ("half an hour", 1800), ("a half hour", 1800), ("1h30m", 5400), ("1 h 30 min", 5400), ("1.5 hours", 5400),
        ("an hour and a half", 5400), ("one and a half hours", 5400), ("2 hours and 30 minutes", 9000),
        ("a quarter of an hour", 900), ("three quarters of an hour", 2700), ("90 seconds", 90), ("90s", 90),
        ("a day", 86400), ("an hour", 3600), ("2-hour", 7200),
    ],
)  # fmt: skip
def test_durations_are_read_as_people_write_them(text: str, seconds: float) -> None:
    assert duration_s(text) == seconds


@pytest.mark.parametrize("text", ["and", "as", "soon", "45", "135m-instruct", "smollm2-135m", "tomorrow"])
def test_what_is_no_duration_is_none(text: str) -> None:
    assert duration_s(text) is None


@pytest.mark.parametrize(
    ("field", "answer"),
    [
        ("goal", "teach smollm2-135m-instruct to sort numbers"),
        ("base_model", "smollm2-135m-instruct"),
        ("benchmark", "it is in studies/number-sorting/benchmark"),
        ("benchmark", "studies/number-sorting/benchmark"),
        ("data", "studies/number-sorting/data/train.jsonl"),
        ("wall_clock", "15m"),
        ("wall_clock", "about a quarter of an hour"),
    ],
)
def test_an_answer_fills_the_field_that_was_asked_for(field: str, answer: str) -> None:
    names = {"wall_clock": "wall_clock_s"}
    empty = {names.get(field, field): () if field == "data" else None}
    partly = Wanted(**{**{k: getattr(WHOLE, k) for k in Wanted.__slots__}, **empty})
    assert field not in read_answer(field, answer, partly).missing


def test_a_sentence_without_a_path_is_no_list_of_files() -> None:
    partly = replace(WHOLE, data=())
    assert read_answer("data", "I do not know, take any you like", partly).missing == ("data",)
    assert read_answer("data", "sets/a and sets/b", partly).data == ("sets/a", "sets/b")


def test_what_is_said_later_counts_but_the_goal_stays() -> None:
    later = merge(WHOLE, read("take an hour instead; data more.jsonl"))
    assert (later.goal, later.wall_clock_s, later.data) == (WHOLE.goal, 3600.0, ("more.jsonl",))


@given(st.text(max_size=300))
def test_no_text_breaks_it(text: str) -> None:
    read(text)
    read_answer("data", text, Wanted())


RUNS_ON = [
    "/", "1", " ", "$", "\n", "a/", "7b-", ".a", "1,", "1 ", "\\ ", "=/", "\0", "a.jsonl ",
    "study.yaml", "1h ", "budget",
]  # fmt: skip


@pytest.mark.parametrize("piece", RUNS_ON)
def test_a_paste_of_forty_thousand_characters_is_read_at_once(piece: str) -> None:
    """No pattern may try every end from every beginning: then each of these takes very long."""
    read("teach it " + piece * (40_000 // len(piece)) + " now")
