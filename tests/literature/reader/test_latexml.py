from __future__ import annotations

import base64
import time

import pytest
from pydantic import TypeAdapter
from tests.literature.reader import latexml_pages as make

from labwright.contracts.errors import ServiceError
from labwright.contracts.literature import Document, PaperIds
from labwright.literature.reader import latexml

IDS = PaperIds(arxiv="2305.18290")


def read(body: str, **parts: str) -> Document:
    page = make.page(make.whole(body, **parts))
    latexml.check(page)
    return latexml.document(page, IDS, "arxiv-html")


def text_of(body: str) -> str:
    return read(make.section("1", "Method", body)).sections[0].text


def test_sections_come_in_reading_order_with_numbers_levels_and_their_own_text_only() -> None:
    inner = make.section("2.1", "Loss", make.para("The loss."), "subsection", "h3")
    deeper = make.section("", "Details.", make.para("The details."), "paragraph", "h5")
    document = read(
        make.section("1", "Introduction", make.para("First."))
        + make.section("2", "Method", make.para("Before.") + inner + deeper)
        + make.section("Appendix A", "Proofs", make.para("Last."), "appendix")
    )
    assert [(s.number, s.title, s.level, s.text) for s in document.sections] == [
        ("1", "Introduction", 1, "First."),
        ("2", "Method", 1, "Before."),
        ("2.1", "Loss", 2, "The loss."),
        ("", "Details.", 2, "The details."),
        ("A", "Proofs", 1, "Last."),
    ]


def test_title_and_abstract_are_read_and_the_sites_own_parts_and_thanks_are_left_out() -> None:
    document = read(make.section("1", "Introduction", make.para("Text.")))
    assert (document.title, document.abstract) == ("A Paper on Preferences", "We train with pairs.")
    kept = TypeAdapter(Document).dump_json(document).decode()
    for foreign in ("SCRIPT", "SITE HEADER", "CONTENTS", "FOOTER", "THANKS", "AUTHORS", "sometimes display errors"):
        assert foreign not in kept


def test_text_outside_every_section_is_kept() -> None:
    assert read(make.para("A letter without sections.")).sections[0].title == "Text"
    mixed = read(make.para("Before all.") + make.section("1", "One", make.para("Text.")))
    assert [s.title for s in mixed.sections] == ["Outside the sections", "One"]
    assert mixed.sections[0].text == "Before all."


def test_equations_are_their_tex() -> None:
    rows = (
        '<table class="ltx_equation ltx_eqn_table"><tbody><tr class="ltx_equation ltx_eqn_row">'
        f'<td class="ltx_eqn_cell ltx_eqn_center_padleft"></td><td>{make.math("&#92;displaystyle L=1", "block")}</td>'
        f'<td>{make.math("+x", "block")}</td><td class="ltx_eqn_cell ltx_eqn_eqno"><span class="ltx_tag '
        'ltx_tag_equation">(3)</span></td></tr></tbody></table>'
    )
    text = text_of(make.para(f"With {make.math('10^{-5}')} and{rows}we are done."))
    assert text.split("\n\n") == ["With $10^{-5}$ and", "$$L=1 +x$$ (3)", "we are done."]
    assert "GLYPHS" not in text


def test_a_power_in_a_superscript_stays_a_power() -> None:
    assert text_of(make.para('at 2×10<sup class="ltx_sup">-5</sup>, the 5<sup>th</sup>')) == "at 2×10^{-5}, the 5th"


def test_a_table_with_headings_over_two_rows_becomes_one_grid() -> None:
    table = make.tabular(
        [make.cell("Model", head=True, rows=2), make.cell("Math", head=True, columns=2)],
        [make.cell("GSM8K", head=True), make.cell("MATH", head=True)],
        [make.cell("DPO", rows=2), make.cell(make.math("62.5")), make.cell("31|0")],
        [make.cell("63.0"), make.cell("32.0")],
    )
    caption = (
        '<figcaption class="ltx_caption"><span class="ltx_tag ltx_tag_table">Table 1: </span>Accuracy.</figcaption>'
    )
    assert text_of(f'<figure class="ltx_table">{caption}{table}</figure>').split("\n") == [
        "Table 1: Accuracy.",
        "",
        "| Model | Math / GSM8K | Math / MATH |",
        "| --- | --- | --- |",
        "| DPO | $62.5$ | 31\\|0 |",
        "| DPO | 63.0 | 32.0 |",
    ]


