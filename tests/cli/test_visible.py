"""Other people's words reach a terminal without codes that it obeys, whichever command shows them."""

from __future__ import annotations

import json

import pytest

from labwright.cli.actions.approvals import described
from labwright.cli.edge import print_json, say
from labwright.cli.transcript import note, wide
from labwright.contracts.effects import Cost
from labwright.contracts.sessions import Approval

HOSTILE = "\x1b[2J\x1b[1Arm -rf \x9b31m\u202e ok\r\x07 \ud800"


@pytest.mark.parametrize("tell", [say, note])
def test_what_is_said_holds_no_control_codes(tell, capsys):
    tell(f"line one\n\t{HOSTILE}")
    told = capsys.readouterr()
    assert (told.out + told.err).startswith("line one\n\t")
    assert all(c in "\n\t" or c.isprintable() for c in told.out + told.err)


def test_json_says_the_same_and_its_text_holds_none_either(capsys):
    print_json({"text": HOSTILE})
    printed = capsys.readouterr().out
    assert json.loads(printed) == {"text": HOSTILE}
    assert all(c == "\n" or c.isprintable() for c in printed)


def test_brackets_in_a_table_are_words_and_no_markup(capsys):
    wide().print("[/b] [red]goal [mask]", markup=None)
    assert capsys.readouterr().out == "[/b] [red]goal [mask]\n"


def test_a_question_cannot_pass_for_the_lines_around_it():
    what = "ask_user: sure?\n  cost     $0.00\n  effects  read"
    asked = Approval("A1", "s", "c", "ask_user", ("spend",), {}, what, "a\n  cost  $0", Cost(7.0), "$1", 0.0)
    page = described(asked).splitlines()
    assert [line for line in page if line.startswith("  cost")] == ["  cost     $7.00"]
    assert "  │   cost  $0" in page
