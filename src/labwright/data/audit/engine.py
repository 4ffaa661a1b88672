"""What every detector of the audit stands on: the rows under names that fit all layouts, time, flags, and evidence.

A detector is a small class with a name, a weight and `look`. It asks its `Subject` questions in SQL, flags the rows
that have the defect, and yields `Issue`s. Flags are kept in the scratch database, so a defect of ten million rows
costs no memory, and all of them can be written to a file.

Time: the engine shares what is left among the detectors that are still to come, by weight. `Subject.scan` looks at as
many rows as fit into a detector's share, drawn by a hash of their numbers, and says so where these were not all.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from labwright.contracts.data import Evidence, Issue, IssueClass, Purpose, Severity
from labwright.data.audit.roles import Roles
from labwright.data.sources.scratch import literal

if TYPE_CHECKING:
    from labwright.data.ancestry import Ancestry
    from labwright.data.duplicates.meaning import Embedder
    from labwright.data.overlap import BenchmarkIndex
    from labwright.data.sources import Loaded, Scratch, Table

EVIDENCE_ROWS = 5
EXCERPT_CHARACTERS = 240
NOTE_CHARACTERS = 160
FEWEST_ROWS = 20_000  # a sample is never smaller, whatever the time
VIEW = "subject"
MEASURES = "measures"
Scalar = str | int | float | bool | None
Tokens = Callable[[list[str]], list[int]]
"""Token counts of texts, by the model's own tokenizer."""


@dataclass(frozen=True, slots=True)
class OpenBenchmark:
    """A benchmark whose spans may be shown."""

    name: str
    index: BenchmarkIndex


@dataclass(frozen=True, slots=True)
class SealedBenchmark:
    """A sealed test: the referee counts rows (prompt, answer) that hold its items, and tells nothing else."""

    name: str
    count: Callable[[Iterator[tuple[str, str]]], int]


@dataclass(frozen=True, slots=True)
class Source:
    """What was declared of where the data comes from: by its card, by its lineage, or by a person."""

    name: str
    licence: str | None = None
    generated_by: str = ""  # a model's name, where a model wrote it


@dataclass(frozen=True, slots=True)
class Request:
    """What the audit was asked for."""

    purpose: Purpose | None = None
    tokens: Tokens | None = None
    max_length: int | None = None
    others: tuple[Table, ...] = ()  # the dataset's other splits
    against: tuple[OpenBenchmark | SealedBenchmark, ...] = ()
    chat_template: str | None = None
    sources: tuple[Source, ...] = ()
    ancestry: Ancestry | None = None  # what following the declared sources to the benchmarks showed
    embedder: Embedder | None = None  # the extra look by meaning, at open benchmarks


@dataclass(frozen=True, slots=True)
class Check:
    """A test of single rows, in SQL over the columns of the view (see `Subject`).

    `condition` and `note` are expressions of DuckDB: a boolean (NULL counts as no), and the text that the evidence
    shows beside the row. A note that quotes the row is cut by `quoting`: it is masked before it is shown.
    """

    kind: IssueClass
    condition: str
    column: str = ""
    note: str = "''"


@dataclass(frozen=True, slots=True)
class Flagged:
    """Rows that a detector flagged: `key` names them in the table of flags."""

    key: int
    kind: IssueClass
    column: str
    rows: int  # different ones
    looked_at: int
    exact: bool

    @property
    def share(self) -> float:
        return self.rows / self.looked_at if self.looked_at else 0.0


class Detector(Protocol):
    """Looks for one kind of defect, or for several that share a pass over the rows.

    The class's docstring says what it finds, how, and what it cannot find.
    """

    name: str
    weight: float  # its share of the time, 1 for one pass of simple SQL over all text

    def look(self, subject: Subject) -> Iterable[Issue]:
        """Flag rows and yield what was found; nothing where the detector does not apply."""


