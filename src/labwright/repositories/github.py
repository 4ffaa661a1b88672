"""GitHub: repositories by stars, files, code search. Public repositories are read without a token, only less often.

Searching code needs a token there. Without one, the names of a repository's files are searched, and a remark says so.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from http import HTTPStatus
from itertools import zip_longest
from typing import Literal

from labwright.contracts.errors import NotFoundError, OfflineError, RateLimitedError, ServiceError, UsageError
from labwright.contracts.http import Fetcher, Page, Params, Service
from labwright.contracts.literature import Failure
from labwright.contracts.repositories import (
    FileText,
    FoundRepositories,
    Hit,
    Hits,
    Listing,
    Place,
    Repository,
)
from labwright.repositories.addresses import check_github, clean_path, quoted, quoted_revision
from labwright.repositories.contents import MOST_BYTES, binary, file_text, is_binary_name, readable_size
from labwright.repositories.github_tree import Walk
from labwright.repositories.github_wire import (
    BlobWire,
    CodeHitWire,
    ContentWire,
    RefWire,
    RepositoryWire,
    SearchWire,
)
from labwright.repositories.matching import by_name, telling, terms
from labwright.repositories.wire import each, items, next_page, one

Sort = Literal["stars", "updated", "best-match"]

_PAGE = 100
_CAP = 1000  # of the results of any search GitHub hands out this many
_LONGEST = 256  # characters of a search
_TEXT_MATCH = {"Accept": "application/vnd.github.text-match+json"}
_GUESSED_REPOSITORIES = 3  # searched by name where nothing names a repository and code search is out of reach
_MOST_PAGES = 100
_NEEDS_TOKEN = "GitHub searches code only with a token (set GITHUB_TOKEN): names of files were searched instead"
_INDEX = "GitHub's code search knows default branches and files under 384 KB only"


class GitHub:
    """A `CodeSource` over GitHub's REST interface."""

    name = "github"

    def __init__(self, fetcher: Fetcher, service: Service, *, walk_requests: int | None = None) -> None:
        """`walk_requests` bounds the requests for one truncated tree: by default 200 with a token, 20 without."""
        self._fetcher = fetcher
        self._service = service
        self._walk_requests = walk_requests or (200 if service.token else 20)

    def repositories(self, text: str, limit: int, *, sort: Sort = "stars") -> FoundRepositories:
        """Repositories for a search (qualifiers such as `org:huggingface` or `language:python` are GitHub's).

        Pages are read until the first `limit` are known: GitHub sorts over all its results, which is checked; where
        they come unsorted after all, every page up to its cap of 1000 is read and sorted here.
        """
        _check_length(text)
        params: dict[str, str | int] = {"q": text, "per_page": _PAGE}
        if sort != "best-match":
            params |= {"sort": sort, "order": "desc"}
        found: dict[str, Repository] = {}
        total, incomplete, dropped = None, False, 0
        for number in range(1, _CAP // _PAGE + 1):
            page = one(self._get("/search/repositories", {**params, "page": number}), SearchWire)
            rows, bad = each(page.items, RepositoryWire)
            total, incomplete, dropped = page.total_count, incomplete or page.incomplete_results, dropped + bad
            for row in rows:
                found.setdefault(row.full_name.lower(), _repository(row))
            known = list(found.values())
            enough = len(known) >= limit and known == _sorted(known, sort)
            if enough or len(rows) + bad < _PAGE:
                break
        remarks = []
        if total is not None and total > _CAP and limit > len(found):
            remarks.append(
                f"GitHub hands out {_CAP} of these {total} repositories: there are more, narrow the search to see them"
            )
        if incomplete:
            remarks.append("GitHub's search ran out of time: repositories may be missing")
        if dropped:
            remarks.append(f"{dropped} results of GitHub could not be read")
        return FoundRepositories(tuple(_sorted(list(found.values()), sort)[:limit]), total, tuple(remarks))

    def owned(self, owner: str, limit: int, *, sort: Sort = "stars") -> FoundRepositories:
        """Every repository of a user or organisation, sorted over all pages. Raises NotFoundError, ServiceError."""
        check_github(f"{owner}/x")
        found: list[Repository] = []
        remarks: list[str] = []
        path = f"/users/{owner}/repos"
        params: Params | None = {"per_page": _PAGE, "sort": "full_name"}
        for _ in range(_MOST_PAGES):
            page = self._get(path, params)
            rows, dropped = items(page, RepositoryWire)
            found += [_repository(row) for row in rows]
            if dropped:
                remarks.append(f"{dropped} results of GitHub could not be read")
            following = next_page(page, self._service)
            if following is None:
                break
            path, params = following, None
        else:
            remarks.append(f"only the first {len(found)} repositories of {owner} by name were looked at")
        return FoundRepositories(tuple(_sorted(found, sort)[:limit]), len(found), tuple(remarks))

    def repository(self, repo: str) -> Repository:
        """What GitHub says of one. Raises NotFoundError, ServiceError."""
        return _repository(one(self._of(repo, ""), RepositoryWire))

    def refs(self, repo: str, limit: int = 100) -> tuple[tuple[str, str], ...]:
        """Branches, then tags, as (name, commit); of each kind at most `limit`. Raises NotFoundError, ServiceError."""
        found: list[tuple[str, str]] = []
        for kind in ("branches", "tags"):
            rows: list[RefWire] = []
            page = self._of(repo, f"/{kind}", {"per_page": min(limit, _PAGE)})
            rows += items(page, RefWire)[0]
            while len(rows) < limit and (following := next_page(page, self._service)):
                page = self._get(following)
                rows += items(page, RefWire)[0]
            found += [(row.name, row.commit.sha) for row in rows[:limit]]
        return tuple(found)

    def files(self, repo: str, revision: str = "", under: str = "") -> Listing:
        """Every file; a tree that GitHub cuts short is walked folder by folder. Raises NotFoundError, ServiceError."""
        check_github(repo)
        walk = Walk(lambda path, params: self._of(repo, path, params), self._walk_requests)
        place = Place(self.name, repo, clean_path(under), revision)
        try:
            entries = walk.files(quoted_revision(revision or "HEAD"), place.path)
        except ServiceError as error:
            if error.status != HTTPStatus.CONFLICT:
                raise
            return Listing(place, (), True, ("the repository is empty",))
        return Listing(place, tuple(entries), not walk.remarks, tuple(walk.remarks))

    def search(self, text: str, repo: str | None, limit: int) -> Hits:
        """See `CodeSource.search`: by GitHub's code search with a token, else by the names of files."""
        _check_length(text)
        if repo is not None:
            check_github(repo)
        if self._service.token is None:
            return self._search_names(text, repo, limit, _NEEDS_TOKEN)
        try:
            return self._search_code(text, repo, limit)
        except RateLimitedError as error:
            if repo is None:
                raise
            return self._search_names(text, repo, limit, f"{error.what}: names of files were searched instead")

    def read(self, repo: str, path: str, revision: str = "") -> FileText:
        """A whole file of at most 8 MB. Raises NotFoundError, UsageError, ServiceError."""
        path = clean_path(path)
        place = Place(self.name, check_github(repo), path, revision)
        if not path:
            raise UsageError("a whole repository is no file", where=str(place), cure="name one of its files")
        page = self._of(repo, f"/contents/{quoted(path)}", {"ref": revision or None})
        if isinstance(page.json(), list):
            raise UsageError("this is a folder", where=str(place), cure="list it and name one of its files")
        content = one(page, ContentWire)
        if content.type == "submodule":
            raise UsageError(
                "this is a submodule", where=str(place), cure=f"read it there: {content.submodule_git_url or 'unknown'}"
            )
        if content.type == "symlink":
            raise UsageError(f"this is a link to {content.target}", where=str(place), cure="read the file it names")
        if content.size is not None and content.size > MOST_BYTES:
            if is_binary_name(path):
                return binary(place, content.size, content.html_url)
            what = f"the file is too large to be read: {readable_size(content.size)} of at most 8 MB"
            raise ServiceError(what, where=str(place), cure="clone the repository and read it there")
        return file_text(place, self._bytes(repo, content, page), content.html_url)

    def readme(self, repo: str, revision: str = "") -> FileText:
        """The README, whatever its name is. Raises NotFoundError, ServiceError."""
        page = self._of(repo, "/readme", {"ref": revision or None})
        content = one(page, ContentWire)
        place = Place(self.name, repo, content.path or "README", revision)
        return file_text(place, self._bytes(repo, content, page), content.html_url)

    def _bytes(self, repo: str, content: ContentWire, page: Page) -> bytes:
        """The content: where the answer holds none (above 1 MB), from the blob itself, which GitHub serves whole."""
        if content.encoding == "base64" and (content.content or not content.size):
            return _decoded(content.content, page)
        if not content.sha:
            raise ServiceError("GitHub sent a file without its content", where=page.url, cure="try again later")
        blob = self._of(repo, f"/git/blobs/{quoted_revision(content.sha)}", most_bytes=2 * MOST_BYTES)
        return _decoded(one(blob, BlobWire).content, blob)

    def _search_code(self, text: str, repo: str | None, limit: int) -> Hits:
        question = f"{text} repo:{repo}" if repo else text
        _check_length(question)
        found: dict[Place, Hit] = {}
        total: int | None = None
        remarks = [_INDEX]
        for number in range(1, _CAP // _PAGE + 1):
            params: Params = {"q": question, "per_page": min(limit, _PAGE), "page": number}
            page = one(self._get("/search/code", params, headers=_TEXT_MATCH), SearchWire)
            rows, dropped = each(page.items, CodeHitWire)
            total = page.total_count
            for row in rows:
                place = Place(self.name, row.repository.full_name, row.path)
                found.setdefault(place, Hit(place, None, row.passage()))
            if page.incomplete_results:
                remarks.append("GitHub's search ran out of time: hits may be missing")
            if dropped:
                remarks.append(f"{dropped} hits of GitHub could not be read")
            if len(found) >= limit or len(rows) + dropped < min(limit, _PAGE):
                break
        else:
            remarks.append(f"GitHub hands out {_CAP} hits of {total}")
        return Hits(tuple(found.values())[:limit], total, tuple(dict.fromkeys(remarks)))

    def _search_names(self, text: str, repo: str | None, limit: int, why: str) -> Hits:
        wanted = telling(terms(text))
        remarks = [why]
        if repo is not None:
            repos = [repo]
        else:
            repos = [r.place.repo for r in self.repositories(text, _GUESSED_REPOSITORIES).repositories]
            remarks.append(f"looked in {', '.join(repos) or 'no repository'}: name a repository to look elsewhere")
        found: list[list[Hit]] = []
        failures: list[Failure] = []
        for name in repos:
            try:
                listing = self.files(name)
            except ServiceError as error:
                if repo is not None or isinstance(error, RateLimitedError | OfflineError):
                    raise
                failures.append(Failure(f"{self.name}:{name}", error.one_line()))  # taken down, say: the others serve
                continue
            remarks += listing.remarks
            found.append([Hit(Place(self.name, name, f.path)) for f in by_name(listing.files, wanted, limit)])
        hits = [hit for turn in zip_longest(*found) for hit in turn if hit is not None]
        return Hits(tuple(hits[:limit]), len(hits), tuple(remarks), tuple(failures))

    def _of(self, repo: str, path: str, params: Params | None = None, *, most_bytes: int | None = None) -> Page:
        """A page about a repository, whose absence is said in its own words."""
        try:
            return self._get(f"/repos/{check_github(repo)}{path}", params, most_bytes=most_bytes)
        except NotFoundError as error:
            at = f" at {params['ref']}" if params and params.get("ref") else ""
            hidden = "or it is private" if self._service.token is None else "or the token may not see it"
            what = f"GitHub has no such file, revision or repository{at}, {hidden}"
            cure = "correct the name, or list the repository"
            raise NotFoundError(what, where=error.where, cure=cure, status=error.status) from error

    def _get(
        self,
        path: str,
        params: Params | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        most_bytes: int | None = None,
    ) -> Page:
        return self._fetcher.get(self._service, path, params, headers=headers, most_bytes=most_bytes)


def _repository(row: RepositoryWire) -> Repository:
    return Repository(
        Place(GitHub.name, row.full_name),
        row.html_url or f"https://github.com/{row.full_name}",
        row.description,
        row.stargazers_count,
        row.pushed_at[:10],
        row.default_branch,
        row.archived,
    )


def _sorted(found: list[Repository], sort: Sort) -> list[Repository]:
    """As asked; what is equal keeps its order."""
    if sort == "stars":
        return sorted(found, key=lambda r: -(r.stars or 0))
    return sorted(found, key=lambda r: r.updated, reverse=True) if sort == "updated" else found


def _check_length(question: str) -> None:
    if not question.strip():
        raise UsageError("the search is empty", cure="name what to look for")
    if len(question) > _LONGEST:
        raise UsageError(f"GitHub takes searches of at most {_LONGEST} characters", cure="use fewer words")


def _decoded(content: str, page: Page) -> bytes:
    try:
        return base64.b64decode("".join(content.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ServiceError(f"GitHub sent damaged base64: {error}", where=page.url, cure="try again later") from error
