"""Near-duplicates and contamination of a million rows, and the audit of a large file, with the peer in the same run.

    python benchmarks/data.py [--rows 1000000] [--peer-rows 20000] [--only near contamination audit] [--quality]

The rows are made up: 150 words of a vocabulary that follows Zipf's law, about 1 KB each, a prompt and a completion.
Every tenth is a variant of one of the thousand rows before it (some words exchanged, so that the similarity of their
word pairs lies between 0.7 and 1), every fiftieth a copy; one in a thousand holds a benchmark item, as it is, respelt,
inside other text, or reworded. The peer is datasketch's MinHash and MinHashLSH (`pip install datasketch`) with the same
shingles, permutations, threshold and bands, in the fastest way it offers (batches, xxhash); it gets a sample of the
rows only. Both run on one core and read the same lines of the same file. Each part runs in a process of its own, so
that its peak memory is its own. Exit code 1 where a target is missed.

`--rows 20000 --peer-rows 2000` is a small run of a few seconds; what is done once a benchmark (folding it, building
the screen, 500 rows without it) weighs in it, so that contamination meets its speed from some 200,000 rows on.
"""

from __future__ import annotations

import argparse
import importlib.util
import multiprocessing
import re
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice, pairwise
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.audit import audit_is_quick, findings_are_right  # noqa: E402  the audit's part
from benchmarks.madeup import ITEMS, Planted, lines_of, rows_of, write_rows  # noqa: E402

from labwright.data.duplicates import Likeness, near_groups  # noqa: E402
from labwright.data.overlap import BenchItem, BenchmarkIndex  # noqa: E402

