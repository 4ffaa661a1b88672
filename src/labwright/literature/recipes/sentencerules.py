"""Recipes out of prose: sentences that give hyperparameters, and sentences that give a result on a benchmark."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from labwright.contracts.literature import Hyperparameter, Recipe
from labwright.literature.recipes.checking import plausible
from labwright.literature.recipes.numbers import Number, plain, spotted
from labwright.literature.recipes.passages import LONGEST_QUOTE
from labwright.literature.recipes.tablerules import Named, methods_in
from labwright.literature.recipes.vocabulary import (
    BASE_MODEL,
    BENCHMARK,
    BY_NAME,
    DATASET,
    METHOD,
    METRIC,
    NAMED_AS_BASE,
    SETTINGS,
    Setting,
)

_LONGEST_SENTENCE = 1_000
_ABBREVIATED = re.compile(r"(?:\b(?:e\.g|i\.e|et al|cf|vs|resp|approx|Fig|Sec|Eq|Tab|App|No|Dr)\.|\b[A-Z]\.)$")
_ENDS = re.compile(r"[.!?][\"')\]]?\s+(?=[\"'“(\[$\\*A-Z0-9])|\n(?=[ \t]{0,12}(?:[-*•+]|\d{1,2}[.)])\s)|\n\s*\n")
_BULLET = re.compile(r"\s*(?:[-*•+]|\d{1,2}[.)])\s")

_LINK = re.compile(
    r"\s*(?:\([^()]{0,20}\)\s*|[^\W\d]\s*(?==))?"
    r"(?:(?:is|was|were|are|being|has|been|fixed|kept|set|of|to|at|as|equals?|values?|a|the|use|used|=|:|≈|around|about"
    r"|approximately|up|we)\s*(?![a-z])\s*){0,5}[\[(]?",
    re.IGNORECASE,
)
_LISTED = re.compile(r"\s*(?:,|,?\s*(?:and|or|to)|/|-)\s*")
_FOLLOWED_BY: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("epochs", re.compile(r"[\s-](?:(?:full|training|complete)\s)?epochs?\b(?!\s*=)")),
    ("warmup_steps", re.compile(r"[\s-](?:linear )?warm-?\s?up (?:steps|iterations)\b")),
    ("gradient_accumulation", re.compile(r"[\s-](?:gradient[\s-])?accumulation steps\b")),
    ("max_steps", re.compile(r"[\s-](?:(?:training|gradient|optimi[sz](?:er|ation)|update|policy|RL)\s)?steps\b")),
    ("warmup_ratio", re.compile(r"\s?(?:linear\s)?(?:learning rate\s)?warm-?\s?up\b(?! (?:steps|iterations))")),
    ("effective_batch_size", re.compile(r"\s(?:effective|global|total) batch size\b")),
    ("batch_size", re.compile(r"\s(?:mini-?)?batch size\b")),
    ("num_generations", re.compile(r"\s(?:responses|samples|completions|rollouts|outputs|generations) (?:per|for each) "
                                   r"(?:prompt|question|query)\b")),
)  # fmt: skip
_OTHER_STEPS = re.compile(r"(?:every|each|per|after|first|denoising|reasoning|logging|in)\s*$", re.IGNORECASE)
_OPTIMISER = re.compile(
    r"\b(?:AdamW(?:[ -]8bit)?|Adam|Adafactor|RMSProp|Lion|Muon|Sophia)\b(?=[^.]{0,40}optimi[sz]er|\s*[\[(,.;]|$)"
)
_SCHEDULE = re.compile(
    r"\b(cosine|linear|constant|polynomial)"
    r"(?=[ -](?:(?:learning[ -]rate|lr) )?(?:decay|schedul\w+|anneal\w+|learning[ -]rate))",
    re.IGNORECASE,
)
_PRECISION = re.compile(r"\b(?:bf16|bfloat16|fp16|float16|fp32|float32)\b", re.IGNORECASE)
_WORDED = (("optimizer", _OPTIMISER), ("schedule", _SCHEDULE), ("precision", _PRECISION))

_ON = re.compile(r"\s*(?:%|percent|points?)?\s*(?:[\w@-]+\s+){0,3}?(?:on|in|for|at)\s+(?:the\s+)?$")
_REACHES = re.compile(
    r"^(?:\s+[\w@-]+){0,4}?\s*(?:from\s+(?P<from>[\d.]{1,8}\s?%?)\s+to\s+|(?:of|is|to|reach\w*|scores?|:|=|\()\s*)$"
)
_FROM_TO = re.compile(r"from\s+(?P<from>[\d.]{1,8}\s?%?)\s+to\s+$")
_A_CHANGE = re.compile(r"(?:by|gains? of|improvements? of|increase of|drop of|\+)\s*(?:up to\s+)?$", re.IGNORECASE)
_NO_SCORE = re.compile(
    r"\s*-?\s*(?:shots?|epochs?|steps?|examples?|samples?|problems?|questions?|times|x\b|×|B\b|k\b|seeds?)"
)
_ALSO_OF_EVALUATION = frozenset({"temperature", "precision", "max_completion_length", "num_generations"})
_OF_OTHERS = re.compile(  # their subject is somebody else: not "following Smith et al., we use"
    r"(?<![A-Za-z])(?:et al\.?,?|(?:[Pp]rior|[Pp]revious|[Ee]arlier) (?:works?|studies|approaches|papers))"
    r"(?:\s*(?:\([^()]{1,40}\)|\[[^\[\]]{1,40}\]))?\s+(?:\w+ly\s+)?"
    r"(?:train|fine-?\s?tun|use[sd]?\b|set|employ|adopt|appl|report|chose|choose|optimi[sz])"
)
_BY_THEM = re.compile(r"\b(?:we|our|ours)\b|fine-?\s?tun|train", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Sentence:
    start: int
    end: int
    plain: str
    settings: tuple[Hyperparameter, ...]

    @property
    def names(self) -> bool:
        """Whether it says what is trained, on what, or how."""
        return any(pattern.search(self.plain) for pattern in (BASE_MODEL, DATASET, METHOD))


def recipes_of_prose(text: str, spans: Sequence[tuple[int, int]], section: str) -> Iterator[Recipe]:
    """What the sentences of some parts of a text say of training and its results.

    Args:
        text: of a section.
        spans: the parts of it that are prose.
        section: its title, for the method where sentences name none.
    """
    for start, end in spans:
        for block in _blocks(text, start, end):
            sentences = [_sentence(text, a, b) for a, b in block if b - a <= _LONGEST_SENTENCE]
            yield from _settings_of(text, sentences, section)
            for sentence in sentences:
                yield from _results_of(text, sentence)


def _blocks(text: str, start: int, end: int) -> Iterator[list[tuple[int, int]]]:
    """Paragraphs as lists of sentences; the items of one list are one paragraph."""
    block: list[tuple[int, int]] = []
    after = start
    for a, b in _sentences(text, start, end):
        gap = text[after:a]
        if block and "\n\n" in gap and not (_BULLET.match(text[a:b]) and _BULLET.match(text[slice(*block[-1])])):
            yield block
            block = []
        block.append((a, b))
        after = b
    if block:
        yield block


def _sentences(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    first = start
    for match in _ENDS.finditer(text, start, end):
        stop = match.start() + (match.group()[0] in ".!?")
        if text[match.start()] == "." and _ABBREVIATED.search(text, max(first, stop - 8), stop):
            continue
        if text[first:stop].strip():
            yield first + len(text[first:stop]) - len(text[first:stop].lstrip()), stop
        first = match.end()
    if text[first:end].strip():
        yield first + len(text[first:end]) - len(text[first:end].lstrip()), first + len(text[first:end].rstrip())


def _sentence(text: str, start: int, end: int) -> _Sentence:
    said = " ".join(plain(text[start:end]).split())
    others = _OF_OTHERS.search(said) is not None
    return _Sentence(start, end, said, () if others else tuple(_settings(said)))


# Hyperparameters


def _settings_of(text: str, sentences: Sequence[_Sentence], section: str) -> Iterator[Recipe]:
    """Neighbouring sentences with settings are one recipe, until one of them sets the same thing anew."""
    group: list[_Sentence] = []
    before: list[_Sentence] = []  # sentences with names just before the group
    for sentence in [*sentences, None]:
        taken = {h.name for member in group for h in member.settings}
        again = sentence is not None and (any(h.name in taken for h in sentence.settings) or _turns(sentence, group))
        far = sentence is None or (group and sentence.start - group[-1].end > LONGEST_QUOTE // 3)
        too_long = sentence is not None and group and sentence.end - group[0].start > LONGEST_QUOTE - 100
        if group and (again or far or too_long):
            if taken - _ALSO_OF_EVALUATION:
                yield _recipe_of(text, before, group, section)
            before, group = [], []
        if sentence is None:
            break
        if sentence.settings:
            group.append(sentence)
        elif not group:
            before = [*before[-1:], sentence] if sentence.names else []


def _turns(sentence: _Sentence, group: Sequence[_Sentence]) -> bool:
    """Whether a sentence with settings turns to another method than those before it."""
    methods = set(methods_in(sentence.plain))
    return bool(sentence.settings and methods and not methods & {m for s in group for m in methods_in(s.plain)})


def _recipe_of(text: str, before: Sequence[_Sentence], group: Sequence[_Sentence], section: str) -> Recipe:
    first = before[0].start if before and group[-1].end - before[0].start <= LONGEST_QUOTE else group[0].start
    quote = text[first : group[-1].end]
    said = " ".join(plain(quote).split())
    named = Named.by(said)
    around = () if METHOD.search(said) else methods_in(section)
    return Recipe(
        paper="",
        base_model=named.base_model or _named_as_base(said),
        method=named.method or (around[0] if len(around) == 1 else ""),
        datasets=named.datasets,
        hyperparameters=tuple(h for sentence in group for h in sentence.settings),
        quote=quote,
    )


def _named_as_base(said: str) -> str:
    """Of several models the one that the text says was trained."""
    trained = {
        m.group() for m in BASE_MODEL.finditer(said) if NAMED_AS_BASE.search(said, max(0, m.start() - 80), m.start())
    }
    return trained.pop() if len(trained) == 1 else ""


def _settings(said: str) -> Iterator[Hyperparameter]:
    """The hyperparameters of one sentence, each once, as they come."""
    written = spotted(said)
    begins = {number.start: at for at, number in enumerate(written)}
    lora = "lora" in said.casefold()
    found: dict[str, list[Number]] = {}
    used: set[int] = set()
    for setting in SETTINGS:
        if setting.words or (setting.lora and not lora):
            continue
        for match in _label(setting).finditer(said):
            link = _LINK.match(said, match.end())
            at = begins.get(link.end() if link else match.end())
            if at is None or at in used or setting.name in found:
                continue
            several = match.group().casefold().endswith(("rates", "sizes", "lengths"))
            taken = _run(said, written, at) if several else [written[at]]
            if plausible(setting, taken):
                used.update(range(at, at + len(taken)))
                found[setting.name] = taken
    for at, number in enumerate(written):
        if at not in used and (name := _unit(said, number)) and name not in found:
            found[name] = [number]
    for name, taken in sorted(found.items(), key=lambda item: item[1][0].start):
        yield Hyperparameter(name, said[taken[0].start : taken[-1].end].strip())
    if found or "optimi" in said.casefold():
        yield from _worded(said)


def _worded(said: str) -> Iterator[Hyperparameter]:
    for name, pattern in _WORDED:
        values = {match.group() for match in pattern.finditer(said)}
        if len(values) == 1:
            yield Hyperparameter(name, values.pop())


def _run(said: str, written: Sequence[Number], at: int) -> list[Number]:
    """The numbers of a list that begins here: learning rates of 1e-5, 2e-5 and 5e-5."""
    taken = [written[at]]
    for number in written[at + 1 :]:
        if not _LISTED.fullmatch(said, taken[-1].end, number.start):
            break
        taken.append(number)
    return taken


def _unit(said: str, number: Number) -> str:
    """The hyperparameter whose unit follows the number: 3 epochs."""
    for name, pattern in _FOLLOWED_BY:
        if pattern.match(said, number.end) and plausible(BY_NAME[name], [number]):
            other = "steps" in name and _OTHER_STEPS.search(said, max(0, number.start - 20), number.start)
            return "" if other else name
    return ""


def _label(setting: Setting) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w])(?:{setting.label})(?![^\W\d_])", re.IGNORECASE)


# Results


def _results_of(text: str, sentence: _Sentence) -> Iterator[Recipe]:
    said = sentence.plain
    if _OF_OTHERS.search(said):
        return
    if not (METHOD.search(said) or _BY_THEM.search(said)) or not BENCHMARK.search(said):
        return
    written = [
        n for n in spotted(said) if not _NO_SCORE.match(said, n.end) and not BENCHMARK.search(said[n.start : n.end])
    ]
    done: set[tuple[str, str]] = set()
    for match in BENCHMARK.finditer(said):
        for number in written:
            baseline = _scored(said, number, match)
            score = said[number.start : number.end].strip()
            if baseline is None or (match.group(), score) in done or number.value < 0:
                continue
            done.add((match.group(), score))
            named = Named.by(said, match.group())
            metric = METRIC.search(BENCHMARK.sub(" ", said))
            yield Recipe(
                paper="",
                base_model=named.base_model or _named_as_base(said),
                method=named.method,
                datasets=named.datasets,
                benchmark=match.group(),
                metric=metric.group() if metric else "",
                result=score,
                baseline=baseline,
                quote=text[sentence.start : sentence.end],
            )
            break


def _scored(said: str, number: Number, benchmark: re.Match[str]) -> str | None:
    """None where the number is no score on this benchmark; else the score that it rose from, or an empty text."""
    before = said[max(0, number.start - 40) : number.start]
    if _A_CHANGE.search(before):
        return None
    if number.end <= benchmark.start():
        if not _ON.fullmatch(said, number.end, benchmark.start()):
            return None
        rise = _FROM_TO.search(before)
        return rise["from"].strip() if rise else ""
    between = _REACHES.match(said[benchmark.end() : number.start])
    if between is None:
        return None
    return (between["from"] or "").strip()
