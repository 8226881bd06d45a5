"""Writing past the session: the few statements of an identify or a message, by the driver, all of them or none.

An ORM session and its statements take a worker longer than the driver does, and widgets write at every visit.
"""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import sqlalchemy as sa

from .compiled import Compiled, Row, Statement, Values
from .connections import Connections, Open


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

        ``alone`` says that it is complete in itself: where nothing has begun, it stands at once, whatever becomes of
        the rest. What is sent before anything has begun is sent once more where the connection has died: done twice, it
        must be as if done once, or fail.
        """
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
            raise sa.exc.PendingRollbackError("A statement has failed: what was begun can only be undone.")
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
        if compiled.changes and not self._has_turn:
            opened, self._opened = self._opened, None
            self._opened = self._connections.wait_for_turn(opened)
            self._has_turn = True
        if self._opened is None:
            self._opened = self._connections.take()
        opened = self._opened
        try:
            if begins and not self._has_begun:
                opened.cursor.execute(self._connections.begin)
                self._has_begun = True
            return compiled.rows(opened.cursor, values)
        except self._connections.error as error:
            failure = self._connections.named(error, opened)
            self._fail(opened, gives_up=failure.connection_invalidated)
            raise failure from None
        except BaseException:  # in the middle of whatever the driver was about
            self._fail(opened, gives_up=True)
            raise

    def _fail(self, opened: Open, *, gives_up: bool) -> None:
        self._has_failed = True
        if gives_up:
            self._opened = None
            self._connections.give_up(opened)

    def _end(self, how: str) -> None:
        opened, is_alive = self._opened, False
        try:
            if opened is not None and self._has_begun:
                opened.cursor.execute(how)
            is_alive = True
        except self._connections.error as error:
            raise self._connections.named(error, opened) from None
        finally:
            self._opened, self._has_begun, self._has_failed = None, False, False
            if self._has_turn:
                self._has_turn = False
                self._connections.end_turn()
            if opened is not None:
                (self._connections.give_back if is_alive else self._connections.give_up)(opened)
