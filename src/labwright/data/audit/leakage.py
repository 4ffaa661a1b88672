"""Detectors of rows that the model will be measured on: rows of another split, and items of a benchmark."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

from labwright.contracts.data import Evidence, Issue, IssueClass
from labwright.contracts.research import Hit
from labwright.data.ancestry import MOST_SOURCES
from labwright.data.audit.engine import (
    EVIDENCE_ROWS,
    EXCERPT_CHARACTERS,
    VIEW,
    Flagged,
    OpenBenchmark,
    Scalar,
    SealedBenchmark,
    Subject,
    graded,
)
from labwright.data.audit.roles import roles_of, trimmed, view_sql
from labwright.data.duplicates import near_groups
from labwright.data.duplicates.meaning import Embedder, kin
from labwright.data.rows import Row
from labwright.data.sources import Loaded

_SHORT_INPUT = 20  # characters; "Continue:" in both splits is no leak, so the answer has to be the same too
_BATCH = 2000
_FIRST_ROWS = 10_000
_MEANT_ROWS = 2_000  # that a model reads, where the look by meaning is asked for
_MAY_BE_NEAR = 40  # characters; what is shorter has too few words for a likeness
_FOLD = "regexp_replace(lower({}), '[^\\pL\\pN+*/^<>=-]+', ' ', 'g')"


class SplitLeakage:
    """Rows that another split of the dataset has too: word for word, but for case and punctuation, or nearly.

    What is compared is the input (the prompt, or the text of a class); where it is shorter than 20 characters, the
    whole row. Nearly: four fifths of the word pairs and the same numbers (`data/duplicates`), linked through other rows
    where these are like both. Beyond the time, near ones are looked for in a sample of the rows.
    """

    name = "split leakage"
    weight = 3.0

    def look(self, subject: Subject) -> Iterator[Issue]:
        """See the class."""
        for place, (other, table) in enumerate(zip(subject.others, subject.request.others, strict=True)):
            view = f"other_{place}"
            _view(subject, other, view)
            yield from self._against(
                subject, view, table.split if table.split != subject.table.split else table.name, other.rows
            )

    def _against(self, subject: Subject, view: str, split: str, size: int) -> Iterator[Issue]:
        connection = subject.scratch.connection
        for name, source in (("mine", VIEW), ("theirs", view)):
            connection.execute(
                f"CREATE OR REPLACE TABLE {name} AS SELECT _n, hash({trimmed('input')}) AS exact, "
                f"hash(trim({_FOLD.format('input')})) AS folded FROM ({_inputs(source)}) WHERE length(input) > 0"
            )
        word_for_word = int(subject.number("SELECT count(*) FROM mine WHERE exact IN (SELECT exact FROM theirs)"))
        folded = subject.flag(
            IssueClass.SPLIT_LEAKAGE,
            "SELECT m._n, CAST(min(t._n) AS VARCHAR) AS note FROM mine m JOIN theirs t USING (folded) GROUP BY m._n",
        )
        theirs = int(subject.number("SELECT count(DISTINCT _n) FROM theirs WHERE folded IN (SELECT folded FROM mine)"))
        if folded.rows:
            share = theirs / max(size, 1)
            yield subject.issue(
                folded,
                graded(max(share, folded.share), error=0.01),
                f"{folded.rows:,} rows stand in the split {split!r} too ({word_for_word:,} word for word, the rest "
                f"but for case and punctuation): {share:.1%} of its {size:,} rows are known from here",
                fix="remove these rows here, or split again: `labwright data split` keeps duplicates on one side",
                numbers={"word_for_word": float(word_for_word), "share_of_other": share},
                evidence=_side_by_side(subject, folded.key, split),
            )
        yield from self._near(subject, view, split, folded)

    def _near(self, subject: Subject, view: str, split: str, known: Flagged) -> Iterator[Issue]:
        left = f"length(input) >= {_MAY_BE_NEAR} AND _n NOT IN (SELECT _n FROM flags WHERE key = {known.key})"
        total = int(subject.number(f"SELECT count(*) FROM ({_inputs(VIEW)}) WHERE {left}"))
        if not total:
            return
        pairs, share = self._compared(subject, view, left, total)
        looked_at = subject.rows if share == 1 else round(share * subject.rows)
        flagged = subject.flag_numbers(
            IssueClass.SPLIT_LEAKAGE,
            ((n, f"much like row {other + 1} of {split}") for n, other in pairs.items()),
            looked_at=looked_at,
            exact=share == 1,
        )
        if flagged.rows:
            yield subject.issue(
                flagged,
                graded(flagged.share, error=0.05),
                f"{flagged.rows:,} of {looked_at:,} rows are much like a row of the split {split!r}",
                fix="remove these rows, or split again: `labwright data split` keeps near-duplicates on one side",
            )

    def _compared(self, subject: Subject, view: str, left: str, total: int) -> tuple[dict[int, int], float]:
        """Rows with the row that they are like, and the share that was compared."""
        share = min(1.0, _FIRST_ROWS / total)
        started = time.monotonic()
        found = _near_pairs(subject, view, left, share)
        took = max(time.monotonic() - started, 1e-3)
        wanted = min(1.0, share * subject.seconds_left / took)
        if share == 1 or wanted < 1.5 * share:
            return found, share
        return _near_pairs(subject, view, left, wanted), wanted


class Contamination:
    """Benchmark items in rows, by the same comparison as the data gate (`data/overlap`): exact, normalised, n-grams,
    reworded. Of an open benchmark the matching spans are shown; of a sealed test the referee gives one count, on its
    meter. Beyond the time, an open benchmark is compared with a sample of the rows; a sealed one always with all.
    """

    name = "benchmark contamination"
    weight = 4.0

    def look(self, subject: Subject) -> Iterator[Issue]:
        """See the class."""
        yield from self._declared(subject)
        for benchmark in subject.request.against:
            if isinstance(benchmark, SealedBenchmark):
                yield from self._sealed(subject, benchmark)
            else:
                yield from self._open(subject, benchmark)

    def _declared(self, subject: Subject) -> Iterator[Issue]:
        """By its own word: what was paraphrased or generated from a benchmark's source holds no copy of an item."""
        ancestry = subject.request.ancestry
        if ancestry is None:
            return
        for tainted in ancestry.tainted:
            yield Issue(
                IssueClass.CONTAMINATION,
                "error",
                f"declared sources: {tainted}",
                0,
                subject.rows,
                fix="use other data, or make sure by hand that only the source's training rows were used",
            )
        subject.remarks += [str(looked) for looked in ancestry.looked]
        subject.remarks += [f"of the source {name} nothing could be learnt: {why}" for name, why in ancestry.unknown]
        if ancestry.cut_off:
            subject.remarks.append(f"more than {MOST_SOURCES} sources are declared; those behind were not followed")

    def _alike(self, subject: Subject, benchmark: OpenBenchmark, embedder: Embedder) -> Iterator[Issue]:
        """Rows that mean about the same as an item: for a person to look at."""
        condition, looked_at, exact = subject.draw(_MEANT_ROWS)
        texts = ((n, f"{prompt}\n{answer}".strip()) for n, prompt, answer in pairs(subject, condition))
        items = [(item.id, item.raw_input) for item in benchmark.index.items]
        close = {each.row: f"{each.similarity:.2f} by {embedder.name}: item {each.item_id} of {benchmark.name}"
                 for each in kin(texts, items, embedder)}  # fmt: skip
        if close:
            flagged = subject.flag_numbers(IssueClass.CONTAMINATION, close.items(), looked_at=looked_at, exact=exact)
            yield subject.issue(
                flagged,
                "info",
                f"{flagged.rows:,} of {looked_at:,} rows mean about the same as an item of {benchmark.name}, "
                f"by {embedder.name}",
                fix="look at these rows: two problems of one kind are as close as a paraphrase",
            )

    def _sealed(self, subject: Subject, benchmark: SealedBenchmark) -> Iterator[Issue]:
        rows = benchmark.count((prompt, answer) for _, prompt, answer in pairs(subject, "true"))
        if not rows:
            subject.remarks.append(f"no row holds an item of {benchmark.name}, by the referee's comparison")
        else:
            yield Issue(
                IssueClass.CONTAMINATION,
                "error",
                f"{rows:,} rows hold items of the sealed test of {benchmark.name}; which ones only the referee knows",
                rows,
                subject.rows,
                fix="let the gate drop them: `gate: {on_hit: drop}` in study.yaml",
                exact=subject.is_whole,
            )

    def _open(self, subject: Subject, benchmark: OpenBenchmark) -> Iterator[Issue]:
        if subject.request.embedder is not None:
            yield from self._alike(subject, benchmark, subject.request.embedder)
        hits, looked_at, exact = _hits(subject, benchmark)
        if not hits:
            subject.remarks.append(f"no row of the {looked_at:,} that were compared holds an item of {benchmark.name}")
            return
        items = {hit.item_id for hit in hits}
        notes = {hit.row: f"{hit.method}: item {hit.item_id} of {benchmark.name}" for hit in reversed(hits)}
        flagged = subject.flag_numbers(IssueClass.CONTAMINATION, notes.items(), looked_at=looked_at, exact=exact)
        ways: dict[str, int] = {}
        for hit in hits:
            ways[hit.method] = ways.get(hit.method, 0) + 1
        listed = ", ".join(f"{n:,} {way}" for way, n in ways.items())
        yield subject.issue(
            flagged,
            "error",
            f"{flagged.rows:,} of {looked_at:,} rows hold {len(items):,} of the {len(benchmark.index.items):,} items "
            f"of {benchmark.name} ({listed})",
            fix="remove these rows; in a study the gate does it: `gate: {on_hit: drop}` in study.yaml",
            numbers={"items": float(len(items)), **{way: float(n) for way, n in ways.items()}},
            evidence=tuple(_span(subject, hit, benchmark.name) for hit in hits[:EVIDENCE_ROWS]),
        )


