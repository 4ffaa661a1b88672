"""`labwright study …`: start, resume, watch and stop studies."""

from __future__ import annotations

import getpass
import signal
import sys
import time
from dataclasses import asdict
from pathlib import Path
from types import FrameType

from rich.console import Console
from rich.table import Table

from labwright.assemble import Lab, check_names, open_lab
from labwright.cli.edge import error_document, print_json, say, show
from labwright.cli.progress import open_progress
from labwright.contracts.errors import LabwrightError, UsageError
from labwright.contracts.research import StudyState
from labwright.contracts.views import StudyStatus, StudySummary
from labwright.study import elsewhere
from labwright.study.ceilings import raise_ceilings
from labwright.study.conclusion import Conclusion, conclude, kept_document
from labwright.study.engine import STOP_FILE
from labwright.study.lock import is_held
from labwright.study.report import numbers
from labwright.study.spec import STUDY_FILE, read_study
from labwright.study.starter import write_starter


def init(directory: Path, json: bool) -> int:
    """Write the starter study."""
    written = write_starter(directory)
    if json:
        print_json({"study": str(directory / STUDY_FILE), "written": [str(p) for p in written]})
        return 0
    for path in written:
        say(f"wrote {path}")
    say(f"\nlook at {directory / 'study.yaml'}, then: labwright study run {directory}")
    return 0


def run(directory: Path, model: str, budget_hours: float | None, backend: str, json: bool) -> int:
    """Start a new study and see it through."""
    source = read_study(directory)
    check_names(model, backend)
    lab = open_lab()
    study_id = lab.create_study(source, wall_clock_s=budget_hours * 3600 if budget_hours else None)
    _aside(f"study {study_id} in {lab.home / 'studies' / study_id}")
    return _see_through(lab, study_id, model, backend, json)


def resume(
    study_id: str, model: str, backend: str, budget_hours: float | None, budget_usd: float | None, json: bool
) -> int:
    """Go on with a study, under higher ceilings where they are given."""
    check_names(model, backend)
    lab = open_lab()
    view = lab.ledger.study_view(study_id)
    if view.state is not StudyState.FINISHED:
        elsewhere.must_be_runnable(view)
    hours_s = budget_hours * 3600 if budget_hours is not None else None
    raise_ceilings(lab.ledger, view, getpass.getuser(), wall_clock_s=hours_s, usd=budget_usd)
    if view.state is StudyState.FINISHED:
        _aside(f"study {study_id} is finished already; to run it anew: labwright study run {view.source}")
        return _finish(lab, study_id, None, json)
    return _see_through(lab, study_id, model, backend, json)


def list_all(json: bool) -> int:
    """Every study of the lab, newest last."""
    lab = open_lab()
    summaries = lab.ledger.summaries()
    if json:
        print_json([asdict(s) for s in summaries])
        return 0
    if not summaries:
        say("no studies yet; start one with: labwright study run DIR")
        return 0
    table = Table(box=None, pad_edge=False)
    table.add_column("study", no_wrap=True, min_width=max(len(s.id) for s in summaries))  # an id is there to be typed
    for heading in ("state", "phase", "trials", "runs", "best on dev", "started"):
        table.add_column(heading, no_wrap=True)
    for s in summaries:
        best = numbers.percent(s.best_score) if s.best_score is not None else "–"
        started = time.strftime("%m-%d %H:%M", time.localtime(s.created_at))
        table.add_row(s.id, _state_word(lab, s), s.phase or "–", str(s.trials), str(s.runs), best, started)
    Console().print(table)
    return 0


def status(study_id: str | None, json: bool) -> int:
    """Where a study stands: counts, the newest trials, budget."""
    lab = open_lab()
    found = lab.ledger.status(study_id or _newest(lab))
    directory = lab.home / "studies" / found.id
    alive = is_held(directory)
    if alive:  # else nobody knows that it worked until now
        found = lab.ledger.status(found.id, now=time.time())
    if json:
        kept = kept_document(directory) if found.state is StudyState.FINISHED else {}
        print_json({**kept, **_told(found), "process_alive": alive})
    else:
        _print_status(found, alive)
    return 0


