"""A table of notes, and connections to it as our server makes them, for the tests of what writes past the session."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa

from kaltalk_iv.store.compiled import Open, Statement
from kaltalk_iv.store.connections import Connections
from kaltalk_iv.store.database import engine_options, prepare_engine
from kaltalk_iv.store.reading import Reader
from kaltalk_iv.store.writing import Transaction

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


@contextmanager
def transaction(connections: Connections) -> Iterator[Transaction]:
    """Give a transaction as a use case has it: to its end, or not at all."""
    begun = Transaction(connections)
    try:
        yield begun
        begun.commit()
    except BaseException:
        begun.rollback()
        raise


def write(connections: Connections, number: int, statement: Statement = ADD) -> None:
    """Write one row as a use case does: to its end, or not at all."""
    with transaction(connections) as begun:
        begun.rows(statement, note(number))


class Heard:
    """A cursor of which each statement is told, by its first word, before it is said to the database."""

    def __init__(self, cursor: Any, tell: Callable[[Any, str], object]) -> None:
        self._cursor, self._tell = cursor, tell

    def execute(self, text: str, *values: Any) -> Any:
        """Tell, with the cursor, and say."""
        self._tell(self._cursor, "ROLLBACK TO" if text.startswith("ROLLBACK TO") else text.split(maxsplit=1)[0])
        return self._cursor.execute(text, *values)

    def __getattr__(self, name: str) -> Any:
        """Return what else the cursor has."""
        return getattr(self._cursor, name)


def hear(monkeypatch: pytest.MonkeyPatch, tell: Callable[[Any, str], object]) -> None:
    """Have ``tell`` called, with the cursor and the first word, for each statement of transactions from now on."""
    take = Connections.take

    def listen(connections: Connections) -> Open:
        opened = take(connections)
        cursor: Any = opened.cursor if isinstance(opened.cursor, Heard) else Heard(opened.cursor, tell)
        return opened._replace(cursor=cursor)

    monkeypatch.setattr(Connections, "take", listen)


class Sent:
    """What the driver was told, by the first word of each statement, a transaction's own words among them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.words: list[str] = []
        self._failing: dict[str, tuple[BaseException, bool]] = {}
        hear(monkeypatch, self._hear)

    def fail(self, word: str, error: BaseException, *, undoes: bool = False) -> None:
        """Have the next statement with this word raise ``error``; ``undoes``: SQLite has rolled all of it back, too."""
        self._failing[word] = error, undoes

    def _hear(self, cursor: Any, word: str) -> None:
        self.words.append(word)
        if word in self._failing:
            error, undoes = self._failing.pop(word)
            if undoes:
                cursor.execute("ROLLBACK")
            raise error
