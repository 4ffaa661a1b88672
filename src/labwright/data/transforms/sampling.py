"""Fewer rows, more of some rows, or rows of several versions: each by weights that stand in the lineage."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack

import numpy as np
from pydantic import JsonValue

from labwright.contracts.errors import DataError
from labwright.contracts.research import DatasetVersion
from labwright.data.objects import Lines
from labwright.data.transforms.drawing import keys, order, shares
from labwright.data.transforms.filtering import rows_where
from labwright.data.transforms.keys import Keyed, by_columns, keyed
from labwright.data.versions import Selection, lines_of, select

_MOST_FACTOR = 1000


def subset(
    version: DatasetVersion, size: int, seed: int, *, by: str | None = None, name: str | None = None
) -> DatasetVersion:
    """Draw `size` rows without replacement, in their old order; with `by`, in the proportions of that column's values.

    Without `by`, a larger subset of the same seed holds the smaller one, so a curve over sizes compares like with like.

    Raises:
        DataError: the size is below 1 or above the number of rows, or there is no such column.
    """
    if not 1 <= size <= version.rows:
        raise DataError(
            f"{size} of {version.rows} rows cannot be drawn", where=version.source, cure=f"choose 1 to {version.rows}"
        )
    drawn = order(version.rows, seed)
    if by is not None:
        with lines_of(version) as lines:
            values = keyed(lines, by_columns((by,), version, lines))
        wanted = np.array(shares(values.sizes.tolist(), size))
        drawn = drawn[_rank_within(values.codes[drawn]) < wanted[values.codes[drawn]]]
    rows = np.sort(drawn[:size])
    params: dict[str, JsonValue] = {"size": size, "seed": seed, "not_drawn": version.rows - size}
    if by is not None:
        params["by"] = by
    return select(Selection(rows), parents=(version,), transform="subset", params=params, name=name)


def upsample(
    version: DatasetVersion,
    *,
    where: str | None = None,
    factor: float | None = None,
    by: str | None = None,
    weights: Mapping[str, float] | None = None,
    seed: int = 0,
    name: str | None = None,
) -> DatasetVersion:
    """Repeat rows: those that meet the condition `where` until each stands `factor` times, or each by its weight.

    `weights` gives a factor for values of the column `by`; rows with another value stay once. A broken factor such as
    1.5 gives every row once and half of them, drawn by `seed`, twice; one below 1 takes rows away. Copies stand
    together.

    Raises:
        DataError: the condition or the column cannot be used, a factor is negative, or nothing is picked.
    """
    if where is not None and factor is not None and by is None and weights is None:
        met = rows_where(version, where)
        if not met.any():
            raise DataError(f"no row meets {where!r}", where=version.source, cure="choose a condition that some meet")
        factors = np.where(met, _sound(factor), 1.0)
        params: dict[str, JsonValue] = {"where": where, "factor": factor, "picked": int(met.sum())}
    elif by is not None and weights and where is None and factor is None:
        factors, counts = _by_value(version, by, weights)
        params = {"by": by, "weights": {**weights}, "others": 1.0, "rows": counts, "seed": seed}
    else:
        raise DataError(
            "it is not clear which rows to repeat", cure="give a condition with a factor, or a column with weights"
        )
    whole = np.floor(factors).astype(np.int64)
    chance = keys(version.rows, seed) / float(1 << 64)
    copies = whole + (chance < factors - whole)
    rows = np.repeat(np.arange(version.rows), copies)
    params["rows_before"], params["rows_after"] = version.rows, len(rows)
    if (left := int((copies == 0).sum())) > 0:
        params["not_drawn"] = left
    return select(Selection(rows), parents=(version,), transform="upsample", params=params, name=name)


def mix(
    versions: Sequence[DatasetVersion],
    weights: Sequence[float],
    size: int,
    seed: int,
    *,
    name: str | None = None,
) -> DatasetVersion:
    """Draw `size` rows from several versions in the proportion of `weights`, shuffled.

    A version that is too small for its share is gone through again, in whole passes, before any of its rows comes a
    third time.

    Raises:
        DataError: no versions, their columns differ, or weights and versions do not fit.
    """
    _check_mix(versions, weights, size)
    with ExitStack() as stack:
        _check_shapes(versions, [stack.enter_context(lines_of(version)) for version in versions])
    counts = shares(weights, size)
    taken = []
    for position, (version, count) in enumerate(zip(versions, counts, strict=True)):
        drawn = order(version.rows, seed + position)
        taken.append(np.resize(drawn, count) if count else np.empty(0, np.int64))
    which = np.repeat(np.arange(len(versions), dtype=np.int32), counts)
    shuffled = order(size, seed)
    selection = Selection(np.concatenate(taken)[shuffled], which[shuffled])
    params: dict[str, JsonValue] = {
        "weights": [float(weight) for weight in weights],
        "size": size,
        "seed": seed,
        "rows": list(counts),
        "passes": [round(count / version.rows, 4) for version, count in zip(versions, counts, strict=True)],
    }
    joined = name or "+".join(dict.fromkeys(version.name for version in versions))
    return select(selection, parents=versions, transform="mix", params=params, name=joined)


def _rank_within(codes: np.ndarray[tuple[int], np.dtype[np.int64]]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Each member's place among those with its code, in their order."""
    by_code = np.argsort(codes, kind="stable")
    ordered = codes[by_code]
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    sizes = np.diff(np.concatenate([starts, [len(ordered)]]))
    rank = np.empty(len(codes), np.int64)
    rank[by_code] = np.arange(len(codes)) - np.repeat(starts, sizes)
    return rank


