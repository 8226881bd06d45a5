"""Writers who queue up on SQLite share one commit: each stands or falls for itself, and nobody is told too early."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa

from kaltalk_iv.store.compiled import Compiled, Open, Values
from kaltalk_iv.store.connections import Connections
from kaltalk_iv.store.database import UNAVAILABLE
from kaltalk_iv.store.turns import Place, Shared, Turns
from kaltalk_iv.store.writing import Transaction
from tests.store.notes import ADD, ADD_NOW, ALL, READ, note, stored
from tests.store.test_turns import write


class Line:
    """Writers in a queue behind one who has the turn, in the order in which they came."""

    def __init__(self, connections: Connections, pool: ThreadPoolExecutor) -> None:
        self.first = Transaction(connections)
        self.first.rows(ADD_NOW, note(1))
        self._connections, self._pool = connections, pool

    def join(self, what: Callable[..., Any], *given: Any) -> Future[Any]:
        """Return what comes of ``what``, which waits for its turn now."""
        turns = self._connections._turns
        assert turns is not None
        before, asked = len(turns._queue), self._pool.submit(what, self._connections, *given)
        until = time.monotonic() + 5
        while len(turns._queue) == before and time.monotonic() < until:
            time.sleep(0.001)
        assert len(turns._queue) == before + 1
        return asked


@pytest.fixture
def sent(sqlite: Connections, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Give what SQLite is told from now on, by the first words; ``fail: …`` in front of one makes it fail instead."""
    said: list[str] = []
    connect = sqlite._connect

    class Heard:
        def __init__(self, cursor: Any) -> None:
            self._cursor = cursor

        def execute(self, text: str, *values: Any) -> Any:
            said.append(" ".join(text.split()[: 3 if text.startswith("ROLLBACK TO") else 1]))
            if f"fail: {said[-1]}" in said:
                said.remove(f"fail: {said[-1]}")
                raise sqlite.dialect.loaded_dbapi.OperationalError("database or disk is full")
            if f"undo: {said[-1]}" in said:  # as SQLite may when the disk is full
                said.remove(f"undo: {said[-1]}")
                self._cursor.execute("ROLLBACK")
                raise sqlite.dialect.loaded_dbapi.OperationalError("database or disk is full")
            return self._cursor.execute(text, *values)

        def fetchall(self) -> Any:
            return self._cursor.fetchall()

    def listen() -> Open:
        opened = connect()
        heard: Any = Heard(opened.cursor)
        return opened._replace(cursor=heard)

    monkeypatch.setattr(sqlite, "_connect", listen)
    return said


def ids(connections: Connections) -> list[int]:
    """Return the numbers of what another process would read."""
    other = sa.create_engine(connections.engine.url)
    with other.connect() as connection:
        found = connection.exec_driver_sql("SELECT id FROM notes ORDER BY id").scalars().all()
    other.dispose()
    return list(found)


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


def test_those_who_queue_up_share_one_commit(sqlite: Connections, sent: list[str]) -> None:
    with ThreadPoolExecutor(3) as pool:
        line = Line(sqlite, pool)
        others = [line.join(write, 2, ADD_NOW), line.join(write, 3, ADD), line.join(write, 4, ADD_NOW)]
        line.first.commit()
        for other in others:
            other.result()
    assert sent == ["BEGIN", "INSERT", *3 * ["SAVEPOINT", "INSERT", "RELEASE"], "COMMIT"]
    assert ids(sqlite) == [1, 2, 3, 4]


def test_one_who_finds_others_waiting_begins_a_transaction_for_them_even_for_one_statement(
    sqlite: Connections, sent: list[str]
) -> None:
    with ThreadPoolExecutor(2) as pool:
        line = Line(sqlite, pool)
        others = [line.join(write, 2, ADD), line.join(write, 3, ADD)]
        line.first.rollback()
        for other in others:
            other.result()
    assert sent == ["BEGIN", "INSERT", "ROLLBACK", "BEGIN", "INSERT", "SAVEPOINT", "INSERT", "RELEASE", "COMMIT"]
    assert ids(sqlite) == [2, 3]


