"""Customers' records: finding the right one, and changing it without ever touching what is proven."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ..core.claims import Claims, email_key, name_key
from ..core.errors import Reason
from ..core.tokens import Proof
from ..models import Customer, CustomerProof, Secret
from .database import insert_unless_there, new_id


@dataclass(frozen=True, slots=True)
class CustomerRecord:
    """A customer as stored. ``first_verified_at`` is set once and never taken back."""

    id: str
    external_id: str | None
    external_id_proven: bool
    email: str | None
    email_proven: bool
    name: str | None
    name_proven: bool
    verified: bool
    verified_secret_id: str | None
    first_verified_at: float | None
    last_verified_at: float | None
    proven_iat: float | None
    downgraded_at: float | None
    downgraded_reason: str | None
    last_seen_at: float


_TABLE = Customer.__table__
_COLUMNS = tuple(_TABLE.c[name] for name in CustomerRecord.__slots__)
_PROVEN_TOGETHER = (
    ("email", "email_proven"),
    ("email_key", "email_proven"),
    ("name", "name_proven"),
    ("name_key", "name_proven"),
    ("proven_iat", None),
)
_PROVEN = sa.and_(CustomerProof.organization_id == Customer.organization_id, CustomerProof.customer_id == Customer.id)
_PROVED_BY = sa.and_(Secret.organization_id == CustomerProof.organization_id, Secret.id == CustomerProof.secret_id)


def get_customer(session: Session, organization_id: str, customer_id: str) -> CustomerRecord | None:
    """Return the customer with this id of ours, or None."""
    return _first(session, organization_id, Customer.id == customer_id)


def find_by_external_id(session: Session, organization_id: str, external_id: str) -> CustomerRecord | None:
    """Return the customer whose ``sub`` this is, compared exactly, or None."""
    return _first(session, organization_id, Customer.external_id == external_id)


def find_by_email(session: Session, organization_id: str, email: str, *, without_id: bool) -> CustomerRecord | None:
    """Return the customer with this e-mail who was seen last, or None. ``without_id``: only one with no external id."""
    conditions = [Customer.email_key == email_key(email)]
    if without_id:
        conditions.append(Customer.external_id.is_(None))
    return _first(session, organization_id, *conditions)


def verified_flag_now(session: Session, organization_id: str, customer: CustomerRecord) -> bool:
    """True when the record's flag is set and the secret that set it is not revoked."""
    if not customer.verified or customer.verified_secret_id is None:
        return False
    secret = sa.select(Secret.revoked_at).where(
        Secret.organization_id == organization_id, Secret.id == customer.verified_secret_id
    )
    row = session.execute(secret).first()
    return row is not None and row.revoked_at is None


def add_verified(session: Session, organization_id: str, proof: Proof, now: float) -> str | None:
    """Create a verified customer and return its id, or None when somebody was faster."""
    customer_id = new_id("cus")
    values = _blank(organization_id, customer_id, Claims(), now) | _proven(proof, now) | {"first_verified_at": now}
    is_new = insert_unless_there(session, Customer, **values)
    if is_new:
        remember_proof(session, organization_id, customer_id, proof, now)
    return customer_id if is_new else None


def add_self_claimed(session: Session, organization_id: str, claims: Claims, now: float) -> str | None:
    """Create a customer of claims without proof and return its id, or None when somebody was faster."""
    customer_id = new_id("cus")
    values = _blank(organization_id, customer_id, claims, now)
    return customer_id if insert_unless_there(session, Customer, **values) else None


