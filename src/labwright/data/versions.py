"""Dataset versions: rows under the hash of their content, with the chain of steps that made them.

A run, a gate report and a bundle all name a training set by this hash, so "the same data" is a fact and not a file
name. The rows are an object (`objects.py`); where each of them came from is kept beside it (`origins.py`), so that a
row can be traced back through every transform to the file and row it once stood in.

Everything here streams. `register` and `load` are the small faces that studies use; `register_table` takes any format,
and `select` and `remake` are what transforms are made of.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import JsonValue

from labwright.contracts.data import Location
from labwright.contracts.errors import DataError
from labwright.contracts.research import DatasetVersion, Lineage, VersionFormat
from labwright.contracts.specs import DataFormat, SourceSpec
from labwright.data.codeversion import code_version
from labwright.data.objects import ID_DIGITS, Lines, Stored, canonical, hash_of, store
from labwright.data.origins import Dropped, Origins, OriginsWriter, write_dropped, write_origins
from labwright.data.rows import Row, iterate_rows, row_from

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from labwright.data.objects import Numbers
    from labwright.data.sources import Table  # brings DuckDB, which a study does without

__all__ = [
    "ID_DIGITS",
    "Selection",
    "canonical",
    "derive",
    "home_of",
    "lines_of",
    "load",
    "register",
    "register_table",
    "remake",
    "select",
    "stream",
    "verify",
]

_NOWHERE = Path("row")
_FORMATS: tuple[DataFormat, ...] = ("prompt-completion", "messages", "text")


@dataclass(frozen=True, slots=True)
class Selection:
    """Which rows of its parents a version takes, in its order. `which` None: all of the first parent."""

    rows: Numbers
    which: NDArray[np.int32] | None = None


# Entering


def register(
    path: Path, name: str, data_format: DataFormat, home: Path, sources: Sequence[SourceSpec] = ()
) -> DatasetVersion:
    """Store a person's file as a dataset version; the same rows give the same version, whatever the file is called.

    `sources` are the datasets that it was made of, by that person's word.

    Raises:
        DataError: the file is missing, empty or malformed; names file, line and field.
        StorageError: the version cannot be written.
    """
    origins = OriginsWriter(home)
    lines = _lines(((Location(path.name, row.number), row.raw) for row in iterate_rows(path, data_format)), origins)
    stored = store(lines, home / "objects")
    params: dict[str, JsonValue] = {"path": path.name, "format": data_format}
    if sources:
        params["sources"] = [source.model_dump(mode="json") for source in sources]
    step = Lineage("register", params, made=stored.id, code=code_version(), origins=origins.finish())
    return DatasetVersion(stored.id, name, str(stored.path), data_format, stored.rows, str(path), (step,))


def register_table(table: Table, name: str, home: Path) -> DatasetVersion:
    """Store one split of any source as a dataset version, whatever its columns.

    Its format is the first of prompt-completion, messages and text that every row fits, else `rows`.

    Raises:
        DataError: a row is malformed, or there are none; names file and row.
        ServiceError: a file on the Hub could not be fetched.
        StorageError: the version cannot be written.
    """
    fits = _Fits()
    origins = OriginsWriter(home)
    stored = store(_lines(fits.watching(table.rows()), origins), home / "objects")
    if stored.rows == 0:
        raise DataError("there are no rows", where=table.origin, cure="give a dataset with at least one row")
    params: dict[str, JsonValue] = {
        "source": table.origin,
        "split": table.split,
        "digest": table.digest(),
        "revision": table.revision,
        "licence": table.licence,
        "files": len(table.files),
    }
    step = Lineage("register", params, made=stored.id, code=code_version(), origins=origins.finish())
    return DatasetVersion(stored.id, name, str(stored.path), fits.format, stored.rows, table.origin, (step,))


class _Fits:
    """Which formats all rows so far fit."""

    def __init__(self) -> None:
        self._left = list(_FORMATS)

    @property
    def format(self) -> VersionFormat:
        return self._left[0] if self._left else "rows"

    def watching(
        self, rows: Iterable[tuple[Location, Mapping[str, JsonValue]]]
    ) -> Iterator[tuple[Location, Mapping[str, JsonValue]]]:
        for location, raw in rows:
            self.see(raw)
            yield location, raw

    def see(self, raw: Mapping[str, JsonValue]) -> None:
        for data_format in tuple(self._left):
            try:
                row_from(raw, 0, data_format, _NOWHERE)
            except DataError:
                self._left.remove(data_format)


# Deriving


def select(
    selection: Selection,
    *,
    parents: Sequence[DatasetVersion],
    transform: str,
    params: Mapping[str, JsonValue],
    name: str | None = None,
    dropped: Dropped | None = None,
) -> DatasetVersion:
    """Store chosen rows of the parents, copied line by line; `dropped` are rows of the first that had to go.

    Raises:
        DataError: no rows are left, or a parent's object is gone or was changed.
        StorageError: the version cannot be written.
    """
    with ExitStack() as stack:
        sources = [stack.enter_context(lines_of(parent)) for parent in parents]
        stored = store(_chosen(sources, selection), home_of(parents[0]) / "objects")
    if stored.rows == 0:
        raise _nothing_left(transform, parents[0])
    home = home_of(parents[0])
    places = Origins(tuple(parent.id for parent in parents), selection.rows, selection.which)
    aside = write_dropped(home, parents[0].id, dropped) if dropped is not None and len(dropped.rows) else ""
    step = Lineage(
        transform,
        dict(params),
        tuple(parent.id for parent in parents),
        made=stored.id,
        code=code_version(),
        origins=write_origins(home, places),
        dropped=aside,
    )
    formats = {parent.format for parent in parents}
    return _made(stored, step, parents, name, formats.pop() if len(formats) == 1 else "rows")


def remake(
    rows: Iterable[tuple[int, Mapping[str, JsonValue]]],
    *,
    parent: DatasetVersion,
    transform: str,
    params: Mapping[str, JsonValue],
    name: str | None = None,
    dropped: Dropped | None = None,
) -> DatasetVersion:
    """Store rows that a transform changed; each comes with the 0-based number of the parent's row that it was made of.

    Raises:
        DataError: no rows are left, or a value has no form in JSON.
        StorageError: the version cannot be written.
    """
    fits, home = _Fits(), home_of(parent)
    origins = OriginsWriter(home)
    located = ((Location(parent.id, number + 1), raw) for number, raw in rows)
    stored = store(_lines(fits.watching(located), origins), home / "objects")
    if stored.rows == 0:
        raise _nothing_left(transform, parent)
    aside = write_dropped(home, parent.id, dropped) if dropped is not None and len(dropped.rows) else ""
    step = Lineage(
        transform,
        dict(params),
        (parent.id,),
        made=stored.id,
        code=code_version(),
        origins=origins.finish(),
        dropped=aside,
    )
    return _made(stored, step, (parent,), name, fits.format)


def derive(
    rows: Iterable[Row],
    *,
    parents: Sequence[DatasetVersion],
    transform: str,
    params: Mapping[str, JsonValue],
    name: str | None = None,
) -> DatasetVersion:
    """Store rows that a transform made of its parents' (first parent: name, format, home and earlier lineage).

    Of a single parent the rows' numbers are taken to be its line numbers.

    Raises:
        DataError: no rows are left.
        StorageError: the version cannot be written.
    """
    first = parents[0]
    home = home_of(first)
    origins = OriginsWriter(home)
    stored = store(_lines(((Location(first.id, row.number), row.raw) for row in rows), origins), home / "objects")
    if stored.rows == 0:
        raise _nothing_left(transform, first)
    places = origins.finish() if len(parents) == 1 else ""
    ids = tuple(parent.id for parent in parents)
    step = Lineage(transform, dict(params), ids, made=stored.id, code=code_version(), origins=places)
    return _made(stored, step, parents, name)


# Reading


def load(version: DatasetVersion) -> list[Row]:
    """A version's rows; numbers are line numbers in the version.

    Raises:
        DataError: the stored file is gone or no longer what its name says, or its rows are no training examples yet.
    """
    return list(stream(version))


def stream(version: DatasetVersion) -> Iterator[Row]:
    """As `load`, one row at a time.

    Raises:
        DataError: as `load`, when the first row is asked for.
    """
    _check(version)
    if version.format == "rows":
        raise DataError(
            f"the rows of {version.name!r} ({version.id}) are not in a form that can be trained on",
            where=version.source,
            cure=f"convert them first: labwright data convert {version.id} --to messages OUT.jsonl",
        )
    yield from iterate_rows(Path(version.path), version.format)


def lines_of(version: DatasetVersion) -> Lines:
    """A version's stored lines, by number; a context manager.

    Raises:
        DataError: the stored file is gone or no longer what its name says.
    """
    _check(version)
    return Lines(Path(version.path))


def verify(version: DatasetVersion) -> bool:
    """Whether the stored file is there and its hash still true."""
    path = Path(version.path)
    return path.is_file() and hash_of(path) == path.stem and path.stem.startswith(version.id)


def home_of(version: DatasetVersion) -> Path:
    """The lab's home that a version is stored in."""
    return Path(version.path).parent.parent


