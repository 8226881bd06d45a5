"""A throw-away PostgreSQL server for one test run: its own folder, a Unix socket only, gone afterwards."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

HOW_TO_GET_POSTGRESQL = (
    "install it (Debian: apt install postgresql) or name a server whose user may create databases "
    "in KALTALK_TEST_POSTGRESQL_URL"
)

# Durability is for data that someone wants back.
_SETTINGS = {
    "autovacuum": "off",
    "fsync": "off",
    "full_page_writes": "off",
    "listen_addresses": "",
    "max_connections": "200",
    "synchronous_commit": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
}


def find_postgresql(search_path: str | None = None, debian: Path = Path("/usr/lib/postgresql")) -> Path | None:
    """Return the folder that holds initdb and pg_ctl, or None. Debian keeps it off the PATH, one for each version."""
    on_path = shutil.which("initdb", path=search_path)
    folders = [Path(on_path).resolve().parent] if on_path else []
    folders += sorted(debian.glob("*/bin"), key=lambda folder: float(folder.parent.name), reverse=True)
    return next((f for f in folders if (f / "initdb").exists() and (f / "pg_ctl").exists()), None)


class Cluster:
    """A server in `folder` that a test may stop and start; `settings` are added to ours."""

    def __init__(self, binaries: Path, folder: Path, settings: Mapping[str, str]) -> None:
        self.url = f"postgresql+psycopg://postgres@:5432/postgres?host={folder}"
        self._pg_ctl = binaries / "pg_ctl"
        self._data, self._log = folder / "data", folder / "log"
        given = " ".join(f"-c {name}='{value}'" for name, value in (_SETTINGS | dict(settings)).items())
        self._options = f"-k {folder} -p 5432 {given}"
        if not self._data.exists():  # a measurement comes back to one that took hours to fill
            _run(binaries / "initdb", "--auth=trust", "--username=postgres", "--encoding=UTF8", "--no-locale",
                 "--no-sync", "--no-instructions", f"--pgdata={self._data}")  # fmt: skip

    def start(self) -> None:
        """Start, and return when it takes connections."""
        _run(self._pg_ctl, "start", "--wait", "--silent", f"--pgdata={self._data}", f"--log={self._log}",
             f"--options={self._options}")  # fmt: skip

    def stop(self) -> None:
        """End it in good order."""
        _run(self._pg_ctl, "stop", "--mode=fast", "--silent", f"--pgdata={self._data}")

    def kill(self) -> None:
        """End it as a power cut would. Does nothing when it is not running."""
        if (self._data / "postmaster.pid").exists():  # also when Ctrl-C came while it was starting
            _run(self._pg_ctl, "stop", "--mode=immediate", "--silent", f"--pgdata={self._data}")


@contextmanager
def throw_away_cluster(binaries: Path, settings: Mapping[str, str] = MappingProxyType({})) -> Iterator[Cluster]:
    """Yield a fresh server that runs; end it and remove it afterwards."""
    # Not in pytest's own temporary folder: the user postgres may not enter that one, and a socket's path is short.
    folder = Path(tempfile.mkdtemp(prefix="kaltalk-pg-"))
    if _is_root():
        shutil.chown(folder, "postgres", "postgres")
    try:
        cluster = Cluster(binaries, folder, settings)
        try:
            cluster.start()
            yield cluster
        finally:
            cluster.kill()
    finally:
        shutil.rmtree(folder)


@contextmanager
def running_cluster(binaries: Path) -> Iterator[str]:
    """Yield the SQLAlchemy URL of a fresh server's database `postgres`."""
    with throw_away_cluster(binaries) as cluster:
        yield cluster.url


def _is_root() -> bool:
    return os.geteuid() == 0


def _run(program: Path, *arguments: str) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    account = "postgres" if _is_root() else None  # PostgreSQL refuses to run as root
    # The output goes to a file: the server inherits it, and a pipe would never close.
    with tempfile.TemporaryFile() as output:
        done = subprocess.run(
            [str(program), *arguments],
            cwd="/",
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            user=account,
            group=account,
            extra_groups=[] if account else None,
            check=False,
        )
        if done.returncode != 0:
            output.seek(0)
            msg = f"{program.name} failed: {output.read().decode(errors='replace')}"
            raise RuntimeError(msg)
