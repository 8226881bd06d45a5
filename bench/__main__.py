"""``python -m bench``: all measurements; ``python -m bench identify --quick``: one of them, tried in a few seconds."""

import importlib
import sys

# Each is a module here with main(arguments), and takes --help and --quick. Run in this order.
PARTS = {
    "identify": "requests a second of a known customer's identify, ours and the peers'",
    "writes": "requests a second of what writes: new customers, changed claims, messages",
    "growth": "how long an answer takes with ten thousand customers and with a million (--sizes 10k 1m 10m)",
    "index_costs": "what indexes cost those who write: time and write-ahead log",
    "signing": "what signing costs the host, by call and by page",
    "workers": "two workers against one",
    "polling": "what ten thousand waiting widgets cost",
    "hostile": "what junk costs, and what good requests lose beside it",
    "demo": "the demo's start, and the host's page in Chromium with and without the widget",
    "memory": "a worker's memory over a million requests",
    "report": "the tables of the comparison once more, and its plots for the docs",
}


def main(arguments: list[str]) -> int:
    """Run the part that ``arguments`` name, or all of them, and return the exit code."""
    if arguments and arguments[0] not in PARTS:
        lines = [f"  {name:10} {sentence}" for name, sentence in PARTS.items()]
        print("\n".join(["usage: python -m bench [PART] [--quick] …", "", *lines]))
        return 0 if arguments[0] in {"-h", "--help"} else 2
    for name in arguments[:1] or PARTS:
        importlib.import_module(f"bench.{name}").main(arguments[1:])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
