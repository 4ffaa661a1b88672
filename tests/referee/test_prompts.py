"""Prompts are built from items and worked examples."""

from __future__ import annotations

from labwright.contracts.specs import GenerationSpec
from labwright.referee.pack import Item
from labwright.referee.prompts import decoding_of, few_shot_prefix, item_prompt

ITEM = Item("i", "Sort: 3 1 ->", "1 3")


def test_the_plain_template_asks_the_prompt_itself() -> None:
    assert item_prompt(ITEM, GenerationSpec()) == "Sort: 3 1 ->"
    assert few_shot_prefix([ITEM, ITEM], GenerationSpec()) == "Sort: 3 1 -> 1 3\nSort: 3 1 -> 1 3\n"
    assert few_shot_prefix([], GenerationSpec()) == ""


def test_an_item_is_asked_just_as_the_worked_examples_show() -> None:
    generation = GenerationSpec(shot_template="Q: {prompt}\nA: {answer}!", shot_separator="\n\n")
    assert few_shot_prefix([ITEM], generation) == "Q: Sort: 3 1 ->\nA: 1 3!\n\n"
    assert item_prompt(ITEM, generation) == "Q: Sort: 3 1 ->\nA:"


def test_braces_in_a_prompt_are_text() -> None:
    item = Item("i", "f({answer}) = {x}", "{prompt}")
    assert item_prompt(item, GenerationSpec()) == "f({answer}) = {x}"
    assert few_shot_prefix([item], GenerationSpec()) == "f({answer}) = {x} {prompt}\n"


def test_decoding_comes_from_the_benchmark() -> None:
    generation = GenerationSpec(max_new_tokens=5, temperature=0.5, stop=("\n",), chat=True, batch_size=8)
    decoding = decoding_of(generation, seed=3)
    assert (decoding.max_new_tokens, decoding.temperature, decoding.stop) == (5, 0.5, ("\n",))
    assert (decoding.chat, decoding.batch_size, decoding.seed) == (True, 8, 3)
