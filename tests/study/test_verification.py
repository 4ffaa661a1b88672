"""`labwright verify`: an honest bundle agrees number by number; whatever was changed in one is named.

Tampering is done twice: as somebody does it who forgets the hashes, and as somebody does it who writes them anew.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.toys.toy_study import FinishedStudy

from labwright.contracts.errors import UsageError
from labwright.study import bundle as bundles
from labwright.study.bundlecontents import Finding
from labwright.study.verification import verify


@pytest.fixture(scope="module")
def whole(finished: FinishedStudy, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With the model; the test stays sealed."""
    out = tmp_path_factory.mktemp("bundles") / "whole"
    referee = finished.lab.referee()
    try:
        return bundles.export(finished.lab.ledger, referee, finished.view.id, out, with_model=True)
    finally:
        referee.close()


@pytest.fixture
def bundle(whole: Path, tmp_path: Path) -> Path:
    """A copy that a test may change."""
    return shutil.copytree(whole, tmp_path / "bundle")


def hash_anew(bundle: Path) -> None:
    index = json.loads((bundle / "bundle.json").read_text())
    index["files"] = {name: bundles.digest(bundle / name) for name in bundles.files_of(bundle)}
    (bundle / "bundle.json").write_text(json.dumps(index))


def differing(bundle: Path) -> dict[str, str]:
    return {f.what: f.detail for f in verify(bundle) if f.outcome == "differs"}


def edit_lines(path: Path, change: Callable[[list[dict]], None]) -> None:
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    change(lines)
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))


def of(findings: list[Finding], what: str) -> Finding:
    return next(f for f in findings if f.what.startswith(what))


def test_an_honest_bundle_agrees_in_every_number(whole: Path, finished: FinishedStudy) -> None:
    findings = verify(whole)
    assert {f.outcome for f in findings} == {"agrees"}
    named = {f.what for f in findings}
    assert {"files", "history", "model/", "study.json: difference", "base few-shot on test"} <= named
    assert "verdict on t2: promote" in named
    assert "scored again" in of(findings, "base zero-shot on dev").detail
    assert "sealed" in of(findings, "base zero-shot on test").detail
    assert len([f for f in findings if " on dev" in f.what]) == sum(e.split == "dev" for e in finished.view.evaluations)


def test_a_changed_byte_in_any_file_is_named(bundle: Path) -> None:
    with (bundle / "runs" / "t1.r1" / "recipe.py").open("a") as file:
        file.write("\n# nothing\n")
    (bundle / "extra.txt").write_text("hello")
    (bundle / "report.html").unlink()
    assert differing(bundle) == {
        "extra.txt": "not among the files that were exported",
        "report.html": "gone from the bundle",
        "runs/t1.r1/recipe.py": "its content is not what was hashed",
    }


def test_a_changed_output_is_found_by_scoring_it_again(bundle: Path, finished: FinishedStudy) -> None:
    path = bundle / "results" / f"{finished.view.id}.e.base.zero_shot.dev.jsonl"
    wrong = next(r["id"] for r in map(json.loads, path.read_text().splitlines()) if r["score"] == 0)

    def forge(lines: list[dict]) -> None:
        next(line for line in lines if line["id"] == wrong)["score"] = 1.0

    edit_lines(path, forge)
    hash_anew(bundle)
    found = differing(bundle)
    assert f"{wrong} (said 1, is 0)" in found["base zero-shot on dev"]


def test_an_output_swapped_for_another_wrong_one_is_found_by_its_hash(bundle: Path, finished: FinishedStudy) -> None:
    path = bundle / "results" / f"{finished.view.id}.e.base.zero_shot.dev.jsonl"

    def forge(lines: list[dict]) -> None:
        next(line for line in lines if line["score"] == 0)["output"] = "something else"

    edit_lines(path, forge)
    hash_anew(bundle)
    assert "not those that were recorded" in differing(bundle)["base zero-shot on dev"]


