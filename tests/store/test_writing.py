"""Writing past the session: all of it or nothing, the same errors as by it, and no connection is kept."""

import traceback

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from kaltalk_iv.store.compiled import Compiled
from kaltalk_iv.store.connections import Connections
from kaltalk_iv.store.database import UNAVAILABLE
from kaltalk_iv.store.sources import run
from kaltalk_iv.store.writing import Transaction
from tests.store.notes import ADD, ADD_NOW, ALL, READ, note, stored
from tests.store.test_reading import HUSH, MISSING, SLEEP, kill_all_but_mine


def test_what_was_written_stands_once_it_is_committed_and_not_before(connections: Connections) -> None:
    transaction = Transaction(connections)
    transaction.rows(ADD_NOW, note(1))
    assert [tuple(row) for row in transaction.rows(READ, {"number": 1})] == [("Hello", True)]
    assert stored(connections) == []
    transaction.commit()
    assert stored(connections) == [(1, True)]


def test_a_transaction_that_is_undone_leaves_nothing_and_can_be_used_again(connections: Connections) -> None:
    transaction = Transaction(connections)
    transaction.rows(ADD_NOW, note(1))
    transaction.rollback()
    assert stored(connections) == []
    transaction.rows(ADD_NOW, note(2))
    transaction.commit()
    transaction.commit()  # of nothing
    assert stored(connections) == [(2, False)]


def test_rows_are_those_that_a_session_returns(connections: Connections) -> None:
    transaction = Transaction(connections)
    transaction.rows(ADD_NOW, note(1))
    transaction.commit()
    past_it = run(transaction, READ, {"number": 1})
    transaction.rollback()
    with Session(connections.engine) as session:
        by_session = run(session, READ, {"number": 1})
        nothing = run(session, ADD, note(2))
    assert [tuple(row) for row in past_it] == [tuple(row) for row in by_session] == [("Hello", True)]
    assert list(map(type, past_it[0])) == list(map(type, by_session[0]))
    assert not nothing


def test_a_columns_default_is_written_as_a_session_writes_it_and_one_that_is_computed_is_refused(
    connections: Connections,
) -> None:
    plain = sa.Column("locale", sa.Text, default="fr")
    with_default = sa.Table("with_default", sa.MetaData(), sa.Column("id", sa.BigInteger, primary_key=True), plain)
    with_default.create(connections.engine)
    add = sa.insert(with_default).values(id=sa.bindparam("id")).returning(plain)
    transaction = Transaction(connections)
    past_it = run(transaction, add, {"id": 1})
    transaction.commit()
    with Session(connections.engine) as session:
        assert tuple(run(session, add, {"id": 2})[0]) == tuple(past_it[0]) == ("fr",)
        session.commit()

    computed = sa.Table("computed", sa.MetaData(), sa.Column("id", sa.Text), sa.Column("at", sa.Double, default=float))
    with pytest.raises(TypeError, match=r"computed\.at has a default"):
        transaction.rows(sa.insert(computed).values(id=sa.bindparam("id")), {"id": "1"})


def test_a_broken_constraint_is_the_error_that_is_tried_again_and_holds_no_value(connections: Connections) -> None:
    transaction = Transaction(connections)
    transaction.rows(ADD_NOW, note(1))
    with pytest.raises(sa.exc.IntegrityError) as past_it:
        transaction.rows(ADD_NOW, note(1, HUSH))
    transaction.rollback()
    with Session(connections.engine) as session:
        run(session, ADD, note(1))
        with pytest.raises(sa.exc.IntegrityError) as by_session:
            run(session, ADD, note(1, HUSH))
    assert type(past_it.value.orig) is type(by_session.value.orig)
    assert HUSH not in "".join(traceback.format_exception(past_it.value)) + repr(vars(past_it.value))
    assert stored(connections) == []


def test_a_statement_that_fails_is_one_that_the_edge_knows_and_undoes_what_was_before(connections: Connections) -> None:
    transaction = Transaction(connections)
    transaction.rows(ADD_NOW, note(1))
    with pytest.raises(UNAVAILABLE):
        transaction.rows(MISSING, {"id": HUSH})
    transaction.rollback()
    assert stored(connections) == []


def test_whatever_breaks_it_off_undoes_it(connections: Connections, monkeypatch: pytest.MonkeyPatch) -> None:
    transaction = Transaction(connections)
    transaction.rows(ADD_NOW, note(1))

    def give_up(*_what: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Compiled, "rows", give_up)
        with pytest.raises(KeyboardInterrupt):
            transaction.rows(ADD_NOW, note(2))
    with pytest.raises(sa.exc.PendingRollbackError):
        transaction.commit()
    transaction.rollback()
    assert stored(connections) == []


