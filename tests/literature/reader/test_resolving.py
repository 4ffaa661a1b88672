from __future__ import annotations

from collections.abc import Sequence

from labwright.contracts.errors import OfflineError, RateLimitedError, ServiceError
from labwright.contracts.literature import Paper, PaperIds, Reference
from labwright.literature.reader import resolve

KNOWN = (
    Paper(PaperIds(arxiv="1707.06347"), "Proximal Policy Optimization Algorithms", year=2017),
    Paper(PaperIds(arxiv="2307.09288"), "Llama 2: Open Foundation and Fine-Tuned Chat Models", year=2023),
    Paper(PaperIds(), "A Paper Without Any Ids", year=2020),
)


def entry(title: str, text: str = "", key: str = "[1]") -> Reference:
    return Reference(key, text or title, title=title)


def search(title: str) -> Sequence[Paper]:
    return KNOWN


def test_an_entry_without_ids_is_matched_by_its_title_and_marked() -> None:
    got = resolve([entry("Proximal policy optimization algorithms", "J. Schulman. Proximal… 2017.")], search)
    assert (got.references[0].ids.arxiv, got.references[0].by) == ("1707.06347", "title")
    assert (got.matched, got.asked, got.unasked) == (1, 1, 0)


def test_titles_that_differ_in_a_number_or_the_year_are_not_the_same() -> None:
    others = [
        entry("Llama 3: Open Foundation and Fine-Tuned Chat Models"),
        entry("Proximal Policy Optimization Algorithms", "Somebody. Proximal Policy Optimization Algorithms. 1998."),
        entry("Something quite different from that"),
        entry("A Paper Without Any Ids"),
    ]
    got = resolve(others, search)
    assert got.matched == 0 and got.references == tuple(others)


def test_entries_with_ids_and_without_titles_are_not_searched_for() -> None:
    known = Reference("[1]", "x", PaperIds(doi="10.1/x"), by="text")
    got = resolve([known, entry(""), entry("Attention")], search)
    assert (got.asked, got.unasked) == (0, 2) and got.references[0] is known


def test_the_budget_of_searches_is_kept_and_the_rest_is_counted() -> None:
    got = resolve([entry(f"A title of paper number {n}") for n in range(10)], search, most=3)
    assert (got.asked, got.unasked, len(got.references)) == (3, 7, 10)


def test_a_failing_search_is_told_and_the_others_go_on() -> None:
    def broken(title: str) -> Sequence[Paper]:
        if "policy" in title.lower():
            return KNOWN
        raise ServiceError("it broke", where="http://x")

    got = resolve([entry("A title of another paper"), entry("Proximal policy optimization algorithms")], broken)
    assert got.matched == 1 and got.failures == ("http://x: it broke",)


def test_a_service_that_asks_to_wait_or_is_offline_is_asked_once() -> None:
    for kind in (RateLimitedError, OfflineError):
        asked: list[str] = []

        def refusing(title: str, kind: type[ServiceError] = kind, asked: list[str] = asked) -> Sequence[Paper]:
            asked.append(title)
            raise kind("wait")

        got = resolve([entry(f"A title of paper number {n}") for n in range(4)], refusing)
        assert len(asked) == 1 and (got.asked, got.unasked) == (1, 3)
