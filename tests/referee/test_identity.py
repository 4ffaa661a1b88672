"""What the referee takes from a run's directory, what it refuses, and what it leaves out and names."""

from __future__ import annotations

import json
import os
import pickle
import struct
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from labwright.contracts.errors import BoundaryError
from labwright.contracts.research import Run, RunPurpose
from labwright.referee.identity import Staged, attest, stage

Array = np.ndarray[Any, Any]
Tensors = dict[str, Array]

WIDTH, WORDS = 4, 8
QUERY = "model.layers.0.self_attn.q_proj"
BASE: Tensors = {
    "model.embed_tokens.weight": np.linspace(-1, 1, WORDS * WIDTH, dtype="<f4").reshape(WORDS, WIDTH),
    f"{QUERY}.weight": np.linspace(0.1, 0.9, WIDTH * WIDTH, dtype="<f4").reshape(WIDTH, WIDTH),
    "model.norm.weight": np.ones(WIDTH, dtype="<f4"),
}
TRAINED: Tensors = {**BASE, "model.norm.weight": np.full(WIDTH, 1.5, dtype="<f4")}
LORA: Tensors = {
    f"base_model.model.{QUERY}.lora_A.weight": np.ones((2, WIDTH), dtype="<f4"),
    f"base_model.model.{QUERY}.lora_B.weight": np.ones((WIDTH, 2), dtype="<f4"),
}
CONFIG = {"peft_type": "LORA", "task_type": "CAUSAL_LM", "r": 2, "lora_alpha": 4, "target_modules": ["q_proj"]}
TOKENIZER = {"model": {"type": "BPE", "vocab": {"a": 0, "b": 1}, "merges": ["a b"]}, "added_tokens": []}
TYPES = {"<f4": "F32", "<f2": "F16", "<f8": "F64", "<u2": "BF16", "<i8": "I64"}


def header_and_body(tensors: Mapping[str, Array]) -> tuple[dict[str, Any], bytes]:
    header: dict[str, Any] = {}
    body = b""
    for name, array in tensors.items():
        data = array.tobytes()
        span = [len(body), len(body) + len(data)]
        header[name] = {"dtype": TYPES[array.dtype.str], "shape": list(array.shape), "data_offsets": span}
        body += data
    return header, body


def write(path: Path, header: object, body: bytes, length: int | None = None) -> None:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + body)


def write_weights(path: Path, tensors: Mapping[str, Array]) -> None:
    write(path, *header_and_body(tensors))


