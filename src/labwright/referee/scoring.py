"""From a model's outputs to scores, comparisons and verdicts: the arithmetic between the worker and the ledger."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import fmean

from labwright.compute.sandbox import Sandbox
from labwright.contracts.errors import LabwrightError, UsageError
from labwright.contracts.generation import LikelihoodRequest
from labwright.contracts.research import (
    BASE,
    Comparison,
    Evaluation,
    Interval,
    ItemResult,
    Outcome,
    SideScore,
    Verdict,
)
from labwright.contracts.specs import BenchmarkSpec, GenerationSpec
from labwright.contracts.views import StudyView
from labwright.referee.code import obstacle
from labwright.referee.generation import GenerationWorker
from labwright.referee.judging.pairwise import position_bias
from labwright.referee.pack import Item, item_fields
from labwright.referee.prompts import answer_lead, decoding_of, few_shot_prefix, item_prompt
from labwright.referee.protocol import Judge, Rescored
from labwright.referee.scorers import Means, Scorer, benchmark_scorer, choose, score_by_verdicts
from labwright.referee.vault import result_fields
from labwright.referee.verdict import decide
from labwright.stats import bootstrap_mean, compare_paired, pass_at_k, wilson

OnProgress = Callable[[int, int], None]
_SLOW = ("code", "rubric", "pairwise", "criteria")  # scorers that wait for others: several items at once
_AT_ONCE = 4
_ROWS_LACK = {  # what a training row has not
    "choice": "choices", "code": "tests", "rubric": "a rubric", "instructions": "instructions", "calls": "calls",
    "pairwise": "a baseline's answer", "criteria": "criteria",
}  # fmt: skip


def answer(
    worker: GenerationWorker,
    spec: BenchmarkSpec,
    items: Sequence[Item],
    shots: Sequence[Item],
    deadline: float | None,
    on_progress: OnProgress,
    *,
    means: Means | None = None,
    seed: int = 0,
) -> tuple[ItemResult, ...]:
    """Let the loaded model answer the items, and score what it says. The worker never sees an answer.

    `seed` is the referee's, see `decoding_seed`. Raises what the worker and the scorer raise.
    """
    scorer = benchmark_scorer(spec, means)  # first: what cannot be scored need not be generated
    if spec.scorer.kind == "code":
        _must_run_programs(means or Means())
    prefix = few_shot_prefix(shots, spec.generation)
    if spec.scorer.kind == "choice":
        outputs = _choices(worker, spec, items, prefix, deadline, on_progress)
        return score_all(scorer, items, outputs)
    samples, slow = spec.generation.samples, spec.scorer.kind in _SLOW
    total = len(items) * (samples + slow)  # in outputs; where scoring takes time, an item's counts as one more
    made = worker.generate(
        [item_prompt(item, spec.generation) for item in items for _ in range(samples)],
        decoding_of(spec.generation, seed),
        shared_prefix=prefix,
        deadline=deadline,
        on_progress=lambda done, _: on_progress(done, total),
    )
    outputs = made if samples == 1 else [
        json.dumps(made[at : at + samples], ensure_ascii=False) for at in range(0, len(made), samples)
    ]  # fmt: skip
    return score_all(scorer, items, outputs, (lambda done: on_progress(len(made) + done, total)) if slow else None)


def _must_run_programs(means: Means) -> None:
    blocked = obstacle(means.sandbox or Sandbox(), unconfined=means.unconfined)
    if blocked is not None:
        raise blocked


def score_all(
    scorer: Scorer, items: Sequence[Item], outputs: Sequence[str], on_scored: Callable[[int], None] | None = None
) -> tuple[ItemResult, ...]:
    """The results in the items' order; several at once where `on_scored` says that each takes time."""
    if on_scored is None:
        return tuple(scorer.score(item, output) for item, output in zip(items, outputs, strict=True))
    results = []
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        asked = [pool.submit(scorer.score, item, output) for item, output in zip(items, outputs, strict=True)]
        try:
            for done, future in enumerate(asked, start=1):
                results.append(future.result())
                on_scored(done)
        except LabwrightError:
            for future in asked:
                future.cancel()
            raise
    return tuple(results)


def decoding_seed(benchmark_id: str, split: str) -> int:
    """The seed that outputs are drawn with: fixed by what is scored, so that nobody can ask until they are lucky."""
    return int.from_bytes(hashlib.sha256(f"{benchmark_id} {split}".encode()).digest()[:4]) >> 1


def _choices(
    worker: GenerationWorker,
    spec: BenchmarkSpec,
    items: Sequence[Item],
    prefix: str,
    deadline: float | None,
    on_progress: OnProgress,
) -> list[str]:
    """The most likely choice of each item; all choices go through the model in one request."""
    requests = [choice_request(item, spec.generation, choice) for item in items for choice in item.choices]
    values = worker.log_likelihoods(requests, shared_prefix=prefix, deadline=deadline, on_progress=on_progress)
    chosen, start = [], 0
    for item in items:
        end = start + len(item.choices)
        chosen.append(choose(item.choices, values[start:end], by_length=spec.scorer.length_normalised))
        start = end
    return chosen


