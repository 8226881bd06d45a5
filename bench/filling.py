"""Fills KalTalk's own tables with any number of customers: ``python -m bench.filling --folder DIR --sizes 10k 1m``.

The tables come from its own migration, organizations and secrets from its own service, the rows from SQL (``rows.py``).
Indexes and constraints are away meanwhile; they come back exactly as they were, and foreign keys are checked then.
"""

import argparse
import hashlib
import itertools
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from bench.filled import Filled, Place, open_place
from bench.rows import FILLED_TABLES, statements

BATCH = 200_000
SIZES = {"10k": 10_000, "100k": 100_000, "1m": 1_000_000, "10m": 10_000_000}
PARTITIONS = 16

# For filling alone: what is lost in a power cut is filled again.
FILLING_SETTINGS = {
    "shared_buffers": "2GB",
    "maintenance_work_mem": "1GB",
    "max_wal_size": "16GB",
    "checkpoint_timeout": "1h",
    "max_parallel_maintenance_workers": "1",
}
_KEPT_INDEXES = """
SELECT class.relname, replace(pg_get_indexdef(class.oid), ' ON ONLY ', ' ON ')
FROM pg_index JOIN pg_class AS class ON class.oid = indexrelid
WHERE indrelid = CAST(:name AS regclass) AND NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conindid = indexrelid)
"""
_KEPT_CONSTRAINTS = """
SELECT conname, contype, pg_get_constraintdef(oid) FROM pg_constraint
WHERE conrelid = CAST(:name AS regclass) AND contype IN ('f', 'u', 'p') AND conparentid = 0
ORDER BY contype
"""
_EVERY_INDEX = "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY indexname"
_NAMES = [f"kaltalk_iv_{table}" for table in FILLED_TABLES]


def main(arguments: Sequence[str]) -> None:
    """Fill what is asked for and is not there yet."""
    parser = argparse.ArgumentParser(prog="bench.filling", description=__doc__)
    parser.add_argument("--folder", required=True, help="where the databases are kept; made when it is not there")
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=["10k"])
    parser.add_argument("--kinds", nargs="+", choices=("plain", "parts", "sqlite"), default=["plain"])
    asked = parser.parse_args(arguments)
    with open_place(asked.folder) as place, place.server(FILLING_SETTINGS):
        for kind, size in itertools.product(asked.kinds, asked.sizes):
            fill(place, kind, size)


def fill(place: Place, kind: str, size: str) -> Filled:
    """Return the filled database of this kind and size, filled now unless it was before."""
    there = place.find(kind, size)
    if there is not None:
        return there
    began = time.monotonic()
    filled, engine, revoked = place.create(kind, size, partitions=PARTITIONS if kind == "parts" else None)
    away = _sqlite_without_indexes if kind == "sqlite" else _without_indexes
    before = _indexes(engine)
    with engine.connect() as connection, away(connection):
        values = {"now": time.time(), "revoked": revoked, "count": SIZES[size]}
        for first in range(1, SIZES[size] + 1, BATCH):
            last = min(first + BATCH - 1, SIZES[size])
            for statement in statements(engine.dialect.name):
                connection.execute(sa.text(statement), values | {"first": first, "last": last})
            print(f"{kind} {size}: {last:,} customers after {time.monotonic() - began:.0f} s", flush=True)
    if _indexes(engine) != before:
        raise RuntimeError("the indexes did not come back as they were")
    if kind != "sqlite":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(sa.text("VACUUM (ANALYZE)"))
    engine.dispose()
    place.keep(filled)
    print(f"{kind} {size}: ready after {time.monotonic() - began:.0f} s", flush=True)
    return filled


@contextmanager
def _without_indexes(connection: sa.Connection) -> Iterator[None]:
    """Take indexes and constraints away and bring them back, in one transaction that holds the rows too.

    Tables that are emptied in the transaction that fills them need no write-ahead log (``wal_level=minimal``).
    """
    for setting in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"):
        connection.execute(sa.text(f"SET LOCAL {setting} = 0"))
    constraints = [(name, *row) for name in _NAMES for row in _rows(connection, _KEPT_CONSTRAINTS, name)]
    indexes = [(name, *row) for name in _NAMES for row in _rows(connection, _KEPT_INDEXES, name)]
    for table, constraint, _type, _definition in sorted(constraints, key=_keys_first, reverse=True):
        connection.execute(sa.text(f"ALTER TABLE {table} DROP CONSTRAINT {constraint}"))
    for _table, index, _definition in indexes:
        connection.execute(sa.text(f"DROP INDEX {index}"))
    connection.execute(sa.text(f"TRUNCATE {', '.join(_NAMES)}"))
    yield
    began = time.monotonic()
    back = [definition for _table, _index, definition in indexes]
    back += [
        f"ALTER TABLE {table} ADD CONSTRAINT {constraint} {definition}"
        for table, constraint, _type, definition in sorted(constraints, key=_keys_first)
    ]
    for definition in back:
        connection.exec_driver_sql(definition)
        print(f"  {time.monotonic() - began:.0f} s: {definition[:110]}", flush=True)
    connection.commit()


@contextmanager
def _sqlite_without_indexes(connection: sa.Connection) -> Iterator[None]:
    """Take the indexes away and bring them back. Keys stay: SQLite cannot take them away."""
    driver: Any = connection.connection.driver_connection
    driver.create_function("md5", 1, lambda text: hashlib.md5(str(text).encode()).hexdigest(), deterministic=True)
    for pragma in ("foreign_keys = OFF", "synchronous = OFF", "cache_size = -2000000"):
        connection.exec_driver_sql(f"PRAGMA {pragma}")
    found = "SELECT tbl_name, name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
    indexes = [row for row in connection.execute(sa.text(found)).all() if row[0] in _NAMES]
    for _table, index, _definition in indexes:
        connection.execute(sa.text(f"DROP INDEX {index}"))
    yield
    for _table, _index, definition in indexes:
        connection.exec_driver_sql(definition)
    connection.commit()
    if connection.execute(sa.text("PRAGMA foreign_key_check")).first() is not None:
        raise RuntimeError("a row refers to one that is not there")


def _keys_first(constraint: tuple[Any, ...]) -> bool:
    return bool(constraint[2] == "f")


def _rows(connection: sa.Connection, query: str, table: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in connection.execute(sa.text(query), {"name": table})]


def _indexes(engine: sa.Engine) -> list[tuple[Any, ...]]:
    query = _EVERY_INDEX
    if engine.dialect.name == "sqlite":
        query = "SELECT name, sql FROM sqlite_master WHERE type = 'index' ORDER BY name"
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(sa.text(query))]


if __name__ == "__main__":
    main(sys.argv[1:])
