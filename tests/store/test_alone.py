"""A change that is all there is: it stands without a transaction, and in one as soon as there is another."""

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from kaltalk_iv.store.connections import Connections
from kaltalk_iv.store.sources import run_alone
from kaltalk_iv.store.writing import Transaction
from tests.store.notes import ADD, ADD_NOW, ALL, Sent, note, stored
from tests.store.test_reading import kill_all_but_mine


def test_a_change_that_is_all_there_is_needs_no_transaction(
    connections: Connections, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = Sent(monkeypatch)
    transaction = Transaction(connections)
    transaction.rows(ALL, {})
    assert not transaction.rows(ADD, note(1))
    assert sent.words == ["SELECT"]
    transaction.commit()
    assert sent.words == ["SELECT", "INSERT"]
    assert stored(connections) == [(1, False)]


def test_what_was_held_back_is_sent_before_whatever_comes_next_in_one_transaction_with_it(
    connections: Connections, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = Sent(monkeypatch)
    transaction = Transaction(connections)
    transaction.rows(ADD, note(1))
    assert [tuple(row) for row in transaction.rows(ALL, {})] == [(1, False)]
    transaction.rows(ADD, note(2))
    transaction.rows(ADD, note(3))
    assert sent.words == ["BEGIN", "INSERT", "SELECT", "INSERT"]
    assert stored(connections) == []
    transaction.commit()
    assert sent.words[-2:] == ["INSERT", "COMMIT"]
    assert stored(connections) == [(1, False), (2, False), (3, False)]


def test_what_was_held_back_is_undone_with_the_rest(connections: Connections) -> None:
    for statements in ((ADD,), (ADD_NOW, ADD)):
        transaction = Transaction(connections)
        for number, statement in enumerate(statements):
            transaction.rows(statement, note(number))
        transaction.rollback()
        transaction.commit()
        assert stored(connections) == []


def test_an_error_of_what_was_held_back_comes_with_the_next_statement_or_the_commit(connections: Connections) -> None:
    first = Transaction(connections)
    first.rows(ADD, note(1))
    first.commit()
    alone, followed, at_the_end = (Transaction(connections) for _ in range(3))
    alone.rows(ADD, note(1))
    with pytest.raises(sa.exc.IntegrityError):
        alone.commit()
    alone.rollback()
    followed.rows(ADD, note(1))
    with pytest.raises(sa.exc.IntegrityError):
        followed.rows(ALL, {})
    followed.rollback()
    at_the_end.rows(ADD_NOW, note(2))
    at_the_end.rows(ADD, note(1))
    with pytest.raises(sa.exc.IntegrityError):
        at_the_end.commit()
    at_the_end.rollback()
    assert stored(connections) == [(1, False)]


def test_what_is_complete_in_itself_stands_at_once_unless_something_was_begun(connections: Connections) -> None:
    transaction = Transaction(connections)
    run_alone(transaction, ADD_NOW, note(1))
    assert stored(connections) == [(1, False)]
    transaction.rows(ADD, note(2))
    run_alone(transaction, ADD_NOW, note(3))
    transaction.rollback()
    assert stored(connections) == [(1, False)]
    with Session(connections.engine) as session:
        assert run_alone(session, ADD_NOW, note(4))[0][0] == 4
    assert stored(connections) == [(1, False)]


def test_what_stands_alone_is_sent_once_more_where_the_connection_has_died(postgresql: Connections) -> None:
    for statement in (ADD, ADD_NOW):
        number = len(stored(postgresql))
        transaction = Transaction(postgresql)
        assert kill_all_but_mine(postgresql.engine) == 1
        run_alone(transaction, statement, note(number))
        transaction.commit()
        assert kill_all_but_mine(postgresql.engine) == 1
        held = Transaction(postgresql)
        held.rows(ADD, note(number + 1))
        held.commit()
    assert len(stored(postgresql)) == 4
