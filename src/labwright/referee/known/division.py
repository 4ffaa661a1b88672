"""Which questions are dev, which are the sealed test, and which are shown: no question on two sides."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from labwright.contracts.errors import DataError
from labwright.referee.known.draft import Draft, Part, Question
from labwright.referee.known.options import AddOptions

_TEST = ("test", "eval", "evaluation")
_VALIDATION = ("validation", "val", "valid", "dev")
_TRAIN = ("train", "training")
_LEAST = 2  # usable items that make a split


@dataclass(frozen=True, slots=True)
class Divided:
    """The three parts of a pack, and what a person should know of how they came about."""

    dev: tuple[Question, ...]
    test: tuple[Question, ...]
    shots: tuple[Question, ...]
    dev_from: str
    test_from: str
    notes: tuple[str, ...]


def divide(draft: Draft, options: AddOptions) -> Divided:
    """Test from the benchmark's test, dev from its validation or training rows; where there is one split only, by lot.

    Raises DataError where there are not enough questions for two sides.
    """
    dice, notes = random.Random(options.seed), list[str]()
    usable = [part for part in draft.parts if len(part.questions) >= _LEAST]
    notes += [_unusable(part) for part in draft.parts if part not in usable]
    if not usable:
        why = "; ".join(_unusable(part) for part in draft.parts) or "it has no rows"
        raise DataError(f"no split holds questions with answers: {why}", where=draft.origin, cure="check the source")
    sealed = _chosen(usable, draft.evaluated)
    others = [part for part in usable if part is not sealed]
    source = _best(others, (*_VALIDATION, *_TRAIN))
    test = _once(sealed.questions, set(), notes, sealed.name)
    if source is None:
        dice.shuffle(test)
        half = len(test) // 2
        dev, test, dev_from = test[half:], test[:half], sealed.name
        notes.append(f"there is one split only, {sealed.name}: a draw with seed {options.seed} made dev and test of it")
    else:
        dev_from = source.name
        dev = _once(source.questions, {q.key for q in test}, notes, source.name)
    test = _sample(test, options.most_test, dice, "test", notes)
    shots, dev = _examples(draft, others, test, dev, notes)
    dev = _sample(dev, options.most_dev, dice, "dev", notes)
    if not dev or not test:
        raise DataError(
            f"too few questions for dev and test: {len(dev)} and {len(test)}",
            where=draft.origin,
            cure="a benchmark needs at least two, and as many more as it has worked examples",
        )
    return Divided(tuple(dev), tuple(test), tuple(shots), dev_from, sealed.name, tuple(notes))


def _chosen(parts: Sequence[Part], asked: str | None) -> Part:
    named = next((part for part in parts if part.name == asked), None)
    return named or _best(parts, (*_TEST, *_VALIDATION, *_TRAIN)) or parts[0]


def _best(parts: Sequence[Part], names: Sequence[str]) -> Part | None:
    by_name = {part.name.lower(): part for part in parts}
    found = next((by_name[name] for name in names if name in by_name), None)
    return found or (parts[0] if parts else None)


def _once(questions: Sequence[Question], taken: set[str], notes: list[str], name: str) -> list[Question]:
    """Each question once, and none that stands elsewhere."""
    kept, seen, elsewhere = list[Question](), set[str](), 0
    for question in questions:
        if question.key in taken:
            elsewhere += 1
        elif question.key not in seen:
            seen.add(question.key)
            kept.append(question)
    twice = len(questions) - elsewhere - len(kept)
    if twice:
        notes.append(f"{twice} questions of {name} stand in it more than once and count once")
    if elsewhere:
        notes.append(f"{elsewhere} questions of {name} also stand in the test and were left out")
    return kept


def _examples(
    draft: Draft,
    others: Sequence[Part],
    test: Sequence[Question],
    dev: list[Question],
    notes: list[str],
) -> tuple[list[Question], list[Question]]:
    """The worked examples, and dev without them."""
    wanted = draft.generation.few_shot
    if not wanted:
        return [], dev
    sealed, in_dev = {q.key for q in test}, {q.key for q in dev}
    if draft.examples is not None:
        pool = [q for q in draft.examples if q.key not in sealed][:wanted]
        shown = {q.key for q in pool}
        return pool, [q for q in dev if q.key not in shown]
    train = _best([part for part in others if part.name.lower() in _TRAIN], _TRAIN)
    fresh = [] if train is None else [q for q in _once(train.questions, sealed, [], "") if q.key not in in_dev]
    if len(fresh) >= wanted:
        return fresh[:wanted], dev
    taken = min(wanted, max(0, len(dev) - 1))
    notes.append(f"{taken} questions of dev serve as worked examples and are not scored")
    return dev[:taken], dev[taken:]


def _sample(
    questions: list[Question], most: int | None, dice: random.Random, name: str, notes: list[str]
) -> list[Question]:
    """At most so many, drawn by lot and left in their order."""
    if most is None or len(questions) <= most:
        return questions
    notes.append(f"{name} is a sample of {most} of {len(questions)} questions")
    return [questions[at] for at in sorted(dice.sample(range(len(questions)), most))]


def _unusable(part: Part) -> str:
    said = ", ".join(f"{count} rows: {why}" for why, count in part.left_out.items())
    return f"{part.name} was not used ({said or f'{len(part.questions)} rows'})"