def _by_value(
    version: DatasetVersion, by: str, weights: Mapping[str, float]
) -> tuple[np.ndarray[tuple[int], np.dtype[np.float64]], dict[str, JsonValue]]:
    """A factor a row, and how many rows each weight is of."""
    with lines_of(version) as lines:
        values = keyed(lines, by_columns((by,), version, lines))
        names = value_names(lines, values, by)
    unknown = [value for value in weights if value not in names]
    if unknown:
        raise DataError(
            f"no row has {by} = {unknown[0]!r}", where=version.source, cure=f"choose from: {', '.join(names[:20])}"
        )
    factors = np.array([_sound(weights.get(name, 1.0)) for name in names])
    sizes = values.sizes.tolist()
    return factors[values.codes], {name: size for name, size in zip(names, sizes, strict=True) if name in weights}


def value_names(lines: Lines, values: Keyed, by: str) -> list[str]:
    """The values of a column as a person writes them: texts as they are, everything else as JSON."""
    found = [lines.row(first).get(by) for first in values.firsts.tolist()]
    return [value if isinstance(value, str) else json.dumps(value, ensure_ascii=False) for value in found]


def _sound(factor: float) -> float:
    if not 0 <= factor <= _MOST_FACTOR:
        raise DataError(f"a factor of {factor} does not repeat rows", cure=f"choose one from 0 to {_MOST_FACTOR}")
    return factor


def _check_mix(versions: Sequence[DatasetVersion], weights: Sequence[float], size: int) -> None:
    cure = "give one weight, not below 0, for each dataset version, and a size of at least 1"
    if not versions or len(versions) != len(weights):
        raise DataError(f"{len(weights)} weights for {len(versions)} dataset versions", cure=cure)
    if size < 1 or not all(0 <= weight < float("inf") for weight in weights) or sum(weights) <= 0:
        raise DataError(f"weights {list(weights)} and size {size} describe no mixture", cure=cure)


def _check_shapes(versions: Sequence[DatasetVersion], lines: Sequence[Lines]) -> None:
    formats = {version.format for version in versions}
    cure = "bring them to one form first: labwright data convert"
    if len(formats) > 1:
        raise DataError(f"the versions have different formats: {', '.join(sorted(formats))}", cure=cure)
    if formats == {"rows"}:
        columns = [frozenset(one.row(0)) for one in lines]
        strange = next((index for index, names in enumerate(columns) if names != columns[0]), None)
        if strange is not None:
            apart = ", ".join(sorted(columns[0] ^ columns[strange]))
            raise DataError(
                f"{versions[0].name!r} and {versions[strange].name!r} have different columns: {apart}", cure=cure
            )
