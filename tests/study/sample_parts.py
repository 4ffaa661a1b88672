"""The parts of the sample study: its spec, trials, runs, evaluations, verdicts, datasets and gate."""

from __future__ import annotations

import hashlib
from typing import Any

from labwright.contracts.events import (
    GateChecked,
)
from labwright.contracts.research import (
    BASE,
    Comparison,
    DatasetVersion,
    Evaluation,
    GateReport,
    Hit,
    Hypothesis,
    Interval,
    Lineage,
    Outcome,
    Run,
    RunPurpose,
    RunState,
    Trial,
    TrialKind,
    Verdict,
)
from labwright.contracts.specs import StudySpec

STUDY = "number-sorting-1"
START = 1_795_600_000.0
BENCHMARK = "b7e1c09a52d4f683"
SORTED, NOISY, CLEAN = "3fa94be10c77d215", "90ab33de81f0427c", "c4410f7be6a2985d"
DIFFERENCE = Comparison(200, 131, 5, Interval(0.63, 0.541, 0.719), 3.1e-31)
ENVIRONMENT = {
    "python": "3.11.7",
    "torch": "2.13.0+cpu",
    "transformers": "5.23.0",
    "trl": "1.16.0",
    "peft": "0.21.2",
    "labwright": "0.1.0",
    "machine": "2 cores, 24 GB, Linux 6.1 x86_64",
}
REPRODUCE = (
    "labwright run studies/number-sorting --seed 17",
    "labwright bundle number-sorting-1 --out number-sorting-1.zip",
    "labwright verify number-sorting-1.zip",
)


def spec(goal: str = "Teach SmolLM2-135M to sort three numbers") -> StudySpec:
    """The study.yaml of the sample."""
    return StudySpec.model_validate(
        {
            "goal": goal,
            "base_model": "smollm2-135m-instruct",
            "benchmark": "benchmark/",
            "data": [
                {"name": "sorted", "path": "data/train.jsonl"},
                {"name": "noisy", "path": "data/noisy.jsonl"},
            ],
            "recipe": {"name": "sft", "params": {"lora": True, "batch_size": 16}},
            "search": {
                "strategy": "halving",
                "trials": 4,
                "rungs": [12, 36],
                "vary": {"learning_rate": [3e-4, 1e-3, 3e-2], "data": ["sorted", "noisy"]},
            },
            "budget": {"wall_clock": "25m", "runs": 16, "usd": 0},
            "gate": {"on_hit": "drop"},
            "rules": ["no method change without approval"],
        }
    )


def trial(number: int, lr: float, data: str, change: str, why: Hypothesis, **more: Any) -> Trial:
    """A trial of the sample."""
    params = {"lora": True, "batch_size": 16, "learning_rate": lr}
    fields: dict[str, Any] = {"parent_id": None, "kind": TrialKind.DRAFT, "recipe": "sft", "params": params, **more}
    return Trial(id=f"{STUDY}.t{number}", study_id=STUDY, change=change, hypothesis=why, dataset=data, **fields)


def run(name: str, at: float, seconds: float, steps: int, **more: Any) -> Run:
    """A run of the sample, `at` seconds after the start."""
    trial_name = name.split(".")[0]
    fields: dict[str, Any] = {
        "purpose": RunPurpose.SEARCH,
        "seed": 1017,
        "continues": None,
        "state": RunState.SUCCEEDED,
        "exit_code": 0,
        "boundary": "enforced",
        "peak_memory_bytes": 2_800_000_000,
        "input_hashes": {"inputs/train.jsonl": SORTED, "inputs/base_model": "5b1e0f4471aa90c3"},
        **more,
    }
    return Run(
        id=f"{STUDY}.{name}",
        study_id=STUDY,
        trial_id=f"{STUDY}.{trial_name}",
        max_steps=steps,
        directory=f"/lab/studies/{STUDY}/runs/{name}",
        backend="process",
        started_at=START + at,
        ended_at=START + at + seconds,
        **fields,
    )


