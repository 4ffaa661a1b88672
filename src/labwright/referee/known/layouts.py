"""Datasets as they lie on the Hub: how their rows are questions, how they are asked, and how answers are scored.

Prompts follow lm-evaluation-harness where it has the benchmark, so that scores can be held against published ones.
"""

from __future__ import annotations

import hashlib
import math
import random
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from labwright.contracts.errors import UsageError
from labwright.contracts.specs import GenerationSpec, ScorerSpec
from labwright.referee.known import answers, arenas, contests, following, functions
from labwright.referee.known.conversation import conversation
from labwright.referee.known.draft import Question, UnusableRowError
from labwright.referee.known.layout import Layout, asked
from labwright.referee.known.reading import Row, name_in, text, texts, whole
from labwright.referee.measures.keys import Criterion

_CHOICE = GenerationSpec(few_shot=5, shot_separator="\n\n", max_new_tokens=1)
_LETTERED = GenerationSpec(few_shot=5, shot_separator="\n\n", max_new_tokens=1)
_REASONING = GenerationSpec(few_shot=5, shot_separator="\n\n", max_new_tokens=512, stop=("Question:", "Problem:"))
_COMPLETION = GenerationSpec(
    few_shot=0,
    shot_template="{prompt}{answer}",
    max_new_tokens=512,
    stop=("\nclass", "\ndef", "\n#", "\nif", "\nprint"),
)
_PROGRAM = GenerationSpec(few_shot=3, shot_template="{prompt}\n{answer}", shot_separator="\n\n", max_new_tokens=512)
_BY_LIKELIHOOD = ScorerSpec(kind="choice", length_normalised=True)
_BY_LETTER = ScorerSpec(kind="choice")
_BOXED = r"\\boxed\{((?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*)\}"
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def layout_of(columns: Collection[str], name: str) -> Layout | None:
    """The first layout that fits the columns and the dataset's name.

    Raises UsageError where a known benchmark is recognised that a pack cannot say; with the reason.
    """
    present = set(columns)
    for layout in LAYOUTS:
        if present.issuperset(layout.columns) and (layout.names is None or layout.names.search(name.lower())):
            return layout
    for shape in _REFUSED:
        if present.issuperset(shape.columns):
            raise UsageError(f"{shape.name} cannot be frozen faithfully: {shape.why}", where=name, cure=shape.cure)
    return None


@dataclass(frozen=True, slots=True)
class _Refused:
    """A known benchmark that a pack cannot say."""

    name: str
    columns: tuple[str, ...]
    why: str
    cure: str


_REFUSED = (
    _Refused(
        "BFCL without its answers",
        ("question", "function"),
        "the accepted calls lie in a file of their own",
        "name it: --answers possible_answer/FILE; a category that has none (relevance, multi-turn) cannot be added",
    ),
    _Refused(
        "Arena-Hard without a baseline",
        ("uid", "category", "prompt"),
        "outputs are held against a baseline's answers, which lie in a file of their own",
        "name it: --answers model_answer/MODEL.jsonl",
    ),
    _Refused(
        "Arena-Hard without a baseline",
        ("question_id", "category", "turns"),
        "outputs are held against a baseline's answers, which lie in a file of their own",
        "name it: --answers model_answer/MODEL.jsonl",
    ),
    _Refused(
        "DROP as it lies here",
        ("passage", "question", "answers_spans"),
        "its answers_spans run the answers of several people together, so nobody can tell lists from alternatives",
        "add hub:EleutherAI/drop, which keeps them apart",
    ),
)


def _gsm8k(row: Row) -> Question:
    worked = text(row, "answer")
    _, mark, final = worked.rpartition("####")
    if not mark:
        raise UnusableRowError("the answer has no `####`")
    return Question(asked(text(row, "question")), final.strip().replace(",", ""), shown=worked.strip())


def _labelled(question: str) -> Callable[[Row], Question]:
    """ARC, CommonsenseQA, OpenBookQA: choices with labels, and the label of the right one."""

    def read(row: Row) -> Question:
        choices = row.get("choices")
        if not isinstance(choices, dict):
            raise UnusableRowError("`choices` holds no texts with labels")
        labels, said = texts(choices.get("label"), "choices.label"), texts(choices.get("text"), "choices.text")
        key = text(row, "answerKey").strip()
        if key not in labels or len(labels) != len(said):
            raise UnusableRowError("there is no answer" if not key else "the answer is none of the choices")
        return Question(asked(text(row, question)), said[labels.index(key)], said, name=name_in(row, "id"))

    return read


def lettered(question: str, choices: Sequence[str], right: int, closing: str = "Answer:") -> Question:
    """The choices stand in the prompt, and the letter is what is scored."""
    if right >= len(choices) or len(choices) > len(_LETTERS):
        raise UnusableRowError("the answer is none of the choices")
    lines = [f"{letter}. {choice}" for letter, choice in zip(_LETTERS, choices, strict=False)]
    letters = tuple(_LETTERS[: len(choices)])
    return Question("\n".join([question.strip(), *lines, closing]), letters[right], letters)


