"""A database that is stopped, locked, slow, full or silent: 503 in time, no half a row, and well by itself again."""

import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from werkzeug.test import TestResponse

from kaltalk_iv import migrations
from kaltalk_iv.models import Customer, Message
from kaltalk_iv.state import current_state
from kaltalk_iv.testing import OrganizationForTests, add_organization, identify, read_messages, send_message
from tests.api.world import Clock, build_app, dispose, engine_of, everything_stored, rows_of
from tests.support.cluster import HOW_TO_GET_POSTGRESQL, Cluster, find_postgresql, throw_away_cluster
from tests.support.needs import require
from tests.support.statements import told_to

TIMEOUT = 1
SLACK = 3.0  # a busy machine, and libpq, which waits two seconds for a connection at least
CONNECTIONS = 2


@dataclass
class Shop:
    """KalTalk with little patience, one organization, and a visitor who has a session."""

    app: Flask
    organization: OrganizationForTests
    clock: Clock
    session: str = field(repr=False)

    def identify(self, sub: str) -> TestResponse:
        """Identify with a good token."""
        token = self.organization.sign(sub, now=self.clock.now, email=f"{sub}@shop.example")
        return identify(self.app.test_client(), self.organization.id, userJwt=token)

    def send(self, text: str) -> TestResponse:
        """Send a message; the same text is the same message."""
        return send_message(self.app.test_client(), self.session, text, f"m-{text}")

    def read(self) -> TestResponse:
        """Read the thread."""
        return read_messages(self.app.test_client(), self.session)


