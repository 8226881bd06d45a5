"""Two workers against one: identifies of known customers and new messages at once, on SQLite and PostgreSQL.

With two cores, two workers share them with wrk and PostgreSQL, so requests a second say little of a larger machine. The
processor time of a request says more: where it stays the same beside a second worker, cores alone are missing.
"""

import argparse
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

import sqlalchemy as sa

from bench import ground, load
from bench.shop import DATABASES, HEADERS, Shop, Visitor, open_shop
from bench.tables import Spread, spread, table
from kaltalk_iv.state import current_state

# More than any side sends in a second: a load that runs out of messages is no load.
MESSAGES_A_SECOND = 2500
CONNECTIONS = 4  # for each kind


@dataclass(frozen=True, slots=True)
class Setup:
    """How many workers, on how many cores."""

    name: str
    workers: int
    cores: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Round:
    """What one setup did in one round; processor time in microseconds of a request, whichever kind it was."""

    identifies: float  # a second
    messages: float
    kaltalk_us: float
    postgresql_us: float
    p99_ms: float


ALL_CORES = tuple(sorted(os.sched_getaffinity(0)))
SETUPS = (
    Setup("1 worker, a core of its own", 1, (ground.SERVER_CORE,)),
    Setup("1 worker, any core", 1, ALL_CORES),
    Setup("2 workers, any core", 2, ALL_CORES),
)


def main(arguments: Sequence[str]) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="bench workers", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="under 20 seconds; in full: two minutes and a half")
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args(arguments)
    ground.take_the_other_cores()
    found = {}
    rounds, seconds, visitors = (1, 1, 100) if asked.quick else (asked.rounds, 5, 2000)
    for database in DATABASES[1:] if asked.quick else DATABASES:
        found[database] = _measure(database, rounds, seconds, visitors)
    text = "\n\n".join(_table(database, of) for database, of in found.items())
    print(text)
    ground.save(
        "workers",
        {
            "rounds": {d: {name: [asdict(r) for r in rs] for name, rs in of.items()} for d, of in found.items()},
            "markdown": text,
        },
    )


def _measure(database: str, rounds: int, seconds: int, visitors: int) -> dict[str, list[Round]]:
    found: dict[str, list[Round]] = {setup.name: [] for setup in SETUPS}
    with ExitStack() as stack:
        shops = []
        for setup in SETUPS:
            shop = stack.enter_context(open_shop(database, workers=setup.workers, cores=setup.cores))
            people = shop.visitors(visitors)
            shop.warm_up(seconds=1)
            shops.append((setup.name, shop, people))
        folder = stack.enter_context(ground.folder())
        for _ in range(rounds):
            for name, shop, people in shops:
                found[name].append(_round(shop, people, seconds, folder))
    return found


def _round(shop: Shop, people: list[Visitor], seconds: int, folder: Path) -> Round:
    known = load.write_requests(folder / "identifies", shop.identifies(people))
    new = load.write_requests(folder / "messages", shop.messages(people, seconds * MESSAGES_A_SECOND))
    origin, before, stored = shop.server.origin, shop.cpu(), _stored(shop)
    with ThreadPoolExecutor(2) as pool:
        ask = {"seconds": seconds, "headers": HEADERS, "connections": CONNECTIONS}
        identifying = pool.submit(load.run, origin, known, content='"verified"', **ask)  # type: ignore[arg-type]
        writing = pool.submit(load.run, origin, new, expected=201, once=True, **ask)  # type: ignore[arg-type]
        identifies = identifying.result().checked("identify")
        messages = writing.result().checked("messages")
    after = shop.cpu()
    kept = _stored(shop) - stored
    if not messages.answered <= kept <= messages.answered + CONNECTIONS:
        raise load.WrongAnswer(f"{messages.answered} messages were acknowledged and {kept} stored")
    if messages.answered == seconds * MESSAGES_A_SECOND:
        raise load.WrongAnswer("the messages ran out: prepare more")
    answered = identifies.answered + messages.answered
    return Round(
        identifies.per_second,
        messages.per_second,
        (after[0] - before[0]) / answered * 1e6,
        (after[1] - before[1]) / answered * 1e6,
        max(identifies.p99_ms, messages.p99_ms),
    )


def _stored(shop: Shop) -> int:
    with shop.app.app_context():
        session = current_state().session
        count: int = session.execute(sa.text("SELECT count(*) FROM kaltalk_iv_messages")).scalar_one()
        session.rollback()
        return count


def _table(database: str, found: dict[str, list[Round]]) -> str:
    base = [one.identifies + one.messages for one in found[SETUPS[0].name]]
    rows = []
    for name, rounds in found.items():
        both = [one.identifies + one.messages for one in rounds]
        ratio: Spread = spread([one / two for one, two in zip(both, base, strict=True)])
        rows.append(
            (
                name,
                spread([one.identifies for one in rounds]),
                spread([one.messages for one in rounds]),
                ratio,
                spread([one.kaltalk_us for one in rounds]),
                spread([one.postgresql_us for one in rounds]),
                spread([one.p99_ms for one in rounds]),
            )
        )
    heads = (
        f"{database}, both kinds at once",
        "identifies/s",
        "messages/s",
        "times the first",
        "µs CPU a request",
        "in PostgreSQL",
        "p99 ms",
    )
    return table(heads, rows)
