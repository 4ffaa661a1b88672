"""The supervisor: waits for a slot, starts the command, watches it, ends it, and says how it ended.

In the sandbox the command is three processes deep: bubblewrap outside, bubblewrap as the namespace's init, and the
recipe. Two things follow. SIGTERM goes to the recipe itself, since bubblewrap would not pass it on and a recipe must be
able to save. And the outer bubblewrap is kept stopped while the recipe runs: it would end the namespace the moment the
recipe ends, before anyone could see which processes were left behind in it.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import select
import signal
import subprocess
import time
from pathlib import Path

from . import cgroups, processes
from .decoys import Watch
from .processes import Process
from .records import CANCEL, SUPERVISOR, Order, open_log, publish, say, write_json
from .slots import Queue

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_LOOK_S = 0.25
_QUEUE_LOOK_S = 0.1
_ON_ITS_OWN_S = 1.0  # what a child process gets to end by itself after the command
_GIVE_UP_S = 30.0
_FULL_BYTES = 16 << 20  # a disk with less room is called full: what a study gives up at that moment is room already
_FROM_OUTSIDE = {128 + number for number in (signal.SIGHUP, signal.SIGINT, signal.SIGKILL, signal.SIGTERM)}
_FAILURES = ("deadline", "memory", "processes", "killed")
_libc = ctypes.CDLL(None, use_errno=True)


class Supervision:
    """One run, from its place in the queue to its status."""

    def __init__(self, order: Order, folder: Path) -> None:
        self._order = order
        self._folder = folder
        self._sandboxed = order.boundary == "enforced"
        self._reason = ""  # why we end the command; empty while we do not
        self._kill_at = float("inf")
        self._peak_bytes = 0
        self._started_at: float | None = None
        self._left: dict[int, str] = {}
        self._main: Process | None = None  # the recipe itself
        self._told_to_stop = False
        self._group = cgroups.Group()
        signal.signal(signal.SIGTERM, self._on_signal)
        signal.signal(signal.SIGINT, self._on_signal)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        me = processes.look(os.getpid())
        self._me = {"pid": os.getpid(), "started": me.started if me else 0, "boot": processes.boot_id()}

    def run(self) -> None:
        """Everything. Ends with the status written."""
        queue = Queue(Path(self._order.slots_directory))
        write_json(self._folder / SUPERVISOR, {**self._me, "state": "queued"})
        watch = Watch(self._order.decoys)
        code: int | None = None
        slots = self._wait_for_slots(queue)
        if slots is not None:
            code = self._execute(slots, watch)
        state, reason = self._verdict(code)
        refused = self._group.refused()
        cgroups.remove(self._group.folders)
        if refused and reason != "processes":
            say(self._folder, f"{refused} times the run was refused a process or thread beyond {self._order.tasks}")
        if reason not in ("finished", "error"):
            say(self._folder, f"the run ended: {self._explain(reason)}")
        for name in self._left.values():
            say(self._folder, f"ended a process that the run left behind: {name}")
        publish(
            self._folder,
            {
                "state": state,
                "reason": reason,
                "exit_code": code,
                "started_at": self._started_at,
                "ended_at": time.time(),
                "peak_memory_bytes": self._peak_bytes or None,
                "boundary": self._order.boundary,
                "left_behind": list(self._left.values()),
                "touched": list(watch.touched()),
                "attempt": self._order.attempt,
            },
        )
        queue.close()

    # -- before --------------------------------------------------------------------------------------------------------

    def _wait_for_slots(self, queue: Queue) -> tuple[str, ...] | None:
        """The slots, or None where the run was ended while it waited."""
        while True:
            self._reason = self._reason or self._asked()
            if self._reason:
                return None
            taken = queue.take(self._order.slots, self._order.slots_wanted)
            if taken is not None:
                return taken
            time.sleep(_QUEUE_LOOK_S)

    def _execute(self, slots: tuple[str, ...], watch: Watch) -> int:
        environment = dict(self._order.environment)
        if self._order.gpus:
            environment["CUDA_VISIBLE_DEVICES"] = ",".join(slot.removeprefix("gpu-") for slot in slots)
        if self._order.cgroups:
            label, memory_bytes = f"run-{self._order.attempt}", self._order.memory_bytes
            self._group = cgroups.make(label, tasks=self._order.tasks, memory_bytes=memory_bytes)
        self._started_at = time.time()
        try:
            log = open_log(Path(self._order.directory))
            child = subprocess.Popen(
                self._order.command,
                cwd=self._order.directory,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=lambda: _before_the_command(self._group),
            )
            os.close(log)
        except OSError as error:
            say(self._folder, f"the command could not be started: {error}")
            return 127
        groups = [str(folder) for folder in self._group.folders]
        running = {**self._me, "state": "running", "started_at": self._started_at, "cgroups": groups}
        with contextlib.suppress(OSError):  # a full disk; the run goes on, and is shown as queued
            write_json(self._folder / SUPERVISOR, running)
        self._follow(child, watch)
        code = child.wait()
        largest_bytes = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024  # between two looks, one process
        self._peak_bytes = max(self._peak_bytes, largest_bytes)
        if self._group.ran_out_of_memory():
            self._peak_bytes = max(self._peak_bytes, self._group.most_bytes())
        return 128 - code if code < 0 else code

    # -- while it runs -------------------------------------------------------------------------------------------------

    def _follow(self, child: subprocess.Popen[bytes], watch: Watch) -> None:
        """Until the command has ended and nothing of it is left."""
        descriptor = os.pidfd_open(child.pid)
        if not self._sandboxed:
            self._main = processes.look(child.pid)
        events = [watch.descriptor] if watch.descriptor >= 0 else []
        while True:
            if self._sandboxed and self._main is None:
                descriptor = self._find_recipe(child.pid, descriptor)
            hurries = (self._sandboxed and self._main is None) or self._reason == "processes"
            ready, _, _ = select.select([descriptor, *events], [], [], 0.01 if hurries else _LOOK_S)
            if watch.descriptor in ready:
                watch.touched()
            tree = processes.descendants(os.getpid())
            _reap(child.pid)
            if descriptor in ready:
                break
            self._measure(tree)
            self._end_if_asked(tree)
        os.close(descriptor)
        self._end_the_rest(child)
        if self._sandboxed:
            processes.send(child.pid, signal.SIGCONT)

    def _find_recipe(self, outer: int, descriptor: int) -> int:
        """Once bubblewrap has started the recipe: stop the outer bubblewrap, and watch the recipe instead of it."""
        below = processes.descendants(outer)
        recipe = next((p for p in below if len(below) > 1 and p.parent == below[0].pid and p.name != "bwrap"), None)
        if recipe is None:
            return descriptor
        try:
            found = os.pidfd_open(recipe.pid)
        except ProcessLookupError:
            return descriptor
        processes.send(outer, signal.SIGSTOP)
        os.close(descriptor)
        self._main = recipe
        return found

    def _measure(self, tree: list[Process]) -> None:
        ceiling = self._order.memory_bytes
        used = processes.tree_bytes(tree, above=min(self._peak_bytes, ceiling))
        if self._sandboxed and self._main:
            with contextlib.suppress(OSError):  # its /tmp is a tmpfs, and so memory too
                temporary = os.statvfs(f"/proc/{self._main.pid}/root/tmp")
                used += (temporary.f_blocks - temporary.f_bfree) * temporary.f_frsize
        self._peak_bytes = max(self._peak_bytes, used)
        if not self._reason and (used > ceiling or self._group.ran_out_of_memory()):
            self._reason, self._kill_at = "memory", 0.0
        if not self._reason and sum(process.tasks for process in tree) > self._order.tasks:
            self._reason, self._kill_at = "processes", 0.0

    def _end_if_asked(self, tree: list[Process]) -> None:
        """SIGTERM to the recipe when there is a reason, SIGKILL to everything when its time is up."""
        if not self._reason:
            self._reason = self._asked()
            if self._reason:
                self._kill_at = time.time() + self._order.term_s if self._main else 0.0
                if self._main:
                    processes.send(self._main.pid, signal.SIGTERM)
        if self._reason and time.time() >= self._kill_at:
            for process in tree:
                processes.send(process.pid, signal.SIGKILL)

    def _asked(self) -> str:
        """Why the run has to end now; empty while it may go on."""
        with contextlib.suppress(FileNotFoundError):
            return (self._folder / CANCEL).read_text().strip() or "cancelled"
        if time.time() > self._order.deadline + self._order.grace_s:
            return "deadline"
        return "killed" if self._told_to_stop else ""

    def _on_signal(self, *_: object) -> None:
        self._told_to_stop = True

    # -- after ---------------------------------------------------------------------------------------------------------

    def _end_the_rest(self, child: subprocess.Popen[bytes]) -> None:
        """End what outlived the command, and remember its name unless we had killed the command."""
        if not self._sandboxed:
            child.wait()
        now = time.time()
        until, give_up = now + _ON_ITS_OWN_S, now + _GIVE_UP_S
        killing = bool(self._reason) and now >= self._kill_at
        while not self._nothing_is_left(child) and now < give_up:
            now = time.time()
            tree = [process for process in processes.descendants(os.getpid()) if process.pid != child.pid]
            if killing or now > until:
                named = {p.pid: str(p) for p in tree if not (self._sandboxed and p.parent == child.pid)}
                if not killing:
                    self._left.update(named or ({} if self._left else {0: "processes too short-lived to name"}))
                for process in tree:  # the namespace's init too: with it all of the namespace ends at once
                    processes.send(process.pid, signal.SIGKILL)
            time.sleep(0.002 if now > until else 0.02)

    def _nothing_is_left(self, child: subprocess.Popen[bytes]) -> bool:
        """The namespace's init outlives every process in it; outside the sandbox all orphans are our children."""
        if self._sandboxed:
            return not processes.descendants(child.pid)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return True
        return False

    def _verdict(self, code: int | None) -> tuple[str, str]:
        """State and reason."""
        if self._reason:
            return ("failed" if self._reason in _FAILURES else "cancelled"), self._reason
        if code == 0:
            return "succeeded", "finished"
        if self._group.ran_out_of_memory():
            return "failed", "memory"
        if self._group.refused():
            return "failed", "processes"
        if code in _FROM_OUTSIDE:
            return "failed", "killed"
        disk = os.statvfs(self._order.directory)
        return "failed", "disk" if disk.f_bavail * disk.f_frsize < _FULL_BYTES else "error"

    def _explain(self, reason: str) -> str:
        explained = {
            "memory": f"it used more than its {self._order.memory_bytes / 1e9:.2f} GB of memory",
            "processes": f"it wanted more than {self._order.tasks} processes and threads at a time",
            "deadline": "its deadline has passed",
            "killed": "a signal from outside killed it",
            "disk": "the disk is full",
        }
        return explained.get(reason, reason)


def _reap(command: int) -> None:
    """Orphans come to us as the subreaper; collect those that have ended. The command itself is Popen's to collect."""
    for entry in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split():
        if int(entry) != command:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(int(entry), os.WNOHANG)


def _before_the_command(group: cgroups.Group) -> None:
    """In the child: die with the supervisor, be counted, and be the one that the kernel picks when memory runs out."""
    group.enter()
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500")


def main(order_path: str) -> None:
    """Detach by a second fork, so that nobody waits for us and no terminal reaches us; then supervise."""
    if os.fork():
        os._exit(0)
    _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1)
    path = Path(order_path)
    Supervision(Order.read(path), path.parent).run()
