"""Reference solutions of code, run against their tests: an item that its own solution fails measures nothing."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from labwright.compute.sandbox import Sandbox
from labwright.referee.code import CodeScorer
from labwright.referee.known.draft import Draft, Part, Question
from labwright.referee.pack import Item

_AT_ONCE = 4
_FAILS = "its own solution does not pass its tests"


def with_solutions_that_pass(draft: Draft, sandbox: Sandbox) -> Draft:
    """The draft without such items; where programs cannot be confined nothing is run, and that is said."""
    if not any(question.answer for part in draft.parts for question in part.questions):
        return replace(draft, notes=(*draft.notes, "there are no reference solutions to try the tests with"))
    if sandbox.boundary != "enforced":
        return replace(draft, notes=(*draft.notes, f"reference solutions were not tried: {sandbox.why}"))
    scorer = CodeScorer(draft.scorer, sandbox)
    parts = tuple(_tried(part, scorer) for part in draft.parts)
    return replace(draft, parts=parts)


def _tried(part: Part, scorer: CodeScorer) -> Part:
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        passed = list(pool.map(lambda question: _passes(question, scorer), part.questions))
    kept = tuple(question for question, fine in zip(part.questions, passed, strict=True) if fine)
    failed = len(part.questions) - len(kept)
    left_out = {**part.left_out, _FAILS: failed} if failed else part.left_out
    return replace(part, questions=kept, left_out=left_out)


def _passes(question: Question, scorer: CodeScorer) -> bool:
    if not question.answer:
        return True
    item = Item("?", question.prompt, question.answer, (), question.setup, question.tests, question.entry_point)
    return scorer.score(item, question.answer).score == 1.0
