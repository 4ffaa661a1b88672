"""Recipes that try to gain something they did not earn: each gains nothing, is named, and the study goes on."""

from __future__ import annotations

import json
import os
import time
from dataclasses import replace
from pathlib import Path

import pytest
from tests.toys.toy_study import TOYS, items, recipe_that_also, run_study, toy_lab, write_lines, write_study

from labwright.assemble import Lab
from labwright.compute.process import ProcessBackend
from labwright.compute.sandbox import Sandbox
from labwright.contracts.compute import RunHandle, RunOrder
from labwright.contracts.errors import RefereeError
from labwright.contracts.events import DatasetRegistered
from labwright.contracts.research import Outcome, StudyState
from labwright.contracts.views import StudyView
from labwright.data.sources import open_source
from labwright.data.versions import register_table
from labwright.study.engine import StudyEngine
from labwright.study.report import write_report
from labwright.study.spec import read_study

pytestmark = pytest.mark.slow
LEFT_S = 5.0  # what a run's deadline leaves for the rest of a study, at the least
needs_sandbox = pytest.mark.skipif(
    Sandbox("auto").boundary != "enforced", reason="bubblewrap does not work on this machine"
)


def attack(tmp_path: Path, tiny_model: Path, statements: str, *, before: bool = False, **changes: object) -> StudyView:
    """Run a study whose recipe also does this, once per run."""
    search = {"rungs": [8], "trials": 1, "extra_trials": 0, "vary": {"learning_rate": [0.0002]}}
    folder = write_study(
        tmp_path / "study",
        tiny_model,
        recipe=recipe_that_also(statements, before=before),
        **{"search": search, **changes},
    )
    lab = toy_lab(tmp_path / "home")
    view = run_study(lab, folder)
    lab.ledger.close()
    assert view.state is StudyState.FINISHED
    return view


def kinds(view: StudyView) -> set[str]:
    return {i.kind for i in view.incidents}


def logs(view: StudyView) -> str:
    return "\n".join((Path(r.directory) / "log.txt").read_text() for r in view.runs)


def honest_score(tmp_path: Path, tiny_model: Path) -> float:
    view = attack(tmp_path / "honest", tiny_model, "pass")
    return view.evaluation(view.runs[-1].id, "zero_shot", "dev").score.estimate


def test_a_forged_result_is_ignored_and_named(tmp_path, tiny_model):
    view = attack(tmp_path, tiny_model, '(RUN / "result.json").write_text(json.dumps({"accuracy": 1.0}))')
    assert "forged-result" in kinds(view)
    trained = next(e for e in view.evaluations if e.subject != "base")
    assert trained.score.estimate < 0.9


@needs_sandbox
def test_a_recipe_that_searches_for_the_vault_finds_no_item_and_is_named(tmp_path, tiny_model):
    statements = """
    import glob
    vault = RUN.parents[3] / "vault"
    for pattern in ("~/.labwright/vault/*/*", str(vault / "*" / "*"), str(vault / "*")):
        for path in filter(os.path.isfile, glob.glob(os.path.expanduser(pattern))):
            print("FOUND", path, open(path).read()[:2000])
    """
    view = attack(tmp_path, tiny_model, statements)
    secret = [i["prompt"] for i in items(120, 2, 200, 300)]
    assert not any(prompt in logs(view) for prompt in secret)
    assert "searched-vault" in kinds(view)


@needs_sandbox
def test_a_recipe_that_edits_the_benchmark_changes_nothing_and_is_named(tmp_path, tiny_model):
    dev = tmp_path / "study" / "benchmark" / "dev.jsonl"
    view = attack(tmp_path, tiny_model, f'open({str(dev)!r}, "w").write("")')
    assert len(dev.read_text().splitlines()) == 120
    assert "searched-vault" in kinds(view)


def test_a_benchmark_that_is_edited_while_the_study_runs_still_scores_as_sealed(tmp_path, tiny_model):
    """Without a sandbox the edit succeeds on the source; the referee's copy counts, and the edit is reported."""
    dev = tmp_path / "study" / "benchmark" / "dev.jsonl"
    search = {"rungs": [8], "trials": 1, "extra_trials": 0, "vary": {"learning_rate": [0.0002]}}
    folder = write_study(
        tmp_path / "study", tiny_model, recipe=recipe_that_also(f'open({str(dev)!r}, "w").write("")'), search=search
    )
    lab = toy_lab(tmp_path / "home", sandbox="off")
    view = run_study(lab, folder)
    assert "tampered-benchmark" in kinds(view)
    assert all(e.items == view.benchmark.dev_items > 0 for e in view.evaluations)
    assert all(e.boundary == "not enforced" for e in view.evaluations)


