"""What a source means: a table with splits, files, rows that stream, and a way into SQL."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

import duckdb
from pydantic import JsonValue

from labwright.contracts.data import Location, SplitSize
from labwright.contracts.errors import DataError
from labwright.contracts.http import Fetcher, Service
from labwright.data.sources.datafile import DataFile
from labwright.data.sources.loading import LoadedFiles, load_files
from labwright.data.sources.places import Places
from labwright.data.sources.scratch import Scratch, quoted
from labwright.data.sources.sqlsources import csv_types
from labwright.data.sources.walk import walk


@dataclass(frozen=True, slots=True)
class Loaded:
    """A table in a scratch database.

    `relation` is the quoted name of a view with the data's columns and `_n`, the 0-based number of the loaded row:
    over all files where every row was loaded, over the sample else. It cannot be written to. A column whose values have
    no common type has the type JSON and holds JSON text, `"quoted"` where it is a string.
    """

    connection: duckdb.DuckDBPyConnection = field(repr=False)
    relation: str
    columns: Mapping[str, str]  # name -> DuckDB type; `_n` is not among them
    rows: int
    sampled: int | None  # the rows that were loaded, where there are more
    how: str  # a sentence: which rows they are
    places: Places = field(repr=False)
    renamed: Mapping[str, str] = field(default_factory=dict)  # the data's name -> its name here, where they differ

    def locate(self, n: int) -> Location:
        """Where the row `_n` stands in its file. Raises IndexError."""
        return self.places.locate(n)

    def fetch(self, numbers: Sequence[int]) -> list[dict[str, JsonValue]]:
        """Rows by `_n`, in the order asked for; what a row lacks and another has is None here."""
        if not numbers:
            return []
        packed = ", ".join(f"{quoted(name)} := {quoted(self._here(name))}" for name in self._names())
        wanted = ", ".join(str(int(n)) for n in set(numbers))
        found: dict[int, dict[str, JsonValue]] = {}
        query = f"SELECT _n, to_json(struct_pack({packed})) FROM {self.relation} WHERE _n IN ({wanted})"
        for n, text in self.connection.cursor().execute(query).fetchall():
            found[n] = cast("dict[str, JsonValue]", json.loads(text, parse_constant=_null))
        return [found[n] for n in numbers]

    def _names(self) -> list[str]:
        back = {here: name for name, here in self.renamed.items()}
        return [back.get(here, here) for here in self.columns]

    def _here(self, name: str) -> str:
        return self.renamed.get(name, name)


@dataclass(frozen=True, slots=True)
class HubPlace:
    """A split as the Hub's dataset viewer knows it, and the way to ask it."""

    dataset: str
    config: str
    split: str
    fetcher: Fetcher = field(repr=False)
    viewer: Service = field(repr=False)


@dataclass(frozen=True, slots=True)
class Table:
    """One split of a dataset. `splits` tells the others; `open_source(src, split=…)` gives them."""

    name: str
    origin: str  # as it was asked for, so that it can be asked for again
    revision: str  # the Hub's commit; of local files empty: `digest()` names their content
    licence: str | None
    splits: tuple[SplitSize, ...]
    split: str
    files: tuple[DataFile, ...]
    remarks: tuple[str, ...] = ()  # what a person should know: files that were passed over, a partial conversion
    class_names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # of label columns, where they are known
    hub: HubPlace | None = field(default=None, repr=False)  # where the dataset viewer has it

    def rows(self) -> Iterator[tuple[Location, dict[str, JsonValue]]]:
        """Every row in the order of the files, streaming, as it stands there.

        Raises:
            DataError: names file and row.
            ServiceError: a file on the Hub could not be fetched.
        """
        types = csv_types(self.files)
        for file in self.files:
            for number, row in walk(file, types):
                yield Location(file.name, number), row

    def load(self, scratch: Scratch, *, most_rows: int | None = None) -> Loaded:
        """Into a scratch table, compressed, on disk; with `most_rows` a sample, spread over the files where it can be.

        Raises:
            DataError: names file and row.
            ServiceError: a file on the Hub could not be fetched.
            StorageError: the disk is full.
        """
        done: LoadedFiles = load_files(self.files, scratch, most_rows)
        if done.rows == 0:
            raise DataError("there are no rows", where=self.origin, cure="give a dataset with at least one row")
        return Loaded(
            scratch.connection,
            done.relation,
            done.columns,
            done.rows,
            done.rows if done.is_sample else None,
            done.how,
            done.places,
            done.renamed,
        )

    def digest(self) -> str:
        """The Hub's revision, or SHA-256 over the contents of the split's files. Raises DataError."""
        if self.revision:
            return self.revision
        if len(self.files) == 1:
            return self.files[0].digest()
        return hashlib.sha256("\n".join(file.digest() for file in self.files).encode()).hexdigest()

    @property
    def bytes(self) -> int | None:
        """Of the split's files as stored; None where nobody said."""
        sizes = [file.bytes for file in self.files]
        return None if None in sizes else sum(size for size in sizes if size is not None)


def _null(name: str) -> None:
    """A number that is none, as `rows` has it."""