def _view(subject: Subject, other: Loaded, name: str) -> None:
    roles = roles_of(other, classify=subject.request.purpose == "classify")
    subject.scratch.connection.execute(
        f"CREATE OR REPLACE VIEW {name} AS {view_sql(other.relation, other.columns, roles)}"
    )


def _inputs(view: str) -> str:
    """Rows with what identifies them: the prompt, or all of the text where it says too little."""
    return f"SELECT _n, CASE WHEN length(prompt) >= {_SHORT_INPUT} THEN prompt ELSE text END AS input FROM {view}"


def _near_pairs(subject: Subject, view: str, left: str, share: float) -> dict[int, int]:
    drawn = left if share >= 1 else f"({left}) AND hash(_n) % 1000000 < {round(1e6 * share)}"
    groups = near_groups(_numbered(subject, view, drawn)).groups
    found: dict[int, int] = {}
    for group in groups:
        theirs = [-n - 1 for n in group if n < 0]
        if theirs:
            found.update((n, theirs[0]) for n in group if n >= 0)
    return found


def _numbered(subject: Subject, view: str, drawn: str) -> Iterator[tuple[int, str]]:
    """Rows of both splits; those of the other one have negative numbers."""
    queries = (
        f"SELECT -_n - 1, input FROM ({_inputs(view)}) WHERE length(input) >= {_MAY_BE_NEAR}",
        f"SELECT _n, input FROM ({_inputs(VIEW)}) WHERE {drawn}",
    )
    for query in queries:
        yield from ((int(n or 0), str(text)) for n, text in _stream(subject, query))


