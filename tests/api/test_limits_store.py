"""Limits that several workers count together in Redis, and what happens while it is away (abuse case 46)."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import redis
from flask import Flask

from kaltalk_iv.rates import STORAGE_SETTING, Limit
from kaltalk_iv.testing import add_organization
from tests.api.test_limits import HERE, ask, statuses
from tests.api.world import Clock, build_app, dispose
from tests.support.redis_server import PASSWORD, RedisServer, running_redis

Make = Callable[..., Flask]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    """Give a Redis server."""
    with running_redis(tmp_path) as running:
        yield running


@pytest.fixture
def make(sqlite_url: str, server: RedisServer) -> Iterator[Make]:
    """Return a function that makes a worker of one KalTalk, which counts in Redis."""
    with ExitStack() as stack:

        def made(rate: str = "3 per minute", **config: Any) -> Flask:
            config = {"KALTALK_IV_LIMITS": "on", STORAGE_SETTING: server.url} | config
            app = build_app(sqlite_url, clock, **config | {Limit.IDENTIFY_ADDRESS.value: rate})
            app.extensions["test_clock"] = clock
            stack.callback(dispose, app)
            return app

        clock = Clock()
        clock.now = time.time()  # Redis has a clock of its own
        first = made()
        add_organization(first, "org_test")
        yield made


def test_workers_count_together_and_another_application_by_itself(make: Make) -> None:
    workers = [make(), make()]
    assert [ask(worker).status_code for worker in workers * 2] == [200, 200, 200, 429]
    refused = ask(workers[0])

    assert 50 <= int(refused.headers["Retry-After"]) <= 60
    assert ask(make(SECRET_KEY="the key of another application, long enough")).status_code == 200


def test_a_rate_that_was_changed_counts_anew(make: Make) -> None:
    """Else the window of an hour that was counted before would refuse everybody for the rest of it."""
    assert statuses(make("2 per hour"), 3) == [200, 200, 429]
    assert statuses(make("2 per minute"), 3) == [200, 200, 429]


def test_redis_learns_no_address(make: Make, server: RedisServer) -> None:
    ask(make())
    with redis.Redis.from_url(server.url) as client:
        keys = [bytes(key) for key in client.scan_iter()]

    assert keys
    assert all(key.startswith(b"kaltalk-iv:") and HERE.encode() not in key for key in keys)


def test_without_redis_identify_works_and_each_worker_counts_by_itself(
    make: Make, server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    worker = make()
    clock = worker.extensions["test_clock"]
    assert statuses(worker, 1) == [200]
    server.stop()
    began = time.monotonic()

    assert statuses(worker, 5) == [200, 200, 200, 429, 429], "a count of its own"
    assert time.monotonic() - began < 5
    alarms = [line for line in caplog.records if line.levelno >= logging.ERROR]
    assert len(alarms) == 1
    assert "each worker counts for itself" in alarms[0].getMessage()
    assert PASSWORD not in caplog.text
    assert "127.0.0.1" not in alarms[0].getMessage()

    clock.move(11)  # it is asked again, in vain, and that is no second alarm
    assert statuses(worker, 1) == [429]
    clock.move(60)
    assert statuses(worker, 1) == [200]
    assert len([line for line in caplog.records if line.levelno >= logging.ERROR]) == 2


def test_redis_is_used_again_when_it_is_back(make: Make, server: RedisServer) -> None:
    worker, other = make(), make()
    clock = worker.extensions["test_clock"]
    server.stop()
    assert statuses(worker, 4) == [200, 200, 200, 429]
    server.start()
    assert statuses(worker, 1) == [429], "not asked again at once"
    clock.move(11)

    assert [ask(one).status_code for one in (worker, other, worker, other)] == [200, 200, 200, 429]


def test_redis_may_be_away_when_the_application_starts(make: Make, server: RedisServer) -> None:
    server.stop()

    assert statuses(make(), 4) == [200, 200, 200, 429]


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({}, "Limits are counted in Redis"),
        ({STORAGE_SETTING: ""}, "Limits are counted in memory, by each worker for itself"),
        ({"KALTALK_IV_LIMITS": "off"}, "The limits are off"),
    ],
)
def test_one_line_says_where_limits_are_counted_with_the_first_request(
    make: Make, caplog: pytest.LogCaptureFixture, config: dict[str, str], said: str
) -> None:
    caplog.clear()
    caplog.set_level(logging.INFO)
    worker = make(**config)
    assert not [line for line in caplog.records if "imits are" in line.getMessage()], "commands stay quiet"
    statuses(worker, 3)

    assert [said in line.getMessage() for line in caplog.records if "imits are" in line.getMessage()] == [True]
    assert PASSWORD not in caplog.text
