"""The generation worker: a standalone script that answers prompts with an untrusted model.

It imports nothing of Labwright's and knows neither items nor answers: prompts and staged weights are all it sees. It is
started in a sandbox without network, reads requests as JSON lines on stdin and writes replies as JSON lines on what
was stdout; whatever a library prints goes to stderr.

Only weights are taken from the candidate. Config, tokenizer, chat template and end-of-text tokens come from the base;
decoding comes with each request. A `generation_config.json` of the candidate is never read.

Speed comes from four things: one long batch after another, sorted by length; the tokens that all prompts share
(few-shot examples, a chat template's system prompt) run once and their keys and values are reused; only the logits
that are needed are computed; rows that are done leave the batch.
"""

from __future__ import annotations

import copy
import errno
import gc
import json
import math
import os
import random
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

if __name__ == "__main__":  # before any library can print: from here on file descriptor 1 is stderr
    REPLIES = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

import torch
from safetensors import SafetensorError
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    Cache,
    DynamicCache,
    GenerationConfig,
)
from transformers.cache_utils import DynamicLayer

Progress = Callable[[int, int], None]
LEAST_PREFIX = 4  # fewer shared tokens than this are not worth a separate pass
MOST_COMMON = 8  # tokens that all continuations of a prompt begin with run with the prompt, up to this many
SHORT = 256  # tokens; continuations of prompts shorter than this go in batches larger by as much
SHRINK_AT = 0.75  # rows that are done leave the batch once no more than this share of it is left
PATHS = ("config_dir", "weights_dir", "adapter_dir")
DISK_FULL = re.compile(r"No space left|quota exceeded|os error 28", re.IGNORECASE)  # safetensors gives no number
OUT_OF_MEMORY = re.compile(r"out of memory|allocate memory|not enough memory", re.IGNORECASE)  # torch's words
FAILURES = (OSError, ValueError, RuntimeError, LookupError, TypeError, MemoryError, ImportError, SafetensorError)


NO_TEMPLATE = (
    "the base model's tokenizer has no chat template, and the benchmark asks in one: "
    "take a base that was made for chat, or set generation.chat to false in benchmark.yaml"
)


class WorkerError(Exception):
    """The request cannot be answered; the worker lives on."""


class DeadModelError(WorkerError):
    """The model's numbers are not finite: nothing it says means anything."""

    def __init__(self) -> None:
        super().__init__("the model's logits are not finite")


@dataclass
class Row:
    """One prompt on its way through the model."""

    index: int
    tokens: list[int]  # without the shared prefix
    made: list[int] = field(default_factory=list)
    done: bool = False


class RoomyLayer(DynamicLayer):  # type: ignore[misc]
    """Keys and values in a buffer that is allocated once: the library's layer copies all of them at every token."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self.keys: Any
        self.values: Any
        self._room = room
        self._buffers: tuple[Any, Any] | None = None
        self._seen: Any = None  # what `keys` was when the buffer last held it; anything else is a row selection

    def update(self, key_states: Any, value_states: Any, *_: Any, **__: Any) -> tuple[Any, Any]:
        """Append, in place where there is room."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        held = self.get_seq_length()
        now = held + key_states.shape[-2]
        if self._buffers is None or self.keys is not self._seen or now > self._buffers[0].shape[-2]:
            self._move(key_states, value_states, held, max(now, self._room))
        assert self._buffers is not None
        for buffer, new in zip(self._buffers, (key_states, value_states), strict=True):
            buffer[..., held:now, :] = new
        self.keys, self.values = (buffer[..., :now, :] for buffer in self._buffers)
        self._seen = self.keys
        return self.keys, self.values

    def _move(self, keys: Any, values: Any, held: int, room: int) -> None:
        fresh = [new.new_empty((*new.shape[:2], room, new.shape[-1])) for new in (keys, values)]
        if held:
            for buffer, old in zip(fresh, (self.keys, self.values), strict=True):
                buffer[..., :held, :] = old  # a prefix of batch size one spreads over all rows here
        self._buffers = (fresh[0], fresh[1])


