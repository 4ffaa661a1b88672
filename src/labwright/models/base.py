"""From the name in study.yaml to a base model: bundled, in a directory, or on the Hugging Face Hub."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from labwright.contracts.errors import ModelError
from labwright.models import bundled, hub
from labwright.models.directory import identify

OnProgress = Callable[[str, float], None]
"""Told what is being done, and which fraction of it is."""

BUNDLED: Mapping[str, Callable[[Path, OnProgress], Path]] = {bundled.NAME: bundled.build}
_HUB_ID = re.compile(r"^[\w.-]+/[\w.-]+(@[\w./-]+)?$")


@dataclass(frozen=True, slots=True)
class BaseModel:
    """A model directory that was checked. `model_id` is a SHA-256 over its config, tokenizer and weights."""

    name: str
    path: Path
    model_id: str
    parameters: int


def resolve(
    name: str,
    home: Path,
    study_dir: Path,
    progress: OnProgress | None = None,
    *,
    endpoint: str | None = None,
    asked_as: str = "base_model",
) -> BaseModel:
    """Find, build or download the base model that a study names.

    Args:
        name: a bundled name (`smollm2-135m-instruct`), a directory (absolute, or relative to the study), or a Hub id
            `owner/name`, with `@revision` where a branch, tag or commit is meant.
        home: the lab's home; built and downloaded models go to `models/` in it.
        study_dir: what a relative directory is relative to.
        progress: told what is being done and the fraction of it, at the start, at every step and at the end.
        endpoint: another Hub than the one huggingface_hub is configured for.
        asked_as: the field or argument that named it, for the error.

    Raises:
        ModelError: there is no such model, or it cannot be used; the cure says what to do.
    """
    report = progress or _silent
    if name in BUNDLED:
        path = BUNDLED[name](home, report)
    elif (local := study_dir / Path(name).expanduser()).is_dir():
        path = local.resolve()
    elif _HUB_ID.match(name) and not name.startswith("."):
        path = hub.fetch(name, home, report, endpoint)
    else:
        raise ModelError(f"there is no base model {name!r}", where=asked_as, cure=_cure(name, study_dir))
    model_id, parameters = identify(path, report)
    return BaseModel(name, path, model_id, parameters)


def _cure(name: str, study_dir: Path) -> str:
    close = difflib.get_close_matches(name, [*BUNDLED, *(p.name for p in study_dir.glob("*/") if p.is_dir())], n=1)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"name a bundled model ({', '.join(BUNDLED)}), a directory, or a Hub id such as owner/name"


def _silent(what: str, fraction: float) -> None:
    """For callers that show nothing."""
