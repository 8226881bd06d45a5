"""Workers killed in the middle of load: every acknowledged identify and message is there, and none twice (case 48).

KALTALK_TEST_KILL_SECONDS makes it longer than it is in CI: with 60, a minute and a kill every five seconds.
"""

import os
import secrets
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask

from kaltalk_iv import generate_encryption_key
from kaltalk_iv.models import Conversation, Customer, Message
from kaltalk_iv.server import create_app
from kaltalk_iv.testing import OrganizationForTests, add_organization
from tests.api.world import dispose, engine_of, rows_of
from tests.production.crowd import Crowd
from tests.production.deployment import ORGANIZATION, ROOT
from tests.support.servers import Server

SECONDS = float(os.environ.get("KALTALK_TEST_KILL_SECONDS") or 10)
KILL_EVERY = 5.0 if SECONDS >= 60 else SECONDS / 4
RATE = 200
FEWEST = 5 * SECONDS  # on a machine that does much else


@pytest.fixture
def environment(database_url: str) -> dict[str, str]:
    """Give the settings that gunicorn and this process share."""
    return {
        "KALTALK_DATABASE_URL": database_url,
        "KALTALK_SECRET_KEY": secrets.token_urlsafe(32),
        "KALTALK_IV_ENCRYPTION_KEYS": generate_encryption_key(),
    }


@pytest.fixture
def app(environment: dict[str, str]) -> Iterator[Flask]:
    """Give KalTalk in this process, to look at what is stored."""
    app = create_app(
        {
            "SQLALCHEMY_DATABASE_URI": environment["KALTALK_DATABASE_URL"],
            "SECRET_KEY": environment["KALTALK_SECRET_KEY"],
            "KALTALK_IV_ENCRYPTION_KEYS": environment["KALTALK_IV_ENCRYPTION_KEYS"],
        }
    )
    yield app
    dispose(app)


@pytest.fixture
def organization(app: Flask) -> OrganizationForTests:
    """Give the organization whose visitors come."""
    return add_organization(app, ORGANIZATION)


@pytest.fixture
def server(
    environment: dict[str, str], organization: OrganizationForTests, start_server: Callable[..., Server]
) -> Server:
    """Give KalTalk as production runs it: our gunicorn configuration, two workers."""
    command = [sys.executable, "-m", "gunicorn", "--config", str(ROOT / "deploy/gunicorn.conf.py")]
    command += ["--chdir", str(ROOT)]
    settings = {"WEB_CONCURRENCY": "2", "KALTALK_IV_LIMITS": "off", "KALTALK_LOG_LEVEL": "WARNING"}
    return start_server([*command, "kaltalk_iv.server:create_app()"], env=environment | settings, ready_path="/readyz")


def workers_of(server: Server) -> list[int]:
    """Return the worker processes that run now."""
    return [int(pid) for pid in Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()]


def test_what_was_acknowledged_before_a_kill_is_there_once_after_it(
    app: Flask, organization: OrganizationForTests, server: Server
) -> None:
    kills = 0
    began = time.monotonic()
    with Crowd(server.port, organization, rate=RATE) as crowd:
        while time.monotonic() - began < SECONDS - KILL_EVERY:
            time.sleep(KILL_EVERY)
            kills += 1
            if kills % 3 == 0:  # all of it, as in a power cut
                server.kill()
                server.start()
            else:
                os.kill(workers_of(server)[0], signal.SIGKILL)
        time.sleep(KILL_EVERY)
    seconds = time.monotonic() - began

    customers = Counter(row.external_id for row in rows_of(app, Customer, ORGANIZATION))
    messages = Counter(row.text for row in rows_of(app, Message, ORGANIZATION) if row.author == "visitor")
    acknowledged = len(crowd.subs) + len(crowd.texts)
    lost = (set(crowd.subs) - set(customers)) | (set(crowd.texts) - set(messages))
    slowest = max(visitor.slowest for visitor in crowd.visitors)
    print(  # noqa: T201 - figures for whoever runs it with -s
        f"{acknowledged} acknowledged in {seconds:.0f} s ({acknowledged / seconds:.0f} a second), {kills} kills,"
        f" {crowd.again} asked again, slowest answer {slowest:.1f} s, {len(lost)} lost"
    )
    assert lost == set()
    assert [name for name, count in (customers + messages).items() if count != 1] == []
    # Whoever asks again until there is an answer leaves nothing that nobody knows of.
    assert set(customers) == set(crowd.subs)
    assert set(messages) == set(crowd.texts)
    assert count_mismatches(app) == []
    assert kills >= 3
    assert acknowledged > FEWEST
    assert crowd.again > 0, "nobody noticed the kills"


def count_mismatches(app: Flask) -> list[str]:
    """Return the conversations whose counts or positions do not agree with their lines."""
    lines = (
        sa.select(
            Message.conversation_id,
            sa.func.count().label("lines"),
            sa.func.max(Message.position).label("last"),
            sa.func.sum(sa.case((Message.author == "visitor", 1), else_=0)).label("unread"),
        )
        .group_by(Message.conversation_id)
        .subquery()
    )
    wrong = (
        sa.select(Conversation.id)
        .outerjoin(lines, lines.c.conversation_id == Conversation.id)
        .where(
            sa.or_(
                lines.c.lines.is_(None),
                lines.c.lines != Conversation.message_count,
                lines.c.last != Conversation.message_count,
                lines.c.unread != Conversation.unread_count,
            )
        )
    )
    with engine_of(app).connect() as connection:
        return list(connection.execute(wrong).scalars())