def stop(study_id: str, json: bool) -> int:
    """Ask the process that runs a study to stop."""
    lab = open_lab()
    view = lab.ledger.study_view(study_id)
    directory = Path(view.directory)
    seen = None if is_held(directory) else elsewhere.of_study(view)
    if seen is not None and not directory.is_dir():
        cure = f"stop it there; where it is gone, say so: labwright study release {study_id}"
        raise UsageError(f"study {study_id} runs {elsewhere.told(seen)}", where=str(directory), cure=cure)
    if seen is None and not is_held(directory):
        raise UsageError(
            f"no process is running study {study_id}", cure=f"see where it stands: labwright study status {study_id}"
        )
    (directory / STOP_FILE).touch()
    host = seen.process.host if seen is not None else None
    if json:
        print_json({"study": study_id, "asked_to_stop": True, **({"host": host} if host else {})})
        return 0
    there = f" on {host}, which must have the same home," if host else ""
    say(f"asked {study_id}{there} to stop; it ends its runs first and keeps best/")
    return 0


def release(study_id: str, json: bool) -> int:
    """Say that the process of another machine is gone."""
    seen = elsewhere.release_study(open_lab().ledger, study_id)
    if json:
        print_json({"study": study_id, "released_from": seen.process.host})
        return 0
    say(f"study {study_id} is no longer {seen.process.host}'s; go on with: labwright study resume {study_id}")
    return 0


def report(study_id: str, json: bool) -> int:
    """Write the report anew from the ledger."""
    lab = open_lab()
    referee = lab.referee()
    try:
        conclusion = conclude(lab.ledger, referee, study_id)
    finally:
        referee.close()
    if json:
        print_json(conclusion.document())
    else:
        say(str(conclusion.page))
        say(str(conclusion.markdown))
    return 0


# -- seeing a study through --------------------------------------------------------------------------------------------


def _see_through(lab: Lab, study_id: str, model: str, backend: str, json: bool) -> int:
    """Run the engine with a live display; always leave a report. Ctrl-C and SIGTERM stop the study in good order."""
    progress = open_progress(sys.stderr)
    engine = lab.engine(study_id, progress=progress, researcher=model, backend=backend)

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        engine.request_stop()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, on_signal)
    failure: LabwrightError | None = None
    try:
        engine.run()
    except LabwrightError as error:
        if lab.ledger.study_view(study_id).state is not StudyState.FAILED:
            raise  # nothing was begun, such as where another process is running the study
        failure = error
    finally:
        progress.close()
    return _finish(lab, study_id, failure, json)


def _finish(lab: Lab, study_id: str, failure: LabwrightError | None, json: bool) -> int:
    """Leave a report, say what the study came to, and why it failed if it did. Returns the exit code."""
    referee = lab.referee()
    try:
        conclusion = conclude(lab.ledger, referee, study_id)
    except LabwrightError as second:
        raise failure or second from None  # without a report, the first reason is the one to know
    finally:
        referee.close()
        lab.ledger.close()
    if json:
        failed = error_document(type(failure).__name__, failure.what, failure.where, failure.cure) if failure else {}
        print_json({**conclusion.document(), **failed})
    else:
        _tell(conclusion)
    if failure is not None:
        show(failure)
        return failure.exit_code
    return 0 if conclusion.view.state is StudyState.FINISHED else 1


