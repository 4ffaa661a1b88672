"""A call's arguments as text that a person reads and edits: YAML, with a script as a script; and back."""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import JsonValue, TypeAdapter, ValidationError

from labwright.contracts.errors import StorageError, UsageError

_ARGS: TypeAdapter[dict[str, JsonValue]] = TypeAdapter(dict[str, JsonValue])


class _Dumper(yaml.SafeDumper):
    """Several lines as several lines."""


def _as_block(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _as_block)


def as_yaml(args: Mapping[str, Any]) -> str:
    """Arguments for a person to edit: one a line, a script as a script."""
    return yaml.dump(dict(args), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10_000)


def from_yaml(text: str, where: str) -> dict[str, JsonValue]:
    """Arguments as a person wrote them, in YAML or JSON. Raises UsageError where they are none."""
    try:
        return _ARGS.validate_python(yaml.safe_load(text), strict=True)
    except (yaml.YAMLError, ValidationError) as error:
        what = f"these are no arguments: {str(error).splitlines()[0]}"
        raise UsageError(what, where=where, cure="write `name: value` lines, or one JSON object") from error


def with_changes(args: Mapping[str, JsonValue], changes: Sequence[str]) -> dict[str, JsonValue]:
    """Arguments with some of them set anew, each as `NAME=VALUE`.

    A value is JSON where it reads as JSON, and text where it does not; where text stood before, it stays text.

    Raises:
        UsageError: a change has no name or no `=`.
    """
    changed = dict(args)
    for change in changes:
        name, equals, value = change.partition("=")
        if not name or not equals:
            raise UsageError(f"{change!r} sets no argument", where="--set", cure="write NAME=VALUE, such as hours=1")
        changed[name] = value if isinstance(changed.get(name), str) else _read(value)
    return changed


def _read(value: str) -> JsonValue:
    try:
        parsed: JsonValue = json.loads(value)
    except ValueError:
        return value
    return parsed


def edited(args: Mapping[str, JsonValue], command: str, draft: Path) -> dict[str, JsonValue]:
    """Arguments as a person leaves them in their editor.

    The text stays in the file `draft`, and the next edit goes on with it: what is refused is not lost. Whoever has
    taken the arguments removes it.

    Raises:
        UsageError: there is no editor, it fails, or what it leaves are no arguments.
        StorageError: the draft cannot be written.
    """
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise UsageError(f"the editor's command cannot be read: {error}", where=command, cure="set EDITOR") from error
    if not words:
        raise UsageError("there is no editor", where="--edit", cure="set EDITOR, or use --set NAME=VALUE")
    try:
        if not draft.exists():
            draft.parent.mkdir(parents=True, exist_ok=True)
            draft.write_text(as_yaml(args), encoding="utf-8")
            draft.chmod(0o600)
    except OSError as error:
        raise StorageError.of(error, str(draft)) or error from error
    try:
        code = subprocess.run([*words, str(draft)], check=False).returncode
    except OSError as error:
        raise UsageError(f"the editor does not start: {error.strerror}", where=words[0], cure="set EDITOR") from error
    if code != 0:
        raise UsageError(f"the editor ended with {code}, so nothing was answered", where=words[0], cure="edit again")
    return from_yaml(draft.read_text(encoding="utf-8"), str(draft))
