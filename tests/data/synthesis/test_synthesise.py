"""A run from its spec to checked rows: targets, checks, budget, refusals, and what stands beside the rows."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from pydantic import JsonValue
from tests.data.synthesis.specs import (
    SUMS,
    ScriptedJudge,
    ScriptedWriter,
    llm_spec,
    programs,
    row,
    rows,
    run,
)

from labwright.contracts.errors import DataError, ProviderError, StorageError, UsageError
from labwright.contracts.research import DatasetVersion
from labwright.data.overlap import BenchItem
from labwright.data.synthesis import Parts, SliceReport, Standing, read_spec
from labwright.data.synthesis.generators import Files, staged
from labwright.data.versions import register, verify

# -- templates ---------------------------------------------------------------------------------------------------------


def test_templates_fill_every_slice_and_each_row_is_told_apart(tmp_path: Path) -> None:
    report = run(tmp_path, SUMS + "slice_column: part\n", Parts(home=tmp_path / "home"))
    made, origins = rows(report.out), rows(report.provenance)
    assert report.complete and report.rows == len(made) == len(origins) == 20
    assert {one["part"] for one in made} == {"small", "large"}
    assert [o["row"] for o in origins] == list(range(1, 21))
    for one, origin in zip(made, origins, strict=True):
        assert int(one["completion"]) == origin["params"]["a"] + origin["params"]["b"]
        assert origin["model"] == "template" and origin["seed"] and origin["slice"] == one["part"]
    assert report.version is not None and verify(report.version)
    assert report.version.lineage[0].params["slices"] == {"small": 12, "large": 8}


def test_the_same_spec_makes_the_same_rows_and_another_seed_others(tmp_path: Path) -> None:
    for name, text in (("a", SUMS), ("b", SUMS), ("c", SUMS + "seed: 99\n")):
        (tmp_path / name).mkdir()
        run(tmp_path / name, text)
    first, again, other = ((tmp_path / name / "out.jsonl").read_text() for name in "abc")
    assert first == again != other


def test_every_row_that_is_not_taken_is_kept_with_its_reason(tmp_path: Path) -> None:
    text = SUMS + "checks: {length: {completion: {max_characters: 1}}, forbid: ['^Sum']}\nbudget: {attempts: 3}\n"
    report = run(tmp_path, text)
    small, large = report.slices
    rejected = rows(report.rejected)
    assert not report.complete
    assert (large.accepted, large.ended) == (0, "attempts")
    assert "0 passed" in large.why
    assert len(rejected) == small.made + large.made - report.rows
    assert sum(sum(s.refused.values()) for s in report.slices) == len(rejected)
    assert {r["reason"] for r in rejected} >= {"length", "forbidden pattern"}
    assert large.examples["length"] in ("completion has 3 characters", "completion has 4 characters")


def test_a_template_that_can_make_few_rows_ends_and_says_why(tmp_path: Path) -> None:
    text = """
generator: {kind: template, row: {prompt: "Say {{ word }}.", completion: "{{ word }}"}}
slices: [{name: words, count: 10, params: {word: [yes please, no thanks]}}]
"""
    (part,) = run(tmp_path, text).slices
    assert (part.accepted, part.ended) == (2, "attempts")
    assert part.refused == {"duplicate": 38}


def test_typed_fields_of_a_template_are_values_and_preferences_are_possible(tmp_path: Path) -> None:
    text = """
format: preference
fields: {margin: {type: integer, minimum: 1}, tags: {type: array, items: string}, kind: [easy, hard]}
generator:
  kind: template
  row: {prompt: "Is {{ n }} even?", chosen: "{{ n % 2 == 0 }}", rejected: "{{ n % 2 == 1 }}",
        margin: "{{ n }}", tags: ["{{ n }}", "x"], kind: "{{ choice(['easy', 'hard']) }}"}
