"""Keep the rows that meet every rule; of each row that does not, the first rule it broke is kept as the reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from labwright.contracts.errors import DataError, StorageError
from labwright.contracts.research import DatasetVersion
from labwright.data.examples import Reader, texts_in
from labwright.data.languages import LANGUAGES, language_of
from labwright.data.objects import Lines
from labwright.data.origins import Dropped
from labwright.data.transforms.expressions import Condition, checked
from labwright.data.transforms.keys import check_columns
from labwright.data.versions import Selection, home_of, lines_of, select

if TYPE_CHECKING:
    import pyarrow as pa

    from labwright.data.sources import Loaded

Languages = Callable[[Sequence[str]], Sequence[str]]
"""Says of each text its language as a code such as `en`, or an empty string."""

_BATCH = 4096
_KEPT = -1


@dataclass(frozen=True, slots=True)
class Rules:
    """What rows must meet; what is None is not asked.

    Lengths (in characters), patterns (RE2) and languages are those of `column`, or else of the row's whole text:
    question and answer.
    """

    where: str | None = None  # a condition in SQL over the row's columns
    column: str | None = None
    min_length: int | None = None
    max_length: int | None = None
    matching: str | None = None
    not_matching: str | None = None
    languages: tuple[str, ...] = ()

    @property
    def params(self) -> dict[str, JsonValue]:
        """As the lineage tells them."""
        told: dict[str, JsonValue] = {
            "where": self.where,
            "column": self.column,
            "min_length": self.min_length,
            "max_length": self.max_length,
            "matching": self.matching,
            "not_matching": self.not_matching,
            "languages": list(self.languages) or None,
        }
        return {name: value for name, value in told.items() if value is not None}

    @property
    def about_text(self) -> bool:
        """Whether any rule looks at texts."""
        patterns = (self.matching, self.not_matching)
        return bool(self.languages or self.min_length or self.max_length is not None or any(patterns))


def tell_languages(texts: Sequence[str]) -> list[str]:
    """By `data/languages`: offline, and rather not at all than wrongly."""
    return [language_of(text) or "" for text in texts]


def keep_rows(
    version: DatasetVersion, rules: Rules, *, languages: Languages = tell_languages, name: str | None = None
) -> DatasetVersion:
    """The rows that meet all rules.

    Raises:
        DataError: there is no rule, or one cannot be followed (names the row where it fails), or no rows are left.
        StorageError: the disk is full.
    """
    if rules.where is None and not rules.about_text:
        raise DataError("there is no rule to filter by", cure="give a condition, a length, a pattern or a language")
    strange = sorted(set(rules.languages) - set(LANGUAGES)) if languages is tell_languages else []
    if strange:
        raise DataError(
            f"the language {strange[0]!r} cannot be told here", cure=f"choose from: {', '.join(sorted(LANGUAGES))}"
        )
    tally = _Tally(version.rows)
    if rules.where is not None:
        met = rows_where(version, rules.where)
        tally.strike(f"does not meet: {rules.where}", ~met)
    if rules.about_text:
        with lines_of(version) as lines:
            _strike_texts(tally, version, lines, rules, languages)
    gone = np.flatnonzero(tally.why != _KEPT)
    dropped = Dropped(gone, tally.why[gone], tuple(tally.reasons))
    params: dict[str, JsonValue] = {**rules.params, "removed": len(gone), "reasons": {**dropped.counts}}
    kept = Selection(np.flatnonzero(tally.why == _KEPT))
    return select(kept, parents=(version,), transform="filter", params=params, name=name, dropped=dropped)


def rows_where(version: DatasetVersion, text: str) -> NDArray[np.bool_]:
    """For every row of a version, whether it meets a condition in SQL.

    Raises:
        DataError: the condition is refused, or fails at a row.
        StorageError: it takes more memory or disk than there is.
    """
    from labwright.data.sources import Scratch, open_source  # noqa: PLC0415  # DuckDB: other transforms do without

    with Scratch(home_of(version) / "scratch") as scratch:
        loaded = open_source(version.id, version=lambda _: version).load(scratch)
        return _evaluated(loaded, checked(text, loaded.columns))


def _evaluated(loaded: Loaded, condition: Condition) -> NDArray[np.bool_]:
    import duckdb  # noqa: PLC0415  # as above

    connection = loaded.connection.cursor()
    query = f"SELECT {condition.sql} AS met FROM {loaded.relation} ORDER BY _n"
    try:
        found = connection.execute(query).fetchnumpy()["met"]
    except duckdb.OutOfMemoryException as error:
        raise StorageError(
            "the condition takes more memory than there is", where=condition.text, cure="write a smaller one"
        ) from error
    except duckdb.Error as error:
        raise _failing(loaded, condition, error) from error
    return np.asarray(found, np.bool_)


def _failing(loaded: Loaded, condition: Condition, error: Exception) -> DataError:
    """The error, with the first row at which the condition fails where it is a row's fault."""
    import duckdb  # noqa: PLC0415  # as above

    said = (str(error).splitlines() or [type(error).__name__])[0][:300]
    cure = "correct the condition; TRY_CAST gives null where a cast fails"
    if isinstance(error, duckdb.BinderException | duckdb.CatalogException | duckdb.ParserException):
        return DataError(said, where=f"the condition {condition.text!r}", cure=cure)

    def fails(first: int, last: int) -> bool:
        query = f"SELECT count({condition.sql}) FROM {loaded.relation} WHERE _n >= {first} AND _n < {last}"
        try:
            loaded.connection.cursor().execute(query).fetchone()
        except duckdb.Error:
            return True
        return False

    low, high = 0, loaded.rows
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if fails(low, middle) else (middle, high)
    if not fails(low, high):
        return DataError(said, where=f"the condition {condition.text!r}", cure=cure)
    return DataError(f"the condition {condition.text!r} fails: {said}", where=str(loaded.locate(low)), cure=cure)


