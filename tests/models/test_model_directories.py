"""What a model directory must hold, what is refused, and the hash that names it."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from labwright.contracts.errors import ModelError
from labwright.models import BUNDLED, BaseModel, resolve
from labwright.models.directory import identify


def write_safetensors(path: Path, shape: tuple[int, ...] = (2, 3), cut: int = 0) -> None:
    count = 1
    for size in shape:
        count *= size
    header = {"__metadata__": {"format": "pt"}, "w": {"dtype": "F32", "shape": shape, "data_offsets": [0, 4 * count]}}
    text = json.dumps(header).encode()
    content = struct.pack("<Q", len(text)) + text + b"\0" * 4 * count
    path.write_bytes(content[: len(content) - cut])


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A directory that passes every check, without being a model of anything."""
    directory = tmp_path / "study" / "base-model"
    directory.mkdir(parents=True)
    (directory / "config.json").write_text('{"model_type": "llama"}')
    (directory / "tokenizer.json").write_text("{}")
    write_safetensors(directory / "model.safetensors")
    return directory


def resolved(name: str, model: Path) -> BaseModel:
    return resolve(name, model.parents[1] / "home", model.parent)


def test_a_directory_is_used_in_place_whether_relative_or_absolute(model: Path) -> None:
    relative, absolute = resolved("base-model", model), resolved(str(model), model)
    assert relative.path == absolute.path == model
    assert relative.model_id == absolute.model_id
    assert len(relative.model_id) == 64
    assert relative.parameters == 6


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors", "chat_template.jinja"])
def test_the_id_changes_with_every_file_that_matters(model: Path, name: str) -> None:
    before = resolved("base-model", model).model_id
    if name.endswith(".safetensors"):
        write_safetensors(model / name, (3, 3))
    else:
        (model / name).write_text('{"model_type": "llama", "changed": true}')
    assert resolved("base-model", model).model_id != before


def test_the_id_does_not_depend_on_the_place_nor_on_other_files(model: Path, tmp_path: Path) -> None:
    before = resolved("base-model", model).model_id
    (model / "README.md").write_text("words")
    moved = model.rename(tmp_path / "elsewhere")
    assert identify(moved, lambda what, fraction: None)[0] == before


def test_a_model_is_hashed_once_and_again_only_when_a_file_changes(model: Path) -> None:
    seen: list[float] = []
    assert identify(model, lambda what, fraction: seen.append(fraction))
    assert seen[0] == 0 and seen[-1] == 1
    seen.clear()
    identify(model, lambda what, fraction: seen.append(fraction))
    assert seen == []
    (model / "tokenizer.json").write_text('{"a": 1}')
    identify(model, lambda what, fraction: seen.append(fraction))
    assert seen


def test_a_damaged_note_is_ignored(model: Path) -> None:
    before = resolved("base-model", model)
    (model / "labwright.json").write_text('{"files": [')
    assert resolved("base-model", model) == before


def without(name: str) -> Callable[[Path], None]:
    return lambda d: (d / name).unlink()


def writing(name: str, content: str) -> Callable[[Path], object]:
    return lambda d: (d / name).write_text(content)


@pytest.mark.parametrize(
    ("damage", "what", "cure"),
    [
        (without("config.json"), "no config.json", "save_pretrained"),
        (without("tokenizer.json"), "no tokenizer", "tokenizer.save_pretrained"),
        (without("model.safetensors"), "no weights", "safetensors"),
        (writing("pytorch_model.bin", "x"), "pickled", "safetensors"),
        (writing("training_args.bin", "x"), "pickled", "remove"),
        (writing("config.json", '{"auto_map": {}}'), "Python code of its own", "architecture"),
        (writing("tokenizer_config.json", '{"auto_map": {}}'), "Python code of its own", "architecture"),
        (writing("config.json", "{}"), "no model_type", "save_pretrained"),
        (writing("config.json", "{"), "no JSON", "again"),
        (writing("model.safetensors", ""), "no complete safetensors", "again"),
        (writing("model.safetensors", "x" * 100), "no complete safetensors", "again"),
        (lambda d: write_safetensors(d / "model.safetensors", cut=4), "cut off", "again"),
        (lambda d: (d / "model.safetensors").write_bytes(struct.pack("<Q", 2) + b"[]"), "corrupt", "again"),
        (
            writing("model.safetensors.index.json", '{"weight_map": {"a": "model-00002.safetensors"}}'),
            "model-00002.safetensors is missing",
            "again",
        ),
    ],
)
def test_what_cannot_be_used_is_refused_with_a_cure(
    model: Path, damage: Callable[[Path], object], what: str, cure: str
) -> None:
    damage(model)
    with pytest.raises(ModelError) as caught:
        resolved("base-model", model)
    assert what in caught.value.what
    assert cure in (caught.value.cure or "")
    assert str(model) in (caught.value.where or "")


def test_an_adapter_is_told_from_a_model(model: Path) -> None:
    (model / "config.json").rename(model / "adapter_config.json")
    with pytest.raises(ModelError, match="adapter, not a complete model"):
        resolved("base-model", model)


@pytest.mark.parametrize(
    ("name", "cure"),
    [
        ("smollm2-135m-instuct", "did you mean 'smollm2-135m-instruct'"),
        ("base-mode", "did you mean 'base-model'"),
        ("nothing", "a Hub id such as owner/name"),
        ("./nothing/here", "a directory"),
    ],
)
def test_an_unknown_name_is_answered_with_what_is_known(model: Path, name: str, cure: str) -> None:
    with pytest.raises(ModelError) as caught:
        resolved(name, model)
    assert cure in (caught.value.cure or "")


def test_the_demo_model_is_bundled() -> None:
    assert "smollm2-135m-instruct" in BUNDLED