@dataclass(frozen=True)
class Prefix:
    """The tokens that all rows start with, and their keys and values for a batch of one."""

    length: int = 0
    layers: tuple[tuple[Any, Any], ...] = ()

    def cache(self, model: Any, room: int) -> Any:
        """A fresh cache for a batch, holding the prefix, with room for that many tokens in all."""
        cache = DynamicCache(config=model.config)
        if not _is_plain(cache):
            return cache
        layers = [RoomyLayer(room) for _ in cache.layers]
        for layer, (keys, values) in zip(layers, self.layers, strict=False):
            layer.lazy_initialization(keys, values)
            layer.keys, layer.values = keys, values
        return Cache(layers=layers)


def _is_plain(cache: Any) -> bool:
    """Full attention everywhere: a sliding window would count the padding between prefix and row."""
    return all(type(layer) is DynamicLayer for layer in cache.layers)


class LoadedModel:
    """A model with its base's tokenizer, ready to generate."""

    def __init__(self, config_dir: str, weights_dir: str, adapter_dir: str | None) -> None:
        offline = {"local_files_only": True, "trust_remote_code": False}
        if weights_dir != config_dir and (Path(weights_dir) / "adapter_config.json").exists():
            raise WorkerError(f"{weights_dir} holds an adapter_config.json, which would be applied unseen")
        self.cuda = torch.cuda.is_available()
        modern = self.cuda and torch.cuda.get_device_capability()[0] >= 8
        config = AutoConfig.from_pretrained(config_dir, **offline)
        self.tokenizer = AutoTokenizer.from_pretrained(config_dir, **offline)
        self.model, loading = AutoModelForCausalLM.from_pretrained(
            weights_dir,
            config=config,
            dtype=torch.bfloat16 if modern else torch.float32,  # bf16 on a CPU is many times slower
            use_safetensors=True,
            generation_config=_base_generation_config(config_dir, config),  # else it is looked for among the weights
            output_loading_info=True,
            **offline,
        )
        if loading["missing_keys"] or loading["mismatched_keys"]:
            lacking = sorted(map(str, [*loading["missing_keys"], *loading["mismatched_keys"]]))
            raise WorkerError(f"the weights do not fit the base: {', '.join(lacking[:3])} …")
        if adapter_dir is not None:
            self._merge(adapter_dir)
        self.model.eval()
        if self.cuda:
            self.model.to("cuda")
        self.device = self.model.device
        self.ends = self._end_tokens()
        self.context = int(getattr(config.get_text_config(), "max_position_embeddings", 0) or 0)
        first = self.ends[0] if self.ends else 0
        _must_be_finite(self.model(torch.tensor([[first]], device=self.device)).logits)

    def _merge(self, adapter_dir: str) -> None:
        from peft import PeftModel  # noqa: PLC0415  seconds to import, and only adapters need it

        adapted = PeftModel.from_pretrained(self.model, adapter_dir, local_files_only=True, use_safetensors=True)
        try:
            self.model = adapted.merge_and_unload(safe_merge=True)
        except ValueError as error:  # peft's way to say that the merged weights hold NaN
            raise DeadModelError from error

    def _end_tokens(self) -> list[int]:
        named = self.model.generation_config.eos_token_id
        ends = [named] if isinstance(named, int) else list(named or [])
        if self.tokenizer.eos_token_id is not None:
            ends.append(self.tokenizer.eos_token_id)
        return list(dict.fromkeys(ends))

    def export(self, out: str) -> None:
        """Save the loaded, merged model and the base's tokenizer as an ordinary model directory."""
        self.model.save_pretrained(out)
        self.tokenizer.save_pretrained(out)

    # --- text to tokens ---

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
        return [tokens or [start] for tokens in encoded]  # a model needs at least one token to continue from

    def _prefix(self, rows: Sequence[Sequence[int]]) -> Prefix:
        """Run the tokens all rows start with; whole texts were tokenised, so no boundary can be wrong."""
        if len(rows) < 2:
            return Prefix()
        shared = list(rows[0][: min(_shared(rows[0], row[:-1]) for row in rows)])
        if len(shared) < LEAST_PREFIX:
            return Prefix()
        cache = DynamicCache(config=self.model.config)
        if not _is_plain(cache):
            return Prefix()
        self.model(torch.tensor([shared], device=self.device), past_key_values=cache, logits_to_keep=1)
        return Prefix(len(shared), tuple((layer.keys, layer.values) for layer in cache.layers))

    def _prefill(self, rows: Sequence[Sequence[int]], prefix: Prefix, room: int, keep: int = 1) -> tuple[Any, Any, Any]:
        """Run a left-padded batch: the last `keep` positions' logits, the cache with `room` for more, the mask."""
        width = max(len(row) for row in rows)
        ids = torch.zeros((len(rows), width), dtype=torch.long)
        mask = torch.zeros((len(rows), prefix.length + width), dtype=torch.long)
        mask[:, : prefix.length] = 1
        for number, row in enumerate(rows):
            ids[number, width - len(row) :] = torch.tensor(row)
            mask[number, prefix.length + width - len(row) :] = 1
        positions = (mask.cumsum(-1) - 1).clamp(min=0)[:, prefix.length :]
        cache, mask = prefix.cache(self.model, mask.shape[1] + room), mask.to(self.device)
        logits = (
            self.model(
                ids.to(self.device),
                attention_mask=mask,
                position_ids=positions.to(self.device),
                past_key_values=cache,
                logits_to_keep=keep,
            )
            .logits[:, -keep:]
            .float()
        )
        _must_be_finite(logits[:, -1])
        return logits, cache, mask

    # --- generation ---

    def generate(self, prompts: Sequence[str], prefix: str, decoding: dict[str, Any], progress: Progress) -> list[str]:
        """One text a prompt, cut at the first stop string."""
        longest = int(decoding["max_new_tokens"])
        texts = [prefix + prompt for prompt in prompts]
        greedy = decoding["temperature"] == 0
        unique = list(dict.fromkeys(texts)) if greedy else texts  # equal prompts have equal greedy answers
        whole = self._tokens(unique, chat=bool(decoding["chat"]))
        widest = max((len(tokens) for tokens in whole), default=0) + longest
        if self.context and widest > self.context:
            raise WorkerError(
                f"a prompt and its {longest} new tokens make {widest} tokens; the model holds {self.context}"
            )
        shared = self._prefix(whole)
        rows = [Row(index, tokens[shared.length :]) for index, tokens in enumerate(whole)]
        rows.sort(key=lambda row: len(row.tokens), reverse=True)  # the largest batch first: it shows what fits
        self._in_batches(rows, int(decoding["batch_size"]), lambda b: self._decode(b, shared, decoding), progress)
        answers = {unique[row.index]: self._text(row, decoding["stop"]) for row in rows}
        if greedy:
            return [answers[text] for text in texts]
        return [self._text(row, decoding["stop"]) for row in sorted(rows, key=lambda row: row.index)]

    def _decode(self, batch: Sequence[Row], prefix: Prefix, decoding: dict[str, Any]) -> None:
        longest = int(decoding["max_new_tokens"])
        logits, cache, mask = self._prefill([row.tokens for row in batch], prefix, longest)
        logits = logits[:, -1]
        live = list(batch)
        for row in live:
            row.made, row.done = [], False
        dice = {row.index: random.Random(f"{decoding['seed']}:{row.index}") for row in live}
        window = 4 * max((len(stop) for stop in decoding["stop"]), default=0) + 1  # a character may take four tokens
        for step in range(longest):
            chosen = _choose(logits, decoding["temperature"], [dice[row.index] for row in live])
            for row, token in zip(live, chosen, strict=True):
                if not row.done:
                    row.made.append(token)
                    row.done = token in self.ends
            self._mark_stopped(live, decoding["stop"], window)
            keep = [number for number, row in enumerate(live) if not row.done]
            if not keep or step + 1 == longest:
                return
            if len(keep) <= SHRINK_AT * len(live):
                chosen, live = [chosen[number] for number in keep], [live[number] for number in keep]
                index = torch.tensor(keep, device=self.device)
                cache.batch_select_indices(index)
                mask = mask[index]
            mask = torch.cat([mask, mask.new_ones((len(live), 1))], dim=-1)
            logits = (
                self.model(
                    torch.tensor(chosen, device=self.device)[:, None],
                    attention_mask=mask,
                    position_ids=mask.sum(-1, keepdim=True) - 1,
                    past_key_values=cache,
                )
                .logits[:, -1]
                .float()
            )
            _must_be_finite(logits)

    def _mark_stopped(self, rows: Sequence[Row], stops: Sequence[str], window: int) -> None:
        if not stops:
            return
        waiting = [row for row in rows if not row.done]
        if not waiting:  # decoding no rows gives one empty text
            return
        tails = self.tokenizer.batch_decode([row.made[-window:] for row in waiting], skip_special_tokens=True)
        for row, tail in zip(waiting, tails, strict=True):
            row.done = any(stop in tail for stop in stops)

    def _text(self, row: Row, stops: Sequence[str]) -> str:
        text: str = self.tokenizer.decode(row.made, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        ends = [text.find(stop) for stop in stops if stop in text]
        return text[: min(ends)] if ends else text

    # --- log-likelihoods ---

    def log_likelihoods(
        self, requests: Sequence[tuple[str, str]], prefix: str, batch_size: int, progress: Progress
    ) -> list[float]:
        """The summed log-probability of each continuation; a prompt that several share is run once."""
        prompts = list(dict.fromkeys(prefix + prompt for prompt, _ in requests))
        heads = dict(zip(prompts, self._tokens(prompts), strict=True))
        whole = self._tokens([prefix + prompt + continuation for prompt, continuation in requests])
        groups: dict[tuple[int, ...], Group] = {}
        for index, ((prompt, _), tokens) in enumerate(zip(requests, whole, strict=True)):
            # Where a token straddles the boundary it counts as part of the continuation.
            start = max(1, _shared(heads[prefix + prompt], tokens))
            head = tuple(tokens[:start])
            groups.setdefault(head, Group(head)).tails[index] = tokens[start:]
        order = sorted((group.with_common() for group in groups.values()), key=lambda g: len(g.head), reverse=True)
        if self.context and any(len(tokens) > self.context for tokens in whole):
            raise WorkerError(f"a prompt with its continuation is longer than the model's {self.context} tokens")
        shared = self._prefix([group.head[: len(group.head) - group.common] for group in order])
        sums = [0.0] * len(requests)
        self._in_batches(order, batch_size, lambda b: self._score(b, shared, batch_size, sums), progress)
        return sums

    def _score(self, batch: Sequence[Group], prefix: Prefix, rows_at_once: int, sums: list[float]) -> None:
        """Fill in `sums` for a batch of prompts: first tokens from the prefill, the others in a second pass."""
        keep = 1 + max(group.common for group in batch)
        heads = [group.head[prefix.length :] for group in batch]
        logits, cache, mask = self._prefill(heads, prefix, 0, keep)
        log_p = torch.log_softmax(logits, dim=-1)
        longer: list[tuple[int, int, list[int]]] = []
        for number, group in enumerate(batch):
            known = group.head[len(group.head) - group.common :]
            common = sum(float(log_p[number, at - group.common - 1, token]) for at, token in enumerate(known))
            for index, tail in group.tails.items():
                sums[index] = common + (float(log_p[number, -1, tail[0]]) if tail else 0.0)
                if not math.isfinite(sums[index]):
                    raise DeadModelError
                if len(tail) > 1:
                    longer.append((number, index, tail))
        longer.sort(key=lambda entry: len(entry[2]))
        rows_at_once *= max(1, SHORT // mask.shape[1])
        for at in range(0, len(longer), rows_at_once):
            part = longer[at : at + rows_at_once]
            chosen = torch.tensor([number for number, _, _ in part], device=self.device)
            mine = copy.deepcopy(cache)
            mine.batch_select_indices(chosen)
            self._score_tails(part, mine, mask[chosen], sums)

    def _score_tails(
        self, part: Sequence[tuple[int, int, list[int]]], cache: Any, mask: Any, sums: list[float]
    ) -> None:
        width = max(len(tail) for _, _, tail in part) - 1
        ids = torch.zeros((len(part), width), dtype=torch.long)
        here = torch.zeros((len(part), width), dtype=torch.long)
        for row, (_, _, tail) in enumerate(part):
            ids[row, : len(tail) - 1] = torch.tensor(tail[:-1])
            here[row, : len(tail) - 1] = 1
        full = torch.cat([mask, here.to(self.device)], dim=-1)
        logits = self.model(
            ids.to(self.device),
            attention_mask=full,
            position_ids=(full.cumsum(-1) - 1)[:, -width:],
            past_key_values=cache,
        ).logits
        for row, (_, index, tail) in enumerate(part):
            mine = torch.log_softmax(logits[row, : len(tail) - 1].float(), dim=-1)
            wanted = torch.tensor(tail[1:], device=self.device)[:, None]
            sums[index] += float(mine.gather(-1, wanted).sum())
            if not math.isfinite(sums[index]):
                raise DeadModelError

    # --- batches ---

    def _in_batches(
        self, entries: Sequence[Any], size: int, work: Callable[[Sequence[Any]], None], progress: Progress
    ) -> None:
        """Work through `entries`; where memory runs out, again with half the batch."""
        done = 0
        while done < len(entries):
            batch = entries[done : done + size]
            try:
                work(batch)
            except (torch.OutOfMemoryError, RuntimeError) as error:
                full = isinstance(error, torch.OutOfMemoryError) or "allocate memory" in str(error)
                if not full or size == 1:
                    raise
                size = max(1, size // 2)
                gc.collect()
                if self.cuda:
                    torch.cuda.empty_cache()
                continue
            done += len(batch)
            progress(done, len(entries))


@dataclass
class Group:
    """Continuations of one prompt: request number -> tokens to score, after the `common` last ones of the head."""

    head: tuple[int, ...]
    tails: dict[int, list[int]] = field(default_factory=dict)
    common: int = 0

    def with_common(self) -> Group:
        """The same, with the tokens that all tails begin with at the end of the head; each tail keeps one."""
        tails = list(self.tails.values())
        most = min(MOST_COMMON, *(max(0, len(tail) - 1) for tail in tails))
        common = min(_shared(tails[0][:most], tail) for tail in tails)
        head = (*self.head, *tails[0][:common])
        return Group(head, {index: tail[common:] for index, tail in self.tails.items()}, common)


def _base_generation_config(config_dir: str, config: Any) -> Any:
    """The base's own generation settings: only its end-of-text tokens matter here, and an export hands it on."""
    if (Path(config_dir) / "generation_config.json").exists():
        return GenerationConfig.from_pretrained(config_dir, local_files_only=True)
    return GenerationConfig.from_model_config(config)


def _shared(first: Sequence[int], second: Sequence[int]) -> int:
    """How many tokens two rows have in common at their start."""
    pairs = enumerate(zip(first, second, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(first), len(second)))


def _must_be_finite(logits: Any) -> None:
    if not math.isfinite(float(logits.sum(dtype=torch.float64))):  # one pass, no copy
        raise DeadModelError


def _choose(logits: Any, temperature: float, dice: Sequence[random.Random]) -> list[int]:
    """The next token of each row: the likeliest, or one drawn with the row's own dice (whatever its batch)."""
    if temperature == 0:
        chosen: list[int] = logits.argmax(-1).tolist()
        return chosen
    steps = torch.softmax(logits.double() / temperature, dim=-1).cumsum(-1)
    draws = torch.tensor([[die.random()] for die in dice], dtype=steps.dtype, device=steps.device) * steps[:, -1:]
    drawn: list[int] = torch.searchsorted(steps, draws).clamp(max=steps.shape[-1] - 1)[:, 0].tolist()
    return drawn


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
            self._loaded = None  # before the next one comes: two models need twice the memory
            gc.collect()
            self._loaded = LoadedModel(request["config_dir"], request["weights_dir"], request.get("adapter_dir"))
            return {"parameters": self._loaded.model.num_parameters(), "device": str(self._loaded.device)}
        if self._loaded is None:
            raise WorkerError("no model is loaded")

        def progress(done: int, total: int) -> None:
            self._send(request, progress=[done, total])

        prefix = request.get("shared_prefix", "")
        if request["op"] == "generate":
            return {"outputs": self._loaded.generate(request["prompts"], prefix, request["decoding"], progress)}
        if request["op"] == "log_likelihoods":
            pairs = [(prompt, continuation) for prompt, continuation in request["requests"]]
            size = int(request.get("batch_size", 32))
            return {"log_likelihoods": self._loaded.log_likelihoods(pairs, prefix, size, progress)}
        if request["op"] == "export":
            self._loaded.export(request["out"])
            return {}
        raise WorkerError(f"unknown op {request['op']!r}")


if __name__ == "__main__":
    torch.set_grad_enabled(False)
    Worker(REPLIES).serve(sys.stdin)
