"""avg@k: k outputs an item, their mean as its score, with seeds that nobody but the referee chooses."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from labwright.contracts.errors import SpecError, UsageError
from labwright.contracts.generation import Decoding, LikelihoodRequest
from labwright.contracts.research import ItemResult
from labwright.contracts.specs import BenchmarkSpec, GenerationSpec, ScorerSpec
from labwright.referee import scoring
from labwright.referee.pack import Item, read_pack, read_spec
from labwright.referee.prompts import few_shot_prefix
from labwright.referee.scorers import benchmark_scorer, samples_of
from labwright.referee.vault import read_results, write_results
from labwright.referee.verdict import decide

ITEMS = [Item(str(n), f"{n}?", str(n)) for n in range(3)]


@dataclass
class FakeWorker:
    """Answers each prompt with the next of its answers."""

    answers: list[str]
    decodings: list[Decoding] = field(default_factory=list)
    asked: list[LikelihoodRequest] = field(default_factory=list)

    def generate(self, prompts: Sequence[str], decoding: Decoding, **rest: Any) -> list[str]:
        self.decodings.append(decoding)
        rest["on_progress"](len(prompts), len(prompts))
        return [self.answers[n % len(self.answers)].replace("=", prompt[:1]) for n, prompt in enumerate(prompts)]

    def log_likelihoods(self, requests: Sequence[LikelihoodRequest], **rest: Any) -> list[float]:
        self.asked += requests
        return [0.0] * len(requests)


def spec(kind: str = "exact", **generation: Any) -> BenchmarkSpec:
    return BenchmarkSpec(
        name="b", scorer=ScorerSpec.model_validate({"kind": kind}), generation=GenerationSpec(**generation)
    )


def test_an_items_score_is_the_mean_over_its_samples() -> None:
    seen: list[tuple[int, int]] = []
    results = scoring.answer(
        FakeWorker(["=", "no", "=", "="]),  # type: ignore[arg-type]
        spec(samples=4, temperature=0.8), ITEMS, (), None, lambda done, total: seen.append((done, total)), seed=9,
    )  # fmt: skip
    assert [r.score for r in results] == [0.75, 0.75, 0.75]
    assert json.loads(results[1].output) == ["1", "no", "1", "1"] == json.loads(results[1].prediction)
    assert seen == [(12, 12)]


def test_stored_outputs_of_samples_score_the_same_again() -> None:
    chosen = spec(samples=2, temperature=0.8)
    results = scoring.answer(FakeWorker(["=", "no"]), chosen, ITEMS, (), None, lambda *_: None)  # type: ignore[arg-type]
    assert scoring.rescored(chosen, ITEMS, results) == [0.5, 0.5, 0.5]
    again = scoring.rescore(chosen, ITEMS, [(r.id, r.output) for r in results])
    assert (again.scores, again.score.estimate) == ((0.5, 0.5, 0.5), 0.5)


def test_pass_at_k_is_an_items_score_where_the_benchmark_says_so() -> None:
    chosen = spec(samples=4, temperature=0.8, pass_at=2)
    results = scoring.answer(FakeWorker(["=", "no", "no", "no"]), chosen, ITEMS, (), None, lambda *_: None)  # type: ignore[arg-type]
    assert [r.score for r in results] == [0.5, 0.5, 0.5]
    assert results[0].samples == (1.0, 0.0, 0.0, 0.0)
    assert scoring.rescored(chosen, ITEMS, results) == [0.5, 0.5, 0.5]
    assert [(s.name, s.score.estimate) for s in scoring.beside(chosen, results)] == [("avg@4", 0.25), ("pass@4", 1.0)]


def test_beside_the_mean_stands_what_the_samples_say_of_pass_at_k() -> None:
    chosen = spec(samples=6, temperature=0.8)
    results = scoring.answer(FakeWorker(["=", "no", "no"]), chosen, ITEMS, (), None, lambda *_: None)  # type: ignore[arg-type]
    beside = {s.name: s.score for s in scoring.beside(chosen, results)}
    assert list(beside) == ["pass@2", "pass@4", "pass@6"]
    assert beside["pass@2"].estimate == pytest.approx(1 - 6 / 15)
    assert (beside["pass@6"].estimate, beside["pass@6"].high) == (1.0, 1.0)
    assert beside["pass@6"].low < 1


def test_fractions_and_single_outputs_have_nothing_beside_them() -> None:
    results = scoring.answer(FakeWorker(["="]), spec(), ITEMS, (), None, lambda *_: None)  # type: ignore[arg-type]
    assert scoring.beside(spec(), results) == ()
    words = spec("f1", samples=2, temperature=1.0)
    items = [Item("i", "1?", "one two")]
    drawn = scoring.answer(FakeWorker(["one", "two one"]), words, items, (), None, lambda *_: None)  # type: ignore[arg-type]
    assert drawn[0].score == pytest.approx((2 / 3 + 1) / 2)
    assert scoring.beside(words, drawn) == ()


def test_the_scores_of_samples_are_kept_with_the_results_and_others_are_written_as_before(tmp_path: Path) -> None:
    kept = (ItemResult("a", '["1"]', '["1"]', 0.5, (1.0, 0.0)), ItemResult("b", "x", "x", 1.0))
    results_id = write_results(tmp_path, kept)
    assert read_results(tmp_path, results_id) == kept
    assert "samples" not in (tmp_path / f"{results_id}.jsonl").read_text().splitlines()[1]


def test_what_is_no_list_of_samples_scores_nothing() -> None:
    assert samples_of("[1, 2]") == samples_of("{") == samples_of('"text"') == samples_of("[" * 100_000) == []
    assert benchmark_scorer(spec(samples=2, temperature=1.0)).score(ITEMS[0], "0").score == 0


def test_the_seed_is_fixed_by_what_is_scored() -> None:
    assert scoring.decoding_seed("abc", "dev") == scoring.decoding_seed("abc", "dev")
    assert len({scoring.decoding_seed(b, s) for b in ("abc", "abd") for s in ("dev", "test")}) == 4
    assert 0 <= scoring.decoding_seed("abc", "dev") < 1 << 31


def test_fractions_are_compared_by_a_test_that_fits_them() -> None:
    better, worse = [0.75, 0.5, 1.0, 0.25] * 20, [0.5, 0.25, 0.75, 0.0] * 20
    comparison = scoring.compare(better, worse)
    assert comparison.wins == 80
    assert comparison.p_value < 1e-4
    noise = [0.75, 0.25] * 40, [0.25, 0.75] * 40
    assert scoring.compare(*noise).p_value > 0.5
    decision = decide(better, worse, comparisons_planned=10, retrains=[better])
    assert decision.outcome.value == "promote"
    assert scoring.interval(better).low < 0.625 < scoring.interval(better).high


@pytest.mark.parametrize(
    ("generation", "kind", "named"),
    [
        ({"samples": 4}, "exact", "temperature 0"),
        ({"samples": 4, "temperature": 1}, "choice", "draws no samples"),
    ],
)
def test_samples_that_mean_nothing_are_refused(generation: Any, kind: str, named: str, tmp_path: Path) -> None:
    content = {"name": "b", "scorer": {"kind": kind}, "generation": generation}
    (tmp_path / "benchmark.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(SpecError, match=named) as raised:
        read_spec(tmp_path / "benchmark.yaml")
    assert raised.value.where is not None
    assert "generation.samples" in raised.value.where


@pytest.mark.parametrize(
    ("generation", "kind", "named"),
    [
        ({"pass_at": 2}, "exact", "from 1 samples"),
        ({"pass_at": 8, "samples": 4, "temperature": 1}, "exact", "from 4 samples"),
        ({"pass_at": 2, "samples": 4, "temperature": 1}, "rubric", "gives fractions"),
        ({"pass_at": 2, "samples": 4, "temperature": 1}, "f1", "gives fractions"),
    ],
)
def test_pass_at_k_that_cannot_be_estimated_is_refused(generation: Any, kind: str, named: str, tmp_path: Path) -> None:
    content = {"name": "b", "scorer": {"kind": kind}, "generation": generation}
    (tmp_path / "benchmark.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(SpecError, match=named) as raised:
        read_spec(tmp_path / "benchmark.yaml")
    assert "generation.pass_at" in str(raised.value.where)


def test_a_pack_keeps_its_id_when_a_version_adds_settings(tmp_path: Path) -> None:
    (tmp_path / "benchmark.yaml").write_text("name: b\nscorer: {kind: exact}\ngeneration: {few_shot: 0}\n")
    for part in ("dev", "test"):
        (tmp_path / f"{part}.jsonl").write_text('{"id": "a", "prompt": "1 + 1 =", "answer": "2"}\n')
    before = read_pack(tmp_path).pack_id
    assert before == "672be04bdc43f3d5d64039b185b3d02c059a82626bbdc557b18da33eb3f7d3a3"
    (tmp_path / "benchmark.yaml").write_text("name: b\nscorer: {kind: exact, ignore: [x]}\ngeneration: {few_shot: 0}\n")
    assert read_pack(tmp_path).pack_id != before


def test_a_choice_that_fills_a_blank_is_scored_by_what_follows() -> None:
    worker = FakeWorker([])
    item = Item("i", "Ann thanked Eve since _ had helped.", "Eve", ("Ann", "Eve"), blank="_")
    scoring.answer(worker, spec("choice"), [item], [], None, lambda *_: None)  # type: ignore[arg-type]
    assert [(request.prompt, request.continuation) for request in worker.asked] == [
        ("Ann thanked Eve since Ann", " had helped."),
        ("Ann thanked Eve since Eve", " had helped."),
    ]
    for answer in ("Eve", "b", "1"):
        shown = few_shot_prefix([replace(item, answer=answer)], spec("choice").generation)
        assert shown == "Ann thanked Eve since Eve had helped.\n"


def test_a_choice_is_scored_after_the_blanks_that_the_template_has() -> None:
    worker = FakeWorker([])
    item = Item("i", "Q:", "yes", ("yes", "no"))
    for template in ("{prompt} {answer}", "{prompt}{answer}"):
        scoring.answer(worker, spec("choice", shot_template=template), [item], (), None, lambda *_: None)  # type: ignore[arg-type]
    assert [request.continuation for request in worker.asked] == [" yes", " no", "yes", "no"]


@pytest.mark.parametrize("kind", ["choice", "code", "rubric"])
def test_training_rows_cannot_be_scored_by_what_they_do_not_have(kind: str) -> None:
    with pytest.raises(UsageError, match="training rows"):
        scoring.score_rows(FakeWorker([]), spec(kind), [("1?", "1")], lambda *_: None)  # type: ignore[arg-type]
