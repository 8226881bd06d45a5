"""Writing past the session: all of it or nothing, the same errors as by it, and no connection is kept."""

import traceback
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session
from sqlalchemy.pool import QueuePool

from kaltalk_iv.store.compiled import Compiled
from kaltalk_iv.store.database import UNAVAILABLE, engine_options, prepare_engine
from kaltalk_iv.store.reading import Reader
from kaltalk_iv.store.sources import run
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
READ = (
    sa.update(NOTES)
    .where(NOTES.c.id == sa.bindparam("number"))
    .values(is_read=True)
    .returning(NOTES.c.text, NOTES.c.is_read)
)
ALL = sa.select(NOTES.c.id, NOTES.c.is_read).order_by(NOTES.c.id)


def connected(url: str, timeout: float) -> Iterator[sa.Engine]:
    engine = sa.create_engine(url, **engine_options(url, timeout=timeout, connections=2))
    prepare_engine(engine)
    NOTES.create(engine)
    yield engine
    pool = engine.pool
    assert isinstance(pool, QueuePool)
    assert pool.checkedout() == 0  # whatever a test did, no connection is out
    engine.dispose()


@pytest.fixture
def engine(database_url: str) -> Iterator[sa.Engine]:
    """Give an engine as our server makes it, with a table, and look that it has all connections back at the end."""
    yield from connected(database_url, 2)


@pytest.fixture
def postgresql(postgresql_url: str) -> Iterator[sa.Engine]:
    """Give such an engine on PostgreSQL alone, with a shorter time for each statement."""
    yield from connected(postgresql_url, 0.5)


def note(number: int, text: str = "Hello") -> dict[str, Any]:
    return {"id": number, "text": text, "is_read": False}


def stored(engine: sa.Engine) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in Reader(engine).rows(ALL, {})]


def test_what_was_written_stands_once_it_is_committed_and_not_before(engine: sa.Engine) -> None:
    transaction = Transaction(engine)
    assert not transaction.rows(ADD, note(1))
    assert [tuple(row) for row in transaction.rows(READ, {"number": 1})] == [("Hello", True)]
    assert stored(engine) == []
    transaction.commit()
    assert stored(engine) == [(1, True)]


def test_a_transaction_that_is_undone_leaves_nothing_and_can_be_used_again(engine: sa.Engine) -> None:
    transaction = Transaction(engine)
    transaction.rows(ADD, note(1))
    transaction.rollback()
    assert stored(engine) == []
    transaction.rows(ADD, note(2))
    transaction.commit()
    transaction.commit()  # of nothing
    assert stored(engine) == [(2, False)]


def test_rows_are_those_that_a_session_returns(engine: sa.Engine) -> None:
    transaction = Transaction(engine)
    transaction.rows(ADD, note(1))
    transaction.commit()
    past_it = run(transaction, READ, {"number": 1})
    transaction.rollback()
    with Session(engine) as session:
        by_session = run(session, READ, {"number": 1})
        nothing = run(session, ADD, note(2))
    assert [tuple(row) for row in past_it] == [tuple(row) for row in by_session] == [("Hello", True)]
    assert list(map(type, past_it[0])) == list(map(type, by_session[0]))
    assert not nothing


def test_a_columns_default_is_written_as_a_session_writes_it_and_one_that_is_computed_is_refused(
    engine: sa.Engine,
) -> None:
    plain = sa.Column("locale", sa.Text, default="fr")
    with_default = sa.Table("with_default", sa.MetaData(), sa.Column("id", sa.BigInteger, primary_key=True), plain)
    with_default.create(engine)
    add = sa.insert(with_default).values(id=sa.bindparam("id")).returning(plain)
    transaction = Transaction(engine)
    past_it = run(transaction, add, {"id": 1})
    transaction.commit()
    with Session(engine) as session:
        assert tuple(run(session, add, {"id": 2})[0]) == tuple(past_it[0]) == ("fr",)
        session.commit()

    computed = sa.Table("computed", sa.MetaData(), sa.Column("id", sa.Text), sa.Column("at", sa.Double, default=float))
    with pytest.raises(TypeError, match=r"computed\.at has a default"):
        transaction.rows(sa.insert(computed).values(id=sa.bindparam("id")), {"id": "1"})


