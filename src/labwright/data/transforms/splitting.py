"""Parts of a version that share no row, and where it is wanted no near-duplicate and no group.

Rows that belong together (the same text, nearly the same text, one value of a column such as a document's id) go to one
part as a whole. The larger groups are placed first, each where most is wanting, and single rows fill up what is left,
so sizes and the proportions of a column's values come out as asked wherever the groups allow it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from labwright.contracts.errors import DataError
from labwright.contracts.research import DatasetVersion
from labwright.data.duplicates import Likeness
from labwright.data.objects import Lines
from labwright.data.transforms.dedup import sameness
from labwright.data.transforms.drawing import keys, shares
from labwright.data.transforms.keys import by_columns, keyed, renumbered
from labwright.data.transforms.sampling import value_names
from labwright.data.versions import Selection, lines_of, select

if TYPE_CHECKING:
    from labwright.data.objects import Numbers

_PART = r"letters, digits, - and _"
_MOST_STRATA = 1000

Together = Literal["near", "exact", "none"]


@dataclass(frozen=True, slots=True)
class Plan:
    """How to split. `parts` are shares that add up to 1, or whole numbers of rows that add up to no more than all."""

    parts: Mapping[str, float] = field(default_factory=lambda: {"train": 0.9, "test": 0.1})
    seed: int = 0
    stratify: str | None = None  # a column whose values are to be in every part alike
    group: str | None = None  # a column whose values must not be in two parts
    duplicates: Together = "near"  # which rows count as one another's copies, and stay together


def split(
    version: DatasetVersion, plan: Plan, *, likeness: Likeness | None = None, name: str | None = None
) -> dict[str, DatasetVersion]:
    """One version a part, called `NAME-PART`, rows in their old order.

    Raises:
        DataError: the parts cannot be, a column is not there, or a part would have no rows.
    """
    targets = _targets(plan, version.rows)
    with lines_of(version) as lines:
        groups = _groups(version, lines, plan, likeness or Likeness())
        strata, values = _strata(version, lines, plan)
    part_of = _assigned(groups, strata, targets, plan.seed)
    made: dict[str, DatasetVersion] = {}
    for index, (part, wanted) in enumerate(targets.items()):
        rows = np.flatnonzero(part_of == index)
        if not len(rows):
            raise DataError(
                f"the part {part!r} would have no rows: the groups are too large",
                where=version.source,
                cure="ask for fewer parts, or group by less",
            )
        params: dict[str, JsonValue] = {
            "part": part,
            "parts": {**plan.parts},
            "seed": plan.seed,
            "wanted": wanted,
            "duplicates": plan.duplicates,
            "groups": int((np.bincount(groups) > 1).sum()),
            "not_taken": version.rows - len(rows),
        }
        if plan.group is not None:
            params["group"] = plan.group
        if plan.stratify is not None:
            counted = np.bincount(strata[rows], minlength=len(values)).tolist()
            params |= {"stratify": plan.stratify, "values": dict(zip(values, counted, strict=True))}
        made[part] = select(
            Selection(rows),
            parents=(version,),
            transform="split",
            params=params,
            name=f"{name or version.name}-{part}",
        )
    return made


def _targets(plan: Plan, rows: int) -> dict[str, int]:
    """Rows a part. Shares of 1 leave nothing over; numbers of rows may."""
    sizes = list(plan.parts.values())
    bad = next((part for part in plan.parts if not part.replace("-", "").replace("_", "").isalnum()), None)
    if bad is not None:
        raise DataError(f"{bad!r} is no name of a part", cure=f"use {_PART}")
    if not sizes or any(not 0 < size < float("inf") for size in sizes):
        raise DataError(f"{dict(plan.parts)} describes no split", cure="give each part a share or a number of rows")
    if abs(sum(sizes) - 1) < 1e-6:
        counts = shares(sizes, rows)
    elif all(float(size).is_integer() for size in sizes) and sum(sizes) <= rows:
        counts = [int(size) for size in sizes]
    else:
        raise DataError(
            f"parts of {', '.join(f'{size:g}' for size in sizes)} cannot be made of {rows} rows",
            cure="give shares that add up to 1, or whole numbers of rows that are there",
        )
    if min(counts) < 1:
        raise DataError(f"{rows} rows are too few for these parts", cure="give larger shares, or more rows")
    return dict(zip(plan.parts, counts, strict=True))


def _groups(version: DatasetVersion, lines: Lines, plan: Plan, likeness: Likeness) -> Numbers:
    """For every row the code of its group: rows linked by a copy or by the group's column."""
    groups = np.arange(version.rows)
    if plan.duplicates != "none":
        same = sameness(version, lines, near=plan.duplicates == "near", by=(), likeness=likeness)
        groups = renumbered(same.stands).codes
    if plan.group is not None:
        values = keyed(lines, by_columns((plan.group,), version, lines))
        groups = _linked(groups, values.codes)
    return groups


