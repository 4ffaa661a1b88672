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
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from labwright.agent.durations import AT_MOST, BEFORE_DURATION, DURATION, duration_s, seconds

Field = Literal["goal", "base_model", "benchmark", "data", "wall_clock"]
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

    @property
    def missing(self) -> tuple[Field, ...]:
        """The fields without which there is no study."""
        if self.study:
            return ()
        has: Mapping[Field, object] = {
            "goal": self.goal,
            "base_model": self.base_model,
            "benchmark": self.benchmark,
            "data": self.data,
            "wall_clock": self.wall_clock_s,
        }
        return tuple(name for name in FIELDS if not has[name])

    @property
    def says_nothing(self) -> bool:
        """Whether the text is no request for a study at all."""
        return not (self.study or self.base_model or self.benchmark or self.data)


def read(text: str) -> Wanted:
    """What a person's text asks for."""
    work = _Text(text)
    study = work.take(_STUDY, "study")
    wall_clock_s = _take_duration(work)
    usd = work.take_number(_USD)
    runs = work.take_number(_RUNS)
    benchmark = work.first(_BENCHMARK, _is_place)
    data = _take_data(work)
    benchmark = benchmark or work.take_token(lambda t: "bench" in t.lower() and _is_path(t))
    labelled = work.first(_LABELLED_MODEL, _is_model)
    goal_of = work.rest
    model = labelled or work.first(_USED_MODEL, _is_model, keep=True) or work.take_token(_has_size, keep=True)
    return Wanted(
        goal=_goal(goal_of),
        base_model=model,
        benchmark=benchmark,
        data=data,
        wall_clock_s=wall_clock_s,
        usd=usd,
        runs=int(runs) if runs is not None else None,
        study=study.removesuffix("study.yaml").rstrip("/") or "." if study else None,
    )


def read_answer(field: Field, answer: str, wanted: Wanted) -> Wanted:
    """The wanted study with one field filled in from the answer to a question about it; it may say others as well."""
    told = read(answer)
    merged = merge(wanted, told)
    if field not in merged.missing:
        return merged
    bare = _bare(answer.strip())
    if not bare:
        return merged
    match field:
        case "goal":
            return replace(merged, goal=" ".join(answer.split()).rstrip("."))
        case "base_model":
            return replace(merged, base_model=bare)
        case "benchmark":
            return replace(merged, benchmark=bare)
        case "data":
            return replace(
                merged, data=tuple(_bare(t) for t in re.split(r"\s*(?:,|\band\b|\s)\s*", answer) if _bare(t))
            )
        case "wall_clock":
            return replace(merged, wall_clock_s=duration_s(answer))


def merge(first: Wanted, then: Wanted) -> Wanted:
    """Both, where what was said later counts; a goal that was given stays."""
    return Wanted(
        goal=first.goal or then.goal,
        base_model=then.base_model or first.base_model,
        benchmark=then.benchmark or first.benchmark,
        data=then.data or first.data,
        wall_clock_s=then.wall_clock_s or first.wall_clock_s,
        usd=then.usd if then.usd is not None else first.usd,
        runs=then.runs or first.runs,
        study=then.study or first.study,
    )


def named_paths(text: str) -> tuple[str, ...]:
    """The paths that a person wrote out: with a slash, a leading dot or tilde, or quoted like a file."""
    return tuple(dict.fromkeys(_bare(m.group()) for m in re.finditer(_TOKEN, text) if _is_path(_bare(m.group()))))


# -- places and models -------------------------------------------------------------------------------------------------

