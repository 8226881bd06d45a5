"""Reading past the session: the same rows and errors as by it, on connections that are new, alive, or given up."""

import threading
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from kaltalk_iv import KalTalkIV
from kaltalk_iv.models import Base
from kaltalk_iv.state import current_state
from kaltalk_iv.store.compiled import Compiled, Statement
from kaltalk_iv.store.connections import Connections
from kaltalk_iv.store.database import UNAVAILABLE, engine_options, prepare_engine
from kaltalk_iv.store.reading import Reader
from kaltalk_iv.store.sources import run
from tests.api.world import ENCRYPTION_KEY, Clock, build_app, dispose

HUSH = "hush-hush@shop.example"
ONE: Statement = sa.select(sa.literal_column("1"))
WHICH: Statement = sa.select(sa.func.pg_backend_pid())
SLEEP: Statement = sa.select(sa.func.pg_sleep(sa.bindparam("seconds", type_=sa.Double)).cast(sa.Text))
MISSING: Statement = (
    sa.select(sa.column("id")).select_from(sa.table("nowhere")).where(sa.column("id") == sa.bindparam("id"))
)
VALUES: dict[type, tuple[Any, ...]] = {
    sa.Boolean: (True, False, None),
    sa.Double: (1_767_268_800.0, 1.25, None),
    sa.BigInteger: (7, 0, None),
    sa.String: ("\u00c5da", "", None),
}


@pytest.fixture
def engine(database_url: str) -> Iterator[sa.Engine]:
    """Give an engine as our server makes it."""
    engine = sa.create_engine(database_url, **engine_options(database_url, timeout=2))
    prepare_engine(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def postgresql(postgresql_url: str) -> Iterator[sa.Engine]:
    """Give such an engine on PostgreSQL alone, with a shorter time for each statement."""
    engine = sa.create_engine(postgresql_url, **engine_options(postgresql_url, timeout=0.5))
    prepare_engine(engine)
    yield engine
    engine.dispose()


def opened(engine: sa.Engine) -> list[Any]:
    """Return a list that will hold every connection that ``engine`` makes from now on."""
    made: list[Any] = []
    sa.event.listen(engine, "connect", lambda connection, _record: made.append(connection))
    return made


def is_closed(connection: Any) -> bool:
    if hasattr(connection, "closed"):
        return bool(connection.closed)
    try:
        connection.cursor()
    except connection.ProgrammingError:
        return True
    return False


def kill_all_but_mine(engine: sa.Engine) -> int:
    others = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    another = sa.create_engine(engine.url, poolclass=sa.NullPool)
    with another.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        killed = len(connection.exec_driver_sql(f"SELECT pg_terminate_backend(pid) {others}").all())
        while connection.exec_driver_sql(f"SELECT 1 {others}").all():
            time.sleep(0.01)
    return killed


def test_each_value_is_what_a_session_makes_of_it_for_every_type_that_is_stored(engine: sa.Engine) -> None:
    stored = {repr(column.type): column.type for table in Base.metadata.tables.values() for column in table.columns}
    assert len(stored) >= 5
    columns = [sa.Column(f"c{place}", type_) for place, type_ in enumerate(stored.values())]
    table = sa.Table("every_type", sa.MetaData(), sa.Column("id", sa.BigInteger, primary_key=True), *columns)
    rows: list[dict[str, Any]] = [
        {"id": place} | {column.name: _values(column.type)[place] for column in columns} for place in range(3)
    ]
    with engine.begin() as connection:
        table.create(connection)
        connection.execute(sa.insert(table), rows)
    statement = sa.select(table).order_by(table.c.id)
    with Session(engine) as session:
        by_session = run(session, statement, {})
    past_it = run(Reader(Connections(engine)), statement, {})

    assert (
        [tuple(row) for row in past_it] == [tuple(row) for row in by_session] == [tuple(row.values()) for row in rows]
    )
    assert [list(map(type, row)) for row in past_it] == [list(map(type, row)) for row in by_session]


def _values(kind: sa.types.TypeEngine[Any]) -> tuple[Any, ...]:
    return next(values for stored, values in VALUES.items() if isinstance(kind, stored))


def test_values_are_bound_and_never_part_of_the_statement(engine: sa.Engine) -> None:
    statement = sa.select(sa.bindparam("said", type_=sa.Text), sa.bindparam("again", type_=sa.Text))
    said = "'); DROP TABLE kaltalk_iv_customers; -- %s %(said)s :again ?"
    reader = Reader(Connections(engine))
    assert tuple(reader.rows(statement, {"said": said, "again": None})[0]) == (said, None)
    assert tuple(reader.rows(statement, {"again": said, "said": "x"})[0]) == ("x", said)


def test_one_connection_serves_one_thread_and_is_closed_with_the_engine(engine: sa.Engine) -> None:
    made = opened(engine)
    reader = Reader(Connections(engine))
    assert [tuple(reader.rows(ONE, {})[0]) for _ in range(5)] == [(1,)] * 5
    assert [is_closed(connection) for connection in made] == [False]
    engine.dispose()
    assert [is_closed(connection) for connection in made] == [True]
    assert list(map(tuple, reader.rows(ONE, {}))) == [(1,)]  # on a new one
    assert len(made) == 2


def test_no_connection_is_open_in_a_transaction(postgresql: sa.Engine) -> None:
    reader = Reader(Connections(postgresql))
    reader.rows(WHICH, {})
    states = "SELECT state FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    with postgresql.connect() as connection:
        assert connection.exec_driver_sql(states).scalars().all() == ["idle"]


def test_backends_that_were_killed_are_not_noticed(postgresql: sa.Engine, caplog: pytest.LogCaptureFixture) -> None:
    reader, made = Reader(Connections(postgresql)), opened(postgresql)
    with postgresql.connect() as connection:  # the engine's pool has a dead one as well, and it has not rested
        connection.execute(ONE)
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda _: reader.rows(SLEEP, {"seconds": 0.1}), range(3)))
    assert kill_all_but_mine(postgresql) == 4
    before = len(made)
    assert reader.rows(WHICH, {}) == reader.rows(WHICH, {})
    assert len(made) == before + 1
    assert [is_closed(connection) for connection in made[:before]] == [True] * 4
    with Session(postgresql) as session:
        assert run(session, ONE, {})
    assert caplog.records == []


