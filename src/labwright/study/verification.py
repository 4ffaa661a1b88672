"""`labwright verify`: re-score a bundle and say, number by number, what agrees.

Nothing in the bundle is believed. The files are hashed again; the history is replayed into a fresh ledger; each
evaluation is scored again from its per-item outputs; each verdict's comparison is computed again from those scores.
What cannot be checked from the bundle alone, because the test stays sealed, is said to be so.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter

from labwright.contracts.research import Comparison, Evaluation, ItemResult, Verdict
from labwright.contracts.specs import BenchmarkSpec
from labwright.contracts.views import StudyView
from labwright.ledger import Ledger
from labwright.referee import scoring
from labwright.referee.pack import Item
from labwright.study import bundle as bundles
from labwright.study.naming import short

_CLOSE = 1e-9
_ITEM: TypeAdapter[Item] = TypeAdapter(Item)


@dataclass(frozen=True, slots=True)
class Finding:
    """One number, or one file, that was checked."""

    what: str
    outcome: Literal["agrees", "differs", "not checked"]
    detail: str


def verify(bundle: Path) -> list[Finding]:
    """Every check of a bundle, in order.

    Raises:
        UsageError: this is no bundle.
        DataError: its history cannot be read.
    """
    with bundles.opened(bundle) as folder:
        index = json.loads((folder / bundles.INDEX).read_text())
        found = list(_files(folder, index["files"]))
        view = _replayed(folder, index["study"])
        results = {e.id: _results(folder, e) for e in view.evaluations}
        items = _items(folder)
        found += [_evaluation(view, e, results[e.id], folder, items) for e in view.evaluations]
        found += list(_verdicts(view, results))
        return found


def _files(folder: Path, said: Mapping[str, str]) -> Iterator[Finding]:
    present = set(bundles.files_of(folder))
    wrong = sorted(n for n in said if n not in present or bundles.digest(folder / n) != said[n])
    added = sorted(present - set(said))
    for name in wrong:
        yield Finding(
            name, "differs", "gone from the bundle" if name not in present else "its content is not what was hashed"
        )
    for name in added:
        yield Finding(name, "differs", "not among the files that were exported")
    if not wrong and not added:
        yield Finding("files", "agrees", f"{len(said)} files have the hashes that were written down")


def _replayed(folder: Path, study_id: str) -> StudyView:
    """The study as its own events tell it."""
    with tempfile.TemporaryDirectory() as scratch, Ledger.open(f"sqlite:///{scratch}/lab.db") as ledger:
        for recorded in bundles.read_events(folder):
            ledger.record(study_id, recorded.event, at=recorded.at)
        return ledger.study_view(study_id)


def _evaluation(
    view: StudyView,
    evaluation: Evaluation,
    results: list[ItemResult],
    folder: Path,
    items: Mapping[str, Mapping[str, Item]],
) -> Finding:
    """Score an evaluation again: from outputs where the items are in the bundle, else from the items' scores."""
    what = f"{short(view.id, evaluation.subject)} {evaluation.style.replace('_', '-')} on {evaluation.split}"
    if not results:
        return Finding(what, "not checked", "its per-item results are not in the bundle")
    keys = items.get(evaluation.split)
    if keys and all(r.id in keys for r in results):
        spec = BenchmarkSpec.model_validate_json((folder / "benchmark" / "spec.json").read_text())
        scores = scoring.rescored(spec, [keys[r.id] for r in results], results)
        how = f"{len(scores)} outputs scored again"
    else:
        scores = [r.score for r in results]
        how = f"from {len(scores)} items' scores; their outputs stay sealed with the test"
    again, said = scoring.interval(scores), evaluation.score
    same = all(abs(a - b) < _CLOSE for a, b in zip(_numbers(again), _numbers(said), strict=True))
    detail = f"{evaluation.metric} {said.estimate:.4f} [{said.low:.4f}, {said.high:.4f}], {how}"
    return Finding(what, "agrees" if same else "differs", detail if same else f"{detail}: now {again.estimate:.4f}")


def _numbers(interval: object) -> tuple[float, float, float]:
    return (interval.estimate, interval.low, interval.high)  # type: ignore[attr-defined]


def _verdicts(view: StudyView, results: Mapping[str, list[ItemResult]]) -> Iterator[Finding]:
    for verdict in view.verdicts:
        if verdict.comparison is None or verdict.run_id is None:
            continue
        what = f"verdict on {short(view.id, verdict.trial_id)}: {verdict.outcome}"
        candidate = view.evaluation(verdict.run_id, "zero_shot", "dev")
        first = results.get(candidate.id, []) if candidate else []
        second = results.get(verdict.against, [])
        if not first or not second:
            yield Finding(what, "not checked", "the per-item results behind it are not in the bundle")
            continue
        again = scoring.compare([r.score for r in first], [r.score for r in second])
        yield _comparison(what, verdict, verdict.comparison, again)


def _comparison(what: str, verdict: Verdict, said: Comparison, again: Comparison) -> Finding:
    same = (
        (again.wins, again.losses, again.items) == (said.wins, said.losses, said.items)
        and abs(again.p_value - said.p_value) <= _CLOSE
        and all(abs(a - b) < _CLOSE for a, b in zip(_numbers(again.difference), _numbers(said.difference), strict=True))
    )
    threshold = f", threshold {verdict.threshold:.2g}" if verdict.threshold is not None else ""
    detail = (
        f"{said.difference.estimate:+.4f}, {said.wins} won and {said.losses} lost, p = {said.p_value:.3g}{threshold}"
    )
    return Finding(what, "agrees" if same else "differs", detail if same else f"{detail}: now p = {again.p_value:.3g}")


def _results(folder: Path, evaluation: Evaluation) -> list[ItemResult]:
    path = folder / "results" / f"{evaluation.id}.jsonl"
    return scoring.read_outputs(path) if path.is_file() else []


def _items(folder: Path) -> dict[str, dict[str, Item]]:
    """The items that the bundle holds, by split and id."""
    found = {}
    for split in ("dev", "test"):
        path = folder / "benchmark" / f"{split}.jsonl"
        if path.is_file():
            items = (_ITEM.validate_json(line) for line in path.read_text().splitlines())
            found[split] = {i.id: i for i in items}
    return found
