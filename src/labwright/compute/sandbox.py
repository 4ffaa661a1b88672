"""The sandbox: a bubblewrap command line, and the probe that decides whether it may be relied on.

A binary on the PATH proves nothing: containers and hardened kernels forbid user namespaces. So the boundary is
`enforced` only after the same kind of command really ran, and could neither read a planted secret, nor see a network,
nor see another process. Where the probe fails, commands run unchanged and everyone is told why.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from labwright.contracts.research import Boundary

TEMPORARY_BYTES = 4 << 30  # ceiling of /tmp and of /dev/shm, which are the machine's memory
HOME_BYTES = 64 << 20
_PROBE_TIMEOUT_S = 120  # of a machine that hangs: a busy one must not lose its boundary
_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store", "/gnu/store")
_ETC = (
    "alternatives",
    "ca-certificates",
    "ca-certificates.conf",
    "group",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "localtime",
    "nsswitch.conf",
    "passwd",
    "pki/tls/certs",
    "ssl/certs",
    "ssl/openssl.cnf",
    "timezone",
)
_GPU_NODES = ("nvidia*", "kfd", "dri", "dxg")
_GPU_EXTRAS = ("/etc/OpenCL", "/etc/vulkan", "/opt/rocm", "/run/nvidia-persistenced")
_PROBE = """
import json, os, sys
def reads(path):
    try:
        return bool(open(path).read())
    except OSError:
        return False
