"""What differs between SQLite and PostgreSQL, in one place."""

import secrets
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session

from ..models import Base


def new_id(prefix: str) -> str:
    """Return an id that nobody can guess, such as ``cus_6f1c…``."""
    return f"{prefix}_{secrets.token_hex(12)}"


def insert_unless_there(session: Session, model: type[Base], **values: Any) -> bool:
    """Insert one row and return True, or return False when a unique constraint says that it is there already.

    ``INSERT … ON CONFLICT DO NOTHING``: two requests that race leave one row and no error.
    """
    dialect = session.get_bind().dialect.name
    insert = postgresql.insert(model) if dialect == "postgresql" else sqlite.insert(model)
    # RETURNING, because a driver's row count for an insert is not to be trusted on both databases.
    done = insert.values(**values).on_conflict_do_nothing().returning(sa.literal(1))
    return session.execute(done).first() is not None


def normalise_url(url: str) -> str:
    """Return ``url`` with psycopg 3 named as the driver where it only says PostgreSQL."""
    if url.startswith("postgres://"):  # what hosting providers hand out; SQLAlchemy knows only the long name
        url = "postgresql://" + url.removeprefix("postgres://")
    parsed = make_url(url)
    if parsed.drivername == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    return parsed.render_as_string(hide_password=False)


def prepare_engine(engine: sa.Engine) -> None:
    """Make SQLite fit for several threads and processes: write-ahead log, patience, foreign keys."""
    if engine.dialect.name != "sqlite":
        return

    @sa.event.listens_for(engine, "connect")
    def _on_connect(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "busy_timeout=10000", "foreign_keys=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()
