"""The demo: seconds to its first answer, what a page and the widget weigh, and what Chromium makes of them on a phone.

The first start is that of a fresh clone of the last commit, with whatever pip's cache holds; the second is in the same
folder.
"""

import argparse
import os
import secrets
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from statistics import median

from bench import ground
from bench.page import CONDITIONS, Visit, visits
from bench.tables import table
from tests.support.servers import Server

PASSWORD = secrets.token_urlsafe(12)
PAGES = ("without the widget", "with the widget")


def main(arguments: Sequence[str]) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="bench demo", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="no fresh clone, two visits; in full: three minutes")
    parser.add_argument("--visits", type=int, default=7)
    asked = parser.parse_args(arguments)
    texts, results = [], {}
    if not asked.quick:
        starts = _starts()
        results["seconds"] = starts
        texts.append(table(("`make demo`", "seconds to the first answer"), list(starts.items())))
    with ground.folder() as folder, _two_shops(folder) as origins:
        seen = visits(dict(zip(PAGES, origins, strict=True)), PASSWORD, 2 if asked.quick else asked.visits)
    texts += [_times_table(condition, {page: seen[page, condition] for page in PAGES}) for condition in CONDITIONS]
    texts.append(_weights_table({page: seen[page, next(iter(CONDITIONS))][0] for page in PAGES}))
    text = "\n\n".join(texts)
    print(text)
    found = {f"{page}, {condition}": [asdict(visit) for visit in of] for (page, condition), of in seen.items()}
    ground.save("demo", results | {"visits": found, "markdown": text})


def _starts() -> dict[str, float]:
    """Return the seconds from `make demo` to an answer: in a fresh clone, and there again."""
    found = {}
    with ground.folder() as folder:
        clone = folder / "clone"
        subprocess.run(["git", "clone", "--quiet", str(ground.ROOT), str(clone)], check=True)
        for name in ("fresh clone", "second start"):
            # A terminal of its own has no virtual environment of ours.
            environment = {"PATH": os.defpath, "VIRTUAL_ENV": "", "PYTHONPATH": ""}
            command = ["make", "--no-print-directory", "-C", str(clone), "demo"]
            began = time.monotonic()
            with Server(command, log=folder / "demo.log", env=environment, timeout=600):
                found[name] = time.monotonic() - began
    return found


@contextmanager
def _two_shops(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield the origins of one shop, on granian, without the widget and with it. The demo makes the people of both."""
    granian = [ground.program("granian"), "--interface", "wsgi", "--port", "{port}", "--no-ws", "--factory"]
    granian += ["--log-level", "warning", "--blocking-threads", "4"]
    demo = {"KALTALK_DEMO_DIR": str(folder / "demo"), "KALTALK_DEMO_PASSWORD": PASSWORD}
    shop = {
        "HOST_SECRET_KEY": secrets.token_urlsafe(32),
        "HOST_DATABASE_URL": f"sqlite:///{folder / 'demo' / 'host.sqlite3'}",
    }
    with (
        ground.serving([*granian, "app:create_app"], folder=folder, env=demo) as whole,
        ground.serving([*granian, "host_demo:create_app"], folder=folder, env=shop) as plain,
    ):
        yield plain.origin, whole.origin


def _times_table(condition: str, seen: dict[str, list[Visit]]) -> str:
    rows = []
    for name, field in (
        ("first byte of the page", "first_byte"),
        ("first contentful paint", "first_paint"),
        ("DOM interactive", "interactive"),
        ("load", "load"),
        ("time to interactive", "usable"),
        ("total blocking time", "blocked"),
        ("longest task", "longest_task"),
    ):
        without, with_it = (median(getattr(visit, field) for visit in seen[page]) for page in PAGES)
        rows.append((name, without, with_it, with_it - without))
    return table((f"{condition}, ms, median", *PAGES, "the widget"), rows)


def _weights_table(seen: dict[str, Visit]) -> str:
    without, with_it = (seen[page] for page in PAGES)
    rows = [
        ("the page itself, bytes", without.page_bytes, with_it.page_bytes),
        ("the page itself, compressed by a proxy (gzip -6)", without.page_gzip, with_it.page_gzip),
        ("kaltalk.js on the wire, bytes", 0, with_it.widget_bytes),
        ("kaltalk.js unpacked, bytes", 0, with_it.widget_unpacked),
        ("all that was fetched, bytes", without.all_bytes, with_it.all_bytes),
        ("requests", without.requests, with_it.requests),
        ("heap of the page's scripts, KiB", without.heap / 1024, with_it.heap / 1024),
    ]
    return table(("weight", *PAGES, "the widget"), [(*row, row[2] - row[1]) for row in rows])
