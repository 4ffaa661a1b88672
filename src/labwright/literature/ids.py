"""Reads the many ways in which a paper is named: an id, a DOI, or the address of a page about it.

People paste what they have at hand, services write the same id in their own way, and bibliographies bury it in a line.
All of that becomes `PaperIds`, normalised in one place, so that two names of one paper compare equal.
"""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

from labwright.contracts.errors import UsageError
from labwright.contracts.literature import PaperIds

FORMS = (
    "an arXiv id (2305.18290 or quant-ph/0201082), a DOI (10.1145/3292500), a Semantic Scholar id (40 hex digits, or "
    "CorpusId:258959321), an OpenAlex id (W4378508601), or the address of the paper at one of them, at "
    "huggingface.co/papers or at a publisher whose addresses hold the DOI"
)

_MOST_CHARACTERS = 2_000
_NEW = r"(?P<yy>\d\d)(?P<mm>0[1-9]|1[0-2])\.(?P<number>\d{4,5})"
_OLD = r"(?P<archive>[a-z]+(?:-[a-z]+)?)(?:\.[a-z]{2})?/(?P<serial>\d\d(?:0[1-9]|1[0-2])\d{3})"
_ARXIV = re.compile(rf"(?:{_NEW}|{_OLD})(?:v\d{{1,3}})?", re.ASCII | re.IGNORECASE)
_DOI = re.compile(  # with what Wiley's old ones have in their middle: …49:8<693::AID-ASI4>3.0…
    r"10\.\d{4,9}(?:\.\d+){0,4}/[^\s\"<>]{1,300}(?:(?<=:\d)<\d[\d:]{0,9}::[\w-]{1,20}>[^\s\"<>]{1,40})?",
    re.ASCII,
)
_OF_ARXIV = re.compile(r"10\.48550/arxiv\.(.+)", re.IGNORECASE)
_SHA = re.compile(r"[0-9a-f]{40}", re.ASCII | re.IGNORECASE)
_CORPUS = re.compile(r"\d{1,12}", re.ASCII)
_WORK = re.compile(r"W\d{1,12}", re.ASCII | re.IGNORECASE)
_LOCAL = re.compile(r"[\w.\-]{1,100}", re.ASCII)
_PREFIXED = re.compile(r"(arxiv|doi|s2|sha|corpus(?:id)?|openalex|local|url)\s*:\s*(.+)", re.IGNORECASE | re.DOTALL)
_ACL = re.compile(  # papers of the ACL's anthology that have its DOI: its own conferences since 2016
    r"20[2-9]\d\.(?:acl|emnlp|naacl|eacl|findings|conll)-[a-z\d]+\.\d{1,4}|[DEKNPSW](?:1[6-9]|20)-\d{4}",
    re.ASCII | re.IGNORECASE,
)
_STAMP = re.compile(r"\s*\[[\w.\-]+\].*", re.DOTALL)  # "2305.18290v3 [cs.LG] 13 Dec 2023", as on a first page
_HOST = re.compile(r"(?:[\w-]+\.)+(?:org|co|com|net|edu|io)/", re.ASCII | re.IGNORECASE)
_WORD = r"\s{0,3}[:.,]?\s{0,3}"  # bounded: bibliographies are hostile text, too
_SAID = re.compile(
    rf"(?:\barxiv{_WORD}(?:e-?prints?{_WORD}|preprints?{_WORD})?(?:arxiv{_WORD})?(?:abs/)?|\b(?:abs|pdf|html)/)({_NEW}|{_OLD})",
    re.ASCII | re.IGNORECASE,
)
_ARCHIVES = (  # of the time before 2007; an id with one of them needs no other mark
    r"acc-phys|adap-org|alg-geom|ao-sci|astro-ph|atom-ph|bayes-an|chao-dyn|chem-ph|cmp-lg|comp-gas|cond-mat|cs|dg-ga"
    r"|funct-an|gr-qc|hep-ex|hep-lat|hep-ph|hep-th|math|math-ph|mtrl-th|nlin|nucl-ex|nucl-th|patt-sol|physics"
    r"|plasm-ph|q-alg|q-bio|quant-ph|solv-int|supr-con"
)
_OLD_ALONE = re.compile(
    rf"(?<![\w/.-])((?:{_ARCHIVES})(?:\.[A-Za-z]{{2}})?/\d\d(?:0[1-9]|1[0-2])\d{{3}})(?:v\d{{1,3}})?(?![\w/-])",
    re.ASCII,
)
_SURROUNDING = " \t\r\n<>\"'`.,;"
_PAIRS = {")": "(", "]": "[", "}": "{"}
_ARXIV_PAGES = ("abs", "pdf", "html", "src", "e-print", "format", "ps", "overview")


