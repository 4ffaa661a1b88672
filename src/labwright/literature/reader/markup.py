"""LaTeXML's HTML as Markdown: paragraphs, lists, equations, listings, notes, citations and tables of one element.

arXiv and ar5iv serve what LaTeXML makes of a paper's source. The classes of its elements (`ltx_…`) say what each one
is, often better than its tag does: a table may well be a `span`. So the walk goes by class first and by tag second.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Iterator
from urllib.parse import SplitResult, urlsplit

from selectolax.lexbor import LexborNode

from labwright.literature.reader.tables import Cell, Row, flat, table

SECTIONS = frozenset(
    f"ltx_{kind}"
    for kind in ("part", "chapter", "section", "subsection", "subsubsection", "paragraph", "subparagraph", "appendix")
)

_MOST_DEPTH = 110  # of elements within each other; Python's stack bears about three times as much
_SKIPPED_TAGS = frozenset({"script", "style", "button", "nav", "img", "template", "annotation", "-comment", "-doctype"})
_SKIPPED = frozenset(
    {"ltx_ERROR", "ltx_pagination", "ltx_bibliography", "ltx_TOC", "ltx_rule", "ltx_note_mark", "ltx_tag_note"}
    | {"ltx_listing_data", "ltx_role_footnotemark", "ltx_index", "package-alerts"}
)
_BLOCKS = frozenset(
    {"p", "div", "section", "article", "figure", "blockquote", "figcaption", "center", "h1", "h2", "h3", "h4", "h5"}
    | {"h6", "header", "main", "aside", "details", "foreignobject", "li", "dd", "dt"}
)
_BLOCK_CLASSES = frozenset({"ltx_p", "ltx_para", "ltx_caption", "ltx_block", "ltx_quote", "ltx_bibblock"})
_EQUATIONS = frozenset({"ltx_equation", "ltx_equationgroup", "ltx_eqn_table"})
_LISTS = frozenset({"ltx_itemize", "ltx_enumerate", "ltx_description"})
_PICTURED_TEXT = ".ltx_p, .ltx_para, .ltx_listing, .ltx_tabular, p"

_WHITE = re.compile(r"[\s\u00a0\u2000-\u200a\u202f\u205f\u3000]+")
_UNSEEN = dict.fromkeys(map(ord, "\u00ad\u200b\u200c\u200d\u2060\u2061\u2062\u2063\u2064\ufeff"))
_YEAR = re.compile(r"(?:19|20)\d\d[a-z]?")
_POWER = re.compile(r"[-−–+]?\d+(?:\.\d+)?")
_INDENTS = {0xA0: " ", 0x2003: "  ", 0x2002: " ", 0x2001: "  ", 0x2000: " ", 0x200A: ""}


def squeezed(text: str) -> str:
    """On one line, without what cannot be seen."""
    return _WHITE.sub(" ", text.translate(_UNSEEN)).strip()


def classes(node: LexborNode) -> frozenset[str]:
    """The classes of an element."""
    return frozenset((node.attributes.get("class") or "").split())


class Writer:
    """Takes text as it comes, and makes blocks of it wherever one ends."""

    def __init__(self, *, raw: bool = False, cell: bool = False) -> None:
        self.blocks: list[str] = []
        self.run: list[str] = []
        self.raw = raw  # a line of code: its spaces count, and nothing ends in it
        self.cell = cell  # of a table: everything stands on one line

    def text(self, text: str) -> None:
        self.run.append(text)

    def end(self) -> None:
        """The paragraph ends here."""
        if self.raw:
            self.run.append(" ")
            return
        text = squeezed("".join(self.run))
        self.run.clear()
        if text:
            self.blocks.append(text)

    def block(self, text: str) -> None:
        """A block that is already Markdown."""
        self.end()
        if self.raw:
            self.run.append(text)
        elif text:
            self.blocks.append(text)


class Renderer:
    """Writes elements of one document as Markdown; footnotes are numbered through it, what went wrong is in `remarks`.

    Stops at nested sections, which are written by themselves.
    """

    def __init__(self) -> None:
        self.remarks: list[str] = []
        self._notes: list[str] = []
        self._count = 0
        self._bracketed = False

    def markdown(self, node: LexborNode, *, without: Iterable[LexborNode] = ()) -> str:
        """The text within an element, its footnotes at the end."""
        self._notes = []
        skipped = frozenset(part.mem_id for part in without)
        out = Writer()
        self._children(node, out, 0, skipped)
        out.end()
        return "\n\n".join([*out.blocks, *self._notes])

    def line(self, node: LexborNode, *, without: Iterable[LexborNode] = ()) -> str:
        """The text within an element on one line, without its footnotes: a title, an entry of the bibliography."""
        kept, out = self._notes, Writer(cell=True)
        count = self._count
        self._children(node, out, 0, frozenset(part.mem_id for part in without))
        out.end()
        self._notes, self._count = kept, count
        return re.sub(r"\[\^\d+\]", "", " ".join(out.blocks))

    def _children(self, node: LexborNode, out: Writer, depth: int, skipped: frozenset[int] = frozenset()) -> None:
        if depth > _MOST_DEPTH:
            self._remark("markup that is nested too deeply is given as bare text")
            out.text(node.text(deep=True))
            return
        for child in node.iter(include_text=True):
            if child.tag == "-text":
                out.text(child.text(deep=False))
            elif child.tag is not None and child.mem_id not in skipped:
                self._element(child, child.tag, out, depth + 1, skipped)

    def _element(self, node: LexborNode, tag: str, out: Writer, depth: int, skipped: frozenset[int]) -> None:
        kinds = classes(node)
        if tag in _SKIPPED_TAGS or kinds & _SKIPPED or kinds & SECTIONS:
            return
        if tag == "math":
            self._math(node, out)
        elif kinds & _EQUATIONS and tag in ("table", "div", "span"):
            self._equations(node, out)
        elif "ltx_tabular" in kinds or tag == "table":
            self._table(node, out, depth)
        elif tag == "pre" or "ltx_listing" in kinds or "ltx_lstlisting" in kinds:
            self._listing(node, out, depth)
        elif kinds & _LISTS or tag in ("ul", "ol", "dl"):
            self._list(node, out, depth)
        elif "ltx_note" in kinds:
            self._note(node, out, depth)
        elif tag == "cite":
            self._cite(node, out, depth)
        elif tag == "a":
            self._link(node, out, depth)
        elif tag == "svg":
            for part in node.css("foreignobject"):
                if part.css_first(_PICTURED_TEXT) is not None:  # a framed text box, not the labels of a drawing
                    self._block(part, out, depth, skipped)
        elif "ltx_title" in kinds:
            out.end()
            title = self.line(node)
            out.block(f"**{title}**" if title else "")
        else:
            self._plain(node, tag, kinds, out, depth, skipped)

    def _plain(
        self, node: LexborNode, tag: str, kinds: frozenset[str], out: Writer, depth: int, skipped: frozenset[int]
    ) -> None:
        if tag in _BLOCKS or kinds & _BLOCK_CLASSES:
            self._block(node, out, depth, skipped)
        elif tag == "br":
            out.text(" ")
        elif "ltx_lst_space" in kinds:
            out.text("\u00a0" * len(node.text(deep=True)))
        elif tag == "sup" and _POWER.fullmatch(node.text(deep=True).strip()):
            out.text(f"^{{{node.text(deep=True).strip()}}}")  # 10⁻⁵ must not become 10-5
        elif "ltx_tag" in kinds:
            self._children(node, out, depth, skipped)
            out.text(" ")
        else:
            self._children(node, out, depth, skipped)

    def _block(self, node: LexborNode, out: Writer, depth: int, skipped: frozenset[int]) -> None:
        out.end()
        self._children(node, out, depth, skipped)
        out.end()

    def _remark(self, text: str) -> None:
        if text not in self.remarks:
            self.remarks.append(text)

    # Mathematics

    def _math(self, node: LexborNode, out: Writer) -> None:
        tex = tex_of(node)
        if not tex:
            return
        if node.attributes.get("display") == "block" and not out.cell and not out.raw:
            out.block(f"$${tex}$$")
        else:
            out.text(f"${tex}$")

    def _equations(self, node: LexborNode, out: Writer) -> None:
        rows = node.css("tr") or [node]
        for row in rows:
            tex = " ".join(filter(None, (tex_of(part) for part in row.css("math"))))
            number = row.css_first(".ltx_tag_equation, .ltx_tag_equationgroup")
            label = squeezed(number.text(deep=True)) if number is not None else ""
            if tex:
                written = f"${tex}$" if out.cell else f"$${tex}$$"
                out.block(f"{written} {label}".rstrip())
            else:
                out.block(squeezed(row.text(deep=True)))

    # Tables

    def _table(self, node: LexborNode, out: Writer, depth: int) -> None:
        rows = list(self._rows(node, depth))
        if out.cell or out.raw:
            out.text(f" {flat(rows)} ")
            return
        made = table(rows)
        if made.rows_left_out:
            self._remark(f"a table is too large: its last {made.rows_left_out} rows are left out")
        out.block(made.markdown)

    def _rows(self, node: LexborNode, depth: int) -> Iterator[Row]:
        for row, in_head in _table_rows(node, in_head=False, depth=0):
            cells: list[Cell] = []
            filled: list[tuple[bool, bool]] = []  # whether it heads anything, whether it heads a column
            for cell in row.iter():
                kinds = classes(cell)
                if cell.tag not in ("td", "th") and "ltx_td" not in kinds:
                    continue
                inner = Writer(cell=True)
                self._children(cell, inner, depth + 1)
                inner.end()
                text = " ".join(inner.blocks)
                cells.append(Cell(text, _span(cell, kinds, "col"), _span(cell, kinds, "row")))
                if text:
                    heads = cell.tag == "th" or "ltx_th" in kinds
                    filled.append((heads, "ltx_th_column" in kinds or (heads and "ltx_th_row" not in kinds)))
            marked = all(heads for heads, _ in filled) and any(column for _, column in filled)
            yield Row(tuple(cells), in_head or marked)

    # Listings and lists

    def _listing(self, node: LexborNode, out: Writer, depth: int) -> None:
        code = _downloadable(node) or "\n".join(self._code_lines(node, depth))
        if not code.strip():
            return
        if out.cell or out.raw:
            out.text(code)
            return
        ticks = max((len(run) for run in re.findall(r"`{3,}", code)), default=2) + 1
        fence = "`" * max(ticks, 3)
        language = next((kind[17:].lower() for kind in classes(node) if kind.startswith("ltx_lst_language_")), "")
        out.block(f"{fence}{language}\n{code}\n{fence}")

    def _code_lines(self, node: LexborNode, depth: int) -> Iterator[str]:
        lines = node.css(".ltx_listingline")
        if not lines:
            yield from (line.rstrip() for line in node.text(deep=True).strip("\n").split("\n"))
        for line in lines:
            out = Writer(raw=True)
            self._children(line, out, depth)
            text = re.sub(r"[ \t\r\n]+", " ", "".join(out.run).translate(_UNSEEN)).strip(" ")
            yield text.translate(_INDENTS).rstrip()

    def _list(self, node: LexborNode, out: Writer, depth: int) -> None:
        numbered = node.tag == "ol" or "ltx_enumerate" in classes(node)
        items: list[str] = []
        term = ""
        for number, item in enumerate((child for child in node.iter() if child.tag in ("li", "dt", "dd")), start=1):
            tag = next((child for child in item.iter() if "ltx_tag" in classes(child)), None)
            label = squeezed(tag.text(deep=True)) if tag is not None else ""
            if item.tag == "dt":
                term = self.line(item)
                continue
            inner = Writer(cell=out.cell)
            self._children(item, inner, depth, frozenset({tag.mem_id}) if tag is not None else frozenset())
            inner.end()
            mark = (label or f"{number}.") if numbered else "-"
            words = [f"**{term}**"] if term else []
            term = ""
            items.append(_item(mark, [*words, *inner.blocks]))
        text = "\n".join(filter(None, items))
        if out.cell or out.raw:
            out.text(f" {text} ")
        else:
            out.block(text)

    # Notes, citations, links

    def _note(self, node: LexborNode, out: Writer, depth: int) -> None:
        content = node.css_first(".ltx_note_content")
        if content is None:
            return
        inner = Writer(cell=True)
        self._children(content, inner, depth)
        inner.end()
        if inner.blocks:
            self._count += 1
            out.text(f"[^{self._count}]")
            self._notes.append(f"[^{self._count}]: {' '.join(inner.blocks)}")

    def _cite(self, node: LexborNode, out: Writer, depth: int) -> None:
        outer, self._bracketed = self._bracketed, node.text(deep=True).lstrip().startswith("[")
        self._children(node, out, depth)
        self._bracketed = outer

    def _link(self, node: LexborNode, out: Writer, depth: int) -> None:
        address = (node.attributes.get("href") or "").strip()
        key = address.rpartition("#")[2]
        if "#" in address and key.startswith("bib"):
            out.text(self._citation(squeezed(node.text(deep=True)).strip("[]()"), key))
            return
        start = len(out.run)
        self._children(node, out, depth)
        text = squeezed("".join(out.run[start:]))
        parts = _split(address)
        if parts is None or (parts.fragment and "/html/" in parts.path) or not text or re.search(r"[\s()]", address):
            return
        if text.rstrip("/") in address:  # a bare address, printed in full or without its scheme
            out.run[start:] = [address]
        else:
            out.run[start:] = [f"[{text}]({address})"]

    def _citation(self, label: str, key: str) -> str:
        """A citation with the key of its entry: `[bib.bib12]`, or `2023 [bib.bib12]` where the label says something."""
        says = bool(_YEAR.search(label)) or " " in label
        if self._bracketed:
            return f"{label} {key}" if says else key
        return f"{label} [{key}]" if says else f"[{key}]"


def tex_of(node: LexborNode) -> str:
    """The TeX of a `math` element."""
    tex = node.attributes.get("alttext") or ""
    if not tex:
        source = node.css_first('annotation[encoding="application/x-tex"]')
        tex = source.text(deep=True) if source is not None else node.text(deep=True)
    tex = re.sub(r"%\n\s*", "", tex)  # LaTeXML breaks long lines so
    return squeezed(re.sub(r"\\(?:displaystyle|textstyle)(?![a-zA-Z])\s*", "", tex))


def _table_rows(node: LexborNode, *, in_head: bool, depth: int) -> Iterator[tuple[LexborNode, bool]]:
    """The rows of a table itself, not those of tables in its cells."""
    for child in node.iter():
        kinds = classes(child)
        if child.tag == "tr" or "ltx_tr" in kinds:
            yield child, in_head
        elif depth < 4:
            yield from _table_rows(child, in_head=in_head or child.tag == "thead", depth=depth + 1)


def _span(cell: LexborNode, kinds: frozenset[str], way: str) -> int:
    """How many columns or rows a cell spans: an attribute, or a class where the cell is no `td`."""
    said = cell.attributes.get(f"{way}span") or ""
    if not said:
        marker = f"ltx_{way}span_"
        said = next((kind[len(marker) :] for kind in kinds if kind.startswith(marker)), "1")
    return int(said) if said.isascii() and said.isdigit() and len(said) < 7 else 1


def _item(mark: str, blocks: list[str]) -> str:
    if not blocks:
        return ""
    first, *rest = "\n".join(blocks).split("\n")
    return "\n".join([f"{mark} {first}", *(f"  {line}" for line in rest)])


def _downloadable(node: LexborNode) -> str:
    """A listing's exact text: LaTeXML puts it beside the coloured lines."""
    link = node.css_first(".ltx_listing_data a")
    head, _, data = ((link.attributes.get("href") or "") if link is not None else "").partition(",")
    if not head.startswith("data:text/plain") or not head.endswith("base64"):
        return ""
    try:
        return base64.b64decode(data).decode("utf-8", "replace").strip("\n")
    except (binascii.Error, ValueError):
        return ""


def _split(address: str) -> SplitResult | None:
    try:
        parts = urlsplit(address)
    except ValueError:  # such as an open bracket in the host
        return None
    return parts if parts.scheme in ("http", "https") else None
