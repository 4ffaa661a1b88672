"""Tasks of Inspect: what its process writes down becomes a pack, or is refused; where it is installed, for real."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest
from tests.referee.known.sources import open_table

from labwright.contracts.errors import UsageError
from labwright.contracts.specs import ScorerSpec
from labwright.referee.known import AddOptions, add_benchmark
from labwright.referee.known.inspecttask import Dumped, draft_from
from labwright.referee.pack import Item, read_pack
from labwright.referee.scorers import scorer_for

TASK = """
from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.scorer import choice, includes, match
from inspect_ai.solver import generate, multiple_choice, prompt_template, self_critique, system_message

@task
def sums():
    samples = [Sample(input=f"{n} + 1 =", target=str(n + 1), id=f"s{n}") for n in range(8)]
    solver = [system_message("Be brief."), prompt_template("Solve: {prompt}"), generate()]
    return Task(dataset=MemoryDataset(samples), solver=solver, scorer=match(numeric=True))

@task
def letters():
    samples = [Sample(input=f"{n} + 1 =", choices=[str(n), str(n + 1)], target="B") for n in range(8)]
    return Task(dataset=MemoryDataset(samples), solver=multiple_choice(), scorer=choice())

@task
def aliases():
    samples = [Sample(input=f"{n}?", target=[f"a{n}", f"b{n}"]) for n in range(8)]
    return Task(dataset=MemoryDataset(samples), solver=generate(), scorer=includes())

@task
def critic():
    solver = [generate(), self_critique()]
    return Task(dataset=MemoryDataset([Sample(input="?", target="!")]), solver=solver, scorer=match())