def parse(text: str) -> PaperIds:
    """What a person calls a paper, as ids. The version of an arXiv id is dropped.

    Raises UsageError that lists the forms; a title is none of them: search for it.
    """
    name = text.strip(_SURROUNDING)
    known = _parsed(name) if 0 < len(name) <= _MOST_CHARACTERS else None
    if known is None:
        shown = name if len(name) <= 80 else name[:80] + "…"
        cure = f"give {FORMS}; for a title, search first"
        if _CORPUS.fullmatch(name):
            cure = f"did you mean CorpusId:{name}? Else {cure}"
        raise UsageError(f"{shown!r} names no paper", cure=cure)
    return known


def arxiv_id(text: str | None) -> str | None:
    """An arXiv id without its version and its subject class; None where the text is something else."""
    hit = _ARXIV.fullmatch((text or "").strip())
    if hit is None:
        return None
    if hit["archive"]:
        return f"{hit['archive'].lower()}/{hit['serial']}"
    digits = 5 if int(hit["yy"]) >= 15 else 4
    return f"{hit['yy']}{hit['mm']}.{hit['number']}" if len(hit["number"]) == digits else None


def doi_of(text: str | None) -> str | None:
    """A DOI in lower case, also out of `doi:…` and `https://doi.org/…`; None where the text holds something else."""
    bare = re.sub(r"^(?:https?://)?(?:dx\.)?(?:doi\.org/|doi:)\s*", "", (text or "").strip(), flags=re.IGNORECASE)
    hit = _DOI.match(bare)
    return _trimmed(hit[0]).lower() if hit else None


def gathered(
    *,
    arxiv: str | None = None,
    doi: str | None = None,
    s2: str | None = None,
    corpus: int | str | None = None,
    openalex: str | None = None,
) -> PaperIds:
    """The ids that a service wrote, each in its own way, normalised. What does not look like an id is left out."""
    name, work, number = doi_of(doi), _last(openalex), str(corpus or "")
    of_arxiv = _OF_ARXIV.fullmatch(name or "")
    known = arxiv_id(arxiv) or (arxiv_id(of_arxiv[1]) if of_arxiv else None)
    return PaperIds(
        arxiv=known,
        doi=None if of_arxiv and known else name,
        s2=s2.lower() if s2 and _SHA.fullmatch(s2) else None,
        corpus=int(number) if _CORPUS.fullmatch(number) else None,
        openalex=work.upper() if _WORK.fullmatch(work) else None,
    )


def mentioned(text: str) -> PaperIds:
    """The ids in a line of a bibliography, or in any short text: those that are marked as such, not bare numbers."""
    said = _SAID.search(text) or _OLD_ALONE.search(text)
    doi = _DOI.search(unquote(text) if "%2f" in text.lower() else text)
    return gathered(arxiv=said[1] if said else None, doi=doi[0] if doi else _of_anthology(text))


def same(one: PaperIds, other: PaperIds) -> bool:
    """Whether they share an id."""
    return any(
        mine is not None and mine == theirs
        for mine, theirs in (
            (one.arxiv, other.arxiv),
            (one.doi, other.doi),
            (one.s2, other.s2),
            (one.corpus, other.corpus),
            (one.openalex, other.openalex),
            (one.local, other.local),
        )
    )


def joined(one: PaperIds, other: PaperIds) -> PaperIds:
    """The ids of both, of the same paper; where they contradict each other the first one's stand."""
    return PaperIds(
        arxiv=one.arxiv or other.arxiv,
        doi=one.doi or other.doi,
        s2=one.s2 or other.s2,
        corpus=one.corpus if one.corpus is not None else other.corpus,
        openalex=one.openalex or other.openalex,
        local=one.local or other.local,
    )


