"""`labwright study export` and `labwright verify`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from labwright.assemble import open_lab
from labwright.cli.edge import print_json, say
from labwright.study import bundle as bundles
from labwright.study import verification

_SIGNS = {"agrees": "ok", "differs": "!!", "not checked": "--"}


def export(study_id: str, out: Path, with_model: bool, with_test: bool, json: bool) -> int:
    """Write a bundle."""
    lab = open_lab()
    referee = lab.referee()
    try:
        written = bundles.export(lab.ledger, referee, study_id, out, with_model=with_model, with_test=with_test)
    finally:
        referee.close()
        lab.ledger.close()
    if json:
        print_json({"study": study_id, "bundle": str(written), "with_model": with_model, "with_test": with_test})
        return 0
    say(f"wrote {written}; re-check it with: labwright verify {written}")
    return 0


def verify(bundle: Path, json: bool) -> int:
    """Re-check a bundle; exit 1 when a number differs."""
    findings = verification.verify(bundle)
    differing = [f for f in findings if f.outcome == "differs"]
    if json:
        print_json({"agrees": not differing, "findings": [asdict(f) for f in findings]})
    else:
        width = max(len(f.what) for f in findings)
        for finding in findings:
            say(f"{_SIGNS[finding.outcome]}  {finding.what:<{width}}  {finding.detail}")
        agreeing = sum(f.outcome == "agrees" for f in findings)
        unchecked = sum(f.outcome == "not checked" for f in findings)
        say(f"\n{agreeing} agree, {len(differing)} differ, {unchecked} could not be checked")
    return 1 if differing else 0