def write_json(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A base model of three tensors, whose output layer is tied to its embedding."""
    folder = tmp_path / "base"
    write_weights(folder / "model.safetensors", BASE)
    write_json(folder / "config.json", {"model_type": "llama", "tie_word_embeddings": True})
    write_json(folder / "tokenizer.json", TOKENIZER)
    write_json(folder / "tokenizer_config.json", {"chat_template": "{{ messages }}\n"})
    write_json(folder / "generation_config.json", {"eos_token_id": 1, "transformers_version": "4.0"})
    return folder


@pytest.fixture
def run(tmp_path: Path) -> Run:
    directory = tmp_path / "run"
    directory.mkdir()
    hashes = {"train.jsonl": "abc"}
    where = {"directory": str(directory), "backend": "process", "boundary": "enforced", "input_hashes": hashes}
    return Run("r1", "s", "t1", RunPurpose.SEARCH, seed=1, max_steps=9, continues=None, **where)  # type: ignore[arg-type]


@pytest.fixture
def adapter(run: Run) -> Path:
    """A good adapter in the run's directory."""
    folder = Path(run.directory) / "adapter"
    write_weights(folder / "adapter_model.safetensors", LORA)
    write_json(folder / "adapter_config.json", CONFIG)
    return folder


@pytest.fixture
def model(run: Run) -> Path:
    """Good full weights in the run's directory."""
    folder = Path(run.directory) / "model"
    write_weights(folder / "model.safetensors", TRAINED)
    return folder


@pytest.fixture
def staged(run: Run, base: Path, tmp_path: Path) -> Callable[[], Staged]:
    """Stages the run's model anew at each call."""
    places = iter(tmp_path / f"stage-{n}" for n in range(9))

    def fresh() -> Staged:
        into = next(places)
        into.mkdir()
        return stage(run, base, into)

    return fresh


Stage = Callable[[], Staged]


def refusal(staged: Stage) -> str:
    with pytest.raises(BoundaryError) as caught:
        staged()
    caught.value.one_line().encode()  # what is said of it can be written down
    return caught.value.what


def named(staged: Stage) -> list[str]:
    incidents = staged().incidents
    assert {(i.where, i.kind) for i in incidents} <= {("r1", "foreign-files"), ("r1", "no-change")}
    return [i.detail for i in incidents]


# -- what is taken -----------------------------------------------------------------------------------------------------


def test_a_good_adapter_is_staged_with_a_config_made_anew(adapter: Path, base: Path, staged: Stage) -> None:
    extras = {"lora_dropout": 0.1, "base_model_name_or_path": "/elsewhere", "init_lora_weights": True, "revision": "x"}
    write_json(adapter / "adapter_config.json", {**CONFIG, **extras})
    result = staged()
    assert (result.kind, result.weights_dir, result.incidents, result.changed) == ("adapter", base, (), True)
    assert result.adapter_dir is not None
    assert sorted(p.name for p in result.adapter_dir.iterdir()) == ["adapter_config.json", "adapter_model.safetensors"]
    config = json.loads((result.adapter_dir / "adapter_config.json").read_text())
    assert (config["target_modules"], config["base_model_name_or_path"]) == ([QUERY], str(base))
    assert (config["r"], config["lora_alpha"], config["lora_dropout"]) == (2, 4, 0)
    assert "revision" not in config


def test_good_full_weights_are_staged_alone(model: Path, staged: Stage) -> None:
    write_json(model / "config.json", {"model_type": "llama"})
    result = staged()
    assert (result.kind, result.adapter_dir, result.incidents, result.changed) == ("full", None, (), True)
    assert [p.name for p in result.weights_dir.iterdir()] == ["model.safetensors"]


def test_shards_are_staged_under_names_of_ours_and_have_the_id_of_the_whole(model: Path, staged: Stage) -> None:
    whole = staged().model_id
    (model / "model.safetensors").unlink()
    for number, name in enumerate(TRAINED):
        write_weights(model / f"part{number}.safetensors", {name: TRAINED[name]})
    result = staged()
    assert result.model_id == whole
    index = json.loads((result.weights_dir / "model.safetensors.index.json").read_text())
    assert set(index["weight_map"].values()) == {f"model-0000{n}-of-00003.safetensors" for n in (1, 2, 3)}


def test_the_id_depends_on_the_numbers_and_on_how_an_adapter_is_scaled(adapter: Path, staged: Stage) -> None:
    first = staged().model_id
    assert staged().model_id == first
    write_json(adapter / "adapter_config.json", {**CONFIG, "lora_alpha": 5})
    assert staged().model_id != first


def test_floats_of_another_width_and_a_tied_output_layer_are_taken(model: Path, staged: Stage) -> None:
    half = {name: array.astype("<f2") for name, array in TRAINED.items()}
    write_weights(model / "model.safetensors", {**half, "lm_head.weight": half["model.embed_tokens.weight"]})
    assert staged().changed


def test_the_pattern_that_stands_first_says_a_modules_rank_and_the_worker_is_given_full_names(
    adapter: Path, staged: Stage
) -> None:
    patterns = {"rank_pattern": {"q_proj": 2, "self_attn.q_proj": 7}, "alpha_pattern": {"q_proj": 3}}
    write_json(adapter / "adapter_config.json", {**CONFIG, "r": 7, **patterns})
    folder = staged().adapter_dir
    assert folder is not None
    config = json.loads((folder / "adapter_config.json").read_text())
    assert (config["rank_pattern"], config["alpha_pattern"]) == ({QUERY: 2}, {QUERY: 3.0})


def test_a_run_that_left_nothing_or_a_link_is_refused(run: Run, base: Path, staged: Stage) -> None:
    assert "neither adapter/ nor model/" in refusal(staged)
    (Path(run.directory) / "model").symlink_to(base)
    assert "model/ is a link" in refusal(staged)


# -- another model's weights -------------------------------------------------------------------------------------------

OTHERS: dict[str, tuple[Tensors, str]] = {
    "a tensor more": ({**TRAINED, "model.extra.weight": np.ones(2, "<f4")}, "foreign model.extra.weight"),
    "a tensor less": ({k: v for k, v in TRAINED.items() if "norm" not in k}, "lacks model.norm.weight"),
    "other names": ({f"transformer.{k}": v for k, v in TRAINED.items()}, "lacks model.embed_tokens.weight and 2 more"),
    "another shape": ({**TRAINED, "model.norm.weight": np.ones(5, "<f4")}, "another shape or type for model.norm"),
    "whole numbers": ({**TRAINED, "model.norm.weight": np.ones(WIDTH, "<i8")}, "another shape or type for model.norm"),
    "an untied output layer": (
        {**TRAINED, "lm_head.weight": np.zeros((WORDS, WIDTH), "<f4")},
        "lm_head.weight differs from the embedding",
    ),
}


@pytest.mark.parametrize("what", OTHERS)
def test_weights_of_another_architecture_are_refused(model: Path, staged: Stage, what: str) -> None:
    tensors, reason = OTHERS[what]
    write_weights(model / "model.safetensors", tensors)
    assert reason in refusal(staged)


def test_an_untied_output_layer_is_refused_whatever_the_embedding_is_called(
    model: Path, base: Path, staged: Stage
) -> None:
    def renamed(tensors: Tensors) -> Tensors:
        return {name.replace("model.embed_tokens", "transformer.wte"): array for name, array in tensors.items()}

    write_weights(base / "model.safetensors", renamed(BASE))
    trained = renamed(TRAINED)
    write_weights(model / "model.safetensors", {**trained, "lm_head.weight": np.zeros((WORDS, WIDTH), "<f4")})
    assert "lm_head.weight differs" in refusal(staged)
    write_weights(model / "model.safetensors", {**trained, "lm_head.weight": trained["transformer.wte.weight"]})
    assert staged().changed


def test_a_tensor_that_two_shards_hold_is_refused(model: Path, staged: Stage) -> None:
    write_weights(model / "more.safetensors", {"model.norm.weight": BASE["model.norm.weight"]})
    assert "model.norm.weight is there twice" in refusal(staged)


def test_far_more_weights_than_the_base_has_are_refused_before_they_are_copied(model: Path, staged: Stage) -> None:
    os.truncate(model / "model.safetensors", 1 << 30)
    assert "too many for this base" in refusal(staged)


# -- adapters that are more than LoRA ----------------------------------------------------------------------------------


def lora(module: str, rank: int, rows: int = WIDTH, columns: int = WIDTH) -> Tensors:
    name = f"base_model.model.{module}"
    shapes = {f"{name}.lora_A.weight": (rank, columns), f"{name}.lora_B.weight": (rows, rank)}
    return {name: np.ones(shape, "<f4") for name, shape in shapes.items()}


ADAPTERS: dict[str, tuple[Tensors, str]] = {
    "a module that the base lacks": (lora("model.layers.7.q_proj", 2), "no linear module model.layers.7.q_proj"),
    "a module that is not linear": (lora("model.norm", 2), "no linear module model.norm"),
    "another rank": (lora(QUERY, 3), "(2, 4) fits the base"),
    "another width": (lora(QUERY, 2, columns=5), "(2, 4) fits the base"),
    "half a pair": (dict(list(LORA.items())[:1]), f"{QUERY} lacks lora_B"),
    "a whole layer": (
        {**LORA, f"base_model.model.{QUERY}.weight": np.ones((4, 4), "<f4")},
        f"{QUERY}.weight is no LoRA tensor",
    ),
    "a magnitude": (
        {**LORA, f"base_model.model.{QUERY}.lora_magnitude_vector": np.ones(4, "<f4")},
        "belongs to DoRA",
    ),
    "whole numbers": ({k: v.astype("<i8") for k, v in LORA.items()}, "weights are floats"),
    "nothing": ({}, "holds no tensors"),
}


@pytest.mark.parametrize("what", ADAPTERS)
def test_an_adapter_that_does_not_fit_the_base_is_refused(adapter: Path, staged: Stage, what: str) -> None:
    tensors, reason = ADAPTERS[what]
    write_weights(adapter / "adapter_model.safetensors", tensors)
    assert reason in refusal(staged)


SETTINGS: dict[str, tuple[dict[str, object], str]] = {
    "another method": ({"peft_type": "IA3"}, "`peft_type`"),
    "classes to import": ({"auto_mapping": {"parent_library": "evil"}}, "names classes to import"),
    "whole modules": ({"modules_to_save": ["lm_head"]}, "sets `modules_to_save`"),
    "copied layers": ({"layer_replication": [[0, 9]]}, "sets `layer_replication`"),
    "an unknown setting": ({"x\x1b[31m": 1}, r"sets `x\x1b[31m`"),
    "a rank of text": ({"r": "2"}, "`r`"),
    "no rank": ({"rank_pattern": {"q_proj": 0}}, "`rank_pattern.q_proj`"),
    "an endless scale": ({"alpha_pattern": {"q_proj": 1e300}}, "`alpha_pattern.q_proj`"),
    "a pattern that is a program": ({"rank_pattern": {"(a+)+$": 2}}, "no plain module name"),
    "a start that changes the base": ({"init_lora_weights": "pissa"}, "changes the base's own weights"),
}


@pytest.mark.parametrize("what", SETTINGS)
def test_an_adapter_config_that_asks_for_more_is_refused_by_the_settings_name(
    adapter: Path, staged: Stage, what: str
) -> None:
    settings, reason = SETTINGS[what]
    write_json(adapter / "adapter_config.json", {**CONFIG, **settings})
    assert reason in refusal(staged)


@pytest.mark.parametrize("text", ["", "[]", "[" * 100_000, "{" + " " * (5 << 20) + "}"], ids=len)
def test_an_adapter_config_that_is_no_table_of_sound_size_is_refused(adapter: Path, staged: Stage, text: str) -> None:
    (adapter / "adapter_config.json").write_text(text)
    assert "adapter_config.json is" in refusal(staged)


# -- files that are no files -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["adapter_model.safetensors", "adapter_config.json"])
@pytest.mark.parametrize("kind", ["link", "dangling link", "hard link", "pipe", "folder", "nothing"])
def test_only_a_regular_file_of_the_runs_own_is_read(
    adapter: Path, staged: Stage, tmp_path: Path, name: str, kind: str
) -> None:
    outside = tmp_path / "outside"
    (adapter / name).rename(outside)
    match kind:
        case "link":
            (adapter / name).symlink_to(outside)
        case "dangling link":
            (adapter / name).symlink_to(tmp_path / "nowhere")
        case "hard link":
            (adapter / name).hardlink_to(outside)
        case "pipe":
            os.mkfifo(adapter / name)
        case "folder":
            (adapter / name).mkdir()
    reasons = {"hard link": "is a hard link", "nothing": "is missing"}
    assert f"{name} {reasons.get(kind, 'is no regular file')}" in refusal(staged)


@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_no_shard_is_anything_but_a_regular_file(model: Path, staged: Stage, tmp_path: Path, kind: str) -> None:
    shard = model / "z.safetensors"
    {"link": lambda: shard.symlink_to(tmp_path), "pipe": lambda: os.mkfifo(shard), "folder": shard.mkdir}[kind]()
    assert "z.safetensors is no regular file" in refusal(staged)


@pytest.mark.parametrize("name", [b"\xff.safetensors", b"a\nb.safetensors", b"\x1b[2J.safetensors"])
def test_a_shard_whose_name_no_report_could_hold_is_refused(model: Path, staged: Stage, name: bytes) -> None:
    write_weights(Path(os.fsdecode(os.fsencode(model) + b"/" + name)), {})
    assert refusal(staged) == "a weights file has a name that is no plain text"


@pytest.mark.parametrize("kind", ["adapter", "model"])
def test_a_pickle_in_place_of_weights_is_refused_unopened(run: Run, staged: Stage, kind: str) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[Any, ...]:
            return (os._exit, (13,))

    folder = Path(run.directory) / kind
    write_json(folder / "adapter_config.json", CONFIG)
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Bomb()))
    assert "pytorch_model.bin is a pickle, which is never opened" in refusal(staged)


