"""What becomes of a service's odd fields, and of a document that is none."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import TypeAdapter

from labwright.contracts.errors import ServiceError
from labwright.contracts.http import Page
from labwright.literature.sources.wire import Count, Rows, Several, Text, Wire, date, line, read, web_address


class Author(Wire):
    name: Text = None


class Row(Wire):
    title: Text = None
    count: Count = None
    authors: Several[Author] = []  # noqa: RUF012 - pydantic copies it


ONE: TypeAdapter[Row] = TypeAdapter(Row)
ALL: TypeAdapter[Rows[Row]] = TypeAdapter(Rows[Row])


def page(document: Any) -> Page:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return Page("http://service.example/x", 200, {}, body, "service")


@pytest.mark.parametrize("value", [7, [], {}, True, None])
def test_a_text_that_is_none_is_a_gap(value: Any) -> None:
    assert read(page({"title": value}), ONE).title is None


def test_half_a_pair_of_surrogates_is_replaced() -> None:
    assert read(page({"title": "a \ud800 b"}), ONE).title == "a ? b"


@pytest.mark.parametrize("value", ["many", -1, [], {}, None, 1.5])
def test_a_count_that_is_none_is_a_gap(value: Any) -> None:
    assert read(page({"count": value}), ONE).count is None


def test_an_odd_item_of_a_list_is_a_gap_and_the_others_stay() -> None:
    row = read(page({"authors": [{"name": "A"}, 7, None, {"name": None}]}), ONE)
    assert [author and author.name for author in row.authors] == ["A", None, None, None]
    assert read(page({"authors": "A"}), ONE).authors == []


def test_a_document_that_is_no_list_is_not_an_empty_list() -> None:
    assert read(page([{"title": "x"}, 7]), ALL) == [Row(title="x"), None]
    for document in ({"rows": []}, None, 7, "x"):
        with pytest.raises(ServiceError, match="unknown shape"):
            read(page(document), ALL)


@pytest.mark.parametrize(
    "document",
    [{"error": "quota used up"}, {"message": "quota used up", "code": "429"}, {"error": {"message": "quota used up"}}],
)
def test_an_error_under_a_good_status_is_quoted(document: Any) -> None:
    with pytest.raises(ServiceError, match="quota used up") as raised:
        read(page(document), ONE)
    assert raised.value.where == "http://service.example/x"


@pytest.mark.parametrize("body", [b"", b"{", b"<html>", b"[" * 200_000, b"\xff\xfe", b"1" * 10_000])
def test_what_is_not_json_is_an_error_of_the_service(body: bytes) -> None:
    with pytest.raises(ServiceError):
        read(page(body), ONE)


def test_lines_carry_no_control_characters() -> None:
    assert line(" a\n b\t\x1b[31mc\x00 ") == "a b [31mc"
    assert line(None) == ""


def test_dates_and_addresses_are_what_they_are_or_nothing() -> None:
    assert date("2023-05-29T17:57:46.000Z") == "2023-05-29"
    assert date("2023-13-29") is None
    assert date("soon") is None
    assert web_address(" https://github.com/a/b ") == "https://github.com/a/b"
    assert web_address("javascript:alert(1)") == ""
    assert web_address("https://") == ""