def evaluation(subject: str, style: str, split: str, score: tuple[float, float, float], **more: Any) -> Evaluation:
    """An evaluation of the sample; `score` is estimate, low, high."""
    who = subject if subject == BASE else f"{STUDY}.{subject}"
    fields: dict[str, Any] = {
        "attestation": "base" if subject == BASE else "attested",
        "boundary": "enforced",
        "duration_s": 26.0,
        **more,
    }
    return Evaluation(
        id=f"{STUDY}.{subject}.{style}.{split}",
        study_id=STUDY,
        subject=who,
        style=style,  # type: ignore[arg-type]
        split=split,  # type: ignore[arg-type]
        benchmark_id=BENCHMARK,
        metric="accuracy",
        items=200,
        score=Interval(*score),
        results_id=hashlib.sha256(f"{subject} {style} {split}".encode()).hexdigest()[:16],
        model_id="5b1e0f4471aa90c3",
        **fields,
    )


def verdict(number: int, outcome: Outcome, reason: str, **more: Any) -> Verdict:
    """A verdict of the sample."""
    fields: dict[str, Any] = {"run_id": None, **more}
    return Verdict(study_id=STUDY, trial_id=f"{STUDY}.t{number}", outcome=outcome, reason=reason, **fields)


def trials() -> tuple[Trial, ...]:
    """Four drafts, an improvement and a repair."""
    return (
        trial(
            1,
            3e-4,
            "sorted",
            "learning_rate 3e-4 on sorted",
            Hypothesis(
                "A small step size learns the format without forgetting the digits.",
                "LoRA at 3e-4 is the recipe's default and has been stable on models of this size.",
                ("arXiv:2106.09685",),
            ),
        ),
        trial(
            2,
            1e-3,
            "sorted",
            "learning_rate 1e-3 on sorted",
            Hypothesis(
                "A larger step size reaches the same loss in a third of the steps.",
                "Adapters start at zero and tolerate step sizes ten times those of full fine-tuning.",
                ("arXiv:2106.09685", "arXiv:2405.09673"),
            ),
        ),
        trial(
            3,
            1e-3,
            "noisy",
            "learning_rate 1e-3 on noisy",
            Hypothesis(
                "Four times the data makes up for 8 % of wrong answers.",
                "Label noise that is not systematic mostly costs steps.",
            ),
        ),
        trial(
            4,
            3e-2,
            "sorted",
            "learning_rate 3e-2 on sorted",
            Hypothesis("The step size may still be far from its ceiling.", "Cheap to find out at the first rung."),
        ),
        trial(
            5,
            3e-3,
            "sorted",
            "learning_rate 3e-2 → 3e-3",
            Hypothesis(
                "A tenth of the step size does not diverge.",
                "The watchdog stopped t4 at step 9: its loss had risen to 40 times its minimum.",
                (f"alert:{STUDY}.t4.r1",),
            ),
            parent_id=f"{STUDY}.t4",
            kind=TrialKind.DEBUG,
        ),
        trial(
            6,
            1e-3,
            "sorted",
            "batch_size 16 → 64",
            Hypothesis(
                "A larger batch lowers the gradient noise of the last steps.", "t2's loss still jitters at step 36."
            ),
            parent_id=f"{STUDY}.t2",
            kind=TrialKind.IMPROVE,
        ),
    )


def runs() -> tuple[Run, ...]:
    """What was executed, in order."""
    diverged = "stopped by the watchdog: divergence at step 9 (loss 37.9, 40 times its minimum)"
    out_of_memory = "out of memory at step 3 (ceiling 4.0 GB, peak 4.1 GB)"
    return (
        run("t2.r0", 118, 9, 2, purpose=RunPurpose.SMOKE),
        run("t1.r1", 134, 39, 12),
        run("t2.r1", 204, 38, 12),
        run("t3.r1", 272, 40, 12),
        run("t4.r1", 342, 29, 12, state=RunState.CANCELLED, reason=diverged, exit_code=None),
        run("t5.r1", 376, 38, 12),
        run("t2.r2", 446, 73, 36, continues=f"{STUDY}.t2.r1"),
        run("t3.r2", 551, 75, 36, continues=f"{STUDY}.t3.r1"),
        run("t6.r1", 658, 14, 12, state=RunState.FAILED, reason=out_of_memory, exit_code=137),
        run("t2.r3", 676, 112, 36, purpose=RunPurpose.RETRAIN, seed=2034),
    )


