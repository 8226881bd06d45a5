"""Where a statement can be sent: by the session of the application, or past it."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from ..models import Base
from .compiled import Row, Statement, Values
from .database import table_of
from .reading import Reader
from .writing import Transaction

Source = Session | Reader | Transaction
"""What a use case reads from."""

Writer = Session | Transaction
"""What a use case changes things in: a transaction that somebody else commits."""


def dialect_of(source: Writer) -> str:
    """Return ``postgresql`` or ``sqlite``: which of the two ``source`` writes to."""
    dialect = source.connection().dialect if isinstance(source, Session) else source.dialect
    return dialect.name


def one_of(source: Writer, column: sa.SQLColumnExpression[Any], values: Sequence[str]) -> sa.ColumnElement[bool]:
    """Return the condition that ``column`` is one of very many ``values``.

    PostgreSQL takes them as one array: as a parameter each, the statement would be another one for each number of
    them, written, read and planned anew each time.
    """
    if dialect_of(source) == "postgresql":
        return column == sa.any_(sa.literal(list(values), postgresql.ARRAY(sa.String)))
    return column.in_(values)


def run(source: Source, statement: Statement, values: Values) -> Sequence[Row]:
    """Return the rows of ``statement``, which is built once, lives on, and takes its ``values`` by name.

    To build a statement takes SQLAlchemy longer than a database takes to run it, and an ORM session more time still.
    """
    if not isinstance(source, Session):
        return source.rows(statement, values)
    result = source.connection().execute(statement, values)
    return result.all() if result.returns_rows else ()


def run_alone(source: Writer, statement: Statement, values: Values) -> Sequence[Row]:
    """Do as ``run`` does, with a change after which nothing is changed: it may stand before the use case ends."""
    return (
        source.rows(statement, values, alone=True)
        if isinstance(source, Transaction)
        else run(source, statement, values)
    )


def insert_unless_there(source: Writer, model: type[Base], **values: Any) -> bool:
    """Insert one row and return True, or return False when a unique constraint says that it is there already.

    ``INSERT … ON CONFLICT DO NOTHING``: two requests that race leave one row and no error.
    """
    return len(run(source, _insert_unless_there(dialect_of(source), model, frozenset(values)), values)) > 0


@cache
def _insert_unless_there(dialect: str, model: type[Base], names: frozenset[str]) -> sa.Insert:
    insert = (postgresql.insert if dialect == "postgresql" else sqlite.insert)(table_of(model))
    bound: dict[str, Any] = {name: sa.bindparam(name) for name in sorted(names)}
    # RETURNING, because a driver's row count for an insert is not to be trusted on both databases.
    return insert.values(bound).on_conflict_do_nothing().returning(sa.literal(1))
