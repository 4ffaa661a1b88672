"""What the processes that run a model's code deny themselves, in the sandbox or out of it. Imports nothing of ours.

Both scripts beside it load it by its path: they run where Labwright cannot be imported.
"""

from __future__ import annotations

import ctypes
import errno
import platform
import resource
import struct
import sys

_PR_SET_DUMPABLE, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS, _CLONE_THREAD = 4, 22, 38, 0x10000
_CALLS = {  # architecture, clone, clone3, and the other calls that make processes
    "x86_64": (0xC000003E, 56, 435, 57, 58),
    "aarch64": (0xC00000B7, 220, 435),
}


def limit(cpu_s: int, memory_bytes: int) -> None:
    """Set what this process may use: a program that wants more fails by itself."""
    limits = {
        resource.RLIMIT_CPU: cpu_s,
        resource.RLIMIT_AS: memory_bytes,
        resource.RLIMIT_FSIZE: 16 << 20,
        resource.RLIMIT_NOFILE: 64,
        resource.RLIMIT_NPROC: 8,
        resource.RLIMIT_CORE: 0,
    }
    for which, most in limits.items():
        _, hard = resource.getrlimit(which)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(which, (most, most))


def closed(yes: bool) -> None:
    """Whether other processes of this user may neither read nor write this one's memory and files; children inherit it.

    For a process that is under no limits and has children which are: they could else take it over, and its freedom.
    """
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0 if yes else 1, 0, 0, 0)


def confine(cpu_s: int, memory_bytes: int, filtered: str) -> None:
    """Both of what follows. Raises OSError where the kernel cannot forbid processes, unless `filtered` is "may"."""
    limit(cpu_s, memory_bytes)
    try:
        no_children()
    except OSError:
        if filtered != "may":
            raise


def no_children() -> None:
    """Forbid new processes to this one, for good; threads stay. Raises OSError where the kernel cannot.

    A limit on their number (RLIMIT_NPROC) does not bind processes that root started, not even in a user namespace: a
    program that forks without end would take the machine. So the calls themselves are refused, by a seccomp filter.
    """
    numbers = _CALLS.get(platform.machine())
    if not sys.platform.startswith("linux") or numbers is None:
        return
    arch, clone, clone3, *forks = numbers
    load, equal, at_least, any_of, done = 0x20, 0x15, 0x35, 0x45, 0x06
    denied, unknown, allowed = 0x00050000 | errno.EPERM, 0x00050000 | errno.ENOSYS, 0x7FFF0000
    rules = [
        (load, 0, 0, 4),  # the architecture
        (equal, 1, 0, arch),
        (done, 0, 0, denied),
        (load, 0, 0, 0),  # the call's number
        (at_least, 0, 1, 0x40000000),  # calls by another convention
        (done, 0, 0, denied),
        (equal, 0, 1, clone3),  # its flags cannot be looked at; the C library then takes clone
        (done, 0, 0, unknown),
    ]
    for number in forks:
        rules += [(equal, 0, 1, number), (done, 0, 0, denied)]
    rules += [
        (equal, 1, 0, clone),
        (done, 0, 0, allowed),
        (load, 0, 0, 16),  # clone's flags
        (any_of, 1, 0, _CLONE_THREAD),
        (done, 0, 0, denied),
        (done, 0, 0, allowed),
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *rule) for rule in rules))
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", len(rules), ctypes.addressof(code)))
    control = ctypes.CDLL(None, use_errno=True).prctl
    if control(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or control(_PR_SET_SECCOMP, 2, program, 0, 0):
        raise OSError(ctypes.get_errno(), "the kernel sets no seccomp filter")
