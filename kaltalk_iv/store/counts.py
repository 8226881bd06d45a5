"""Counted identifies: one row for each organization, hour, outcome and reason."""

from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from ..models import IdentifyCount
from .sources import dialect_of

HOUR_SECONDS = 3600
KEPT_SECONDS = 8 * 24 * 3600  # the report looks back seven days, and one more for the hour that is running


@dataclass(slots=True)
class CountRow:
    """``count`` identifies of one kind in the hour that begins at ``hour``; all times in Unix seconds."""

    organization_id: str
    hour: int
    outcome: str
    reason: str
    count: int
    first_at: float
    last_at: float
    seconds_off: float | None


def add_counts(session: Session, rows: Iterable[CountRow], now: float) -> None:
    """Add ``rows`` to what is there, and forget what no report looks at any more."""
    insert = postgresql.insert if dialect_of(session) == "postgresql" else sqlite.insert
    # In one order, so that two workers that write at once wait for each other and never in a circle.
    for row in sorted(rows, key=lambda row: (row.organization_id, row.hour, row.outcome, row.reason)):
        values = {name: getattr(row, name) for name in CountRow.__slots__}
        adding = insert(IdentifyCount).values(**values)
        there, new = IdentifyCount.__table__.c, adding.excluded
        session.execute(
            adding.on_conflict_do_update(
                index_elements=["organization_id", "hour", "outcome", "reason"],
                set_={
                    "count": there.count + new.count,
                    "first_at": sa.case((there.first_at < new.first_at, there.first_at), else_=new.first_at),
                    "last_at": sa.case((there.last_at > new.last_at, there.last_at), else_=new.last_at),
                    "seconds_off": sa.func.coalesce(new.seconds_off, there.seconds_off),
                },
            )
        )
    session.execute(
        sa.delete(IdentifyCount)
        .where(IdentifyCount.hour < now - KEPT_SECONDS)
        .execution_options(synchronize_session=False)
    )


def counts_since(session: Session, organization_id: str, since: float) -> list[CountRow]:
    """Return the organization's rows whose last identify was at ``since`` or later, oldest hour first."""
    table = IdentifyCount.__table__
    columns = [table.c[name] for name in CountRow.__slots__]
    found = sa.select(*columns).where(
        IdentifyCount.organization_id == organization_id,
        IdentifyCount.hour > since - HOUR_SECONDS,
        IdentifyCount.last_at >= since,
    )
    rows = session.execute(found.order_by(table.c.hour, table.c.outcome, table.c.reason))
    return [CountRow(*row) for row in rows]
