"""`labwright verify`: re-score a bundle and say, number by number, what agrees.

Nothing in the bundle is believed. The files are hashed again; the history is replayed into a fresh ledger; each
evaluation is scored again from its per-item outputs; each verdict is given again from those scores; the summary that
people read is compared with all of that. What cannot be checked from the bundle alone, because the test stays sealed,
is said to be so. A bundle is not signed: whoever rewrites all of it, history included, can make it agree with itself.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path

from pydantic import JsonValue

from labwright.compute.sandbox import Sandbox
from labwright.contracts.errors import LabwrightError
from labwright.contracts.events import EvaluationRecorded, VerdictGiven
from labwright.contracts.research import BASE, Comparison, Evaluation, Interval, ItemResult, Outcome, Verdict
from labwright.contracts.specs import BenchmarkSpec
from labwright.contracts.views import StudyView
from labwright.models.directory import content_id
from labwright.referee import scoring
from labwright.referee.pack import Item
from labwright.referee.protocol import Judge
from labwright.study import bundle as bundles
from labwright.study import standing
from labwright.study.bundlecontents import (
    UNREADABLE,
    Contents,
    Finding,
    check_files,
    first_line,
    read_contents,
    read_index,
)
from labwright.study.conclusion import DOCUMENT, on_the_sealed_test
from labwright.study.naming import short
from labwright.study.report import result_document

_CLOSE = 1e-9


def verify(bundle: Path) -> list[Finding]:
    """Every check of a bundle, in order.

    Raises:
        UsageError: this is no bundle, or one of a later format.
    """
    with bundles.opened(bundle) as folder:
        study_id, said = read_index(folder)
        found = list(check_files(folder, said))
        try:
            contents, unreadable = read_contents(folder, study_id)
        except LabwrightError as error:
            return [*found, Finding("history", "differs", error.one_line())]
        replayed = f"{len(contents.history)} events, replayed into an empty ledger"
        found.append(Finding("history", "agrees", "; ".join([replayed, *_raises(contents)])))
        found += unreadable
        found += [_evaluation(contents, e) for e in contents.view.evaluations]
        found += _verdicts(contents)
        found += _best(contents)
        found += _summary(contents)
        return found


# -- evaluations -------------------------------------------------------------------------------------------------------


def _raises(contents: Contents) -> list[str]:
    """What a person raised of the budget, as the report tells it."""
    return [note.text for note in contents.view.notes if note.about == "budget"]


def _evaluation(contents: Contents, evaluation: Evaluation) -> Finding:
    """Score an evaluation again: from outputs where the items are in the bundle, else from the items' scores."""
    view, results = contents.view, contents.results[evaluation.id]
    what = f"{short(view.id, evaluation.subject)} {evaluation.style.replace('_', '-')} on {evaluation.split}"
    if not results:
        return Finding(what, "not checked", "its per-item results are not in the bundle")
    scores = [r.score for r in results]
    keys = contents.items.get(evaluation.split)
    kept = scoring.why_not_again(contents.spec, Sandbox()) if contents.spec is not None else ""
    if keys is not None and kept:
        wrong, how = "", f"from {len(scores)} items' scores: {kept}"
    elif keys is not None and contents.spec is not None:
        wrong = _wrong_items(contents.folder, evaluation, results, keys, contents.spec)
        by = " from the judge's verdicts" if contents.spec.scorer.is_judged else ""
        how = f"{len(scores)} outputs scored again{by}"
    elif evaluation.split == "test":
        wrong, how = "", f"from {len(scores)} items' scores; their outputs stay sealed with the test"
    else:
        return Finding(what, "not checked", "the benchmark's items or its spec.json are not in the bundle")
    again, said = scoring.interval(scores), evaluation.score
    detail = f"{evaluation.metric} {_spoken(said)}, {how}"
    if not wrong and len(scores) != evaluation.items:
        wrong = f"it was scored on {evaluation.items} items, and the results are of {len(scores)}"
    if not wrong and not _same_interval(again, said):
        wrong = f"the items' scores give {_spoken(again)}"
    return Finding(what, "differs", f"{detail}: {wrong}") if wrong else Finding(what, "agrees", detail)


def _wrong_items(
    folder: Path, evaluation: Evaluation, results: Sequence[ItemResult], keys: Mapping[str, Item], spec: BenchmarkSpec
) -> str:
    """What is wrong with per-item results that have their outputs; empty where nothing is."""
    unknown = [r.id for r in results if r.id not in keys]
    if unknown:
        return f"{_some(unknown)} in its results are no items of the benchmark"
    again = scoring.rescored(spec, [keys[r.id] for r in results], results)
    changed = [
        f"{r.id} (said {r.score:g}, is {now:g})" for r, now in zip(results, again, strict=True) if r.score != now
    ]
    if changed:
        return f"scored again, {_some(changed)} come out differently"
    if bundles.digest(folder / "results" / f"{evaluation.id}.jsonl") != evaluation.results_id:
        return "its per-item results are not those that were recorded"
    return ""


