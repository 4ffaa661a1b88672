"""What pydantic finds wrong in a YAML file, said with the file's line, the field and a cure.

`yamlfile.py` knows where a field stands; this file turns a model's complaints into one error for a person.
"""

from __future__ import annotations

import difflib
import types
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from labwright.contracts.errors import SpecError
from labwright.contracts.yamlfile import Location, Node, load, place

_Model = TypeVar("_Model", bound=BaseModel)
_MOST = 4  # complaints beside the first


def validated(path: Path, root: Node, text: str, model: type[_Model]) -> _Model:
    """The file as a model. Raises SpecError with line, field and cure; further complaints are named by their lines."""
    try:
        return model.model_validate(load(path, text))
    except ValidationError as complaints:
        # A typo is an unknown key and often a missing one too: the first says more.
        found = sorted(complaints.errors(include_url=False), key=lambda error: error["type"] != "extra_forbidden")
        said = [_explain(model, error["type"], error["loc"], error["msg"], error.get("ctx")) for error in found]
        where = [place(path, root, error["loc"]) for error in found]
        what, cure = said[0]
        others = list(
            dict.fromkeys(f"{w.removeprefix(f'{path}:')}: {t}" for w, (t, _) in zip(where, said, strict=True))
        )
        if len(others) > 1:
            what += ". Also on line " + "; ".join(others[1 : 1 + _MOST])
            what += "; and more" if len(others) > 1 + _MOST else ""
        raise SpecError(what, where=where[0], cure=cure) from complaints


def did_you_mean(name: str, known: typing.Iterable[str]) -> str:
    """`did you mean 'x'? `, or nothing where no known name is near."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"did you mean {close[0]!r}? " if close else ""


def _explain(
    model: type[BaseModel], kind: str, location: Location, message: str, context: Mapping[str, object] | None
) -> tuple[str, str | None]:
    name = str(location[-1]) if location else ""
    if kind == "extra_forbidden":
        known = _fields_at(model, location[:-1])
        return f"unknown key {name!r}", f"{did_you_mean(name, known)}known here: {', '.join(known)}"
    if kind == "missing":
        return f"the field {name!r} is missing", f"add a line `{name}: …`"
    if kind in ("model_type", "model_attributes_type", "dict_type"):
        return f"{name!r} has to be a mapping", "write it as lines of `field: value`"
    if kind in ("tuple_type", "list_type"):
        return f"{name!r} has to be a list (`[a, b]`, or lines that begin with `- `)", None
    if kind == "union_tag_not_found":
        return f"{name!r} has to say its `kind`", "add a line `kind: …`"
    if kind == "union_tag_invalid" and context is not None:
        tags = str(context["expected_tags"]).replace("'", "").split(", ")
        return (
            f"{context['tag']!r} is no kind of {name}",
            f"{did_you_mean(str(context['tag']), tags)}known here: {', '.join(tags)}",
        )
    text = message.removeprefix("Value error, ")
    return f"{name}: {text[:1].lower()}{text[1:]}" if name else text, None


def _fields_at(model: type[BaseModel], location: Location) -> list[str]:
    """The names of the fields that the file may have at this place."""
    at = [model]
    for step in location:
        if isinstance(step, int):
            continue
        field = next((m.model_fields[step] for m in at if step in m.model_fields), None)
        if field is not None:
            at = list(_models_in(field.annotation))
        elif len(at) > 1:  # the tag of a union
            at = [m for m in at if _has_tag(m, step)] or at
    return list(dict.fromkeys(name for m in at for name in m.model_fields))


def _has_tag(model: type[BaseModel], tag: str) -> bool:
    return any(tag in typing.get_args(field.annotation) for field in model.model_fields.values())


def _models_in(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and not isinstance(annotation, types.GenericAlias):
        if issubclass(annotation, BaseModel):
            yield annotation
        return
    for argument in typing.get_args(annotation):
        yield from _models_in(argument)
