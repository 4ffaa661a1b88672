"""The Hub's file routes on loopback, from `{repository: {path: bytes}}`: search, trees in pages, resolve, refusals.

A repository is `ORG/NAME`, `datasets/ORG/NAME` or `spaces/ORG/NAME`. Those in `gated` are refused as gated, those in
`private` as if they did not exist; large files go through a redirect to `cdn`, where one is given.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from urllib.parse import unquote, urlsplit

from tests.servers.replay import ReplayServer, Reply, Request, redirect, reply

_KINDS = {"models": "", "datasets": "datasets/", "spaces": "spaces/"}


class HubFilesServer(ReplayServer):
    """See the module's docstring."""

    def __init__(
        self,
        repos: Mapping[str, Mapping[str, bytes]],
        *,
        likes: Mapping[str, int] | None = None,
        gated: Collection[str] = (),
        private: Collection[str] = (),
        cdn: str | None = None,
        page_limit: int = 1000,
    ) -> None:
        super().__init__({f"/api/{kind}*": self._api for kind in _KINDS} | {"/*": self._resolve})
        self.repos = repos
        self.likes = dict(likes or {})
        self.gated, self.private, self.cdn, self.page_limit = gated, private, cdn, page_limit

    def _api(self, request: Request) -> Reply:
        raw = urlsplit(request.target).path.split("/")[2:]
        kind, rest = raw[0], [unquote(part) for part in raw[1:]]
        if not rest:
            return self._search(request, _KINDS[kind])
        at = rest.index("tree")
        repo, revision, under = _KINDS[kind] + "/".join(rest[:at]), rest[at + 1], "/".join(rest[at + 2 :])
        refused = self._refused(repo, revision)
        if refused is not None:
            return refused
        rows = []
        folders: set[str] = set()
        for path, data in sorted(self.repos[repo].items()):
            if under and not path.startswith(f"{under}/"):
                continue
            folder = path.rpartition("/")[0]
            if folder and folder not in folders:
                folders.add(folder)
                rows.append({"type": "directory", "oid": "t" * 40, "size": 0, "path": folder})
            row = {"type": "file", "oid": "f" * 40, "size": len(data), "path": path}
            if path.endswith(".bin"):
                row["lfs"] = {"oid": "a" * 64, "size": len(data), "pointerSize": 135}
            rows.append(row)
        if not rows:
            return _error(404, "EntryNotFound", f"{under} does not exist on {revision}")
        start = int(request.query.get("cursor", 0))
        end = start + self.page_limit
        link = f'<{self.url}{urlsplit(request.target).path}?recursive=true&cursor={end}>; rel="next"'
        return reply(200, rows[start:end], {"Link": link} if end < len(rows) else {})

    def _resolve(self, request: Request) -> Reply:
        repo, _, rest = urlsplit(request.target).path.lstrip("/").partition("/resolve/")
        revision, path = (unquote(part) for part in rest.split("/", 1))
        refused = self._refused(repo, revision)
        if refused is not None:
            return refused
        data = self.repos[repo].get(path)
        if data is None:
            return _error(404, "EntryNotFound", "Entry not found")
        return redirect(f"{self.cdn}/{path}") if self.cdn is not None else reply(data)

    def _refused(self, repo: str, revision: str) -> Reply | None:
        if repo in self.gated:
            return _error(403, "GatedRepo", f"Access to {repo} is restricted")
        if repo in self.private or repo not in self.repos:
            return _error(401, "RepoNotFound", "Invalid username or password.")
        if revision not in ("main", "refs/pr/1"):
            return _error(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return None

    def _search(self, request: Request, prefix: str) -> Reply:
        words = request.query.get("search", "").lower().split()
        other = tuple(p for p in _KINDS.values() if p)
        names = [n for n in self.repos if (n.startswith(prefix) if prefix else not n.startswith(other))]
        names = [n for n in names if all(word in n.lower() for word in words) and n not in self.private]
        names.sort(key=lambda name: -self.likes.get(name, 0))
        rows = [
            {"id": n.removeprefix(prefix), "likes": self.likes.get(n, 0), "lastModified": "2026-09-01T10:00:00.000Z"}
            for n in names
        ]
        return reply(rows[: int(request.query.get("limit", 1000))])


def _error(status: int, code: str, message: str) -> Reply:
    return reply(status, {"error": message}, {"X-Error-Code": code, "X-Error-Message": message})
