"""Writes an Inspect task down as JSON: its samples as its solvers ask them, and its scorers. Imports nothing of ours.

    python inspectdump.py TASK OUT        where inspect-ai is installed

A process of its own, since a task is Python that may do anything at import. Each sample goes through the task's solvers
up to the moment where the model would be asked; nothing is asked.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

KNOWN_SOLVERS = ("generate", "prompt_template", "system_message", "user_message", "chain_of_thought", "multiple_choice")


class AskedError(Exception):
    """The model would be asked now."""


def dump(name: str) -> dict[str, Any]:
    """The task as plain data; `refused` says why it is none."""
    import inspect_ai  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415
    from inspect_ai._eval.loader import load_tasks  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415
    from inspect_ai._util.registry import registry_params, registry_unqualified_name  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415

    tasks = load_tasks([name])
    if len(tasks) != 1:
        return {"refused": f"it names {len(tasks)} tasks; write FILE.py@TASK"}
    task = tasks[0]
    solvers = list(getattr(task.solver, "_solvers", [task.solver]))
    names = [registry_unqualified_name(solver) for solver in solvers]
    unknown = [each for each in names if each not in KNOWN_SOLVERS]
    if unknown:
        return {"refused": f"its solver {unknown[0]} does more than ask once"}
    if task.setup or task.sandbox or any(s.sandbox or s.files or s.setup for s in task.dataset):
        return {"refused": "its samples need a sandbox or files of their own"}
    config = task.config
    return {
        "version": inspect_ai.__version__,
        "name": task.name,
        "solvers": [{"name": n, "params": _plain(registry_params(s))} for n, s in zip(names, solvers, strict=True)],
        "scorers": [
            {"name": registry_unqualified_name(s), "params": _plain(registry_params(s))} for s in task.scorer or ()
        ],
        "max_tokens": config.max_tokens,
        "temperature": config.temperature,
        "top_p": config.top_p,
        "stop": config.stop_seqs or [],
        "epochs": task.epochs or 1,
        "samples": [asyncio.run(_asked(solvers, sample)) for sample in task.dataset],
    }


async def _asked(solvers: list[Any], sample: Any) -> dict[str, Any]:
    """A sample's messages as the model would get them."""
    from inspect_ai.model import ChatMessageUser, ModelName  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415
    from inspect_ai.scorer import Target  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415
    from inspect_ai.solver import TaskState  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415

    messages = [ChatMessageUser(content=sample.input)] if isinstance(sample.input, str) else list(sample.input)
    state = TaskState(
        ModelName("none/none"), sample.id or 0, 1, sample.input, messages, Target(sample.target), sample.choices,
        metadata=dict(sample.metadata or {}),
    )  # fmt: skip

    async def generate(*_: Any, **__: Any) -> Any:
        raise AskedError

    try:
        for solver in solvers:
            state = await solver(state, generate)
    except AskedError:
        pass
    target = [sample.target] if isinstance(sample.target, str) else list(sample.target)
    said = [{"role": message.role, "content": message.text} for message in state.messages]
    return {
        "id": "" if sample.id is None else str(sample.id),
        "messages": said,
        "target": target,
        "choices": sample.choices or [],
    }


def _plain(value: Any) -> Any:
    return json.loads(json.dumps(value, default=str))


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(json.dumps(dump(sys.argv[1])), encoding="utf-8")
