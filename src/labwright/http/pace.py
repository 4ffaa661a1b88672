"""The pace at which a service is asked, over all threads and processes of a lab.

A small file a service holds the time of its last request; whoever holds the file's lock has the turn. The lock is the
operating system's, so it is free again the moment a process dies with it.
"""

from __future__ import annotations

import fcntl
import os
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from labwright.contracts.errors import ServiceError, StorageError
from labwright.contracts.http import Service
from labwright.http.patience import Patience
from labwright.http.question import question_of

_LOOK_S = 0.02  # between two looks at a lock that another process has


class Pace(httpx.BaseTransport):
    """Lets a request through when it is its turn."""

    def __init__(self, below: httpx.BaseTransport, directory: Path, patience: Patience) -> None:
        self._below = below
        self._directory = directory
        self._patience = patience
        self._guard = threading.Lock()
        self._turns: dict[str, threading.Lock] = {}

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Waits, and where the service takes one request at a time, keeps the turn until the answer is read."""
        service = question_of(request).service
        if service.interval_s <= 0 and not service.one_at_a_time:
            return self._below.handle_request(request)
        with self._turn(service) as descriptor:
            self._wait(service, descriptor)
            self._stamp(descriptor)
            if service.one_at_a_time:
                try:
                    return self._below.handle_request(request)
                finally:
                    self._stamp(descriptor)  # its interval counts from the answer
        return self._below.handle_request(request)

    def close(self) -> None:
        """See the layer below."""
        self._below.close()

    @contextmanager
    def _turn(self, service: Service) -> Iterator[int]:
        """The file's descriptor, with its lock held. Threads of this process queue on a lock of their own first."""
        deadline = time.monotonic() + self._patience.turn_s
        with self._guard:
            mine = self._turns.setdefault(service.name, threading.Lock())
        if not mine.acquire(timeout=self._patience.turn_s):
            raise _no_turn(service, self._patience.turn_s)
        try:
            descriptor = self._open(service)
            try:
                while not _locked(descriptor):
                    if time.monotonic() > deadline:
                        raise _no_turn(service, self._patience.turn_s)
                    time.sleep(_LOOK_S)
                yield descriptor
            finally:
                os.close(descriptor)  # and with it the lock
        finally:
            mine.release()

    def _open(self, service: Service) -> int:
        path = self._directory / f"{re.sub(r'[^a-z0-9-]', '_', service.name.lower())}.last"
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise _unusable(error, self._directory) from error

    def _wait(self, service: Service, descriptor: int) -> None:
        now = self._patience.clock()
        wait = _last(descriptor) + service.interval_s - now
        if 0 < wait <= service.interval_s:  # more: the clock was set back, and the file's time means nothing
            self._patience.sleep(wait)

    def _stamp(self, descriptor: int) -> None:
        try:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{self._patience.clock():.6f}".encode(), 0)
        except OSError as error:
            raise _unusable(error, self._directory) from error


def _unusable(error: OSError, directory: Path) -> StorageError:
    return StorageError.of(error, str(directory)) or StorageError(
        f"the pace of the services cannot be kept there: {error.strerror}",
        where=str(directory),
        cure="give the cache a directory of its own",
    )


def _last(descriptor: int) -> float:
    try:
        return float(os.pread(descriptor, 64, 0) or b"0")
    except ValueError:  # damaged: as if it had never been asked
        return 0.0


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _no_turn(service: Service, turn_s: float) -> ServiceError:
    return ServiceError(
        f"{service.name} is asked one request at a time, and others were before this one for {turn_s:g} s",
        cure="let the other commands of this lab end, then try again",
    )
