# /// script
# requires-python = ">=3.11"
# dependencies = [
#     "accelerate==1.15.0",
#     "datasets==5.2.0",
#     "peft==0.21.2",
#     "torch==2.13.0",
#     "transformers==5.23.0",
#     "trl==1.16.0",
# ]
# ///
"""Supervised fine-tuning, with LoRA (Hu et al., 2021, arXiv 2106.09685) or of all weights, by TRL's SFTTrainer.

Runs as `python recipe.py` in a run directory and needs nothing of Labwright:

    in   params.json            the fields of `Params` below; all have defaults
         inputs/base_model/     a Hugging Face model directory
         inputs/train.jsonl     one row a line
         inputs/checkpoint/     where given: another run's checkpoint to go on from; max_steps counts its steps too
    out  metrics.jsonl          a line a step: step, time, loss, learning_rate, grad_norm, tokens_per_s, eval_loss
         checkpoints/           checkpoint-N: everything needed to go on after step N exactly as if never stopped
         adapter/ or model/     the result, in safetensors
         result.json            what this script says of itself

LABWRIGHT_RUN_DIR, LABWRIGHT_SEED and LABWRIGHT_DEADLINE (seconds since the epoch) are read from the environment. The
same seed gives the same weights. Started again after a kill it goes on from its newest checkpoint. When the deadline
comes near, or on SIGTERM, it ends early and cleanly: checkpoint, weights and result.json are written, exit code 0.
"""

from __future__ import annotations

import json
import math
import os
import random
import shutil
import signal
import sys
import time
import warnings
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal, get_args, get_type_hints

RUN = Path(os.environ.get("LABWRIGHT_RUN_DIR", "."))
SEED = int(os.environ.get("LABWRIGHT_SEED", "0"))
DEADLINE = float(os.environ.get("LABWRIGHT_DEADLINE", "inf"))

Row = dict[str, Any]


class RecipeError(Exception):
    """Something in the inputs that cannot work; names the file, the line and the column or parameter."""


@dataclass(frozen=True)
class Params:
    """What params.json may say."""

    # The data
    format: Literal["prompt-completion", "messages", "text"] = "prompt-completion"
    max_length: int = 1024  # tokens; the rest of a longer row is cut off
    validation_rows: int = 0  # rows held out of the training data, drawn by the seed, whose loss is eval_loss
    completion_only_loss: bool = True  # no loss on prompts; with messages, loss on the last answer only

    # What is trained
    lora: bool = True  # an adapter; false trains all weights
    lora_r: int = 16
    lora_alpha: int = 32
    lora_dropout: float = 0.0
    lora_targets: str = "all-linear"  # or module names, separated by commas: q_proj,v_proj

    # How it is trained
    learning_rate: float = 1e-3  # good for LoRA; full training of a pretrained model wants about a tenth
    schedule: str = "constant_with_warmup"  # constant, so that a run may go on past its max_steps
    warmup_steps: int = 5
    batch_size: int = 16
    gradient_accumulation: int = 1
    max_steps: int = 0  # optimiser steps, counted from the very first one; 0: `epochs` decide
    epochs: float = 1.0
    weight_decay: float = 0.0
    max_grad_norm: float = 1.0
    precision: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    gradient_checkpointing: bool = False  # less memory for about a third more time

    # What is written
    logging_steps: int = 1
    eval_steps: int = 10  # with validation_rows; the last step is always evaluated
    save_steps: int = 0  # 0: about once a minute. The end is always saved


def read_params(path: Path) -> Params:
    """Unknown names and wrong types are errors: a typo that is ignored would spoil the experiment."""
    try:
        given = json.loads(path.read_text()) if path.exists() else {}
    except ValueError as error:
        raise RecipeError(f"{path.name} is no JSON: {error}") from error
    known = [f.name for f in fields(Params)]
    if unknown := sorted(set(given) - set(known)):
        raise RecipeError(f"params.json: unknown parameter {', '.join(unknown)}; known are {', '.join(known)}")
    for name, kind in get_type_hints(Params).items():
        value = given.get(name, getattr(Params, name))
        choices = get_args(kind)
        if choices and value not in choices:
            raise RecipeError(f"params.json: {name} is {value!r}; it must be one of {', '.join(choices)}")
        if kind is float and isinstance(value, int) and not isinstance(value, bool):
            given[name] = float(value)
        elif not choices and type(value) is not kind:
            raise RecipeError(f"params.json: {name} is {value!r}; it must be of type {kind.__name__}")
    params = Params(**given)
    for name in ("batch_size", "gradient_accumulation", "max_length", "logging_steps", "eval_steps", "lora_r"):
        if getattr(params, name) < 1:
            raise RecipeError(f"params.json: {name} is {getattr(params, name)}; it must be at least 1")
    if params.learning_rate <= 0 or not math.isfinite(params.learning_rate):
        raise RecipeError(f"params.json: learning_rate is {params.learning_rate}; it must be above 0")
    return params


