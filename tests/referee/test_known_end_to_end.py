"""Code, rubrics and samples through the referee's own process: a worker that answers, a judge that judges."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.referee.known.sources import humaneval, open_table, write
from tests.toys.empty_ledger import place_ledger

from labwright.compute.environment import scrubbed
from labwright.compute.sandbox import Sandbox
from labwright.contracts.errors import BudgetError, ProviderError, UsageError
from labwright.contracts.events import StudyCreated
from labwright.contracts.research import Evaluation, ItemResult
from labwright.contracts.sessions import SessionBudget, SessionOpened, StudyLinked, TokenUsage
from labwright.guard.spending import SpendingKeeper
from labwright.ledger import Ledger
from labwright.referee.client import RefereeClient
from labwright.referee.known import AddOptions, add_benchmark
from labwright.referee.protocol import Evaluate, Opening, Rescore, Seal
from labwright.referee.vault import read_results

WORKER = """
import json, re, sys
asked = 0
for line in sys.stdin:
    request = json.loads(line)
    reply = {"id": request["id"], "ok": True}
    if request["op"] == "generate":
        outputs = []
        for prompt in request["prompts"]:
            asked += 1
            number = int(re.search(r"\\\\d+", prompt).group())
            outputs.append(f"    return x + {number if asked % 2 else 0}\\\\n" if "def" in prompt else f"said {number}")
        reply["outputs"] = outputs
    print(json.dumps(reply), flush=True)
""".replace("\\\\", "\\")
JUDGE = """
import json, os, sys
with open(os.environ["COUNT"], "a") as count:
    for line in sys.stdin:
        asked = json.loads(line)
        if asked["op"] == "most":
            most = {"ok": True, "input_tokens": 400, "output_tokens": 50, "usd": 0.05}
            print(json.dumps({"id": asked["id"], **most}), flush=True)
            continue
        if os.environ.get("FAILS"):
            failure = {"ok": False, "error": "no credit", "input_tokens": 0, "output_tokens": 0}
            print(json.dumps({"id": asked["id"], **failure}), flush=True)
            continue
        count.write("1"); count.flush()
        said = {"score": 1.0 if "said 1" in asked["case"] else 0.4, "reason": "so"}
        took = {"usd": 0.01, "input_tokens": 80, "output_tokens": 10}
        print(json.dumps({"id": asked["id"], "ok": True, **said, **took}), flush=True)
