"""Migrations on databases that hold something: every row stays, and every signing secret still opens."""

import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from kaltalk_iv import generate_encryption_key, migrations
from kaltalk_iv.service import settings as use_cases
from kaltalk_iv.service.settings import Actor
from kaltalk_iv.state import current_state
from kaltalk_iv.testing import OrganizationForTests, add_organization, identify, send_message
from tests.api.world import Clock, build_app, dispose, engine_of, everything_stored
from tests.migrations import next_release
from tests.support.servers import clean_environment

ROOT = Path(__file__).parents[2]
ACTOR = Actor("test", "local")


@dataclass
class Filled:
    """An application whose database holds two organizations, one of them in the middle of a rotation."""

    app: Flask
    clock: Clock
    url: str
    organizations: list[OrganizationForTests] = field(default_factory=list)

    @property
    def engine(self) -> sa.Engine:
        """The engine of the application."""
        return engine_of(self.app)

    def fill(self) -> None:
        """Put something into every kind of table that requests write."""
        client = self.app.test_client()
        for name in ("org_shop", "org_rotating"):
            organization = add_organization(self.app, name)
            self.organizations.append(organization)
            token = organization.sign("u_1", now=self.clock.now, email="ada@shop.example")
            session = identify(client, name, userJwt=token).get_json()["session"]["token"]
            assert send_message(client, session, "hello").status_code == 201
        with self.app.app_context():
            state = current_state()
            state.commit(
                lambda session, now: use_cases.rotate_secret(session, state.settings, ACTOR, "org_rotating", None, now)
            )

    def check_secrets(self) -> None:
        """Fail unless tokens of each secret, the one before the rotation too, still verify."""
        for organization in self.organizations:
            token = organization.sign("u_1", now=self.clock.now)
            answer = identify(self.app.test_client(), organization.id, userJwt=token).get_json()
            assert answer["identity"]["state"] == "verified"

    def rows(self) -> dict[str, list[tuple[Any, ...]]]:
        """Return every row."""
        return everything_stored(self.app)


