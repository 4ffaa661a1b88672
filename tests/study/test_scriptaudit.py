"""What the look at a training script names, and what it leaves alone."""

from __future__ import annotations

import pytest

from labwright.study.scriptaudit import audit
from labwright.study.spec import bundled_recipes


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('open("/proc/1/environ")', "/proc"),
        ('open(home + "/vault/x")', "vault"),
        ('Path("~/.labwright").expanduser()', "home"),
        ('open("../benchmark/test.jsonl")', "items"),
        ("os.fork()", "forks"),
        ("subprocess.Popen(['x'], start_new_session=True)", "session"),
    ],
)
def test_a_script_that_reaches_for_what_is_not_its_own_is_named_with_its_line(tmp_path, line, said):
    script = tmp_path / "recipe.py"
    script.write_text(f"import os\n{line}\n")
    (found,) = audit(script)
    assert found.where == "recipe.py:2" and found.kind == "suspicious-script" and said in found.detail


def test_comments_and_docstrings_raise_nothing(tmp_path):
    script = tmp_path / "recipe.py"
    script.write_text('"""Reads /proc and the vault? Never."""\n# /proc/self\nx = 1\n')
    assert audit(script) == []


def test_a_script_that_is_no_python_is_named(tmp_path):
    script = tmp_path / "recipe.py"
    script.write_text("def broken(:\n")
    assert "no valid Python" in audit(script)[0].detail


@pytest.mark.parametrize("name", sorted(bundled_recipes()))
def test_the_bundled_recipes_raise_nothing(name):
    assert audit(bundled_recipes()[name]) == []
