"""The audit trail: written line by line, read newest first and page by page."""

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ..models import AuditEvent
from .database import new_id


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """Who did what, when (Unix seconds) and from where. ``detail`` never holds a value."""

    id: str
    actor: str
    address: str
    action: str
    detail: str
    created_at: float


_TABLE = AuditEvent.__table__
_COLUMNS = tuple(_TABLE.c[name] for name in AuditRecord.__slots__)


def add_audit_event(
    session: Session, organization_id: str, *, actor: str, address: str, action: str, detail: str, now: float
) -> None:
    """Insert one line of the audit trail. ``detail`` never holds a value."""
    session.add(
        AuditEvent(
            organization_id=organization_id,
            id=new_id("aud"),
            actor=actor,
            address=address,
            action=action,
            detail=detail,
            created_at=now,
        )
    )
    session.flush()


def list_audit_events(
    session: Session, organization_id: str, *, before: str | None = None, limit: int, actions: tuple[str, ...] = ()
) -> list[AuditRecord]:
    """Return the newest lines of the organization's trail, those before the line ``before`` when it is given.

    ``actions`` names the actions asked for; empty means all. An unknown ``before`` finds nothing.
    """
    found = sa.select(*_COLUMNS).where(_TABLE.c.organization_id == organization_id)
    if before is not None:
        last = sa.select(_TABLE.c.created_at, _TABLE.c.id)
        last = last.where(_TABLE.c.organization_id == organization_id, _TABLE.c.id == before)
        found = found.where(sa.tuple_(_TABLE.c.created_at, _TABLE.c.id) < last.scalar_subquery())
    if actions:
        found = found.where(_TABLE.c.action.in_(actions))
    rows = session.execute(found.order_by(_TABLE.c.created_at.desc(), _TABLE.c.id.desc()).limit(limit))
    return [AuditRecord(*row) for row in rows]
