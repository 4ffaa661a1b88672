"""The rules: what they find in tables and sentences, and that all of it stands the check."""

from __future__ import annotations

import ast
import time
from pathlib import Path

import pytest

from labwright.contracts.literature import Document, PaperIds, Recipe, Section
from labwright.literature.recipes import RuleExtractor, describe, read_recipes
from labwright.literature.recipes.rules import MOST_OF_TABLE
from labwright.literature.recipes.vocabulary import BY_NAME

SFT_RECIPE = Path(__file__).parents[3] / "recipes" / "sft.py"


def paper(text: str, title: str = "Experiments", abstract: str = "") -> Document:
    return Document(PaperIds(arxiv="2310.16944"), "A paper", abstract, (Section("4", title, 1, text),))


def found(text: str, title: str = "Experiments") -> list[str]:
    """In one line each; everything that the rules claim has to stand the check."""
    extraction = read_recipes(paper(text, title), RuleExtractor())
    assert extraction.rejected == ()
    assert all(recipe.by == "rules" and recipe.quote and recipe.section for recipe in extraction.recipes)
    return [describe(recipe) for recipe in extraction.recipes]


@pytest.mark.parametrize(
    ("sentence", "settings"),
    [
        ("We use a learning rate of 2e-5 and train for 3 epochs.", "learning_rate 2e-5, epochs 3"),
        ("The peak learning rate was set to $5\\times 10^{-7}$.", "learning_rate 5× 10^-7"),
        ("LR = 1e−4, batch size = 64, weight decay = 0.1", "learning_rate 1e-4, batch_size 64, weight_decay 0.1"),
        ("A global batch size of 1,024 and a micro batch size of 4.", "effective_batch_size 1,024, batch_size 4"),
        ("The model is trained for one epoch with a warmup ratio of 0.03.", "epochs one, warmup_ratio 0.03"),
        ("LoRA with rank r = 16, α = 32 and dropout 0.05", "lora_r 16, lora_alpha 32, lora_dropout 0.05"),
        ("We set β=0.1 and the maximum sequence length to 2048.", "beta 0.1, max_length 2048"),
        ("We train for 1,000 steps with 100 warmup steps.", "max_steps 1,000, warmup_steps 100"),
        ("We swept learning rates of 1e-5, 2e-5 and 5e-5.", "learning_rate 1e-5, 2e-5 and 5e-5"),
        ("AdamW is the optimizer, with a cosine schedule and learning rate 1e-5 in bf16.",
         "learning_rate 1e-5, optimizer AdamW, schedule cosine, precision bf16"),
        ("GRPO samples 16 responses per prompt with a KL coefficient of 0.04.",
         "grpo; num_generations 16, kl_coefficient 0.04"),
        ("Following Smith et al. (2023), we use a learning rate of 1e-3.", "learning_rate 1e-3"),
        ("- Learning rate: 1e-5\n- Batch size: 64\n\n- Gradient clipping: 1.0",
         "learning_rate 1e-5, batch_size 64, max_grad_norm 1.0"),
    ],
)  # fmt: skip
def test_settings_in_sentences(sentence: str, settings: str) -> None:
    assert found(sentence) == [settings]


@pytest.mark.parametrize(
    "sentence",
    [
        "The learning rate is crucial, and we report results in Table 3.",
        "A batch size of 1e-5 or a learning rate of 64 is a misprint.",
        "We evaluate every 100 steps at temperature 0.7.",
        "The rank of 16 candidates is computed.",
        "GPT-4 achieves 92% on GSM8K.",
        "Our method improves by 3.2 points on MMLU.",
        "Our model uses 8 examples on GSM8K.",
        "Smith et al. (2023) train with a learning rate of 1e-3.",
        "Prior work [12] used SFT with a batch size of 64 and reaches 62.5% on GSM8K.",
    ],
)
def test_sentences_that_only_look_like_it(sentence: str) -> None:
    assert found(sentence) == []


def test_names_come_from_the_sentences_that_are_quoted() -> None:
    text = (
        "We fine-tune Mistral-7B-v0.1 on UltraChat-200k. SFT uses a learning rate of 2e-5 (Smith et al. 2023) and one "
        "epoch. For DPO on UltraFeedback, the learning rate is 5e-7 and β is 0.1."
    )
    assert found(text) == [
        "Mistral-7B-v0.1 sft on UltraChat-200k; learning_rate 2e-5, epochs one",
        "dpo on UltraFeedback; learning_rate 5e-7, beta 0.1",
    ]