def _linked(first: Numbers, second: Numbers) -> Numbers:
    """Groups of rows that one of two groupings holds together, directly or by way of others."""
    from scipy.sparse import coo_array  # noqa: PLC0415  # heavy, and only grouped splits need it
    from scipy.sparse.csgraph import connected_components  # noqa: PLC0415

    count = int(first.max()) + 1
    total = count + int(second.max()) + 1
    links = coo_array((np.ones(len(first), np.int8), (first, second + count)), shape=(total, total))
    _, labels = connected_components(links, directed=False)
    return renumbered(np.asarray(labels, np.int64)[first]).codes


def _strata(version: DatasetVersion, lines: Lines, plan: Plan) -> tuple[Numbers, list[str]]:
    if plan.stratify is None:
        return np.zeros(version.rows, np.int64), []
    values = keyed(lines, by_columns((plan.stratify,), version, lines))
    if len(values.firsts) > _MOST_STRATA:
        raise DataError(
            f"the column {plan.stratify!r} has {len(values.firsts):,} values: too many to be in every part alike",
            where=version.source,
            cure=f"choose a column with at most {_MOST_STRATA} values",
        )
    return values.codes, value_names(lines, values, plan.stratify)


def _assigned(groups: Numbers, strata: Numbers, targets: Mapping[str, int], seed: int) -> NDArray[np.int32]:
    """Each row's part; -1 for rows that no part asked for."""
    rows = len(groups)
    wanted = _wanted(np.bincount(strata), list(targets.values()), rows)
    part_of = np.full(rows, -1, np.int32)
    sizes = np.bincount(groups)
    chance = keys(len(sizes), seed)
    members = np.argsort(groups, kind="stable")
    starts = np.concatenate([[0], np.cumsum(sizes)])
    large = np.flatnonzero(sizes > 1)
    for group in large[np.lexsort((chance[large], -sizes[large]))].tolist():
        own = members[starts[group] : starts[group + 1]]
        has = np.bincount(strata[own], minlength=wanted.shape[1])
        part = _place(wanted, has)
        wanted[part] -= has
        part_of[own] = part
    singles = np.flatnonzero(sizes[groups] == 1)
    for stratum in range(wanted.shape[1]):
        own = singles[strata[singles] == stratum]
        own = own[np.argsort(keys(rows, seed + 1)[own], kind="stable")]
        counts = _filled(wanted[:, stratum], len(own))
        part_of[own[: sum(counts)]] = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
    part_of[part_of == len(targets)] = -1
    return part_of


def _wanted(strata: Numbers, targets: Sequence[int], rows: int) -> NDArray[np.int64]:
    """Rows a part and stratum; the last part is what nobody asked for. Sums over parts are the strata's sizes."""
    parts = [*targets, rows - sum(targets)]
    return np.array([shares(parts, int(size)) for size in strata], np.int64).T.copy()


def _place(wanted: NDArray[np.int64], has: Numbers) -> int:
    """The part that lacks most of what a group has, for its size."""
    total = np.maximum(wanted, 0).sum(axis=1)
    fit = np.minimum(np.maximum(wanted, 0), has).sum(axis=1) / has.sum()
    return int(np.lexsort((-total, -fit))[0])


def _filled(wanted: NDArray[np.int64], there: int) -> list[int]:
    """How many of `there` single rows each part gets: what it lacks, or its share of what there is."""
    lacking = np.maximum(wanted, 0)
    if lacking.sum() == there:
        return [int(count) for count in lacking]
    weights = lacking if lacking.sum() else np.ones(len(wanted))
    return shares([float(weight) for weight in weights], there)
