"""Customers' records: finding the right one, and changing it without ever touching what is proven."""

from functools import cache
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Session

from ..core.claims import Claims, email_key, name_key
from ..core.errors import Reason
from ..core.tokens import Proof
from ..models import Customer, CustomerProof, Secret
from .database import first_of, new_id, table_of
from .sources import Source, Writer, dialect_of, insert_unless_there, run, run_alone


class CustomerRecord(NamedTuple):
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


_TABLE = table_of(Customer)
CUSTOMER_COLUMNS = tuple(_TABLE.c[name] for name in CustomerRecord._fields)
_ITS = _TABLE.c.organization_id == sa.bindparam("of")
_LAST_SEEN_FIRST = first_of(
    sa.select(*CUSTOMER_COLUMNS).where(_ITS).order_by(_TABLE.c.last_seen_at.desc(), _TABLE.c.id)
)
_BY_ID = _LAST_SEEN_FIRST.where(_TABLE.c.id == sa.bindparam("wanted"))
_BY_EXTERNAL_ID = _LAST_SEEN_FIRST.where(_TABLE.c.external_id == sa.bindparam("wanted"))
_BY_EMAIL = _LAST_SEEN_FIRST.where(_TABLE.c.email_key == sa.bindparam("wanted"))
_BY_EMAIL_ALONE = _BY_EMAIL.where(_TABLE.c.external_id.is_(None))
_IT = sa.and_(_ITS, _TABLE.c.id == sa.bindparam("customer"))
_DOWNGRADED = (
    sa.update(_TABLE)
    .where(_IT, _TABLE.c.verified.is_(True))
    .values(
        verified=False,
        downgraded_at=sa.bindparam("now"),
        downgraded_reason=sa.bindparam("downgraded_reason"),
        last_seen_at=sa.bindparam("now"),
    )
)
_FIRST_PROOF = {"first_verified_at": sa.func.coalesce(_TABLE.c.first_verified_at, sa.bindparam("last_verified_at"))}
_PROVEN_TOGETHER = (
    ("email", "email_proven"),
    ("email_key", "email_proven"),
    ("name", "name_proven"),
    ("name_key", "name_proven"),
    ("proven_iat", None),
)


def get_customer(source: Source, organization_id: str, customer_id: str) -> CustomerRecord | None:
    """Return the customer with this id of ours, or None."""
    return _first(source, _BY_ID, organization_id, customer_id)


def find_by_external_id(source: Source, organization_id: str, external_id: str) -> CustomerRecord | None:
    """Return the customer whose ``sub`` this is, compared exactly, or None."""
    return _first(source, _BY_EXTERNAL_ID, organization_id, external_id)


def find_by_email(source: Source, organization_id: str, email: str, *, without_id: bool) -> CustomerRecord | None:
    """Return the customer with this e-mail who was seen last, or None. ``without_id``: only one with no external id."""
    return _first(source, _BY_EMAIL_ALONE if without_id else _BY_EMAIL, organization_id, email_key(email))


def verified_flag_now(session: Session, organization_id: str, customer: CustomerRecord) -> bool:
    """True when the record's flag is set and the secret that set it is not revoked."""
    if not customer.verified or customer.verified_secret_id is None:
        return False
    secret = sa.select(Secret.revoked_at).where(
        Secret.organization_id == organization_id, Secret.id == customer.verified_secret_id
    )
    row = session.execute(secret).first()
    return row is not None and row.revoked_at is None


def add_verified(source: Writer, organization_id: str, proof: Proof, now: float, *, is_all: bool = False) -> str | None:
    """Create a verified customer and return its id, or None when somebody was faster.

    ``is_all`` says that nothing is written after it.
    """
    customer_id = new_id("cus")
    values = _blank(organization_id, customer_id, Claims(), now) | _proven(proof, now) | {"first_verified_at": now}
    if dialect_of(source) == "postgresql":  # which changes two tables in one statement
        noted = {"noted_secret": proof.secret_id, "noted_at": now}
        added = _added_with_proof(frozenset(values))
        return customer_id if (run_alone if is_all else run)(source, added, values | noted) else None
    is_new = insert_unless_there(source, Customer, **values)
    if is_new:
        remember_proof(source, organization_id, customer_id, proof, now)
    return customer_id if is_new else None


@cache
def _added_with_proof(names: frozenset[str]) -> sa.Insert:
    bound: dict[str, Any] = {name: sa.bindparam(name) for name in sorted(names)}
    added = postgresql.insert(_TABLE).values(bound).on_conflict_do_nothing()
    new = added.returning(_TABLE.c.organization_id, _TABLE.c.id).cte("added")
    proofs = table_of(CustomerProof)
    noted = sa.select(
        new.c.organization_id,
        new.c.id,
        sa.bindparam("noted_secret", type_=proofs.c.secret_id.type),
        sa.bindparam("noted_at", type_=proofs.c.first_at.type),
    )
    columns = ("organization_id", "customer_id", "secret_id", "first_at")
    return sa.insert(proofs).from_select(columns, noted).returning(proofs.c.customer_id)