slices: [{name: a, count: 5, let: {n: "integer(1, 9999)"}}]
"""
    report = run(tmp_path, text, Parts(home=tmp_path / "home"))
    assert report.complete
    assert all(isinstance(one["margin"], int) and one["tags"][1] == "x" for one in rows(report.out))
    assert report.version is None and "preference" in " ".join(report.remarks)


def test_rows_go_to_parquet_too(tmp_path: Path) -> None:
    import pyarrow.parquet as pq  # noqa: PLC0415

    report = run(tmp_path, SUMS, out="out.parquet")
    assert pq.read_table(report.out).num_rows == 20


# -- models ------------------------------------------------------------------------------------------------------------


def test_a_model_is_asked_until_the_target_and_each_row_has_its_prompt_and_seed(tmp_path: Path) -> None:
    writer = ScriptedWriter()
    seen: list[Standing] = []
    report = run(tmp_path, llm_spec(count=10), Parts(writer=writer.of), progress=seen.append)
    assert report.complete and report.models == ("scripted",)
    assert [count for _, count, _ in writer.asked] == [4, 4, 2]
    origins = rows(report.provenance)
    assert all("Write about rain." in o["prompt"] and o["model"] == "scripted" for o in origins)
    assert len({o["seed"] for o in origins}) == 3
    assert (report.spent.calls, report.spent.tokens) == (3, 300)
    assert report.spent.usd == pytest.approx(0.03)
    assert (seen[-1].doing, seen[-1].accepted, seen[-1].wanted) == ("saving", 10, 10)


def test_each_row_has_an_instruction_of_its_own_where_params_differ(tmp_path: Path) -> None:
    writer = ScriptedWriter()
    text = llm_spec(count=4).replace(
        '"Write about rain."', '"Write about {{ what }}.", params: {what: [a, b, c, d, e]}'
    )
    run(tmp_path, text, Parts(writer=writer.of))
    assert "Row 1: Write about " in writer.asked[0][0] and "Row 4: " in writer.asked[0][0]


def test_examples_are_drawn_and_fixed_fields_are_filled_in(tmp_path: Path) -> None:
    writer = ScriptedWriter(says=lambda number, count: [{"completion": f"Answer {number}"}])
    text = """