@dataclass(slots=True)
class Subject:
    """What detectors look at.

    The view `subject` (VIEW) has, whatever the layout: `_n`, the number of the row over all files; `prompt`, `answer`
    and `text` (all of it), `label` (of a class), `chosen`, `rejected` as VARCHAR; `messages` as
    STRUCT(role VARCHAR, content VARCHAR)[]. What a layout lacks is NULL. The data's own columns are in
    `loaded.relation`. Expressions are RE2's and DuckDB's: vectorised; Python over all rows is too slow.

    The table `measures` (MEASURES) has, for every row: `_n`; `size`, the characters of `text`; `bytes`, its bytes;
    `prompt_size` and `answer_size`, without space around them, NULL where there is none; and `whole`, a 64-bit hash of
    the row's content but for space around it. It is small: ask it rather than the view where it suffices.
    """

    table: Table
    loaded: Loaded
    scratch: Scratch
    roles: Roles
    request: Request
    text_bytes: int  # of `text`, all rows
    mask: Callable[[str], str]  # hides PII and secrets in what is shown
    others: tuple[Loaded, ...] = ()
    deadline: float = 0.0  # of the detector whose turn it is, by time.monotonic
    pass_s: float = 0.0  # one pass that only reads
    charts: dict[str, tuple[tuple[str, float], ...]] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    _keys: int = 0
    _few: int = 0  # rows of the table `few`; 0 until there is one

    @property
    def rows(self) -> int:
        """How many there are to look at."""
        return self.loaded.rows

    @property
    def is_whole(self) -> bool:
        """Whether all rows of the source were loaded; if not, nothing that is found is exact."""
        return self.loaded.sampled is None

    @property
    def seconds_left(self) -> float:
        """Of this detector's share; never negative."""
        return max(0.0, self.deadline - time.monotonic())

    def ask(self, sql: str, parameters: Sequence[Scalar] = ()) -> list[tuple[Scalar, ...]]:
        """A query's rows; for answers of a few."""
        return self.scratch.connection.execute(sql, list(parameters)).fetchall()

    def number(self, sql: str, parameters: Sequence[Scalar] = ()) -> float:
        """A query's one number; 0 for NULL."""
        value = self.ask(sql, parameters)[0][0]
        return float(value) if isinstance(value, int | float) else 0.0

    def draw(self, rows: int) -> tuple[str, int, bool]:
        """A condition on `_n` that about `rows` rows meet, drawn by hash; how many do; and whether these are all."""
        if rows >= self.rows:
            return "true", self.rows, self.is_whole
        drawn = f"FROM {MEASURES} WHERE hash(_n) % 1000000 < {max(1, round(1e6 * rows / self.rows))}"
        # a join: of two conditions DuckDB may test the dearer one, on the text of all rows, first
        return f"_n IN (SELECT _n {drawn})", int(self.number(f"SELECT count(*) {drawn}")), False

    def pick(self, rows: int) -> tuple[str, str, int, bool]:
        """As `draw`, with the relation to ask, which has the view's columns: of a large table a small sample is a table
        of its own, since to read a few rows from all over it takes as long as to read all of it."""
        if rows > FEWEST_ROWS or self.rows <= 2 * FEWEST_ROWS:
            return (VIEW, *self.draw(rows))
        if not self._few:
            condition, self._few, _ = self.draw(FEWEST_ROWS)
            self.scratch.connection.execute(f"CREATE OR REPLACE TABLE few AS SELECT * FROM {VIEW} WHERE {condition}")
        return ("few", *self.draw(rows)) if rows < FEWEST_ROWS else ("few", "true", self._few, False)

    def flag(
        self,
        kind: IssueClass,
        sql: str,
        *,
        column: str = "",
        looked_at: int | None = None,
        exact: bool = True,
        parameters: Sequence[Scalar] = (),
    ) -> Flagged:
        """Flag the rows of a query that gives `_n` and `note` (VARCHAR). `looked_at`: all rows unless given."""
        self._keys += 1
        key = self._keys
        into = "INSERT INTO flags SELECT ?, ?, ?, _n, note FROM"
        self.scratch.connection.execute(f"{into} ({sql})", [key, kind.value, column, *parameters])
        return self._flagged(key, kind, column, self.rows if looked_at is None else looked_at, exact and self.is_whole)

    def flag_numbers(
        self,
        kind: IssueClass,
        numbers: Iterable[tuple[int, str]],
        *,
        column: str = "",
        looked_at: int | None = None,
        exact: bool = True,
    ) -> Flagged:
        """Flag rows that Python found, each with its note."""
        import pyarrow as pa  # noqa: PLC0415  # heavy

        pairs = list(numbers)
        found = pa.table(
            {"_n": pa.array([n for n, _ in pairs], pa.int64()), "note": pa.array([t for _, t in pairs], pa.string())}
        )
        self.scratch.connection.register("found_numbers", found)
        try:
            return self.flag(
                kind, "SELECT _n, note FROM found_numbers", column=column, looked_at=looked_at, exact=exact
            )
        finally:
            self.scratch.connection.unregister("found_numbers")

    def scan(self, checks: Sequence[Check], *, where: str = "true") -> list[Flagged]:
        """Run tests of single rows in one pass, over all rows or over as many as fit into the time."""
        if not checks:
            return []
        first = self._keys + 1
        self._keys += len(checks)
        relation, condition, looked_at, exact = self.pick(self._affordable(checks, where))
        if where != "true":
            condition = f"({condition}) AND ({where})"
            looked_at = int(self.number(f"SELECT count(*) FROM {relation} WHERE {condition}"))
        self.scratch.connection.execute(f"INSERT INTO flags {_scan_sql(checks, relation, condition, first)}")
        return [
            self._flagged(first + place, check.kind, check.column, looked_at, exact)
            for place, check in enumerate(checks)
        ]

    def issue(
        self,
        flagged: Flagged,
        severity: Severity,
        what: str,
        *,
        fix: str = "",
        numbers: Mapping[str, float] | None = None,
        excerpt: str = "text",
        order: str = "_n",
        evidence: tuple[Evidence, ...] | None = None,
    ) -> Issue:
        """An issue of flagged rows, with the first few by `order` as evidence unless other evidence is given.

        `excerpt` and `order` are expressions over the view, `order` over `note` too.
        """
        return Issue(
            kind=flagged.kind,
            severity=severity,
            what=what,
            rows=flagged.rows,
            looked_at=flagged.looked_at,
            evidence=self._first(flagged, excerpt, order) if evidence is None else evidence,
            fix=fix,
            exact=flagged.exact,
            numbers=dict(numbers or {}),
        )

    def show(self, rows: Sequence[tuple[int, str]], *, column: str = "", excerpt: str = "text") -> tuple[Evidence, ...]:
        """Evidence of these rows, each with its note; PII and secrets are masked in both."""
        shown = self.ask(
            f"SELECT _n, left(CAST({excerpt} AS VARCHAR), {EXCERPT_CHARACTERS * 4}) FROM {VIEW} "
            f"WHERE _n IN ({', '.join(str(n) for n, _ in rows) or 'NULL'})"
        )
        texts: dict[Scalar, Scalar] = {row[0]: row[1] for row in shown}
        return tuple(
            Evidence(self.loaded.locate(n), _short(self.mask(str(texts.get(n) or ""))), column, self.noted(note))
            for n, note in rows
        )

    def noted(self, note: str) -> str:
        """A note as it may be shown: masked, then cut."""
        return _short(self.mask(note), NOTE_CHARACTERS)

    def command(self, verb: str, *options: str) -> str:
        """A fix as a command line to copy: `labwright data VERB SOURCE OUT options`."""
        return shlex.join(["labwright", "data", verb, self.table.origin, "OUT.jsonl", *options])

    def _first(self, flagged: Flagged, excerpt: str, order: str) -> tuple[Evidence, ...]:
        found = self.ask(
            f"SELECT _n, note FROM flags JOIN {VIEW} USING (_n) WHERE key = ? ORDER BY {order} LIMIT {EVIDENCE_ROWS}",
            [flagged.key],
        )
        rows = [(n, str(note or "")) for n, note in found if isinstance(n, int)]
        return self.show(rows, column=flagged.column, excerpt=excerpt)

    def _flagged(self, key: int, kind: IssueClass, column: str, looked_at: int, exact: bool) -> Flagged:
        rows = int(self.number("SELECT count(DISTINCT _n) FROM flags WHERE key = ?", [key]))
        return Flagged(key, kind, column, rows, looked_at, exact)

    def _affordable(self, checks: Sequence[Check], where: str) -> int:
        """How many rows the rest of the time lets these checks see, judged by a first few."""
        if self.rows <= 2 * FEWEST_ROWS:
            return self.rows
        relation, condition, rows, _ = self.pick(FEWEST_ROWS)
        started = time.monotonic()
        self.ask(f"SELECT count(*) FROM ({_scan_sql(checks, relation, f'({condition}) AND ({where})', 0)})")
        per_row = (time.monotonic() - started) / max(rows, 1)
        return max(FEWEST_ROWS, int((self.seconds_left - self.pass_s) / max(per_row, 1e-9)))


