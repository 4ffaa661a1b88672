"""Finds working examples: candidates by name and by search, the best of them read, ranked with reasons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from labwright.contracts.errors import RateLimitedError, ServiceError, UsageError
from labwright.contracts.literature import Failure
from labwright.contracts.repositories import (
    CodeSource,
    Example,
    FileKind,
    FileText,
    FoundExamples,
    Place,
    Repository,
    failure_lines,
)
from labwright.repositories.matching import match_name, telling, terms
from labwright.repositories.notebook import is_notebook, readable
from labwright.repositories.scoring import focus, judge_path, judge_repository, judge_text

_MOST_READ: Final = 12
_HITS: Final = 30
_REPOSITORIES: Final = 3
_FEWER_WORDS: Final = 2  # times that a search for repositories is repeated with one word less


@dataclass(slots=True)
class _Candidate:
    place: Place
    score: float
    why: list[str]
    file: FileText | None = None
    lines: int | None = None
    focus: str = ""


@dataclass(slots=True)
class _Gathered:
    """What one search for examples has collected so far."""

    wanted: tuple[str, ...]
    today: date
    candidates: dict[Place, _Candidate] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)

    def offer(self, place: Place, size: int | None, *, hit: bool, repository: Repository | None = None) -> None:
        """Take a file as a candidate where its path allows."""
        judged = judge_path(place.path, size, self.wanted, hit=hit)
        if judged is None:
            return
        score, why = judged.score, list(judged.why)
        if repository is not None:
            of_repository = judge_repository(repository, self.today)
            score, why = score + of_repository.score, [*why, *of_repository.why]
        if repository is not None or place not in self.candidates:  # what knows of stars and age knows more
            self.candidates[place] = _Candidate(place, score, why)


def find_examples(
    sources: Sequence[CodeSource],
    text: str,
    repo: Place | None,
    *,
    limit: int,
    today: date,
    libraries: Sequence[str] = (),
    most_read: int = _MOST_READ,
) -> FoundExamples:
    """Files that show how something is done, best first.

    Args:
        sources: where to look; with `repo`, the one that has it.
        text: what is looked for, in words.
        repo: look in this repository (and folder) only.
        limit: the most examples.
        today: against which the age of a repository is measured.
        libraries: that an example should import, beyond those named in the text.
        most_read: files that are read to judge them, over all sources; the others stand by their path.

    Raises:
        ServiceError: no source answered; it lists what each said.
        UsageError: the text names nothing to look for.
    """
    wanted = telling(terms(text))
    if not wanted:
        raise UsageError("there is nothing to look for", cure="name a method, a class or a task")
    gathered = _Gathered(wanted, today)
    for source in sources:
        try:
            if repo is not None:
                _from_repository(gathered, source, text, repo)
            else:
                _from_everywhere(gathered, source, text)
        except ServiceError as error:
            if repo is not None:
                raise
            gathered.failures.append(failure(source.name, error))
    if len({failure.source for failure in gathered.failures} & {s.name for s in sources}) == len(sources) > 0:
        raise ServiceError("no source answered", where=failure_lines(gathered.failures), cure="try again later")
    best = sorted(gathered.candidates.values(), key=lambda c: (-c.score, str(c.place)))
    _read(gathered, {source.name: source for source in sources}, best[: max(most_read, 0)], libraries)
    best.sort(key=lambda c: (-c.score, str(c.place)))
    if best and not any(_answers(c, wanted) for c in best):
        gathered.remarks.append(f"none of them holds {', '.join(wanted)}: they stand by where they lie alone")
    if len(best) > most_read:
        gathered.remarks.append(
            f"{most_read} of {len(best)} candidates were read; the others stand by their path alone"
        )
    return FoundExamples(
        tuple(_example(candidate) for candidate in best[:limit]),
        tuple(dict.fromkeys(gathered.remarks)),
        tuple(gathered.failures),
    )


def failure(source: str, error: ServiceError) -> Failure:
    """As results carry it: without the address, whose query is long and says nothing to a person."""
    return Failure(source, f"{error.what} ({error.cure})" if error.cure else error.what)


def _from_repository(gathered: _Gathered, source: CodeSource, text: str, repo: Place) -> None:
    listing = source.files(repo.repo, repo.revision, repo.path)
    gathered.remarks += listing.remarks
    sizes = {entry.path: entry.size for entry in listing.files if entry.note != "submodule"}
    hit: set[str] = set()
    if not repo.revision:  # a search knows the default branch only
        try:
            found = source.search(text, repo.repo, _HITS)
            hit = {h.place.path for h in found.hits if h.line is not None or h.text}
            gathered.remarks += found.remarks
        except ServiceError as error:  # the names are known already
            gathered.remarks.append(f"the text of files was not searched: {error.one_line()}")
    for path, size in sizes.items():
        gathered.offer(Place(source.name, repo.repo, path, repo.revision), size, hit=path in hit)


def _from_everywhere(gathered: _Gathered, source: CodeSource, text: str) -> None:
    found = source.search(text, None, _HITS)
    gathered.remarks += found.remarks
    gathered.failures += found.failures
    in_text = {hit.place for hit in found.hits if hit.line is not None or hit.text}
    for hit in found.hits:
        gathered.offer(hit.place, None, hit=hit.place in in_text)
    for repository in _repositories(gathered, source):
        try:
            listing = source.files(repository.place.repo)
        except RateLimitedError as error:  # what the search found still serves
            gathered.failures.append(failure(str(repository.place), error))
            return
        except ServiceError as error:  # gated or gone
            gathered.failures.append(failure(str(repository.place), error))
            continue
        gathered.remarks += listing.remarks
        for entry in listing.files:
            place = Place(source.name, repository.place.repo, entry.path)
            gathered.offer(place, entry.size, hit=place in in_text, repository=repository)


def _repositories(gathered: _Gathered, source: CodeSource) -> tuple[Repository, ...]:
    """Those that answer all the words; where there are none, fewer words, the last ones going first."""
    words = list(gathered.wanted)
    for _ in range(_FEWER_WORDS + 1):
        found = source.repositories(" ".join(words), _REPOSITORIES)
        gathered.failures += found.failures
        if found.repositories or len(words) == 1:
            break
        words.pop()
    if found.repositories and len(words) < len(gathered.wanted):
        gathered.remarks.append(f"{source.name}: repositories were looked for by {' '.join(words)} only")
    return found.repositories


def _read(
    gathered: _Gathered, sources: dict[str, CodeSource], candidates: Sequence[_Candidate], libraries: Sequence[str]
) -> None:
    """Judge the files by their text, too. A source that asks to be left alone is left alone."""
    resting: set[str] = set()
    for candidate in candidates:
        place = candidate.place
        if place.source in resting:
            candidate.why.append("not read")
            continue
        try:
            file = sources[place.source].read(place.repo, place.path, place.revision)
        except (ServiceError, UsageError) as error:
            candidate.why.append(f"not read: {error.what}")
            candidate.score -= 1.0
            if isinstance(error, RateLimitedError):
                resting.add(place.source)
                gathered.failures.append(failure(place.source, error))
            continue
        shown, code = _text_and_code(file)
        judged = judge_text(file, code, gathered.wanted, libraries)
        candidate.score += judged.score
        candidate.why += judged.why
        candidate.file = file
        if file.kind is FileKind.TEXT:
            candidate.lines = shown.rstrip("\n").count("\n") + 1
            candidate.focus = focus(shown, gathered.wanted)


def _answers(candidate: _Candidate, wanted: Sequence[str]) -> bool:
    """Whether it, as far as it was read, or its path has a word of what is sought."""
    text = candidate.file.text.lower() if candidate.file is not None else ""
    return any(term in text for term in wanted) or bool(match_name(candidate.place.path, wanted).matched)


def _text_and_code(file: FileText) -> tuple[str, str]:
    """As it is shown, and what of it is code."""
    if is_notebook(file.place.path) and file.kind is FileKind.TEXT:
        try:
            notebook = readable(file.text, str(file.place))
        except UsageError:
            return file.text, file.text
        return notebook.text, notebook.code
    return file.text, file.text


def _example(candidate: _Candidate) -> Example:
    url = candidate.file.url if candidate.file is not None else ""
    return Example(
        candidate.place, round(candidate.score, 2), tuple(candidate.why), candidate.lines, url, candidate.focus
    )
