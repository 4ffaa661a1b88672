"""A stand-in for vLLM, which needs a GPU: the part of its API that the worker uses, on plain transformers.

It refuses what vLLM 0.33 does not know, so that a wrong argument fails here as it would there.
"""

import random
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

KNOWN = {
    "enable_lora",
    "max_lora_rank",
    "max_loras",
    "hf_config_path",
    "load_format",
    "generation_config",
    "disable_log_stats",
}


@dataclass
class SamplingParams:
    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    max_tokens: int | None = 16
    stop: list[str] | None = None
    stop_token_ids: list[int] | None = None
    seed: int | None = None
    skip_special_tokens: bool = True
    prompt_logprobs: int | None = None
    extra: dict[str, Any] = field(default_factory=dict)


class LLM:
    def __init__(self, model: str, *, tokenizer: str, trust_remote_code: bool, seed: int, **more: Any) -> None:
        import torch  # noqa: PLC0415
        from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer  # noqa: PLC0415

        assert not set(more) - KNOWN, set(more) - KNOWN
        assert not trust_remote_code and more["generation_config"] == "vllm"
        self._torch = torch
        config = AutoConfig.from_pretrained(more["hf_config_path"])
        self._model = AutoModelForCausalLM.from_pretrained(model, config=config).eval()
        self._tokenizer = AutoTokenizer.from_pretrained(tokenizer)
        self._adapted: Any = None
        self._lora = bool(more.get("enable_lora"))

    def get_tokenizer(self) -> Any:
        return self._tokenizer

    def generate(self, prompts: Any, params: Any, *, use_tqdm: bool, lora_request: Any = None) -> list[Any]:
        assert lora_request is None or self._lora
        if lora_request is not None and self._adapted is None:
            from peft import PeftModel  # noqa: PLC0415

            self._adapted = PeftModel.from_pretrained(self._model, lora_request.lora_path).eval()
        model = self._adapted or self._model
        with self._torch.no_grad():
            return [self._one(model, p["prompt_token_ids"], each) for p, each in zip(prompts, params, strict=True)]

    def _one(self, model: Any, prompt: list[int], params: SamplingParams) -> Any:
        torch, dice = self._torch, random.Random(params.seed)
        made: list[int] = []
        logprobs = None
        if params.prompt_logprobs is not None:
            logs = torch.log_softmax(model(torch.tensor([prompt])).logits[0].float(), -1)
            logprobs = [None, *({t: SimpleNamespace(logprob=float(logs[at, t]))} for at, t in enumerate(prompt[1:]))]
        for _ in range(params.max_tokens or 16):
            logits = model(torch.tensor([prompt + made])).logits[0, -1].double()
            if params.temperature == 0:
                token = int(logits.argmax())
            else:
                weights = torch.softmax(logits / params.temperature, -1).tolist()
                token = dice.choices(range(len(weights)), weights)[0]
            if token in (params.stop_token_ids or []):
                break
            made.append(token)
            if any(stop in self._tokenizer.decode(made) for stop in params.stop or []):
                break
        text = self._tokenizer.decode(made, skip_special_tokens=params.skip_special_tokens)
        for stop in params.stop or []:
            text = text.split(stop)[0]
        return SimpleNamespace(outputs=[SimpleNamespace(text=text)], prompt_logprobs=logprobs)