# -- the data ----------------------------------------------------------------------------------------------------------


def read_rows(path: Path, params: Params) -> list[Row]:
    """The rows of train.jsonl, with exactly the columns that TRL looks at: others may mean something to it."""
    rows = []
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                try:
                    rows.append(as_row(json.loads(line), params))
                except (ValueError, TypeError) as error:
                    raise RecipeError(f"{path.name}, line {number}: {error}") from error
    if len(rows) <= params.validation_rows:
        raise RecipeError(f"{path.name} holds {len(rows)} rows, and validation_rows takes {params.validation_rows}")
    return rows


def as_row(row: Row, params: Params) -> Row:
    if not isinstance(row, dict):
        raise TypeError("the row is no JSON object")
    columns = {"prompt-completion": ("prompt", "completion"), "messages": ("messages",), "text": ("text",)}
    for column in columns[params.format]:
        if column not in row:
            raise ValueError(f"column {column!r} is missing; format {params.format} needs it, found {', '.join(row)}")
    if params.format != "messages":
        for column in columns[params.format]:
            if not isinstance(row[column], str):
                raise TypeError(f"column {column!r} is no text")
        return {column: row[column] for column in columns[params.format]}
    try:
        messages = [{"role": m["role"], "content": m["content"]} for m in row["messages"]]
        if not messages or not all(isinstance(text, str) for m in messages for text in m.values()):
            raise TypeError
    except (KeyError, TypeError) as error:
        raise ValueError("column 'messages' is no list of messages with a role and a content of text") from error
    if not params.completion_only_loss:
        return {"messages": messages}
    if messages[-1]["role"] != "assistant":
        raise ValueError("column 'messages': the last message must be the assistant's, for that is what is learnt")
    return {"prompt": messages[:-1], "completion": messages[-1:]}


def split(rows: list[Row], count: int) -> tuple[list[Row], list[Row]]:
    """Training and validation rows, both in the file's order."""
    held_out = set(random.Random(SEED).sample(range(len(rows)), count))
    return [r for i, r in enumerate(rows) if i not in held_out], [rows[i] for i in sorted(held_out)]


def total_steps(params: Params, rows: int) -> int:
    """Optimiser steps from the very first one to the end."""
    an_epoch = math.ceil(math.ceil(rows / params.batch_size) / params.gradient_accumulation)
    return params.max_steps or max(1, math.ceil(params.epochs * an_epoch))


# -- going on after a kill ---------------------------------------------------------------------------------------------


def is_complete(checkpoint: Path) -> bool:
    """Whether a checkpoint has all its parts. trainer_state.json is written last."""
    weights = ("adapter_model.safetensors", "model.safetensors", "model.safetensors.index.json")
    parts = ("trainer_state.json", "optimizer.pt", "scheduler.pt", "rng_state.pth")
    if not all((checkpoint / p).is_file() for p in parts) or not any((checkpoint / w).is_file() for w in weights):
        return False
    try:
        return step_of(checkpoint) > 0
    except (ValueError, KeyError):
        return False


def step_of(checkpoint: Path) -> int:
    return int(json.loads((checkpoint / "trainer_state.json").read_text())["global_step"])


def find_checkpoint() -> Path | None:
    """The newest complete checkpoint of this run, else the one it was given, else None."""
    numbered = {p: p.name.removeprefix("checkpoint-") for p in (RUN / "checkpoints").glob("checkpoint-*")}
    for path in sorted((p for p, n in numbered.items() if n.isdigit()), key=lambda p: -int(numbered[p])):
        if is_complete(path):
            return path
        say(f"{path.name} is incomplete and is not used")
    given = RUN / "inputs" / "checkpoint"
    if given.exists() and not is_complete(given):
        raise RecipeError("inputs/checkpoint is no complete checkpoint of this recipe")
    return given if given.exists() else None


