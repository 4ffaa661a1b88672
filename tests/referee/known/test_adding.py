"""A source becomes a pack that the referee takes as it takes any other, with its provenance."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from tests.referee.known.sources import arc, gsm8k, humaneval, open_table, read, write

from labwright.compute.sandbox import Sandbox
from labwright.contracts.errors import DataError, UsageError
from labwright.referee.known import AddedBenchmark, AddOptions, add_benchmark
from labwright.referee.pack import read_pack
from labwright.referee.prompts import few_shot_prefix, item_prompt
from labwright.referee.scorers import scorer_for
from labwright.referee.vault import Vault


def add(source: Path | str, tmp_path: Path, **chosen: Any) -> AddedBenchmark:
    return add_benchmark(str(source), out=tmp_path / "pack", open_table=open_table, options=AddOptions(**chosen))


def keys(directory: Path, part: str) -> set[str]:
    return {row["prompt"] for row in read(directory / f"{part}.jsonl")}


@pytest.fixture
def arc_source(tmp_path: Path) -> Path:
    for split, start, stop in (("train", 0, 30), ("validation", 30, 42), ("test", 42, 60)):
        write(tmp_path / "arc" / f"{split}.jsonl", arc(start, stop))
    return tmp_path / "arc"


def test_the_test_is_the_benchmarks_test_and_dev_its_validation_rows(arc_source: Path, tmp_path: Path) -> None:
    added = add(arc_source, tmp_path)
    assert (added.layout, added.dev, added.test, added.shots) == ("arc", 12, 18, 5)
    assert (added.dev_from, added.test_from) == ("validation", "test")
    pack = read_pack(added.directory)
    assert pack.spec.scorer.length_normalised
    assert item_prompt(pack.dev[0], pack.spec.generation) == "Question: What is 30 + 1?\nAnswer:"
    assert few_shot_prefix(pack.shots[:1], pack.spec.generation) == "Question: What is 0 + 1?\nAnswer: 1\n\n"


def test_the_vault_seals_what_was_added(arc_source: Path, tmp_path: Path) -> None:
    sealed = Vault(tmp_path / "vault", Sandbox("off")).seal(add(arc_source, tmp_path).directory)
    assert (len(sealed.dev), len(sealed.test), len(sealed.shots)) == (12, 18, 5)


def test_provenance_says_where_everything_is_from_and_its_hashes_hold(arc_source: Path, tmp_path: Path) -> None:
    added = add(arc_source, tmp_path)
    said = json.loads((added.directory / "provenance.json").read_text())
    assert said["source"] == str(arc_source)
    assert said["items"] == {"dev": 12, "test": 18, "shots": 5}
    assert {name: part["rows"] for name, part in said["splits"].items()} == {"train": 30, "validation": 12, "test": 18}
    for name, digest in said["files"].items():
        assert hashlib.sha256((added.directory / name).read_bytes()).hexdigest() == digest
    assert set(said["files"]) == {"benchmark.yaml", "dev.jsonl", "test.jsonl", "shots.jsonl"}


def test_one_split_is_divided_by_lot_and_that_is_said(tmp_path: Path) -> None:
    added = add(write(tmp_path / "gsm8k.jsonl", gsm8k(0, 41)), tmp_path)
    assert (added.dev, added.test, added.shots) == (16, 20, 5)
    assert any("one split only" in note for note in added.notes)
    parts = [keys(added.directory, part) for part in ("dev", "test", "shots")]
    assert len(set.union(*parts)) == sum(map(len, parts)) == 41
    again = add_benchmark(str(tmp_path / "gsm8k.jsonl"), out=tmp_path / "again", open_table=open_table)
    assert keys(again.directory, "test") == keys(added.directory, "test")
    other = add_benchmark(
        str(tmp_path / "gsm8k.jsonl"), out=tmp_path / "other", open_table=open_table, options=AddOptions(seed=5)
    )
    assert keys(other.directory, "test") != keys(added.directory, "test")


def test_worked_examples_show_the_reasoning_and_items_are_scored_by_the_number(tmp_path: Path) -> None:
    write(tmp_path / "gsm8k" / "train.jsonl", gsm8k(0, 20))
    write(tmp_path / "gsm8k" / "test.jsonl", gsm8k(20, 30))
    pack = read_pack(add(tmp_path / "gsm8k", tmp_path).directory)
    assert pack.shots[0].answer.endswith("#### 1,000")
    assert pack.dev[0].answer == "1005"
    assert scorer_for(pack.spec.scorer).score(pack.dev[0], "5 + 1000 is 1,005").score == 1


def test_no_question_is_on_two_sides_and_what_is_left_out_is_counted(tmp_path: Path) -> None:
    hidden = [{**row, "answerKey": ""} for row in arc(90, 93)]
    write(tmp_path / "arc" / "train.jsonl", [*arc(0, 10), *arc(0, 2), *arc(20, 23), *hidden])
    write(tmp_path / "arc" / "test.jsonl", arc(20, 30))
    added = add(tmp_path / "arc", tmp_path, few_shot=2)
    assert added.dev == 8
    assert any("3 questions of train also stand in the test" in note for note in added.notes)
    assert any("2 questions of train stand in it more than once" in note for note in added.notes)
    assert any("3 of 18 rows left out: there is no answer" in note for note in added.notes)
    assert not keys(added.directory, "dev") & keys(added.directory, "test")


def test_a_test_without_answers_is_not_used_and_that_is_said(tmp_path: Path) -> None:
    write(tmp_path / "arc" / "train.jsonl", arc(0, 20))
    write(tmp_path / "arc" / "validation.jsonl", arc(20, 30))
    write(tmp_path / "arc" / "test.jsonl", [{**row, "answerKey": ""} for row in arc(30, 40)])
    added = add(tmp_path / "arc", tmp_path)
    assert (added.test_from, added.dev_from) == ("validation", "train")
    assert any("test was not used" in note and "no answer" in note for note in added.notes)


def test_sizes_and_samples_are_chosen(arc_source: Path, tmp_path: Path) -> None:
    added = add(arc_source, tmp_path, most_dev=4, most_test=6, few_shot=0)
    assert (added.dev, added.test, added.shots) == (4, 6, 0)
    assert not (added.directory / "shots.jsonl").exists()
    gsm = add_benchmark(
        str(write(tmp_path / "gsm8k.jsonl", gsm8k(0, 20))), open_table=open_table, out=tmp_path / "gsm",
        options=AddOptions(samples=8, max_new_tokens=99, chat=True),
    )  # fmt: skip
    generation = read_pack(gsm.directory).spec.generation
    assert (generation.samples, generation.temperature, generation.max_new_tokens) == (8, 0.7, 99)
    assert generation.chat
    assert gsm.metric == "accuracy (avg@8)"


def test_pass_at_k_is_chosen_with_enough_samples_and_names_the_metric(tmp_path: Path) -> None:
    source = write(tmp_path / "gsm8k.jsonl", gsm8k(0, 20))
    added = add(source, tmp_path, samples=4, pass_at=2)
    spec = read_pack(added.directory).spec
    assert (spec.generation.samples, spec.generation.pass_at, spec.metric.name) == (4, 2, "pass@2")
    assert added.metric == "pass@2 (of 4 samples)"
    with pytest.raises(UsageError, match="pass@5 cannot be estimated from 4 samples"):
        add(source, tmp_path / "other", samples=4, pass_at=5)


def test_a_column_that_lists_answers_accepts_them_all(tmp_path: Path) -> None:
    rows = [{"question": f"Town {n}?", "answers": [f"T{n}", f"Town {n}"]} for n in range(12)]
    pack = read_pack(add(write(tmp_path / "towns.jsonl", rows), tmp_path, few_shot=0).directory)
    item = pack.dev[0]
    assert len(item.answers) == 2
    assert all(scorer_for(pack.spec.scorer).score(item, said).score == 1 for said in item.answers)


@pytest.mark.skipif(Sandbox().boundary != "enforced", reason="programs are not confined here")
def test_code_whose_own_solution_fails_is_left_out(tmp_path: Path) -> None:
    rows = humaneval(0, 8)
    rows[3]["canonical_solution"] = "    return None\n"
    added = add(write(tmp_path / "humaneval.jsonl", rows), tmp_path)
    assert (added.scorer, added.dev + added.test) == ("code", 7)
    assert any("1 of 8 rows left out: its own solution does not pass its tests" in note for note in added.notes)
    item = read_pack(added.directory).dev[0]
    scorer = scorer_for(read_pack(added.directory).spec.scorer)
    assert scorer.score(item, item.answer).score == 1
    assert scorer.score(item, "    return 0\n").score == 0


def test_without_a_sandbox_solutions_are_not_run(tmp_path: Path) -> None:
    source = write(tmp_path / "humaneval.jsonl", humaneval(0, 8))
    added = add_benchmark(str(source), out=tmp_path / "pack", open_table=open_table, sandbox=Sandbox("off"))
    assert any("not tried" in note for note in added.notes)


def test_nothing_is_left_behind_where_it_fails_or_something_is_there(arc_source: Path, tmp_path: Path) -> None:
    (tmp_path / "pack").mkdir()
    add(arc_source, tmp_path)  # an empty directory is a place
    with pytest.raises(UsageError, match="something is there"):
        add(arc_source, tmp_path)
    with pytest.raises(DataError):
        add_benchmark(str(write(tmp_path / "x.jsonl", [{"a": 1}])), out=tmp_path / "new", open_table=open_table)
    assert not (tmp_path / "new").exists()
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_a_name_that_cannot_be_one_is_refused(arc_source: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no name"):
        add_benchmark(str(arc_source), name="Has Blanks", out=tmp_path / "pack", open_table=open_table)


# -- rows of no known layout -------------------------------------------------------------------------------------------


def test_columns_are_mapped_and_the_scorer_follows_from_the_answers(tmp_path: Path) -> None:
    numbers = [{"frage": f"{n} + 1 =", "antwort": n + 1} for n in range(8)]
    added = add(write(tmp_path / "sums.jsonl", numbers), tmp_path, columns={"prompt": "frage", "answer": "antwort"})
    assert added.scorer == "numeric"
    words = [{"question": f"Capital {n}?", "answer": f"Town {n}"} for n in range(8)]
    assert add_benchmark(
        str(write(tmp_path / "words.jsonl", words)), out=tmp_path / "words", open_table=open_table
    ).scorer == "normalised"  # fmt: skip
    choices = [{"question": f"{n}?", "options": ["a", "b"], "answer": "B"} for n in range(8)]
    picked = add_benchmark(
        str(write(tmp_path / "choices.jsonl", choices)), out=tmp_path / "choices", open_table=open_table
    )
    assert read_pack(picked.directory).dev[0].answer == "b"


def test_long_answers_need_a_judge(tmp_path: Path) -> None:
    essays = [{"prompt": f"Write about {n}.", "answer": "A long text. " * 20} for n in range(8)]
    source = write(tmp_path / "essays.jsonl", essays)
    with pytest.raises(DataError, match="long texts") as raised:
        add(source, tmp_path)
    assert "--rubric" in str(raised.value.cure)
    added = add(source, tmp_path, rubric="It is about the number, and kind.")
    assert (added.scorer, added.metric) == ("rubric", "score")
    assert read_pack(added.directory).spec.scorer.rubric == "It is about the number, and kind."


def test_prompts_without_any_answer_need_only_a_rubric(tmp_path: Path) -> None:
    source = write(tmp_path / "prompts.jsonl", [{"prompt": f"Say {n}."} for n in range(8)])
    assert add(source, tmp_path, rubric="Said.").scorer == "rubric"


@pytest.mark.parametrize(
    ("columns", "named"),
    [({}, "--map prompt=COLUMN"), ({"prompt": "nope"}, "columns: x, y"), ({"colour": "x"}, "map one of: prompt")],
)
def test_what_is_no_benchmark_says_which_columns_there_are(columns: dict[str, str], named: str, tmp_path: Path) -> None:
    with pytest.raises(DataError) as raised:
        add(write(tmp_path / "x.jsonl", [{"x": "1", "y": "2"}] * 4), tmp_path, columns=columns)
    assert named in str(raised.value.cure)
