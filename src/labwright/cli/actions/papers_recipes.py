"""`labwright papers recipes`: what was trained on what, how, to which result, by rules or by a model, with quotes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict

from labwright.agent.extraction import LlmExtractor
from labwright.agent.models import ModelAccess, resolve_model
from labwright.assemble import Lab, open_lab
from labwright.assemble_intern import accounted, paid
from labwright.assemble_reading import ReadingRoom
from labwright.cli import transcript
from labwright.cli.edge import print_json, say
from labwright.cli.transcript import one_line
from labwright.contracts.literature import Extraction, RecipeExtractor
from labwright.contracts.sessions import SessionBudget
from labwright.literature import ids as names
from labwright.literature.recipes import RuleExtractor, describe, read_recipes


def recipes(ids: Sequence[str], model: str | None, budget_usd: float, offline: bool, json: bool) -> int:
    """Read each paper, and take its recipes out."""
    lab = open_lab()
    wanted = [names.parse(each) for each in ids]
    room = ReadingRoom(lab, offline=offline)
    found: list[tuple[str, str, Extraction]] = []
    try:
        readings = [room.literature.read(each, "for its recipes") for each in wanted]
        with _extractor(lab, model, budget_usd, len(readings)) as extractor:
            for reading in readings:
                extraction = read_recipes(reading.document, extractor)
                found.append((reading.paper.id, reading.paper.title, extraction))
    finally:
        room.close()
    if json:
        print_json(
            {
                "recipes": [asdict(recipe) for _, _, each in found for recipe in each.recipes],
                "rejected": [asdict(rejected) for _, _, each in found for rejected in each.rejected],
                "remarks": [f"{paper}: {remark}" for paper, _, each in found for remark in each.remarks],
            }
        )
        return 0
    for paper, title, extraction in found:
        _print(paper, title, extraction)
    return 0


@contextmanager
def _extractor(lab: Lab, model: str | None, budget_usd: float, papers: int) -> Iterator[RecipeExtractor]:
    """Rules without a model; with one, a session that counts what it takes."""
    if model is None:
        yield RuleExtractor()
        return
    resolved = resolve_model(model, ModelAccess.of(lab.settings))
    with accounted(lab, f"recipes of {papers} papers", model, SessionBudget(usd=budget_usd)) as deps:
        yield LlmExtractor(resolved, by=model, shared=paid("extraction"), deps=deps)
        transcript.note(f"session {deps.session_id}: {transcript.spent(lab.ledger.session_view(deps.session_id))}")


def _print(paper: str, title: str, extraction: Extraction) -> None:
    say(f"{paper}  {title}")
    if not extraction.recipes:
        say("  no recipe stands in the text in so many words")
    for recipe in extraction.recipes:
        say(f"  {describe(recipe)}")
        say(f"      “{one_line(recipe.quote, 200)}”  ({recipe.section or 'abstract'}; by {recipe.by})")
    for rejected in extraction.rejected:
        transcript.note(f"rejected: {describe(rejected.recipe)}: {rejected.why}")
    for remark in extraction.remarks:
        transcript.note(remark)
