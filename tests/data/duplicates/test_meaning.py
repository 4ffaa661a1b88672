"""Rows close to an item by embedding: the caller's embedder decides, and what it is is said."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from labwright.contracts.errors import DataError, ModelError
from labwright.data.duplicates.meaning import HashedWords, Kin, Vectors, kin

_ITEMS = [
    ("a", "A train leaves Vienna at noon and reaches Graz after three hours; how fast was it?"),
    ("b", "Name the largest moon of the planet Saturn, and who discovered it."),
]


class _Letters:
    name = "letters"

    def embed(self, texts: Sequence[str]) -> Vectors:
        return np.array([[text.count(letter) for letter in "abcdefgh"] for text in texts], np.float32)


def test_the_closest_item_is_named_with_its_cosine() -> None:
    rows = [(7, "abba"), (8, ""), (9, "hhhh"), (10, "cdcd")]
    assert list(kin(rows, [("x", "ab"), ("y", "ccdd")], _Letters())) == [Kin(7, "x", 1.0), Kin(10, "y", 1.0)]
    assert list(kin(rows, [], _Letters())) == []


def test_hashed_words_find_a_shuffled_item_and_no_stranger_and_say_what_they_are() -> None:
    embedder = HashedWords([text for _, text in _ITEMS])
    rows = [
        (1, "How fast was the train that leaves Vienna at noon and reaches Graz after three hours?"),
        (2, "Sort these words by their length, the shortest first."),
    ]
    assert [(each.row, each.item_id) for each in kin(rows, _ITEMS, embedder, 0.6)] == [(1, "a")]
    assert "no model" in embedder.name
    assert not embedder.embed(["", " "]).any()


def test_an_embedder_that_gives_nonsense_is_refused() -> None:
    class Broken:
        name = "broken"

        def embed(self, texts: Sequence[str]) -> Vectors:
            return np.full((len(texts), 3), np.nan, np.float32)

    with pytest.raises(DataError, match="broken"):
        list(kin([(1, "x")], _ITEMS, Broken()))


def test_hidden_states_of_a_directory_without_a_model_are_refused(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    from labwright.data.duplicates.hidden import HiddenStates  # noqa: PLC0415  # needs torch

    with pytest.raises(ModelError, match="cannot be loaded"):
        HiddenStates(tmp_path)


def test_hidden_states_give_one_direction_a_text_whatever_stands_beside_it(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    from labwright.data.duplicates.hidden import HiddenStates  # noqa: PLC0415  # needs torch
    from labwright.models.tiny import make_tiny_model  # noqa: PLC0415  # likewise

    model = make_tiny_model(tmp_path / "tiny", alphabet="abcdefgh ", width=16, layers=1)
    embedder = HiddenStates(model, centre_on=["abc", "feed a cab"])
    together = embedder.embed(["abc", "", "a bad egg feeds a cabbage" * 4])
    assert together.shape == (3, 16)
    assert np.allclose(together[0], embedder.embed(["abc"])[0], atol=1e-5)
    assert [each.row for each in kin([(1, "feed a cab"), (2, "hhhhhh")], [("x", "feed a cab")], embedder)] == [1]
    assert "tiny" in embedder.name