# -- verdicts ----------------------------------------------------------------------------------------------------------


def _verdicts(contents: Contents) -> Iterator[Finding]:
    """Each verdict that rests on a comparison, given again from what had been scored when it was given."""
    scored: dict[str, Evaluation] = {}
    for recorded in contents.history:
        if isinstance(recorded.event, EvaluationRecorded):
            scored[recorded.event.evaluation.id] = recorded.event.evaluation
        elif isinstance(recorded.event, VerdictGiven):
            verdict = recorded.event.verdict
            if verdict.comparison is not None:
                yield _verdict(contents, verdict, verdict.comparison, scored)
            elif verdict.outcome is Outcome.PROMOTE:
                yield Finding(_name(contents, verdict), "differs", "a promotion with no comparison behind it")


def _verdict(
    contents: Contents, verdict: Verdict, said: Comparison, scored: Mapping[str, Evaluation]
) -> Finding:  # fmt: skip
    what = _name(contents, verdict)
    threshold = f", threshold {verdict.threshold:.2g}" if verdict.threshold is not None else ""
    detail = (
        f"{said.difference.estimate:+.4f}, {said.wins} won and {said.losses} lost, p = {said.p_value:.3g}{threshold}"
    )
    request = _request(contents.view, verdict, scored)
    if request is None:
        return Finding(what, "differs", f"{detail}: it names an evaluation that was not made by then")
    needed = (request.candidate, request.incumbent, request.few_shot, *request.retrains, *request.incumbent_retrains)
    if any(not contents.results[e] for e in needed):
        return Finding(what, "not checked", "the per-item results behind it are not in the bundle")
    if len({len(contents.results[e]) for e in needed}) > 1:
        return Finding(what, "differs", f"{detail}: the per-item results behind it are not of the same items")
    again = scoring.judge(request, scored, lambda e: [r.score for r in contents.results[e.id]], contents.view)
    differing = _differing(verdict, again)
    if differing:
        return Finding(what, "differs", f"{detail}: given again, {'; '.join(differing)}")
    return Finding(what, "agrees", detail)


def _name(contents: Contents, verdict: Verdict) -> str:
    return f"verdict on {short(contents.view.id, verdict.trial_id)}: {verdict.outcome}"


def _request(view: StudyView, verdict: Verdict, scored: Mapping[str, Evaluation]) -> Judge | None:
    """What the referee was asked when it gave this verdict; None where its evaluations did not exist by then."""
    by_place = {(e.subject, e.style, e.split): e for e in scored.values()}
    candidate = by_place.get((verdict.run_id or "", "zero_shot", "dev"))
    incumbent = scored.get(verdict.against)
    few_shot = by_place.get((BASE, "few_shot", "dev")) or by_place.get((BASE, "zero_shot", "dev"))
    if candidate is None or incumbent is None or few_shot is None:
        return None

    def retrains_of(trial_id: str) -> tuple[str, ...]:
        runs = standing.retrains(view, view.trial(trial_id))
        found = (by_place.get((r.id, "zero_shot", "dev")) for r in runs)
        return tuple(e.id for e in found if e is not None)

    trained = incumbent.subject != BASE
    return Judge(
        study_id=view.id,
        trial_id=verdict.trial_id,
        run_id=candidate.subject,
        candidate=candidate.id,
        incumbent=incumbent.id,
        few_shot=few_shot.id,
        comparisons_planned=view.spec.search.planned_comparisons,
        retrains=retrains_of(verdict.trial_id),
        incumbent_retrains=retrains_of(view.run(incumbent.subject).trial_id) if trained else (),
    )


def _differing(said: Verdict, again: Verdict) -> list[str]:
    """The fields of a verdict that come out differently, with both values."""
    found = []
    if said.outcome != again.outcome:
        found.append(f"the outcome is {again.outcome}")
    if (said.comparison is None) != (again.comparison is None) or (
        said.comparison and again.comparison and not _same_comparison(said.comparison, again.comparison)
    ):
        found.append(f"the comparison is {_compared(again.comparison)}")
    if not _same_number(said.threshold, again.threshold):
        found.append(f"the threshold is {again.threshold}")
    if len(said.retrains) != len(again.retrains) or not all(map(_same_comparison, said.retrains, again.retrains)):
        found.append(f"the retrains are {', '.join(_compared(r) for r in again.retrains) or 'none'}")
    if not _same_number(said.noise_floor, again.noise_floor):
        floor = "none" if again.noise_floor is None else f"{again.noise_floor:.4f}"
        found.append(f"the noise floor is {floor}")
    return found


