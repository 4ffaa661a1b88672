"""Instructions that a program checks: each kind, strictly and loosely, and held against the harness's own programs."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from labwright.contracts.research import ItemResult
from labwright.contracts.specs import BenchmarkSpec, ScorerSpec
from labwright.referee.measures.instructions import Instruction, count_sentences, fault_of, follows
from labwright.referee.pack import Item
from labwright.referee.scorers import scorer_for
from labwright.referee.scoring import beside
from labwright.stats import wilson

LONG = "This is a plain answer about the weather and the sea, and it goes on for a while because it has to be told."
SPANISH = "Esta es una respuesta sobre el tiempo y el mar, que es muy larga porque se tiene que decir todo lo que pasa."
KINDS: list[tuple[str, dict[str, JsonValue], str, str]] = [
    ("keywords:existence", {"keywords": ["sea", "C++"]}, "The SEA and c++.", "The sea and C."),
    ("keywords:frequency", {"keyword": "sea", "frequency": 2, "relation": "at least"}, "Sea, sea!", "The sea."),
    ("keywords:frequency", {"keyword": "sea", "frequency": 2, "relation": "less than"}, "The sea.", "Sea, sea!"),
    ("keywords:forbidden_words", {"forbidden_words": ["rain", "sun"]}, "The train runs.", "Rain."),
    ("keywords:letter_frequency", {"letter": "q", "let_frequency": 2, "let_relation": "at least"}, "Qq", "quick"),
    ("language:response_language", {"language": "es"}, SPANISH, LONG),
    ("language:response_language", {"language": "kn"}, "ಇದು ಒಂದು ಉತ್ತರ", LONG),
    ("length_constraints:number_sentences", {"num_sentences": 3, "relation": "at least"},
     "One here. Two! Three?", "Mr. Fox has 3.5 eggs. Two"),
    ("length_constraints:number_sentences", {"num_sentences": 2, "relation": "less than"}, "One here", "One. Two."),
    ("length_constraints:number_paragraphs", {"num_paragraphs": 2}, "a\n***\nb", "a\n***\n\n***\nb"),
    ("length_constraints:number_words", {"num_words": 4, "relation": "at least"}, "one two-three four", "one two"),
    ("length_constraints:nth_paragraph_first_word",
     {"num_paragraphs": 2, "nth_paragraph": 2, "first_word": "Sea"}, "The rain.\n\n\"Sea!\" he said", "Sea\n\nrain"),
    ("detectable_content:number_placeholders", {"num_placeholders": 2}, "[name], [place]", "[name], [\nplace]"),
    ("detectable_content:postscript", {"postscript_marker": "P.S."}, "Yes.\n\np. s. And so", "Yes. PS"),
    ("detectable_content:postscript", {"postscript_marker": "P.P.S"}, "Yes.\nP.P.S. so", "P.S. so"),
    ("detectable_format:number_bullet_lists", {"num_bullets": 2}, "So:\n* a\n - b\n** c **", "* a"),
    ("detectable_format:constrained_response", {}, "Well. My answer is no.", "No."),
    ("detectable_format:number_highlighted_sections", {"num_highlights": 2}, "*a* and **b**", "*a* and **"),
    ("detectable_format:multiple_sections", {"section_spliter": "Section", "num_sections": 2},
     "Section 1\na\nSection 2\nb", "Section 1\nSection b"),
    ("detectable_format:json_format", {}, '```json\n{"a": [1]}\n```', "{'a': 1}"),
    ("detectable_format:title", {}, "<<Poem of joy>>\nJoy", "<<>>\n<< \n >>"),
    ("combination:two_responses", {}, "Yes\n******\nNo", "Yes\n******\nYes"),
    ("combination:repeat_prompt", {"prompt_to_repeat": "Say it. "}, "say it. Well", "Well, say it."),
    ("startend:end_checker", {"end_phrase": "Is that all?"}, 'So. Is that all?"', "Is that all? Yes."),
    ("startend:quotation", {}, '"All of it"', '"All" of it'),
    ("change_case:capital_word_frequency", {"capital_frequency": 2, "capital_relation": "at least"},
     "GO to the U.S.A. now", "GO to Rome"),
    ("change_case:english_capital", {}, LONG.upper(), LONG),
    ("change_case:english_lowercase", {}, LONG.lower(), SPANISH.lower()),
    ("punctuation:no_comma", {}, "No, said no one"[:2], "No, said no one"),
]  # fmt: skip
TEXTS = [
    "",
    "a",
    LONG,
    LONG.upper(),
    SPANISH,
    "Hello, there. My answer is yes. * one\n* two\n- three",
    "*** \n a \n***\n b",
    "First one.\n\nSea is second, he said.\n\nThird? Yes! No.",
    "<<A title>>\n\nP.S. [one] and [two] or [three",
    '"Quoted text with SOME CAPITAL WORDS, I\'M sure"',
    "Section 1\nfoo\nSECTION 2\nbar\nSection 3",
    '```json\n{"a": 1}\n```',
    "Yes\n******\nNo",
    "**bold** and *thin* and ** **\n* **x**",
    "Sure!\n\nno commas here at all\n\nIs there anything else I can help with?",
]
HARNESS = """
import json, sys, types
root = sys.argv[1]
for unneeded in ("sklearn", "numpy", "scipy", "pandas", "matplotlib", "tkinter", "torch"):
    sys.modules[unneeded] = None  # nltk looks for them, which takes seconds
