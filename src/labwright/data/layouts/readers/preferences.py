"""Preferences: the question may stand in its own column, or at the beginning of both answers."""

from __future__ import annotations

from labwright.data.layouts.example import Example, answering, check_turns, without_reasoning
from labwright.data.layouts.layout import Role
from labwright.data.layouts.readers.source import Source
from labwright.data.layouts.transcripts import read_transcript
from labwright.data.layouts.turns import Turn, Unfit, kind_of, read_turns, turns_in

_LEFT = frozenset({"a", "model_a", "left", "first", "response_a", "answer_a"})
_RIGHT = frozenset({"b", "model_b", "right", "second", "response_b", "answer_b"})


def read_preference(source: Source) -> Example:
    """A question, the better and the worse answer. Raises Unfit."""
    better, worse = _two(source)
    chosen, notes = _answer(source, better)
    rejected, more = _answer(source, worse)
    notes |= more
    place = f"{better}+{worse}"
    if _is_whole(chosen) and _is_whole(rejected):
        shared, chosen, rejected = _divided(chosen, rejected, place)
    elif source.layout.column(Role.PROMPT) is not None:
        shared, more = _prompt(source)
        notes |= more
    else:
        shared, chosen, rejected = _divided_texts(chosen, rejected, place)
    if chosen == rejected:
        raise Unfit(place, "both answers are the same")
    asked = check_turns(source.with_opening(shared), place, repair=source.options.repair)
    for name, turns in ((better, chosen), (worse, rejected)):
        if turns[0].speaker != "assistant":
            raise Unfit(name, f"the answer begins with the {turns[0].speaker}'s turn")
        check_turns(turns, name, repair=False, ends_with="assistant", after=asked.turns)
    return Example(asked.turns, chosen, rejected, tools=source.tools(), notes=notes | asked.notes)


def read_unpaired(source: Source) -> Example:
    """A question, an answer and the verdict on it. Raises Unfit."""
    column = source.name(Role.ANSWER)
    answer, notes = _answer(source, column)
    prompt, more = _prompt(source)
    verdict = source.cell(Role.LABEL)
    if verdict not in (0, 1):  # True and False are equal to them
        raise Unfit(source.name(Role.LABEL), f"{kind_of(verdict)} where true or false should be")
    repair = source.options.repair
    asked = check_turns(source.with_opening(prompt), source.name(Role.PROMPT), repair=repair)
    answered = check_turns(answer, column, repair=repair, ends_with="assistant", after=asked.turns)
    if answered.turns[0].speaker != "assistant":
        raise Unfit(f"{column}[0]", f"the answer begins with the {answered.turns[0].speaker}'s turn")
    notes |= more | asked.notes | answered.notes
    unwanted = f"{source.name(Role.LABEL)}: the answer is marked as not wanted; it is not to be learnt"
    missing = "" if verdict else unwanted
    return Example(asked.turns, answered.turns, wanted=bool(verdict), missing=missing, notes=notes)


def _two(source: Source) -> tuple[str, str]:
    """The columns of the better and the worse answer."""
    pair = source.layout.columns(Role.CHOICES)
    if len(pair) != 2:
        return source.name(Role.CHOSEN), source.name(Role.REJECTED)
    column = source.name(Role.LABEL)
    said = source.row.get(column)
    name = str(int(said)) if isinstance(said, bool) else str(said).strip().lower()
    left, right = ("1", "2") if pair[0].endswith("1") else ("0", "1")
    if name == left or name in _LEFT or name == pair[0].lower():
        return pair[0], pair[1]
    if name == right or name in _RIGHT or name == pair[1].lower():
        return pair[1], pair[0]
    raise Unfit(column, f"{kind_of(said)} names neither of {pair[0]!r} and {pair[1]!r}")


def _answer(source: Source, column: str) -> tuple[tuple[Turn, ...], frozenset[str]]:
    value = source.row.get(column)
    notes: frozenset[str] = frozenset()
    if source.layout.variant == "transcript":
        turns = read_transcript(value, column)
    elif (listed := turns_in(value)) is not None:
        turns, notes = read_turns(listed, column)
    elif isinstance(value, str):
        turns = (answering(value, column),)
    else:
        raise Unfit(column, f"{kind_of(value)} where an answer should be")
    if not source.options.keep_reasoning:
        turns = tuple(without_reasoning(turn) for turn in turns)
    return turns, notes


def _prompt(source: Source) -> tuple[tuple[Turn, ...], frozenset[str]]:
    column = source.name(Role.PROMPT)
    value = source.row.get(column)
    listed = turns_in(value)
    if listed is not None:
        return read_turns(listed, column)
    text = source.text(Role.PROMPT)
    return (source.asked(column, (text,), question=text),), frozenset()


def _is_whole(turns: tuple[Turn, ...]) -> bool:
    return len(turns) > 1 and turns[0].speaker in ("system", "user")


_Divided = tuple[tuple[Turn, ...], tuple[Turn, ...], tuple[Turn, ...]]


def _divided(chosen: tuple[Turn, ...], rejected: tuple[Turn, ...], place: str) -> _Divided:
    """Turns that both begin with are the question, as TRL has it."""
    same = 0
    while same < min(len(chosen), len(rejected)) and chosen[same] == rejected[same]:
        same += 1
    if same == len(chosen) or same == len(rejected):
        raise Unfit(place, "both answers are the same" if len(chosen) == len(rejected) else "one contains the other")
    if same == 0:
        raise Unfit(place, "the two conversations share no question")
    if chosen[same].speaker != "assistant" or rejected[same].speaker != "assistant":
        raise Unfit(place, f"the two conversations differ in a turn of the {chosen[same].speaker}")
    return chosen[:same], chosen[same:], rejected[same:]


def _divided_texts(chosen: tuple[Turn, ...], rejected: tuple[Turn, ...], place: str) -> _Divided:
    """Texts are divided as TRL does, but between words: `gr` is no question to `een` and `ay`."""
    if len(chosen) != 1 or len(rejected) != 1:
        raise Unfit(place, "no question stands beside the answers, and they share none")
    left, right = chosen[0].content, rejected[0].content
    if left == right:
        raise Unfit(place, "both answers are the same")
    cut = next((i for i, (one, two) in enumerate(zip(left, right, strict=False)) if one != two), -1)
    if cut < 0:
        raise Unfit(place, "no question stands beside the answers, and one is the other's beginning")
    while cut and not left[cut - 1].isspace():
        cut -= 1
    prompt, one, other = left[:cut].rstrip(), left[cut:], right[cut:]
    if not prompt or not one.strip() or not other.strip():
        raise Unfit(place, "no question stands beside the answers, and they begin with none")
    space = left[len(prompt) : cut]  # belongs to the answers, so that prompt and answer together are what stood there
    return (Turn("user", prompt),), (Turn("assistant", space + one),), (Turn("assistant", space + other),)
