"""Ceilings that the kernel keeps: a cgroup for a run, on machines that let us make one.

RLIMIT_NPROC does not bind what root starts, not even in a user namespace, and counts everything that a user has. A
cgroup binds anyone and counts what is in it: one process too many is refused, and memory ends at a wall that nobody can
outrun between two looks. Both versions of cgroups are spoken, since machines, containers and clusters have either.

A cgroup of ours is made below the one we are in, or beside it where that one limits no memory: so limits on memory that
somebody set hold for the run as well. It goes with its run. One whose owner was killed is empty before long, and is
swept up by whoever makes the next.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from . import processes

CONTROLLERS = ("pids", "memory")
_SELF = Path("/proc/self")
_PREFIX = "labwright-"
_PROCESSES = "cgroup.procs"
_TRIES = 500  # ten seconds: on a busy machine a killed process takes a while to go
_PAUSE_S = 0.02
_ENTER = """
n=$1; shift
while [ "$n" -gt 0 ]; do { echo 0 > "$1/cgroup.procs"; } 2>/dev/null; n=$((n - 1)); shift; done
exec "$@"
"""


@dataclass(frozen=True)
class Group:
    """Where one run is counted. A controller that this machine does not let us use is None, and `why` says why."""

    pids: Path | None = None
    memory: Path | None = None
    why: str = ""

    @property
    def folders(self) -> tuple[Path, ...]:
        """The directories of the group: one, or in version 1 one a controller."""
        return tuple(dict.fromkeys(folder for folder in (self.pids, self.memory) if folder))

    @property
    def is_whole(self) -> bool:
        """Whether the kernel keeps both ceilings."""
        return self.pids is not None and self.memory is not None

    def enter(self) -> None:
        """Put the calling process in. Where that fails it stays out, and whoever watches it counts it."""
        for folder in self.folders:
            with contextlib.suppress(OSError):
                _write(folder, _PROCESSES, "0")

    def command(self, argv: Sequence[str]) -> list[str]:
        """`argv` from inside the group, by way of a shell that goes in and becomes it."""
        if not self.folders:
            return list(argv)
        return ["/bin/sh", "-c", _ENTER, "labwright", str(len(self.folders)), *map(str, self.folders), *argv]

    def refused(self) -> int:
        """How often a new process or thread was refused."""
        return _count(self.pids, "pids.events", "max")

    def ran_out_of_memory(self) -> bool:
        """Whether the kernel ended something in the group for its memory."""
        return any(_count(self.memory, name, "oom_kill") for name in ("memory.events", "memory.oom_control"))

    def most_bytes(self) -> int:
        """The most memory that was in use at a time, cached files included; 0 where the kernel does not tell."""
        for name in ("memory.peak", "memory.max_usage_in_bytes"):
            with contextlib.suppress(OSError):
                return int((self.memory / name).read_text()) if self.memory else 0
        return 0


def make(label: str, *, tasks: int, memory_bytes: int, proc: Path = _SELF) -> Group:
    """A group with room for `tasks` processes and threads, or what of it this machine allows. Never raises OSError."""
    me = processes.look(os.getpid())
    name = f"{_PREFIX}{os.getpid()}-{me.started if me else 0}-{label}"
    try:
        found, whys = places(proc)
    except OSError as error:
        return Group(why=f"{proc}: {error.strerror}")
    made: dict[str, Path] = {}
    for controller, place in found.items():
        _sweep(place)
        try:
            made[controller] = _made(place / name, controller, tasks, memory_bytes)
        except OSError as error:
            whys.append(f"{place}: {error.strerror}")
    return Group(made.get("pids"), made.get("memory"), "; ".join(dict.fromkeys(whys)))


def remove(folders: Iterable[Path]) -> None:
    """End what is left in these cgroups, and the cgroups. Folders that are not ours are left alone."""
    for folder in folders:
        if folder.name.startswith(_PREFIX):
            for _ in range(_TRIES):
                if _is_gone(folder):
                    break
                time.sleep(_PAUSE_S)


# -- where -------------------------------------------------------------------------------------------------------------


def places(proc: Path) -> tuple[dict[str, Path], list[str]]:
    """Per controller the cgroup in which ours can be made, and why not for the others."""
    own: dict[str, str] = {}  # controller -> the cgroup we are in; in version 2 under an empty name
    for line in (proc / "cgroup").read_text().splitlines():
        _, names, path = line.split(":", 2)
        own.update(dict.fromkeys(names.split(","), path))
    found, whys = dict[str, Path](), list[str]()
    unified: tuple[Path, Path] | None = None
    for line in (proc / "mountinfo").read_text().splitlines():
        before, _, after = line.partition(" - ")
        root, point = before.split()[3:5]
        kind, _, options = after.split()[:3]
        if kind == "cgroup2" and "" in own and unified is None:
            unified = _below(Path(point), root, own[""]), Path(point)
        elif kind == "cgroup":
            for controller in set(CONTROLLERS) & set(options.split(",")) & own.keys():
                found.setdefault(controller, _below(Path(point), root, own[controller]))
    missing = [controller for controller in CONTROLLERS if controller not in found]
    handed: dict[str, Path] = {}
    for controller in missing:
        place = _that_hands_down(controller, *unified) if unified else None
        if place is not None:
            handed[controller] = place
        elif unified:
            whys.append(f"no cgroup that we may write hands the controller `{controller}` down")
        else:
            whys.append(f"no cgroups with the controller `{controller}` are mounted")
    if handed:  # a process is in one cgroup of version 2; the upper place has what the lower one was handed down
        found.update(dict.fromkeys(handed, min(handed.values(), key=lambda place: len(place.parts))))
    return found, whys


def _below(point: Path, root: str, path: str) -> Path:
    """The directory of a cgroup. A mount may show a part of the tree only, such as a container's own."""
    if ".." in path.split("/"):
        return point
    return point / os.path.relpath(path, root) if f"{path}/".startswith(f"{root.rstrip('/')}/") else point


