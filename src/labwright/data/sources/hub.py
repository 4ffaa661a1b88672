"""Datasets on the Hub: which dataset, config and split is meant, who may see it, and the Parquet files that hold it.

The viewer's own Parquet conversion is taken where it is whole; else the repository's files are. A dataset that does not
exist, is gated, private, blocked or not ready is an error that says which: never an empty success.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO, NoReturn, cast
from urllib.parse import quote

from pydantic import JsonValue

from labwright.contracts.data import SplitSize
from labwright.contracts.errors import DataError, NotFoundError, OfflineError, RateLimitedError, ServiceError
from labwright.contracts.http import Fetcher, Page, Service
from labwright.data.sources.datafile import DataFile
from labwright.data.sources.formats import by_suffix, settle
from labwright.data.sources.hub_wire import (
    Info,
    ParquetFile,
    Parquets,
    Repo,
    Sibling,
    Sizes,
    SplitName,
    SplitRows,
    Splits,
    good,
    read,
)
from labwright.data.sources.ranges import Ranges
from labwright.data.sources.splits import by_split
from labwright.data.sources.table import HubPlace, Table

_NAME = re.compile(
    r"(?:hub:)?(?P<id>[A-Za-z0-9][\w.-]*/[\w.-]*\w|[A-Za-z0-9][\w.-]*\w)"
    r"(?:@(?P<revision>[^:@\s]+))?(?::(?P<config>[^:@\s]+))?"
)
_BUFFER_BYTES = 1 << 20
_NOT_READY = ("ResponseNotReady", "ResponseNotReadyError", "ResponseAlreadyComputedError", "CachedResponseNotFound")
_FALL_BACK = (404, 422, 500, 501)


@dataclass(frozen=True, slots=True)
class HubAccess:
    """How the Hub is reached: the polite client and two of `labwright.http.services`."""

    fetcher: Fetcher
    hub: Service  # services.hugging_face(endpoint, token)
    viewer: Service  # services.dataset_viewer(base_url, token)


@dataclass(frozen=True, slots=True)
class HubName:
    """`hub:ORG/NAME@REVISION:CONFIG`."""

    id: str
    revision: str | None = None
    config: str | None = None

    @classmethod
    def parse(cls, src: str) -> HubName | None:
        """None where it cannot be a dataset's name. Without `hub:` it needs an organisation and no file's suffix."""
        found = _NAME.fullmatch(src)
        if found is None or (not src.startswith("hub:") and ("/" not in found["id"] or by_suffix(found["id"])[0])):
            return None
        return cls(found["id"], found["revision"], found["config"])

    def __str__(self) -> str:
        revision = f"@{self.revision}" if self.revision else ""
        return f"hub:{self.id}{revision}" + (f":{self.config}" if self.config else "")


def open_on_hub(name: HubName, split: str | None, access: HubAccess) -> Table:
    """See `open_source`."""
    repo = repository(name, access)
    if name.revision in (None, "main", repo.sha):
        try:
            return _by_viewer(name, repo, split, access)
        except (OfflineError, RateLimitedError):
            raise
        except ServiceError as error:
            if repo.is_gated and error.status in (401, 403):
                _refuse_gated(name)
            if error.status not in _FALL_BACK:
                raise
            return _by_files(name, repo, split, access, error)
    return _by_files(name, repo, split, access, None)


def repository(name: HubName, access: HubAccess) -> Repo:
    """The dataset's repository. Raises DataError where there is none, or none that may be seen."""
    path = f"/api/datasets/{quote(name.id)}" + (f"/revision/{quote(name.revision, safe='')}" if name.revision else "")
    try:
        repo = read(Repo, access.fetcher.get(access.hub, path, {"blobs": "true"}))
    except (OfflineError, RateLimitedError):
        raise
    except ServiceError as error:
        _refuse(name, error, access)
    if repo.disabled:
        raise DataError("the Hub has disabled this dataset", where=str(name), cure="choose another dataset")
    return repo


def configs_of(name: HubName, access: HubAccess) -> list[str]:
    """The configs that the viewer knows of a dataset. Raises ServiceError."""
    pairs = good(SplitName, read(Splits, _ask(access, "/splits", name, None)).splits)
    return list(dict.fromkeys(pair.config for pair in pairs))