def test_nobody_is_told_before_the_commit_and_everybody_when_it_fails(sqlite: Connections, sent: list[str]) -> None:
    sent.append("fail: COMMIT")
    with ThreadPoolExecutor(3) as pool:
        line = Line(sqlite, pool)
        others = [line.join(write, 2, ADD_NOW), line.join(write, 3, ADD_NOW)]
        told = [pool.submit(line.first.commit), *others]
        for one in told:
            with pytest.raises(UNAVAILABLE, match="disk is full"):
                one.result(5)
    assert ids(sqlite) == []
    write(sqlite, 5)
    assert ids(sqlite) == [5]


def test_whoever_comes_before_waits_for_the_commit_of_whoever_comes_after(sqlite: Connections) -> None:
    may_end = threading.Event()

    def slowly(connections: Connections) -> None:
        transaction = Transaction(connections)
        transaction.rows(ADD_NOW, note(2))
        may_end.wait(5)
        transaction.commit()

    with ThreadPoolExecutor(2) as pool:
        line = Line(sqlite, pool)
        slow = line.join(slowly)
        first = pool.submit(line.first.commit)
        time.sleep(0.1)
        assert not first.done()
        assert ids(sqlite) == []
        may_end.set()
        first.result()
        slow.result()
    assert ids(sqlite) == [1, 2]


@pytest.mark.parametrize("refused_at", [2, 3, 4])
@pytest.mark.parametrize("statement", [ADD, ADD_NOW], ids=["held back", "at once"])
def test_one_that_is_refused_undoes_its_own_alone(
    sqlite: Connections, sent: list[str], refused_at: int, statement: sa.Insert
) -> None:
    def twice(connections: Connections) -> None:
        transaction = Transaction(connections)
        try:
            transaction.rows(ADD_NOW, note(refused_at))
            transaction.rows(statement, note(1))  # which is there
            transaction.commit()
        except BaseException:
            transaction.rollback()
            raise

    with ThreadPoolExecutor(3) as pool:
        line = Line(sqlite, pool)
        others = {
            number: line.join(twice) if number == refused_at else line.join(write, number) for number in (2, 3, 4)
        }
        line.first.commit()
        with pytest.raises(sa.exc.IntegrityError):
            others.pop(refused_at).result()
        for other in others.values():
            other.result()
    assert ids(sqlite) == sorted({1, 2, 3, 4} - {refused_at})
    assert sent.count("COMMIT") == 1


def test_one_that_was_undone_may_try_again(sqlite: Connections) -> None:
    """As state.py does with a race that was lost."""

    def twice(connections: Connections) -> None:
        transaction = Transaction(connections)
        with pytest.raises(sa.exc.IntegrityError):
            transaction.rows(ADD_NOW, note(1))
        transaction.rollback()
        transaction.rows(ADD_NOW, note(2))
        transaction.commit()

    with ThreadPoolExecutor(2) as pool:
        line = Line(sqlite, pool)
        again = line.join(twice)
        line.first.commit()
        again.result()
    assert ids(sqlite) == [1, 2]


@pytest.mark.parametrize("trouble", ["undo: INSERT", "fail: RELEASE", "undo: RELEASE"])
def test_when_all_is_undone_nobody_is_told_that_it_stands(sqlite: Connections, sent: list[str], trouble: str) -> None:
    with ThreadPoolExecutor(3) as pool:
        line = Line(sqlite, pool)
        others = [line.join(write, 2, ADD_NOW), line.join(write, 3, ADD_NOW)]
        sent.append(trouble)
        told = [pool.submit(line.first.commit), *others]
        outcomes = [one.exception(5) for one in told]
    stand = [number for number, error in enumerate(outcomes, start=1) if error is None]
    assert ids(sqlite) == stand
    assert isinstance(outcomes[0], UNAVAILABLE)
    assert isinstance(outcomes[1], UNAVAILABLE)
    write(sqlite, 5)
    assert ids(sqlite) == [*stand, 5]