generator: {kind: llm, rows_a_call: 1, shots: 1, fixed: {prompt: "What is {{ n }}?"}, examples: [{completion: EXAMPLE}]}
slices: [{name: a, count: 3, let: {n: "integer(1, 99999)"}, instructions: "Answer {{ n }}."}]
"""
    report = run(tmp_path, text, Parts(writer=writer.of))
    assert report.complete and "EXAMPLE" in writer.asked[0][0]
    for one, origin in zip(rows(report.out), rows(report.provenance), strict=True):
        assert one["prompt"] == f"What is {origin['params']['n']}?"


def test_a_model_that_writes_nonsense_too_few_or_too_many_is_counted(tmp_path: Path) -> None:
    def says(number: int, count: int) -> Sequence[Mapping[str, JsonValue]]:
        return [
            [{"prompt": "only"}, {"prompt": 1, "completion": "a"}, row(0)],
            [row(n) for n in range(10, 16)],
            [row(n) for n in range(20, 20 + count)],
        ][min(number, 2)]

    (part,) = run(tmp_path, llm_spec(count=8), Parts(writer=ScriptedWriter(says=says).of)).slices
    assert part.accepted == 8 and part.ended == "full"
    assert part.refused["schema"] == 2 and part.refused["not written"] == 1 and part.refused["surplus"] >= 2


def test_a_call_that_fails_is_one_attempt_and_a_provider_that_is_down_is_an_error(tmp_path: Path) -> None:
    down = ProviderError("the provider is down", where="scripted")
    writer = ScriptedWriter(says=lambda n, count: down if n == 0 else [row(10 * n + i) for i in range(count)])
    report = run(tmp_path, llm_spec(), Parts(writer=writer.of))
    assert report.complete and report.slices[0].refused == {"failed call": 4}

    dead = ScriptedWriter(says=lambda n, count: down if n > 0 else [row(i) for i in range(count)])
    with pytest.raises(ProviderError, match="down"):
        run(tmp_path, llm_spec(count=20), Parts(writer=dead.of), out="second.jsonl")
    assert not (tmp_path / "second.jsonl").exists()
    report = run(tmp_path, llm_spec(count=20), Parts(writer=ScriptedWriter(_given=100).of), out="second.jsonl")
    assert report.complete and "Question 0 about rain?" in {one["prompt"] for one in rows(report.out)}


# -- budget ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("keeps", [True, False])
@pytest.mark.parametrize(("budget", "calls"), [("{usd: 0.085}", 4), ("{tokens: 1300}", 4)])
def test_a_ceiling_ends_the_run_with_what_there_is_and_a_larger_one_goes_on(
    tmp_path: Path, budget: str, calls: int, keeps: bool
) -> None:
    writer = ScriptedWriter()
    parts = Parts(writer=writer.keeping if keeps else writer.of)
    report = run(tmp_path, llm_spec(count=200, budget=budget), parts)
    (part,) = report.slices
    assert (report.complete, part.ended) == (False, "budget")
    assert "`budget." in part.why and report.rows == len(rows(report.out)) > 0
    if keeps:
        assert len(writer.asked) == calls and report.spent.usd <= 0.085
    paid = len(writer.asked)
    report = run(tmp_path, llm_spec(count=200, budget="{usd: 10, tokens: 1000000}"), parts)
    assert report.complete and report.rows == 200
    assert report.spent.calls == len(writer.asked) == 50 and paid < 50


def test_several_calls_at_a_time_never_pass_the_ceiling_together(tmp_path: Path) -> None:
    writer = ScriptedWriter(worst_usd=0.05)
    report = run(tmp_path, llm_spec(count=100, budget="{usd: 0.12}", parallel=8), Parts(writer=writer.keeping))
    assert report.slices[0].ended == "budget"
    assert 0.07 <= report.spent.usd <= 0.12 + 1e-9


def test_an_unknown_price_is_never_zero(tmp_path: Path) -> None:
    writer = ScriptedWriter(usd=None, worst_usd=None)
    report = run(tmp_path, llm_spec(budget="{usd: 1}"), Parts(writer=writer.keeping))
    assert writer.asked == [] and "nobody knows what scripted costs" in report.slices[0].why
    report = run(tmp_path, llm_spec(budget="{usd: 1, tokens: 100000}"), Parts(writer=writer.keeping))
    assert report.complete and report.spent.unpriced_calls == 2
    assert any("price of 2 of 2 calls is not known" in remark for remark in report.remarks)


def test_time_is_a_ceiling_too(tmp_path: Path) -> None:
    clock = iter(range(0, 100_000, 7))
    parts = Parts(writer=ScriptedWriter().of, clock=lambda: float(next(clock)))
    report = run(tmp_path, llm_spec(count=400, budget="{wall_clock: 60s}"), parts)
    assert report.slices[0].ended == "time" and 0 < report.rows < 400


# -- checks ------------------------------------------------------------------------------------------------------------


def test_repeats_of_the_run_of_the_labs_data_and_of_benchmarks_are_refused(tmp_path: Path) -> None:
    known = {
        "prompt": "Which river flows through the old town of Prague, under the bridge that Charles the Fourth had "
        "built there so many years ago?",
        "completion": "It is the Vltava that flows there.",
    }
    (tmp_path / "known.jsonl").write_text(json.dumps(known) + "\n")
    version = register(tmp_path / "known.jsonl", "rivers", "prompt-completion", tmp_path / "home")
    item = BenchItem("q7", "A farmer has 17 sheep and all but 9 die in the storm, how many sheep are left?", "9")
    other = {"prompt": "Name a bird that cannot fly and lives in the south.", "completion": "A penguin, for example."}
    made: list[Mapping[str, JsonValue]] = [
        {**known, "prompt": known["prompt"].upper()},
        {**known, "prompt": known["prompt"].replace("so many", "very many")},
        {"prompt": item.input, "completion": "9"},
        other,
        dict(other),
        {**other, "completion": "A penguin for example!"},
    ]
    writer = ScriptedWriter(says=lambda number, count: made if number == 0 else [row(number)])
    text = llm_spec(count=2).replace("rows_a_call: 4", "rows_a_call: 6").replace("count: 2,", "count: 6,")
    report = run(tmp_path, text, Parts(writer=writer.of, data=(version,), benchmarks={"farm": [item]}))
    refused = [(r["reason"], r["why"]) for r in rows(report.rejected)][:5]
    assert refused[0] == ("in known data", f"is nearly a row of dataset rivers ({version.id})")
    assert refused[1][0] == "in known data"
    assert refused[2] == ("benchmark item", "holds item q7 of the benchmark farm (exact)")
    assert [reason for reason, _ in refused[3:]] == ["duplicate", "near-duplicate"]
    assert report.known == 1


def test_other_files_are_compared_with_and_rows_with_other_numbers_are_no_repeats(tmp_path: Path) -> None:
    (tmp_path / "old.jsonl").write_text(json.dumps({"question": "Add 3 and 4.", "answer": "7"}) + "\n")
    text = """
