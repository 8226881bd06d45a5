"""A worker's memory over a million requests: identifies, new customers, messages, polls and bad ones in turn.

Level means that in the last half of the run it moved by no more than three hundredths.
"""

import argparse
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from bench import ground, load
from bench.load import Request
from bench.processes import resident_bytes
from bench.shop import DATABASES, GENEROUS, HEADERS, Shop, Visitor, open_shop
from bench.tables import table

REQUESTS = 1_000_000
QUICK_REQUESTS = 20_000
LEVEL = 0.03
MEBIBYTE = 2**20

# From many addresses: what is counted by address must not pile up.
SETTINGS = GENEROUS | {"KALTALK_PROXY_HOPS": "1"}


@dataclass(frozen=True, slots=True)
class Sample:
    """How much the worker held after so many requests."""

    requests: int
    resident: int


def main(arguments: Sequence[str]) -> None:
    """Measure, print, and say whether it is level."""
    parser = argparse.ArgumentParser(prog="bench memory", description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_REQUESTS:,} requests; in full some minutes")
    parser.add_argument("--requests", type=int)
    parser.add_argument("--database", choices=DATABASES, default="postgresql")
    asked = parser.parse_args(arguments)
    ground.take_the_other_cores()
    wanted = asked.requests or (QUICK_REQUESTS if asked.quick else REQUESTS)
    visitors, seconds = (100, 1) if asked.quick else (2000, 3)
    samples = _run(asked.database, wanted, visitors, seconds)
    moved = movement(samples)
    text = _table(samples, asked.database, moved)
    print(text)
    ground.save("memory", {"samples": [asdict(sample) for sample in samples], "moved": moved, "markdown": text})


def movement(samples: Sequence[Sample]) -> float:
    """Return how far the memory moved in the last half of the requests, as a part of what it was there at least."""
    half = [sample.resident for sample in samples if sample.requests >= samples[-1].requests / 2]
    return (max(half) - min(half)) / min(half)


def _run(database: str, wanted: int, visitors: int, seconds: int) -> list[Sample]:
    with open_shop(database, settings=SETTINGS) as shop, ground.folder() as folder:
        people = shop.visitors(visitors)
        [worker] = shop.workers
        samples = [Sample(0, resident_bytes(worker))]
        sent = 0
        while sent < wanted:
            for expected, requests in _kinds(shop, people):
                sent += _send(shop, load.write_requests(folder / "requests", requests), expected, seconds)
            samples.append(Sample(sent, resident_bytes(worker)))
        return samples


def _kinds(shop: Shop, people: list[Visitor]) -> list[tuple[int, list[Request]]]:
    """Return what is sent next: the expected status of each kind of request, and different ones of each."""
    mark = secrets.token_hex(4)
    newcomer = '{"externalId":"new_%s_%d","email":"new_%s_%d@shop.example","name":"Somebody new"}'
    junk = secrets.token_urlsafe(5000)
    identify = shop.identify_path()
    return [
        (200, shop.identifies(people)),
        (200, [Request(identify, newcomer % (mark, n, mark, n)) for n in range(2000)]),
        (201, shop.messages(people, 2000)),
        (200, shop.polls(people)),
        (200, [Request(identify, f'{{"userJwt":"{junk}.{mark}{n}.x"}}') for n in range(500)]),
        (400, [Request(identify, "[" * 12_000 + mark + str(n)) for n in range(500)]),
        (404, [Request(f"/v1/organizations/org_{mark}{n}/identify", "{}") for n in range(500)]),
        (401, [Request("/v1/messages", "", f"{junk}{n}", "GET") for n in range(500)]),
    ]


def _send(shop: Shop, file: Path, expected: int, seconds: int) -> int:
    address = "2001:db8:" + ":".join(secrets.token_hex(2) for _ in range(4)) + "::1"
    headers = HEADERS | {"X-Forwarded-For": address}
    shown = load.run(shop.server.origin, file, seconds=seconds, headers=headers, expected=expected)
    return shown.checked(f"{expected} expected").answered


def _table(samples: list[Sample], database: str, moved: float) -> str:
    picked = samples[:: max(1, len(samples) // 10)]
    rows = [(sample.requests, sample.resident / MEBIBYTE) for sample in picked if sample is not samples[-1]]
    rows.append((samples[-1].requests, samples[-1].resident / MEBIBYTE))
    verdict = "level" if moved <= LEVEL else "NOT LEVEL"
    return (
        f"{table((f'requests ({database})', 'MiB of the worker'), rows)}\n\nLast half: moved by {moved:.1%}, {verdict}."
    )
