"""KalTalk for one test: an application on a database of its own, a clock that the test moves, and looks at the tables.

The fixtures are here, and not in a ``conftest.py``, because several rooms take them.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from kaltalk_iv import generate_encryption_key, migrations
from kaltalk_iv.models import Base, Conversation, Customer, Message
from kaltalk_iv.server import create_app
from kaltalk_iv.state import current_state
from kaltalk_iv.store.customers import CustomerRecord, find_by_external_id, get_customer, verified_flag_now
from kaltalk_iv.testing import OrganizationForTests, add_organization
from tests.support.databases import Prepare, partitions_for

NOW: Final = 1_767_268_800.0  # 2026-01-01T12:00:00Z
ENCRYPTION_KEY: Final = generate_encryption_key()
HOUR: Final = 3600.0
DAY: Final = 24 * HOUR


class Clock:
    """Unix seconds that pass only when a test says so."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        """Return the time."""
        return self.now

    def move(self, seconds: float) -> None:
        """Let ``seconds`` pass."""
        self.now += seconds


def build_app(url: str, clock: Clock, **config: Any) -> Flask:
    """Return KalTalk on its own, on the database at ``url``. Call ``dispose`` when it is not needed any more."""
    base = {
        "SQLALCHEMY_DATABASE_URI": url,
        "SECRET_KEY": "a secret key for tests alone, long enough",
        "KALTALK_IV_ENCRYPTION_KEYS": ENCRYPTION_KEY,
        "KALTALK_IV_LIMITS": "off",  # a test is one address, and time stands still
    }
    return create_app(base | config, clock=clock)


def dispose(app: Flask) -> None:
    """Close the connections of ``app``."""
    with app.app_context():
        engine_of(app).dispose()


def engine_of(app: Flask) -> sa.Engine:
    """Return the engine of ``app``."""
    with app.app_context():
        return current_state().engine


def migrate(url: str) -> None:
    """Make our tables in the empty database at ``url``."""
    engine = sa.create_engine(url)
    try:
        migrations.upgrade(engine, partitions=partitions_for(url))
    finally:
        engine.dispose()


@pytest.fixture(scope="session")
def prepare_database() -> Prepare:
    """Make the tables as our own migrations make them."""
    return migrate


@pytest.fixture
def clock() -> Clock:
    """Give the clock of the application; ``clock.move(60)`` lets a minute pass."""
    return Clock()


@pytest.fixture
def app(database_url: str, clock: Clock) -> Iterator[Flask]:
    """Give KalTalk, once on SQLite and once on PostgreSQL."""
    yield from running(database_url, clock)


@pytest.fixture
def sqlite_app(sqlite_url: str, clock: Clock) -> Iterator[Flask]:
    """Give KalTalk on SQLite alone, for what has nothing to do with the database."""
    yield from running(sqlite_url, clock)


@pytest.fixture
def postgresql_app(postgresql_url: str, clock: Clock) -> Iterator[Flask]:
    """Give KalTalk on PostgreSQL alone."""
    yield from running(postgresql_url, clock)


def running(url: str, clock: Clock, **config: Any) -> Iterator[Flask]:
    """Yield an application and dispose of it."""
    app = build_app(url, clock, **config)
    yield app
    dispose(app)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """Give a browser of no particular origin."""
    return app.test_client()


@pytest.fixture
def org(app: Flask) -> OrganizationForTests:
    """Give an organization on the Pro plan, in mode ``optional``."""
    return add_organization(app)


def rows_of(app: Flask, model: type[Base], organization_id: str) -> Sequence[Any]:
    """Return the rows of one table of one organization."""
    table = model.__table__
    with engine_of(app).connect() as connection:
        return connection.execute(sa.select(table).where(table.c.organization_id == organization_id)).all()


def customers_of(app: Flask, organization_id: str) -> list[CustomerRecord]:
    """Return the records of the organization's customers, oldest first."""
    names = CustomerRecord._fields
    rows = sorted(rows_of(app, Customer, organization_id), key=lambda row: (row.created_at, row.id))
    return [CustomerRecord(**{name: getattr(row, name) for name in names}) for row in rows]


def customer(app: Flask, organization_id: str, external_id: str) -> CustomerRecord:
    """Return the record with this external id."""
    with app.app_context():
        found = find_by_external_id(current_state().session, organization_id, external_id)
    assert found is not None
    return found


def is_green(app: Flask, organization_id: str, record: CustomerRecord) -> bool:
    """Whether the record's verified flag stands now."""
    with app.app_context():
        session = current_state().session
        found = get_customer(session, organization_id, record.id)
        return found is not None and verified_flag_now(session, organization_id, found)


def conversations_of(app: Flask, organization_id: str) -> Sequence[Any]:
    """Return the organization's conversations."""
    return rows_of(app, Conversation, organization_id)


def messages_of(app: Flask, organization_id: str) -> Sequence[Any]:
    """Return the organization's lines, in order."""
    return sorted(rows_of(app, Message, organization_id), key=lambda row: (row.created_at, row.position))


def everything_stored(app: Flask) -> dict[str, list[tuple[Any, ...]]]:
    """Return every row of every table of ours, to see that nothing has changed."""
    with engine_of(app).connect() as connection:
        return {
            table.name: sorted((tuple(row) for row in connection.execute(sa.select(table))), key=repr)
            for table in Base.metadata.sorted_tables
        }