def test_of_two_models_the_one_that_is_trained_is_the_base_and_of_two_none() -> None:
    assert found("We fine-tune Llama-2-7B with lr 1e-5 and compare with Mistral-7B.")[0].startswith("Llama-2-7B")
    assert found("For Llama-2-7B and Mistral-7B, lr is 1e-5.") == ["learning_rate 1e-5"]


def test_the_method_may_stand_in_the_sections_title() -> None:
    assert found("The learning rate is 1e-6.", "Details of GRPO training") == ["grpo; learning_rate 1e-6"]


@pytest.mark.parametrize(
    ("sentence", "result"),
    [
        ("Our DPO model achieves 62.5% on GSM8K.", ["dpo; GSM8K: 62.5%"]),
        ("SFT gives 62.5% on GSM8K and 30.1% on MATH.", ["sft; GSM8K: 62.5%", "sft; MATH: 30.1%"]),
        ("GRPO improves GSM8K from 45.2 to 62.5.", ["grpo; GSM8K: 62.5 (baseline 45.2)"]),
        ("GRPO improves from 45.2% to 62.5% on GSM8K.", ["grpo; GSM8K: 62.5% (baseline 45.2%)"]),
        ("We reach an MT-Bench score of 7.34.", ["MT-Bench score: 7.34"]),
        ("In 5-shot evaluation we obtain 55.1 accuracy on MMLU.", ["MMLU accuracy: 55.1"]),
    ],
)
def test_results_in_sentences(sentence: str, result: list[str]) -> None:
    assert found(sentence) == result


def test_a_table_of_results_with_its_baseline() -> None:
    text = """Table 2: Accuracy of Mistral-7B.

| Model | Math / GSM8K | Chat / MT-Bench |
| --- | --- | --- |
| Base | 37.8 | - |
| SFT | 52.1 | 6.64 |
| DPO (ours) | **62.5** ± 0.3 | 7.34 |
"""
    assert found(text) == [
        "Mistral-7B sft; GSM8K: 52.1 (baseline 37.8)",
        "Mistral-7B sft; MT-Bench: 6.64",
        "Mistral-7B dpo; GSM8K: 62.5 ± 0.3 (baseline 37.8)",
        "Mistral-7B dpo; MT-Bench: 7.34",
    ]


def test_a_table_with_benchmarks_as_rows() -> None:
    text = "| Benchmark | Base | GRPO |\n|---|---|---|\n| GSM8K | 30.0 | 55.5 |\n| MATH | 10.0 | 20.2 |\n"
    assert found(text) == ["grpo; GSM8K: 55.5", "grpo; MATH: 20.2"]


def test_a_list_of_settings_has_a_recipe_a_column() -> None:
    text = """| Hyperparameter | SFT | DPO |
| --- | --- | --- |
| Learning rate | 2e-5 | 5.0e-7 |
| Batch size | 128 | 32 |
| $\\beta$ | - | 0.1 |
| Optimizer | AdamW | RMSProp |
| Learning rate (×1e-5) | 2 | 3 |
| Max. sequence length (tokens) | 2,048 | 1,024 |
"""
    assert found(text) == [
        "sft; learning_rate 2e-5, batch_size 128, optimizer AdamW, max_length 2,048",
        "dpo; learning_rate 5.0e-7, batch_size 32, beta 0.1, optimizer RMSProp, max_length 1,024",
    ]


def test_labels_that_begin_alike_are_told_apart() -> None:
    text = """| Hyperparameter | SFT |
| --- | --- |
| LR | 2e-5 |
| LR schedule | Linear |
| LR warmup | 0.03 |
| Batch size (effective) | 128 |
| Batch size (per GPU) | 4 |
"""
    assert found(text) == [
        "sft; learning_rate 2e-5, schedule Linear, warmup_ratio 0.03, effective_batch_size 128, batch_size 4"
    ]