def open_shop(url: str) -> Shop:
    """Return KalTalk on the database at ``url``, which has our tables."""
    clock = Clock()
    config = {"KALTALK_DATABASE_TIMEOUT": TIMEOUT, "KALTALK_DATABASE_CONNECTIONS": CONNECTIONS}
    app = build_app(url, clock, **config)
    organization = add_organization(app)
    shop = Shop(app, organization, clock, "")
    shop.session = shop.identify("u_ada").get_json()["session"]["token"]
    assert shop.send("before").status_code == 201
    return shop


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Give a PostgreSQL server that tests may stop. It takes five connections, and three more of superusers."""
    binaries = require("PostgreSQL", find_postgresql(), HOW_TO_GET_POSTGRESQL)
    with throw_away_cluster(binaries, {"max_connections": "8", "synchronous_commit": "on"}) as running:
        yield running


@pytest.fixture
def on_postgresql(cluster: Cluster) -> Iterator[Shop]:
    """Give the shop on the server that may be stopped. It is no superuser, for whom seats are kept."""
    admin = sa.create_engine(cluster.url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.exec_driver_sql("DROP DATABASE IF EXISTS shop WITH (FORCE)")
        connection.exec_driver_sql("DROP ROLE IF EXISTS keeper")
        connection.exec_driver_sql("CREATE ROLE keeper LOGIN")
        connection.exec_driver_sql("CREATE DATABASE shop OWNER keeper")
    admin.dispose()
    url = sa.make_url(cluster.url).set(username="keeper", database="shop").render_as_string()
    engine = sa.create_engine(url)
    migrations.upgrade(engine)
    engine.dispose()
    shop = open_shop(url)
    yield shop
    dispose(shop.app)


@pytest.fixture
def on_sqlite(sqlite_url: str) -> Iterator[Shop]:
    """Give the shop on a SQLite file."""
    engine = sa.create_engine(sqlite_url)
    migrations.upgrade(engine)
    engine.dispose()
    shop = open_shop(sqlite_url)
    yield shop
    dispose(shop.app)


def check_refusals(shop: Shop, *, reads: int = 503) -> None:
    """Fail unless every route says in time that it cannot, and asks to come back."""
    check_refused(lambda: shop.identify("u_new"))
    check_refused(lambda: shop.send("lost"))
    if reads == 200:
        assert shop.read().status_code == 200
    else:
        check_refused(shop.read)


def check_refused(ask: Callable[[], TestResponse]) -> None:
    """Fail unless this one request gets its 503 in time."""
    began = time.monotonic()
    answer = ask()
    assert time.monotonic() - began < TIMEOUT + SLACK
    assert (answer.status_code, answer.get_json()["code"]) == (503, "unavailable")
    assert int(answer.headers["Retry-After"]) > 0


def check_recovery(shop: Shop, before: dict[str, Any] | None) -> None:
    """Fail unless nothing of what was refused is there, and the same requests now go through, once."""
    if before is not None:
        assert everything_stored(shop.app) == before
    for _ in range(2):  # a client that got no answer asks again
        assert shop.identify("u_new").get_json()["identity"]["state"] == "verified"
        assert shop.send("lost").status_code == 201
    assert [line["text"] for line in shop.read().get_json()["messages"]] == ["before", "lost"]
    customers = rows_of(shop.app, Customer, shop.organization.id)
    assert sorted(row.external_id for row in customers) == ["u_ada", "u_new"]
    assert len(rows_of(shop.app, Message, shop.organization.id)) == 2


def check_steady_state(shop: Shop) -> None:
    """Fail unless a known customer costs one statement again."""
    with told_to(engine_of(shop.app)) as told:
        assert shop.identify("u_new").status_code == 200
    assert [statement.split(maxsplit=1)[0] for statement, _values in told] == ["SELECT"]


def test_a_server_that_was_killed_is_a_503_until_it_is_back(on_postgresql: Shop, cluster: Cluster) -> None:
    before = everything_stored(on_postgresql.app)
    cluster.kill()
    try:
        check_refusals(on_postgresql)
        check_refusals(on_postgresql)  # by now no connection of before is in the pool
    finally:
        cluster.start()
    check_recovery(on_postgresql, before)
    check_steady_state(on_postgresql)


def test_a_restart_between_two_requests_is_not_noticed(on_postgresql: Shop, cluster: Cluster) -> None:
    cluster.kill()
    cluster.start()
    check_recovery(on_postgresql, None)


@pytest.mark.parametrize("held", ["kaltalk_iv_organizations", "kaltalk_iv_customers"])
def test_a_locked_table_of_postgresql_is_a_503_in_time(on_postgresql: Shop, cluster: Cluster, held: str) -> None:
    before = everything_stored(on_postgresql.app)
    other = sa.create_engine(engine_of(on_postgresql.app).url, poolclass=sa.NullPool)
    with other.connect() as connection:
        connection.exec_driver_sql(f"LOCK TABLE {held} IN ACCESS EXCLUSIVE MODE")
        if held == "kaltalk_iv_organizations":  # every request reads it
            check_refusals(on_postgresql)
        else:
            check_refused(lambda: on_postgresql.identify("u_new"))
    check_recovery(on_postgresql, before)


def test_a_locked_file_of_sqlite_is_a_503_in_time(on_sqlite: Shop) -> None:
    before = everything_stored(on_sqlite.app)
    file = engine_of(on_sqlite.app).url.database
    with closing(sqlite3.connect(str(file), isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        check_refusals(on_sqlite, reads=200)  # a write-ahead log lets readers read on
    check_recovery(on_sqlite, before)
    check_steady_state(on_sqlite)


def test_a_file_of_sqlite_that_somebody_has_for_himself_is_a_503_in_time(on_sqlite: Shop) -> None:
    before = everything_stored(on_sqlite.app)
    engine = engine_of(on_sqlite.app)
    engine.dispose()
    with closing(sqlite3.connect(str(engine.url.database), isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode=EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        check_refusals(on_sqlite)
    check_recovery(on_sqlite, before)


def test_a_statement_that_takes_too_long_is_given_up_here_and_there(on_postgresql: Shop, cluster: Cluster) -> None:
    engine = engine_of(on_postgresql.app)
    before = everything_stored(on_postgresql.app)
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN PERFORM pg_sleep(60); RETURN NEW; END $$"
        )
        for table in ("customers", "messages"):
            connection.exec_driver_sql(
                f"CREATE TRIGGER dawdle BEFORE INSERT ON kaltalk_iv_{table} FOR EACH ROW EXECUTE FUNCTION dawdle()"
            )
    check_refusals(on_postgresql, reads=200)
    with engine.begin() as connection:
        busy = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'shop' AND state = 'active'"
        assert connection.exec_driver_sql(busy).scalar_one() == 1  # this one
        connection.exec_driver_sql("DROP FUNCTION dawdle CASCADE")
    check_recovery(on_postgresql, before)


def test_a_server_without_a_free_connection_is_a_503_in_time(on_postgresql: Shop) -> None:
    engine = engine_of(on_postgresql.app)
    before = everything_stored(on_postgresql.app)
    engine.dispose()
    crowd = sa.create_engine(engine.url, poolclass=sa.NullPool)
    taken = [crowd.connect() for _ in range(5)]
    try:
        check_refusals(on_postgresql)
    finally:
        for connection in taken:
            connection.close()
    check_recovery(on_postgresql, before)


@pytest.mark.parametrize("where", ["on_sqlite", "on_postgresql"])
def test_connections_that_are_all_taken_are_a_503_in_time(where: str, request: pytest.FixtureRequest) -> None:
    shop: Shop = request.getfixturevalue(where)
    before = everything_stored(shop.app)
    with shop.app.app_context():
        reader = current_state().reader()
    assert reader is not None
    connections = reader._connections
    taken = [connections.take() for _ in range(CONNECTIONS)]
    try:
        check_refusals(shop)
    finally:
        for opened in taken:
            connections.give_back(opened)
    check_recovery(shop, before)


@pytest.mark.parametrize("where", ["on_sqlite", "on_postgresql"])
def test_widgets_go_on_while_the_dashboard_has_all_connections_of_the_pool(
    where: str, request: pytest.FixtureRequest
) -> None:
    shop: Shop = request.getfixturevalue(where)
    engine = engine_of(shop.app)
    taken = [engine.connect() for _ in range(CONNECTIONS)]
    try:
        assert [shop.identify("u_new").status_code, shop.send("hello").status_code] == [200, 201]
        assert [line["text"] for line in shop.read().get_json()["messages"]] == ["before", "hello"]
    finally:
        for connection in taken:
            connection.close()


@pytest.mark.parametrize("where", ["on_sqlite", "on_postgresql"])
def test_more_requests_at_once_than_connections_wait_for_their_turn(where: str, request: pytest.FixtureRequest) -> None:
    shop: Shop = request.getfixturevalue(where)
    together = threading.Barrier(8 * CONNECTIONS)

    def come(number: int) -> int:
        together.wait()
        return shop.identify(f"u_{number}").status_code

    with ThreadPoolExecutor(8 * CONNECTIONS) as visitors:
        assert set(visitors.map(come, range(8 * CONNECTIONS))) == {200}


def test_a_server_that_takes_calls_and_says_nothing_is_a_503_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        app = build_app(f"postgresql://keeper@127.0.0.1:{port}/shop", Clock(), KALTALK_DATABASE_TIMEOUT=TIMEOUT)
        began = time.monotonic()
        answer = identify(app.test_client(), "org_test")
        assert time.monotonic() - began < TIMEOUT + SLACK
    assert (answer.status_code, answer.get_json()["code"]) == (503, "unavailable")
    dispose(app)


def test_a_standby_that_only_reads_is_a_503_for_what_writes(on_postgresql: Shop) -> None:
    before = everything_stored(on_postgresql.app)
    engine = engine_of(on_postgresql.app)
    with engine.begin() as connection:  # as after a failover to the wrong machine
        connection.exec_driver_sql("ALTER DATABASE shop SET default_transaction_read_only = on")
    engine.dispose()
    check_refusals(on_postgresql, reads=200)
    with engine.begin() as connection:
        connection.exec_driver_sql("SET TRANSACTION READ WRITE")
        connection.exec_driver_sql("ALTER DATABASE shop RESET default_transaction_read_only")
    engine.dispose()
    check_recovery(on_postgresql, before)
