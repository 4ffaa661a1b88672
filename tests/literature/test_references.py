"""Ids for a bibliography: the library's titles cost nothing, one source's list costs one question, the rest is said."""

from __future__ import annotations

from collections.abc import Callable

from tests.literature.canonical_papers import DPO, GRPO, LORA, PPO

from labwright.contracts.errors import RateLimitedError
from labwright.contracts.literature import Citation, Cited, Document, Paper, Reading, Reference
from labwright.literature.asking import Refused
from labwright.literature.references import Listing, with_ids

ENTRIES = (
    Reference("[1]", "J. Schulman. 2017.", title="Proximal Policy Optimization Algorithms."),
    Reference("[2]", "E. Hu. 2021.", LORA.ids, LORA.title, by="link"),
    Reference("[3]", "Shao et al.", title=GRPO.title),
    Reference("[4]", "A report.", title="A report that nobody lists"),
)


def reading(*entries: Reference) -> Reading:
    return Reading(DPO, Document(DPO.ids, DPO.title, "", (), entries), from_library=False)


def holding(*papers: Paper) -> Callable[[str], list[Paper]]:
    return lambda title: [paper for paper in papers if paper.title.casefold() == title.casefold()]


def never() -> Cited:
    raise AssertionError("nobody has to be asked")


def counted(answer: Cited | list[Refused], asked: list[int]) -> Listing:
    def listing() -> Cited | list[Refused]:
        asked.append(1)
        return answer

    return listing


def keys(found: Reading) -> list[str]:
    return [entry.ids.key for entry in found.document.references]


def test_where_every_entry_has_an_id_nobody_is_asked_and_nothing_changes() -> None:
    whole = reading(ENTRIES[1])
    assert with_ids(whole, holding(), never) is whole


def test_titles_that_the_library_holds_cost_no_question() -> None:
    found = with_ids(reading(*ENTRIES[1:3]), holding(GRPO), never)
    assert keys(found) == [LORA.ids.key, GRPO.ids.key] and found.remarks == ()
    assert [entry.by for entry in found.document.references] == ["link", "title"]


def test_what_the_library_lacks_comes_from_one_list_and_what_that_lacks_is_said() -> None:
    asked: list[int] = []
    listed = Cited((Citation(PPO), Citation(DPO)), source="s2")
    found = with_ids(reading(*ENTRIES), holding(GRPO), counted(listed, asked))
    assert keys(found) == [PPO.ids.key, LORA.ids.key, GRPO.ids.key, ""] and asked == [1]
    assert found.remarks == ("1 reference without an id: not in the list of references of s2",)


def test_a_source_that_does_not_answer_costs_nothing_but_a_remark() -> None:
    refused = [Refused("s2", RateLimitedError("asks to wait until noon"))]
    found = with_ids(reading(*ENTRIES), holding(), counted(refused, []))
    assert found.document.references == ENTRIES
    assert found.remarks == ("3 references without an id: not looked up: s2: asks to wait until noon",)
    assert with_ids(reading(*ENTRIES), holding()).remarks == ()  # whoever asks nobody has nothing to say
