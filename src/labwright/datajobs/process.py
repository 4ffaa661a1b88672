"""A data job's process: does what its folder asks for, says how far it is, and leaves what came of it.

    python -P -m labwright.datajobs.process FOLDER

`jobs.py` starts it. SIGTERM ends it in good order: what was scored, written and paid for is kept.
"""

from __future__ import annotations

import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from labwright.assemble import Lab, open_lab
from labwright.assemble.data import workbench
from labwright.assemble.difficulty import score_rows, scored_document
from labwright.assemble.reading import ReadingRoom
from labwright.assemble.synthesis import Payer, make_rows
from labwright.contracts.datajobs import ScoringAsked, SynthesisAsked
from labwright.contracts.errors import BudgetError, LabwrightError
from labwright.contracts.generation import Decoding
from labwright.data.difficulty import Method
from labwright.data.synthesis import Standing, read_spec
from labwright.datajobs.jobs import JobEnd, JobOrder, JobProgress, must_be, read_order, write_end, write_progress
from labwright.guard.checkins import CheckIns
from labwright.guard.spending import SpendingKeeper

_TOLD_EVERY_S = 0.5


@dataclass
class Told:
    """Writes down how far the job is: where it begins with something else, now and then, and at its end."""

    folder: Path
    doing: str = ""
    last: float = 0.0

    def say(self, doing: str, done: int = 0, of: int = 0) -> None:
        now = time.monotonic()
        if doing != self.doing or now - self.last >= _TOLD_EVERY_S or (of and done == of):
            self.doing, self.last = doing, now
            write_progress(self.folder, JobProgress(doing, done, of))

    def of_model(self, what: str, _fraction: float) -> None:
        self.say(what)

    def of_rows(self, done: int, of: int) -> None:
        self.say("scoring", done, of)

    def of_synthesis(self, standing: Standing) -> None:
        self.say(standing.doing, standing.accepted, standing.wanted)


def score(lab: Lab, asked: ScoringAsked, told: Told) -> JobEnd:
    """Score every row by a model."""
    decoding = Decoding(asked.max_new_tokens, asked.temperature, asked.stop, seed=asked.seed, chat=asked.chat)
    method = Method(asked.by, asked.samples, decoding)
    room = ReadingRoom(lab)
    try:
        scored = score_rows(
            lab, workbench(lab, room), asked.src, asked.out, asked.model, method,
            keep=asked.keep, seed=asked.seed, most_s=asked.most_s, progress=told.of_rows, on_model=told.of_model,
        )  # fmt: skip
    finally:
        room.close()
    return JobEnd("done", scored_document(scored))


def synthesise(lab: Lab, asked: SynthesisAsked, session_id: str | None, told: Told) -> JobEnd:
    """Write rows to a spec, under the ceilings of the session and by its person's agreement."""
    source = read_spec(Path(asked.spec))
    must_be(source, asked.sha256)
    payer = _payer(lab, session_id)
    against = [Path(folder) for folder in asked.against]
    report = make_rows(
        lab, source, Path(asked.out), payer=payer, model=asked.model, against=against, progress=told.of_synthesis
    )
    why = report.at_ceiling or next((f"{part.name}: {part.why}" for part in report.slices if part.why), "")
    return JobEnd("done" if report.complete else "incomplete", report.as_json(), why)


def _payer(lab: Lab, session_id: str | None) -> Payer:
    if session_id is None:
        return Payer()
    view = lab.ledger.session_view(session_id)
    checkins = CheckIns(
        lab.ledger,
        session_id,
        view.approve,
        lab.settings.check_in_usd or None,
        lab.settings.check_in_tokens or None,
    )
    return Payer(SpendingKeeper(lab.ledger, session_id), checkins.must_be_agreed)


def _done(order: JobOrder, told: Told) -> JobEnd:
    try:
        lab = open_lab()
        if isinstance(order.asked, ScoringAsked):
            return score(lab, order.asked, told)
        return synthesise(lab, order.asked, order.session_id, told)
    except BudgetError as error:
        return JobEnd("incomplete", None, error.one_line())
    except LabwrightError as error:
        return JobEnd("failed", None, error.one_line())
    except KeyboardInterrupt:
        return JobEnd("incomplete", None, "it was stopped; what it had done is kept")


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once is enough: the end has to be written down
    raise KeyboardInterrupt


def main() -> None:
    """Do the job of the folder that is named."""
    folder = Path(sys.argv[1])
    signal.signal(signal.SIGTERM, _interrupt)
    write_end(folder, _done(read_order(folder), Told(folder)))


if __name__ == "__main__":
    main()
