"""What a study needs, read out of plain text: goal, base model, benchmark, data, budget. Pure, and without an LLM.

The fields may come in any order and in several phrasings:

    Teach smollm2-135m-instruct to sort numbers; benchmark sorting/benchmark; data sorting/train.jsonl; 15m
    In at most two hours, and for at most $5, fine-tune Qwen/Qwen3-0.6B on a.jsonl and b.jsonl to answer in French,
    measured by bench/french.

Each field is looked for by its label first, then by how it is used in a sentence, and last by its looks. Where that is
not enough the field stays empty, and whoever reads this asks the person: a wrong guess costs more than a question.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from labwright.agent import amounts
from labwright.agent.amounts import AMOUNT, MOST_RUNS, MOST_USD, amount
from labwright.agent.durations import AT_MOST, BEFORE_DURATION, DURATION, NAMED_DURATION, duration_s, seconds
from labwright.agent.tokens import AT_TOKEN, TOKEN, Text, bare, is_data_file, is_marked, is_path, spaced, unstopped

Field = Literal["goal", "base_model", "benchmark", "data", "wall_clock", "usd", "runs"]
FIELDS: tuple[Field, ...] = ("goal", "base_model", "benchmark", "data", "wall_clock")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a text asks for; None or empty where it does not say."""

    goal: str | None = None
    base_model: str | None = None
    benchmark: str | None = None
    data: tuple[str, ...] = ()
    wall_clock_s: float | None = None
    usd: float | None = None
    runs: int | None = None
    study: str | None = None  # a directory that holds a study.yaml
    unclear: tuple[Literal["usd", "runs"], ...] = ()  # ceilings that were named and could not be read

    @property
    def missing(self) -> tuple[Field, ...]:
        """The fields without which there is no study, and the ceilings that a person named and is asked about."""
        if self.study:
            return ()
        has: Mapping[Field, object] = {
            "goal": self.goal,
            "base_model": self.base_model,
            "benchmark": self.benchmark,
            "data": self.data,
            "wall_clock": self.wall_clock_s,
        }
        return (*(name for name in FIELDS if not has[name]), *self.unclear)

    @property
    def says_nothing(self) -> bool:
        """Whether the text is no request for a study at all."""
        return not (self.study or self.base_model or self.benchmark or self.data)


def read(text: str) -> Wanted:
    """What a person's text asks for."""
    work = Text(text)
    study = _take_study(work)
    wall_clock_s = _take_duration(work)
    usd, usd_is_clear = _take_usd(work)
    runs, runs_are_clear = _take_runs(work)
    benchmark = work.first(_BENCHMARK, _is_place)
    data = _take_data(work)
    benchmark = benchmark or work.take_token(lambda t: "bench" in t.lower() and is_path(t))
    labelled = work.first(_LABELLED_MODEL, _is_model)
    goal_of = work.rest
    used = labelled or work.first(_USED_MODEL, _is_model, keep=True)
    is_sure = labelled is not None or (used is not None and ("/" in used or _has_size(used)))
    model = used if is_sure else work.take_token(_has_size, keep=True) or used  # `improve gsm8k of Qwen-1B`
    if model and _is_one_of_two(model, goal_of):
        model = None
    return Wanted(
        goal=_goal(goal_of),
        base_model=model,
        benchmark=benchmark,
        data=data,
        wall_clock_s=wall_clock_s,
        usd=usd,
        runs=runs,
        study=study,
        unclear=(*(() if usd_is_clear else ("usd",)), *(() if runs_are_clear else ("runs",))),
    )


def read_answer(field: Field, answer: str, wanted: Wanted) -> Wanted:
    """The wanted study with one field filled in from the answer to a question about it; it may say others as well."""
    told = read(answer)
    merged = merge(wanted, told)
    if field not in merged.missing:
        return merged
    said = bare(answer.strip())
    if not said:
        return merged
    match field:
        case "goal":
            return replace(merged, goal=" ".join(answer.split()).rstrip("."))
        case "base_model":
            return replace(merged, base_model=said)
        case "benchmark":
            return replace(merged, benchmark=said)
        case "data":
            if any(spaced(answer)):
                return merged
            named = tuple(bare(t) for t in re.split(r"\s*(?:,|\band\b|\s)\s*", answer) if bare(t))
            is_sentence = len(named) > 1 and not any(is_path(name) for name in named)
            return merged if is_sentence else replace(merged, data=named)
        case "wall_clock":
            return replace(merged, wall_clock_s=duration_s(answer))
        case "usd" | "runs":
            return _with_ceiling(field, said, merged)


