"""From items to prompts: zero-shot, few-shot, and the decoding that a benchmark fixes.

A few-shot prompt is a prefix of worked examples, the same for every item, and the item's own tail. They are kept
apart, so the worker can run the prefix once.
"""

from __future__ import annotations

from collections.abc import Sequence

from labwright.contracts.generation import Decoding
from labwright.contracts.specs import GenerationSpec
from labwright.referee.pack import Item


def item_prompt(item: Item, generation: GenerationSpec) -> str:
    """What a model is asked: the shot template up to its answer, without the blank before it.

    The template is filled by replacement, not by `format`: a prompt may itself hold braces.
    """
    head, _, _ = generation.shot_template.partition("{answer}")
    return head.rstrip(" ").replace("{prompt}", item.prompt)


def answer_lead(generation: GenerationSpec) -> str:
    """The blanks between a prompt and its answer, which `item_prompt` leaves out: a choice is scored with them."""
    head, _, _ = generation.shot_template.partition("{answer}")
    return head[len(head.rstrip(" ")) :]


def few_shot_prefix(shots: Sequence[Item], generation: GenerationSpec) -> str:
    """What stands before every prompt: the description, and the worked examples, each ended by the separator."""
    return generation.description + "".join(_shot(shot, generation) + generation.shot_separator for shot in shots)


def decoding_of(generation: GenerationSpec, seed: int = 0) -> Decoding:
    """The decoding a benchmark fixes; a model's own generation_config has no say."""
    return Decoding(
        max_new_tokens=generation.max_new_tokens,
        temperature=generation.temperature,
        stop=generation.stop,
        batch_size=generation.batch_size,
        seed=seed,
        chat=generation.chat,
    )


def _shot(shot: Item, generation: GenerationSpec) -> str:
    if shot.blank:
        return shot.filled
    head, _, rest = generation.shot_template.partition("{answer}")
    return head.replace("{prompt}", shot.prompt) + shot.answer + rest