# -- headers that lie --------------------------------------------------------------------------------------------------

NORM = {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}
HEADERS: dict[str, tuple[object, bytes, int | None, str]] = {
    "a length beyond the file": ({"a": NORM}, bytes(16), 1 << 20, "header claims 1048576 bytes"),
    "an endless length": ({"a": NORM}, bytes(16), (1 << 64) - 1, "header claims 18446744073709551615 bytes"),
    "no length": ({}, b"", 0, "header claims 0 bytes"),
    "a cut body": ({"a": NORM}, bytes(15), None, "-1 bytes belong to no tensor"),
    "bytes behind the body": ({"a": NORM}, bytes(17), None, "1 bytes belong to no tensor"),
    "a hole": ({"a": {**NORM, "data_offsets": [1, 17]}}, bytes(17), None, "overlap others or leave a hole"),
    "an overlap": ({"a": NORM, "b": {**NORM, "data_offsets": [8, 24]}}, bytes(24), None, "overlap others"),
    "bytes before the body": ({"a": {**NORM, "data_offsets": [-8, 8]}}, bytes(16), None, "no sound shape or offsets"),
    "offsets the wrong way": ({"a": {**NORM, "data_offsets": [16, 0]}}, bytes(16), None, "do not fit its shape"),
    "a larger shape": ({"a": {**NORM, "shape": [5]}}, bytes(16), None, "do not fit its shape"),
    "a shape beyond all numbers": ({"a": {**NORM, "shape": [1 << 62, 4]}}, bytes(16), None, "no sound shape"),
    "an unknown type": ({"a": {**NORM, "dtype": "OBJECT"}}, bytes(16), None, "unknown type"),
    "a type that is a list": ({"a": {**NORM, "dtype": []}}, bytes(16), None, "unknown type"),
    "more than it should": ({"a": {**NORM, "file": "../x"}}, bytes(16), None, "not described by"),
    "no table": (b"[1]", b"", None, "no table"),
    "no JSON": (b"{nonsense", b"", None, "no JSON"),
    "another encoding": (b"{" + '"a": 1}'.encode("utf-16"), b"", None, "no JSON"),
    "no end": (b'{"a":' * 50_000, b"", None, "no JSON"),
    "a name twice": (b'{"a": %b, "a": %b}' % ((json.dumps(NORM).encode(),) * 2), bytes(16), None, "something twice"),
    "a name of no letters": ({"\ud800\x1b[31m": NORM}, bytes(16), None, "no name for a tensor"),
    "a name like a book": ({"a" * 9000: NORM}, bytes(16), None, "no name for a tensor"),
    "metadata of metadata": ({"__metadata__": {"a": {}}, "a": NORM}, bytes(16), None, "no table of texts"),
}