def test_a_model_named_after_its_data_is_not_the_data_and_a_delta_does_not_hide_a_score() -> None:
    text = """| Model | GSM8K |
| --- | --- |
| Tülu 3 8B SFT | 76.2 |
| SFT on the Tülu 3 SFT mixture | 70.1 ↓6.1 |
| OpenHermes-2.5-Mistral-7B + DPO | 68.2 (+1.7) |
"""
    recipes = read_recipes(paper(text), RuleExtractor()).recipes
    assert [(recipe.datasets, recipe.result) for recipe in recipes] == [
        ((), "76.2"),
        (("Tülu 3 SFT mixture",), "70.1 ↓6.1"),
        ((), "68.2 (+1.7)"),
    ]


def test_an_ablation_has_settings_and_result_in_one_row() -> None:
    text = """Table 5: LoRA on GSM8K.

| r | α | LR | Accuracy |
| --- | --- | --- | --- |
| 8 | 16 | 1e-4 | 40.1 |
| 16 | 32 | 2e-4 | 44.0 |
"""
    assert found(text) == [
        "lora_r 8, lora_alpha 16, learning_rate 1e-4; GSM8K Accuracy: 40.1",
        "lora_r 16, lora_alpha 32, learning_rate 2e-4; GSM8K Accuracy: 44.0",
    ]


def test_a_long_table_of_settings_is_quoted_in_parts() -> None:
    rows = "".join(f"| {label} | {value} {'x' * 60} |\n" for label, value in [("Epochs", 3), ("Batch size", 64)] * 15)
    text = f"| Setting | Value |\n|---|---|\n{rows}"
    extraction = read_recipes(paper(text), RuleExtractor())
    assert len(extraction.recipes) + len(extraction.rejected) >= 1
    assert all("quote has" not in rejected.why for rejected in extraction.rejected)


def test_the_work_of_others_is_left_alone_and_the_abstract_is_read() -> None:
    document = paper("They trained with a learning rate of 9e-6.", "Related Work", "We reach 62.5% on GSM8K with SFT.")
    recipes = read_recipes(document, RuleExtractor()).recipes
    assert [(recipe.section, recipe.result) for recipe in recipes] == [("Abstract", "62.5%")]


def test_what_is_left_out_of_a_long_table_is_said() -> None:
    rows = "".join(f"| SFT {n} | {n}.5 |\n" for n in range(MOST_OF_TABLE + 7))
    extraction = read_recipes(paper(f"| Model | GSM8K |\n|---|---|\n{rows}"), RuleExtractor())
    assert len(extraction.recipes) == MOST_OF_TABLE
    assert extraction.remarks == ("4 Experiments: 7 more recipes of table 1 are left out: the most is 60",)


@pytest.mark.parametrize(
    "text",
    ["", "|", "|\n|", "|---|\n|---|", "| a |\n|---|", "|||\n|-|-|\n|||", "| GSM8K |\n| - |\n| SFT |", "\\|", "$"],
)
def test_broken_tables_are_no_tables(text: str) -> None:
    assert found(text) == []


def test_a_long_paper_is_read_quickly() -> None:
    sentence = "We present a method that does many things, and train on GSM8K with a learning rate of 1e-5. "
    tall = "| Model | GSM8K |\n|---|---|\n" + "| Llama-2-7B | 3 |\n" * 1_000 + "| SFT | 62.5 |\n" * 1_000
    start = time.process_time()
    for text in (
        sentence * 500,
        tall,
        "\n" * 50_000,
        "| lr | 1e-5 |\n" * 2_000,
        "from of to is train. " * 2_000,
    ):
        RuleExtractor().extract(paper(text))
    assert time.process_time() - start < 30


def test_settings_that_our_recipe_has_bear_its_names() -> None:
    tree = ast.parse(SFT_RECIPE.read_text())
    params = next(n for n in ast.walk(tree) if isinstance(n, ast.ClassDef) and n.name == "Params")
    fields = {n.target.id for n in params.body if isinstance(n, ast.AnnAssign) and isinstance(n.target, ast.Name)}
    ours = {
        "learning_rate", "schedule", "warmup_steps", "batch_size", "gradient_accumulation", "max_steps", "epochs",
        "weight_decay", "max_grad_norm", "precision", "max_length", "lora_r", "lora_alpha", "lora_dropout",
        "lora_targets",
    }  # fmt: skip
    assert ours <= fields
    assert ours <= set(BY_NAME)


def test_a_recipe_in_one_line_leaves_out_what_is_not_said() -> None:
    assert describe(Recipe("p")) == ""
    assert describe(Recipe("p", result="5", benchmark="MATH")) == "MATH: 5"
