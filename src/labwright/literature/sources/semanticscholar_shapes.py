"""What Semantic Scholar sends, as far as it is read, and a paper made of it."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field, TypeAdapter

from labwright.contracts.literature import Paper, SourceName
from labwright.literature.ids import gathered
from labwright.literature.sources.answers import Answer, Flag, Number, Year
from labwright.literature.sources.wire import Count, Gap, Several, Text, Wire, date, line, web_address

NAME: SourceName = "s2"


class _Ids(Wire):
    arxiv: Text = Field(default=None, validation_alias="ArXiv")
    doi: Text = Field(default=None, validation_alias="DOI")
    corpus: Count = Field(default=None, validation_alias="CorpusId")


class _Author(Wire):
    name: Text = None


class _Link(Wire):
    url: Text = None


class _Summary(Wire):
    text: Text = None


class PaperRow(Wire):
    sha: Text = Field(default=None, validation_alias="paperId")
    ids: Annotated[_Ids | None, Gap] = Field(default=None, validation_alias="externalIds")
    title: Text = None
    authors: Several[_Author] = []  # noqa: RUF012 - pydantic copies it, here and below
    year: Year = None
    published: Text = Field(default=None, validation_alias="publicationDate")
    abstract: Text = None
    venue: Text = None
    citations: Count = Field(default=None, validation_alias="citationCount")
    influential: Count = Field(default=None, validation_alias="influentialCitationCount")
    pdf: Annotated[_Link | None, Gap] = Field(default=None, validation_alias="openAccessPdf")
    url: Text = None
    tldr: Annotated[_Summary | None, Gap] = None

    def paper(self) -> Paper | None:
        """As a Paper; None where it has no title."""
        title = line(self.title)
        if not title:
            return None
        ids = self.ids or _Ids()
        published = date(self.published)
        return Paper(
            ids=gathered(arxiv=ids.arxiv, doi=ids.doi, s2=self.sha, corpus=ids.corpus),
            title=title,
            authors=tuple(name for author in self.authors if author and (name := line(author.name))),
            year=self.year or (int(published[:4]) if published else None),
            published=published,
            abstract=line(self.abstract),
            venue=line(self.venue),
            citations=self.citations,
            influential=self.influential,
            summary=line(self.tldr.text) if self.tldr else "",
            url=web_address(self.url),
            pdf_url=web_address(self.pdf.url) if self.pdf else "",
            sources=(NAME,),
        )


class SinglePaper(Answer, PaperRow):
    needs: ClassVar[tuple[str, ...]] = ("paperId",)


class Hits(Answer):
    """A page of either search; `data` is left out where nothing is found."""

    needs: ClassVar[tuple[str, ...]] = ("data", "total")

    total: Count = None
    next: Count = None
    token: Text = None
    data: list[Annotated[PaperRow | None, Gap]] | None = None


class Edge(Wire):
    contexts: Several[Text] = []  # noqa: RUF012
    intents: Several[Text] = []  # noqa: RUF012
    influential: Flag = Field(default=None, validation_alias="isInfluential")
    citing: Annotated[PaperRow | None, Gap] = Field(default=None, validation_alias="citingPaper")
    cited: Annotated[PaperRow | None, Gap] = Field(default=None, validation_alias="citedPaper")


class Edges(Answer):
    """A page of citations or references; `data` is null where the publisher hides them."""

    needs: ClassVar[tuple[str, ...]] = ("data",)

    next: Count = None
    data: list[Annotated[Edge | None, Gap]] | None = None


class Recommended(Answer):
    needs: ClassVar[tuple[str, ...]] = ("recommendedPapers",)

    papers: Several[PaperRow] = Field(default=[], validation_alias="recommendedPapers")


class _SnippetPaper(Wire):
    corpus: Text = Field(default=None, validation_alias="corpusId")  # a string here, a number in papers
    title: Text = None
    authors: Several[Text] = []  # noqa: RUF012


class _Excerpt(Wire):
    text: Text = None
    section: Text = None
    kind: Text = Field(default=None, validation_alias="snippetKind")


class Match(Wire):
    score: Number = None
    paper: _SnippetPaper
    snippet: _Excerpt


class Matches(Answer):
    needs: ClassVar[tuple[str, ...]] = ("data",)

    data: Several[Match] = []  # noqa: RUF012


SINGLE: TypeAdapter[SinglePaper] = TypeAdapter(SinglePaper)
HITS: TypeAdapter[Hits] = TypeAdapter(Hits)
EDGES: TypeAdapter[Edges] = TypeAdapter(Edges)
RECOMMENDED: TypeAdapter[Recommended] = TypeAdapter(Recommended)
MATCHES: TypeAdapter[Matches] = TypeAdapter(Matches)
ROWS: TypeAdapter[list[Annotated[PaperRow | None, Gap]]] = TypeAdapter(list[Annotated[PaperRow | None, Gap]])