@pytest.mark.parametrize("what", HEADERS)
def test_a_header_that_lies_is_refused_before_any_library_reads_it(model: Path, staged: Stage, what: str) -> None:
    header, body, length, reason = HEADERS[what]
    write(model / "model.safetensors", header, body, length)
    assert reason in refusal(staged)


def test_weights_that_were_cut_off_are_refused(model: Path, staged: Stage) -> None:
    path = model / "model.safetensors"
    for size in (path.stat().st_size - 1, 40, 5, 0):
        os.truncate(path, size)
        assert "no sound safetensors file" in refusal(staged)


# -- numbers that are none ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["<f2", "<f4", "<f8"])
@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_full_weights_that_are_not_numbers_are_refused(model: Path, staged: Stage, dtype: str, number: float) -> None:
    norm = np.array([1, 2, 3, number], dtype)
    write_weights(model / "model.safetensors", {**TRAINED, "model.norm.weight": norm})
    assert "model.norm.weight holds NaN or infinite numbers" in refusal(staged)


def test_numbers_that_only_float64_can_hold_are_refused(model: Path, staged: Stage) -> None:
    write_weights(model / "model.safetensors", {**TRAINED, "model.norm.weight": np.array([1, 2, 3, 1e39], "<f8")})
    assert "infinite numbers" in refusal(staged)


