"""The embedded backend: each run is a command in its own directory, under a supervisor that outlives the engine.

Nothing about a run is kept in memory: every call reads the run directory, so any process may ask about any run.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from labwright.compute.environment import home_in, scrubbed
from labwright.compute.layout import INPUTS, Recorded, lay_out, not_written, read_log, read_status, real_input
from labwright.compute.sandbox import Mounts, Sandbox
from labwright.compute.supervision import cgroups, processes
from labwright.compute.supervision.records import (
    CANCEL,
    DECOYS,
    ERRORS,
    FOLDER,
    LOCK,
    ORDER,
    STATUS,
    SUPERVISOR,
    Json,
    Order,
    keep_room,
    publish,
    read_json,
    say,
)
from labwright.contracts.compute import EndReason, RunHandle, RunOrder, RunStatus
from labwright.contracts.errors import BackendError
from labwright.contracts.research import RunState

_START_TIMEOUT_S = 120.0
_START = "import sys; sys.path.insert(0, sys.argv[1]); from supervision.main import main; main(sys.argv[2])"
_BAIT = ("test.jsonl", "dev.jsonl")  # what a decoy directory holds: the names one would look for
_FOLDERS = 64  # of a hidden directory that its decoy shows


class ProcessBackend:
    """Runs on this machine. `cpu_slots` runs without GPUs go at a time; of the others, as many as there are GPUs.

    Args:
        home: the lab's home; its `slots/` is shared by every process that uses this home.
        gpus: the GPUs' numbers; None means those with a device node.
        grace_s: how long after its deadline a run is left alone.
        term_s: how long after SIGTERM everything is killed.
    """

    name = "process"

    def __init__(
        self,
        home: Path,
        sandbox: Sandbox,
        *,
        cpu_slots: int = 1,
        gpus: tuple[int, ...] | None = None,
        grace_s: float = 10.0,
        term_s: float = 5.0,
    ) -> None:
        self._home = home.resolve()
        self._sandbox = sandbox
        self._cpu_slots = cpu_slots
        self.gpus = gpus if gpus is not None else _gpus_of_this_machine()
        self._grace_s = grace_s
        self._term_s = term_s

    # -- the protocol --------------------------------------------------------------------------------------------------

    def submit(self, order: RunOrder) -> RunHandle:
        """Start the run's supervisor, unless it lives or this attempt has ended; never starts an attempt twice.

        At the next attempt checkpoints stay, and the log goes on.

        Raises:
            BackendError: more GPUs are wanted than there are, an input is missing, or the supervisor did not start.
            StorageError: the disk is full.
        """
        if order.resources.gpus > len(self.gpus):
            raise BackendError(
                f"the run wants {order.resources.gpus} GPUs and this machine has {len(self.gpus)}", where=order.run_id
            )
        try:
            order.directory.mkdir(parents=True, exist_ok=True)
            with _locked(order.directory):
                return self._submit(order)
        except OSError as error:
            raise not_written(error, order.directory) from error

    def _submit(self, order: RunOrder) -> RunHandle:
        earlier = self.reattach(order.run_id, order.directory)
        if earlier is not None:
            recorded = _settled(earlier.directory)
            if recorded is None or recorded.attempt >= order.attempt:
                return earlier
        directory = lay_out(order)
        record = self._start(order, directory)
        return RunHandle(self.name, order.run_id, directory, _token(record))

    def poll(self, handle: RunHandle) -> RunStatus:
        """The run's status. A run whose supervisor is gone without a word is lost, and what is left of it is ended."""
        recorded = read_status(handle.directory)
        if recorded is not None:
            return recorded.status
        record = read_json(handle.directory / FOLDER / SUPERVISOR)
        if record is None:
            raise BackendError("no run was submitted here", where=str(handle.directory))
        if _lives(record):
            started = record.get("started_at")
            return RunStatus(
                state=RunState(str(record["state"])),
                started_at=float(started) if isinstance(started, (int, float)) else None,
                boundary=self._sandbox.boundary,
            )
        with _locked(handle.directory):
            settled = _settled(handle.directory)
        return self.poll(handle) if settled is None else settled.status  # None: started anew in the meantime

    def logs(self, handle: RunHandle, *, follow: bool = False) -> Iterator[str]:
        """The lines of log.txt; with `follow` until the run has ended. Raises BackendError if the run replaced it."""
        return read_log(handle.directory, is_over=lambda: not follow or self.poll(handle).state.is_final)

    def cancel(self, handle: RunHandle, reason: EndReason = "cancelled") -> None:
        """Ask the supervisor to end the run: SIGTERM to the recipe, then SIGKILL to everything. Does not wait."""
        if not self.poll(handle).state.is_final:
            try:
                (handle.directory / FOLDER / CANCEL).write_text(reason)
            except OSError as error:
                raise not_written(error, handle.directory) from error

    def reattach(self, run_id: str, directory: Path) -> RunHandle | None:
        """The handle of a run submitted earlier, by whatever process; None where it never started."""
        directory = directory.resolve()
        record = read_json(directory / FOLDER / SUPERVISOR)
        if record is None:
            return None
        return RunHandle(self.name, run_id, directory, _token(record))

    # -- starting ------------------------------------------------------------------------------------------------------

    def _start(self, order: RunOrder, directory: Path) -> Mapping[str, Json]:
        folder = directory / FOLDER
        for name in (SUPERVISOR, CANCEL, ERRORS, STATUS, f"../{STATUS}"):
            (folder / name).unlink(missing_ok=True)
        keep_room(folder)
        self._supervisor_order(order, directory).write(folder / ORDER)
        with (folder / ERRORS).open("wb") as errors:
            started = subprocess.run(
                [sys.executable, "-I", "-S", "-c", _START, str(Path(__file__).parent), str(folder / ORDER)],
                cwd="/",
                env={"PATH": os.defpath, "LANG": "C.UTF-8"},
                stdin=subprocess.DEVNULL,
                stdout=errors,
                stderr=errors,
                start_new_session=True,
                check=False,
            )
        until = time.monotonic() + _START_TIMEOUT_S
        while (record := read_json(folder / SUPERVISOR)) is None:
            trouble = (folder / ERRORS).read_text(errors="replace").strip()
            if trouble or started.returncode or time.monotonic() > until:
                last = trouble.splitlines()[-1] if trouble else f"exit code {started.returncode}"
                raise BackendError(f"the supervisor did not start: {last}", where=str(folder / ERRORS))
            time.sleep(0.01)
        return record

    def _supervisor_order(self, order: RunOrder, directory: Path) -> Order:
        decoys = self._decoys(order, directory)
        inputs = tuple(real_input(path, order.hidden) for path in order.inputs.values())
        mounts = Mounts(
            read_only=(*inputs, directory / INPUTS),
            writable=(directory,),
            hidden=(*order.hidden, directory / FOLDER),
            decoys=tuple((stand_in, path) for stand_in, path in decoys.items()),
        )
        wants_gpus = order.resources.gpus > 0
        command = self._sandbox.command(order.command, mounts=mounts, cwd=directory, gpus=wants_gpus)
        slots = [f"gpu-{n}" for n in self.gpus] if wants_gpus else [f"cpu-{n}" for n in range(self._cpu_slots)]
        return Order(
            run_id=order.run_id,
            attempt=order.attempt,
            directory=str(directory),
            command=command,
            environment=self._environment(order, directory),
            memory_bytes=order.resources.memory_bytes,
            tasks=order.resources.tasks,
            cgroups=self._sandbox.cgroups == "auto",
            deadline=order.deadline,
            grace_s=self._grace_s,
            term_s=self._term_s,
            slots_directory=str(self._home / "slots" / ("gpu" if wants_gpus else "cpu")),
            slots=slots,
            slots_wanted=order.resources.gpus if wants_gpus else 1,
            gpus=wants_gpus,
            boundary=self._sandbox.boundary,
            decoys={str(stand_in): str(path) for stand_in, path in decoys.items()},
        )

    def _environment(self, order: RunOrder, directory: Path) -> dict[str, str]:
        """What the order grants on top of the constants; without the sandbox, with a home in the run directory."""
        granted = dict(order.environment)
        if self._sandbox.boundary != "enforced":
            home = directory / ".home"
            home.mkdir(exist_ok=True)
            granted |= home_in(str(home))
        return scrubbed({}, granted) | {
            "LABWRIGHT_RUN_DIR": str(directory),
            "LABWRIGHT_SEED": str(order.seed),
            "LABWRIGHT_DEADLINE": repr(order.deadline),
        }

    def _decoys(self, order: RunOrder, directory: Path) -> dict[Path, Path]:
        """Stand-ins for the hidden paths: an empty file for a file, its folders with bait for a directory."""
        if self._sandbox.boundary != "enforced":
            return {}
        top = directory / FOLDER / DECOYS
        shutil.rmtree(top, ignore_errors=True)  # an earlier attempt could write to its decoys
        made = {}
        for number, hidden in enumerate(order.hidden):
            stand_in = top / str(number)
            stand_in.parent.mkdir(exist_ok=True)
            if hidden.is_file():
                stand_in.touch()
            else:
                _lay_bait(hidden, stand_in)
            made[stand_in] = hidden
        return made


