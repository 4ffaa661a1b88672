from __future__ import annotations

import pytest

from labwright.literature.reader.bibliography import entries, reference, title_of


@pytest.mark.parametrize(
    ("text", "title"),
    [
        (
            "Bates DM, DebRoy S (2004). “Linear Mixed Models.” Journal of Multivariate Analysis, 91(1).",
            "Linear Mixed Models",
        ),
        (
            "R. Rafailov, A. Sharma, and C. Finn. Direct preference optimization. In NeurIPS, 2023.",
            "Direct preference optimization",
        ),
        (
            "Long Ouyang, Jeff Wu, et al. Training language models to follow instructions. arXiv, 2022.",
            "Training language models to follow instructions",
        ),
        (
            "Hu, E. J., Shen, Y., et al. (2022). LoRA: Low-rank adaptation of large language models. In ICLR.",
            "LoRA: Low-rank adaptation of large language models",
        ),
        (
            "Tom Brown et al. 2020. Language models are few-shot learners. In Advances in NeurIPS.",
            "Language models are few-shot learners",
        ),
        ("OpenAI.", ""),
        ("", ""),
        ("https://example.org/a.b.c", ""),
    ],
)
def test_the_title_of_an_entry_is_found_in_the_common_styles(text: str, title: str) -> None:
    assert title_of(text) == title


def test_numbered_entries_count_up_so_that_numbers_at_the_start_of_a_line_are_none() -> None:
    lines = [
        "[1] First, pages",
        "[7] to 9.",
        "[2] Second.",
        "[3] Third, with an address https://doi.org/10.1145/",
        "3292500.3330701",
    ]
    got = entries(lines)
    assert [entry.key for entry in got] == ["[1]", "[2]", "[3]"]
    assert got[0].text == "First, pages [7] to 9."
    assert got[2].ids.doi == "10.1145/3292500.3330701"


def test_entries_with_letters_or_bare_numbers_as_keys_are_split() -> None:
    assert [e.key for e in entries(["[RSM+23] R. Rafailov. DPO.", "[Ouy22] L. Ouyang. Feedback."])] == [
        "[RSM+23]",
        "[Ouy22]",
    ]
    assert [e.text for e in entries(["1. First one.", "2. Second one.", "more of it."])] == [
        "First one.",
        "Second one. more of it.",
    ]


def test_entries_without_any_key_are_split_where_a_name_follows_an_end() -> None:
    lines = [
        "Rafailov, R. and Finn, C. Direct preference",
        "optimization. 2023.",
        "Schulman, J. Proximal policy. 2017.",
    ]
    assert [entry.text.split(",")[0] for entry in entries(lines)] == ["Rafailov", "Schulman"]


def test_nothing_makes_no_entries() -> None:
    assert entries([]) == ()
    assert entries(["", ""]) == ()


def test_links_are_surer_than_text() -> None:
    got = reference("[1]", "See arXiv:1111.11111.", links=["https://arxiv.org/abs/2305.18290v3", "https://x.org"])
    assert (got.ids.arxiv, got.by) == ("2305.18290", "link")
