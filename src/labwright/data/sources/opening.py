"""From what a person names to a `Table`."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from labwright.contracts.data import SplitSize
from labwright.contracts.errors import DataError
from labwright.contracts.research import DatasetVersion
from labwright.data.sources.datafile import DataFile
from labwright.data.sources.formats import Format, by_suffix, settle
from labwright.data.sources.hub import HubAccess, HubName, open_on_hub
from labwright.data.sources.splits import by_split
from labwright.data.sources.table import Table

_GLOB = frozenset("*?[")
_BESIDE = frozenset({"dataset_info.json", "state.json", "dataset_dict.json", "dataset_infos.json"})
_VERSION = re.compile(r"[0-9a-f]{8,64}")


def open_source(
    src: str,
    *,
    split: str | None = None,
    hub: HubAccess | None = None,
    version: Callable[[str], DatasetVersion | None] | None = None,
) -> Table:
    """The table that `src` means.

    Args:
        src: a file, a directory, a glob, `hub:ORG/NAME[@REVISION][:CONFIG]` (or just that, where no such path
            exists), or a dataset version's id.
        split: by default `train` where there is one, else the first.
        hub: how the Hub is reached; without it, names on the Hub are refused.
        version: finds a dataset version by its id.

    Raises:
        DataError: nothing there is data; or on the Hub there is no such dataset, or it is gated, private, not ready.
        ServiceError: the Hub could not be reached.
    """
    if not src.startswith("hub:"):
        path = Path(src).expanduser()
        found = _local(src, path)
        if found is not None:
            return _table(src, path, found, split)
        known = version(src) if version is not None and _VERSION.fullmatch(src) else None
        if known is not None:
            return _of_version(known)
    name = HubName.parse(src)
    if name is None:
        raise DataError(
            "there is no such file or directory, and this is no name on the Hub",
            where=src,
            cure="correct the path, write hub:ORG/NAME[@REVISION][:CONFIG], or name a dataset version of this lab",
        )
    if hub is None:
        raise DataError("there is no such file or directory", where=src, cure="correct the path")
    return open_on_hub(name, split, hub)


def _local(src: str, path: Path) -> list[tuple[str, Path]] | None:
    """Files with their names within the source, or None where there is nothing of that name."""
    try:
        if path.is_dir():
            return _in_directory(path)
        if path.is_file():
            return [(path.name, path)]
    except OSError as error:
        raise DataError(f"it cannot be looked at: {error.strerror}", where=src, cure="check the path") from error
    if not _GLOB & set(src):
        return None
    fixed = next(index for index, part in enumerate(path.parts) if _GLOB & set(part))
    base, pattern = Path(*path.parts[:fixed]), "/".join(path.parts[fixed:])
    try:
        found = sorted(file for file in base.glob(pattern) if file.is_file())
    except (ValueError, OSError) as error:
        raise DataError(f"this is no pattern: {error}", where=src, cure="correct it") from error
    if not found:
        raise DataError("no file fits this pattern", where=src, cure="correct the pattern")
    return [(str(file.relative_to(base)), file) for file in found]


def _in_directory(path: Path) -> list[tuple[str, Path]]:
    files = [(file.relative_to(path), file) for file in sorted(path.rglob("*")) if file.is_file()]
    found = [
        (str(inside), file)
        for inside, file in files
        if file.name not in _BESIDE and not any(part.startswith((".", "__")) for part in inside.parts)
    ]
    if not any(by_suffix(name)[0] for name, _ in found):
        raise DataError(
            f"the directory holds no data: {len(found)} files, none of a format that can be read",
            where=str(path),
            cure="name a directory with JSONL, JSON, CSV, TSV, Parquet, Arrow or text files",
        )
    return found


def _table(src: str, path: Path, found: Sequence[tuple[str, Path]], split: str | None) -> Table:
    several = len(found) > 1
    kinds = {name: by_suffix(name)[0] for name, _ in found}
    taken, passed = sort_out(kinds) if several else (list(kinds), [])
    groups = by_split([(name, file) for name, file in found if name in set(taken)])
    chosen = choose_split(list(groups), split, src)
    files = tuple(data_file(file) for file in groups[chosen])
    one_format(files, src)
    sizes = tuple(
        SplitSize(name, None, sum(member.stat().st_size for member in members), len(members))
        for name, members in groups.items()
    )
    remarks = (f"passed over {len(passed)} files that are no data: {', '.join(passed[:5])}",) if passed else ()
    return Table(path.name or src, src, "", None, sizes, chosen, files, remarks)


def sort_out(kinds: dict[str, Format | None]) -> tuple[list[str], list[str]]:
    """Names of data files, and those passed over: text beside structured data is a note, not data."""
    structured = [name for name, kind in kinds.items() if kind not in (None, "text")]
    taken = structured or [name for name, kind in kinds.items() if kind == "text"]
    chosen = set(taken)
    return taken, [name for name in kinds if name not in chosen]


def choose_split(splits: Sequence[str], wanted: str | None, where: str) -> str:
    """The split that is wanted, or the usual one. Raises DataError."""
    if wanted is None:
        return "train" if "train" in splits else splits[0]
    if wanted not in splits:
        raise DataError(f"there is no split {wanted!r}", where=where, cure=f"choose one of: {', '.join(splits)}")
    return wanted


def one_format(files: Sequence[DataFile], where: str) -> None:
    """Raises DataError where files of a split differ in format: they would not be one table."""
    kinds = sorted({file.format for file in files})
    if len(kinds) > 1:
        raise DataError(
            f"the files are of {len(kinds)} formats: {', '.join(kinds)}",
            where=where,
            cure=f"choose one of them with a pattern, such as {where.rstrip('/')}/**/*.{kinds[0]}",
        )


def data_file(path: Path) -> DataFile:
    """A file on this machine. Raises DataError."""
    _, compression = by_suffix(path.name)
    size = path.stat().st_size
    bare = DataFile(str(path), str(path), "jsonl", compression, size)
    return DataFile(str(path), str(path), settle(str(path), bare.open), compression, size)


def _of_version(version: DatasetVersion) -> Table:
    path = Path(version.path)
    if not path.is_file():
        raise DataError(
            f"the stored rows of dataset {version.name!r} ({version.id}) are gone",
            where=version.path,
            cure=f"register {version.source} again",
        )
    file = data_file(path)
    size = SplitSize("train", version.rows, file.bytes)
    return Table(version.name, version.id, "", None, (size,), "train", (file,))
