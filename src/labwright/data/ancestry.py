"""Transitive contamination: whether data comes, by its own word, from what a benchmark was made of.

Text checks find copies. A dataset that was paraphrased, translated or generated from another holds none, and is as
contaminated as its source. So the declared sources (`derived_from`, lineage parents, a card's `source_datasets`) are
followed up the chain, and each ancestor is looked at twice: is it the benchmark itself, or do its rows hold items?
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from labwright.contracts.errors import DataError, ServiceError
from labwright.contracts.specs import SourceSpec

MOST_SOURCES = 200
_ADDRESS = re.compile(
    r"^(?:https?://)?(?:www\.)?(?:huggingface\.co|hf\.co)/(?:datasets/)?|^(?:hub|hf|datasets?):(?://)?(?:datasets/)?"
)
_REST = re.compile(r"[@?#].*$|/(?:tree|blob|resolve|viewer)/.*$|/+$|(?<=\w):[\w.-]+$|\.git$")
_UNNAMED = frozenset({"", "original", "other", "extended", "unknown", "none"})


@dataclass(frozen=True, slots=True)
class Looked:
    """How far an ancestor's own rows were looked into: `rows` of them, of which `hit` hold benchmark items.

    `how` says which rows they are. None were where `why_not` says why.
    """

    name: str
    rows: int = 0
    hit: int = 0
    how: str = ""
    why_not: str = ""

    def __str__(self) -> str:
        if self.why_not:
            return f"the rows of the source {self.name} were not looked into: {self.why_not}"
        found = "none holds" if not self.hit else f"{self.hit:,} hold"
        items = "an item" if not self.hit else "items"
        return (
            f"of the source {self.name} {self.rows:,} rows were compared ({self.how}): {found} {items} of the benchmark"
        )


class SourceBook(Protocol):
    """Knows of datasets what they say of themselves, and can look into their rows."""

    def sources(self, name: str) -> Collection[str] | None:
        """What a dataset says it was made of; None where nothing is known of it. Raises DataError, ServiceError."""

    def look(self, name: str) -> Looked | None:
        """What its rows hold; None where they are the data's own, word for word, which is checked elsewhere.

        Raises DataError, ServiceError where they cannot be had.
        """


@dataclass(frozen=True, slots=True)
class Tainted:
    """A way from the data to a benchmark: `chain` begins with the data and ends with the ancestor that was found."""

    chain: tuple[str, ...]
    rows_hit: int | None  # None: the ancestor is the benchmark's own source

    def __str__(self) -> str:
        if self.rows_hit is None:
            what = "is what the benchmark was made of"
        else:
            what = f"holds items in {self.rows_hit:,} {'row' if self.rows_hit == 1 else 'rows'}"
        return f"{' ← '.join(self.chain)} {what}"


@dataclass(frozen=True, slots=True)
class Ancestry:
    """What following the sources showed. `unknown` are those of which nothing could be learnt, with the reason."""

    seen: tuple[str, ...]
    tainted: tuple[Tainted, ...]
    unknown: tuple[tuple[str, str], ...] = ()
    looked: tuple[Looked, ...] = ()  # into the rows of which ancestors, or why not
    cut_off: bool = False  # more than MOST_SOURCES sources


def shared(data: Sequence[SourceSpec], benchmark: Sequence[SourceSpec]) -> tuple[str, ...]:
    """What both were made of, in words. Of one dataset, splits that are named on both sides and differ are two things:
    training on GSM8K's train is what it is there for."""
    found: dict[str, None] = {}
    for ours in data:
        for theirs in benchmark:
            if canonical(ours.name) != canonical(theirs.name):
                continue
            if not ours.splits or not theirs.splits:
                found[f"{bare(ours.name)} (which split is not said)"] = None
            elif both := sorted({*ours.splits} & {*theirs.splits}):
                found[f"{bare(ours.name)} ({', '.join(both)})"] = None
    return tuple(found)


def follow(data: str, book: SourceBook, benchmark_sources: Collection[str]) -> Ancestry:
    """Walk up from `data`, breadth first, and look at every ancestor once; a ring of sources ends the walk there.

    `benchmark_sources` are the names of the benchmark's own dataset: an ancestor that is one of them taints. Above a
    tainted ancestor the walk ends, as its own sources add nothing.
    """
    own = {canonical(name) for name in benchmark_sources}
    waiting: deque[tuple[str, ...]] = deque([(data,)])
    seen = {canonical(data)}
    order: list[str] = []
    tainted: list[Tainted] = []
    unknown: list[tuple[str, str]] = []
    looked: list[Looked] = []
    while waiting and len(order) < MOST_SOURCES:
        chain = waiting.popleft()
        name = chain[-1]
        order.append(name)
        if canonical(name) in own:
            tainted.append(Tainted(chain, None))
            continue
        if len(chain) > 1 and (seen_rows := _looked(name, book)) is not None:  # the data itself is checked elsewhere
            looked.append(seen_rows)
            if seen_rows.hit:
                tainted.append(Tainted(chain, seen_rows.hit))
                continue
        try:
            sources = book.sources(name)
        except (DataError, ServiceError) as error:
            unknown.append((name, error.one_line()))
            continue
        if sources is None:
            unknown.append((name, "it does not say what it was made of"))
            continue
        for source in sources:
            if (key := canonical(source)) not in seen and key not in _UNNAMED:
                seen.add(key)
                waiting.append((*chain, source))
    return Ancestry(tuple(order), tuple(tainted), tuple(unknown), tuple(looked), bool(waiting))


def _looked(name: str, book: SourceBook) -> Looked | None:
    try:
        return book.look(name)
    except (DataError, ServiceError) as error:
        return Looked(name, why_not=error.one_line())


def canonical(name: str) -> str:
    """One spelling for one dataset: no address, revision, configuration or case (`hub:openai/gsm8k@main:main`)."""
    return bare(name).casefold()


def bare(name: str) -> str:
    """A dataset's id as it was written, without address, revision and configuration."""
    name = _ADDRESS.sub("", name.strip()).removeprefix("extended|")
    while (shorter := _REST.sub("", name)) != name:
        name = shorter
    return name
