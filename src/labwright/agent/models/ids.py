"""What a person types to name a model: `anthropic:NAME`, `hf:ORG/MODEL[:provider]`, `local:NAME`, `autopilot`."""

from __future__ import annotations

from dataclasses import dataclass

from labwright.contracts.errors import ModelError

AUTOPILOT = "autopilot"
LOCAL = "local"
HUGGING_FACE = "hf"
KEYS: dict[str, tuple[str, ...]] = {
    "anthropic": ("ANTHROPIC_API_KEY",),
    "openai": ("OPENAI_API_KEY",),
    "openai-chat": ("OPENAI_API_KEY",),
    "google": ("GOOGLE_API_KEY", "GEMINI_API_KEY"),
    HUGGING_FACE: ("HF_TOKEN",),
}
"""The variables that hold each provider's key; the first one is the one to name to a person."""

FORMS = "anthropic:NAME, openai:NAME, google:NAME, hf:ORG/MODEL, local:NAME or autopilot"
_ALIASES = {"huggingface": HUGGING_FACE, "gemini": "google", "openai-responses": "openai"}


@dataclass(frozen=True, slots=True)
class ModelId:
    """A model's id in its parts. `name` is what its provider calls it; empty for the autopilot."""

    provider: str
    name: str

    def __str__(self) -> str:
        return f"{self.provider}:{self.name}" if self.name else self.provider

    @property
    def served_by(self) -> str | None:
        """The inference provider behind the Hugging Face router that a third part pins; None where none is."""
        pinned = self.name.partition(":")[2] if self.provider == HUGGING_FACE else ""
        return None if pinned in ("", "fastest", "cheapest", "preferred") else pinned


def parse_model_id(text: str) -> ModelId:
    """The parts of an id.

    Raises:
        ModelError: it is no id; says which forms there are.
    """
    text = text.strip()
    if text == AUTOPILOT:
        return ModelId(AUTOPILOT, "")
    provider, colon, name = text.partition(":")
    if not colon or not provider or not name:
        raise ModelError(f"{text!r} does not say whose model it is", cure=f"write {FORMS}")
    provider = _ALIASES.get(provider, provider)
    if provider == HUGGING_FACE and "/" not in name:
        raise ModelError(f"{text!r} is no model of the Hugging Face Hub", cure="write hf:ORG/MODEL")
    return ModelId(provider, name)