@dataclass(slots=True)
class _Tally:
    """The first reason for each row to go."""

    rows: int
    reasons: list[str] = field(default_factory=list)
    why: NDArray[np.int32] = field(init=False)

    def __post_init__(self) -> None:
        self.why = np.full(self.rows, _KEPT, np.int32)

    def strike(self, reason: str, rows: NDArray[np.bool_], start: int = 0) -> None:
        """From row `start` on, those rows go for this reason."""
        if reason not in self.reasons:
            self.reasons.append(reason)
        part = self.why[start : start + len(rows)]
        part[rows & (part == _KEPT)] = self.reasons.index(reason)


def _strike_texts(tally: _Tally, version: DatasetVersion, lines: Lines, rules: Rules, languages: Languages) -> None:
    import pyarrow as pa  # noqa: PLC0415  # heavy, and only texts need it
    import pyarrow.compute as pc  # noqa: PLC0415

    start = 0
    for texts in _texts(version, lines, rules.column):
        column = pa.array(texts, pa.string())
        lengths = pc.utf8_length(column).to_numpy(zero_copy_only=False)
        if rules.min_length is not None:
            tally.strike(f"shorter than {rules.min_length} characters", lengths < rules.min_length, start)
        if rules.max_length is not None:
            tally.strike(f"longer than {rules.max_length} characters", lengths > rules.max_length, start)
        if rules.matching is not None:
            tally.strike(f"does not match: {rules.matching}", ~_matches(column, rules.matching), start)
        if rules.not_matching is not None:
            tally.strike(f"matches: {rules.not_matching}", _matches(column, rules.not_matching), start)
        if rules.languages:
            spoken = languages(texts)
            for language in sorted(set(spoken) - set(rules.languages)):
                reason = f"its language is {language}" if language else "its language cannot be told"
                tally.strike(reason, np.array([one == language for one in spoken], np.bool_), start)
        start += len(texts)


def _texts(version: DatasetVersion, lines: Lines, column: str | None) -> Iterator[list[str]]:
    if column is not None:
        check_columns((column,), version, lines)
        texts = ("\n".join(texts_in(row.get(column))) for row in lines.rows())
    else:
        reader = Reader.of(lines)
        texts = (reader.text(row) for row in lines.rows())
    while batch := list(islice(texts, _BATCH)):
        yield batch


def _matches(texts: pa.Array, pattern: str) -> NDArray[np.bool_]:
    """By RE2, whose time grows with the text and not with the pattern's cunning. Raises DataError."""
    import pyarrow as pa  # noqa: PLC0415  # as above
    import pyarrow.compute as pc  # noqa: PLC0415

    try:
        found = pc.match_substring_regex(texts, pattern)
    except pa.ArrowInvalid as error:
        raise DataError(
            f"this is no pattern: {str(error).splitlines()[0]}",
            where=repr(pattern),
            cure="write a regular expression of RE2: without look-around and back-references",
        ) from error
    return np.asarray(found.to_numpy(zero_copy_only=False), np.bool_)
