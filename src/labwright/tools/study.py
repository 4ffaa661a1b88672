"""Studies: create one, propose trials, run them, see what the referee says, and finish.

The tools propose and ask; they neither score nor promote. A study runs in a process of its own, so these calls return
at once, and only `study_wait` waits.
"""

from __future__ import annotations

import asyncio
import time
from functools import partial
from pathlib import Path
from typing import Any, Literal

from pydantic_ai.toolsets import FunctionToolset

from labwright.contracts.errors import UsageError
from labwright.contracts.research import BASE, Evaluation, Hypothesis, StudyState
from labwright.contracts.views import StudyView
from labwright.literature import ids
from labwright.study import detached, standing
from labwright.study.drafting import Draft, write_draft
from labwright.study.engine import STOP_FILE
from labwright.study.naming import short
from labwright.study.proposing import Idea, Script, ablate, find_trial, propose
from labwright.study.scripts import content_hash
from labwright.study.spec import STUDY_FILE, bundled_recipes, read_study
from labwright.tools.answers import answer, clipped, page, rounded
from labwright.tools.declare import declare
from labwright.tools.desk import Desk, find_path
from labwright.tools.family import Family
from labwright.tools.standing import compared, study_document, trial_line
from labwright.tools.studypreviews import StudyPreviews, script_of

_LONGEST_WAIT_S = 1800.0
_LOOK_S = 1.0

DESCRIPTION = "create and run post-training studies: controls, trials, referee's verdicts, sealed test, report"
INSTRUCTIONS = """\
study_create (or study_import a study.yaml), study_run, study_wait: the first run only scores the untrained base. Then \
study_propose one change a trial with its hypothesis, study_run, study_wait, read study_verdicts and study_alerts, and \
propose again. study_finish ends it and opens the sealed test where a model was promoted. decide_by="autopilot" lets \
rules draft, judge and finish by themselves. `study` takes a study's id; trials and runs may be short (t3, t3.r1). \
Scores are [estimate, low, high] as fractions."""


def family(desk: Desk) -> Family:
    """The tools of studies at a desk."""
    do, shows = StudyTools(desk), StudyPreviews(desk)
    running = partial(
        declare,
        effects=("execute", "spend"),
        cost=shows.cost_of_running,
        sandboxed=desk.runs_are_sandboxed,
        preview=shows.preview_of_running,
    )
    tools = [
        declare(do.study_create, effects=("write",)),
        declare(do.study_import, effects=("write",)),
        declare(do.study_propose, effects=("write",)),
        declare(
            do.study_propose_script,
            effects=("write", "execute"),
            sandboxed=desk.runs_are_sandboxed,
            preview=shows.preview_of_script,
            pin=shows.pin_script,
        ),
        declare(do.study_ablate, effects=("write",)),
        running(do.study_run),
        running(do.study_finish, final=True),
        declare(do.study_stop, effects=("write",)),
        declare(do.study_wait, effects=("read",)),
        declare(do.study_status, effects=("read",)),
        declare(do.study_verdicts, effects=("read",)),
        declare(do.study_alerts, effects=("read",)),
        declare(do.study_compare, effects=("read",)),
        declare(do.study_report, effects=("write",)),
    ]
    return Family("study", DESCRIPTION, INSTRUCTIONS, FunctionToolset[Any](tools, id="study"))


