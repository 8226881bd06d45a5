"""What waiting widgets cost: a poll in microseconds of processor time, and ten thousand open pages by arithmetic.

How often a widget asks is read from the widget itself. The last table says what a conditional answer could save, which
the API does not have.
"""

import argparse
import re
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from flask import jsonify

from bench import ground, load
from bench.load import Request
from bench.shop import DATABASES, HEADERS, Shop, Visitor, open_shop
from bench.tables import spread, table
from kaltalk_iv.api import widget_file

WIDGETS = 10_000
LINES = 3  # in each conversation


@dataclass(frozen=True, slots=True)
class Cost:
    """What one request takes, in microseconds of processor time, and how many a worker answers in a second."""

    kaltalk_us: float
    postgresql_us: float
    per_second: float


def main(arguments: Sequence[str]) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="bench polling", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="under 20 seconds; in full: three minutes")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--databases", nargs="+", choices=DATABASES)
    asked = parser.parse_args(arguments)
    ground.take_the_other_cores()
    is_quick = asked.quick
    databases = asked.databases or (DATABASES[1:] if is_quick else DATABASES)
    rounds, seconds, count = (1, 1, 100) if is_quick else (asked.rounds, 4, WIDGETS)
    texts, found = [], {}
    for database in databases:
        with open_shop(database) as shop:
            costs = _measure(shop, rounds, seconds, count)
            weights = _weigh(shop)
        found[database] = {name: [asdict(cost) for cost in of] for name, of in costs.items()} | {"bytes": weights}
        middle = spread([cost.kaltalk_us + cost.postgresql_us for cost in costs["poll, nothing new"]]).middle
        texts += [_cost_table(database, costs), _widgets_table(database, middle), _saving_table(weights, middle)]
    text = "\n\n".join(texts)
    print(text)
    ground.save("polling", {"widgets": WIDGETS, "costs": found, "markdown": text})


def intervals() -> dict[str, float]:
    """Return the widget's pauses between polls, in seconds, as its source has them."""
    source = widget_file.script().decode()
    found = dict(re.findall(r"const (POLL_OPEN|POLL_REST|SLEEP_AFTER) = ([\d_]+);", source))
    if len(found) != 3 or "isQuiet ? Infinity : (me.open && !isHidden ? POLL_OPEN : POLL_REST)" not in source:
        raise load.WrongAnswer("the widget waits in another way now: read restTime again")
    return {name: int(value.replace("_", "")) / 1000 for name, value in found.items()}


def _measure(shop: Shop, rounds: int, seconds: int, count: int) -> dict[str, list[Cost]]:
    writers = shop.visitors(count, messages=LINES)
    shop.warm_up(seconds=1)
    silent = shop.visitors(min(count, 100), name="silent")
    caught_up = [_caught_up(shop, writer) for writer in writers]
    kinds: dict[str, tuple[list[Request], str]] = {
        "poll, nothing new": (caught_up, '"messages":[]'),
        f"poll, {LINES} new lines": (shop.polls(writers), f'"text":"Line {LINES - 1}'),
        "poll, no conversation yet": (shop.polls(silent), '"messages":[]'),
        "identify": (shop.identifies(writers), '"verified"'),
        "GET /healthz (no database)": ([Request("/healthz", method="GET")], '"ok"'),
    }
    found: dict[str, list[Cost]] = {name: [] for name in kinds}
    with ground.folder() as folder:
        for _ in range(rounds):
            for name, (requests, content) in kinds.items():
                found[name].append(_cost(shop, folder, requests, content, seconds))
    return found


def _cost(shop: Shop, folder: Path, requests: list[Request], content: str, seconds: int) -> Cost:
    file = load.write_requests(folder / "requests", requests)
    before = shop.cpu()
    shown = load.run(shop.server.origin, file, seconds=seconds, headers=HEADERS, content=content).checked("poll")
    after = shop.cpu()
    each = [(end - start) / shown.answered * 1e6 for start, end in zip(before, after, strict=True)]
    return Cost(each[0], each[1], shown.per_second)


def _caught_up(shop: Shop, visitor: Visitor) -> Request:
    """Return the poll of a widget that has read its thread. Its cursor is taken in this process: it is the same."""
    client = shop.app.test_client()
    headers = HEADERS | {"Authorization": f"Bearer {visitor.session}"}
    answer = client.get("/v1/messages", headers=headers).json
    if answer is None or len(answer["messages"]) != LINES:
        raise load.WrongAnswer("a visitor does not read the lines that it wrote")
    return Request(f"/v1/messages?after={answer['cursor']}", "", visitor.session, "GET")


def _weigh(shop: Shop) -> dict[str, float]:
    """Return the bytes of an empty poll, and the microseconds that making its JSON takes."""
    poll = _caught_up(shop, shop.visitors(1, messages=LINES, name="weighed")[0])
    answer = load.ask(shop.server.origin, poll, HEADERS)
    head = sum(len(name) + len(value) + len(": \r\n") for name, value in answer.headers.items())
    with shop.app.test_request_context():
        began = time.process_time_ns()
        for _ in range(2000):
            jsonify(answer.json)
        json_us = (time.process_time_ns() - began) / 2000 / 1000
    request = len(poll.path) + len(poll.bearer)
    return {"request": request, "head": head, "body": int(answer.headers["content-length"]), "json_us": json_us}


def _cost_table(database: str, costs: dict[str, list[Cost]]) -> str:
    rows = [
        (
            name,
            spread([cost.kaltalk_us for cost in of]),
            spread([cost.postgresql_us for cost in of]),
            spread([cost.per_second for cost in of]),
        )
        for name, of in costs.items()
    ]
    return table((f"{database}, one worker", "µs CPU", "µs CPU in PostgreSQL", "a second"), rows)


def _widgets_table(database: str, poll_us: float) -> str:
    """Return what pages in each state ask for, and how many processors answer them at the cost of an empty poll."""
    pause = intervals()
    often, seldom = 1 / pause["POLL_OPEN"], 1 / pause["POLL_REST"]
    states = {
        "panel open, page in sight": often,
        "panel closed, or page hidden, with a conversation": seldom,
        f"hidden for more than {pause['SLEEP_AFTER'] / 60:.0f} minutes": 0.0,
        "panel closed, nothing written yet": 0.0,
        "a shop's mix: 2 % open, 8 % with a conversation, 90 % neither": 0.02 * often + 0.08 * seldom,
        "for comparison: every page, each 3 seconds": often,
    }
    rows = [(name, WIDGETS * rate, f"{WIDGETS * rate * poll_us / 1e6:.2f}") for name, rate in states.items()]
    return table((f"{WIDGETS:,} pages ({database})", "polls a second", "processors busy"), rows)


def _saving_table(weights: dict[str, float], poll_us: float) -> str:
    body, head, json_us = weights["body"], weights["head"], weights["json_us"]
    rows = [
        ("an empty answer now", head + body, poll_us),
        ("a 304 in its place, at best", head, poll_us - json_us),
        ("saved", f"{body / (head + body):.0%}", f"{json_us / poll_us:.0%}"),
    ]
    return table(("what a conditional answer could save", "bytes", "µs CPU"), rows)