links = [line.split(":")[0].strip() for line in open("/proc/net/dev") if ":" in line]
pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
print(json.dumps({"secrets": [p for p in sys.argv[1:] if reads(p)], "links": links, "pids": len(pids)}))
"""


@dataclass(frozen=True, slots=True)
class Mounts:
    """What a sandboxed command sees besides the system and its interpreter; directories or files that exist.

    `hidden` wins over every bind that holds it, but not over a bind inside it. `decoys` are pairs (stand-in, hidden
    path): the stand-in is what the command finds there, so that whoever opens it can be named.
    """

    read_only: tuple[Path, ...] = ()
    writable: tuple[Path, ...] = ()
    hidden: tuple[Path, ...] = ()
    decoys: tuple[tuple[Path, Path], ...] = ()


class Sandbox:
    """Wraps commands in bubblewrap where a probe has shown that it holds; `off` never does.

    `cgroups` says whether whoever starts a command may have the kernel count it, where this machine allows that.
    """

    def __init__(self, mode: Literal["auto", "off"] = "auto", cgroups: Literal["auto", "off"] = "auto") -> None:
        self._mode = mode
        self.cgroups = cgroups

    @property
    def boundary(self) -> Boundary:
        """Whether commands are really confined. The first call runs the probe (about 0.1 s)."""
        return "not enforced" if self._verdict else "enforced"

    @property
    def why(self) -> str:
        """Why commands are not confined, and the cure; empty where they are."""
        return self._verdict

    @cached_property
    def _verdict(self) -> str:
        if self._mode == "off":
            return "the sandbox is switched off (cure: unset LABWRIGHT_SANDBOX)"
        if not sys.platform.startswith("linux"):
            return "bubblewrap exists for Linux only (cure: run Labwright on Linux)"
        if shutil.which("bwrap") is None:
            return "bubblewrap is not installed (cure: apt-get install bubblewrap)"
        return _probe()

    def command(self, argv: Sequence[str], *, mounts: Mounts, cwd: Path, gpus: bool = True) -> list[str]:
        """`argv` inside the sandbox; unchanged where the boundary is not enforced.

        There is no network, no capability, no other process, an empty home and an empty /tmp. The system, the
        interpreter `argv[0]` and this process's own are read-only; nothing else of the machine is there but `mounts`.
        """
        if self._verdict:
            return list(argv)
        return _wrapped(argv, mounts, cwd, gpus)


# -- the command line --------------------------------------------------------------------------------------------------


def _wrapped(argv: Sequence[str], mounts: Mounts, cwd: Path, gpus: bool) -> list[str]:
    bwrap = shutil.which("bwrap") or "bwrap"
    size = str(TEMPORARY_BYTES)
    line = [bwrap, "--unshare-all", "--unshare-user", "--disable-userns", "--die-with-parent", "--new-session"]
    line += ["--cap-drop", "ALL", "--hostname", "labwright"]
    line += _system()
    line += ["--proc", "/proc", "--dev", "/dev", "--perms", "1777", "--size", size, "--tmpfs", "/dev/shm"]
    line += ["--ro-bind-try", "/sys/devices/system/cpu", "/sys/devices/system/cpu"]  # torch asks for the cores here
    line += _gpus() if gpus else []
    line += ["--perms", "1777", "--size", size, "--tmpfs", "/tmp"]
    home = Path.home().resolve()
    if home != Path("/"):
        line += ["--perms", "0700", "--size", str(HOME_BYTES), "--tmpfs", str(home)]
    line += _binds(argv[0], mounts)
    return [*line, "--chdir", str(cwd.resolve()), "--", *argv]


def _system() -> list[str]:
    line: list[str] = []
    for name in _SYSTEM:
        path = Path(name)
        if path.is_symlink():
            line += ["--symlink", str(path.readlink()), name]
        elif path.is_dir():
            line += ["--ro-bind", name, name]
    for name in _ETC:
        line += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
    return line


def _gpus() -> list[str]:
    nodes = [str(node) for pattern in _GPU_NODES for node in sorted(Path("/dev").glob(pattern))]
    if not nodes:
        return []
    line = ["--ro-bind-try", "/sys", "/sys"]
    for node in nodes:
        line += ["--dev-bind-try", node, node]
    for extra in _GPU_EXTRAS:
        line += ["--ro-bind-try", extra, extra]
    return line


def _binds(program: str, mounts: Mounts) -> list[str]:
    """All binds, parents before what lies inside them; at the same path a cover comes last."""
    steps: dict[tuple[Path, int], list[str]] = {}
    bound = {Path(name): Path(name) for name in _SYSTEM}  # where -> what really stands there

    def bind(option: str, path: Path, order: int) -> None:
        real = path.resolve()
        for place in {real, path.absolute()}:
            steps[(place, order)] = [option, str(real), str(place)]
            bound[place] = real

    for root in {*interpreter_roots(Path(sys.executable)), *interpreter_roots(Path(program))}:
        bind("--ro-bind", root, 0)
    for path in mounts.read_only:
        bind("--ro-bind", path, 1)
    for path in mounts.writable:
        bind("--bind", path, 2)
    decoys = {place.resolve(): stand_in for stand_in, place in mounts.decoys}
    for hidden in {*(path.resolve() for path in mounts.hidden), *decoys}:
        for place, cover in _covers(hidden, decoys.get(hidden), bound):
            steps[(place, 3)] = cover
    in_order = sorted(steps, key=lambda key: (len(key[0].parts), str(key[0]), key[1]))
    return [word for key in in_order for word in steps[key]]


def _covers(hidden: Path, decoy: Path | None, bound: Mapping[Path, Path]) -> Iterator[tuple[Path, list[str]]]:
    """What is put where over a hidden path: its decoy, or an emptiness wherever a bind would show it."""
    visible = {place / hidden.relative_to(real) for place, real in bound.items() if hidden.is_relative_to(real)}
    places = visible if hidden.exists() else set()  # where nothing is, nothing can be mounted inside a bind
    if decoy is not None and not visible:
        places = {hidden}
    for place in places:
        holds_bind = any(path != place and path.is_relative_to(place) for path in bound)
        if decoy is not None and not holds_bind and decoy.is_dir() == hidden.is_dir():
            yield place, ["--bind", str(decoy), str(place)]  # writable, so that a try to edit is seen as well
        elif visible:
            yield place, ["--tmpfs", str(place)] if hidden.is_dir() else ["--ro-bind", "/dev/null", str(place)]


def interpreter_roots(program: Path) -> tuple[Path, ...]:
    """The directories an interpreter needs: its virtual environment, and the installation behind it.

    A program that is no interpreter, or one of the system's, has none. The home itself is never one of them: an
    interpreter in ~/bin would open all of the home.
    """
    if not program.is_absolute() or not program.exists():
        return ()
    chain = [program]
    while chain[-1].is_symlink() and len(chain) < 16:
        chain.append(chain[-1].parent / chain[-1].readlink())
    candidates = [Path(os.path.normpath(link)).parent.parent for link in (*chain, program.resolve())]
    home = Path.home().resolve()
    return tuple(
        dict.fromkeys(
            root
            for root in candidates
            if not root.resolve().is_relative_to("/usr")
            and not home.is_relative_to(root.resolve())
            and ((root / "pyvenv.cfg").is_file() or any(root.glob("lib*/python3*")))
        )
    )


# -- the probe ---------------------------------------------------------------------------------------------------------


def _probe() -> str:
    """Run the real thing once. Empty where it holds, else what failed and the cure."""
    with tempfile.TemporaryDirectory(prefix="labwright-probe-") as name:
        top = Path(name)
        run, vault = top / "run", top / "run" / "vault"
        vault.mkdir(parents=True)
        secrets = [top / "home-secret", vault / "answers"]
        for secret in secrets:
            secret.write_text("sealed")
        argv = [sys.executable, "-I", "-S", "-c", _PROBE, *map(str, secrets)]
        line = _wrapped(argv, Mounts(writable=(run,), hidden=(vault,)), run, gpus=True)
        try:
            done = subprocess.run(line, capture_output=True, text=True, timeout=_PROBE_TIMEOUT_S, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"bubblewrap did not run: {error} (cure: reinstall it, apt-get install bubblewrap)"
        if done.returncode != 0:
            return _refusal(done.stderr)
        return _holes(json.loads(done.stdout))


def _refusal(stderr: str) -> str:
    last = (stderr.strip().splitlines() or ["no message"])[-1]
    cure = "allow user namespaces: sysctl user.max_user_namespaces=10000 kernel.unprivileged_userns_clone=1"
    if Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns").exists():
        cure += " kernel.apparmor_restrict_unprivileged_userns=0"
    if Path("/.dockerenv").exists():
        cure += "; in a container also: --security-opt seccomp=unconfined --security-opt systempaths=unconfined"
    if "unknown option" in last.lower():
        cure = "install bubblewrap 0.8 or newer"
    return f"bubblewrap cannot confine a process here: {last} (cure: {cure})"


def _holes(seen: dict[str, object]) -> str:
    if seen["secrets"]:
        return "bubblewrap ran, but a hidden file could be read (cure: update bubblewrap)"
    if seen["links"] not in ([], ["lo"]):
        return f"bubblewrap ran, but a network is there: {seen['links']} (cure: allow network namespaces)"
    if seen["pids"] not in (1, 2, 3):
        return "bubblewrap ran, but other processes are visible (cure: allow pid namespaces)"
    return ""
