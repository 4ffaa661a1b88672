"""The generation worker, as a process, against plain transformers on a tiny model."""

from __future__ import annotations

import errno
import io
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from labwright.compute.environment import scrubbed
from labwright.compute.sandbox import Mounts, Sandbox
from labwright.contracts.errors import BudgetError, MachineError, ModelError, RefereeError
from labwright.contracts.generation import Decoding, LikelihoodRequest
from labwright.referee import WORKER_SCRIPT
from labwright.referee.generation import GenerationWorker
from labwright.referee.identity import stage_adapter, stage_full

SHOTS = "Sort ascending: 3 1 -> 1 3\nSort ascending: 9 4 -> 4 9\n"
PROMPTS = [f"Sort ascending: {a} {b} ->" for a, b in ((5, 2), (77, 3), (123, 45), (8, 8), (1, 1000), (64, 2), (0, 9))]
GREEDY = Decoding(max_new_tokens=9, batch_size=3)


def start(*mounted: Path, sandbox: str = "off", script: Path = WORKER_SCRIPT) -> GenerationWorker:
    confined = Sandbox("auto" if sandbox == "auto" else "off")
    environment = scrubbed({"PATH": os.defpath}, {})
    return GenerationWorker(Path(sys.executable), script, confined, Mounts(read_only=mounted), environment)


@pytest.fixture(scope="module")
def worker(tiny_model: Path) -> Iterator[GenerationWorker]:
    """One worker for the module; each test loads what it needs."""
    warm = start(tiny_model)
    yield warm
    warm.close()


@pytest.fixture
def loaded(worker: GenerationWorker, tiny_model: Path) -> GenerationWorker:
    worker.load(tiny_model, tiny_model)
    return worker


@pytest.fixture(scope="module")
def reference(tiny_model: Path) -> tuple[Any, Any]:
    from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: PLC0415 - heavy, and only here

    return AutoModelForCausalLM.from_pretrained(tiny_model), AutoTokenizer.from_pretrained(tiny_model)


def generated(reference: tuple[Any, Any], prompt: str, new_tokens: int = 9) -> str:
    import torch  # noqa: PLC0415 - heavy, and only here

    model, tokenizer = reference
    ids = torch.tensor([tokenizer(prompt)["input_ids"]])
    made = model.generate(ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=new_tokens)
    return str(tokenizer.decode(made[0, ids.shape[1] :], skip_special_tokens=True))


def log_likelihood(reference: tuple[Any, Any], prompt: str, continuation: str) -> float:
    import torch  # noqa: PLC0415 - heavy, and only here

    model, tokenizer = reference
    head, whole = (tokenizer(text)["input_ids"] for text in (prompt, prompt + continuation))
    logs = torch.log_softmax(model(torch.tensor([whole])).logits[0].detach(), dim=-1)
    return float(sum(logs[at - 1, whole[at]] for at in range(len(head), len(whole))))


def test_batched_answers_are_those_of_plain_transformers_one_by_one(
    loaded: GenerationWorker, reference: tuple[Any, Any]
) -> None:
    assert loaded.generate(PROMPTS, GREEDY) == [generated(reference, prompt) for prompt in PROMPTS]


def test_a_shared_prefix_changes_the_speed_and_not_the_answers(
    loaded: GenerationWorker, reference: tuple[Any, Any]
) -> None:
    apart = loaded.generate(PROMPTS, GREEDY, shared_prefix=SHOTS)
    assert apart == loaded.generate([SHOTS + prompt for prompt in PROMPTS], GREEDY)
    assert apart == [generated(reference, SHOTS + prompt) for prompt in PROMPTS]


def test_log_likelihoods_are_those_of_plain_transformers(loaded: GenerationWorker, reference: tuple[Any, Any]) -> None:
    pairs = [(prompt, text) for prompt in PROMPTS[:4] for text in (" 2 5", " 77", "x", " 1 2 3 4")]
    requests = [LikelihoodRequest(*pair) for pair in pairs]
    for prefix in ("", SHOTS):
        wanted = [log_likelihood(reference, prefix + prompt, text) for prompt, text in pairs]
        got = loaded.log_likelihoods(requests, shared_prefix=prefix, batch_size=3)
        assert got == pytest.approx(wanted, abs=1e-3)