def test_when_one_is_interrupted_nobody_is_told_that_it_stands(
    sqlite: Connections, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = Compiled.rows

    def interrupted(compiled: Compiled, cursor: Any, values: Values) -> Any:
        if values.get("id") == 2:
            raise KeyboardInterrupt
        return rows(compiled, cursor, values)

    monkeypatch.setattr(Compiled, "rows", interrupted)
    with ThreadPoolExecutor(3) as pool:
        line = Line(sqlite, pool)
        second, third = line.join(write, 2), line.join(write, 3)
        first = pool.submit(line.first.commit)
        with pytest.raises(UNAVAILABLE, match="broken off"):
            first.result()
        with pytest.raises(KeyboardInterrupt):
            second.result()
        third.result()
    assert ids(sqlite) == [3]


@pytest.mark.parametrize("has_come", [False, True])
def test_one_who_is_interrupted_in_the_queue_holds_nobody_up(
    sqlite: Connections, monkeypatch: pytest.MonkeyPatch, *, has_come: bool
) -> None:
    wait = Place.wait

    def interrupted(place: Place, timeout: float) -> bool:
        monkeypatch.setattr(Place, "wait", wait)
        if has_come:
            wait(place, timeout)
        else:
            time.sleep(0.2)
        raise KeyboardInterrupt

    monkeypatch.setattr(Place, "wait", interrupted)
    with ThreadPoolExecutor(2) as pool:
        line = Line(sqlite, pool)
        gone = line.join(write, 2)
        first = pool.submit(line.first.commit) if has_come else None
        with pytest.raises(KeyboardInterrupt):
            gone.result()
        if first is None:
            line.first.commit()
        else:
            with pytest.raises(UNAVAILABLE, match="broken off"):
                first.result()
    write(sqlite, 3)
    assert ids(sqlite) == ([3] if has_come else [1, 3])


def test_one_who_waits_too_long_for_the_others_is_told_so(sqlite: Connections) -> None:
    may_end = threading.Event()

    def hang(connections: Connections) -> None:
        transaction = Transaction(connections)
        transaction.rows(ADD_NOW, note(2))
        may_end.wait(10)
        transaction.commit()

    with ThreadPoolExecutor(1) as pool:
        line = Line(sqlite, pool)
        hanging = line.join(hang)
        with pytest.raises(UNAVAILABLE, match="Others have been writing for 1 seconds"):
            line.first.commit()
        line.first.rollback()  # as a use case does then
        may_end.set()
        hanging.result()
    assert ids(sqlite) == [1, 2]


def test_a_real_disk_that_is_full_undoes_whoever_meets_it_and_no_answer_is_wrong(sqlite: Connections) -> None:
    def fill(connections: Connections) -> None:
        transaction = Transaction(connections)
        try:
            transaction.rows(ADD_NOW, note(2))
            opened = transaction._opened
            assert opened is not None
            pages = opened.cursor.execute("PRAGMA page_count").fetchone()[0]
            opened.cursor.execute(f"PRAGMA max_page_count={pages}")
            transaction.rows(ADD_NOW, note(3, "x" * 100_000))
            transaction.commit()
        except BaseException:
            transaction.rollback()
            raise

    with ThreadPoolExecutor(2) as pool:
        line = Line(sqlite, pool)
        full = line.join(fill)
        first = pool.submit(line.first.commit)
        with pytest.raises(UNAVAILABLE, match="full"):
            full.result()
        stands = first.exception() is None
    assert ids(sqlite) == ([1] if stands else [])


def test_what_is_acknowledged_by_many_at_once_is_there_and_nothing_else(sqlite: Connections) -> None:
    acknowledged: list[int] = []

    def visit(worker: int) -> None:
        for turn in range(60):
            number = worker * 1000 + turn
            transaction = Transaction(sqlite)
            try:
                transaction.rows(ALL, {})
                transaction.rows(ADD_NOW, note(number))
                if turn % 7 == 3:
                    transaction.rows(ADD_NOW, note(number))  # refused, and its row with it
                if turn % 5 == 2:
                    transaction.rows(READ, {"number": number})
                transaction.commit()
            except sa.exc.IntegrityError:
                transaction.rollback()
            else:
                acknowledged.append(number)

    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(visit, worker) for worker in range(8)]:
            done.result()
    assert len(acknowledged) == 8 * 51
    assert ids(sqlite) == sorted(acknowledged)
    assert len(stored(sqlite)) == len(acknowledged)
