"""Bad input: the error names what, where and the cure; nothing is lost; resume works once the cause is repaired."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.toys.toy_study import RECIPE, items, run_study, toy_lab, write_lines, write_study

from labwright.assemble import Lab
from labwright.contracts.errors import BoundaryError, DataError, LabwrightError, ModelError, SpecError, StorageError
from labwright.contracts.progress import Activity, SilentProgress
from labwright.contracts.research import StudyState
from labwright.contracts.views import StudyView
from labwright.study.spec import read_study

pytestmark = pytest.mark.slow
ONE_TRIAL = {"rungs": [8], "trials": 1, "extra_trials": 0, "vary": {"learning_rate": [0.001], "data": ["clean"]}}
DEV = items(120, 1, 100, 200)


class Interrupts(SilentProgress):
    """Does something, once, as soon as the study has come to a certain point."""

    def __init__(self, when: Callable[[StudyView, Activity], bool], what: Callable[[], None]) -> None:
        super().__init__()
        self._when = when
        self._what: Callable[[], None] | None = what

    def update(self, view: StudyView, activity: Activity) -> None:
        if self._what is not None and self._when(view, activity):
            what, self._what = self._what, None
            what()


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with (opened := toy_lab(tmp_path / "home")).ledger:
        yield opened


def small_study(tmp_path: Path, base: Path, **changes: object) -> Path:
    return write_study(tmp_path / "study", base, **{"search": ONE_TRIAL, **changes})


def stopped_after_controls(lab: Lab, folder: Path) -> str:
    """A study that a person stopped when its first control was scored."""
    study_id = lab.create_study(read_study(folder))
    progress = Interrupts(lambda view, _: view.best is not None, lambda: engine.request_stop())
    engine = lab.engine(study_id, progress=progress)
    assert engine.run().state is StudyState.STOPPED
    return study_id


def fails(lab: Lab, study_id: str, kind: type[LabwrightError], progress: SilentProgress | None = None) -> StudyView:
    """Run a study that fails with this kind of error, and says so in the ledger."""
    with pytest.raises(kind) as caught:
        lab.engine(study_id, progress=progress).run()
    view = lab.ledger.study_view(study_id)
    assert view.state is StudyState.FAILED
    assert caught.value.what in view.reason
    assert caught.value.cure is not None and caught.value.cure in view.reason
    return view


def resumed(lab: Lab, study_id: str) -> StudyView:
    view = lab.engine(study_id).run()
    assert view.state is StudyState.FINISHED
    return view


def has_valid_best(view: StudyView) -> bool:
    best = Path(view.best.path) if view.best else Path("none")
    return (best / "config.json").is_file() and any(best.glob("*.safetensors"))


# -- data --------------------------------------------------------------------------------------------------------------


def test_a_missing_column_is_named_before_anything_is_trained_and_can_be_repaired(
    tmp_path: Path, tiny_model: Path, lab: Lab
) -> None:
    folder = small_study(tmp_path, tiny_model)
    good = (folder / "clean.jsonl").read_text()
    rows = good.splitlines()
    rows[2] = json.dumps({"prompt": "Sort ascending: 1 2 3 ->", "response": " 1 2 3"})
    (folder / "clean.jsonl").write_text("\n".join(rows) + "\n")
    study_id = lab.create_study(read_study(folder))
    view = fails(lab, study_id, DataError)
    assert f"{folder / 'clean.jsonl'}, line 3, field 'completion'" in view.reason
    assert "'completion' is missing; there is 'prompt', 'response'" in view.reason
    assert not view.runs and not view.trials

    (folder / "clean.jsonl").write_text(good)
    assert resumed(lab, study_id).runs


@pytest.mark.parametrize("text", ["", "\n\n"])
def test_a_training_set_without_rows_is_named(tmp_path: Path, tiny_model: Path, lab: Lab, text: str) -> None:
    folder = small_study(tmp_path, tiny_model)
    (folder / "noisy.jsonl").write_text(text)
    view = fails(lab, lab.create_study(read_study(folder)), DataError)
    assert f"{folder / 'noisy.jsonl'}: the file holds no rows" in view.reason
    assert not view.runs


def with_dev_items(folder: Path, count: int) -> None:
    rows = [json.loads(line) for line in (folder / "clean.jsonl").read_text().splitlines()]
    stolen = [{"prompt": i["prompt"], "completion": " " + i["answer"]} for i in DEV[10 : 10 + count]]
    write_lines(folder / "clean.jsonl", rows + stolen)


def test_benchmark_items_in_the_training_set_are_shown_and_the_set_is_blocked(
    tmp_path: Path, tiny_model: Path, lab: Lab
) -> None:
    folder = small_study(tmp_path, tiny_model)
    with_dev_items(folder, 3)
    view = run_study(lab, folder)
    blocked = next(g.report for g in view.gates if g.report.action == "block")
    assert (blocked.split, blocked.rows_hit) == ("dev", 3)
    assert len(blocked.hits) == 3
    assert not view.runs or {view.trial(r.trial_id).dataset for r in view.runs} == {"noisy"}


def test_benchmark_items_in_the_training_set_are_dropped_where_the_study_says_so(
    tmp_path: Path, tiny_model: Path, lab: Lab
) -> None:
    folder = small_study(tmp_path, tiny_model, gate={"on_hit": "drop"})
    with_dev_items(folder, 3)
    view = run_study(lab, folder)
    dropped = next(g.report for g in view.gates if g.report.rows_hit)
    assert dropped.action == "drop"
    kept = next(d for d in view.datasets if d.id == dropped.kept_dataset_id)
    assert kept.rows == 80
    trained_on = Path(view.runs[-1].directory) / "inputs" / "train.jsonl"
    assert view.runs[-1].input_hashes["train.jsonl"] == kept.id
    assert not trained_on.exists() or DEV[10]["prompt"] not in trained_on.read_text()


def test_a_recipe_that_does_not_work_is_found_by_the_smoke_run_and_can_be_repaired(
    tmp_path: Path, tiny_model: Path, lab: Lab
) -> None:
    folder = small_study(tmp_path, tiny_model)
    good = (folder / "recipe.py").read_text()
    (folder / "recipe.py").write_text("raise SystemExit('no module named nothing')\n")
    study_id = lab.create_study(read_study(folder))
    view = fails(lab, study_id, SpecError)
    assert "no module named nothing" in view.reason
    assert "log.txt" in view.reason
    assert has_valid_best(view)
    fails(lab, study_id, SpecError)  # resumed without a repair: the preflight is made again, and not taken as passed

    (folder / "recipe.py").write_text(good)
    view = resumed(lab, study_id)
    assert [e.subject for e in view.evaluations if e.subject != "base"]


# -- the benchmark -----------------------------------------------------------------------------------------------------


def test_a_benchmark_that_was_edited_after_sealing_scores_as_sealed_and_is_named(
    tmp_path: Path, tiny_model: Path, lab: Lab
) -> None:
    folder = small_study(tmp_path, tiny_model)
    study_id = stopped_after_controls(lab, folder)
    write_lines(folder / "benchmark" / "dev.jsonl", items(5, 9, 700, 800))
    view = resumed(lab, study_id)
    assert {e.items for e in view.evaluations if e.split == "dev"} == {118}
    edited = [i for i in view.incidents if i.kind == "tampered-benchmark"]
    assert len(edited) == 1
    assert "dev.jsonl" in edited[0].detail


def test_a_vault_that_was_edited_ends_the_study_and_a_restored_one_goes_on(
    tmp_path: Path, tiny_model: Path, lab: Lab
) -> None:
    study_id = stopped_after_controls(lab, small_study(tmp_path, tiny_model))
    (sealed,) = (lab.home / "vault").glob("*/dev.json")
    before = sealed.read_text()
    sealed.write_text(before.replace('"answer":"1', '"answer":"2'))
    view = fails(lab, study_id, BoundaryError)
    assert "the vault's copy of dev.json was changed" in view.reason
    assert has_valid_best(view)
    assert view.evaluations  # what was recorded stays

    sealed.write_text(before)
    assert resumed(lab, study_id).evaluations[: len(view.evaluations)] == view.evaluations


def test_a_malformed_item_is_named_with_its_line(tmp_path: Path, tiny_model: Path, lab: Lab) -> None:
    folder = small_study(tmp_path, tiny_model)
    with (folder / "benchmark" / "dev.jsonl").open("a") as file:
        file.write('{"prompt": "Sort ascending: 1 2 3 ->"}\n')
    study_id = lab.create_study(read_study(folder))
    view = fails(lab, study_id, DataError)
    assert f"{folder / 'benchmark' / 'dev.jsonl'}:121 (answer)" in view.reason


# -- the base model ----------------------------------------------------------------------------------------------------


def cut_off(model: Path) -> None:
    weights = model / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda model: (model / "config.json").unlink(), "there is no config.json"),
        (lambda model: (model / "config.json").write_text("{"), "this is no JSON"),
        (lambda model: (model / "model.safetensors").unlink(), "there are no weights"),
        (cut_off, "it is cut off"),
    ],
)
def test_a_model_directory_that_does_not_load_is_named_and_can_be_repaired(
    tmp_path: Path, tiny_model: Path, lab: Lab, harm: Callable[[Path], object], said: str
) -> None:
    model = shutil.copytree(tiny_model, tmp_path / "model")
    harm(model)
    study_id = lab.create_study(read_study(small_study(tmp_path, model)))
    view = fails(lab, study_id, ModelError)
    assert said in view.reason
    assert str(model) in view.reason

    shutil.rmtree(model)
    shutil.copytree(tiny_model, model)
    assert stopped_at_the_controls(lab, study_id)


def stopped_at_the_controls(lab: Lab, study_id: str) -> bool:
    """Whether a study goes on well as far as its controls, which is enough to know that it was repaired."""
    progress = Interrupts(lambda view, _: view.best is not None, lambda: engine.request_stop())
    engine = lab.engine(study_id, progress=progress)
    view = engine.run()
    return view.state is StudyState.STOPPED and has_valid_best(view)


# -- the disk ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, with a little more room than the preflight asks for."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=560m", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting a small file system is not permitted here")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(place: Path) -> None:
    """Take all the room there is."""
    with (place / "filler").open("wb", buffering=0) as file:
        block = bytes(1 << 20)
        try:
            while True:
                file.write(block)
        except OSError:
            pass


PATIENT = RECIPE.replace("import random\n", "import random\nimport shutil\n").replace(
    '            time.sleep(params.get("step_s", 0.01))\n',
    '            while state["step"] == 2 and shutil.disk_usage(RUN).free > 16 << 20:\n'
    "                time.sleep(0.05)\n",
)
"""The toy recipe, which goes no further than its second step before its disk is full."""


def training(_view: StudyView, activity: Activity) -> bool:
    return activity.max_steps == 8 and (activity.step or 0) > 1


def scoring(view: StudyView, activity: Activity) -> bool:
    return bool(view.runs) and "scores t1" in activity.label


@pytest.mark.parametrize(("when", "recipe"), [(training, PATIENT), (scoring, RECIPE)])
def test_a_disk_that_fills_up_fails_the_study_with_that_reason_and_it_goes_on_when_there_is_room(
    tmp_path: Path, tiny_model: Path, small_disk: Path, when: Callable[[StudyView, Activity], bool], recipe: str
) -> None:
    folder = small_study(tmp_path, tiny_model, recipe=recipe)
    with (lab := toy_lab(small_disk / "home")).ledger:
        study_id = lab.create_study(read_study(folder))
        view = fails(lab, study_id, StorageError, Interrupts(when, lambda: fill(small_disk)))
        assert "disk is full" in view.reason
        assert str(small_disk) in view.reason
        assert has_valid_best(view)
        recorded = lab.ledger.events(study_id)

        (small_disk / "filler").unlink()
        (folder / "recipe.py").write_text(RECIPE)
        view = resumed(lab, study_id)
        assert lab.ledger.events(study_id)[: len(recorded)] == recorded
        assert [e.subject for e in view.evaluations if e.split == "dev" and e.subject != "base"]


def test_a_disk_with_too_little_room_is_found_before_the_first_trial(
    tmp_path: Path, tiny_model: Path, small_disk: Path
) -> None:
    with (small_disk / "filler").open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, 200 << 20)
    with (lab := toy_lab(small_disk / "home")).ledger:
        view = fails(lab, lab.create_study(read_study(small_study(tmp_path, tiny_model))), SpecError)
    assert "disk: 0.4 GB are free" in view.reason
    assert not [r for r in view.runs if r.purpose != "smoke"]