def _with_ceiling(field: Literal["usd", "runs"], answer: str, wanted: Wanted) -> Wanted:
    """With a ceiling as a bare number says it, or with none where there is to be none; else it is asked for again."""
    left = tuple(name for name in wanted.unclear if name != field)
    if answer.lower() in ("none", "no", "no limit", "nothing"):
        return replace(wanted, unclear=left)
    number = amount(answer) if re.fullmatch(AMOUNT, answer, re.IGNORECASE) else None
    if number is None or number > MOST_USD:
        return wanted
    if field == "usd":
        return replace(wanted, usd=number, unclear=left)
    is_whole = number.is_integer() and 1 <= number <= MOST_RUNS
    return replace(wanted, runs=int(number), unclear=left) if is_whole else wanted


def merge(first: Wanted, then: Wanted) -> Wanted:
    """Both, where what was said later counts; a goal that was given stays."""
    said = {"usd": then.usd is not None, "runs": bool(then.runs)}
    return Wanted(
        goal=first.goal or then.goal,
        base_model=then.base_model or first.base_model,
        benchmark=then.benchmark or first.benchmark,
        data=then.data or first.data,
        wall_clock_s=then.wall_clock_s or first.wall_clock_s,
        usd=then.usd if then.usd is not None else first.usd,
        runs=then.runs or first.runs,
        study=then.study or first.study,
        unclear=tuple(dict.fromkeys([*(name for name in first.unclear if not said[name]), *then.unclear])),
    )


# -- places and models -------------------------------------------------------------------------------------------------

_ALONE = r"(?<![\w/.-])"  # a label is no part of a path
_IS = (
    r"(?![\w/.-])\s*(?:(?:is|are|in|at|from|under|of|lies\s+in|directory|dir|folder|files?|path|pack)\s+)*(?:[:=]\s*)?"
)
_MEASURED = r"(?:measured|evaluated|scored|judged|tested|benchmarked|evaluate|measure|score|test)"
_BENCHMARK = (
    rf"(?:\b(?:on|using|use|with|against|by)\s+)?(?:the\s+)?{_ALONE}bench(?:mark)?{_IS}(?P<token>{TOKEN})",
    rf"{AT_TOKEN}(?:use\s+)?(?P<token>{TOKEN})\s+(?:as|is)\s+(?:the\s+|a\s+)?bench(?:mark)?\b",
    rf"\b{_MEASURED}\s+(?:it\s+)?(?:by|on|with|against|in)\s+(?:the\s+)?(?P<token>{TOKEN})",
)
_DATA_LABEL = r"(?:train(?:ing)?[- ]?)?(?:data(?:[- ]?sets?|[- ]?files?)?|examples)"
_DATA = (
    rf"(?:\b(?:on|using|use|with|from)\s+)?(?:the\s+)?{_ALONE}{_DATA_LABEL}{_IS}(?P<token>{TOKEN})",
    rf"\b(?:and\s+)?(?:train(?:ed|ing)?|learn(?:ing)?)\s+(?:it\s+)?(?:on|with|from)\s+(?:the\s+)?(?P<token>{TOKEN})",
    rf"{AT_TOKEN}(?:use\s+)?(?P<token>{TOKEN})\s+(?:as|is|are)\s+(?:the\s+)?(?:training\s+)?data\b",
    rf"(?:\b(?:on|using|with|from)\s+)?(?<![\w/.])(?P<token>{TOKEN})",
)
_MORE_DATA = re.compile(rf"\s*(?:,\s*(?:and\s+)?|\band\s+|\+\s*)(?P<token>{TOKEN})", re.IGNORECASE)
_LABELLED_MODEL = (
    rf"\b(?:base[_ -]?)?model\s*(?:is\s+|[:=]\s*)(?P<token>{TOKEN})",
    rf"\bbase[_ -]?model\s+(?P<token>{TOKEN})",
)
_VERBS = r"(?:teach|train|fine-?\s?tune|post-?\s?train|improve|make|get|adapt|tune|take|help|enable|turn)"
_USED_MODEL = (
    rf"\b{_VERBS}\s+(?:up\s+)?(?:the\s+)?(?:base\s+)?(?:model\s+)?(?P<token>{TOKEN})",
    rf"\bmodel\s+(?P<token>{TOKEN})",
    rf"{AT_TOKEN}(?P<token>{TOKEN})\s+model\b",
)
_STUDY = (
    rf"(?:\b(?:run|start|do)\s+)?(?:the\s+)?"
    rf"(?:\bstudy\s+(?:in|at|from|[:=])\s*(?P<token>{TOKEN})|(?<![^\s;,])(?P<file>[^\s;,]*study\.yaml))"
)
_MOST_S = 90 * 86_400.0  # what is longer is a slip more often than a wish
_SIZE = re.compile(r"(?:^|[-_/.])\d+(?:\.\d+)?[mb](?=$|[-_.])", re.IGNORECASE)
_SIZE_ALONE = re.compile(r"[\d.]+[mb]", re.IGNORECASE)
_NO_NAMES = """
a an the it its this that them my our your and or to in on at of for with by from as is are be better good best use
model models base data dataset benchmark score scores accuracy results sure using which small large language"""
_WORDS = frozenset(_NO_NAMES.split())


