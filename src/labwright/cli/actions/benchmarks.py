"""`labwright benchmark`: known benchmarks become packs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from labwright.assemble import open_lab
from labwright.assemble.reading import ReadingRoom
from labwright.cli import transcript
from labwright.cli.edge import print_json, say
from labwright.contracts.errors import UsageError
from labwright.referee.known import AddedBenchmark, AddOptions, add_benchmark


def add(
    source: str,
    name: str | None,
    out: Path | None,
    decoding: tuple[int, int | None, float | None, int | None, int | None, bool],
    sizes: tuple[int, int | None, int],
    rubric: str | None,
    mapped: Sequence[str],
    answers: str | None,
    task: tuple[str | None, str | None, Path | None, bool],
    offline: bool,
    json: bool,
) -> int:
    """Freeze a benchmark."""
    samples, pass_at, temperature, few_shot, max_new_tokens, chat = decoding
    dev, test, seed = sizes
    metric, filter_name, include_path, allow_code = task
    options = AddOptions(
        seed=seed,
        most_dev=dev,
        most_test=test,
        few_shot=few_shot,
        samples=samples,
        pass_at=pass_at,
        temperature=temperature,
        max_new_tokens=max_new_tokens,
        chat=chat,
        rubric=rubric,
        answers=answers,
        columns=_columns(mapped),
        metric=metric,
        filter=filter_name,
        include_path=include_path,
        allow_code=allow_code,
    )
    lab = open_lab()
    room = ReadingRoom(lab, offline=offline)
    try:
        added = add_benchmark(source, name=name, out=out, open_table=room.table, options=options, sandbox=lab.sandbox)
    finally:
        room.close()
        lab.ledger.close()
    if json:
        print_json({**asdict(added), "directory": str(added.directory)})
        return 0
    _show(added)
    return 0


def _columns(mapped: Sequence[str]) -> dict[str, str]:
    found = {}
    for each in mapped:
        ours, equals, theirs = each.partition("=")
        if not equals or not ours or not theirs:
            raise UsageError(f"{each!r} maps nothing", where="--map", cure="write --map prompt=COLUMN")
        found[ours.strip()] = theirs.strip()
    return found


def _show(added: AddedBenchmark) -> None:
    say(f"{added.name}: {added.dev} dev items, {added.test} in the sealed test, {added.shots} worked examples")
    say(f"scored by {added.scorer}, {added.metric}; layout {added.layout}")
    if added.revision or added.licence:
        say(f"revision {added.revision or 'unknown'}, licence {added.licence or 'not given'}")
    for text in added.notes:
        transcript.note(text)
    say(f"\n{added.directory}\nin study.yaml: benchmark: {added.directory}")
