"""What differs between SQLite and PostgreSQL, in one place."""

import math
import secrets
import sqlite3
import time
from functools import partial
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.engine import make_url
from sqlalchemy.exc import IntegrityError, InterfaceError, InternalError, OperationalError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import ConnectionPoolEntry as PoolEntry

from ..models import Base

# What a request meets when the database is away, overloaded, read-only or not set up. ProgrammingError is how
# PostgreSQL says that the tables are not there yet.
UNAVAILABLE = (OperationalError, InterfaceError, InternalError, IntegrityError, ProgrammingError, PoolTimeout)
TIMEOUT_SECONDS = 5
CONNECTIONS = 10
_REST_SECONDS = 1.0
_NEW_FILE_SECONDS = 0.5
_ASK_AGAIN_SECONDS = 0.01
_PRIMARY_CODE = 0xFF  # of an error of SQLite; the other bits say more of the cause
_RESTS_SINCE = "kaltalk_rests_since"
# A session that holds locks and says nothing belongs to a process that hangs: others wait for it no longer than this.
_IDLE_IN_TRANSACTION_SECONDS = 60


def new_id(prefix: str) -> str:
    """Return an id that nobody can guess, such as ``cus_6f1c…``."""
    return f"{prefix}_{secrets.token_hex(12)}"


def table_of(model: type[Base]) -> sa.Table:
    """Return the table of ``model``, for statements that go past the ORM."""
    table: sa.Table = model.__table__  # type: ignore[assignment]  # the ORM types it for views and the like too
    return table


def first_of(rows: sa.Select[*tuple[Any, ...]]) -> sa.Select[*tuple[Any, ...]]:
    """Return the first of these rows, with the 1 as a part of the statement.

    SQLite's later versions (3.53, not 3.46) plan a statement anew at each call that binds it.
    """
    return rows.limit(sa.literal_column("1")).offset(sa.literal_column("0"))


def spelled_out(author: Literal["visitor", "agent", "event"]) -> sa.ColumnElement[str]:
    """Return who wrote a line as a part of the statement itself, because a partial index has a condition on authors.

    Of a bound one SQLite plans the statement anew at each call (docs/architecture.md, "Past the session"), and
    PostgreSQL's lasting plans cannot use the index.
    """
    return sa.literal_column(f"'{author}'", sa.String)


def normalise_url(url: str) -> str:
    """Return ``url`` with psycopg 3 named as the driver where it only says PostgreSQL."""
    if url.startswith("postgres://"):  # what hosting providers hand out; SQLAlchemy knows only the long name
        url = "postgresql://" + url.removeprefix("postgres://")
    parsed = make_url(url)
    if parsed.drivername == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    return parsed.render_as_string(hide_password=False)


def engine_options(url: str, timeout: float = TIMEOUT_SECONDS, connections: int = CONNECTIONS) -> dict[str, Any]:
    """Return SQLAlchemy's options for an engine on ``url`` that never waits longer than ``timeout`` seconds.

    That is for a free connection of the ``connections`` there are, to connect, and for each statement, locks included.
    What ``url`` itself says of PostgreSQL's settings wins. Errors do not show what was to be stored.
    """
    parsed = make_url(url)
    options: dict[str, Any] = {"hide_parameters": True}
    if parsed.get_backend_name() == "sqlite":
        options["connect_args"] = {"timeout": timeout}
        if parsed.database in {None, "", ":memory:"}:  # one connection, and no pool that could wait
            return options
    elif parsed.get_driver_name() in {"psycopg", "psycopg2"}:
        options["connect_args"] = _libpq_limits(parsed, timeout)
    return options | {"pool_size": connections, "max_overflow": 0, "pool_timeout": timeout}


def _libpq_limits(url: sa.URL, timeout: float) -> dict[str, Any]:
    milliseconds = round(timeout * 1000)
    limits: dict[str, Any] = {
        "connect_timeout": math.ceil(timeout),
        # A server whose machine has vanished answers nothing, not even that the connection is gone.
        "tcp_user_timeout": milliseconds,
        "keepalives_idle": math.ceil(timeout),
        "keepalives_interval": 1,
        "keepalives_count": 3,
    }
    limits = {name: value for name, value in limits.items() if name not in url.query}
    # The server keeps the time of a statement, so that one that is given up does not go on there. The last -c counts.
    options = [
        f"-c statement_timeout={milliseconds}",
        f"-c idle_in_transaction_session_timeout={_IDLE_IN_TRANSACTION_SECONDS * 1000}",
        *url.normalized_query.get("options", ()),
    ]
    return limits | {"options": " ".join(options)}


def prepare_engine(engine: sa.Engine) -> None:
    """Make SQLite fit for several threads and processes, and find connections that died while nobody used them.

    How long SQLite waits for another writer is ``connect_args={"timeout": seconds}``, of the driver; five by default.
    """
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", _open_sqlite)
    else:
        sa.event.listen(engine, "checkin", _note_rest)
        sa.event.listen(engine, "checkout", partial(_ping_after_rest, engine.dialect))


def _open_sqlite(connection: Any, _record: Any) -> None:
    """A write-ahead log, so that readers and the writer do not wait for each other, and foreign keys.

    With such a log some builds of SQLite commit before the disk has it: a power cut would bring a revoked secret back.
    """
    cursor = connection.cursor()
    _keep_write_ahead_log(cursor)
    for pragma in ("synchronous=FULL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _keep_write_ahead_log(cursor: Any) -> None:
    """Have the file keep a write-ahead log, which it goes on with: of those who find a new file, one sees to it.

    The others are refused at once, where SQLite waits for all else. So they ask again for a while, and not for long:
    SQLAlchemy lets one thread after the other do this until one has.
    """
    until = time.monotonic() + _NEW_FILE_SECONDS
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & _PRIMARY_CODE != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(_ASK_AGAIN_SECONDS)
        else:
            return


def _note_rest(_connection: Any, record: PoolEntry) -> None:
    record.info[_RESTS_SINCE] = time.monotonic()


def _ping_after_rest(dialect: sa.Dialect, connection: Any, record: PoolEntry, _proxy: Any) -> None:
    """Ask a connection that has rested whether it is alive: a server that went away says nothing to those who do not.

    Not each time, as ``pool_pre_ping`` does: that is one more round trip for every request of a busy worker.
    """
    if time.monotonic() - record.info.get(_RESTS_SINCE, math.inf) < _REST_SECONDS:
        return
    try:
        dialect.do_ping(connection)
    except dialect.loaded_dbapi.Error:
        raise sa.exc.DisconnectionError from None  # the pool makes another one
