from __future__ import annotations

import pytest

from labwright.contracts.errors import UsageError
from labwright.contracts.repositories import Place
from labwright.repositories import excerpt
from labwright.repositories.contents import file_text

PLACE = Place("fake", "org/tool", "a.py")
HUNDRED = file_text(PLACE, "".join(f"line {n}\n" for n in range(1, 101)).encode())


def test_a_range_is_shown_with_its_numbers_and_what_is_around_it() -> None:
    shown = excerpt(HUNDRED, "10-12")
    assert shown.text.split("\n") == [
        "[lines 1-9 before]",
        "10  line 10",
        "11  line 11",
        "12  line 12",
        "[lines 10-12 of 100; ask for lines 13-100 to see the rest]",
    ]
    assert (shown.first, shown.last, shown.total) == (10, 12, 100)


@pytest.mark.parametrize(
    ("lines", "first", "last"),
    [
        ("10-80", 10, 80),
        ("95-", 95, 100),
        ("-3", 1, 3),
        ("7", 7, 7),
        ("L10-L12", 10, 12),
        ("99-500", 99, 100),
        ("2:4", 2, 4),
    ],
)
def test_every_form_of_a_range_is_understood(lines: str, first: int, last: int) -> None:
    shown = excerpt(HUNDRED, lines)
    assert (shown.first, shown.last) == (first, last)


@pytest.mark.parametrize("lines", ["", "-", "ten", "0-4", "9-3", "101-", "1-2-3", "1,2"])
def test_a_range_that_is_none_is_refused(lines: str) -> None:
    with pytest.raises(UsageError) as refused:
        excerpt(HUNDRED, lines)
    assert refused.value.cure


def test_what_does_not_fit_is_never_cut_in_silence() -> None:
    by_lines = excerpt(HUNDRED, "10-90", most_lines=5)
    assert by_lines.last == 14 and "ask for lines 15-90" in by_lines.text
    by_characters = excerpt(HUNDRED, most_characters=60)
    assert by_characters.last < 100 and f"ask for lines {by_characters.last + 1}-100" in by_characters.text
    long = excerpt(file_text(PLACE, b"x" * 5000 + b"\n"), most_characters=10)
    assert "3000 more characters in this line" in long.text and long.last == 1
    assert "the end of the file" in excerpt(HUNDRED, "100").text


def test_reading_on_as_told_shows_every_line_once() -> None:
    seen: list[int] = []
    lines: str | None = None
    while True:
        shown = excerpt(HUNDRED, lines, most_lines=7)
        seen += range(shown.first, shown.last + 1)
        if "ask for lines " not in shown.text:
            break
        lines = shown.text.rpartition("ask for lines ")[2].split()[0]
    assert seen == list(range(1, 101))


def test_lines_are_those_an_editor_counts() -> None:
    file = file_text(PLACE, "a\r\nb\x0cc\u2028d\r\n\r\nlast".encode())
    assert excerpt(file).total == 4
    assert excerpt(file_text(PLACE, b"")).text == "[the file is empty]"
    assert excerpt(file_text(PLACE, "\ufeffx = 1\n".encode())).text.startswith("1  x = 1")
    assert excerpt(file_text(PLACE, "x = 1\n".encode("utf-16"))).text.startswith("1  x = 1")
    assert "UTF-8" in excerpt(file_text(PLACE, b"caf\xe9\n")).remarks[0]
