"""The commands of docs/production.md are run as they stand there, in order, on an empty PostgreSQL and a Redis."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
import sqlalchemy as sa

from kaltalk_iv.models import Base
from tests.production.deployment import ROOT
from tests.support.cluster import HOW_TO_GET_POSTGRESQL, find_postgresql
from tests.support.needs import require
from tests.support.redis_server import running_redis
from tests.support.servers import Server, clean_environment, free_port

PAGE = (ROOT / "docs/production.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```sh\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
LOAD = "set -euo pipefail\nif [ -f kaltalk.env ]; then set -a; . ./kaltalk.env; set +a; fi\n"
# A reader's shell keeps what it has loaded, however the file changes: what needs the file as it is now loads it itself.
KEPT = LOAD.replace("kaltalk.env", "first.env")


@pytest.fixture(scope="session")
def prepare_database() -> Callable[[str], None]:
    """Leave the database empty: the page makes the tables."""
    return leave_empty


def leave_empty(url: str) -> None:
    """Make no tables."""


def plain(url: str, database: str | None = None) -> str:
    """Return the address of PostgreSQL as its own programs take it; of another database on the same server."""
    parsed = sa.make_url(url).set(drivername="postgresql")
    return (parsed if database is None else parsed.set(database=database)).render_as_string(hide_password=False)


def test_the_commands_on_the_page_work_in_their_order(
    postgresql_url: str, tmp_path: Path, start_server: Callable[..., Server]
) -> None:
    binaries = require("PostgreSQL", find_postgresql(), HOW_TO_GET_POSTGRESQL)
    (tmp_path / "deploy").symlink_to(ROOT / "deploy")
    own = sa.make_url(postgresql_url).database
    names = {name: f"{own}_{name}" for name in ("restored", "parts")}
    port = free_port()
    with running_redis(tmp_path) as redis:
        environment = clean_environment(
            {
                "PATH": os.pathsep.join([str(Path(sys.executable).parent), str(binaries), os.environ["PATH"]]),
                "PYTHONPATH": str(ROOT),
                "PORT": str(port),
                "KALTALK_DATABASE_URL": plain(postgresql_url),
                "KALTALK_RATELIMIT_STORAGE_URL": redis.url,
                "RESTORED_URL": plain(postgresql_url, names["restored"]),
                "PARTS_URL": plain(postgresql_url, names["parts"]),
            }
        )
        try:
            for block in BLOCKS:
                script = KEPT + block.replace("kaltalk_restored", names["restored"]).replace(
                    "kaltalk_parts", names["parts"]
                )
                if block.startswith("gunicorn"):
                    started = ["bash", "-c", f"cd '{tmp_path}'\n{LOAD}exec {block}"]
                    start_server(started, env=environment, port=port, ready_path="/healthz")
                else:
                    run(script, environment, tmp_path)
                    if not (tmp_path / "first.env").exists():
                        shutil.copy(tmp_path / "kaltalk.env", tmp_path / "first.env")
            stored = [rows(database, postgresql_url) for database in (own, *names.values())]
            assert stored[0] == stored[1] == stored[2]
            assert stored[0]["kaltalk_iv_secrets"] == 1
            run(f"{LOAD}flask --app kaltalk_iv.server kaltalk-iv keys doctor", environment, tmp_path)
            # The backup is older than the new encryption key, and the page has taken the old one out.
            doctor = "KALTALK_DATABASE_URL=$RESTORED_URL flask --app kaltalk_iv.server kaltalk-iv keys doctor"
            with pytest.raises(AssertionError, match=r"org_shop .* DOES NOT OPEN"):
                run(LOAD + doctor, environment, tmp_path)
        finally:
            drop(names.values(), postgresql_url)
            for kept in tmp_path.glob("*.env*"):  # the keys that the page's first block has made
                kept.unlink()


def run(script: str, environment: dict[str, str], folder: Path) -> None:
    """Run one block, and show what it complained of when it fails."""
    done = subprocess.run(
        [str(shutil.which("bash")), "-c", script],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr + done.stdout


def rows(database: str | None, url: str) -> dict[str, int]:
    """Return how many rows each table of ours has there."""
    engine = sa.create_engine(sa.make_url(url).set(database=database))
    with engine.connect() as connection:
        counted = {
            name: connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
            for name, table in Base.metadata.tables.items()
        }
    engine.dispose()
    return counted


def drop(databases: Iterable[str], url: str) -> None:
    """Drop what the page has made."""
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for name in databases:
            connection.exec_driver_sql(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    engine.dispose()


def test_every_table_by_organization_is_in_the_list_for_citus() -> None:
    listed = {name: kind for kind, name in re.findall(r"create_(distributed|reference)_table\('(\w+)'", PAGE)}
    wanted = {
        name: "distributed" if "organization_id" in table.primary_key.columns else "reference"
        for name, table in Base.metadata.tables.items()
    }
    assert listed == wanted
