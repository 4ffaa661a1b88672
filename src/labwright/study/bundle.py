"""Bundles: everything that another person needs to re-check a study, and nothing that gives its test away.

bundle.json       format, study, environment, and the SHA-256 of every other file
study.yaml        as it was run
events.jsonl      the study's whole history, one event a line
benchmark/        the public part: spec.json, dev.jsonl, shots.jsonl (and test.jsonl only with --with-test)
results/          per-item outputs of each evaluation; of test evaluations only each item's score
runs/             recipe, parameters, metrics and what the run said of itself
report.md, report.html
model/            the best model, with --with-model
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from labwright.contracts.errors import DataError, UsageError
from labwright.contracts.events import EVENT, Recorded
from labwright.ledger import Ledger
from labwright.referee.client import RefereeClient
from labwright.referee.protocol import Disclose
from labwright.study.conclusion import conclude, environment
from labwright.study.naming import short

FORMAT = 1
INDEX = "bundle.json"
_RUN_FILES = ("recipe.py", "params.json", "metrics.jsonl", "result.json", "status.json", "log.txt")
_MOST_BYTES = 20 * 2**30


def export(
    ledger: Ledger,
    referee: RefereeClient,
    study_id: str,
    out: Path,
    *,
    with_model: bool = False,
    with_test: bool = False,
) -> Path:
    """Write a study's bundle to a new directory, or to a file that ends in .tar.gz.

    Raises:
        UsageError: `out` exists already, or there is no such study.
    """
    if out.exists():
        raise UsageError("there is something at this place already", where=str(out), cure="give a new name")
    archive = out.name.endswith((".tar.gz", ".tgz"))
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".bundle-") as scratch:
        folder = Path(scratch) / study_id
        folder.mkdir()
        _fill(ledger, referee, study_id, folder, with_model, with_test)
        if archive:
            packed = Path(scratch) / "packed"
            with tarfile.open(packed, "w:gz") as tar:
                tar.add(folder, arcname=study_id)
            packed.rename(out)
        else:
            folder.rename(out)
    return out


def _fill(
    ledger: Ledger, referee: RefereeClient, study_id: str, folder: Path, with_model: bool, with_test: bool
) -> None:
    conclusion = conclude(ledger, referee, study_id)
    view = conclusion.view
    for path in (conclusion.markdown, conclusion.page, Path(view.directory) / "study.yaml"):
        shutil.copyfile(path, folder / path.name)
    if view.benchmark is not None:
        referee.disclose(Disclose(study_id, view.benchmark.benchmark_id, str(folder), with_test))
    for run in view.runs:
        target = folder / "runs" / short(study_id, run.id)
        target.mkdir(parents=True)
        for name in _RUN_FILES:
            source = Path(run.directory) / name
            if source.is_file() and not source.is_symlink():
                shutil.copyfile(source, target / name)
    if with_model and view.best is not None:
        shutil.copytree(Path(view.best.path).resolve(), folder / "model")
    with (folder / "events.jsonl").open("w") as file:
        for recorded in ledger.events(study_id):
            event = EVENT.dump_python(recorded.event, mode="json")
            file.write(json.dumps({"seq": recorded.seq, "at": recorded.at, "event": event}, ensure_ascii=False) + "\n")
    index = {
        "format": FORMAT,
        "study": study_id,
        "written": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "with_test": with_test,
        "environment": dict(environment()),
        "files": {name: digest(folder / name) for name in files_of(folder)},
    }
    (folder / INDEX).write_text(json.dumps(index, indent=2) + "\n")


@contextmanager
def opened(bundle: Path) -> Iterator[Path]:
    """The directory of a bundle, unpacked beside nothing if it is an archive.

    Raises:
        UsageError: there is no bundle here, or it is not one.
    """
    if bundle.is_dir():
        yield _checked(bundle)
        return
    if not bundle.is_file():
        raise UsageError("there is no such bundle", where=str(bundle), cure="labwright study export ID OUT writes one")
    with tempfile.TemporaryDirectory(prefix="labwright-verify-") as scratch:
        try:
            with tarfile.open(bundle) as tar:
                if sum(m.size for m in tar.getmembers()) > _MOST_BYTES:
                    raise UsageError("the archive unpacks to more than 20 GiB", where=str(bundle))
                tar.extractall(scratch, filter="data")
        except (tarfile.TarError, EOFError, OSError) as error:
            raise UsageError(
                f"this is no readable archive: {error}", where=str(bundle), cure="export it again"
            ) from error
        inside = [p for p in Path(scratch).iterdir() if p.is_dir()]
        yield _checked(inside[0] if len(inside) == 1 else Path(scratch))


def _checked(folder: Path) -> Path:
    if not (folder / INDEX).is_file():
        raise UsageError(
            f"no {INDEX} in it: this is no bundle", where=str(folder), cure="labwright study export ID OUT"
        )
    return folder


def read_events(folder: Path) -> list[Recorded]:
    """The history in a bundle.

    Raises:
        DataError: a line is no event; names it.
    """
    found = []
    path = folder / "events.jsonl"
    for number, line in enumerate(path.read_text().splitlines() if path.is_file() else [], start=1):
        try:
            entry = json.loads(line)
            found.append(Recorded(entry["seq"], None, entry["at"], EVENT.validate_python(entry["event"], strict=False)))
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"this is no event: {error}", where=f"{path.name}:{number}", cure="export the bundle again"
            ) from error
    return found


def files_of(folder: Path) -> list[str]:
    """The names of a bundle's files, without its index."""
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file() and p.name != INDEX)


def digest(path: Path) -> str:
    """A file's SHA-256."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
