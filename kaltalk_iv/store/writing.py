"""Writing past the session: the few statements of an identify or a message, by the driver, all of them or none.

An ORM session and its statements take a worker longer than the driver does, and widgets write at every visit.
"""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.engine.interfaces import DBAPIModule

from .compiled import Compiled, Open, Row, Statement, Values
from .connections import Connections
from .turns import Shared

_ONLY_UNDONE = "A statement has failed: what was begun can only be undone."
_BEGIN_OWN, _KEEP_OWN, _UNDO_OWN = "SAVEPOINT writer", "RELEASE writer", "ROLLBACK TO writer"


class Transaction:
    """What a session is for a use case: it has a connection from its first statement to its last.

    It begins with the first statement that changes anything. What is read before that is read in no transaction, each
    statement as new as it would be in one: both databases let a statement see whatever was committed before it.
    What changes something and returns nothing is held back until the next statement: if none comes, it is all that
    there is to commit, and a single statement needs no transaction. That saves two of the four ways to the database.
    On SQLite writers who wait for each other share one transaction (``turns.py``), each with a savepoint of its own in
    it. Raises what a session would, the error of what was held back too: SQLAlchemy's, without values.
    """

    def __init__(self, connections: Connections) -> None:
        self.info: dict[Any, Any] = {}
        self._connections = connections
        self._opened: Open | None = None
        self._held: tuple[Compiled, Values] | None = None
        self._shared: Shared | None = None
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
        shared = self._leave(_KEEP_OWN) if self._has_begun else None
        if shared is None:
            self._end("COMMIT")
        else:
            self._connections.wait_for_end(shared)

    def rollback(self) -> None:
        """Undo everything, and give the connection back."""
        self._held = None
        with suppress(sa.exc.DBAPIError):  # the connection is given up then, and the database undoes what was begun
            if self._shared is None or self._opened is None:
                self._end("ROLLBACK")
            elif self._leave(_UNDO_OWN, _KEEP_OWN) is None:
                self._end("COMMIT")  # what others have written before

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
            self._opened, self._shared = self._connections.wait_for_turn(opened)
            self._has_turn = True
        if self._opened is None:
            self._opened = self._connections.take()
        opened = self._opened
        try:
            if not self._has_begun and (begins or (compiled.changes and self._is_to_share)):
                opened.cursor.execute("BEGIN" if self._shared is None else _BEGIN_OWN)
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

    @property
    def _is_to_share(self) -> bool:
        return self._shared is not None or self._connections.is_awaited

    def _give_up(self) -> None:
        opened, self._opened = self._opened, None
        if opened is not None:
            self._connections.give_up(opened)

    def _leave(self, *own: str) -> Shared | None:
        """Leave what has begun to the next writer, and return what it shares then; None when nobody waits.

        ``own`` is said first of what was written here, where others have written before.
        """
        opened, shared = self._opened, self._shared
        if opened is None:
            return None
        if shared is not None and self._has_begun:
            try:
                for statement in own:
                    self._say(opened, statement)
            except BaseException:  # SQLite has undone all of it, as it does when the disk is full, or nobody knows
                self._end("ROLLBACK")
                raise
        left = self._connections.leave_turn(opened, shared)
        if left is not None:
            self._opened = self._shared = None
            self._has_turn = self._has_begun = self._has_failed = False
        return left

    def _end(self, how: str) -> None:
        """Say ``how`` it ends where it has begun. Whatever the answer is, connection and turn are free afterwards."""
        opened = self._opened
        error = None if self._shared is None else self._connections.broken_off()
        try:
            if opened is not None and (self._has_begun or self._shared is not None):
                self._say(opened, how)
                error = None
        except sa.exc.DBAPIError as failure:
            error = cast("DBAPIModule.Error", failure.orig)
            raise
        finally:
            opened, shared, has_turn = self._opened, self._shared, self._has_turn
            self._opened = self._shared = None
            self._has_turn = self._has_begun = self._has_failed = False
            try:
                if opened is not None:
                    self._connections.give_back(opened)
            finally:
                if has_turn:
                    self._connections.end_turn()
                if shared is not None:
                    shared.end(error)

    def _say(self, opened: Open, statement: str) -> None:
        """Tell the driver a word of a transaction's own. Whatever breaks it off, the connection is given up."""
        try:
            opened.cursor.execute(statement)
        except self._connections.error as error:
            self._give_up()
            raise self._connections.named(error, opened) from None
        except BaseException:
            self._give_up()
            raise
