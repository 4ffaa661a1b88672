"""Deterministic names and seeds, so that a study resumed after a kill, or run again, does the same things."""

from __future__ import annotations

import hashlib

from labwright.contracts.research import RunPurpose, Style
from labwright.contracts.specs import Split
from labwright.contracts.views import StudyView


def next_trial_id(view: StudyView) -> str:
    """`number-sorting-1.t3` after two trials."""
    return f"{view.id}.t{len(view.trials) + 1}"


def next_run_id(view: StudyView, trial_id: str) -> str:
    """`number-sorting-1.t3.r2` after one run of that trial."""
    return f"{trial_id}.r{len(view.runs_of(trial_id)) + 1}"


def evaluation_id(study_id: str, subject: str, style: Style, split: Split) -> str:
    """One model is scored once in a style on a split; asking again finds this id."""
    return f"{study_id}.e.{short(study_id, subject)}.{style}.{split}"


def short(study_id: str, identifier: str) -> str:
    """A trial's or run's id without its study: `t3.r1`."""
    return identifier.removeprefix(f"{study_id}.")


def training_seed(study_seed: int, trial_number: int, purpose: RunPurpose, ordinal: int) -> int:
    """The seed of a run, owned by the harness and never chosen by a researcher.

    A trial keeps one seed through its rungs, since a survivor continues from its checkpoint; each retrain gets a
    fresh one.
    """
    text = f"{study_seed}/{trial_number}/" + (f"retrain/{ordinal}" if purpose is RunPurpose.RETRAIN else "search")
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") % 2**31
