"""How long an answer takes with ten thousand customers, a million, ten million: ``python -m bench growth``.

One client asks one worker, so that no request waits for another: what grows with the tables shows in p50 and p99. The
sizes are asked in turn, each for random customers of the large organization. A database that takes hours to fill is
kept in ``--folder`` and filled at the first run.
"""

import argparse
import itertools
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

from bench import ground
from bench.asks import Ask, every_ask
from bench.filled import open_place
from bench.filled_worker import Measured, Side, start_worker
from bench.filling import FILLING_SETTINGS, SIZES, fill
from bench.tables import spread, table

KINDS = ("plain", "parts", "sqlite")
SERVER_SETTINGS = ground.POSTGRESQL_SETTINGS | {"shared_buffers": "4GB", "max_wal_size": "4GB"}
WARM_UP = 12  # requests of each kind: then the driver's statements are prepared and the server's plans are chosen
FLAT = 1.5  # times the p50 of the smallest size


def main(arguments: Sequence[str]) -> None:
    """Fill what is missing, measure, and write the tables."""
    parser = argparse.ArgumentParser(prog="bench growth", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two small sizes, a few requests")
    parser.add_argument("--folder", help="where filled databases are kept; without it they are gone afterwards")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=["10k", "1m"])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=100, help="of each kind in a round")
    parser.add_argument("--only", default="", help="kinds of request whose name holds this")
    asked = parser.parse_args(arguments)
    if asked.quick:
        asked.sizes, asked.kinds, asked.rounds, asked.requests = ["10k"], ["plain", "sqlite"], 1, 5
    ground.take_the_other_cores()
    wanted = [(kind, size) for kind in asked.kinds for size in asked.sizes if (kind, size) != ("sqlite", "10m")]
    asks = [ask for ask in every_ask() if asked.only in ask.name]
    with open_place(asked.folder) as place:
        if any(place.find(*one) is None for one in wanted):
            with place.server(FILLING_SETTINGS):
                for one in wanted:
                    fill(place, *one)
        with place.server(SERVER_SETTINGS), ExitStack() as workers:
            sides = [start_worker(workers, filled) for one in wanted if (filled := place.find(*one)) is not None]
            _measure(sides, asks, asked.rounds, asked.requests)
    _tell(sides, asks, vars(asked))


def _measure(sides: Sequence[Side], asks: Sequence[Ask], rounds: int, requests: int) -> None:
    for side, ask in itertools.product(sides, asks):
        side.measured[ask.name] = Measured()
        side.ask(ask, min(WARM_UP, requests))
    for number in range(1, rounds + 1):
        for ask, side in itertools.product(asks, sides):
            side.measured[ask.name].rounds.append(side.ask(ask, requests))
        print(f"round {number} of {rounds}", flush=True)


def _tell(sides: Sequence[Side], asks: Sequence[Ask], asked: dict[str, Any]) -> None:
    """Print the tables, one for each kind of database, and save them with every figure."""
    settings = ", ".join(f"{name} {value}" for name, value in SERVER_SETTINGS.items())
    print(f"PostgreSQL with {settings}. Milliseconds, p50 / p99; the ratio is of p50, over the rounds.")
    for kind, group in itertools.groupby(sides, lambda side: side.filled.kind):
        of_kind = list(group)
        heads = [
            "asked",
            *(side.filled.size for side in of_kind),
            *(f"ratio {side.filled.size}" for side in of_kind[1:]),
        ]
        print(f"\n{kind}\n\n{table(heads, [_row(of_kind, ask.name) for ask in asks])}")
    figures = {
        side.name: {
            name: [[round(s * 1e6) for s in one] for one in kept.rounds] for name, kept in side.measured.items()
        }
        for side in sides
    }
    ground.save("growth", {"asked": asked, "settings": SERVER_SETTINGS, "microseconds": figures})


def _row(sides: Sequence[Side], name: str) -> list[str]:
    """Return the cells of one kind of request; a ratio that is not flat is marked."""
    measured = [side.measured[name] for side in sides]
    times = [f"{1000 * one.quantile(0.5):.1f} / {1000 * one.quantile(0.99):.1f}" for one in measured]
    ratios = [
        spread([larger / smaller for larger, smaller in zip(one.p50s(), measured[0].p50s(), strict=True)])
        for one in measured[1:]
    ]
    return [name, *times, *(f"**{ratio}**" if ratio.middle > FLAT else str(ratio) for ratio in ratios)]
