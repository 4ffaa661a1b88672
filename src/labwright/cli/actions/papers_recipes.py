"""`labwright papers recipes`: what was trained on what, how, to which result, by rules or by a model, with quotes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass

from labwright.agent.extraction import LlmExtractor
from labwright.agent.models import ModelAccess, resolve_model
from labwright.agent.models.ids import AUTOPILOT
from labwright.assemble import Lab, open_lab
from labwright.assemble.reading import ReadingRoom
from labwright.cli import transcript
from labwright.cli.edge import print_json, say
from labwright.cli.transcript import one_line
from labwright.contracts.errors import BudgetError, LabwrightError, ProviderError, ServiceError, UsageError
from labwright.contracts.literature import Extraction, PaperIds, Reading, RecipeExtractor
from labwright.contracts.sessions import SessionBudget
from labwright.intern import accounted, paid
from labwright.literature import ids as names
from labwright.literature.recipes import RuleExtractor, describe, read_recipes


def recipes(ids: Sequence[str], model: str | None, budget_usd: float, offline: bool, json: bool) -> int:
    """Read each paper, and take its recipes out. What fails is said, and takes nothing from the other papers."""
    if model == AUTOPILOT:
        raise UsageError("the autopilot reads no papers", where="--model", cure="leave --model out: rules read them")
    lab = open_lab()
    wanted = list(dict.fromkeys(names.parse(each) for each in ids))
    found: list[_Found] = []
    failed: list[_Failed] = []
    with closing(ReadingRoom(lab, offline=offline)) as room:
        readings = [each for each in (_read(room, paper, failed) for paper in wanted) if each is not None]
    if readings:
        try:
            with _extractor(lab, model, budget_usd, len(readings)) as extractor:
                for reading in readings:
                    _extract(reading, extractor, found, failed)
        except BudgetError as error:
            done = {each.paper for each in found} | {each.paper for each in failed}
            failed += [_Failed(each.paper.id, error) for each in readings if each.paper.id not in done]
    if failed and not found:
        raise failed[0].error
    _show(found, failed, json)
    return failed[0].error.exit_code if failed else 0


@dataclass(frozen=True, slots=True)
class _Found:
    paper: str
    title: str
    extraction: Extraction


@dataclass(frozen=True, slots=True)
class _Failed:
    paper: str
    error: LabwrightError


def _read(room: ReadingRoom, paper: PaperIds, failed: list[_Failed]) -> Reading | None:
    try:
        return room.literature.read(paper, "for its recipes")
    except ServiceError as error:
        failed.append(_Failed(paper.key, error))
        return None


def _extract(reading: Reading, extractor: RecipeExtractor, found: list[_Found], failed: list[_Failed]) -> None:
    try:
        found.append(_Found(reading.paper.id, reading.paper.title, read_recipes(reading.document, extractor)))
    except ProviderError as error:
        failed.append(_Failed(reading.paper.id, error))


@contextmanager
def _extractor(lab: Lab, model: str | None, budget_usd: float, papers: int) -> Iterator[RecipeExtractor]:
    """Rules without a model; with one, a session that counts what it takes, and says so however it ends."""
    if model is None:
        yield RuleExtractor()
        return
    resolved = resolve_model(model, ModelAccess.of(lab.settings))
    purpose = f"recipes of {papers} {'paper' if papers == 1 else 'papers'}"
    with accounted(lab, purpose, model, SessionBudget(usd=budget_usd)) as deps:
        try:
            yield LlmExtractor(resolved, by=model, shared=paid("extraction"), deps=deps)
        finally:
            transcript.note(f"session {deps.session_id}: {transcript.spent(lab.ledger.session_view(deps.session_id))}")


def _show(found: Sequence[_Found], failed: Sequence[_Failed], json: bool) -> None:
    if json:
        print_json(
            {
                "recipes": [asdict(recipe) for each in found for recipe in each.extraction.recipes],
                "rejected": [asdict(rejected) for each in found for rejected in each.extraction.rejected],
                "remarks": [f"{each.paper}: {remark}" for each in found for remark in each.extraction.remarks],
                "failed": [{"paper": each.paper, "why": each.error.one_line()} for each in failed],
            }
        )
        return
    for each in found:
        _print(each.paper, each.title, each.extraction)
    for failure in failed:
        transcript.note(f"{failure.paper}: {failure.error.one_line()}")


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
