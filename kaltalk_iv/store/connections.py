"""Connections for what goes past the session: in no transaction, until whoever has one begins it.

They are made as the engine makes its own, few, and kept: to connect takes longer than what widgets ask.
"""

import os
from contextlib import suppress
from queue import Empty, LifoQueue
from threading import Lock
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine.interfaces import DBAPIConnection, DBAPICursor, DBAPIModule

from .compiled import Compiled, Statement, compiled_for
from .database import CONNECTIONS, TIMEOUT_SECONDS


class Open(NamedTuple):
    """A connection and its cursor, which does for many statements: to make one takes a while."""

    connection: DBAPIConnection
    cursor: DBAPICursor


class Connections:
    """One for each thread that asks at the same moment, up to a limit; closed when the engine is disposed of."""

    def __init__(self, engine: sa.Engine, most: int = CONNECTIONS, timeout: float = TIMEOUT_SECONDS) -> None:
        """``most`` are open at a time; a thread waits ``timeout`` seconds for a free one."""
        self.dialect = engine.dialect
        is_sqlite = engine.dialect.name == "sqlite"
        # SQLite has one writer, and others look every few milliseconds whether it is done: some wait for a second while
        # others pass. So those of one process queue up, and look for the writers of other processes alone.
        self._turn = Lock() if is_sqlite else None
        self.begin = "BEGIN IMMEDIATE" if is_sqlite else "BEGIN"
        self.engine = engine
        self._timeout = timeout
        self._process = os.getpid()
        # The last one that was used is the next; a place that has none yet is at the bottom.
        self._places: LifoQueue[Open | None] = LifoQueue()
        for _ in range(most):
            self._places.put(None)
        sa.event.listen(engine, "engine_disposed", lambda _engine: self._close_idle())

    @property
    def error(self) -> type[DBAPIModule.Error]:
        """What the driver raises."""
        return self.dialect.loaded_dbapi.Error

    def compiled(self, statement: Statement) -> Compiled:
        """Return ``statement`` as the driver takes it."""
        return compiled_for(self.dialect, statement)

    def take(self) -> Open:
        """Return a connection that nobody else has until it is given back or up.

        Raises what a session would: SQLAlchemy's errors.
        """
        try:
            opened = self._places.get(timeout=self._timeout)
        except Empty:
            raise sa.exc.TimeoutError(f"No connection was free within {self._timeout:g} seconds.") from None
        if opened is not None:
            return opened
        try:
            return self._connect()
        except BaseException:
            self._places.put(None)
            raise

    def give_back(self, opened: Open) -> None:
        """Let others have it. It is in no transaction."""
        self._places.put(opened)

    def give_up(self, opened: Open) -> None:
        """Close what nobody may have any more; a database undoes what was begun on it."""
        try:
            opened.connection.close()
        finally:
            self._places.put(None)

    def wait_for_turn(self, opened: Open | None) -> Open | None:
        """Return when it is this thread's turn to write, with ``opened`` if it did not wait: who waits, has none.

        Raises SQLAlchemy's TimeoutError when that takes too long.
        """
        if self._turn is None or self._turn.acquire(blocking=False):
            return opened
        if opened is not None:
            self.give_back(opened)
        if not self._turn.acquire(timeout=self._timeout):
            raise sa.exc.TimeoutError(f"Others have been writing for {self._timeout:g} seconds.")
        return None

    def end_turn(self) -> None:
        """Let the next one write."""
        if self._turn is not None:
            self._turn.release()

    def named(self, error: DBAPIModule.Error, opened: Open | None) -> sa.exc.DBAPIError:
        """Return the driver's error as SQLAlchemy's, without the values."""
        connection = None if opened is None else opened.connection
        return sa.exc.DBAPIError.instance(  # type: ignore[return-value]  # of one of the driver's it is nothing else
            None,
            None,
            error,
            self.error,
            hide_parameters=True,
            connection_invalidated=self.dialect.is_disconnect(error, connection, None),
            dialect=self.dialect,
        )

    def begin_anew(self) -> None:
        """Close all that are idle, the engine's too: one has died, and most often the server was restarted."""
        self.engine.dispose()

    def _connect(self) -> Open:
        """Return a new connection in autocommit: on PostgreSQL a read is one round trip then, not three.

        It comes as out of an empty pool: in the engine's own, connections may have died unnoticed.
        """
        try:
            lent = self.engine.pool.recreate().connect()
            connection = lent.dbapi_connection
            lent.detach()
            assert connection is not None  # noqa: S101 - for mypy: only one that was given up has none
            self.dialect.set_isolation_level(connection, "AUTOCOMMIT")
            return Open(connection, connection.cursor())
        except self.error as error:
            raise self.named(error, None) from None

    def _close_idle(self) -> None:
        """Close what nobody has. In a forked process what was open before is the parent's, and only let go."""
        is_ours = self._process == os.getpid()
        self._process = os.getpid()
        idle: list[Open | None] = []
        with suppress(Empty):
            while True:
                idle.append(self._places.get_nowait())
        for opened in idle:
            self._places.put(None)
            if opened is not None and is_ours:
                opened.connection.close()