def _refuse(name: HubName, error: ServiceError, access: HubAccess) -> NoReturn:
    """Say what the Hub refused, as far as it tells."""
    token = access.hub.token is not None
    if error.code == "GatedRepo":
        _refuse_gated(name, error)
    if error.code == "RevisionNotFound":
        raise DataError(
            f"the dataset has no revision {name.revision!r}", where=str(name), cure="check the revision"
        ) from error
    if error.code == "DisabledRepo":
        raise DataError("the Hub has disabled this dataset", where=str(name), cure="choose another dataset") from error
    if isinstance(error, NotFoundError) or error.status in (401, 403):
        may = "that this token may see" if token else "that can be seen without a token"
        cure = "check the name" + ("" if token else "; if it is private, set HF_TOKEN")
        raise DataError(f"there is no dataset of this name on the Hub {may}", where=str(name), cure=cure) from error
    raise error


def _refuse_gated(name: HubName, error: ServiceError | None = None) -> NoReturn:
    raise DataError(
        "this dataset is gated: its owner lets in only those who accepted its terms",
        where=str(name),
        cure=f"accept the terms on its page (datasets/{name.id}) and set HF_TOKEN to a token of that account",
    ) from error


def _by_viewer(name: HubName, repo: Repo, split: str | None, access: HubAccess) -> Table:
    """Raises ServiceError where the viewer has not, or not wholly, what is asked for."""
    found = read(Splits, _ask(access, "/splits", name, None))
    pairs = good(SplitName, found.splits)
    if not pairs:
        raise ServiceError("the viewer knows no split", where=str(name), status=500, code="NoSplits")
    config = _config([pair.config for pair in pairs], name)
    splits = list(dict.fromkeys(pair.split for pair in pairs if pair.config == config))
    chosen = _split(splits, split, name)
    answer = read(Parquets, _ask(access, "/parquet", name, config))
    files = [one for one in good(ParquetFile, answer.parquet_files) if (one.config, one.split) == (config, chosen)]
    if not files:
        raise ServiceError("the viewer has no Parquet files yet", where=str(name), status=500, code="ResponseNotReady")
    remarks = [f"{len(found.failed)} splits failed in the viewer"] if found.failed else []
    if answer.partial:
        try:
            return _by_files(name, repo, split, access, None)
        except DataError:
            remarks.append("the Hub converted only the first part of this dataset; the rows behind it are not seen")
    sizes = _sizes(name, config, access)
    members = tuple(
        _remote(access, one.url, f"{name.id}/{config}/{chosen}/{one.filename or index}", one.size)
        for index, one in enumerate(files)
    )
    listed = tuple(_split_size(one, sizes, answer, config) for one in splits)
    origin = str(HubName(name.id, name.revision, config))
    return Table(
        name.id,
        origin,
        repo.sha or "",
        repo.licence,
        listed,
        chosen,
        members,
        tuple(remarks),
        _class_names(name, config, access),
        HubPlace(name.id, config, chosen, access.fetcher, access.viewer),
    )


def _by_files(name: HubName, repo: Repo, split: str | None, access: HubAccess, why: ServiceError | None) -> Table:
    """The repository's own files. Raises DataError where it has none that can be read."""
    data = [(one, kind) for one in repo.files if (kind := by_suffix(one.rfilename)[0]) and not _is_beside(one)]
    structured = [one for one, kind in data if kind != "text"] or [one for one, _ in data]
    if name.config is not None:
        folders = sorted({one.rfilename.split("/")[-2] for one in structured if "/" in one.rfilename})
        structured = [one for one in structured if name.config in one.rfilename.split("/")[:-1]]
        if not structured:
            raise DataError(
                f"the files tell of no config {name.config!r}",
                where=str(name),
                cure=f"choose a folder of it: {', '.join(folders[:20])}" if folders else "leave the config out",
            )
    if not structured:
        _refuse_unready(name, why)
    groups = by_split([(one.rfilename, one) for one in structured])
    chosen = _split(list(groups), split, name)
    revision = repo.sha or name.revision or "main"
    files = tuple(_member(access, name, revision, one) for one in groups[chosen])
    kinds = sorted({file.format for file in files})
    if len(kinds) > 1:
        raise DataError(
            f"the split's files are of {len(kinds)} formats: {', '.join(kinds)}",
            where=str(name),
            cure="download those of one format and name the folder",
        )
    sizes = tuple(
        SplitSize(label, None, _total([one.size for one in members]), len(members)) for label, members in groups.items()
    )
    remark = "read from the repository's own files" + (f": {why.what}" if why is not None else "")
    return Table(name.id, str(name), repo.sha or "", repo.licence, sizes, chosen, files, (remark,))


