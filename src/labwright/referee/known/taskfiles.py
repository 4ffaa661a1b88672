"""Task files of lm-evaluation-harness: found by name, read with what they include; nothing of the harness is run.

Their functions (`!function utils.process_docs`) are Python beside the file. Those that the installed harness ships are
run as the harness does; those from elsewhere only where a person allows it.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from labwright.contracts.errors import DataError, UsageError

_MOST_INCLUDES = 20
_AROUND = " \t'\"[]"


@dataclass(frozen=True, slots=True)
class Function:
    """A function that a task file names."""

    name: str
    folder: Path

    def __str__(self) -> str:
        return f"!function {self.name}"


@dataclass(frozen=True, slots=True)
class TaskFile:
    """A task's settings, as its file and what it includes say."""

    name: str
    path: Path
    settings: Mapping[str, Any]
    harness: str  # "lm-eval 0.4.13", or "" for a file of one's own
    is_installed: bool


def find_task(name: str, include_path: Path | None) -> TaskFile:
    """The task of that name: in the directory given, else in the installed harness.

    Raises:
        UsageError: there is no such task, it is a group, or the harness is not installed.
        DataError: the file cannot be read.
    """
    installed = installed_tasks()
    roots = [root for root in (include_path, installed) if root is not None]
    if include_path is not None and not include_path.is_dir():
        raise UsageError("there is no such directory", where=str(include_path), cure="correct --include-path")
    for root in roots:
        path = next(_naming(root, name, "task"), None)
        if path is not None:
            harness = f"lm-eval {importlib.metadata.version('lm_eval')}" if root == installed else ""
            return TaskFile(name, path, read_task(path), harness, root == installed)
    raise _not_found(name, roots, installed)


def installed_tasks() -> Path | None:
    """Where the installed harness keeps its tasks; nothing of it is imported."""
    spec = importlib.util.find_spec("lm_eval")
    places = list(spec.submodule_search_locations or ()) if spec is not None else []
    folder = Path(places[0]) / "tasks" if places else None
    return folder if folder is not None and folder.is_dir() else None


def _not_found(name: str, roots: list[Path], installed: Path | None) -> UsageError:
    for root in roots:
        members = [_own_name(path) for path in _naming(root, name, "tag")]
        group = next(_naming(root, name, "group"), None)
        if members or group is not None:
            listed = ", ".join(sorted(m for m in members if m)[:12]) or ", ".join(_members(group)[:12] if group else [])
            return UsageError(
                f"{name} is a group of tasks, whose prompts differ; a pack holds one",
                where=f"lm-eval:{name}",
                cure=f"add one of them: {listed}" if listed else "add one of its tasks",
            )
    if installed is None:
        cure = "pip install 'labwright[eval]', or give a directory with its file: --include-path DIR"
        return UsageError("lm-eval is not installed", where=f"lm-eval:{name}", cure=cure)
    return UsageError("there is no such task", where=f"lm-eval:{name}", cure="`lm-eval ls tasks` lists them")


def _naming(root: Path, name: str, key: str) -> Iterator[Path]:
    """The files that say `key: name`, or list it there; a search of their text, since there are thousands."""
    for path in sorted(root.rglob("*.y*ml")):
        try:
            content = path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        if name not in content or name not in _said(content, key):
            continue
        if key != "task" or not _said(content, "group"):  # a group lists the tasks that it has
            yield path


def _said(content: str, key: str) -> list[str]:
    """What a file says for a key at its top level: a value, or the members of a list."""
    found: list[str] = []
    is_below = False
    for line in content.split("\n"):
        bare = line.strip()
        if is_below and bare.startswith("- "):
            found.append(bare[2:].strip(_AROUND))
        elif bare and not line[:1].isspace() and not bare.startswith("#"):
            name, _, value = bare.partition(":")
            is_below = name.strip(_AROUND) == key
            if is_below and value.strip():
                found += [each.strip(_AROUND) for each in value.partition(" #")[0].split(",")]
    return found


def _own_name(path: Path) -> str:
    return next(iter(_said(path.read_text(encoding="utf-8", errors="replace"), "task")), "")


def _members(path: Path) -> list[str]:
    content = read_task(path).get("task")
    return [each for each in content if isinstance(each, str)] if isinstance(content, list) else []


# -- reading -----------------------------------------------------------------------------------------------------------


class _Loader(yaml.SafeLoader):
    folder = Path()


def _function(loader: _Loader, node: yaml.Node) -> Function:
    return Function(str(loader.construct_scalar(node)), loader.folder)  # type: ignore[arg-type]


_Loader.add_constructor("!function", _function)


def read_task(path: Path, depth: int = 0) -> dict[str, Any]:
    """A task file over what it includes. Raises DataError."""
    if depth > _MOST_INCLUDES:
        raise DataError("includes itself", where=str(path), cure="remove the circle")
    loader = type("_Here", (_Loader,), {"folder": path.parent})
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=loader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise DataError(f"cannot be read: {error}", where=str(path), cure="correct the file") from error
    if not isinstance(content, dict):
        raise DataError("is no task: it holds no settings", where=str(path), cure="correct the file")
    included = content.pop("include", None) or []
    settings: dict[str, Any] = {}
    for name in [included] if isinstance(included, str) else included:
        settings |= read_task((path.parent / str(name)).resolve(), depth + 1)
    return settings | content


def callable_of(function: Function, *, allowed: bool) -> Callable[..., Any]:
    """The function itself.

    Raises:
        UsageError: it is not from the installed harness, and nobody allowed it.
        DataError: it cannot be loaded.
    """
    installed = installed_tasks()
    module_name, _, name = function.name.rpartition(".")
    path = (function.folder / f"{module_name.replace('.', '/')}.py").resolve()
    ours = installed is not None and path.is_relative_to(installed.resolve())
    if not ours and not allowed:
        raise UsageError(
            f"the task runs Python of its own: {function.name}",
            where=str(path),
            cure="read that file, then allow it: --allow-code",
        )
    spec = importlib.util.spec_from_file_location(f"labwright_task_{path.stem}", path)
    if not path.is_file() or spec is None or spec.loader is None:
        raise DataError(f"there is no {path.name}, which the task needs", where=str(path), cure="put it there")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except (ImportError, SyntaxError, OSError, AttributeError, NameError, TypeError, ValueError) as error:
        raise DataError(f"cannot be loaded: {error}", where=str(path), cure="install what it imports") from error
    found = getattr(module, name, None)
    if not callable(found):
        raise DataError(f"defines no function {name}", where=str(path), cure="correct the task file")
    return found  # type: ignore[no-any-return]