def test_outputs_end_before_the_first_stop_string(loaded: GenerationWorker) -> None:
    whole = loaded.generate(PROMPTS, GREEDY)
    stop = whole[0][3]
    cut = loaded.generate(PROMPTS, Decoding(max_new_tokens=9, stop=("never", stop)))
    assert cut == [text.split(stop)[0] for text in whole]


def test_sampling_depends_on_the_seed_and_not_on_the_batches(loaded: GenerationWorker) -> None:
    def drawn(seed: int, batch_size: int) -> list[str]:
        decoding = Decoding(max_new_tokens=9, temperature=1.0, seed=seed, batch_size=batch_size)
        return loaded.generate([*PROMPTS, PROMPTS[0]], decoding)

    assert drawn(1, 2) == drawn(1, 8)
    assert drawn(1, 8) != drawn(2, 8)
    assert drawn(1, 8)[0] != drawn(1, 8)[-1]


def test_no_prompts_and_empty_prompts_are_answered(loaded: GenerationWorker) -> None:
    assert loaded.generate([], GREEDY) == []
    assert len(loaded.generate(["", "1", "1"], GREEDY)) == 3
    assert loaded.log_likelihoods([]) == []


def test_progress_is_told_in_batches(loaded: GenerationWorker) -> None:
    seen: list[tuple[int, int]] = []
    loaded.generate(PROMPTS, GREEDY, on_progress=lambda done, total: seen.append((done, total)))
    assert seen == [(3, 7), (6, 7), (7, 7)]


def test_a_prompt_that_does_not_fit_the_model_is_an_error_and_not_cut(loaded: GenerationWorker) -> None:
    with pytest.raises(ModelError, match="the model holds 256"):
        loaded.generate(["1 " * 200], GREEDY)
    assert loaded.generate(PROMPTS[:1], GREEDY)


def test_an_adapter_is_merged_and_leaves_no_trace_in_the_next_load(
    worker: GenerationWorker, tiny_model: Path, tmp_path: Path, reference: tuple[Any, Any]
) -> None:
    from peft import LoraConfig, get_peft_model  # noqa: PLC0415 - heavy, and only here
    from transformers import AutoModelForCausalLM  # noqa: PLC0415 - heavy, and only here

    settings = LoraConfig(r=4, target_modules="all-linear", init_lora_weights=False, task_type="CAUSAL_LM")
    adapted = get_peft_model(AutoModelForCausalLM.from_pretrained(tiny_model), settings)
    adapted.save_pretrained(tmp_path / "adapter")
    worker.load(tiny_model, tiny_model, tmp_path / "adapter")
    pairs = [LikelihoodRequest(PROMPTS[0], " 2 5")]
    wanted = log_likelihood((adapted.eval(), reference[1]), PROMPTS[0], " 2 5")
    assert worker.log_likelihoods(pairs) == pytest.approx([wanted], abs=1e-3)
    worker.load(tiny_model, tiny_model)
    assert worker.log_likelihoods(pairs) == pytest.approx([log_likelihood(reference, PROMPTS[0], " 2 5")], abs=1e-3)


def test_an_export_is_an_ordinary_model_directory(
    loaded: GenerationWorker, reference: tuple[Any, Any], tmp_path: Path
) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: PLC0415 - heavy, and only here

    loaded.export(tmp_path / "out")
    again = (AutoModelForCausalLM.from_pretrained(tmp_path / "out"), AutoTokenizer.from_pretrained(tmp_path / "out"))
    assert generated(again, PROMPTS[0]) == generated(reference, PROMPTS[0])


