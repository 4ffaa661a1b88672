"""Questions with several right answers, and sentences with a blank: TriviaQA, NQ, SQuAD, DROP, WinoGrande.

Prompts follow lm-evaluation-harness. SQuAD: Rajpurkar et al., 2016, arXiv 1606.05250; DROP: Dua et al., 2019, arXiv
1903.00161; WinoGrande: Sakaguchi et al., 2019, arXiv 1907.10641.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from labwright.contracts.specs import GenerationSpec, ScorerSpec
from labwright.referee.known.draft import Question, UnusableRowError
from labwright.referee.known.layout import Layout
from labwright.referee.known.reading import Row, accepted, name_in, several, text

BLANK = "_"
_MARKS = (BLANK, "____", "[blank]", "[[blank]]")
_SHORT = GenerationSpec(few_shot=5, shot_separator="\n\n", max_new_tokens=32, stop=("\n", ".", ","))
_OPEN = _SHORT.model_copy(update={"shot_separator": "\n", "description": "Answer these questions:\n\n"})
_READING = GenerationSpec(few_shot=2, shot_separator="\n\n", max_new_tokens=32, stop=("\n",))
SPANS_APART = ";"
_SAME = ScorerSpec(kind="exact", normalise=("lower", "punctuation", "whitespace"))
_SAME_BUT_ARTICLES = ScorerSpec(kind="exact", normalise=("lower", "punctuation", "articles", "whitespace"))
_WORDS = ScorerSpec(kind="f1")


def _triviaqa(row: Row) -> Question:
    answer = row.get("answer")
    if not isinstance(answer, dict):
        raise UnusableRowError("`answer` holds no aliases")
    found = accepted(answer.get("value"), answer.get("aliases"))
    return several(f"Question: {text(row, 'question')}?\nAnswer:", found, name_in(row, "question_id"))


def _nq_open(row: Row) -> Question:
    return several(f"Q: {text(row, 'question')}?\nA:", accepted(row.get("answer")))


def _squad(row: Row) -> Question:
    answers = row.get("answers")
    found = accepted(answers.get("text") if isinstance(answers, dict) else answers)
    if not found:
        raise UnusableRowError("its passage does not answer it")
    title = row.get("title")
    lead = f"Title: {title}\n\n" if isinstance(title, str) and title else ""
    asked = f"Background: {text(row, 'context')}\n\nQuestion: {text(row, 'question').strip()}\n\nAnswer:"
    return several(lead + asked, found, name_in(row, "id"))


def drop(row: Row) -> Question:
    """A row of DROP: each person's answer is a list of spans."""
    others = _one_by_one(row.get("validated_answers"))
    found = tuple(dict.fromkeys(filter(None, map(_drop_answer, (row.get("answer"), *others)))))
    if not found:
        raise UnusableRowError("there is no answer")
    shown = f"{SPANS_APART} ".join(found[0])
    prompt = f"{text(row, 'passage')} {text(row, 'question')}"
    return Question(prompt, shown, spans=found, name=name_in(row, "query_id"))


def _drop_answer(answer: JsonValue) -> tuple[str, ...]:
    """A number, a list of spans, or a date."""
    if not isinstance(answer, dict):
        return ()
    number, date = answer.get("number"), answer.get("date")
    if number not in ("", None):
        return (str(number),)
    spans = answer.get("spans")
    listed = [str(each) for each in spans if isinstance(each, str | int | float)] if isinstance(spans, list) else []
    if listed:
        return tuple(listed) if listed[0].strip() else ()
    said = " ".join(str(date.get(part) or "") for part in ("day", "month", "year")) if isinstance(date, dict) else ""
    return (said.strip(),) if said.strip() else ()


def _one_by_one(columns: JsonValue) -> list[JsonValue]:
    """Answers that lie as columns, or as a list, as a list."""
    if isinstance(columns, list):
        return columns
    if not isinstance(columns, Mapping):
        return []
    lists = {name: values for name, values in columns.items() if isinstance(values, list)}
    longest = max((len(values) for values in lists.values()), default=0)
    return [{name: values[at] for name, values in lists.items() if at < len(values)} for at in range(longest)]


def _winogrande(row: Row) -> Question:
    sentence, options = text(row, "sentence"), (text(row, "option1"), text(row, "option2"))
    place = text(row, "answer").strip()
    if place not in ("1", "2"):
        raise UnusableRowError("there is no answer")
    head, mark, tail = sentence.partition(BLANK)
    if not mark:
        raise UnusableRowError("the sentence has no blank")
    return filled(head, options, f" {tail.strip()}", options[int(place) - 1])


def filled(head: str, choices: Sequence[str], tail: str, answer: str) -> Question:
    """A sentence with a blank, scored by what follows it. Raises UnusableRowError where there is nothing to score."""
    if not tail.strip():
        raise UnusableRowError("nothing follows the blank")
    mark = next((each for each in _MARKS if each not in head + tail), None)
    if mark is None:
        raise UnusableRowError("the sentence has several blanks")
    return Question(f"{head}{mark}{tail}", answer, tuple(choices), blank=mark)


_BY_WORDS = ("scored by the F1 of words, as SQuAD counts it",)
_CHOOSING = GenerationSpec(few_shot=5, shot_separator="\n\n", max_new_tokens=1)

LAYOUTS: tuple[Layout, ...] = (
    Layout(
        "triviaqa", ("question", "answer"), _triviaqa, _SAME, _SHORT, names=re.compile("trivia"), metric="exact match"
    ),
    Layout(
        "nq-open",
        ("question", "answer"),
        _nq_open,
        _SAME_BUT_ARTICLES,
        _OPEN,
        names=re.compile("nq_?-?open|natural_?-?questions"),
        metric="exact match",
    ),
    Layout("squad", ("context", "question", "answers"), _squad, _WORDS, _READING, metric="f1", notes=_BY_WORDS),
    Layout(
        "drop",
        ("passage", "question", "answer", "validated_answers"),
        drop,
        ScorerSpec(kind="spans", separator=SPANS_APART),
        _READING,
        metric="f1",
        notes=(f"scored by DROP's own F1; an output's spans are parted by `{SPANS_APART}`, as worked examples show",),
    ),
    Layout(
        "winogrande", ("sentence", "option1", "option2", "answer"), _winogrande, ScorerSpec(kind="choice"), _CHOOSING
    ),
)