def choice_request(item: Item, generation: GenerationSpec, choice: str) -> LikelihoodRequest:
    """How likely the choice is after the prompt; where it fills a blank, how likely what follows it is then.

    The latter is the partial scoring of Trinh and Le, 2018, arXiv 1806.02847.
    """
    if item.blank:
        head, _, tail = item.prompt.partition(item.blank)
        return LikelihoodRequest(f"{head}{choice}", tail)
    return LikelihoodRequest(item_prompt(item, generation), f"{answer_lead(generation)}{choice}")


def interval(scores: Sequence[float]) -> Interval:
    """The mean with its 95 % interval: Wilson's for right-or-wrong scores, else the bootstrap's.

    Items may score below 0 where criteria have negative points; their mean is cut to 0 to 1, as HealthBench does.
    """
    if all(s in (0.0, 1.0) for s in scores):
        return wilson(round(sum(scores)), len(scores))
    found = bootstrap_mean(scores)
    return Interval(*(min(max(each, 0.0), 1.0) for each in (found.estimate, found.low, found.high)))


def beside(spec: BenchmarkSpec, results: Sequence[ItemResult]) -> tuple[SideScore, ...]:
    """What else the outputs say: of samples pass@2, pass@4, … and the mean where pass@k is the score; of instructions
    the other reading, and how many are followed; of pairwise verdicts how much the order of the answers counted."""
    if spec.scorer.kind == "criteria":
        return _of_criteria(results)
    if spec.generation.samples == 1 and spec.scorer.kind in ("instructions", "pairwise"):
        return _of_instructions(spec, results) if spec.scorer.kind == "instructions" else _of_pairs(results)
    drawn = [r.samples for r in results if len(r.samples) == spec.generation.samples]
    if spec.generation.samples == 1 or spec.metric.direction == "minimise" or not drawn:
        return ()
    if any(s not in (0.0, 1.0) for scores in drawn for s in scores):
        return ()
    most, main = spec.generation.samples, spec.generation.pass_at
    wanted = sorted({*(1 << power for power in range(most.bit_length())), most} - {1, main})
    found = [] if main is None else [SideScore(f"avg@{most}", interval([fmean(scores) for scores in drawn]))]
    for k in wanted:
        found.append(SideScore(f"pass@{k}", interval([pass_at_k(most, scores.count(1.0), k) for scores in drawn])))
    return tuple(found)


def _of_instructions(spec: BenchmarkSpec, results: Sequence[ItemResult]) -> tuple[SideScore, ...]:
    """Prompts of which all instructions are followed, by the reading that is not the score; instructions, by both."""
    readings = ("loose", "strict") if spec.scorer.loose else ("strict", "loose")
    try:
        found = [{by: [bool(each[by]) for each in json.loads(r.prediction)] for by in readings} for r in results]
    except (ValueError, TypeError, KeyError):
        return ()  # results of a sealed test that were not disclosed hold no predictions
    if not all(each[by] for each in found for by in readings) or not found:
        return ()
    other = readings[1]
    return (
        SideScore(f"{other} accuracy", interval([float(all(each[other])) for each in found])),
        *(SideScore(f"{by} accuracy of instructions", _of_all([each[by] for each in found])) for by in readings),
    )


def _of_all(found: Sequence[Sequence[bool]]) -> Interval:
    """The share of all instructions that are followed. Those of one prompt hang together, so prompts are drawn again.

    A ratio of two means, in its linear form: Cochran, Sampling Techniques, 1977, chapter 6.
    """
    count = fmean([len(each) for each in found])
    share = sum(map(sum, found)) / sum(map(len, found))
    return interval([round(share + (sum(each) - share * len(each)) / count, 12) for each in found])


def _of_criteria(results: Sequence[ItemResult]) -> tuple[SideScore, ...]:
    """What the mean of the items is, where the score was cut to 0."""
    found = bootstrap_mean([r.score for r in results])
    return (SideScore("mean before it is cut to 0", found),) if found.estimate < 0 else ()


def _of_pairs(results: Sequence[ItemResult]) -> tuple[SideScore, ...]:
    first, changed = position_bias(results)
    if not first:
        return ()
    return (
        SideScore("answer read first (0.5 is no bias)", interval(first)),
        SideScore("verdict changed with the order", interval(changed)),
    )


def compare(first: Sequence[float], second: Sequence[float]) -> Comparison:
    """Two models on the same items."""
    return compare_paired(first, second)


