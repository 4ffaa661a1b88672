"""Failures that pass are tried again on a schedule; nothing is sent twice that was given out once."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from pydantic_ai.exceptions import ModelAPIError
from tests.agent.models.driving import Asked, ask, light
from tests.servers.openai_server import (
    OpenAIServer,
    Reply,
    broken_after,
    call,
    cut_after,
    error,
    overflow,
    quota,
    text,
)

from labwright.agent.models import RetryingModel, Schedule, Waiting

both = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])


class Clock:
    """Waits no time, and remembers how long it should have been."""

    def __init__(self) -> None:
        self.waits: list[float] = []
        self.told: list[Waiting] = []

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)


def retried(
    script: Sequence[Reply], *, stream: bool, schedule: Schedule | None = None
) -> tuple[Clock, Asked | None, int]:
    clock = Clock()
    with OpenAIServer(script) as server:
        model = RetryingModel(light(server), schedule=schedule, sleep=clock.sleep, on_wait=clock.told.append)
        try:
            asked: Asked | None = ask(model, stream=stream)
        except ModelAPIError:
            asked = None
        return clock, asked, len(server.requests)


@both
def test_a_rate_limit_waits_half_a_minute_then_a_minute(stream: bool) -> None:
    clock, asked, _ = retried([error(429), error(429), text("at last")], stream=stream)
    assert asked is not None
    assert asked.output == "at last"
    assert clock.waits == [30, 60]


@both
def test_a_rate_limit_waits_as_long_as_the_provider_says(stream: bool) -> None:
    clock, asked, _ = retried([error(429, "slow", {"retry-after": "7"}), text("ok")], stream=stream)
    assert asked is not None
    assert clock.waits == [7]


def test_a_wait_of_hours_is_not_waited() -> None:
    clock, asked, requests = retried([error(429, "slow", {"retry-after": "7200"}), text("ok")], stream=False)
    assert (clock.waits, asked, requests) == ([], None, 1)


@both
def test_a_passing_failure_is_tried_three_times_more(stream: bool) -> None:
    clock, asked, requests = retried([error(500), error(503), error(502), text("ok")], stream=stream)
    assert asked is not None
    assert clock.waits == [1, 4, 15]
    clock, asked, requests = retried([error(500)] * 9, stream=stream)
    assert (clock.waits, asked, requests) == ([1, 4, 15], None, 4)


@both
def test_each_kind_of_trouble_has_its_own_count(stream: bool) -> None:
    clock, asked, _ = retried([error(500), error(429), error(500), text("ok")], stream=stream)
    assert asked is not None
    assert clock.waits == [1, 30, 4]


@both
@pytest.mark.parametrize("reply", [quota(), error(401), error(400), error(404), overflow("openai"), overflow("tgi")])
def test_what_waiting_does_not_cure_is_not_tried_again(reply: Reply, stream: bool) -> None:
    clock, asked, requests = retried([reply, text("never")], stream=stream)
    assert (clock.waits, asked, requests) == ([], None, 1)


@pytest.mark.parametrize("reply", [cut_after(0), cut_after(1), broken_after(0), broken_after(1)])
def test_a_stream_that_fails_before_it_says_anything_is_opened_again(reply: Reply) -> None:
    clock, asked, _ = retried([reply, text("ok")], stream=True)
    assert asked is not None
    assert asked.output == "ok"
    assert clock.waits == [1]


@pytest.mark.parametrize(
    "reply", [cut_after(3), broken_after(3), cut_after(3, call("tool", {"a": "long enough to be cut"}))]
)
def test_a_stream_that_has_said_something_is_never_opened_again(reply: Reply) -> None:
    clock, asked, requests = retried([reply, text("twice")], stream=True)
    assert (clock.waits, asked, requests) == ([], None, 1)


def test_a_body_that_was_cut_is_asked_for_again() -> None:
    clock, asked, _ = retried([cut_after(1), text("ok")], stream=False)
    assert asked is not None
    assert clock.waits == [1]


def test_a_server_that_is_away_is_tried_again() -> None:
    clock = Clock()
    with OpenAIServer() as server:
        model = RetryingModel(light(server), sleep=clock.sleep)
    with pytest.raises(ModelAPIError):
        ask(model, stream=False)
    assert clock.waits == [1, 4, 15]


def test_whoever_watches_is_told_of_each_wait() -> None:
    clock, _, _ = retried([error(429, "slow down, please"), text("ok")], stream=False)
    [told] = clock.told
    assert (told.model, told.trouble, told.wait_s) == ("stub", "rate-limit", 30)
    assert "slow down, please" in told.said
