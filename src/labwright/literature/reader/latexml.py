"""A paper's document out of arXiv's or ar5iv's HTML, and the pages with status 200 that are no paper after all."""

from __future__ import annotations

import itertools
import re
from collections import Counter

from selectolax.lexbor import LexborHTMLParser, LexborNode

from labwright.contracts.errors import ServiceError
from labwright.contracts.http import Page
from labwright.contracts.literature import Document, PaperIds, Reference, Section
from labwright.literature.reader.bibliography import reference
from labwright.literature.reader.markup import SECTIONS, Renderer, classes, squeezed

_ARTICLE = "article.ltx_document"
_FRONT = (
    ".ltx_title_document, .ltx_abstract, .ltx_authors, .ltx_dates, .ltx_keywords, .ltx_classification, .ltx_subtitle, "
    ".ltx_page_logo, .ltx_role_affiliationtext"
)
_FATAL = "Conversion to HTML had a Fatal error"
_STUBS = ("No content available", "No HTML is available", "No HTML for", "HTML is not available for")
_FEW = 400  # characters of text: what has fewer is a stub where it also says so
_MOST_DEPTH = 5_000  # the parser's time grows with the square of this
_MOST_LEVELS = 12
_OPENING = re.compile(
    r"<(/?)(?!(?:br|img|hr|wbr|col|input|link|meta|area|base|embed|source|track)\b)[a-zA-Z][^<>]*(?<!/)>"
)
_NUMBER = re.compile(r"^(?:appendix|section|chapter|part)\b", re.IGNORECASE)
_ADDRESS = re.compile(r"^(?:https?://|doi:)", re.IGNORECASE)


def check(page: Page) -> None:
    """Raises ServiceError where a page that was served as a paper's HTML holds no paper."""
    _article(page.text, page.service, page.url)


def document(page: Page, ids: PaperIds, origin: str) -> Document:
    """The paper that a page holds. Raises ServiceError where there is none."""
    article = _article(page.text, page.service, page.url)
    write = Renderer()
    title = article.css_first(".ltx_title_document")
    abstract = article.css_first(".ltx_abstract")
    heading = abstract.css_first(".ltx_title") if abstract is not None else None
    summary = write.markdown(abstract, without=[heading] if heading is not None else []) if abstract is not None else ""
    sections = _sections(article, write)
    return Document(
        ids=ids,
        title=write.line(title) if title is not None else "",
        abstract=summary,
        sections=sections,
        references=tuple(_references(article, write)),
        origin=origin,
        remarks=(*write.remarks, *_remarks(article)),
    )


def _article(html: str, service: str, where: str) -> LexborNode:
    if _depth(html) > _MOST_DEPTH:
        raise ServiceError(f"{service} answered HTML that is nested too deeply to be a paper", where=where)
    tree = LexborHTMLParser(html)
    article = tree.css_first(_ARTICLE)
    text = squeezed(article.text(deep=True)) if article is not None else ""
    if tree.css_first(".ar5iv-severity-fatal") is not None or _announced(tree, _FATAL):
        raise ServiceError(f"{service}'s conversion to HTML failed half-way", where=where, cure="read the PDF")
    if article is None:
        body = squeezed(tree.body.text(deep=True)) if tree.body is not None else ""
        said = next((stub for stub in _STUBS if stub in body), "the page holds no LaTeXML document")
        raise ServiceError(f"{service} has no HTML of it: {said}", where=where, cure="read the PDF")
    if not text or (len(text) < _FEW and any(stub in text for stub in _STUBS)):
        raise ServiceError(f"{service} has no HTML of it: the document is empty", where=where, cure="read the PDF")
    return article


def _depth(html: str) -> int:
    """How deeply elements are nested, about."""
    steps = (-1 if closing else 1 for closing in _OPENING.findall(html))
    return max(itertools.accumulate(steps), default=0)


def _announced(tree: LexborHTMLParser, words: str) -> bool:
    """Whether the page says so itself, and not a paragraph of the paper, which may well be about LaTeXML."""
    if tree.body is None or words not in tree.body.text(deep=True):
        return False
    quoted = sum(part.text(deep=True).count(words) for part in tree.css(".ltx_para"))
    return tree.body.text(deep=True).count(words) > quoted


def _sections(article: LexborNode, write: Renderer) -> tuple[Section, ...]:
    """Every section in the order of the page, each with its own text only."""
    found: list[Section] = []
    loose = write.markdown(article, without=article.css(_FRONT))
    nodes = article.css(", ".join(f"section.{kind}" for kind in sorted(SECTIONS)))
    if loose:
        found.append(Section("", "Text" if not nodes else "Outside the sections", 1, loose))
    for node in nodes:
        heading = next((child for child in node.iter() if "ltx_title" in classes(child)), None)
        number, title = _heading(heading, write) if heading is not None else ("", "")
        text = write.markdown(node, without=[heading] if heading is not None else [])
        found.append(Section(number, title, _level(node), text))
    return tuple(found)


def _remarks(article: LexborNode) -> list[str]:
    """What the Markdown does not hold: pictures, and what the converter itself did not understand."""
    said: list[str] = []
    figures = len(article.css("figure.ltx_figure"))
    if figures and article.css_first("img, svg.ltx_picture") is not None:
        said.append(f"figures are given by their captions only ({figures} in all)")
    unknown = Counter(squeezed(node.text(deep=True))[:30] for node in article.css(".ltx_ERROR"))
    if unknown:
        names = ", ".join(name for name, _ in unknown.most_common(5) if name)
        said.append(f"the converter did not understand {unknown.total()} commands, so text may be missing: {names}")
    return said


def _level(node: LexborNode) -> int:
    level, parent, steps = 1, node.parent, 0
    while parent is not None and level < _MOST_LEVELS and steps < 200:
        if parent.tag == "section" and classes(parent) & SECTIONS:
            level += 1
        parent, steps = parent.parent, steps + 1
    return level


def _heading(node: LexborNode, write: Renderer) -> tuple[str, str]:
    """The number and the title of a section: `Appendix A`, `3.2.`, `§4` become `A`, `3.2`, `4`."""
    tag = node.css_first(".ltx_tag")
    label = squeezed(tag.text(deep=True)) if tag is not None else ""
    number = _NUMBER.sub("", label).strip(" .:§—–-")
    return number, write.line(node, without=[tag] if tag is not None else [])


def _references(article: LexborNode, write: Renderer) -> list[Reference]:
    found: list[Reference] = []
    for order, item in enumerate(article.css(".ltx_bibitem"), start=1):
        tag = item.css_first(".ltx_tag_bibitem")
        unwanted = [*item.css(".ltx_bib_cited"), *([tag] if tag is not None else [])]
        text = write.line(item, without=unwanted)
        named = item.css_first(".ltx_bib_title")
        links = [link.attributes.get("href") or "" for link in item.css("a")]
        found.append(
            reference(
                item.attributes.get("id") or f"ref.{order}",
                text,
                links=[link for link in links if _ADDRESS.match(link)],
                title=squeezed(named.text(deep=True)) if named is not None else _second_block(item),
            )
        )
    return found


def _second_block(item: LexborNode) -> str:
    """The title of an entry that is printed in blocks: authors, title, where it appeared."""
    blocks = [squeezed(block.text(deep=True)) for block in item.css(".ltx_bibblock")]
    if len(blocks) < 3:
        return ""
    title = re.sub(r",?\s*\(?(?:19|20)\d\d[a-z]?\)?$", "", blocks[1].strip(" ,."))
    return title if " " in title and not _ADDRESS.match(title) else ""
