"""Numbers as papers write them: which are equal, and which digits are none."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labwright.literature.recipes.numbers import missing, numbers


def stands(claim: str, passage: str) -> bool:
    return not missing(claim, numbers(passage))


@pytest.mark.parametrize(
    "written",
    [
        "2e-5", "2E−5", "2.0e-05", "0.00002", "2 × 10^-5", "2×10⁻⁵", "2 x 10^{-5}", r"$2\times 10^{-5}$",
        r"2\cdot10^{-5}", "2*10**-5", r"$2\mathrm{e}{-5}$", "2 × 10−5", "**2e-5**",
    ],
)  # fmt: skip
def test_one_learning_rate_is_one_number_however_it_is_written(written: str) -> None:
    assert stands("2e-5", f"a learning rate of {written}, as usual")
    assert stands(written, "lr=2e-5")
    assert not stands("2e-6", f"a learning rate of {written}")


@pytest.mark.parametrize(
    ("claim", "passage"),
    [
        ("7B", "a 7 billion parameter model"),
        ("10k", "10,000 rows"),
        ("1000", r"$1{,}000$ steps"),
        ("20000", r"20\,000 steps"),
        ("1000000", "1 000 000 rows"),
        ("62.5%", "62.5 % of the items"),
        ("62.5 %", r"$62.5\%$"),
        ("62.5%", "| 62.50 |"),
        ("0.03", "a warmup of 3%"),
        ("-3.2", "a change of −3.2 points"),
        ("3", "for three full epochs"),
        ("1e-5", "$10^{-5}$"),
        ("1e-5", "10⁻⁵"),
        ("16", "rank-16 adapters"),
        ("62.5 ± 0.3", "62.5±0.3"),
        ("5", "3-5 epochs"),
        ("1", "epochs in [1, 3]"),
    ],
)
def test_forms_of_the_same_value_are_equal(claim: str, passage: str) -> None:
    assert stands(claim, passage.replace("1 000 000", "1\u202f000\u202f000"))


@pytest.mark.parametrize(
    ("claim", "passage"),
    [
        ("62.5", "62.53"),
        ("62", "62.5"),
        ("5", "62.5"),
        ("3.2", "a change of −3.2 points"),
        ("0.03%", "a warmup of 3%"),
        ("64", "64k tokens"),
        ("7", "a 7B model"),
        ("2", "Llama-2-7B and GPT-2 and GSM8K"),
        ("8", "GSM8K"),
        ("1", "pass@1"),
        ("3", "as Table 3 shows"),
        ("4.2", "see Section 4.2"),
        ("12", "as in DPO [12] and others [3, 12]"),
        ("1", "one of the models"),
        ("5", "Qwen2.5-7B"),
        ("20", "10-5"),
        ("1", "1,000 steps"),
        ("62.5 ± 0.4", "62.5 ± 0.3"),
    ],
)
def test_other_numbers_and_digits_of_names_do_not_count(claim: str, passage: str) -> None:
    assert not stands(claim, passage)


@given(st.decimals(min_value=Decimal("1e-9"), max_value=Decimal("1e9"), places=9))
def test_every_number_is_found_in_plain_and_in_scientific_form(value: Decimal) -> None:
    assert stands(f"{value:f}", f"it was {value:.25e}.")


@given(st.text(alphabet="0123456789eE.,+-−×^{}\\% xkB[]$_", max_size=60))
def test_no_text_is_too_strange(text: str) -> None:
    assert all(number.start < number.end for number in numbers(text))
