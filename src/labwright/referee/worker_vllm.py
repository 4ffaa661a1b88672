"""The generation worker with vLLM: the same lines in and out as worker.py, for machines with a GPU and vLLM.

A standalone script that imports nothing of Labwright's; sandboxed, without network, and given prompts and weights only.
As there, config, tokenizer, chat template and end-of-text tokens come from the base, decoding comes with each request,
and a candidate's own generation_config.json is never read.

LoRA adapters are served as such where vLLM can; an adapter of a kind that it cannot serve is merged first. Each output
is drawn with a seed of its own, so that it does not depend on what else is in its batch; the draws are vLLM's, so
outputs at a temperature differ from those of worker.py, and near-ties of greedy ones may.
"""

from __future__ import annotations

import errno
import gc
import json
import math
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TextIO

if __name__ == "__main__":  # before any library can print: from here on file descriptor 1 is stderr
    REPLIES = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
    os.environ.setdefault("VLLM_ENABLE_V1_MULTIPROCESSING", "0")  # the engine dies with this process
    for variable in ("VLLM_CACHE_ROOT", "TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR"):  # the sandbox's home is small
        os.environ.setdefault(variable, f"/tmp/{variable.lower()}")

from safetensors import SafetensorError
from vllm import LLM, SamplingParams  # type: ignore[import-not-found,unused-ignore]
from vllm.lora.request import LoRARequest  # type: ignore[import-not-found,unused-ignore]

Progress = Callable[[int, int], None]
CHUNK = 256  # prompts between two words of progress; vLLM fills its batches from them
RANKS = (8, 16, 32, 64, 128, 256, 320, 512)  # the ranks that vLLM's kernels are made for
PATHS = ("config_dir", "weights_dir", "adapter_dir")
DISK_FULL = re.compile(r"No space left|quota exceeded|os error 28", re.IGNORECASE)  # safetensors gives no number
OUT_OF_MEMORY = re.compile(
    r"out of memory|allocate memory|not enough memory|free memory on device", re.IGNORECASE
)  # torch's and vLLM's words
FAILURES = (
    OSError,
    ValueError,
    RuntimeError,
    LookupError,
    TypeError,
    AttributeError,
    MemoryError,
    ImportError,
    SafetensorError,
)


NO_TEMPLATE = (
    "the base model's tokenizer has no chat template, and the benchmark asks in one: "
    "take a base that was made for chat, or set generation.chat to false in benchmark.yaml"
)


class WorkerError(Exception):
    """The request cannot be answered; the worker lives on."""


