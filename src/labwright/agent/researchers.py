"""The research sub-agent: reads in a context of its own, and hands back an answer with its sources.

That it only reads is a matter of the toolset, which holds no tool with another declared effect, or with none. What it
hands in is structured, so an answer without a source is asked for again, and a source that stands in no result of this
research is marked: the intern sees what is known and what is recalled. A recipe
passes only with a quote that a tool returned.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from pydantic import BaseModel, Field, JsonValue
from pydantic_ai import Agent, ModelRetry, ToolFailed, ToolOutput
from pydantic_ai.capabilities import AbstractCapability
from pydantic_ai.messages import ModelMessage, ModelRequest, ToolReturnPart
from pydantic_ai.models import Model
from pydantic_ai.tools import RunContext, ToolDefinition
from pydantic_ai.toolsets import AbstractToolset, ToolsetTool, WrapperToolset
from pydantic_ai.usage import UsageLimits
from pydantic_ai_harness import SubAgents
from pydantic_ai_harness.subagents import SubAgent
from pydantic_core import from_json, to_json

from labwright.agent import instructions
from labwright.agent.claims import AttributedRecipe
from labwright.agent.extraction import reasons
from labwright.contracts.literature import Recipe, RejectedRecipe
from labwright.literature.recipes import Place, Text, check_in, describe

NAME = "researcher"
DESCRIPTION = (
    "Reads papers, documentation, data and records for one self-contained question and answers with sources. "
    "Read-only. Give it the whole question; delegate several at once to run them in parallel."
)
LIMITS = UsageLimits(request_limit=30, total_tokens_limit=300_000)
TIMEOUT_S = 900.0
MOST_CALLS = 20  # a run of the intern
LONGEST_RESULT = 8_000  # characters of one tool result
_LAST_REQUESTS = 2
_LAST_SHARE = 0.8
_FEWEST_CHARACTERS = 4


class Family(Protocol):
    """What is needed of a family of tools: the tools."""

    @property
    def toolset(self) -> AbstractToolset[Any]: ...


class Source(BaseModel):
    """One thing that was read."""

    title: str = Field(description="what it is: a paper's title, a file, a run")
    where: str = Field(description="where it stands: URL, arXiv id, path:line, id of a run or evaluation")
    says: str = Field(description="what it says there, with its numbers and what they were measured on")


def research_agents(
    model: Model | str | None,
    families: Mapping[str, Family],
    *,
    shared: Sequence[AbstractCapability[Any]] = (),
    limits: UsageLimits = LIMITS,
    timeout_s: float = TIMEOUT_S,
) -> SubAgents[Any]:
    """Delegation to the researcher. Several delegations of one response run in parallel, each with its own ceilings.

    `model` None is the model that the intern runs on. `shared` are capabilities that each research runs under as well:
    the budget, redaction, the edge that turns a tool's exception into a failed result.
    """
    researcher = Agent[Any, str](
        model,
        name=NAME,
        description=DESCRIPTION,
        instructions=[instructions.text(NAME), _near_the_end(limits)],
        toolsets=[ReadOnly(family.toolset, limits) for family in families.values()],
        output_type=ToolOutput(hand_in, name="hand_in"),
        retries={"tools": 5, "output": 3},
    )
    delegate = SubAgent(
        researcher,
        usage_limits=limits,
        timeout_seconds=timeout_s,
        max_calls=MOST_CALLS,
        contain_errors=True,
        read_only=True,
    )
    # As many retries as calls: a researcher that fails again and again runs out of calls, and never ends the intern.
    return SubAgents(agents=[delegate], shared_capabilities=list(shared), tool_retries=MOST_CALLS)


@dataclass
class ReadOnly(WrapperToolset[Any]):
    """The tools whose declared effects are `read` and nothing else; none of them near a ceiling.

    A tool that declares nothing is not among them, whatever it is called and whatever its server claims.
    """

    limits: UsageLimits

    async def get_tools(self, ctx: RunContext[Any]) -> dict[str, ToolsetTool[Any]]:
        """Those that this research may call now."""
        if _ends(ctx, self.limits):
            return {}
        return {name: tool for name, tool in (await super().get_tools(ctx)).items() if _only_reads(tool.tool_def)}

    async def call_tool(
        self, name: str, tool_args: dict[str, Any], ctx: RunContext[Any], tool: ToolsetTool[Any]
    ) -> Any:
        """Call it, and cut the middle out of a long result."""
        if not _only_reads(tool.tool_def):
            raise ToolFailed(f"{name} does more than read.")
        result = await super().call_tool(name, tool_args, ctx, tool)
        text = result if isinstance(result, str) else to_json(result, fallback=str).decode()
        if len(text) <= LONGEST_RESULT:
            return result
        half = LONGEST_RESULT // 2
        return f"{text[:half]}\n[… {len(text) - 2 * half} characters cut: ask for a part of it …]\n{text[-half:]}"


def _only_reads(tool: ToolDefinition) -> bool:
    effects = (tool.metadata or {}).get("effects")
    return tool.kind == "function" and effects is not None and set(effects) == {"read"}


async def hand_in(
    ctx: RunContext[Any],
    answer: str,
    sources: list[Source],
    unsure: list[str],
    recipes: list[AttributedRecipe] | None = None,
) -> str:
    """Hand in the answer. This ends the research.

    Args:
        ctx: the run.
        answer: the answer, in a few sentences or a short list.
        sources: what it rests on; each was opened in this research.
        unsure: what was not found, or is still doubtful; empty if nothing is.
        recipes: training recipes that were read, each with its quote; a number that is not in the quote is refused.
    """
    if not sources and not unsure:
        raise ModelRetry("Name the sources of the answer, or say under `unsure` why there are none.")
    results = list(_results(ctx.messages))
    held, rejected = _verified(recipes or [], results, ctx.model.model_name)
    if rejected and not ctx.last_attempt:
        raise ModelRetry(reasons(rejected))
    seen = "\n".join(f"{result.asked}\n{result.place.text}" for result in results).casefold()
    lines = [answer.strip(), "", "Sources:" if sources else "Sources: none"]
    for number, source in enumerate(sources, start=1):
        mark = "" if _stands_in(source.where, seen) else " [recalled: stands in no result of this research]"
        lines.append(f"{number}. {_line(source.title)} ({_line(source.where)}){mark}: {_line(source.says)}")
    if held:
        lines += ["", "Recipes (each quote was found in what this research read, with its numbers):"]
        lines += [f"{n}. {describe(r)} ({_line(r.paper)}): “{_line(r.quote)}”" for n, r in enumerate(held, start=1)]
    if rejected:
        lines += ["", "Recipes left out, since their quotes do not bear them out:"]
        lines += [
            f"- {describe(r.recipe) or 'an empty one'} ({_line(r.recipe.paper)}): {_line(r.why)}" for r in rejected
        ]
    if unsure:
        lines += ["", "Unsure:", *(f"- {_line(doubt)}" for doubt in unsure)]
    return "\n".join(lines)


@dataclass(frozen=True)
class _Result:
    """What a tool returned, and the arguments that it returned it for: a file's path is seldom in its text."""

    asked: str
    place: Place


