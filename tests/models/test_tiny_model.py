"""The tiny model: the same files every time, and a tokenizer that gives back what it was given."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("transformers", reason="the train extra is not installed")

from transformers import AutoModelForCausalLM, AutoTokenizer

from labwright.models import resolve
from labwright.models.tiny import make_tiny_model

ALPHABET = "abcdefghijklmnopqrstuvwxyz ->\n"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("models") / "tiny", alphabet=ALPHABET)


def test_the_same_seed_gives_the_same_model_and_another_seed_another(tiny: Path, tmp_path: Path) -> None:
    again = make_tiny_model(tmp_path / "again", alphabet=ALPHABET)
    other = make_tiny_model(tmp_path / "other", alphabet=ALPHABET, seed=1)
    ids = [resolve(str(d), tmp_path, tmp_path).model_id for d in (tiny, again, other)]
    assert ids[0] == ids[1] != ids[2]


def test_it_is_a_base_model_of_about_a_hundred_thousand_parameters(tiny: Path, tmp_path: Path) -> None:
    base = resolve(str(tiny), tmp_path, tmp_path)
    model = AutoModelForCausalLM.from_pretrained(tiny, use_safetensors=True)
    assert base.parameters == sum(p.numel() for p in model.parameters())
    assert 80_000 < base.parameters < 120_000


def test_a_text_is_one_token_a_character_and_comes_back_whole(tiny: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny)
    text = "abc  -> cba\n"
    ids = tokenizer(text)["input_ids"]
    assert len(ids) == len(text)
    assert tokenizer.decode(ids) == text
    assert tokenizer("abc ->")["input_ids"] + tokenizer(" cba\n")["input_ids"] == tokenizer("abc -> cba\n")["input_ids"]
    assert len({tokenizer.pad_token_id, tokenizer.bos_token_id, tokenizer.eos_token_id}) == 3


def test_the_end_token_is_a_token_of_its_own_in_a_text(tiny: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny)
    assert tokenizer("ab" + tokenizer.eos_token)["input_ids"][-1] == tokenizer.eos_token_id
    assert tokenizer.decode(tokenizer("ab<eos>")["input_ids"], skip_special_tokens=True) == "ab"
