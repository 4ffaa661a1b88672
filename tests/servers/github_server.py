"""A GitHub on loopback: repositories from `{name: {path: bytes}}`, with search, trees that are cut short, and blobs.

    with GitHubServer({"org/tool": {"README.md": b"..."}}, stars={"org/tool": 7}) as github:
        Http(cache).get(Service("github", github.url), "/repos/org/tool")

`tree_cap` is the number of entries after which a tree is `truncated`. Everything of ReplayServer holds here too.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from tests.servers.replay import ReplayServer, Reply, Request, reply

_MOST_INLINE = 1_000_000
_CAP = 1000


class GitHubServer(ReplayServer):
    """See the module's docstring."""

    def __init__(
        self,
        repos: Mapping[str, Mapping[str, bytes]],
        *,
        stars: Mapping[str, int] | None = None,
        pushed: Mapping[str, str] | None = None,
        links: Mapping[str, str] | None = None,
        tree_cap: int = 100_000,
        sorts: bool = True,
        page_limit: int = 100,
    ) -> None:
        super().__init__(
            {
                "/repos/*": self._of_repository,
                "/users/*": self._owned,
                "/search/repositories": self._search_repositories,
                "/search/code": self._search_code,
            }
        )
        self.repos = repos
        self.stars = dict(stars or {})
        self.pushed = dict(pushed or {})
        self.links = dict(links or {})  # path: target, in every repository
        self.tree_cap = tree_cap
        self.sorts = sorts
        self.page_limit = page_limit

    def _of_repository(self, request: Request) -> Reply:
        raw = urlsplit(request.target).path.split("/")[2:]
        repo, rest = "/".join(raw[:2]), [unquote(part) for part in raw[2:]]
        files = self.repos.get(repo)
        if files is None:
            return _missing()
        match rest:
            case []:
                return reply(self._described(repo))
            case ["git", "trees", sha]:
                return self._tree(repo, files, sha, recursive="recursive" in request.query)
            case ["git", "blobs", sha]:
                data = next((data for data in files.values() if _sha(data) == sha), None)
                return reply({"encoding": "base64", "content": _wrapped(data)}) if data is not None else _missing()
            case ["contents", *path]:
                return self._contents(files, "/".join(path), request.query.get("ref", "main"))
            case ["readme"]:
                name = next((path for path in files if path.lower().startswith("readme")), "")
                return self._contents(files, name, "main") if name else _missing()
            case ["branches"]:
                return reply([{"name": "main", "commit": {"sha": "c" * 40}, "protected": False}])
            case ["tags"]:
                return reply([{"name": "v1.0", "commit": {"sha": "d" * 40}}])
        return _missing()

    def _tree(self, repo: str, files: Mapping[str, bytes], sha: str, *, recursive: bool) -> Reply:
        root = _folder_of(files, sha)
        if root is None:
            return _missing()
        entries: dict[str, dict[str, Any]] = {}
        for path, data in sorted(files.items()):
            if not path.startswith(root):
                continue
            parts = path[len(root) :].split("/")
            for depth in range(1, len(parts)):
                folder = "/".join(parts[:depth])
                if recursive or depth == 1:
                    entries.setdefault(
                        folder, {"path": folder, "mode": "040000", "type": "tree", "sha": _tree_sha(f"{root}{folder}/")}
                    )
            if recursive or len(parts) == 1:
                mode = "120000" if path in self.links else "100644"
                name = "/".join(parts)
                entries[name] = {"path": name, "mode": mode, "type": "blob", "sha": _sha(data), "size": len(data)}
        listed = list(entries.values())
        return reply({"sha": sha, "tree": listed[: self.tree_cap], "truncated": len(listed) > self.tree_cap})

    def _contents(self, files: Mapping[str, bytes], path: str, ref: str) -> Reply:
        if ref not in ("main", "v1.0"):
            return reply(404, {"message": f"No commit found for the ref {ref}"})
        if path in self.links:
            return reply({"type": "symlink", "path": path, "target": self.links[path], "size": 4})
        data = files.get(path)
        if data is None:
            below = [p for p in files if p.startswith(f"{path}/")] if path else list(files)
            return reply([{"type": "file", "path": p} for p in below]) if below else _missing()
        inline = len(data) <= _MOST_INLINE
        content = {"encoding": "base64", "content": _wrapped(data)} if inline else {"encoding": "none", "content": ""}
        url = f"https://github.example/blob/{path}"
        return reply(
            {"type": "file", "path": path, "sha": _sha(data), "size": len(data), "html_url": url, "target": None}
            | content
        )

    def _owned(self, request: Request) -> Reply:
        owner = request.path.split("/")[2]
        names = sorted(name for name in self.repos if name.startswith(f"{owner}/"))
        if not names:
            return _missing()
        number = int(request.query.get("page", 1))
        page = names[(number - 1) * self.page_limit : number * self.page_limit]
        more = number * self.page_limit < len(names)
        link = f'<{self.url}{request.path}?page={number + 1}>; rel="next", <{self.url}/x>; rel="last"'
        return reply(200, [self._described(name) for name in page], {"Link": link} if more else {})

    def _search_repositories(self, request: Request) -> Reply:
        words = [word for word in request.query["q"].lower().split() if ":" not in word]
        names = [name for name in self.repos if all(word in name.lower() for word in words)]
        if self.sorts and request.query.get("sort") == "stars":
            names.sort(key=lambda name: -self.stars.get(name, 0))
        found = [self._described(name) for name in names[:_CAP]]
        return _page(request, found, len(names))

    def _search_code(self, request: Request) -> Reply:
        if "authorization" not in request.headers:
            return reply(401, {"message": "Requires authentication", "status": "401"})
        words = request.query["q"].lower().split()
        wanted = [word for word in words if ":" not in word]
        only = next((word[5:] for word in words if word.startswith("repo:")), None)
        found = []
        for repo, files in self.repos.items():
            if only is not None and repo.lower() != only:
                continue
            for path, data in sorted(files.items()):
                text = data.decode("utf-8", errors="replace")
                if b"\0" not in data and all(word in text.lower() for word in wanted):
                    line = next(line for line in text.split("\n") if wanted[0] in line.lower())
                    found.append(
                        {
                            "name": path.rpartition("/")[2],
                            "path": path,
                            "sha": _sha(data),
                            "repository": {"full_name": repo},
                            "text_matches": [{"fragment": line, "matches": []}],
                        }
                    )
        return _page(request, found[:_CAP], len(found))

    def _described(self, name: str) -> dict[str, Any]:
        return {
            "full_name": name,
            "html_url": f"https://github.example/{name}",
            "description": None,
            "stargazers_count": self.stars.get(name, 0),
            "pushed_at": self.pushed.get(name, "2026-10-01T00:00:00Z"),
            "default_branch": "main",
            "archived": False,
        }


def _page(request: Request, found: list[dict[str, Any]], total: int) -> Reply:
    size, number = int(request.query.get("per_page", 30)), int(request.query.get("page", 1))
    items = found[(number - 1) * size : number * size]
    return reply({"total_count": total, "incomplete_results": False, "items": items})


def _missing() -> Reply:
    return reply(404, {"message": "Not Found", "status": "404"})


def _sha(data: bytes) -> str:
    return hashlib.sha1(data).hexdigest()


def _tree_sha(folder: str) -> str:
    return hashlib.sha1(b"tree" + folder.encode()).hexdigest()


def _folder_of(files: Mapping[str, bytes], sha: str) -> str | None:
    if sha in ("HEAD", "main", "feature/x"):
        return ""
    folders = {"/".join(p.split("/")[:n]) + "/" for p in files for n in range(1, p.count("/") + 1)}
    return next((folder for folder in folders if _tree_sha(folder) == sha), None)


def _wrapped(data: bytes) -> str:
    return base64.encodebytes(data).decode()
