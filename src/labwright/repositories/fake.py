"""A source of code in memory, for tests and for whoever wants to try what stands on top of one."""

from __future__ import annotations

from collections.abc import Mapping

from labwright.contracts.errors import NotFoundError, UsageError
from labwright.contracts.repositories import (
    FileEntry,
    FileKind,
    FileText,
    FoundRepositories,
    Hit,
    Hits,
    Listing,
    Place,
    Repository,
)
from labwright.repositories.addresses import clean_path
from labwright.repositories.contents import file_text
from labwright.repositories.matching import match_name, telling, terms


class FakeCode:
    """A `CodeSource` over `{repository: {path: content}}`. `stars` order its repositories; revisions are not kept."""

    def __init__(
        self,
        repositories: Mapping[str, Mapping[str, str | bytes]],
        *,
        stars: Mapping[str, int] | None = None,
        updated: Mapping[str, str] | None = None,
        name: str = "fake",
    ) -> None:
        self.name = name
        self._stars = dict(stars or {})
        self._updated = dict(updated or {})
        self._files = {
            repo: {path: text.encode() if isinstance(text, str) else text for path, text in files.items()}
            for repo, files in repositories.items()
        }

    def repositories(self, text: str, limit: int) -> FoundRepositories:
        """Those whose name, or the name of one of whose files, answers."""
        wanted = telling(terms(text))
        found = [
            Repository(Place(self.name, repo), f"fake://{repo}", "", self._stars.get(repo), self._updated.get(repo, ""))
            for repo, files in self._files.items()
            if not wanted or any(match_name(f"{repo}/{path}", wanted).matched for path in files)
        ]
        found.sort(key=lambda r: -(r.stars or 0))
        return FoundRepositories(tuple(found[:limit]), len(found))

    def files(self, repo: str, revision: str = "", under: str = "") -> Listing:
        """See `CodeSource.files`."""
        under = clean_path(under)
        entries = [
            FileEntry(path, len(data))
            for path, data in sorted(self._of(repo, revision).items())
            if not under or path == under or path.startswith(f"{under}/")
        ]
        if under and not entries:
            raise NotFoundError(f"{repo} has no folder {under}", where=repo, cure="list its root")
        return Listing(Place(self.name, repo, under, revision), tuple(entries))

    def search(self, text: str, repo: str | None, limit: int) -> Hits:
        """Files that hold a word of the search, or are named so; those with the most words first."""
        wanted = telling(terms(text))
        if not wanted:
            raise UsageError("the search is empty", cure="name what to look for")
        scored: list[tuple[float, Hit]] = []
        for name in [repo] if repo is not None else self._files:
            for path, data in self._of(name, "").items():
                file = file_text(Place(self.name, name, path), data)
                lines = file.text.lower().split("\n") if file.kind is FileKind.TEXT else []
                held = sum(any(term in line for line in lines) for term in wanted)
                named = match_name(path, wanted)
                if held or named.matched:
                    first = next((n for n, line in enumerate(lines, 1) if any(t in line for t in wanted)), None)
                    passage = file.text.split("\n")[first - 1].strip() if first is not None else ""
                    scored.append((held + named.score, Hit(file.place, first, passage)))
        scored.sort(key=lambda pair: -pair[0])
        return Hits(tuple(hit for _, hit in scored[:limit]), len(scored))

    def read(self, repo: str, path: str, revision: str = "") -> FileText:
        """See `CodeSource.read`."""
        path = clean_path(path)
        place = Place(self.name, repo, path, revision)
        files = self._of(repo, revision)
        if path not in files:
            if not path or any(other.startswith(f"{path}/") for other in files):
                raise UsageError("this is a folder", where=str(place), cure="list it and name one of its files")
            raise NotFoundError(f"{repo} has no file {path}", where=str(place), cure="list the repository")
        return file_text(place, files[path], f"fake://{repo}/{path}")

    def _of(self, repo: str, revision: str) -> dict[str, bytes]:
        if repo not in self._files or revision not in ("", "main"):
            raise NotFoundError("there is no such repository or revision", where=repo, cure="correct the name")
        return self._files[repo]
