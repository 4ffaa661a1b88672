"""Code of every source behind one door: repositories, files, searches and examples, each named by a place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from difflib import get_close_matches
from itertools import zip_longest
from typing import TypeVar

from labwright.contracts.errors import NotFoundError, OfflineError, RateLimitedError, ServiceError, UsageError
from labwright.contracts.literature import Failure
from labwright.contracts.repositories import (
    CodeSource,
    Excerpt,
    FileKind,
    FileText,
    FoundExamples,
    FoundRepositories,
    Hits,
    Listing,
    Place,
    failure_lines,
)
from labwright.repositories.addresses import linked_lines, parse
from labwright.repositories.examples import failure, find_examples
from labwright.repositories.excerpts import MOST_CHARACTERS, MOST_LINES, excerpt
from labwright.repositories.notebook import is_notebook, readable

T = TypeVar("T")

_NEAR = 3


def _today() -> date:
    return datetime.now(UTC).date()


class Code:
    """The facade. What one source cannot answer, the others do, and the result says which failed."""

    def __init__(self, sources: Sequence[CodeSource], *, today: Callable[[], date] = _today) -> None:
        self._sources = {source.name: source for source in sources}
        self._today = today

    @property
    def sources(self) -> tuple[str, ...]:
        """The names of the sources."""
        return tuple(self._sources)

    def place(self, where: str) -> Place:
        """The place that a text names: see `repositories.parse`. Raises UsageError."""
        local = self._sources.get("local")
        checkouts = tuple(r.place.repo for r in local.repositories("", 1000).repositories) if local else ()
        return parse(where, sources=(*self._sources, "github", "hf", "local"), checkouts=checkouts)

    def repositories(self, text: str, limit: int = 20, sources: Sequence[str] = ()) -> FoundRepositories:
        """Repositories of the sources (by default all), those with the most stars first.

        Raises:
            ServiceError: no source answered; it lists what each said.
        """
        answers, failures = self._ask(sources, lambda source: source.repositories(text, limit))
        found = [repository for answer in answers for repository in answer.repositories]
        found.sort(key=lambda r: -(r.stars or 0))
        totals = [answer.total for answer in answers if answer.total is not None]
        return FoundRepositories(
            tuple(found[:limit]),
            sum(totals) if totals else None,
            tuple(remark for answer in answers for remark in answer.remarks),
            (*failures, *(failure for answer in answers for failure in answer.failures)),
        )

    def files(self, where: str) -> Listing:
        """The files of a repository, or of a folder in it. Raises NotFoundError, UsageError, ServiceError."""
        place = self.place(where)
        return self._source(place).files(place.repo, place.revision, place.path)

    def search(self, text: str, repo: str | None = None, limit: int = 20, sources: Sequence[str] = ()) -> Hits:
        """Files that hold the words, in one repository or in all sources.

        Raises:
            NotFoundError, UsageError, ServiceError: as the repository's source does; without one, ServiceError where
                no source answered.
        """
        if repo is not None:
            place = self.place(repo)
            return self._source(place).search(text, place.repo, limit)
        answers, failures = self._ask(sources, lambda source: source.search(text, None, limit))
        # Their scores cannot be compared, so they take turns.
        turns = zip_longest(*(answer.hits for answer in answers))
        hits = [hit for turn in turns for hit in turn if hit is not None]
        totals = [answer.total for answer in answers if answer.total is not None]
        return Hits(
            tuple(hits[:limit]),
            sum(totals) if totals else None,
            tuple(remark for answer in answers for remark in answer.remarks),
            (*failures, *(failure for answer in answers for failure in answer.failures)),
        )

    def read(
        self,
        where: str,
        lines: str | None = None,
        *,
        as_it_stands: bool = False,
        most_lines: int = MOST_LINES,
        most_characters: int = MOST_CHARACTERS,
    ) -> Excerpt:
        """Numbered lines of a file; a notebook as readable text, unless it is wanted as it stands.

        Args:
            where: a place, or the URL of a file; its `#L10-L80` counts where `lines` is not given.
            lines: 10-80, 10-, -80 or 10.
            as_it_stands: a notebook's JSON.
            most_lines: shown at once; the excerpt says what to ask for next.
            most_characters: likewise.

        Raises:
            NotFoundError: with names that are near.
            UsageError: no place, no range, a folder, or a file that may not be read.
            ServiceError: the source did not answer.
        """
        place = self.place(where)
        file = self._file(place)
        if is_notebook(place.path) and file.kind is FileKind.TEXT and not as_it_stands:
            file = _as_text(file)
        return excerpt(file, lines or linked_lines(where), most_lines=most_lines, most_characters=most_characters)

    def examples(
        self,
        text: str,
        repo: str | None = None,
        *,
        limit: int = 10,
        libraries: Sequence[str] = (),
        sources: Sequence[str] = (),
    ) -> FoundExamples:
        """Working examples, ranked, with why; see `repositories.find_examples`."""
        if repo is not None:
            place = self.place(repo)
            chosen = [self._source(place)]
        else:
            place, chosen = None, self._chosen(sources)
        return find_examples(chosen, text, place, limit=limit, today=self._today(), libraries=libraries)

    def _file(self, place: Place) -> FileText:
        source = self._source(place)
        try:
            return source.read(place.repo, place.path, place.revision)
        except NotFoundError as error:
            near = self._near(source, place)
            if not near:
                raise
            raise NotFoundError(error.what, where=str(place), cure=f"perhaps {', '.join(near)}") from error

    def _near(self, source: CodeSource, place: Place) -> list[str]:
        """Files with a like name, where the repository can be listed at all."""
        try:
            paths = [entry.path for entry in source.files(place.repo, place.revision).files]
        except ServiceError:  # the first error says more
            return []
        name = place.path.rpartition("/")[2]
        same = [path for path in paths if path.rpartition("/")[2] == name]
        return (same + [p for p in get_close_matches(place.path, paths, n=_NEAR) if p not in same])[:_NEAR]

    def _source(self, place: Place) -> CodeSource:
        source = self._sources.get(place.source)
        if source is None:
            known = ", ".join(self._sources) or "none"
            raise UsageError(f"{place.source} is not set up as a source", where=str(place), cure=f"there are: {known}")
        return source

    def _chosen(self, names: Sequence[str]) -> list[CodeSource]:
        return [self._source(Place(name, "")) for name in names] if names else list(self._sources.values())

    def _ask(self, names: Sequence[str], question: Callable[[CodeSource], T]) -> tuple[list[T], list[Failure]]:
        answers: list[T] = []
        failures: list[Failure] = []
        errors: list[ServiceError] = []
        for source in self._chosen(names):
            try:
                answers.append(question(source))
            except ServiceError as error:
                errors.append(error)
                failures.append(failure(source.name, error))
        if errors and not answers:
            if len(errors) == 1:
                raise errors[0]
            limited = all(isinstance(error, RateLimitedError | OfflineError) for error in errors)
            cure = "come back later" if limited else "check the network"
            raise ServiceError("no source answered", where=failure_lines(failures), cure=cure)
        return answers, failures


def _as_text(file: FileText) -> FileText:
    """A notebook as text; one that cannot be read stands as it is, and says so."""
    try:
        notebook = readable(file.text, str(file.place))
    except UsageError as error:
        return replace(file, remarks=(*file.remarks, error.what))
    return replace(file, text=notebook.text, remarks=(*file.remarks, *notebook.remarks))
