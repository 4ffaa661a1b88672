"""What the referee takes from a run's model: weights, and nothing that could speak, run or decide.

A LoRA run hands over an adapter: it descends from the base by construction. A full fine-tune hands over weights that
must fit the base's architecture tensor for tensor. Either is copied, checked, and put where the worker may see it;
config, tokenizer, chat template and decoding always come from the base.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from labwright.contracts.errors import BoundaryError
from labwright.contracts.research import Attestation, Boundary, Incident, Run
from labwright.referee.adapters import ADAPTER_CONFIG, AdapterConfig, check_adapter, sanitised_config
from labwright.referee.leftovers import foreign_files, pickles
from labwright.referee.tensors import (
    CURE,
    FLOATS,
    TensorEntry,
    copy_regular,
    is_zero,
    must_be_finite,
    read_header,
    same_numbers,
    tensor_digest,
)

ADAPTER_WEIGHTS = "adapter_model.safetensors"
_MOST_ADAPTER_SHARE = 2.0  # an adapter larger than twice its base is no adapter
_HEADROOM_BYTES = 64 << 20
_MOST_SHARDS = 2000
_SHARD_NAME = re.compile(r"[\w.-]{1,200}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Staged:
    """A model as the worker may see it, and what is known of where it came from."""

    weights_dir: Path
    adapter_dir: Path | None
    model_id: str  # SHA-256 over the weights' names, types, shapes and bytes; "" for the base, whose id is known
    kind: Literal["base", "adapter", "full"]
    incidents: tuple[Incident, ...] = ()
    inputs_hashed: bool = False
    boundary: Boundary = "not enforced"
    changed: bool = True  # whether any weight differs from the base's


def stage(run: Run | None, base: Path, into: Path) -> Staged:
    """The model of a run (its `adapter/`, else its `model/`) put into `into`, an empty directory; None is the base.

    Raises BoundaryError, naming what, for anything that is not plain weights fitting the base.
    """
    if run is None:
        return Staged(base, None, "", "base", changed=False)
    directory = Path(run.directory)
    adapter, full = directory / "adapter", directory / "model"
    try:
        if _is_directory(adapter):
            return stage_adapter(adapter, base, into, run=run)
        if _is_directory(full):
            return stage_full(full, base, into, run=run)
    except PermissionError as error:
        if not str(error.filename).startswith(run.directory):  # then it is a place of ours
            raise
        raise BoundaryError("the run left a model that may not be read", where=run.directory, cure=CURE) from error
    raise BoundaryError(
        "the run left neither adapter/ nor model/", where=run.directory, cure="a recipe writes one of them at its end"
    )


def stage_adapter(candidate: Path, base: Path, into: Path, *, run: Run | None = None) -> Staged:
    """A LoRA adapter: its tensors copied and checked, its config rebuilt from a list of permitted keys."""
    originals = _base_tensors(base)
    ceiling = int(_MOST_ADAPTER_SHARE * _bytes_of(base)) + _HEADROOM_BYTES
    staged = into / "adapter"
    staged.mkdir()
    _must_be_there(candidate, ADAPTER_WEIGHTS)
    _must_be_there(candidate, ADAPTER_CONFIG)
    weights = staged / ADAPTER_WEIGHTS
    copy_regular(candidate / ADAPTER_WEIGHTS, weights, most_bytes=ceiling)
    entries = read_header(weights)
    config = sanitised_config(candidate / ADAPTER_CONFIG)
    modules = check_adapter(entries, config, originals, weights)
    must_be_finite(weights, list(entries.values()))
    (staged / ADAPTER_CONFIG).write_text(config.as_json(base, modules), encoding="utf-8")
    digest = hashlib.sha256(config.as_json(Path("base"), modules).encode() + weights_id(staged).encode()).hexdigest()
    incidents = foreign_files(candidate, base, {ADAPTER_WEIGHTS, ADAPTER_CONFIG}, _named(run, candidate))
    return Staged(base, staged, digest, "adapter", incidents, *_facts(run), changed=_moves(weights, entries, config))


def stage_full(candidate: Path, base: Path, into: Path, *, run: Run | None = None) -> Staged:
    """Full weights: the base's tensors, by name, shape and kind of number, and no others."""
    wanted = _base_tensors(base)
    files = _shards(candidate)
    left = 2 * _bytes_of(base) + _HEADROOM_BYTES  # weights trained in float32 from a base in bfloat16
    staged = into / "weights"
    staged.mkdir()
    found: dict[str, tuple[Path, TensorEntry]] = {}
    for number, path in enumerate(files, start=1):
        # Named by us: a shard's own name is untrusted text, and the index is made anew from what is really there.
        name = "model.safetensors" if len(files) == 1 else f"model-{number:05d}-of-{len(files):05d}.safetensors"
        copy = staged / name
        copy_regular(path, copy, most_bytes=left)
        left -= copy.stat().st_size
        for entry in read_header(copy).values():
            if entry.name in found:
                raise BoundaryError(f"{entry.name} is there twice", where=str(path), cure=CURE)
            found[entry.name] = (copy, entry)
    _must_match(found, wanted, _tied(base), candidate)
    for copy, entry in found.values():
        must_be_finite(copy, [entry])
    if len(files) > 1:
        weight_map = {name: copy.name for name, (copy, _) in found.items()}
        (staged / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))
    incidents = list(foreign_files(candidate, base, {path.name for path in files}, _named(run, candidate)))
    model_id, changed = weights_id(staged), _differs(found, base)
    if not changed:
        detail = "the weights are the base's, number for number: this run trained nothing"
        incidents.append(Incident(_named(run, candidate), "no-change", detail))
    return Staged(staged, None, model_id, "full", tuple(incidents), *_facts(run), changed=changed)


