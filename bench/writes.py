"""What writes: the first identify of a new customer, a known one whose name has changed, and a message.

Afterwards the rows are counted: as many as were acknowledged. A full run takes about an hour.
"""

import itertools
import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from bench import ground, report
from bench.checks import HEADERS, check, check_messages, identify, session_of
from bench.data import Data, count, customer_claims, prepared, settle, sign
from bench.load import Load, Request, WrongAnswer, ask, json_body, run, write_requests
from bench.rounds import TRIAL_SECONDS, Plan, best_threads, in_turn, read_plan
from bench.sides import Side, running

_MOST_A_SECOND = 14_000  # answers; no side comes near
_SESSIONS = 200

# Makes so many requests whose rows carry the mark, for the server at an origin.
Prepare = Callable[[Data, str, str, int], Iterable[Request]]


@dataclass(frozen=True, slots=True)
class Job:
    """Something that writes one row a request, in a table where it can be counted by its mark."""

    name: str
    table: str
    prepare: Prepare
    expected: int = 200
    content: str = '"verified"'


def main(arguments: Sequence[str]) -> None:
    """Measure, count, write the results, and print them as tables."""
    plan = read_plan(arguments, "writes", __doc__ or "")
    sides = [side for side in plan.sides if not side.is_constant]
    ground.take_the_other_cores()
    measured = []
    for backend in plan.backends:
        with ground.folder() as folder, prepared(backend, folder, plan.customers) as data:
            measured += _measure(plan, sides, data, folder)
        # After each database: it is there if the rest breaks off.
        path = ground.save("writes", {"plan": plan.described(), "measured": measured})
    print(report.writes_table(path))


def new_customers(data: Data, _origin: str, mark: str, number: int) -> Iterator[Request]:
    """Yield identifies of customers whom nobody has seen."""
    now = time.time()
    for one in range(number):
        yield identify(sign(customer_claims(f"{mark}_{one}", f"{mark} {one}"), data.secret, now))


def changed_claims(data: Data, _origin: str, mark: str, number: int) -> Iterator[Request]:
    """Yield identifies of known customers, each another one, who have a new name."""
    now = time.time()
    for one in random.sample(range(1, data.customers + 1), min(number, data.customers)):
        yield identify(sign(customer_claims(one, f"{mark} {one}"), data.secret, now))


def messages(data: Data, origin: str, mark: str, number: int) -> Iterator[Request]:
    """Yield messages of some customers, who write in turn."""
    people = random.sample(range(1, data.customers + 1), min(_SESSIONS, data.customers))
    asked = [identify(sign(customer_claims(one), data.secret, time.time())) for one in people]
    sessions = [session_of(ask(origin, request, HEADERS)) for request in asked]
    for one in range(number):
        body = json_body({"text": f"{mark} {one}: where is my parcel?", "clientMessageId": f"{mark}-{one}"})
        yield Request("/v1/messages", body, sessions[one % len(sessions)])


JOBS = (
    Job("new customers", "customers", new_customers),
    Job("changed claims", "customers", changed_claims),
    Job("messages", "messages", messages, expected=201, content='"clientMessageId"'),
)


def _measure(plan: Plan, sides: Sequence[Side], data: Data, folder: Path) -> list[dict[str, Any]]:
    threads = {}
    for side in sides:
        trial = partial(_write, plan, JOBS[0], side, data, folder, TRIAL_SECONDS, "trial")
        threads[side.name] = best_threads(plan, side, trial)
    measured: list[dict[str, Any]] = []
    for number in range(plan.rounds):
        for job, side in itertools.product(JOBS, in_turn(sides, number)):
            settle(data)
            load = _write(plan, job, side, data, folder, plan.seconds, f"round {number + 1}", threads[side.name])
            measured.append(report.entry(data.backend, side, number, threads[side.name], load, job.name))
            told = f"{data.backend}, round {number + 1}, {job.name}, {side.name}"
            print(f"{told}: {load.per_second:,.0f} a second", flush=True)
    return measured


def _write(
    plan: Plan, job: Job, side: Side, data: Data, folder: Path, seconds: int, occasion: str, threads: int
) -> Load:
    """Return what ``side`` does with ``job``. Raises WrongAnswer when other rows are there than were acknowledged."""
    mark = f"{occasion}-{side.name}-{threads}-{job.name}".replace(" ", "-").replace("_", "-")  # _ is special to LIKE
    options: dict[str, Any] = {"headers": HEADERS, "connections": plan.connections, "once": True}
    options |= {"expected": job.expected, "content": job.content}
    with running(side, data, folder, threads) as server:
        check(server.origin, data)
        check_messages(server.origin, data, f"check-{mark}")
        if not plan.is_quick:
            warm_up = job.prepare(data, server.origin, f"warm-{mark}", _MOST_A_SECOND)
            file = write_requests(folder / "warm-up", warm_up)
            run(server.origin, file, seconds=1, **options).checked(side.name)
            settle(data)  # or PostgreSQL goes on as it planned while there were no rows
        requests = job.prepare(data, server.origin, mark, _MOST_A_SECOND * seconds)
        file = write_requests(folder / "requests", requests)
        load = run(server.origin, file, seconds=seconds, worker=server.pid, **options).checked(side.name)
    rows = count(data, job.table, ours=side.is_ours, like=f"{mark} %")
    # Where the load ends, an answer may be on its way on each connection.
    if not load.answered <= rows <= load.answered + plan.connections:
        raise WrongAnswer(f"{side.name}, {job.name}: {load.answered} were acknowledged, and {rows} rows are there")
    return load
