"""Two steps to a finding: SQL picks the rows that could have it, Python looks at these few in earnest.

Regular expressions of RE2 run over all rows at once but know no checksum; Python knows everything and is slow. The
rows are as many as the detector's time allows, drawn by hash, where it does not allow all.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from labwright.data.audit.engine import FEWEST_ROWS, VIEW, Subject

_BATCH = 1000


@dataclass(frozen=True, slots=True)
class Confirmed:
    """Rows (number, note) by the name of what they have, and how many rows were looked at."""

    found: Mapping[str, list[tuple[int, str]]]
    looked_at: int
    exact: bool


Look = Callable[[str], Iterable[tuple[str, str]]]
"""What a text has: names, each with a note. A name that comes twice counts once."""


def confirmed(
    subject: Subject, screen: str, look: Look, *, column: str = "text", first: int = FEWEST_ROWS
) -> Confirmed:
    """Look at `column` (an expression over the view) in the rows that meet `screen`, a condition in SQL.

    `first` rows are looked at whatever the time; where these are not all, they tell for how many more there is time.
    """
    wanted = subject.rows
    if wanted > 2 * FEWEST_ROWS:
        started = time.monotonic()
        seen = _looked(subject, screen, look, column, first)
        took = max(time.monotonic() - started, 1e-3)
        affordable = int(seen.looked_at * (subject.seconds_left - subject.pass_s) / took)
        if affordable < 2 * first:
            return seen
        wanted = min(wanted, affordable)
    return _looked(subject, screen, look, column, wanted)


def _looked(subject: Subject, screen: str, look: Look, column: str, rows: int) -> Confirmed:
    relation, condition, looked_at, exact = subject.pick(rows)
    found: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for number, text in texts(subject, f"({condition}) AND ({screen})", column, relation):
        for name, note in dict(look(text)).items():
            found[name].append((number, note))
    return Confirmed(found, looked_at, exact)


def texts(subject: Subject, where: str, column: str = "text", relation: str = VIEW) -> Iterator[tuple[int, str]]:
    """Numbers and texts of rows, streaming; rows without a text are passed over."""
    cursor = subject.scratch.connection.cursor()
    try:
        cursor.execute(f"SELECT _n, text FROM (SELECT _n, {column} AS text FROM {relation} WHERE {where})")
        while batch := cursor.fetchmany(_BATCH):
            yield from ((number, text) for number, text in batch if text)
    finally:
        cursor.close()
