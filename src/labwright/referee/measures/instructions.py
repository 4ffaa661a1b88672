"""Instructions that a program can check ("at least 300 words, no commas"), as IFEval asks them: 25 kinds.

An implementation of our own, since the benchmark's programs fetch data and draw lots where they guess a language:
sentences are found by rules in place of a trained splitter, languages by data/languages, and keywords are texts, not
patterns. Every check is linear in the output, which is untrusted.

IFEval: Zhou et al., 2023, arXiv 2311.07911.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from labwright.data.languages import LANGUAGES, language_of

_ANSWERS = ("My answer is yes.", "My answer is no.", "My answer is maybe.")
_FENCES = ("```json", "```Json", "```JSON", "```")
_RELATIONS = ("less than", "at least")
_MARKS_IN_A_WORD = ".,?!'\""
# Scripts of languages that data/languages cannot tell, and IFEval asks for.
_BY_SCRIPT = {"gu": "\u0a80-\u0aff", "kn": "\u0c80-\u0cff", "ml": "\u0d00-\u0d7f", "pa": "\u0a00-\u0a7f",
              "mr": "\u0900-\u097f", "ne": "\u0900-\u097f"}  # fmt: skip
_END = re.compile(
    r"(?<![.!?\u2026])[.!?\u2026\u3002\uff01\uff1f\u0964]++[\"'\u201d\u2019)\]*_]*(?=\s|\Z|[\u3000-\u9fff])"
)
_TITLES = frozenset(
    (
        *("mr", "mrs", "ms", "dr", "prof", "st", "sr", "jr", "vs", "inc", "ltd", "corp", "vol", "gen", "capt", "lt"),
        *("sgt", "rev", "approx", "dept", "jan", "feb", "apr", "aug", "sept", "oct", "nov", "ph.d"),
    )
)
_INITIAL = re.compile(r"(?:[a-z]\.)*[a-z]")
_NEAR = 40  # characters before a mark that say whether a sentence ends
_WORD = re.compile(r"\w+")
_APART = re.compile(r"[\s\[\](){}<>,;:!?\"\u201c\u201d@#$%&`|=+*/\\^~]+|--+|\.\.+")
_SHORTENED = re.compile(r"(?<=\w)(?=(?:['\u2019](?:S|M|D|LL|RE|VE)|N['\u2019]T)\Z)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction by its IFEval id, such as `punctuation:no_comma`, and its settings."""

    id: str
    settings: Mapping[str, JsonValue]


class _Settings:
    """The settings of one instruction, typed. Raises ValueError, naming the setting."""

    def __init__(self, given: Mapping[str, JsonValue]) -> None:
        self._given = given

    def count(self, name: str) -> int:
        value = self._given.get(name)
        if isinstance(value, float) and value.is_integer():
            value = int(value)  # columns with gaps hold whole numbers as floats
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise ValueError(f"`{name}` has to be a whole number")
        return value

    def text(self, name: str) -> str:
        value = self._given.get(name)
        if not isinstance(value, str) or not value.strip():
            raise ValueError(f"`{name}` has to be a text")
        return value.strip()

    def words(self, name: str) -> list[str]:
        value = self._given.get(name)
        if not isinstance(value, list) or not value or not all(isinstance(each, str) and each for each in value):
            raise ValueError(f"`{name}` has to be a list of words")
        return [str(each) for each in value]

    def meets(self, name: str, wanted: str) -> Callable[[int], bool]:
        """`less than` or `at least` so many."""
        relation, number = self.text(name), self.count(wanted)
        if relation not in _RELATIONS:
            raise ValueError(f"`{name}` has to be one of: {', '.join(_RELATIONS)}")
        return (lambda found: found < number) if relation == _RELATIONS[0] else (lambda found: found >= number)


Check = Callable[[str], bool]


def follows(instruction: Instruction, output: str, *, loose: bool = False) -> bool:
    """Whether the output follows it; an empty one follows nothing.

    `loose` forgives a first and a last line (an introduction, a farewell) and stars, as IFEval's loose accuracy does.
    Raises ValueError where the instruction is none, see `fault_of`.
    """
    check = _checked(instruction)
    return any(each.strip() and check(each) for each in (_readings(output) if loose else [output]))


def fault_of(instruction: Instruction) -> str:
    """What is wrong with an instruction; empty where it can be checked."""
    try:
        _checked(instruction)
    except ValueError as error:
        return str(error)
    return ""