def _take_study(work: Text) -> str | None:
    """The directory of a study that is there already."""
    found = work.take(_STUDY)
    if found is None:
        return None
    return bare(found["token"] or found["file"]).removesuffix("study.yaml").rstrip("/") or "."


def _take_duration(work: Text) -> float | None:
    """The likeliest duration: said to be a budget, or else standing alone, or else spelled out.

    None where two contradict each other or one is longer than any study: then the person is asked.
    """
    either = rf"({DURATION})\s*+(?:,\s*+)?(?:or|no,?|not|rather|instead\s+of)\s+({DURATION})"
    for found in work.take_all(either):
        if seconds(found.group(1)) != seconds(found.group(2)):
            return None
    gap = r"[^\S\n]*+"  # after a line's end, not over many: each of them would be tried from every one before
    closing = rf"(?:\s+(?:max|total|in\s+all|budget|of\s+time))?{gap}(?=$|[;\n.,)])"
    alone = rf"(?:^|(?<=[;\n.,(])){gap}(?:and\s+)?(?:{AT_MOST})?({DURATION}){closing}"
    spelled = rf"({DURATION})(?<=[a-z]{{3}})"
    likeliest = rf"{NAMED_DURATION}({DURATION})", alone, rf"{BEFORE_DURATION}({DURATION})"
    for pattern in (*likeliest, rf"{AT_MOST}({DURATION})", spelled):
        said = {seconds(found.group(1)) for found in work.take_all(pattern)}
        if said:
            return next(iter(said)) if len(said) == 1 and max(said) <= _MOST_S else None
    return None


def _take_usd(work: Text) -> tuple[float | None, bool]:
    """The ceiling in dollars, and whether it is clear: not where two differ, or money is named in another way."""
    try:
        usd = amounts.the_usd(work.take_all(amounts.USD))
    except ValueError:
        return None, False
    is_clear = not work.take_all(amounts.SOME_MONEY)
    return usd if is_clear else None, is_clear


def _take_runs(work: Text) -> tuple[int | None, bool]:
    """The ceiling in runs, and whether it is clear."""
    try:
        runs = amounts.the_runs(work.take_all(amounts.RUNS))
    except ValueError:
        return None, False
    is_clear = not work.take_all(amounts.SOME_RUNS)
    return runs if is_clear else None, is_clear


def _is_one_of_two(model: str, text: str) -> bool:
    """Whether another model stands beside it as the other choice."""
    before, _, after = text.partition(model)
    near = [*before.split()[-2:], "", ""][:2], [*after.strip("\"'` ").split()[:2], "", ""][1::-1]
    others = [bare(other) for other, joined in near if joined.lower().strip("\"'`") == "or"]
    return any(other != model and (_has_size(other) or "/" in other) for other in others)