"""


def dumped(scorer: str, params: dict[str, Any] | None = None, **changes: Any) -> Dumped:
    samples = [
        {"id": f"s{n}", "messages": [{"role": "user", "content": f"{n}?"}], "target": [str(n)]} for n in range(4)
    ]
    content = {"version": "0.3", "name": "t", "scorers": [{"name": scorer, "params": params or {}}], "samples": samples}
    return Dumped.model_validate({**content, **changes})


def spec(scorer: str, params: dict[str, Any] | None = None) -> ScorerSpec:
    return draft_from(dumped(scorer, params), "t").scorer


@pytest.mark.parametrize(
    ("scorer", "params", "target", "right", "wrong"),
    [
        ("match", {}, "Paris", "It is paris.", "Paris it is"),
        ("match", {"location": "begin"}, "Paris", "Paris it is", "It is Paris"),
        ("match", {"location": "exact", "ignore_case": False}, "Paris", " Paris. ", "paris"),
        ("match", {"location": "any"}, "Paris", "so Paris it is", "London"),
        ("match", {"numeric": True}, "1000", "It is 1,000.", "It is 1,001"),
        ("includes", {}, "paris", "It is PARIS, yes", "London"),
        ("includes", {"ignore_case": False}, "paris", "paris", "Paris"),
        ("exact", {}, "the Eiffel Tower", "Eiffel tower!", "Eiffel"),
        ("pattern", {"pattern": r"is (\w+)$"}, "paris", "It is Paris", "It is Paris\nno"),
        ("answer", {"pattern": "letter"}, "B", "thinking\nANSWER: b", "B"),
        ("answer", {"pattern": "line"}, "two words", "ANSWER: Two words\n", "ANSWER: two"),
        ("choice", {}, "B", "ANSWER: (B)", "ANSWER: A\nANSWER: C"),
    ],
)
def test_scorers_of_inspect_score_the_same_here(
    scorer: str, params: dict[str, Any], target: str, right: str, wrong: str
) -> None:
    ours = scorer_for(spec(scorer, params))
    assert ours.score(Item("i", "?", target), right).score == 1
    assert ours.score(Item("i", "?", target), wrong).score == 0


def test_a_graded_task_is_judged_and_says_so() -> None:
    draft = draft_from(dumped("model_graded_qa", {"instructions": "Be strict."}), "t")
    assert draft.scorer.kind == "rubric"
    assert "Be strict." in draft.parts[0].questions[0].rubric
    assert any("LABWRIGHT_JUDGE_MODEL" in note for note in draft.notes)


@pytest.mark.parametrize(("scorer", "kind"), [("match", "includes"), ("exact", "normalised"), ("f1", "f1")])
def test_any_of_several_targets_is_right(scorer: str, kind: str) -> None:
    samples = [{"messages": [{"role": "user", "content": "?"}], "target": ["Paris", "Paree"]}]
    draft = draft_from(dumped(scorer, samples=samples), "t")
    question = draft.parts[0].questions[0]
    assert (draft.scorer.kind, question.answers) == (kind, ("Paris", "Paree"))
    item = Item("i", "?", question.answer, answers=question.answers)
    assert [scorer_for(draft.scorer).score(item, said).score for said in ("Paree", "Rome")] == [1, 0]


def test_epochs_are_samples() -> None:
    draft = draft_from(dumped("match", epochs=4, temperature=0.6, max_tokens=77, stop=["\n"]), "t")
    generation = draft.generation
    assert (generation.samples, generation.temperature, generation.max_new_tokens) == (4, 0.6, 77)
    assert generation.stop == ("\n",)
    assert generation.chat


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"refused": "its solver self_critique does more than ask once"}, "self_critique"),
        ({"top_p": 0.9}, "top_p"),
        ({"scorers": []}, "no scorer"),
        ({"scorers": [{"name": "f1", "params": {"stop_words": ["so"]}}]}, "scored by f1"),
        (
            {
                "scorers": [{"name": "model_graded_qa"}],
                "samples": [{"messages": [{"role": "user", "content": "?"}], "target": ["a", "b"]}],
            },
            "count together",
        ),
        ({"samples": [{"messages": [{"role": "user", "content": "?"}] * 2, "target": ["a"]}]}, "several turns"),
    ],
)
def test_what_cannot_be_frozen_faithfully_is_refused(changes: dict[str, Any], why: str) -> None:
    with pytest.raises(UsageError, match="cannot be frozen faithfully") as raised:
        draft_from(dumped("match", **changes), "t")
    assert why in raised.value.what


@pytest.mark.skipif(importlib.util.find_spec("inspect_ai") is not None, reason="inspect-ai is installed")
def test_without_inspect_the_package_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as raised:
        add_benchmark("inspect:x/y", out=tmp_path / "pack", open_table=open_table)
    assert raised.value.cure == "pip install inspect-ai"


@pytest.mark.skipif(importlib.util.find_spec("inspect_ai") is None, reason="inspect-ai is not installed")
def test_a_real_task_is_asked_as_its_solvers_ask(tmp_path: Path) -> None:
    (tmp_path / "task.py").write_text(TASK)
    allowed = AddOptions(allow_code=True)
    for name, prompt in (("sums", "Be brief.\n\nSolve: 5 + 1 ="), ("letters", "5 + 1 =\n\nA) 5\nB) 6")):
        added = add_benchmark(
            f"inspect:{tmp_path}/task.py@{name}", out=tmp_path / name, open_table=open_table, options=allowed
        )
        prompts = [i.prompt for i in read_pack(added.directory).dev]
        assert len(prompts) == 4
        assert all(p.startswith(prompt[:9]) or p.endswith(")" + p[-2:]) for p in prompts)
    added = add_benchmark(
        f"inspect:{tmp_path}/task.py@aliases", out=tmp_path / "aliases", open_table=open_table, options=allowed
    )
    assert all(len(item.answers) == 2 for item in read_pack(added.directory).dev)
    with pytest.raises(UsageError, match="self_critique"):
        add_benchmark(f"inspect:{tmp_path}/task.py@critic", out=tmp_path / "x", open_table=open_table, options=allowed)
    with pytest.raises(UsageError, match="Python of its own"):
        add_benchmark(f"inspect:{tmp_path}/task.py@sums", out=tmp_path / "x", open_table=open_table)
