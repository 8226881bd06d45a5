"""Writing past the session: the few statements of an identify or a message, by the driver, all of them or none.

An ORM session and its statements take a worker longer than the driver does, and widgets write at every visit.
"""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import sqlalchemy as sa

from .compiled import Compiled, Row, Statement, Values
from .connections import Connections, Open

_ONLY_UNDONE = "A statement has failed: what was begun can only be undone."


class Transaction:
    """What a session is for a use case: it has a connection from its first statement to its last.

    It begins with the first statement that changes anything. What is read before that is read in no transaction, each
    statement as new as it would be in one: both databases let a statement see whatever was committed before it.
    What changes something and returns nothing is held back until the next statement: if none comes, it is all that
    there is to commit, and a single statement needs no transaction. That saves two of the four ways to the database.
    Raises what a session would, the error of what was held back too: SQLAlchemy's, without values.
    """

    def __init__(self, connections: Connections) -> None:
        self.info: dict[Any, Any] = {}
        self._connections = connections
        self._opened: Open | None = None
        self._held: tuple[Compiled, Values] | None = None
        self._has_turn = False
        self._has_begun = False
        self._has_failed = False

    @property
    def dialect(self) -> sa.Dialect:
        """The dialect of the database."""
        return self._connections.dialect

    def rows(self, statement: Statement, values: Values, *, alone: bool = False) -> Sequence[Row]:
        """Return what ``statement``, one that lives as long as the program, returns with ``values`` bound.

        ``alone`` says that nothing is changed after it: where nothing has begun, it stands at once. What is sent before
        anything has begun is sent once more where the connection has died: done twice, it must be as if done once, or
        fail.
        """
        if self._has_failed:
            raise sa.exc.PendingRollbackError(_ONLY_UNDONE)
        compiled = self._connections.compiled(statement)
        self._send_held(alone=False)
        if compiled.changes and not compiled.returns_rows and not alone:
            self._held = compiled, values
            return ()
        return self._send(compiled, values, begins=compiled.changes and not alone)

    def commit(self) -> None:
        """Make everything stand, and give the connection back."""
        self._send_held(alone=not self._has_begun)
        if self._has_failed:
            raise sa.exc.PendingRollbackError(_ONLY_UNDONE)
        self._end("COMMIT")

    def rollback(self) -> None:
        """Undo everything, and give the connection back."""
        self._held = None
        with suppress(sa.exc.DBAPIError):  # the connection is given up then, and the database undoes what was begun
            self._end("ROLLBACK")

    def _send_held(self, *, alone: bool) -> None:
        held, self._held = self._held, None
        if held is not None:
            self._send(*held, begins=not alone)

    def _send(self, compiled: Compiled, values: Values, *, begins: bool) -> Sequence[Row]:
        try:
            return self._send_once(compiled, values, begins=begins)
        except sa.exc.DBAPIError as error:
            if self._has_begun or not error.connection_invalidated:
                raise
        self.rollback()
        self._connections.begin_anew()
        return self._send_once(compiled, values, begins=begins)

    def _send_once(self, compiled: Compiled, values: Values, *, begins: bool) -> Sequence[Row]:
        self._has_failed = True  # until it has not: whatever breaks it off, nothing may be committed then
        if compiled.changes and not self._has_turn:
            opened, self._opened = self._opened, None
            self._opened = self._connections.wait_for_turn(opened)
            self._has_turn = True
        if self._opened is None:
            self._opened = self._connections.take()
        opened = self._opened
        try:
            if begins and not self._has_begun:
                opened.cursor.execute("BEGIN")
                self._has_begun = True
            rows = compiled.rows(opened.cursor, values)
        except self._connections.error as error:
            failure = self._connections.named(error, opened)
            if failure.connection_invalidated:
                self._give_up()
            raise failure from None
        except BaseException:  # in the middle of whatever the driver was about
            self._give_up()
            raise
        self._has_failed = False
        return rows

    def _give_up(self) -> None:
        opened, self._opened = self._opened, None
        if opened is not None:
            self._connections.give_up(opened)

    def _end(self, how: str) -> None:
        """Say ``how`` it ends where it has begun. Whatever the answer is, connection and turn are free afterwards."""
        opened = self._opened
        try:
            if opened is not None and self._has_begun:
                opened.cursor.execute(how)
        except self._connections.error as error:
            failure = self._connections.named(error, opened)
            self._give_up()
            raise failure from None
        except BaseException:
            self._give_up()
            raise
        finally:
            opened, has_turn = self._opened, self._has_turn
            self._opened = None
            self._has_turn = self._has_begun = self._has_failed = False
            try:
                if opened is not None:
                    self._connections.give_back(opened)
            finally:
                if has_turn:
                    self._connections.end_turn()
