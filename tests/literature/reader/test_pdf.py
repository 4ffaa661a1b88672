from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.literature.reader.pdfs import Set, encrypted, heading, pdf

from labwright.contracts.errors import UsageError
from labwright.contracts.http import Service
from labwright.contracts.literature import Document, PaperIds
from labwright.literature.reader import Limits, Reader, layout
from labwright.literature.reader.pdf import printed

FILLER = "This line of the running text is about as long as all of the others are on this page here."


def read(data: bytes, limits: Limits | None = None) -> Document:
    return layout.document(printed(data, "paper.pdf", limits or Limits()), PaperIds())


def paper() -> bytes:
    def edge(number: int) -> tuple[str, str]:
        return (f"Published as a conference paper at ICLR 202{number}", str(number))

    pages = [
        [
            edge(1)[0],
            Set("Sorting Numbers with Small", 17, bold=True),
            Set("Language Models", 17, bold=True),
            "A. Author, B. Author",
            heading("Abstract"),
            "We sort three numbers. It works on a single ma-",
            "chine, and fine-",
            "tuning is cheap.",
            heading("1 Introduction"),
            FILLER,
            "A list of contributions, which looks like headings but is set as the text is:",
            "1. We show that it works.",
            "2. Results",
            "3. We release the code.",
            edge(1)[1],
        ],
        [
            edge(2)[0],
            heading("2 Method"),
            FILLER,
            heading("2.1 Fine-tuning with a long title that does not fit on one line", 11),
            heading("of the page", 11),
            "We use fine-tuning with the following. Ends here.",
            "Table 1: Results on the benchmark.",
            "Base 5.0 8.0 12.5",
            "DPO 71.0 74.0 80.5",
            edge(2)[1],
        ],
        [
            edge(3)[0],
            heading("References"),
            "[1] R. Rafailov et al. Direct preference optimization: Your language model",
            "is secretly a reward model. arXiv:2305.18290, 2023.",
            "[2] J. Schulman. Proximal policy optimization algorithms. 2017.",
            heading("A Hyperparameters"),
            "The learning rate is 1e-5.",
            edge(3)[1],
        ],
    ]
    return pdf(*pages, title="ignored.dvi")


def test_headings_are_told_from_numbered_lists_by_their_type() -> None:
    document = read(paper())
    assert [(s.number, s.title, s.level) for s in document.sections] == [
        ("", "Front matter", 1),
        ("1", "Introduction", 1),
        ("2", "Method", 1),
        ("2.1", "Fine-tuning with a long title that does not fit on one line of the page", 2),
        ("A", "Hyperparameters", 1),
    ]
    assert "2. Results" in document.sections[1].text


def test_title_abstract_and_broken_words_are_made_whole() -> None:
    document = read(paper())
    assert document.title == "Sorting Numbers with Small Language Models"
    assert document.abstract == "We sort three numbers. It works on a single machine, and fine-tuning is cheap."


def test_running_heads_and_page_numbers_are_left_out() -> None:
    text = "\n".join(section.text for section in read(paper()).sections)
    assert "Published as" not in text
    assert not re.search(r"^\d$", text, re.MULTILINE)


def test_rows_of_a_table_stay_lines_and_the_remark_names_the_table() -> None:
    document = read(paper())
    assert "Base 5.0 8.0 12.5\n\nDPO 71.0 74.0 80.5" in document.sections[3].text
    assert any("tables were not recovered" in remark and "Table 1" in remark for remark in document.remarks)


def test_references_are_split_and_carry_ids() -> None:
    first, second = read(paper()).references
    assert (first.key, first.ids.arxiv) == ("[1]", "2305.18290")
    assert first.title == "Direct preference optimization: Your language model is secretly a reward model"
    assert second.text == "J. Schulman. Proximal policy optimization algorithms. 2017."


def test_references_without_numbers_are_split_by_their_hanging_indent() -> None:
    lines = [heading("1 Introduction"), FILLER, heading("2 Method"), FILLER, heading("References")]
    for name in ("Adams", "Baker", "Clark"):
        lines += [
            Set(f"{name} A (2020). A title that fills the whole line of this page and then"),
            Set("goes on.", x=84),
        ]
    document = read(pdf(lines))
    assert [r.text[:5] for r in document.references] == ["Adams", "Baker", "Clark"]
    assert document.references[0].title.endswith("and then goes on")