generator: {kind: template, row: {prompt: "Add {{ a }} and {{ b }}.", completion: "{{ a + b }}"}}
checks: {dedup: {files: [old.jsonl]}}
budget: {attempts: 60}
slices: [{name: all, count: 15, let: {a: "integer(1, 4)", b: "integer(1, 4)"}}]
"""
    report = run(tmp_path, text)
    assert report.complete and report.known == 1  # of the 16 sums, all but the known one
    assert any(r["why"].endswith("old.jsonl") for r in rows(report.rejected))


def test_a_verifier_script_says_yes_or_no(tmp_path: Path) -> None:
    (tmp_path / "check.py").write_text(
        "import json, sys\n"
        "source, out = sys.argv[2], sys.argv[4]\n"
        "with open(out, 'w') as verdicts:\n"
        "    for line in open(source):\n"
        "        one = json.loads(line)\n"
        "        ok = int(one['row']['completion']) == one['params']['a'] + one['params']['b']\n"
        "        even = int(one['row']['completion']) % 2 == 0\n"
        "        print(json.dumps({'ok': ok and even, 'reason': 'odd'}), file=verdicts)\n"
    )
    report = run(tmp_path, SUMS + "checks: {verifier: {script: check.py}}\n", Parts(programs=programs()))
    assert report.complete and all(int(one["completion"]) % 2 == 0 for one in rows(report.out))
    assert all(r["why"] == "odd" for r in rows(report.rejected) if r["reason"] == "verifier")


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("raise SystemExit('cannot')", "ended with code 1: cannot"),
        ("pass", "wrote no file"),
        ("open('verdicts.jsonl', 'w').write('{}\\n')", "gave 1 verdicts"),
        ("open('verdicts.jsonl', 'w').write('yes')", "not JSON"),
        ("open('verdicts.jsonl', 'w').write('{\"ok\": 1}\\n' * 12)", "no `ok` that is true or false"),
    ],
)
def test_a_verifier_that_fails_is_an_error_and_no_verdict(tmp_path: Path, script: str, says: str) -> None:
    (tmp_path / "check.py").write_text(script)
    with pytest.raises(DataError, match=r"check\.py") as caught:
        run(tmp_path, SUMS + "checks: {verifier: {script: check.py}}\nparallel: 1\n", Parts(programs=programs()))
    assert says in caught.value.what


def test_a_judge_decides_last_and_its_word_is_kept(tmp_path: Path) -> None:
    judge = ScriptedJudge(says=lambda r: 0.2 if str(r["completion"]).endswith("3.") else 0.9)
    checks = "{forbid: ['Answer 1\\.'], judge: {rubric: Is it good, at_least: 0.5}}"
    report = run(tmp_path, llm_spec(checks=checks), Parts(writer=ScriptedWriter().of, judge=judge.of))
    refused = dict(report.slices[0].refused)
    assert report.complete and (refused["forbidden pattern"], refused["judge"]) == (1, 1)
    assert "Answer 1." not in {one["completion"] for one in judge.judged}  # the cheap checks come first
    assert all(o["judge"]["score"] == 0.9 for o in rows(report.provenance))
    assert report.spent.usd == pytest.approx(0.01 * 3 + 0.001 * len(judge.judged))


def test_a_judge_that_fails_gives_no_score_and_is_asked_again_after_a_new_start(tmp_path: Path) -> None:
    down = ProviderError("down", where="judge")
    writer = ScriptedWriter()
    spec = llm_spec(count=4, checks="{judge: Is it good}")
    judge = ScriptedJudge(says=lambda r: down if "Answer 2." in str(r) else 1.0)
    with pytest.raises(ProviderError):
        run(tmp_path, spec, Parts(writer=writer.of, judge=judge.of))
    report = run(tmp_path, spec, Parts(writer=writer.of, judge=ScriptedJudge().of))
    assert report.complete and len(writer.asked) == 1
    with pytest.raises(ProviderError, match="no score from"):
        parts = Parts(writer=ScriptedWriter().of, judge=ScriptedJudge(says=lambda _: 7.0).of)
        run(tmp_path, spec, parts, out="b.jsonl")


def test_language_and_tokens_are_told_by_what_is_handed_in(tmp_path: Path) -> None:
    parts = Parts(
        writer=ScriptedWriter().of,
        language_of=lambda text: "de" if "2" in text else None if "3" in text else "en",
        tokens_of=lambda texts: [len(text) // 2 for text in texts],
    )
    checks = "{language: en, length: {completion: {max_tokens: 5}}}"
    report = run(tmp_path, llm_spec(checks=checks), parts)
    assert report.slices[0].refused["language"] > 1
    assert {"row is in de", "the language of row cannot be told"} >= {r["why"] for r in rows(report.rejected)[:2]}


def test_the_bundled_detector_tells_languages(tmp_path: Path) -> None:
    english = {
        "prompt": "What is the weather like in the mountains today?",
        "completion": "It is cold and there is snow.",
    }
    german = {
        "prompt": "Wie ist das Wetter heute in den Bergen?",
        "completion": "Es ist kalt und es liegt viel Schnee.",
    }
    writer = ScriptedWriter(says=lambda number, count: [english, german] if number == 0 else [german])
    report = run(tmp_path, llm_spec(count=1, checks="{language: de}"), Parts(writer=writer.of))
    assert report.complete and rows(report.out) == [german]
    assert rows(report.rejected)[0]["why"] == "row is in en"


def test_sealed_tests_are_counted_once_by_the_referee(tmp_path: Path) -> None:
    asked: list[str] = []

    def sealed(version: DatasetVersion) -> int:
        asked.append(version.id)
        return 2

    parts = Parts(home=tmp_path / "home", sealed=sealed)
    assert run(tmp_path, SUMS, parts).sealed_hits == 2
    assert run(tmp_path, SUMS, parts).sealed_hits == 2
    assert len(asked) == 1


# -- programs and tasks ------------------------------------------------------------------------------------------------

MAKER = """
import argparse, json, random
import words
p = argparse.ArgumentParser()
for name in ("slice", "seed", "count", "params", "out"):
    p.add_argument("--" + name)
