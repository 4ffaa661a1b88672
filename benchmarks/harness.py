"""What the intern costs besides its model: 60 shell calls, scripted by a loopback server, from start to exit.

    python benchmarks/harness.py [--calls 60] [--rounds 3]

Three ways of doing the same are compared: `labwright run`; a bare agent of pydantic-ai's harness (Coder, Planning,
StepPersistence, OpenAI client), run here in turns with it; and ML-Intern, whose figures were measured on such a machine
before it was retired (`ml-intern --model vllm/stub "say hi"`). CPU and wall-clock are the best round's, memory the peak
of the process, bytes what the server received. Exit code 1 where a target is missed: half of ML-Intern's CPU and
wall-clock, 150 MB, a first request under 18,000 bytes with every family of tools reachable, 2 MB sent in all.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.servers.openai_server import OpenAIServer, call, text  # noqa: E402  the tests' own server

ML_INTERN = {"cpu_s": 14.2, "wall_s": 32.0, "peak_mb": 322.0, "first_bytes": 54_982.0, "sent_bytes": 3.74e6}
_MEASURE = """
import json, os, resource, subprocess, sys
done = subprocess.run(json.loads(sys.argv[1]), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps({"cpu_s": used.ru_utime + used.ru_stime, "peak_mb": used.ru_maxrss / 1024, "rc": done.returncode,
                  "said": done.stderr.decode()[-2000:]}))
"""
_BARE = """
import asyncio, sys
from pydantic_ai import Agent
from pydantic_ai.capabilities import LocalWorkspace
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.usage import UsageLimits
from pydantic_ai_harness import Coder, Planning, StepPersistence
from pydantic_ai_harness.step_persistence import FileStepStore
url, workspace = sys.argv[1:]
agent = Agent(
    OpenAIChatModel("stub", provider=OpenAIProvider(base_url=url, api_key="none")),
    capabilities=[LocalWorkspace(workspace), Coder(), Planning(), StepPersistence(store=FileStepStore(workspace))],
)
asyncio.run(agent.run("say hi", usage_limits=UsageLimits(request_limit=None)))
"""


@dataclass(frozen=True)
class Figures:
    """Of one program."""

    cpu_s: float
    wall_s: float
    peak_mb: float
    first_bytes: float
    sent_bytes: float


def measured(tool: str, command_for: object, calls: int) -> Figures:
    """Run a program against a server that asks for this many shell calls."""
    script = [call(tool, {"command": f"echo step {n}"}) for n in range(calls)]
    with tempfile.TemporaryDirectory() as folder, OpenAIServer([*script, text("done")]) as server:
        command, environment = command_for(server.url, Path(folder))  # type: ignore[operator]
        started = time.perf_counter()
        out = subprocess.run(
            [sys.executable, "-c", _MEASURE, json.dumps(command)], env=environment, capture_output=True, check=True
        )
        wall_s = time.perf_counter() - started
        said = json.loads(out.stdout)
        sizes = [request.size for request in server.requests]
    if said["rc"] != 0 or len(sizes) != calls + 1:
        sys.exit(f"{command[:4]} made {len(sizes)} requests and left with {said['rc']}:\n{said['said']}")
    return Figures(said["cpu_s"], wall_s, said["peak_mb"], sizes[0], sum(sizes))


def labwright(url: str, folder: Path) -> tuple[list[str], dict[str, str]]:
    """`labwright run` with nobody at the terminal."""
    (folder / "work").mkdir()
    command = [sys.executable, "-m", "labwright", "run", "say hi", "--model", "local:stub", "--workspace"]
    environment = {**os.environ, "LABWRIGHT_HOME": str(folder / "home"), "LABWRIGHT_BASE_URL": url}
    return [*command, str(folder / "work")], environment


def bare(url: str, folder: Path) -> tuple[list[str], dict[str, str]]:
    """An agent of the harness as its README puts one together."""
    return [sys.executable, "-c", _BARE, url, str(folder)], dict(os.environ)


def best(figures: list[Figures]) -> dict[str, float]:
    """The best of each figure over the rounds; the bytes are the same in all."""
    return {name: min(getattr(f, name) for f in figures) for name in ML_INTERN}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    ours: list[Figures] = []
    theirs: list[Figures] = []
    for _ in range(args.rounds):
        ours.append(measured("run_command", labwright, args.calls))
        theirs.append(measured("shell", bare, args.calls))
    rows = {"labwright": best(ours), "bare harness": best(theirs), "ML-Intern (noted)": ML_INTERN}
    print(f"{args.calls} shell calls   {'CPU s':>8} {'wall s':>8} {'peak MB':>8} {'first B':>8} {'sent MB':>8}")
    for name, row in rows.items():
        print(
            f"{name:<18} {row['cpu_s']:>8.1f} {row['wall_s']:>8.1f} {row['peak_mb']:>8.0f} "
            f"{row['first_bytes']:>8,.0f} {row['sent_bytes'] / 1e6:>8.2f}"
        )
    mine, bare_row = rows["labwright"], rows["bare harness"]
    print(f"against the bare harness: CPU x{mine['cpu_s'] / bare_row['cpu_s']:.2f}, "
          f"wall-clock x{mine['wall_s'] / bare_row['wall_s']:.2f}")  # fmt: skip
    targets = {
        "CPU, half of ML-Intern's": mine["cpu_s"] <= ML_INTERN["cpu_s"] / 2,
        "wall-clock, half of ML-Intern's": mine["wall_s"] <= ML_INTERN["wall_s"] / 2,
        "150 MB": mine["peak_mb"] <= 150,
        "first request under 18,000 bytes": mine["first_bytes"] < 18_000,
        "2 MB sent": mine["sent_bytes"] < 2e6,
    }
    for name, met in targets.items():
        print(f"{'met   ' if met else 'MISSED'} {name}")
    return 0 if all(targets.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
