"""A version with a score a row, and versions of its easy, medium, hard, frontier and mixed rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from pydantic import JsonValue

from labwright.contracts.errors import DataError
from labwright.contracts.generation import Generator
from labwright.contracts.research import DatasetVersion
from labwright.data.difficulty.bins import BINS, Bin, Cuts, binned, check_cuts
from labwright.data.difficulty.cache import ScoreCache
from labwright.data.difficulty.methods import ANSWERS, AnswerCheck, Method
from labwright.data.difficulty.scoring import Progress, Scores, score
from labwright.data.origins import Dropped
from labwright.data.versions import Selection, lines_of, remake, select

if TYPE_CHECKING:
    from labwright.data.objects import Numbers

SCORE, BIN = "difficulty", "difficulty_bin"
_DIGITS = 6
_REASONS = 5  # that are told; all stand in the lineage of the variants


@dataclass(frozen=True, slots=True)
class Difficulty:
    """What a scoring gave. `scored` has every row, with its score and bin in two columns more (null: no score)."""

    scored: DatasetVersion
    variants: Mapping[Bin, DatasetVersion]  # without those that would have no rows
    counts: Mapping[str, int]  # rows a bin, and `not scored`
    mean: float
    scores: Scores
    cuts: Cuts
    remarks: tuple[str, ...] = ()


def difficulty(
    version: DatasetVersion,
    generator: Generator,
    model_id: str,
    method: Method,
    cache: ScoreCache,
    *,
    check: AnswerCheck = ANSWERS,
    cuts: Cuts | None = None,
    variants: Sequence[Bin] = BINS,
    seed: int = 0,
    batch_rows: int = 64,
    most_characters: int | None = None,
    progress: Progress | None = None,
    name: str | None = None,
) -> Difficulty:
    """Score, bin, and make the variants, called `NAME-easy` and so on.

    Rows without a score are in no variant; each keeps its reason beside the version.

    Raises:
        DataError: no row can be scored, or the rows have a column of the name `difficulty` already.
        StorageError: scores or versions cannot be kept.
    """
    _refuse_columns(version)
    scores = score(
        version,
        generator,
        model_id,
        method,
        cache,
        check=check,
        batch_rows=batch_rows,
        most_characters=most_characters,
        progress=progress,
    )
    if np.isnan(scores.values).all():
        why = next(iter(scores.why.values()), "there are no rows")
        raise DataError(f"no row can be scored by {method.kind}: {why}", where=version.source, cure=_other(method))
    cuts = cuts or Cuts.usual(method, scores.values)
    check_cuts(cuts, method)
    bins = binned(scores.values, cuts, method, seed)
    counts = {kind: len(rows) for kind, rows in bins.items()} | {"not scored": len(scores.why)}
    mean = float(np.nanmean(scores.values))
    params = _params(model_id, method, check, cuts, counts, mean)
    base = name or version.name
    scored = remake(
        _with_scores(version, scores, bins), parent=version, transform="difficulty", params=params, name=base
    )
    dropped = _unscored(scores)
    made: dict[Bin, DatasetVersion] = {}
    for kind in variants:
        if len(bins[kind]):
            drawn: dict[str, JsonValue] = {"seed": seed} if kind == "mixed" else {}
            made[kind] = select(
                Selection(bins[kind]),
                parents=(version,),
                transform="difficulty",
                params={**params, "bin": kind, **drawn, "not_taken": version.rows - len(bins[kind])},
                name=f"{base}-{kind}",
                dropped=dropped,
            )
    return Difficulty(scored, made, counts, mean, scores, cuts, _remarks(method, scores, counts))


def _params(
    model_id: str, method: Method, check: AnswerCheck, cuts: Cuts, counts: Mapping[str, int], mean: float
) -> dict[str, JsonValue]:
    params: dict[str, JsonValue] = {"method": method.kind, "model": model_id}
    if method.kind == "pass-rate":
        params |= {
            "samples": method.samples,
            "temperature": method.decoding.temperature,
            "max_new_tokens": method.decoding.max_new_tokens,
            "sampling_seed": method.decoding.seed,
            "check": check.name,
        }
    return {**params, "cuts": cuts.params, "rows": {**counts}, "mean_score": round(mean, _DIGITS)}


def _refuse_columns(version: DatasetVersion) -> None:
    with lines_of(version) as lines:
        _refuse_taken(lines.row(0), version)


def _refuse_taken(row: Mapping[str, JsonValue], version: DatasetVersion) -> None:
    taken = next((name for name in (SCORE, BIN) if name in row), None)
    if taken is not None:
        raise DataError(
            f"the rows have a column {taken!r} already",
            where=f"{version.name} ({version.id})",
            cure="score the version that they were made of: labwright data lineage tells it",
        )


def _with_scores(
    version: DatasetVersion, scores: Scores, bins: Mapping[Bin, Numbers]
) -> Iterator[tuple[int, dict[str, JsonValue]]]:
    named = np.full(len(scores.values), "", dtype="<U6")
    for kind in ("easy", "medium", "hard"):
        named[bins[kind]] = kind
    with lines_of(version) as lines:
        for number, row in enumerate(lines.rows()):
            _refuse_taken(row, version)
            value = float(scores.values[number])
            is_known = not np.isnan(value)
            row[SCORE] = round(value, _DIGITS) if is_known else None
            row[BIN] = str(named[number]) if is_known else None
            yield number, row


def _unscored(scores: Scores) -> Dropped | None:
    if not scores.why:
        return None
    reasons = tuple(dict.fromkeys(scores.why.values()))
    numbers = sorted(scores.why)
    why = np.array([reasons.index(scores.why[number]) for number in numbers], np.int32)
    return Dropped(np.array(numbers, np.int64), why, tuple(f"not scored: {reason}" for reason in reasons))


def _remarks(method: Method, scores: Scores, counts: Mapping[str, int]) -> tuple[str, ...]:
    remarks: list[str] = []
    if method.kind == "pass-rate" and float(np.nanmax(scores.values)) == 0:
        remarks.append("no sample was right: the answers may be too free to be checked; score by loss instead")
    remarks += [f"no row is {kind}" for kind in ("easy", "medium", "hard") if not counts[kind]]
    reasons = Counter(scores.why.values()).most_common(_REASONS)
    remarks += [f"{count:,} row{'s' if count > 1 else ''} not scored: {reason}" for reason, count in reasons]
    return tuple(remarks)


def _other(method: Method) -> str:
    return "convert the data first, or score by loss" if method.kind != "loss" else "convert the data first"
