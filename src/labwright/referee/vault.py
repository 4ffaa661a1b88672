"""The vault: sealed benchmarks, the seeds of made tests, and per-item results on tests.

Only the referee's process imports this module (an import contract says so), and only the referee's user may read the
directory. A benchmark is copied in once, under the hash of its content; edits of the source afterwards change
nothing here and are reported. Nothing in here is ever put into an event, a log or an answer, but counts and scores.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import TypeAdapter

from labwright.compute.sandbox import Sandbox
from labwright.contracts.errors import BoundaryError, SpecError
from labwright.contracts.research import ItemResult
from labwright.contracts.specs import BenchmarkSpec, MakerSpec, Split
from labwright.referee.making import make_items
from labwright.referee.pack import Item, Pack, read_items, read_pack

_MANIFEST = "manifest.json"
_EXPOSED = "exposed"
_PARTS = ("shots", "dev", "test")
_ITEMS: TypeAdapter[list[Item]] = TypeAdapter(list[Item])
_RESULTS: TypeAdapter[list[ItemResult]] = TypeAdapter(list[ItemResult])


@dataclass(frozen=True, slots=True)
class Sealed:
    """A benchmark in the vault: its items with their keys. Never leaves the referee's process."""

    benchmark_id: str
    spec: BenchmarkSpec
    shots: tuple[Item, ...]
    dev: tuple[Item, ...]
    test: tuple[Item, ...]
    notes: tuple[str, ...]

    def items(self, split: Split) -> tuple[Item, ...]:
        """The items of a split."""
        return self.dev if split == "dev" else self.test


class Vault:
    """The directory that only the referee opens."""

    def __init__(self, directory: Path, sandbox: Sandbox) -> None:
        self._directory = directory
        self._sandbox = sandbox
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        directory.chmod(0o700)

    def seal(self, source: Path) -> Sealed:
        """Copy a pack in, making its test where a script does that; a pack that is here already is only opened.

        Raises:
            SpecError, DataError: the pack is malformed; names file, line and field.
            BoundaryError: dev and test share items.
        """
        pack = read_pack(source)
        benchmark_id = self._identity(pack)
        target = self._directory / benchmark_id
        if not target.exists():
            self._copy_in(pack, target)
        return self.open(benchmark_id)

    def open(self, benchmark_id: str) -> Sealed:
        """A sealed benchmark, after its files were compared with the hashes taken when it was sealed.

        Raises:
            BoundaryError: it is not here, or the vault's own copy was changed.
        """
        folder = self._directory / benchmark_id
        if not folder.is_dir():
            raise BoundaryError(f"benchmark {benchmark_id} is not in this lab's vault", cure="seal it in a study")
        manifest = json.loads((folder / _MANIFEST).read_text())
        for name, digest in manifest["files"].items():
            if not (folder / name).is_file() or _digest(folder / name) != digest:
                raise BoundaryError(
                    f"the vault's copy of {name} was changed after the benchmark was sealed",
                    where=str(folder),
                    cure="scores can no longer be trusted: restore the file from a backup, or seal the benchmark anew",
                )
        shots, dev, test = (tuple(_ITEMS.validate_json((folder / f"{n}.json").read_text())) for n in _PARTS)
        spec = BenchmarkSpec.model_validate_json((folder / "spec.json").read_text())
        notes = (*manifest["notes"], *_lines(folder / _EXPOSED))
        return Sealed(benchmark_id, spec, shots, dev, test, notes)

    def edited_since(self, benchmark_id: str, source: Path) -> tuple[str, ...]:
        """The names of the source's files that are no longer as they were when the pack was sealed."""
        manifest = json.loads((self._directory / benchmark_id / _MANIFEST).read_text())
        then: Mapping[str, str] = manifest["source"]
        now = _source_digests(source) if source.is_dir() else {}
        return tuple(sorted(n for n in {*then, *now} if then.get(n) != now.get(n)))

    def mark_exposed(self, benchmark_id: str, study_id: str) -> None:
        """Remember that the test items have left the vault; every later study on this benchmark says so."""
        with (self._directory / benchmark_id / _EXPOSED).open("a") as file:
            file.write(f"the test items were exported with a bundle of study {study_id}\n")

    def keep_results(self, results: Sequence[ItemResult]) -> str:
        """Store per-item results on a test; returns the id they are found under."""
        return write_results(self._directory / "results", results)

    def results(self, results_id: str) -> tuple[ItemResult, ...]:
        """Per-item results on a test."""
        return read_results(self._directory / "results", results_id)

    # -- sealing -------------------------------------------------------------------------------------------------------

    def _identity(self, pack: Pack) -> str:
        """A hash over the public part and, where the test is a file, over that file."""
        digest = hashlib.sha256(pack.pack_id.encode())
        if not isinstance(pack.spec.test, MakerSpec):
            digest.update(_digest(pack.directory / pack.spec.test).encode())
        return digest.hexdigest()[:16]

    def _copy_in(self, pack: Pack, target: Path) -> None:
        """Make the copy beside its place and move it there, so a kill never leaves half a benchmark."""
        with tempfile.TemporaryDirectory(dir=self._directory, prefix=".sealing-") as folder:
            fresh = Path(folder) / "pack"
            fresh.mkdir(mode=0o700)
            test = self._test_items(pack, fresh)
            shared = {_key(i) for i in test} & {_key(i) for i in (*pack.dev, *pack.shots)}
            if shared:
                raise SpecError(
                    f"{len(shared)} items of the test also stand in dev or among the shots",
                    where=str(pack.directory),
                    cure="take them out of dev: a test that was iterated on measures nothing",
                )
            (fresh / "spec.json").write_text(pack.spec.model_dump_json())
            for name, items in (("shots", pack.shots), ("dev", pack.dev), ("test", test)):
                (fresh / f"{name}.json").write_bytes(_ITEMS.dump_json(list(items)))
            files = {p.name: _digest(p) for p in sorted(fresh.iterdir())}
            manifest = {"files": files, "source": _source_digests(pack.directory), "notes": list(pack.notes)}
            (fresh / _MANIFEST).write_text(json.dumps(manifest))
            os.sync()
            try:
                fresh.rename(target)
            except OSError:
                if not target.is_dir():  # else another referee sealed the same pack first
                    raise

    def _test_items(self, pack: Pack, fresh: Path) -> tuple[Item, ...]:
        """The test: read from its file, or made from a seed that nobody but the referee has ever seen."""
        if not isinstance(pack.spec.test, MakerSpec):
            return read_items(pack.directory / pack.spec.test, pack.spec)
        seed = secrets.randbits(48)
        (fresh / "seed").write_text(str(seed))
        script = pack.directory / pack.spec.test.script
        return make_items(script, seed, pack.spec.test.count, "test", self._sandbox, pack.spec)