def _readings(output: str) -> list[str]:
    lines = output.split("\n")
    parts = [output, *("\n".join(part).strip() for part in (lines[1:], lines[:-1], lines[1:-1]))]
    return [*parts, *(part.replace("*", "") for part in parts)]


def _checked(instruction: Instruction) -> Check:
    maker = _KINDS.get(instruction.id)
    if maker is None:
        raise ValueError(f"there is no instruction {instruction.id!r}; known are: {', '.join(_KINDS)}")
    try:
        return maker(_Settings(instruction.settings))
    except ValueError as error:
        raise ValueError(f"{instruction.id}: {error}") from error


# -- words and lengths -------------------------------------------------------------------------------------------------


def _existence(said: _Settings) -> Check:
    keywords = [each.casefold() for each in said.words("keywords")]
    return lambda output: all(keyword in output.casefold() for keyword in keywords)


def _frequency(said: _Settings) -> Check:
    keyword, fits = said.text("keyword").casefold(), said.meets("relation", "frequency")
    return lambda output: fits(output.casefold().count(keyword))


def _forbidden(said: _Settings) -> Check:
    words = "|".join(re.escape(word) for word in said.words("forbidden_words"))
    pattern = re.compile(rf"\b(?:{words})\b", re.IGNORECASE)
    return lambda output: pattern.search(output) is None


def _letters(said: _Settings) -> Check:
    letter, fits = said.text("letter").lower(), said.meets("let_relation", "let_frequency")
    return lambda output: fits(output.lower().count(letter))


def _sentences(said: _Settings) -> Check:
    fits = said.meets("relation", "num_sentences")
    return lambda output: fits(count_sentences(output))


def count_sentences(text: str) -> int:
    """How many sentences: ends are marks before a blank, but not after initials, titles, or the number of a list."""
    count, start = 0, 0
    for match in _END.finditer(text):
        near = text[max(start, match.start() - _NEAR) : match.start()]
        words = near.split()
        before = words[-1].lower().lstrip("(\"'\u201c*") if words else ""
        is_listed = before.isdigit() and near.rpartition("\n")[2].strip() == before
        if match.group() == "." and (before in _TITLES or _INITIAL.fullmatch(before) or is_listed):
            continue
        count, start = count + 1, match.end()
    return count + bool(text[start:].strip())


def _number_words(said: _Settings) -> Check:
    fits = said.meets("relation", "num_words")
    return lambda output: fits(len(_WORD.findall(output)))


def _paragraphs(said: _Settings) -> Check:
    wanted = said.count("num_paragraphs")

    def check(output: str) -> bool:
        parts = [part.strip() for part in output.split("***")]
        inner = parts[1:-1]
        return all(inner) and sum(map(bool, parts)) == wanted

    return check


def _first_word(said: _Settings) -> Check:
    wanted, place, word = said.count("num_paragraphs"), said.count("nth_paragraph"), said.text("first_word").lower()

    def check(output: str) -> bool:
        parts = [part.strip() for part in output.split("\n\n")]
        count = sum(map(bool, parts))
        if count != wanted or not 1 <= place <= count or not parts[place - 1]:
            return False
        first = parts[place - 1].split()[0].lstrip("'").lstrip('"').lower()
        end = next((at for at, letter in enumerate(first) if letter in _MARKS_IN_A_WORD), len(first))
        return first[:end] == word

    return check


def _language(said: _Settings) -> Check:
    wanted = said.text("language")
    if wanted in _BY_SCRIPT:
        script = re.compile(f"[{_BY_SCRIPT[wanted]}]")
        return lambda output: 2 * len(script.findall(output)) >= sum(map(str.isalpha, output))
    if wanted not in (*LANGUAGES, "sw"):
        raise ValueError(f"the language {wanted!r} cannot be told here")
    if wanted == "sw":  # no word list: what is in no other language counts
        return lambda output: output.isascii() and language_of(output) is None
    return lambda output: language_of(output) == wanted or not any(map(str.isalpha, output))


# -- content and format ------------------------------------------------------------------------------------------------


def _placeholders(said: _Settings) -> Check:
    wanted = said.count("num_placeholders")
    return lambda output: sum(map(_bracketed, output.split("\n"))) >= wanted


def _bracketed(line: str) -> int:
    count, at = 0, line.find("[")
    while at >= 0 and (end := line.find("]", at)) >= 0:
        count, at = count + 1, line.find("[", end)
    return count


def _postscript(said: _Settings) -> Check:
    marker = said.text("postscript_marker")
    known = {"P.P.S": r"p\.\s?p\.\s?s", "P.S.": r"p\.\s?s\."}
    pattern = re.compile(known.get(marker, re.escape(marker.lower())))
    return lambda output: pattern.search(output.lower()) is not None