def test_where_all_type_is_alike_numbers_that_count_up_are_headings() -> None:
    lines = [
        "A plain title of a paper",
        "Abstract",
        "Short.",
        "1 Introduction",
        FILLER,
        "1.1 Setting",
        FILLER,
        "2 Method",
        FILLER,
    ]
    assert [s.number for s in read(pdf(lines)).sections] == ["1", "1.1", "2"]


def test_a_table_of_contents_is_not_taken_for_the_headings() -> None:
    contents = [heading("Contents"), *(f"{n} Part . . . . . . . . . . {n}" for n in range(1, 6)), heading("1 Part")]
    body = [heading("1 First"), FILLER, heading("2 Second"), FILLER]
    assert [(s.number, s.title) for s in read(pdf(contents, body)).sections][1:] == [("1", "First"), ("2", "Second")]


def test_a_pdf_without_headings_is_one_section_and_says_so() -> None:
    document = read(pdf([FILLER, FILLER.upper()]))
    assert [s.title for s in document.sections] == ["Text"]
    assert any("no headings" in remark for remark in document.remarks)


def test_pages_beyond_the_limit_are_counted_in_a_remark() -> None:
    document = read(pdf([FILLER], [FILLER], [FILLER]), Limits(pages=1))
    assert "pages 2 to 3 were not read: only 1 are read" in document.remarks


def test_a_pdf_that_takes_too_long_is_given_up() -> None:
    with pytest.raises(UsageError, match="takes too long"):
        read(pdf([FILLER], [FILLER]), Limits(seconds=-1.0))
    with pytest.raises(UsageError, match="takes too long"):
        read(pdf([FILLER] * 2_000, [FILLER]), Limits(seconds=0.005))


def test_a_page_whose_drawing_is_too_large_is_left_out_with_a_remark() -> None:
    document = read(pdf([FILLER], [FILLER] * 40), Limits(page_bytes=1_000))
    assert "page 2 was not read: its drawing is too large" in document.remarks


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "it is empty"),
        (b"<html>Log in</html>", "this is no PDF"),
        (paper()[:700], "damaged"),
        (b"%PDF-1.5\n" + b"\0" * 2_000, "damaged"),
        (b"%PDF-1.5\ntrailer << /Root 1 0 R >>\nstartxref\n0\n%%EOF", "damaged"),
        (pdf(), "has no pages"),
        (pdf([], []), "its pages are pictures"),
        (pdf([FILLER]).replace(b"Helvetica /Encoding /WinAnsiEncoding", b"ZapfDingbats".ljust(36)), "unreadable signs"),
        (encrypted(paper(), "secret"), "encrypted"),
        (encrypted(paper(), "secret", "AES-256"), "encrypted"),
    ],
)
def test_pdfs_that_cannot_be_read_end_in_an_error_with_a_cure(data: bytes, says: str) -> None:
    with pytest.raises(UsageError, match=says) as caught:
        read(data)
    assert caught.value.cure and caught.value.where == "paper.pdf"


def test_a_pdf_that_opens_without_its_owners_password_is_read() -> None:
    assert read(encrypted(paper(), "")).sections[1].title == "Introduction"


def test_a_pdf_that_is_too_large_is_an_error_that_names_the_size() -> None:
    with pytest.raises(UsageError, match=r"has 0\.0 MB, more than the 0\.0 MB"):
        read(paper(), Limits(most_bytes=100))


def test_every_truncation_and_many_corruptions_end_in_a_document_or_an_error_of_ours() -> None:
    data = paper()
    broken = [data[:end] for end in range(0, len(data), len(data) // 25)]
    for at in range(20, len(data), len(data) // 40):
        broken.append(data[:at] + b"\xff<< /" + data[at + 4 :])
    for number in range(1, 13):
        broken.append(data.replace(b"%d 0 R" % number, b"%d 0 R" % (number + 1)))
    for words in (b"/Contents", b"/Font", b"/Kids", b"/Length", b"/FlateDecode", b"/Helvetica", b"/Count"):
        broken.append(data.replace(words, b"/X"))
    for case in broken:
        try:
            read(case)
        except UsageError:
            continue


def test_the_path_of_a_file_is_named_where_it_cannot_be_read(tmp_path: Path) -> None:
    nowhere = Service("nowhere", "http://127.0.0.1:9")
    reader = Reader(None, nowhere, nowhere, None, nowhere)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="cannot be read") as caught:
        reader.read_pdf(tmp_path / "missing.pdf")
    assert caught.value.where == str(tmp_path / "missing.pdf")