@pytest.mark.parametrize("bits", [0x7FC0, 0x7F80, 0xFF80])
def test_bfloat16_that_is_no_number_is_refused_in_an_adapter(adapter: Path, staged: Stage, bits: int) -> None:
    name = f"base_model.model.{QUERY}.lora_B.weight"
    broken = np.zeros((WIDTH, 2), "<u2")
    broken[3, 1] = bits
    write_weights(adapter / "adapter_model.safetensors", {**LORA, name: broken})
    assert f"{name} holds NaN or infinite numbers" in refusal(staged)


# -- what lies beside the weights --------------------------------------------------------------------------------------


def test_what_a_trainer_saves_beside_the_weights_is_nothing_to_name(model: Path, staged: Stage) -> None:
    (model / "training_args.bin").write_bytes(b"\x80")
    (model / "README.md").write_text("a model")
    (model / "chat_template.jinja").write_text("{{ messages }}")  # the base has it in its tokenizer's config
    padded = {**TOKENIZER, "padding": {"length": 9}}
    padded["model"] = {**padded["model"], "merges": [["a", "b"]], "ignore_merges": False}
    write_json(model / "tokenizer.json", padded)
    write_json(model / "tokenizer_config.json", {"chat_template": "{{ messages }}"})
    generation = {"eos_token_id": [1, 2], "pad_token_id": 0, "transformers_version": "5", "_from_model_config": True}
    write_json(model / "generation_config.json", generation)
    write_json(model / "config.json", {"model_type": "llama"})
    assert named(staged) == []


