"""Bundles: everything that another person needs to re-check a study, and nothing that gives its test away.

bundle.json       format, study, environment, and the SHA-256 of every other file
study.yaml        as it was run
events.jsonl      the study's whole history, one event a line
benchmark/        the public part: spec.json, dev.jsonl, shots.jsonl (and test.jsonl only with --with-test)
results/          per-item outputs of each evaluation; of test evaluations only each item's score
runs/             recipe, parameters, metrics and what the run said of itself
report.md, report.html, study.json (what `--json` prints)
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

from labwright.contracts.errors import BoundaryError, DataError, UsageError
from labwright.contracts.events import EVENT, Recorded
from labwright.contracts.sessions import JUDGE_SESSION
from labwright.contracts.views import StudyView
from labwright.ledger import Ledger
from labwright.models.directory import content_id
from labwright.referee.client import RefereeClient
from labwright.referee.protocol import Disclose
from labwright.study.conclusion import DOCUMENT, conclude, environment
from labwright.study.naming import short

FORMAT = 1
INDEX = "bundle.json"
_RUN_FILES = ("recipe.py", "params.json", "metrics.jsonl", "result.json", "status.json", "log.txt")
_MOST_BYTES = 20 * 2**30
_ARCHIVES = (".tar.gz", ".tgz")
_OTHER_ARCHIVES = (".zip", ".tar", ".gz", ".bz2", ".xz", ".zst", ".7z")


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
        UsageError: `out` exists already or cannot be made, or there is no such study.
        BoundaryError: `best/` is no longer what the referee put there.
    """
    if out.exists():
        raise UsageError("there is something at this place already", where=str(out), cure="give a new name")
    archive = out.name.endswith(_ARCHIVES)
    if not archive and out.name.endswith(_OTHER_ARCHIVES):
        raise UsageError(
            f"bundles are not written as {out.suffix} files", where=str(out), cure="end the name in .tar.gz, or in none"
        )
    ledger.status(study_id)  # an unknown id is refused before anything is made
    with _place_beside(out) as scratch:
        folder = scratch / study_id
        folder.mkdir()
        _fill(ledger, referee, study_id, folder, with_model, with_test)
        if archive:
            packed = scratch / "packed"
            with tarfile.open(packed, "w:gz") as tar:
                tar.add(folder, arcname=study_id)
            packed.rename(out)
        else:
            folder.rename(out)
    return out


@contextmanager
def _place_beside(out: Path) -> Iterator[Path]:
    """A scratch directory on the same disk, so that the bundle appears whole or not at all."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        scratch = tempfile.TemporaryDirectory(dir=out.parent, prefix=".bundle-")
    except OSError as error:
        what = f"the bundle cannot be written: {error.strerror}"
        raise UsageError(what, where=str(out), cure="give a place that this user may write") from error
    with scratch as name:
        yield Path(name)


def _fill(
    ledger: Ledger, referee: RefereeClient, study_id: str, folder: Path, with_model: bool, with_test: bool
) -> None:
    conclusion = conclude(ledger, referee, study_id)
    view = conclusion.view
    own = Path(view.directory)
    for path in (conclusion.markdown, conclusion.page, own / DOCUMENT, own / "study.yaml"):
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
    if with_model:
        _copy_model(view, folder / "model")
    judged = ledger.session_events(f"{JUDGE_SESSION}{study_id}")  # what its judge took is part of its history
    with (folder / "events.jsonl").open("w") as file:
        for recorded in sorted((*ledger.events(study_id), *judged), key=lambda recorded: recorded.seq):
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


def _copy_model(view: StudyView, target: Path) -> None:
    if view.best is None:
        raise UsageError(f"study {view.id} has no best model yet", where="--with-model", cure="leave the option out")
    best = Path(view.best.path)
    if not best.is_dir() or (view.best.content_id and content_id(best) != view.best.content_id):
        raise BoundaryError(
            "the best model is gone or is no longer what the referee put there",
            where=str(best),
            cure="restore it, or export without --with-model",
        )
    shutil.copytree(best.resolve(), target)


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
            why = str(error).partition("\n")[0].rstrip(":")  # tarfile lists each of its ways to read, one a line
            what = f"this is no whole .tar.gz archive: {why}"
            raise UsageError(what, where=str(bundle), cure="copy or export it again") from error
        inside = [p for p in Path(scratch).iterdir() if p.is_dir()]
        yield _checked(inside[0] if len(inside) == 1 else Path(scratch))


def _checked(folder: Path) -> Path:
    if not (folder / INDEX).is_file():
        raise UsageError(
            f"no {INDEX} in it: this is no bundle", where=str(folder), cure="labwright study export ID OUT writes one"
        )
    return folder


def read_events(folder: Path) -> list[Recorded]:
    """The history in a bundle.

    Raises:
        DataError: a line is no event; names it.
    """
    found = []
    path = folder / "events.jsonl"
    # A line ends at a newline and nowhere else: an event's text may hold other signs that `splitlines` breaks at.
    for number, line in enumerate(path.read_text().split("\n") if path.is_file() else [], start=1):
        if not line:
            continue
        try:
            entry = json.loads(line)
            found.append(Recorded(entry["seq"], None, entry["at"], EVENT.validate_python(entry["event"], strict=False)))
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"this is no event: {str(error).splitlines()[0]}",
                where=f"{path.name}:{number}",
                cure="export the bundle again",
            ) from error
    return found


def files_of(folder: Path) -> list[str]:
    """The names of a bundle's files, without its index."""
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file() and p.name != INDEX)


def digest(path: Path) -> str:
    """A file's SHA-256."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