def _results(messages: Iterable[ModelMessage]) -> Iterable[_Result]:
    asked = {
        call.tool_call_id: call.args_as_json_str() for m in messages if m.kind == "response" for call in m.tool_calls
    }
    for message in messages:
        if not isinstance(message, ModelRequest):
            continue
        for part in message.parts:
            if isinstance(part, ToolReturnPart) and part.outcome == "success":
                text = part.model_response_str()
                if not isinstance(part.content, str):  # a text inside JSON has its lines and quotation marks escaped
                    text = "\n\n".join([text, *_strings(from_json(to_json(part.content, fallback=str)))])
                yield _Result(asked.get(part.tool_call_id, ""), Place(part.tool_name, text))


def _strings(value: JsonValue) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _strings(inner)


def _verified(
    claims: Sequence[AttributedRecipe], results: Sequence[_Result], by: str
) -> tuple[list[Recipe], list[RejectedRecipe]]:
    """The recipes whose quotes stand, with their numbers, in a result of the place that they name; and the others."""
    held: list[Recipe] = []
    rejected: list[RejectedRecipe] = []
    for claim in claims:
        recipe = claim.recipe(by=by, paper=claim.where)
        named = [r for r in results if _stands_in(claim.where, f"{r.asked}\n{r.place.text}".casefold())]
        # A tool that repeats what it was asked for would bear out any quote.
        places = [r.place for r in named if not any(Place("", r.asked).passages(claim.quote))]
        checked = check_in(recipe, Text(places))
        if isinstance(checked, Recipe):
            held.append(checked)
        elif not named:
            rejected.append(RejectedRecipe(recipe, f"{claim.where!r} stands in no result of this research: open it"))
        else:
            rejected.append(checked)
    return held, rejected


def _stands_in(where: str, seen: str) -> bool:
    """Whether a place was met: without its line, fragment, scheme or version, which are often added or left out.

    A paper on arXiv is its id: what was opened by its id is cited by its address, and the other way round.
    """
    place = re.sub(r"^(https?://)?(www\.|export\.)?arxiv\.org/(abs|pdf|html)/|\.pdf$", "", where.strip().casefold())
    place = re.sub(r"^(https?://(www\.)?|arxiv[:\s]+)", "", place)
    place = re.sub(r"(#.*|:\d+([-–:]\d+)?|(?<=\d)v\d+)$", "", place).rstrip("/")
    return len(place) >= _FEWEST_CHARACTERS and place in seen


def _line(text: str) -> str:
    return " ".join(text.split())


def _ends(ctx: RunContext[Any], limits: UsageLimits) -> bool:
    """Whether what is left is only enough to hand in."""
    requests, tokens = limits.request_limit, limits.total_tokens_limit
    return (requests is not None and ctx.usage.requests >= max(1, requests - _LAST_REQUESTS)) or (
        tokens is not None and ctx.usage.total_tokens >= _LAST_SHARE * tokens
    )


def _near_the_end(limits: UsageLimits) -> Callable[[RunContext[Any]], str]:
    def said(ctx: RunContext[Any]) -> str:
        return "Your ceiling is near: hand in now, with what you have." if _ends(ctx, limits) else ""

    return said
