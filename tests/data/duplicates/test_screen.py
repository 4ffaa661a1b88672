"""The screen loses nothing: screened or not, a benchmark's hits are the same."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from labwright.data.duplicates.screen import Screen
from labwright.data.overlap import SCREENED_FROM, BenchItem, BenchmarkIndex, conditions
from labwright.data.rows import Row

_WORDS = [
    *["the", "of", "a", "how", "many", "is", "in", "and", "sort", "list", "sum", "name", "city", "red", "blue"],
    "12",
    "5",
    "7.5",
    "+",
    "-",
    "→",
    "Ünïted",
    "東京",
    "x" * 40,
]


def _row(prompt: str, completion: str, number: int = 1) -> Row:
    return Row(number, {}, prompt, completion)


def _plainly(items: list[BenchItem], rows: list[Row]) -> list[object]:
    """Compared row by row, by an index that has seen too few rows to screen."""
    index = BenchmarkIndex.build(items)
    hits: list[object] = []
    for start in range(0, len(rows), SCREENED_FROM):
        hits += (
            BenchmarkIndex.build(items).check(rows[start : start + SCREENED_FROM])
            if start
            else index.check(rows[:SCREENED_FROM])
        )
    return hits


def _turned(text: str, rng: random.Random) -> str:
    """An item as it may come back: whole, shuffled, cut, respelt, in other words, inside another text."""
    words = text.split()
    match rng.randrange(7):
        case 0:
            return text
        case 1:
            rng.shuffle(words)
        case 2:
            words = words[rng.randrange(len(words)) :]
        case 3:
            return text.upper().replace(" ", "  , ")
        case 4:
            for _ in range(rng.randrange(1, 5)):
                words[rng.randrange(len(words))] = rng.choice(_WORDS)
        case 5:
            words = rng.choices(_WORDS, k=rng.randrange(30)) + words + rng.choices(_WORDS, k=rng.randrange(30))
        case _:
            del words[rng.randrange(len(words))]
    return " ".join(words)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32))
def test_the_screen_lets_through_every_row_that_is_a_hit(seed: int) -> None:
    rng = random.Random(seed)
    pool = _WORDS + [f"w{n}" for n in range(rng.choice([0, 20, 200]))]
    items = [
        BenchItem(f"i{n}", " ".join(rng.choices(pool, k=rng.randrange(1, 40))), rng.choice([*pool, "", "w1 w2"]))
        for n in range(rng.randrange(1, 12))
    ]
    rows = []
    for number in range(60):
        item = rng.choice(items)
        answer = item.answer if rng.random() < 0.7 else rng.choice(pool)
        prompt = _turned(item.input, rng)
        rows.append(_row("", f"{prompt} {answer}", number) if rng.random() < 0.3 else _row(prompt, answer, number))
    hit = {hit.row for hit in BenchmarkIndex.build(items).check(rows)}
    suspects = Screen(conditions(BenchmarkIndex.build(items))).suspects([(row.prompt, row.completion) for row in rows])
    assert hit <= {number for number, is_suspect in enumerate(suspects.tolist()) if is_suspect}


@settings(max_examples=60, deadline=None)
@given(
    items=st.lists(st.tuples(st.text(max_size=60), st.text(max_size=10)), min_size=1, max_size=6),
    rows=st.lists(st.tuples(st.text(max_size=60), st.text(max_size=60)), max_size=10),
    around=st.text(max_size=20),
)
def test_the_screen_loses_nothing_of_any_text(
    items: list[tuple[str, str]], rows: list[tuple[str, str]], around: str
) -> None:
    benchmark = [BenchItem(str(n), *item) for n, item in enumerate(items)]
    rows = rows + items + [("", f"{around}\n{prompt}\n{answer}") for prompt, answer in items]
    found = {hit.row for hit in BenchmarkIndex.build(benchmark).check([_row(*r, n) for n, r in enumerate(rows)])}
    suspects = Screen(conditions(BenchmarkIndex.build(benchmark))).suspects(rows)
    assert found <= {number for number, is_suspect in enumerate(suspects.tolist()) if is_suspect}


def test_many_rows_give_the_same_hits_as_few_and_most_are_not_compared_at_all() -> None:
    rng = random.Random(6)
    pool = [f"word{n}" for n in range(3000)]
    items = [BenchItem(f"i{n}", " ".join(rng.choices(pool, k=30)), str(n)) for n in range(40)]
    rows = [_row(" ".join(rng.choices(pool, k=60)), "an answer", n) for n in range(3000)]
    for place in range(0, 3000, 50):
        item = rng.choice(items)
        rows[place] = _row(_turned(item.input, rng), f"It is {item.answer}.", place)
    index = BenchmarkIndex.build(items)
    hits = index.check(iter(rows))
    assert hits == _plainly(items, rows)
    assert len({hit.row for hit in hits}) > 40
    suspects = Screen(conditions(index)).suspects([(row.prompt, row.completion) for row in rows])
    assert suspects.sum() < 70


def test_a_benchmark_without_items_suspects_nobody() -> None:
    screen = Screen(conditions(BenchmarkIndex.build([])))
    assert not screen.suspects([("a", "b"), ("", "")]).any()
    assert not screen.suspects([]).any()
