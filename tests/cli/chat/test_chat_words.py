"""What is shown of what others wrote, and answers as a person types them."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console

from labwright.cli.arguments import as_yaml, from_yaml
from labwright.cli.chat.asking import card
from labwright.cli.chat.markdown import Blocks, Calm
from labwright.cli.chat.terminal import Presses
from labwright.cli.chat.words import args_line, count
from labwright.cli.visible import visible
from labwright.contracts.effects import Cost
from labwright.contracts.errors import UsageError
from labwright.contracts.sessions import Approval

MARKDOWN = """# Title

Words in a
paragraph.

- one

- two

  still two

Then:

```python
a = 1

b = 2
```

1. first
2. second

| a | b |
|---|---|
| 1 | 2 |

The end."""


@pytest.mark.parametrize("size", [1, 3, 7, 50, 1000])
def test_blocks_are_split_alike_however_the_text_arrives(size: int) -> None:
    blocks = Blocks()
    found = [blocks.feed(MARKDOWN[i : i + size]) for i in range(0, len(MARKDOWN), size)]
    whole = "\n\n".join(part for part in [*found, blocks.finish()] if part)
    assert whole == MARKDOWN
    pieces = [part for part in found if part]
    if size == 1:
        assert "- one\n\n- two\n\n  still two" in pieces  # a list is one block
        assert "```python\na = 1\n\nb = 2\n```" in pieces  # and so is code


def test_markdown_is_drawn_without_blank_lines_around_it_and_links_show_where_they_lead() -> None:
    console = Console(width=60, force_terminal=False, record=True, file=StringIO())
    console.print(Calm("# Title\n\n- one\n- [two](https://example.org/x)\n"))
    shown = console.export_text()
    assert shown.startswith("Title") and shown.endswith("\n") and not shown.endswith("\n\n")
    assert "https://example.org/x" in shown


def test_control_characters_are_marked_and_harmless_ones_stay() -> None:
    assert visible("a\x1b[2Jb\rc\x07\u202ed\u200be\u00a0f\tg\nh") == "a�[2Jb�c��de f\tg\nh"
    assert visible("Grüße, 日本 👩‍🔬") == "Grüße, 日本 👩🔬"


def test_arguments_are_one_line() -> None:
    assert args_line('{"command": "echo a\\necho b", "timeout": null}', 80) == "echo a echo b"
    assert args_line({"a": 1, "b": "x"}, 80) == "a=1 b=x"
    assert args_line("{not json", 80) == "{not json"
    assert [count(n) for n in (950, 12_345, 4_100_000)] == ["950", "12.3k", "4.1M"]


def test_arguments_come_back_from_the_editor_as_they_went_in() -> None:
    args = {"script": "import os\n\nprint('x: y')\n", "hours": 1.5, "on": "yes", "deep": {"a": [1, None]}}
    assert from_yaml(as_yaml(args), "A1") == args
    assert "import os\n" in as_yaml(args)
    assert from_yaml('{"a": 1}', "A1") == {"a": 1}
    for wrong in ("just words", "- 1", "a: [", ""):
        with pytest.raises(UsageError):
            from_yaml(wrong, "A1")


def test_a_card_shows_a_long_script_in_part_and_says_so() -> None:
    script = "\n".join(f"line {n}" for n in range(100)) + "\n\x1b[1A\x1b[2Kinnocent"
    asked = Approval("A7", "s", "c", "run_it", ("execute",), {}, "run_it: why", script, Cost(None), "$1.00", 0.0)
    for whole in (False, True):
        console = Console(width=80, force_terminal=False, record=True, file=StringIO())
        console.print(card(asked, whole=whole))
        shown = console.export_text()
        assert "A7" in shown and "cost unknown" in shown and "left $1.00" in shown and "\x1b" not in shown
        assert ("61 more lines" in shown) is not whole and ("innocent" in shown) is whole


def test_the_second_press_within_two_seconds_leaves() -> None:
    at = iter([0.0, 3.0, 4.5, 10.0])
    presses = Presses(lambda: next(at))
    assert [presses.again() for _ in range(4)] == [False, False, True, False]
