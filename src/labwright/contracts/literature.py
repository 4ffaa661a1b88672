"""The nouns of the literature: papers and their ids, citations, what a question returned, the sources' Protocols."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

SourceName = str  # arxiv | hf | s2 | openalex | library


@dataclass(frozen=True, slots=True)
class PaperIds:
    """Every name that a paper is known under. Without version, without prefix, lower case where case means nothing."""

    arxiv: str | None = None  # 2305.18290, or quant-ph/0201082
    doi: str | None = None  # 10.48550/arxiv.2305.18290 is left out where `arxiv` is known
    s2: str | None = None  # Semantic Scholar's sha, 40 hex digits
    corpus: int | None = None  # Semantic Scholar's CorpusId
    openalex: str | None = None  # W…
    local: str | None = None  # given by the library to a paper that has none of the above, such as a file of one's own

    @property
    def key(self) -> str:
        """The best with its prefix: `arxiv:2305.18290`, `doi:10.…`, `s2:…`, `corpus:…`, `openalex:W…`, `local:…`."""
        for prefix in ("arxiv", "doi", "s2", "corpus", "openalex", "local"):
            value = getattr(self, prefix)
            if value is not None:
                return f"{prefix}:{value}"
        return ""


@dataclass(frozen=True, slots=True)
class Resource:
    """A model, dataset or Space that is linked to a paper, or its code."""

    kind: str  # model | dataset | space | code
    id: str  # ORG/NAME, or a URL
    url: str
    downloads: int | None = None
    likes: int | None = None


@dataclass(frozen=True, slots=True)
class Paper:
    """A paper, as one source or several merged describe it. None and empty mean: not said."""

    ids: PaperIds
    title: str
    authors: tuple[str, ...] = ()
    year: int | None = None
    published: str | None = None  # YYYY-MM-DD
    abstract: str = ""
    venue: str = ""
    citations: int | None = None
    influential: int | None = None  # citations that Semantic Scholar holds to be influential
    upvotes: int | None = None  # on Hugging Face
    summary: str = ""  # one or two sentences, by a service's model
    url: str = ""  # for a person
    pdf_url: str = ""
    code_url: str = ""
    sources: tuple[SourceName, ...] = ()

    @property
    def id(self) -> str:
        """Its key, or its title in quotes where no source gave it an id."""
        return self.ids.key or f'"{self.title}"'


class Direction(StrEnum):
    """Which way a citation is followed."""

    REFERENCES = "references"  # what the paper cites
    CITATIONS = "citations"  # what cites the paper


@dataclass(frozen=True, slots=True)
class Citation:
    """One edge of the citation graph, seen from a paper: the paper at its other end, and how it is cited."""

    paper: Paper
    contexts: tuple[str, ...] = ()  # sentences in which it is cited
    intents: tuple[str, ...] = ()  # background, methodology, result
    influential: bool = False


@dataclass(frozen=True, slots=True)
class Snippet:
    """A passage of a paper that answers a search."""

    paper: Paper
    text: str
    section: str = ""
    score: float = 0.0


class Filter(StrEnum):
    """What a search may be narrowed by."""

    SINCE = "since"
    UNTIL = "until"
    MIN_CITATIONS = "min_citations"


@dataclass(frozen=True, slots=True)
class Query:
    """A search. Words in quotes are a phrase; everything else is up to the source's relevance."""

    text: str
    since: int | None = None  # first year
    until: int | None = None  # last year
    min_citations: int | None = None
    limit: int = 20

    @property
    def filters(self) -> frozenset[Filter]:
        """Those that are set."""
        return frozenset(f for f in Filter if getattr(self, f.value) is not None)


@dataclass(frozen=True, slots=True)
class Failure:
    """A source that did not answer, and why, in the words of its error."""

    source: SourceName
    why: str


@dataclass(frozen=True, slots=True)
class Unapplied:
    """A filter that could not be applied to what a source returned: these papers may not fit it."""

    source: SourceName
    filter: Filter
    why: str


@dataclass(frozen=True, slots=True)
class Found:
    """Papers from one source or several, best first, with everything that was not as asked."""

    papers: tuple[Paper, ...]
    total: int | None = None  # how many there are, where a source said
    failures: tuple[Failure, ...] = ()
    unapplied: tuple[Unapplied, ...] = ()
    remarks: tuple[str, ...] = ()  # what else was not as asked: a search that was widened, more than can be paged


@dataclass(frozen=True, slots=True)
class Cited:
    """One side of a paper's citations. `complete` is False where more exist than were fetched."""

    citations: tuple[Citation, ...]
    total: int | None = None
    complete: bool = True
    source: SourceName = ""
    failures: tuple[Failure, ...] = ()


@dataclass(frozen=True, slots=True)
class Linked:
    """What several sources know to be published with a paper, or built on it, the most used first."""

    resources: tuple[Resource, ...]
    failures: tuple[Failure, ...] = ()


@dataclass(frozen=True, slots=True)
class Passages:
    """Passages from the texts of papers, best first, with everything that was not as asked."""

    snippets: tuple[Snippet, ...]
    failures: tuple[Failure, ...] = ()
    unapplied: tuple[Unapplied, ...] = ()


class PaperSource(Protocol):
    """Finds papers. Every source is one; the conformance suite is tests/conformance/test_paper_sources.py."""

    @property
    def name(self) -> SourceName: ...

    def search(self, query: Query) -> Found:
        """Papers for a query, best first, at most `query.limit`; filters it cannot apply stand in `unapplied`.

        Raises ServiceError and its kinds.
        """

    def papers(self, ids: Iterable[PaperIds]) -> tuple[Paper, ...]:
        """What it knows of these, in any order; unknown ones are left out. Raises ServiceError."""


