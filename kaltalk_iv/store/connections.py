"""Connections for what goes past the session: in no transaction, until whoever has one begins it.

They are made as the engine makes its own, few, and kept: to connect takes longer than what widgets ask.
"""

import os
from collections import deque
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import TIMEOUT_MAX

import sqlalchemy as sa
from sqlalchemy.engine.interfaces import DBAPIModule

from .compiled import Compiled, Open, Statement, compiled_for
from .database import CONNECTIONS, TIMEOUT_SECONDS
from .turns import Shared, Turns


class Connections:
    """One for each thread that asks at the same moment, up to a limit; closed when the engine is disposed of."""

    def __init__(self, engine: sa.Engine, most: int = CONNECTIONS, timeout: float | None = TIMEOUT_SECONDS) -> None:
        """``most`` are open at a time; a thread waits ``timeout`` seconds for one, or for ever."""
        self.dialect = engine.dialect
        self._turns = Turns() if engine.dialect.name == "sqlite" else None
        self.engine = engine
        self._most = most
        self._timeout = TIMEOUT_MAX if timeout is None else min(timeout, TIMEOUT_MAX)
        self._process = os.getpid()
        self._generation = 0
        # Whoever has a place may have a connection: the idle one that was used last or, where none is idle, a new one.
        # So no more are open than there are places.
        self._places = _places(most)
        self._idle: deque[Open] = deque()
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
            self._places.get(timeout=self._timeout)
        except Empty:
            raise sa.exc.TimeoutError(f"No connection was free within {self._timeout:g} seconds.") from None
        try:
            return self._idle.pop()
        except IndexError:
            pass
        try:
            return self._connect()
        except BaseException:
            self._places.put(None)
            raise

    def give_back(self, opened: Open) -> None:
        """Let others have it. It is in no transaction."""
        if opened.generation == self._generation:
            self._idle.append(opened)
            self._places.put(None)
        else:
            self.give_up(opened)

    def give_up(self, opened: Open) -> None:
        """Close what nobody may have any more; a database undoes what was begun on it.

        The cursor too: while a traceback, say, still has it, SQLite keeps the connection open, and its lock with it.
        """
        try:
            opened.cursor.close()
        finally:
            try:
                opened.connection.close()
            finally:
                self._places.put(None)

    def wait_for_turn(self, opened: Open | None) -> tuple[Open | None, Shared | None]:
        """Return when it is this thread's turn to write, with its connection and the transaction that it is to share.

        The connection is ``opened`` if it did not wait, because who waits has none, or that of the transaction. Raises
        SQLAlchemy's TimeoutError when it takes too long.
        """
        place = None if self._turns is None else self._turns.take()
        if self._turns is None or place is None:
            return opened, None
        try:
            if opened is not None:
                self.give_back(opened)
            has_come = place.wait(self._timeout)
        except BaseException:
            if not self._turns.give_up(place):
                self._end_unused(place.shared)
            raise
        if not has_come and self._turns.give_up(place):
            raise self._too_late()
        return (None, None) if place.shared is None else (place.shared.opened, place.shared)

    def leave_turn(self, opened: Open, shared: Shared | None) -> Shared | None:
        """Leave turn, connection and what has begun on it to whoever waits to write, and return what it shares then.

        None, and nothing is done, when nobody waits.
        """
        return None if self._turns is None else self._turns.leave(opened, shared)

    def end_turn(self) -> None:
        """Let the next one write."""
        if self._turns is not None:
            self._turns.end()

    @property
    def is_awaited(self) -> bool:
        """True when others wait for their turn."""
        return self._turns is not None and self._turns.is_awaited

    def wait_for_end(self, shared: Shared) -> None:
        """Return when ``shared`` is committed.

        Raises what a session would: SQLAlchemy's error when nothing of it stands, and its TimeoutError when that shows
        later.
        """
        if not shared.wait(self._timeout):
            raise self._too_late()
        if shared.error is not None:
            raise self.named(shared.error, None) from None

    def broken_off(self) -> DBAPIModule.Error:
        """Return the driver's error for those of whose transaction nothing stands, because another writer failed."""
        return self.dialect.loaded_dbapi.OperationalError("the transaction was broken off")

    def _too_late(self) -> sa.exc.TimeoutError:
        return sa.exc.TimeoutError(f"Others have been writing for {self._timeout:g} seconds.")

    def _end_unused(self, shared: Shared | None) -> None:
        """End a turn that came to somebody who is gone."""
        try:
            if shared is not None:
                shared.end(self.broken_off())
                self.give_up(shared.opened)
        finally:
            self.end_turn()

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
        generation = self._generation
        try:
            lent = self.engine.pool.recreate().connect()
            connection = lent.dbapi_connection
            lent.detach()
            assert connection is not None  # noqa: S101 - for mypy: only one that was given up has none
            self.dialect.set_isolation_level(connection, "AUTOCOMMIT")
            cursor = connection.cursor()
            if self.dialect.name == "postgresql":  # where another level may be set for the database or the role
                cursor.execute("SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED")
            return Open(connection, cursor, generation)
        except self.error as error:
            raise self.named(error, None) from None

    def _close_idle(self) -> None:
        """Close what nobody has, and have what somebody has closed when it comes back.

        In a forked process what was open before is the parent's, and only let go; so are the turns and the places that
        a thread of the parent had, which does not run here.
        """
        self._generation += 1
        if self._process != os.getpid():
            self._process, self._turns = os.getpid(), None if self._turns is None else Turns()
            self._places, self._idle = _places(self._most), deque()
            return
        with suppress(IndexError):
            while True:
                self._idle.pop().connection.close()


def _places(most: int) -> SimpleQueue[None]:
    """Return so many places."""
    places: SimpleQueue[None] = SimpleQueue()
    for _ in range(most):
        places.put(None)
    return places
