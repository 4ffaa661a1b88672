"""Files of models, datasets and Spaces on the Hugging Face Hub, at any revision, without downloading a repository.

The Hub names the reason of a refusal in `X-Error-Code`, which the client's errors carry as their `code`. Here each
reason becomes its own error: gated, missing or private, no such revision, no such file.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import zip_longest
from typing import Annotated, Final

from pydantic import Field

from labwright.contracts.errors import NotFoundError, OfflineError, RateLimitedError, ServiceError, UsageError
from labwright.contracts.http import Fetcher, Page, Params, Service
from labwright.contracts.literature import Failure
from labwright.contracts.repositories import (
    FileEntry,
    FileText,
    FoundRepositories,
    Hit,
    Hits,
    Listing,
    Place,
    Repository,
)
from labwright.repositories.addresses import check_hub, clean_path, quoted, quoted_revision
from labwright.repositories.contents import MOST_BYTES, binary, file_text, is_binary_name
from labwright.repositories.matching import by_name, telling, terms
from labwright.repositories.wire import Count, FilePath, Flag, Text, Wire, items, next_page

_KINDS: Final[Mapping[str, str]] = {"models": "", "datasets": "datasets/", "spaces": "spaces/"}  # in the API: in URLs
_MOST_PAGES = 50  # of a tree, a thousand files each
_GUESSED_REPOSITORIES = 3
_NAMES_ONLY = "the Hub has no code search: names of files were searched"
_MAIN = "main"


class _RepositoryWire(Wire):
    """A model, dataset or Space in a list."""

    id: Annotated[str, Field(pattern=r"^[\w-][\w.-]*(/[\w.-]*[\w-][\w.-]*)?$")]
    likes: Count = None
    lastModified: Text = ""  # noqa: N815  the wire's name
    description: Text = ""
    disabled: Flag = False


class _LfsWire(Wire):
    size: Count = None


class _EntryWire(Wire):
    """A file or folder of a tree."""

    path: FilePath
    type: Text = "file"
    size: Count = None
    lfs: _LfsWire | None = None


class HubFiles:
    """A `CodeSource` over the Hub's repositories. `ORG/NAME` is a model; datasets/… and spaces/… are the others."""

    name = "hf"

    def __init__(self, fetcher: Fetcher, service: Service) -> None:
        self._fetcher = fetcher
        self._service = service

    def repositories(self, text: str, limit: int) -> FoundRepositories:
        """Models, datasets and Spaces whose name answers, the most liked first.

        Raises ServiceError where no kind was answered; else the failures are in the result.
        """
        found: list[Repository] = []
        failures: list[Failure] = []
        remarks: list[str] = []
        refused: ServiceError | None = None
        for kind, prefix in _KINDS.items():
            params: Params = {"search": text, "sort": "likes", "direction": -1, "limit": limit, "full": "true"}
            try:
                rows, dropped = items(self._fetcher.get(self._service, f"/api/{kind}", params), _RepositoryWire)
            except ServiceError as error:
                refused = error
                failures.append(Failure(f"{self.name} {kind}", error.one_line()))
                continue
            found += [self._repository(row, prefix) for row in rows if not row.disabled]
            if dropped:
                remarks.append(f"{dropped} {kind} of the Hub's answer could not be read")
        if refused is not None and len(failures) == len(_KINDS):
            raise refused
        best = sorted(found, key=lambda r: -(r.stars or 0))[:limit]
        return FoundRepositories(tuple(best), None, tuple(remarks), tuple(failures))

    def files(self, repo: str, revision: str = "", under: str = "") -> Listing:
        """Every file at a revision. Raises NotFoundError, UsageError, ServiceError (gated: says where to ask)."""
        under = clean_path(under)
        place = Place(self.name, check_hub(repo), under, revision)
        at = f"/{quoted(under)}" if under else ""
        path = f"/api/{_api_path(repo)}/tree/{quoted_revision(revision or _MAIN)}{at}"
        files: list[FileEntry] = []
        remarks: list[str] = []
        params: Params | None = {"recursive": "true"}
        for _ in range(_MOST_PAGES):
            page = self._get(path, place, params)
            rows, dropped = items(page, _EntryWire)
            files += [_entry(row) for row in rows if row.type == "file"]
            if dropped:
                remarks.append(f"{dropped} entries of the Hub's listing could not be read")
            following = next_page(page, self._service)
            if following is None:
                break
            path, params = following, None
        else:
            remarks.append(f"only the first {len(files)} files were listed: name a folder to see the others")
        files.sort(key=lambda entry: entry.path)
        return Listing(place, tuple(files), not remarks, tuple(remarks))

    def search(self, text: str, repo: str | None, limit: int) -> Hits:
        """Files whose name answers: in a repository, or in the most liked ones that a search finds."""
        remarks = [_NAMES_ONLY]
        failures: list[Failure] = []
        if repo is not None:
            repos = [check_hub(repo)]
        else:
            known = self.repositories(" ".join(telling(terms(text))), _GUESSED_REPOSITORIES)
            repos = [r.place.repo for r in known.repositories]
            failures += known.failures
            remarks.append(f"looked in {', '.join(repos) or 'no repository'}: name a repository to look elsewhere")
        wanted = telling(terms(text))
        found: list[list[Hit]] = []
        for name in repos:
            try:
                listing = self.files(name)
            except ServiceError as error:
                if repo is not None or isinstance(error, RateLimitedError | OfflineError):
                    raise
                failures.append(Failure(f"{self.name}:{name}", error.one_line()))  # gated, say: the others serve
                continue
            remarks += listing.remarks
            found.append([Hit(Place(self.name, name, f.path)) for f in by_name(listing.files, wanted, limit)])
        hits = [hit for row in zip_longest(*found) for hit in row if hit is not None]
        return Hits(tuple(hits[:limit]), len(hits), tuple(remarks), tuple(failures))

    def read(self, repo: str, path: str, revision: str = "") -> FileText:
        """A whole file of at most 8 MB, through LFS where it lies there. Raises NotFoundError, ServiceError."""
        path = clean_path(path)
        place = Place(self.name, check_hub(repo), path, revision)
        if not path:
            raise UsageError("a whole repository is no file", where=str(place), cure="name one of its files")
        at = quoted_revision(revision or _MAIN)
        url = f"{self._service.base_url}/{repo}/blob/{at}/{quoted(path)}"
        if is_binary_name(path):  # weights and images: not fetched to be thrown away
            return binary(place, None, url)
        page = self._get(f"/{repo}/resolve/{at}/{quoted(path)}", place, most_bytes=MOST_BYTES)
        return file_text(place, page.body, url)

    def readme(self, repo: str, revision: str = "") -> FileText:
        """The card. Raises NotFoundError, ServiceError."""
        return self.read(repo, "README.md", revision)

    def _repository(self, row: _RepositoryWire, prefix: str) -> Repository:
        repo = f"{prefix}{row.id}"
        url = f"{self._service.base_url}/{repo}"
        description = " ".join(row.description.split())
        return Repository(Place(self.name, repo), url, description, row.likes, row.lastModified[:10], _MAIN)

    def _get(self, path: str, place: Place, params: Params | None = None, *, most_bytes: int | None = None) -> Page:
        try:
            return self._fetcher.get(self._service, path, params, most_bytes=most_bytes)
        except (RateLimitedError, OfflineError):
            raise
        except ServiceError as error:
            raise self._reason(error, place) or error from error

    def _reason(self, error: ServiceError, place: Place) -> ServiceError | None:
        """The refusal in its own words; None where the Hub gave no reason that is known here."""
        where, revision = str(place), place.revision or _MAIN
        match error.code:
            case "GatedRepo":
                cure = f"accept its terms at {self._service.base_url}/{place.repo}"
                cure += ", and set HF_TOKEN" if self._service.token is None else " as the owner of the token"
                return ServiceError(
                    f"{place.repo} is gated", where=where, cure=cure, status=error.status, code=error.code
                )
            case "RevisionNotFound":
                what, cure = f"{place.repo} has no revision {revision}", "name a branch, tag or commit that exists"
            case "EntryNotFound":
                what = f"{place.repo} has no {place.path or 'files'} at {revision}"
                cure = "list the repository and name one of its files"
            case "RepoNotFound":
                what = f"the Hub has no {place.repo}, or it is private"
                hidden = "set HF_TOKEN where it is private" if self._service.token is None else "use another token"
                cure = f"correct the name (a dataset is datasets/OWNER/NAME, a Space spaces/OWNER/NAME), or {hidden}"
            case _:
                if not isinstance(error, NotFoundError):
                    return None
                what, cure = f"the Hub has no {place.repo}, or not this file or revision of it", "correct the name"
        return NotFoundError(what, where=where, cure=cure, status=error.status, code=error.code)


def _api_path(repo: str) -> str:
    return repo if repo.startswith(("datasets/", "spaces/")) else f"models/{repo}"


def _entry(row: _EntryWire) -> FileEntry:
    size = row.lfs.size if row.lfs is not None and row.lfs.size is not None else row.size
    return FileEntry(row.path, size, "lfs" if row.lfs is not None else "")
