"""The tools of documentation: what is installed here, and scripts held against it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.agent.scripted import lab_in
from tests.servers.replay import ReplayServer, reply

from labwright.contracts.errors import UsageError
from labwright.desk import LabDesk
from labwright.tools.docs import DocTools

PAGES = {
    "/docs/trl/llms.txt": reply("# TRL\n- [DPO](/docs/trl/dpo_trainer.md): preference pairs\n"),
    "/docs/trl/dpo_trainer.md": reply("# DPO Trainer\n\n## Loss\n\nThe beta of the loss is the strength.\n"),
}


@pytest.fixture(scope="module")
def docs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DocTools]:
    folder = tmp_path_factory.mktemp("lab")
    workspace = folder / "workspace"
    workspace.mkdir()
    with ReplayServer(PAGES) as hub:
        yield DocTools(LabDesk(lab_in(folder, environment={"HF_ENDPOINT": hub.url}), workspace))


def test_a_class_is_looked_up_where_it_is_installed(docs: DocTools) -> None:
    said = docs.docs_lookup("httpx.Client.get", ["timeout"])
    assert "httpx._client.Client.get" in said and "timeout" in said
    source = docs.docs_lookup("httpx.Client.get", source_from=0)
    assert "def get(" in source and "go on with" not in source


def test_a_script_is_checked_as_a_file_or_as_text_and_not_run(docs: DocTools, tmp_path: Path) -> None:
    script = "import httpx\nhttpx.Client(timeot=3)\nopen('ran', 'w')\n"
    assert "2:" in docs.docs_check(script) and "`timeout`" in docs.docs_check(script)
    (docs._desk.workspace / "train.py").write_text(script)
    assert "train.py:2:" in docs.docs_check("train.py")
    assert not Path("ran").exists()


def test_a_script_outside_the_workspace_is_refused(docs: DocTools) -> None:
    with pytest.raises(UsageError, match="outside the workspace"):
        docs.docs_check("/etc/passwd")


def test_the_web_answers_by_section_and_by_page(docs: DocTools) -> None:
    assert "The beta of the loss" in docs.docs_web("beta of the loss", "trl")
    url = docs._desk.web_docs._hub.base_url + "/docs/trl/dpo_trainer.md"
    assert "## Loss" in docs.docs_page(url)
