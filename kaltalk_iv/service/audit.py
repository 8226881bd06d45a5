"""The audit trail as admins read it, and the lines in it about what was refused."""

from collections.abc import Iterator

from sqlalchemy.orm import Session

from ..core.errors import UnknownOrganization
from ..core.text import is_id
from ..store import organizations
from ..store.audit import AuditRecord, add_audit_event, list_audit_events
from .settings import Actor

PAGE_LENGTH = 50

_READ_AT_ONCE = 500
_CHANGES_OF_SECRETS = ("secret_rotated", "grace_ended", "secrets_replaced")


def note(session: Session, organization_id: str, actor: Actor, action: str, detail: str, now: float) -> None:
    """Leave a line in the trail. ``detail`` never holds a value. Raises UnknownOrganization."""
    if organizations.get_organization(session, organization_id) is None:
        raise UnknownOrganization
    add_audit_event(
        session, organization_id, actor=actor.name, address=actor.address, action=action, detail=detail, now=now
    )


def page(session: Session, organization_id: str, before: str | None = None) -> tuple[list[AuditRecord], str | None]:
    """Return the 50 newest lines before ``before``, and what to give as ``before`` for older ones, if there are any."""
    if before is not None and not is_id(before):
        return [], None
    found = list_audit_events(session, organization_id, before=before, limit=PAGE_LENGTH + 1)
    lines = found[:PAGE_LENGTH]
    return lines, lines[-1].id if len(found) > PAGE_LENGTH else None


def every_line(session: Session, organization_id: str) -> Iterator[AuditRecord]:
    """Yield the whole trail, newest first."""
    before: str | None = None
    while lines := list_audit_events(session, organization_id, before=before, limit=_READ_AT_ONCE):
        yield from lines
        before = lines[-1].id


def last_change_of_secrets(session: Session, organization_id: str) -> AuditRecord | None:
    """Return the newest line about a rotation, an ended window or a replacement."""
    found = list_audit_events(session, organization_id, limit=1, actions=_CHANGES_OF_SECRETS)
    return found[0] if found else None
