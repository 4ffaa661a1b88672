"""The many names of a paper, and what is none."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.literature.canonical_papers import PAPERS

from labwright.contracts.errors import UsageError
from labwright.contracts.literature import PaperIds
from labwright.literature.ids import arxiv_id, doi_of, gathered, joined, mentioned, parse, same

SHA = "0d1c76d45afa012ded7ab741194baf142117c495"
DPO = PaperIds(arxiv="2305.18290")


@pytest.mark.parametrize(
    "text",
    [
        "2305.18290",
        "2305.18290v2",
        " 2305.18290. ",
        "arXiv:2305.18290v3",
        "ARXIV: 2305.18290",
        "arXiv 2305.18290",
        "arXiv:2305.18290v3 [cs.LG] 29 Jul 2024",
        "https://arxiv.org/abs/2305.18290",
        "http://www.arxiv.org/abs/2305.18290v1?context=cs",
        "arxiv.org/pdf/2305.18290v2.pdf",
        "https://export.arxiv.org/pdf/2305.18290",
        "https://arxiv.org/html/2305.18290v3#S3",
        "https://arxiv.org/src/2305.18290",
        "https://ar5iv.labs.arxiv.org/html/2305.18290",
        "https://ar5iv.org/abs/2305.18290",
        "https://www.alphaxiv.org/abs/2305.18290",
        "https://huggingface.co/papers/2305.18290",
        "https://huggingface.co/papers/2305.18290.md",
        "hf.co/papers/2305.18290",
        "10.48550/arXiv.2305.18290",
        "https://doi.org/10.48550/arXiv.2305.18290",
        "DOI:10.48550/ARXIV.2305.18290",
        "https://api.semanticscholar.org/arXiv:2305.18290",
        "URL:https://arxiv.org/abs/2305.18290",
        "<https://arxiv.org/abs/2305.18290>",
    ],
)
def test_every_name_of_an_arxiv_paper_is_the_same_id(text: str) -> None:
    assert parse(text) == DPO


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("quant-ph/0201082", PaperIds(arxiv="quant-ph/0201082")),
        ("https://arxiv.org/abs/quant-ph/0201082v1", PaperIds(arxiv="quant-ph/0201082")),
        ("https://arxiv.org/pdf/math.GT/0309136.pdf", PaperIds(arxiv="math/0309136")),
        ("arXiv:Hep-Th/9711200", PaperIds(arxiv="hep-th/9711200")),
        ("0704.0001", PaperIds(arxiv="0704.0001")),
        ("10.1145/3292500.3330701", PaperIds(doi="10.1145/3292500.3330701")),
        ("doi: 10.1145/3292500.3330701", PaperIds(doi="10.1145/3292500.3330701")),
        ("https://dx.doi.org/10.1016/S0092-8674(00)80029-6", PaperIds(doi="10.1016/s0092-8674(00)80029-6")),
        ("https://dl.acm.org/doi/abs/10.1145/3292500.3330701", PaperIds(doi="10.1145/3292500.3330701")),
        ("https://link.springer.com/content/pdf/10.1007/978-3-030-1.pdf", PaperIds(doi="10.1007/978-3-030-1")),
        ("https://doi.org/10.1162%2Ftacl_a_00370", PaperIds(doi="10.1162/tacl_a_00370")),
        (SHA, PaperIds(s2=SHA)),
        (SHA.upper(), PaperIds(s2=SHA)),
        (f"s2:{SHA}", PaperIds(s2=SHA)),
        (f"https://www.semanticscholar.org/paper/Direct-Preference-Rafailov/{SHA}", PaperIds(s2=SHA)),
        (f"https://www.semanticscholar.org/paper/{SHA}/figure/2", PaperIds(s2=SHA)),
        ("CorpusId:258959321", PaperIds(corpus=258959321)),
        ("https://api.semanticscholar.org/CorpusID:258959321", PaperIds(corpus=258959321)),
        ("W4378508601", PaperIds(openalex="W4378508601")),
        ("https://openalex.org/w4378508601", PaperIds(openalex="W4378508601")),
        ("https://api.openalex.org/works/W4378508601", PaperIds(openalex="W4378508601")),
        ("local:3f2a", PaperIds(local="3f2a")),
    ],
)
def test_other_names_are_read_and_normalised(text: str, ids: PaperIds) -> None:
    assert parse(text) == ids


@pytest.mark.parametrize("ids", [paper.ids for paper in PAPERS])
def test_a_key_is_read_back(ids: PaperIds) -> None:
    assert same(parse(ids.key), ids)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "Direct Preference Optimization",
        "2313.18290",  # there is no thirteenth month
        "2305.1829",  # four digits were enough until 2014
        "1412.00001",
        "2305.18290v",
        "10.1145",
        "https://example.org/paper.pdf",
        "https://huggingface.co/datasets/org/name",
        "https://arxiv.org/list/cs.LG/recent",
        "https://arxiv.org/abs/",
        "https://[broken",
        "https://evil.org/?x=arxiv.org/abs/2305.18290",
        "https://notarxiv.org/abs/2305.18290",
        "CorpusId:many",
        "s2:abc",
        "W",
        "local:../../etc/passwd",
        "٢٣٠٥.١٨٢٩٠",
        "x" * 5000,
    ],
)
def test_what_names_no_paper_is_an_error_that_lists_the_forms(text: str) -> None:
    with pytest.raises(UsageError) as raised:
        parse(text)
    assert "2305.18290" in str(raised.value.cure)
    assert len(raised.value.what) < 120


def test_a_bare_number_is_asked_back() -> None:
    with pytest.raises(UsageError, match="CorpusId:258959321"):
        parse("258959321")


@given(st.text(max_size=80))
def test_any_text_is_ids_or_a_usage_error(text: str) -> None:
    with suppress(UsageError):
        assert parse(text).key
    assert isinstance(mentioned(text), PaperIds)


def test_ids_of_a_service_are_normalised_and_odd_ones_left_out() -> None:
    ids = gathered(
        arxiv="2305.18290v4",
        doi="https://doi.org/10.48550/arXiv.2305.18290",
        s2=SHA.upper(),
        corpus="258959321",
        openalex="https://openalex.org/W1",
    )
    assert ids == PaperIds("2305.18290", None, SHA, 258959321, "W1")
    assert gathered(arxiv="x", doi="n/a", s2="y", corpus="z", openalex="A1") == PaperIds()
    assert gathered(doi="10.48550/arxiv.2305.18290") == DPO
    assert gathered(doi="10.48550/arxiv.weird") == PaperIds(doi="10.48550/arxiv.weird")


@pytest.mark.parametrize(
    ("line", "ids"),
    [
        ("J. Schulman et al. Proximal policy. arXiv preprint arXiv:1707.06347, 2017.", PaperIds(arxiv="1707.06347")),
        ("CoRR, abs/1707.06347, 2017.", PaperIds(arxiv="1707.06347")),
        ("URL https://arxiv.org/pdf/1707.06347v2.", PaperIds(arxiv="1707.06347")),
        ("ArXiv, hep-th/9711200", PaperIds(arxiv="hep-th/9711200")),
        ("In KDD (https://doi.org/10.1145/3292500.3330701).", PaperIds(doi="10.1145/3292500.3330701")),
        ("doi:10.1016/S0092-8674(00)80029-6, 2000", PaperIds(doi="10.1016/s0092-8674(00)80029-6")),
        ("doi.org/10.48550/arXiv.1707.06347", PaperIds(arxiv="1707.06347")),
        ("E. Witten. Anti de Sitter space. hep-th/9802150v2, 1998.", PaperIds(arxiv="hep-th/9802150")),
        ("P. Turney. Thumbs up? cs.CL/0212032", PaperIds(arxiv="cs/0212032")),
        ("In trees/0212032 and x/cs/0212032", PaperIds()),
        ("https://aclanthology.org/2023.acl-long.1.pdf", PaperIds(doi="10.18653/v1/2023.acl-long.1")),
        ("https://www.aclanthology.org/P19-1001/.", PaperIds(doi="10.18653/v1/p19-1001")),
        ("https://aclanthology.org/P05-1001 and aclanthology.org/2022.lrec-1.5", PaperIds()),  # they have no DOI
        (
            "doi:10.1002/(SICI)1097-4571(199806)49:8<693::AID-ASI4>3.0.CO;2-O",
            PaperIds(doi="10.1002/(sici)1097-4571(199806)49:8<693::aid-asi4>3.0.co;2-o"),
        ),
        ("pages 2305.18290 and 1234", PaperIds()),  # nothing says that this number is an id
        ("", PaperIds()),
    ],
)
def test_ids_are_found_in_a_line_of_a_bibliography(line: str, ids: PaperIds) -> None:
    assert mentioned(line) == ids


def test_papers_are_the_same_by_any_id_and_ids_join() -> None:
    one, other = PaperIds(arxiv="2305.18290", corpus=1), PaperIds(corpus=1, openalex="W1", local="a")
    assert same(one, other)
    assert not same(PaperIds(), PaperIds())
    assert not same(PaperIds(arxiv="2305.18290"), PaperIds(arxiv="2305.18291"))
    assert joined(one, other) == PaperIds(arxiv="2305.18290", corpus=1, openalex="W1", local="a")


def test_the_small_readers_take_nothing_for_nothing() -> None:
    assert arxiv_id(None) is None
    assert doi_of(None) is None
    assert doi_of("10.1145/abc).") == "10.1145/abc"
