"""Labwright's settings, and the only reader of the environment.

Each setting is an environment variable with the prefix `LABWRIGHT_`: LABWRIGHT_HOME, LABWRIGHT_SANDBOX, …
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from pydantic import Field, FilePath, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from labwright.contracts.errors import UsageError

# Where PostgreSQL's client looks in a person's home, by the variable that says so.
_CLIENT_FILES = {
    "PGPASSFILE": ".pgpass",
    "PGSERVICEFILE": ".pg_service.conf",
    "PGSSLROOTCERT": ".postgresql/root.crt",
    "PGSSLCERT": ".postgresql/postgresql.crt",
    "PGSSLKEY": ".postgresql/postgresql.key",
}


class Settings(BaseSettings):
    """What a lab is built from."""

    model_config = SettingsConfigDict(env_prefix="LABWRIGHT_", frozen=True, extra="ignore")

    home: Path = Field(
        default=Path("~/.labwright"), description="where the lab keeps its ledger, vault, models and studies"
    )
    ledger_url: str | None = Field(default=None, repr=False, description="SQLAlchemy URL; default: SQLite in the home")
    sandbox: Literal["auto", "off"] = Field(default="auto", description="`off` never uses bubblewrap")
    cgroups: Literal["auto", "off"] = Field(
        default="auto", description="`off` makes no cgroups; runs are still watched"
    )
    workspace_image: str | None = Field(
        default="python:3.12-slim", description="Docker image for the intern's commands where bubblewrap cannot run"
    )
    cpu_slots: int = Field(default=1, ge=1, description="training runs at the same time on a machine without a GPU")
    generation_worker: FilePath | None = Field(
        default=None, description="another generation worker than the bundled one"
    )
    poll_s: float = Field(default=0.5, gt=0, description="seconds between two looks at a run")

    model: str | None = Field(default=None, description="the intern's model, such as anthropic:NAME or local:NAME")
    fallback_model: str | None = Field(default=None, description="the model that steps in where the first cannot")
    researcher_model: str | None = Field(default=None, description="the model of research sub-agents")
    judge_model: str | None = Field(default=None, description="the model that judges")
    base_url: str | None = Field(default=None, description="the OpenAI-compatible server behind local:NAME")
    api_key: SecretStr | None = Field(default=None, description="the key of that server, sent to no other")
    check_in_usd: float = Field(
        default=5.0, ge=0, description="dollars spent at which a session asks before it goes on; doubles; 0 never asks"
    )
    check_in_tokens: int = Field(
        default=5_000_000, ge=0, description="the same in tokens, for calls whose price nobody knows; 0 never asks"
    )
    context_window: int | None = Field(default=None, ge=512, description="tokens that a local model takes")

    offline: bool = Field(default=False, description="fetch nothing: answer from the cache and the library")
    arxiv_url: str = Field(default="https://export.arxiv.org", description="arXiv's API, or a mirror of it")
    arxiv_pages_url: str = Field(default="https://arxiv.org", description="where papers' HTML and PDF are")
    ar5iv_url: str = Field(default="https://ar5iv.labs.arxiv.org", description="where older papers' HTML is")
    semantic_scholar_url: str = Field(default="https://api.semanticscholar.org", description="Semantic Scholar's API")
    openalex_url: str = Field(default="https://api.openalex.org", description="OpenAlex's API")
    github_url: str = Field(default="https://api.github.com", description="GitHub's API, or an enterprise's")
    dataset_viewer_url: str = Field(
        default="https://datasets-server.huggingface.co", description="the Hub's dataset viewer"
    )

    @property
    def home_path(self) -> Path:
        """The lab's home, absolute."""
        return self.home.expanduser().resolve()

    @property
    def database_url(self) -> str:
        """The ledger's SQLAlchemy URL."""
        return self.ledger_url or f"sqlite:///{self.home_path / 'lab.db'}"

    @property
    def database_environment(self) -> dict[str, str]:
        """What the client of a PostgreSQL server reads besides the URL, for processes that get no other variable."""
        if not self.database_url.startswith("postgres"):
            return {}
        home = Path.home()
        files = {name: home / path for name, path in _CLIENT_FILES.items() if (home / path).is_file()}
        own = {name: value for name, value in self.process_environment.items() if name.startswith("PG")}
        return {**{name: str(path) for name, path in files.items()}, **own}

    @property
    def process_environment(self) -> dict[str, str]:
        """A copy of this process's environment, for those who build another process's from it."""
        return dict(os.environ)


def read_settings() -> Settings:
    """The settings as the environment gives them.

    Raises:
        UsageError: a variable holds what it cannot; names it.
    """
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        variable = f"LABWRIGHT_{'_'.join(str(part) for part in first['loc']).upper()}"
        what = f"{first['input']!r} does not fit: {first['msg'][:1].lower()}{first['msg'][1:]}"
        raise UsageError(what, where=variable, cure=f"correct or unset {variable}") from error
