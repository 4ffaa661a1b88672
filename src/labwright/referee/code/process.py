"""The two sides of an item of code, each a process of its own in the sandbox. Imports nothing of Labwright's.

    python process.py examiner …     knows the tests; asks for calls on stdout, gets answers on stdin, says how it ended
    python process.py candidate …    runs the program of a model; answers calls

with CPU_S MEMORY_BYTES FILTERED after the role. One JSON object a line; the first says that the process is confined, or
why it cannot be: then it runs nothing, and whoever asked does not take that for the program's failure.

Values cross as plain data: what is none stays where it is, and crosses as a handle that can be passed back, called, and
asked for its attributes and members. The candidate's answers are data to the examiner, so a program can cheat in no way
but by returning what it should.
"""

from __future__ import annotations

import ast
import base64
import builtins
import contextlib
import json
import os
import runpy
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn, TextIO

MOST_MEMBERS = 1_000_000
_LONGEST_WORD = 300


class NotPlainError(TypeError):
    """A value cannot cross."""


# -- values as lines ---------------------------------------------------------------------------------------------------


def encode(value: Any, handle: Callable[[Any], Any]) -> Any:
    """A value as JSON. Instances of subclasses cross as what they extend; `handle` names what is no plain data."""
    if value is None or value is True or value is False:
        return value
    if isinstance(value, bool | int):
        return {"i": hex(int(value))} if abs(int(value)) > 1 << 53 else int(value)
    if isinstance(value, float):
        return {"f": float.hex(float(value))}
    if isinstance(value, str):
        return str.__str__(value) if type(value) is str else "".join(value)
    if isinstance(value, complex):
        return {"c": [float.hex(value.real), float.hex(value.imag)]}
    if isinstance(value, bytes | bytearray):
        return {"b": base64.b64encode(value).decode(), "mutable": isinstance(value, bytearray)}
    for kind, name in ((list, "l"), (tuple, "t"), (set, "s"), (frozenset, "z"), (range, "r")):
        if isinstance(value, kind):
            members = [value.start, value.stop, value.step] if isinstance(value, range) else list(value)
            return {name: [encode(member, handle) for member in members]}
    if isinstance(value, dict):
        return {"d": [[encode(k, handle), encode(v, handle)] for k, v in value.items()]}
    return {"h": handle(value)}


def decode(value: Any, held: Callable[[Any], Any]) -> Any:
    """The value of a line; `held` finds what a handle stands for."""
    if not isinstance(value, dict):
        return value
    (name, content), *_ = value.items()
    if name == "i":
        return int(content, 16)
    if name == "f":
        return float.fromhex(content)
    if name == "c":
        return complex(float.fromhex(content[0]), float.fromhex(content[1]))
    if name == "b":
        return (bytearray if value.get("mutable") else bytes)(base64.b64decode(content))
    if name == "h":
        return held(content)
    if name == "d":
        return {decode(k, held): decode(v, held) for k, v in content}
    members = [decode(member, held) for member in content]
    if name == "r":
        return range(*members)
    return {"l": list, "t": tuple, "s": set, "z": frozenset}[name](members)


# -- the candidate -----------------------------------------------------------------------------------------------------