# -- what people read --------------------------------------------------------------------------------------------------


def _best(contents: Contents) -> Iterator[Finding]:
    """`best/` is the base or a promoted run, and the model in the bundle is what was put there."""
    view, model = contents.view, contents.folder / "model"
    if view.best is None:
        return
    subject = short(view.id, view.best.subject)
    promoted = {v.run_id for v in view.verdicts if v.outcome is Outcome.PROMOTE}
    if view.best.subject != BASE and view.best.subject not in promoted:
        yield Finding("best model", "differs", f"{subject} was never promoted")
    if not model.is_dir():
        return
    if not view.best.content_id:
        yield Finding("model/", "not checked", "the history does not say what was put into best/")
    elif content_id(model) == view.best.content_id:
        yield Finding("model/", "agrees", f"is {subject}, as the referee put it into best/")
    else:
        yield Finding("model/", "differs", f"is not the model of {subject} that the referee put into best/")


def _summary(contents: Contents) -> Iterator[Finding]:
    """study.json, number by number, against the evaluations and their items."""
    path = contents.folder / DOCUMENT
    if not path.is_file():
        return  # its absence was found with the files
    try:
        said: dict[str, JsonValue] = json.loads(path.read_text())
    except UNREADABLE as error:
        yield Finding(DOCUMENT, "differs", f"cannot be read: {first_line(error)}")
        return
    again = result_document(contents.view, difference=_difference(contents))
    for name in ("dev", "test", "difference", "trials", "runs"):
        wrong = list(_unequal(name, said.get(name), again.get(name)))
        detail = "; ".join(wrong) if wrong else _brief(name, again.get(name))
        yield Finding(f"{DOCUMENT}: {name}", "differs" if wrong else "agrees", detail)


def _difference(contents: Contents) -> Comparison | None:
    """The promoted model against the few-shot base on the test's items."""
    pair = on_the_sealed_test(contents.view)
    if pair is None:
        return None
    first, second = ([r.score for r in contents.results[e.id]] for e in pair)
    return scoring.compare(first, second) if first and len(first) == len(second) else None


def _unequal(name: str, said: JsonValue, again: JsonValue) -> Iterator[str]:
    """The places where two documents differ."""
    if isinstance(said, dict) and isinstance(again, dict):
        for key in sorted({*said, *again}):
            yield from _unequal(f"{name}.{key}", said.get(key), again.get(key))
    elif isinstance(said, int | float) and isinstance(again, int | float):
        if not _same_number(said, again):
            yield f"{name} says {said:g} and is {again:g}"
    elif said != again:
        yield f"{name} says {said} and is {again}"


def _brief(name: str, value: JsonValue) -> str:
    if name == "difference" and isinstance(value, dict):
        return f"{value['estimate']:+.4f} [{value['low']:+.4f}, {value['high']:+.4f}], p = {value['p_value']:.3g}"
    if isinstance(value, dict):
        scores = {key: score for key, score in value.items() if isinstance(score, dict)}
        return ", ".join(f"{key.replace('_', '-')} {score['estimate']:.4f}" for key, score in scores.items()) or "none"
    return "none" if value is None else str(value)


# -- comparing numbers -------------------------------------------------------------------------------------------------


def _same_number(said: float | None, again: float | None) -> bool:
    if said is None or again is None:
        return said is again
    return math.isclose(said, again, rel_tol=_CLOSE, abs_tol=0.0) or (said == 0.0 and abs(again) < _CLOSE)


def _same_interval(first: Interval, second: Interval) -> bool:
    return all(_same_number(getattr(first, f.name), getattr(second, f.name)) for f in fields(Interval))


def _same_comparison(first: Comparison, second: Comparison) -> bool:
    counts = (first.items, first.wins, first.losses) == (second.items, second.wins, second.losses)
    return (
        counts and _same_number(first.p_value, second.p_value) and _same_interval(first.difference, second.difference)
    )


def _spoken(interval: Interval) -> str:
    return f"{interval.estimate:.4f} [{interval.low:.4f}, {interval.high:.4f}]"


def _compared(comparison: Comparison | None) -> str:
    if comparison is None:
        return "none"
    d = comparison.difference.estimate
    return f"{d:+.4f}, {comparison.wins} won and {comparison.losses} lost, p = {comparison.p_value:.3g}"


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{', '.join(names[:3])}{more}"
