"""What models may be reached with: keys, the local server, the roles. Handed in, so that tests need no environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Self

from labwright.agent.models.ids import KEYS
from labwright.config import Settings
from labwright.contracts.errors import ModelError

Role = Literal["main", "researcher", "judge"]
ROUTER_URL = "https://router.huggingface.co/v1"
USUAL_PORTS: dict[str, int] = {"Ollama": 11434, "vLLM": 8000, "LM Studio": 1234, "llama.cpp": 8080}
"""Where local servers listen if nobody says otherwise; looked at in this order."""


@dataclass(frozen=True, slots=True)
class ModelAccess:
    """Keys and addresses. A provider's key goes to that provider only; `api_key` to the server at `base_url` only."""

    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    base_url: str | None = None
    api_key: str | None = field(default=None, repr=False)
    context_window: int | None = None
    main: str | None = None
    fallback: str | None = None
    researcher: str | None = None
    judge: str | None = None
    router_url: str = ROUTER_URL
    ports: Mapping[str, int] = field(default_factory=lambda: USUAL_PORTS)

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """As the settings and this process's environment give it."""
        return cls(
            environment=settings.process_environment,
            base_url=settings.base_url or None,
            api_key=(settings.api_key.get_secret_value() or None) if settings.api_key else None,
            context_window=settings.context_window,
            main=settings.model or None,
            fallback=settings.fallback_model or None,
            researcher=settings.researcher_model or None,
            judge=settings.judge_model or None,
        )

    def key_of(self, provider: str) -> str | None:
        """The provider's key, None where no variable holds one."""
        return next((self.environment[v] for v in KEYS.get(provider, ()) if self.environment.get(v)), None)

    def need_key(self, provider: str) -> str:
        """The provider's key.

        Raises:
            ModelError: there is none; names the variable to set.
        """
        key = self.key_of(provider)
        if key is None:
            first, *others = KEYS[provider]
            also = f" (or {' or '.join(others)})" if others else ""
            raise ModelError(f"no key for {provider} models is set", cure=f"set {first}{also}, or choose another model")
        return key

    def model_for(self, role: Role, asked: str | None = None) -> str:
        """The id of a role's model: the one asked for, the role's own, else the main one.

        Raises:
            ModelError: nobody chose one.
        """
        own = {"main": None, "researcher": self.researcher, "judge": self.judge}[role]
        chosen = (asked or self.main) if role == "main" else (own or asked or self.main)
        if chosen is None:
            cure = "give --model ID or set LABWRIGHT_MODEL; `labwright models` lists what can be used from here"
            raise ModelError("no model is chosen", cure=cure)
        return chosen