def test_only_weights_are_taken_from_the_candidate(
    worker: GenerationWorker, tiny_model: Path, tmp_path: Path, reference: tuple[Any, Any]
) -> None:
    shutil.copy(tiny_model / "model.safetensors", tmp_path)
    (tmp_path / "generation_config.json").write_text('{"do_sample": true, "eos_token_id": 7, "suppress_tokens": [8]}')
    (tmp_path / "config.json").write_text('{"model_type": "llama", "auto_map": {"AutoModelForCausalLM": "evil.Model"}}')
    (tmp_path / "tokenizer.json").write_text("{}")
    worker.load(tiny_model, tmp_path)
    assert worker.generate(PROMPTS, GREEDY) == [generated(reference, prompt) for prompt in PROMPTS]


def test_what_the_referee_stages_is_what_the_worker_loads(
    worker: GenerationWorker, tiny_model: Path, tmp_path: Path, reference: tuple[Any, Any]
) -> None:
    from peft import LoraConfig, get_peft_model  # noqa: PLC0415 - heavy, and only here
    from safetensors.torch import load_file, save_file  # noqa: PLC0415 - heavy, and only here
    from transformers import AutoModelForCausalLM  # noqa: PLC0415 - heavy, and only here

    full, adapter = tmp_path / "model", tmp_path / "adapter"
    full.mkdir()
    tensors = load_file(tiny_model / "model.safetensors")
    names = sorted(tensors)
    for number, part in enumerate((names[::2], names[1::2])):
        save_file({name: tensors[name] for name in part}, full / f"part{number}.safetensors")
    rank = {"r": 4, "rank_pattern": {"q_proj": 2}, "alpha_pattern": {"v_proj": 3}, "init_lora_weights": False}
    settings = LoraConfig(**rank, target_modules="all-linear", task_type="CAUSAL_LM")
    adapted = get_peft_model(AutoModelForCausalLM.from_pretrained(tiny_model), settings).eval()
    adapted.save_pretrained(adapter)
    for candidate, model in ((full, reference[0]), (adapter, adapted)):
        into = tmp_path / f"staged-{candidate.name}"
        into.mkdir()
        staged = (stage_full if candidate is full else stage_adapter)(candidate, tiny_model, into)
        assert [i.kind for i in staged.incidents] == (["no-change"] if candidate is full else [])
        worker.load(tiny_model, staged.weights_dir, staged.adapter_dir)
        got = worker.log_likelihoods([LikelihoodRequest(PROMPTS[0], " 2 5")])
        assert got == pytest.approx([log_likelihood((model, reference[1]), PROMPTS[0], " 2 5")], abs=1e-3)


def test_an_adapter_config_among_full_weights_is_refused(
    worker: GenerationWorker, tiny_model: Path, tmp_path: Path
) -> None:
    shutil.copy(tiny_model / "model.safetensors", tmp_path)
    (tmp_path / "adapter_config.json").write_text("{}")
    with pytest.raises(ModelError, match="applied unseen"):
        worker.load(tiny_model, tmp_path)


