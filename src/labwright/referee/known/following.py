"""IFEval: prompts whose instructions a program checks. The rows name each instruction and its settings.

Zhou et al., 2023, arXiv 2311.07911.
"""

from __future__ import annotations

from labwright.contracts.specs import GenerationSpec, ScorerSpec
from labwright.referee.known.draft import Question, UnusableRowError
from labwright.referee.known.layout import Layout
from labwright.referee.known.reading import Row, name_in, text, texts
from labwright.referee.measures.instructions import Instruction, fault_of

SCORER = ScorerSpec(kind="instructions")


def ifeval(row: Row) -> Question:
    """A row of IFEval. Raises UnusableRowError where an instruction cannot be checked."""
    names, settings = texts(row.get("instruction_id_list"), "instruction_id_list"), row.get("kwargs")
    if not names or not isinstance(settings, list) or len(settings) != len(names):
        raise UnusableRowError("`kwargs` does not hold the settings of each instruction")
    found = []
    for name, given in zip(names, settings, strict=True):
        said = {key: value for key, value in given.items() if value is not None} if isinstance(given, dict) else {}
        instruction = Instruction(name, said)
        fault = fault_of(instruction)
        if fault:
            raise UnusableRowError(fault)
        found.append(instruction)
    return Question(text(row, "prompt"), instructions=tuple(found), name=name_in(row, "key"))


LAYOUTS: tuple[Layout, ...] = (
    Layout(
        "ifeval",
        ("prompt", "instruction_id_list", "kwargs"),
        ifeval,
        SCORER,
        GenerationSpec(few_shot=0, max_new_tokens=1280, chat=True),
        metric="strict accuracy",
        notes=("sentences and languages are told by Labwright's own rules, not by nltk and langdetect",),
    ),
)
