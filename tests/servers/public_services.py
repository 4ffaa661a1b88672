"""All public services on loopback at once, and the environment that makes a lab ask them instead of the real ones.

with public_services() as services:
    services.environment           # LABWRIGHT_ARXIV_URL, HF_ENDPOINT, … and tokens that may go nowhere else
    services.arxiv.fail(...)       # each is a ReplayServer
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from tests.literature.canonical_papers import DPO
from tests.literature.reader.latexml_pages import bibitem, bibliography, cell, para, section, tabular, whole
from tests.servers.arxiv_server import arxiv_server
from tests.servers.github_server import GitHubServer
from tests.servers.hf_papers_server import hf_papers_server, repository
from tests.servers.openalex_server import openalex_server
from tests.servers.replay import ReplayServer, reply
from tests.servers.s2_server import s2_server

HF_TOKEN = "hf_canary0f3a9b"
GITHUB_TOKEN = "ghp_canary77c1d2"
S2_KEY = "s2-canary-55aa"
SCRIPT = """# /// script
# dependencies = ["trl"]
# ///
\"\"\"Trains with direct preference optimisation.\"\"\"
from trl import DPOConfig, DPOTrainer

if __name__ == "__main__":
    DPOTrainer(model="m", args=DPOConfig(beta=0.1)).train()
"""
RESULTS = tabular(
    [cell("Model", head=True), cell("Method", head=True), cell("AlpacaEval", head=True)],
    [cell("Pythia-2.8B"), cell("SFT"), cell("41.2")],
    [cell("Pythia-2.8B"), cell("DPO"), cell("62.5")],
)
TEXT = whole(
    section("1", "Introduction", para("Preferences are pairs."))
    + section("2", "Training", para("We train Pythia-2.8B with DPO, a learning rate of 1e-6 and a batch size of 64."))
    + section("3", "Results", RESULTS)
    + bibliography(bibitem(1, "[1]", "Edward J. Hu et al.", "LoRA. arXiv:2106.09685, 2021.")),
    title=DPO.title,
    abstract=DPO.abstract,
)


@dataclass(frozen=True)
class PublicServices:
    """The servers, and how a lab finds them."""

    arxiv: ReplayServer
    pages: ReplayServer
    hub: ReplayServer
    s2: ReplayServer
    openalex: ReplayServer
    github: ReplayServer

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs to ask these."""
        return {
            "LABWRIGHT_ARXIV_URL": self.arxiv.url,
            "LABWRIGHT_ARXIV_PAGES_URL": self.pages.url,
            "LABWRIGHT_AR5IV_URL": self.pages.url,
            "LABWRIGHT_SEMANTIC_SCHOLAR_URL": self.s2.url,
            "LABWRIGHT_OPENALEX_URL": self.openalex.url,
            "LABWRIGHT_GITHUB_URL": self.github.url,
            "HF_ENDPOINT": self.hub.url,
            "HF_TOKEN": HF_TOKEN,
            "GITHUB_TOKEN": GITHUB_TOKEN,
            "S2_API_KEY": S2_KEY,
        }

    @property
    def every(self) -> tuple[ReplayServer, ...]:
        """All of them."""
        return (self.arxiv, self.pages, self.hub, self.s2, self.openalex, self.github)


@contextmanager
def public_services() -> Iterator[PublicServices]:
    """Start them all."""
    with ExitStack() as stack:
        start = stack.enter_context
        yield PublicServices(
            arxiv=start(arxiv_server()),
            pages=start(ReplayServer({f"/html/{DPO.ids.arxiv}": reply(TEXT)})),
            hub=start(hf_papers_server(models={"2305.18290": [repository("org/zephyr", 900)]})),
            s2=start(s2_server()),
            openalex=start(openalex_server()),
            github=start(GitHubServer({"org/tool": {"examples/dpo.py": SCRIPT.encode(), "README.md": b"# tool"}})),
        )