a = p.parse_args()
draw, params = random.Random(int(a.seed)), json.load(open(a.params))
with open(a.out, "w") as out:
    for _ in range(int(a.count)):
        n = draw.randint(1, 10**6)
        print(json.dumps({"prompt": f"{words.SAY} {n} {params['unit']}", "completion": str(n)}), file=out)
"""


def test_a_program_makes_rows_in_the_sandbox_from_a_seed(tmp_path: Path) -> None:
    (tmp_path / "make.py").write_text(MAKER)
    (tmp_path / "words.py").write_text("SAY = 'Repeat'")
    text = """
generator: {kind: program, script: make.py, files: [words.py], rows_a_call: 7}
slices: [{name: metres, count: 20, params: {unit: m}}]
"""
    report = run(tmp_path, text, Parts(programs=programs()))
    again = run(tmp_path, text, Parts(programs=programs()), out="again.jsonl")
    assert report.complete and report.models == ("program:make.py",)
    assert rows(report.out) == rows(again.out)


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("1 / 0", "ZeroDivisionError"),
        ("while True: pass", "took more than 1 s"),
        ("x = bytearray(1 << 33)", "MemoryError"),
        ("open('rows.jsonl', 'w').write('[1]')", "no object"),
        ("open('rows.jsonl', 'w').write('{\"a\": ')", "its line 1"),
    ],
)
def test_a_program_that_fails_is_an_error_that_names_it(tmp_path: Path, script: str, says: str) -> None:
    (tmp_path / "make.py").write_text(script)
    timeout_s = 1 if script.startswith("while") else 300
    text = f"generator: {{kind: program, script: make.py, timeout_s: {timeout_s}}}\nslices: [{{name: a, count: 1}}]\n"
    with pytest.raises(DataError, match=r"make\.py") as caught:
        run(tmp_path, text, Parts(programs=programs()))
    assert says in caught.value.one_line()


class _Task:
    """Like a reasoning-gym dataset: its third answer is one that its own verifier does not like."""

    def __init__(self, name: str, *, seed: int, size: int, top: int = 9) -> None:
        if name != "sums":
            raise ValueError(f"Dataset '{name}' not registered")
        self._seed, self._top = seed, top

    def __getitem__(self, index: int) -> dict[str, object]:
        a = (self._seed + 7919 * index) % self._top
        return {"question": f"{a} + {index}", "answer": None if index == 2 else str(a + index), "metadata": {}}

    def score_answer(self, answer: str | None, entry: dict[str, object]) -> float:
        return 1.0 if answer == entry["answer"] else 0.0


def test_tasks_give_rows_that_their_own_verifier_likes(tmp_path: Path) -> None:
    text = """