for name in ("lm_eval", "lm_eval.tasks", "lm_eval.tasks.ifeval"):
    module = types.ModuleType(name)
    module.__path__ = [root + name.removeprefix("lm_eval").replace(".", "/")]
    sys.modules[name] = module
from lm_eval.tasks.ifeval import utils
asked = json.load(sys.stdin)
said = []
for kind, settings, text in asked:
    one = utils.InputExample(0, [kind], "", [settings])
    strict = utils.test_instruction_following_strict(one, text).follow_all_instructions
    said.append([bool(strict), bool(utils.test_instruction_following_loose(one, text).follow_all_instructions)])
json.dump(said, sys.stdout)
"""


@pytest.mark.parametrize(("kind", "settings", "right", "wrong"), KINDS)
def test_each_kind_is_checked(kind: str, settings: Mapping[str, JsonValue], right: str, wrong: str) -> None:
    instruction = Instruction(kind, settings)
    assert fault_of(instruction) == ""
    assert (follows(instruction, right), follows(instruction, wrong)) == (True, False)
    assert not follows(instruction, " \n")


def test_there_are_25_kinds() -> None:
    assert len({kind for kind, *_ in KINDS}) == 25


@pytest.mark.parametrize(
    ("kind", "settings", "named"),
    [
        ("keywords:sense", {}, "no instruction 'keywords:sense'"),
        ("keywords:existence", {}, "`keywords` has to be a list"),
        ("keywords:existence", {"keywords": [1]}, "`keywords` has to be a list"),
        ("length_constraints:number_words", {"num_words": "many", "relation": "at least"}, "whole number"),
        ("length_constraints:number_words", {"num_words": 3, "relation": "about"}, "less than, at least"),
        ("language:response_language", {"language": "xx"}, "cannot be told"),
        ("startend:end_checker", {"end_phrase": " "}, "has to be a text"),
    ],
)
def test_an_instruction_that_cannot_be_checked_says_why(kind: str, settings: dict[str, JsonValue], named: str) -> None:
    assert named in fault_of(Instruction(kind, settings))
    with pytest.raises(ValueError, match=re.escape(named)):
        follows(Instruction(kind, settings), "x")


def test_the_loose_reading_forgives_a_first_and_a_last_line_and_stars() -> None:
    no_comma = Instruction("punctuation:no_comma", {})
    for text in ("Sure, here it is:\nAll of it", "All of it\nBye, then", "Sure, so\nAll\nBye, then"):
        assert not follows(no_comma, text)
        assert follows(no_comma, text, loose=True)
    title = Instruction("startend:end_checker", {"end_phrase": "the end"})
    assert follows(title, "**the end**", loose=True)
    assert not follows(no_comma, "a, b", loose=True)


def test_all_instructions_of_a_prompt_have_to_be_followed_and_the_other_reading_stands_beside() -> None:
    both = (Instruction("punctuation:no_comma", {}), Instruction("startend:quotation", {}))
    item = Item("i", "?", "", instructions=both)
    strict, loose = (scorer_for(ScorerSpec(kind="instructions", loose=loose)) for loose in (False, True))
    outputs = ['"All of it"', 'Sure, so:\n"All of it"', '"All, of it"']
    results = [strict.score(item, output) for output in outputs]
    assert [result.score for result in results] == [1, 0, 0]
    assert [loose.score(item, output).score for output in outputs] == [1, 1, 0]
    spec = BenchmarkSpec(name="b", scorer=ScorerSpec(kind="instructions"))
    found = {side.name: side.score for side in beside(spec, results)}
    assert {name: score.estimate for name, score in found.items()} == {
        "loose accuracy": pytest.approx(2 / 3),
        "strict accuracy of instructions": pytest.approx(3 / 6),
        "loose accuracy of instructions": pytest.approx(5 / 6),
    }
    assert beside(spec, [ItemResult("i", "", "", 1.0)]) == ()


def test_instructions_are_counted_over_prompts_that_have_more_or_fewer_of_them() -> None:
    comma, quoted = Instruction("punctuation:no_comma", {}), Instruction("startend:quotation", {})
    items = [Item("a", "?", "", instructions=(comma,)), Item("b", "?", "", instructions=(comma, quoted, comma))]
    scorer, spec = scorer_for(ScorerSpec(kind="instructions")), BenchmarkSpec(name="b", scorer={"kind": "instructions"})

    def counted(*outputs: str) -> tuple[float, float, float]:
        results = [scorer.score(item, output) for item, output in zip(items, outputs, strict=True)]
        score = next(side.score for side in beside(spec, results) if side.name == "strict accuracy of instructions")
        return score.low, score.estimate, score.high

    low, estimate, high = counted("a, b", "plain")
    assert estimate == pytest.approx(2 / 4)
    assert 0 <= low < estimate < high <= 1
    assert counted("plain", '"plain"')[1:] == (1, 1)  # and the interval of two prompts, not of four instructions
    assert counted("plain", '"plain"')[0] == pytest.approx(wilson(2, 2).low)


def test_sentences_end_at_marks_and_not_at_titles_initials_and_numbers() -> None:
    counted = {
        "Dr. A. B. Fox came. He left.": 2, "Really?! Yes.": 2, "1. One\n2. Two": 1, "It is 3.5 m.": 1, "": 0,
        '"Go." He went…': 2, "I say no. You say yes.": 2, "你好。再见。": 2, "e.g. this one": 1,
    }  # fmt: skip
    assert {text: count_sentences(text) for text in counted} == counted


@given(st.text(alphabet="aA .,*<>[]\"'-!?\n1P{}", max_size=80))
def test_any_output_follows_or_does_not(output: str) -> None:
    for kind, settings, *_ in KINDS:
        instruction = Instruction(kind, settings)
        assert follows(instruction, output) <= follows(instruction, output, loose=True)


@pytest.mark.parametrize("piece", ["*", "<<", "[", "\n", ".", '...!"', "- ", "A'S", "```json", "{", "Section 1"])
def test_a_pathological_output_is_checked_like_any_other(piece: str) -> None:
    for kind, settings, *_ in KINDS:
        follows(Instruction(kind, settings), piece * (20_000 // len(piece)), loose=True)


@pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("lm_eval", "nltk")), reason="lm-eval is not installed"
)
def test_it_agrees_with_the_harness_itself(tmp_path: Path) -> None:
    """Its programs run with an untrained sentence splitter; what guesses languages is not asked."""
    empty = tmp_path / "data" / "tokenizers" / "punkt_tab" / "english"
    empty.mkdir(parents=True)
    for name in ("abbrev_types.txt", "collocations.tab", "sent_starters.txt", "ortho_context.tab"):
        (empty / name).write_text("")
    (tmp_path / "langdetect.py").write_text("class LangDetectException(Exception): ...\n")
    (tmp_path / "immutabledict.py").write_text("immutabledict = dict\n")
    kinds = [(kind, settings) for kind, settings, *_ in KINDS if not kind.startswith(("language", "change_case:engl"))]
    kinds = [each for each in kinds if each[1].get("keywords") != ["sea", "C++"]]  # a pattern to it, and no text
    asked = [
        (kind, settings, text)
        for kind, settings in kinds
        for text in TEXTS
        if "sentences" not in kind or "P.S." not in text  # its splitter has to learn what is short for something
    ]
    found = importlib.util.find_spec("lm_eval")
    assert found is not None
    root = str(next(iter(found.submodule_search_locations or ())))
    done = subprocess.run(
        [sys.executable, "-c", HARNESS, root],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(tmp_path), "NLTK_DATA": str(tmp_path / "data")},
    )
    assert done.returncode == 0, done.stderr
    for (kind, settings, text), theirs in zip(asked, json.loads(done.stdout.splitlines()[-1]), strict=True):
        instruction = Instruction(kind, settings)
        ours = [follows(instruction, text), follows(instruction, text, loose=True)]
        assert ours == theirs, (kind, settings, text)
