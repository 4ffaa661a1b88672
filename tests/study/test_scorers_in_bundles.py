"""A bundle whose benchmark has a scorer beyond texts is exported whole, and scored again by whoever holds it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.toys.empty_ledger import place_ledger

from labwright.compute.environment import scrubbed
from labwright.contracts.events import BaseResolved, StudyCreated
from labwright.contracts.research import Evaluation
from labwright.ledger import Ledger
from labwright.referee.client import RefereeClient
from labwright.referee.protocol import Evaluate, Opening, OpenTest, Seal
from labwright.study import bundle
from labwright.study.verification import verify

WORKER = """
import json, sys
for line in sys.stdin:
    request = json.loads(line)
    said = [json.loads(prompt.partition("SAY ")[2]) for prompt in request.get("prompts", ())]
    print(json.dumps({"id": request["id"], "ok": True, "outputs": said}), flush=True)
"""
JUDGE = """
import json, sys
for line in sys.stdin:
    asked = json.loads(line)
    reply = {"id": asked["id"], "ok": True, "input_tokens": 40, "output_tokens": 5, "usd": 0.01}
    if asked["op"] == "judge":  # a criterion is met where its last word is said; who says "good" is better
        parts = asked["case"].split("\\n\\n# ")
        first, second = parts[-2].partition("\\n\\n")[2], parts[-1].split("begins")[1]
        is_pair = parts[-1].startswith("Answer B")
        wins = ("good" in first) - ("good" in second)
        score = (2 + wins * 2) / 4 if is_pair else float(first.split()[-1] in second)
        reply.update(score=score, reason="so \u2028 it is")
    print(json.dumps(reply), flush=True)
"""
CRITERIA = [{"text": "It says good", "points": 4}, {"text": "It says bad", "points": -6}]
KINDS: dict[str, tuple[dict[str, Any], dict[str, Any], list[tuple[str, float]]]] = {
    "instructions": (
        {}, {"instructions": [{"id": "punctuation:no_comma"}, {"id": "keywords:existence", "settings": {"keywords":
             ["sea"]}}]}, [("the sea", 1), ("no, the sea", 0)],
    ),
    "calls": ({}, {"calls": [{"name": "area", "arguments": {"base": [10], "unit": ["cm", ""]},
                              "types": {"base": "integer"}}]}, [("area(base=10)", 1), ("area(base=1)", 0)]),
    "spans": ({"separator": ";"}, {"spans": [["Ann", "Eve"], ["2"]]}, [("Eve; Ann", 1), ("Ann", 0.5), ("", 0)]),
    "pairwise": ({}, {"baseline": "so so"}, [("good", 1), ("so", 0.5)]),
    "criteria": ({}, {"criteria": CRITERIA}, [("good", 1), ("bad", -1.5), ("good and bad", -0.5), ("", 0)]),
}  # fmt: skip


@dataclass(frozen=True)
class Desk:
    """One referee for all of these studies."""

    folder: Path
    ledger: Ledger
    referee: RefereeClient

    def study(self, kind: str, *, samples: int = 1) -> tuple[str, list[Evaluation]]:
        """A study of the base alone, on dev and on the sealed test."""
        scorer, key, outputs = KINDS[kind]
        study = f"{kind}-{samples}"
        source = self.folder / study
        source.mkdir()
        drawn = {"samples": samples, "temperature": 0.7} if samples > 1 else {}
        spec = {"name": kind, "scorer": {"kind": kind, **scorer}, "generation": {"few_shot": 0, **drawn}}
        (source / "benchmark.yaml").write_text(yaml.safe_dump(spec))
        for split in ("dev", "test"):
            lines = [{"prompt": f"{split} {n} SAY {json.dumps(said)}", **key} for n, (said, _) in enumerate(outputs)]
            (source / f"{split}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        (source / "study.yaml").write_text("goal: g\n")
        plan = {"goal": "try it", "base_model": "m", "benchmark": "b", "data": [{"name": "d", "path": "d.jsonl"}],
                "budget": {"wall_clock": "1h", "usd": 50}}  # fmt: skip
        self.ledger.record(study, StudyCreated(study, str(source), str(source), plan))
        base = str(self.folder / "base")
        self.ledger.record(study, BaseResolved("m", base, "b" * 64, 1))
        sealed = self.referee.seal(Seal(study, str(source)))
        self.referee.open_test(OpenTest(study, sealed.benchmark_id, "o", ("base",)))
        made = [
            self.referee.evaluate(
                Evaluate(study, f"{study}.e.{split}", sealed.benchmark_id, "base", "zero_shot", split, base, "b")
            )
            for split in ("dev", "test")
        ]  # fmt: skip
        return study, made


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("bundles")
    (folder / "base").mkdir()
    (folder / "worker.py").write_text(WORKER)
    (folder / "judge.py").write_text(JUDGE)
    url = f"sqlite:///{place_ledger(folder / 'home') / 'lab.db'}"
    opening = Opening(str(folder / "home"), url, "off", str(folder / "worker.py"), scrubbed({"PATH": os.defpath}, {}))
    judge = (sys.executable, str(folder / "judge.py"))
    referee = RefereeClient(replace(opening, judge_model="judge:one", judge=judge))
    with Ledger.open(url) as ledger:
        yield Desk(folder, ledger, referee)
    referee.close()


def forge(folder: Path, name: str, old: str, new: str) -> None:
    """Change a file and write its hash anew, as somebody does it who knows how."""
    text = (folder / name).read_text()
    assert old in text
    (folder / name).write_text(text.replace(old, new, 1))
    index = json.loads((folder / "bundle.json").read_text())
    index["files"][name] = bundle.digest(folder / name)
    (folder / "bundle.json").write_text(json.dumps(index))


@pytest.mark.parametrize("kind", KINDS)
def test_a_bundle_of_each_kind_is_scored_again_without_a_judge(kind: str, desk: Desk, tmp_path: Path) -> None:
    study, made = desk.study(kind)
    wanted = [score for _, score in KINDS[kind][2]]
    assert [each.score.estimate for each in made] == [pytest.approx(max(sum(wanted), 0) / len(wanted))] * 2
    out = bundle.export(desk.ledger, desk.referee, study, tmp_path / "out", with_test=True)
    name = f"results/{study}.e.dev.jsonl"
    results = [json.loads(line) for line in (out / name).read_text().split("\n") if line]
    assert [result["score"] for result in results] == wanted
    forge(out, f"results/{study}.e.test.jsonl", f'"score": {results[0]["score"]}', '"score": 0.25')
    found = {finding.what: finding for finding in verify(out)}
    assert {what for what, finding in found.items() if finding.outcome != "agrees"} == {"base zero-shot on test"}
    assert f"(said 0.25, is {wanted[0]:g})" in found["base zero-shot on test"].detail
    assert f"{len(wanted)} outputs scored again" in found["base zero-shot on dev"].detail


def test_what_criteria_took_is_booked_once_a_criterion_and_kept_sealed(desk: Desk, tmp_path: Path) -> None:
    study, _ = desk.study("criteria", samples=2)
    asked = desk.ledger.judge_usage(study)
    assert (asked.calls, asked.usd) == (2 * 4 * 2, pytest.approx(0.16))  # of equal samples one is asked about
    out = bundle.export(desk.ledger, desk.referee, study, tmp_path / "out")
    assert "met" not in (out / f"results/{study}.e.test.jsonl").read_text()
    forge(out, f"results/{study}.e.dev.jsonl", "true", "false")
    assert [f.outcome for f in verify(out) if " on dev" in f.what] == ["differs"]