def add_self_claimed(source: Writer, organization_id: str, claims: Claims, now: float) -> str | None:
    """Create a customer of claims without proof and return its id, or None when somebody was faster."""
    customer_id = new_id("cus")
    values = _blank(organization_id, customer_id, claims, now)
    return customer_id if insert_unless_there(source, Customer, **values) else None


def stamp_verified(source: Writer, organization_id: str, customer_id: str, proof: Proof, now: float) -> None:
    """Write what a token proved on the record with its ``sub``.

    What a newer token proved stays: of two open tabs, the one that was rendered first does not bring old values back.
    What a revoked secret proved before, and this token does not bring, is a claim from now on.
    """
    values = _proven(proof, now)
    run(source, _stamped(frozenset(values)), values | {"of": organization_id, "customer": customer_id})


@cache
def _stamped(names: frozenset[str]) -> sa.Update:
    """Return the update for a proof of which ``names`` are written; each value is bound under its column's name."""
    secret = table_of(Secret).c
    of = sa.bindparam("of", type_=sa.String)
    revoked = _TABLE.c.verified_secret_id.in_(
        sa.select(secret.id).where(secret.organization_id == of, secret.revoked_at.is_not(None))
    )
    # Of a token without a time nothing is older: NULL compares as false.
    newer = sa.and_(_TABLE.c.proven_iat > sa.bindparam("proven_iat", type_=sa.Float), sa.not_(revoked))
    values: dict[str, Any] = {name: sa.bindparam(name, type_=_TABLE.c[name].type) for name in names}
    for name, provenance in _PROVEN_TOGETHER:
        if name in names:
            kept = newer if provenance is None else sa.and_(newer, _TABLE.c[provenance])
            values[name] = sa.case((kept, _TABLE.c[name]), else_=values[name])
    for name in ("email_proven", "name_proven"):
        if name not in names:
            values[name] = sa.case((revoked, False), else_=_TABLE.c[name])
    return sa.update(_TABLE).where(_IT).values(values | _FIRST_PROOF)


def adopt(source: Writer, organization_id: str, customer_id: str, proof: Proof, now: float) -> bool:
    """Write what a token proved on a record without an external id; False when it has got one meanwhile."""
    values = _proven(proof, now)
    adopted = _adopted(frozenset(values))
    is_adopted = len(run(source, adopted, values | {"of": organization_id, "customer": customer_id})) > 0
    if is_adopted:
        remember_proof(source, organization_id, customer_id, proof, now)
    return is_adopted


@cache
def _adopted(names: frozenset[str]) -> sa.Update:
    values = {name: sa.bindparam(name, type_=_TABLE.c[name].type) for name in names} | _FIRST_PROOF
    return sa.update(_TABLE).where(_IT, _TABLE.c.external_id.is_(None)).values(values).returning(_TABLE.c.id)


def remember_proof(source: Writer, organization_id: str, customer_id: str, proof: Proof, now: float) -> None:
    """Note which secret verified this customer, for the day on which it leaks."""
    insert_unless_there(
        source,
        CustomerProof,
        organization_id=organization_id,
        customer_id=customer_id,
        secret_id=proof.secret_id,
        first_at=now,
    )


def apply_self_claimed(source: Writer, organization_id: str, customer_id: str, claims: Claims, now: float) -> None:
    """Write unproven claims on a record: they fill blanks, and replace only what nobody ever proved anything about.

    The condition stands in the statement: a token that verifies between our read and this write still wins.
    """
    claimed: dict[str, Any] = {"email": claims.email, "name": claims.name}
    claimed["email_key"] = None if claims.email is None else email_key(claims.email)
    claimed["name_key"] = None if claims.name is None else name_key(claims.name)
    values = {name: value for name, value in claimed.items() if value is not None}
    it = {"of": organization_id, "customer": customer_id}
    run(source, _claimed(frozenset(values)), values | it | {"last_seen_at": now})


@cache
def _claimed(names: frozenset[str]) -> sa.Update:
    never_verified = _TABLE.c.first_verified_at.is_(None)
    values: dict[str, Any] = {"last_seen_at": sa.bindparam("last_seen_at")}
    for name in names:
        column, value = _TABLE.c[name], sa.bindparam(name, type_=_TABLE.c[name].type)
        values[name] = sa.case((never_verified, value), else_=sa.func.coalesce(column, value))
    # Never the id: whoever proves it later would take over a record, e-mail and all, without proving the e-mail.
    return sa.update(_TABLE).where(_IT).values(values)


def downgrade(source: Writer, organization_id: str, customer_id: str, reason: Reason, now: float) -> None:
    """Take the verified flag from a record that has it."""
    it = {"of": organization_id, "customer": customer_id}
    run(source, _DOWNGRADED, it | {"now": now, "downgraded_reason": reason.value})


def _first(
    source: Source, statement: sa.Select[*tuple[Any, ...]], organization_id: str, wanted: str
) -> CustomerRecord | None:
    rows = run(source, statement, {"of": organization_id, "wanted": wanted})
    return CustomerRecord(*rows[0]) if rows else None


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
