"""The check: what a quote bears out passes, and nothing else."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest

from labwright.contracts.literature import Document, Hyperparameter, PaperIds, Recipe, Section
from labwright.literature.recipes import LONGEST_QUOTE, check

TRAINING = """We fine-tune Mistral-7B-v0.1 on UltraChat-200k with a learning rate of
$2\\times 10^{-5}$ and a batch size of 512 for three epochs (Tunstall et al., 2023).

For DPO we set “β = 0.1” and train on UltraFeedback with a learn­ing rate of 5e-7. """
RESULTS = """Table 2: Accuracy of Mistral-7B after each stage, in percent.

| Model | Math / GSM8K | Math / MATH | Chat / MT-Bench |
| --- | --- | --- | --- |
| Base | 37.8 | 12.7 | – |
| SFT | 52.1 | 15.0 | 6.64 |
| DPO | **62.5** | 21.3 | 7.34 |

The gap of 10.4 points is large. It shrinks to 4.2 points with SFT on more data."""
PAPER = Document(
    PaperIds(arxiv="2310.16944"),
    "Zephyr",
    "We align a model. It scores 7.34 on MT-Bench.",
    (Section("3.1", "Training", 2, TRAINING), Section("4", "Results", 1, RESULTS)),
)
SFT = Recipe(
    paper="anything",
    base_model="Mistral 7B v0.1",
    method="sft",
    datasets=("UltraChat-200K",),
    hyperparameters=(Hyperparameter("learning_rate", "2e-5"), Hyperparameter("epochs", "3")),
    quote="We fine-tune Mistral-7B-v0.1 on UltraChat-200k with a learning rate of 2×10⁻⁵ and a batch size of 512 for "
    "three epochs",
    section="9",
)
ROW = Recipe(paper="", method="dpo", benchmark="GSM8K", result="62.5%", quote="| DPO | 62.5 | 21.3 | 7.34 |")


def held(recipe: Recipe, document: Document = PAPER) -> Recipe:
    extraction = check([recipe], document)
    assert extraction.recipes, extraction.rejected[0].why
    return extraction.recipes[0]


def why(recipe: Recipe, document: Document = PAPER) -> str:
    extraction = check([recipe], document)
    assert not extraction.recipes
    return extraction.rejected[0].why


def test_what_passes_carries_the_papers_own_words_place_and_id() -> None:
    recipe = held(SFT)
    assert recipe.quote.startswith("We fine-tune Mistral-7B-v0.1 on UltraChat-200k with a learning rate of\n$2\\times")
    assert (recipe.section, recipe.paper) == ("3.1 Training", "arxiv:2310.16944")
    assert recipe.hyperparameters == SFT.hyperparameters


def test_spaces_dashes_quotation_marks_and_soft_hyphens_do_not_matter() -> None:
    quote = 'For DPO  we set "β=0.1" and train on\nUltraFeedback with a learning rate of 5e−7'
    held(Recipe("", method="dpo", hyperparameters=(Hyperparameter("beta", "0.1"),), quote=quote))


def test_a_made_up_number_is_rejected_by_name() -> None:
    wrong = replace(SFT, hyperparameters=(Hyperparameter("learning_rate", "3e-5"),))
    assert why(wrong) == "learning_rate '3e-5': 3e-5 is not in the quote"


def test_a_made_up_quote_is_rejected() -> None:
    assert "does not stand in the text" in why(
        replace(SFT, quote="We use a learning rate of 2e-5 for 3 epochs of SFT.")
    )
    assert "no quote" in why(replace(SFT, quote=" \n"))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"base_model": "Llama-2-7B"}, "base model"),
        ({"base_model": "Mistral-13B"}, "13B"),
        ({"datasets": ("UltraChat-200k", "GSM8K")}, "dataset 'GSM8K'"),
        ({"benchmark": "MMLU"}, "benchmark 'MMLU'"),
        ({"method": "grpo"}, "method 'grpo'"),
        ({"metric": "BLEU"}, "metric 'BLEU'"),
        ({"result": "512 and 9"}, "9 is not in the quote"),
        ({"result": "much better"}, "holds no number"),
        ({"baseline": "37.8"}, "baseline '37.8'"),
        ({"hyperparameters": (Hyperparameter("learning_rate", "512"),)}, "no value of learning_rate"),
        ({"hyperparameters": (Hyperparameter("batch_size", "2e-5"),)}, "no value of batch_size"),
        ({"hyperparameters": (Hyperparameter("optimizer", "Adafactor"),)}, "Adafactor"),
        ({"hyperparameters": (Hyperparameter("precision", "bf16"),)}, "bf16"),
        ({"hyperparameters": (Hyperparameter("epochs", " "),)}, "has no value"),
        ({"hyperparameters": (), "datasets": ()}, "says nothing"),
        ({"base_model": "x" * 10_000}, "longer than"),
    ],
)
def test_each_claim_is_held_against_the_quote(changed: dict[str, Any], said: str) -> None:
    assert said in why(replace(SFT, **changed))


def test_all_faults_are_named_at_once() -> None:
    said = why(replace(SFT, base_model="OPT-1.3B", benchmark="MMLU", result="99"))
    assert "OPT" in said and "MMLU" in said and "99" in said


def test_a_number_of_the_paper_outside_the_quote_does_not_count() -> None:
    assert "62.5" in why(replace(SFT, result="62.5"))


def test_a_cut_number_is_read_whole_from_the_paper() -> None:
    cut = Recipe(
        "", method="dpo", benchmark="MT-Bench", result="7", quote="We align a model. It scores 7.34 on MT-Bench"
    )
    assert "7 is not in the quote" in why(cut)
    cut = Recipe("", method="sft", benchmark="MT-Bench", result="7", quote="We align a model. It scores 7")
    assert "7 is not in the quote" in why(cut)


def test_a_row_is_read_with_its_head_and_caption() -> None:
    recipe = held(replace(ROW, base_model="Mistral-7B", metric="accuracy"))
    assert recipe.quote.splitlines() == [
        "Table 2: Accuracy of Mistral-7B after each stage, in percent.",
        "| Model | Math / GSM8K | Math / MATH | Chat / MT-Bench |",
        "| DPO | **62.5** | 21.3 | 7.34 |",
    ]
    held(
        replace(
            ROW,
            quote="Model GSM8K MATH MT-Bench\nDPO 62.5 21.3 7.34".replace(
                "GSM8K MATH MT", "Math GSM8K Math MATH Chat MT"
            ),
        )
    )


@pytest.mark.parametrize(("benchmark", "result"), [("MATH", "62.5"), ("GSM8K", "7.34"), ("MT-Bench", "21.3")])
def test_a_result_from_another_column_is_rejected(benchmark: str, result: str) -> None:
    assert "another column or row" in why(replace(ROW, benchmark=benchmark, result=result))


def test_a_baseline_stands_in_a_quoted_row() -> None:
    both = replace(ROW, baseline="37.8", quote="| Base | 37.8 | 12.7 | – | […] | DPO | 62.5 | 21.3 | 7.34 |")
    assert "| Base | 37.8" in held(both).quote
    assert "baseline" in why(replace(both, baseline="52.1"))


def test_a_setting_from_another_row_of_a_table_is_rejected() -> None:
    table = "| Setting | Value |\n|---|---|\n| Learning rate | 0.01 |\n| Weight decay | 0.1 |\n"
    document = replace(PAPER, sections=(Section("A", "Settings", 1, table),))
    quote = "| Learning rate | 0.01 |\n| Weight decay | 0.1 |"
    right = Recipe("", hyperparameters=(Hyperparameter("learning_rate", "0.01"),), quote=quote)
    held(right, document)
    wrong = replace(right, hyperparameters=(Hyperparameter("learning_rate", "0.1"),))
    assert "another column or row than learning_rate" in why(wrong, document)


def test_pieces_around_an_ellipsis_must_follow_in_one_section() -> None:
    pieces = "We fine-tune Mistral-7B-v0.1 … For DPO we set “β = 0.1” and train on UltraFeedback"
    held(Recipe("", "Mistral-7B", "dpo", ("UltraFeedback",), quote=pieces))
    across = "We fine-tune Mistral-7B-v0.1 on UltraChat-200k [...] The gap of 10.4 points is large."
    assert "does not stand" in why(Recipe("", "Mistral-7B", "dpo", result="10.4", quote=across))


def test_a_quote_that_is_too_long_is_rejected_since_it_would_hold_any_number() -> None:
    assert f"the most is {LONGEST_QUOTE}" in why(replace(SFT, quote=TRAINING * 10))
    assert "does not stand" in why(replace(SFT, quote="512"))


def test_the_same_recipe_is_kept_once() -> None:
    extraction = check([SFT, replace(SFT, section="other"), ROW], PAPER)
    assert [recipe.method for recipe in extraction.recipes] == ["sft", "dpo"]


def test_a_paper_without_ids_is_named_by_its_title() -> None:
    assert held(SFT, replace(PAPER, ids=PaperIds())).paper == '"Zephyr"'


@pytest.mark.parametrize(
    "text",
    [
        "1" * 100_000,
        "|" * 100_000,
        "\n" * 100_000,
        "a-" * 50_000,
        "x [1," * 20_000,
        "\\frac{" * 20_000,
        " " * 100_000,
        "| learning rate | 1e-5 |\n" * 4_000,
        "learning rate of 1e-5 " * 5_000,
    ],
    ids=["digits", "pipes", "lines", "dashes", "brackets", "latex", "spaces", "rows", "words"],
)
def test_a_hostile_text_costs_little(text: str) -> None:
    document = replace(PAPER, sections=(Section("1", "x", 1, text),))
    start = time.process_time()
    check([replace(SFT, quote=text[:LONGEST_QUOTE]), ROW], document)
    assert time.process_time() - start < 30