def test_changed_scores_on_the_sealed_test_are_found(bundle: Path, finished: FinishedStudy) -> None:
    path = bundle / "results" / f"{finished.view.id}.e.base.few_shot.test.jsonl"

    def forge(lines: list[dict]) -> None:
        for line in lines:
            line["score"] = 0.0

    edit_lines(path, forge)
    hash_anew(bundle)
    found = differing(bundle)
    assert "the items' scores give 0.0000" in found["base few-shot on test"]
    assert "study.json: difference" in found


def history_of(bundle: Path, kind: str, change: Callable[[dict], None]) -> None:
    def forge(lines: list[dict]) -> None:
        change(next(line["event"] for line in reversed(lines) if line["event"]["kind"] == kind))

    edit_lines(bundle / "events.jsonl", forge)
    hash_anew(bundle)


def test_a_changed_score_in_the_history_is_found(bundle: Path) -> None:
    history_of(bundle, "evaluation_recorded", lambda event: event["evaluation"]["score"].update(estimate=0.99))
    found = differing(bundle)
    assert any(" on test" in what for what in found)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda v: v["comparison"].update(p_value=1e-30), "the comparison is"),
        (lambda v: v["comparison"].update(wins=100), "the comparison is"),
        (lambda v: v.update(threshold=0.04), "the threshold is"),
        (lambda v: v.update(outcome="promote"), "the outcome is discard"),
        (lambda v: v.update(against="nobody"), "an evaluation that was not made"),
    ],
)
def test_a_changed_verdict_is_found_by_giving_it_again(bundle: Path, change: Callable[[dict], None], said: str) -> None:
    history_of(bundle, "verdict_given", lambda event: change(event["verdict"]))
    found = differing(bundle)
    assert said in next(detail for what, detail in found.items() if what.startswith("verdict on t4"))


def test_a_promotion_that_nobody_compared_is_found(bundle: Path) -> None:
    history_of(bundle, "verdict_given", lambda event: event["verdict"].update(outcome="promote", comparison=None))
    assert "a promotion with no comparison behind it" in differing(bundle).values()


def test_a_summary_that_says_more_than_was_measured_is_found(bundle: Path) -> None:
    document = json.loads((bundle / "study.json").read_text())
    document["difference"]["estimate"] += 0.1
    document["test"]["best"]["estimate"] = 1.0
    (bundle / "study.json").write_text(json.dumps(document))
    hash_anew(bundle)
    found = differing(bundle)
    assert set(found) == {"study.json: difference", "study.json: test"}
    assert "test.best.estimate says 1 and is 0.6" in found["study.json: test"]


def test_another_model_is_found(bundle: Path) -> None:
    weights = bundle / "model" / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    assert set(differing(bundle)) == {"model/", "model/model.safetensors"}
    hash_anew(bundle)
    assert set(differing(bundle)) == {"model/"}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("events.jsonl", ""),
        ("events.jsonl", '{"seq": 1, "at": 1.0, "event": {"kind": "nothing"}}\n'),
        ("benchmark/spec.json", "[]"),
        ("benchmark/dev.jsonl", "\x00\n"),
        ("study.json", "{"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_and_never_a_traceback(bundle: Path, name: str, text: str) -> None:
    (bundle / name).write_text(text)
    hash_anew(bundle)
    assert any(f.outcome == "differs" and (name in f.what or "history" in f.what) for f in verify(bundle))


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 1}', '{"format": 1, "study": "s", "files": 3}'])
def test_an_index_that_cannot_be_read_is_no_bundle(bundle: Path, text: str) -> None:
    (bundle / "bundle.json").write_text(text)
    with pytest.raises(UsageError, match="index cannot be read") as caught:
        verify(bundle)
    assert caught.value.where == str(bundle / "bundle.json")


def test_a_bundle_of_a_later_format_says_so(bundle: Path) -> None:
    index = json.loads((bundle / "bundle.json").read_text())
    (bundle / "bundle.json").write_text(json.dumps({**index, "format": 2}))
    with pytest.raises(UsageError, match="format 2"):
        verify(bundle)


def test_what_is_left_out_is_said_not_to_be_checked(bundle: Path) -> None:
    shutil.rmtree(bundle / "results")
    outcomes = {f.what: f.outcome for f in verify(bundle)}
    assert outcomes["base zero-shot on dev"] == "not checked"
    assert outcomes["verdict on t2: promote"] == "not checked"