def _bullets(said: _Settings) -> Check:
    wanted = said.count("num_bullets")

    def check(output: str) -> bool:
        lines = [line.strip() for line in output.split("\n")]
        starred = sum(line.startswith("*") and not line.startswith("**") for line in lines)
        return starred + sum(line.startswith("-") for line in lines) == wanted

    return check


def _one_of_three(said: _Settings) -> Check:
    del said
    return lambda output: any(answer in output for answer in _ANSWERS)


def _highlights(said: _Settings) -> Check:
    wanted = said.count("num_highlights")

    def check(output: str) -> bool:
        single = re.findall(r"\*[^\n*]*\*", output)
        double = re.findall(r"\*\*[^\n*]*\*\*", output)
        return sum(bool(each.strip("*").strip()) for each in (*single, *double)) >= wanted

    return check


def _sections(said: _Settings) -> Check:
    wanted, mark = said.count("num_sections"), re.compile(re.escape(said.text("section_spliter")) + r"\s?\d+")
    return lambda output: len(mark.findall(output)) >= wanted


def _json(said: _Settings) -> Check:
    del said

    def check(output: str) -> bool:
        inner = output.strip()
        for fence in _FENCES:
            inner = inner.removeprefix(fence)
        try:
            json.loads(inner.removesuffix("```").strip())
        except (ValueError, RecursionError):
            return False
        return True

    return check


def _title(said: _Settings) -> Check:
    del said

    def is_title(line: str) -> bool:
        start, end = line.find("<<"), line.rfind(">>")
        return start >= 0 and bool(line[start:end].lstrip("<").rstrip(">").strip()) and end > start

    return lambda output: any(map(is_title, output.split("\n")))


def _two_responses(said: _Settings) -> Check:
    del said

    def check(output: str) -> bool:
        parts = [part.strip() for part in output.split("******")]
        given = [part for part in parts if part]
        return all(parts[1:-1]) and len(given) == 2 and given[0] != given[1]

    return check


def _repeats(said: _Settings) -> Check:
    request = said.text("prompt_to_repeat").lower()
    return lambda output: output.strip().lower().startswith(request)


def _ends(said: _Settings) -> Check:
    phrase = said.text("end_phrase").lower()
    return lambda output: output.strip().strip('"').lower().endswith(phrase)


def _quoted(said: _Settings) -> Check:
    del said
    return lambda output: len(output.strip()) > 1 and output.strip()[0] == output.strip()[-1] == '"'


def _no_comma(said: _Settings) -> Check:
    del said
    return lambda output: "," not in output


# -- case --------------------------------------------------------------------------------------------------------------


def _capitals(said: _Settings) -> Check:
    fits = said.meets("capital_relation", "capital_frequency")

    def check(output: str) -> bool:
        parts = (part for word in _APART.split(output) for part in _SHORTENED.split(word))
        return fits(sum(part.isupper() for part in parts))

    return check


def _english(is_in_case: Check) -> Callable[[_Settings], Check]:
    """In that case, and in no other language that can be told."""
    return lambda _: lambda output: is_in_case(output) and language_of(output) in (None, "en")


_KINDS: Mapping[str, Callable[[_Settings], Check]] = {
    "keywords:existence": _existence,
    "keywords:frequency": _frequency,
    "keywords:forbidden_words": _forbidden,
    "keywords:letter_frequency": _letters,
    "language:response_language": _language,
    "length_constraints:number_sentences": _sentences,
    "length_constraints:number_paragraphs": _paragraphs,
    "length_constraints:number_words": _number_words,
    "length_constraints:nth_paragraph_first_word": _first_word,
    "detectable_content:number_placeholders": _placeholders,
    "detectable_content:postscript": _postscript,
    "detectable_format:number_bullet_lists": _bullets,
    "detectable_format:constrained_response": _one_of_three,
    "detectable_format:number_highlighted_sections": _highlights,
    "detectable_format:multiple_sections": _sections,
    "detectable_format:json_format": _json,
    "detectable_format:title": _title,
    "combination:two_responses": _two_responses,
    "combination:repeat_prompt": _repeats,
    "startend:end_checker": _ends,
    "startend:quotation": _quoted,
    "change_case:capital_word_frequency": _capitals,
    "change_case:english_capital": _english(str.isupper),
    "change_case:english_lowercase": _english(str.islower),
    "punctuation:no_comma": _no_comma,
}
