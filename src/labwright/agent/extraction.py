"""Reads recipes with an LLM: the paper part by part, as structured output, each claim checked against its quote.

The model has no tools, and what it hands in is believed only as far as the text bears it out. So a paper that gives
orders can at most bring about a claim about itself that is then rejected.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic_ai import Agent, ModelRetry, ToolOutput
from pydantic_ai.capabilities import AbstractCapability
from pydantic_ai.exceptions import AgentRunError, UsageLimitExceeded, UserError
from pydantic_ai.models import Model
from pydantic_ai.usage import UsageLimits

from labwright.agent import instructions
from labwright.agent.claims import ClaimedRecipe
from labwright.agent.models import explain
from labwright.contracts.errors import LabwrightError, ProviderError
from labwright.contracts.literature import Claims, Document, Recipe, RejectedRecipe
from labwright.literature.recipes import Text, check_in, describe
from labwright.literature.recipes.vocabulary import SETTINGS

NAME = "extraction"
_REQUESTS = 4  # of one part
_AT_ONCE = 4
_MOST_REASONS = 12
_OTHERS_WORK = re.compile(r"related work|acknowledge?ment|references|bibliography|ethic|broader impact", re.IGNORECASE)
_CUES = re.compile(
    r"learning rate|batch size|epochs?\b|hyper-?parameter|fine-?tun|LoRA|\b(?:SFT|DPO|PPO|GRPO|RLHF)\b|optimi[sz]er"
    r"|accuracy|win rate|baseline|^\|",
    re.IGNORECASE | re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Part:
    """What the model reads at once."""

    places: tuple[str, ...]
    text: str

    @property
    def promise(self) -> int:
        """How often it speaks of training and results."""
        return len(_CUES.findall(self.text))


@dataclass(frozen=True, slots=True)
class LlmExtractor:
    """Implements `RecipeExtractor` with a model. `shared` and `deps` are as for sub-agents: budget, redaction."""

    model: Model
    by: str = ""  # the id that recipes carry; the model's name where empty
    longest: int = 12_000  # characters of one part
    most: int = 12  # parts of one paper
    shared: Sequence[AbstractCapability[Any]] = ()
    deps: Any = None  # what `shared` needs, whatever that is

    @property
    def name(self) -> str:
        return self.by or self.model.model_name

    def extract(self, document: Document) -> Claims:
        """Read the document. Inside an event loop await `read` instead.

        Raises:
            ProviderError: no part could be read; the first reason.
            BudgetError: the budget did not allow a single part.
        """
        return asyncio.run(self.read(document))

    async def read(self, document: Document) -> Claims:
        """All parts, some at once. A part that failed is a remark, unless all of them did. Raises as `extract`."""
        chosen, remarks = self._chosen(document)
        text = Text.of(document)
        gate = asyncio.Semaphore(_AT_ONCE)

        async def one(part: Part) -> list[Recipe] | LabwrightError:
            async with gate:
                return await self._part(part, document.title, text)

        outcomes = await asyncio.gather(*(one(part) for part in chosen))
        errors = [outcome for outcome in outcomes if isinstance(outcome, LabwrightError)]
        if errors and len(errors) == len(outcomes):
            raise errors[0]
        for part, outcome in zip(chosen, outcomes, strict=True):
            if isinstance(outcome, LabwrightError):
                remarks.append(f"{_listed(part.places)}: not read: {outcome.one_line()}")
        return Claims(tuple(r for o in outcomes if isinstance(o, list) for r in o), tuple(remarks))

    def _chosen(self, document: Document) -> tuple[list[Part], list[str]]:
        """The parts that promise most, in reading order, and what is left out."""
        found = list(parts(document, self.longest))
        promising = sorted((part for part in found if part.promise), key=lambda part: -part.promise)[: self.most]
        left_out = [place for part in found if part not in promising and part.promise for place in part.places]
        remark = f"not read, as the most is {self.most} parts of a paper: {_listed(left_out)}"
        return [part for part in found if part in promising], [remark] if left_out else []

    async def _part(self, part: Part, title: str, text: Text) -> list[Recipe] | LabwrightError:
        asked_again = False

        async def hand_in(recipes: list[ClaimedRecipe]) -> list[Recipe]:
            """Hand in the recipes of this part."""
            nonlocal asked_again
            claimed = [recipe.recipe(by=self.name) for recipe in recipes]
            checked = [check_in(recipe, text) for recipe in claimed]
            rejected = [outcome for outcome in checked if isinstance(outcome, RejectedRecipe)]
            if rejected and not asked_again:
                asked_again = True
                raise ModelRetry(reasons(rejected))
            return claimed

        agent = Agent[Any, list[Recipe]](
            self.model,
            name=NAME,
            instructions=instructions.text(NAME).replace("{names}", ", ".join(setting.name for setting in SETTINGS)),
            output_type=ToolOutput[list[Recipe]](hand_in, name="hand_in"),
            retries={"output": 2},
            capabilities=list(self.shared),
        )
        prompt = f"Paper: {title}\nPart: {_listed(part.places)}\n\n{part.text}"
        try:
            return (await agent.run(prompt, deps=self.deps, usage_limits=UsageLimits(request_limit=_REQUESTS))).output
        except UsageLimitExceeded as error:
            return ProviderError(f"the ceiling of one part is reached: {error}", where=self.name)
        except LabwrightError as error:
            return error
        except (AgentRunError, UserError, ExceptionGroup) as error:  # a fallback raises its models' errors as a group
            return explain(error, self.name)


def reasons(rejected: Sequence[RejectedRecipe]) -> str:
    """What the model is told of claims that do not hold."""
    lines = [f"- {describe(r.recipe)[:200] or 'an empty recipe'}: {r.why[:400]}" for r in rejected[:_MOST_REASONS]]
    more = [f"- and {len(rejected) - _MOST_REASONS} more"] if len(rejected) > _MOST_REASONS else []
    head = "These recipes are not borne out by their quotes. Correct them or leave them out, and hand in all again:"
    return "\n".join([head, *lines, *more])


def parts(document: Document, longest: int) -> Iterator[Part]:
    """A document in parts of whole sections where they fit, else of whole paragraphs, else of lines."""
    sections = [("Abstract", document.abstract)]
    sections += [(f"{s.number} {s.title}".strip(), s.text) for s in document.sections]
    places: list[str] = []
    texts: list[str] = []
    size = 0
    for place, text in sections:
        if not text.strip() or _OTHERS_WORK.search(place):
            continue
        for piece in _pieces(text, longest):
            if texts and size + len(piece) > longest:
                yield Part(tuple(places), "\n\n".join(texts))
                places, texts, size = [], [], 0
            if place not in places:
                places.append(place)
                piece = f"## {place}\n\n{piece}"
            texts.append(piece)
            size += len(piece)
    if texts:
        yield Part(tuple(places), "\n\n".join(texts))


def _pieces(text: str, longest: int) -> Iterator[str]:
    if len(text) <= longest:
        yield text
        return
    kept = ""
    for paragraph in text.split("\n\n"):
        lines = [paragraph] if len(paragraph) <= longest else paragraph.splitlines()
        for n, line in enumerate(lines):
            for start in range(0, len(line), longest) or (0,):
                piece = line[start : start + longest]
                if kept and len(kept) + len(piece) + 2 > longest:
                    yield kept
                    kept = ""
                kept = f"{kept}{chr(10) if n else chr(10) * 2}{piece}" if kept else piece
    if kept:
        yield kept


def _listed(places: Sequence[str]) -> str:
    return ", ".join(dict.fromkeys(places))