def _that_hands_down(controller: str, own: Path, top: Path) -> Path | None:
    """The nearest cgroup of version 2, from our own up, whose children have this controller.

    One that holds processes can have no such children, the root apart; the controller is switched on only where that
    changes nothing for anyone who is there. Nothing leaves a cgroup that limits memory. A limit on processes keeps
    nobody: systemd sets one everywhere, and ours takes its place.
    """
    for place in (own, *own.parents):
        try:
            if controller in (place / "cgroup.subtree_control").read_text().split():
                return place if os.access(place, os.W_OK) else None
            is_empty = not (place / _PROCESSES).read_text().strip()
            is_root = not (place / "cgroup.type").exists()
            if (is_empty or is_root) and controller in (place / "cgroup.controllers").read_text().split():
                _write(place, "cgroup.subtree_control", f"+{controller}")
                return place
        except OSError:
            pass
        if place == top or _limits_memory(place):
            break
    return None


def _limits_memory(place: Path) -> bool:
    for name in ("memory.max", "memory.high"):
        with contextlib.suppress(OSError):
            if (place / name).read_text().strip() != "max":
                return True
    return False


# -- making and removing -----------------------------------------------------------------------------------------------


def _made(folder: Path, controller: str, tasks: int, memory_bytes: int) -> Path:
    """The cgroup with its limit, into which a process can really be put. Raises OSError.

    The wall for memory stands an eighth above the ceiling: cached files count here as well, and a supervisor that sees
    the ceiling passed should speak first, for it can say more.
    """
    is_new = not folder.exists()  # in version 2 both controllers have the same
    folder.mkdir(exist_ok=True)
    try:
        if controller == "pids":
            _write(folder, "pids.max", str(tasks))
        else:
            _limit_memory(folder, str(memory_bytes + memory_bytes // 8))
        _try_to_enter(folder)
    except OSError:
        if is_new:
            with contextlib.suppress(OSError):
                folder.rmdir()
        raise
    return folder


def _limit_memory(folder: Path, most: str) -> None:
    """Memory and, where there is swap, that too: a ceiling that swap gets around is none."""
    if (folder / "memory.limit_in_bytes").exists():
        _write(folder, "memory.limit_in_bytes", most)
        with contextlib.suppress(OSError):
            _write(folder, "memory.memsw.limit_in_bytes", most)
        return
    _write(folder, "memory.max", most)
    for name, value in (("memory.swap.max", "0"), ("memory.oom.group", "1")):
        with contextlib.suppress(OSError):
            _write(folder, name, value)


def _try_to_enter(folder: Path) -> None:
    """Whether a process can be put in depends on the cgroup it comes from too, so one is."""
    enter = ["/bin/sh", "-c", 'echo 0 > "$1/cgroup.procs"', "labwright", str(folder)]
    tried = subprocess.run(enter, capture_output=True, check=False)
    if tried.returncode:
        raise PermissionError(1, "no process can be moved into it")


def _sweep(place: Path) -> None:
    """Remove what is left of owners that are dead. A cgroup that still holds a process cannot be removed."""
    with contextlib.suppress(OSError):
        for folder in place.glob(f"{_PREFIX}*-*-*"):
            pid, started = folder.name.removeprefix(_PREFIX).split("-")[:2]
            if pid.isdigit() and started.isdigit() and not processes.is_alive(int(pid), int(started)):
                with contextlib.suppress(OSError):
                    folder.rmdir()


def _is_gone(folder: Path) -> bool:
    """End what is in a cgroup, and try to remove it. With no room for a new process nothing gets away."""
    try:
        for name, value in (("pids.max", "0"), ("cgroup.kill", "1")):
            if (folder / name).exists():
                with contextlib.suppress(OSError):
                    _write(folder, name, value)
        for entry in (folder / _PROCESSES).read_text().split():
            if int(entry):  # 0: a process that our pid namespace does not show
                processes.send(int(entry), signal.SIGKILL)
        folder.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def _count(folder: Path | None, file: str, name: str) -> int:
    """A number out of a file of `name number` lines; 0 where there is none."""
    if folder is not None:
        with contextlib.suppress(OSError):
            for line in (folder / file).read_text().splitlines():
                key, _, value = line.partition(" ")
                if key == name:
                    return int(value)
    return 0


def _write(folder: Path, name: str, value: str) -> None:
    """One write, as these files want it. Never makes a file."""
    descriptor = os.open(folder / name, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, value.encode())
    finally:
        os.close(descriptor)