def write_results(folder: Path, results: Sequence[ItemResult]) -> str:
    """Store per-item results under their content hash, one JSON object a line."""
    text = "".join(json.dumps(result_fields(r), ensure_ascii=False) + "\n" for r in results)
    results_id = hashlib.sha256(text.encode()).hexdigest()
    folder.mkdir(parents=True, exist_ok=True)
    fresh = folder / f".{results_id}.{os.getpid()}"
    fresh.write_text(text)
    fresh.replace(folder / f"{results_id}.jsonl")
    return results_id


def result_fields(result: ItemResult) -> dict[str, object]:
    """A result as a line of a file; what only samples have is left out where there are none."""
    return {name: value for name, value in asdict(result).items() if value != () or name != "samples"}


def read_results(folder: Path, results_id: str) -> tuple[ItemResult, ...]:
    """Per-item results by their content hash.

    Raises:
        BoundaryError: the file is gone or was changed.
    """
    path = folder / f"{results_id}.jsonl"
    if not path.is_file() or _digest(path) != results_id:
        raise BoundaryError("per-item results are gone or were changed", where=str(path), cure="evaluate again")
    lines = [line for line in path.read_text().split("\n") if line]  # outputs may hold other line separators
    return tuple(_RESULTS.validate_json("[" + ",".join(lines) + "]"))


def _source_digests(source: Path) -> dict[str, str]:
    skip = "__pycache__"
    files = (p for p in source.rglob("*") if p.is_file() and skip not in p.parts and not p.name.startswith("."))
    return {str(p.relative_to(source)): _digest(p) for p in sorted(files)}


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.is_file() else []


def _key(item: Item) -> str:
    return " ".join(item.prompt.casefold().split())
