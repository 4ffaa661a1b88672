"""Where commands and tools work on data: opens what a person names as a version, keeps new ones, writes them to files.

A source that was registered before and has not changed since is not registered again, and a file that a version was
written to is recognised as that version, so that a chain of commands over files has one unbroken lineage.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from labwright.contracts.errors import DataError
from labwright.contracts.events import DatasetRegistered
from labwright.contracts.research import DatasetVersion
from labwright.data.lineage import lineage
from labwright.data.objects import Lines, hash_of, settle, storage_error, writing
from labwright.data.origins import FOLDER, DroppedRow, read_dropped, read_origins
from labwright.data.sources import HubAccess, Scratch, Table, literal, open_source, quoted
from labwright.data.versions import register_table, verify
from labwright.ledger import Ledger

_SUFFIXES = (".jsonl", ".ndjson", ".parquet")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9._-]+")
_GLOB = frozenset("*?[")


@dataclass(frozen=True, slots=True)
class Out:
    """Where a new version goes: a file, or only a name in the ledger."""

    name: str
    file: Path | None = None

    @classmethod
    def parse(cls, text: str) -> Out:
        """Raises DataError where it is neither a .jsonl or .parquet file nor a name."""
        path = Path(text).expanduser()
        if path.suffix.lower() in _SUFFIXES:
            return cls(tidy(path.stem), path.absolute())
        if _NAME.fullmatch(text) is None or path.suffix.lower() in (".csv", ".tsv", ".json", ".txt", ".gz", ".arrow"):
            raise DataError(
                f"{text!r} is neither a .jsonl or .parquet file nor a name for a version",
                cure="write OUT.jsonl or OUT.parquet, or a name of letters, digits, '.', '-' and '_'",
            )
        return cls(text)

    @classmethod
    def beside(cls, text: str, *sources: str) -> Out:
        """As `parse`, and no source: what a lineage tells of must stay as it was. Raises DataError."""
        place = cls.parse(text)
        if place.file is not None:
            same = next((src for src in sources if Path(src).expanduser().absolute() == place.file), None)
            if same is not None:
                raise DataError(
                    "OUT is the source itself", where=same, cure="write to another file; the source stays as it is"
                )
        return place

    def part(self, name: str) -> Out:
        """The place of one part of several: `out-train.jsonl`."""
        file = self.file.with_name(f"{self.file.stem}-{name}{self.file.suffix}") if self.file is not None else None
        return Out(f"{self.name}-{name}", file)


@dataclass(frozen=True, slots=True)
class Made:
    """A version that was kept, with the files that were written. `rejects` has the rows left behind, with reasons."""

    version: DatasetVersion
    file: Path | None = None
    rejects: Path | None = None
    dropped: int = 0
    remarks: tuple[str, ...] = ()


class Workbench:
    """A lab's data: its home, its ledger, and the way to the Hub (None: names on the Hub are refused)."""

    def __init__(self, home: Path, ledger: Ledger, hub: HubAccess | None = None) -> None:
        self.home = home
        self._ledger = ledger
        self._hub = hub

    @property
    def ledger(self) -> Ledger:
        return self._ledger

    # Opening

    def open(self, src: str, *, split: str | None = None) -> DatasetVersion:
        """The version that `src` means: a file, glob, directory or dataset on the Hub, or a version's id or name.

        Raises:
            DataError: nothing there is data, or a row of it is malformed.
            UsageError: several versions' ids begin so.
            ServiceError: the Hub could not be reached.
            StorageError: the version cannot be stored.
        """
        found = self._looked_up(src, split)
        if isinstance(found, DatasetVersion):
            return found
        version = register_table(found, _name_of(found), self.home)
        self.keep(version)
        return version

    def known(self, src: str) -> DatasetVersion | None:
        """The version that `src` means, where the lab has it already. Raises as `open`, but stores nothing."""
        found = self._looked_up(src, None)
        return found if isinstance(found, DatasetVersion) else None

    def source(self, src: str, *, split: str | None = None) -> Table:
        """The rows that `src` means, as they stand there: a file's own, or a version's. Raises as `open`."""
        named = self._named(src)
        return self.table(named) if named is not None else open_source(src, split=split, hub=self._hub)

    def _looked_up(self, src: str, split: str | None) -> DatasetVersion | Table:
        """The version, or the table that is none yet."""
        named = self._named(src)
        if named is not None:
            return named
        where = str(Path(src).expanduser().absolute()) if _is_local(src) else src
        table = open_source(where, split=split, hub=self._hub)
        return self._registered(table) or table

    def _named(self, src: str) -> DatasetVersion | None:
        return None if _is_local(src) or src.startswith("hub:") else self.find(src)

    def find(self, name: str) -> DatasetVersion | None:
        """A version by its id, the beginning of its id, or its name. Raises UsageError where several begin so."""
        found = self._ledger.dataset(name)
        return None if found is None else self._here(found)

    def table(self, version: DatasetVersion) -> Table:
        """A version as a table, for inspection and audit. Raises DataError."""
        return open_source(version.id, version=lambda _: version)

    def _here(self, version: DatasetVersion) -> DatasetVersion:
        """With the path that it has now, where the home was moved."""
        path = Path(version.path)
        moved = self.home / "objects" / path.name
        return replace(version, path=str(moved)) if not path.is_file() and moved.is_file() else version

    def _registered(self, table: Table) -> DatasetVersion | None:
        digest = table.digest()
        if len(table.files) == 1 and table.files[0].is_local:
            written = self._written(digest)
            if written is not None:
                return written
        for version in reversed(self._ledger.datasets()):
            step = version.lineage[0] if len(version.lineage) == 1 else None
            if step is None or step.transform != "register":
                continue
            asked = (step.params.get("source"), step.params.get("split"), step.params.get("digest"))
            if asked == (table.origin, table.split, digest):
                here = self._here(version)
                return here if verify(here) else None
        return None

    def _written(self, digest: str) -> DatasetVersion | None:
        """The version that a file of this content was written from."""
        note = self.home / FOLDER / f"{digest}.version"
        name = note.read_text().strip() if note.is_file() else digest[:16]
        found = self._ledger.dataset(name)
        if found is None:
            return None
        here = self._here(found)
        is_it = note.is_file() or Path(here.path).stem == digest
        return here if is_it and verify(here) else None

    # Keeping

    def keep(self, version: DatasetVersion) -> DatasetVersion:
        """Record a version, unless the ledger has it so already. Raises StorageError."""
        if version not in self._ledger.datasets():
            self._ledger.record(None, DatasetRegistered(version))
        return version

    def deliver(self, version: DatasetVersion, out: Out, *, remarks: tuple[str, ...] = ()) -> Made:
        """Record a version and, where `out` is a file, write it, with the rows left behind beside it.

        Raises:
            DataError: a column has no form in Parquet.
            StorageError: it cannot be written.
        """
        self.keep(version)
        step = version.lineage[-1]
        dropped = sum(1 for _ in read_dropped(self.home, step.dropped)) if step.dropped else 0
        if out.file is None:
            return Made(version, dropped=dropped, remarks=remarks)
        if out.file.suffix.lower() == ".parquet":
            self._write_parquet(version, out.file)
        else:
            _copy(Path(version.path), out.file)
        rejects = out.file.with_name(f"{out.file.stem}.rejects.jsonl")
        if dropped:
            self._write_rejects(version, rejects)
        else:
            rejects.unlink(missing_ok=True)  # of an earlier version in this file
        return Made(version, out.file, rejects if dropped else None, dropped, remarks)

    def _write_parquet(self, version: DatasetVersion, file: Path) -> None:
        import duckdb  # noqa: PLC0415  # heavy, and versions are mostly written as JSONL

        with Scratch(self.home / "scratch") as scratch:
            loaded = self.table(version).load(scratch)
            back = {here: name for name, here in loaded.renamed.items()}
            columns = ", ".join(f"{quoted(name)} AS {quoted(back.get(name, name))}" for name in loaded.columns)
            target = scratch.folder / "out.parquet"
            try:
                scratch.connection.execute(
                    f"COPY (SELECT {columns} FROM {loaded.relation} ORDER BY _n) TO {literal(str(target))} "
                    "(FORMAT parquet, COMPRESSION zstd)"
                )
            except duckdb.Error as error:
                raise DataError(
                    f"the rows cannot be written as Parquet: {str(error).splitlines()[0]}",
                    where=str(file),
                    cure="write JSONL",
                ) from error
            _copy(target, file)
        self.recognise_as(version, file)

    def recognise_as(self, version: DatasetVersion, file: Path) -> None:
        """From now on a file of this content is known as that version. Raises StorageError."""
        note = self.home / FOLDER / f"{hash_of(file)}.version"
        with writing(note.parent, ".version") as (handle, temporary):
            handle.write(version.id.encode())
            settle(handle, temporary, note)

    def _write_rejects(self, version: DatasetVersion, file: Path) -> None:
        with writing(file.parent, ".jsonl") as (handle, temporary):
            for line in self._reject_lines(version):
                handle.write(line)
            settle(handle, temporary, file)

    def _reject_lines(self, version: DatasetVersion) -> Iterator[bytes]:
        """Each with the file and row where the source had it, or the parent's id where that is further away."""
        step = version.lineage[-1]
        parent = next(node for node in lineage(version).parents if node.id == step.parents[0])
        is_source = not parent.parents and bool(parent.step.origins)
        came = read_origins(self.home, parent.step.origins) if is_source else None
        with _object(self.home, parent.id) as lines:
            for one in read_dropped(self.home, step.dropped):
                file, row = one.source, one.row
                if came is not None and came.which is not None:
                    file, row = came.sources[came.which[one.row - 1]], int(came.rows[one.row - 1]) + 1
                told = {"file": file, "row": row, "reason": _reason(one), "data": lines.row(one.row - 1)}
                yield json.dumps(told, ensure_ascii=False).encode() + b"\n"


