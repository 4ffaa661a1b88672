"""Transitive contamination: whether data comes, by its own word, from what a benchmark was made of.

Text checks find copies. A dataset that was paraphrased, translated or generated from another holds none, and is as
contaminated as its source. So the declared sources (`derived_from`, lineage parents, a card's `source_datasets`) are
followed up the chain, and each ancestor is looked at twice: is it the benchmark itself, or do its rows hold items?
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

from labwright.contracts.errors import DataError, ServiceError

MOST_SOURCES = 200
_ADDRESS = re.compile(
    r"^(?:https?://)?(?:www\.)?(?:huggingface\.co|hf\.co)/(?:datasets/)?|^(?:hub|hf|datasets?):(?://)?(?:datasets/)?"
)
_REST = re.compile(r"[@?#].*$|/(?:tree|blob|resolve|viewer)/.*$|/+$|(?<=\w):[\w.-]+$|\.git$")
_UNNAMED = frozenset({"", "original", "other", "extended", "unknown", "none"})


class SourceBook(Protocol):
    """Knows of datasets what they say of themselves."""

    def sources(self, name: str) -> Collection[str] | None:
        """What a dataset says it was made of; None where nothing is known of it. Raises DataError, ServiceError."""

    def rows_hit(self, name: str) -> int | None:
        """How many of its rows hold benchmark items; None where its rows cannot be had. Raises DataError."""


@dataclass(frozen=True, slots=True)
class Tainted:
    """A way from the data to a benchmark: `chain` begins with the data and ends with the ancestor that was found."""

    chain: tuple[str, ...]
    rows_hit: int | None  # None: the ancestor is the benchmark's own source

    def __str__(self) -> str:
        what = (
            "is what the benchmark was made of" if self.rows_hit is None else f"holds items in {self.rows_hit:,} rows"
        )
        return f"{' ← '.join(self.chain)} {what}"


@dataclass(frozen=True, slots=True)
class Ancestry:
    """What following the sources showed. `unknown` are those of which nothing could be learnt, with the reason."""

    seen: tuple[str, ...]
    tainted: tuple[Tainted, ...]
    unknown: tuple[tuple[str, str], ...] = ()
    cut_off: bool = False  # more than MOST_SOURCES sources


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
    while waiting and len(order) < MOST_SOURCES:
        chain = waiting.popleft()
        name = chain[-1]
        order.append(name)
        if canonical(name) in own:
            tainted.append(Tainted(chain, None))
            continue
        try:
            hit = book.rows_hit(name) if len(chain) > 1 else None  # the data itself is checked elsewhere
            sources = book.sources(name)
        except (DataError, ServiceError) as error:
            unknown.append((name, str(error)))
            continue
        if hit:
            tainted.append(Tainted(chain, hit))
            continue
        if sources is None:
            unknown.append((name, "it does not say what it was made of"))
            continue
        for source in sources:
            if (key := canonical(source)) not in seen and key not in _UNNAMED:
                seen.add(key)
                waiting.append((*chain, source))
    return Ancestry(tuple(order), tuple(tainted), tuple(unknown), bool(waiting))


def canonical(name: str) -> str:
    """One spelling for one dataset: no address, revision, configuration or case (`hub:openai/gsm8k@main:main`)."""
    name = _ADDRESS.sub("", name.strip())
    name = name.removeprefix("extended|")
    while (shorter := _REST.sub("", name)) != name:
        name = shorter
    return name.casefold()