"""


class Bench:
    """A lab with a worker and a judge of its own."""

    def __init__(self, folder: Path) -> None:
        self.home, self.count = folder / "home", folder / "count"
        self._clients: list[RefereeClient] = []
        (folder / "worker.py").write_text(WORKER)
        (folder / "judge.py").write_text(JUDGE)
        (folder / "base").mkdir()
        self._folder = folder
        place_ledger(self.home)

    def referee(self, *, judge: str = "judge:one", **environment: str) -> RefereeClient:
        opening = Opening(
            home=str(self.home), ledger_url=f"sqlite:///{self.home / 'lab.db'}", sandbox="off",
            worker=str(self._folder / "worker.py"), environment=scrubbed({"PATH": os.defpath}, {}),
            judge_model=judge, judge=(sys.executable, str(self._folder / "judge.py")) if judge else (),
            judge_environment={"COUNT": str(self.count), **environment},
        )  # fmt: skip
        self._clients.append(RefereeClient(opening))
        return self._clients[-1]

    def evaluate(
        self,
        referee: RefereeClient,
        pack: Path,
        name: str = "e1",
        *,
        study: str | None = None,
        usd: float | None = None,
    ) -> Evaluation:
        sealed = referee.seal(Seal(None, str(pack)))
        base = str(self._folder / "base")
        return referee.evaluate(
            Evaluate(study, name, sealed.benchmark_id, "base", "zero_shot", "dev", base, "b", judge_usd=usd)
        )

    @contextmanager
    def ledger(self) -> Iterator[Ledger]:
        with Ledger.open(f"sqlite:///{self.home / 'lab.db'}") as ledger:
            yield ledger

    def took(self, owner: str = "e1") -> TokenUsage:
        with self.ledger() as ledger:
            return ledger.judge_usage(owner)

    def results(self, evaluation: Evaluation) -> tuple[ItemResult, ...]:
        return read_results(self.home / "objects", evaluation.results_id)

    def judged(self) -> int:
        return len(self.count.read_text()) if self.count.exists() else 0

    def close(self) -> None:
        for client in self._clients:
            client.close()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.close()


def test_programs_are_scored_over_their_samples_and_score_the_same_again(bench: Bench, tmp_path: Path) -> None:
    source = write(tmp_path / "humaneval.jsonl", humaneval(1, 9))
    pack = add_benchmark(
        str(source), out=tmp_path / "pack", open_table=open_table, options=AddOptions(samples=2), sandbox=Sandbox("off")
    ).directory
    referee = bench.referee()
    evaluation = bench.evaluate(referee, pack)
    assert (evaluation.items, evaluation.score.estimate) == (4, 0.5)
    assert [(beside.name, beside.score.estimate) for beside in evaluation.beside] == [("pass@2", 1.0)]
    results = bench.results(evaluation)
    assert json.loads(results[0].prediction) == ["passed", "failed: AssertionError"]
    again = referee.rescore(Rescore(evaluation.benchmark_id, "dev", tuple((r.id, r.output) for r in results)))
    assert again.scores == (0.5,) * 4


def rubric_pack(tmp_path: Path) -> Path:
    rows = write(tmp_path / "prompts.jsonl", [{"prompt": f"Say {n}."} for n in (1, 2, 3, 4, 11, 12)])
    return add_benchmark(
        str(rows), out=tmp_path / "pack", open_table=open_table, options=AddOptions(rubric="It says one.", few_shot=0)
    ).directory


def test_a_judges_words_are_scores_and_are_kept(bench: Bench, tmp_path: Path) -> None:
    pack = rubric_pack(tmp_path)
    evaluation = bench.evaluate(bench.referee(), pack)
    assert {r.score for r in bench.results(evaluation)} <= {1.0, 0.4}
    assert evaluation.notes == ("judged by judge:one",)
    asked = bench.judged()
    assert asked == evaluation.items
    took = bench.took()
    assert (took.calls, took.tokens, took.usd) == (asked, 90 * asked, pytest.approx(0.01 * asked))
    other = bench.referee()
    results = bench.results(evaluation)
    again = other.rescore(Rescore(evaluation.benchmark_id, "dev", tuple((r.id, r.output) for r in results)))
    assert again.scores == tuple(r.score for r in results)
    assert bench.judged() == asked
    with bench.ledger() as ledger:
        assert [(s.id, s.outcome) for s in ledger.sessions()] == [("judge-e1", "done")]  # what was kept cost nothing
    kept = bench.home / "vault" / "judgements"
    assert sum(1 for path in kept.rglob("*.json")) == asked


def test_instructions_and_pairs_are_sealed_scored_and_scored_again(bench: Bench, tmp_path: Path) -> None:
    instructions = [{"id": "keywords:existence", "settings": {"keywords": ["said 1"]}}]
    pack = tmp_path / "follow"
    for part, numbers in (("dev", (1, 2)), ("test", (3, 4))):
        write(pack / f"{part}.jsonl", [{"prompt": f"Say {n}.", "instructions": instructions} for n in numbers])
    (pack / "benchmark.yaml").write_text("name: f\nscorer: {kind: instructions}\ngeneration: {few_shot: 0}\n")
    referee = bench.referee()
    evaluation = bench.evaluate(referee, pack)
    results = bench.results(evaluation)
    assert [r.score for r in results] == [1, 0]
    beside = [(side.name, side.score.estimate) for side in evaluation.beside]
    of_each = [("strict accuracy of instructions", 0.5), ("loose accuracy of instructions", 0.5)]
    assert beside == [("loose accuracy", 0.5), *of_each]
    again = referee.rescore(Rescore(evaluation.benchmark_id, "dev", tuple((r.id, r.output) for r in results)))
    assert again.scores == (1, 0)
    rows = [{"instruction": f"Say {n}.", "output": "Plain."} for n in (1, 2, 3, 4)]
    source = write(tmp_path / "alpaca_eval.jsonl", rows)
    pairs = add_benchmark(str(source), out=tmp_path / "pairs", open_table=open_table).directory
    evaluation = bench.evaluate(referee, pairs, "e2")
    assert (evaluation.items, bench.judged(), bench.took("e2").calls) == (2, 4, 4)  # both orders are paid for
    assert evaluation.notes == ("judged by judge:one",)
    assert len(evaluation.beside) == 2


def test_a_judge_that_fails_is_an_error_and_no_evaluation(bench: Bench, tmp_path: Path) -> None:
    pack = rubric_pack(tmp_path)
    with pytest.raises(ProviderError, match="no credit"):
        bench.evaluate(bench.referee(FAILS="yes"), pack)
    with pytest.raises(UsageError, match="no judge model is set"):
        bench.evaluate(bench.referee(judge=""), pack)
    assert bench.took() == TokenUsage()
    assert bench.evaluate(bench.referee(), pack).score.estimate > 0


def test_a_ceiling_ends_the_evaluation_and_what_was_judged_is_not_paid_twice(bench: Bench, tmp_path: Path) -> None:
    pack, referee = rubric_pack(tmp_path), bench.referee()
    with pytest.raises(BudgetError) as raised:
        bench.evaluate(referee, pack, usd=0.06)
    assert "the ceiling on what the judge may cost is reached" in raised.value.what
    assert "--judge-usd" in (raised.value.cure or "")
    before = bench.took()
    assert (before.calls, bench.judged()) == (2, 2)  # at $0.02 spent, a third may need $0.05
    evaluation = bench.evaluate(referee, pack, "e2", usd=1.0)
    after = bench.took("e2")
    assert bench.judged() == evaluation.items
    assert before.calls + after.calls == evaluation.items


def test_a_study_pays_its_judge_from_its_own_dollars_and_its_session_sees_it(bench: Bench, tmp_path: Path) -> None:
    pack = rubric_pack(tmp_path)
    spec = {"goal": "say one", "base_model": "b", "benchmark": "p", "data": [{"name": "d", "path": "d.jsonl"}]}
    with bench.ledger() as ledger:
        for study, usd in (("s-1", 1.0), ("s-2", 0.0)):
            budget = {"wall_clock": 600, "usd": usd}
            ledger.record(study, StudyCreated("s", "here", "there", {**spec, "budget": budget}))
        opened = SessionOpened("i-1", "g", "m", "w", "never", SessionBudget(usd=2.0, tokens=10_000))
        ledger.record(None, opened)
        ledger.record(None, StudyLinked("i-1", "s-1"))
    referee = bench.referee()
    with pytest.raises(BudgetError, match=r"may need \$0\.0500 and \$0\.0000 are left") as raised:
        bench.evaluate(referee, pack, "e2", study="s-2")
    evaluation = bench.evaluate(referee, pack, study="s-1")
    assert (raised.value.where, "budget.usd in study.yaml" in (raised.value.cure or "")) == ("s-2", True)
    usd, calls = pytest.approx(0.01 * evaluation.items), evaluation.items
    with bench.ledger() as ledger:
        budget_view = ledger.status("s-1").budget
        assert (budget_view.used_usd, budget_view.judge.calls, budget_view.reserved_usd) == (usd, calls, 0.0)
        assert ledger.study_view("s-1").budget.left_usd == pytest.approx(1.0 - 0.01 * calls)
        usage = ledger.session_account("i-1").usage
        assert (usage.studies_usd, usage.studies_tokens, usage.usd, usage.calls) == (usd, 90 * calls, 0.0, 0)
        left = SpendingKeeper(ledger, "i-1").left()
        assert (left.usd, left.tokens) == (pytest.approx(2.0 - 0.01 * calls), 10_000 - 90 * calls)
        ledger.rebuild(None)
        assert ledger.status("s-1").budget.judge.calls == calls