def _mmlu(row: Row) -> Question:
    choices = texts(row.get("choices"), "choices")
    answer = row.get("answer")
    if isinstance(answer, str) and answer.strip().upper() in _LETTERS[: len(choices)] and answer.strip():
        return lettered(text(row, "question"), choices, _LETTERS.index(answer.strip().upper()))
    return lettered(text(row, "question"), choices, whole(answer, "answer"))


def _mmlu_pro(row: Row) -> Question:
    return lettered(
        text(row, "question"), texts(row.get("options"), "options"), whole(row.get("answer_index"), "answer_index")
    )


def _gpqa(row: Row) -> Question:
    """The right choice comes first in the data: the order is drawn by a hash of the question, always the same."""
    wrong = [text(row, f"Incorrect Answer {n}").strip() for n in (1, 2, 3)]
    right, question = text(row, "Correct Answer").strip(), text(row, "Question")
    order = [right, *wrong]
    random.Random(hashlib.sha256(question.encode()).hexdigest()).shuffle(order)
    lines = [f"({letter}) {choice}" for letter, choice in zip(_LETTERS, order, strict=False)]
    prompt = "\n".join([f"What is the correct answer to this question:{question}", "Choices:", *lines, "Answer:"])
    letters = tuple(f"({letter})" for letter in _LETTERS[:4])
    return Question(prompt, letters[order.index(right)], letters)


def _sciq(row: Row) -> Question:
    choices = tuple(text(row, name) for name in ("distractor1", "distractor2", "distractor3", "correct_answer"))
    support = row.get("support")
    lead = f"{support.strip()}\n" if isinstance(support, str) and support.strip() else ""
    return Question(f"{lead}{asked(text(row, 'question'))}", choices[3], choices)


def _boolq(row: Row) -> Question:
    said = row.get("answer", row.get("label"))
    if isinstance(said, bool) or said in (0, 1):
        return Question(
            f"{text(row, 'passage')}\nQuestion: {text(row, 'question')}?\nAnswer:",
            ("no", "yes")[int(said)],
            ("no", "yes"),
        )
    raise UnusableRowError("there is no answer")


def _hellaswag(row: Row) -> Question:
    context = f"{text(row, 'ctx_a')} {text(row, 'ctx_b').capitalize()}"
    endings = tuple(_plain(ending) for ending in texts(row.get("endings"), "endings"))
    right = whole(row.get("label"), "label")
    if right >= len(endings):
        raise UnusableRowError("the answer is none of the choices")
    return Question(_plain(f"{text(row, 'activity_label')}: {context}"), endings[right], endings)


def _plain(raw: str) -> str:
    """Without the marks that the texts of wikiHow carry."""
    return re.sub(r"\[.*?\]", "", raw.strip().replace(" [title]", ". ")).replace("  ", " ")


def _piqa(row: Row) -> Question:
    choices = (text(row, "sol1"), text(row, "sol2"))
    right = whole(row.get("label"), "label")
    if right > 1:
        raise UnusableRowError("the answer is none of the choices")
    return Question(asked(text(row, "goal")), choices[right], choices)


def _truthfulqa(row: Row) -> Question:
    targets = row.get("mc1_targets")
    if not isinstance(targets, dict):
        raise UnusableRowError("`mc1_targets` holds no choices")
    choices, labels = texts(targets.get("choices"), "choices"), targets.get("labels")
    if not isinstance(labels, list) or labels.count(1) != 1:
        raise UnusableRowError("not exactly one choice is right")
    return Question(asked(text(row, "question")), choices[labels.index(1)], choices)


def _humaneval(row: Row) -> Question:
    given = text(row, "prompt")
    solution = row.get("canonical_solution")
    return Question(
        given,
        solution if isinstance(solution, str) else "",
        setup=given,
        tests=text(row, "test", "tests"),
        entry_point=text(row, "entry_point"),
        name=name_in(row, "task_id"),
    )


def _mbpp(row: Row) -> Question:
    tests = texts(row.get("test_list"), "test_list")
    before = row.get("test_imports") or row.get("test_setup_code") or ""
    preparation = "\n".join(str(line) for line in before) if isinstance(before, list) else str(before)
    prompt = f"{text(row, 'text', 'prompt').strip()}\nYour code should pass these tests:\n" + "\n".join(tests) + "\n"
    code = text(row, "code")
    defined = re.findall(r"^def\s+(\w+)", code, re.MULTILINE) if tests else []
    return Question(
        f"{prompt}```python",
        code,
        tests=f"{preparation}\n" + "\n".join(tests),
        entry_point=next((n for n in defined if re.search(rf"\b{n}\s*\(", tests[0])), ""),
        shown=f"{code.strip()}\n```",
        name=name_in(row, "task_id"),
    )


