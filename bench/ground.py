"""The ground that measurements stand on: which core does what, servers, databases, and the name of the machine.

Linux alone: it says which process runs on which core. The worker that is measured has one core to itself; this process,
and with it the load generator and PostgreSQL, has the others.
"""

import json
import os
import platform
import re
import shutil
import sqlite3
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psycopg
import sqlalchemy as sa

from tests.support.cluster import HOW_TO_GET_POSTGRESQL, find_postgresql, throw_away_cluster
from tests.support.servers import Server

ROOT = Path(__file__).parent.parent
RESULTS = Path(__file__).parent / "results"
PYTHON = sys.executable
_PROGRAMS = Path(PYTHON).parent

# As in production, save for the place: what is acknowledged is on the disk.
POSTGRESQL_SETTINGS = {
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "autovacuum": "on",
    "shared_buffers": "512MB",
}

_CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE = _CORES[0]


def program(name: str) -> str:
    """Return the path of a command of this virtual environment, such as ``granian``."""
    return str(_PROGRAMS / name)


def take_the_other_cores() -> None:
    """Leave SERVER_CORE to the server: this process and what it starts run on the other cores from now on."""
    if len(_CORES) < 2:
        raise SystemExit("Measuring needs two cores: one for the server, one for the load.")
    if shutil.which("wrk") is None:
        raise SystemExit("Measuring needs wrk (Debian: apt install wrk).")
    os.sched_setaffinity(0, set(_CORES[1:]))


@contextmanager
def serving(
    command: Sequence[str],
    *,
    folder: Path,
    env: Mapping[str, str] | None = None,
    ready_path: str = "/",
    cores: Sequence[int] = (SERVER_CORE,),
) -> Iterator[Server]:
    """Yield the server that ``command`` starts on ``cores``; ``{port}`` in it becomes the port. It runs in ROOT.

    Its output goes to a file in ``folder``: a pipe that nobody empties would stop it.
    """
    pinned = ["env", f"--chdir={ROOT}", "taskset", "-c", ",".join(map(str, cores)), *command]
    with tempfile.NamedTemporaryFile(dir=folder, suffix=".log", delete=False) as log:
        output = Path(log.name)
    with Server(pinned, log=output, env={"PYTHONPATH": str(ROOT)} | dict(env or {}), ready_path=ready_path) as server:
        yield server


@contextmanager
def postgresql(settings: Mapping[str, str] | None = None) -> Iterator[str]:
    """Yield the SQLAlchemy URL of a fresh server's database; ``settings`` are added to POSTGRESQL_SETTINGS."""
    binaries = find_postgresql()
    if binaries is None:
        raise SystemExit(f"There is no PostgreSQL here: {HOW_TO_GET_POSTGRESQL}")
    with throw_away_cluster(binaries, POSTGRESQL_SETTINGS | dict(settings or {})) as cluster:
        yield cluster.url


@contextmanager
def folder() -> Iterator[Path]:
    """Yield a folder for what a measurement leaves behind; it is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="kaltalk-bench-") as name:
        yield Path(name)


def to_psycopg(url: str) -> str:
    """Return a SQLAlchemy URL of PostgreSQL as libpq, and node-postgres, take it."""
    return url.replace("postgresql+psycopg:", "postgresql:", 1)


def machine() -> dict[str, str]:
    """Return what the figures of this run hang on. No name of a host and no path is among it."""
    info = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    models = [line.partition(":")[2].strip() for line in info.splitlines() if line.startswith("model name")]
    gibibytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    postgresql_binaries = find_postgresql()
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "processor": f"{models[0] if models else platform.machine()}, {len(_CORES)} cores",
        "memory": f"{gibibytes:.0f} GiB",
        "system": f"{platform.system()} {platform.release().split('-')[0]}",
        "Python": f"{platform.python_version()}, {ssl.OPENSSL_VERSION}",
        "SQLite": sqlite3.sqlite_version,
        "PostgreSQL": _says(str(postgresql_binaries / "postgres") if postgresql_binaries else "postgres"),
        "Node.js": _says("node"),
        "packages": ", ".join(f"{name} {version(name)}" for name in ("flask", "sqlalchemy", "psycopg", "granian")),
    }


def save(name: str, results: Mapping[str, Any]) -> Path:
    """Write ``results`` and the machine to RESULTS/name.json and return where it is."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps({"machine": machine()} | dict(results), indent=1) + "\n", encoding="utf-8")
    return path


def connect(url: str) -> psycopg.Connection[Any]:
    """Return a connection of psycopg to a SQLAlchemy URL, each statement its own transaction."""
    return psycopg.connect(to_psycopg(url), autocommit=True)


def tidy(engine: sa.Engine) -> None:
    """Have a database do now what it would do in the background, so that nothing meets it while it is measured."""
    if engine.dialect.name == "sqlite":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    else:
        with connect(engine.url.render_as_string(hide_password=False)) as administration:  # in which nothing times out
            administration.execute("VACUUM (ANALYZE)")


def _says(command: str) -> str:
    if shutil.which(command) is None:
        return "none"
    said = subprocess.run([command, "--version"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"\d+(\.\d+)+", said)
    return found[0] if found else "unknown"