def test_a_table_of_spans_with_spans_as_classes_is_a_table_too() -> None:
    rows = [["ltx_td ltx_colspan ltx_colspan_2", "Both"]], [["ltx_td", "a"], ["ltx_td", "b"]]
    body = "".join(
        '<span class="ltx_tr">' + "".join(f'<span class="{k}">{t}</span>' for k, t in row) + "</span>" for row in rows
    )
    text = text_of(make.para(f'See <span class="ltx_tabular"><span class="ltx_tbody">{body}</span></span>.'))
    assert "| Both |  |\n| --- | --- |\n| a | b |" in text or "| Both | Both |\n| --- | --- |\n| a | b |" in text


def test_a_table_in_a_cell_stays_on_the_cells_line() -> None:
    inner = make.tabular([make.cell("Batch")], [make.cell("size")])
    table = make.tabular([make.cell("Run"), make.cell(inner)], [make.cell("A"), make.cell("64")])
    assert text_of(table) == "| Run | Batch size |\n| --- | --- |\n| A | 64 |"


def test_cells_of_columns_that_only_space_the_print_are_left_out() -> None:
    table = make.tabular(
        [make.cell("a"), make.cell(""), make.cell("b")],
        [make.cell(""), make.cell(""), make.cell("")],
        [make.cell("1"), make.cell(""), make.cell("2")],
    )
    assert text_of(table) == "| a | b |\n| --- | --- |\n| 1 | 2 |"


def test_absurd_spans_do_not_make_an_absurd_table() -> None:
    wide = make.tabular(
        [make.cell("a", columns=999_999_999), make.cell("b", rows=10**6)], [make.cell("1", columns=10**6)]
    )
    broken = wide.replace('rowspan="1000000"', 'rowspan="many"').replace('colspan="1000000"', 'colspan="-3"')
    for table in (wide, broken):
        assert len(text_of(table)) < 5_000


def test_a_table_that_is_too_large_is_cut_with_a_remark() -> None:
    row = [make.cell(str(n)) for n in range(50)]
    document = read(make.section("1", "Data", make.tabular(*[row] * 1_000)))
    assert any("its last" in remark and "rows are left out" in remark for remark in document.remarks)


def test_lists_keep_their_marks_and_nesting() -> None:
    inner = '<ul class="ltx_itemize"><li class="ltx_item"><span class="ltx_tag ltx_tag_item">–</span>deep</li></ul>'
    items = "".join(
        f'<li class="ltx_item"><span class="ltx_tag ltx_tag_item">{mark}</span><div class="ltx_para"><p class="ltx_p">'
        f"{text}</p>{more}</div></li>"
        for mark, text, more in (("1.", "first", ""), ("(b)", "second", inner))
    )
    assert text_of(f'<ol class="ltx_enumerate">{items}</ol>') == "1. first\n(b) second\n  - deep"
    terms = '<dl class="ltx_description"><dt class="ltx_item">LR</dt><dd class="ltx_item">1e-5</dd></dl>'
    assert text_of(terms) == "- **LR**\n  1e-5"


def test_footnotes_stand_at_the_end_of_their_section() -> None:
    text = text_of(make.para(f"We use LoRA{make.footnote('1', 'Rank 16.')} here.") + make.para("More."))
    assert text == "We use LoRA[^1] here.\n\nMore.\n\n[^1]: Rank 16."