class LoadedModel:
    """A model in vLLM, with its base's tokenizer."""

    def __init__(self, config_dir: str, weights_dir: str, adapter_dir: str | None) -> None:
        if weights_dir != config_dir and (Path(weights_dir) / "adapter_config.json").exists():
            raise WorkerError(f"{weights_dir} holds an adapter_config.json, which would be applied unseen")
        self.paths = (config_dir, weights_dir, adapter_dir)
        self._folder = tempfile.mkdtemp(prefix="labwright-vllm-")
        self._lora: Any = None
        more: dict[str, Any] = {}
        model = weights_dir
        if adapter_dir is not None and _is_plain_lora(adapter_dir):
            rank = int(_adapter_config(adapter_dir)["r"])
            more = {"enable_lora": True, "max_lora_rank": next(r for r in RANKS if r >= rank), "max_loras": 1}
            self._lora = LoRARequest("candidate", 1, adapter_dir)
        elif adapter_dir is not None:
            model = str(Path(self._folder) / "merged")
            _save_merged(config_dir, weights_dir, adapter_dir, model)
        self.llm = LLM(
            model=model,
            tokenizer=config_dir,
            hf_config_path=config_dir,
            trust_remote_code=False,
            load_format="safetensors",
            generation_config="vllm",  # neutral: no file of the candidate's says how to sample
            seed=0,
            disable_log_stats=True,
            **more,
        )
        self.tokenizer = self.llm.get_tokenizer()
        self.ends = _end_tokens(config_dir, self.tokenizer)

    def close(self) -> None:
        """Let go of the memory, and of merged weights."""
        del self.llm
        shutil.rmtree(self._folder, ignore_errors=True)
        gc.collect()

    # --- outputs ---

    def generate(self, prompts: Sequence[str], prefix: str, decoding: dict[str, Any], progress: Progress) -> list[str]:
        """One output a prompt, cut at the first stop string."""
        tokens = self._tokens([prefix + prompt for prompt in prompts], chat=decoding["chat"])
        outputs: list[str] = []
        for start in range(0, len(tokens), CHUNK):
            part = tokens[start : start + CHUNK]
            params = [self._sampling(decoding, start + at) for at in range(len(part))]
            for made in self._run(part, params):
                outputs.append(_cut(str(made.outputs[0].text), decoding["stop"]))
            progress(len(outputs), len(tokens))
        return outputs

    def _sampling(self, decoding: dict[str, Any], index: int) -> Any:
        temperature = float(decoding["temperature"])
        return SamplingParams(
            temperature=temperature,
            top_p=1.0,
            top_k=0,
            max_tokens=int(decoding["max_new_tokens"]),
            stop=list(decoding["stop"]) or None,
            stop_token_ids=self.ends or None,
            seed=None if temperature == 0 else (int(decoding["seed"]) * 1_000_003 + index) % (1 << 31),
            skip_special_tokens=True,
        )

    def log_likelihoods(self, requests: Sequence[tuple[str, str]], prefix: str, progress: Progress) -> list[float]:
        """The summed log-probability of each continuation's tokens."""
        heads = self._tokens([prefix + prompt for prompt, _ in requests])
        whole = self._tokens([prefix + prompt + continuation for prompt, continuation in requests])
        params = SamplingParams(temperature=0.0, max_tokens=1, prompt_logprobs=0)
        sums: list[float] = []
        for start in range(0, len(whole), CHUNK):
            part = whole[start : start + CHUNK]
            for head, tokens, made in zip(heads[start:], part, self._run(part, [params] * len(part)), strict=False):
                # Where a token straddles the boundary it counts as part of the continuation.
                begin = max(1, _shared(head, tokens))
                sums.append(_sum(made.prompt_logprobs, tokens, begin))
            progress(len(sums), len(whole))
        return sums

    def _run(self, rows: Sequence[Sequence[int]], params: list[Any]) -> list[Any]:
        prompts = [{"prompt_token_ids": list(row)} for row in rows]
        made = self.llm.generate(prompts, params, use_tqdm=False, lora_request=self._lora)
        return list(made)

    def _tokens(self, texts: Sequence[str], *, chat: bool = False) -> list[list[int]]:
        if not texts:
            return []
        if chat:
            if not self.tokenizer.chat_template:
                raise WorkerError(NO_TEMPLATE)
            texts = [
                self.tokenizer.apply_chat_template(
                    [{"role": "user", "content": text}], add_generation_prompt=True, tokenize=False
                )
                for text in texts
            ]
        encoded: list[list[int]] = self.tokenizer(list(texts), add_special_tokens=not chat)["input_ids"]
        start = self.tokenizer.bos_token_id if self.tokenizer.bos_token_id is not None else (self.ends or [0])[0]
        return [tokens or [start] for tokens in encoded]

    def export(self, out: str) -> None:
        """Save the model, adapter merged, with the base's tokenizer, as an ordinary model directory."""
        _save_merged(*self.paths, out)
        self.tokenizer.save_pretrained(out)


def _sum(logprobs: Sequence[Any] | None, tokens: Sequence[int], begin: int) -> float:
    """The log-probabilities of the tokens from `begin` on; vLLM gives them a position each, the first of them None."""
    if logprobs is None or len(logprobs) != len(tokens):
        raise WorkerError("vLLM gave no log-probabilities of the prompt")
    total = sum(float(logprobs[at][tokens[at]].logprob) for at in range(begin, len(tokens)))
    if not math.isfinite(total):
        raise WorkerError("the model's logits are not finite")
    return total


def _shared(first: Sequence[int], second: Sequence[int]) -> int:
    pairs = enumerate(zip(first, second, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(first), len(second)))


def _cut(text: str, stops: Sequence[str]) -> str:
    ends = [text.find(stop) for stop in stops if stop in text]
    return text[: min(ends)] if ends else text


def _end_tokens(config_dir: str, tokenizer: Any) -> list[int]:
    """The base's own end-of-text tokens."""
    ends: list[int] = []
    for name in ("generation_config.json", "config.json"):
        path = Path(config_dir) / name
        named = json.loads(path.read_text(encoding="utf-8")).get("eos_token_id") if path.exists() else None
        ends += [named] if isinstance(named, int) else [int(each) for each in named or []]
        if ends:
            break
    if tokenizer.eos_token_id is not None:
        ends.append(int(tokenizer.eos_token_id))
    return list(dict.fromkeys(ends))