PEER_TARGET = 5.0  # times the peer's rows a second
MEMORY_TARGET_BYTES = 4 << 30
RECALL_SLACK = 0.005  # "equal recall": not this much below the peer's
THRESHOLD = 0.8
_TOKEN = re.compile(r"[a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Figure:
    """What one part took and found."""

    rows: int
    taken_s: float
    cpu_s: float
    recall: float
    precision: float
    peak_bytes: int
    note: str = ""

    @property
    def rows_a_second(self) -> float:
        return self.rows / self.taken_s

    def line(self, what: str) -> str:
        return (
            f"{what:<44}{self.rows:>10,}{self.taken_s:>9.1f}{self.cpu_s:>9.1f}{self.rows_a_second:>11,.0f}{self.recall:>9.4f}"
            f"{self.precision:>11.4f}{self.peak_bytes / 2**30:>10.2f}  {self.note}"
        )


HEADER = f"{'':<44}{'rows':>10}{'s':>9}{'cpu s':>9}{'rows/s':>11}{'recall':>9}{'precision':>11}{'peak GiB':>10}"


# -- near-duplicates ---------------------------------------------------------------------------------------------------


def judged(groups: Sequence[Sequence[int]], planted: Planted, rows: int) -> tuple[float, float]:
    """Recall of the planted pairs at or over the threshold, and the share of grouped rows that were planted at all."""
    of = {number: place for place, group in enumerate(groups) for number in group}
    wanted = [(one, other) for one, other, alike in planted.pairs if alike >= THRESHOLD and max(one, other) < rows]
    found = sum(one in of and of[one] == of.get(other) for one, other in wanted)
    related = {number for one, other, _ in planted.pairs for number in (one, other)}
    right = sum(number in related for number in of)
    return found / max(1, len(wanted)), right / max(1, len(of))


class Clock:
    """Wall and processor time since it was made."""

    def __init__(self) -> None:
        self._begun = (time.perf_counter(), time.process_time())

    def read(self) -> tuple[float, float]:
        return time.perf_counter() - self._begun[0], time.process_time() - self._begun[1]


def our_near(file: Path, rows: int, planted: Planted) -> Figure:
    clock = Clock()
    found = near_groups(enumerate(lines_of(file, rows)), Likeness(THRESHOLD, numbers=False), folder=file.parent)
    taken = clock.read()
    note = f"{len(found.groups):,} groups" + (f", {found.not_compared:,} pairs not compared" * bool(found.not_compared))
    return Figure(rows, *taken, *judged(found.groups, planted, rows), peak_bytes(), note)


def peer_near(file: Path, rows: int, planted: Planted, *, quickest: bool = True) -> Figure:
    """datasketch: a batch of signatures at a time, all into one LSH, each row asks who was there before it."""
    from datasketch import MinHashLSH  # noqa: PLC0415  # only where it is installed

    bands = Likeness(THRESHOLD).banding
    lsh = MinHashLSH(threshold=THRESHOLD, num_perm=128, params=bands)
    parents = list(range(rows))
    shingling, clock = 0.0, Clock()
    for first, batch in _batches(lines_of(file, rows)):
        started = time.perf_counter()
        sets = [_shingles(line) for line in batch]
        shingling += time.perf_counter() - started
        for number, minhash in enumerate(_peer_sketches(sets, quickest=quickest), start=first):
            for other in lsh.query(minhash):
                _join(parents, number, other)
            lsh.insert(number, minhash, check_duplication=False)
    taken = clock.read()
    groups: dict[int, list[int]] = {}
    for number in range(rows):
        groups.setdefault(_root(parents, number), []).append(number)
    several = [group for group in groups.values() if len(group) > 1]
    note = f"of them shingling {shingling:.1f} s; bands {bands}; not confirmed"
    return Figure(rows, *taken, *judged(several, planted, rows), peak_bytes(), note)


def _peer_sketches(sets: list[list[bytes]], *, quickest: bool = True) -> list:  # type: ignore[type-arg]  # of the peer's own type
    from datasketch import MinHash  # noqa: PLC0415  # as above

    return list(MinHash.bulk(sets, num_perm=128, **(_peer_options() if quickest else {})))


def _peer_options() -> dict[str, Callable[[bytes], int]]:
    """Its documentation names other hash functions as faster than its SHA-1: the fastest that is there."""
    if importlib.util.find_spec("xxhash") is None:
        return {}
    import xxhash  # noqa: PLC0415  # as above

    return {"hashfunc": xxhash.xxh32_intdigest}


def _shingles(text: str) -> list[bytes]:
    words = _TOKEN.findall(text.lower())
    return [f"{one} {other}".encode() for one, other in set(pairwise(words))]


def _batches(lines: Iterator[str]) -> Iterator[tuple[int, list[str]]]:
    first = 0
    while batch := list(islice(lines, 1000)):
        yield first, batch
        first += len(batch)


def _root(parents: list[int], number: int) -> int:
    while parents[number] != number:
        parents[number] = parents[parents[number]]
        number = parents[number]
    return number


def _join(parents: list[int], one: int, other: int) -> None:
    first, second = sorted((_root(parents, one), _root(parents, other)))
    parents[second] = first


# -- contamination -----------------------------------------------------------------------------------------------------


def our_contamination(file: Path, rows: int, planted: Planted, items: list[BenchItem]) -> Figure:
    index = BenchmarkIndex.build(items)
    clock = Clock()
    hits = {(hit.row, hit.item_id) for hit in index.hits(rows_of(file, rows))}
    return _judged_hits(hits, planted, rows, clock.read())


def plain_contamination(file: Path, rows: int, planted: Planted, items: list[BenchItem]) -> Figure:
    """Row by row with every method, as for few rows; and whether the screen gives the same."""
    index = BenchmarkIndex.build(items)  # which screens from half as many rows as it has items
    rows = min(rows, ITEMS // 2)
    clock = Clock()
    plain = index.check(rows_of(file, rows))
    taken = clock.read()
    same = "the same hits" if index.check(rows_of(file, rows)) == plain else "OTHER HITS WITH THE SCREEN"
    figure = _judged_hits({(hit.row, hit.item_id) for hit in plain}, planted, rows, taken)
    return replace(figure, note=f"{figure.note}, {same}")


def peer_contamination(
    file: Path, rows: int, planted: Planted, items: list[BenchItem], *, whole: bool = True
) -> Figure:
    """datasketch: the items in an LSH, each row asks it, by its whole text or by its prompt alone (60 of 150 words).

    It can only find what is as a whole like an item: within other text there is nothing for it to see.
    """
    from datasketch import MinHashLSH  # noqa: PLC0415  # as above

    lsh = MinHashLSH(threshold=THRESHOLD, num_perm=128, params=Likeness(THRESHOLD).banding)
    for item, minhash in zip(items, _peer_sketches([_shingles(item.input) for item in items]), strict=True):
        lsh.insert(item.id, minhash)
    hits: set[tuple[int, str]] = set()
    clock = Clock()
    for first, batch in _batches(lines_of(file, rows)):
        sets = [_shingles(line if whole else line.partition("\t")[0]) for line in batch]
        for number, minhash in enumerate(_peer_sketches(sets), start=first):
            hits.update((number, str(found)) for found in lsh.query(minhash))
    return _judged_hits(hits, planted, rows, clock.read())


def _judged_hits(hits: set[tuple[int, str]], planted: Planted, rows: int, taken: tuple[float, float]) -> Figure:
    wanted = {pair for pair in planted.holding if pair[0] < rows}
    right = len(hits & wanted)
    return Figure(
        rows, *taken, right / max(1, len(wanted)), right / max(1, len(hits)), peak_bytes(), f"{len(hits)} hits"
    )


# -- running -----------------------------------------------------------------------------------------------------------


def peak_bytes() -> int:
    """This process's highest resident memory so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def alone(part: Callable[..., Figure], *given: object, **options: bool) -> Figure:
    """Run a part in a process of its own."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(part, *given, **options).result()


def told(met: bool, what: str) -> bool:
    print(f"{'met   ' if met else 'MISSED'} {what}")
    return met


def compared(what: str, ours: Figure, peer: Figure | None) -> bool:
    """Print what the targets say."""
    gib = MEMORY_TARGET_BYTES / 2**30
    met = told(ours.peak_bytes <= MEMORY_TARGET_BYTES, f"{what}: {ours.peak_bytes / 2**30:.2f} of {gib:.0f} GiB")
    if peer is not None:
        ratio = ours.rows_a_second / peer.rows_a_second
        cpu = (ours.rows / ours.cpu_s) / (peer.rows / peer.cpu_s)
        met &= told(
            ratio >= PEER_TARGET,
            f"{what}: x{ratio:.1f} the rows a second of datasketch (x{PEER_TARGET:.0f}); by processor time x{cpu:.1f}",
        )
        even = ours.recall >= peer.recall - RECALL_SLACK
        met &= told(even, f"{what}: recall {ours.recall:.4f}, datasketch {peer.recall:.4f}")
    return met


def near_is_quick(file: Path, rows: int, peer_rows: int, planted: Planted) -> bool:
    """Near-duplicates of all rows, and of a sample by the peer."""
    ours = alone(our_near, file, rows, planted)
    print(ours.line("near-duplicates"))
    peer = alone(peer_near, file, peer_rows, planted) if peer_rows else None
    if peer is not None:
        print(peer.line("datasketch, a sample of the rows"))
        usual = alone(peer_near, file, peer_rows // 4, planted, quickest=False)
        print(usual.line("datasketch as it comes (SHA-1), fewer rows"))
        print(f"       near-duplicates: x{ours.rows_a_second / usual.rows_a_second:.1f} datasketch as it comes")
    return compared("near-duplicates", ours, peer)


def contamination_is_quick(file: Path, rows: int, peer_rows: int, planted: Planted, items: list[BenchItem]) -> bool:
    """All rows against a benchmark; a sample row by row; a sample by the peer."""
    ours = alone(our_contamination, file, rows, planted, items)
    print(ours.line(f"contamination, {ITEMS:,} items"))
    plain = alone(plain_contamination, file, rows, planted, items)
    print(plain.line("the same without the screen, a sample"))
    peer = alone(peer_contamination, file, peer_rows, planted, items) if peer_rows else None
    if peer is not None:
        print(peer.line("datasketch, a sample of the rows"))
        prompts = alone(peer_contamination, file, peer_rows, planted, items, whole=False)
        print(prompts.line("datasketch on the prompts alone"))
        print(
            f"       contamination: x{ours.rows_a_second / prompts.rows_a_second:.1f} datasketch on the prompts alone"
        )
    met = told(
        "OTHER" not in plain.note, f"contamination: x{ours.rows_a_second / plain.rows_a_second:.0f} by the screen"
    )
    return compared("contamination", ours, peer) and met


def main() -> int:
    """Measure, print, and say by the exit code whether the targets are met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--peer-rows", type=int, default=20_000)
    parts = ("near", "contamination", "audit")
    parser.add_argument("--only", nargs="+", choices=parts, default=parts)
    parser.add_argument("--quality", action="store_true", help="only precision and recall of the audit's findings")
    args = parser.parse_args()
    if args.quality:
        return 0 if findings_are_right() else 1
    peer_rows = min(args.rows, args.peer_rows)
    if importlib.util.find_spec("datasketch") is None:
        print("datasketch is not installed: no comparison with the peer (pip install datasketch)")
        peer_rows = 0
    met = []
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rows.tsv"
        planted, items = write_rows(file, args.rows)
        print(
            f"{args.rows:,} rows of {planted.bytes / args.rows:,.0f} bytes, {planted.bytes / 1e9:.2f} GB; {THRESHOLD=}"
        )
        print(HEADER)
        if "near" in args.only:
            met.append(near_is_quick(file, args.rows, peer_rows, planted))
        if "contamination" in args.only:
            met.append(contamination_is_quick(file, args.rows, peer_rows, planted, items))
        if "audit" in args.only:
            met.append(audit_is_quick(file, args.rows))
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
