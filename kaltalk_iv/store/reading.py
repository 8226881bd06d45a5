"""Reading past the session: a SELECT that is compiled once and sent by the driver, in no transaction.

An identify of a known customer is one SELECT and no write. Through an ORM session, a pool and a transaction it took ten
times what the database needs for it. What is read here is as new as the request: between two of them only the text of
the statement and open connections are kept, with the last answer in the memory of each; it is never looked at again.
"""

from collections.abc import Sequence

import sqlalchemy as sa

from .compiled import Compiled, Row, Statement, Values
from .connections import Connections
from .writing import Transaction


class Reader:
    """Sends SELECTs, each on whichever of its connections is free."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def transaction(self) -> Transaction:
        """Return a transaction on one of the same connections."""
        return Transaction(self._connections)

    def rows(self, statement: Statement, values: Values) -> Sequence[Row]:
        """Return the rows of ``statement``, which is one that lives as long as the program, with ``values`` bound.

        Raises what a session would: SQLAlchemy's errors. Where a connection has died, it is asked once more on a new
        one: to read twice does no harm.
        """
        compiled = self._connections.compiled(statement)
        try:
            return self._send(compiled, values)
        except sa.exc.DBAPIError as error:
            if not error.connection_invalidated:
                raise
        self._connections.begin_anew()
        return self._send(compiled, values)

    def _send(self, compiled: Compiled, values: Values) -> Sequence[Row]:
        connections = self._connections
        opened = connections.take()
        is_well = False
        try:
            rows = compiled.rows(opened.cursor, values)
            is_well = True
        except connections.error as error:
            raise connections.named(error, opened) from None
        finally:
            if is_well:
                connections.give_back(opened)
            else:
                connections.give_up(opened)
        return rows
