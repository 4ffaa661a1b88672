"""The pace of a service, over threads and processes, and after the death of whoever had the turn."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.servers.replay import ReplayServer, Reply, Request, late, reply

from labwright.contracts.errors import ServiceError
from labwright.contracts.http import Service
from labwright.http import Http, Patience

INTERVAL_S = 0.2
TOO_LONG_S = 60.0  # an interval that nobody waits for in these tests
ASK = """
import sys
from pathlib import Path
from labwright.contracts.http import Service
from labwright.http import Http
service = Service("slow", sys.argv[1], interval_s=float(sys.argv[3]), one_at_a_time=sys.argv[4] == "one")
with Http(Path(sys.argv[2])) as http:
    print("ready", flush=True)
    sys.stdin.readline()
    for path in sys.argv[5:]:
        http.get(service, path)
"""


@pytest.fixture
def server() -> Iterator[ReplayServer]:
    with ReplayServer({"/*": lambda request: reply(request.path)}) as running:
        yield running


def slow(server: ReplayServer, *, one_at_a_time: bool = False) -> Service:
    return Service("slow", server.url, interval_s=INTERVAL_S, one_at_a_time=one_at_a_time)


def another_process(server: ReplayServer, cache: Path, mode: str, *paths: str) -> subprocess.Popen[bytes]:
    """A process that has opened the cache and asks for these paths once a line is written to it."""
    command = [sys.executable, "-c", ASK, server.url, str(cache), str(INTERVAL_S), mode, *paths]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None and process.stdout.readline() == b"ready\n"
    return process


def begin(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    process.stdin.write(b"\n")
    process.stdin.flush()


def keep_the_pace(server: ReplayServer, began: float) -> bool:
    """Whether no request came before its turn. A busy machine makes them late, and never early."""
    times = sorted(request.at for request in server.requests)
    return all(at - began > number * INTERVAL_S - 0.01 for number, at in enumerate(times))


def in_threads(http: Http, service: Service, paths: list[str]) -> None:
    threads = [threading.Thread(target=http.get, args=(service, path)) for path in paths]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.mark.parametrize("one_at_a_time", [False, True])
def test_threads_share_the_pace(server: ReplayServer, tmp_path: Path, one_at_a_time: bool) -> None:
    began = time.monotonic()
    with Http(tmp_path / "cache") as http:
        in_threads(http, slow(server, one_at_a_time=one_at_a_time), ["/1", "/2", "/3", "/4"])
    assert len(server.requests) == 4
    assert keep_the_pace(server, began)


def test_processes_share_the_pace(server: ReplayServer, tmp_path: Path) -> None:
    others = [another_process(server, tmp_path / "cache", "many", f"/{name}1", f"/{name}2") for name in "ab"]
    began = time.monotonic()
    with Http(tmp_path / "cache") as http:
        for other in others:
            begin(other)
        in_threads(http, slow(server), ["/1", "/2"])
    assert [other.wait(timeout=300) for other in others] == [0, 0]
    assert len(server.requests) == 6
    assert keep_the_pace(server, began)


def test_one_at_a_time_means_that_the_next_waits_for_the_answer(server: ReplayServer, tmp_path: Path) -> None:
    active, most, lock = 0, 0, threading.Lock()

    def answer(request: Request) -> Reply:
        nonlocal active, most
        with lock:
            active += 1
            most = max(most, active)
        until = time.monotonic() + (0.1 if request.path in ("/1", "/2", "/3") else 60)
        while most < 2 and time.monotonic() < until:  # whoever may come in between, comes
            time.sleep(0.01)
        with lock:
            active -= 1
        return reply("x")

    server.routes["/*"] = answer
    service = replace(slow(server, one_at_a_time=True), interval_s=0.0)
    with Http(tmp_path / "cache") as http:
        in_threads(http, service, ["/1", "/2", "/3"])
        assert most == 1
        in_threads(http, replace(service, one_at_a_time=False, name="many"), ["/4", "/5", "/6"])
    assert most > 1


def test_a_retry_keeps_to_the_pace_and_a_kept_answer_does_not_wait(server: ReplayServer, tmp_path: Path) -> None:
    server.fail(reply(500), times=2)
    began = time.monotonic()
    with Http(tmp_path / "cache", patience=Patience(first_wait_s=0.001)) as http:
        http.get(slow(server), "/1")
        assert keep_the_pace(server, began)
        answered = time.monotonic()
        for _ in range(5):
            http.get(replace(slow(server), interval_s=TOO_LONG_S), "/1")
        assert time.monotonic() - answered < TOO_LONG_S
    assert len(server.requests) == 3


def test_services_do_not_wait_for_each_other(server: ReplayServer, tmp_path: Path) -> None:
    began = time.monotonic()
    with Http(tmp_path / "cache") as http:
        http.get(replace(slow(server), interval_s=TOO_LONG_S), "/1")
        http.get(replace(slow(server), interval_s=TOO_LONG_S, name="another / one"), "/2")
    assert time.monotonic() - began < TOO_LONG_S


def test_a_process_that_is_killed_with_the_turn_gives_it_back(server: ReplayServer, tmp_path: Path) -> None:
    server.fail(late(600.0, reply("never")), path="/held")
    holder = another_process(server, tmp_path / "cache", "one", "/held")
    begin(holder)
    while not server.asked("/held"):
        assert holder.poll() is None
        time.sleep(0.01)
    with Http(tmp_path / "cache") as http:
        waiting = threading.Thread(target=http.get, args=(slow(server, one_at_a_time=True), "/next"))
        waiting.start()
        time.sleep(0.2)
        assert not server.asked("/next")
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        waiting.join(timeout=120)
    assert server.asked("/next")


def test_whoever_waits_for_too_long_is_told(server: ReplayServer, tmp_path: Path) -> None:
    told = threading.Event()

    def held(_: Request) -> Reply:
        told.wait(120)
        return reply("late")

    server.routes["/held"] = held
    service = slow(server, one_at_a_time=True)
    with Http(tmp_path / "cache") as first, Http(tmp_path / "cache", patience=Patience(turn_s=0.1)) as second:
        holder = threading.Thread(target=first.get, args=(service, "/held"))
        holder.start()
        while not server.asked("/held"):
            time.sleep(0.01)
        with pytest.raises(ServiceError, match=r"others were before this one for 0\.1 s"):
            second.get(service, "/next")
        told.set()
        holder.join()


@pytest.mark.parametrize("content", ["", "garbage", "99999999999999", "-1", "nan", "\x00\x00"])
def test_a_damaged_time_of_the_last_request_holds_nobody_up(server: ReplayServer, tmp_path: Path, content: str) -> None:
    (tmp_path / "cache" / "pace").mkdir(parents=True)
    (tmp_path / "cache" / "pace" / "slow.last").write_text(content)
    began = time.monotonic()
    with Http(tmp_path / "cache") as http:
        http.get(replace(slow(server), interval_s=TOO_LONG_S), "/1")
    assert time.monotonic() - began < TOO_LONG_S


def test_a_failed_request_frees_the_turn(server: ReplayServer, tmp_path: Path) -> None:
    server.fail(reply(404), times=1)
    service = slow(server, one_at_a_time=True)
    with Http(tmp_path / "cache") as http:
        with pytest.raises(ServiceError):
            http.get(service, "/1")
        assert http.get(service, "/1").text == "/1"
