from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from labwright.contracts.repositories import FileEntry
from labwright.repositories.matching import by_name, match_name, telling, terms


def test_words_phrases_and_qualifiers_are_told_apart() -> None:
    text = 'How to use "gradient checkpointing" with DPOTrainer? language:python repo:o/n stars:>10 3e-4'
    assert terms(text) == ("how", "to", "use", "gradient checkpointing", "with", "dpotrainer", "3e-4")
    assert telling(("how", "to", "train", "example")) == ("train",)
    assert telling(("how", "to")) == ("how", "to")


def test_names_are_matched_by_words_beginnings_and_parts() -> None:
    assert match_name("examples/train_dpo.py", ["dpo", "training"]).score == 1.0
    assert match_name("src/SFTTrainer.py", ["sft", "trainer"]).score == 1.0
    assert match_name("dpo/main.py", ["dpo"]).score == 0.6
    assert match_name("finetuning.py", ["fine-tuning"]).matched == ("fine-tuning",)
    assert match_name("examples/ppo.py", ["dpo", "pp"]).score == 0.0
    assert match_name("a.py", []).score == 0.0


def test_the_best_names_come_first() -> None:
    files = [FileEntry(path) for path in ("src/dpo/x.py", "other.py", "examples/dpo_trl.py", "dpo.py")]
    assert [entry.path for entry in by_name(files, ["dpo", "trl"], 3)] == [
        "examples/dpo_trl.py",
        "dpo.py",
        "src/dpo/x.py",
    ]


@settings(max_examples=60, deadline=None)
@given(st.text(), st.text())
def test_no_text_breaks_the_matching(text: str, path: str) -> None:
    wanted = telling(terms(text))
    assert 0.0 <= match_name(path, wanted).score <= 1.0
