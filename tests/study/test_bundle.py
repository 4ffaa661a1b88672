"""What a bundle holds, what it keeps sealed, and where it refuses to be written."""

from __future__ import annotations

import json
import shutil
import tarfile
from pathlib import Path

import pytest
from tests.toys.toy_study import FinishedStudy, items

from labwright.contracts.errors import BoundaryError, UsageError
from labwright.contracts.research import Run, RunState
from labwright.referee.client import RefereeClient
from labwright.referee.protocol import Export
from labwright.study import bundle as bundles

SEALED = [i["prompt"] for i in items(120, 2, 200, 300)]


def export(finished: FinishedStudy, out: Path, study_id: str | None = None, **options: bool) -> Path:
    referee = finished.lab.referee()
    try:
        return bundles.export(finished.lab.ledger, referee, study_id or finished.view.id, out, **options)
    finally:
        referee.close()


@pytest.fixture(scope="module")
def public(finished: FinishedStudy, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export(finished, tmp_path_factory.mktemp("bundles") / "public")


def test_a_bundle_holds_scripts_parameters_outputs_and_the_whole_history(finished: FinishedStudy, public: Path) -> None:
    names = set(bundles.files_of(public))
    runs = {f"runs/{r.id.removeprefix(finished.view.id + '.')}" for r in finished.view.runs}
    assert {f"{run}/{name}" for run in runs for name in ("recipe.py", "params.json", "metrics.jsonl")} <= names
    assert {f"results/{e.id}.jsonl" for e in finished.view.evaluations} <= names
    assert {"study.yaml", "study.json", "report.md", "report.html", "events.jsonl", "benchmark/dev.jsonl"} <= names
    # the export itself adds to the ledger, after the events were written down
    kinds = [r.event.kind for r in bundles.read_events(public)]
    assert kinds[0] == "study_created"
    assert "study_ended" in kinds


def test_every_file_of_a_bundle_is_hashed_in_its_index(public: Path) -> None:
    index = json.loads((public / "bundle.json").read_text())
    assert set(index["files"]) == set(bundles.files_of(public))
    assert all(bundles.digest(public / name) == digest for name, digest in index["files"].items())
    assert index["with_test"] is False
    assert index["environment"]["python"]


def test_no_sealed_item_and_no_model_is_in_a_bundle_that_was_not_asked_for_them(public: Path) -> None:
    everything = "\n".join(p.read_text(errors="replace") for p in public.rglob("*") if p.is_file())
    assert not [prompt for prompt in SEALED if prompt in everything]
    assert not (public / "benchmark" / "test.jsonl").exists()
    assert not (public / "model").exists()


def test_a_bundle_as_an_archive_unpacks_to_one_directory(finished: FinishedStudy, tmp_path: Path) -> None:
    out = export(finished, tmp_path / "deep" / "study.tar.gz")
    with tarfile.open(out) as tar:
        assert {name.split("/")[0] for name in tar.getnames()} == {finished.view.id}
    with bundles.opened(out) as folder:
        assert (folder / "bundle.json").is_file()
    assert [p.name for p in out.parent.iterdir()] == ["study.tar.gz"]  # and nothing is left beside it


def test_nothing_is_overwritten(finished: FinishedStudy, tmp_path: Path) -> None:
    (tmp_path / "there").write_text("mine")
    with pytest.raises(UsageError, match="something at this place"):
        export(finished, tmp_path / "there")
    assert (tmp_path / "there").read_text() == "mine"


def test_a_place_that_cannot_be_written_is_named(finished: FinishedStudy, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be written") as caught:
        export(finished, tmp_path / "file" / "bundle")
    assert caught.value.where == str(tmp_path / "file" / "bundle")


def test_an_unknown_study_is_refused_before_anything_is_made(finished: FinishedStudy, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no study 'nope'"):
        export(finished, tmp_path / "new" / "out", "nope")
    assert not (tmp_path / "new").exists()


def test_an_archive_of_another_kind_is_refused(finished: FinishedStudy, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"\.zip") as caught:
        export(finished, tmp_path / "bundle.zip")
    assert ".tar.gz" in str(caught.value.cure)


def test_a_best_model_that_was_changed_is_not_exported(finished: FinishedStudy, tmp_path: Path) -> None:
    assert finished.view.best is not None
    config = Path(finished.view.best.path) / "config.json"
    before = config.read_text()
    try:
        config.write_text(before.replace("{", '{"evil": 1,', 1))
        with pytest.raises(BoundaryError, match="no longer what the referee put there"):
            export(finished, tmp_path / "bundle", with_model=True)
    finally:
        config.write_text(before)
    assert not (tmp_path / "bundle").exists()


@pytest.mark.parametrize("cut", [0, 10, 5000])
def test_an_archive_that_is_cut_off_is_named(public: Path, tmp_path: Path, cut: int) -> None:
    whole = shutil.make_archive(str(tmp_path / "whole"), "gztar", public)
    broken = tmp_path / "broken.tar.gz"
    broken.write_bytes(Path(whole).read_bytes()[:cut])
    with pytest.raises(UsageError, match="no whole") as caught, bundles.opened(broken):
        pass
    assert caught.value.where == str(broken)
    assert "\n" not in caught.value.what


def test_a_directory_that_is_no_bundle_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="this is no bundle"), bundles.opened(tmp_path):
        pass
    with pytest.raises(UsageError, match="no such bundle"), bundles.opened(tmp_path / "nothing"):
        pass


def test_a_referee_works_on_while_another_command_of_the_lab_asks_one_of_its_own(
    finished: FinishedStudy, tmp_path: Path
) -> None:
    view = finished.view
    base = view.base
    assert base is not None
    run = next(r for r in view.runs if r.state is RunState.SUCCEEDED and r.max_steps > 2)

    def written(referee: RefereeClient, name: str, run: Run | None = run) -> set[str]:
        out = referee.export(Export(view.id, base.path, base.model_id, run, str(tmp_path / name)))
        return {path.name for path in out.iterdir()}

    ours, other = finished.lab.referee(), finished.lab.referee()
    try:
        before = written(ours, "before")  # now its worker's sandbox has mounted what ours stages
        assert written(other, "base", None)
        other.close()
        assert written(ours, "after") == before
    finally:
        ours.close()
        other.close()
