"""A rich, made-up study for tests of what renders studies: reports, screens, exports.

Six trials in two rungs: one diverged with an alert and was debugged, one failed, one was rejected for foreign
weights, one was promoted after a retrain and opened the sealed test.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Mapping
from dataclasses import replace

from tests.study.sample_parts import (
    BENCHMARK,
    CLEAN,
    DIFFERENCE,
    ENVIRONMENT,
    NOISY,
    REPRODUCE,
    SORTED,
    START,
    STUDY,
    datasets,
    evaluations,
    gates,
    runs,
    spec,
    trials,
    verdicts,
)

from labwright.contracts.events import (
    BaseResolved,
    BenchmarkSealed,
    BestChanged,
    GateChecked,
    NoteTaken,
    PreflightDone,
    QueryMetered,
    TestOpened,
)
from labwright.contracts.research import (
    BASE,
    Alert,
    Check,
    Finding,
    GateReport,
    Incident,
    Outcome,
    RunPurpose,
    RunState,
    StudyState,
)
from labwright.contracts.views import BudgetView, Curve, CurvePoint, PhaseMark, StudyView

__all__ = [
    "BENCHMARK",
    "CLEAN",
    "DIFFERENCE",
    "ENVIRONMENT",
    "NOISY",
    "REPRODUCE",
    "SORTED",
    "START",
    "STUDY",
    "blocked",
    "curves",
    "datasets",
    "evaluations",
    "gates",
    "running",
    "runs",
    "spec",
    "study",
    "trials",
    "unimproved",
    "verdicts",
]


def study(goal: str = "Teach SmolLM2-135M to sort three numbers") -> StudyView:
    """The finished study."""
    marks = (("prepare", 0), ("controls", 22), ("gate", 104), ("preflight", 116), ("search", 132), ("promotion", 674))
    phases = (*marks, ("test", 822), ("report", 931))
    at = dict(zip((e.id for e in evaluations()), (48, 100, 200, 268, 340, 442, 547, 820, 850, 900, 929), strict=True))
    return StudyView(
        id=STUDY,
        name="number-sorting",
        state=StudyState.FINISHED,
        reason="every trial has a verdict",
        phase="report",
        spec=spec(goal),
        source="studies/number-sorting",
        directory=f"/lab/studies/{STUDY}",
        created_at=START,
        ended_at=START + 934,
        wall_clock_s=934.0,
        active_s=861.0,
        budget=BudgetView(1500.0, 934.0, 0.0, 16, 10, 0),
        base=BaseResolved("smollm2-135m-instruct", "/lab/models/5b1e", "5b1e0f4471aa90c3", 134_515_008),
        benchmark=BenchmarkSealed(BENCHMARK, "number-sorting", "accuracy", 200, 200, 4, "benchmark/", 0.31),
        datasets=datasets(),
        findings={
            NOISY: (
                Finding("warning", "113 near-duplicate rows", (14, 15, 208), "keep one of each"),
                Finding("error", "answers that are not a permutation of the question: 319 rows", (9, 31, 77, 80)),
                Finding("info", "completions are 4 to 9 tokens long"),
            )
        },
        gates=gates(),
        preflight=PreflightDone(
            (
                Check("memory", True, "2.8 GB of 20.4 GB"),
                Check("disk", True, "41 GB free"),
                Check("sandbox", True, "bubblewrap 0.8.0, no network"),
            ),
            6.8,
            2.9,
        ),
        trials=trials(),
        runs=runs(),
        alerts=(
            Alert(
                f"{STUDY}.t4.r1",
                "divergence",
                "error",
                9,
                "the loss rose to 37.9, 40 times its minimum of 0.94",
                {"loss": 37.9, "minimum": 0.94},
                "divide the learning rate by ten",
                {"learning_rate": {"times": 0.1}},
                stops_run=True,
            ),
            Alert(
                f"{STUDY}.t3.r2",
                "overfit",
                "warning",
                30,
                "eval_loss has risen for 9 steps",
                {"eval_loss": 0.61},
                "stop earlier or clean the data",
            ),
        ),
        incidents=(
            Incident(
                f"{STUDY}.t3.r2",
                "foreign-weights",
                "the full weights differ from the recorded checkpoint chain in 211 of 272 tensors",
            ),
            Incident(
                "benchmark/dev.jsonl", "tampered-benchmark", "changed on disk at 00:08:41; the vault's copy counts"
            ),
        ),
        evaluations=evaluations(),
        verdicts=verdicts(),
        best=BestChanged(f"{STUDY}.t2.r2", "zero_shot", f"{STUDY}.t2.r2.zero_shot.dev", f"/lab/studies/{STUDY}/best"),
        openings=(TestOpened(BENCHMARK, "opening-1", (BASE, f"{STUDY}.t2.r2")),),
        queries=tuple(_queries()),
        notes=(
            NoteTaken("the second extra trial was not drafted: 9 min are left, a trial takes 6 to 11", "budget"),
            NoteTaken("the smoke run took 2.9 s a step; the plan fits the budget", "preflight"),
        ),
        phases=tuple(PhaseMark(name, START + second) for name, second in phases),
        evaluated_at={k: START + v for k, v in at.items()},
    )


def unimproved() -> StudyView:
    """The same study where nothing beat the base."""
    base = BestChanged(BASE, "few_shot", f"{STUDY}.{BASE}.few_shot.dev", f"/lab/studies/{STUDY}/best")
    kept = tuple(v for v in verdicts() if v.outcome is not Outcome.PROMOTE)
    dev_only = tuple(e for e in evaluations() if e.split == "dev" and "t2.r2" not in e.id and "t2.r3" not in e.id)
    return replace(study(), best=base, verdicts=kept, evaluations=dev_only, openings=())


def blocked() -> StudyView:
    """A study whose only dataset holds benchmark items and whose gate says block."""
    report = GateReport(NOISY, "test", 4000, 7, "block")
    noisy = tuple(d for d in datasets() if d.id == NOISY)
    stopped = replace(unimproved(), state=StudyState.STOPPED, reason="the gate blocked every dataset", datasets=noisy)
    return replace(stopped, gates=(GateChecked(BENCHMARK, report),), trials=(), runs=(), alerts=(), verdicts=())


def running() -> StudyView:
    """The study in the middle of its second rung."""
    now = replace(runs()[7], state=RunState.RUNNING, ended_at=None)
    return replace(
        unimproved(),
        state=StudyState.RUNNING,
        phase="search",
        ended_at=None,
        wall_clock_s=600.0,
        budget=BudgetView(1500.0, 600.0, 90.0, 16, 7, 1),
        runs=(*runs()[:7], now),
        trials=trials()[:5],
        alerts=study().alerts[:1],
        verdicts=tuple(v for v in verdicts() if v.trial_id.endswith(("t1", "t4", "t5"))),
        evaluations=evaluations()[:7],
        incidents=(),
    )


def _queries() -> Iterable[QueryMetered]:
    for done in evaluations():
        yield QueryMetered(BENCHMARK, done.split, "evaluation", done.subject)
    for checked in gates():
        yield QueryMetered(BENCHMARK, checked.report.split, "gate", checked.report.dataset_id)


def curves() -> Mapping[str, tuple[Curve, ...]]:
    """Plausible learning curves for every run of the sample."""
    noise = random.Random(4)
    shapes = {
        "t1.r1": 60.0,
        "t2.r1": 9.0,
        "t2.r2": 9.0,
        "t2.r3": 9.6,
        "t3.r1": 12.0,
        "t3.r2": 12.0,
        "t5.r1": 30.0,
        "t6.r1": 9.0,
    }
    floors = {"t3": 0.42}
    made: dict[str, tuple[Curve, ...]] = {}
    for one in runs():
        name = one.id.partition(".")[2]
        first = 12 if one.continues else 0
        if one.purpose is RunPurpose.SMOKE:
            continue
        if name == "t4.r1":
            losses = [(s, 1.1 * math.exp(-s / 4) + (0.01 * math.exp(0.92 * s))) for s in range(1, 10)]
        else:
            last = 3 if name == "t6.r1" else one.max_steps
            floor = floors.get(name[:2], 0.16)
            losses = [
                (s, floor + 0.95 * math.exp(-s / shapes[name]) + noise.gauss(0, 0.018))
                for s in range(first + 1, last + 1)
            ]
        points = tuple(CurvePoint(s, s, 1, x, x - 0.02, x + 0.02) for s, x in losses)
        over = 0.012 if name.startswith("t3") else 0.0
        held = tuple(
            CurvePoint(s, s, 1, x + 0.05 + over * max(0, s - 18), x, x) for s, x in losses if s % 4 == 0 and x < 3
        )
        made[one.id] = (Curve(one.id, "loss", points), Curve(one.id, "eval_loss", held))
    return made
