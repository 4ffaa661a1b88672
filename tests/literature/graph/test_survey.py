"""A survey looks papers up, walks, ranks by what was read too, and suggests what was not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.literature.canonical_papers import DPO, INSTRUCT, PAPERS, PPO, REFERENCES

from labwright.contracts.errors import NotFoundError, RateLimitedError, ServiceError
from labwright.contracts.literature import Citation, Document, PaperIds, Section
from labwright.ledger import Ledger
from labwright.literature import Literature, Sources
from labwright.literature.graph import survey
from labwright.literature.library import Library
from labwright.literature.sources.fake import FakeSource

TEXT = "We train Pythia-2.8B with DPO, a learning rate of 1e-6 and a batch size of 64."


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with Ledger.open(f"sqlite:///{tmp_path}/lab.db") as ledger:
        yield Library(ledger, tmp_path / "objects")


def fake() -> FakeSource:
    return FakeSource(PAPERS, references={key: [Citation(each) for each in some] for key, some in REFERENCES.items()})


def literature(papers: FakeSource, citations: FakeSource, library: Library | None = None) -> Literature:
    return Literature(Sources(papers=(papers,), citations=(citations,)), library=library)


def test_what_was_read_is_not_suggested_and_its_recipes_count(library: Library) -> None:
    source = fake()
    reading = literature(source, source, library)
    before = survey(reading, library, [DPO.ids], year=2026)
    assert INSTRUCT.id in [before.paper(each.rank).id for each in before.suggestions]
    library.keep(INSTRUCT, Document(INSTRUCT.ids, INSTRUCT.title, "", (Section("1", "Training", 1, TEXT),)), "read")
    library.keep(PPO, None, "only heard of")
    after = survey(reading, library, [DPO.ids], year=2026)
    suggested = [after.paper(each.rank).id for each in after.suggestions]
    assert INSTRUCT.id not in suggested and PPO.id in suggested
    result = [next(r.result for r in each.ranks if each.paper(r).id == INSTRUCT.id) for each in (before, after)]
    assert result[1] > result[0]


def test_a_paper_that_nobody_knows_is_an_error(library: Library) -> None:
    source = fake()
    with pytest.raises(NotFoundError):
        survey(literature(source, source), library, [PaperIds(arxiv="2912.00001")], year=2026)


def test_a_paper_that_cannot_be_looked_up_is_walked_from_all_the_same() -> None:
    found = survey(literature(FakeSource(fails=RateLimitedError("later")), fake()), None, [DPO.ids], year=2026)
    assert found.paper(found.ranks[0]) and len(found.graph.papers) > 3
    assert any("could not be looked up" in remark and "later" in remark for remark in found.remarks)
    assert found.graph.papers[0].ids.arxiv == DPO.ids.arxiv


def test_with_no_citations_at_all_the_error_says_who_was_asked() -> None:
    with pytest.raises(ServiceError, match="fake: down"):
        survey(literature(fake(), FakeSource(fails=ServiceError("down"))), None, [DPO.ids], year=2026)


def test_several_papers_to_begin_with_stand_first() -> None:
    source = fake()
    found = survey(literature(source, source), None, [DPO.ids, PPO.ids, DPO.ids], year=2026, depth=1)
    assert found.graph.seeds == 2
    assert [paper.id for paper in found.graph.papers[:2]] == [DPO.id, PPO.id]
    assert found.years[0].year == 2024 and sum(year.papers for year in found.years) == len(found.graph.papers)
