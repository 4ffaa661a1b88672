"""A generation worker that needs no torch, for studies of the number-sorting kind.

It speaks the protocol of `labwright/referee/worker.py`. The "model" is the first number of the adapter: the share of
prompts that it sorts; the base sorts one in twenty. Which prompts those are depends on the prompt alone.
"""

import hashlib
import json
import shutil
import struct
import sys
import time
from pathlib import Path

BASE_SKILL = 0.05
FEW_SHOT_BONUS = 0.05
BREAKS_LOADING, KILLS_THE_WORKER = -1.0, -2.0
PAUSE_S = 0.02


def main() -> None:
    skill, base = BASE_SKILL, ""
    for line in sys.stdin:
        request = json.loads(line)
        reply: dict = {"id": request["id"], "ok": True}
        if request["op"] == "load":
            base = request["config_dir"]
            adapter = request.get("adapter_dir")
            skill = read_skill(Path(adapter)) if adapter else BASE_SKILL
            reply["parameters"] = 1
            if skill == BREAKS_LOADING:
                reply = {"id": request["id"], "ok": False, "error": "the logits are not finite"}
            elif skill == KILLS_THE_WORKER:
                sys.exit("out of memory")
        elif request["op"] == "generate":
            bonus = FEW_SHOT_BONUS if request.get("shared_prefix") else 0.0
            reply["outputs"] = generate(request, skill + bonus)
        elif request["op"] == "export":
            shutil.copytree(base, request["out"], dirs_exist_ok=True)
        else:
            reply = {"id": request["id"], "ok": False, "error": f"no such request: {request['op']}"}
        say(reply)


def generate(request: dict, skill: float) -> list[str]:
    outputs = []
    for done, prompt in enumerate(request["prompts"], start=1):
        outputs.append(answer(prompt, skill))
        if done % 20 == 0:
            time.sleep(PAUSE_S)
            say({"id": request["id"], "progress": [done, len(request["prompts"])]})
    return outputs


def answer(prompt: str, skill: float) -> str:
    numbers = [int(n) for n in prompt.rsplit(":", 1)[1].split("->")[0].split()]
    luck = int.from_bytes(hashlib.sha256(prompt.encode()).digest()[:4], "big") / 2**32
    return " " + " ".join(str(n) for n in (sorted(numbers) if luck < skill else [*sorted(numbers, reverse=True), 0]))


def read_skill(adapter: Path) -> float:
    data = (adapter / "adapter_model.safetensors").read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    start = next(v["data_offsets"][0] for k, v in header.items() if "lora_A" in k)
    return float(struct.unpack_from("<f", data, 8 + length + start)[0])


def say(reply: dict) -> None:
    sys.stdout.write(json.dumps(reply) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
