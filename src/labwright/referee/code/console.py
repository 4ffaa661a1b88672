"""Runs a program that reads standard input and prints, once for each case. Imports nothing of Labwright's.

    python console.py CPU_S MEMORY_BYTES FILTERED

One JSON object a line: first the programs that an output may mean, then one input after the other; each is answered by
what was printed, or by why no case could be started, which is not the program's failure. A case is a process of its
own, forked from this one, which runs nothing of the model's, and which a case can neither read nor write. What should
have been printed is not known here either.
"""

from __future__ import annotations

import json
import os
import runpy
import selectors
import signal
import sys
import tempfile
import types
from pathlib import Path
from typing import Any, TextIO

MOST_PRINTED = 4 << 20
_MOST_SAID = 4096


class Console:
    """Answers inputs with what the program prints."""

    def __init__(self, requests: TextIO, replies: TextIO, limits: tuple[int, int, str]) -> None:
        self._requests, self._replies, self._limits = requests, replies, limits
        self._confinement = runpy.run_path(str(Path(__file__).with_name("confinement.py")))

    def serve(self) -> types.CodeType | None:
        """Answer until nobody asks any more: then None. In the process of a case: the program, to be run."""
        self._confinement["closed"](True)
        self._say({"ready": True})
        code, why = self._compiled()
        self._say({} if code is not None else {"raised": why})
        if code is None:
            return None
        while line := self._requests.readline():
            if not self._case(json.loads(line)["input"]):
                return code
        return None

    def _compiled(self) -> tuple[types.CodeType | None, str]:
        """The first program that is Python; else why none is."""
        why = ""
        for program in json.loads(self._requests.readline())["programs"]:
            try:
                return compile(program, "<program>", "exec", dont_inherit=True), ""
            except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
                why = f"{type(error).__name__}: the output is no Python: {error}"
        return None, why

    def _case(self, text: str) -> bool:
        """Run one case and answer. False in the process that is to be the case."""
        with tempfile.TemporaryFile() as given:
            given.write(text.encode("utf-8", "surrogatepass"))
            given.seek(0)
            out, out_end = os.pipe()
            said, said_end = os.pipe()
            begun, begin = os.pipe()
            try:
                child = os.fork()
            except OSError as error:
                self._say({"ready": False, "why": f"no process can be started: {error.strerror}"})
                return True
            if child == 0:
                self._be_a_case(given.fileno(), out_end, said_end)
                for end in (out, said, out_end, said_end, begun):
                    os.close(end)
                self._confinement["closed"](False)
                self._confinement["confine"](*self._limits)
                os.write(begin, b"1")
                os.close(begin)
                return False
            for end in (out_end, said_end, begin):
                os.close(end)
            confined = os.read(begun, 1)
            os.close(begun)
            ended = self._watched(child, out, said)
            self._say(ended if confined else {"ready": False, "why": ended.get("said", "")})
        return True

    def _be_a_case(self, *ends: int) -> None:
        """Standard input, output and error are the case's; the pipes to whoever asks are out of reach."""
        nothing = os.dup(0)
        for standard, end in enumerate(ends):
            os.dup2(end, standard)
        for pipe in (self._requests, self._replies):
            os.dup2(nothing, pipe.fileno())
        os.close(nothing)

    def _watched(self, child: int, out: int, said: int) -> dict[str, Any]:
        """What the process printed, and how it ended. Whoever asked watches the clock."""
        texts = {out: bytearray(), said: bytearray()}
        with selectors.DefaultSelector() as waiting:
            for pipe in texts:
                waiting.register(pipe, selectors.EVENT_READ)
            while waiting.get_map():
                for key, _ in waiting.select():
                    chunk = os.read(key.fd, 1 << 16)
                    texts[key.fd] += chunk
                    if not chunk:
                        waiting.unregister(key.fd)
                    if key.fd == said:
                        del texts[said][:-_MOST_SAID]
                    elif len(texts[out]) > MOST_PRINTED:
                        os.kill(child, signal.SIGKILL)
                        for pipe in texts:
                            os.close(pipe)
                        os.waitpid(child, 0)
                        return {"raised": f"it printed over {MOST_PRINTED >> 20} MiB"}
        for pipe in texts:
            os.close(pipe)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        last = texts[said].decode("utf-8", "replace").strip().rpartition("\n")[2]
        return {"printed": texts[out].decode("utf-8", "replace"), "code": code, "said": last[:300]}

    def _say(self, reply: dict[str, Any]) -> None:
        self._replies.write(json.dumps(reply, ensure_ascii=False) + "\n")
        self._replies.flush()


def main() -> types.CodeType | None:
    """Serve; nothing that a program prints can get between the replies."""
    hear = os.fdopen(os.dup(0), encoding="utf-8")
    talk = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nothing, standard)
    return Console(hear, talk, (int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])).serve()


if __name__ == "__main__":
    program = main()
    if program is None:
        os._exit(0)
    sys.argv = ["program.py"]
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", buffering=1, errors="replace", closefd=False)  # noqa: SIM115
    sys.setrecursionlimit(10_000)
    sys.modules["__main__"] = types.ModuleType("__main__")
    exec(program, sys.modules["__main__"].__dict__)  # and out, as any program: threads are waited for, buffers flushed
