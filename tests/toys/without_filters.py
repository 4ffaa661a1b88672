"""Stands for a kernel that sets no seccomp filters, as under emulation: `python without_filters.py COMMAND…`.

The command, and whatever it starts, is told that there are none; the filter that sees to that is its last.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import sys

_LOAD, _EQUAL, _DONE = 0x20, 0x15, 0x06
_PRCTL = {"x86_64": 157, "aarch64": 167}[os.uname().machine]
_PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 22, 38


def main(command: list[str]) -> None:
    rules = [
        (_LOAD, 0, 0, 0),  # the call's number
        (_EQUAL, 0, 3, _PRCTL),
        (_LOAD, 0, 0, 16),  # its first argument
        (_EQUAL, 0, 1, _PR_SET_SECCOMP),
        (_DONE, 0, 0, 0x00050000 | errno.EINVAL),
        (_DONE, 0, 0, 0x7FFF0000),
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *rule) for rule in rules))
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", len(rules), ctypes.addressof(code)))
    control = ctypes.CDLL(None, use_errno=True).prctl
    if control(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or control(_PR_SET_SECCOMP, 2, program, 0, 0):
        sys.exit("no filter can be set here")
    os.execvp(command[0], command)


if __name__ == "__main__":
    main(sys.argv[1:])