def pairs(subject: Subject, where: str) -> Iterator[tuple[int, str, str]]:
    """Number, prompt and answer of rows; a text that has no parts is an answer."""
    query = (
        "SELECT _n, CASE WHEN answer IS NULL THEN '' ELSE coalesce(prompt, '') END, coalesce(answer, text, '') "
        f"FROM {VIEW} WHERE {where} ORDER BY _n"
    )
    yield from ((int(n or 0), str(prompt), str(answer)) for n, prompt, answer in _stream(subject, query))


def _stream(subject: Subject, query: str) -> Iterator[tuple[Scalar, ...]]:
    cursor = subject.scratch.connection.cursor()
    try:
        cursor.execute(query)
        while batch := cursor.fetchmany(_BATCH):
            yield from batch
    finally:
        cursor.close()


def _hits(subject: Subject, benchmark: OpenBenchmark) -> tuple[list[Hit], int, bool]:
    """Hits (their `row` is `_n`) in all rows, or in as many as there is time for."""
    wanted = subject.rows
    if wanted > 2 * _FIRST_ROWS:
        condition, looked_at, exact = subject.draw(_FIRST_ROWS)
        started = time.monotonic()
        hits = list(benchmark.index.hits(_rows(pairs(subject, condition))))
        took = max(time.monotonic() - started, 1e-3)
        wanted = min(wanted, int(looked_at * subject.seconds_left / took))
        if wanted < 2 * _FIRST_ROWS:
            return hits, looked_at, exact
    condition, looked_at, exact = subject.draw(wanted)
    return list(benchmark.index.hits(_rows(pairs(subject, condition)))), looked_at, exact


def _rows(pairs: Iterable[tuple[int, str, str]]) -> Iterator[Row]:
    for number, prompt, answer in pairs:
        yield Row(number, {}, prompt, answer)


def _span(subject: Subject, hit: Hit, benchmark: str) -> Evidence:
    return Evidence(
        subject.loaded.locate(hit.row),
        subject.mask(hit.span)[:EXCERPT_CHARACTERS],
        note=f"{hit.method} ({hit.similarity:.0%}): item {hit.item_id} of {benchmark}",
    )


def _side_by_side(subject: Subject, key: int, split: str) -> tuple[Evidence, ...]:
    few = subject.ask("SELECT _n, note FROM flags WHERE key = ? ORDER BY _n LIMIT ?", [key, EVIDENCE_ROWS])
    return subject.show([(int(n or 0), f"row {int(str(other)) + 1} of {split}") for n, other in few])
