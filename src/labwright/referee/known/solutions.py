"""Reference solutions of code, run against their tests: an item that its own solution fails measures nothing."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from labwright.compute.sandbox import Sandbox
from labwright.referee.code import CodeScorer
from labwright.referee.known.draft import Draft, Part, Question
from labwright.referee.pack import Item

_AT_ONCE = 4
_MOST_TRIED = 3  # solutions of an item: contests list hundreds, some in a Python that is no more
_FAILS = "its own solution does not pass its tests"


def with_solutions_that_pass(draft: Draft, sandbox: Sandbox) -> Draft:
    """The draft without such items; where programs cannot be confined nothing is run, and that is said."""
    if not any(question.answer or question.answers for part in draft.parts for question in part.questions):
        return replace(draft, notes=(*draft.notes, "there are no reference solutions to try the tests with"))
    if sandbox.boundary != "enforced":
        return replace(draft, notes=(*draft.notes, f"reference solutions were not tried: {sandbox.why}"))
    scorer = CodeScorer(draft.scorer, sandbox)
    parts = tuple(_tried(part, scorer) for part in draft.parts)
    return replace(draft, parts=parts)


def _tried(part: Part, scorer: CodeScorer) -> Part:
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        passed = pool.map(lambda question: _with_what_passes(question, scorer), part.questions)
        kept = tuple(question for question in passed if question is not None)
    failed = len(part.questions) - len(kept)
    left_out = {**part.left_out, _FAILS: failed} if failed else part.left_out
    return replace(part, questions=kept, left_out=left_out)


def _with_what_passes(question: Question, scorer: CodeScorer) -> Question | None:
    """The question with the first of its solutions that passes; None where it has some, and none of them does."""
    solutions = [each for each in (question.answer, *question.answers) if each.strip()][:_MOST_TRIED]
    if not solutions:
        return question
    item = Item(
        "?",
        question.prompt,
        "",
        setup=question.setup,
        tests=question.tests,
        entry_point=question.entry_point,
        cases=question.cases,
    )
    found = next((each for each in solutions if scorer.score(item, each).score == 1.0), None)
    return None if found is None else replace(question, answer=found, answers=())
