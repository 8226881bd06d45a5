"""Alembic's entry: runs the migrations on the connection that ``upgrade`` hands over, touching our tables alone."""

from typing import Any

import sqlalchemy as sa
from alembic import context

from kaltalk_iv.migrations import VERSION_TABLE
from kaltalk_iv.migrations.partitions import decide_partitions
from kaltalk_iv.models import PREFIX, Base

_MIGRATION_LOCK = 0x6B74_6976  # "ktiv": two processes that upgrade at once take turns
# A change of a table waits for its readers, and everybody who comes after waits behind it: so it does not wait long.
_TABLE_LOCK_TIMEOUT = "5s"


def _is_ours(name: str | None, kind: str, _parents: Any) -> bool:
    return kind != "table" or (name or "").startswith(PREFIX)


connection: sa.Connection = context.config.attributes["connection"]
if connection.dialect.name == "postgresql":
    # The limits of requests are none for migrations: they wait for their turn, and large tables take their time.
    connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
    connection.exec_driver_sql("SET LOCAL lock_timeout = 0")
    connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{_TABLE_LOCK_TIMEOUT}'")
elif connection.dialect.name == "sqlite":
    # Python's sqlite3 begins nothing before DDL: without this, a second process upgrades the same tables, and an
    # upgrade that fails half-way leaves half the tables.
    connection.exec_driver_sql("BEGIN IMMEDIATE")
decide_partitions(connection, context.config.attributes)
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    version_table=VERSION_TABLE,
    include_name=_is_ours,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
