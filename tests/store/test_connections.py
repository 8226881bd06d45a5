"""Connections past the session: how many, how long one waits, what a dispose and a fork leave of them."""

import os
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
import sqlalchemy as sa

from kaltalk_iv.store.connections import Connections
from kaltalk_iv.store.database import UNAVAILABLE, prepare_engine
from kaltalk_iv.store.writing import Transaction
from tests.store.notes import ADD, ADD_NOW, ALL, note, stored
from tests.store.test_reading import is_closed

LEVEL = sa.select(sa.func.current_setting("transaction_isolation"))


@pytest.fixture
def strict(postgresql: Connections) -> Connections:
    """Give connections to a database whose owner has set another isolation level."""
    name = postgresql.engine.url.database
    with postgresql.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(f"ALTER DATABASE \"{name}\" SET default_transaction_isolation = 'serializable'")
    postgresql.engine.dispose()
    return postgresql


def test_a_commit_is_on_the_disk_with_every_build_of_sqlite(sqlite_url: str) -> None:
    engine = sa.create_engine(sqlite_url)
    # As a build that does not wait for the disk by itself.
    sa.event.listen(engine, "connect", lambda connection, _record: connection.execute("PRAGMA synchronous=NORMAL"))
    prepare_engine(engine)
    with engine.connect() as connection:
        waits = connection.exec_driver_sql("PRAGMA synchronous").scalar_one()
    past = Connections(engine)
    opened = past.take()
    waits_past = opened.cursor.execute("PRAGMA synchronous").fetchone()
    past.give_up(opened)
    engine.dispose()
    assert (waits, waits_past) == (2, (2,))


def test_a_new_file_that_another_writes_is_waited_for_a_while(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = sa.create_engine(sqlite_url)
    prepare_engine(engine)
    with closing(sqlite3.connect(str(engine.url.database), isolation_level=None)) as another:
        another.execute("BEGIN IMMEDIATE")
        with pytest.raises(sa.exc.OperationalError, match="database is locked"):
            engine.connect()
        # What is slept after the first refusal is the time that the other needs.
        monkeypatch.setattr("kaltalk_iv.store.database.time.sleep", lambda _seconds: another.execute("COMMIT"))
        with engine.connect() as connection:
            assert connection.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "wal"
        assert not another.in_transaction
    engine.dispose()


def test_a_place_is_not_lost_when_nothing_can_be_connected_to(postgresql: Connections) -> None:
    gone = Connections(sa.create_engine(postgresql.engine.url.set(database="nowhere_at_all")), most=1, timeout=0.1)
    for _ in range(3):
        with pytest.raises(sa.exc.OperationalError):
            gone.take()


def test_a_connection_that_is_out_during_a_dispose_is_closed_when_it_comes_back(connections: Connections) -> None:
    first, second = connections.take(), connections.take()
    connections.give_back(second)
    connections.engine.dispose()
    assert [is_closed(opened.connection) for opened in (first, second)] == [False, True]
    connections.give_back(first)
    assert is_closed(first.connection)


def test_a_transaction_goes_on_through_a_dispose(connections: Connections) -> None:
    transaction = Transaction(connections)
    transaction.rows(ADD_NOW, note(1))
    connections.engine.dispose()
    transaction.rows(ADD, note(2))
    transaction.commit()
    assert stored(connections) == [(1, False), (2, False)]


def test_a_process_that_was_forked_has_all_places_and_the_turn_whatever_its_parent_was_about(
    connections: Connections, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy = Transaction(connections)
    busy.rows(ALL, {})
    other = connections.take()
    busy.commit()
    if connections.dialect.name == "sqlite":
        connections.wait_for_turn(None)
    idle = connections.take()  # the one that is given back here must stay the parent's
    connections.give_back(idle)
    ours = connections._places, connections._idle, connections._turns
    with monkeypatch.context() as child:
        child.setattr(os, "getpid", lambda: -1)
        connections.engine.dispose(close=False)
        taken = [connections.take() for _ in range(2)]
        assert idle not in taken
        assert connections.wait_for_turn(taken[0]) == (taken[0], None)
        for opened in taken:
            opened.connection.close()
    connections._places, connections._idle, connections._turns = ours
    connections._process = os.getpid()
    connections.end_turn()
    connections.give_back(other)
    connections.engine.dispose()


@pytest.mark.parametrize("timeout", [None, 10.0**12])
def test_who_may_wait_for_ever_waits(sqlite: Connections, timeout: float | None) -> None:
    patient = Connections(sqlite.engine, most=1, timeout=timeout)
    first = Transaction(patient)
    first.rows(ADD_NOW, note(1))
    began = threading.Event()

    def second() -> None:
        transaction = Transaction(patient)
        began.set()
        transaction.rows(ADD_NOW, note(2))
        transaction.commit()

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(second)
        began.wait()
        first.commit()
        waiting.result()
    assert stored(sqlite) == [(1, False), (2, False)]


def test_what_a_statement_sees_does_not_hang_on_how_the_database_is_set(strict: Connections) -> None:
    with strict.engine.connect() as connection:
        assert connection.execute(LEVEL).scalar() == "serializable"  # a session has what its owner wants
    transaction = Transaction(strict)
    assert transaction.rows(LEVEL, {})[0][0] == "read committed"
    transaction.rows(ADD_NOW, note(1))
    assert transaction.rows(LEVEL, {})[0][0] == "read committed"
    transaction.rollback()


def test_an_error_while_a_connection_is_made_is_one_that_the_edge_knows(postgresql: Connections) -> None:
    with pytest.raises(UNAVAILABLE):
        Connections(sa.create_engine(postgresql.engine.url.set(database="nowhere_at_all"))).take()
