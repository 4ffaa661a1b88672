"""Which entries of the bibliography a piece of the text cites, in the ways in which papers write it."""

from __future__ import annotations

import pytest

from labwright.contracts.literature import Document, PaperIds, Reference
from labwright.literature.reader import cited_in, line


def paper(*keys: str) -> Document:
    entries = tuple(Reference(key, f"Entry {key}.") for key in keys)
    return Document(PaperIds(arxiv="2305.18290"), "A paper", "", (), entries)


ANCHORED = paper("bib.bib1", "bib.bib2", "bib.bib12", "bib.bibx")
NUMBERED = paper(*(f"[{n}]" for n in range(1, 13)))
LABELLED = paper("[Hu+21]", "[Ouyang22]")


@pytest.mark.parametrize(
    ("document", "text", "found"),
    [
        (ANCHORED, "As Hu et al. 2021 [bib.bib12] and others [bib.bib1, bib.bib12] say.", ["bib.bib12", "bib.bib1"]),
        (ANCHORED, "(Hu, 2021 bib.bib2.)", ["bib.bib2"]),
        (ANCHORED, "No such entry: [bib.bib7].", []),
        (NUMBERED, "See [3, 7–9] and [2].", ["[3]", "[7]", "[8]", "[9]", "[2]"]),
        (NUMBERED, "See [12; 4].", ["[12]", "[4]"]),
        (NUMBERED, "with a rate in [0, 1], at index [13], and [3](https://example.org)", []),
        (NUMBERED, "from [5-100000]", []),
        (LABELLED, "LoRA [Hu+21] and RLHF [Ouyang22, Hu+21]", ["[Hu+21]", "[Ouyang22]"]),
        (paper(), "Nothing [1].", []),
    ],
)
def test_citations_are_found_as_papers_write_them(document: Document, text: str, found: list[str]) -> None:
    assert [entry.key for entry in cited_in(document, text)] == found


def test_an_entry_on_one_line_says_where_to_follow_it() -> None:
    known = Reference("bib.bib1", "Hu.", PaperIds(arxiv="2106.09685"), "LoRA")
    assert line(known) == "[bib.bib1] arxiv:2106.09685  LoRA"
    assert line(Reference("[3]", "A report,\n 2020.")) == "[3] without an id  A report, 2020."
