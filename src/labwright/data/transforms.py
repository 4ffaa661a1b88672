"""Transforms: each reads dataset versions and makes a new one, with its lineage.

None of them changes anything in place, and each is a function of its arguments alone: the same versions, parameters and
seed give the same rows, so the same content hash.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

from pydantic import JsonValue

from labwright.contracts.errors import DataError
from labwright.contracts.generation import ItemScorer
from labwright.contracts.research import DatasetVersion
from labwright.data.folding import fold
from labwright.data.near import NearIndex, jaccard
from labwright.data.rows import Row
from labwright.data.versions import derive, load

NEAR_SIMILARITY = 0.8


def filter_difficulty(version: DatasetVersion, scorer: ItemScorer, low: float, high: float) -> DatasetVersion:
    """Keep the rows whose score by a model lies from `low` to `high`, both included.

    The scorer is usually the base model: what it always gets right teaches little.

    Raises:
        DataError: the bounds are not 0 <= low <= high <= 1, or no rows are left.
    """
    if not 0 <= low <= high <= 1:
        raise DataError(f"difficulty from {low} to {high} is no range", cure="choose 0 <= low <= high <= 1")
    rows = load(version)
    scores = scorer.score_rows([(row.prompt, row.completion) for row in rows])
    kept = [row for row, score in zip(rows, scores, strict=True) if low <= score <= high]
    params: Mapping[str, JsonValue] = {"low": low, "high": high, "mean_score": round(sum(scores) / len(scores), 4)}
    return derive(kept, parents=(version,), transform="filter_difficulty", params=params)


def upsample(version: DatasetVersion, where: Callable[[Row], bool], factor: int, *, label: str) -> DatasetVersion:
    """Repeat the rows that `where` picks until each stands `factor` times; `label` says in words which those are.

    Raises:
        DataError: the factor is below 1, or `where` picks nothing.
    """
    if factor < 1:
        raise DataError(f"a factor of {factor} does not repeat rows", cure="choose a whole number from 1")
    rows = load(version)
    picked = {row.number for row in rows if where(row)}
    if not picked:
        raise DataError(f"no row is {label!r}", where=version.source, cure="choose a condition that some rows meet")
    repeated = [row for row in rows for _ in range(factor if row.number in picked else 1)]
    params: Mapping[str, JsonValue] = {"where": label, "factor": factor, "picked": len(picked)}
    return derive(repeated, parents=(version,), transform="upsample", params=params)


def subset(version: DatasetVersion, size: int, seed: int) -> DatasetVersion:
    """Draw `size` rows without replacement, in their old order.

    A larger subset of the same seed holds the smaller one, so a curve over sizes compares like with like.

    Raises:
        DataError: the size is below 1 or above the number of rows.
    """
    rows = load(version)
    if not 1 <= size <= len(rows):
        raise DataError(
            f"{size} of {len(rows)} rows cannot be drawn", where=version.source, cure=f"choose 1 to {len(rows)}"
        )
    drawn = sorted(_order(len(rows), seed)[:size])
    chosen = [rows[index] for index in drawn]
    return derive(chosen, parents=(version,), transform="subset", params={"size": size, "seed": seed})


def dedup(version: DatasetVersion, *, near: bool = False) -> DatasetVersion:
    """Keep the first of rows that are the same; with `near`, of rows whose words are 80 % the same too.

    "The same" is prompt and completion but for surrounding spaces. Near-duplicates are found by MinHash and confirmed
    by the Jaccard similarity of the rows' word pairs; rows whose numbers differ are never near-duplicates.
    """
    rows = load(version)
    first = {(row.prompt.strip(), row.completion.strip()): row for row in reversed(rows)}
    kept = sorted(first.values(), key=lambda row: row.number)
    if near:
        kept = _without_near(kept)
    params = {"near": near, "removed": len(rows) - len(kept)}
    return derive(kept, parents=(version,), transform="dedup", params=params)


def mix(versions: Sequence[DatasetVersion], weights: Sequence[float], size: int, seed: int) -> DatasetVersion:
    """Draw `size` rows from several versions in the proportion of `weights`, shuffled.

    A version that is too small for its share is gone through again, in whole passes, before any of its rows comes a
    third time.

    Raises:
        DataError: no versions, formats differ, or weights and versions do not fit.
    """
    _check_mix(versions, weights, size)
    rows: list[Row] = []
    for position, (version, count) in enumerate(zip(versions, _shares(weights, size), strict=True)):
        source = load(version)
        order = _order(len(source), seed + position)
        rows += [source[order[draw % len(source)]] for draw in range(count)]
    random.Random(seed).shuffle(rows)
    params: Mapping[str, JsonValue] = {"weights": list(weights), "size": size, "seed": seed}
    name = "+".join(dict.fromkeys(version.name for version in versions))
    return derive(rows, parents=versions, transform="mix", params=params, name=name)


def _check_mix(versions: Sequence[DatasetVersion], weights: Sequence[float], size: int) -> None:
    cure = "give one positive weight for each dataset version, and a size of at least 1"
    if not versions or len(versions) != len(weights):
        raise DataError(f"{len(weights)} weights for {len(versions)} dataset versions", cure=cure)
    if size < 1 or min(weights) < 0 or sum(weights) <= 0:
        raise DataError(f"weights {list(weights)} and size {size} describe no mixture", cure=cure)
    formats = {version.format for version in versions}
    if len(formats) > 1:
        raise DataError(f"the versions have different formats: {sorted(formats)}", cure="bring them to one format")


def _shares(weights: Sequence[float], size: int) -> list[int]:
    """Whole numbers in proportion, by largest remainder, so that they add up to `size`."""
    exact = [weight * size / sum(weights) for weight in weights]
    counts = [int(share) for share in exact]
    by_remainder = sorted(range(len(exact)), key=lambda i: (counts[i] - exact[i], i))
    for index in by_remainder[: size - sum(counts)]:
        counts[index] += 1
    return counts


def _order(size: int, seed: int) -> list[int]:
    order = list(range(size))
    random.Random(seed).shuffle(order)
    return order


def _without_near(rows: Sequence[Row]) -> list[Row]:
    index = NearIndex()
    kept: list[Row] = []
    seen: dict[int, tuple[frozenset[str], tuple[str, ...]]] = {}
    for row in rows:
        words = fold(row.text).words
        pairs = frozenset(" ".join(pair) for pair in pairwise(words)) or frozenset(words)
        numbers = tuple(word for word in words if word[0].isdigit())
        twins = (seen[number] for number in index.candidates(pairs))
        if any(numbers == others and jaccard(pairs, twin) >= NEAR_SIMILARITY for twin, others in twins):
            continue
        seen[row.number] = (pairs, numbers)
        index.add(row.number, pairs)
        kept.append(row)
    return kept
