"""What people type becomes what arXiv takes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labwright.contracts.literature import Query
from labwright.literature.sources.arxiv_query import asked, dated, never, wider


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("preference optimization", "all:preference AND all:optimization"),
        ('"reward model" hacking', 'all:"reward model" AND all:hacking'),
        ("“reward model”", 'all:"reward model"'),
        ("how to train a model", "all:train AND all:model"),
        ("the of", "all:the AND all:of"),  # nothing else is there
        ("low-rank", 'all:"low rank"'),  # a hyphen means something else there
        ("C++", "all:C"),
        ('ti:"reward model" au:finn', 'ti:"reward model" AND au:finn'),
        ("cat:cs.CL OR cat:stat.ML", "cat:cs.CL OR cat:stat.ML"),
        ("dpo ANDNOT ppo", "all:dpo ANDNOT all:ppo"),
        ("(dpo OR ppo) math", "( all:dpo OR all:ppo ) AND all:math"),
        ("(dpo OR ppo", "( all:dpo OR all:ppo )"),
        ("dpo )(", "all:dpo"),
        ("AND dpo OR", "all:dpo"),
        ("dpo AND OR ppo", "all:dpo AND all:ppo"),
        ('"never closed', "all:never AND all:closed"),
        ("ti: dpo", "all:dpo"),
        ("submittedDate:[0 TO 9]", 'all:"submittedDate 0" AND all:9'),
        ("optimi*", "all:optimi*"),
        ("", ""),
        ('() "" - &', ""),
    ],
)
def test_words_phrases_fields_and_operators(text: str, terms: str) -> None:
    assert asked(text) == terms


def test_some_words_are_enough_only_where_a_person_did_not_say_otherwise() -> None:
    assert wider("dpo math") == "all:dpo OR all:math"
    assert wider("dpo") == ""
    assert wider("ti:dpo math") == ""
    assert wider("dpo ANDNOT math") == ""
    assert wider("(dpo math)") == ""


def test_years_are_a_range_of_dates() -> None:
    assert dated("all:x", Query("x")) == "all:x"
    assert dated("all:x", Query("x", since=2023)) == "(all:x) AND submittedDate:[202301010000 TO 209912312359]"
    assert dated("all:x", Query("x", until=2020)) == "(all:x) AND submittedDate:[198601010000 TO 202012312359]"
    assert dated("all:x", Query("x", since=0, until=99999)).endswith("[198601010000 TO 209912312359]")


def test_years_that_cannot_be_are_not_asked_for() -> None:
    assert never(Query("x", since=2024, until=2020))
    assert never(Query("x", since=9999))
    assert never(Query("x", until=1900))
    assert not never(Query("x", since=2020, until=2020))
    assert not never(Query("x"))


@given(st.text(alphabet='ab" ()ANDOR:ti-*', max_size=40))
def test_brackets_and_quotes_of_what_is_asked_always_match(text: str) -> None:
    terms = asked(text)
    assert terms.count('"') % 2 == 0
    assert terms.count("(") == terms.count(")")
    assert not terms.endswith((" AND", " OR", " ANDNOT"))
    assert "( )" not in terms
    assert "AND AND" not in terms
