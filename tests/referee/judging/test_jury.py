"""What a judge will cost is said before it is asked anything about an output."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest
from tests.referee.judging.test_judge import SCRIPT
from tests.toys.empty_ledger import place_ledger

from labwright.compute.sandbox import Sandbox
from labwright.contracts.data import Judgement
from labwright.contracts.errors import ProviderError
from labwright.contracts.specs import BenchmarkSpec
from labwright.ledger import Ledger
from labwright.referee.judging.jury import Jury
from labwright.referee.measures.keys import Criterion
from labwright.referee.pack import Item
from labwright.referee.protocol import Appraisal, Opening
from labwright.referee.vault import Sealed

Appraised = Callable[..., Appraisal]


@pytest.fixture
def appraised(tmp_path: Path) -> Appraised:
    """The appraisal of a benchmark with these tasks, by the judge of test_judge.py (half a dollar at the most)."""
    script = tmp_path / "judge.py"
    script.write_text(SCRIPT)

    def ask(scorer: dict[str, object], *prompts: str, judged: bool = True, samples: int = 1) -> Appraisal:
        generation = {"samples": samples, "temperature": 1.0}
        spec = BenchmarkSpec.model_validate({"name": "b", "scorer": scorer, "generation": generation})
        items = tuple(
            Item(
                str(n), prompt, "", rubric="Polite.", baseline="Hi.", criteria=(Criterion(f"Is {n}.", 1),) * (1 + 2 * n)
            )
            for n, prompt in enumerate(prompts)
        )
        home = tmp_path / "home"
        opening = Opening(str(home), "", "off", "", {}, judge=(sys.executable, str(script)) if judged else ())
        with Ledger.open(f"sqlite:///{place_ledger(home) / 'lab.db'}") as ledger:
            jury = Jury(opening, ledger, Sandbox("off"), home)
            try:
                found = jury.appraise(Sealed("b" * 64, spec, (), (), items, ()))
            finally:
                jury.close()
            assert ledger.sessions() == ()  # nothing is booked
        return found

    return ask


RUBRIC, PAIRWISE, CRITERIA = {"kind": "rubric"}, {"kind": "pairwise"}, {"kind": "criteria"}


def test_an_item_asks_once_a_sample_and_twice_where_answers_are_held_against_each_other(appraised: Appraised) -> None:
    assert appraised(RUBRIC, "Say hello.") == Appraisal(1, 0.5)
    assert appraised(RUBRIC, "Say hello.", samples=3) == Appraisal(3, 0.5)
    assert appraised(PAIRWISE, "Say hello.") == Appraisal(2, 0.5)


def test_of_criteria_an_item_asks_as_often_as_it_has_them_on_the_mean(appraised: Appraised) -> None:
    assert appraised(CRITERIA, "One.", "Three.", "Five, the longest.") == Appraisal(3, 0.5)
    assert appraised(CRITERIA, "One.", "Three.", "Five.", "Seven.", samples=2) == Appraisal(8, 0.5)
    assert appraised(CRITERIA, "The longest, with one.", "Three.", "Five.", "And seven.") == Appraisal(4, 0.5)


def test_a_price_that_nobody_knows_is_none_and_no_zero(appraised: Appraised) -> None:
    assert appraised(RUBRIC, "Short.", "UNPRICED is the longest.") == Appraisal(1, None)


def test_what_earlier_judgements_of_the_benchmark_took_is_said_as_well(tmp_path: Path, appraised: Appraised) -> None:
    kept = tmp_path / "home" / "vault" / "judgements" / ("b" * 64)
    kept.mkdir(parents=True)
    for n, usd in enumerate((0.1, 0.3, None)):
        (kept / f"{n}.json").write_text(json.dumps(asdict(Judgement(1.0, "so", usd))))
    (kept / "3.json").write_text("{")
    assert appraised(RUBRIC, "Say hello.") == Appraisal(1, 0.5, pytest.approx(0.2))


def test_where_nobody_judges_nothing_is_asked(appraised: Appraised) -> None:
    assert appraised({"kind": "exact"}, "Say hello.") == Appraisal()
    assert appraised(RUBRIC, "Say hello.", judged=False) == Appraisal()


def test_a_judge_that_does_not_answer_is_an_error(tmp_path: Path, appraised: Appraised) -> None:
    (tmp_path / "judge.py").write_text("raise SystemExit('no key')")
    with pytest.raises(ProviderError, match="no key"):
        appraised(RUBRIC, "Say hello.")


def test_a_judge_that_answers_to_one_question_alone_says_why_not_to_the_other(
    tmp_path: Path, appraised: Appraised
) -> None:
    once = """
import json, sys
for n, line in enumerate(sys.stdin):
    said = {"ok": True, "input_tokens": 9, "output_tokens": 9, "usd": 0.5} if n == 0 else {"ok": False, "error": "late"}
    print(json.dumps({"id": json.loads(line)["id"], **said}), flush=True)
"""
    (tmp_path / "judge.py").write_text(once)
    with pytest.raises(ProviderError, match="what a judgement takes: late"):
        appraised(PAIRWISE, "Say hello.")
