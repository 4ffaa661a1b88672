"""Merging: when descriptions are one paper, what is believed of each, and how rankings become one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labwright.contracts.literature import Paper, PaperIds
from labwright.literature.merging import fuse, merge, plain

TITLE = "Direct Preference Optimization: Your Language Model is Secretly a Reward Model"
OURS = ("Rafael Rafailov", "Chelsea Finn")


def paper(
    title: str = TITLE,
    source: str = "s2",
    *,
    arxiv: str | None = None,
    doi: str | None = None,
    s2: str | None = None,
    openalex: str | None = None,
    year: int | None = 2023,
    authors: tuple[str, ...] = OURS,
    citations: int | None = None,
) -> Paper:
    ids = PaperIds(arxiv=arxiv, doi=doi, s2=s2, openalex=openalex)
    return Paper(ids, title, authors, year, citations=citations, sources=(source,))


def test_a_shared_id_makes_one_paper_whatever_the_titles_say() -> None:
    (one,) = merge([paper("DPO", "hf", arxiv="2305.18290"), paper(TITLE, "arxiv", arxiv="2305.18290")])
    assert one.title == TITLE
    assert one.sources == ("hf", "arxiv")


def test_ids_join_papers_also_over_a_third_description() -> None:
    a = paper("A", arxiv="2305.18290")
    b = paper("B", doi="10.1/x")
    bridge = paper("C", arxiv="2305.18290", doi="10.1/x", s2="f" * 40)
    (one,) = merge([a, b, bridge])
    assert one.ids == PaperIds(arxiv="2305.18290", doi="10.1/x", s2="f" * 40)


def test_a_local_id_of_the_library_counts_as_an_id() -> None:
    assert len(merge([Paper(PaperIds(local="abc"), "A"), Paper(PaperIds(local="abc"), "B")])) == 1


@pytest.mark.parametrize(
    "other", [TITLE.upper(), TITLE.replace(": ", " – "), f"  {TITLE}. ", TITLE.replace("Reward Model", "RewardModel")]
)
def test_the_same_title_within_a_year_makes_one_paper(other: str) -> None:
    assert len(merge([paper(arxiv="2305.18290"), paper(other, "openalex", openalex="W1", year=2024)])) == 1


@pytest.mark.parametrize(
    "other",
    [
        paper(openalex="W1", year=2020),
        paper(arxiv="2401.00001"),
        paper(openalex="W1", authors=("Somebody Else",)),
        paper(openalex="W1", year=None, authors=()),
        paper(f"{TITLE} Revisited", openalex="W1"),
    ],
)
def test_a_title_is_not_enough_where_something_speaks_against_it(other: Paper) -> None:
    assert len(merge([paper(arxiv="2305.18290"), other])) == 2


@pytest.mark.parametrize(
    "title",
    [
        "Introduction",
        "Language models",
        "A Survey of Learning",
        "",
        "…",
        "Editorial: Machine Learning for Language and Speech",
        "Proceedings of the Workshop on Learning to Sort",
        "Supplementary Material for the Paper on Sorting Numbers",
    ],
)
def test_short_and_generic_titles_do_not_make_one_paper(title: str) -> None:
    assert len(merge([paper(title, openalex="W1"), paper(title, s2="a" * 40)])) == 2


def test_names_written_in_another_order_are_the_same_authors() -> None:
    other = paper(openalex="W1", authors=("Rafailov, R.", "Finn, C."))
    assert len(merge([paper(arxiv="2305.18290"), other])) == 1


@pytest.mark.parametrize(
    "written",
    [
        "Search &amp; Learn: <i>Scaling</i> α-Divergences<sup>2</sup>",
        "Search and Learn: Scaling $\\alpha$-Divergences2",
    ],
)
def test_a_title_in_html_or_in_tex_is_the_same_title(written: str) -> None:
    plainly = paper("Search & Learn: \\emph{Scaling} $\\alpha$-divergences$^2$", arxiv="2305.18290")
    assert len(merge([plainly, paper(written, openalex="W1")])) == 1


@pytest.mark.parametrize(
    ("one", "other", "papers"),
    [
        ("Wei Wang", "Li Wang", 2),
        ("Wei Wang", "W. Wang", 1),
        ("Wei Wang", "Wang, Wei", 1),
        ("Jane A. Doe", "Jane Doe", 1),
        ("J. Doe", "Doe", 1),
        ("W. Wang", "L. Wang", 2),
    ],
)
def test_one_surname_is_shared_by_many(one: str, other: str, papers: int) -> None:
    both = [paper(arxiv="2305.18290", authors=(one,)), paper(openalex="W1", authors=(other,))]
    assert len(merge(both)) == papers


def test_titles_do_not_chain_papers_over_the_years() -> None:
    yearly = [paper("Findings of the Shared Task on Sorting", s2=f"{n}" * 40, year=2018 + n) for n in range(5)]
    assert len(merge(yearly)) == 3


def test_each_field_comes_from_whom_it_is_believed() -> None:
    ids = {"arxiv": "2305.18290"}
    arxiv = Paper(
        PaperIds(**ids),
        TITLE,
        OURS,
        2023,
        "2023-05-29",
        "As written.",
        url="https://arxiv.org/abs/2305.18290",
        sources=("arxiv",),
    )
    s2 = Paper(
        PaperIds(**ids),
        "Dpo",
        ("R. Rafailov",),
        2024,
        "2024-01-01",
        "Cut.",
        "NeurIPS",
        5000,
        700,
        summary="TLDR",
        sources=("s2",),
    )
    openalex = Paper(
        PaperIds(**ids), "DPO", (), 2023, None, "words", "arXiv (Cornell University)", 5100, sources=("openalex",)
    )
    hf = Paper(
        PaperIds(**ids), "DPO", upvotes=64, summary="By a model.", code_url="https://github.com/a/b", sources=("hf",)
    )
    for order in ([arxiv, s2, openalex, hf], [hf, openalex, s2, arxiv]):
        (one,) = merge(order)
        assert (one.title, one.authors, one.year, one.published) == (TITLE, OURS, 2023, "2023-05-29")
        assert (one.abstract, one.venue, one.summary) == ("As written.", "NeurIPS", "By a model.")
        assert (one.citations, one.influential, one.upvotes) == (5100, 700, 64)
        assert one.code_url == "https://github.com/a/b"


def test_a_day_of_another_year_is_not_taken_over() -> None:
    conference = Paper(PaperIds(doi="10.1/x"), TITLE, year=2024, sources=("s2",))
    preprint = Paper(PaperIds(doi="10.1/x"), TITLE, year=2023, published="2023-05-29", sources=("openalex",))
    (one,) = merge([conference, preprint])
    assert (one.year, one.published) == (2024, None)


def test_papers_stay_where_their_first_description_stood() -> None:
    merged = merge(
        [
            paper("B b b b b b b b b b b b", arxiv="2305.00002"),
            paper(arxiv="2305.18290"),
            paper("x", arxiv="2305.00002"),
        ]
    )
    assert [one.ids.arxiv for one in merged] == ["2305.00002", "2305.18290"]


def test_what_two_sources_find_stands_before_what_one_finds() -> None:
    first = [paper("One", s2="1" * 40), paper("Two", arxiv="2305.00002")]
    second = [paper("Three", "arxiv", arxiv="2305.00003"), paper("Two", "arxiv", arxiv="2305.00002")]
    assert [one.title for one in fuse([first, second])] == ["Two", "One", "Three"]


def test_a_source_that_lists_a_paper_twice_does_not_count_twice() -> None:
    twice = [paper("Zero", s2="0" * 40), paper("Two", arxiv="2305.00002"), paper("Two", arxiv="2305.00002")]
    assert [one.title for one in fuse([twice, []])] == ["Zero", "Two"]


def test_titles_are_compared_by_letters_and_digits_of_any_script() -> None:
    assert plain("Müller–Brown: $\\pi_0$, 强化学习!") == "muller brown pi 0 强化学习"


ONES = st.builds(
    paper,
    st.sampled_from([TITLE, "Proximal Policy Optimization Algorithms", "Short"]),
    st.sampled_from(["arxiv", "s2", "openalex", "hf"]),
    arxiv=st.sampled_from([None, "2305.18290", "1707.06347"]),
    doi=st.sampled_from([None, "10.1/x", "10.1/y"]),
    year=st.sampled_from([None, 2022, 2023, 2024]),
)


@given(st.lists(ONES, max_size=12))
def test_merging_never_leaves_an_id_in_two_papers(papers: list[Paper]) -> None:
    merged = merge(papers)
    for kind in ("arxiv", "doi"):
        before = {getattr(one.ids, kind) for one in papers} - {None}
        after = [getattr(one.ids, kind) for one in merged if getattr(one.ids, kind) is not None]
        assert len(after) == len(set(after))
        assert set(after) <= before


@given(st.lists(ONES, max_size=12))
def test_a_ranking_holds_what_merging_holds(papers: list[Paper]) -> None:
    assert {one.ids for one in fuse([papers])} == {one.ids for one in merge(papers)}
