"""Detectors of rows that are there more than once, word for word or nearly."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence

from labwright.contracts.data import Issue, IssueClass
from labwright.data.audit.engine import EVIDENCE_ROWS, MEASURES, VIEW, Subject, graded
from labwright.data.duplicates import near_groups

Groups = Callable[[Iterable[tuple[int, str]]], Sequence[Sequence[int]]]
_FIRST_ROWS = 5_000
_BATCH = 2000
_SHORTEST = 20  # characters; what is shorter has too few words for a likeness


class ExactDuplicates:
    """Rows that repeat an earlier row but for space around the text (and, in classification, have its label too).

    Exact up to a 64-bit hash: in a million rows, a false alarm comes once in 30 million audits.
    """

    name = "exact duplicates"
    weight = 0.5

    def look(self, subject: Subject) -> Iterator[Issue]:
        """See the class."""
        again = (
            f"SELECT _n, first FROM (SELECT _n, min(_n) OVER (PARTITION BY whole) AS first FROM {MEASURES} "
            f"WHERE whole IN (SELECT whole FROM {MEASURES} WHERE size > 0 GROUP BY whole HAVING count(*) > 1)) "
            "WHERE _n > first"
        )
        flagged = subject.flag(IssueClass.EXACT_DUPLICATE, f"SELECT _n, CAST(first AS VARCHAR) AS note FROM ({again})")
        if not flagged.rows:
            return
        most = int(
            subject.number(
                "SELECT max(n) FROM (SELECT count(DISTINCT _n) + 1 AS n FROM flags WHERE key = ? GROUP BY note)",
                [flagged.key],
            )
        )
        few = subject.ask("SELECT _n, note FROM flags WHERE key = ? ORDER BY _n LIMIT ?", [flagged.key, EVIDENCE_ROWS])
        yield subject.issue(
            flagged,
            graded(flagged.share, error=0.3, warning=0.01),
            f"{flagged.rows:,} of {subject.rows:,} rows repeat an earlier row ({flagged.share:.1%}); "
            f"the most frequent row is there {most:,} times",
            fix=subject.command("dedup"),
            numbers={"most_frequent": most},
            evidence=subject.show(
                [(int(n or 0), f"repeats {subject.loaded.locate(int(str(first)))}") for n, first in few]
            ),
        )


class NearDuplicates:
    """Rows whose words are four fifths the same as another row's: `data/duplicates`, MinHash confirmed by Jaccard.

    Exact duplicates are left out, they are counted elsewhere. Where there is no time for all rows, a sample drawn by
    hash is compared: it sees a pair only where both rows fall into it, so the share that it shows is too small by
    about the sample's share; the estimate for all rows is said beside it.
    """

    name = "near-duplicates"
    weight = 4.0

    def __init__(self, groups: Groups | None = None) -> None:
        self._groups = groups or _groups

    def look(self, subject: Subject) -> Iterator[Issue]:
        """See the class."""
        where = (
            f"size >= {_SHORTEST} AND _n NOT IN "
            f"(SELECT _n FROM flags WHERE kind = '{IssueClass.EXACT_DUPLICATE.value}')"
        )
        candidates = int(subject.number(f"SELECT count(*) FROM {MEASURES} WHERE {where}"))
        if candidates < 2:
            return
        groups, share = self._compared(subject, where, candidates)
        spare = {n: group[0] for group in groups for n in group[1:]}
        looked_at = subject.rows if share == 1 else round(share * subject.rows)
        notes = ((n, f"much like row {first + 1}") for n, first in spare.items())
        flagged = subject.flag_numbers(IssueClass.NEAR_DUPLICATE, notes, looked_at=looked_at, exact=share == 1)
        if not flagged.rows:
            return
        estimate = min(1.0, flagged.share / share)
        words = f"{flagged.rows:,} of {looked_at:,} rows are much like another row ({flagged.share:.1%})"
        if share < 1:
            words += f"; a sample sees few of the pairs: in all it may be {estimate:.0%}"
        few = [(n, f"much like {subject.loaded.locate(spare[n])}") for n in sorted(spare)[:EVIDENCE_ROWS]]
        yield subject.issue(
            flagged,
            graded(estimate, warning=0.02),
            words,
            fix=subject.command("dedup", "--near"),
            numbers={"groups": float(len(groups)), "estimated_share": estimate},
            evidence=subject.show(few),
        )

    def _compared(self, subject: Subject, where: str, candidates: int) -> tuple[Sequence[Sequence[int]], float]:
        """Groups, and the share of the rows that were compared: all, or what fits into the time."""
        if candidates <= _FIRST_ROWS:
            return self._groups(_texts(subject, where)), 1.0
        started = time.monotonic()
        share = _FIRST_ROWS / candidates
        groups = self._groups(_texts(subject, f"{where} AND hash(_n) % 1000000 < {round(1e6 * share)}"))
        took = time.monotonic() - started
        wanted = min(1.0, share * subject.seconds_left / max(took, 1e-3))
        if wanted >= 1:
            return self._groups(_texts(subject, where)), 1.0
        if wanted < 1.5 * share:
            return groups, share
        return self._groups(_texts(subject, f"{where} AND hash(_n) % 1000000 < {round(1e6 * wanted)}")), wanted


def _texts(subject: Subject, where: str) -> Iterator[tuple[int, str]]:
    """Numbers and texts, streaming."""
    cursor = subject.scratch.connection.cursor()
    try:
        cursor.execute(f"SELECT _n, text FROM {VIEW} WHERE _n IN (SELECT _n FROM {MEASURES} WHERE {where})")
        while batch := cursor.fetchmany(_BATCH):
            yield from batch
    finally:
        cursor.close()


def _groups(texts: Iterable[tuple[int, str]]) -> Sequence[Sequence[int]]:
    return near_groups(texts).groups
