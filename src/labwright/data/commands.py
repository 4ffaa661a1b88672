"""One function a command of `labwright data`: opens the sources, makes the version, keeps it, writes the file.

`src` is whatever `Workbench.open` takes; `out` is a .jsonl or .parquet file, or a name for the version.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from labwright.contracts.data import AuditReport, Inspection
from labwright.contracts.errors import DataError
from labwright.contracts.generation import Generator
from labwright.contracts.research import DatasetVersion
from labwright.data import difficulty as scoring
from labwright.data import lineage as tree
from labwright.data import transforms
from labwright.data.cards import Evidence
from labwright.data.cards import card as written_card
from labwright.data.difficulty import ANSWERS, AnswerCheck, Cuts, Method, ScoreCache
from labwright.data.difficulty.bins import Bin
from labwright.data.difficulty.scoring import Progress
from labwright.data.duplicates import Likeness
from labwright.data.transforms import Plan, Rules
from labwright.data.transforms.filtering import Languages, tell_languages
from labwright.data.workbench import Made, Out, Workbench


def dedup(
    bench: Workbench,
    src: str,
    out: str,
    *,
    near: bool = False,
    by: Sequence[str] = (),
    threshold: float = 0.8,
    source_split: str | None = None,
) -> Made:
    """`labwright data dedup SRC OUT [--near] [--by COLUMN] [--threshold T]`. Raises DataError, StorageError."""
    version, place = _opened(bench, src, out, source_split)
    made = transforms.dedup(version, near=near, by=by, likeness=Likeness(threshold=threshold), name=place.name)
    skipped = made.lineage[-1].params.get("not_compared")
    remarks = (f"{skipped} pairs were not compared: too many rows are alike",) if skipped else ()
    return bench.deliver(made, place, remarks=remarks)


def filter_rows(
    bench: Workbench,
    src: str,
    out: str,
    rules: Rules,
    *,
    languages: Languages = tell_languages,
    source_split: str | None = None,
) -> Made:
    """`labwright data filter SRC OUT [--where SQL] [--max-length N] …`. Raises DataError, StorageError."""
    version, place = _opened(bench, src, out, source_split)
    return bench.deliver(transforms.keep_rows(version, rules, languages=languages, name=place.name), place)


def subset(
    bench: Workbench,
    src: str,
    out: str,
    size: float,
    *,
    seed: int = 0,
    by: str | None = None,
    source_split: str | None = None,
) -> Made:
    """`labwright data subset SRC OUT --size N`; a size below 1 is a share. Raises DataError, StorageError."""
    version, place = _opened(bench, src, out, source_split)
    if size <= 0 or not (size < 1 or float(size).is_integer()):
        raise DataError(f"a size of {size:g} is no number of rows", cure="give a whole number, or a share below 1")
    rows = max(1, round(size * version.rows)) if size < 1 else int(size)
    return bench.deliver(transforms.subset(version, rows, seed, by=by, name=place.name), place)


def upsample(
    bench: Workbench,
    src: str,
    out: str,
    *,
    where: str | None = None,
    factor: float | None = None,
    by: str | None = None,
    weights: Mapping[str, float] | None = None,
    seed: int = 0,
    source_split: str | None = None,
) -> Made:
    """`labwright data upsample SRC OUT --where SQL --factor N | --by COLUMN --weight VALUE=N`.

    Raises DataError, StorageError.
    """
    version, place = _opened(bench, src, out, source_split)
    made = transforms.upsample(version, where=where, factor=factor, by=by, weights=weights, seed=seed, name=place.name)
    return bench.deliver(made, place)


def mix(
    bench: Workbench,
    sources: Sequence[tuple[str, float]],
    out: str,
    *,
    size: int | None = None,
    seed: int = 0,
    source_split: str | None = None,
) -> Made:
    """`labwright data mix SRC=WEIGHT… OUT [--size N]`; by default as many rows as need no row twice.

    Raises DataError, StorageError.
    """
    place = Out.beside(out, *(src for src, _ in sources))
    versions = [bench.open(src, split=source_split) for src, _ in sources]
    weights = [weight for _, weight in sources]
    made = transforms.mix(versions, weights, size or _largest(versions, weights), seed, name=place.name)
    passes = made.lineage[-1].params.get("passes")
    again = [
        f"every row of {version.name} is taken {taken:.2f} times"
        for version, taken in zip(versions, passes if isinstance(passes, list) else [], strict=False)
        if isinstance(taken, float) and taken > 1
    ]
    return bench.deliver(made, place, remarks=tuple(again))


def split(bench: Workbench, src: str, out: str, plan: Plan, *, source_split: str | None = None) -> tuple[Made, ...]:
    """`labwright data split SRC OUT --part train=0.9 --part test=0.1`; a part goes to OUT-PART.

    Raises DataError, StorageError.
    """
    version, place = _opened(bench, src, out, source_split)
    made = transforms.split(version, plan, name=place.name)
    return tuple(bench.deliver(one, place.part(part)) for part, one in made.items())


@dataclass(frozen=True, slots=True)
class Scored:
    """What `difficulty` made: the version that went to OUT, the variants, and the figures."""

    made: Made
    variants: Mapping[Bin, Made]
    result: scoring.Difficulty


def difficulty(
    bench: Workbench,
    src: str,
    out: str,
    generator: Generator,
    model_id: str,
    method: Method,
    *,
    keep: Bin | None = None,
    check: AnswerCheck = ANSWERS,
    cuts: Cuts | None = None,
    seed: int = 0,
    batch_rows: int = 64,
    most_characters: int | None = None,
    progress: Progress | None = None,
    source_split: str | None = None,
) -> Scored:
    """`labwright data difficulty SRC OUT --model M [--keep hard]`.

    Without `keep`, OUT has every row with its score and bin, and each variant is kept as `OUT-easy` and so on; with it,
    OUT is that variant. Raises DataError, StorageError, and what the generator raises.
    """
    version, place = _opened(bench, src, out, source_split)
    result = scoring.difficulty(
        version,
        generator,
        model_id,
        method,
        ScoreCache.under(bench.home),
        check=check,
        cuts=cuts,
        seed=seed,
        batch_rows=batch_rows,
        most_characters=most_characters,
        progress=progress,
        name=place.name,
    )
    if keep is not None:
        if keep not in result.variants:
            counted = ", ".join(f"{count} {kind}" for kind, count in result.counts.items())
            raise DataError(f"no row is {keep}", where=src, cure=f"choose other cuts or another variant: {counted}")
        return Scored(bench.deliver(result.variants[keep], place, remarks=result.remarks), {}, result)
    variants = {kind: bench.deliver(one, Out(one.name)) for kind, one in result.variants.items()}
    return Scored(bench.deliver(result.scored, place, remarks=result.remarks), variants, result)


def lineage(bench: Workbench, src: str) -> tree.Node:
    """`labwright data lineage VERSION`: the tree of steps; `lineage.drawn` shows it. Raises DataError."""
    return tree.lineage(bench.open(src))


def trace(bench: Workbench, src: str, row: int) -> tree.Trace:
    """`labwright data lineage VERSION --row N`: a row's way back to its file and row. Raises DataError."""
    return tree.trace(bench.open(src), row)


def card(
    bench: Workbench,
    src: str,
    *,
    audit: AuditReport | None = None,
    inspection: Inspection | None = None,
    files: Mapping[str, str] | None = None,
    languages: Sequence[str] = (),
) -> str:
    """`labwright data card VERSION`: the README.md of a version, with what the gate found of it. Raises DataError."""
    version = bench.open(src)
    gates = bench.ledger.gates_of(version.id)
    return written_card(version, Evidence(audit, inspection, gates, files or {}, languages))


def _opened(bench: Workbench, src: str, out: str, source_split: str | None) -> tuple[DatasetVersion, Out]:
    place = Out.beside(out, src)
    return bench.open(src, split=source_split), place


def _largest(versions: Sequence[DatasetVersion], weights: Sequence[float]) -> int:
    total = sum(weights)
    if len(versions) != len(weights) or not versions or total <= 0 or min(weights) < 0:
        return 1  # `mix` says what is wrong
    return max(
        1, min(int(one.rows * total / weight + 1e-9) for one, weight in zip(versions, weights, strict=True) if weight)
    )
