"""The ready studies: their makers are deterministic, and training, dev and test have nothing in common."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest
import yaml

import labwright.study.starter
from labwright.contracts.specs import StudySpec
from labwright.referee.pack import read_pack

STUDIES = Path(__file__).resolve().parents[2] / "studies"
NUMBERS = STUDIES / "number-sorting"
LETTERS = STUDIES / "letter-reversal"
STARTER = Path(labwright.study.starter.__file__).parent / "files"


def made(study: Path, seed: int, count: int, split: str, out: Path) -> list[dict[str, str]]:
    """The items of a study's maker, run as the referee runs it."""
    script = study / "benchmark" / "make_items.py"
    flags = ["--seed", str(seed), "--count", str(count), "--split", split, "--out", str(out)]
    subprocess.run([sys.executable, "-I", str(script), *flags], check=True, cwd=out.parent)
    return rows(out)


def rows(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def loaded(script: Path) -> ModuleType:
    spec = spec_from_file_location(f"{script.parent.name}_{script.stem}".replace("-", "_"), script)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def number_sets(prompts: Iterable[str]) -> set[frozenset[str]]:
    return {frozenset(p.removeprefix("Sort ascending: ").removesuffix(" ->").split()) for p in prompts}


def letter_sets(prompts: Iterable[str]) -> set[str]:
    words = [p.removesuffix(" ->") for p in prompts]
    return {min(w, w[::-1]) for w in words}


@pytest.mark.parametrize("study", [NUMBERS, LETTERS, STARTER], ids=lambda p: p.name)
def test_the_same_seed_makes_the_same_items_and_another_seed_others(study: Path, tmp_path: Path) -> None:
    first = made(study, 1, 50, "test", tmp_path / "a.jsonl")
    again = made(study, 1, 50, "test", tmp_path / "b.jsonl")
    other = made(study, 2, 50, "test", tmp_path / "c.jsonl")
    assert first == again
    assert len({i["prompt"] for i in first}) == 50
    assert len({i["prompt"] for i in first} & {i["prompt"] for i in other}) < 25


def test_sorted_numbers_are_right_and_disjoint_as_sets(tmp_path: Path) -> None:
    clean, noisy = loaded(NUMBERS / "make_data.py").clean_and_noisy()
    parts = [number_sets(r["prompt"] for r in clean)]
    for split, seed in (("dev", 4127), ("test", 987_654_321), ("test", 5)):
        items = made(NUMBERS, seed, 500, split, tmp_path / f"{split}{seed}.jsonl")
        parts.append(number_sets(i["prompt"] for i in items))
        for item in items:
            numbers = item["prompt"].removeprefix("Sort ascending: ").removesuffix(" ->").split()
            assert item["answer"].split() == sorted(numbers, key=int)
    train, dev, *tests = parts
    assert not train & dev
    assert not any((train | dev) & test for test in tests)
    assert len(train) == len(clean) >= 640
    assert {r["prompt"] for r in noisy} == {r["prompt"] for r in clean}


def test_the_noisy_set_has_the_wrong_answers_and_duplicates_it_should() -> None:
    clean, noisy = loaded(NUMBERS / "make_data.py").clean_and_noisy()
    right = {r["prompt"]: r["completion"] for r in clean}
    answers = {r["prompt"]: r["completion"] for r in noisy}
    wrong = [p for p, a in answers.items() if a != right[p]]
    assert 0.25 < len(wrong) / len(answers) < 0.35
    assert len(noisy) > len(answers)
    assert clean[0]["completion"].startswith(" ")


def test_number_data_is_written_the_same_every_time(tmp_path: Path) -> None:
    maker = loaded(NUMBERS / "make_data.py")
    for name in ("a", "b"):
        maker.write(tmp_path / name, maker.clean_and_noisy()[1])
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_reversed_words_are_right_and_disjoint_with_their_reversals(tmp_path: Path) -> None:
    plain, upsampled = loaded(LETTERS / "make_data.py").plain_and_upsampled()
    train = letter_sets(r["prompt"] for r in plain)
    parts = [train]
    for split, seed in (("dev", 9302), ("test", 31)):
        items = made(LETTERS, seed, 300, split, tmp_path / f"{split}.jsonl")
        parts.append(letter_sets(i["prompt"] for i in items))
        assert all(i["answer"] == i["prompt"].removesuffix(" ->")[::-1] for i in items)
    assert sum(len(p) for p in parts) == len(set.union(*parts))
    assert letter_sets(r["prompt"] for r in upsampled) == train
    assert len(upsampled) > len(plain)


def test_every_character_of_the_letter_task_is_in_its_alphabet() -> None:
    maker = loaded(LETTERS / "make_data.py")
    plain, _ = maker.plain_and_upsampled()
    used = {c for r in plain for c in r["prompt"] + r["completion"]} | {"\n", " "}
    assert used <= set(maker.ALPHABET)


def test_the_starter_has_no_pair_on_two_sides(tmp_path: Path) -> None:
    parts = [number_sets(r["prompt"] for r in rows(STARTER / "data/train.jsonl"))]
    for split in ("dev", "test"):
        parts.append(number_sets(i["prompt"] for i in made(STARTER, 1, 200, split, tmp_path / f"{split}.jsonl")))
    assert sum(len(p) for p in parts) == len(set.union(*parts))


@pytest.mark.parametrize("study", [NUMBERS, LETTERS, STARTER], ids=lambda p: p.name)
def test_shots_stand_in_no_split_and_in_no_training_set(study: Path, tmp_path: Path) -> None:
    shots = {r["prompt"] for r in rows(study / "benchmark/shots.jsonl")}
    dev = {i["prompt"] for i in made(study, 1, 200, "dev", tmp_path / "dev.jsonl")}
    if study is STARTER:
        train = {r["prompt"] for r in rows(STARTER / "data/train.jsonl")}
    else:
        maker = loaded(study / "make_data.py")
        first, _ = maker.clean_and_noisy() if study is NUMBERS else maker.plain_and_upsampled()
        train = {r["prompt"] for r in first}
    assert len(shots) == 4
    assert not shots & (dev | train)


@pytest.mark.parametrize("study", [NUMBERS, LETTERS, STARTER], ids=lambda p: p.name)
def test_a_study_file_is_valid(study: Path) -> None:
    spec = StudySpec.model_validate(yaml.safe_load((study / "study.yaml").read_text()))
    assert spec.search.trials >= 2


@pytest.mark.parametrize("study", [NUMBERS, LETTERS], ids=lambda p: p.name)
def test_a_maker_refuses_a_count_that_its_split_cannot_give(study: Path, tmp_path: Path) -> None:
    with pytest.raises(subprocess.CalledProcessError):
        made(study, 1, 10**6, "dev", tmp_path / "out.jsonl")


@pytest.mark.parametrize(("study", "seed"), [(NUMBERS, 4127), (LETTERS, 9302), (STARTER, 1)])
def test_dev_is_what_the_maker_makes_from_its_public_seed(study: Path, seed: int, tmp_path: Path) -> None:
    assert rows(study / "benchmark/dev.jsonl") == made(study, seed, 200, "dev", tmp_path / "dev.jsonl")


@pytest.mark.parametrize("study", [NUMBERS, LETTERS, STARTER], ids=lambda p: p.name)
def test_the_referee_takes_the_pack(study: Path) -> None:
    pack = read_pack(study / "benchmark")
    assert len(pack.dev) == 200
    assert len(pack.shots) == 4