def stamp_verified(session: Session, organization_id: str, customer_id: str, proof: Proof, now: float) -> None:
    """Write what a token proved on the record with its ``sub``.

    What a newer token proved stays: of two open tabs, the one that was rendered first does not bring old values back.
    What a revoked secret proved before, and this token does not bring, is a claim from now on.
    """
    revoked = _TABLE.c.verified_secret_id.in_(_revoked_secrets(organization_id))
    doubted = {
        f"{name}_proven": sa.case((revoked, False), else_=_TABLE.c[f"{name}_proven"])
        for name, value in (("email", proof.claims.email), ("name", proof.claims.name))
        if value is None
    }
    values = _proven(proof, now) | _first_proof(now) | doubted
    if proof.issued_at is not None:
        newer = sa.and_(_TABLE.c.proven_iat > proof.issued_at, sa.not_(revoked))
        for name, provenance in _PROVEN_TOGETHER:
            if name in values:
                kept = newer if provenance is None else sa.and_(newer, _TABLE.c[provenance])
                values[name] = sa.case((kept, _TABLE.c[name]), else_=values[name])
    _update(session, organization_id, customer_id, values)


def adopt(session: Session, organization_id: str, customer_id: str, proof: Proof, now: float) -> bool:
    """Write what a token proved on a record without an external id; False when it has got one meanwhile."""
    values = _proven(proof, now) | _first_proof(now)
    is_adopted = _update(session, organization_id, customer_id, values, Customer.external_id.is_(None))
    if is_adopted:
        remember_proof(session, organization_id, customer_id, proof, now)
    return is_adopted


def remember_proof(session: Session, organization_id: str, customer_id: str, proof: Proof, now: float) -> None:
    """Note which secret verified this customer, for the day on which it leaks."""
    insert_unless_there(
        session,
        CustomerProof,
        organization_id=organization_id,
        customer_id=customer_id,
        secret_id=proof.secret_id,
        first_at=now,
    )


def apply_self_claimed(session: Session, organization_id: str, customer_id: str, claims: Claims, now: float) -> None:
    """Write unproven claims on a record: they fill blanks, and replace only what nobody ever proved anything about.

    The condition stands in the statement: a token that verifies between our read and this write still wins.
    """
    never_verified = Customer.first_verified_at.is_(None)
    values: dict[str, Any] = {"last_seen_at": now}
    claimed = {"email": claims.email, "name": claims.name}
    claimed["email_key"] = None if claims.email is None else email_key(claims.email)
    claimed["name_key"] = None if claims.name is None else name_key(claims.name)
    for name, value in claimed.items():
        if value is not None:
            column = _TABLE.c[name]
            values[name] = sa.case((never_verified, value), else_=sa.func.coalesce(column, value))
    # Never the id: whoever proves it later would take over a record, e-mail and all, without proving the e-mail.
    _update(session, organization_id, customer_id, values)


def downgrade(session: Session, organization_id: str, customer_id: str, reason: Reason, now: float) -> None:
    """Take the verified flag from a record that has it."""
    values = {"verified": False, "downgraded_at": now, "downgraded_reason": reason.value, "last_seen_at": now}
    _update(session, organization_id, customer_id, values, Customer.verified.is_(True))


def list_proven_by_revoked(
    session: Session, organization_id: str, after: str | None, limit: int
) -> list[tuple[CustomerRecord, str]]:
    """Return the customers whom a secret that is revoked now has ever verified, each with its fingerprint.

    Last verified first; ``after`` is the id of the customer that the page before ended with.
    """
    found = sa.select(*_COLUMNS, sa.func.max(Secret.fingerprint)).join(CustomerProof, _PROVEN).join(Secret, _PROVED_BY)
    found = found.where(*_revoked(organization_id)).group_by(Customer.organization_id, Customer.id)
    if after is not None:
        last = sa.select(Customer.last_verified_at, Customer.id)
        last = last.where(Customer.organization_id == organization_id, Customer.id == after)
        found = found.where(sa.tuple_(Customer.last_verified_at, Customer.id) < last.scalar_subquery())
    found = found.order_by(Customer.last_verified_at.desc(), Customer.id.desc()).limit(limit)
    return [(CustomerRecord(*row[:-1]), row[-1]) for row in session.execute(found)]


