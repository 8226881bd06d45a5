"""A deployment under load: tables first, then new workers beside old ones, then old workers go. Nobody is refused."""

import secrets
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from os import kill
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask

from kaltalk_iv import generate_encryption_key
from kaltalk_iv.models import Customer, Message
from kaltalk_iv.testing import OrganizationForTests, add_organization
from tests.api.world import Clock, build_app, dispose, engine_of, rows_of
from tests.migrations import next_release
from tests.production.crowd import Crowd
from tests.production.deployment import ORGANIZATION, ROOT
from tests.support.servers import Server, clean_environment

MOMENT = 1.0
FEWEST = 20
OUR_RELEASE, NEXT_RELEASE = "kaltalk_iv.server:create_app()", "tests.production.next_release:create_app()"


@pytest.fixture
def environment(postgresql_url: str) -> dict[str, str]:
    """Give the settings that both releases share."""
    return {
        "KALTALK_DATABASE_URL": postgresql_url,
        "KALTALK_SECRET_KEY": secrets.token_urlsafe(32),
        "KALTALK_IV_ENCRYPTION_KEYS": generate_encryption_key(),
        "KALTALK_IV_LIMITS": "off",
        "KALTALK_LOG_LEVEL": "WARNING",
        "WEB_CONCURRENCY": "1",
    }


@pytest.fixture
def app(environment: dict[str, str]) -> Iterator[Flask]:
    """Give KalTalk in this process, to look at what is stored."""
    keys = environment["KALTALK_IV_ENCRYPTION_KEYS"]
    app = build_app(environment["KALTALK_DATABASE_URL"], Clock(), KALTALK_IV_ENCRYPTION_KEYS=keys)
    yield app
    dispose(app)


def test_old_and_new_workers_serve_side_by_side_while_the_tables_change(
    app: Flask, environment: dict[str, str], start_server: Callable[..., Server], tmp_path: Path
) -> None:
    organizations = [add_organization(app, ORGANIZATION), add_organization(app, "org_of_the_new")]
    migrations = next_release.write_migrations(tmp_path)
    command = [sys.executable, "-m", "gunicorn", "--config", str(ROOT / "deploy/gunicorn.conf.py")]
    command += ["--chdir", str(ROOT)]

    def start(release: str) -> Server:
        return start_server([*command, release], env=environment, ready_path="/readyz")

    def visit(stack: ExitStack, server: Server, organization: OrganizationForTests) -> Crowd:
        return stack.enter_context(Crowd(server.port, organization, visitors=4, rate=40))

    old = start(OUR_RELEASE)
    with ExitStack() as stack:
        crowds = [visit(stack, old, organizations[0])]
        time.sleep(MOMENT)
        upgrade = [sys.executable, "-m", "tests.migrations.next_release", environment["KALTALK_DATABASE_URL"]]
        subprocess.run(
            [*upgrade, str(migrations)],
            cwd=ROOT,
            env=clean_environment({}),
            check=True,
            timeout=60,
            stdout=subprocess.DEVNULL,
        )
        upgraded = len(crowds[0].texts)
        new = start(NEXT_RELEASE)
        crowds.append(visit(stack, new, organizations[1]))
        time.sleep(MOMENT)
        kill(old.pid, signal.SIGHUP)  # an old worker that starts afresh meets the new tables, and is ready
        time.sleep(2 * MOMENT)
        while min(len(crowds[0].texts) - upgraded, len(crowds[1].texts)) < FEWEST:  # a busy machine
            time.sleep(MOMENT)

    for crowd, organization in zip(crowds, organizations, strict=True):
        stored = Counter(row.text for row in rows_of(app, Message, organization.id) if row.author == "visitor")
        assert stored == Counter(crowd.texts)
        known = Counter(row.external_id for row in rows_of(app, Customer, organization.id))
        assert known == Counter(crowd.subs)
    assert locales(app, ORGANIZATION) == {None}
    assert locales(app, "org_of_the_new") == {"fr"}
    assert sum(visitor.refused for crowd in crowds for visitor in crowd.visitors) == 0


def locales(app: Flask, organization_id: str) -> set[str | None]:
    """Return what is in the column that only the new release knows."""
    found = sa.text("SELECT DISTINCT locale FROM kaltalk_iv_customers WHERE organization_id = :id")
    with engine_of(app).connect() as connection:
        return set(connection.execute(found, {"id": organization_id}).scalars())
