"""A tiny language model made from scratch: for tests, and for studies that end in a minute.

A Llama of about 100,000 parameters over single characters learns to reverse a word in half a minute on two cores, and
goes through exactly the same recipe, referee and report as a large one.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

SPECIAL = ("<pad>", "<bos>", "<eos>", "<unk>")
_LONGEST = 256


def make_tiny_model(out: Path, *, alphabet: str, width: int = 64, layers: int = 2, seed: int = 0) -> Path:
    """Write an untrained Llama with a character tokenizer to `out`. The same arguments give the same files.

    Args:
        out: the directory; made where it is missing.
        alphabet: the characters it knows; all others become one unknown token.
        width: the hidden size, a multiple of 16.
        layers: how many transformer blocks.
        seed: for the initial weights.
    """
    # Seconds to import, and only this function needs them.
    import torch  # noqa: PLC0415
    from transformers import LlamaConfig, LlamaForCausalLM  # noqa: PLC0415

    tokenizer = _tokenizer(alphabet)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=width,
        intermediate_size=width * 8 // 3,
        num_hidden_layers=layers,
        num_attention_heads=max(1, width // 16),
        num_key_value_heads=max(1, width // 16),
        max_position_embeddings=_LONGEST,
        tie_word_embeddings=True,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    with torch.random.fork_rng(devices=[]):  # the caller's random state is none of our business
        torch.manual_seed(seed)
        model = LlamaForCausalLM(config)
    model.to(torch.float32).save_pretrained(out)
    tokenizer.save_pretrained(out)
    return out


def _tokenizer(alphabet: str) -> PreTrainedTokenizerFast:
    """One token a character. Nothing is put before a text: a prompt and its completion concatenate."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers  # noqa: PLC0415  with transformers
    from transformers import PreTrainedTokenizerFast  # noqa: PLC0415

    vocabulary = {token: i for i, token in enumerate([*SPECIAL, *dict.fromkeys(alphabet)])}
    inner = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), behavior="isolated")
    inner.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(
        tokenizer_object=inner,
        pad_token="<pad>",
        bos_token="<bos>",
        eos_token="<eos>",
        unk_token="<unk>",
        model_max_length=_LONGEST,
        clean_up_tokenization_spaces=False,
    )
