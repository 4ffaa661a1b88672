"""A recipe that needs no torch: it obeys the run-directory protocol and "learns" by arithmetic.

Its skill grows with steps, learning rate and the share of right answers in the data, wobbles a little with the seed,
and is kept in the adapter's first number, where `toy_worker.py` finds it. Everything is deterministic, also across
kills: the state after a step depends on the state before it and on the seed alone.
"""

import json
import os
import random
import struct
import time
from pathlib import Path

RUN = Path(os.environ["LABWRIGHT_RUN_DIR"])
SEED = int(os.environ["LABWRIGHT_SEED"])
DEADLINE = float(os.environ["LABWRIGHT_DEADLINE"])


def main() -> None:
    params = json.loads((RUN / "params.json").read_text())
    rows = [json.loads(line) for line in (RUN / "inputs" / "train.jsonl").read_text().splitlines()]
    quality = sum(is_right(row) for row in rows) / len(rows)
    state = newest_state() or {"step": 0, "skill": 0.0}
    truncate_metrics(state["step"])
    with (RUN / "metrics.jsonl").open("a") as metrics:
        while state["step"] < params["max_steps"] and time.time() < DEADLINE - 1:
            time.sleep(params.get("step_s", 0.01))
            state = advance(state, params, quality)
            loss = float("nan") if params.get("diverges") and state["step"] > 3 else 0.7 - 0.6 * state["skill"]
            line = {"step": state["step"], "time": time.time(), "loss": loss}
            metrics.write(json.dumps(line) + "\n")
            metrics.flush()
            if state["step"] % params.get("save_steps", 5) == 0 or state["step"] == params["max_steps"]:
                save_state(state)
    write_adapter(state["skill"])
    (RUN / "result.json").write_text(json.dumps({"steps": state["step"]}))


def is_right(row: dict) -> bool:
    numbers = [int(n) for n in row["prompt"].split(":")[1].split("->")[0].split()]
    return row["completion"].split() == [str(n) for n in sorted(numbers)]


def advance(state: dict, params: dict, quality: float) -> dict:
    noise = random.Random(f"{SEED}/{state['step']}").uniform(-0.2, 0.2)
    rate = min(params["learning_rate"] * 60, 0.2) * quality * (1 + noise)
    return {"step": state["step"] + 1, "skill": state["skill"] + rate * (0.9 - state["skill"])}


def newest_state() -> dict | None:
    for folder in (RUN / "checkpoints", RUN / "inputs" / "checkpoint"):
        files = (
            list(folder.glob("checkpoint-*/state.json")) if folder.name == "checkpoints" else [folder / "state.json"]
        )
        states = [json.loads(f.read_text()) for f in files if f.is_file()]
        if states:
            return max(states, key=lambda s: s["step"])
    return None


def save_state(state: dict) -> None:
    folder = RUN / "checkpoints" / f"checkpoint-{state['step']}"
    folder.mkdir(parents=True, exist_ok=True)
    fresh = folder / "state.json.new"
    fresh.write_text(json.dumps(state))
    fresh.replace(folder / "state.json")


def truncate_metrics(step: int) -> None:
    path = RUN / "metrics.jsonl"
    if path.exists():
        whole = [line for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")]
        path.write_text("".join(line for line in whole if json.loads(line)["step"] <= step))


def write_adapter(skill: float) -> None:
    """A LoRA adapter of rank 1 over one projection of the tiny Llama, written by hand."""
    width = json.loads((RUN / "inputs" / "base_model" / "config.json").read_text())["hidden_size"]
    name = "base_model.model.model.layers.0.self_attn.q_proj"
    tensors = {
        f"{name}.lora_A.weight": ((1, width), [skill] + [0.0] * (width - 1)),
        f"{name}.lora_B.weight": ((width, 1), [0.0] * width),
    }
    write_safetensors(RUN / "adapter" / "adapter_model.safetensors", tensors)
    config = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "r": 1,
        "lora_alpha": 1,
        "target_modules": ["q_proj"],
        "bias": "none",
    }
    (RUN / "adapter" / "adapter_config.json").write_text(json.dumps(config))


def write_safetensors(path: Path, tensors: dict) -> None:
    header, body = {}, b""
    for name, (shape, values) in tensors.items():
        data = struct.pack(f"<{len(values)}f", *values)
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [len(body), len(body) + len(data)]}
        body += data
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(struct.pack("<Q", len(text)) + text + body)


if __name__ == "__main__":
    main()