BESIDE: dict[str, tuple[str, object, str]] = {
    "code": ("modeling_evil.py", "raise SystemExit", "code, which is never run"),
    "code further down": ("custom_generate/generate.PY", "raise SystemExit", "code, which is never run"),
    "a pickle": ("pytorch_model.bin", "x", "a pickle, which is never opened"),
    "a trainer's pickle": ("checkpoint-1/optimizer.pt", "x", "a pickle, which is never opened"),
    "weights of another kind": ("model.gguf", "x", "weights beside those that are taken"),
    "custom code in the config": ("config.json", {"auto_map": {"AutoModel": "evil.M"}}, "names code to run"),
    "custom code in the tokenizer": ("tokenizer_config.json", {"auto_map": {"AutoTokenizer": ["e.T"]}}, "names code"),
    "another vocabulary": (
        "tokenizer.json",
        {**TOKENIZER, "model": {"type": "BPE", "vocab": {"a": 1, "b": 0}, "merges": ["a b"]}},
        "another tokenizer",
    ),
    "more tokens": ("tokenizer.json", {**TOKENIZER, "added_tokens": [{"id": 2, "content": "!"}]}, "another tokenizer"),
    "a tokenizer that is none": ("tokenizer.json", "[" * 100_000, "no plain JSON object"),
    "a chat template": ("chat_template.jinja", "{{ 'answer: 42' }}", "differs from the base's"),
    "a chat template in a config": ("tokenizer_config.json", {"chat_template": "42"}, "another chat template"),
    "a named chat template": ("additional_chat_templates/x.jinja", "42", "differs from the base's"),
    "decoding": ("generation_config.json", {"eos_token_id": 1, "suppress_tokens": [3]}, "differs from the base's"),
    "an index that leads outside": (
        "model.safetensors.index.json",
        {"weight_map": {"model.norm.weight": "../../other/model.safetensors"}},
        "names files outside its directory",
    ),
}


