"""`labwright eval`: one model on one benchmark, scored by the referee."""

from __future__ import annotations

import sys
import time
import uuid
from dataclasses import asdict
from pathlib import Path

from labwright.assemble import open_lab
from labwright.cli.edge import print_json, say
from labwright.contracts.errors import LabwrightError, UsageError
from labwright.contracts.research import BASE
from labwright.models import resolve
from labwright.referee.protocol import Evaluate, OpenTest, Seal
from labwright.study.report import numbers
from labwright.study.spec import STUDY_FILE, read_study

_JUDGE = ("calls", "input_tokens", "output_tokens", "usd", "unpriced_calls")  # of what it took, in `--json`


def evaluate(
    model: str, benchmark: Path, split: str, few_shot: bool, limit: int | None, judge_usd: float | None, json: bool
) -> int:
    """Score a model directory, bundled name or Hub id, outside any study."""
    if split not in ("dev", "test"):
        raise UsageError(f"there is no split {split!r}", where="--split", cure="use dev or test")
    _must_be_a_pack(benchmark)
    if split == "test" and not sys.stdin.isatty():
        what = "opening a sealed test needs a person at a terminal"
        raise UsageError(what, where="--split test", cure="use --split dev")
    lab = open_lab()
    base = resolve(
        model, lab.home, Path.cwd(), lambda what, fraction: _progress(f"{what} {fraction:.0%}"), asked_as="MODEL"
    )
    _progress("")
    referee = lab.referee()
    try:
        sealed = referee.seal(Seal(None, str(benchmark.resolve())))
        name = f"eval-{time.strftime('%Y%m%d-%H%M%S')}-{uuid.uuid4().hex[:6]}"
        if split == "test":
            _ask_a_person(sealed.name, len(lab.ledger.openings(sealed.benchmark_id)))
            referee.open_test(OpenTest(None, sealed.benchmark_id, name, (BASE,)))
        request = Evaluate(
            study_id=None,
            evaluation_id=name,
            benchmark_id=sealed.benchmark_id,
            subject=BASE,
            style="few_shot" if few_shot else "zero_shot",
            split="test" if split == "test" else "dev",
            base=str(base.path),
            base_id=base.model_id,
            limit=limit,
            judge_usd=judge_usd,
        )
        found = referee.evaluate(request, lambda done, total: _progress(f"{done}/{total} items"))
        judge = lab.ledger.judge_usage(name)
    finally:
        referee.close()
        lab.ledger.close()
    _progress("")
    if json:
        took = {name: asdict(judge)[name] for name in _JUDGE}
        print_json({**asdict(found), "judge": took})
    else:
        say(f"{sealed.name} ({split}, {found.items} items, {found.style.replace('_', '-')}): {found.metric} "
            f"{numbers.scored(found.score)} in {found.duration_s:.1f} s")  # fmt: skip
        for other in found.beside:
            say(f"  {other.name} {numbers.scored(other.score)}")
        if judge.calls:
            say(f"judge: {numbers.judged(judge)}")
        say(f"boundary: {found.boundary}")
    return 0


def _must_be_a_pack(benchmark: Path) -> None:
    if (benchmark / "benchmark.yaml").is_file():
        return
    there = "it holds no benchmark.yaml" if benchmark.is_dir() else "there is no such directory"
    cure = "give a directory with a benchmark.yaml; `labwright study init DIR` writes one to start from"
    pack = _pack_of_study(benchmark)
    if pack is not None:
        there, cure = f"it is a study, whose benchmark is {pack}", f"give {pack}"
    raise UsageError(f"this is no benchmark: {there}", where=str(benchmark), cure=cure)


def _pack_of_study(directory: Path) -> Path | None:
    """The benchmark of a study's directory; None where it is no study, or has none."""
    if not (directory / STUDY_FILE).is_file():
        return None
    try:
        named = directory / read_study(directory).spec.benchmark
    except LabwrightError:  # a study.yaml that cannot be read is not what is asked about here
        named = directory / "benchmark"
    return named if (named / "benchmark.yaml").is_file() else None


def _ask_a_person(name: str, opened: int) -> None:
    """The sealed test may be opened by a person only, who is told how often that has happened."""
    print(  # noqa: T201
        f"The test of {name} has been opened {opened} times in this lab. Each look makes it worth less.",
        file=sys.stderr,
    )
    if input("Open it? Type its name to go on: ").strip() != name:
        raise UsageError("the test stays sealed", where="--split test")


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\x1b[2K{text}", end="", file=sys.stderr, flush=True)  # noqa: T201
