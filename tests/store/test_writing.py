"""Writing past the session: all of it or nothing, the same errors as by it, and no connection is kept."""

import traceback
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from kaltalk_iv.store.compiled import Compiled
from kaltalk_iv.store.connections import Connections, Open
from kaltalk_iv.store.database import UNAVAILABLE, engine_options, prepare_engine
from kaltalk_iv.store.reading import Reader
from kaltalk_iv.store.sources import run, run_alone
from kaltalk_iv.store.writing import Transaction
from tests.store.test_reading import HUSH, MISSING, SLEEP, kill_all_but_mine

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
    engine = sa.create_engine(url, **engine_options(url, timeout=timeout))
    prepare_engine(engine)
    NOTES.create(engine)
    engine.dispose()
    connections = Connections(engine, most=2, timeout=timeout)
    yield connections
    taken = [connections.take() for _ in range(2)]  # whatever a test did, no connection is out
    for opened in taken:
        connections.give_back(opened)
    engine.dispose()


@pytest.fixture
def connections(database_url: str) -> Iterator[Connections]:
    """Give connections as our server makes them, to a table, and look that all are given back at the end."""
    yield from connected(database_url, 2)


@pytest.fixture
def postgresql(postgresql_url: str) -> Iterator[Connections]:
    """Give such connections to PostgreSQL alone, with a shorter time for each statement."""
    yield from connected(postgresql_url, 0.5)


def note(number: int, text: str = "Hello") -> dict[str, Any]:
    return {"id": number, "text": text, "is_read": False}


def stored(connections: Connections) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in Reader(connections).rows(ALL, {})]


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


class Sent:
    """What the driver was told, by the first word of each statement, a transaction's own words among them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.words: list[str] = []
        take = Connections.take

        class Heard:
            def __init__(self, cursor: Any, words: list[str]) -> None:
                self._cursor, self._words = cursor, words

            def execute(self, text: str, *values: Any) -> Any:
                self._words.append(text.split(maxsplit=1)[0])
                return self._cursor.execute(text, *values)

            def fetchall(self) -> Any:
                return self._cursor.fetchall()

        def listen(connections: Connections) -> Open:
            opened = take(connections)
            cursor: Any = opened.cursor if isinstance(opened.cursor, Heard) else Heard(opened.cursor, self.words)
            return opened._replace(cursor=cursor)

        monkeypatch.setattr(Connections, "take", listen)


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
