"""Contamination: planted items are found, and rows of the same task that hold none are left alone."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from labwright.data.folding import normalise
from labwright.data.overlap import BenchItem, BenchmarkIndex
from labwright.data.rows import Row

_NAMES = [
    "Amara",
    "Bjorn",
    "Chidi",
    "Dalia",
    "Emre",
    "Farah",
    "Goran",
    "Hana",
    "Ivo",
    "Jun",
    "Kofi",
    "Leila",
    "Mateo",
    "Nadia",
    "Omar",
    "Priya",
]
_THINGS = [
    "marbles",
    "lanterns",
    "notebooks",
    "oranges",
    "ribbons",
    "tickets",
    "bricks",
    "candles",
    "melons",
    "postcards",
    "shells",
    "kites",
]
_PLACES = ["harbour", "market", "library", "orchard", "museum", "station", "bakery", "workshop", "garden", "theatre"]
_LONG_INSTRUCTION = (
    "You are given a list of numbers. Sort the list in ascending order and answer with the sorted list only, "
    "without any other words, in the same format as the input, separated by commas and enclosed in brackets. "
)


def _row(prompt: str, completion: str = "", number: int = 1) -> Row:
    return Row(number, {"prompt": prompt, "completion": completion}, prompt, completion)


def _sorting(rng: random.Random, count: int, size: int = 3) -> list[BenchItem]:
    items = []
    for i in range(count):
        numbers = [rng.randrange(100) for _ in range(size)]
        ordered = " ".join(str(n) for n in sorted(numbers))
        items.append(BenchItem(f"s{i}", f"Sort ascending: {' '.join(str(n) for n in numbers)} ->", ordered))
    return items


def _problem(rng: random.Random, number: int) -> BenchItem:
    """A grade-school word problem, in one of four wordings."""
    a, b, c, d = (rng.randrange(11, 400) for _ in range(4))
    who, friend = rng.sample(_NAMES, 2)
    thing, place, other = rng.choice(_THINGS), rng.choice(_PLACES), rng.choice(_THINGS)
    texts = [
        f"{who} carried {a} {thing} to the {place} early on Monday, and {friend} brought {b} more after lunch. By the "
        f"evening they had sold {c} of them for ${d} apiece. How many {thing} were left, and what had they earned?",
        f"There are {a} boxes behind the {place}. Each box holds {b} {thing}, except for {c} that {friend} filled "
        f"with {other} instead. If {who} takes {d} {thing} home, how many {thing} stay behind the {place}?",
        f"On a rainy day {friend} counted {a} {thing} while {who} counted {b} {other}. Later {c} visitors from the "
        f"{place} each took two {thing} and left {d} cents in a jar. How many cents are in the jar in the end?",
        f"A {place} orders {thing} in crates of {a}. {who} unpacks {b} crates before noon and {friend} unpacks {c} "
        f"after it, but {d} {thing} turn out to be broken. How many {thing} can the {place} put on its shelves?",
    ]
    return BenchItem(f"p{number}", texts[number % 4], str(a * b + c - d))


def _problems(seed: int, count: int) -> list[BenchItem]:
    rng = random.Random(seed)
    return [_problem(rng, i) for i in range(count)]


def _as_rows(items: list[BenchItem]) -> list[Row]:
    return [_row(item.input, item.answer, n) for n, item in enumerate(items, start=1)]


def _respelt(text: str) -> str:
    return text.upper().replace(",", " ;").replace(".", "!\n").replace(" ", "  ")


def _reworded(text: str, rng: random.Random, words: int) -> str:
    """Exchange words (not numbers, which would make it another problem)."""
    pieces = text.split()
    places = [i for i, piece in enumerate(pieces) if piece.isalpha()]
    for place in rng.sample(places, words):
        pieces[place] = rng.choice(["quite", "several", "gladly", "somewhere", "indeed"])
    return " ".join(pieces)


def _found(index: BenchmarkIndex, rows: list[Row]) -> dict[str, str]:
    return {hit.item_id: hit.method for hit in index.check(rows)}


def test_sorting_items_that_were_copied_are_found_and_rows_of_the_same_task_are_not() -> None:
    rng = random.Random(3)
    items = list({item.input: item for item in _sorting(rng, 300)}.values())
    taken = {item.input for item in items}
    clean = [item for item in _sorting(random.Random(99), 3000) if item.input not in taken]
    index = BenchmarkIndex.build(items)
    assert index.check(_as_rows(clean)) == []
    assert _found(index, _as_rows(items[:20])) == {item.id: "exact" for item in items[:20]}


def test_a_short_item_is_found_under_other_punctuation_and_inside_a_longer_text() -> None:
    items = _sorting(random.Random(5), 60)
    index = BenchmarkIndex.build(items)
    item = BenchItem("mine", "Sort ascending: 48 7 93 ->", "7 48 93")
    index = BenchmarkIndex.build([*items, item])
    for row in (
        _row("SORT ascending  48, 7, 93:", "7, 48, 93"),
        _row("Sort ascending: 1 2 3 -> 1 2 3\nSort ascending: 48 7 93 ->", "7 48 93"),
        _row("Be brief. Sort ascending: 48 7 93 -> Thank you.", "7 48 93"),
        _row("Sort ascending: 48 7 93 ->", "The answer is 7 48 93."),
        _row("", "Some text.\nSort ascending: 48 7 93 -> 7 48 93\nMore text."),
    ):
        assert [hit.item_id for hit in index.check([row])] == ["mine"], row


def test_a_short_item_needs_its_answer_and_is_not_found_in_a_longer_list() -> None:
    items = [*_sorting(random.Random(5), 60), BenchItem("mine", "Sort ascending: 48 7 93 ->", "7 48 93")]
    index = BenchmarkIndex.build(items)
    for row in (
        _row("Sort ascending: 48 7 93 ->", "93 48 7"),
        _row("Sort ascending: 48 7 93 99 ->", "7 48 93 99"),
        _row("Sort ascending: 99 48 7 93 ->", "7 48 93 99"),
        _row("Sort ascending: 93 7 48 ->", "7 48 93"),
    ):
        assert index.check([row]) == [], row


def test_sums_that_differ_only_in_the_operator_are_different_items() -> None:
    index = BenchmarkIndex.build([BenchItem("a", "5 + 0 =", "5"), BenchItem("b", "12 * 3 =", "36")])
    assert index.check([_row("5 - 0 =", "5"), _row("1 + 12 * 3 =", "36"), _row("12 * 3 + 0 =", "36")]) == []
    assert _found(index, [_row("5+0=", "5"), _row("(12 × 3)", "36")]) == {"a": "normalised", "b": "normalised"}


def test_all_twenty_planted_word_problems_are_found() -> None:
    items = _problems(1, 200)
    rng = random.Random(8)
    clean = _problems(2, 600)
    planted: list[Row] = []
    for number, item in enumerate(items[:20]):
        text = [
            item.input,
            _respelt(item.input),
            f"Here is a riddle that my uncle told me. {item.input} Think step by step. " + clean[number].input,
            _reworded(item.input, rng, 3),
        ][number % 4 if number < 16 else 3]
        planted.append(_row(text, f"Let us think. The answer is {item.answer}.", 1000 + number))
    index = BenchmarkIndex.build(items)
    hits = index.check([*_as_rows(clean), *planted])
    assert {(hit.row, hit.item_id) for hit in hits} == {(1000 + n, item.id) for n, item in enumerate(items[:20])}
    assert {hit.method for hit in hits} >= {"exact", "normalised", "ngram"}
    assert all(hit.span for hit in hits)


def test_a_problem_is_found_in_plain_text_and_with_its_words_in_another_order() -> None:
    items = _problems(1, 4)
    index = BenchmarkIndex.build(items)
    plain = _row("", f"Question: {items[1].input}\nAnswer: {items[1].answer}")
    turned = _row(" ".join(reversed(items[0].input.split())), items[0].answer)
    assert _found(index, [plain]) == {"p1": "normalised"}
    assert _found(index, [turned]) == {"p0": "minhash"}


def test_the_same_wording_with_other_numbers_is_another_problem() -> None:
    items = [_problems(1, 1)[0], *_problems(4, 2)]
    index = BenchmarkIndex.build(items)
    other = "".join(str((int(c) + 3) % 10) if c.isdigit() else c for c in items[0].input)
    assert index.check([_row(other, "12")]) == []


def test_long_shared_instructions_raise_no_false_alarm() -> None:
    def item(rng: random.Random, number: int) -> BenchItem:
        numbers = [rng.randrange(100) for _ in range(rng.randrange(3, 11))]
        return BenchItem(f"r{number}", f"{_LONG_INSTRUCTION}Input: {numbers} Output:", str(sorted(numbers)))

    rng, other = random.Random(1), random.Random(1_000_003)
    index = BenchmarkIndex.build([item(rng, i) for i in range(300)])
    rows = [item(other, i) for i in range(2000)]
    assert index.template_share > 0.8
    assert index.check(_as_rows(rows)) == []


def test_many_tasks_with_a_template_each_raise_no_false_alarm() -> None:
    """Forty templates of 2.5 % each: none is common enough to be called the benchmark's template."""
    rng = random.Random(9)
    vocabulary = [f"{a}{b}{c}{d}" for a in "bdfgk" for b in "aeiou" for c in "lmnprst" for d in ("a", "on", "ix")]
    tasks = [" ".join(rng.choices(vocabulary, k=30)) for _ in range(40)]

    def item(name: str) -> BenchItem:
        return BenchItem(name, f"{rng.choice(tasks)} {' '.join(rng.choices(vocabulary, k=4))}", rng.choice(vocabulary))

    items, others = [item(f"i{n}") for n in range(400)], [item(f"o{n}") for n in range(1000)]
    index = BenchmarkIndex.build(items)
    assert index.check(_as_rows(others)) == []
    assert {"i0", "i1", "i2"} <= _found(index, [_row("So: " + i.input, i.answer) for i in items[:3]]).keys()