@pytest.fixture
def filled(database_url: str) -> Iterator[Filled]:
    """Give a filled database, on SQLite and on PostgreSQL."""
    clock = Clock()
    found = Filled(build_app(database_url, clock), clock, database_url)
    migrations.upgrade(found.engine)
    found.fill()
    yield found
    dispose(found.app)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give the migrations of the next release."""
    return next_release.write_migrations(tmp_path)


def is_next(engine: sa.Engine) -> bool:
    """Whether the tables are those of the next release; fails when they are half of it."""
    inspector = sa.inspect(engine)
    parts = {
        migrations.current_revision(engine) == next_release.REVISION,
        inspector.has_table(next_release.NEW_TABLE),
        "locale" in {column["name"] for column in inspector.get_columns("kaltalk_iv_customers")},
        "ix_kaltalk_iv_customers_locale" in {each["name"] for each in inspector.get_indexes("kaltalk_iv_customers")},
    }
    assert len(parts) == 1, "half an upgrade"
    return parts.pop()


def test_an_upgrade_that_was_done_is_not_done_again(filled: Filled) -> None:
    before = filled.rows()
    assert sum(map(len, before.values())) > 10
    migrations.upgrade(filled.engine)
    assert filled.rows() == before
    filled.check_secrets()


def test_the_next_upgrade_and_the_way_back_keep_every_row_and_secret(filled: Filled, folder: Path) -> None:
    before = filled.rows()
    next_release.upgrade(filled.engine, folder)
    assert is_next(filled.engine)
    assert filled.rows() == before  # as this release reads them
    filled.check_secrets()
    next_release.downgrade(filled.engine, folder)
    assert not is_next(filled.engine)
    filled.check_secrets()
    assert filled.rows() == before


def test_the_first_migration_has_no_way_back_that_keeps_anything(filled: Filled) -> None:
    migrations.downgrade(filled.engine, "base")
    migrations.upgrade(filled.engine)
    assert sum(map(len, filled.rows().values())) == 0


def test_the_command_says_what_a_downgrade_can_drop_and_asks(filled: Filled) -> None:
    before = filled.rows()
    refused = filled.app.test_cli_runner().invoke(args=["kaltalk-iv", "db", "downgrade", "base"], input="n\n")
    assert refused.exit_code == 1
    assert "drop tables and what they hold" in refused.output
    assert filled.rows() == before


def start_upgrade(filled: Filled, folder: Path, go_on: Path) -> subprocess.Popen[str]:
    """Start the upgrade in a process of its own; in the middle of it, it waits for the file ``go_on``."""
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "tests.migrations.next_release", filled.url, str(folder)],
        cwd=ROOT,
        env=clean_environment({"GO_ON_FILE": str(go_on)}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def read_until(process: subprocess.Popen[str], word: str) -> None:
    """Return when the process has printed ``word``."""
    assert process.stdout is not None
    assert any(line == f"{word}\n" for line in process.stdout)


def test_an_upgrade_that_is_killed_leaves_all_or_nothing(filled: Filled, folder: Path, tmp_path: Path) -> None:
    before = filled.rows()
    filled.engine.dispose()
    with start_upgrade(filled, folder, tmp_path / "never") as process:
        read_until(process, "half")
        process.kill()
    assert not is_next(filled.engine)
    assert filled.rows() == before
    next_release.upgrade(filled.engine, folder)
    assert is_next(filled.engine)
    filled.check_secrets()


def test_two_machines_that_upgrade_at_once_upgrade_once(filled: Filled, folder: Path, tmp_path: Path) -> None:
    before, go_on = filled.rows(), tmp_path / "go-on"
    with start_upgrade(filled, folder, go_on) as one:
        read_until(one, "half")
        with start_upgrade(filled, folder, go_on) as other:
            read_until(other, "begins")
            time.sleep(1)  # it waits for its turn by now
            go_on.touch()
            complaints = [process.communicate(timeout=60)[1] for process in (one, other)]
    assert complaints == ["", ""]
    assert is_next(filled.engine)
    assert filled.rows() == before
    filled.check_secrets()


def test_the_code_before_says_that_the_tables_are_newer_and_changes_nothing(filled: Filled, folder: Path) -> None:
    next_release.upgrade(filled.engine, folder)
    done = filled.app.test_cli_runner().invoke(args=["kaltalk-iv", "db", "upgrade"])
    assert done.exit_code == 1
    assert next_release.REVISION in done.output
    assert "Traceback" not in done.output
    assert is_next(filled.engine)


def test_a_migration_that_gets_no_lock_gives_way_to_the_requests(postgresql_url: str) -> None:
    clock = Clock()
    filled = Filled(build_app(postgresql_url, clock), clock, postgresql_url)
    migrations.upgrade(filled.engine)
    filled.fill()
    before = filled.rows()
    other = sa.create_engine(postgresql_url)
    with other.connect() as reader:  # a long report
        reader.exec_driver_sql("SELECT count(*) FROM kaltalk_iv_customers")
        began = time.monotonic()
        done = filled.app.test_cli_runner().invoke(args=["kaltalk-iv", "db", "downgrade", "base", "--yes"])
        assert time.monotonic() - began < 15
        assert done.exit_code == 1
        assert "Nothing was changed" in done.output
        assert filled.rows() == before
        filled.check_secrets()
    other.dispose()
    dispose(filled.app)


def test_a_database_restored_without_its_keys_has_its_rows_named(filled: Filled) -> None:
    there = sum(map(len, [filled.rows()["kaltalk_iv_secrets"]]))
    dispose(filled.app)
    stranger = build_app(filled.url, filled.clock, KALTALK_IV_ENCRYPTION_KEYS=generate_encryption_key())
    done = stranger.test_cli_runner().invoke(args=["kaltalk-iv", "keys", "doctor"])
    dispose(stranger)
    assert done.exit_code == 1
    assert done.output.count("DOES NOT OPEN") == there == 3
    assert {"org_shop", "org_rotating"} == {line.split()[0] for line in done.output.splitlines() if "NOT OPEN" in line}