def weights_id(directory: Path) -> str:
    """A hash over the weights of a directory: the same for the same tensors, however they are split into files."""
    digests = [
        f"{name} {tensor_digest(path, entry)}"
        for path in sorted(directory.glob("*.safetensors"))
        for name, entry in read_header(path).items()
    ]
    return hashlib.sha256("\n".join(sorted(digests)).encode()).hexdigest()


def attest(staged: Staged, *, chain_recorded: bool) -> tuple[Attestation, tuple[str, ...]]:
    """Whether the model's descent from the base is known, and why not.

    Args:
        staged: the staged model; its architecture was checked when it was staged.
        chain_recorded: every run from the base to this one, with its checkpoint, is in the ledger.
    """
    if staged.kind == "base":
        return "base", ()
    if staged.kind == "adapter":  # it descends from the base by construction
        return "attested", () if staged.changed else ("the adapter changes nothing: it is the base",)
    doubts = []
    if not staged.changed:
        doubts.append("the weights do not differ from the base's")
    if not chain_recorded:
        doubts.append("the chain of checkpoints back to the base is not recorded")
    if not staged.inputs_hashed:
        doubts.append("the run's inputs were not hashed")
    if staged.boundary != "enforced":
        doubts.append("the run was not confined, so its weights may come from elsewhere")
    return ("unattested", tuple(f"unattested: {doubt}" for doubt in doubts)) if doubts else ("attested", ())


# -- the base ----------------------------------------------------------------------------------------------------------


def _base_tensors(base: Path) -> dict[str, TensorEntry]:
    return {name: entry for path in sorted(base.glob("*.safetensors")) for name, entry in read_header(path).items()}


def _bytes_of(base: Path) -> int:
    return sum(path.stat().st_size for path in base.glob("*.safetensors"))


def _tied(base: Path) -> bool:
    config = json.loads((base / "config.json").read_text(encoding="utf-8"))
    return bool(config.get("tie_word_embeddings", False))


# -- the candidate -----------------------------------------------------------------------------------------------------


