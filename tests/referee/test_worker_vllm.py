"""The vLLM worker speaks as the other worker does. vLLM itself needs a GPU: a stand-in with its API serves here."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.toys.toy_study import TOYS

from labwright.compute.environment import scrubbed
from labwright.compute.sandbox import Mounts, Sandbox
from labwright.contracts.errors import ModelError
from labwright.contracts.generation import Decoding, LikelihoodRequest
from labwright.referee import VLLM_WORKER_SCRIPT, WORKER_SCRIPT, usual_worker
from labwright.referee.generation import GenerationWorker

PROMPTS = [f"Sort ascending: {a} {b} ->" for a, b in ((5, 2), (77, 3), (123, 45), (8, 8))]
GREEDY = Decoding(max_new_tokens=9)


def start(script: Path, **environment: str) -> GenerationWorker:
    given = scrubbed({"PATH": os.defpath}, environment)
    return GenerationWorker(Path(sys.executable), script, Sandbox("off"), Mounts(), given)


@pytest.fixture(scope="module")
def both(tiny_model: Path) -> Iterator[tuple[GenerationWorker, GenerationWorker]]:
    """The usual worker and the one with vLLM, with the same model."""
    workers = start(WORKER_SCRIPT), start(VLLM_WORKER_SCRIPT, PYTHONPATH=str(TOYS / "stand_in_vllm"))
    for worker in workers:
        worker.load(tiny_model, tiny_model)
    yield workers
    for worker in workers:
        worker.close()


def test_greedy_outputs_and_log_likelihoods_are_those_of_the_usual_worker(
    both: tuple[GenerationWorker, GenerationWorker],
) -> None:
    usual, vllm = both
    for prefix in ("", "Sort ascending: 3 1 -> 1 3\n"):
        assert vllm.generate(PROMPTS, GREEDY, shared_prefix=prefix) == usual.generate(
            PROMPTS, GREEDY, shared_prefix=prefix
        )
        pairs = [LikelihoodRequest(prompt, text) for prompt in PROMPTS for text in (" 2 5", " 77", "x")]
        got = vllm.log_likelihoods(pairs, shared_prefix=prefix)
        assert got == pytest.approx(usual.log_likelihoods(pairs, shared_prefix=prefix), abs=1e-3)


def test_outputs_end_before_the_first_stop_string(both: tuple[GenerationWorker, GenerationWorker]) -> None:
    _, vllm = both
    whole = vllm.generate(PROMPTS, GREEDY)
    stop = whole[0][3]
    cut = vllm.generate(PROMPTS, Decoding(max_new_tokens=9, stop=("never", stop)))
    assert cut == [text.split(stop)[0] for text in whole]


def test_samples_have_seeds_of_their_own_that_the_referee_gives(
    both: tuple[GenerationWorker, GenerationWorker],
) -> None:
    _, vllm = both
    drawn = [vllm.generate([PROMPTS[0]] * 3, Decoding(9, temperature=1.0, seed=seed)) for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert len(set(drawn[0])) > 1


def test_progress_is_told_and_nothing_is_answered_with_nothing(
    both: tuple[GenerationWorker, GenerationWorker],
) -> None:
    seen: list[tuple[int, int]] = []
    both[1].generate(PROMPTS, GREEDY, on_progress=lambda done, total: seen.append((done, total)))
    assert seen == [(4, 4)]
    assert both[1].generate([], GREEDY) == both[1].log_likelihoods([]) == []


@pytest.mark.parametrize("dora", [False, True])
def test_adapters_are_served_or_merged_and_leave_no_trace(
    dora: bool, both: tuple[GenerationWorker, GenerationWorker], tiny_model: Path, tmp_path: Path
) -> None:
    from peft import LoraConfig, get_peft_model  # noqa: PLC0415 - heavy, and only here
    from transformers import AutoModelForCausalLM  # noqa: PLC0415 - heavy, and only here

    settings = LoraConfig(
        r=4, target_modules="all-linear", init_lora_weights=False, task_type="CAUSAL_LM", use_dora=dora
    )
    get_peft_model(AutoModelForCausalLM.from_pretrained(tiny_model), settings).save_pretrained(tmp_path / "adapter")
    before = both[1].generate(PROMPTS, GREEDY)
    for worker in both:
        worker.load(tiny_model, tiny_model, tmp_path / "adapter")
    assert both[0].generate(PROMPTS, GREEDY) == both[1].generate(PROMPTS, GREEDY) != before
    both[1].export(tmp_path / "out")
    for worker in both:
        worker.load(tiny_model, tiny_model)
    assert both[1].generate(PROMPTS, GREEDY) == before
    assert (tmp_path / "out" / "model.safetensors").is_file()
    assert (tmp_path / "out" / "tokenizer_config.json").is_file()


def test_a_model_that_cannot_be_loaded_is_an_error_and_the_worker_lives_on(
    both: tuple[GenerationWorker, GenerationWorker], tiny_model: Path, tmp_path: Path
) -> None:
    with pytest.raises(ModelError):
        both[1].load(tiny_model, tmp_path)
    both[1].load(tiny_model, tiny_model)
    assert both[1].generate(PROMPTS[:1], GREEDY)


def test_a_base_without_a_chat_template_is_said_to_have_none(both: tuple[GenerationWorker, GenerationWorker]) -> None:
    for worker in both:
        with pytest.raises(ModelError, match="no chat template"):
            worker.generate(PROMPTS, Decoding(max_new_tokens=9, chat=True))
        assert worker.generate(PROMPTS[:1], GREEDY)


def test_it_is_used_only_where_vllm_and_a_gpu_are_there() -> None:
    assert usual_worker(gpus=False) == WORKER_SCRIPT
    assert usual_worker(gpus=True) == WORKER_SCRIPT  # vLLM is not installed where these tests run