def _refuse_unready(name: HubName, why: ServiceError | None) -> NoReturn:
    if why is not None and why.code in _NOT_READY:
        raise DataError(
            "the Hub is still preparing this dataset", where=str(name), cure="try again in some minutes"
        ) from why
    said = f"; the viewer says: {why.what}" if why is not None else ""
    raise DataError(
        f"the dataset has no files of a format that can be read{said}",
        where=str(name),
        cure="download it and convert it to JSONL, CSV or Parquet",
    ) from why


def _is_beside(one: Sibling) -> bool:
    parts = one.rfilename.split("/")
    beside = ("dataset_info.json", "dataset_infos.json", "state.json", "dataset_dict.json")
    return parts[-1] in beside or any(part.startswith(".") for part in parts)


def _config(configs: Sequence[str], name: HubName) -> str:
    known = list(dict.fromkeys(configs))
    if name.config is not None:
        if name.config in known:
            return name.config
        raise DataError(
            f"there is no config {name.config!r}", where=str(name), cure=f"choose one of: {', '.join(known[:20])}"
        )
    if len(known) == 1 or "default" in known:
        return "default" if "default" in known else known[0]
    raise DataError(
        f"the dataset has {len(known)} configs: {', '.join(known[:20])}",
        where=str(name),
        cure=f"name one, such as hub:{name.id}:{known[0]}",
    )


def _split(splits: Sequence[str], wanted: str | None, name: HubName) -> str:
    if wanted is None:
        return "train" if "train" in splits else splits[0]
    if wanted not in splits:
        raise DataError(f"there is no split {wanted!r}", where=str(name), cure=f"choose one of: {', '.join(splits)}")
    return wanted


def _ask(access: HubAccess, path: str, name: HubName, config: str | None) -> Page:
    return access.fetcher.get(access.viewer, path, {"dataset": name.id, "config": config})


def _sizes(name: HubName, config: str, access: HubAccess) -> Mapping[str, SplitRows]:
    """What `/size` says; nothing where it says nothing, since files and rows tell it as well."""
    try:
        answer = read(Sizes, _ask(access, "/size", name, config))
    except (OfflineError, RateLimitedError):
        raise
    except ServiceError:
        return {}
    return {one.split: one for one in answer.splits if one.config == config}


def _split_size(split: str, sizes: Mapping[str, SplitRows], answer: Parquets, config: str) -> SplitSize:
    files = [one for one in good(ParquetFile, answer.parquet_files) if (one.config, one.split) == (config, split)]
    said = sizes.get(split)
    return SplitSize(split, said.num_rows if said else None, _total([one.size for one in files]), len(files))


def _class_names(name: HubName, config: str, access: HubAccess) -> dict[str, tuple[str, ...]]:
    """The names of label columns, from `/info`."""
    try:
        info = read(Info, _ask(access, "/info", name, config)).dataset_info
    except (OfflineError, RateLimitedError):
        raise
    except ServiceError:
        return {}
    return class_names(info.get("features"))


def class_names(features: JsonValue) -> dict[str, tuple[str, ...]]:
    """The names of `ClassLabel` columns among a dataset's features."""
    found = {}
    for column, feature in features.items() if isinstance(features, dict) else ():
        if isinstance(feature, dict) and feature.get("_type") == "ClassLabel":
            names = feature.get("names")
            if isinstance(names, list) and names:
                found[column] = tuple(str(one) for one in names)
    return found


def _member(access: HubAccess, name: HubName, revision: str, one: Sibling) -> DataFile:
    url = f"{access.hub.base_url}/datasets/{quote(name.id)}/resolve/{quote(revision, safe='')}/{quote(one.rfilename)}"
    return _remote(access, url, f"{name.id}/{one.rfilename}", one.size)


def _remote(access: HubAccess, url: str, name: str, size: int | None) -> DataFile:
    opened = partial(_open, access, url, name)
    _, compression = by_suffix(name)
    bare = DataFile(url, name, "parquet", compression, size, None, opened)
    return DataFile(url, name, settle(name, bare.open), compression, size, None, opened)


def _open(access: HubAccess, url: str, name: str) -> BinaryIO:
    try:
        return cast(BinaryIO, io.BufferedReader(Ranges(access.fetcher, access.hub, url, name), _BUFFER_BYTES))
    except ServiceError as error:
        if error.code == "GatedRepo":
            raise DataError(
                "this dataset is gated: its owner lets in only those who accepted its terms",
                where=name,
                cure="accept the terms on its page and set HF_TOKEN to a token of that account",
            ) from error
        raise


def _total(sizes: Sequence[int | None]) -> int | None:
    return None if None in sizes else sum(size for size in sizes if size is not None)
