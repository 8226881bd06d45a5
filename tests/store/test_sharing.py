"""Writers who queue up on SQLite share one commit: each stands or falls for itself, and nobody is told too early."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
import sqlalchemy as sa

from kaltalk_iv.store.connections import Connections
from kaltalk_iv.store.writing import Transaction
from tests.store.line import Line, ids
from tests.store.notes import ADD, ADD_NOW, ALL, READ, Sent, note, stored, transaction, write


def test_those_who_queue_up_share_one_commit(sqlite: Connections, sent: Sent) -> None:
    with ThreadPoolExecutor(3) as pool:
        line = Line(sqlite, pool)
        others = [line.join(write, 2, ADD_NOW), line.join(write, 3, ADD), line.join(write, 4, ADD_NOW)]
        line.first.commit()
        for other in others:
            other.result()
    assert sent.words == ["BEGIN", "INSERT", *3 * ["SAVEPOINT", "INSERT", "RELEASE"], "COMMIT"]
    assert ids(sqlite) == [1, 2, 3, 4]


def test_one_who_finds_others_waiting_begins_a_transaction_for_them_even_for_one_statement(
    sqlite: Connections, sent: Sent
) -> None:
    with ThreadPoolExecutor(2) as pool:
        line = Line(sqlite, pool)
        others = [line.join(write, 2, ADD), line.join(write, 3, ADD)]
        line.first.rollback()
        for other in others:
            other.result()
    assert sent.words == ["BEGIN", "INSERT", "ROLLBACK", "BEGIN", "INSERT", "SAVEPOINT", "INSERT", "RELEASE", "COMMIT"]
    assert ids(sqlite) == [2, 3]


def test_whoever_comes_before_waits_for_the_commit_of_whoever_comes_after(sqlite: Connections) -> None:
    may_end = threading.Event()

    def slowly(connections: Connections) -> None:
        with transaction(connections) as begun:
            begun.rows(ADD_NOW, note(2))
            may_end.wait(5)

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
    sqlite: Connections, sent: Sent, refused_at: int, statement: sa.Insert
) -> None:
    def twice(connections: Connections) -> None:
        with transaction(connections) as begun:
            begun.rows(ADD_NOW, note(refused_at))
            begun.rows(statement, note(1))  # which is there

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
    assert sent.words.count("COMMIT") == 1


def test_one_that_was_undone_may_try_again(sqlite: Connections) -> None:
    """As state.py does with a race that was lost."""

    def twice(connections: Connections) -> None:
        again = Transaction(connections)
        with pytest.raises(sa.exc.IntegrityError):
            again.rows(ADD_NOW, note(1))
        again.rollback()
        again.rows(ADD_NOW, note(2))
        again.commit()

    with ThreadPoolExecutor(2) as pool:
        line = Line(sqlite, pool)
        tried_again = line.join(twice)
        line.first.commit()
        tried_again.result()
    assert ids(sqlite) == [1, 2]


def test_what_is_acknowledged_by_many_at_once_is_there_and_nothing_else(sqlite: Connections) -> None:
    acknowledged: list[int] = []

    def visit(worker: int) -> None:
        for turn in range(60):
            number = worker * 1000 + turn
            with suppress(sa.exc.IntegrityError):
                with transaction(sqlite) as begun:
                    begun.rows(ALL, {})
                    begun.rows(ADD_NOW, note(number))
                    if turn % 7 == 3:
                        begun.rows(ADD_NOW, note(number))  # refused, and its row with it
                    if turn % 5 == 2:
                        begun.rows(READ, {"number": number})
                acknowledged.append(number)

    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(visit, worker) for worker in range(8)]:
            done.result()
    assert len(acknowledged) == 8 * 51
    assert ids(sqlite) == sorted(acknowledged)
    assert len(stored(sqlite)) == len(acknowledged)