class CitationSource(Protocol):
    """Knows who cites whom."""

    @property
    def name(self) -> SourceName: ...

    def cited(self, ids: PaperIds, direction: Direction, limit: int) -> Cited:
        """One side of a paper's citations. Raises NotFoundError for an unknown paper, else ServiceError."""


class Recommender(Protocol):
    """Knows papers like a paper."""

    @property
    def name(self) -> SourceName: ...

    def related(self, ids: PaperIds, limit: int) -> tuple[Paper, ...]:
        """Papers like it, best first. Raises NotFoundError, ServiceError."""


class ResourceSource(Protocol):
    """Knows what was published with a paper, or built on it."""

    @property
    def name(self) -> SourceName: ...

    def resources(self, ids: PaperIds, limit: int) -> tuple[Resource, ...]:
        """Models, datasets, Spaces and code, the most used first. Raises NotFoundError, ServiceError."""


class SnippetSource(Protocol):
    """Searches the text of papers."""

    @property
    def name(self) -> SourceName: ...

    def snippets(self, query: Query) -> tuple[Snippet, ...]:
        """Passages that answer, best first. Raises ServiceError."""


# What the reader makes of a paper's full text


@dataclass(frozen=True, slots=True)
class Reference:
    """An entry of a bibliography."""

    key: str  # bib.bib12, or [12]
    text: str
    ids: PaperIds = PaperIds()
    title: str = ""
    by: str = ""  # how its ids are known: link, text, or title (a search matched it); empty where there are none


@dataclass(frozen=True, slots=True)
class Section:
    """A section with its own text as Markdown, without that of its subsections, which follow it."""

    number: str  # "3.2", "A.1"; empty where it has none
    title: str
    level: int  # 1 is a section, 2 a subsection
    text: str


@dataclass(frozen=True, slots=True)
class Document:
    """A paper's text. What could not be read stands in `remarks`; nothing is cut without saying so."""

    ids: PaperIds
    title: str
    abstract: str
    sections: tuple[Section, ...]
    references: tuple[Reference, ...] = ()
    origin: str = ""  # arxiv-html | ar5iv | pdf | hf-markdown
    remarks: tuple[str, ...] = ()


# What was trained on what, to which result


@dataclass(frozen=True, slots=True)
class Hyperparameter:
    """One setting, as the paper gives it."""

    name: str  # learning_rate, batch_size, epochs, …: a recipe's own names where there is one
    value: str


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a paper did, as far as one place of it says so. Every number stands in `quote`."""

    paper: str  # Paper.id
    base_model: str = ""
    method: str = ""  # sft, dpo, grpo, …
    datasets: tuple[str, ...] = ()
    hyperparameters: tuple[Hyperparameter, ...] = ()
    benchmark: str = ""
    metric: str = ""
    result: str = ""  # "62.5 %", as quoted
    baseline: str = ""
    quote: str = ""  # word for word
    section: str = ""
    by: str = "rules"  # rules, or the id of the model that read it


@dataclass(frozen=True, slots=True)
class RejectedRecipe:
    """What an extractor claimed and the quote does not bear out."""

    recipe: Recipe
    why: str


@dataclass(frozen=True, slots=True)
class Claims:
    """What an extractor takes for recipes, unchecked, and what it did not read."""

    recipes: tuple[Recipe, ...]
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Extraction:
    """The recipes of a paper whose quotes bear them out, the claims that did not hold, and what was not read."""

    recipes: tuple[Recipe, ...]
    rejected: tuple[RejectedRecipe, ...] = ()
    remarks: tuple[str, ...] = ()


class RecipeExtractor(Protocol):
    """Reads recipes out of a document. What it returns is checked against the text by `literature.recipes`."""

    @property
    def name(self) -> str:
        """`rules`, or a model's id."""

    def extract(self, document: Document) -> Claims:
        """Everything that it takes for a recipe. Raises ServiceError or ProviderError."""


# The local library


@dataclass(frozen=True, slots=True)
class LibraryEntry:
    """A paper that was read or added: kept with its text, so that it is found and read offline."""

    paper: Paper
    text_hash: str | None  # of the kept Document, as JSON, in the lab's objects; None where only metadata is known
    why: str
    notes: tuple[str, ...]
    added_at: float


@dataclass(frozen=True, slots=True)
class Reading:
    """A paper with its text, as it was read: from the library, or fetched and then kept there."""

    paper: Paper
    document: Document
    from_library: bool
    remarks: tuple[str, ...] = ()  # what did not work on the way, such as keeping it


class PaperLibrary(PaperSource, SnippetSource, Protocol):
    """What was read, kept by this lab: a source of papers and snippets (`library`) that also keeps. Works offline.

    A paper that is kept under one of its ids is found under every one. Whatever fails in it is a StorageError.
    """

    def keep(self, paper: Paper, document: Document | None, why: str) -> LibraryEntry:
        """Keeps a paper with its text, or only what is known about it.

        Keeping it again merges: metadata is brought up to date, a text replaces the text (None leaves it), and a new
        `why` is added to those that stand there.
        """

    def note(self, ids: PaperIds, text: str) -> LibraryEntry:
        """Adds a note to a kept paper. Raises NotFoundError where it is not kept."""

    def entry(self, ids: PaperIds) -> LibraryEntry | None:
        """The entry under any of these ids, or None."""

    def titled(self, title: str) -> tuple[Paper, ...]:
        """The kept papers of exactly this title, whatever its signs and capitals."""

    def document(self, ids: PaperIds) -> Document | None:
        """The kept text, or None where the paper or its text is not kept.

        Raises StorageError where a text was kept and cannot be read any more.
        """
