"""Who writes next on SQLite, which has one writer: the threads of one process queue up."""

from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Any

import pytest
import sqlalchemy as sa

from kaltalk_iv.store.compiled import Compiled, Open, Statement
from kaltalk_iv.store.connections import Connections
from kaltalk_iv.store.database import UNAVAILABLE
from kaltalk_iv.store.writing import Transaction
from tests.store.notes import ADD, ADD_NOW, ALL, note, stored


def write(connections: Connections, number: int, statement: Statement = ADD) -> None:
    """Write one row as a use case does: to its end, or not at all."""
    transaction = Transaction(connections)
    try:
        transaction.rows(statement, note(number))
        transaction.commit()
    except BaseException:
        transaction.rollback()
        raise


def test_on_sqlite_whoever_writes_second_waits_for_the_first(sqlite: Connections) -> None:
    first = Transaction(sqlite)
    first.rows(ADD_NOW, note(1))
    with ThreadPoolExecutor(1) as pool:
        second = pool.submit(write, sqlite, 2)
        with pytest.raises(FutureTimeout):
            second.result(0.1)
        assert stored(sqlite) == []  # readers do not wait, and whoever waits has no connection
        reading = Transaction(sqlite)
        assert not reading.rows(ALL, {})
        reading.commit()
        first.commit()
        second.result()
    assert stored(sqlite) == [(1, False), (2, False)]


def test_on_sqlite_whoever_has_read_before_gives_that_connection_back_while_it_waits(sqlite: Connections) -> None:
    first, second = Transaction(sqlite), Transaction(sqlite)
    first.rows(ADD_NOW, note(1))
    second.rows(ALL, {})  # both connections are out now

    def go_on() -> None:
        second.rows(ADD_NOW, note(2))
        second.commit()

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(go_on)
        sqlite.give_back(sqlite.take())  # waits for one of them, and must have it before the turn comes
        assert not waiting.done()
        first.commit()
        waiting.result()
    assert stored(sqlite) == [(1, False), (2, False)]


def test_on_sqlite_a_turn_ends_after_the_commit(sqlite: Connections, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[tuple[str, bool]] = []
    take = Connections.take

    class Heard:
        def __init__(self, cursor: Any) -> None:
            self._cursor = cursor

        def execute(self, text: str, *values: Any) -> Any:
            said.append((text.split(maxsplit=1)[0], sqlite._turns is not None and sqlite._turns._is_taken))
            return self._cursor.execute(text, *values)

        def fetchall(self) -> Any:
            return self._cursor.fetchall()

    def listen(connections: Connections) -> Open:
        opened = take(connections)
        heard: Any = Heard(opened.cursor)
        return opened._replace(cursor=heard)

    monkeypatch.setattr(Connections, "take", listen)
    transaction = Transaction(sqlite)
    transaction.rows(ALL, {})
    transaction.rows(ADD_NOW, note(1))
    transaction.commit()
    assert said == [("SELECT", False), ("BEGIN", True), ("INSERT", True), ("COMMIT", True)]


def test_on_sqlite_the_next_writer_has_its_turn_however_the_one_before_ended(
    sqlite: Connections, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(sqlite, 1)
    for statement in (ADD, ADD_NOW):
        with pytest.raises(sa.exc.IntegrityError):
            write(sqlite, 1, statement)

    def give_up(*_what: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Compiled, "rows", give_up)
        with pytest.raises(KeyboardInterrupt):
            write(sqlite, 2)
    other = sa.create_engine(sqlite.engine.url)
    with other.connect() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")  # as another process does
        with pytest.raises(UNAVAILABLE, match="locked"):
            write(sqlite, 2, ADD_NOW)
    other.dispose()
    write(sqlite, 2)
    assert stored(sqlite) == [(1, False), (2, False)]


def test_on_sqlite_who_waits_too_long_for_a_turn_is_told_so_and_does_not_take_it(sqlite: Connections) -> None:
    slow = Transaction(sqlite)
    slow.rows(ADD_NOW, note(1))
    with ThreadPoolExecutor(1) as pool, pytest.raises(UNAVAILABLE, match="Others have been writing"):
        pool.submit(write, sqlite, 2).result()
    slow.commit()
    write(sqlite, 3)
    assert stored(sqlite) == [(1, False), (3, False)]


def test_on_postgresql_two_write_at_once(postgresql: Connections) -> None:
    first, second = Transaction(postgresql), Transaction(postgresql)
    first.rows(ADD_NOW, note(1))
    second.rows(ADD_NOW, note(2))
    second.commit()
    assert stored(postgresql) == [(2, False)]
    first.commit()