def evaluations() -> tuple[Evaluation, ...]:
    """What the referee scored."""
    return (
        evaluation(BASE, "zero_shot", "dev", (0.05, 0.027, 0.09)),
        evaluation(BASE, "few_shot", "dev", (0.075, 0.046, 0.12), duration_s=48),
        evaluation("t1.r1", "zero_shot", "dev", (0.06, 0.035, 0.102)),
        evaluation("t2.r1", "zero_shot", "dev", (0.17, 0.124, 0.228)),
        evaluation("t3.r1", "zero_shot", "dev", (0.145, 0.103, 0.2), attestation="unattested"),
        evaluation("t5.r1", "zero_shot", "dev", (0.085, 0.054, 0.132)),
        evaluation("t2.r2", "zero_shot", "dev", (0.725, 0.659, 0.782)),
        evaluation("t2.r3", "zero_shot", "dev", (0.7, 0.633, 0.759)),
        evaluation(BASE, "zero_shot", "test", (0.045, 0.024, 0.083)),
        evaluation(BASE, "few_shot", "test", (0.08, 0.05, 0.126), duration_s=48),
        evaluation("t2.r2", "zero_shot", "test", (0.71, 0.644, 0.768)),
    )


def verdicts() -> tuple[Verdict, ...]:
    """What the referee said of the trials."""
    against = f"{STUDY}.{BASE}.few_shot.dev"
    beats = Comparison(200, 135, 5, Interval(0.65, 0.57, 0.73), 2.4e-33)
    again = Comparison(200, 130, 5, Interval(0.625, 0.54, 0.71), 5.8e-32)
    return (
        verdict(1, Outcome.DISCARD, "fourth of four at rung 12"),
        verdict(4, Outcome.DISCARD, "diverged at step 9"),
        verdict(5, Outcome.DISCARD, "third of four at rung 12"),
        verdict(3, Outcome.REJECT, "foreign weights: model.safetensors does not descend from the recorded checkpoint"),
        verdict(6, Outcome.DISCARD, "its run failed twice"),
        verdict(
            2,
            Outcome.PROMOTE,
            "better than the few-shot base on dev, and again with a fresh seed",
            run_id=f"{STUDY}.t2.r2",
            against=against,
            comparison=beats,
            threshold=0.05 / 6,
            retrains=(again,),
            noise_floor=0.018,
        ),
    )


def gates() -> tuple[GateChecked, ...]:
    """The data gate: noisy held dev and test items, and they were dropped."""
    hits = (
        Hit(412, "dev-0031", "exact", 1.0, "Sort ascending: 48 7 93 -> 7 48 93"),
        Hit(1290, "dev-0144", "normalised", 1.0, "sort ascending: 12 80 3 ->"),
        Hit(3307, "dev-0190", "minhash", 0.86, "Sort these ascending: 66 5 21 -> <b>5 21 66</b>"),
    )
    reports = (
        GateReport(SORTED, "dev", 500, 0, "pass"),
        GateReport(SORTED, "test", 500, 0, "pass"),
        GateReport(NOISY, "dev", 4000, 3, "drop", hits, CLEAN),
        GateReport(NOISY, "test", 3997, 2, "drop", (), CLEAN),
        GateReport(CLEAN, "dev", 3995, 0, "pass"),
        GateReport(CLEAN, "test", 3995, 0, "pass"),
    )
    return tuple(GateChecked(BENCHMARK, r) for r in reports)


def datasets() -> tuple[DatasetVersion, ...]:
    """The dataset versions with their lineage."""
    read = Lineage("read", {"path": "data/train.jsonl", "sha256": "d41d8cd98f00b204"})
    return (
        DatasetVersion(
            SORTED, "sorted", "/lab/objects/3fa9.jsonl", "prompt-completion", 500, "data/train.jsonl", (read,)
        ),
        DatasetVersion(
            NOISY,
            "noisy",
            "/lab/objects/90ab.jsonl",
            "prompt-completion",
            4000,
            "data/noisy.jsonl",
            (Lineage("read", {"path": "data/noisy.jsonl"}), Lineage("deduplicate", {"threshold": 0.9, "dropped": 113})),
        ),
        DatasetVersion(
            CLEAN,
            "noisy",
            "/lab/objects/c441.jsonl",
            "prompt-completion",
            3995,
            "data/noisy.jsonl",
            (
                Lineage("read", {"path": "data/noisy.jsonl"}),
                Lineage("deduplicate", {"threshold": 0.9, "dropped": 113}),
                Lineage("drop benchmark items", {"rows": 5}, (NOISY,)),
            ),
        ),
    )
