"""`labwright papers` and `labwright code` as a person types them, against all services on loopback."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.literature.canonical_papers import DPO
from tests.literature.reader.pdfs import heading, pdf
from tests.servers.public_services import GITHUB_TOKEN, HF_TOKEN, S2_KEY, PublicServices, public_services
from tests.servers.replay import Reply, reply


@pytest.fixture(scope="module")
def services() -> Iterator[PublicServices]:
    with public_services() as running:
        yield running


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


def labwright(services: PublicServices, home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **services.environment, "LABWRIGHT_HOME": str(home)}
    command = [sys.executable, "-m", "labwright", *words]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)
    for secret in (HF_TOKEN, GITHUB_TOKEN, S2_KEY):
        assert secret not in done.stdout + done.stderr
    return done


def document(services: PublicServices, home: Path, *words: str) -> Any:
    done = labwright(services, home, *words, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_search_merges_what_all_sources_know(services: PublicServices, home: Path) -> None:
    found = document(services, home, "papers", "search", "direct preference optimization", "--since", "2023")
    first = found["papers"][0]
    assert first["id"] == "arxiv:2305.18290" and set(first["sources"]) >= {"arxiv", "hf", "s2", "openalex"}
    assert found["failures"] == []
    shown = labwright(services, home, "papers", "search", "direct preference optimization").stdout
    assert shown.startswith("arxiv:2305.18290  Direct Preference Optimization")


def test_a_source_that_fails_and_a_filter_that_cannot_be_applied_are_said(services: PublicServices, home: Path) -> None:
    services.s2.fail(reply(400, {"error": "no"}))
    done = labwright(services, home, "papers", "search", "language models", "--min-citations", "10", "--limit", "2")
    assert done.returncode == 0 and "arxiv:" in done.stdout
    assert "s2 did not answer" in done.stderr and "--min-citations could not be applied to arxiv" in done.stderr


def test_a_paper_is_read_by_section_kept_and_then_read_offline(services: PublicServices, home: Path) -> None:
    read = labwright(services, home, "papers", "read", "2305.18290", "--section", "training")
    assert read.returncode == 0 and "learning rate of 1e-6" in read.stdout
    before = [len(server.requests) for server in services.every]
    offline = labwright(services, home, "papers", "read", "arxiv.org/abs/2305.18290v2", "--section", "3", "--offline")
    assert "| Pythia-2.8B | DPO | 62.5 |" in offline.stdout, offline.stderr
    kept = document(services, home, "papers", "search", "pythia", "--source", "library", "--offline")
    assert [paper["id"] for paper in kept["papers"]] == ["arxiv:2305.18290"]
    assert [len(server.requests) for server in services.every] == before
    missing = labwright(services, home, "papers", "read", "2106.09685", "--offline")
    assert missing.returncode == 1 and "the cache does not hold this" in missing.stderr


def test_a_search_that_no_source_answers_fails_and_says_why_each_did_not(
    services: PublicServices, tmp_path: Path
) -> None:
    told = labwright(services, tmp_path, "papers", "search", "words nobody kept", "--offline", "--json")
    error = json.loads(told.stdout)["error"]
    assert told.returncode == 1 and "s2: semantic-scholar is not asked offline" in error["what"]
    assert error["what"] in told.stderr and error["cure"] == "ask once without `--offline`"


def test_a_graph_is_ranked_drawn_and_walked_again_offline(services: PublicServices, home: Path, tmp_path: Path) -> None:
    picture = tmp_path / "graph.html"
    words = ("papers", "graph", "2305.18290", "--depth", "1")
    done = labwright(services, home, *words, "--out", str(picture))
    assert done.returncode == 0, done.stderr
    assert "arxiv:1707.06347" in done.stdout and "read next" in done.stdout and "years" in done.stdout
    assert "Content-Security-Policy" in picture.read_text()
    before = [len(server.requests) for server in services.every]
    again = document(services, home, *words, "--offline")
    assert {"arxiv:2305.18290", "arxiv:1707.06347"} <= {each["id"] for each in again["papers"]}
    assert again["read_next"] and again["citations"] and again["out"] is None
    assert [len(server.requests) for server in services.every] == before
    refused = labwright(services, home, *words, "--out", str(tmp_path / "none" / "graph.html"))
    assert refused.returncode == 2 and "there is no such directory" in refused.stderr


def test_references_are_listed_offline_from_what_was_read(services: PublicServices, home: Path) -> None:
    assert labwright(services, home, "papers", "read", "2305.18290", "--section", "references").returncode == 0
    asked = [len(server.requests) for server in services.every]
    done = labwright(services, home, "papers", "refs", "2305.18290", "--limit", "7", "--offline")
    assert done.returncode == 0 and "arxiv:2106.09685" in done.stdout, done.stderr
    assert "s2 did not answer" in done.stderr and "by library" in done.stderr and "?fields=" not in done.stderr
    assert [len(server.requests) for server in services.every] == asked


def test_a_section_says_what_it_cites_and_how_to_follow_it(services: PublicServices, tmp_path: Path) -> None:
    path = f"/html/{DPO.ids.arxiv}"
    page = services.pages.routes[path]
    cite = b'Preferences are pairs (<cite class="ltx_cite"><a href="#bib.bib1">Hu et al., 2021</a></cite>).'
    assert isinstance(page, Reply)
    services.pages.routes[path] = replace(page, body=page.body.replace(b"Preferences are pairs.", cite))
    try:
        shown = labwright(services, tmp_path, "papers", "read", "2305.18290", "--section", "1").stdout
    finally:
        services.pages.routes[path] = page
    assert "cited here\n  [bib.bib1] arxiv:2106.09685" in shown


def test_passages_come_from_the_library_too(services: PublicServices, home: Path) -> None:
    labwright(services, home, "papers", "read", "2305.18290")
    words = ("papers", "passages", "learning rate", "--source", "library", "--offline")
    found = document(services, home, *words)
    assert "learning rate of 1e-6" in found["snippets"][0]["text"]
    assert found["snippets"][0]["section"] == "2 Training"
    assert labwright(services, home, *words).stdout.startswith("arxiv:2305.18290")


def test_citations_and_resources_are_listed(services: PublicServices, home: Path) -> None:
    cites = document(services, home, "papers", "cites", "2106.09685")
    assert cites["source"] == "s2" and cites["citations"]
    linked = document(services, home, "papers", "resources", "2305.18290")
    assert ("model", "org/zephyr") in [(resource["kind"], resource["id"]) for resource in linked["resources"]]


def test_recipes_come_with_their_quotes(services: PublicServices, home: Path) -> None:
    found = document(services, home, "papers", "recipes", "2305.18290")
    recipes = found["recipes"]
    assert any({"name": "learning_rate", "value": "1e-6"} in recipe["hyperparameters"] for recipe in recipes)
    assert all(recipe["quote"] and recipe["by"] == "rules" for recipe in recipes)


def test_a_pdf_of_ones_own_is_found_and_noted(services: PublicServices, home: Path, tmp_path: Path) -> None:
    file = tmp_path / "report.pdf"
    file.write_bytes(pdf([heading("Abstract"), "We studied wombats at length.", heading("1 Method"), "We looked."]))
    kept = document(services, home, "papers", "add", str(file), "--why", "for the wombats")
    noted = document(services, home, "papers", "note", kept["id"], "the burrows matter")
    assert noted["notes"] == ["the burrows matter"] and "for the wombats" in noted["why"]
    found = document(services, home, "papers", "search", "wombats", "--source", "library")
    assert [paper["id"] for paper in found["papers"]] == [kept["id"]]
    listed = labwright(services, home, "papers", "library", "--limit", "1")
    assert listed.stdout.startswith(kept["id"]) and "    why: for the wombats\n    note: the burrows" in listed.stdout


def test_an_index_that_was_lost_is_made_anew_and_what_cannot_be_is_named(
    services: PublicServices, home: Path, tmp_path: Path
) -> None:
    file = tmp_path / "report.pdf"
    file.write_bytes(pdf([heading("Abstract"), "We studied quokkas at length.", heading("1 Method"), "We looked."]))
    kept = document(services, home, "papers", "add", str(file))
    with closing(sqlite3.connect(home / "lab.db")) as lost, lost:
        lost.execute("DELETE FROM paper_search")
    (home / "objects" / f"{kept['text_hash']}.json").write_text("{}")
    done = labwright(services, home, "papers", "reindex")
    assert done.returncode == 1 and kept["id"] in done.stderr and "read the paper again" in done.stderr
    found = document(services, home, "papers", "search", "quokkas", "--source", "library")
    assert [paper["id"] for paper in found["papers"]] == [kept["id"]]  # by its abstract


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("papers", "show", "nonsense"), 2, "names no paper"),
        (("papers", "show", "2401.00001"), 1, "no such paper"),
        (("papers", "search", "x", "--source", "scopus"), 2, "scopus"),
        (("papers", "read", "2305.18290", "--section", "the moon"), 2, "there is no section"),
        (("papers", "add", "no-such.pdf"), 2, "no-such.pdf"),
        (("code", "repos", "x", "--sort", "size"), 2, "not sorted by 'size'"),
        (("code", "read", "github:org/tool:examples/dop.py"), 1, "examples/dpo.py"),
        (("code", "read", "no-such-script.py"), 2, "there is no such file"),
        (("code", "read", "."), 2, "this is a directory"),
        (("docs", " "), 2, "nothing to look for"),
        (("docs", "packing", "--web", "--package", "nosuch"), 1, "no documentation of 'nosuch'"),
    ],
)
def test_mistakes_are_named_with_their_cure(
    services: PublicServices, home: Path, words: tuple[str, ...], code: int, said: str
) -> None:
    done = labwright(services, home, *words)
    assert (done.returncode, said in done.stderr) == (code, True), done.stderr
    assert "Traceback" not in done.stderr and "cure:" in done.stderr


def test_an_example_is_found_and_read_by_line_range(services: PublicServices, home: Path) -> None:
    found = document(services, home, "code", "examples", "DPOTrainer", "--repo", "org/tool")
    assert found["examples"][0]["where"] == "github:org/tool:examples/dpo.py"
    read = labwright(services, home, "code", "read", "github:org/tool:examples/dpo.py", "--lines", "5-5")
    assert "from trl import DPOConfig, DPOTrainer" in read.stdout
    assert services.github.requests[-1].headers["authorization"].endswith(GITHUB_TOKEN)
