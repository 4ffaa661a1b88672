"""Short programs: what they may see, what they may take, and how their end is told."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from tests.compute.small_runs import SANDBOX

from labwright.compute import Sandbox
from labwright.compute.programs import SandboxedPrograms
from labwright.contracts.data import ProgramLimits

confined = pytest.mark.skipif(SANDBOX.boundary != "enforced", reason=SANDBOX.why)
LIMITS = ProgramLimits(timeout_s=240.0, memory_bytes=1 << 30, output_bytes=1 << 20)


def run(folder: Path, text: str, *args: str, limits: ProgramLimits = LIMITS, sandbox: Sandbox = SANDBOX):  # type: ignore[no-untyped-def]
    (folder / "program.py").write_text(text)
    return SandboxedPrograms(sandbox, dict(os.environ)).run("program.py", args, folder, limits)


def test_it_runs_in_its_folder_with_its_arguments(tmp_path: Path) -> None:
    (tmp_path / "beside.py").write_text("X = 3")
    end = run(
        tmp_path, "import sys, beside\nprint(sys.argv[1:], beside.X, __name__)\nopen('made', 'w').write('x')", "a"
    )
    assert (end.code, end.stdout.strip()) == (0, "['a'] 3 __main__")
    assert (tmp_path / "made").read_text() == "x"


def test_a_failure_is_told_with_its_words(tmp_path: Path) -> None:
    end = run(tmp_path, "raise ValueError('wrong')")
    assert end.code == 1 and "ValueError: wrong" in end.stderr


def test_time_memory_and_output_have_ceilings(tmp_path: Path) -> None:
    began = time.monotonic()
    slow = (
        "import subprocess as s, sys\ns.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\nwhile True: pass"
    )
    assert run(tmp_path, slow, limits=ProgramLimits(timeout_s=0.5)).code is None
    assert time.monotonic() - began < 300  # it does not wait for what the program started
    assert "MemoryError" in run(tmp_path, "x = bytearray(1 << 32)").stderr
    assert run(tmp_path, "open('big', 'wb').write(bytes(1 << 22))").code != 0
    assert (tmp_path / "big").stat().st_size <= 1 << 20


def test_what_it_says_at_length_is_cut(tmp_path: Path) -> None:
    end = run(tmp_path, "print('a' * 100_000 + 'end')")
    assert len(end.stdout) <= 4_000 and end.stdout.strip().endswith("end")


@confined
def test_it_sees_neither_its_neighbours_nor_a_network_nor_secrets(tmp_path: Path) -> None:
    (tmp_path / "inside").mkdir()
    (tmp_path / "secret").write_text("sealed")
    text = (
        "import os, socket\n"
        "odd = [k for k in os.environ if 'KEY' in k or 'TOKEN' in k and 'TOKENIZERS' not in k]\n"
        "print(os.path.exists('../secret'), odd)\n"
        "try:\n    socket.create_connection(('127.0.0.1', 9), 1)\nexcept OSError as e:\n    print(type(e).__name__)\n"
    )
    assert run(tmp_path / "inside", text).stdout.splitlines()[0] == "False []"
    assert SandboxedPrograms(SANDBOX).remark == ""


def test_without_a_sandbox_it_runs_and_the_remark_says_so(tmp_path: Path) -> None:
    assert run(tmp_path, "print(1)", sandbox=Sandbox("off")).code == 0
    assert "switched off" in SandboxedPrograms(Sandbox("off")).remark