def truncate_metrics(path: Path, step: int) -> None:
    """Drop the lines after `step`, which are about to be written again, and a line that a kill cut off."""
    if path.exists():
        whole = [line for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")]
        fresh = path.with_name("metrics.jsonl.new")
        fresh.write_text("".join(line for line in whole if json.loads(line)["step"] <= step))
        fresh.replace(path)


# -- when to stop ------------------------------------------------------------------------------------------------------


class Stopping:
    """Knows when to end early: after SIGTERM, or when another step and saving would not fit before the deadline."""

    def __init__(self) -> None:
        self.reason = ""
        self._durations: list[float] = []
        self._step_began = time.monotonic()
        self.save_s = 2.0  # until the first checkpoint has been timed
        self.eval_s = 0.0
        signal.signal(signal.SIGTERM, self._on_sigterm)

    def _on_sigterm(self, *_: object) -> None:
        self.reason = "sigterm"

    def step_begins(self) -> None:
        self._step_began = time.monotonic()

    def step_ends(self) -> None:
        """The slowest of the last five steps stands for the next: being late costs the run, being early a step."""
        self._durations = [*self._durations[-4:], time.monotonic() - self._step_began]
        # Also kept free: one evaluation, the checkpoint, the weights at the end, and a second.
        reserve_s = max(self._durations) + self.eval_s + 2 * self.save_s + 1.0
        if not self.reason and time.time() + reserve_s > DEADLINE:
            self.reason = "deadline"


# -- training ----------------------------------------------------------------------------------------------------------


def quiet() -> None:
    """Before the imports: no trackers, no telemetry, no network, no bars and warnings that would fill log.txt."""
    warnings.simplefilter("ignore", FutureWarning)  # TRL and transformers warn each other of names to come
    os.environ.update(HF_HUB_OFFLINE="1", HF_DATASETS_DISABLE_PROGRESS_BARS="1", TOKENIZERS_PARALLELISM="false")
    os.environ.update(WANDB_MODE="disabled", TRANSFORMERS_VERBOSITY="error")


def choose_precision(wanted: str) -> str:
    """Half precision on GPUs only: on a CPU bfloat16 was no faster with AVX-512 BF16, and 28 times slower with AVX2."""
    import torch

    if wanted != "auto":
        return wanted
    if torch.cuda.is_available():
        return "bfloat16" if torch.cuda.get_device_capability() >= (8, 0) else "float16"
    return "float32"


def trainer_class() -> Any:
    """SFTTrainer with a cheaper loss on CPUs, and with checkpoints that are there whole or not at all."""
    import torch
    from transformers import Trainer
    from trl import SFTTrainer

    class RecipeTrainer(SFTTrainer):  # type: ignore[misc]
        tokens = 0  # seen in training by this process
        saving_to: str | None = None
        save_s = 0.0  # how long the last checkpoint took

        def compute_loss(
            self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
        ) -> Any:
            if model.training:
                self.tokens += int(inputs["attention_mask"].sum())
            if return_outputs or self.aux_loss_enabled or inputs["input_ids"].device.type != "cpu":
                return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
            # Off a GPU, TRL projects every position onto the vocabulary, also the prompts', and computes entropies and
            # accuracies from that. With short rows that is a large part of a step. Here: only columns with a label.
            labels = inputs.pop("labels")[:, 1:]
            columns = (labels != -100).any(dim=0).nonzero().squeeze(1)
            logits = model(**inputs, use_cache=False, logits_to_keep=columns).logits.float()
            kept = labels[:, columns].flatten()
            total = torch.nn.functional.cross_entropy(logits.flatten(0, 1), kept, ignore_index=-100, reduction="sum")
            return total / ((kept != -100).sum() if num_items_in_batch is None else num_items_in_batch)

        def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
            """transformers' warm-up begins with a step at rate zero. Here it begins one later, since steps count."""
            fresh = self.lr_scheduler is None
            scheduler = super().create_scheduler(num_training_steps, optimizer)
            if fresh and self.args.lr_scheduler_type == "constant_with_warmup":
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", UserWarning)  # torch suspects a mistake
                    scheduler.step()
            return scheduler

        def _get_output_dir(self, trial: Any) -> str:
            return self.saving_to or str(super()._get_output_dir(trial))

        def _save_checkpoint(self, model: Any, trial: Any) -> None:
            began = time.monotonic()
            final = RUN / "checkpoints" / f"checkpoint-{self.state.global_step}"
            staging = RUN / "checkpoints" / ".saving"
            shutil.rmtree(staging, ignore_errors=True)
            staging.mkdir(parents=True)
            self.saving_to = str(staging)
            Trainer._save_checkpoint(self, model, trial)  # not SFTTrainer's, which adds a model card
            self.saving_to = None
            shutil.rmtree(final, ignore_errors=True)
            (staging / final.name).rename(final)
            staging.rmdir()
            for older in (RUN / "checkpoints").glob("checkpoint-*"):
                if older != final:
                    shutil.rmtree(older)
            self.save_s = time.monotonic() - began

    return RecipeTrainer


def recorder(params: Params, stopping: Stopping) -> Any:
    """The callback that writes metrics.jsonl and says when to log, evaluate, save and stop."""
    from transformers import TrainerCallback

    class Recorder(TrainerCallback):  # type: ignore[misc]
        trainer: Any = None  # set once it exists; knows the tokens
        last: Row

        def __init__(self) -> None:
            self.last = {}
            self.metrics = (RUN / "metrics.jsonl").open("a", encoding="utf-8")
            self.waiting: Row = {}
            self.logged = self.saved = time.monotonic()
            self.tokens = 0

        def on_train_begin(self, *_: Any, **__: Any) -> None:
            self.logged = self.saved = time.monotonic()

        def on_step_begin(self, *_: Any, **__: Any) -> None:
            stopping.step_begins()

        def on_step_end(self, _args: Any, state: Any, control: Any, **_: Any) -> None:
            step, finished = state.global_step, state.global_step >= state.max_steps
            stopping.step_ends()
            control.should_training_stop = finished or bool(stopping.reason)
            control.should_log = step % params.logging_steps == 0 or control.should_training_stop
            due = finished or (step % params.eval_steps == 0 and not stopping.reason)
            control.should_evaluate = params.validation_rows > 0 and due
            pause_s = max(60.0, 20 * stopping.save_s)  # saving takes at most a twentieth of the time
            due = step % params.save_steps == 0 if params.save_steps else time.monotonic() - self.saved > pause_s
            control.should_save = control.should_training_stop or due
            self.waiting = {}

        def on_log(self, _args: Any, state: Any, control: Any, logs: Row, **_: Any) -> None:
            """Called for a step's loss, and again for its eval_loss: both go into one line."""
            now = time.monotonic()
            if "loss" in logs:
                names = ("loss", "learning_rate", "grad_norm")
                rate = (self.trainer.tokens - self.tokens) / max(now - self.logged, 1e-9)
                self.logged, self.tokens = now, self.trainer.tokens
                values = {name: float(logs[name]) for name in names if name in logs}
                self.waiting = {"step": state.global_step, "time": time.time(), **values, "tokens_per_s": rate}
            elif "eval_loss" in logs:
                self.waiting = {"step": state.global_step, "time": time.time(), **self.waiting}
                self.waiting["eval_loss"] = float(logs["eval_loss"])
                stopping.eval_s, self.logged = now - self.logged, now
            if self.waiting and ("eval_loss" in logs or not control.should_evaluate):
                self.metrics.write(json.dumps(self.waiting) + "\n")
                self.metrics.flush()
                self.last, self.waiting = self.waiting, {}
                shown = ", ".join(f"{k} {self.last[k]:.4g}" for k in ("loss", "eval_loss") if k in self.last)
                say(f"step {state.global_step}/{state.max_steps}: {shown}")

        def on_save(self, *_: Any, **__: Any) -> None:
            self.saved = time.monotonic()
            stopping.save_s = self.trainer.save_s

    return Recorder()


def make_trainer(params: Params, rows: list[Row], callback: Any, precision: str) -> Any:
    """Model, tokenizer, data and settings, as TRL wants them."""
    import torch
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import AutoModelForCausalLM, AutoTokenizer, PrinterCallback, set_seed
    from transformers.utils import logging
    from trl import SFTConfig

    base = str(RUN / "inputs" / "base_model")
    logging.disable_progress_bar()
    set_seed(SEED)
    tokenizer = AutoTokenizer.from_pretrained(base, local_files_only=True)
    if params.format == "messages" and not tokenizer.chat_template:
        raise RecipeError("params.json: format is messages, but the base model's tokenizer has no chat template")
    # A frozen base may be held in half precision; weights that are trained stay in float32 and are cast in use.
    dtype = getattr(torch, precision) if params.lora else torch.float32
    model = AutoModelForCausalLM.from_pretrained(base, dtype=dtype, local_files_only=True, use_safetensors=True)
    train, validation = split(rows, params.validation_rows)
    targets = params.lora_targets if params.lora_targets == "all-linear" else params.lora_targets.split(",")
    rank = {"r": params.lora_r, "lora_alpha": params.lora_alpha, "lora_dropout": params.lora_dropout}
    lora = LoraConfig(task_type="CAUSAL_LM", target_modules=targets, **rank)
    same = ("learning_rate", "warmup_steps", "weight_decay", "max_grad_norm", "max_length", "gradient_checkpointing")
    settings = SFTConfig(
        **{name: getattr(params, name) for name in same},
        output_dir=str(RUN / "checkpoints"),
        seed=SEED,
        data_seed=SEED,
        lr_scheduler_type=params.schedule,
        per_device_train_batch_size=params.batch_size,
        per_device_eval_batch_size=params.batch_size,
        gradient_accumulation_steps=params.gradient_accumulation,
        max_steps=total_steps(params, len(train)),
        completion_only_loss=params.completion_only_loss and params.format != "text",
        bf16=precision == "bfloat16",
        fp16=precision == "float16",
        logging_strategy="no",  # these three are up to the callback
        eval_strategy="no",
        save_strategy="no",
        logging_nan_inf_filter=False,  # the watchdog wants to see a loss that is not a number
        report_to="none",
        disable_tqdm=True,
        dataloader_pin_memory=torch.cuda.is_available(),
    )
    trainer = trainer_class()(
        model=model,
        args=settings,
        train_dataset=Dataset.from_list(train),
        eval_dataset=Dataset.from_list(validation) if validation else None,
        processing_class=tokenizer,
        peft_config=lora if params.lora else None,
        callbacks=[callback],
    )
    trainer.remove_callback(PrinterCallback)
    if len(trainer.train_dataset) == 0:
        raise RecipeError(f"params.json: max_length {params.max_length} is so short that no row keeps its completion")
    if dropped := len(train) - len(trainer.train_dataset):
        say(f"{dropped} rows have a prompt longer than max_length {params.max_length} and are left out")
    return trainer


def write_weights(trainer: Any, params: Params) -> None:
    """adapter/ or model/, whole or not at all."""
    final = RUN / ("adapter" if params.lora else "model")
    fresh = RUN / f".{final.name}.new"
    shutil.rmtree(fresh, ignore_errors=True)
    trainer.model.save_pretrained(fresh)
    if not params.lora:
        trainer.processing_class.save_pretrained(fresh)
    shutil.rmtree(final, ignore_errors=True)
    fresh.rename(final)


def main() -> None:
    stopping = Stopping()
    params = read_params(RUN / "params.json")
    rows = read_rows(RUN / "inputs" / "train.jsonl", params)  # all that can be wrong, before the slow imports
    checkpoint = find_checkpoint()
    done = step_of(checkpoint) if checkpoint else 0
    truncate_metrics(RUN / "metrics.jsonl", done)
    quiet()
    precision = choose_precision(params.precision)
    callback = recorder(params, stopping)
    trainer = callback.trainer = make_trainer(params, rows, callback, precision)
    trained = sum(p.numel() for p in trainer.model.parameters() if p.requires_grad)
    stopping.save_s += trained * 12 / 200e6  # bytes of weights and of Adam's two moments, at 200 MB/s
    start = f"step {done}" if checkpoint else "the base model"
    say(f"{len(rows)} rows, {trained:,} parameters to train, {precision}, from {start}")

    began = time.monotonic()
    if checkpoint and (stopping.reason or done >= trainer.args.max_steps):
        trainer._load_from_checkpoint(str(checkpoint))  # no step is to be done, but the weights are to be written
    elif not stopping.reason:
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    train_s = time.monotonic() - began
    write_weights(trainer, params)
    result = {
        "steps": max(trainer.state.global_step, done),
        "stopped": stopping.reason or "finished",
        "loss": callback.last.get("loss"),
        "eval_loss": callback.last.get("eval_loss"),
        "train_s": train_s,
        "tokens": trainer.tokens,
        "precision": precision,
        "went_on_from_step": done,
        "params": asdict(params),
    }
    fresh = RUN / "result.json.new"
    fresh.write_text(json.dumps(result, indent=2) + "\n")
    fresh.replace(RUN / "result.json")
    say(f"{result['stopped']} after step {result['steps']}: {train_s:.1f} s")


def say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    try:
        main()
    except RecipeError as error:
        sys.exit(f"error: {error}")
