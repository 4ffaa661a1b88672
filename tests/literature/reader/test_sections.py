from __future__ import annotations

import pytest

from labwright.contracts.errors import UsageError
from labwright.contracts.literature import Document, PaperIds, Reference, Section
from labwright.literature.reader import find, outline, page, whole, within

DOCUMENT = Document(
    ids=PaperIds(arxiv="2305.18290"),
    title="A Paper",
    abstract="In short.",
    sections=(
        Section("1", "Introduction", 1, "Words. " * 40),
        Section("3", "Experimental Setup", 1, "Setup."),
        Section("3.1", "Training Details", 2, "Learning rate 1e-5.\n\nBatch 64."),
        Section("3.2", "Results", 2, "71 %."),
        Section("4", "Results", 1, "Main results."),
        Section("A", "Hyperparameters", 1, "Epochs: 3."),
    ),
    references=(Reference("bib.bib1", "R. Rafailov. DPO.", PaperIds(arxiv="2305.18290")), Reference("[2]", "Other.")),
)


@pytest.mark.parametrize(
    ("wanted", "number"),
    [
        ("3.1", "3.1"),
        ("Section 3.1", "3.1"),
        ("§3.1.", "3.1"),
        ("appendix A", "A"),
        ("a", "A"),
        ("training details", "3.1"),
        ("3.1 Training Details", "3.1"),
        ("Training", "3.1"),
        ("hyperparameter", "A"),
        ("hyper-parameters", "A"),
        ("experiments", "3"),
        ("experiment setup", "3"),
        ("RESULTS", "4"),
    ],
)
def test_a_section_is_found_by_number_title_or_what_is_like_it(wanted: str, number: str) -> None:
    assert find(DOCUMENT, wanted).number == number


@pytest.mark.parametrize("wanted", ["", "9", "zzz", "quantum chromodynamics", "..."])
def test_an_unknown_section_is_an_error_that_lists_those_there_are(wanted: str) -> None:
    with pytest.raises(UsageError) as caught:
        find(DOCUMENT, wanted)
    assert "3.1 Training Details" in str(caught.value.cure)


def test_a_section_is_paged_with_its_subsections() -> None:
    assert [s.number for s in within(DOCUMENT, "setup")] == ["3", "3.1", "3.2"]
    got = page(DOCUMENT, "3")
    assert got.text.startswith("## 3 Experimental Setup\n\nSetup.\n\n### 3.1 Training Details")
    assert got.following is None and got.note == f"all of 3 Experimental Setup: {len(got.text)} characters"


def test_abstract_and_references_can_be_asked_for() -> None:
    assert page(DOCUMENT, "abstract").text == "In short."
    assert page(DOCUMENT, "References").text == "[bib.bib1] R. Rafailov. DPO. (arxiv:2305.18290)\n[2] Other."


@pytest.mark.parametrize("most", [1, 7, 50, 200, 10_000])
def test_pages_put_together_are_the_whole_text_whatever_their_size(most: int) -> None:
    text, offset, pages = "", 0, 0
    while True:
        got = page(DOCUMENT, offset=offset, most=most)
        assert len(got.text) <= most
        text, pages = text + got.text, pages + 1
        if got.following is None:
            break
        assert f"go on with offset={got.following}" in got.note
        offset = got.following
    assert text == whole(DOCUMENT)


def test_a_page_ends_where_a_paragraph_does() -> None:
    assert page(DOCUMENT, most=30).text.endswith("\n\n")


@pytest.mark.parametrize(("offset", "most"), [(-1, 10), (10**9, 10), (0, 0), (0, -5), (len(whole(DOCUMENT)), 10)])
def test_a_page_that_cannot_be_is_an_error(offset: int, most: int) -> None:
    with pytest.raises(UsageError):
        page(DOCUMENT, offset=offset, most=most)


def test_an_empty_document_is_an_empty_page() -> None:
    empty = Document(PaperIds(), "", "", ())
    assert page(empty).text == "" and page(empty).following is None
    with pytest.raises(UsageError, match="no section"):
        page(empty, "1")


def test_the_outline_says_how_long_each_part_is() -> None:
    lines = outline(DOCUMENT).splitlines()
    assert lines[0] == "Abstract (9 characters)"
    assert "  3.1 Training Details (30 characters)" in lines
    assert lines[-1] == "References (2 entries)"