_TOKEN = r"(?:\"[^\"\n]+\"|'[^'\n]+'|`[^`\n]+`|[^\s;,\"'`\0]+)"
_ALONE = r"(?<![\w/.-])"  # a label is no part of a path
_IS = (
    r"(?![\w/.-])\s*(?:(?:is|are|in|at|from|under|of|lies\s+in|directory|dir|folder|files?|path|pack)\s+)*(?:[:=]\s*)?"
)
_MEASURED = r"(?:measured|evaluated|scored|judged|tested|benchmarked|evaluate|measure|score|test)"
_BENCHMARK = (
    rf"(?:\b(?:on|using|use|with|against|by)\s+)?(?:the\s+)?{_ALONE}bench(?:mark)?{_IS}(?P<token>{_TOKEN})",
    rf"\b(?:use\s+)?(?P<token>{_TOKEN})\s+(?:as|is)\s+(?:the\s+|a\s+)?bench(?:mark)?\b",
    rf"\b{_MEASURED}\s+(?:it\s+)?(?:by|on|with|against|in)\s+(?:the\s+)?(?P<token>{_TOKEN})",
)
_DATA_LABEL = r"(?:train(?:ing)?[- ]?)?(?:data(?:[- ]?sets?|[- ]?files?)?|examples)"
_DATA = (
    rf"(?:\b(?:on|using|use|with|from)\s+)?(?:the\s+)?{_ALONE}{_DATA_LABEL}{_IS}(?P<token>{_TOKEN})",
    rf"\b(?:and\s+)?(?:train(?:ed|ing)?|learn(?:ing)?)\s+(?:it\s+)?(?:on|with|from)\s+(?:the\s+)?(?P<token>{_TOKEN})",
    rf"\b(?:use\s+)?(?P<token>{_TOKEN})\s+(?:as|is|are)\s+(?:the\s+)?(?:training\s+)?data\b",
    rf"(?:\b(?:on|using|with|from)\s+)?(?<![\w/.])(?P<token>{_TOKEN})",
)
_MORE_DATA = re.compile(rf"\s*(?:,\s*(?:and\s+)?|\band\s+|\+\s*)(?P<token>{_TOKEN})", re.IGNORECASE)
_LABELLED_MODEL = (
    rf"\b(?:base[_ -]?)?model\s*(?:is\s+|[:=]\s*)(?P<token>{_TOKEN})",
    rf"\bbase[_ -]?model\s+(?P<token>{_TOKEN})",
)
_VERBS = r"(?:teach|train|fine-?\s?tune|post-?\s?train|improve|make|get|adapt|tune|take|help|enable|turn)"
_USED_MODEL = (
    rf"\b{_VERBS}\s+(?:up\s+)?(?:the\s+)?(?:base\s+)?(?:model\s+)?(?P<token>{_TOKEN})",
    rf"\bmodel\s+(?P<token>{_TOKEN})",
    rf"(?P<token>{_TOKEN})\s+model\b",
)
_STUDY = (
    rf"(?:\b(?:run|start|do)\s+)?(?:the\s+)?"
    rf"(?:\bstudy\s+(?:in|at|from|[:=])\s*(?P<token>{_TOKEN})|(?P<file>[^\s;,]*study\.yaml))"
)
_USD = (
    r"(?:\b(?:for|spend|costs?|budget(?:\s+of)?|and)\s+)?(?:\b(?:at\s+most|up\s+to|no\s+more\s+than|under|max(?:imum)?)\s+)?"
    r"(?:\$\s?(\d+(?:\.\d+)?)|(?<![\w.])(\d+(?:\.\d+)?)\s*(?:\$|dollars?|usd|bucks)\b|\busd\s*(\d+(?:\.\d+)?))"
)
_RUNS = (
    r"(?:\b(?:at\s+most|up\s+to|no\s+more\s+than|max(?:imum)?|in|with)\s+)?"
    r"(?:(?<![\w.])(\d+)\s+(?:training\s+)?runs\b|\bruns\s*[:=]\s*(\d+))"
)
_DATA_FILE = re.compile(r"\.(?:jsonl|ndjson|parquet|json)$", re.IGNORECASE)
_SIZE = re.compile(r"(?:^|[-_/.])\d+(?:\.\d+)?[mb](?=$|[-_.])", re.IGNORECASE)
_NO_NAMES = """
a an the it its this that them my our your and or to in on at of for with by from as is are be better good best use
model models base data dataset benchmark score scores accuracy results sure using which small large language"""
_WORDS = frozenset(_NO_NAMES.split())


class _Text:
    """A text from which fields are taken: what was taken is blanked, so that it is not read twice."""

    def __init__(self, text: str) -> None:
        self.rest = text

    def search(self, pattern: str) -> re.Match[str] | None:
        return re.search(pattern, self.rest, re.IGNORECASE)

    def blank(self, span: tuple[int, int]) -> None:
        start, end = span
        self.rest = self.rest[:start] + "\0" * (end - start) + self.rest[end:]

    def take(self, pattern: str, _what: str) -> str | None:
        found = self.search(pattern)
        if found is None:
            return None
        self.blank(found.span())
        return _bare(found.group("token") or found.group("file"))

    def take_number(self, pattern: str) -> float | None:
        found = self.search(pattern)
        if found is None:
            return None
        self.blank(found.span())
        return float(next(group for group in found.groups() if group is not None))

    def first(self, patterns: tuple[str, ...], fits: Callable[[str, str], bool], *, keep: bool = False) -> str | None:
        """The token of the first pattern that fits; it is blanked with its label unless it is kept."""
        for pattern in patterns:
            for found in re.finditer(pattern, self.rest, re.IGNORECASE):
                token = found.group("token")
                if "\0" not in token and fits(_bare(token), found.group()):
                    if not keep:
                        self.blank((found.start(), found.start("token") + len(_unstopped(token))))
                    return _bare(token)
        return None

    def take_token(self, fits: Callable[[str], bool], *, keep: bool = False) -> str | None:
        return self.first((rf"(?P<token>{_TOKEN})",), lambda token, _: fits(token), keep=keep)


def _take_duration(work: _Text) -> float | None:
    """The likeliest duration: said to be a budget, or else standing alone, or else spelled out."""
    closing = r"(?:\s+(?:max|total|in\s+all|budget|of\s+time))?\s*(?=$|[;\n.,)])"
    alone = rf"(?:^|(?<=[;\n.,(]))\s*(?:and\s+)?(?:{AT_MOST})?({DURATION}){closing}"
    spelled = rf"({DURATION})(?<=[a-z]{{3}})"
    for pattern in (rf"{BEFORE_DURATION}({DURATION})", rf"{AT_MOST}({DURATION})", alone, spelled):
        found = work.search(pattern)
        if found is not None:
            work.blank(found.span())
            return seconds(found.group(1))
    return None


