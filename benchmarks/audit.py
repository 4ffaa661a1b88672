"""The audit's pace on a large file, and how well each detector finds what was planted; `benchmarks/data.py` runs both.

Pace: the rows of `data.py` as JSONL, audited whole (load, every detector, score) in a process of its own. Beside it
stands what the same lines cost when Python's `json` merely parses them.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import resource
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from tests.data.audit.planted import CASES, measure
from tests.data.audit.planted_content import CONTENT_CASES

from labwright.contracts.data import AuditReport
from labwright.data.audit.engine import Request
from labwright.data.audit.full import audit_table
from labwright.data.sources import Scratch, open_source

PACE_TARGET = 50e6  # bytes a second
MEMORY_TARGET_BYTES = 4 << 30
EXACT_TARGET, FUZZY_TARGET = 0.95, 0.85
_PARSED_LINES = 50_000


@dataclass(frozen=True, slots=True)
class Pace:
    """What an audit took."""

    report: AuditReport
    taken_s: float
    cpu_s: float
    peak_bytes: int


def audit_is_quick(tsv: Path, rows: int) -> bool:
    """Audit the rows and say whether the targets are met."""
    file = tsv.with_suffix(".jsonl")
    with tsv.open(encoding="ascii") as lines, file.open("w", encoding="ascii") as out:
        for line in islice(lines, rows):
            prompt, _, completion = line.rstrip("\n").partition("\t")
            out.write(json.dumps({"prompt": prompt, "completion": completion}) + "\n")
    size = file.stat().st_size
    parsing = _parsing_pace(file)
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        pace = pool.submit(_audit, file).result()
    file.unlink()
    speed = size / pace.taken_s
    kinds = {issue.kind.value: ("" if issue.exact else "sampled: ") + f"{issue.rows:,} of {issue.looked_at:,}"
             for issue in pace.report.issues}  # fmt: skip
    print(
        f"audit of {size / 1e9:.2f} GB of JSONL, {rows:,} rows: {pace.taken_s:.1f} s, {speed / 1e6:.0f} MB/s, "
        f"{pace.cpu_s:.1f} s of CPU, {len(os.sched_getaffinity(0))} cores; x{speed / parsing:.2f} of json.loads alone"
    )
    print(f"  score {pace.report.score}, {pace.report.fitness}; {kinds}")
    met = _told(speed >= PACE_TARGET, f"audit: x{speed / PACE_TARGET:.2f} of {PACE_TARGET / 1e6:.0f} MB/s")
    gib = MEMORY_TARGET_BYTES / 2**30
    return (
        _told(pace.peak_bytes <= MEMORY_TARGET_BYTES, f"audit: {pace.peak_bytes / 2**30:.2f} of {gib:.0f} GiB") and met
    )


def findings_are_right() -> bool:
    """Plant each defect at a known rate, and print precision and recall of the rows that the audit flags."""
    print(f"{'planted':<28}{'kind':<20}{'rows':>6}{'flagged':>9}{'precision':>11}{'recall':>8}")
    met = True
    for case in (*CASES, *CONTENT_CASES):
        with tempfile.TemporaryDirectory() as folder:
            found = measure(case, Path(folder))
        target = FUZZY_TARGET if case.is_fuzzy else EXACT_TARGET
        good = min(found.precision, found.recall) >= target
        met &= good
        print(
            f"{case.name:<28}{case.kind.value:<20}{found.planted:>6}{found.flagged:>9}{found.precision:>11.3f}"
            f"{found.recall:>8.3f}  {'fuzzy' if case.is_fuzzy else ''}{'' if good else '  MISSED'}"
        )
    return _told(met, f"findings: precision and recall {EXACT_TARGET} (exact), {FUZZY_TARGET} (fuzzy)")


def _audit(file: Path) -> Pace:
    begun, cpu = time.perf_counter(), time.process_time()
    with Scratch(file.parent) as scratch:
        report = audit_table(open_source(str(file)), Request(purpose="sft"), scratch=scratch)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return Pace(report, time.perf_counter() - begun, time.process_time() - cpu, peak)


def _parsing_pace(file: Path) -> float:
    """Bytes a second of `json.loads` on one core."""
    with file.open("rb") as lines:
        some = list(islice(lines, _PARSED_LINES))
    begun = time.perf_counter()
    for line in some:
        json.loads(line)
    return sum(map(len, some)) / (time.perf_counter() - begun)


def _told(met: bool, what: str) -> bool:
    print(f"{'met   ' if met else 'MISSED'} {what}")
    return met