def test_algorithms_and_listings_keep_their_lines() -> None:
    line = '<div class="ltx_listingline"><span class="ltx_tag ltx_tag_listingline">{}:</span>\n     {}</div>'
    lines = line.format(1, "<b>for</b> " + make.math("x") + " do") + line.format(2, "\u2003step\n")
    caption = '<figcaption class="ltx_caption"><span class="ltx_tag">Algorithm 1</span> Training</figcaption>'
    figure = f'<figure class="ltx_float ltx_float_algorithm">{caption}<div class="ltx_listing">{lines}</div></figure>'
    assert text_of(figure) == "Algorithm 1 Training\n\n```\n1: for $x$ do\n2:   step\n```"
    code = "def f():\n    return '```'"
    data = base64.b64encode(code.encode()).decode()
    listing = (
        '<div class="ltx_listing ltx_lst_language_Python ltx_lstlisting"><div class="ltx_listing_data">'
        f'<a href="data:text/plain;base64,{data}">⬇</a></div><div class="ltx_listingline">garbled</div></div>'
    )
    assert text_of(listing) == f"````python\n{code}\n````"
    assert "garbled" in text_of(listing.replace(data, "%%%"))


def test_citations_keep_the_key_of_their_entry() -> None:
    numeric = '<cite class="ltx_cite">[<a class="ltx_ref" href="#bib.bib1">1</a>, <a href="#bib.bib2">2</a>]</cite>'
    named = '<cite class="ltx_cite">(Rafailov et al., <a href="https://arxiv.org/html/1v2#bib.bib3">2023</a>)</cite>'
    older = '<cite class="ltx_cite">Ouyang et al. <a href="#bib.bib4">[2022]</a></cite>'
    bare = '<cite><a href="#bib.bib5">7</a></cite>'
    assert text_of(make.para(f"{numeric} and {named}, {older}; {bare}")) == (
        "[bib.bib1, bib.bib2] and (Rafailov et al., 2023 [bib.bib3]), Ouyang et al. 2022 [bib.bib4]; [bib.bib5]"
    )


def test_addresses_are_kept_and_references_within_the_paper_are_words() -> None:
    text = text_of(
        make.para(
            '<a class="ltx_ref" href="https://arxiv.org/html/2305.18290v2#S2">Section 2</a>, '
            '<a href="https://github.com/a/b">our code</a>, <a href="https://x.org/data">x.org/data</a>, '
            '<a href="http://[broken">link</a>, <a href="javascript:alert(1)">click</a>'
        )
    )
    assert text == "Section 2, [our code](https://github.com/a/b), https://x.org/data, link, click"


def test_a_framed_box_is_text_and_the_labels_of_a_drawing_are_not() -> None:
    drawing = '<svg class="ltx_picture"><g><foreignObject>{}</foreignObject></g></svg>'
    box = drawing.format('<span class="ltx_p">Prompt: sort these.</span>')
    plot = drawing.format("<span>0.25</span>")
    assert text_of(make.para(box + plot)) == "Prompt: sort these."


def test_the_bibliography_has_keys_titles_and_ids_from_links_and_text() -> None:
    items = make.bibliography(
        make.bibitem(
            1, "[1]", "R. Rafailov.", "Direct preference optimization.", "arXiv preprint arXiv:2305.18290, 2023."
        ),
        make.bibitem(
            2, "[2]", "L. Ouyang.", "Training with feedback.", '<a href="https://doi.org/10.1145/3292500">Link</a>'
        ),
        make.bibitem(3, "[3]", "A book by Somebody, 1999."),
        make.bibitem(4, "[4]", "J. Schulman.", "Proximal policy optimization.", "2017.").replace(
            "</li>", '<span class="ltx_bibblock ltx_bib_cited">Cited by: <a href="#S1">§1</a></span></li>'
        ),
    )
    first, second, third, fourth = read(make.section("1", "One", make.para("x")) + items).references
    assert (first.key, first.ids.arxiv, first.by) == ("bib.bib1", "2305.18290", "text")
    assert first.title == "Direct preference optimization"
    assert (second.ids.doi, second.by, second.title) == ("10.1145/3292500", "link", "Training with feedback")
    assert (third.ids, third.by) == (PaperIds(), "")
    assert fourth.text == "J. Schulman. Proximal policy optimization. 2017."


