"""What indexes cost those who write: ``python -m bench index_costs``.

Time and write-ahead log of a message, a new customer and a customer seen again, on a million, with every index of the
schema and without one or some of them. What is taken away comes back as it was. The log is counted in two parts: what
each change says (records), and the pages that PostgreSQL writes whole at their first change after a checkpoint: all of
them here, fewer and fewer until the next checkpoint in a server that runs for long.
"""

import argparse
import statistics
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, LiteralString

import psycopg

from bench import ground
from bench.asks import Ask, every_ask
from bench.filled import open_place
from bench.filled_worker import Side, start_worker
from bench.filling import FILLING_SETTINGS, SIZES, fill
from bench.growth import SERVER_SETTINGS, WARM_UP
from bench.rows import LARGE
from bench.tables import table

VARIANTS: dict[str, Sequence[str]] = {
    "every index": (),
    "without the two of proven names and e-mails": ("customers_proven_name", "customers_proven_email"),
    "without the one of marks": ("customers_verified_by",),
    "without the list by status": ("conversations_status",),
    "without the three by claims": (
        "conversations_claimed_id",
        "conversations_claimed_email",
        "conversations_claimed_name",
    ),
}
SEEN_AGAIN = "identify, customer seen again"
_SEEN_LONG_AGO = "UPDATE kaltalk_iv_customers SET last_seen_at = 0 WHERE organization_id = %s AND external_id = ANY(%s)"


def main(arguments: Sequence[str]) -> None:
    """Measure each variant in turn, and write the table."""
    parser = argparse.ArgumentParser(prog="bench index_costs", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="ten thousand customers, a few requests")
    parser.add_argument("--folder", help="where filled databases are kept; without it they are gone afterwards")
    parser.add_argument("--size", choices=SIZES, default="1m")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--requests", type=int, default=300, help="of each kind in a round")
    asked = parser.parse_args(arguments)
    if asked.quick:
        asked.size, asked.rounds, asked.requests = "10k", 1, 10
    ground.take_the_other_cores()
    by_name = {ask.name: ask for ask in every_ask()}
    asks = {name: by_name[name] for name in ("message", "identify, new customer")}
    asks[SEEN_AGAIN] = by_name["identify, known customer"]
    figures: dict[str, dict[str, list[tuple[float, ...]]]] = {}
    with open_place(asked.folder) as place:
        if place.find("plain", asked.size) is None:
            with place.server(FILLING_SETTINGS):
                fill(place, "plain", asked.size)
        filled = place.find("plain", asked.size)
        assert filled is not None
        with place.server(SERVER_SETTINGS), ExitStack() as workers, ground.connect(filled.url) as database:
            database.execute("CREATE EXTENSION IF NOT EXISTS pg_walinspect")
            side = start_worker(workers, filled)
            for number in range(asked.rounds):
                for variant, names in VARIANTS.items():
                    with _without(database, names):
                        for name, ask in asks.items():
                            side.ask(ask, WARM_UP)
                            cost = _cost(database, side, ask, asked.requests, seen_long_ago=name == SEEN_AGAIN)
                            figures.setdefault(name, {}).setdefault(variant, []).append(cost)
                print(f"round {number + 1} of {asked.rounds}", flush=True)
    rows = [
        [name, variant, *(round(statistics.median(part), 2) for part in zip(*costs, strict=True))]
        for name, of_name in figures.items()
        for variant, costs in of_name.items()
    ]
    print(table(["written by", "indexes", "ms", "KB of log, records", "KB of log, whole pages"], rows))
    ground.save("index_costs", {"asked": vars(asked), "settings": SERVER_SETTINGS, "figures": figures})


@contextmanager
def _without(database: psycopg.Connection[Any], names: Sequence[str]) -> Iterator[None]:
    """Take these indexes away meanwhile."""
    full = [f"ix_kaltalk_iv_{name}" for name in names]
    found = database.execute("SELECT indexname, indexdef FROM pg_indexes WHERE indexname = ANY(%s)", (full,)).fetchall()
    if len(found) != len(full):
        raise RuntimeError(f"of these indexes some are not there: {', '.join(full)}")
    for name, _definition in found:
        database.execute(f"DROP INDEX {name}")
    try:
        yield
    finally:
        for _name, definition in found:
            database.execute(definition)


def _cost(
    database: psycopg.Connection[Any], side: Side, ask: Ask, requests: int, *, seen_long_ago: bool
) -> tuple[float, ...]:
    """Return what one request costs: milliseconds (the median), kilobytes of log in records and pages (the mean)."""
    if seen_long_ago:
        database.execute(_SEEN_LONG_AGO, (LARGE, [person.sub for person in side.people[:requests]]))
    database.execute("CHECKPOINT")
    (before,) = _row(database, "SELECT pg_current_wal_flush_lsn()::text")
    milliseconds = 1000 * statistics.median(side.ask(ask, requests))
    (after,) = _row(database, "SELECT pg_current_wal_flush_lsn()::text")
    written = "SELECT sum(record_size), sum(fpi_size) FROM pg_get_wal_stats(%s, %s)"
    return milliseconds, *(float(part) / requests / 1024 for part in _row(database, written, before, after))


def _row(database: psycopg.Connection[Any], query: LiteralString, *values: str) -> tuple[Any, ...]:
    row = database.execute(query, values).fetchone()
    assert row is not None
    return tuple(row)
