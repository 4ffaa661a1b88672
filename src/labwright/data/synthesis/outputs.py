"""The files of a run, written from its journal: the rows, the refused ones, where each came from, the report.

Each is written beside its place and renamed, so that a kill leaves the old file or the new one.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from pydantic import JsonValue

from labwright.contracts.errors import DataError, StorageError, UsageError
from labwright.data.synthesis.journal import Entry

SUFFIXES = (".jsonl", ".parquet")
UNCHECKED = "not checked"


@dataclass(frozen=True, slots=True)
class Places:
    """Where a run writes."""

    out: Path

    @classmethod
    def of(cls, out: Path) -> Places:
        """Raises UsageError for a suffix that rows cannot be written to."""
        if out.suffix.lower() not in SUFFIXES:
            raise UsageError(f"rows cannot be written to {out.name}", where=str(out),
                             cure=f"end the name with {' or '.join(SUFFIXES)}")  # fmt: skip
        return cls(out.expanduser().absolute())

    @property
    def journal(self) -> Path:
        """What was made and paid for; only ever grows."""
        return self.out.with_name(f"{self.out.name}.journal")

    @property
    def rejected(self) -> Path:
        """Rows that were not taken."""
        return self.out.with_name(f"{self.out.stem}.rejected.jsonl")

    @property
    def provenance(self) -> Path:
        """A line for each row of `out`."""
        return self.out.with_name(f"{self.out.stem}.provenance.jsonl")

    @property
    def report(self) -> Path:
        """The report as JSON."""
        return self.out.with_name(f"{self.out.stem}.report.json")


@dataclass(frozen=True, slots=True)
class _Judged:
    """A made row with its outcome, as the journal has them."""

    slice: str
    batch: int
    made: Entry
    prompt: str
    refusal: str | None
    why: str
    judge: Entry | None

    def origin(self) -> dict[str, JsonValue]:
        """Where it came from."""
        made = self.made
        origin: dict[str, JsonValue] = {
            "slice": self.slice,
            "batch": self.batch,
            "model": made["model"],
            "seed": made["seed"],
        }
        origin |= {"params": made["params"], "prompt": self.prompt, "usd": made["usd"], "tokens": made["tokens"]}
        if self.judge is not None:
            origin["judge"] = dict(self.judge)
        return origin


def save(entries: Iterable[Entry], places: Places, slice_column: str | None) -> None:
    """Write rows, refused rows and provenance. Raises DataError (Parquet of mixed types), StorageError."""
    try:
        with _writing(places.provenance) as origins, _writing(places.rejected) as rejected:
            number = 0

            def taken() -> Iterator[dict[str, JsonValue]]:
                nonlocal number
                for judged in _judged(entries):
                    if judged.refusal is None:
                        number += 1
                        _line(origins, {"row": number, **judged.origin()})
                        column = {slice_column: judged.slice} if slice_column else {}
                        yield {**judged.made["row"], **column}
                    else:
                        reason = {"reason": judged.refusal, "why": judged.why}
                        _line(rejected, {**reason, "row": judged.made["row"], **judged.origin()})

            with _writing(places.out) as out:
                if places.out.suffix.lower() == ".parquet":
                    _parquet(out, list(taken()), places.out)
                else:
                    for row in taken():
                        _line(out, row)
    except OSError as error:
        raise _storage(error, places.out) from error


def save_report(report: Mapping[str, JsonValue], places: Places) -> None:
    """Write the report as JSON. Raises StorageError."""
    try:
        with _writing(places.report) as file:
            file.write(json.dumps(report, ensure_ascii=False, indent=2).encode() + b"\n")
    except OSError as error:
        raise _storage(error, places.report) from error


def _judged(entries: Iterable[Entry]) -> Iterator[_Judged]:
    """Rows in the order in which they were checked; those that never were come last."""
    made: dict[tuple[str, int], Entry] = {}
    for entry in entries:
        if entry["kind"] == "made":
            made[(entry["slice"], entry["number"])] = entry
        elif entry["kind"] == "checked":
            batch = made.pop((entry["slice"], entry["number"]))
            for row, outcome in zip(batch["rows"], entry["outcomes"], strict=True):
                yield _row(batch, row, outcome["refusal"], outcome["why"], outcome["judge"])
    for batch in made.values():
        for row in batch["rows"]:
            yield _row(batch, row, UNCHECKED, "the run ended before", None)


def _row(batch: Entry, row: Entry, refusal: str | None, why: str, judge: Entry | None) -> _Judged:
    prompt = batch["prompts"][row["prompt"]]
    return _Judged(batch["slice"], batch["number"], row, prompt, refusal, why, judge)


def _line(file: IO[bytes], value: Mapping[str, object]) -> None:
    file.write(json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n")


def _parquet(file: IO[bytes], rows: list[dict[str, JsonValue]], path: Path) -> None:
    import pyarrow as pa  # noqa: PLC0415 - heavy, and most sets are JSONL
    import pyarrow.parquet as pq  # noqa: PLC0415

    try:
        names = list(dict.fromkeys(name for row in rows for name in row))
        columns = {name: [row.get(name) for row in rows] for name in names}
        pq.write_table(pa.table(columns), file)
    except pa.ArrowException as error:
        raise DataError(f"the rows do not fit columns: {str(error).splitlines()[0]}", where=str(path),
                        cure="write to a .jsonl file") from error  # fmt: skip


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[IO[bytes]]:
    scratch = path.with_name(f".{path.name}.writing")
    scratch.unlink(missing_ok=True)
    try:
        with scratch.open("xb") as file:  # never through a link that somebody put there
            yield file
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)


def _storage(error: OSError, path: Path) -> StorageError:
    return StorageError.of(error, str(path)) or StorageError(f"cannot be written: {error.strerror}", where=str(path))
