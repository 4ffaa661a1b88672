"""TRL's own functions take what is converted (slow only because TRL takes seconds to import)."""

from __future__ import annotations

import pytest
from tests.data.layouts.layout_rows import only

pytestmark = pytest.mark.slow

USER = {"role": "user", "content": "What is 2 + 2?"}


def bot(text: str) -> dict:
    return {"role": "assistant", "content": text}


CHAT_TEMPLATE = (
    "{% for m in messages %}<{{ m.role }}>{{ m.content }}</>{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)


def test_trl_takes_the_converted_rows() -> None:
    pytest.importorskip("trl")
    from tokenizers import Tokenizer  # noqa: PLC0415
    from tokenizers.models import WordLevel  # noqa: PLC0415
    from transformers import PreTrainedTokenizerFast  # noqa: PLC0415
    from trl.data_utils import apply_chat_template, extract_prompt, is_conversational  # noqa: PLC0415

    tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(WordLevel({"?": 0}, unk_token="?")), unk_token="?")
    tokenizer.chat_template = CHAT_TEMPLATE
    talk = [{"conversations": [{"from": "human", "value": USER["content"]}, {"from": "gpt", "value": "4"}]}]
    pair = [{"chosen": [USER, bot("4")], "rejected": [USER, bot("5")]}]

    asked = "<user>What is 2 + 2?</><assistant>"
    for target in ("messages", "prompt-completion"):
        row = only(talk, target)
        assert is_conversational(row)
        assert "".join(apply_chat_template(row, tokenizer).values()) == f"{asked}4</>"
    prompt = only(talk, "prompt")
    assert apply_chat_template({"prompt": prompt["prompt"]}, tokenizer) == {"prompt": asked}
    preference = only(pair, "preference")
    assert preference == extract_prompt(pair[0])
    assert apply_chat_template(preference, tokenizer) == {"prompt": asked, "chosen": "4</>", "rejected": "5</>"}
    plain = only([{"instruction": "a", "input": "", "output": "b"}], "prompt-completion")
    assert not is_conversational(plain)
