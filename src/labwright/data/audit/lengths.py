"""Detectors of size: texts far longer or shorter than the rest, and what a model's maximum length would cut."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from labwright.contracts.data import Issue, IssueClass
from labwright.data.audit.engine import MEASURES, VIEW, Subject, Tokens, graded

SPREADS = 8  # median absolute deviations; training sets have long tails, and only the absurd is news
RATIO = 4
ROWS_FOR_OUTLIERS = 20
_SHORT_RATIO = 50
_SHORT_MEDIAN = 200
_BINS = 24
_BATCH = 500
_FIRST_ROWS = 1000


class LengthOutliers:
    """Texts far longer than the rest (the median and eight times the median deviation, and four times the median),
    and answers of a fiftieth of the median length where answers are long. Lengths are characters; exact."""

    name = "length outliers"
    weight = 0.2

    def look(self, subject: Subject) -> Iterator[Issue]:
        """See the class."""
        subject.charts["lengths"] = _histogram(subject)
        if subject.rows < ROWS_FOR_OUTLIERS:
            return
        median = subject.number(f"SELECT median(size) FROM {MEASURES}")
        spread = subject.number(f"SELECT mad(size) FROM {MEASURES}")
        limit = max(median + SPREADS * spread, RATIO * median)
        long = subject.flag(
            IssueClass.LENGTH_OUTLIER,
            f"SELECT _n, size || ' characters' AS note FROM {MEASURES} WHERE size > ?",
            parameters=[limit],
        )
        if long.rows:
            yield subject.issue(
                long,
                "warning",
                f"{long.rows:,} rows have more than {int(limit):,} characters, against {int(median):,} in the median",
                fix=subject.command("filter", "--max-length", str(int(limit))),
                numbers={"median": median, "limit": limit},
            )
        yield from self._short(subject)

    def _short(self, subject: Subject) -> Iterator[Issue]:
        typical = subject.number(f"SELECT median(answer_size) FROM {MEASURES}")
        if typical < _SHORT_MEDIAN:
            return
        short = subject.flag(
            IssueClass.LENGTH_OUTLIER,
            f"SELECT _n, answer_size || ' characters of answer' AS note FROM {MEASURES} "
            "WHERE answer_size > 0 AND answer_size * ? < ?",
            parameters=[_SHORT_RATIO, typical],
            column=subject.roles.answer or subject.roles.messages,
        )
        if short.rows:
            yield subject.issue(
                short,
                "warning",
                f"{short.rows:,} answers have fewer than {int(typical / _SHORT_RATIO) + 1} characters, "
                f"against {int(typical):,} in the median",
                fix="look at these answers: refusals, cut texts and scraps look like this",
                numbers={"median_answer": typical},
            )


@dataclass(slots=True)
class _Budget:
    """What counting tokens showed."""

    over: dict[int, str] = field(default_factory=dict)
    lost: dict[int, str] = field(default_factory=dict)
    tokens: int = 0
    cut: int = 0


class TokenBudget:
    """What truncation at `max_length` would cut, by the model's own tokenizer.

    A text of fewer bytes than `max_length` cannot exceed it (a token is a byte at least), so only longer rows are
    counted, and the figures are exact where there was time for all of those. Special tokens of a chat template are not
    counted. Rows whose answer is cut away whole are an error: they teach nothing.
    """

    name = "token budget"
    weight = 3.0

    def look(self, subject: Subject) -> Iterator[Issue]:
        """See the class."""
        tokens, most = subject.request.tokens, subject.request.max_length
        if tokens is None:
            if most is not None:
                subject.remarks.append("What the maximum length cuts was not counted: no tokenizer was given.")
            return
        self._chart(subject, tokens)
        if most is None:
            return
        may = int(subject.number(f"SELECT count(*) FROM {MEASURES} WHERE bytes > ?", [most]))
        if not may:
            return
        share, budget = _count(subject, tokens, most, may)
        looked_at = subject.rows if share >= 1 else round(share * subject.rows)
        exact = share >= 1
        over = subject.flag_numbers(IssueClass.TRUNCATED, budget.over.items(), looked_at=looked_at, exact=exact)
        if over.rows:
            yield subject.issue(
                over,
                graded(over.share, error=0.2, warning=0.005),
                f"a maximum length of {most:,} tokens cuts {over.rows:,} of {looked_at:,} rows ({over.share:.1%}) "
                f"and {budget.cut / max(budget.tokens, 1):.1%} of the long rows' tokens",
                fix=f"raise max_length, split these rows, or leave them out (they have more than {most:,} tokens)",
                numbers={"max_length": most, "cut_share_of_long": budget.cut / max(budget.tokens, 1)},
            )
        lost = subject.flag_numbers(IssueClass.TRUNCATED, budget.lost.items(), looked_at=looked_at, exact=exact)
        if lost.rows:
            yield subject.issue(
                lost,
                graded(lost.share, error=0.001),
                f"{lost.rows:,} rows lose their whole answer: the prompt alone has {most:,} tokens or more",
                fix="shorten these prompts or leave the rows out; nothing can be learnt from them",
            )

    def _chart(self, subject: Subject, tokens: Tokens) -> None:
        condition, _, _ = subject.draw(_FIRST_ROWS)
        texts = [str(row[0]) for row in subject.ask(f"SELECT text FROM {VIEW} WHERE {condition} AND text IS NOT NULL")]
        counts = sorted(tokens(texts)) if texts else []
        if counts:
            edges = sorted({counts[min(len(counts) - 1, len(counts) * q // 100)] for q in (5, 25, 50, 75, 95, 100)})
            subject.charts["tokens"] = tuple(
                (f"up to {edge:,}", float(sum(c <= edge for c in counts))) for edge in edges
            )


def _count(subject: Subject, tokens: Tokens, most: int, may: int) -> tuple[float, _Budget]:
    """Count tokens of the rows that may be too long: all of them, or as many, drawn by hash, as there is time for."""
    if may <= 2 * _FIRST_ROWS:
        return 1.0, _counted(subject, tokens, most, 1.0)
    share = _FIRST_ROWS / may
    started = time.monotonic()
    first = _counted(subject, tokens, most, share)
    affordable = share * subject.seconds_left / max(time.monotonic() - started, 1e-3)
    if affordable < 2 * share:
        return share, first
    share = min(1.0, affordable)
    return share, _counted(subject, tokens, most, share)


def _counted(subject: Subject, tokens: Tokens, most: int, share: float) -> _Budget:
    budget = _Budget()
    cursor = subject.scratch.connection.cursor()
    drawn = "true" if share >= 1 else f"hash(_n) % 1000000 < {round(1e6 * share)}"
    try:
        cursor.execute(
            f"SELECT _n, text, prompt, length(answer) FROM {VIEW} "
            f"WHERE _n IN (SELECT _n FROM {MEASURES} WHERE {drawn} AND bytes > ?)",
            [most],
        )
        while batch := cursor.fetchmany(_BATCH):
            _add(budget, batch, tokens, most)
    finally:
        cursor.close()
    return budget


def _add(budget: _Budget, batch: list[tuple[int, str, str | None, int | None]], tokens: Tokens, most: int) -> None:
    long = [(row, count) for row, count in zip(batch, tokens([row[1] for row in batch]), strict=True)]
    prompts = [row for row, count in long if count > most and row[2] and row[3]]
    prompt_counts = tokens([str(row[2]) for row in prompts]) if prompts else []
    for row, count in long:
        budget.tokens += count
        if count > most:
            budget.cut += count - most
            budget.over[row[0]] = f"{count:,} tokens"
    for row, count in zip(prompts, prompt_counts, strict=True):
        if count >= most:
            budget.lost[row[0]] = f"{count:,} tokens of prompt"


def _histogram(subject: Subject) -> tuple[tuple[str, float], ...]:
    """Rows by length, in bins of equal ratio; where lengths are nearly the same, one for each."""
    found = subject.ask(f"SELECT min(size), max(size) FROM {MEASURES} WHERE size > 0")
    low, high = (float(value or 1) for value in found[0])
    if high - low < _BINS:
        edges = [low + place for place in range(int(high - low) + 1)]
        counted = f"CAST(size - {low!r} AS INTEGER)"
    else:
        step = (high / low) ** (1 / _BINS)
        edges = [low * step**place for place in range(_BINS)]
        counted = f"least({_BINS - 1}, CAST(floor(ln(size / {low!r}) / ln({step!r})) AS INTEGER))"
    rows = subject.ask(f"SELECT {counted} AS bin, count(*) FROM {MEASURES} WHERE size > 0 GROUP BY bin ORDER BY bin")
    counts = {int(place or 0): float(n or 0) for place, n in rows}
    return tuple((f"{edge:,.0f}", counts.get(place, 0.0)) for place, edge in enumerate(edges)) if counts else ()
