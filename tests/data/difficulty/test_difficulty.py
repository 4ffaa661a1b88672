"""Difficulty: scores that are kept, bins that add up, and variants that say how they were chosen."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from tests.data.difficulty.pupil import Pupil
from tests.data.transforms.rows_of import column, pairs, rows_in, version_of

from labwright.contracts.errors import DataError, ModelError, StorageError
from labwright.contracts.generation import Decoding, LikelihoodRequest
from labwright.contracts.research import DatasetVersion
from labwright.data.difficulty import Cuts, Method, ScoreCache, agrees, difficulty, score
from labwright.data.origins import read_dropped

PASS_RATE = Method("pass-rate", 8, Decoding(max_new_tokens=8, temperature=0.8))


def _sums(tmp_path: Path, count: int = 27) -> DatasetVersion:
    return pairs(tmp_path, [(f"{100 + n % 9} + {n}", str(100 + n % 9 + n)) for n in range(count)])


def test_a_pass_rate_is_the_share_of_right_samples(tmp_path: Path) -> None:
    version = _sums(tmp_path, 9)
    scores = score(version, Pupil(), "pupil", PASS_RATE, ScoreCache.under(tmp_path))
    assert scores.values.tolist() == [n / 8 for n in range(9)]
    assert (scores.asked, scores.known, scores.why) == (9, 0, {})


def test_every_row_is_in_one_of_three_bins_and_variants_are_versions(tmp_path: Path) -> None:
    version = _sums(tmp_path)
    made = difficulty(version, Pupil(), "pupil", PASS_RATE, ScoreCache.under(tmp_path), seed=4)
    assert made.counts == {"easy": 9, "medium": 12, "hard": 6, "frontier": 12, "mixed": 18, "not scored": 0}
    assert {kind: one.rows for kind, one in made.variants.items()} == {
        "easy": 9,
        "medium": 12,
        "hard": 6,
        "frontier": 12,
        "mixed": 18,
    }
    assert made.variants["hard"].name == "data-hard"
    assert {str(prompt)[:3] for prompt in column(made.variants["hard"], "prompt")} == {"100", "101"}
    assert {str(prompt)[:3] for prompt in column(made.variants["frontier"], "prompt")} == {"101", "102", "103", "104"}
    params = made.variants["mixed"].lineage[-1].params
    assert (params["method"], params["model"], params["samples"], params["bin"]) == ("pass-rate", "pupil", 8, "mixed")
    assert params["rows"] == made.counts
    assert params["mean_score"] == 0.5


def test_the_scored_version_has_every_row_with_its_score_and_bin(tmp_path: Path) -> None:
    version = _sums(tmp_path, 9)
    scored = difficulty(version, Pupil(), "pupil", PASS_RATE, ScoreCache.under(tmp_path)).scored
    rows = rows_in(scored)
    assert [row["difficulty"] for row in rows] == [n / 8 for n in range(9)]
    assert [row["difficulty_bin"] for row in rows] == ["hard"] * 2 + ["medium"] * 4 + ["easy"] * 3
    assert scored.format == "prompt-completion"
    with pytest.raises(DataError, match="'difficulty' already"):
        difficulty(scored, Pupil(), "pupil", PASS_RATE, ScoreCache.under(tmp_path))


def test_a_scoring_that_was_interrupted_goes_on_where_it_stood(tmp_path: Path) -> None:
    version, cache = _sums(tmp_path, 24), ScoreCache.under(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        score(version, Pupil(fails_after=100), "pupil", PASS_RATE, cache, batch_rows=4)
    again = Pupil()
    scores = score(version, again, "pupil", PASS_RATE, cache, batch_rows=4)
    assert (scores.known, scores.asked) == (12, 12)
    assert again.prompts == 12 * 8
    assert not np.isnan(scores.values).any()


def test_scores_survive_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "cache" / "difficulty.db"
    script = (
        "import os, sys; from pathlib import Path\n"
        "from labwright.data.difficulty import ScoreCache\n"
        "ScoreCache(Path(sys.argv[1])).put('m', 'loss', {b'row': 0.25}); os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", script, str(path)], check=False).returncode == -9
    assert ScoreCache(path).get("m", "loss", [b"row", b"other"]) == {b"row": 0.25}
    assert ScoreCache(path).get("another", "loss", [b"row"]) == {}
    assert ScoreCache(path).get("m", "margin", [b"row"]) == {}


def test_a_first_opening_while_another_process_opens_the_file_waits_its_turn(tmp_path: Path) -> None:
    path = tmp_path / "difficulty.db"
    with sqlite3.connect(path, isolation_level=None, check_same_thread=False) as other:
        other.execute("CREATE TABLE theirs (it)")
        other.execute("BEGIN IMMEDIATE")  # SQLite answers "locked" to a switch to WAL at once
        with ThreadPoolExecutor(1) as pool:
            asked = pool.submit(ScoreCache(path).get, "m", "loss", [b"row"])
            with pytest.raises(TimeoutError):
                asked.result(timeout=0.2)
            other.execute("COMMIT")
            assert asked.result() == {}
    other.close()


def test_a_damaged_file_of_scores_is_told_with_a_cure(tmp_path: Path) -> None:
    path = tmp_path / "difficulty.db"
    path.write_bytes(b"this is no database" * 1000)
    with pytest.raises(StorageError, match="cannot be used") as error:
        ScoreCache(path).get("m", "loss", [b"row"])
    assert error.value.where == str(path)


def test_equal_rows_are_asked_once_and_other_settings_are_asked_anew(tmp_path: Path) -> None:
    cache = ScoreCache.under(tmp_path)
    version = version_of(tmp_path, [{"prompt": "103 + 1", "completion": "104", "id": n} for n in range(10)])
    pupil = Pupil()
    assert score(version, pupil, "pupil", PASS_RATE, cache).values.tolist() == [3 / 8] * 10
    assert pupil.prompts == 8
    score(version, pupil, "pupil", Method("pass-rate", 4, PASS_RATE.decoding), cache)
    score(version, pupil, "another", PASS_RATE, cache)
    assert pupil.prompts == 8 + 4 + 8


def test_loss_is_a_byte_of_the_answer_and_lower_is_easier(tmp_path: Path) -> None:
    version = pairs(tmp_path, [("q" * n, "abcd") for n in range(4, 40, 4)])
    made = difficulty(version, Pupil(), "pupil", Method("loss"), ScoreCache.under(tmp_path))
    assert made.scores.values.tolist() == [float(n) for n in range(1, 10)]
    assert [len(str(prompt)) for prompt in column(made.variants["easy"], "prompt")] == [4, 8, 12]
    assert [len(str(prompt)) for prompt in column(made.variants["hard"], "prompt")] == [28, 32, 36]
    assert [len(str(prompt)) for prompt in column(made.variants["frontier"], "prompt")] == [24, 28, 32]


def test_a_margin_compares_with_the_worse_answer_or_the_other_options(tmp_path: Path) -> None:
    rows = [{"prompt": f"question {n}", "chosen": "right", "rejected": "wrong"} for n in range(3)]
    scores = score(version_of(tmp_path, rows), Pupil(), "pupil", Method("margin"), ScoreCache.under(tmp_path))
    assert scores.values.tolist() == pytest.approx([1.0] * 3)
    quiz = [
        {"question": f"Which {n}?", "choices": {"text": ["a", "b", "c"], "label": ["A", "B", "C"]}, "answerKey": "B"}
        for n in range(3)
    ]
    pupil = Pupil()
    scores = score(version_of(tmp_path, quiz, "quiz"), pupil, "pupil", Method("margin"), ScoreCache.under(tmp_path))
    assert scores.values.tolist() == [0.0] * 3
    assert pupil.prompts == 3 * 3


def test_rows_that_cannot_be_scored_are_kept_aside_with_their_reason(tmp_path: Path) -> None:
    rows = [{"prompt": f"question {n}", "completion": "fine"} for n in range(20)]
    rows += [{"prompt": "x", "completion": "bad"}, {"prompt": "y" * 500, "completion": "long"}]
    version = version_of(tmp_path, rows)
    made = difficulty(
        version, Pupil(), "pupil", Method("loss"), ScoreCache.under(tmp_path), most_characters=100, batch_rows=3
    )
    assert made.counts["not scored"] == 2
    assert [row["difficulty"] for row in rows_in(made.scored)][-2:] == [None, None]
    gone = list(read_dropped(tmp_path / "home", made.variants["easy"].lineage[-1].dropped))
    assert [(one.row, one.reason) for one in gone] == [
        (21, "not scored: the model gave no finite score"),
        (22, "not scored: longer than was allowed"),
    ]
    texts = version_of(tmp_path, [{"text": "a long text without any question"}], "texts")
    with pytest.raises(DataError, match="a text has no answer for a pass-rate"):
        difficulty(texts, Pupil(), "pupil", PASS_RATE, ScoreCache.under(tmp_path))


class Narrow(Pupil):
    """Refuses a batch with a prompt that is too long for it, as a model with a short context does."""

    def log_likelihoods(self, requests: Sequence[LikelihoodRequest], *, shared_prefix: str = "") -> list[float]:
        if any(len(one.prompt) > 20 for one in requests):
            raise ModelError("longer than the context")
        return super().log_likelihoods(requests)


def test_rows_that_the_model_refuses_are_left_out_also_where_they_come_first(tmp_path: Path) -> None:
    rows = [(f"{'long' * 9} {n}", "yes") for n in range(3)] + [(f"short {n}", "yes") for n in range(3)]
    scores = score(pairs(tmp_path, rows), Narrow(), "narrow", Method("loss"), ScoreCache.under(tmp_path))
    assert np.isnan(scores.values).tolist() == [True] * 3 + [False] * 3
    assert set(scores.why.values()) == {"longer than the context"}
    with pytest.raises(ModelError, match="longer than the context"):
        score(pairs(tmp_path, rows[:3]), Narrow(), "narrow", Method("loss"), ScoreCache.under(tmp_path))


def test_cuts_can_be_given_and_must_be_in_order(tmp_path: Path) -> None:
    version, cache = _sums(tmp_path, 9), ScoreCache.under(tmp_path)
    made = difficulty(version, Pupil(), "pupil", PASS_RATE, cache, cuts=Cuts(1.0, 0.5, (0.25, 0.25)))
    assert {kind: one.rows for kind, one in made.variants.items()} == {
        "easy": 1,
        "medium": 4,
        "hard": 4,
        "frontier": 1,
        "mixed": 3,
    }
    with pytest.raises(DataError, match="in no order"):
        difficulty(version, Pupil(), "pupil", PASS_RATE, cache, cuts=Cuts(0.2, 0.5, (0, 1)))
    with pytest.raises(DataError, match="temperature 0"):
        Method("pass-rate", 8, Decoding(8))


@pytest.mark.parametrize(
    ("output", "reference", "right"),
    [
        ("The answer is 1,234.", "1234", 1),
        ("First 5, then 42", "42", 1),
        ("42 or 43", "42", 0),
        ("-3", "−3", 1),
        ("no idea", "7", 0),
        ("B", "B", 1),
        ("(B) because A is wrong", "B", 1),
        ("The answer is C.", "C", 1),
        ("A dog? The answer: D", "D", 1),
        ("I'd say so", "I", 0),
        ("Paris", "paris.", 1),
        ("It is easy.\nParis", "Paris", 1),
        ("Not Paris at all", "Paris", 0),
        ("", "Paris", 0),
    ],
)
def test_an_output_agrees_with_a_reference(output: str, reference: str, right: int) -> None:
    assert agrees(output, reference) == right
