"""Writing past the session: the few statements of an identify or a message, by the driver, all of them or none.

An ORM session and its statements take a worker longer than the driver does, and widgets write at every visit.
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine.interfaces import DBAPICursor, DBAPIModule
from sqlalchemy.pool import PoolProxiedConnection

from .compiled import Compiled, Row, Statement, Values, compiled_for, named


class Transaction:
    """What a session is for a use case: it has a connection of the engine's pool from its first statement to its last.

    Raises what a session would: SQLAlchemy's errors, without values.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self.info: dict[Any, Any] = {}
        self._engine = engine
        self._lent: PoolProxiedConnection | None = None
        self._cursor: DBAPICursor | None = None

    @property
    def dialect(self) -> sa.Dialect:
        """The dialect of the database."""
        return self._engine.dialect

    def rows(self, statement: Statement, values: Values) -> Sequence[Row]:
        """Return what ``statement``, one that lives as long as the program, returns with ``values`` bound.

        The first one is sent once more where its connection has died: whatever it did there was never committed.
        """
        compiled = compiled_for(self._engine.dialect, statement)
        if self._lent is not None:
            return self._send(compiled, values)
        try:
            return self._send(compiled, values)
        except sa.exc.DBAPIError as error:
            if not error.connection_invalidated:
                raise
        self.rollback()
        self._engine.dispose()  # most often the server was restarted, and all connections of before are dead
        return self._send(compiled, values)

    def commit(self) -> None:
        """Make everything stand, and give the connection back."""
        try:
            if self._lent is not None:
                self._lent.commit()
        except self._engine.dialect.loaded_dbapi.Error as error:
            raise self._failed(error) from None
        self._give_back()

    def rollback(self) -> None:
        """Undo everything: the pool does, as it takes the connection back."""
        self._give_back()

    def _send(self, compiled: Compiled, values: Values) -> Sequence[Row]:
        try:
            if self._lent is None:
                self._lent = self._engine.raw_connection()
            if self._cursor is None:
                self._cursor = self._lent.cursor()
            return compiled.rows(self._cursor, values)
        except self._engine.dialect.loaded_dbapi.Error as error:
            raise self._failed(error) from None

    def _failed(self, error: DBAPIModule.Error) -> sa.exc.DBAPIError:
        lent = self._lent
        failure = named(error, self._engine.dialect, None if lent is None else lent.dbapi_connection)
        if lent is not None and failure.connection_invalidated:
            lent.invalidate(error)  # nobody gets it again
        return failure

    def _give_back(self) -> None:
        lent, self._lent, self._cursor = self._lent, None, None
        if lent is not None:
            lent.close()
