"""Who writes next on SQLite, which has one writer: the threads of one process queue up."""

import threading
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout

import pytest
import sqlalchemy as sa

from kaltalk_iv.store.compiled import Compiled
from kaltalk_iv.store.connections import Connections
from kaltalk_iv.store.database import UNAVAILABLE
from kaltalk_iv.store.turns import Place, Shared, Turns
from kaltalk_iv.store.writing import Transaction
from tests.store.notes import ADD, ADD_NOW, ALL, hear, note, stored, write


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
    hear(
        monkeypatch,
        lambda _cursor, word: said.append((word, sqlite._turns is not None and sqlite._turns._is_taken)),
    )
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


def test_a_turn_goes_to_whoever_waits_longest_and_past_nobody(sqlite: Connections) -> None:
    turns, opened = Turns(), sqlite.take()
    assert turns.take() is None
    second, third = turns.take(), turns.take()
    assert second is not None
    assert third is not None
    turns.end()
    assert second.wait(0)
    assert second.shared is None
    assert not third.wait(0)
    fourth = turns.take()
    assert fourth is not None  # though nobody but the second has a turn
    shared = turns.leave(opened, None)
    assert shared is not None
    assert third.wait(0)
    assert third.shared is shared
    assert not fourth.wait(0)
    assert turns.leave(opened, shared) is shared
    assert fourth.wait(0)
    assert turns.leave(opened, shared) is None
    turns.end()
    assert turns.take() is None
    sqlite.give_back(opened)


def test_what_is_left_to_one_who_gives_up_is_found_there(sqlite: Connections, monkeypatch: pytest.MonkeyPatch) -> None:
    turns, opened, called = Turns(), sqlite.take(), Place.call
    assert turns.take() is None
    place = turns.take()
    assert place is not None
    gave_up: list[bool] = []
    giving_up = threading.Thread(target=lambda: gave_up.append(turns.give_up(place)))

    def call(its: Place, shared: Shared | None) -> None:
        giving_up.start()
        giving_up.join(0.1)  # it must not be answered before the turn is there
        assert not gave_up
        called(its, shared)

    monkeypatch.setattr(Place, "call", call)
    shared = turns.leave(opened, None)
    giving_up.join()
    assert gave_up == [False]
    assert place.shared is shared
    sqlite.give_back(opened)