def _parsed(name: str) -> PaperIds | None:
    prefixed = _PREFIXED.fullmatch(name)
    if prefixed:
        return _of_prefix(prefixed[1].lower(), prefixed[2].strip(_SURROUNDING))
    if "://" in name or _HOST.match(name):
        return _of_address(name)
    return _bare(re.sub(r"^arxiv\s+(?=\S)", "", name, flags=re.IGNORECASE))


def _bare(name: str) -> PaperIds | None:
    if _SHA.fullmatch(name):
        return gathered(s2=name)
    if _WORK.fullmatch(name):
        return gathered(openalex=name)
    if name.startswith("10."):
        return _some(gathered(doi=name))
    return _some(gathered(arxiv=_STAMP.sub("", name)))


def _of_prefix(prefix: str, rest: str) -> PaperIds | None:
    match prefix:
        case "arxiv":
            return _some(gathered(arxiv=_STAMP.sub("", rest)))
        case "doi":
            return _some(gathered(doi=rest))
        case "openalex":
            return _some(gathered(openalex=rest))
        case "url":
            return _of_address(rest)
        case "local":
            return PaperIds(local=rest) if _LOCAL.fullmatch(rest) else None
        case "s2" | "sha":
            return _some(gathered(s2=rest))
        case _:
            return _some(gathered(corpus=rest))


def _of_address(address: str) -> PaperIds | None:
    try:
        parts = urlsplit(address if "://" in address else f"https://{address}")
        host = (parts.hostname or "").removeprefix("www.")
    except ValueError:  # brackets in the wrong place
        return None
    path = unquote(parts.path).strip("/")
    steps = path.split("/")
    if _at(host, "arxiv.org", "ar5iv.org", "alphaxiv.org") and steps[0] in _ARXIV_PAGES:
        return _some(gathered(arxiv=re.sub(r"\.(?:pdf|md)$", "", "/".join(steps[1:]))))
    if _at(host, "huggingface.co", "hf.co") and steps[0] == "papers":
        return _some(gathered(arxiv="/".join(steps[1:]).removesuffix(".md")))
    if _at(host, "semanticscholar.org"):
        return _of_semantic_scholar(path, steps)
    if _at(host, "openalex.org"):
        return _some(gathered(openalex=parts.fragment or steps[-1]))
    if _at(host, "aclanthology.org"):
        return _some(gathered(doi=_of_anthology(f"aclanthology.org/{path}")))
    hit = _DOI.search(path)
    return _some(gathered(doi=hit[0].removesuffix(".pdf"))) if hit else None


def _of_anthology(text: str) -> str | None:
    """The DOI of a paper that an address of the ACL's anthology names."""
    step = re.search(r"\baclanthology\.org/([\w.-]{6,40})", text, re.ASCII)
    name = step[1].rstrip(".-").removesuffix(".pdf").removesuffix(".bib") if step else ""
    return f"10.18653/v1/{name}" if _ACL.fullmatch(name) else None


def _of_semantic_scholar(path: str, steps: list[str]) -> PaperIds | None:
    prefixed = _PREFIXED.fullmatch(steps[-1]) or _PREFIXED.fullmatch(path)
    if prefixed:
        return _of_prefix(prefixed[1].lower(), prefixed[2])
    shas = [step for step in steps if _SHA.fullmatch(step)]  # pages of a paper go on: …/SHA/figure/2
    return gathered(s2=shas[0]) if shas else None


def _at(host: str, *domains: str) -> bool:
    return any(host == domain or host.endswith("." + domain) for domain in domains)


def _some(known: PaperIds) -> PaperIds | None:
    return known if known.key else None


def _last(address: str | None) -> str:
    return (address or "").strip().rpartition("/")[2]


def _trimmed(name: str) -> str:
    """Without the sentence's punctuation behind it; a closing bracket stays where it was opened inside."""
    while name and (
        name[-1] in ".,;:'*" or (name[-1] in _PAIRS and name.count(name[-1]) > name.count(_PAIRS[name[-1]]))
    ):
        name = name[:-1]
    return name
