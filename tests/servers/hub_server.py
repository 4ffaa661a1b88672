"""Datasets of the Hub on loopback: its API, its files with ranges, its search, and the dataset viewer, on one server.

    dataset = HubDataset("acme/sums", splits={"default": {"train": rows}}, licence="mit")
    with HubServer([dataset]) as server:
        access = server.access(tmp_path)          # a HubAccess; or server.hub_service(), server.viewer_service()

`splits` are what the viewer knows (each becomes a Parquet file under `refs/convert/parquet`), `files` what the
repository holds. A gated dataset shows its card to everybody and its rows to a known token; a private one shows
nothing to strangers.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import pyarrow as pa
import pyarrow.parquet as pq
from tests.servers.replay import ReplayServer, Reply, Request, reply

from labwright.contracts.http import Service
from labwright.data.sources import HubAccess
from labwright.http import Http, Patience
from labwright.http.services import dataset_viewer, hugging_face

TOKEN = "hf_" + "t" * 34
SHA = "5" * 40
_PARQUET_REVISION = "refs/convert/parquet"


@dataclass
class HubDataset:
    """A dataset as the Hub has it."""

    id: str
    splits: Mapping[str, Mapping[str, Sequence[Mapping[str, Any]]]] = field(default_factory=dict)  # config, split, rows
    files: Mapping[str, bytes] = field(default_factory=dict)
    licence: str | None = None
    downloads: int = 0
    tags: Sequence[str] = ()
    gated: bool = False
    private: bool = False
    disabled: bool = False
    viewer_error: tuple[int, str, str] | None = None  # status, X-Error-Code, message, of every question to the viewer
    partial: bool = False
    features: Mapping[str, Any] = field(default_factory=dict)
    statistics: Mapping[str, Any] | None = None
    row_group_size: int = 1000

    def parquet(self, config: str, split: str) -> bytes:
        """A split as a Parquet file."""
        target = io.BytesIO()
        table = pa.Table.from_pylist([dict(row) for row in self.splits[config][split]])
        pq.write_table(table, target, row_group_size=self.row_group_size)
        return target.getvalue()


class HubServer(ReplayServer):
    """See the module's docstring."""

    def __init__(self, datasets: Sequence[HubDataset], *, ranges: bool = True) -> None:
        viewer = {f"/viewer/{name}": self._viewer for name in _VIEWER}
        super().__init__({"/api/datasets*": self._api, "/datasets/*": self._resolve, **viewer})
        self.datasets = {dataset.id: dataset for dataset in datasets}
        self.ranges = ranges

    def hub_service(self, token: str | None = None) -> Service:
        """The Hub itself."""
        return hugging_face(self.url, token)

    def viewer_service(self, token: str | None = None) -> Service:
        """The dataset viewer."""
        return dataset_viewer(f"{self.url}/viewer", token)

    def access(self, cache: Path, token: str | None = None) -> HubAccess:
        """The whole way to it, which never sleeps."""
        http = Http(cache, patience=Patience.hurried())
        return HubAccess(http, self.hub_service(token), self.viewer_service(token))

    def _api(self, request: Request) -> Reply:
        parts = [unquote(part) for part in urlsplit(request.target).path.split("/")[3:]]
        if not parts:
            return self._search(request)
        dataset = self.datasets.get("/".join(parts[:2]))
        revision = parts[3] if parts[2:3] in (["revision"], ["tree"]) and len(parts) > 3 else None
        refused = self._refused(dataset, request, revision)
        if refused is not None or dataset is None:
            return refused or _error(404, "RepoNotFound", "Repository not found")
        if parts[2:3] == ["tree"]:
            return reply(
                [{"type": "file", "path": path, "size": len(data)} for path, data in sorted(dataset.files.items())]
            )
        return reply(self._described(dataset))

    def _search(self, request: Request) -> Reply:
        words = request.query.get("search", "").lower().split()
        wanted = request.query.get("filter")
        found = [
            dataset
            for dataset in self.datasets.values()
            if not dataset.private
            and all(word in dataset.id.lower() for word in words)
            and (wanted is None or wanted in dataset.tags)
        ]
        found.sort(key=lambda dataset: -dataset.downloads)
        return reply([self._described(dataset) for dataset in found][: int(request.query.get("limit", 100))])

    def _described(self, dataset: HubDataset) -> dict[str, Any]:
        card = {"license": dataset.licence} if dataset.licence else None
        return {
            "_id": "x" * 24,
            "id": dataset.id,
            "sha": SHA,
            "private": dataset.private,
            "gated": "auto" if dataset.gated else False,
            "disabled": dataset.disabled,
            "downloads": dataset.downloads,
            "likes": 3,
            "lastModified": "2026-09-01T10:00:00.000Z",
            "tags": list(dataset.tags),
            "cardData": card,
            "siblings": [{"rfilename": path, "size": len(data)} for path, data in sorted(dataset.files.items())],
        }

    def _refused(self, dataset: HubDataset | None, request: Request, revision: str | None) -> Reply | None:
        known = request.headers.get("authorization") == f"Bearer {TOKEN}"
        if dataset is None or (dataset.private and not known):
            status = 404 if "authorization" in request.headers else 401
            return _error(status, "RepoNotFound", "Repository not found")
        if revision not in (None, "main", "refs/pr/1", SHA, _PARQUET_REVISION):
            return _error(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return None

    def _resolve(self, request: Request) -> Reply:
        name, _, rest = urlsplit(request.target).path.removeprefix("/datasets/").partition("/resolve/")
        revision, _, path = (unquote(part) for part in rest.partition("/"))
        dataset = self.datasets.get(unquote(name))
        refused = self._refused(dataset, request, revision)
        if refused is not None or dataset is None:
            return refused or _error(404, "RepoNotFound", "Repository not found")
        if dataset.gated and request.headers.get("authorization") != f"Bearer {TOKEN}":
            return _error(403, "GatedRepo", f"Access to dataset {dataset.id} is restricted")
        if revision == _PARQUET_REVISION:
            config, split, _ = path.split("/")
            data: bytes | None = dataset.parquet(config, split)
        else:
            data = dataset.files.get(path)
        if data is None:
            return _error(404, "EntryNotFound", "Entry not found")
        return self._part(request, data)

    def _part(self, request: Request, data: bytes) -> Reply:
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("range", ""))
        headers = {"ETag": f'"{len(data)}"', "Accept-Ranges": "bytes"}
        if asked is None or not self.ranges:
            return reply(200, data, headers)
        first = int(asked[1])
        last = min(int(asked[2] or len(data)), len(data) - 1)
        if first >= len(data):
            return reply(416, b"", {"Content-Range": f"bytes */{len(data)}"})
        return reply(206, data[first : last + 1], {**headers, "Content-Range": f"bytes {first}-{last}/{len(data)}"})

    def _viewer(self, request: Request) -> Reply:
        dataset = self.datasets.get(request.query.get("dataset", ""))
        known = request.headers.get("authorization") == f"Bearer {TOKEN}"
        if dataset is None or ((dataset.private or dataset.gated) and not known):
            words = "The dataset does not exist, or is not accessible without authentication (private or gated)."
            return _error(401, "ExternalUnauthenticatedError", words)
        if dataset.viewer_error is not None:
            return _error(*dataset.viewer_error)
        config, split = request.query.get("config"), request.query.get("split")
        answer = getattr(self, _VIEWER[request.path.rpartition("/")[2]])(dataset, config, split)
        return answer if isinstance(answer, Reply) else reply(json.loads(json.dumps(answer)))

    def _is_valid(self, dataset: HubDataset, config: str | None, split: str | None) -> Any:
        whole = bool(dataset.splits)
        return {"preview": whole, "viewer": whole, "search": whole, "filter": whole, "statistics": whole}

    def _splits(self, dataset: HubDataset, config: str | None, split: str | None) -> Any:
        found = [
            {"dataset": dataset.id, "config": config, "split": split}
            for config, splits in dataset.splits.items()
            for split in splits
        ]
        return {"splits": found, "pending": [], "failed": []}

    def _parquet(self, dataset: HubDataset, config: str | None, split: str | None) -> Any:
        revision = quote(_PARQUET_REVISION, safe="")
        found = [
            {
                "dataset": dataset.id,
                "config": name,
                "split": one,
                "url": f"{self.url}/datasets/{dataset.id}/resolve/{revision}/{name}/{one}/0000.parquet",
                "filename": "0000.parquet",
                "size": len(dataset.parquet(name, one)),
            }
            for name, splits in dataset.splits.items()
            for one in splits
            if config in (None, name)
        ]
        return {"parquet_files": found, "pending": [], "failed": [], "partial": dataset.partial}

    def _size(self, dataset: HubDataset, config: str | None, split: str | None) -> Any:
        found = [
            {"dataset": dataset.id, "config": name, "split": one, "num_rows": len(rows), "num_columns": 1}
            for name, splits in dataset.splits.items()
            for one, rows in splits.items()
            if config in (None, name)
        ]
        return {"size": {"config": {}, "splits": found}, "pending": [], "failed": [], "partial": dataset.partial}

    def _info(self, dataset: HubDataset, config: str | None, split: str | None) -> Any:
        return {"dataset_info": {"features": dict(dataset.features)}, "partial": dataset.partial}

    def _statistics(self, dataset: HubDataset, config: str | None, split: str | None) -> Any:
        if dataset.statistics is None:
            return _error(501, "StatisticsComputationError", "no statistics")
        return dataset.statistics

    def _first_rows(self, dataset: HubDataset, config: str | None, split: str | None) -> Any:
        rows = dataset.splits[config or ""][split or ""][:100]
        found = [{"row_idx": index, "row": dict(row), "truncated_cells": []} for index, row in enumerate(rows)]
        return {"features": [], "rows": found, "truncated": False}


_VIEWER = {
    "is-valid": "_is_valid",
    "splits": "_splits",
    "parquet": "_parquet",
    "size": "_size",
    "info": "_info",
    "statistics": "_statistics",
    "first-rows": "_first_rows",
}


def _error(status: int, code: str, message: str) -> Reply:
    return reply(status, {"error": message}, {"X-Error-Code": code, "X-Error-Message": message})
