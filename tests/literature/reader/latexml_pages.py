"""Pages as arXiv and ar5iv serve them: LaTeXML's markup, written by hand, with the site's own parts around it."""

from __future__ import annotations

from labwright.contracts.http import Page


def math(tex: str, display: str = "inline") -> str:
    return (
        f'<math alttext="{tex}" class="ltx_Math" display="{display}"><semantics><mi>GLYPHS</mi>'
        f'<annotation encoding="application/x-tex">{tex}</annotation></semantics></math>'
    )


def para(text: str) -> str:
    return f'<div class="ltx_para"><p class="ltx_p">{text}</p></div>'


def section(number: str, title: str, body: str, kind: str = "section", tag: str = "h2") -> str:
    label = f'<span class="ltx_tag ltx_tag_{kind}">{number} </span>' if number else ""
    heading = f'<{tag} class="ltx_title ltx_title_{kind}">{label}{title}</{tag}>'
    return f'<section class="ltx_{kind}" id="S{number}">{heading}{body}</section>'


def footnote(mark: str, text: str) -> str:
    return (
        f'<span class="ltx_note ltx_role_footnote"><sup class="ltx_note_mark">{mark}</sup><span class="ltx_note_outer">'
        f'<span class="ltx_note_content"><sup class="ltx_note_mark">{mark}</sup>'
        f'<span class="ltx_tag ltx_tag_note">{mark}</span>{text}</span></span></span>'
    )


def cell(text: str, *, head: bool = False, columns: int = 1, rows: int = 1) -> str:
    tag, kind = ("th", "ltx_td ltx_th ltx_th_column") if head else ("td", "ltx_td")
    spans = (f' colspan="{columns}"' if columns > 1 else "") + (f' rowspan="{rows}"' if rows > 1 else "")
    return f'<{tag} class="{kind}"{spans}>{text}</{tag}>'


def tabular(*rows: list[str]) -> str:
    body = "".join(f'<tr class="ltx_tr">{"".join(cells)}</tr>' for cells in rows)
    return f'<table class="ltx_tabular"><tbody class="ltx_tbody">{body}</tbody></table>'


def bibitem(number: int, tag: str, *blocks: str) -> str:
    spans = "".join(f'<span class="ltx_bibblock">{block}</span>' for block in blocks)
    label = f'<span class="ltx_tag ltx_role_refnum ltx_tag_bibitem">{tag}</span>'
    return f'<li id="bib.bib{number}" class="ltx_bibitem">{label}{spans}</li>'


def bibliography(*items: str) -> str:
    title = '<h2 class="ltx_title ltx_title_bibliography">References</h2>'
    return f'<section id="bib" class="ltx_bibliography">{title}<ul class="ltx_biblist">{"".join(items)}</ul></section>'


def whole(body: str, *, title: str = "A Paper on Preferences", abstract: str = "We train with pairs.") -> str:
    return (
        '<!DOCTYPE html><html><head><title>t</title><script>var leak = "SCRIPT";</script></head><body>'
        '<header class="desktop_header">SITE HEADER</header>'
        '<div class="package-alerts ltx_document" role="status"><p>HTML conversions sometimes display errors</p></div>'
        '<nav class="ltx_TOC"><ol><li>CONTENTS</li></ol></nav><div class="ltx_page_content">'
        f'<article class="ltx_document"><h1 class="ltx_title ltx_title_document">{title}'
        f'{footnote("1", "THANKS")}</h1><div class="ltx_authors"><span class="ltx_creator">AUTHORS</span></div>'
        f'<div class="ltx_abstract"><h6 class="ltx_title ltx_title_abstract">Abstract</h6>'
        f'<p class="ltx_p">{abstract}</p>'
        f"</div>{body}</article></div><footer>FOOTER</footer></body></html>"
    )


def page(html: str, url: str = "https://arxiv.org/html/2305.18290", content_type: str = "text/html") -> Page:
    return Page(url, 200, {"content-type": content_type}, html.encode(), "arxiv")


FATAL = (
    "<html><head><title>No content available</title></head><body><article class='ltx_document'><div class='ltx_para'>"
    "<span class='ltx_ERROR'>Conversion to HTML had a Fatal error and exited abruptly. This document may be truncated."
    "</span></div><section class='ltx_section'><h2 class='ltx_title'>1 Introduction</h2><p class='ltx_p'>Half a paper"
    "</p></section></article><a class='ar5iv-text-button ar5iv-severity-fatal'>Conversion report</a></body></html>"
)
STUB = "<html><body><main><h1>No HTML is available for this paper</h1><p>Try the PDF.</p></main></body></html>"
EMPTY = "<html><body><article class='ltx_document'><p class='ltx_p'>No content available</p></article></body></html>"
ABSTRACT_PAGE = "<html><body><h1 class='title'>Title: DPO</h1><blockquote class='abstract'>…</blockquote></body></html>"