@pytest.mark.parametrize("what", BESIDE)
@pytest.mark.parametrize("kind", ["adapter", "model"])
def test_what_could_speak_run_or_decide_is_left_out_and_named(
    adapter: Path, model: Path, staged: Stage, kind: str, what: str
) -> None:
    folder = {"adapter": adapter, "model": model}[kind]
    if kind == "model":
        adapter.rename(adapter.with_name("put-aside"))
    name, content, reason = BESIDE[what]
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text(content if isinstance(content, str) else json.dumps(content))
    result = staged()
    (incident,) = result.incidents
    assert incident.detail.startswith(f"{kind}/{name} was ignored: ")
    assert reason in incident.detail
    taken = result.adapter_dir or result.weights_dir
    assert not (taken / name).exists()


def test_links_and_pipes_beside_the_weights_are_named_and_not_opened(model: Path, staged: Stage, base: Path) -> None:
    (model / "config.json").symlink_to(base / "config.json")
    (model / "assets").symlink_to("/")
    os.mkfifo(model / "tokenizer.json")
    assert named(staged) == [
        "model/assets was ignored: a link",
        "model/config.json was ignored: a link",
        "model/tokenizer.json was ignored: a device, a pipe or a socket",
    ]


def test_an_adapter_among_full_weights_is_left_out_and_named(model: Path, staged: Stage) -> None:
    write_weights(model / "adapter_model.safetensors", LORA)
    write_json(model / "adapter_config.json", CONFIG)
    result = staged()
    assert [p.name for p in result.weights_dir.iterdir()] == ["model.safetensors"]
    assert [i.detail.split(" ")[0] for i in result.incidents] == ["model/adapter_model.safetensors"]


def test_names_that_no_terminal_should_get_are_escaped(model: Path, staged: Stage) -> None:
    Path(os.fsdecode(os.fsencode(model) + b"/\xff\x1b[31m.py")).touch()
    assert named(staged) == [r"model/\udcff\x1b[31m.py was ignored: code, which is never run"]


def test_a_directory_without_end_is_looked_through_to_an_end(model: Path, staged: Stage) -> None:
    deep = os.open(model, os.O_RDONLY)
    for _ in range(1200):  # deeper than Python recurses
        os.mkdir("d", dir_fd=deep)
        below = os.open("d", os.O_RDONLY, dir_fd=deep)
        os.close(deep)
        deep = below
    os.close(deep)
    for number in range(25):
        (model / f"{number:02}.py").touch()
    details = named(staged)
    subprocess.run(["rm", "-rf", str(model / "d")], check=True)  # pytest's own cleaning recurses as well
    assert len(details) == 21
    assert details[-1] == "5 more files in model/ were ignored"


# -- where a model comes from ------------------------------------------------------------------------------------------


def test_the_base_is_the_base(base: Path, tmp_path: Path) -> None:
    staged = stage(None, base, tmp_path)
    assert (staged.weights_dir, staged.adapter_dir, staged.changed) == (base, None, False)
    assert attest(staged, chain_recorded=False) == ("base", ())


def test_an_adapter_descends_from_the_base_wherever_it_was_trained(adapter: Path, run: Run, staged: Stage) -> None:
    outside = replace(staged(), boundary="not enforced", inputs_hashed=False)
    assert attest(outside, chain_recorded=False) == ("attested", ())


