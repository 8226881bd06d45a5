"""A table of notes, and connections to it as our server makes them, for the tests of what writes past the session."""

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from kaltalk_iv.store.connections import Connections
from kaltalk_iv.store.database import engine_options, prepare_engine
from kaltalk_iv.store.reading import Reader

NOTES = sa.Table(
    "notes",
    sa.MetaData(),
    sa.Column("id", sa.BigInteger, primary_key=True),
    sa.Column("text", sa.Text),
    sa.Column("is_read", sa.Boolean),
)
ADD = sa.insert(NOTES).values({name: sa.bindparam(name) for name in ("id", "text", "is_read")})
ADD_NOW = ADD.returning(NOTES.c.id)  # what returns nothing is held back
READ = (
    sa.update(NOTES)
    .where(NOTES.c.id == sa.bindparam("number"))
    .values(is_read=True)
    .returning(NOTES.c.text, NOTES.c.is_read)
)
ALL = sa.select(NOTES.c.id, NOTES.c.is_read).order_by(NOTES.c.id)


def connected(url: str, timeout: float) -> Iterator[Connections]:
    """Yield two connections to a new table, and see at the end that both are given back."""
    engine = sa.create_engine(url, **engine_options(url, timeout=timeout))
    prepare_engine(engine)
    NOTES.create(engine)
    engine.dispose()
    connections = Connections(engine, most=2, timeout=timeout)
    yield connections
    engine.dispose()
    # Whatever a test did: no connection is out, none has two places, and it is nobody's turn to write.
    assert connections._places.qsize() == 2
    assert connections._turns is None or (not connections._turns.is_awaited and not connections._turns._is_taken)


@pytest.fixture
def connections(database_url: str) -> Iterator[Connections]:
    """Give connections as our server makes them, to a table, and look that all are given back at the end."""
    yield from connected(database_url, 2)


@pytest.fixture
def postgresql(postgresql_url: str) -> Iterator[Connections]:
    """Give such connections to PostgreSQL alone, with a shorter time for each statement."""
    yield from connected(postgresql_url, 0.5)


@pytest.fixture
def sqlite(sqlite_url: str) -> Iterator[Connections]:
    """Give such connections to SQLite alone, with a short time to wait."""
    yield from connected(sqlite_url, 1)


def note(number: int, text: str = "Hello") -> dict[str, Any]:
    """Return the values of a row."""
    return {"id": number, "text": text, "is_read": False}


def stored(connections: Connections) -> list[tuple[Any, ...]]:
    """Return number and mark of each row."""
    return [tuple(row) for row in Reader(connections).rows(ALL, {})]
