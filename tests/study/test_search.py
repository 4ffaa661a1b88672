"""How strategies walk a space of configurations."""

from __future__ import annotations

import pytest

from labwright.contracts.errors import SpecError
from labwright.contracts.specs import StudySpec
from labwright.study.search import GridStrategy, HalvingStrategy, strategy_for


def spec(**search: object) -> StudySpec:
    return StudySpec.model_validate(
        {
            "goal": "walk",
            "base_model": "m",
            "benchmark": "b",
            "data": [{"name": "one", "path": "1.jsonl"}, {"name": "two", "path": "2.jsonl"}],
            "budget": {"wall_clock": "1h"},
            "search": {"rungs": [1, 2], **search},
        }
    )


def test_every_combination_is_a_candidate_in_a_fixed_order():
    strategy = strategy_for(spec(trials=4, vary={"learning_rate": [0.1, 0.2], "data": ["one", "two"]}))
    assert [(c.params, c.dataset) for c in strategy.candidates()] == [
        ((("learning_rate", 0.1),), "one"),
        ((("learning_rate", 0.2),), "one"),
        ((("learning_rate", 0.1),), "two"),
        ((("learning_rate", 0.2),), "two"),
    ]


def test_without_data_to_vary_the_first_set_is_used():
    assert {c.dataset for c in strategy_for(spec(vary={"learning_rate": [0.1, 0.2]})).candidates()} == {"one"}


def test_more_combinations_than_trials_are_drawn_the_same_each_time_and_it_is_said():
    given = spec(trials=3, vary={"learning_rate": [0.1, 0.2, 0.3, 0.4], "data": ["one", "two"]})
    first, second = GridStrategy(given), GridStrategy(given)
    assert len(first.candidates()) == 3 and first.candidates() == second.candidates()
    assert "3 of 8 combinations" in first.note


@pytest.mark.parametrize(("keep", "count"), [(0.5, 2), (0.25, 1), (0.01, 1), (1.0, 4)])
def test_halving_keeps_its_share_best_first_and_at_least_one(keep, count):
    scores = [("t1", 0.1), ("t2", 0.4), ("t3", 0.4), ("t4", 0.2)]
    assert list(HalvingStrategy(spec(keep=keep)).survivors(0, scores)) == ["t2", "t3", "t4", "t1"][:count]


def test_a_grid_drops_nobody():
    assert len(strategy_for(spec(strategy="grid")).survivors(0, [("t1", 0.1), ("t2", 0.4)])) == 2


@pytest.mark.parametrize("name", ["max_steps", "seed"])
def test_what_the_harness_owns_cannot_be_varied(name):
    with pytest.raises(SpecError, match=name):
        strategy_for(spec(vary={name: [1, 2]}))


def test_a_name_without_values_is_refused():
    with pytest.raises(SpecError, match="no values"):
        strategy_for(spec(vary={"learning_rate": []}))


@pytest.mark.parametrize("seed", range(10))
def test_a_drawn_part_of_the_space_uses_every_value_about_equally_often(seed):
    given = spec(trials=4, vary={"learning_rate": [0.1, 0.2, 0.3, 0.4], "data": ["one", "two"], "lora": [True, False]})
    chosen = strategy_for(given.model_copy(update={"seed": seed})).candidates()
    assert len({dict(c.params)["learning_rate"] for c in chosen}) == 4
    assert sorted(c.dataset for c in chosen) == ["one", "one", "two", "two"]
    assert chosen[0].params == (("learning_rate", 0.1), ("lora", True)), "the first combination is always tried"


def test_a_space_too_large_to_write_down_is_still_drawn_from():
    given = spec(trials=5, vary={f"p{n}": list(range(100)) for n in range(6)})
    chosen = GridStrategy(given)
    assert len(set(chosen.candidates())) == 5
    assert "5 of 1000000000000 combinations" in chosen.note


def test_a_value_given_twice_is_tried_once():
    assert len(strategy_for(spec(vary={"learning_rate": [0.1, 0.1]})).candidates()) == 1


def test_a_share_is_not_rounded_up_by_a_float_and_a_score_that_is_no_number_comes_last():
    scores = [("bad", float("nan"))] + [(f"t{n}", n / 100) for n in range(99)]
    kept = HalvingStrategy(spec(keep=0.07)).survivors(0, scores)
    assert list(kept) == [f"t{n}" for n in range(98, 91, -1)]
