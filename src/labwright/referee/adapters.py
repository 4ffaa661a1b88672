"""LoRA adapters from untrusted runs: a config rebuilt from permitted keys, and tensors that fit the base.

peft's adapter config can name other modules to replace, classes to import, files to read and layers to copy. So the
candidate's file is only read for a handful of numbers and names; a setting that would change more is refused by name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from labwright.contracts.errors import BoundaryError
from labwright.referee.tensors import CURE, FLOATS, TensorEntry, read_regular, shown

ADAPTER_CONFIG = "adapter_config.json"
_LONGEST_CONFIG_BYTES = 4 << 20
_PREFIX = "base_model.model."
_TENSOR = re.compile(
    r"(?P<module>[\w.]+)\.(?:(?P<part>lora_A|lora_B)\.weight|(?P<magnitude>lora_magnitude_vector)(?:\.weight)?)"
)
# Settings of the initialisation, of training, or of bookkeeping: they change nothing about finished weights.
_HARMLESS = (
    *("auto_mapping", "base_model_name_or_path", "corda_config", "ensure_weight_tying", "eva_config", "inference_mode"),
    *("init_lora_weights", "loftq_config", "lora_dropout", "lora_ga_config", "megatron_core", "peft_version"),
    *("qalora_group_size", "revision", "runtime_config", "target_modules", "task_type", "velora_config"),
)


# Initialisations that leave the base's own weights as they are; after another, the adapter alone is not the model.
_FAITHFUL_STARTS = (None, True, False, "gaussian", "eva", "orthogonal")
T = TypeVar("T")
Rank = Annotated[int, Field(ge=1, le=4096)]
Alpha = Annotated[float, Field(ge=0, le=65536)]


class AdapterConfig(BaseModel):
    """The settings that say how finished LoRA weights are applied. Strict: a bool is no number, text is no number."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)

    peft_type: Literal["LORA"]
    r: Rank
    lora_alpha: Alpha
    use_rslora: bool = False
    use_dora: bool = False
    bias: Literal["none"] = "none"
    fan_in_fan_out: Literal[False] = False
    rank_pattern: dict[str, Rank] = Field(default_factory=dict)
    alpha_pattern: dict[str, Alpha] = Field(default_factory=dict)

    def rank_of(self, module: str) -> int:
        """The rank of a module's matrices."""
        return _first(self.rank_pattern, module, self.r)

    def alpha_of(self, module: str) -> float:
        """What a module's update is scaled by, before its rank divides it."""
        return _first(self.alpha_pattern, module, self.lora_alpha)

    def as_json(self, base: Path, modules: Collection[str]) -> str:
        """The config that the worker is given: the modules are those that have tensors, named in full."""
        content = {**self.model_dump(), "target_modules": sorted(modules), "task_type": "CAUSAL_LM"}
        # Of several patterns the first that fits counts, so their order would matter; full names fit one module each.
        content["rank_pattern"] = {m: self.rank_of(m) for m in modules if self.rank_of(m) != self.r}
        content["alpha_pattern"] = {m: self.alpha_of(m) for m in modules if self.alpha_of(m) != self.lora_alpha}
        content |= {"base_model_name_or_path": str(base), "inference_mode": True, "lora_dropout": 0.0}
        return json.dumps(content, sort_keys=True)