def test_items_of_seven_distinctive_words_are_compared_exactly_and_items_of_eight_by_ngrams() -> None:
    rng = random.Random(4)
    vocabulary = [f"{a}{b}{c}" for a in "bdfgk" for b in "aeiou" for c in "lmnprst"]

    def item(name: str, size: int) -> BenchItem:
        words = " ".join(rng.sample(vocabulary, size))
        return BenchItem(name, f"Put these words into alphabetical order please: {words}", " ".join(sorted(words)))

    many = [item(f"i{n}", 8) for n in range(200)]
    seven, eight = item("seven", 7), item("eight", 8)
    index = BenchmarkIndex.build([*many, seven, eight])
    assert {i.id: i.distinctive_words for i in index.items if i.id in ("seven", "eight")} == {"seven": 7, "eight": 8}

    def inside(item: BenchItem, answer: str) -> list[str]:
        row = _row("Put, without a word lost, " + item.input.split(": ")[1] + " into order", answer)
        return [hit.item_id for hit in index.check([row])]

    assert inside(seven, "no idea") == []
    assert inside(eight, eight.answer) == ["eight"]
    assert [h.item_id for h in index.check([_row(seven.input.upper(), seven.answer)])] == ["seven"]


def test_a_benchmark_of_three_items_is_not_all_template() -> None:
    items = _problems(7, 3)
    index = BenchmarkIndex.build(items)
    assert index.template_share < 0.1
    assert set(_found(index, [_row(_respelt(i.input), "", n) for n, i in enumerate(items)])) == {"p0", "p1", "p2"}


