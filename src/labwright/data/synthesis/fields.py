"""The fields of a row: written briefly in the spec, asked of a model as JSON Schema, and checked without mercy.

    fields: {prompt: string, label: [yes, no], steps: {type: array, items: string, min_length: 2}}

Nothing is coerced: a number in quotes is no number, and a field that nobody asked for is a fault.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, ValidationError, create_model

from labwright.contracts.specs import Spec

FieldType = Literal["string", "integer", "number", "boolean", "array", "object"]
_STRICT = ConfigDict(strict=True, extra="forbid")


class FieldSpec(Spec):
    """One field. Short forms: a type's name, or a list of the values that it may have."""

    type: FieldType = "string"
    description: str = ""
    optional: bool = False
    enum: tuple[str | int | bool, ...] = ()
    pattern: str | None = None
    min_length: int | None = Field(default=None, ge=0, description="of a string or an array")
    max_length: int | None = Field(default=None, ge=0)
    minimum: float | None = None
    maximum: float | None = None
    items: Short | None = Field(default=None, description="of an array")
    properties: dict[str, Short] = Field(default_factory=dict, description="of an object")


def _long(value: object) -> object:
    if isinstance(value, str):
        return {"type": value}
    return {"enum": value} if isinstance(value, list) else value


Short = Annotated[FieldSpec, BeforeValidator(_long)]
FieldSpecs = dict[str, Short]
FieldSpec.model_rebuild()

_TEXT = FieldSpec(min_length=1)
_ROLE = FieldSpec(enum=("system", "user", "assistant"))
_TURN = FieldSpec(type="object", properties={"role": _ROLE, "content": _TEXT})
FORMATS: Mapping[str, Mapping[str, FieldSpec]] = {
    "prompt-completion": {"prompt": _TEXT, "completion": _TEXT},
    "messages": {"messages": FieldSpec(type="array", items=_TURN, min_length=2)},
    "text": {"text": _TEXT},
    "preference": {"prompt": _TEXT, "chosen": _TEXT, "rejected": _TEXT},
    "prompt": {"prompt": _TEXT},
    "custom": {},
}


class RowSchema:
    """What a row looks like, as a model's output schema and as a check."""

    def __init__(self, row_format: str, fields: Mapping[str, FieldSpec]) -> None:
        self.fields = {**FORMATS[row_format], **fields}
        self._model = _object("Row", self.fields)

    def asked(self, without: Mapping[str, object] | None = None) -> Mapping[str, JsonValue]:
        """JSON Schema of a row, without the fields that come from elsewhere."""
        left = {name: field for name, field in self.fields.items() if name not in (without or {})}
        schema: Mapping[str, JsonValue] = _object("Row", left).model_json_schema()
        return schema

    def complaint(self, row: Mapping[str, JsonValue]) -> str | None:
        """What is wrong with a row, in a few words."""
        try:
            self._model.model_validate(dict(row))
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = "".join(f"[{s}]" if isinstance(s, int) else f".{s}" for s in first["loc"]).lstrip(".")
            return f"{where}: {first['msg'][:1].lower()}{first['msg'][1:]}"
        return None


def _object(name: str, fields: Mapping[str, FieldSpec]) -> type[BaseModel]:
    """A pydantic model; its attributes have names of our own, since a field may be called `schema` or `copy`."""
    definitions: dict[str, Any] = {}
    for number, (field, spec) in enumerate(fields.items()):
        inner = _type(f"{name}_{field}", spec)
        default = None if spec.optional else ...
        description = spec.description or None
        definitions[f"f{number}"] = (
            inner | None if spec.optional else inner,
            Field(default, alias=field, title=field, description=description),
        )
    return create_model(name, __config__=_STRICT, **definitions)


def _type(name: str, spec: FieldSpec) -> Any:
    """The Python type of a field, which pydantic checks and writes as JSON Schema."""
    if spec.enum:
        return Literal[spec.enum]
    if spec.type == "string":
        return Annotated[str, Field(pattern=spec.pattern, min_length=spec.min_length, max_length=spec.max_length)]
    if spec.type == "integer":
        return Annotated[int, Field(ge=spec.minimum, le=spec.maximum)]
    if spec.type == "number":
        return Annotated[float, Field(ge=spec.minimum, le=spec.maximum, allow_inf_nan=False)]
    if spec.type == "boolean":
        return bool
    if spec.type == "array":
        members: Any = types.GenericAlias(list, _type(f"{name}_item", spec.items)) if spec.items is not None else list
        return Annotated[members, Field(min_length=spec.min_length, max_length=spec.max_length)]
    return _object(name, spec.properties) if spec.properties else dict[str, Any]
