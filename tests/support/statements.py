"""What a database is told, seen at its driver: SQLAlchemy's events miss what the package reads past its sessions."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import sqlalchemy as sa

Told = tuple[str, Any]
_FRAMES = ("BEGIN", "COMMIT", "ROLLBACK", "SET SESSION CHARACTERISTICS")


@contextmanager
def told_to(engine: sa.Engine) -> Iterator[list[Told]]:
    """Yield each statement that the block sends, and its values, where they do not stand in it.

    Not what frames them: BEGIN and COMMIT, and what a new connection is set to. The block finds no connection that was
    open before.
    """
    told: list[Told] = []

    def note(statement: str, values: Any = None) -> None:
        if not statement.startswith(_FRAMES):
            told.append((statement, values))

    def watch(connection: Any, _record: object) -> None:
        if isinstance(connection, psycopg.Connection):
            connection.cursor_factory = _watched_cursor(note)
        else:
            connection.set_trace_callback(note)

    with each_connection(engine, watch):
        yield told


@contextmanager
def each_connection(engine: sa.Engine, watch: Callable[[Any, object], None]) -> Iterator[None]:
    """Have ``watch`` see each connection of the driver that the block uses: all are made in it, and closed after it."""
    engine.dispose()
    sa.event.listen(engine, "connect", watch)
    try:
        yield
    finally:
        sa.event.remove(engine, "connect", watch)
        engine.dispose()


def _watched_cursor(note: Callable[[str, Any], None]) -> type[psycopg.Cursor[Any]]:
    class Watched(psycopg.Cursor[Any]):
        def execute(self, query: Any, params: Any = None, **options: Any) -> "Watched":
            note(query, params)
            return super().execute(query, params, **options)

        def executemany(self, query: Any, params_seq: Any, **options: Any) -> None:
            note(query, params_seq[0])
            super().executemany(query, params_seq, **options)

    return Watched