def test_weights_that_lack_a_tensor_are_refused(worker: GenerationWorker, tiny_model: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file  # noqa: PLC0415 - heavy, and only here

    tensors = load_file(tiny_model / "model.safetensors")
    tensors.pop("model.norm.weight")
    save_file(tensors, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match="do not fit the base"):
        worker.load(tiny_model, tmp_path)


def test_a_model_of_nan_is_named_and_the_worker_lives_on(
    worker: GenerationWorker, tiny_model: Path, tmp_path: Path
) -> None:
    from safetensors.torch import load_file, save_file  # noqa: PLC0415 - heavy, and only here

    tensors = load_file(tiny_model / "model.safetensors")
    tensors["model.norm.weight"][0] = float("nan")
    save_file(tensors, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match="logits are not finite"):
        worker.load(tiny_model, tmp_path)
    with pytest.raises(ModelError, match="no model is loaded"):
        worker.generate(PROMPTS, GREEDY)
    worker.load(tiny_model, tiny_model)


def test_a_dead_worker_is_an_error_and_the_next_load_starts_another(loaded: GenerationWorker, tiny_model: Path) -> None:
    first = loaded.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    with pytest.raises(MachineError, match="killed"):
        loaded.generate(PROMPTS, GREEDY)
    with pytest.raises(RefereeError, match="not running"):
        loaded.generate(PROMPTS, GREEDY)
    loaded.load(tiny_model, tiny_model)
    assert loaded.pid not in (None, first)


def test_the_sandboxed_worker_answers_like_the_bare_one(
    loaded: GenerationWorker, tiny_model: Path, reference: tuple[Any, Any]
) -> None:
    sandbox = Sandbox("auto")
    if sandbox.boundary != "enforced":
        pytest.skip(sandbox.why)
    confined = start(tiny_model, sandbox="auto")
    try:
        confined.load(tiny_model, tiny_model)
        assert confined.generate(PROMPTS, GREEDY) == loaded.generate(PROMPTS, GREEDY)
    finally:
        confined.close()


@pytest.mark.parametrize(
    ("says", "named"),
    [
        ("print('hello')", "no reply"),
        ('print(\'{"id": 1, "ok": true, "outputs": [1]}\')', "no reply"),
        ('print(\'{"id": 99, "ok": true}\')', "instead of 1"),
        ("sys.exit('the disk is on fire')", "the disk is on fire"),
    ],
)
def test_a_worker_that_talks_nonsense_is_ended_and_quoted(says: str, named: str, tmp_path: Path) -> None:
    script = tmp_path / "worker.py"
    script.write_text(f"import sys, time\nsys.stdin.readline()\n{says}\nsys.stdout.flush()\ntime.sleep(600)\n")
    worker = start(script=script)
    with pytest.raises(RefereeError, match=named):
        worker.load(tmp_path, tmp_path)
    assert worker.pid is None


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (MemoryError(), "memory"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried 800 bytes"), "memory"),
        (RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"), "memory"),
        (OSError(errno.ENOSPC, "No space left on device"), "disk"),
        (ValueError("Error while serializing: I/O error: No space left on device (os error 28)"), "disk"),
        (PermissionError(errno.EACCES, "Permission denied"), "files"),
        (ModuleNotFoundError("No module named 'peft'"), "library"),
        (OSError("it does not appear to have a file named config.json"), "model"),
        (RuntimeError("size mismatch for lm_head.weight"), "model"),
    ],
)
def test_what_a_machine_lacks_is_no_fault_of_the_model(error: Exception, fault: str, tiny_model: Path) -> None:
    from labwright.referee.worker import fault_of  # noqa: PLC0415 - heavy, and only here

    assert fault_of(error, [str(tiny_model)]) == fault


def test_a_library_that_blames_the_model_for_weights_that_are_gone_is_not_believed(
    tiny_model: Path, tmp_path: Path
) -> None:
    from labwright.referee.worker import Worker  # noqa: PLC0415 - heavy, and only here

    (tmp_path / "empty").mkdir()
    faults = []
    for weights in ("gone", "empty"):
        paths = {"config_dir": str(tiny_model), "weights_dir": str(tmp_path / weights)}
        replies = io.StringIO()
        Worker(replies).serve(io.StringIO(json.dumps({"id": 1, "op": "load", **paths}) + "\n"))
        faults.append(json.loads(replies.getvalue())["fault"])
    assert faults == ["files", "model"]


def test_what_a_machine_lacks_is_an_error_with_its_own_cure_and_the_worker_is_ended(tmp_path: Path) -> None:
    script = tmp_path / "worker.py"
    says = {"id": 1, "ok": False, "error": "it is gone", "fault": "files"}
    script.write_text(
        f"import sys, time\nsys.stdin.readline()\nprint({json.dumps(says)!r}, flush=True)\ntime.sleep(600)\n"
    )
    worker = start(script=script)
    with pytest.raises(MachineError, match="could not load: it is gone") as raised:
        worker.load(tmp_path, tmp_path)
    assert worker.pid is None
    assert "may be read, and try again; a study goes on with `labwright study resume`" in (raised.value.cure or "")


def test_a_worker_that_is_not_done_at_the_deadline_is_ended(tmp_path: Path) -> None:
    script = tmp_path / "worker.py"
    script.write_text("import time\ntime.sleep(600)\n")
    worker = start(script=script)
    with pytest.raises(BudgetError, match="deadline"):
        worker.load(tmp_path, tmp_path, deadline=time.time() + 0.2)
    assert worker.pid is None