class Candidate:
    """Answers calls to what a program defines."""

    def __init__(self, requests: TextIO, replies: TextIO) -> None:
        self._requests, self._replies = requests, replies
        self._held: list[Any] = []
        self._pid = os.getpid()
        self._names: dict[str, Any] = {"__name__": "__main__"}

    def serve(self) -> None:
        """Run the first program that is Python, then answer until nobody asks any more."""
        code = None
        for program in json.loads(self._requests.readline())["programs"]:
            try:
                code = compile(program, "<program>", "exec", dont_inherit=True)
                break
            except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
                why = error
        if code is None:
            self._say({"raised": type(why).__name__, "text": f"the output is no Python: {why}"})
            return
        self._answer(lambda: exec(code, self._names))
        for line in self._requests:
            self._serve(json.loads(line))

    def _serve(self, question: dict[str, Any]) -> None:
        if question["op"] == "call":
            args = decode(question["args"], self._held.__getitem__)
            kwargs = decode(question["kwargs"], self._held.__getitem__)
            self._answer(lambda: self._target(question["of"])(*args, **kwargs), changed=args)
        elif question["op"] == "get":
            self._answer(lambda: getattr(self._target(question["of"]), question["name"]))
        elif question["op"] == "list":
            self._answer(lambda: _members(iter(self._target(question["of"]))))
        elif question["op"] == "item":
            key = decode(question["key"], self._held.__getitem__)
            self._answer(lambda: self._target(question["of"])[key])
        elif question["op"] == "len":
            self._answer(lambda: len(self._target(question["of"])))

    def _target(self, of: Any) -> Any:
        if isinstance(of, int):
            return self._held[of]
        if of in self._names:
            return self._names[of]
        raise NameError(f"the program defines no {of!r}")

    def _answer(self, work: Callable[[], Any], changed: Any = None) -> None:
        """Do it, whatever happens: an exception is an answer."""
        try:
            value = encode(work(), self._keep)
            reply = {"value": value, **({} if changed is None else {"args": encode(changed, self._keep)})}
        except BaseException as error:  # noqa: BLE001 - SystemExit of a program is an outcome of its call as well
            if os.getpid() != self._pid:
                os._exit(1)  # a child that the program forked has nothing to say
            reply = {"raised": type(error).__name__, "text": _said(error)}
        self._say(reply)

    def _keep(self, value: Any) -> int:
        self._held.append(value)
        return len(self._held) - 1

    def _say(self, reply: dict[str, Any]) -> None:
        self._replies.write(json.dumps(reply) + "\n")
        self._replies.flush()


def _members(iterator: Iterator[Any]) -> list[Any]:
    found = []
    for member in iterator:
        found.append(member)
        if len(found) > MOST_MEMBERS:
            raise OverflowError(f"over {MOST_MEMBERS} members")
    return found


# -- the examiner ------------------------------------------------------------------------------------------------------


