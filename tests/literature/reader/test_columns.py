"""Columns that are drawn line by line are read one after the other; what only looks like them stays as it is."""

from __future__ import annotations

from tests.literature.reader.pdfs import Set, heading, pdf

from labwright.contracts.literature import PaperIds
from labwright.literature.reader import layout
from labwright.literature.reader.columns import Run, in_reading_order
from labwright.literature.reader.pdf import printed
from labwright.literature.reader.prints import Limits

LEFT = [
    "We train a model with rewards",
    "that are checked by a program,",
    "and then we see what it does on",
    "numbers that it has never seen",
    "in its training. What it learns",
    "is to sort three of them. The",
    "rest is told beside this text.",
]
RIGHT = [
    "The learning rate is 1e-6 for",
    "all of the runs, and the batch",
    "size is 64. A group holds eight",
    "answers, whose rewards have the",
    "mean of the group taken away as",
    "in earlier work. Nothing else is",
    "changed between any two of them.",
]


def across(left: str, right: str) -> list[Set]:
    return [Set(left, stays=True), Set(right, x=320.0)]


def line(*runs: tuple[str, float]) -> list[Run]:
    return [Run(text, x, 10.0, bold=False) for text, x in runs]


def test_columns_that_are_drawn_line_by_line_are_read_one_after_the_other() -> None:
    heads = [Set("1 Introduction", 12.0, bold=True, stays=True), Set("2 Method", 12.0, bold=True, x=320.0)]
    body = [part for pair in zip(LEFT, RIGHT, strict=True) for part in across(*pair)]
    page = [heading("Sorting Numbers by Reward", 18.0), *heads, *body]
    document = layout.document(printed(pdf(page), "paper.pdf", Limits()), PaperIds())
    assert [(section.title, section.text) for section in document.sections] == [
        ("Introduction", " ".join(LEFT)),
        ("Method", " ".join(RIGHT)),
    ]


def test_a_line_over_both_columns_stands_between_what_is_above_and_below_it() -> None:
    rows = [line((a, 72.0), (f" {b}", 320.0)) for a, b in zip(LEFT, RIGHT, strict=True)]
    whole = line(("Figure 1: What the reward does to the length of the answers of all our models.", 72.0))
    last = line(("and ends.", 72.0))
    read = ["".join(run.text for run in runs).strip() for runs in in_reading_order([*rows[:4], whole, *rows[4:], last])]
    caption = whole[0].text
    assert read == [*LEFT[:4], *RIGHT[:4], caption, *LEFT[4:], "and ends.", *RIGHT[4:]]


def test_tables_and_lines_of_several_runs_are_no_columns() -> None:
    table = [line((f"Model number {n} of ours", 72.0), (" 71.2", 250.0), (" 80.4", 320.0)) for n in range(9)]
    prose = [line((a, 72.0), (f" and {b}", 72.0 + 8 * n)) for n, (a, b) in enumerate(zip(LEFT, RIGHT, strict=True))]
    letters = [
        line(*((letter, 72.0 + 5.1 * n) for n, letter in enumerate(f"{a} and {b}")))
        for a, b in zip(LEFT, RIGHT, strict=True)
    ]
    few = [line((a, 72.0), (b, 320.0)) for a, b in zip(LEFT[:3], RIGHT[:3], strict=True)]
    for lines in (table, prose, letters, few, []):
        assert in_reading_order(lines) == lines