def judge(
    request: Judge,
    evaluations: Mapping[str, Evaluation],
    scores: Callable[[Evaluation], Sequence[float]],
    view: StudyView,
) -> Verdict:
    """The verdict on a trial, by the rule in verdict.py."""

    def of(identifier: str) -> Sequence[float]:
        return scores(evaluations[identifier])

    minimise = view.benchmark is not None and view.benchmark.direction == "minimise"
    decision = decide(
        of(request.candidate),
        of(request.incumbent),
        comparisons_planned=request.comparisons_planned,
        retrains=[of(r) for r in request.retrains],
        incumbent_retrains=[of(r) for r in request.incumbent_retrains],
        few_shot=of(request.few_shot),
        incumbent_name=_name(evaluations[request.incumbent]),
        seeds=view.spec.search.retrain_seeds,
        sign=-1.0 if minimise else 1.0,
    )
    candidate = evaluations[request.candidate]
    caution = _caution(candidate) if decision.outcome is Outcome.PROMOTE else ""
    return Verdict(
        study_id=request.study_id,
        trial_id=request.trial_id,
        run_id=request.run_id,
        outcome=decision.outcome,
        reason=decision.reason + caution,
        against=request.incumbent,
        comparison=decision.comparison,
        threshold=decision.threshold,
        retrains=decision.retrains,
        noise_floor=decision.noise_floor,
        retrains_wanted=decision.retrains_wanted,
    )


def _name(incumbent: Evaluation) -> str:
    """How a reason calls the incumbent: its run, or which prompt the untrained base was given."""
    if incumbent.subject != BASE:
        return incumbent.subject.removeprefix(f"{incumbent.study_id}.")
    return f"the {incumbent.style.replace('_', '-')} base"


def _caution(evaluation: Evaluation) -> str:
    """What a promoted model's verdict must not be silent about."""
    said = []
    if evaluation.attestation == "unattested":
        said.append("unattested: " + "; ".join(evaluation.notes))
    if evaluation.boundary != "enforced":
        said.append("boundary: not enforced")
    return "".join(f" ({s})" for s in said)


def score_rows(
    worker: GenerationWorker,
    spec: BenchmarkSpec,
    rows: Sequence[tuple[str, str]],
    on_progress: OnProgress,
    means: Means | None = None,
) -> list[float]:
    """One score a training row, by the benchmark's decoding and scorer.

    Raises UsageError where the scorer needs what a training row has not: choices, tests.
    """
    needs = _ROWS_LACK.get(spec.scorer.kind, "")
    if needs and not (spec.scorer.kind == "rubric" and spec.scorer.rubric):
        raise UsageError(
            f"training rows cannot be scored by this benchmark: its {spec.scorer.kind} scorer needs {needs}",
            where=spec.name,
            cure="score rows by loss instead",
        )
    items = [Item(str(n), prompt, row_answer) for n, (prompt, row_answer) in enumerate(rows, start=1)]
    return [r.score for r in answer(worker, spec, items, (), None, on_progress, means=means)]


def rescore(
    spec: BenchmarkSpec, items: Sequence[Item], outputs: Sequence[tuple[str, str]], means: Means | None = None
) -> Rescored:
    """Score outputs again, by item id."""
    keys = {item.id: item for item in items}
    scorer = benchmark_scorer(spec, means)
    scores = [scorer.score(keys[item_id], output).score for item_id, output in outputs]
    return Rescored(interval(scores), tuple(scores))


def rescored(
    spec: BenchmarkSpec, items: Sequence[Item], results: Sequence[ItemResult], means: Means | None = None
) -> list[float]:
    """Score stored outputs again; where a judge said what is met or won, from what it said."""
    if spec.scorer.is_judged and means is None:
        pairs = zip(items, results, strict=True)
        return [score_by_verdicts(spec, item, result.prediction) for item, result in pairs]
    return [r.score for r in score_all(benchmark_scorer(spec, means), items, [r.output for r in results])]


def why_not_again(spec: BenchmarkSpec, sandbox: Sandbox) -> str:
    """Why outputs cannot be scored again by whoever holds them; empty where they can."""
    if spec.scorer.kind == "rubric":
        return "a judge's word is not given twice"
    if spec.scorer.kind == "code" and sandbox.boundary != "enforced":
        return "programs are not run without a sandbox"
    blocked = obstacle(sandbox) if spec.scorer.kind == "code" else None
    return blocked.what if blocked is not None else ""


# -- files of a bundle -------------------------------------------------------------------------------------------------


def write_public_part(folder: Path, spec: BenchmarkSpec, splits: Mapping[str, Sequence[Item]]) -> list[Path]:
    """Write the benchmark's spec and the given splits' items, one JSON object a line."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "spec.json").write_text(spec.model_dump_json(indent=2) + "\n")
    for name, items in splits.items():
        text = "".join(json.dumps(item_fields(i), ensure_ascii=False) + "\n" for i in items)
        (folder / f"{name}.jsonl").write_text(text)
    return [folder / "spec.json", *(folder / f"{name}.jsonl" for name in splits)]


def write_outputs(path: Path, results: Sequence[ItemResult], *, whole: bool) -> Path:
    """Write per-item results; of a sealed test only ids and scores."""
    path.parent.mkdir(parents=True, exist_ok=True)
    entries = (result_fields(r) if whole else {"id": r.id, "score": r.score} for r in results)
    path.write_text("".join(json.dumps(e, ensure_ascii=False) + "\n" for e in entries))
    return path


def read_outputs(path: Path) -> list[ItemResult]:
    """Per-item results as `write_outputs` wrote them; what was left out is empty."""
    entries = (json.loads(line) for line in path.read_text().split("\n") if line)
    return [ItemResult(e["id"], e.get("output", ""), e.get("prediction", ""), float(e["score"])) for e in entries]
