"""Converting as a step of the lineage: the file that was written is a version, and each row of it has its origin.

The rows go through twice, once into the file and once into the version, so that no more than one is ever in memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import JsonValue

from labwright.contracts.data import Rejected
from labwright.contracts.errors import DataError
from labwright.contracts.research import DatasetVersion
from labwright.data.layouts import (
    Converted,
    ConvertOptions,
    Layout,
    Role,
    Target,
    Written,
    convert,
    recognise,
    write_converted,
)
from labwright.data.origins import Dropped
from labwright.data.sources import Table
from labwright.data.versions import remake
from labwright.data.workbench import Out, Workbench

_FOR_LAYOUT = 200  # rows that a layout is recognised from


@dataclass(frozen=True, slots=True)
class Conversion:
    """What was written, the version that it is, and what was recognised."""

    written: Written
    version: DatasetVersion
    layout: Layout


def convert_source(
    bench: Workbench,
    src: str,
    out: Path,
    target: Target,
    options: ConvertOptions | None = None,
    *,
    columns: Mapping[str, str] | None = None,
    source_split: str | None = None,
) -> Conversion:
    """`labwright data convert SRC OUT --to TARGET`: whatever `Workbench.open` takes, in another layout.

    `columns` says which column plays which role (`{"prompt": "frage"}`), where the names do not tell.

    Raises:
        DataError: no layout is known that this is, it cannot become the target, or no row could be converted.
        StorageError: it cannot be written.
    """
    chosen = options or ConvertOptions()
    place = Out.beside(str(out), src)
    table = bench.source(src, split=source_split)
    layout = layout_of(table, columns)
    results = convert(table.rows(), layout, target, chosen)  # refuses at once what cannot be
    parent = bench.open(src, split=source_split)
    aside = _Aside()
    written = write_converted(aside.watching(results), out)
    again = convert(table.rows(), layout, target, chosen)
    rows = ((number, result.row) for number, result in enumerate(again) if isinstance(result, Converted))
    params = _params(layout, target, chosen, columns)
    version = remake(rows, parent=parent, transform="convert", params=params, name=place.name, dropped=aside.dropped)
    bench.keep(version)
    bench.recognise_as(version, out)
    return Conversion(written, version, layout)


def layout_of(table: Table, columns: Mapping[str, str] | None = None) -> Layout:
    """The layout of a table, by its first rows, and by `columns` (role to name) where they are given.

    Raises DataError where none is known, or where there is no such role or column.
    """
    roles = {_role(name): column for name, column in (columns or {}).items()}
    head = [row for (_, row), _ in zip(table.rows(), range(_FOR_LAYOUT), strict=False)]
    names = dict.fromkeys(name for row in head for name in row)
    absent = [column for column in roles.values() if column not in names]
    if absent:
        raise DataError(
            f"there is no column {absent[0]!r}", where=table.origin, cure=f"the columns are {', '.join(names)}"
        )
    layout = recognise(names, head, roles=roles, labels=table.class_names)
    if layout is None and roles:
        raise DataError(
            f"columns for {', '.join(roles)} alone are no known layout",
            where=table.origin,
            cure="name prompt and answer; prompt, chosen and rejected; text and label; or messages",
        )
    if layout is None:
        raise DataError(
            f"no known layout has the columns {', '.join(names) or '(none)'}",
            where=table.origin,
            cure="say which is which: --column prompt=NAME --column answer=NAME (or messages=, chosen=, rejected=, …)",
        )
    return layout


def _role(name: str) -> Role:
    try:
        return Role(name)
    except ValueError as error:
        raise DataError(
            f"there is no role {name!r} for a column", where=name, cure=f"use one of: {', '.join(Role)}"
        ) from error


class _Aside:
    """The rows that could not be converted, by number, with their reasons."""

    def __init__(self) -> None:
        self._rows: list[int] = []
        self._why: list[int] = []
        self._reasons: dict[str, int] = {}

    def watching(self, results: Iterable[Converted | Rejected]) -> Iterator[Converted | Rejected]:
        for number, result in enumerate(results):
            if isinstance(result, Rejected):
                self._rows.append(number)
                self._why.append(self._reasons.setdefault(result.reason, len(self._reasons)))
            yield result

    @property
    def dropped(self) -> Dropped | None:
        import numpy as np  # noqa: PLC0415  # heavy, and mostly every row is converted

        if not self._rows:
            return None
        return Dropped(np.array(self._rows, np.int64), np.array(self._why, np.int32), tuple(self._reasons))


def _params(
    layout: Layout, target: Target, options: ConvertOptions, columns: Mapping[str, str] | None
) -> Mapping[str, JsonValue]:
    """What the lineage says: the layouts, and what differs from the defaults."""
    usual = asdict(ConvertOptions())
    other = {name: list(v) if isinstance(v, tuple) else v for name, v in asdict(options).items() if v != usual[name]}
    read = f"{layout.kind} ({layout.variant})" if layout.variant else str(layout.kind)
    named: dict[str, JsonValue] = {"columns": {**columns}} if columns else {}
    return {"from": read, "to": target, **other, **named}