def _must_match(
    found: dict[str, tuple[Path, TensorEntry]], wanted: dict[str, TensorEntry], tied: bool, candidate: Path
) -> None:
    """Tensor for tensor; only a tied output layer may be written out or left out."""
    optional = {"lm_head.weight"} if tied else set[str]()
    lacking = sorted(set(wanted) - set(found) - optional)
    foreign = sorted(set(found) - set(wanted) - optional)
    other = sorted(name for name in set(found) & set(wanted) if not _fits(found[name][1], wanted[name]))
    for names, what in ((lacking, "lacks"), (foreign, "has the foreign"), (other, "has another shape or type for")):
        if names:
            more = f" and {len(names) - 1} more" if len(names) > 1 else ""
            raise BoundaryError(
                f"the model {what} {names[0]}{more}: its architecture is not the base's",
                where=str(candidate),
                cure="fine-tune the base itself; another architecture cannot be compared with it",
            )
    head = found.get("lm_head.weight")
    if tied and head and not _is_another(head, found):
        raise BoundaryError(
            "lm_head.weight differs from the embedding, but the base ties them", where=str(candidate), cure=CURE
        )


def _fits(entry: TensorEntry, original: TensorEntry) -> bool:
    """The same shape, and the same type where that is no float; floats may have another width."""
    floats = entry.dtype in FLOATS and original.dtype in FLOATS
    return entry.shape == original.shape and (floats or entry.dtype == original.dtype)


def _is_another(head: tuple[Path, TensorEntry], found: dict[str, tuple[Path, TensorEntry]]) -> bool:
    """Whether an output layer is, byte for byte, another tensor of its shape: the embedding, whatever its name."""
    likes = [t for t in found.values() if t[1].name != head[1].name and t[1].shape == head[1].shape]
    digest = tensor_digest(*head)
    return any(tensor_digest(*like) == digest for like in likes)


def _differs(found: dict[str, tuple[Path, TensorEntry]], base: Path) -> bool:
    """Whether any number differs from the base's. Ends at the first that does, which is soon for a trained model."""
    originals = {e.name: (p, e) for p in sorted(base.glob("*.safetensors")) for e in read_header(p).values()}
    return any(not same_numbers(*found[name], *originals[name]) for name in found if name in originals)


def _moves(weights: Path, entries: dict[str, TensorEntry], config: AdapterConfig) -> bool:
    """Whether an adapter does anything: some pair's product is not all zeros, and not scaled by zero."""
    if config.use_dora:  # whether a magnitude differs from the base's own norm is not looked at
        return True
    if config.lora_alpha == 0 and not any(config.alpha_pattern.values()):
        return False
    alive = {name for name, entry in entries.items() if not is_zero(weights, entry)}
    return any(name.replace(".lora_B.", ".lora_A.") in alive for name in alive if ".lora_B." in name)


def _shards(candidate: Path) -> list[Path]:
    """The weights files of a full model. Their names are checked before any message holds one."""
    files = sorted(path for path in candidate.glob("*.safetensors") if not path.name.startswith("adapter_"))
    where = str(candidate)
    if not files:
        raise BoundaryError(f"the model holds no .safetensors file{pickles(candidate)}", where=where, cure=CURE)
    if len(files) > _MOST_SHARDS:
        raise BoundaryError(f"the model lies in {len(files)} files", where=where, cure=CURE)
    if not all(_SHARD_NAME.fullmatch(path.name) for path in files):
        raise BoundaryError("a weights file has a name that is no plain text", where=where, cure=CURE)
    return files


def _must_be_there(candidate: Path, name: str) -> None:
    if not (candidate / name).is_symlink() and not (candidate / name).exists():
        raise BoundaryError(f"{name} is missing{pickles(candidate)}", where=str(candidate), cure=CURE)


def _is_directory(path: Path) -> bool:
    """A real directory; a link could lead to a model that this run never trained."""
    if path.is_symlink():
        raise BoundaryError(f"{path.name}/ is a link", where=str(path), cure=CURE)
    return path.is_dir()


def _facts(run: Run | None) -> tuple[bool, Boundary]:
    return (bool(run.input_hashes), run.boundary) if run is not None else (False, "not enforced")


def _named(run: Run | None, candidate: Path) -> str:
    return run.id if run is not None else str(candidate)
