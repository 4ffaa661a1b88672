"""What OpenAlex sends, as far as it is read, and a paper made of it."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import Field, TypeAdapter

from labwright.contracts.literature import Paper, PaperIds, SourceName
from labwright.literature.ids import gathered, joined, mentioned
from labwright.literature.sources.answers import Answer, Year
from labwright.literature.sources.wire import Count, Gap, Several, Text, Wire, date, line, web_address

NAME: SourceName = "openalex"

FIELDS = (
    "id,doi,title,publication_year,publication_date,ids,primary_location,locations,authorships,cited_by_count,"
    "abstract_inverted_index"
)

_MOST_WORDS = 20_000  # of an abstract
_TAG = re.compile(r"</?(?:i|b|u|em|strong|sub|sup|scp|sc|tt|inf|span|p|br|mml:[a-z]+)\b[^<>]{0,200}>", re.IGNORECASE)


class _Named(Wire):
    display_name: Text = None


class _Location(Wire):
    pdf_url: Text = None
    landing_page_url: Text = None
    source: Annotated[_Named | None, Gap] = None


class _Authorship(Wire):
    author: Annotated[_Named | None, Gap] = None


class _Ids(Wire):
    openalex: Text = None
    doi: Text = None


class Work(Wire):
    """A paper, or whatever else is published."""

    id: Text = None
    doi: Text = None
    ids: Annotated[_Ids | None, Gap] = None
    title: Text = None
    publication_year: Year = None
    publication_date: Text = None
    primary_location: Annotated[_Location | None, Gap] = None
    locations: Several[_Location] = []  # noqa: RUF012 - pydantic copies it, here and below
    authorships: Several[_Authorship] = []  # noqa: RUF012
    cited_by_count: Count = None
    abstract_inverted_index: Annotated[dict[str, Several[int]] | None, Gap] = None

    def paper(self) -> Paper | None:
        """As a Paper; None where it has no title."""
        title = line(html.unescape(_TAG.sub("", self.title or "")))
        if not title:
            return None
        places = [place for place in (self.primary_location, *self.locations) if place]
        published = date(self.publication_date)
        names = (line(one.author.display_name) for one in self.authorships if one and one.author)
        return Paper(
            ids=self._ids(places),
            title=title,
            authors=tuple(name for name in names if name),
            year=self.publication_year or (int(published[:4]) if published else None),
            published=None if published is None or published.endswith("-01-01") else published,  # the year only
            abstract=_abstract(self.abstract_inverted_index or {}),
            venue=next(
                (name for place in places[:1] if place.source and (name := line(place.source.display_name))), ""
            ),
            citations=self.cited_by_count,
            url=web_address(self.doi)
            or next((at for place in places if (at := web_address(place.landing_page_url))), ""),
            pdf_url=next((at for place in places if (at := web_address(place.pdf_url))), ""),
            sources=(NAME,),
        )

    def _ids(self, places: list[_Location]) -> PaperIds:
        """Its own id and DOI, and the arXiv id of the preprint, which stands in an address only."""
        own = self.ids or _Ids()
        known = gathered(openalex=self.id or own.openalex, doi=self.doi or own.doi)
        for place in places:
            for address in (place.landing_page_url, place.pdf_url):
                if known.arxiv is None and address and "arxiv" in address.lower():
                    preprint = mentioned(address)
                    known = joined(known, PaperIds(arxiv=preprint.arxiv))
        return known


class SingleWork(Answer, Work):
    """The answer about one work."""

    needs: ClassVar[tuple[str, ...]] = ("id",)


class _Meta(Wire):
    count: Count = None
    next_cursor: Text = None


class Works(Answer):
    """A page of a list."""

    needs: ClassVar[tuple[str, ...]] = ("results",)

    meta: Annotated[_Meta | None, Gap] = None
    results: Several[Work] = Field(default=[])

    @property
    def count(self) -> int | None:
        """How many there are in all."""
        return self.meta.count if self.meta else None

    @property
    def next_cursor(self) -> str | None:
        """What asks for the next page; None on the last."""
        return self.meta.next_cursor or None if self.meta else None


SINGLE: TypeAdapter[SingleWork] = TypeAdapter(SingleWork)
WORKS: TypeAdapter[Works] = TypeAdapter(Works)


def _abstract(index: Mapping[str, list[int | None]]) -> str:
    """The abstract out of its index of words: word -> places. Only the order of the places is believed."""
    places = [(place, word) for word, at in index.items() for place in at if place is not None]
    return line(" ".join(word for _, word in sorted(places)[:_MOST_WORDS]))