def test_a_server_that_was_restarted_just_now_is_not_noticed(
    postgresql: Connections, caplog: pytest.LogCaptureFixture
) -> None:
    first = Transaction(postgresql)
    first.rows(ADD_NOW, note(1))
    first.commit()
    assert kill_all_but_mine(postgresql.engine) == 1
    second = Transaction(postgresql)
    second.rows(ADD_NOW, note(2))
    second.commit()
    assert stored(postgresql) == [(1, False), (2, False)]
    assert caplog.records == []


def test_a_connection_that_dies_between_a_read_and_the_first_change_is_not_noticed(postgresql: Connections) -> None:
    transaction = Transaction(postgresql)
    assert not transaction.rows(ALL, {})
    assert kill_all_but_mine(postgresql.engine) == 1
    transaction.rows(ADD_NOW, note(1))
    transaction.commit()
    assert stored(postgresql) == [(1, False)]


def test_what_is_read_before_the_first_change_holds_no_transaction_open(postgresql: Connections) -> None:
    transaction = Transaction(postgresql)
    states = "SELECT state FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    with postgresql.engine.connect() as connection:
        transaction.rows(ALL, {})
        assert connection.exec_driver_sql(states).scalars().all() == ["idle"]
        transaction.rows(ADD_NOW, note(1))
        connection.rollback()  # its own view of the others stands still in a transaction
        assert connection.exec_driver_sql(states).scalars().all() == ["idle in transaction"]
    transaction.rollback()


def test_after_a_failure_nothing_is_sent_until_it_is_undone(connections: Connections) -> None:
    transaction = Transaction(connections)
    transaction.rows(ADD_NOW, note(1))
    with pytest.raises(sa.exc.DBAPIError):
        transaction.rows(MISSING, {"id": HUSH})
    for statement in (ALL, ADD, ADD_NOW):
        with pytest.raises(sa.exc.PendingRollbackError):
            transaction.rows(statement, note(2))
    transaction.rollback()
    transaction.rows(ADD, note(3))
    transaction.commit()
    assert stored(connections) == [(3, False)]


def test_what_was_held_back_and_could_not_be_sent_is_not_committed(connections: Connections) -> None:
    transaction = Transaction(connections)
    transaction.rows(ADD, note(1))
    taken = [connections.take() for _ in range(2)]
    for _ in range(2):
        with pytest.raises((sa.exc.TimeoutError, sa.exc.PendingRollbackError)):
            transaction.commit()
    for opened in taken:
        connections.give_back(opened)
    with pytest.raises(sa.exc.PendingRollbackError):
        transaction.commit()
    transaction.rollback()
    assert stored(connections) == []


def test_what_has_failed_cannot_be_committed(connections: Connections) -> None:
    for statement in (ADD_NOW, MISSING):
        transaction = Transaction(connections)
        transaction.rows(ADD_NOW, note(1))
        with pytest.raises(sa.exc.DBAPIError):
            transaction.rows(statement, note(1))
        with pytest.raises(sa.exc.PendingRollbackError):
            transaction.commit()
        transaction.rollback()
        assert stored(connections) == []


def test_a_connection_that_dies_in_the_middle_takes_everything_with_it(postgresql: Connections) -> None:
    transaction = Transaction(postgresql)
    transaction.rows(ADD_NOW, note(1))
    assert kill_all_but_mine(postgresql.engine) == 1
    with pytest.raises(sa.exc.OperationalError) as caught:
        transaction.rows(ADD_NOW, note(2, HUSH))
    transaction.rollback()
    assert caught.value.connection_invalidated
    assert HUSH not in "".join(traceback.format_exception(caught.value)) + repr(vars(caught.value))
    assert stored(postgresql) == []


def test_a_connection_that_dies_at_the_commit_is_an_error_and_never_taken_for_success(postgresql: Connections) -> None:
    transaction = Transaction(postgresql)
    transaction.rows(ADD_NOW, note(1))
    kill_all_but_mine(postgresql.engine)
    with pytest.raises(sa.exc.OperationalError):
        transaction.commit()
    transaction.rollback()
    assert stored(postgresql) == []


def test_a_database_that_is_away_is_sqlalchemys_error(postgresql: Connections) -> None:
    gone = Connections(sa.create_engine(postgresql.engine.url.set(database="nowhere_at_all")))
    with pytest.raises(sa.exc.OperationalError):
        Transaction(gone).rows(ADD_NOW, note(1))


def test_who_waits_too_long_for_a_connection_or_an_answer_is_told_so(postgresql: Connections) -> None:
    slow, other, third = (Transaction(postgresql) for _ in range(3))
    slow.rows(ALL, {})
    other.rows(ALL, {})
    with pytest.raises(UNAVAILABLE, match="No connection was free"):
        third.rows(ALL, {})
    with pytest.raises(sa.exc.OperationalError, match="statement timeout"):
        slow.rows(SLEEP, {"seconds": 30})
    slow.rollback()
    other.rollback()
