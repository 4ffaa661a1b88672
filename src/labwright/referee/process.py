"""The referee's own process: the only one that opens the vault, scores models and gives verdicts.

    python -m labwright.referee.process        an Opening on the first line of stdin, then one request a line

It holds the keys; the generation worker that it starts sees prompts and weights only. What it decides it writes to the
ledger itself, before it answers, so nobody on the other side of the pipe can record a score.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable
from typing import IO, Any

from pydantic import ValidationError

from labwright.compute.sandbox import Sandbox
from labwright.contracts.errors import LabwrightError, RefereeError, StorageError
from labwright.ledger import Ledger
from labwright.referee.bench import Bench
from labwright.referee.protocol import ANSWER, OPENING, REPLY, REQUEST, Failure, Opening, Reply, Request

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Serve requests until stdin closes."""
    answers = _claim_stdout()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _die_with_parent()
    opening = OPENING.validate_json(sys.stdin.readline())
    ledger = Ledger.open(opening.ledger_url)
    bench = _bench(opening, ledger)
    try:
        for line in sys.stdin:
            _serve(bench, line, answers)
    finally:
        bench.close()
        ledger.close()


def _bench(opening: Opening, ledger: Ledger) -> Bench:
    return Bench(opening, ledger, Sandbox(opening.sandbox, opening.cgroups))


def _serve(bench: Bench, line: str, answers: IO[str]) -> None:
    """Answer one request, whatever happens: an error of the tree travels, anything else ends the process."""

    def on_progress(done: int, total: int) -> None:
        _say(answers, Reply(progress=(done, total)))

    try:
        request = REQUEST.validate_json(line)
        result = _handler(bench, request)(request, on_progress)
    except LabwrightError as error:
        failure = Failure(type(error).__name__, error.what, error.where, error.cure)
        _say(answers, Reply(failure=failure, done=True))
        return
    except OSError as error:
        meant = StorageError.of(error, bench.home)
        if meant is None:
            raise
        _say(answers, Reply(failure=Failure("StorageError", meant.what, meant.where, meant.cure), done=True))
        return
    except ValidationError as error:
        problem = RefereeError(f"a request that this referee does not understand: {error.errors()[0]['msg']}")
        _say(answers, Reply(failure=Failure("RefereeError", problem.what, None, None), done=True))
        return
    _say(answers, Reply(result=ANSWER[request.op].dump_python(result, mode="json"), done=True))


def _handler(bench: Bench, request: Request) -> Callable[[Any, Callable[[int, int], None]], Any]:
    handlers: dict[str, Callable[[Any, Callable[[int, int], None]], Any]] = {
        "seal": bench.seal,
        "check_source": bench.check_source,
        "gate": bench.gate,
        "evaluate": bench.evaluate,
        "appraise": bench.appraise,
        "open_test": bench.open_test,
        "judge": bench.judge,
        "compare": bench.compare,
        "export": bench.export,
        "rescore": bench.rescore,
        "score_rows": bench.score_rows,
        "disclose": bench.disclose,
    }
    return handlers[request.op]


def _say(answers: IO[str], reply: Reply) -> None:
    answers.write(REPLY.dump_json(reply).decode() + "\n")
    answers.flush()


def _claim_stdout() -> IO[str]:
    """Keep the pipe to the engine for answers alone: whatever a library prints goes to stderr."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return answers


def _die_with_parent() -> None:
    """A referee must not go on scoring for an engine that was killed: its successor would do the same again."""
    if sys.platform == "linux":
        parent = os.getppid()
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            sys.exit(1)


if __name__ == "__main__":
    main()