def tidy(text: str) -> str:
    """A name for a version, made of whatever a source is called."""
    return _NOT_IN_A_NAME.sub("-", text).strip("-._") or "data"


def _is_local(src: str) -> bool:
    return not src.startswith("hub:") and (Path(src).expanduser().exists() or bool(_GLOB & set(src)))


def _name_of(table: Table) -> str:
    name = table.name.rsplit("/", 1)[-1]
    while Path(name).suffix.lower() in (*_SUFFIXES, ".gz", ".zst", ".csv", ".tsv", ".json", ".txt", ".arrow"):
        name = Path(name).stem
    several = len(table.splits) > 1 and table.split != "train"
    return tidy(f"{name}-{table.split}" if several else name)


def _reason(one: DroppedRow) -> str:
    return f"{one.reason} (row {one.instead} of the version {one.source})" if one.instead else one.reason


def _object(home: Path, version_id: str) -> Lines:
    found = next((home / "objects").glob(f"{version_id}*.jsonl"), None)
    if found is None:
        raise DataError(f"the rows of the version {version_id} are gone", where=str(home / "objects"))
    return Lines(found)


def _copy(source: Path, target: Path) -> None:
    try:
        with writing(target.parent, target.suffix) as (file, temporary), source.open("rb") as stored:
            shutil.copyfileobj(stored, file, 1 << 20)
            settle(file, temporary, target)
    except IsADirectoryError as error:
        raise storage_error(error, target) from error