def count_proven_by_revoked(session: Session, organization_id: str) -> tuple[int, int]:
    """Return how many customers a revoked secret has ever verified, and how many carry the flag by such a proof."""
    counted = sa.select(sa.func.count(sa.distinct(Customer.id))).join(CustomerProof, _PROVEN).join(Secret, _PROVED_BY)
    marked = sa.select(sa.func.count()).where(
        Customer.organization_id == organization_id,
        Customer.verified.is_(True),
        Customer.verified_secret_id.in_(_revoked_secrets(organization_id)),
    )
    count = session.execute(counted.where(*_revoked(organization_id))).scalar_one()
    return count, session.execute(marked).scalar_one()


def downgrade_proven_by_revoked(session: Session, organization_id: str, reason: Reason, now: float) -> int:
    """Take the verified flag from every record that a revoked secret gave it, and return how many had it."""
    done = session.execute(
        sa.update(Customer)
        .where(
            Customer.organization_id == organization_id,
            Customer.verified.is_(True),
            Customer.verified_secret_id.in_(_revoked_secrets(organization_id)),
        )
        .values(verified=False, downgraded_at=now, downgraded_reason=reason.value)
        .returning(Customer.id)
        .execution_options(synchronize_session=False)
    )
    return len(done.all())


def _revoked_secrets(organization_id: str) -> sa.Select[str]:
    return sa.select(Secret.id).where(Secret.organization_id == organization_id, Secret.revoked_at.is_not(None))


def _revoked(organization_id: str) -> tuple[sa.ColumnElement[bool], ...]:
    return Customer.organization_id == organization_id, Secret.revoked_at.is_not(None)


def _first(session: Session, organization_id: str, *conditions: sa.ColumnElement[bool]) -> CustomerRecord | None:
    found = sa.select(*_COLUMNS).where(Customer.organization_id == organization_id, *conditions)
    row = session.execute(found.order_by(Customer.last_seen_at.desc(), Customer.id).limit(1)).first()
    return None if row is None else CustomerRecord(*row)


def _update(
    session: Session,
    organization_id: str,
    customer_id: str,
    values: dict[str, Any],
    *conditions: sa.ColumnElement[bool],
) -> bool:
    done = session.execute(
        sa.update(Customer)
        .where(Customer.organization_id == organization_id, Customer.id == customer_id, *conditions)
        .values(**values)
        .returning(Customer.id)
        .execution_options(synchronize_session=False)
    )
    return done.first() is not None


def _blank(organization_id: str, customer_id: str, claims: Claims, now: float) -> dict[str, Any]:
    return {
        "organization_id": organization_id,
        "id": customer_id,
        "external_id": claims.external_id,
        "external_id_proven": False,
        "email": claims.email,
        "email_key": None if claims.email is None else email_key(claims.email),
        "email_proven": False,
        "name": claims.name,
        "name_key": None if claims.name is None else name_key(claims.name),
        "name_proven": False,
        "verified": False,
        "created_at": now,
        "last_seen_at": now,
    }


def _proven(proof: Proof, now: float) -> dict[str, Any]:
    """Return what a proof writes. A value that the token does not hold stays as it is on the record."""
    values: dict[str, Any] = {
        "external_id": proof.claims.external_id,
        "external_id_proven": True,
        "verified": True,
        "verified_secret_id": proof.secret_id,
        "last_verified_at": now,
        "proven_iat": proof.issued_at,
        "downgraded_at": None,
        "downgraded_reason": None,
        "last_seen_at": now,
    }
    if proof.claims.email is not None:
        values |= {"email": proof.claims.email, "email_key": email_key(proof.claims.email), "email_proven": True}
    if proof.claims.name is not None:
        values |= {"name": proof.claims.name, "name_key": name_key(proof.claims.name), "name_proven": True}
    return values


def _first_proof(now: float) -> dict[str, Any]:
    return {"first_verified_at": sa.func.coalesce(_TABLE.c.first_verified_at, now)}