def test_sections_keep_their_text_when_headings_tags_and_attributes_are_missing() -> None:
    document = read('<section class="ltx_section"><p>No heading.</p><math></math><a>x</a><cite></cite></section>')
    assert [(s.number, s.title) for s in document.sections] == [("", "")]
    assert "No heading." in document.sections[0].text


@pytest.mark.parametrize(
    ("html", "says"),
    [
        (make.STUB, "No HTML is available"),
        (make.FATAL, "failed half-way"),
        (make.EMPTY, "empty"),
        (make.ABSTRACT_PAGE, "no LaTeXML document"),
        ("", "no LaTeXML document"),
        ("Rate exceeded.", "no LaTeXML document"),
        ("<html><body><div class='package-alerts ltx_document'>x</div></body></html>", "no LaTeXML document"),
    ],
)
def test_pages_with_status_200_that_are_no_paper_are_refused(html: str, says: str) -> None:
    with pytest.raises(ServiceError, match=says) as caught:
        latexml.check(make.page(html))
    assert caught.value.where == "https://arxiv.org/html/2305.18290"


def test_a_paper_about_conversion_errors_is_a_paper() -> None:
    words = "The page says: Conversion to HTML had a Fatal error, or No content available."
    assert words in text_of(make.para(words) + make.para("More of the paper follows. " * 20))


def test_markup_that_is_nested_too_deeply_is_text_with_a_remark_or_an_error_but_no_crash() -> None:
    deep = read(make.section("1", "Deep", "<div>" * 700 + "core" + "</div>" * 700))
    assert "core" in deep.sections[0].text
    assert any("nested too deeply" in remark for remark in deep.remarks)
    started = time.process_time()
    with pytest.raises(ServiceError, match="nested too deeply"):
        latexml.check(make.page(make.whole("<b>" * 60_000)))
    assert time.process_time() - started < 30


def test_nested_lists_tables_and_notes_without_end_do_not_crash() -> None:
    for opening, closing in (("<ul><li>", "</li></ul>"), ("<table><tr><td>", "</td></tr></table>")):
        assert "core" in text_of(opening * 300 + "core" + closing * 300)
    note = '<span class="ltx_note"><span class="ltx_note_content">'
    assert "core" in text_of(make.para(note * 300 + "core" + "</span></span>" * 300))


def test_a_document_survives_json() -> None:
    document = read(make.section("1", "Émile — 数学", make.para("ﬁne &#xD800; &#0; text")))
    adapter = TypeAdapter(Document)
    assert adapter.validate_json(adapter.dump_json(document)) == document


def test_a_heading_row_whose_first_cell_heads_its_row_is_a_heading_still() -> None:
    first = '<th class="ltx_td ltx_th ltx_th_row">Model</th>'
    model = '<th class="ltx_td ltx_th ltx_th_row">DPO</th>'
    table = make.tabular(
        [make.cell(""), make.cell("Math", head=True)],
        [first, make.cell("GSM8K", head=True)],
        [model, make.cell("62.5")],
    )
    assert text_of(table) == "| Model | Math / GSM8K |\n| --- | --- |\n| DPO | 62.5 |"


def test_pictures_and_unknown_commands_are_said_in_remarks() -> None:
    figure = (
        '<figure class="ltx_figure"><img src="x1.png"><figcaption class="ltx_caption">Figure 1: A plot.</figcaption>'
    )
    document = read(make.section("1", "One", figure + "</figure>" + '<span class="ltx_ERROR undefined">\\foo</span>'))
    assert document.sections[0].text == "Figure 1: A plot."
    assert any("captions only (1 in all)" in remark for remark in document.remarks)
    assert any("\\foo" in remark for remark in document.remarks)


def test_a_page_that_ends_anywhere_is_read_or_refused() -> None:
    body = make.section("1", "One", make.para("x" + make.math("a")) + make.tabular([make.cell("a", rows=2)]))
    html = make.whole(body + make.bibliography(make.bibitem(1, "[1]", "A.", "B c.", "D.")))
    for end in range(0, len(html), 23):
        page = make.page(html[:end])
        try:
            latexml.document(page, IDS, "arxiv-html")
        except ServiceError:
            continue