FOREIGN = {
    "weights of another shape": """
    foreign = {"base_model.model.lm_head.lora_A.weight": ((1, 3), [0.9] * 3)}
    write_safetensors(RUN / "adapter" / "adapter_model.safetensors", foreign)
    """,
    "a pickle": """
    import pickle
    (RUN / "adapter" / "adapter_model.safetensors").unlink()
    (RUN / "adapter" / "adapter_model.bin").write_bytes(pickle.dumps({"a": 1}))
    """,
    "a full model of another architecture": """
    import shutil
    shutil.rmtree(RUN / "adapter")
    write_safetensors(RUN / "model" / "model.safetensors", {"transformer.wte.weight": ((2, 2), [1.0] * 4)})
    """,
    "weights that are not numbers": """
    width = json.loads((RUN / "inputs" / "base_model" / "config.json").read_text())["hidden_size"]
    name = "base_model.model.model.layers.0.self_attn.q_proj"
    write_safetensors(RUN / "adapter" / "adapter_model.safetensors", {
        f"{name}.lora_A.weight": ((1, width), [float("nan")] * width),
        f"{name}.lora_B.weight": ((width, 1), [0.0] * width)})
    """,
}


@pytest.mark.parametrize("what", FOREIGN)
def test_foreign_weights_are_rejected_and_named(tmp_path, tiny_model, what):
    view = attack(tmp_path, tiny_model, FOREIGN[what])
    assert "foreign-weights" in kinds(view)
    assert [v.outcome for v in view.verdicts] == [Outcome.REJECT]
    assert view.best.subject == "base"


@pytest.mark.parametrize(("skill", "said"), [(-1.0, "not finite"), (-2.0, "out of memory")])
def test_a_model_that_breaks_the_worker_costs_its_trial_and_not_the_study(tmp_path, tiny_model, skill, said):
    view = attack(tmp_path, tiny_model, f"write_adapter({skill})")
    (incident,) = view.incidents
    assert incident.kind == "unusable-model" and said in incident.detail
    assert [v.outcome for v in view.verdicts] == [Outcome.REJECT]
    assert view.best.subject == "base"


SHORTCOMINGS = {
    "killed, as where memory runs out": "if adapter: import os; os.kill(os.getpid(), 9)",
    "the machine cannot load the base any more": "if adapter or GONE.exists(): GONE.touch(); sys.exit('no library')",
}


@pytest.mark.parametrize("what", SHORTCOMINGS)
def test_a_machine_that_cannot_score_a_model_fails_the_study_without_blame_and_a_resume_goes_on(
    tmp_path, tiny_model, what
):
    worker, loaded = tmp_path / "worker.py", 'reply["parameters"] = 1\n'
    text = (TOYS / "toy_worker.py").read_text().replace(loaded, f"{loaded}            {SHORTCOMINGS[what]}\n")
    worker.write_text(
        text.replace("BASE_SKILL = 0.05\n", f"BASE_SKILL = 0.05\nGONE = Path({str(tmp_path / 'gone')!r})\n")
    )
    search = {"rungs": [8], "trials": 1, "extra_trials": 0, "vary": {"learning_rate": [0.0002]}}
    folder = write_study(tmp_path / "study", tiny_model, search=search)
    lab = toy_lab(tmp_path / "home", sandbox="off", generation_worker=worker)
    study_id = lab.create_study(read_study(folder))
    with pytest.raises(RefereeError, match="the generation worker"):
        lab.engine(study_id).run()
    failed = lab.ledger.study_view(study_id)
    assert (failed.state, failed.verdicts, "unusable-model" in kinds(failed)) == (StudyState.FAILED, (), False)
    assert "study resume" in failed.reason
    view = toy_lab(tmp_path / "home", sandbox="off").engine(study_id).run()
    assert view.state is StudyState.FINISHED and len(view.verdicts) == 1
    assert "unusable-model" not in kinds(view)


def test_custom_code_and_a_hostile_chat_template_beside_the_adapter_are_left_out_and_named(tmp_path, tiny_model):
    statements = """
    (RUN / "adapter" / "modeling_evil.py").write_text("raise SystemExit('ran')")
    (RUN / "adapter" / "chat_template.jinja").write_text("{{ 'answer: 42' }}")
    (RUN / "adapter" / "tokenizer_config.json").write_text("{}")
    """
    view = attack(tmp_path, tiny_model, statements)
    assert "foreign-files" in kinds(view)
    assert {i.where for i in view.incidents} <= {r.id for r in view.runs}
    assert any(e.subject != "base" for e in view.evaluations)