def test_a_database_that_is_away_is_sqlalchemys_error_and_no_value_is_told(postgresql: sa.Engine) -> None:
    reader = Reader(Connections(postgresql))
    wanted = sa.select(sa.bindparam("said", type_=sa.Text))
    reader.rows(wanted, {"said": HUSH})
    name = postgresql.url.database
    admin = sa.create_engine(postgresql.url.set(database="postgres"), poolclass=sa.NullPool)
    with admin.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        try:
            kill_by = sa.text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name")
            connection.execute(kill_by, {"name": name})
            for _ in range(2):  # the first finds a dead connection, the second none
                with pytest.raises(sa.exc.OperationalError) as caught:
                    reader.rows(wanted, {"said": HUSH})
                assert isinstance(caught.value, UNAVAILABLE)
                assert HUSH not in "".join(traceback.format_exception(caught.value)) + repr(vars(caught.value))
        finally:
            connection.exec_driver_sql(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
    assert tuple(reader.rows(wanted, {"said": "back"})[0]) == ("back",)


def test_an_error_is_the_one_that_a_session_raises_and_holds_no_value(engine: sa.Engine) -> None:
    made = opened(engine)
    with pytest.raises(sa.exc.DBAPIError) as past_it:
        run(Reader(Connections(engine)), MISSING, {"id": HUSH})
    assert [is_closed(connection) for connection in made] == [True]
    with Session(engine) as session, pytest.raises(sa.exc.DBAPIError) as by_session:
        run(session, MISSING, {"id": HUSH})

    assert type(past_it.value) is type(by_session.value)
    assert type(past_it.value.orig) is type(by_session.value.orig)
    assert isinstance(past_it.value, UNAVAILABLE)
    assert HUSH not in "".join(traceback.format_exception(past_it.value)) + repr(vars(past_it.value))


def test_a_statement_that_takes_too_long_gives_its_connection_up(postgresql: sa.Engine) -> None:
    made, reader = opened(postgresql), Reader(Connections(postgresql))
    with pytest.raises(sa.exc.OperationalError, match="statement timeout"):
        reader.rows(SLEEP, {"seconds": 30})
    assert [is_closed(connection) for connection in made] == [True]  # and it was not sent a second time


def test_whatever_breaks_a_read_off_gives_its_connection_up(engine: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    made, reader = opened(engine), Reader(Connections(engine))
    reader.rows(ONE, {})

    def give_up(*_what: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Compiled, "rows", give_up)
        with pytest.raises(KeyboardInterrupt):
            reader.rows(ONE, {})
    assert [is_closed(connection) for connection in made] == [True]
    assert reader.rows(ONE, {})
    engine.dispose()


def test_many_threads_read_each_its_own_answer_while_the_connections_are_closed_under_them(engine: sa.Engine) -> None:
    reader, made = Reader(Connections(engine)), opened(engine)
    statement = sa.select(sa.bindparam("number", type_=sa.Double))

    def ask(number: int) -> bool:
        if number % 50 == 0:
            engine.dispose()
        return tuple(reader.rows(statement, {"number": float(number)})[0]) == (number,)

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(ask, range(400)))
    assert sum(not is_closed(connection) for connection in made) <= 4


def test_no_more_connections_than_it_may_have_and_the_others_wait_their_turn(postgresql: sa.Engine) -> None:
    reader, made = Reader(Connections(postgresql, most=2, timeout=5)), opened(postgresql)
    with ThreadPoolExecutor(6) as pool:
        assert len(list(pool.map(lambda _: reader.rows(SLEEP, {"seconds": 0.05}), range(6)))) == 6
    assert len(made) == 2


def test_who_waits_too_long_for_a_connection_is_told_so_and_a_failure_takes_no_place_for_good(
    postgresql: sa.Engine,
) -> None:
    reader = Reader(Connections(postgresql, most=1, timeout=0.1))
    for _ in range(3):
        with pytest.raises(sa.exc.DBAPIError):
            reader.rows(MISSING, {"id": HUSH})
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(reader.rows, SLEEP, {"seconds": 0.3})
        time.sleep(0.05)
        with pytest.raises(UNAVAILABLE, match="No connection"):
            reader.rows(ONE, {})
        other.result()
    assert reader.rows(ONE, {})


def test_a_forked_process_lets_go_of_its_parents_connections_and_does_not_close_them(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, reader = opened(engine), Reader(Connections(engine))
    reader.rows(ONE, {})
    with monkeypatch.context() as child:
        child.setattr("os.getpid", lambda: -1)
        engine.dispose(close=False)  # what SQLAlchemy asks of a process that was forked
        assert [is_closed(connection) for connection in made] == [False]
        reader.rows(ONE, {})
        assert len(made) == 2
        engine.dispose()
        assert [is_closed(connection) for connection in made] == [False, True]
    made[0].close()


def test_a_file_is_read_past_the_session_where_the_settings_say_so_and_a_database_in_memory_never(
    sqlite_url: str, clock: Clock
) -> None:
    for url, is_wanted in ((sqlite_url, True), (sqlite_url, False), ("sqlite://", True)):
        app = build_app(url, clock, KALTALK_IV_DIRECT_SQL=is_wanted)
        with app.app_context():
            assert isinstance(current_state().reader(), Reader) is (is_wanted and url == sqlite_url)
        dispose(app)


def test_threads_that_ask_first_at_the_same_moment_get_one_reader(engine: sa.Engine) -> None:
    class Slow:
        @property
        def session(self) -> Callable[[], Session]:
            time.sleep(0.05)
            return lambda: Session(engine)

    app = Flask(__name__)
    app.config.update(
        SECRET_KEY="a secret key for tests alone, long enough",
        KALTALK_IV_ENCRYPTION_KEYS=ENCRYPTION_KEY,
        KALTALK_IV_DIRECT_SQL=True,
    )
    KalTalkIV(app, db=Slow())
    together = threading.Barrier(4)

    def ask(_number: int) -> Reader | None:
        together.wait()
        with app.app_context():
            return current_state().reader()

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(ask, range(4)))) == 1
