"""A study whose outputs are judged by a rubric: whoever pays stops it, it goes on, and its sealed test can be paid."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import yaml
from tests.toys.empty_ledger import place_ledger
from tests.toys.toy_study import toy_lab, write_study

from labwright.assemble import Lab
from labwright.cli.actions import studies
from labwright.contracts.errors import BudgetError, ProviderError
from labwright.contracts.research import Evaluation, Outcome, StudyState
from labwright.contracts.sessions import SessionAdjusted, SessionBudget, SessionEvent, SessionOpened, StudyLinked
from labwright.ledger import Ledger
from labwright.referee.client import OnProgress, RefereeClient
from labwright.referee.protocol import Evaluate
from labwright.study import bundle
from labwright.study.conclusion import conclude
from labwright.study.spec import read_study
from labwright.study.verification import verify

ITEMS = 20
SESSION = "intern-1"
JUDGE = """
import json, os, sys
left = int(os.environ.get("CREDIT", "1000"))
for line in sys.stdin:
    asked = json.loads(line)
    reply = {"id": asked["id"], "ok": True, "input_tokens": 400, "output_tokens": 50, "usd": 0.02}
    if asked["op"] == "judge" and left == 0:
        reply = {"id": asked["id"], "ok": False, "error": "no credit", "input_tokens": 0, "output_tokens": 0}
    elif asked["op"] == "judge":
        left -= 1
        wanted = asked["case"].split("# Reference answer\\n\\n")[1].split("\\n")[0]
        right = asked["case"].split("\\n")[-2].strip() == wanted
        reply.update(score=float(right), reason="so", input_tokens=90, output_tokens=10, usd=0.01)
    print(json.dumps(reply), flush=True)
"""


class StingyReferee(RefereeClient):
    """Finds that what the judge may cost on dev is reached when it comes to the second trial."""

    def evaluate(self, request: Evaluate, on_progress: OnProgress | None = None) -> Evaluation:
        if ".t2." in request.subject:
            assert request.split == "dev" and request.kept_usd > 0.01 * 3 * ITEMS
            raise BudgetError("the ceiling on what the judge may cost is reached", where=request.study_id)
        return super().evaluate(request, on_progress)


@dataclass(frozen=True, slots=True)
class JudgedLab(Lab):
    """A lab whose referee has a judge from a script, which can pay for so many judgements."""

    script: str = ""
    credit: int = 1000

    def referee(self) -> RefereeClient:
        # Lab's own, since dataclass slots leave no zero-argument super
        opening = replace(Lab.referee(self)._opening, judge_model="judge:one", judge=(sys.executable, self.script),
                          judge_environment={"CREDIT": str(self.credit)})  # fmt: skip
        return StingyReferee(opening)


@pytest.fixture
def lab(tmp_path: Path) -> JudgedLab:
    script = tmp_path / "judge.py"
    script.write_text(JUDGE)
    plain = toy_lab(tmp_path / "home", sandbox="off")
    return JudgedLab(plain.settings, plain.ledger, plain.sandbox, str(script))


def judged_study(folder: Path, base: Path, usd: float) -> Path:
    search = {"rungs": [24], "trials": 2, "extra_trials": 0, "vary": {"learning_rate": [0.001, 0.0003]}}
    source = write_study(folder, base, budget={"wall_clock": "2h", "runs": 40, "usd": usd}, search=search)
    file = source / "benchmark" / "benchmark.yaml"
    pack = yaml.safe_load(file.read_text())
    file.write_text(yaml.safe_dump({**pack, "scorer": {"kind": "rubric", "rubric": "It is sorted."}}))
    for split, more in (("dev", 2), ("test", 0)):  # the first two of dev become worked examples
        path = source / "benchmark" / f"{split}.jsonl"
        path.write_text("".join(path.read_text().splitlines(keepends=True)[: ITEMS + more]))
    return source


def report_of(lab: Lab, study: str) -> str:
    referee = lab.referee()  # is not started where nothing is compared
    return conclude(lab.ledger, referee, study).markdown.read_text()


def test_a_study_goes_on_after_its_judge_failed_and_its_sealed_test_is_paid_for(
    lab: JudgedLab, tmp_path: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    usd = 5.0
    study = lab.create_study(read_study(judged_study(tmp_path / "study", tiny_model, usd)))
    opened = SessionOpened(SESSION, "make it sort", "autopilot", "/w", "never", SessionBudget(usd=0.05))
    lab.ledger.record_many(None, [(time.time(), event) for event in (opened, StudyLinked(SESSION, study))])
    stopped = lab.engine(study).run()  # the session that created it pays, and a call may take two cents
    assert (stopped.state, stopped.evaluations, stopped.budget.judge.calls) == (StudyState.STOPPED, (), 4)
    assert stopped.reason.startswith(f"{SESSION}: the ceiling on what the judge may cost is reached")
    assert f"sessions resume {SESSION} --budget-usd N" in stopped.reason and f"resume {study}" in stopped.reason

    lab.ledger.record(None, SessionAdjusted(SESSION, SessionBudget(usd=100.0)))
    with pytest.raises(ProviderError, match="no credit"):
        replace(lab, credit=5).engine(study).run()
    failed = lab.ledger.study_view(study)
    assert (failed.state, failed.evaluations) == (StudyState.FAILED, ())
    assert failed.budget.judge.calls == 9
    assert "The judge: 9 calls, 900 tokens, $0.0900." in report_of(lab, study)

    view = lab.engine(study).run()
    assert view.state is StudyState.FINISHED
    assert view.best is not None and view.best.subject.startswith(f"{study}.t1.")
    refused = view.verdict_on(f"{study}.t2")
    assert refused is not None and refused.outcome is Outcome.DISCARD and "could not be judged" in refused.reason
    assert [e.style for e in view.evaluations if e.split == "test"] == ["zero_shot", "few_shot", "zero_shot"]
    assert view.preflight is not None and (view.preflight.judgements, view.preflight.judgement_usd) == (1, 0.02)
    assert [c.ok for c in view.preflight.checks if c.name == "dollars"] == [True]
    budget = view.budget
    assert budget.judge.calls == round(budget.used_usd / 0.01)  # what was judged before the failure was paid once
    assert budget.reserved_usd == 0.0
    assert lab.ledger.session_account(SESSION).usage.studies_usd == pytest.approx(budget.used_usd)

    told = f"{budget.judge.calls} calls, {100 * budget.judge.calls:,} tokens, ${budget.used_usd:.4f}"
    assert f"The judge: {told}." in report_of(lab, study)
    assert told in (Path(view.directory) / "report.html").read_text()
    document = json.loads((Path(view.directory) / "study.json").read_text())
    assert document["budget"]["judge"]["calls"] == budget.judge.calls
    referee = lab.referee()
    bundle.export(lab.ledger, referee, study, tmp_path / "bundle")
    referee.close()
    history = bundle.read_events(tmp_path / "bundle")
    with Ledger.open(f"sqlite:///{place_ledger(tmp_path / 'again') / 'lab.db'}") as again:
        for recorded in history:
            of = None if isinstance(recorded.event, SessionEvent) else study
            again.record(of, recorded.event, at=recorded.at)
        assert again.study_view(study).budget == lab.ledger.study_view(study).budget
    assert [f.what for f in verify(tmp_path / "bundle") if f.outcome == "differs"] == []
    studies._print_status(lab.ledger.status(study), alive=False)
    out = capsys.readouterr().out
    assert f"${budget.used_usd:.2f} of ${usd:.2f}" in out
    assert f"judge   {told}" in out
    lab.ledger.close()
