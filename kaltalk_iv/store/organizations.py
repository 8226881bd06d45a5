"""Organizations, and what an identify and a widget session need to know of one, each in one statement."""

import json
from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ..core.policy import Mode, Plan, effective_mode
from ..core.text import is_id
from ..models import Customer, EndedSession, Organization, Secret
from .customers import CUSTOMER_COLUMNS, CustomerRecord
from .signing_secrets import SECRET_COLUMNS, SecretRecord
from .sources import Source, run


class OrganizationRecord(NamedTuple):
    """An organization as stored."""

    id: str
    name: str
    plan: Plan
    mode: Mode
    origins: tuple[str, ...]

    @property
    def effective_mode(self) -> Mode:
        """The mode that acts, given the plan."""
        return effective_mode(self.plan, self.mode)


class IdentifyRecords(NamedTuple):
    """What one identify needs to know, read in one statement."""

    organization: OrganizationRecord
    secrets: tuple[SecretRecord, ...]
    customer: CustomerRecord | None
    prior_ended: bool


class SessionRecords(NamedTuple):
    """What a request with a widget session needs to know, read in one statement."""

    organization: OrganizationRecord
    secret_revoked: bool
    ended: bool


_ORGANIZATION = (Organization.id, Organization.name, Organization.plan, Organization.mode, Organization.origins)
_BY_ID = sa.select(*_ORGANIZATION).where(Organization.id == sa.bindparam("organization_id"))

_FOR_IDENTIFY = (
    sa.select(*_ORGANIZATION, EndedSession.id, *SECRET_COLUMNS, *CUSTOMER_COLUMNS)
    .select_from(Organization)
    .outerjoin(
        EndedSession,
        sa.and_(
            EndedSession.organization_id == Organization.id,
            EndedSession.id == sa.bindparam("prior_id", type_=sa.String),
        ),
    )
    .outerjoin(
        Secret,
        sa.and_(
            Secret.organization_id == Organization.id,
            Secret.revoked_at.is_(None),
            sa.or_(Secret.expires_at.is_(None), Secret.expires_at > sa.bindparam("now")),
        ),
    )
    .outerjoin(
        Customer,
        sa.and_(
            Customer.organization_id == Organization.id,
            Customer.external_id == sa.bindparam("external_id", type_=sa.Text),
        ),
    )
    .where(Organization.id == sa.bindparam("organization_id"))
)

_FOR_SESSION = (
    sa.select(*_ORGANIZATION, Secret.id, Secret.revoked_at, EndedSession.id)
    .select_from(Organization)
    .outerjoin(
        Secret,
        sa.and_(Secret.organization_id == Organization.id, Secret.id == sa.bindparam("secret_id", type_=sa.String)),
    )
    .outerjoin(
        EndedSession,
        sa.and_(
            EndedSession.organization_id == Organization.id,
            EndedSession.id == sa.bindparam("session_id"),
        ),
    )
    .where(Organization.id == sa.bindparam("organization_id"))
)


def load_for_identify(
    source: Source, organization_id: str, external_id: str | None, prior_id: str | None, now: float
) -> IdentifyRecords | None:
    """Return the organization, its active secrets, the customer with this id, and whether the session before was ended.

    None when there is no such organization.
    """
    if not is_id(organization_id):
        return None
    values = {"organization_id": organization_id, "external_id": external_id, "prior_id": prior_id, "now": now}
    rows = run(source, _FOR_IDENTIFY, values)
    if not rows:
        return None
    secret_at = len(_ORGANIZATION) + 1
    customer_at = secret_at + len(SECRET_COLUMNS)
    secrets = tuple(SecretRecord(*row[secret_at:customer_at]) for row in rows if row[secret_at] is not None)
    customer = CustomerRecord(*rows[0][customer_at:]) if rows[0][customer_at] is not None else None
    return IdentifyRecords(_organization(rows[0]), secrets, customer, rows[0][len(_ORGANIZATION)] is not None)


def load_for_session(
    source: Source, organization_id: str, secret_id: str | None, session_id: str
) -> SessionRecords | None:
    """Return what a widget session stands on now; None when its organization is gone."""
    values = {"organization_id": organization_id, "secret_id": secret_id, "session_id": session_id}
    rows = run(source, _FOR_SESSION, values)
    if not rows:
        return None
    found_secret, revoked_at, ended = rows[0][len(_ORGANIZATION) :]
    # A secret that is gone proves nothing: fail closed.
    secret_revoked = secret_id is not None and (found_secret is None or revoked_at is not None)
    return SessionRecords(_organization(rows[0]), secret_revoked, ended is not None)


def get_organization(source: Source, organization_id: str) -> OrganizationRecord | None:
    """Return the organization, or None."""
    if not is_id(organization_id):
        return None
    rows = run(source, _BY_ID, {"organization_id": organization_id})
    return _organization(rows[0]) if rows else None


def lock_organization(session: Session, organization_id: str) -> bool:
    """Let nobody else change the organization's secrets until this transaction ends; False when it is not there.

    Two changes of several secrets at once would otherwise wait for each other. An update that changes nothing locks on
    both databases; identifies go on, because no key is locked.
    """
    if not is_id(organization_id):
        return False
    locked = sa.update(Organization).where(Organization.id == organization_id).values(name=Organization.name)
    done = session.execute(locked.returning(Organization.id).execution_options(synchronize_session=False))
    return done.first() is not None


def list_organizations(session: Session) -> list[OrganizationRecord]:
    """Return every organization, by id."""
    return [_organization(row) for row in session.execute(sa.select(*_ORGANIZATION).order_by(Organization.id))]


def known_ids(session: Session, ids: Collection[str]) -> set[str]:
    """Return those of ``ids`` that organizations have."""
    return set(session.execute(sa.select(Organization.id).where(Organization.id.in_(ids))).scalars())


def add_organization(session: Session, organization: OrganizationRecord, now: float) -> None:
    """Insert ``organization``."""
    session.add(
        Organization(
            id=organization.id,
            name=organization.name,
            plan=organization.plan.value,
            mode=organization.mode.value,
            origins=json.dumps(organization.origins),
            created_at=now,
        )
    )
    session.flush()


def change_organization(session: Session, organization_id: str, changes: dict[str, Any]) -> None:
    """Set the columns in ``changes``; origins are given as a list."""
    values = {name: json.dumps(value) if name == "origins" else value for name, value in changes.items()}
    session.execute(sa.update(Organization).where(Organization.id == organization_id).values(**values))


def _organization(row: Sequence[Any]) -> OrganizationRecord:
    id_, name, plan, mode, origins = row[: len(_ORGANIZATION)]
    return OrganizationRecord(id_, name, Plan(plan), Mode(mode), _origins(origins))


@lru_cache(1024)
def _origins(stored: str) -> tuple[str, ...]:
    return tuple(json.loads(stored))