def _take_data(work: Text) -> tuple[str, ...]:
    """The training files: the first one by its label or its looks, and those that follow it in a list.

    None where a path may have a space in it that is not quoted: half a path is nobody's file.
    """
    halves = list(spaced(work.rest))
    if halves:
        work.blank(*halves)
        return ()
    for number, pattern in enumerate(_DATA):
        for found in re.finditer(pattern, work.rest, re.IGNORECASE):
            token = found.group("token")
            looks_enough = number < len(_DATA) - 1 and _is_place(bare(token), found.group())
            if "\0" in token or not (is_data_file(bare(token)) or looks_enough):
                continue
            end = found.start("token") + len(unstopped(token))
            files = [bare(token)]
            while (more := _MORE_DATA.match(work.rest, end)) and is_data_file(bare(more.group("token"))):
                files.append(bare(more.group("token")))
                end = more.start("token") + len(unstopped(more.group("token")))
            work.blank((found.start(), end))
            return tuple(dict.fromkeys([*files, *work.take_tokens(is_data_file)]))
    return ()


def _is_place(token: str, said: str) -> bool:
    """A path; or a plain name where a colon, an equals sign or quotes say that it is meant."""
    plain = token.lower() not in _WORDS and is_marked(said)
    return is_path(token) or plain or ("-" in token and token.lower() not in _WORDS)


def _is_model(token: str, said: str) -> bool:
    """A name that models have: with digits, a size or an owner; or what a label or `teach X to` makes one."""
    if token.lower() in _WORDS or is_data_file(token) or re.fullmatch(r"[\d.,%]+[mb]?", token, re.IGNORECASE):
        return False
    labelled = bool(re.search(r"model\s*(?:is\s|[:=])|base[_ -]?model\s", said, re.IGNORECASE))
    return labelled or bool(re.search(r"\d", token)) or "/" in token


def _has_size(token: str) -> bool:
    """Whether a model's size is in its name; a size alone is no name."""
    return bool(_SIZE.search(token)) and not is_data_file(token) and not _SIZE_ALONE.fullmatch(token)


# -- the goal ----------------------------------------------------------------------------------------------------------

_GOAL = re.compile(r"\b(?:goal|task|objective)\s*(?:is|[:=])\s*([^;\n\0]+)", re.IGNORECASE)
_TASK = re.compile(rf"\b(?:{_VERBS[3:-1]}|learn|raise|increase|boost|reduce|lower|beat)\b", re.IGNORECASE)
_ENDS = re.compile(r"\0+|[;\n]|[.!?](?=\s|\0|$)")
_LOOSE = """
in on within for with using use by and then the a at from under against of as is are it please most no more than up to
measured evaluated scored train trained budget time wall clock"""
_LOOSE_WORDS = frozenset(_LOOSE.split())
_LOOSE_START = re.compile(
    r"^(?:[\s,:()–-]|\b(?:(?:i|we)(?:'d|\s+would)?\s+(?:want|like)(?:\s+you)?\s+to|(?:can|could|would)\s+you)\s|\b(?:and|then|please|in|on|with|using|for|by|at|so)\b(?!-))+",
    re.IGNORECASE,
)
_WORD = re.compile(r"\w+|[^\w\s,:(–-]")
_START = re.compile(r"(?:start|begin)(?:ing)?\s+(?:from|with)\b", re.IGNORECASE)  # says the model, not the goal
_FEWEST_WORDS = 3


def _goal(text: str) -> str | None:
    """The sentence that says what is to be learnt, without what the other fields took out of it."""
    labelled = _GOAL.search(text)
    if labelled:
        return _trimmed(labelled.group(1)) or None
    text = re.sub(r"(?<!\0)\0++(?=\s*+(?:,\s*+)?(?:to|so)\b)", " ", text)  # `train X on \0 to do Y` is one sentence
    pieces = [piece for piece in (_trimmed(p) for p in _ENDS.split(text)) if len(piece.split()) >= _FEWEST_WORDS]
    pieces = [piece for piece in pieces if not _START.match(piece)]
    with_task = [piece for piece in pieces if _TASK.search(piece)]
    return next(iter(with_task or sorted(pieces, key=len, reverse=True)), None)


def _trimmed(piece: str) -> str:
    piece = _LOOSE_START.sub("", " ".join(piece.split()))
    meant = [found.end() for found in _WORD.finditer(piece) if found.group().lower() not in _LOOSE_WORDS]
    shorter = piece[: meant[-1] if meant else 0]
    return shorter[:1].upper() + shorter[1:]