def _adapter_config(adapter_dir: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((Path(adapter_dir) / "adapter_config.json").read_text(encoding="utf-8"))
    return content


def _is_plain_lora(adapter_dir: str) -> bool:
    """Whether vLLM serves this adapter as peft means it: one rank and one scale, no DoRA."""
    config = _adapter_config(adapter_dir)
    special = ("use_dora", "rank_pattern", "alpha_pattern", "fan_in_fan_out")
    return not any(config.get(name) for name in special) and int(config["r"]) <= RANKS[-1]


def _save_merged(config_dir: str, weights_dir: str, adapter_dir: str | None, out: str) -> None:
    """The model as transformers has it, with the adapter merged, on disk."""
    from transformers import AutoConfig, AutoModelForCausalLM  # noqa: PLC0415 - only adapters and exports need it

    offline: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    config = AutoConfig.from_pretrained(config_dir, **offline)
    model = AutoModelForCausalLM.from_pretrained(
        weights_dir, config=config, use_safetensors=True, dtype="auto", **offline
    )
    if adapter_dir is not None:
        from peft import PeftModel  # noqa: PLC0415

        adapted = PeftModel.from_pretrained(model, adapter_dir, local_files_only=True, use_safetensors=True)
        try:
            model = adapted.merge_and_unload(safe_merge=True)
        except ValueError as error:  # peft's way to say that the merged weights hold NaN
            raise WorkerError("the model's logits are not finite") from error
    model.save_pretrained(out)


def fault_of(error: BaseException, paths: Sequence[str] = ()) -> str:
    """What is to blame: "model", or what the machine lacks, which says nothing of the model.

    Libraries tell of a file that is not there as if the model were wrong, so `paths` are looked at themselves.
    """
    if isinstance(error, MemoryError) or OUT_OF_MEMORY.search(str(error)):
        return "memory"
    if DISK_FULL.search(str(error)):
        return "disk"
    if isinstance(error, ImportError):
        return "library"
    number = error.errno if isinstance(error, OSError) else None  # none: a library's own complaint
    if number is None:
        number = next((found for path in paths if (found := _unreadable(Path(path))) is not None), None)
    if number is None:
        return "model"
    if number == errno.ENOMEM:
        return "memory"
    return "disk" if number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) else "files"


def _unreadable(directory: Path) -> int | None:
    """The error number of a directory, or of a file in it, that is missing or cannot be read."""
    try:
        for path in sorted(directory.iterdir()):
            if path.suffix in (".json", ".safetensors") and not path.is_dir():
                with path.open("rb") as file:
                    file.read(1)
    except OSError as error:
        return error.errno
    return None


class Worker:
    """Answers requests, one after another."""

    def __init__(self, replies: TextIO) -> None:
        self._replies = replies
        self._loaded: LoadedModel | None = None

    def serve(self, requests: TextIO) -> None:
        """Answer until the requests end."""
        for line in requests:
            request = json.loads(line)
            try:
                self._send(request, ok=True, **self._answer(request))
            except WorkerError as error:
                self._send(request, ok=False, error=str(error)[:2000], fault="model")
            except FAILURES as error:
                fault = fault_of(error, [request[name] for name in PATHS if request.get(name)])
                self._send(request, ok=False, error=f"{type(error).__name__}: {error}"[:2000], fault=fault)

    def _send(self, request: dict[str, Any], **reply: Any) -> None:
        self._replies.write(json.dumps({"id": request["id"], **reply}) + "\n")
        self._replies.flush()

    def _answer(self, request: dict[str, Any]) -> dict[str, Any]:
        if request["op"] == "load":
            if self._loaded is not None:  # before the next one comes: two models need twice the memory
                self._loaded.close()
                self._loaded = None
            self._loaded = LoadedModel(request["config_dir"], request["weights_dir"], request.get("adapter_dir"))
            return {"device": "cuda"}
        if self._loaded is None:
            raise WorkerError("no model is loaded")

        def progress(done: int, total: int) -> None:
            self._send(request, progress=[done, total])

        prefix = request.get("shared_prefix", "")
        if request["op"] == "generate":
            return {"outputs": self._loaded.generate(request["prompts"], prefix, request["decoding"], progress)}
        if request["op"] == "log_likelihoods":
            pairs = [(prompt, continuation) for prompt, continuation in request["requests"]]
            return {"log_likelihoods": self._loaded.log_likelihoods(pairs, prefix, progress)}
        if request["op"] == "export":
            self._loaded.export(request["out"])
            return {}
        raise WorkerError(f"unknown op {request['op']!r}")


if __name__ == "__main__":
    Worker(REPLIES).serve(sys.stdin)
