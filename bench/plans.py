"""How PostgreSQL answers a request, statement by statement: ``python -m bench.plans --folder DIR --only message``.

For what ``growth`` finds not flat. The server itself explains what it has run (auto_explain, with buffers), so these
are the plans of the worker's own prepared statements, and not of what somebody typed.
"""

import argparse
import sys
from collections.abc import Sequence
from contextlib import ExitStack

from bench import ground
from bench.asks import every_ask
from bench.filled import open_place
from bench.filled_worker import start_worker
from bench.filling import SIZES
from bench.growth import SERVER_SETTINGS, WARM_UP

_EXPLAIN = {
    "session_preload_libraries": "auto_explain",
    "auto_explain.log_min_duration": "0",
    "auto_explain.log_analyze": "on",
    "auto_explain.log_buffers": "on",
}


def main(arguments: Sequence[str]) -> None:
    """Ask each kind of request once, when the server has settled on its plans, and write them down."""
    parser = argparse.ArgumentParser(prog="bench.plans", description=__doc__)
    parser.add_argument("--folder", required=True, help="where filled databases are kept")
    parser.add_argument("--kind", choices=("plain", "parts"), default="plain")
    parser.add_argument("--size", choices=SIZES, default="1m")
    parser.add_argument("--only", default="", help="kinds of request whose name holds this")
    asked = parser.parse_args(arguments)
    ground.RESULTS.mkdir(exist_ok=True)
    written = ground.RESULTS / f"plans-{asked.kind}-{asked.size}.txt"
    with open_place(asked.folder) as place, place.server(SERVER_SETTINGS | _EXPLAIN), ExitStack() as workers:
        filled = place.find(asked.kind, asked.size)
        if filled is None:
            raise SystemExit(f"{asked.kind} {asked.size} is not there: fill it with python -m bench.filling")
        side = start_worker(workers, filled)
        with written.open("w", encoding="utf-8") as output:
            for ask in every_ask():
                if asked.only in ask.name:
                    side.ask(ask, WARM_UP)
                    before = place.log.stat().st_size
                    (seconds,) = side.ask(ask, 1)
                    with place.log.open("rb") as log:
                        log.seek(before)
                        plans = log.read().decode(errors="replace")
                    output.write(f"=== {ask.name}: {1000 * seconds:.1f} ms\n{plans}\n")
    print(f"The plans are in {written.relative_to(ground.ROOT)}.")


if __name__ == "__main__":
    main(sys.argv[1:])
