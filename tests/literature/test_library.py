"""The library: what is kept is found again, under every name, offline, also where its text is damaged."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from tests.servers.ledger_places import rows_of

from labwright.contracts.errors import NotFoundError, StorageError, UsageError
from labwright.contracts.events import PaperKept
from labwright.contracts.literature import (
    Document,
    Filter,
    Paper,
    PaperIds,
    PaperLibrary,
    PaperSource,
    Query,
    Reference,
    Section,
    SnippetSource,
)
from labwright.ledger import Ledger
from labwright.literature.library import Library, ToKeep

TITLE = "Sorting numbers by preference optimization"
PAPER = Paper(
    PaperIds(arxiv="2305.00001"), TITLE, ("Ann Author", "Bo Writer"), 2023, "2023-05-01", "We sort.", citations=4,
    sources=("arxiv",),
)  # fmt: skip
TRAINING = "We train with a learning rate of 2e-5.\n\n| model | accuracy |\n|---|---|\n| base | 8.0 |\n| ours | 71.5 |"
DOCUMENT = Document(
    PAPER.ids,
    TITLE,
    "We sort.",
    (Section("1", "Introduction", 1, "Numbers are hard."), Section("3.2", "Training", 2, TRAINING)),
    (Reference("bib.1", "Quokka et al. 2020"),),
    "arxiv-html",
)


class Shelf:
    """A library with its ledger and its directory."""

    def __init__(self, home: Path, url: str) -> None:
        self.home, self.url = home, url
        self.ledger = Ledger.open(url)
        self.library = Library(self.ledger, home / "objects")

    def texts(self) -> list[Path]:
        return sorted((self.home / "objects").iterdir()) if (self.home / "objects").exists() else []

    def found(self, text: str) -> list[str]:
        return [paper.title for paper in self.library.search(Query(text)).papers]

    def events(self) -> int:
        return len(self.ledger.events())


@pytest.fixture
def shelf(tmp_path: Path, ledger_url: str) -> Iterator[Shelf]:
    opened = Shelf(tmp_path, ledger_url)
    yield opened
    opened.ledger.close()


def test_a_library_is_a_source_of_papers_and_snippets_and_keeps(shelf: Shelf) -> None:
    keeps: PaperLibrary = shelf.library
    papers: PaperSource = shelf.library
    snippets: SnippetSource = shelf.library
    assert keeps.name == papers.name == snippets.name == "library"


def test_what_was_kept_is_read_back_as_it_was(shelf: Shelf) -> None:
    entry = shelf.library.keep(PAPER, DOCUMENT, "for the\n baseline ")
    assert (entry.paper, entry.why, entry.notes) == (PAPER, "for the baseline", ())
    assert entry.text_hash is not None
    assert shelf.library.document(PAPER.ids) == DOCUMENT
    assert shelf.library.entry(PAPER.ids) == entry
    assert shelf.library.entries() == (entry,)
    assert [path.name for path in shelf.texts()] == [f"{entry.text_hash}.json"]


def test_an_unknown_paper_is_no_entry_and_no_document(shelf: Shelf) -> None:
    assert shelf.library.entry(PAPER.ids) is None
    assert shelf.library.document(PAPER.ids) is None
    assert shelf.library.papers([PAPER.ids, PaperIds()]) == ()
    assert shelf.library.search(Query("sorting")).papers == ()
    assert shelf.library.entry(PaperIds()) is None


def test_a_paper_without_a_text_may_get_one_later_and_keeps_it(shelf: Shelf) -> None:
    shelf.library.keep(PAPER, None, "cited twice")
    assert shelf.library.document(PAPER.ids) is None
    shelf.library.keep(PAPER, DOCUMENT, "to read it")
    entry = shelf.library.keep(PAPER, None, "cited twice")
    assert (entry.text_hash is None, entry.why) == (False, "cited twice\nto read it")
    assert shelf.library.document(PAPER.ids) == DOCUMENT


def test_a_newer_text_replaces_the_text_also_in_the_search(shelf: Shelf) -> None:
    shelf.library.keep(PAPER, DOCUMENT, "")
    newer = replace(DOCUMENT, sections=(Section("1", "Method", 1, "Zymurgy."),))
    shelf.library.keep(PAPER, newer, "")
    assert shelf.library.document(PAPER.ids) == newer
    assert (shelf.found("zymurgy"), shelf.found("Introduction")) == ([TITLE], [])


def test_keeping_the_same_again_changes_nothing(shelf: Shelf) -> None:
    first = shelf.library.keep(PAPER, DOCUMENT, "why")
    count = shelf.events()
    assert shelf.library.keep(PAPER, DOCUMENT, "why") == first
    assert shelf.library.keep(replace(PAPER, sources=("library",)), None, "") == first
    assert shelf.events() == count


def test_metadata_are_brought_up_to_date(shelf: Shelf) -> None:
    shelf.library.keep(PAPER, None, "")
    newer = Paper(
        PaperIds(arxiv="2305.00001", s2="a" * 40),
        TITLE,
        venue="ICML",
        citations=90,
        abstract="Shorter.",
        sources=("s2",),
    )
    paper = shelf.library.keep(newer, None, "").paper
    assert (paper.citations, paper.venue, paper.abstract) == (90, "ICML", "We sort."), (
        "arXiv's abstract is the authors'"
    )
    assert paper.ids == PaperIds(arxiv="2305.00001", s2="a" * 40)
    assert set(paper.sources) == {"s2", "arxiv"}


# The same paper under another name


def test_a_paper_that_is_kept_under_one_id_is_found_under_every_one(shelf: Shelf) -> None:
    shelf.library.keep(replace(PAPER, ids=PaperIds(doi="10.1000/x")), DOCUMENT, "")
    shelf.library.keep(replace(PAPER, ids=PaperIds(doi="10.1000/x", corpus=7)), None, "")
    shelf.library.keep(replace(PAPER, ids=PaperIds(corpus=7, openalex="W1")), None, "")
    assert len(shelf.library.entries()) == 1
    for ids in (PaperIds(doi="10.1000/X"), PaperIds(corpus=7), PaperIds(openalex="W1")):
        assert shelf.library.document(ids) == DOCUMENT


def test_a_paper_is_found_by_its_whole_title_whatever_its_signs_and_capitals(shelf: Shelf) -> None:
    shelf.library.keep(PAPER, None, "")
    (found,) = shelf.library.titled("SORTING numbers -- by preference optimization.")
    assert (found.ids, found.sources) == (PAPER.ids, ("library",))
    assert shelf.library.titled("Sorting numbers") == shelf.library.titled("...") == ()
    assert shelf.library.size == 1


def test_two_entries_become_one_when_a_paper_has_the_ids_of_both(shelf: Shelf) -> None:
    short = replace(PAPER, title="Sorting")  # too short for titles to tell anything
    document = replace(DOCUMENT, ids=PaperIds())
    shelf.library.keep(replace(short, ids=PaperIds(doi="10.1000/x")), document, "by its DOI")
    shelf.library.note(PaperIds(doi="10.1000/x"), "a note")
    shelf.library.keep(replace(short, ids=PaperIds(arxiv="2305.00001")), None, "by arXiv")
    assert len(shelf.library.entries()) == 2
    entry = shelf.library.keep(replace(short, ids=PaperIds(arxiv="2305.00001", doi="10.1000/x")), None, "")
    assert (entry.why.splitlines(), entry.notes) == (["by its DOI", "by arXiv"], ("a note",))
    assert shelf.library.entries() == (entry,)
    assert shelf.library.document(PaperIds(arxiv="2305.00001")) == document
    assert shelf.found("learning rate") == ["Sorting"], "the text of the one that was taken over is searched"


def test_a_title_tells_that_two_descriptions_are_one_paper(shelf: Shelf) -> None:
    shelf.library.keep(replace(PAPER, ids=PaperIds(corpus=7)), None, "")
    entry = shelf.library.keep(replace(PAPER, title=TITLE.upper() + "."), None, "")
    assert entry.paper.ids == PaperIds(arxiv="2305.00001", corpus=7)
    assert len(shelf.library.entries()) == 1


@pytest.mark.parametrize(
    "other",
    [
        replace(PAPER, ids=PaperIds(corpus=8), year=2019),
        replace(PAPER, ids=PaperIds(corpus=8), authors=("Somebody Else",)),
        replace(PAPER, ids=PaperIds(arxiv="2305.99999")),
        replace(PAPER, ids=PaperIds(corpus=8), title=TITLE + " again"),
    ],
)
def test_what_speaks_against_one_paper_keeps_two(shelf: Shelf, other: Paper) -> None:
    shelf.library.keep(PAPER, None, "")
    shelf.library.keep(other, None, "")
    assert len(shelf.library.entries()) == 2


def test_two_arxiv_ids_are_two_papers_even_where_a_service_mixes_them_up(shelf: Shelf) -> None:
    shelf.library.keep(replace(PAPER, ids=PaperIds(arxiv="2305.00001", s2="a" * 40)), DOCUMENT, "")
    other = replace(PAPER, title="Another", ids=PaperIds(arxiv="2305.00002", s2="a" * 40))
    shelf.library.keep(other, None, "")
    assert [paper.title for paper in shelf.library.papers([PaperIds(arxiv="2305.00002")])] == ["Another"]
    assert shelf.library.document(PaperIds(arxiv="2305.00002")) is None
    assert shelf.library.document(PaperIds(s2="a" * 40)) == DOCUMENT


def test_a_file_without_any_id_gets_a_name_of_the_library(shelf: Shelf) -> None:
    document = replace(DOCUMENT, ids=PaperIds(), title="Notes")
    paper = Paper(PaperIds(), "Notes")
    entry = shelf.library.keep(paper, document, "a colleague's")
    assert entry.paper.ids.key.startswith("local:")
    assert shelf.library.document(entry.paper.ids) == document
    assert shelf.library.keep(paper, document, "again").paper.ids == entry.paper.ids
    other = replace(document, sections=(Section("", "", 1, "Other notes."),))
    assert shelf.library.keep(paper, other, "").paper.ids != entry.paper.ids
    assert len(shelf.library.entries()) == 2


def test_a_file_becomes_the_published_paper_once_that_is_known(shelf: Shelf) -> None:
    local = shelf.library.keep(replace(PAPER, ids=PaperIds(), sources=()), replace(DOCUMENT, ids=PaperIds()), "a file")
    entry = shelf.library.keep(PAPER, None, "found on arXiv")
    assert entry.paper.ids == PaperIds(arxiv="2305.00001", local=local.paper.ids.local)
    assert shelf.library.document(PAPER.ids) is not None
    assert shelf.library.entry(local.paper.ids) == entry


def test_what_nothing_tells_from_others_is_not_kept(shelf: Shelf) -> None:
    with pytest.raises(UsageError, match="without id, title and text"):
        shelf.library.keep(Paper(PaperIds(), "  "), None, "")
    assert shelf.library.keep(Paper(PaperIds(), "On sorting"), None, "").paper.ids.local


# Notes


def test_notes_are_added_in_order_and_searched(shelf: Shelf) -> None:
    shelf.library.keep(PAPER, DOCUMENT, "")
    shelf.library.note(PAPER.ids, "the seed is missing")
    entry = shelf.library.note(PAPER.ids, "  ask the authors about zymurgy ")
    assert entry.notes == ("the seed is missing", "ask the authors about zymurgy")
    assert shelf.found("zymurgy") == [TITLE]
    assert shelf.found("accuracy base") == [TITLE], "the text is still searched"


def test_a_note_on_what_is_not_kept_and_an_empty_one_are_refused(shelf: Shelf) -> None:
    with pytest.raises(NotFoundError, match=r"arxiv:2305\.00001") as caught:
        shelf.library.note(PAPER.ids, "hm")
    assert caught.value.cure
    shelf.library.keep(PAPER, None, "")
    with pytest.raises(UsageError, match="empty"):
        shelf.library.note(PAPER.ids, " \n ")


# Searching


def test_title_authors_abstract_text_notes_and_reasons_are_searched(shelf: Shelf) -> None:
    shelf.library.keep(PAPER, DOCUMENT, "for its curriculum")
    for text in ("preference sorting", "Bo Writer", "we sort", "learning rate", "ours 71.5", "curriculum", "Training"):
        assert shelf.found(text) == [TITLE], text
    assert shelf.found("quokka") == [], "references would find what the paper is not about"


def test_what_a_search_returns_is_marked_as_the_library_s(shelf: Shelf) -> None:
    shelf.library.keep(PAPER, None, "")
    for papers in (shelf.library.search(Query("sorting")).papers, shelf.library.papers([PAPER.ids, PAPER.ids])):
        assert papers == (replace(PAPER, sources=("library",)),)


def test_a_filter_that_cannot_be_applied_is_said(shelf: Shelf) -> None:
    shelf.library.keep(PAPER, None, "")
    shelf.library.keep(Paper(PaperIds(corpus=1), "Sorting by hand"), None, "")
    found = shelf.library.search(Query("sorting", since=2023, min_citations=4))
    assert len(found.papers) == 2
    assert [(each.source, each.filter) for each in found.unapplied] == [
        ("library", Filter.SINCE),
        ("library", Filter.MIN_CITATIONS),
    ]
    assert "1 of these" in found.unapplied[0].why
    assert shelf.library.search(Query("preference", since=2023)).unapplied == ()
    assert shelf.library.search(Query("preference", since=2024)).papers == ()


def test_no_words_list_the_newest_and_no_limit_is_none(shelf: Shelf) -> None:
    for number in range(3):
        shelf.library.keep(Paper(PaperIds(corpus=number), f"Paper {number}", year=2020 + number), None, "")
    found = shelf.library.search(Query(" ", since=2021, limit=1))
    assert ([paper.title for paper in found.papers], found.total) == (["Paper 2"], 2)
    assert shelf.library.search(Query("paper", limit=0)).papers == ()
    assert shelf.library.search(Query("paper", limit=2)).total == 3
    assert shelf.library.snippets(Query("paper", limit=0)) == ()
    assert len(shelf.library.entries(2)) == 2


# Passages


def test_a_passage_knows_its_section_and_a_table_is_one(shelf: Shelf) -> None:
    shelf.library.keep(PAPER, DOCUMENT, "")
    best, *_ = shelf.library.snippets(Query("learning rate"))
    assert (best.text, best.section, best.paper.title) == (
        "We train with a learning rate of 2e-5.",
        "3.2 Training",
        TITLE,
    )
    table, *_ = shelf.library.snippets(Query("accuracy ours"))
    assert table.text.startswith("| model | accuracy |")
    assert table.text.endswith("| ours | 71.5 |")
    assert shelf.library.snippets(Query("zymurgy")) == ()


def test_the_passage_with_most_of_the_words_comes_first(shelf: Shelf) -> None:
    texts = ["Batch size.", "The batch size and the learning rate.", "Learning.", "A rate."]
    for number, text in enumerate(texts):
        ids = PaperIds(corpus=number)
        shelf.library.keep(Paper(ids, f"P{number}"), Document(ids, "", "", (Section("1", "S", 1, text),)), "")
    found = shelf.library.snippets(Query("batch size learning rate"))
    assert [snippet.text for snippet in found] == [texts[1]], "all words are in one of them"
    assert found[0].score > 4


def test_abstracts_and_notes_have_passages_too(shelf: Shelf) -> None:
    shelf.library.keep(PAPER, None, "")
    shelf.library.note(PAPER.ids, "the seed is missing")
    assert [s.section for s in shelf.library.snippets(Query("sort"))] == ["Abstract"]
    assert [(s.section, s.text) for s in shelf.library.snippets(Query("seed"))] == [("notes", "the seed is missing")]


def test_a_long_passage_is_cut_around_what_was_found_and_says_so(shelf: Shelf) -> None:
    text = f"{'before ' * 400}the quokka eats {'after ' * 400}"
    shelf.library.keep(PAPER, replace(DOCUMENT, sections=(Section("1", "S", 1, text),)), "")
    (snippet,) = shelf.library.snippets(Query("quokka"))
    assert "the quokka eats" in snippet.text
    assert snippet.text.startswith("… before")
    assert snippet.text.endswith("after …")
    assert len(snippet.text) < 1300


# Where something is wrong


def test_a_missing_or_damaged_text_is_said_and_the_rest_goes_on(shelf: Shelf) -> None:
    entry = shelf.library.keep(PAPER, DOCUMENT, "")
    (file,) = shelf.texts()
    for damage in (lambda: file.write_bytes(b'{"ids"'), file.unlink):
        damage()
        with pytest.raises(StorageError) as caught:
            shelf.library.document(PAPER.ids)
        assert (caught.value.where, bool(caught.value.cure)) == (str(file), True)
        assert shelf.library.entry(PAPER.ids) == entry
        assert shelf.found("learning rate") == [TITLE]
    shelf.library.keep(PAPER, DOCUMENT, "")
    assert shelf.library.document(PAPER.ids) == DOCUMENT, "reading it again heals it"


def test_a_text_from_another_version_is_said(shelf: Shelf) -> None:
    content = b'{"title": 1}'
    digest = sha256(content).hexdigest()
    shelf.library.keep(PAPER, DOCUMENT, "")
    (shelf.home / "objects" / f"{digest}.json").write_bytes(content)
    shelf.ledger.record(None, PaperKept(PAPER.id, PAPER, "", digest))
    with pytest.raises(StorageError, match="another version"):
        shelf.library.document(PAPER.ids)


def test_an_index_that_was_lost_is_made_anew_from_the_texts(shelf: Shelf) -> None:
    shelf.library.keep(PAPER, DOCUMENT, "")
    lost = Paper(PaperIds(corpus=3), "Lost")
    gone = shelf.library.keep(lost, replace(DOCUMENT, ids=lost.ids), "")
    rows_of(shelf.url, "DELETE FROM paper_search")
    (shelf.home / "objects" / f"{gone.text_hash}.json").unlink()
    shelf.ledger.rebuild(None)
    assert shelf.found("preference") == [TITLE]
    assert shelf.found("learning rate") == []
    done = shelf.library.reindex()
    (fault,) = done.faults
    assert done.papers == 1 and "corpus:3" in fault and "cannot be read" in fault
    assert shelf.found("learning rate") == [TITLE]
    assert shelf.found("lost") == ["Lost"]


def test_a_text_that_cannot_be_written_keeps_nothing(shelf: Shelf) -> None:
    (shelf.home / "objects").write_text("in the way")
    with pytest.raises(StorageError) as caught:
        shelf.library.keep(PAPER, DOCUMENT, "")
    assert caught.value.cure
    assert shelf.library.entries() == ()


def test_halves_of_characters_and_control_signs_are_kept_as_what_can_be_kept(shelf: Shelf) -> None:
    broken = "Sorting \ud800 by\x00 loss \x02x\x03"
    section = Section("1", f"H\x1e {broken}", 1, broken)
    paper = replace(PAPER, title=broken, authors=(broken,), abstract=broken)
    shelf.library.keep(paper, replace(DOCUMENT, title=broken, sections=(section,)), f"because {broken}")
    shelf.library.note(PAPER.ids, broken)
    document = shelf.library.document(PAPER.ids)
    assert document is not None
    assert "\ud800" not in document.sections[0].text
    assert shelf.found("sorting loss") == ["Sorting ? by loss x"]
    assert shelf.library.snippets(Query("sorting"))


def test_many_are_kept_at_once(shelf: Shelf) -> None:
    papers = [ToKeep(Paper(PaperIds(corpus=n), f"Paper {n}"), None, "all of them") for n in range(600)]
    assert shelf.library.keep_all([*papers, *papers[:50]]) == 650
    assert shelf.events() == 600
    assert len(shelf.library.papers(PaperIds(corpus=n) for n in range(1200))) == 600


KEEPER = """
import sys
from pathlib import Path
from labwright.contracts.literature import Document, Paper, PaperIds, Section
from labwright.ledger import Ledger
from labwright.literature.library import Library
home, name = Path(sys.argv[1]), sys.argv[2]
with Ledger.open(sys.argv[3]) as ledger:
    library = Library(ledger, home / "objects")
    for number in range(40):
        ids = PaperIds(corpus=number)
        document = Document(ids, "T", "A", (Section("1", "S", 1, f"text {number}"),))
        library.keep(Paper(ids, f"Paper {number}"), document, f"for {name}")
"""


def test_two_processes_that_keep_the_same_papers_at_once_make_one_entry_of_each(shelf: Shelf) -> None:
    keepers = [
        subprocess.Popen([sys.executable, "-c", KEEPER, str(shelf.home), name, shelf.url]) for name in ("a", "b")
    ]
    assert [keeper.wait() for keeper in keepers] == [0, 0]
    entries = shelf.library.entries(100)
    assert len(entries) == 40
    assert {entry.why for entry in entries} <= {"for a\nfor b", "for b\nfor a"}
    assert len(shelf.texts()) == 40
    assert [paper.title for paper in shelf.library.search(Query('"text 17"')).papers] == ["Paper 17"]


def test_a_library_can_be_used_from_several_threads(shelf: Shelf) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: shelf.library.keep(PAPER, DOCUMENT, f"reason {n}"), range(20)))
    entry = shelf.library.entry(PAPER.ids)
    assert entry is not None
    assert len(entry.why.splitlines()) == 20