def test_sealed_items_brought_in_through_a_dataset_block_it_and_only_a_count_comes_back(tmp_path, tiny_model):
    folder = write_study(tmp_path / "study", tiny_model)
    rows = [json.loads(line) for line in (folder / "clean.jsonl").read_text().splitlines()]
    stolen = [{"prompt": i["prompt"], "completion": " " + i["answer"]} for i in items(120, 2, 200, 300)[:20]]
    write_lines(folder / "noisy.jsonl", rows + stolen)
    lab = toy_lab(tmp_path / "home")
    view = run_study(lab, folder)
    blocked = next(g.report for g in view.gates if g.report.action == "block")
    assert (blocked.split, blocked.rows_hit, blocked.hits) == ("test", 20, ())
    assert "contaminated-data" in kinds(view)
    assert {t.dataset for t in view.trials} == {"clean"}
    assert any(q.purpose == "gate" and q.split == "test" for q in view.queries)


def test_data_made_of_what_the_benchmark_was_made_of_is_blocked_though_no_row_holds_an_item(tmp_path, tiny_model):
    folder = write_study(tmp_path / "study", tiny_model)
    pack = folder / "benchmark" / "benchmark.yaml"
    pack.write_text(pack.read_text() + "\nsources: [{name: 'hub:org/numbers', splits: [test]}]\n")
    lab = toy_lab(tmp_path / "home")
    table = replace(open_source(str(folder / "noisy.jsonl")), origin="hub:Org/numbers@main", split="test")
    lab.ledger.record(None, DatasetRegistered(register_table(table, "from-the-hub", lab.home)))
    view = run_study(lab, folder)
    blocked = next(g.report for g in view.gates if g.report.action == "block")
    assert (blocked.rows_hit, blocked.shared_sources) == (0, ("Org/numbers (test)",))
    assert {t.dataset for t in view.trials} == {"clean"}
    for written in write_report(view, {}, tmp_path):
        assert "made of what the benchmark was made of:" in written.read_text()


class Hurried(ProcessBackend):
    """Notes the deadlines that an engine sets, and lets those of all runs but the smoke run pass in two seconds."""

    def __init__(self, lab: Lab) -> None:
        super().__init__(lab.home, lab.sandbox, grace_s=0.2, term_s=0.2)
        self.deadlines: list[float] = []

    def submit(self, order: RunOrder) -> RunHandle:
        self.deadlines.append(order.deadline)
        if json.loads((order.directory / "params.json").read_text())["max_steps"] > 2:
            order = replace(order, deadline=time.time() + 2)
        return super().submit(order)


def test_a_recipe_that_ignores_its_deadline_is_ended_and_the_study_still_finishes_in_time(tmp_path, tiny_model):
    statements = """
    import signal
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if json.loads((RUN / "params.json").read_text())["max_steps"] > 2:
        time.sleep(600)
    """
    search = {"rungs": [8], "trials": 1, "extra_trials": 0, "vary": {"learning_rate": [0.0002]}}
    recipe = recipe_that_also(statements, before=True)
    lab = toy_lab(tmp_path / "home")
    study = lab.create_study(read_study(write_study(tmp_path / "study", tiny_model, recipe=recipe, search=search)))
    backend = Hurried(lab)
    view = StudyEngine(replace(lab.engine_parts(), backend=backend), study).run()
    lab.ledger.close()
    assert view.state is StudyState.FINISHED and "past-deadline" in kinds(view)
    assert max(backend.deadlines) < view.created_at + view.spec.budget.wall_clock - LEFT_S
    assert Path(view.best.path, "config.json").exists()


def test_a_daemon_that_a_recipe_leaves_behind_is_ended(tmp_path, tiny_model):
    marker = f"labwright-test-daemon-{os.getpid()}"
    statements = f"""
    import subprocess
    import sys
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)", {marker!r}], start_new_session=True)
    """
    attack(tmp_path, tiny_model, statements)
    assert not [p for p in Path("/proc").glob("[0-9]*/cmdline") if marker.encode() in _read(p)]


def test_without_a_sandbox_a_daemon_is_ended_and_named(tmp_path, tiny_model):
    statements = """
    import subprocess
    import sys
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"], start_new_session=True)
    """
    search = {"rungs": [8], "trials": 1, "extra_trials": 0, "vary": {"learning_rate": [0.0002]}}
    folder = write_study(tmp_path / "study", tiny_model, recipe=recipe_that_also(statements), search=search)
    view = run_study(toy_lab(tmp_path / "home", sandbox="off"), folder)
    assert "left-daemon" in kinds(view)


@needs_sandbox
def test_the_referee_cannot_be_read_through_proc_and_the_attempt_is_named(tmp_path, tiny_model):
    statements = """
    import glob
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        print("SAW", open(path).read().replace(chr(0), " "))
    """
    view = attack(tmp_path, tiny_model, statements)
    assert "SAW" in logs(view)
    assert "labwright.referee" not in logs(view)
    assert "suspicious-script" in kinds(view)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
