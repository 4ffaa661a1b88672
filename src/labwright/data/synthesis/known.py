"""What a new row may not repeat: earlier rows of the run, the lab's data, the items of its benchmarks.

Exact repeats are found by the hash of the row's folded words; near ones by MinHash, confirmed by the Jaccard similarity
of word pairs (as the transform `dedup` does), and never between rows whose numbers differ. The texts that confirmation
needs lie in a temporary file, so that data much larger than the memory can be known: a row costs its hash, its
MinHash and a place in that file.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Self

from pydantic import JsonValue

from labwright.contracts.research import DatasetVersion
from labwright.data.folding import fold
from labwright.data.near import NearIndex, jaccard
from labwright.data.overlap import BenchItem, BenchmarkIndex
from labwright.data.rows import Row, iterate_rows, row_from
from labwright.data.synthesis.spec import FORMATS_OF_VERSIONS, DedupSpec, SynthFormat

NEAR_SIMILARITY = 0.8
_BYTES = 16  # of a hash: a chance repeat among a billion rows is one in 10^20
OWN = "an earlier row of this run"


@dataclass(frozen=True, slots=True)
class Twin:
    """What a row repeats."""

    of: str
    near: bool


def as_row(raw: Mapping[str, JsonValue], row_format: SynthFormat, number: int, where: Path) -> Row:
    """A generated row as the checks read it: of a format of our own, all text beside the prompt is the completion.

    Raises:
        DataError: it does not fit the format.
    """
    known = FORMATS_OF_VERSIONS.get(row_format)
    if known is not None:
        return row_from(raw, number, known, where)
    return loose_row(raw, number)


def loose_row(raw: Mapping[str, JsonValue], number: int) -> Row:
    """Any row: `prompt`, `question` or `text` is the prompt, all other text the completion."""
    field = next((n for n in ("prompt", "question", "instruction") if isinstance(raw.get(n), str)), None)
    rest = [text for name, value in raw.items() if name != field for text in _texts(value)]
    return Row(number, raw, str(raw[field]) if field is not None else "", "\n".join(rest))


def _texts(value: JsonValue) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _texts(inner)


class Known:
    """All that was seen. `near` False: exact repeats only."""

    def __init__(self, *, near: bool) -> None:
        self._near = NearIndex() if near else None
        self._exact: dict[bytes, int] = {}  # of the text as it stands
        self._folded: dict[bytes, int] = {}
        self._names: list[str] = []
        self._named = array("L")  # by number of a row: the name's
        self._places = array("Q")
        self._texts = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `close`
        self._end = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Let the temporary file go."""
        self._texts.close()

    def __len__(self) -> int:
        return len(self._named)

    def add(self, row: Row, name: str = OWN) -> None:
        """From now on this row is known."""
        words = fold(row.text).words
        number = len(self._named)
        if not self._names or self._names[-1] != name:
            self._names.append(name)
        self._named.append(len(self._names) - 1)
        self._exact.setdefault(_hash(row.text.strip()), number)
        self._folded.setdefault(_hash("\x00".join(words)), number)
        if self._near is not None:
            line = "\x00".join(words).encode("utf-8", "surrogatepass")
            self._places.append(self._end)
            self._texts.seek(self._end)
            self._texts.write(len(line).to_bytes(8, "little") + line)
            self._end += 8 + len(line)
            self._near.add(number, _pairs(words))

    def same(self, row: Row) -> Twin | None:
        """The row that this one repeats exactly, but for spaces around it, if there is one."""
        number = self._exact.get(_hash(row.text.strip()))
        return None if number is None else Twin(self._name(number), near=False)

    def twin(self, row: Row) -> Twin | None:
        """The row that this one repeats but for case and punctuation, or nearly repeats, if there is one."""
        same = self.same(row)
        if same is not None:
            return same
        words = fold(row.text).words
        folded = self._folded.get(_hash("\x00".join(words)))
        if folded is not None:
            return Twin(self._name(folded), near=True)
        if self._near is None:
            return None
        pairs, numbers = _pairs(words), _numbers(words)
        for candidate in self._near.candidates(pairs):
            others = self._words(candidate)
            if numbers == _numbers(others) and jaccard(pairs, _pairs(others)) >= NEAR_SIMILARITY:
                return Twin(self._name(candidate), near=True)
        return None

    def _name(self, number: int) -> str:
        return self._names[self._named[number]]

    def _words(self, number: int) -> tuple[str, ...]:
        self._texts.seek(self._places[number])
        size = int.from_bytes(self._texts.read(8), "little")
        return tuple(self._texts.read(size).decode("utf-8", "surrogatepass").split("\x00"))


def _hash(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=_BYTES).digest()


def _pairs(words: Sequence[str]) -> frozenset[str]:
    return frozenset(" ".join(pair) for pair in pairwise(words)) or frozenset(words)


def _numbers(words: Sequence[str]) -> tuple[str, ...]:
    return tuple(word for word in words if word and word[0].isdigit())


# -- the lab's data and benchmarks -------------------------------------------------------------------------------------


Named = tuple[str, Row]
"""A row, and what it is called where somebody repeats it."""


def known_rows(asked: DedupSpec, data: Sequence[DatasetVersion], folder: Path) -> Iterator[Named]:
    """All rows that a spec compares with. Raises DataError."""
    for version in data if asked.data else ():
        yield from _rows_of(version)
    for source in asked.files:
        yield from _rows_of_file(str(folder / source))


def _rows_of(version: DatasetVersion) -> Iterator[Named]:
    name, path = f"a row of dataset {version.name} ({version.id})", Path(version.path)
    if version.format == "rows":  # of no layout that is trained on: canonical JSON lines
        with path.open("rb") as lines:
            yield from ((name, loose_row(json.loads(line), number)) for number, line in enumerate(lines, start=1))
    else:
        yield from ((name, row) for row in iterate_rows(path, version.format))


def _rows_of_file(source: str) -> Iterator[Named]:
    from labwright.data.sources import open_source  # noqa: PLC0415 - DuckDB, which few specs need

    for location, raw in open_source(source).rows():
        yield f"a row of {location.file}", loose_row(raw, location.row)


class Benchmarks:
    """The items of all benchmarks, indexed when first asked for."""

    def __init__(self, benchmarks: Mapping[str, Sequence[BenchItem]]) -> None:
        self._indices = {name: BenchmarkIndex.build(items) for name, items in benchmarks.items() if items}

    def hit(self, row: Row) -> str | None:
        """The benchmark item that a row holds, in words; None where it holds none."""
        for name, index in self._indices.items():
            hits = index.check([row])
            if hits:
                return f"holds item {hits[0].item_id} of the benchmark {name} ({hits[0].method})"
        return None