def _tell(conclusion: Conclusion) -> None:
    document = conclusion.document()
    view = conclusion.view
    verdict = document["verdict"]
    headline = verdict["headline"] if isinstance(verdict, dict) else ""
    say(f"\n{headline}\n")
    if view.state is not StudyState.FAILED:  # why it failed is said at the end, as an error with its cure
        say(f"  why it ended   {view.reason}")
    trials, runs = numbers.count_of(len(view.trials), "trial"), numbers.count_of(len(view.runs), "run")
    say(f"  trials, runs   {trials}, {runs} in {numbers.duration(view.wall_clock_s)}"
        f" ({view.utilisation:.1%} of it training or evaluating)")  # fmt: skip
    if view.budget.judge.calls:
        say(f"  judge          {numbers.judged(view.budget.judge)}")
    say(f"  boundary       {document['boundary']}")
    say(f"  best model     {document['best_model'] or 'none yet'}")
    say(f"  report         {conclusion.page}")
    if view.state is StudyState.FINISHED:
        say(f"  bundle         labwright study export {view.id} {view.id}.tar.gz")
    elif view.preflight is not None and not all(c.ok for c in view.preflight.checks):
        say("  go on          first do what cures the preflight: a resume checks the same again")
    else:
        say(f"  go on          labwright study resume {view.id}")


def _told(found: StudyStatus) -> dict[str, object]:
    """The status as JSON; `trials` and `runs` are counts, as in a finished study's document."""
    counts = asdict(found)
    by_state = {str(state): number for state, number in found.runs.items()}
    return {"study": found.id, **counts, "runs": sum(by_state.values()), "runs_by_state": by_state}


def _aside(text: str) -> None:
    """A line for the person, which is not the answer."""
    print(text, file=sys.stderr)  # noqa: T201


def _newest(lab: Lab) -> str:
    summaries = lab.ledger.summaries()
    if not summaries:
        raise UsageError("this lab has no studies yet", cure="labwright study run DIR")
    return max(summaries, key=lambda s: s.created_at).id


def _state_word(lab: Lab, study: StudySummary) -> str:
    """Its state. The ledger says `running` of one whose process was killed, until it is taken up again."""
    if study.state is not StudyState.RUNNING or is_held(lab.home / "studies" / study.id):
        return study.state
    seen = elsewhere.of_study(lab.ledger.status(study.id))
    return f"on {seen.process.host}" if seen is not None else "cut off"


def _print_status(found: StudyStatus, alive: bool) -> None:
    say(f"{found.id}: {found.state}{f', phase {found.phase}' if found.phase else ''}")
    seen = None if alive else elsewhere.of_study(found)
    if seen is not None:
        say(f"  runs {elsewhere.told(seen)}; where it is gone: labwright study release {found.id}")
    elif found.state is StudyState.RUNNING and not alive:
        say(f"  its process is gone; go on with: labwright study resume {found.id}")
    if found.reason:
        say(f"  {found.reason}")
    counted = [f"{count} {outcome}" for outcome, count in found.outcomes.items() if count]
    counted += [f"{found.undecided} undecided"] if found.undecided else []
    say(f"  trials  {found.trials}{': ' if counted else ''}{', '.join(counted)}")
    say(f"  runs    {', '.join(f'{count} {name}' for name, count in found.runs.items() if count) or 'none yet'}")
    if found.best is not None and found.best_score is not None:
        say(f"  best    {numbers.short_id(found.best.subject)}, {numbers.scored(found.best_score)} on dev")
    budget = found.budget
    used, given = numbers.duration(budget.used_wall_clock_s), numbers.duration(budget.wall_clock_s)
    usd = f", ${budget.used_usd:.2f} of ${budget.usd:.2f}" if budget.usd or budget.used_usd else ""
    say(f"  budget  {used} of {given}, {budget.used_runs + budget.reserved_runs} of {budget.runs} runs{usd}")
    if budget.judge.calls:
        say(f"  judge   {numbers.judged(budget.judge)}")
    for line in found.newest:
        score = numbers.scored(line.dev_score) if line.dev_score else "not scored yet"
        say(f"    {numbers.short_id(line.id):<5} {line.outcome or 'undecided':<10} {score:<28} {line.change}")