def _scan_sql(checks: Sequence[Check], relation: str, condition: str, first: int) -> str:
    """One pass: rows that any check takes, then a line for each that took it."""
    tests = ", ".join(f"coalesce({check.condition}, false) AS t{place}" for place, check in enumerate(checks))
    notes = ", ".join(
        f"CASE WHEN t{place} THEN {{'key': {first + place}, 'kind': '{check.kind.value}', "
        f"'col': {literal(check.column)}, 'note': CAST({check.note} AS VARCHAR)}} END"
        for place, check in enumerate(checks)
    )
    any_of = " OR ".join(f"t{place}" for place in range(len(checks)))
    return (
        f"SELECT hit.key, hit.kind, hit.col, _n, hit.note FROM (SELECT _n, unnest([{notes}]) AS hit "
        f"FROM (SELECT *, {tests} FROM {relation} WHERE {condition}) WHERE {any_of}) WHERE hit IS NOT NULL"
    )


def graded(share: float, *, error: float = 2.0, warning: float = 0.0) -> Severity:
    """A severity by the share of rows, each from the share given."""
    if share >= error:
        return "error"
    return "warning" if share >= warning else "info"


def quoting(expression: str) -> str:
    """SQL of a note that quotes the data: longer than is shown, as a cut may leave half a secret that no mask sees."""
    return f"left(CAST({expression} AS VARCHAR), {NOTE_CHARACTERS * 4})"


def _short(text: str, most: int = EXCERPT_CHARACTERS) -> str:
    return text if len(text) <= most else text[:most] + "…"
