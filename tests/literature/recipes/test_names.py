"""Names of models, data and benchmarks, in all their spellings."""

from __future__ import annotations

import pytest

from labwright.literature.recipes.names import absent
from labwright.literature.recipes.vocabulary import BASE_MODEL, BENCHMARK, METHOD


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Llama-2-7B", "we use LLaMA 2 (7B) here"),
        ("Llama-2-7B", "Llama 2, with 7 billion parameters"),
        ("Qwen2.5-7B-Instruct", "Qwen 2.5 7B Instruct"),
        ("GSM8K", "on GSM-8k"),
        ("Mistral-7B-v0.1", "Mistral-7B-v0.1."),
        ("UltraChat", "UltraChat-200k"),
        ("Pythia-2.8B", "Pythia-2.8B with DPO"),
        ("Pythia-2.8B", "Pythia (2.8 billion)"),
    ],
)
def test_a_name_is_found_in_another_spelling(name: str, text: str) -> None:
    assert absent(name, text) == ()


@pytest.mark.parametrize(
    ("name", "text", "lacking"),
    [
        ("Llama-2-7B", "Llama-2-13B", ("7B",)),
        ("Llama-2", "Llama-2.5", ("Llama2",)),
        ("Llama 3", "Llama-2, for 3 epochs", ("Llama3",)),
        ("MATH", "MATH500", ("MATH",)),
        ("ARC", "the arch of it", ("ARC",)),
    ],
)
def test_a_similar_name_is_another_one(name: str, text: str, lacking: tuple[str, ...]) -> None:
    assert absent(name, text) == lacking


def test_models_are_found_with_version_size_and_kind() -> None:
    text = "Llama-2-7B, LLaMA 2 (13B), Llama 3.1 8B, Qwen2.5-Math-7B, SmolLM2-135M-Instruct, GPT-2 XL, OPT-1.3B, Phi-3"
    assert [match.group() for match in BASE_MODEL.finditer(text)] == text.split(", ")
    assert not BASE_MODEL.search("we opt for 3 llamas and a mistral wind")


def test_benchmarks_and_methods_are_whole_words() -> None:
    text = "GSM8K, MATH-500, MMLU-Pro, AIME 2024, MT-Bench, AlpacaEval 2.0, ARC-c, IFEval"
    assert [match.group() for match in BENCHMARK.finditer(text)] == text.split(", ")
    assert not BENCHMARK.search("MATHEMATICS is a DROPOUT matter")
    assert [match.lastgroup for match in METHOD.finditer("SFT, then dDPO; supervised fine-tuning")] == [
        "sft",
        "dpo",
        "sft",
    ]
