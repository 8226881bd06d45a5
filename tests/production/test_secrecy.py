"""After a day on which all goes wrong, nothing secret is in the database, in a log or on a page (abuse case 32)."""

import os
import subprocess
from pathlib import Path

import pytest
from sqlalchemy import make_url

from tests.production.conftest import Deploy
from tests.production.day import WORDS, Day
from tests.production.needles import found
from tests.support.cluster import HOW_TO_GET_POSTGRESQL, find_postgresql
from tests.support.needs import require

TALKATIVE = ("create_talkative_app", "--access-logfile", "-", "--log-level", "debug")


@pytest.fixture
def day(deploy: Deploy) -> Day:
    """Give a deployment whose every library says all that it can, and nothing has happened in yet."""
    return Day(deploy(*TALKATIVE))


def stored(database_url: str) -> dict[str, bytes]:
    """Return all that the database has written: each file of SQLite's, or a dump of PostgreSQL's data."""
    url = make_url(database_url)
    if url.get_backend_name() == "sqlite":
        file = Path(url.database or "")
        return {
            path.name.replace(file.name, "the database"): path.read_bytes()
            for path in file.parent.glob(f"{file.name}*")
        }
    pg_dump = require("PostgreSQL", find_postgresql(), HOW_TO_GET_POSTGRESQL) / "pg_dump"
    environment = os.environ | {"PGPASSWORD": url.password or ""}  # on a command line everybody could read it
    address = url.set(drivername="postgresql", password=None).render_as_string()
    command = [str(pg_dump), "--data-only", f"--dbname={address}"]
    return {"the dump": subprocess.run(command, env=environment, capture_output=True, check=True, timeout=60).stdout}


def test_nothing_secret_is_stored_logged_or_shown(day: Day, database_url: str) -> None:
    conversation_id = day.visitors_come()
    day.the_agent_works(conversation_id)
    day.the_secret_changes_hands()
    day.things_break()
    day.end()
    database = stored(database_url)

    assert found(day.secrets, day.seen | database) == []

    # The search was over the real things: what is no secret is in them.
    for heaps in (day.seen, database):
        assert found({"words": WORDS.encode()}, heaps)
    output = day.seen["the output of the servers"].decode()
    wanted = ("POST /v1/messages", "DEBUG:sqlalchemy", "INFO:sqlalchemy", "CRITICAL:kaltalk_iv", "did not answer")
    assert [words for words in wanted if words not in output] == []