class StudyTools:
    """The functions behind the tools. Their docstrings are what the model reads."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._ledger = desk.ledger

    # -- creating and proposing ----------------------------------------------------------------------------------------

    def study_create(
        self,
        goal: str,
        base_model: str,
        benchmark: str,
        data: list[str],
        wall_clock: str,
        runs: int = 24,
        usd: float = 0.0,
        recipe: str = "sft",
        params: dict[str, Any] | None = None,
        search: dict[str, Any] | None = None,
    ) -> str:
        """Create a study.

        Args:
            goal: one sentence
            base_model: bundled name, directory or Hub id
            benchmark: directory with benchmark.yaml
            data: JSONL or Parquet training files
            wall_clock: ceiling, such as 15m or 2h
            runs: ceiling
            usd: ceiling
            recipe: bundled recipe
            params: its parameters, such as {"lora": true}
            search: study.yaml's search: rungs, trials, vary, comparisons
        """
        if recipe not in bundled_recipes():
            cure = f"bundled: {', '.join(bundled_recipes())}; a script of yours goes to study_propose_script"
            raise UsageError(f"there is no bundled recipe {recipe!r}", cure=cure)
        local = self._desk.workspace / base_model
        draft = Draft(
            goal=goal,
            base_model=str(find_path(self._desk, base_model)) if local.is_dir() else base_model,
            benchmark=find_path(self._desk, benchmark),
            data=[find_path(self._desk, name) for name in data],
            wall_clock=wall_clock,
            runs=runs,
            usd=usd,
            recipe=recipe,
            params=params or {},
            search=search or {},
        )
        source = write_draft(draft, self._desk.workspace / "studies")
        return self._created(self._desk.create(source), source.directory)

    def study_import(self, directory: str, wall_clock_s: float | None = None) -> str:
        """Create a study from a directory with a study.yaml.

        Args:
            directory: in the workspace
            wall_clock_s: ceiling instead of the file's
        """
        path = find_path(self._desk, directory)
        source = read_study(path.parent if path.name == STUDY_FILE else path)
        return self._created(self._desk.create(source, wall_clock_s), source.directory)

    def _created(self, study_id: str, source: Path) -> str:
        view = self._ledger.study_view(study_id)
        return answer(
            {
                "study": study_id,
                "source": str(source),
                "data": [d.name for d in view.spec.data],
                "recipe": view.spec.recipe.name,
                "params": view.spec.recipe.params,
                "rungs": list(view.spec.search.rungs),
                "comparisons": view.spec.search.planned_comparisons,
                "wall_clock_s": view.spec.budget.wall_clock,
                "runs": view.spec.budget.runs,
            }
        )

    def study_propose(
        self,
        study: str,
        hypothesis: str,
        because: str,
        change: dict[str, Any],
        parent: str = "",
        sources: list[str] | None = None,
    ) -> str:
        """Propose a trial: one change to its parent, or the first trial of a study, which has no parent.

        Args:
            hypothesis: a sentence that the trial can refute
            because: why it is believed
            change: {"learning_rate": 0.001}, {"data": "clean"}, {"max_steps": 72}; null takes a parameter away
            parent: trial
            sources: papers that were read (arxiv:2305.18290), trials, alerts
        """
        cited = tuple(self._cited(source) for source in sources or ())
        idea = Idea(Hypothesis(hypothesis, because, cited), change, parent)
        return self._proposed(study, propose(self._ledger, study, idea).id)

    def study_propose_script(
        self, study: str, hypothesis: str, because: str, script: str, parent: str = "", sha256: str = ""
    ) -> str:
        """Propose a trial whose change is a training script of the workspace, run as its recipe.

        Args:
            hypothesis: a sentence that the trial can refute
            because: why it is believed
            script: a .py file that obeys the run-directory protocol
            parent: trial
            sha256: leave empty
        """
        content = script_of(self._desk, script)
        if sha256 and content_hash(content) != sha256:
            cure = "propose it again, so that what runs is what was seen"
            raise UsageError("the script was changed after it was approved", where=script, cure=cure)
        idea = Idea(Hypothesis(hypothesis, because), {}, parent, Script(Path(script).name, content))
        return self._proposed(study, propose(self._ledger, study, idea).id)

    def study_ablate(self, study: str, trial: str, of: str, because: str = "") -> str:
        """Propose the trial `of` without the change that `trial` made on the way to it.

        Args:
            trial: the one whose change is taken away
            of: the one it is taken away from
            because: why
        """
        return self._proposed(study, ablate(self._ledger, study, trial, of, because).id)

    def _proposed(self, study: str, trial_id: str) -> str:
        view = self._ledger.study_view(study)
        trial = view.trial(trial_id)
        line = trial_line(view, trial)
        return answer({**line, "kind": trial.kind.value, "recipe": trial.recipe, "params": trial.params})

    # -- running -------------------------------------------------------------------------------------------------------

    def study_run(self, study: str, decide_by: Literal["proposed", "autopilot"] = "proposed") -> str:
        """Run a study in the background: controls and gate first, then what was proposed; pauses when all is judged.

        Args:
            decide_by: autopilot also drafts, improves and finishes by rules
        """
        return self._started(study, decide_by)

    def study_finish(self, study: str) -> str:
        """Finish a study in the background: last verdicts, the sealed test if a model was promoted, the report."""
        return self._started(study, "finish")

    def _started(self, study: str, researcher: str) -> str:
        view = self._ledger.study_view(study)
        if view.state is StudyState.FINISHED:
            return answer({"study": study, "state": "finished", "reason": clipped(view.reason)})
        was_running = detached.is_running(Path(view.directory))
        if was_running and researcher == "finish":
            raise UsageError(f"{study} is running", cure="study_wait until it pauses, or study_stop, then finish")
        if not was_running:
            self._desk.start(study, researcher)
        return answer({"study": study, "running": True, "was_running": was_running, "next": "study_wait"})

    def study_stop(self, study: str) -> str:
        """Stop a running study; study_run goes on later."""
        directory = Path(self._ledger.study_view(study).directory)
        if not detached.is_running(directory):
            raise UsageError(f"no process runs {study}", cure="study_status says where it stands")
        (directory / STOP_FILE).touch()
        return answer({"study": study, "asked_to_stop": True, "next": "study_wait"})

    async def study_wait(self, study: str, up_to_s: float = 300, until: Literal["end", "news"] = "end") -> str:
        """Wait until a study pauses or ends, and show its status.

        Args:
            up_to_s: at most 1800
            until: news returns at the next trial's score, verdict or alert
        """
        ends_at = time.monotonic() + min(max(up_to_s, 0.0), _LONGEST_WAIT_S)
        first = _news(self._ledger.study_view(study))
        while True:
            view = self._ledger.study_view(study)
            over = not detached.is_busy(Path(view.directory))
            if over or time.monotonic() >= ends_at or (until == "news" and _news(view) != first):
                return self.study_status(study)
            await asyncio.sleep(min(_LOOK_S, max(ends_at - time.monotonic(), 0.01)))

    # -- reading -------------------------------------------------------------------------------------------------------

    def study_status(self, study: str = "") -> str:
        """Where a study stands; without an id, all studies."""
        if study:
            return answer(study_document(self._ledger.study_view(study, now=time.time())))
        newest = sorted(self._ledger.summaries(), key=lambda s: -s.created_at)
        lines = (
            {"study": s.id, "state": s.state.value, "trials": s.trials, "best_dev": rounded(s.best_score)}
            for s in newest
        )
        return page("studies", lines)

    def study_verdicts(self, study: str, skip: int = 0) -> str:
        """The referee's verdicts, newest first.

        Args:
            skip: for the next page
        """
        view = self._ledger.study_view(study)
        return page("verdicts", (_verdict(view, number) for number in reversed(range(len(view.verdicts)))), skip=skip)

    def study_alerts(self, study: str, skip: int = 0) -> str:
        """Alerts, incidents and notes of a study, newest first.

        Args:
            skip: for the next page
        """
        view = self._ledger.study_view(study)
        alerts: list[dict[str, Any]] = [
            {"run": short(view.id, a.run_id), "rule": a.rule, "severity": a.severity, "step": a.step,
             "message": clipped(a.message), "advice": clipped(a.suggestion), "stopped_run": a.stops_run or None}
            for a in reversed(view.alerts)
        ]  # fmt: skip
        alerts += [{"incident": i.kind, "where": short(view.id, i.where), "detail": clipped(i.detail)}
                   for i in reversed(view.incidents)]  # fmt: skip
        alerts += [{"note": clipped(n.text), "about": short(view.id, n.about)} for n in reversed(view.notes)]
        return page("alerts", alerts, skip=skip)

    def study_compare(self, study: str, first: str, second: str = BASE) -> str:
        """Compare two runs on dev: first minus second on the same items. No verdict.

        Args:
            first: run, trial, or base
            second: run, trial, or base
        """
        view = self._ledger.study_view(study)
        one, other = _on_dev(view, first), _on_dev(view, second)
        made = self._desk.compare(study, one.id, other.id)
        names = {"first": short(view.id, one.subject), "second": f"{short(view.id, other.subject)} ({other.style})"}
        return answer({**names, **compared(made), "split": "dev"})

    def study_report(self, study: str) -> str:
        """Write the report anew and show its numbers."""
        made = self._desk.conclude(study)
        document = made.document()
        told = {name: document[name] for name in ("verdict", "dev", "test", "difference", "best_model", "boundary")}
        return answer({"study": study, **told, "report": str(made.page), "markdown": str(made.markdown)})

    def _cited(self, source: str) -> str:
        """A source as the record shows it: a paper has to be in the library, so that nobody cites from memory."""
        try:
            wanted = ids.parse(source)
        except UsageError:
            return source  # a trial, an alert, a sentence
        entry = self._desk.library.entry(wanted)
        if entry is None:
            raise UsageError("this paper was not read in this lab", where=source, cure="read it first: paper_read")
        return f"{entry.paper.id} {clipped(entry.paper.title, 100)}"


def _verdict(view: StudyView, number: int) -> dict[str, Any]:
    verdict = view.verdicts[number]
    return {
        "trial": short(view.id, verdict.trial_id),
        "run": short(view.id, verdict.run_id) if verdict.run_id else None,
        "outcome": verdict.outcome.value,
        "reason": clipped(verdict.reason),
        "change": clipped(view.trial(verdict.trial_id).change, 120),
        "against": verdict.against.removeprefix(f"{view.id}.e.") or None,
        "compared": compared(verdict.comparison) if verdict.comparison else None,
        "p_needed": rounded(verdict.threshold),
        "retrains": [compared(c)["p"] for c in verdict.retrains],
        "retrains_wanted": verdict.retrains_wanted or None,
    }


def _news(view: StudyView) -> tuple[int, int, int]:
    return len(view.evaluations), len(view.verdicts), len(view.alerts)


def _on_dev(view: StudyView, name: str) -> Evaluation:
    """The dev evaluation of a run, of a trial's longest run, or of the base with its better-known prompt."""
    if name == BASE:
        found = view.evaluation(BASE, "few_shot", "dev") or view.evaluation(BASE, "zero_shot", "dev")
    else:
        run = next((r for r in view.runs if name in (r.id, short(view.id, r.id))), None)
        if run is not None:
            found = standing.dev_evaluation(view, run)
        else:
            scored = list(standing.scored_runs(view, find_trial(view, name)))
            found = scored[-1][1] if scored else None
    if found is None:
        raise UsageError(f"{name} has no score on dev yet", cure="study_status shows what was scored")
    return found