NOTHINGS: dict[str, tuple[Tensors, dict[str, object]]] = {
    "a pair of which one is zeros": ({**LORA, f"base_model.model.{QUERY}.lora_A.weight": np.zeros((2, 4), "<f4")}, {}),
    "a scale of zero": (LORA, {"lora_alpha": 0}),
}


@pytest.mark.parametrize("what", NOTHINGS)
def test_an_adapter_that_changes_nothing_is_said_to_be_the_base(adapter: Path, staged: Stage, what: str) -> None:
    tensors, settings = NOTHINGS[what]
    write_weights(adapter / "adapter_model.safetensors", tensors)
    write_json(adapter / "adapter_config.json", {**CONFIG, **settings})
    assert attest(staged(), chain_recorded=True) == ("attested", ("the adapter changes nothing: it is the base",))


def test_full_weights_are_attested_when_confined_hashed_recorded_and_trained(model: Path, staged: Stage) -> None:
    assert attest(staged(), chain_recorded=True) == ("attested", ())


def test_each_gap_in_the_descent_of_full_weights_is_named(model: Path, staged: Stage) -> None:
    good = staged()
    doubtful = replace(good, changed=False, inputs_hashed=False, boundary="not enforced")
    attestation, doubts = attest(doubtful, chain_recorded=False)
    assert attestation == "unattested"
    assert [doubt.split(": ")[1][:30] for doubt in doubts] == [
        "the weights do not differ from",
        "the chain of checkpoints back ",
        "the run's inputs were not hash",
        "the run was not confined, so i",
    ]
    assert attest(good, chain_recorded=False)[0] == "unattested"


def as_bfloat16(array: Array) -> Array:
    """Rounded by hand: what lies nearer, of the two that share the upper bits."""
    low = (array.view("<u4") >> 16).astype("<u2")
    as_floats = [((bits.astype("<u4")) << 16).view("<f4") for bits in (low, low + np.uint16(1))]
    return np.where(abs(array - as_floats[0]) <= abs(array - as_floats[1]), low, low + np.uint16(1)).astype("<u2")


CASTS: dict[str, Callable[[Array], Array]] = {
    "as they are": lambda array: array,
    "in float16": lambda array: array.astype("<f2"),
    "in float64": lambda array: array.astype("<f8"),
    "in bfloat16": as_bfloat16,
}


@pytest.mark.parametrize("cast", CASTS)
def test_the_bases_own_weights_are_no_training_in_whatever_type(model: Path, staged: Stage, cast: str) -> None:
    write_weights(model / "model.safetensors", {name: CASTS[cast](array) for name, array in BASE.items()})
    result = staged()
    assert not result.changed
    assert [i.kind for i in result.incidents] == ["no-change"]
    assert attest(result, chain_recorded=True)[0] == "unattested"


@pytest.mark.parametrize("cast", CASTS)
def test_a_single_number_that_differs_is_training(model: Path, staged: Stage, cast: str) -> None:
    tensors = {name: CASTS[cast](array).copy() for name, array in BASE.items()}
    tensors["model.norm.weight"][3] *= 2
    write_weights(model / "model.safetensors", tensors)
    assert staged().changed


def test_a_base_in_bfloat16_trained_in_float32_is_compared_number_for_number(
    model: Path, base: Path, staged: Stage
) -> None:
    narrow = {name: as_bfloat16(array) for name, array in BASE.items()}
    wide = {name: (array.astype("<u4") << 16).view("<f4") for name, array in narrow.items()}
    write_weights(base / "model.safetensors", narrow)
    write_weights(model / "model.safetensors", wide)
    assert not staged().changed
    wide["model.norm.weight"] = wide["model.norm.weight"] * np.float32(1.0001)  # less than bfloat16 can tell
    write_weights(model / "model.safetensors", wide)
    assert staged().changed
