"""Reading past the session: a SELECT that is compiled once and sent by the driver, in no transaction.

An identify of a known customer is one SELECT and no write. Through an ORM session, a pool and a transaction it took ten
times what the database needs for it. What is read here is as new as the request: between two of them only the text of
the statement and open connections are kept, with the last answer in the memory of each; it is never looked at again.
"""

import os
from collections.abc import Sequence
from contextlib import suppress
from queue import Empty, LifoQueue
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine.interfaces import DBAPIConnection, DBAPICursor

from .compiled import Compiled, Row, Statement, Values, compiled_for, named
from .database import CONNECTIONS, TIMEOUT_SECONDS
from .writing import Transaction


class _Open(NamedTuple):
    connection: DBAPIConnection
    cursor: DBAPICursor


class Reader:
    """Sends SELECTs on connections of its own: one for each thread that reads at the same moment, up to a limit.

    They are made as the engine makes its own, and closed when the engine is disposed of.
    """

    def __init__(self, engine: sa.Engine, connections: int = CONNECTIONS, timeout: float = TIMEOUT_SECONDS) -> None:
        """``connections`` are open at most; a thread waits ``timeout`` seconds for a free one."""
        self._engine = engine
        self._dialect = engine.dialect
        self._timeout = timeout
        self._process = os.getpid()
        # The last one that was used is the next; a place that has none yet is at the bottom.
        self._places: LifoQueue[_Open | None] = LifoQueue()
        for _ in range(connections):
            self._places.put(None)
        sa.event.listen(engine, "engine_disposed", lambda _engine: self._close_idle())

    def transaction(self) -> Transaction:
        """Return a transaction on a connection of the engine's pool, as the session's are."""
        return Transaction(self._engine)

    def rows(self, statement: Statement, values: Values) -> Sequence[Row]:
        """Return the rows of ``statement``, which is one that lives as long as the program, with ``values`` bound.

        Raises what a session would: SQLAlchemy's errors. Where a connection has died, it is asked once more on a new
        one: to read twice does no harm.
        """
        compiled = compiled_for(self._dialect, statement)
        try:
            return self._send(compiled, values)
        except sa.exc.DBAPIError as error:
            if not error.connection_invalidated:
                raise
        self._engine.dispose()  # most often the server was restarted, and all connections of before are dead
        return self._send(compiled, values)

    def _send(self, compiled: Compiled, values: Values) -> Sequence[Row]:
        opened = self._take()
        kept = None
        try:
            if opened is None:
                opened = self._connect()
            rows = compiled.rows(opened.cursor, values)
            kept = opened
        except self._dialect.loaded_dbapi.Error as error:
            raise named(error, self._dialect, None if opened is None else opened.connection) from None
        finally:
            if kept is None and opened is not None:
                opened.connection.close()
            self._places.put(kept)
        return rows

    def _take(self) -> _Open | None:
        try:
            return self._places.get(timeout=self._timeout)
        except Empty:
            raise sa.exc.TimeoutError(f"No connection to read on was free within {self._timeout:g} seconds.") from None

    def _connect(self) -> _Open:
        """Return a new connection and its cursor.

        It begins no transactions: on PostgreSQL a read is one round trip then, not three.

        It comes as out of an empty pool: in the engine's own, connections may have died unnoticed.
        """
        lent = self._engine.pool.recreate().connect()
        connection = lent.dbapi_connection
        lent.detach()
        assert connection is not None  # noqa: S101 - for mypy: only one that was given up has none
        if self._dialect.name != "sqlite":  # whose driver begins none for a SELECT
            self._dialect.set_isolation_level(connection, "AUTOCOMMIT")
        return _Open(connection, connection.cursor())

    def _close_idle(self) -> None:
        """Close what nobody reads on. In a forked process what was open before is the parent's, and only let go."""
        is_ours = self._process == os.getpid()
        self._process = os.getpid()
        idle: list[_Open | None] = []
        with suppress(Empty):
            while True:
                idle.append(self._places.get_nowait())
        for opened in idle:
            self._places.put(None)
            if opened is not None and is_ours:
                opened.connection.close()
