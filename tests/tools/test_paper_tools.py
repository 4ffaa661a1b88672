"""The tools of papers and code, at a desk whose public services are on loopback."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from tests.agent.scripted import lab_in
from tests.servers.public_services import PublicServices, public_services
from tests.servers.replay import reply

from labwright.config import Settings
from labwright.contracts.errors import LabwrightError
from labwright.desk import LabDesk
from labwright.tools.code import CodeTools
from labwright.tools.families import families
from labwright.tools.papers import PaperTools


@pytest.fixture(scope="module")
def services() -> Iterator[PublicServices]:
    with public_services() as running:
        yield running


@pytest.fixture(scope="module")
def desk(services: PublicServices, tmp_path_factory: pytest.TempPathFactory) -> LabDesk:
    folder = tmp_path_factory.mktemp("lab")
    urls = {k.removeprefix("LABWRIGHT_").lower(): v for k, v in services.environment.items() if k.endswith("_URL")}
    workspace = folder / "workspace"
    workspace.mkdir()
    (workspace / "train.py").write_text("from trl import DPOTrainer\nprint('wombat')\n")
    return LabDesk(lab_in(folder, environment=services.environment, settings=urls), workspace)


@pytest.fixture
def papers(desk: LabDesk) -> PaperTools:
    return PaperTools(desk)


def answered(text: str) -> dict[str, Any]:
    document = json.loads(text)
    assert isinstance(document, dict)
    return document


def test_a_search_answers_shortly_and_names_what_failed(papers: PaperTools, services: PublicServices) -> None:
    services.openalex.fail(reply(400, {"error": "no"}))
    found = answered(papers.papers_search("preference optimization", min_citations=100))
    assert found["papers"][0]["id"] == "arxiv:2305.18290"
    assert any("openalex" in said for said in found["failed"])
    assert any("min_citations" in said for said in found["unfiltered"])


def test_a_paper_is_read_by_its_outline_then_by_section(papers: PaperTools) -> None:
    outline = papers.paper_read("2305.18290")
    assert "2 Training" in outline and "learning rate" not in outline
    section = papers.paper_read("2305.18290", "training", why="its learning rate")
    assert "learning rate of 1e-6" in section and "all of 2 Training" in section
    shown = answered(papers.paper_show("2305.18290"))
    assert "its learning rate" in shown["library"]["why"] and shown["library"]["text"] is True


def test_citations_say_how_a_paper_is_cited(papers: PaperTools) -> None:
    cited = answered(papers.paper_cited("2106.09685"))
    assert cited["by"] == "s2" and cited["papers"][0]["context"]
    assert answered(papers.paper_cited("2305.18290", "references"))["papers"]


def test_a_graph_answers_with_what_to_read_next_and_not_with_the_graph(papers: PaperTools) -> None:
    text = papers.papers_graph(["2305.18290"], depth=1, requests=2)
    found = answered(text)
    assert len(text) < 2500 and found["papers"] >= 3 and found["best"]
    assert all(each["id"] and each["why"].endswith(".") for each in found["read_next"])


def test_recipes_come_with_quotes_and_say_that_rules_found_them(papers: PaperTools) -> None:
    found = answered(papers.paper_recipes("2305.18290"))["recipes"]
    assert any("learning_rate 1e-6" in each["recipe"] for each in found)
    assert all(each["by"] == "rules" and each["quote"] for each in found)


def test_a_note_is_found_in_the_library_again(papers: PaperTools) -> None:
    answered(papers.paper_note("2305.14314", "wombats are quantised"))
    found = answered(papers.papers_search("wombats", sources=["library"]))
    assert [paper["id"] for paper in found["papers"]] == ["arxiv:2305.14314"]


def test_the_library_is_listed_with_its_notes(papers: PaperTools) -> None:
    papers.paper_note("2305.18290", "beta 0.1 everywhere")
    listed = answered(papers.papers_library())
    entry = next(each for each in listed["papers"] if each["id"] == "arxiv:2305.18290")
    assert listed["total"] >= 1 and "beta 0.1 everywhere" in entry["notes"] and entry["why"]


def test_related_papers_passages_and_resources_answer(papers: PaperTools) -> None:
    assert answered(papers.paper_related("2305.18290"))["papers"]
    assert answered(papers.papers_passages("learning rate"))["passages"]
    assert answered(papers.paper_resources("2305.18290"))["resources"]


def test_a_mistaken_id_is_refused_with_the_forms_that_are_taken(papers: PaperTools) -> None:
    with pytest.raises(LabwrightError) as refused:
        papers.paper_show("the dpo paper")
    assert "arXiv id" in str(refused.value.cure)


def test_code_is_found_on_github_and_in_the_workspace(desk: LabDesk) -> None:
    code = CodeTools(desk)
    assert "wombat" in code.code_read("local:workspace:train.py")
    hits = answered(code.code_search("wombat", "local:workspace"))["hits"]
    assert hits[0]["place"] == "local:workspace:train.py"
    examples = answered(code.code_examples("DPOTrainer", "org/tool"))["examples"]
    assert examples[0]["place"] == "github:org/tool:examples/dpo.py"
    assert "lines 5-6 of" in code.code_read(examples[0]["place"], "5-6")
    assert answered(code.code_files("org/tool"))["files"]


def test_everything_of_the_public_services_is_read_only_to_policy(desk: LabDesk) -> None:
    declared = {
        name: tool.metadata["effects"]
        for family in ("papers", "code")
        for name, tool in families(desk)[family].toolset.tools.items()
        if tool.metadata is not None
    }
    assert {effects for name, effects in declared.items() if name != "paper_note"} == {("read",)}


def test_settings_name_every_service(services: PublicServices) -> None:
    fields = {f"LABWRIGHT_{name.upper()}" for name in Settings.model_fields if name.endswith("_url")}
    named = {name for name in services.environment if name.startswith("LABWRIGHT_")}
    assert fields - named == {"LABWRIGHT_BASE_URL", "LABWRIGHT_LEDGER_URL", "LABWRIGHT_DATASET_VIEWER_URL"}
