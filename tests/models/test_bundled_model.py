"""The bundled model is built once, whole or not at all."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from labwright.models import bundled, resolve


def silent(what: str, fraction: float) -> None:
    pass


def test_a_model_that_is_there_is_not_built_again(tmp_path: Path) -> None:
    target = tmp_path / "models" / f"{bundled.NAME}-{bundled.GGUF_SHA256[:12]}"
    target.mkdir(parents=True)
    assert bundled.build(tmp_path, silent) == target


def test_a_gguf_that_cannot_be_converted_leaves_nothing_half_made(tmp_path: Path) -> None:
    pytest.importorskip("transformers", reason="the train extra is not installed")
    (tmp_path / "broken.gguf").write_bytes(b"GGUF, but no more of it")
    target = tmp_path / "models" / "target"
    target.parent.mkdir()
    command = [sys.executable, "-m", "labwright.models.bundled", str(tmp_path / "broken.gguf"), str(target)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert list(target.parent.iterdir()) == []


def test_importing_the_models_folder_stays_light() -> None:
    code = "import sys, labwright.models as m; print({'torch', 'transformers', 'huggingface_hub'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_smollm2_is_built_from_its_package_and_answers(bundled_home: Path) -> None:
    transformers = pytest.importorskip("transformers", reason="the train extra is not installed")
    base = resolve(bundled.NAME, bundled_home, bundled_home)
    assert base.parameters == 134_515_008
    said = json.loads((bundled_home / "models" / ".progress.json").read_text())
    fractions = [f for what, f in said if what.startswith("building")]
    assert fractions == sorted(fractions) and fractions[-1] == 1
    assert [p.name for p in base.path.parent.iterdir() if not p.name.startswith(".")] == [base.path.name]
    assert not list(base.path.parent.glob(".building-*"))
    assert resolve(bundled.NAME, bundled_home, bundled_home) == base

    tokenizer = transformers.AutoTokenizer.from_pretrained(base.path)
    model = transformers.AutoModelForCausalLM.from_pretrained(base.path, use_safetensors=True)
    prompt = tokenizer("The capital of France is", return_tensors="pt")
    answer = model.generate(**prompt, max_new_tokens=3, do_sample=False)
    assert "Paris" in tokenizer.decode(answer[0])