def test_a_broken_constraint_is_the_error_that_is_tried_again_and_holds_no_value(engine: sa.Engine) -> None:
    transaction = Transaction(engine)
    transaction.rows(ADD, note(1))
    with pytest.raises(sa.exc.IntegrityError) as past_it:
        transaction.rows(ADD, note(1, HUSH))
    transaction.rollback()
    with Session(engine) as session:
        run(session, ADD, note(1))
        with pytest.raises(sa.exc.IntegrityError) as by_session:
            run(session, ADD, note(1, HUSH))
    assert type(past_it.value.orig) is type(by_session.value.orig)
    assert HUSH not in "".join(traceback.format_exception(past_it.value)) + repr(vars(past_it.value))
    assert stored(engine) == []


def test_a_statement_that_fails_is_one_that_the_edge_knows_and_undoes_what_was_before(engine: sa.Engine) -> None:
    transaction = Transaction(engine)
    transaction.rows(ADD, note(1))
    with pytest.raises(UNAVAILABLE):
        transaction.rows(MISSING, {"id": HUSH})
    transaction.rollback()
    assert stored(engine) == []


def test_whatever_breaks_it_off_undoes_it(engine: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    transaction = Transaction(engine)
    transaction.rows(ADD, note(1))

    def give_up(*_what: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Compiled, "rows", give_up)
        with pytest.raises(KeyboardInterrupt):
            transaction.rows(ADD, note(2))
    transaction.rollback()
    assert stored(engine) == []


def test_a_server_that_was_restarted_just_now_is_not_noticed(
    postgresql: sa.Engine, caplog: pytest.LogCaptureFixture
) -> None:
    first = Transaction(postgresql)
    first.rows(ADD, note(1))
    first.commit()
    assert kill_all_but_mine(postgresql) == 1  # the pool's own, which has not rested: it is not asked whether it lives
    second = Transaction(postgresql)
    second.rows(ADD, note(2))
    second.commit()
    assert stored(postgresql) == [(1, False), (2, False)]
    assert caplog.records == []


def test_a_connection_that_dies_in_the_middle_takes_everything_with_it(postgresql: sa.Engine) -> None:
    transaction = Transaction(postgresql)
    transaction.rows(ADD, note(1))
    assert kill_all_but_mine(postgresql) == 1
    with pytest.raises(sa.exc.OperationalError) as caught:
        transaction.rows(ADD, note(2, HUSH))
    transaction.rollback()
    assert caught.value.connection_invalidated
    assert HUSH not in "".join(traceback.format_exception(caught.value)) + repr(vars(caught.value))
    assert stored(postgresql) == []


def test_a_connection_that_dies_at_the_commit_is_an_error_and_never_taken_for_success(postgresql: sa.Engine) -> None:
    transaction = Transaction(postgresql)
    transaction.rows(ADD, note(1))
    kill_all_but_mine(postgresql)
    with pytest.raises(sa.exc.OperationalError):
        transaction.commit()
    transaction.rollback()
    assert stored(postgresql) == []


def test_a_database_that_is_away_is_sqlalchemys_error(postgresql: sa.Engine) -> None:
    gone = sa.create_engine(postgresql.url.set(database="nowhere_at_all"))
    with pytest.raises(sa.exc.OperationalError):
        Transaction(gone).rows(ADD, note(1))


def test_who_waits_too_long_for_a_connection_or_an_answer_is_told_so(postgresql: sa.Engine) -> None:
    slow, other, third = (Transaction(postgresql) for _ in range(3))
    slow.rows(ALL, {})
    other.rows(ALL, {})
    with pytest.raises(UNAVAILABLE, match="QueuePool limit"):
        third.rows(ALL, {})
    with pytest.raises(sa.exc.OperationalError, match="statement timeout"):
        slow.rows(SLEEP, {"seconds": 30})
    slow.rollback()
    other.rollback()
