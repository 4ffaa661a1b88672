"""Watches the decoys that stand for hidden paths: whoever opens one was looking for sealed items.

A mount namespace does not hide an open from inotify, which watches the file itself. A plain look at the parent
directory is no event; listing or opening the decoy is, and so is opening anything in it to write.
"""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Mapping

_IN_OPEN = 0x20
_IN_NONBLOCK = os.O_NONBLOCK
_IN_CLOEXEC = os.O_CLOEXEC
_EVENT = struct.Struct("iIII")


class Watch:
    """An inotify watch over decoys; without inotify nothing is noticed, which is no reason to end a run."""

    def __init__(self, decoys: Mapping[str, str]) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._names: dict[int, str] = {}
        self._touched: dict[str, None] = {}
        self.descriptor: int = self._libc.inotify_init1(_IN_NONBLOCK | _IN_CLOEXEC) if decoys else -1
        if self.descriptor < 0:
            return
        for stand_in, stands_for in decoys.items():
            for folder, _, _ in [(stand_in, [], []), *os.walk(stand_in)]:
                watch = self._libc.inotify_add_watch(self.descriptor, os.fsencode(folder), _IN_OPEN)
                self._names[watch] = stands_for + folder.removeprefix(stand_in)

    def touched(self) -> tuple[str, ...]:
        """The hidden paths whose decoys have been opened so far."""
        while self.descriptor >= 0:
            try:
                data = os.read(self.descriptor, 1 << 16)
            except BlockingIOError:
                break
            offset = 0
            while offset < len(data):
                watch, _, _, length = _EVENT.unpack_from(data, offset)
                inside = data[offset + _EVENT.size : offset + _EVENT.size + length].rstrip(b"\0")
                if watch in self._names:
                    self._touched[self._names[watch] + (f"/{os.fsdecode(inside)}" if inside else "")] = None
                offset += _EVENT.size + length
        return tuple(self._touched)