def test_an_item_that_a_benchmark_repeats_does_not_become_template() -> None:
    item = _problems(7, 1)[0]
    items = [BenchItem(f"copy{n}", item.input, item.answer) for n in range(5)]
    assert len(BenchmarkIndex.build([*items, *_problems(9, 20)]).check([_row("Well. " + item.input)])) == 5


def test_empty_benchmarks_and_items_without_words_find_nothing_by_chance() -> None:
    assert BenchmarkIndex.build([]).check([_row("a", "b")]) == []
    index = BenchmarkIndex.build([BenchItem("a", " ", "x"), BenchItem("b", "\u200b", ""), BenchItem("c", "→", "←")])
    assert index.check([_row("a", "x"), _row("", "x")]) == []
    assert _found(index, [_row("→", "←")]) == {"c": "exact"}


@given(st.text())
def test_normalising_twice_changes_nothing(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)


_WORDY = st.text(min_size=1, max_size=80).filter(lambda text: any(c.isalnum() for c in text))


@settings(deadline=None)
@given(item=st.tuples(_WORDY, _WORDY), others=st.lists(st.tuples(_WORDY, _WORDY), max_size=6), around=_WORDY)
def test_an_item_planted_with_its_answer_is_always_found(
    item: tuple[str, str], others: list[tuple[str, str]], around: str
) -> None:
    pairs = [*others, item]
    index = BenchmarkIndex.build([BenchItem(str(n), *pair) for n, pair in enumerate(pairs)])
    mine = str(len(others))
    assert mine in {hit.item_id for hit in index.check([_row(*item)])}
    embedded = _row("", f"{around}.\n{item[0]}\n{item[1]}\n.{around}")
    assert mine in {hit.item_id for hit in index.check([embedded])}
