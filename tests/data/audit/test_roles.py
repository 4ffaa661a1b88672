"""Whatever a dataset calls its columns, detectors see prompt, answer, text, label, chosen, rejected and messages."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from pydantic import JsonValue
from tests.data.audit.tables import subject_of

from labwright.data.audit.engine import VIEW, Request

_SEEN = "prompt, answer, text, label, chosen, rejected"
CHAT = [{"role": "system", "content": "be kind"}, {"role": "user", "content": "hi"}]
ANSWER = {"role": "assistant", "content": "hello"}


@pytest.mark.parametrize(
    ("row", "seen"),
    [
        ({"prompt": "p", "completion": "c"}, ("p", "c", "p\nc", None, None, None)),
        ({"instruction": "i", "input": "x", "output": "o"}, ("i\nx", "o", "i\nx\no", None, None, None)),
        ({"text": "only this"}, (None, None, "only this", None, None, None)),
        ({"text": "nice film", "label": 1}, (None, None, "nice film", "1", None, None)),
        ({"messages": [*CHAT, ANSWER]}, ("be kind\nhi", "hello", "be kind\nhi\nhello", None, None, None)),
        ({"messages": CHAT}, ("be kind\nhi", None, "be kind\nhi", None, None, None)),
        (
            {"conversations": [{"from": "human", "value": "hi"}, {"from": "gpt", "value": "hello"}]},
            ("hi", "hello", "hi\nhello", None, None, None),
        ),
        ({"prompt": "p", "chosen": "good", "rejected": "bad"}, ("p", "good", "p\ngood\nbad", None, "good", "bad")),
        (
            {"prompt": CHAT, "chosen": [ANSWER], "rejected": [{"role": "assistant", "content": "go"}]},
            ("be kind\nhi", "hello", "be kind\nhi\nhello\ngo", None, "hello", "go"),
        ),
        ({"question": "2 + 2?", "answer": "#### 4"}, ("2 + 2?", "#### 4", "2 + 2?\n#### 4", None, None, None)),
    ],
)
def test_layouts_are_seen_alike(row: Mapping[str, JsonValue], seen: tuple[str | None, ...], tmp_path: Path) -> None:
    with subject_of(tmp_path, [row] * 3) as subject:
        found = subject.ask(f"SELECT {_SEEN} FROM {VIEW} WHERE _n = 1")[0]
    assert found == seen


def test_turns_whose_content_is_now_text_and_now_parts_keep_their_text(tmp_path: Path) -> None:
    parts = [{"type": "text", "text": "look"}]
    rows: list[dict[str, JsonValue]] = [
        {"messages": [{"role": "user", "content": parts}, ANSWER]},
        {"messages": [{"role": "user", "content": 'say "hi"'}, ANSWER]},
    ]
    with subject_of(tmp_path, rows) as subject:
        (first,), (second,) = subject.ask(f"SELECT prompt FROM {VIEW} ORDER BY _n")
    assert "look" in str(first)
    assert second == 'say "hi"'


def test_columns_that_fit_no_layout_are_looked_at_as_text(tmp_path: Path) -> None:
    with subject_of(tmp_path, [{"alpha": "one", "beta": "two", "n": 3}] * 3) as subject:
        assert subject.ask(f"SELECT DISTINCT text FROM {VIEW}") == [("one\ntwo",)]


def test_a_column_with_quotes_in_its_name_is_no_danger(tmp_path: Path) -> None:
    rows: list[dict[str, JsonValue]] = [{"prompt": "p", "completion": "c", "a\"b'; DROP TABLE x; --": "z"}] * 3
    with subject_of(tmp_path, rows) as subject:
        assert subject.rows == 3


def test_classification_is_preferred_where_it_is_asked_for(tmp_path: Path) -> None:
    rows: list[dict[str, JsonValue]] = [{"question": f"what is it? {n}", "answer": "ab"[n % 2]} for n in range(40)]
    with subject_of(tmp_path, rows, Request(purpose="classify")) as subject:
        assert subject.ask(f"SELECT DISTINCT label FROM {VIEW} ORDER BY 1") == [("a",), ("b",)]
