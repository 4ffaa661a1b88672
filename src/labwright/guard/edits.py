"""A person's edit of a call's arguments, held against the tool's schema: a wrong one is refused where it is written.

The schema travels in the approval, so any terminal can check an edit without the tool, its server or the agent.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from pydantic import JsonValue, TypeAdapter, ValidationError

from labwright.contracts.errors import UsageError
from labwright.contracts.sessions import Approval

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError as Fault

_ARGS: TypeAdapter[dict[str, JsonValue]] = TypeAdapter(dict[str, JsonValue])
_MOST_FAULTS: Final = 5
_LONGEST: Final = 160  # characters of one fault, which quotes what is wrong


def checked(args: Mapping[str, JsonValue] | str, approval: Approval) -> dict[str, JsonValue]:
    """Edited arguments, a mapping or JSON text, as they may take the place of the model's.

    Raises:
        UsageError: they are no JSON object, or do not fit the tool; in the words of its schema.
    """
    edited = _as_object(args, approval.id)
    if approval.schema is not None:
        faults = list(_faults(approval.schema, edited))
        if faults:
            more = f" (and {len(faults) - _MOST_FAULTS} more)" if len(faults) > _MOST_FAULTS else ""
            raise UsageError(
                f"the edited arguments do not fit {approval.tool}: {'; '.join(faults[:_MOST_FAULTS])}{more}",
                where=approval.id,
                cure=f"it takes: {_signature(approval.schema)}",
            )
    return edited


def _as_object(args: Mapping[str, JsonValue] | str, approval_id: str) -> dict[str, JsonValue]:
    """As a JSON object, which also holds no NaN."""
    cure = 'write one JSON object, such as {"script": "train.py", "hours": 1}'
    try:
        text = args if isinstance(args, str) else json.dumps(dict(args), allow_nan=False)
        return _ARGS.validate_python(json.loads(text, parse_constant=_refuse), strict=True)
    except ValidationError as error:
        what = "the edited arguments are no JSON object"
        raise UsageError(what, where=approval_id, cure=cure) from error
    except (ValueError, TypeError) as error:
        raise UsageError(f"the edited arguments are no JSON: {error}", where=approval_id, cure=cure) from error


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON number")


def _faults(schema: Mapping[str, JsonValue], args: Mapping[str, JsonValue]) -> Iterator[str]:
    """What does not fit, in the schema's words. A schema that is none, as a server may send, refuses nothing."""
    # Only who edits an approval needs them, and they take a tenth of a second to import.
    from jsonschema.exceptions import SchemaError  # noqa: PLC0415
    from jsonschema.validators import Draft202012Validator, validator_for  # noqa: PLC0415
    from referencing import Registry  # noqa: PLC0415
    from referencing.exceptions import Unresolvable  # noqa: PLC0415

    named = isinstance(schema.get("$schema", ""), str)
    kind = validator_for(schema, default=Draft202012Validator) if named else Draft202012Validator
    try:
        kind.check_schema(schema)
        found = list(kind(schema, registry=Registry()).iter_errors(args))  # this registry fetches nothing
    except (SchemaError, Unresolvable, RecursionError):  # the last of one that refers to itself and nothing else
        return
    yield from (_said(fault) for fault in sorted(found, key=lambda fault: [str(step) for step in fault.absolute_path]))


def _said(fault: Fault) -> str:
    causes = dict.fromkeys(cause.message for cause in fault.context or ())  # the ways of an `anyOf`, none of which fits
    place = ".".join(str(step) for step in fault.absolute_path)
    text = _clipped(" and ".join(causes) or fault.message)
    return f"{place}: {text}" if place else text


def _clipped(text: str) -> str:
    """Without the middle of what is long: such a message begins with the value and ends with what it should be."""
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST // 3]} … {text[-_LONGEST // 3 * 2 :]}"


def _signature(schema: Mapping[str, JsonValue]) -> str:
    """The arguments' names and types, on a line."""
    properties, required = schema.get("properties"), schema.get("required")
    if not isinstance(properties, dict) or not properties:
        return "no arguments"
    needed = required if isinstance(required, list) else []
    return ", ".join(
        f"{name} ({_type(given)}{'' if name in needed else ', may be left out'})" for name, given in properties.items()
    )


def _type(schema: JsonValue) -> str:
    if not isinstance(schema, dict):
        return "any"
    ways = schema.get("anyOf") or schema.get("oneOf")
    if isinstance(ways, list):
        return " or ".join(dict.fromkeys(_type(way) for way in ways))
    values = schema.get("enum")
    if isinstance(values, list):
        return " or ".join(json.dumps(value) for value in values)
    kind = schema.get("type", "any")
    return " or ".join(str(one) for one in kind) if isinstance(kind, list) else str(kind)