def _lay_bait(hidden: Path, stand_in: Path) -> None:
    """The upper folders of a hidden directory, with nothing in them but files that one would look for."""
    stand_in.mkdir()
    folders = [hidden, *islice((p for p in (*hidden.glob("*/"), *hidden.glob("*/*/")) if not p.is_symlink()), _FOLDERS)]
    for folder in folders:
        place = stand_in / folder.relative_to(hidden)
        place.mkdir(parents=True, exist_ok=True)
        for name in _BAIT:
            (place / name).touch()


def _settled(directory: Path) -> Recorded | None:
    """Under the lock: the final status, or None while the supervisor lives.

    Where the supervisor is gone and could not write one, what is left of the run is ended and the run called lost.
    """
    record = read_json(directory / FOLDER / SUPERVISOR)
    if record is not None and _lives(record):
        return None
    recorded = read_status(directory)
    if recorded is not None or record is None:
        return recorded
    remains = processes.end_remains(directory)
    folders = record.get("cgroups")
    cgroups.remove(Path(folder) for folder in (folders if isinstance(folders, list) else ()))
    last_words = (directory / FOLDER / ERRORS).read_text(errors="replace").strip().splitlines()[-1:]
    say(directory / FOLDER, ": ".join(["the run is lost: its supervisor is gone", *last_words]))
    order = Order.read(directory / FOLDER / ORDER)
    status = {
        "state": RunState.LOST.value,
        "reason": "lost",
        "exit_code": None,
        "started_at": record.get("started_at"),
        "ended_at": time.time(),
        "peak_memory_bytes": None,
        "boundary": order.boundary,
        "left_behind": list(remains),
        "touched": [],
        "attempt": order.attempt,
    }
    try:
        publish(directory / FOLDER, status, patience_s=0.0)
    except OSError as error:
        raise not_written(error, directory) from error
    return read_status(directory)


def _gpus_of_this_machine() -> tuple[int, ...]:
    nodes = (path.name.removeprefix("nvidia") for path in Path("/dev").glob("nvidia[0-9]*"))
    return tuple(sorted(int(number) for number in nodes if number.isdigit()))


def _token(record: Mapping[str, Json]) -> str:
    return f"{record['pid']}:{record['started']}"


def _lives(record: Mapping[str, Json]) -> bool:
    pid, started = record["pid"], record["started"]
    assert isinstance(pid, int) and isinstance(started, int)
    return record["boot"] == processes.boot_id() and processes.is_alive(pid, started)


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """One process at a time decides about a run."""
    folder = directory / FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    descriptor = os.open(folder / LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
