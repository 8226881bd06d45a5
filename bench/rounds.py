"""Rounds: all sides one after the other, several times over, so that a slow minute of the machine meets all of them."""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.checks import HEADERS, check
from bench.data import BACKENDS, Backend, Data
from bench.load import Load, run
from bench.sides import SIDES, Side, running

_WARM_UP_SECONDS = 2
TRIAL_SECONDS = 2


@dataclass(frozen=True, slots=True)
class Plan:
    """How long and with what it is measured."""

    rounds: int
    seconds: int
    customers: int
    connections: int
    backends: Sequence[Backend]
    sides: Sequence[Side]
    is_quick: bool

    def described(self) -> dict[str, Any]:
        """Return what a reader of the results must know of it."""
        named = ("rounds", "seconds", "customers", "connections")
        return {name: value for name, value in asdict(self).items() if name in named}


def read_plan(arguments: Sequence[str], name: str, description: str) -> Plan:
    """Return the plan that the command line asks for."""
    parser = argparse.ArgumentParser(prog=f"bench {name}", description=description)
    parser.add_argument("--quick", action="store_true", help="try every side for a second on little data")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=int, help="of load for each side in each round")
    parser.add_argument("--customers", type=int)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--backends", nargs="+", choices=BACKENDS, help="--quick tries SQLite alone")
    parser.add_argument("--sides", nargs="+", choices=[side.name for side in SIDES], metavar="SIDE")
    asked = parser.parse_args(arguments)
    rounds, seconds, customers = (1, 1, 1_000) if asked.quick else (3, 5, 100_000)
    return Plan(
        asked.rounds or rounds,
        asked.seconds or seconds,
        asked.customers or customers,
        asked.connections,
        asked.backends or BACKENDS[: 1 if asked.quick else None],
        [side for side in SIDES if asked.sides is None or side.name in asked.sides],
        is_quick=asked.quick,
    )


def in_turn(sides: Sequence[Side], round_number: int) -> list[Side]:
    """Return the sides in the order of a round: none is always the first one."""
    first = round_number % len(sides)
    return [*sides[first:], *sides[:first]]


def best_threads(plan: Plan, side: Side, trial: Callable[[int], Load]) -> int:
    """Return the number of threads with which ``side`` answers most in a ``trial``, each tried once."""
    if plan.is_quick or len(side.threads) == 1:
        return side.threads[0]
    found = {threads: trial(threads).per_second for threads in side.threads}
    best = max(found, key=lambda threads: found[threads])
    tried = ", ".join(f"{threads}: {speed:,.0f}" for threads, speed in found.items())
    print(f"{side.name}, answers a second by threads: {tried}", flush=True)
    return best


def steady(plan: Plan, side: Side, data: Data, folder: Path, requests: Path, seconds: int, threads: int) -> Load:
    """Return what ``side`` does with these identifies, each of a known customer with unchanged claims."""
    with running(side, data, folder, threads) as server:
        if not side.is_constant:
            check(server.origin, data)
        options: dict[str, Any] = {"headers": HEADERS, "connections": plan.connections, "content": '"verified"'}
        if not plan.is_quick:
            run(server.origin, requests, seconds=_WARM_UP_SECONDS, **options)
        load = run(server.origin, requests, seconds=seconds, worker=server.pid, **options).checked(side.name)
        if not side.is_constant:
            check(server.origin, data)
    return load
