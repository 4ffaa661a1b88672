"""Asks several sources at once, so that one that fails costs its answer and no more."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from labwright.contracts.errors import (
    LabwrightError,
    NotFoundError,
    OfflineError,
    RateLimitedError,
    ServiceError,
    StorageError,
    UsageError,
)
from labwright.contracts.literature import Failure, SourceName


class Named(Protocol):
    """Anything that stands in results under a name."""

    @property
    def name(self) -> SourceName: ...


S = TypeVar("S", bound=Named)
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Refused:
    """A source that did not answer."""

    source: SourceName
    error: LabwrightError

    @property
    def failure(self) -> Failure:
        """As results carry it: without the address, whose query is long and says nothing to a person."""
        cure = f" ({self.error.cure})" if self.error.cure else ""
        return Failure(self.source, f"{self.error.what}{cure}")


@dataclass(frozen=True, slots=True)
class Answers(Generic[R]):
    """What came, in the order of the sources, and what did not."""

    given: tuple[tuple[SourceName, R], ...]
    refused: tuple[Refused, ...]

    @property
    def failures(self) -> tuple[Failure, ...]:
        """As results carry them."""
        return tuple(each.failure for each in self.refused)


def ask_all(sources: Sequence[S], question: Callable[[S], R]) -> Answers[R]:
    """Puts a question to every source, each in its own thread. What is no failure of a source is raised as it is."""
    if not sources:
        return Answers((), ())
    with ThreadPoolExecutor(max_workers=len(sources), thread_name_prefix="literature") as pool:
        running = [(source.name, pool.submit(question, source)) for source in sources]
    given: list[tuple[SourceName, R]] = []
    refused: list[Refused] = []
    for name, future in running:
        try:
            given.append((name, future.result()))
        except (ServiceError, StorageError) as error:  # the second: the library's
            refused.append(Refused(name, error))
    return Answers(tuple(given), tuple(refused))


def chosen(sources: Iterable[S], names: Sequence[SourceName]) -> tuple[S, ...]:
    """Those of these names, all where none is named. Raises UsageError for a name that is none of theirs."""
    known = {source.name: source for source in sources}
    unknown = [name for name in names if name not in known]
    if unknown:
        cure = f"one of: {', '.join(known)}" if known else "this lab has no such source"
        raise UsageError(f"there is no source {', '.join(map(repr, unknown))}", cure=cure)
    return tuple(known[name] for name in dict.fromkeys(names)) if names else tuple(known.values())


def none_answered(what: str, refused: Sequence[Refused], *, where: str | None = None) -> ServiceError:
    """The error of a question that nobody answered: what each said, and of the kind that they share."""
    if not refused:
        return ServiceError(f"{what}: there is no source to ask", where=where)
    kinds = {type(each.error) for each in refused}
    kind = next((k for k in (NotFoundError, RateLimitedError, OfflineError) if kinds == {k}), ServiceError)
    if OfflineError in kinds and kinds <= {OfflineError, NotFoundError}:
        kind = OfflineError  # nobody knows whether it is really unknown
    said = "; ".join(f"{each.source}: {_said(each.error)}" for each in refused)
    cures = dict.fromkeys(each.error.cure for each in refused if each.error.cure)
    return kind(f"{what}: {said}", where=where, cure="; ".join(cures) or None)


def _said(error: LabwrightError) -> str:
    """With its address, but for the query, which is long and says nothing to a person."""
    return f"{error.what} ({error.where.partition('?')[0]})" if error.where else error.what
