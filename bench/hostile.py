"""Hostile load: what junk costs to refuse, and what good requests lose while it comes at full speed.

A fair share: beside k connections of junk, a good connection gets at least what it gets beside k good ones.
"""

import argparse
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from bench import ground, load
from bench.junk import Junk, kinds
from bench.shop import DATABASES, HEADERS, Shop, open_shop
from bench.stream import Stream
from bench.tables import table

GOOD = "a good identify"
FAIR = 0.9  # of what a good connection gets beside good ones; the rest is noise
CONNECTIONS = 8  # of junk beside the steady stream


@dataclass(frozen=True, slots=True)
class Cost:
    """What one request weighs, the microseconds of processor time it takes, and how many a worker answers a second."""

    sent_bytes: int
    kaltalk_us: float
    postgresql_us: float
    per_second: float

    @property
    def both(self) -> float:
        """In KalTalk and PostgreSQL together."""
        return self.kaltalk_us + self.postgresql_us


@dataclass(frozen=True, slots=True)
class Beside:
    """What good requests saw beside junk: a steady stream's rate and times, and one busy connection's share."""

    rate: float
    p50_ms: float
    p99_ms: float
    share: dict[int, float]  # of what it gets beside as many good connections, by the number of junk connections


def main(arguments: Sequence[str]) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="bench hostile", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a second of some kinds; in full: ten minutes")
    parser.add_argument("--database", choices=DATABASES, default="postgresql")
    parser.add_argument("--rate", type=int, default=50, help="good requests a second in the steady stream")
    asked = parser.parse_args(arguments)
    ground.take_the_other_cores()
    seconds, many = (1, (8,)) if asked.quick else (5, (1, 8))
    with open_shop(asked.database) as shop, ground.folder() as folder:
        shop.warm_up(seconds=1)
        people = shop.visitors(100 if asked.quick else 1000)
        # Not among those whose names the junk bears: what it does to them is theirs.
        good = Junk(GOOD, 200, shop.identifies(shop.visitors(100, name="good")), HEADERS)
        every = [good, *kinds(shop, people)[:: 4 if asked.quick else 1]]
        costs = {one.name: _cost(shop, one, folder, seconds) for one in every}
        watched = every[:2] if asked.quick else every
        beside = {one.name: _beside(shop, good, one, folder, seconds, many, asked.rate) for one in watched}
        quiet = _steady(shop, good, None, folder, seconds, asked.rate)
    with open_shop(asked.database, settings={}) as shop, ground.folder() as folder:
        good = Junk(GOOD, 200, shop.identifies(shop.visitors(20)), HEADERS)
        limited = _cost(shop, Junk("refused by the limit of its address", 429, good.requests, HEADERS), folder, seconds)
    costs["refused by the limit of its address"] = limited
    text = f"{_cost_table(costs)}\n\n{_beside_table(beside, quiet, asked.rate)}"
    print(text)
    ground.save(
        "hostile",
        {
            "costs": {name: asdict(cost) for name, cost in costs.items()},
            "beside": {name: asdict(of) for name, of in beside.items()},
            "quiet": asdict(quiet),
            "markdown": text,
        },
    )


def _cost(shop: Shop, junk: Junk, folder: Path, seconds: int) -> Cost:
    file = load.write_requests(folder / "junk", junk.requests)
    if junk.status == 429:  # what the limit still lets pass
        load.run(shop.server.origin, file, seconds=2, headers=junk.headers)
    shop.tidy()  # what another kind has written is not vacuumed at this one's expense
    before = shop.cpu()
    shown = load.run(shop.server.origin, file, seconds=seconds, headers=junk.headers, expected=junk.status)
    after = shop.cpu()
    answered = shown.checked(junk.name).answered
    kaltalk, postgresql = ((end - start) / answered * 1e6 for start, end in zip(before, after, strict=True))
    one = junk.requests[0]
    sent = len(one.path) + len(one.bearer) + len(one.body.encode())
    return Cost(sent, kaltalk, postgresql, shown.per_second)


def _beside(shop: Shop, good: Junk, junk: Junk, folder: Path, seconds: int, many: Sequence[int], rate: int) -> Beside:
    steady = _steady(shop, good, junk, folder, seconds, rate)
    share = {k: _pace(shop, good, junk, folder, seconds, k) / _pace(shop, good, good, folder, seconds, k) for k in many}
    return Beside(steady.rate, steady.p50_ms, steady.p99_ms, share)


def _steady(shop: Shop, good: Junk, junk: Junk | None, folder: Path, seconds: int, rate: int) -> Beside:
    """Return what a steady stream of good requests sees, beside junk at full speed or alone."""
    shop.tidy()
    if junk is not None:
        file = load.write_requests(folder / "junk", junk.requests)
    with Stream(shop.server.port, good.requests, rate=rate) as stream:
        if junk is None:
            time.sleep(seconds)
        else:
            sent = {"headers": junk.headers, "expected": junk.status, "connections": CONNECTIONS}
            load.run(shop.server.origin, file, seconds=seconds, **sent).checked(junk.name)  # type: ignore[arg-type]
        count = stream.count
    return Beside(count / seconds, *stream.milliseconds(), {})


def _pace(shop: Shop, good: Junk, other: Junk, folder: Path, seconds: int, count: int) -> float:
    """Return how many good requests one connection gets answered in a second, beside ``count`` others."""
    shop.tidy()
    ours = load.write_requests(folder / "good", good.requests)
    theirs = load.write_requests(folder / "other", other.requests)
    origin = shop.server.origin
    with ThreadPoolExecutor(1) as pool:
        beside = pool.submit(
            load.run,
            origin,
            theirs,
            seconds=seconds + 1,
            headers=other.headers,
            expected=other.status,
            connections=count,
        )
        one = load.run(origin, ours, seconds=seconds, headers=HEADERS, content='"verified"', connections=1)
        beside.result().checked(other.name)
    return one.checked(GOOD).per_second


def _cost_table(costs: dict[str, Cost]) -> str:
    good = costs[GOOD].both
    ordered = sorted(costs.items(), key=lambda item: item[1].both)
    rows = [(name, c.sent_bytes, c.kaltalk_us, c.postgresql_us, c.both / good, c.per_second) for name, c in ordered]
    return table(("one request", "bytes", "µs CPU", "in PostgreSQL", "times a good identify", "a second"), rows)


def _beside_table(beside: dict[str, Beside], quiet: Beside, rate: int) -> str:
    many = next(iter(beside.values())).share
    rows: list[Sequence[object]] = [("nothing", quiet.rate, quiet.p50_ms, quiet.p99_ms, *("" for _ in many))]
    for name, of in beside.items():
        shares = [f"{share:.2f}{'' if share >= FAIR else ' LESS'}" for share in of.share.values()]
        rows.append((name, of.rate, of.p50_ms, of.p99_ms, *shares))
    heads = [f"beside {k} of it, times a fair share" for k in many]
    return table((f"{rate} good ones a second beside", "answered a second", "p50 ms", "p99 ms", *heads), rows)
