"""Statements as a driver takes them, compiled once: what goes past the session sends these."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from sqlalchemy.engine.interfaces import DBAPIConnection, DBAPICursor

Row = Sequence[Any]
Statement = sa.Select[*tuple[Any, ...]] | sa.UpdateBase
Values = Mapping[str, str | float | None]


class Open(NamedTuple):
    """A connection and its cursor, which does for many statements: to make one takes a while."""

    connection: DBAPIConnection
    cursor: DBAPICursor
    generation: int


class Compiled:
    """A statement as one driver takes it, and what makes Python's values of that driver's."""

    def __init__(self, statement: Statement, dialect: sa.Dialect) -> None:
        """Each value of ``statement`` is a bound parameter with a name.

        Raises TypeError when a column has a default that is computed for each row.
        """
        compiled = statement.compile(dialect=dialect)
        self.text = str(compiled)
        self.changes = isinstance(statement, sa.UpdateBase)
        self._order = compiled.positiontup
        self._fixed = {name: bind.value for name, bind in compiled.binds.items() if not bind.required}
        for column in compiled.insert_prefetch:
            default: Any = column.default
            if not default.is_scalar:
                raise TypeError(f"{column} has a default that is computed, and only a session does that.")
            self._fixed[column.key] = default.arg
        columns = statement.exported_columns
        self.returns_rows = len(columns) > 0
        # Of the types that we store, only a boolean is not on each database what the driver returns.
        types = enumerate(column.type for column in columns)
        converters = [(at, _converter(type_, dialect)) for at, type_ in types if isinstance(type_, sa.Boolean)]
        self._converters = [(at, convert) for at, convert in converters if convert is not None]

    def rows(self, cursor: DBAPICursor, values: Values) -> Sequence[Row]:
        """Send it and return all rows. A cursor does for many statements: to make one takes a while."""
        given = {**self._fixed, **values}
        cursor.execute(self.text, given if self._order is None else [given[name] for name in self._order])
        found = cursor.fetchall() if self.returns_rows else ()
        return [self._converted(row) for row in found] if self._converters else found

    def _converted(self, row: Row) -> Row:
        values = list(row)
        for at, convert in self._converters:
            values[at] = convert(values[at])
        return values


_compiled: WeakKeyDictionary[sa.Dialect, dict[Statement, Compiled]] = WeakKeyDictionary()


def compiled_for(dialect: sa.Dialect, statement: Statement) -> Compiled:
    """Return ``statement``, which is one that lives as long as the program, as the driver of ``dialect`` takes it."""
    known = _compiled.get(dialect)
    if known is None:
        known = _compiled.setdefault(dialect, {})
    compiled = known.get(statement)
    if compiled is None:
        compiled = known[statement] = Compiled(statement, dialect)
    return compiled


def _converter(type_: sa.Boolean, dialect: sa.Dialect) -> Callable[[Any], Any] | None:
    return type_.dialect_impl(dialect).result_processor(dialect, None)