class Examiner:
    """Runs the tests, asking the candidate for every call."""

    def __init__(self, answers: TextIO, questions: TextIO) -> None:
        self._answers, self._questions = answers, questions

    def examine(self) -> None:
        """Run one item's tests and say how they ended."""
        job = json.loads(self._answers.readline())
        try:
            self._run(job)
            ended = {"passed": True, "why": ""}
        except BaseException as error:  # noqa: BLE001 - whatever the tests raise is how they ended
            ended = {"passed": False, "why": f"{type(error).__name__}: {_said(error)}".rstrip(": ")}
        self._questions.write(json.dumps({"op": "done", **ended}) + "\n")
        self._questions.flush()

    def _run(self, job: dict[str, Any]) -> None:
        entry, tests = job["entry_point"], job["tests"]
        names: dict[str, Any] = {"__name__": "__tests__"}
        with contextlib.suppress(SyntaxError, ImportError):  # its helpers and imports; the stub is put aside below
            exec(compile(job["setup"], "<setup>", "exec", dont_inherit=True), names)
        tree = ast.parse(tests)
        if entry:
            names[entry] = names["candidate"] = Remote(self, entry)
        for name in _unknown(tree, names):
            names[name] = Remote(self, name)
        exec(compile(tree, "<tests>", "exec", dont_inherit=True), names)
        if entry and "check" in names and not isinstance(names["check"], Remote) and not _calls_check(tree):
            names["check"](names["candidate"])

    def ask(self, question: dict[str, Any]) -> Any:
        """The candidate's answer; what it raised is raised here."""
        self._questions.write(json.dumps(question) + "\n")
        self._questions.flush()
        line = self._answers.readline()
        if not line:
            raise RuntimeError("the program ended")
        reply = json.loads(line)
        if "raised" in reply:
            raise _exception(str(reply["raised"]))(str(reply.get("text", "")))
        return reply

    def call(self, of: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call something of the candidate's; arguments that it changed in place are changed here."""
        mine = list(args)
        question = {"op": "call", "of": of, "args": encode(mine, _handle), "kwargs": encode(kwargs, _handle)}
        reply = self.ask(question)
        for here, there in zip(mine, decode(reply.get("args"), self.held) or (), strict=False):
            _take_over(here, there)
        return decode(reply["value"], self.held)

    def value(self, question: dict[str, Any]) -> Any:
        """What a question about a handle is answered."""
        return decode(self.ask(question)["value"], self.held)

    def held(self, handle: int) -> Remote:
        """What the candidate holds under that number."""
        return Remote(self, int(handle))


class Remote:
    """Something that lives in the candidate's process. It equals nothing but itself."""

    def __init__(self, examiner: Examiner, of: int | str) -> None:
        self._examiner, self._of = examiner, of

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._examiner.call(self._of, args, kwargs)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self._examiner.value({"op": "get", "of": self._of, "name": name})

    def __iter__(self) -> Iterator[Any]:
        return iter(self._examiner.value({"op": "list", "of": self._of}))

    def __len__(self) -> int:
        return int(self._examiner.value({"op": "len", "of": self._of}))

    def __bool__(self) -> bool:
        return True

    def __getitem__(self, key: Any) -> Any:
        question = {"op": "item", "of": self._of, "key": encode(key, _handle)}
        return self._examiner.value(question)


def _handle(value: Any) -> Any:
    if isinstance(value, Remote):
        return value._of
    raise NotPlainError(f"a test hands over a {type(value).__name__}, which is no plain data")


def _exception(name: str) -> type[Exception]:
    """The builtin exception of that name; a RuntimeError where it is none, or wants more than a text."""
    kind = getattr(builtins, name, None)
    if isinstance(kind, type) and issubclass(kind, Exception) and not issubclass(kind, UnicodeError | ExceptionGroup):
        return kind
    return RuntimeError


def _take_over(here: Any, there: Any) -> None:
    if isinstance(here, list | bytearray) and isinstance(there, list | bytearray) and here != there:
        here[:] = there
    elif isinstance(here, dict | set) and type(here) is type(there) and here != there:
        here.clear()
        here.update(there)


def _unknown(tree: ast.AST, names: dict[str, Any]) -> set[str]:
    """The names that the tests use and nobody but the program can have defined."""
    used, bound = set[str](), set[str]()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            (used if isinstance(node.ctx, ast.Load) else bound).add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            bound.add(node.name)
        elif isinstance(node, ast.arg):
            bound.add(node.arg)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            bound.update((alias.asname or alias.name).partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ExceptHandler) and node.name:
            bound.add(node.name)
    return {n for n in used - bound if n not in names and not hasattr(builtins, n)}


def _calls_check(tree: ast.Module) -> bool:
    """Whether the tests call `check` themselves, at their top level."""
    calls = (node.value for node in tree.body if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call))
    return any(isinstance(call.func, ast.Name) and call.func.id == "check" for call in calls)


# -- the process -------------------------------------------------------------------------------------------------------


def _said(error: BaseException) -> str:
    try:
        return str(error)[:_LONGEST_WORD]
    except Exception:  # noqa: BLE001 - an exception of a model's own making may fail at anything
        return ""


def main(role: str, cpu_s: int, memory_bytes: int, filtered: str) -> NoReturn:
    """Be one side, and leave without anything that the code of an item may have registered for the end."""
    talk = os.fdopen(os.dup(1), "w", encoding="utf-8")
    hear = os.fdopen(os.dup(0), encoding="utf-8")
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):  # what a program prints is nobody's concern, and must not fill a pipe
        os.dup2(nothing, standard)
    confinement = runpy.run_path(str(Path(__file__).with_name("confinement.py")))
    try:
        confinement["confine"](cpu_s, memory_bytes, filtered)
    except (OSError, ValueError) as error:
        print(
            json.dumps({"ready": False, "why": getattr(error, "strerror", None) or str(error)}), file=talk, flush=True
        )
        os._exit(1)
    print(json.dumps({"ready": True}), file=talk, flush=True)
    sys.setrecursionlimit(10_000)
    if role == "examiner":
        Examiner(hear, talk).examine()
    else:
        Candidate(hear, talk).serve()
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