def _take_data(work: _Text) -> tuple[str, ...]:
    """The training files: the first one by its label or its looks, and those that follow it in a list."""
    for number, pattern in enumerate(_DATA):
        for found in re.finditer(pattern, work.rest, re.IGNORECASE):
            token = found.group("token")
            looks_enough = number < len(_DATA) - 1 and _is_place(_bare(token), found.group())
            if "\0" in token or not (_DATA_FILE.search(_bare(token)) or looks_enough):
                continue
            end = found.start("token") + len(_unstopped(token))
            files = [_bare(token)]
            while (more := _MORE_DATA.match(work.rest, end)) and _DATA_FILE.search(_bare(more.group("token"))):
                files.append(_bare(more.group("token")))
                end = more.start("token") + len(_unstopped(more.group("token")))
            work.blank((found.start(), end))
            return tuple(dict.fromkeys([*files, *_further(work)]))
    return ()


def _further(work: _Text) -> Iterator[str]:
    """Training files that stand elsewhere in the text."""
    while (file := work.take_token(lambda t: bool(_DATA_FILE.search(t)))) is not None:
        yield file


def _is_path(token: str) -> bool:
    return (
        ("/" in token and "://" not in token) or token.startswith(("./", "~", "..")) or bool(_DATA_FILE.search(token))
    )


def _is_place(token: str, said: str) -> bool:
    """A path; or a plain name where a colon, an equals sign or quotes say that it is meant."""
    plain = token.lower() not in _WORDS and bool(re.search(r"[:=]\s*\S+$|[\"'`]", said))
    return _is_path(token) or plain or ("-" in token and token.lower() not in _WORDS)


def _is_model(token: str, said: str) -> bool:
    """A name that models have: with digits, a size or an owner; or what a label or `teach X to` makes one."""
    if token.lower() in _WORDS or _DATA_FILE.search(token) or re.fullmatch(r"[\d.,%]+", token):
        return False
    labelled = bool(re.search(r"model\s*(?:is\s|[:=])|base[_ -]?model\s", said, re.IGNORECASE))
    return labelled or bool(re.search(r"\d", token)) or "/" in token


def _has_size(token: str) -> bool:
    return bool(_SIZE.search(token)) and not _DATA_FILE.search(token)


def _unstopped(token: str) -> str:
    return token if token[:1] in "\"'`" else token.rstrip(".,;:!?)")


def _bare(token: str) -> str:
    """A token without quotes and without the punctuation of its sentence."""
    token = _unstopped(token.strip())
    return token[1:-1] if len(token) > 1 and token[0] in "\"'`" and token[-1] == token[0] else token.strip("\"'`(")


# -- the goal ----------------------------------------------------------------------------------------------------------

_GOAL = re.compile(r"\b(?:goal|task|objective)\s*(?:is|[:=])\s*([^;\n\0]+)", re.IGNORECASE)
_TASK = re.compile(rf"\b(?:{_VERBS[3:-1]}|learn|raise|increase|boost|reduce|lower|beat)\b", re.IGNORECASE)
_ENDS = re.compile(r"\0+|[;\n]|[.!?](?=\s|\0|$)")
_LOOSE = (
    r"(?:in|on|within|for|with|using|use|by|and|then|the|a|at|from|under|against|of|as|is|are|it|please|most|no|more"
    r"|than|up|to|measured|evaluated|scored|train|trained|budget|time|wall|clock)"
)
_LOOSE_START = re.compile(
    r"^(?:[\s,:()–-]|\b(?:(?:i|we)(?:'d|\s+would)?\s+(?:want|like)(?:\s+you)?\s+to|(?:can|could|would)\s+you)\s|\b(?:and|then|please|in|on|with|using|for|by|at|so)\b(?!-))+",
    re.IGNORECASE,
)
_LOOSE_END = re.compile(rf"(?:[\s,:(–-]|\b{_LOOSE})+$", re.IGNORECASE)
_FEWEST_WORDS = 3


def _goal(text: str) -> str | None:
    """The sentence that says what is to be learnt, without what the other fields took out of it."""
    labelled = _GOAL.search(text)
    if labelled:
        return _trimmed(labelled.group(1)) or None
    text = re.sub(r"\0+(?=\s*,?\s*(?:to|so)\b)", " ", text)  # `train X on \0 to do Y` is one sentence
    pieces = [piece for piece in (_trimmed(p) for p in _ENDS.split(text)) if len(piece.split()) >= _FEWEST_WORDS]
    with_task = [piece for piece in pieces if _TASK.search(piece)]
    return next(iter(with_task or sorted(pieces, key=len, reverse=True)), None)


def _trimmed(piece: str) -> str:
    piece = _LOOSE_START.sub("", " ".join(piece.split()))
    shorter = _LOOSE_END.sub("", f" {piece}").strip()
    return shorter[:1].upper() + shorter[1:]