def sanitised_config(path: Path) -> AdapterConfig:
    """The permitted settings of an adapter_config.json. Raises BoundaryError, naming the setting, for any other."""
    where = str(path)
    raw = read_regular(path, most_bytes=_LONGEST_CONFIG_BYTES)
    try:
        content = json.loads(raw)
    except (ValueError, RecursionError):
        raise BoundaryError(f"{path.name} is no JSON", where=where, cure=CURE) from None
    if not isinstance(content, dict):
        raise BoundaryError(f"{path.name} is no table", where=where, cure=CURE)
    kept = {name: value for name, value in content.items() if name in AdapterConfig.model_fields}
    for name, value in content.items():
        if name not in kept and name not in _HARMLESS and value not in (None, False, [], {}):
            raise BoundaryError(f"the adapter sets `{shown(name)}`, which is not permitted", where=where, cure=CURE)
    if content.get("auto_mapping"):
        raise BoundaryError("the adapter names classes to import (`auto_mapping`)", where=where, cure=CURE)
    start = content.get("init_lora_weights")
    if start not in _FAITHFUL_STARTS:
        raise BoundaryError(
            f"the adapter's `init_lora_weights` is {shown(str(start))!r}, which changes the base's own weights",
            where=where,
            cure="save it with peft's path_initial_model_for_weight_conversion, which makes plain LoRA of it",
        )
    kept = {name: value for name, value in kept.items() if value is not None}
    try:
        config = AdapterConfig.model_validate(kept)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise BoundaryError(f"the adapter's `{shown(field)}`: {first['msg']}", where=where, cure=CURE) from None
    for pattern in (*config.rank_pattern, *config.alpha_pattern):
        if not re.fullmatch(r"[\w.]{1,300}", pattern):  # a pattern is a regular expression to peft; a name is enough
            raise BoundaryError(f"{shown(pattern)!r} is no plain module name", where=where, cure=CURE)
    return config


def check_adapter(
    entries: Mapping[str, TensorEntry], config: AdapterConfig, base: Mapping[str, TensorEntry], path: Path
) -> tuple[str, ...]:
    """The modules of the base that the adapter changes.

    Raises BoundaryError unless every tensor belongs to a LoRA pair that fits one of them.
    """
    modules: dict[str, dict[str, TensorEntry]] = {}
    for name, entry in entries.items():
        match = _TENSOR.fullmatch(name.removeprefix(_PREFIX))
        if match is None or not name.startswith(_PREFIX):
            raise BoundaryError(f"{name} is no LoRA tensor", where=str(path), cure=CURE)
        part = match["part"] or match["magnitude"]
        if part == "lora_magnitude_vector" and not config.use_dora:
            raise BoundaryError(f"{name} belongs to DoRA, which the config does not name", where=str(path), cure=CURE)
        if entry.dtype not in FLOATS:
            raise BoundaryError(f"{name} is of type {entry.dtype}, weights are floats", where=str(path), cure=CURE)
        modules.setdefault(match["module"], {})[part] = entry
    if not modules:
        raise BoundaryError("the adapter holds no tensors", where=str(path), cure=CURE)
    for module, parts in modules.items():
        _check_module(module, parts, config, base, path)
    return tuple(modules)


def _check_module(
    module: str,
    parts: Mapping[str, TensorEntry],
    config: AdapterConfig,
    base: Mapping[str, TensorEntry],
    path: Path,
) -> None:
    original = base.get(f"{module}.weight")
    if original is None or len(original.shape) != 2:
        raise BoundaryError(f"the base has no linear module {module}", where=str(path), cure=CURE)
    shape = original.shape
    wanted = {"lora_A", "lora_B"} | ({"lora_magnitude_vector"} if config.use_dora else set())
    if set(parts) != wanted:
        raise BoundaryError(f"{module} lacks {', '.join(sorted(wanted - set(parts)))}", where=str(path), cure=CURE)
    rank = config.rank_of(module)
    fitting = {"lora_A": (rank, shape[1]), "lora_B": (shape[0], rank), "lora_magnitude_vector": (shape[0],)}
    for part, entry in parts.items():
        if entry.shape != fitting[part]:
            raise BoundaryError(
                f"{entry.name} has shape {entry.shape}; {fitting[part]} fits the base", where=str(path), cure=CURE
            )


def _first(patterns: Mapping[str, T], module: str, otherwise: T) -> T:
    """What the first pattern that names the module says."""
    named = (value for name, value in patterns.items() if module == name or module.endswith(f".{name}"))
    return next(named, otherwise)
