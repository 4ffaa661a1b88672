"""Filters keep what meets every rule, count the rest by reason, and let no condition look beyond a row."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.data.transforms.rows_of import column, pairs, version_of

from labwright.contracts.errors import DataError
from labwright.contracts.research import DatasetVersion
from labwright.data.origins import read_dropped
from labwright.data.transforms import Rules, keep_rows
from labwright.data.transforms.expressions import checked

COLUMNS = {"prompt": "VARCHAR", "level": "BIGINT", "messages": 'STRUCT("role" VARCHAR)[]'}


def _levels(tmp_path: Path) -> DatasetVersion:
    rows = [{"prompt": "p" * n, "completion": "c", "level": n if n != 3 else None} for n in range(1, 7)]
    return version_of(tmp_path, rows)


def test_a_condition_keeps_rows_and_a_null_does_not_meet_it(tmp_path: Path) -> None:
    kept = keep_rows(_levels(tmp_path), Rules(where="level <> 2 AND length(prompt) < 6"))
    assert column(kept, "level") == [1, 4, 5]
    assert kept.lineage[-1].params["reasons"] == {"does not meet: level <> 2 AND length(prompt) < 6": 3}
    assert [row.row for row in read_dropped(tmp_path / "home", kept.lineage[-1].dropped)] == [2, 3, 6]


def test_each_row_that_goes_has_the_first_rule_that_it_broke(tmp_path: Path) -> None:
    version = pairs(
        tmp_path, [("short", "x"), ("a longer question", "fine"), ("see http://a.b", "link"), ("é" * 30, "")]
    )
    kept = keep_rows(version, Rules(min_length=8, max_length=25, not_matching=r"https?://"))
    assert column(kept, "completion") == ["fine"]
    assert kept.lineage[-1].params["reasons"] == {
        "shorter than 8 characters": 1,
        "longer than 25 characters": 1,
        "matches: https?://": 1,
    }


def test_lengths_and_patterns_can_be_those_of_one_column(tmp_path: Path) -> None:
    version = pairs(tmp_path, [("one", "yes"), ("three", "no"), ("four", "yes")])
    assert column(keep_rows(version, Rules(column="completion", matching="^yes$")), "prompt") == ["one", "four"]
    assert column(keep_rows(version, Rules(column="prompt", max_length=4)), "prompt") == ["one", "four"]
    with pytest.raises(DataError, match="no column 'answer'"):
        keep_rows(version, Rules(column="answer", max_length=4))


def test_languages_are_told_offline(tmp_path: Path) -> None:
    english = ("What is the capital of the country that lies to the north of it?", "It is the city where the king was.")
    german = ("Was ist die Hauptstadt des Landes, das nördlich davon liegt?", "Das ist die Stadt, in der er nicht war.")
    version = pairs(tmp_path, [english, german, ("12", "x")])
    kept = keep_rows(version, Rules(languages=("en",)))
    assert column(kept, "prompt") == [english[0]]
    assert kept.lineage[-1].params["reasons"] == {"its language is de": 1, "its language cannot be told": 1}
    with pytest.raises(DataError, match="the language 'qq' cannot be told"):
        keep_rows(version, Rules(languages=("qq", "en")))


def test_who_tells_languages_can_be_chosen(tmp_path: Path) -> None:
    def tell(texts: Sequence[str]) -> list[str]:
        return ["xx" if "x" in text else "yy" for text in texts]

    assert keep_rows(pairs(tmp_path, [("x", "1"), ("y", "2")]), Rules(languages=("xx",)), languages=tell).rows == 1


def test_a_condition_that_fails_names_the_row(tmp_path: Path) -> None:
    rows = [{"prompt": "x", "completion": str(n) if n != 700 else "seven hundred"} for n in range(1000)]
    with pytest.raises(DataError, match="Could not convert") as error:
        keep_rows(version_of(tmp_path, rows), Rules(where="completion::INT < 9"))
    assert error.value.where is not None
    assert error.value.where.endswith(".jsonl:701")
    with pytest.raises(DataError, match="No function matches"):
        keep_rows(_levels(tmp_path), Rules(where="sqrt(prompt) < 9"))


@pytest.mark.parametrize(
    "text",
    [
        "(SELECT count(*) FROM read_text('/etc/passwd')) > 0",
        "read_text('/etc/passwd') = ''",
        "EXISTS (FROM duckdb_secrets())",
        "getvariable('x') = 1",
        "current_setting('home_directory') <> ''",
        "random() < 0.5",
        "now() > '2020-01-01'",
        "age(TIMESTAMP '2020-01-01') > INTERVAL 1 DAY",
        "nextval('s') > 1",
        "count(*) > 1",
        "row_number() OVER () > 3",
        "true) FROM x WHERE (true",
        "true; DROP TABLE data",
        "true) UNION SELECT (true",
        "columns(*) = 1",
        "$1 = 2",
        "#1 = 2",
        "*",
        "json_serialize_sql('SELECT 1') <> ''",
        "repeat(prompt, 1000000000) = ''",
        "pg_get_viewdef(1) = ''",
        "current_date > '2020-01-01'",
        "unnest([1]) = 1",
        "",
        "   ",
        "level ==== 3",
    ],
)
def test_a_condition_may_not_look_beyond_its_row(text: str) -> None:
    with pytest.raises(DataError) as error:
        checked(text, COLUMNS)
    assert error.value.cure


@pytest.mark.parametrize(
    "text",
    [
        "level IN (1, 2) AND prompt ILIKE '%a%' OR NOT starts_with(prompt, 'b')",
        "len(list_filter(messages, x -> x.role = 'user')) > 1",
        "len(list_filter(messages, lambda x: x.role = 'user')) > 1",
        "messages[1].role = 'user'",
        "level BETWEEN 1 AND 3 AND -level < 3 AND level % 2 = 0",
        "CASE WHEN level IS NULL THEN true ELSE level > 3 END -- a remark",
        "TRY_CAST(prompt AS INT) > 3",
        "regexp_matches(prompt, '^[a-z]+$') AND nullif(prompt, '') IS NOT NULL",
        "array_to_string(string_split(prompt, ' '), '') <> ''",
        "\"Prompt\" = 'x' AND _n < 10",
        "prompt->>'$.a' = 'x'",
    ],
)
def test_a_condition_over_a_row_is_taken(text: str) -> None:
    assert checked(text, COLUMNS).text == text


def test_what_cannot_be_a_filter_is_refused(tmp_path: Path) -> None:
    version = _levels(tmp_path)
    for rules in (Rules(), Rules(matching="("), Rules(where="level > 99"), Rules(matching="(?=x)")):
        with pytest.raises(DataError):
            keep_rows(version, rules)
