"""Transitive contamination: sources are followed up the chain, each once, and what is not known is said."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

import pytest

from labwright.contracts.errors import DataError
from labwright.contracts.specs import SourceSpec
from labwright.data.ancestry import MOST_SOURCES, Looked, Tainted, canonical, follow, shared


@dataclass
class _Book:
    made_of: dict[str, list[str]]
    hits: dict[str, int] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def sources(self, name: str) -> Collection[str] | None:
        self.asked.append(name)
        if name == "a/gated":
            raise DataError("a/gated is gated")
        return self.made_of.get(name)

    def look(self, name: str) -> Looked | None:
        if name == "a/large":
            raise DataError("its first file is 900 MB")
        return Looked(name, 100, self.hits[name], "every row") if name in self.hits else None


def test_the_benchmarks_own_source_is_found_behind_two_steps() -> None:
    book = _Book(
        {
            "mine": ["a/paraphrased", "a/clean"],
            "a/paraphrased": ["https://huggingface.co/datasets/OpenAI/gsm8k"],
            "a/clean": [],
        }
    )
    found = follow("mine", book, ["hub:openai/gsm8k@main:main"])
    (way,) = found.tainted
    assert way.chain == ("mine", "a/paraphrased", "https://huggingface.co/datasets/OpenAI/gsm8k")
    assert "is what the benchmark was made of" in str(way)
    assert found.unknown == ()


def test_an_ancestor_whose_rows_hold_items_taints_and_ends_that_way_up() -> None:
    book = _Book({"mine": ["dirty"], "dirty": ["further"], "further": []}, {"dirty": 12, "mine": 5})
    found = follow("mine", book, [])
    assert found.tainted == (Tainted(("mine", "dirty"), 12),)
    assert "12 rows" in str(found.tainted[0])
    assert "further" not in book.asked


def test_a_source_whose_rows_cannot_be_had_is_still_followed_and_says_why() -> None:
    book = _Book({"mine": ["a/large", "a/fine"], "a/large": ["openai/gsm8k"], "a/fine": []}, {"a/fine": 0})
    found = follow("mine", book, ["openai/gsm8k"])
    assert [way.chain[-1] for way in found.tainted] == ["openai/gsm8k"]
    assert [str(one) for one in found.looked] == [
        "the rows of the source a/large were not looked into: its first file is 900 MB",
        "of the source a/fine 100 rows were compared (every row): none holds an item of the benchmark",
    ]


def test_a_ring_of_sources_ends_and_each_is_asked_once() -> None:
    book = _Book({"a": ["b", "c"], "b": ["c", "A"], "c": ["a", "b", "original"]})
    assert follow("a", book, ["x"]).tainted == ()
    assert sorted(book.asked) == ["a", "b", "c"]


def test_what_could_not_be_learnt_is_said_with_its_reason() -> None:
    found = follow("mine", _Book({"mine": ["a/gated", "a/silent"]}), [])
    assert [name for name, _ in found.unknown] == ["a/gated", "a/silent"]
    assert "gated" in found.unknown[0][1]
    assert "does not say" in found.unknown[1][1]


def test_a_chain_without_end_is_cut_off_and_says_so() -> None:
    book = _Book({str(number): [str(number + 1)] for number in range(3 * MOST_SOURCES)})
    found = follow("0", book, [])
    assert found.cut_off
    assert len(found.seen) == MOST_SOURCES


@pytest.mark.parametrize(
    "spelling",
    [
        "openai/gsm8k",
        "OpenAI/GSM8K ",
        "hub:openai/gsm8k",
        "hub:openai/gsm8k:main",
        "hub:openai/gsm8k@740312a:main",
        "https://huggingface.co/datasets/openai/gsm8k/viewer/main/test",
        "hf.co/datasets/openai/gsm8k/",
        "extended|openai/gsm8k",
    ],
)
def test_one_dataset_is_one_whatever_the_spelling(spelling: str) -> None:
    assert canonical(spelling) == "openai/gsm8k"


@pytest.mark.parametrize(
    ("ours", "theirs", "found"),
    [
        (SourceSpec(name="https://huggingface.co/datasets/OpenAI/gsm8k"), "hub:openai/gsm8k:main", True),
        (SourceSpec(name="openai/gsm8k", splits=("train",)), "hub:openai/gsm8k", False),
        (SourceSpec(name="openai/gsm8k", splits=("train", "test")), "hub:openai/gsm8k", True),
        (SourceSpec(name="openai/gsm1k"), "hub:openai/gsm8k", False),
    ],
)
def test_data_and_benchmark_share_a_source_unless_their_splits_are_known_to_differ(
    ours: SourceSpec, theirs: str, found: bool
) -> None:
    assert bool(shared([ours], [SourceSpec(name=theirs, splits=("test",))])) is found


def test_where_a_split_is_not_said_that_is_what_is_told() -> None:
    said = shared([SourceSpec(name="a/b"), SourceSpec(name="a/c", splits=("x", "y"))], [SourceSpec(name="a/b")])
    assert said == ("a/b (which split is not said)",)