format: messages
generator: {kind: reasoning-gym, task: sums, config: {top: 99999}, suffix: " = ?", rows_a_call: 5}
slices: [{name: a, count: 8}]
"""
    report = run(tmp_path, text, Parts(tasks=_Task))
    assert report.complete and report.models == ("reasoning-gym:sums",)
    assert report.slices[0].refused["verifier"] >= 1
    assert all(one["messages"][0]["content"].endswith(" = ?") for one in rows(report.out))
    with pytest.raises(DataError, match="not registered"):
        run(tmp_path, text.replace("task: sums", "task: sms"), Parts(tasks=_Task), out="b.jsonl")


def test_the_real_reasoning_gym_fits_where_it_is_installed(tmp_path: Path) -> None:
    pytest.importorskip("reasoning_gym")
    text = "generator: {kind: reasoning-gym, task: basic_arithmetic}\nslices: [{name: a, count: 30}]\n"
    report = run(tmp_path, text)
    assert report.complete and len(rows(report.out)) == 30


# -- what cannot begin -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (llm_spec(), "a model"),
        (SUMS + "checks: {judge: Is it good}\n", "a judge"),
        (SUMS + "checks: {language: [en, xx]}\n", "'xx' is no language"),
        (SUMS + "checks: {length: {prompt: {max_tokens: 3}}}\n", "a tokenizer"),
    ],
)
def test_what_is_missing_is_said_before_anything_is_made(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(UsageError, match=says) as caught:
        run(tmp_path, text)
    assert "spec.yaml:" in (caught.value.where or "")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["spec.yaml"]


def test_a_persons_file_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "out.jsonl").write_text("mine")
    with pytest.raises(UsageError, match="exists already"):
        run(tmp_path, SUMS)
    assert (tmp_path / "out.jsonl").read_text() == "mine"
    assert not (tmp_path / "out.jsonl.journal").exists()
    with pytest.raises(UsageError, match=r"out\.csv"):
        run(tmp_path, SUMS, out="out.csv")


def test_an_output_that_was_begun_with_another_spec_is_left_alone(tmp_path: Path) -> None:
    run(tmp_path, SUMS)
    with pytest.raises(UsageError, match="is another than when this output was begun"):
        run(tmp_path, SUMS + "seed: 4\n")


def test_a_run_that_is_complete_costs_nothing_when_asked_for_again(tmp_path: Path) -> None:
    writer = ScriptedWriter()
    first = run(tmp_path, llm_spec(), Parts(writer=writer.of))
    calls = len(writer.asked)
    again = run(tmp_path, llm_spec(), Parts(writer=writer.of))
    assert len(writer.asked) == calls
    assert (again.rows, again.slices, again.spent) == (first.rows, first.slices, first.spent)


def test_a_model_that_the_spec_names_needs_no_other(tmp_path: Path) -> None:
    writer, judge = ScriptedWriter(), ScriptedJudge()
    parts = Parts(writer=writer.of, judge=judge.of, has_writer=False, has_judge=False)
    named = llm_spec(checks="{judge: {rubric: Is it good, model: 'b:judge'}}").replace(
        "kind: llm", "kind: llm, model: 'a:b'"
    )
    assert run(tmp_path, named, parts).complete
    with pytest.raises(UsageError, match="this needs a model"):
        run(tmp_path, llm_spec(), parts, out="other.jsonl")


def test_a_ceiling_is_told_from_rows_that_do_not_pass(tmp_path: Path) -> None:
    spec = llm_spec(count=40, budget="{tokens: 1300}")
    small = run(tmp_path, spec, Parts(writer=ScriptedWriter().keeping), out="small.jsonl")
    assert not small.complete and "tokens" in small.at_ceiling
    never = run(tmp_path, llm_spec(checks="{forbid: [rain]}"), Parts(writer=ScriptedWriter().of), out="never.jsonl")
    assert not never.complete and never.at_ceiling == ""


def test_rows_beyond_the_target_passed_and_those_that_never_came_were_not_checked() -> None:
    refused = {"surplus": 2, "verifier": 4, "not written": 3, "failed call": 5}
    part = SliceReport("a", "llm", 6, 6, 20, 12, refused, {}, 0, "full")
    assert part.acceptance == 8 / 12


def test_a_link_is_never_written_through(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("mine")
    (tmp_path / "out.jsonl.journal").symlink_to(precious)
    with pytest.raises(StorageError, match="the journal is a link"):
        run(tmp_path, SUMS)
    (tmp_path / ".new.jsonl.writing").symlink_to(precious)
    run(tmp_path, SUMS, out="new.jsonl")
    assert precious.read_text() == "mine"


def test_a_file_that_became_a_link_is_not_copied_to_the_script(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("the key")
    folder = tmp_path / "spec"
    folder.mkdir()
    (folder / "data.txt").symlink_to(tmp_path / "secret")
    files = Files(folder, {"data.txt": "any"})
    with pytest.raises(DataError, match="leads out of the spec's folder"), staged(files, ["data.txt"]):
        pass


def test_a_script_that_was_changed_since_the_spec_was_read_is_not_run(tmp_path: Path) -> None:
    (tmp_path / "make.py").write_text("print(1)")
    path = tmp_path / "spec.yaml"
    path.write_text("generator: {kind: program, script: make.py}\nslices: [{name: a, count: 1}]\n")
    source = read_spec(path)
    with staged(source.beside, source.files()) as place:
        assert (place / "make.py").read_text() == "print(1)"
    (tmp_path / "make.py").write_text("print(2)")
    with pytest.raises(DataError, match="changed while rows were made"), staged(source.beside, source.files()):
        pass
    assert read_spec(path).digest() != source.digest()
