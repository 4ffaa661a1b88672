"""`labwright data dedup`, `filter`, `subset`, `upsample`, `mix`, `split`, `difficulty`, `lineage` and `card`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import cast, get_args

from labwright.assemble import Lab, open_lab
from labwright.assemble.data import made_document, workbench
from labwright.assemble.difficulty import score_rows, scored_document
from labwright.assemble.reading import ReadingRoom
from labwright.cli import transcript
from labwright.cli.edge import print_json, say
from labwright.contracts.errors import UsageError
from labwright.contracts.generation import Decoding
from labwright.contracts.specs import parse_duration
from labwright.data import commands
from labwright.data.difficulty import Method
from labwright.data.difficulty.bins import BINS
from labwright.data.difficulty.methods import MethodKind
from labwright.data.lineage import drawn
from labwright.data.transforms import Plan, Rules
from labwright.data.transforms.splitting import Together
from labwright.data.workbench import Made, Workbench


def dedup(src: str, out: str, near: bool, by: Sequence[str], threshold: float, offline: bool, json: bool) -> int:
    """Without repeats."""
    with _bench(offline) as (_, bench):
        return _told([commands.dedup(bench, src, out, near=near, by=by, threshold=threshold)], json)


def filter_rows(
    src: str,
    out: str,
    where: str | None,
    column: str | None,
    lengths: tuple[int | None, int | None],
    patterns: tuple[str | None, str | None],
    languages: Sequence[str],
    offline: bool,
    json: bool,
) -> int:
    """The rows that meet all rules."""
    rules = Rules(where, column, *lengths, *patterns, tuple(languages))
    with _bench(offline) as (_, bench):
        return _told([commands.filter_rows(bench, src, out, rules)], json)


def subset(src: str, out: str, size: float, seed: int, by: str | None, offline: bool, json: bool) -> int:
    """Some rows."""
    with _bench(offline) as (_, bench):
        return _told([commands.subset(bench, src, out, size, seed=seed, by=by)], json)


def upsample(
    src: str,
    out: str,
    where: str | None,
    factor: float | None,
    by: str | None,
    weights: Sequence[str],
    seed: int,
    offline: bool,
    json: bool,
) -> int:
    """Some rows more often."""
    chosen = _named(weights, "--weight") if weights else None
    with _bench(offline) as (_, bench):
        made = commands.upsample(bench, src, out, where=where, factor=factor, by=by, weights=chosen, seed=seed)
        return _told([made], json)


def mix(sources: Sequence[str], out: str, size: int | None, seed: int, offline: bool, json: bool) -> int:
    """Several sources in proportion."""
    weighted = _pairs([each if "=" in each else f"{each}=1" for each in sources], "SRC=WEIGHT")
    with _bench(offline) as (_, bench):
        return _told([commands.mix(bench, weighted, out, size=size, seed=seed)], json)


def split(
    src: str,
    out: str,
    parts: Sequence[str],
    stratify: str | None,
    group: str | None,
    together: str,
    seed: int,
    offline: bool,
    json: bool,
) -> int:
    """Parts that share no row, and no copies of one."""
    if together not in get_args(Together):
        raise UsageError(f"there is no {together!r}", where="--together", cure=f"use {', '.join(get_args(Together))}")
    shares: Mapping[str, float] = _named(parts, "--part") if parts else {"train": 0.9, "test": 0.1}
    plan = Plan(shares, seed, stratify, group, cast(Together, together))
    with _bench(offline) as (_, bench):
        return _told(commands.split(bench, src, out, plan), json)


def difficulty(
    src: str,
    out: str,
    model: str,
    method: str,
    samples: int,
    keep: str | None,
    sampling: tuple[int, float | None, Sequence[str], bool],
    wall_clock: str | None,
    seed: int,
    offline: bool,
    json: bool,
) -> int:
    """How hard each row is for a model. `sampling`: new tokens, temperature, stops, whether in the chat template."""
    if method not in get_args(MethodKind):
        raise UsageError(f"there is no method {method!r}", where="--by", cure=f"use {', '.join(get_args(MethodKind))}")
    if keep is not None and keep not in BINS:
        raise UsageError(f"there is no variant {keep!r}", where="--keep", cure=f"use {', '.join(BINS)}")
    new_tokens, heat, stops, chat = sampling
    temperature = heat if heat is not None else 0.8 if samples > 1 else 0.0
    decoding = Decoding(new_tokens, temperature, tuple(stops), seed=seed, chat=chat)
    asked = Method(cast(MethodKind, method), samples, decoding)
    told = _Rows(json)
    with _bench(offline) as (lab, bench):
        scored = score_rows(
            lab, bench, src, out, model, asked,
            keep=keep, seed=seed, most_s=_seconds(wall_clock), progress=told, on_model=told.of_model,
        )  # fmt: skip
    if json:
        print_json(scored_document(scored))
        return 0
    _print(scored.made)
    say(", ".join(f"{count:,} {kind}" for kind, count in scored.result.counts.items()))
    say(f"mean {method} {scored.result.mean:.4g}; {scored.result.scores.known:,} scores were known already")
    for made in scored.variants.values():
        say(f"  {made.version.name}: {made.version.rows:,} rows, version {made.version.id}")
    return 0


def lineage(version: str, row: int | None, json: bool) -> int:
    """Where a version, or one row of it, came from."""
    with _bench(False) as (_, bench):
        if row is None:
            tree = commands.lineage(bench, version)
            print_json(asdict(tree)) if json else say("\n".join(drawn(tree)))
            return 0
        traced = commands.trace(bench, version, row)
    if json:
        print_json(asdict(traced))
        return 0
    for step in traced.steps:
        say(f"{step.version or 'source':<17} {step.place}" + (f"  {step.transform}" if step.version else ""))
    if traced.ends:
        transcript.note(traced.ends)
    return 0


def card(version: str, out: Path | None, json: bool) -> int:
    """A dataset card."""
    with _bench(False) as (_, bench):
        text = commands.card(bench, version)
    if out is not None:
        out.write_text(text, encoding="utf-8")
    if json:
        print_json({"card": text, "out": str(out) if out else None})
    else:
        say(f"wrote {out}" if out is not None else text)
    return 0


@contextmanager
def _bench(offline: bool) -> Iterator[tuple[Lab, Workbench]]:
    lab = open_lab()
    room = ReadingRoom(lab, offline=offline)
    try:
        yield lab, workbench(lab, room)
    finally:
        room.close()


def _seconds(duration: str | None) -> float | None:
    if duration is None:
        return None
    try:
        return parse_duration(duration)
    except ValueError as error:
        raise UsageError(str(error), where="--wall-clock", cure="write, for example, --wall-clock 30m") from error


class _Rows:
    """Says what the model is doing, and how far scoring is, at each tenth."""

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet
        self._last = -1
        self._said = ""

    def of_model(self, what: str, _fraction: float) -> None:
        if what != self._said and not self._quiet:
            self._said = what
            transcript.note(what)

    def __call__(self, done: int, of: int) -> None:
        share = 10 * done // max(of, 1)
        if share != self._last and not self._quiet:
            self._last = share
            transcript.note(f"scored {done:,} of {of:,} rows")


def _pairs(texts: Sequence[str], option: str) -> list[tuple[str, float]]:
    """NAME=NUMBER, several times; the last `=` counts, since a source may have one in its name."""
    found = []
    for text in texts:
        name, sign, number = text.rpartition("=")
        try:
            found.append((name, float(number)))
        except ValueError:
            sign = ""
        if not sign or not name:
            raise UsageError(f"{text!r} is not NAME=NUMBER", where=option, cure="write, for example, train=0.9")
    return found


def _named(texts: Sequence[str], option: str) -> dict[str, float]:
    """As `_pairs`, each name once."""
    pairs = _pairs(texts, option)
    again = next((name for place, (name, _) in enumerate(pairs) if name in dict(pairs[:place])), None)
    if again is not None:
        raise UsageError(f"{again!r} is named twice", where=option, cure="give each name once")
    return dict(pairs)


def _told(made: Sequence[Made], json: bool) -> int:
    if json:
        print_json([made_document(each) for each in made] if len(made) > 1 else made_document(made[0]))
        return 0
    for each in made:
        _print(each)
    return 0


def _print(made: Made) -> None:
    version = made.version
    where = f" in {made.file}" if made.file is not None else ""
    say(f"{version.name}: {version.rows:,} rows{where}, version {version.id}")
    if made.dropped:
        beside = f", with reasons in {made.rejects}" if made.rejects is not None else ""
        say(f"  {made.dropped:,} {'row' if made.dropped == 1 else 'rows'} left behind{beside}")
    for text in made.remarks:
        transcript.note(text)
