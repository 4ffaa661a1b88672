"""Asks a service for a JSON object of a shape, and lets nothing else into the cache.

Services that answer with pages of records also answer with `{"error": …}` under status 200, which a shape that forgives
every gap would take for an empty page: so a shape names the keys of which an answer has at least one.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, TypeVar

from pydantic import Field, TypeAdapter, model_validator

from labwright.contracts.http import Fetcher, Params, Service
from labwright.literature.sources import wire
from labwright.literature.sources.wire import Gap, Wire

Year = Annotated[Annotated[int, Field(ge=1000, le=2999)] | None, Gap]
Number = Annotated[float | None, Gap]
Flag = Annotated[bool | None, Gap]


class Answer(Wire):
    """A whole answer, as against a record in one."""

    needs: ClassVar[tuple[str, ...]] = ()  # names on the wire; one of them at least is there

    @model_validator(mode="before")
    @classmethod
    def _is_one(cls, document: object) -> object:
        if isinstance(document, dict) and not any(key in document for key in cls.needs):
            raise ValueError(f"there is no {' and no '.join(cls.needs)} in it")
        return document


A = TypeVar("A", bound=Answer)


def ask(fetcher: Fetcher, service: Service, path: str, params: Params, shape: TypeAdapter[A]) -> A:
    """GET, and read what comes. Raises what `Fetcher.get` raises; ServiceError too where it cannot be read."""
    return wire.ask(fetcher, service, path, params, lambda page: wire.read(page, shape))