def _check(version: DatasetVersion) -> None:
    if not verify(version):
        raise DataError(
            f"the stored rows of dataset {version.name!r} ({version.id}) are gone or were changed",
            where=version.path,
            cure=f"delete that file and register {version.source} again",
        )


def _made(
    stored: Stored,
    step: Lineage,
    parents: Sequence[DatasetVersion],
    name: str | None,
    data_format: VersionFormat | None = None,
) -> DatasetVersion:
    first = parents[0]
    return DatasetVersion(
        id=stored.id,
        name=name or first.name,
        path=str(stored.path),
        format=data_format or first.format,
        rows=stored.rows,
        source=first.source,
        lineage=_joined([parent.lineage for parent in parents], step),
    )


def _joined(lineages: Sequence[Sequence[Lineage]], last: Lineage) -> tuple[Lineage, ...]:
    """The steps of all parents, and the last one; an ancestor met twice is told once."""
    steps: list[Lineage] = []
    known: list[tuple[object, ...]] = []
    after: list[int] = []
    for earlier in lineages:
        places: list[int] = []
        for step in earlier:
            moved = replace(step, after=tuple(places[place] for place in step.after))
            key = (moved.transform, moved.params, moved.parents, moved.made, moved.after, moved.origins)
            if key not in known:
                steps.append(moved)
                known.append(key)
            places.append(known.index(key))
        after += places[-1:]
    whole = len(after) == len(lineages)  # False: of a parent nothing was recorded
    return (*steps, replace(last, after=tuple(after) if whole else ()))


def _nothing_left(transform: str, parent: DatasetVersion) -> DataError:
    return DataError(
        f"{transform} leaves no rows of {parent.name!r}",
        where=parent.source,
        cure="loosen the transform's parameters, or use other data",
    )


def _chosen(sources: Sequence[Lines], selection: Selection) -> Iterator[bytes]:
    if selection.which is None:
        only = sources[0]
        return (only[number] for number in selection.rows.tolist())
    pairs = zip(selection.which.tolist(), selection.rows.tolist(), strict=True)
    return (sources[parent][number] for parent, number in pairs)


def _lines(rows: Iterable[tuple[Location, Mapping[str, JsonValue]]], origins: OriginsWriter) -> Iterator[bytes]:
    for location, raw in rows:
        try:
            yield canonical(raw).encode() + b"\n"
        except DataError as error:
            raise DataError(error.what, where=str(location), cure=error.cure) from error
        origins.add(location.file, location.row)
