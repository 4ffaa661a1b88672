"""What the audit learns of the datasets that data was made of: what they declare, and whether their rows hold items.

Versions tell by their lineage, datasets on the Hub by their cards. The rows of a version's sources are its own, word
for word, and are compared with it; those of a dataset that a card names may have been reworded on the way, so they are
fetched and compared here. That is bounded: so many datasets, configs, bytes and rows, and what was left out is said.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from labwright.contracts.errors import DataError, ServiceError
from labwright.data.ancestry import Looked, bare
from labwright.data.audit.engine import OpenBenchmark, Request, SealedBenchmark, Subject
from labwright.data.audit.leakage import pairs
from labwright.data.audit.running import prepare
from labwright.data.lineage import declared, lineage, source_of
from labwright.data.rows import Row
from labwright.data.sources import HubAccess, Scratch, Table, open_source
from labwright.data.sources.datafile import DataFile
from labwright.data.sources.hub import HubName, configs_of, repository
from labwright.data.workbench import Workbench

MOST_DATASETS = 8
MOST_CONFIGS = 3
MOST_ROWS = 5_000  # of a config
MOST_BYTES = 200_000_000  # of its files as they are stored


class Ancestors:
    """`SourceBook` over a lab and the Hub. Only what was asked about and what a lineage names is looked for here: a
    card may say `train`, and means no file of this machine."""

    def __init__(
        self,
        bench: Workbench,
        hub: HubAccess | None,
        data: str,
        against: Sequence[OpenBenchmark | SealedBenchmark],
        *,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        self._bench = bench
        self._hub = hub
        self._against = against
        self._here = {data}
        self._datasets = 0
        self._most_bytes = most_bytes

    def sources(self, name: str) -> Collection[str] | None:
        """See `SourceBook`. A file says nothing, and has no source of its own."""
        if name in self._here:
            is_file = not name.startswith("hub:") and Path(name).expanduser().exists()
            version = self._bench.known(name) if is_file else self._bench.find(name)
            if version is not None:
                roots = {source_of(node.step) for node in lineage(version).walk() if not node.parents} - {name, ""}
                self._here |= roots
                return roots | ({source.name for source in declared(version)} - {name})
            if is_file:
                return ()
        place = _place(name)
        if place is None or self._hub is None:
            return None
        card = repository(place, self._hub)
        said = card.card.get("source_datasets")
        listed = [str(each) for each in said] if isinstance(said, list) else []
        return [*listed, *card.all_tagged("source_datasets:"), *card.all_tagged("dataset:")] or None

    def look(self, name: str) -> Looked | None:
        """See `SourceBook`. Each look at a sealed test is on its meter."""
        if name in self._here:
            return None
        place = _place(name)
        if place is None or self._hub is None:
            return Looked(name, why_not="this is no dataset on the Hub")
        if self._datasets == MOST_DATASETS:
            return Looked(name, why_not=f"{MOST_DATASETS} others were, and that is the most")
        self._datasets += 1
        known = [place.config] if place.config else _configs(place, self._hub)
        parts = [self._part(replace(place, config=config), self._hub) for config in known[:MOST_CONFIGS]]
        how = "; ".join(part.how for part in parts)
        if len(known) > MOST_CONFIGS:
            how += f"; {MOST_CONFIGS} of its {len(known)} configs"
        return Looked(name, sum(part.rows for part in parts), sum(part.hit for part in parts), how)

    def _part(self, place: HubName, hub: HubAccess) -> Looked:
        """One config, its usual split. Raises DataError, ServiceError."""
        table = open_source(str(place), hub=hub)
        files = _within(table, self._most_bytes)
        with Scratch(self._bench.home / "scratch") as scratch:
            subject = prepare(replace(table, files=files), scratch, Request(), most_rows=MOST_ROWS)
            hit = max((_hits(subject, one) for one in self._against), default=0)
            some = f" of {len(files)} of {len(table.files)} files" if len(files) < len(table.files) else ""
            config = f" of the config {place.config}" if place.config else ""
            how = f"{subject.loaded.how}{some} of the split {table.split}{config}"
            return Looked(str(place), subject.rows, hit, how)


def _hits(subject: Subject, benchmark: OpenBenchmark | SealedBenchmark) -> int:
    """How many rows hold items."""
    texts = ((prompt, answer) for _, prompt, answer in pairs(subject, "true"))
    if isinstance(benchmark, SealedBenchmark):
        return benchmark.count(texts)
    return len({hit.row for hit in benchmark.index.hits(_rows(texts))})


def _rows(texts: Iterator[tuple[str, str]]) -> Iterator[Row]:
    for number, (prompt, answer) in enumerate(texts, start=1):
        yield Row(number, {}, prompt, answer)


def _within(table: Table, most_bytes: int) -> tuple[DataFile, ...]:
    """The first files that are not too large to be fetched; of Parquet only parts of them are."""
    chosen: list[DataFile] = []
    left = most_bytes
    for file in table.files:
        if file.bytes is None or file.bytes > left:
            break
        chosen.append(file)
        left -= file.bytes
    if not chosen:
        size = table.files[0].bytes
        said = f"has {size / 1e6:,.1f} MB" if size is not None else "is of a size that nobody says"
        raise DataError(f"its first file {said}; at most {most_bytes / 1e6:,.0f} MB are fetched for this")
    return tuple(chosen)


def _configs(place: HubName, hub: HubAccess) -> list[str | None]:
    """The dataset's configs; None for the only one, and where the viewer does not tell: opening it says why."""
    try:
        found = configs_of(place, hub)
    except ServiceError:
        return [None]
    return [*found] if len(found) > 1 else [None]


def _place(name: str) -> HubName | None:
    """A card's word for a dataset: an id, an address, or `extended|` before it."""
    return HubName.parse(name if name.startswith("hub:") else f"hub:{bare(name)}")
