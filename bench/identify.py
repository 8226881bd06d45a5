"""The identify of a known customer whose claims are unchanged: what a page view costs, ours and the peers'.

A full run takes about twenty-five minutes.
"""

import random
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from bench import ground, report
from bench.checks import identify
from bench.data import Data, customer_claims, prepared, see_again, sign
from bench.load import write_requests
from bench.rounds import TRIAL_SECONDS, Plan, best_threads, in_turn, read_plan, steady

_BODIES = 5_000


def main(arguments: Sequence[str]) -> None:
    """Measure, write the results, and print them as a table."""
    plan = read_plan(arguments, "identify", __doc__)
    ground.take_the_other_cores()
    measured = []
    for backend in plan.backends:
        with ground.folder() as folder, prepared(backend, folder, plan.customers) as data:
            measured += _measure(plan, data, folder)
        # After each database: it is there if the rest breaks off.
        path = ground.save("identify", {"plan": plan.described(), "measured": measured})
    print(report.identify_table(path))


def page_views(data: Data, folder: Path) -> Path:
    """Return a file of identifies of random customers who were seen just now."""
    numbers = random.sample(range(1, data.customers + 1), min(_BODIES, data.customers))
    see_again(data, numbers)
    now = time.time()
    tokens = (sign(customer_claims(number), data.secret, now) for number in numbers)
    return write_requests(folder / "page-views", (identify(token) for token in tokens))


def _measure(plan: Plan, data: Data, folder: Path) -> list[dict[str, object]]:
    requests = page_views(data, folder)
    threads = {}
    for side in plan.sides:
        trial = partial(steady, plan, side, data, folder, requests, TRIAL_SECONDS)
        threads[side.name] = best_threads(plan, side, trial)
    measured: list[dict[str, object]] = []
    for number in range(plan.rounds):
        requests = page_views(data, folder)
        for side in in_turn(plan.sides, number):
            load = steady(plan, side, data, folder, requests, plan.seconds, threads[side.name])
            measured.append(report.entry(data.backend, side, number, threads[side.name], load))
            print(f"{data.backend}, round {number + 1}, {side.name}: {load.per_second:,.0f} a second", flush=True)
    return measured
