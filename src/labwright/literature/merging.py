"""One paper of several descriptions of it, and one ranking of several.

Sources describe the same paper under different ids, with different gaps. Two descriptions are the same paper where
they share any id, also over a third one; else where their titles are the same, letters and digits only, long enough to
be nobody else's, with years at most one apart and no sign that they are two (different arXiv ids, different authors:
`Wei Wang` is not `Li Wang`, and `W. Wang` may be either).

Of each field the first source that has it is believed, in the order of `_PRECEDENCE`; counts take the largest, for
every service misses some. Rankings are joined by reciprocal rank fusion (Cormack, Clarke and Buettcher, 2009).
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, fields
from functools import reduce

from labwright.contracts.literature import Paper, PaperIds, SourceName
from labwright.literature.ids import joined

# arXiv has what the authors wrote; Semantic Scholar's records are better kept than OpenAlex's; Hugging Face's come from
# arXiv and may be older; the library's are what was kept of all of them one day.
_PRECEDENCE: tuple[SourceName, ...] = ("arxiv", "s2", "openalex", "hf", "library")
_ABSTRACT: tuple[SourceName, ...] = ("arxiv", "hf", "s2", "openalex", "library")  # OpenAlex puts it together from words
_SUMMARY: tuple[SourceName, ...] = ("hf", "s2")  # Hugging Face's is newer than Semantic Scholar's TLDR
_VENUE: tuple[SourceName, ...] = ("s2", "openalex", "arxiv", "hf")
_CODE: tuple[SourceName, ...] = ("hf", "arxiv")

_FUSION = 60  # the constant of the paper; larger makes the ranks of one source more alike
_FEWEST_WORDS = 4  # titles below this are shared by too many papers
_FEWEST_LETTERS = 20
_MOST_AUTHORS = 30  # that are compared: whoever wrote a paper of thousands is told by these
_MOST_NAMED_ALIKE = 20  # papers that a title is compared with: more that are all different name a series
_GENERIC = re.compile(
    r"^(table of contents|front matter|back matter|(author|subject) index|list of (reviewers|contributors)"
    r"|(guest )?editorial|preface|introduction to the|message from the|proceedings of|supplementa(l|ry) |supporting inf"
    r"|appendix|book review|reply to|response to|comments? on|corrections? to|correction|erratum|corrigendum|retract)"
)
_TAG = re.compile(r"</?[A-Za-z][\w:]*(?:\s[^<>]*)?/?>")
_STYLE = re.compile(r"\\(?:(?:text|math)[a-z]{2,3}|text|emph|boldsymbol|ensuremath)(?![A-Za-z])")
_PREPRINT_VENUE = re.compile(r"^(arxiv|corr\b|preprint)", re.IGNORECASE)


def merge(papers: Iterable[Paper]) -> tuple[Paper, ...]:
    """Every paper once, where its first description stood."""
    groups = _by_title(_by_ids(tuple(papers)))
    return tuple(_one(group.papers) for group in sorted(groups, key=lambda group: group.first))


def fuse(rankings: Sequence[Sequence[Paper]]) -> tuple[Paper, ...]:
    """Every paper of several rankings once, best first: by the sum of 1/(60 + rank) over the rankings it stands in.

    Equal ones stand as their first descriptions do, the rankings read one after the other.
    """
    ranked = [(paper, ranking, place) for ranking, list_ in enumerate(rankings) for place, paper in enumerate(list_)]
    groups = _by_title(_by_ids(tuple(paper for paper, _, _ in ranked)))

    def score(group: _Group) -> float:
        best: dict[int, int] = {}  # a source that has a paper twice does not count twice
        for member in group.members:
            _, ranking, place = ranked[member]
            best[ranking] = min(place, best.get(ranking, place))
        return sum(1 / (_FUSION + place + 1) for place in best.values())

    ordered = sorted(groups, key=lambda group: (-score(group), group.first))
    return tuple(_one(group.papers) for group in ordered)


def plain(title: str) -> str:
    """A title to compare by: lower case, letters and digits of any script only, single spaces.

    Services write some in HTML (`<i>Laws</i>`, `&amp;`) and some in TeX (`$\\alpha$-divergence`).
    """
    unmarked = _TAG.sub("", html.unescape(title)) if "<" in title or "&" in title else title
    decomposed = unicodedata.normalize("NFKD", _STYLE.sub("", unmarked).replace("&", " and ").casefold())
    kept = "".join(_kept(c) for c in decomposed)
    return " ".join(kept.split())


def _kept(character: str) -> str:
    """What a title is compared by of one character: a Greek letter is its name, as in TeX."""
    if "α" <= character <= "ω":
        return unicodedata.name(character).rpartition(" ")[2].lower().replace("lamda", "lambda")
    return character if character.isalnum() else "" if unicodedata.combining(character) else " "


@dataclass(slots=True)
class _Group:
    """Descriptions of one paper, in the order in which they came."""

    members: list[int] = field(default_factory=list)  # their places among all
    papers: list[Paper] = field(default_factory=list)

    @property
    def first(self) -> int:
        return self.members[0]

    def take(self, other: _Group) -> None:
        """Its descriptions as well."""
        both = sorted(zip(self.members + other.members, self.papers + other.papers, strict=True), key=lambda m: m[0])
        self.members = [member for member, _ in both]
        self.papers = [paper for _, paper in both]


def _keys(ids: PaperIds) -> set[tuple[str, str | int]]:
    return {
        (kind.name, value)
        for kind in fields(PaperIds)
        if (value := getattr(ids, kind.name)) is not None and value != ""
    }


def _by_ids(papers: tuple[Paper, ...]) -> list[_Group]:
    """Groups that share an id, also over others (union-find)."""
    parent = list(range(len(papers)))

    def root(member: int) -> int:
        while parent[member] != member:
            parent[member] = parent[parent[member]]
            member = parent[member]
        return member

    owner: dict[tuple[str, str | int], int] = {}
    for member, paper in enumerate(papers):
        for key in _keys(paper.ids):
            first, second = sorted((root(owner.setdefault(key, member)), root(member)))
            parent[second] = first
    groups: dict[int, _Group] = {}
    for member, paper in enumerate(papers):
        group = groups.setdefault(root(member), _Group())
        group.members.append(member)
        group.papers.append(paper)
    return list(groups.values())


def _by_title(groups: list[_Group]) -> list[_Group]:
    """Groups joined by their titles: each with the first earlier one that it can be the same paper as."""
    kept: list[_Group] = []
    under: dict[str, list[_Group]] = {}
    for group in groups:
        titles = sorted({key for paper in group.papers if (key := _telling(plain(paper.title)))})
        named_alike = (other for title in titles for other in under.get(title, ())[:_MOST_NAMED_ALIKE])
        twin = next((other for other in named_alike if _may_be_one(other, group)), None)
        if twin is None:
            kept.append(group)
        else:
            twin.take(group)
        for title in titles:
            bucket = under.setdefault(title, [])
            if all(each is not (twin or group) for each in bucket):
                bucket.append(twin or group)
    return kept


def _telling(title: str) -> str:
    """What a title is compared by, without spaces: `pre-training` is `pretraining`. Empty where it tells nothing."""
    key = title.replace(" ", "")
    telling = title.count(" ") + 1 >= _FEWEST_WORDS and len(key) >= _FEWEST_LETTERS and not _GENERIC.match(title)
    return key if telling else ""


def _may_be_one(first: _Group, second: _Group) -> bool:
    """Whether nothing speaks against two groups of one title being one paper."""
    arxiv = [{paper.ids.arxiv for paper in group.papers} - {None} for group in (first, second)]
    if all(arxiv) and arxiv[0].isdisjoint(arxiv[1]):
        return False
    names = [_names(group) for group in (first, second)]
    if all(names) and not any(_may_be_one_person(one, other) for one in names[0] for other in names[1]):
        return False
    years = [{paper.year for paper in group.papers if paper.year is not None} for group in (first, second)]
    if not all(years):  # without a year on one side, only known authors say that it is the same
        return all(names)
    return max(years[0] | years[1]) - min(years[0] | years[1]) <= 1 or not years[0].isdisjoint(years[1])


def _names(group: _Group) -> set[tuple[str, ...]]:
    """Its authors, each as the words of the name; of a long list the first ones and the last."""
    written = {
        tuple(plain(author).split())
        for paper in group.papers
        for author in (*paper.authors[:_MOST_AUTHORS], *paper.authors[_MOST_AUTHORS:][-1:])
    }
    return {name for name in written if any(word[1:] for word in name)}


def _may_be_one_person(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """Whether two names share a word, and no two given names contradict each other.

    Which of the words is the surname depends on who wrote them down. `J. Doe` may be `Jane Doe`, and `Jane A. Doe`.
    """
    shared = {word for word in one if word[1:]} & set(other)
    if not shared:
        return False
    mine, theirs = ([word for word in name if word not in shared] for name in (one, other))
    return not mine or not theirs or any(_abbreviates(a, b) for a in mine for b in theirs)


def _abbreviates(one: str, other: str) -> bool:
    return one.startswith(other) or other.startswith(one)


def _one(papers: Sequence[Paper]) -> Paper:
    """One paper of its descriptions."""
    if len(papers) == 1:
        return papers[0]
    ordered = _ranked(papers, _PRECEDENCE)
    year, published = _dates(ordered)
    venues = [paper.venue for paper in _ranked(papers, _VENUE) if paper.venue]
    sources = tuple(dict.fromkeys(source for paper in papers for source in paper.sources))
    return Paper(
        ids=reduce(joined, (paper.ids for paper in ordered)),
        title=_first(ordered, lambda paper: paper.title),
        authors=next((paper.authors for paper in ordered if paper.authors), ()),
        year=year,
        published=published,
        abstract=_first(_ranked(papers, _ABSTRACT), lambda paper: paper.abstract),
        venue=next((venue for venue in venues if not _PREPRINT_VENUE.match(venue)), venues[0] if venues else ""),
        citations=_most(paper.citations for paper in papers),
        influential=_most(paper.influential for paper in papers),
        upvotes=_most(paper.upvotes for paper in papers),
        summary=_first(_ranked(papers, _SUMMARY), lambda paper: paper.summary),
        url=_first(ordered, lambda paper: paper.url),
        pdf_url=_first(ordered, lambda paper: paper.pdf_url),
        code_url=_first(_ranked(papers, _CODE), lambda paper: paper.code_url),
        sources=sources,
    )


def _ranked(papers: Sequence[Paper], order: tuple[SourceName, ...]) -> list[Paper]:
    """The most trusted first; those of sources that the order does not name last, as they came."""

    def rank(paper: Paper) -> int:
        return min((order.index(source) for source in paper.sources if source in order), default=len(order))

    return sorted(papers, key=rank)


def _first(papers: Iterable[Paper], of: Callable[[Paper], str]) -> str:
    return next((value for paper in papers if (value := of(paper))), "")


def _most(values: Iterable[int | None]) -> int | None:
    return max((value for value in values if value is not None), default=None)


def _dates(ordered: Sequence[Paper]) -> tuple[int | None, str | None]:
    """Year and day of one source, or of two that agree: a preprint's day does not go with the conference's year."""
    year = next((paper.year for paper in ordered if paper.year is not None), None)
    days = [paper.published for paper in ordered if paper.published]
    if year is None:
        return (int(days[0][:4]) if days and days[0][:4].isdigit() else None), (days[0] if days else None)
    return year, next((day for day in days if day.startswith(f"{year:04d}")), None)
