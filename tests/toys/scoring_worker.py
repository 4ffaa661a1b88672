"""A generation worker that needs no torch, for scoring rows: a row's loss is the length of its question.

It speaks the protocol of `labwright/referee/worker.py`. A question that begins with `wait for PATH` is answered once
that file is there; one that says `too long` is refused, as a model refuses what its context does not hold.
"""

import json
import sys
import time
from pathlib import Path


def main() -> None:
    for line in sys.stdin:
        request = json.loads(line)
        reply: dict = {"id": request["id"], "ok": True}
        if request["op"] == "log_likelihoods":
            prompts = [prompt for prompt, _ in request["requests"]]
            for prompt in prompts:
                while prompt.startswith("wait for ") and not Path(prompt.removeprefix("wait for ")).exists():
                    time.sleep(0.02)
            reply["log_likelihoods"] = [-float(len(prompt)) for prompt in prompts]
            if any("too long" in prompt for prompt in prompts):
                reply = {"id": request["id"], "ok": False, "error": "a prompt is longer than the model's 8 tokens"}
        sys.stdout.write(json.dumps(reply) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
