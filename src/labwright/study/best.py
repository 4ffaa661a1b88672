"""`best/`: a complete, loadable model that exists from the first control evaluation on.

Each new best is written beside the old one and then a symbolic link is swapped, which is atomic: a kill at any
moment leaves either the old model or the new one, never half of one.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from labwright.contracts.research import Evaluation


def place(study_directory: Path, exported: Path, evaluation: Evaluation) -> Path:
    """Make `best/` point at the exported model directory, and say in it what it is. Returns the `best` path."""
    card = {
        "subject": evaluation.subject,
        "prompt": evaluation.style,
        "evaluation": evaluation.id,
        evaluation.metric: evaluation.score.estimate,
        "split": evaluation.split,
        "scored_model_id": evaluation.model_id,
    }
    (exported / "labwright.json").write_text(json.dumps(card, indent=2) + "\n")
    link = study_directory / "best"
    fresh = study_directory / ".best.new"
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(os.path.relpath(exported, study_directory))
    fresh.replace(link)
    for other in exported.parent.iterdir():
        if other != exported:
            shutil.rmtree(other, ignore_errors=True)  # an older best: nothing points at it any more
    return link


def folder_for(study_directory: Path, evaluation: Evaluation) -> Path:
    """Where the model behind an evaluation is exported to."""
    return study_directory / "models" / f"{evaluation.model_id[:12]}-{evaluation.style}"