def _math(row: Row) -> Question:
    worked = text(row, "solution")
    boxed = re.findall(_BOXED, worked)
    if not boxed:
        raise UnusableRowError("the solution has no \\boxed{…}")
    return Question(f"Problem: {text(row, 'problem').strip()}\nSolution:", boxed[-1].strip(), shown=worked.strip())


def _aime(row: Row) -> Question:
    return Question(
        f"Problem: {text(row, 'problem', 'Problem', 'question').strip()}\nSolution:",
        text(row, "answer", "Answer").strip(),
    )


def _healthbench(row: Row) -> Question:
    """A conversation, and criteria with points: those met count, those with negative points count against it."""
    criteria = row.get("rubrics")
    if not isinstance(criteria, list) or not criteria:
        raise UnusableRowError("`rubrics` holds no criteria")
    found = []
    for each in criteria:
        said = each.get("criterion") if isinstance(each, dict) else None
        if not isinstance(each, dict) or not isinstance(said, str) or not said.strip():
            raise UnusableRowError("a rubric has no criterion")
        points = each.get("points", 1)
        if isinstance(points, bool) or not isinstance(points, int | float) or not math.isfinite(points):
            raise UnusableRowError("the points of a criterion are no number")
        found.append(Criterion(said, float(points)))
    if not any(each.points > 0 for each in found):
        raise UnusableRowError("no criterion has positive points")
    return Question(conversation(row.get("prompt")), criteria=tuple(found), name=name_in(row, "prompt_id"))


_CODE = ScorerSpec(kind="code")
_MATH = ScorerSpec(
    kind="regex", pattern=_BOXED, normalise=("strip", "whitespace"), ignore=(r"\\!", r"\\left", r"\\right", r"\$")
)
_CRITERIA = ScorerSpec(kind="criteria")
_LONG = GenerationSpec(few_shot=0, max_new_tokens=1024, chat=True)

LAYOUTS: tuple[Layout, ...] = (
    Layout("gsm8k", ("question", "answer"), _gsm8k, ScorerSpec(kind="numeric"), _REASONING, names=re.compile("gsm")),
    Layout("humaneval", ("prompt", "test", "entry_point"), _humaneval, _CODE, _COMPLETION),
    Layout("mbpp", ("code", "test_list"), _mbpp, _CODE, _PROGRAM.model_copy(update={"stop": ("```",)})),
    Layout(
        "gpqa", ("Question", "Correct Answer", "Incorrect Answer 1", "Incorrect Answer 3"), _gpqa, _BY_LETTER, _LETTERED
    ),
    Layout("sciq", ("question", "distractor1", "distractor3", "correct_answer"), _sciq, _BY_LIKELIHOOD, _CHOICE),
    Layout("hellaswag", ("ctx_a", "ctx_b", "endings", "label"), _hellaswag, _BY_LIKELIHOOD, _CHOICE),
    Layout(
        "openbookqa", ("question_stem", "choices", "answerKey"), _labelled("question_stem"), _BY_LIKELIHOOD, _CHOICE
    ),
    Layout("arc", ("question", "choices", "answerKey"), _labelled("question"), _BY_LIKELIHOOD, _CHOICE),
    Layout("mmlu-pro", ("question", "options", "answer_index"), _mmlu_pro, _BY_LETTER, _LETTERED, "validation"),
    Layout("mmlu", ("question", "choices", "answer"), _mmlu, _BY_LETTER, _LETTERED, "dev"),
    Layout(
        "boolq", ("passage", "question", "answer"), _boolq, _BY_LETTER, _CHOICE, names=re.compile("boolq|super_?glue")
    ),
    Layout("boolq", ("passage", "question", "label"), _boolq, _BY_LETTER, _CHOICE),
    Layout("piqa", ("goal", "sol1", "sol2", "label"), _piqa, _BY_LIKELIHOOD, _CHOICE),
    Layout("truthfulqa", ("question", "mc1_targets"), _truthfulqa, _BY_LETTER, _CHOICE),
    Layout("math", ("problem", "solution"), _math, _MATH, _REASONING, names=re.compile("math|algebra|geometry")),
    Layout("aime", ("problem", "answer"), _aime, ScorerSpec(kind="numeric"), _REASONING, names=re.compile("aime|hmmt")),
    Layout("aime", ("question", "answer"), _aime, ScorerSpec(kind="numeric"), _REASONING, names=re.compile("aime")),
    Layout("aime", ("Problem", "Answer"), _aime, ScorerSpec(kind="numeric"), _REASONING),
    Layout("rubrics", ("prompt", "rubrics"), _healthbench, _CRITERIA, _LONG),
    *following.LAYOUTS,
    *functions.LAYOUTS,
    *arenas.LAYOUTS,
    *answers.LAYOUTS,
    *contests.LAYOUTS,
)
