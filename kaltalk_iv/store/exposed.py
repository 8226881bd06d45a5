"""Whom revoked secrets have verified: read by secret from indexes, a page or a batch at a time.

On the day of a leak that may be every customer there is: nothing here counts, sorts or changes all of them at once.
"""

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ..core.errors import Reason
from ..models import Customer, CustomerProof, Secret
from .customers import CUSTOMER_COLUMNS, CustomerRecord

COUNTED_UP_TO = 10_000

_Place = tuple[float, str]  # when a secret first verified a customer, and the customer's id
_PLACE = (CustomerProof.first_at, CustomerProof.customer_id)
# Spelled out and not sent as a parameter: a partial index is used where its own condition stands in the query.
_IS_MARKED = sa.text("verified")


def list_exposed(
    session: Session, organization_id: str, after: str | None, limit: int
) -> list[tuple[CustomerRecord, str]]:
    """Return the customers whom a secret that is revoked now has ever verified, each with its fingerprint.

    Whom it first verified last comes first; of several secrets the one that came last counts. ``after`` is the id of
    the customer that the page before ended with.
    """
    revoked = _revoked_secrets(session, organization_id)
    place = None
    if after is not None:
        place = _newest_proofs(session, organization_id, revoked, [after]).get(after)
        if place is None:
            return []
    found: dict[str, str] = {}
    while len(found) < limit:
        proofs = _proofs_before(session, organization_id, revoked, place, limit)
        if not proofs:
            break
        places = _newest_proofs(session, organization_id, revoked, [proof.customer_id for proof in proofs])
        found |= {
            proof.customer_id: revoked[proof.secret_id]
            for proof in proofs
            if places[proof.customer_id] == (proof.first_at, proof.customer_id)
        }
        place = proofs[-1].first_at, proofs[-1].customer_id
    some = list(found.items())[:limit]
    records = _records(session, organization_id, [customer_id for customer_id, _fingerprint in some])
    return [(records[customer_id], fingerprint) for customer_id, fingerprint in some]


def count_exposed(session: Session, organization_id: str) -> int:
    """Return how many customers a revoked secret has ever verified; no more than ``COUNTED_UP_TO`` are counted."""
    ids: set[str] = set()
    for secret_id in _revoked_secrets(session, organization_id):
        proofs = _proofs_by(organization_id, secret_id, CustomerProof.customer_id)
        ids.update(session.scalars(proofs.limit(COUNTED_UP_TO)))
        if len(ids) >= COUNTED_UP_TO:
            return COUNTED_UP_TO
    return len(ids)


def count_marked(session: Session, organization_id: str) -> int:
    """Return how many records carry the verified mark of a revoked secret, counted no further than the others."""
    count = 0
    for secret_id in _revoked_secrets(session, organization_id):
        some = _marked_by(organization_id, secret_id).limit(COUNTED_UP_TO - count).subquery()
        count += session.execute(sa.select(sa.func.count()).select_from(some)).scalar_one()
    return count


def take_marks_back(session: Session, organization_id: str, reason: Reason, now: float, limit: int) -> int:
    """Take the verified mark from up to ``limit`` records that a revoked secret gave it, and return from how many.

    Those that somebody else is changing at this moment are left out: nobody waits for a batch.
    """
    done = 0
    for secret_id in _revoked_secrets(session, organization_id):
        some = _marked_by(organization_id, secret_id).limit(limit - done).with_for_update(skip_locked=True)
        changed = session.execute(
            sa.update(Customer)
            .where(Customer.organization_id == organization_id, Customer.id.in_(some))
            .values(verified=False, downgraded_at=now, downgraded_reason=reason.value)
            .returning(Customer.id)
            .execution_options(synchronize_session=False)
        )
        done += len(changed.all())
        if done >= limit:
            break
    return done


def _revoked_secrets(session: Session, organization_id: str) -> dict[str, str]:
    """Return the fingerprints of the revoked secrets by id: there are as many as there were emergencies, so few."""
    found = sa.select(Secret.id, Secret.fingerprint)
    found = found.where(Secret.organization_id == organization_id, Secret.revoked_at.is_not(None))
    return {row.id: row.fingerprint for row in session.execute(found)}


def _proofs_before(
    session: Session, organization_id: str, revoked: Collection[str], place: _Place | None, limit: int
) -> list[sa.Row[float, str, str]]:
    """Return the proofs by these secrets before ``place``, newest first. Each secret's are a range of an index."""
    found: list[sa.Row[float, str, str]] = []
    for secret_id in revoked:
        proofs = _proofs_by(organization_id, secret_id, *_PLACE, CustomerProof.secret_id)
        if place is not None:
            proofs = proofs.where(sa.tuple_(*_PLACE) < sa.tuple_(*place))
        found += session.execute(proofs.limit(limit)).all()
    return sorted(found, key=tuple, reverse=True)[:limit]


def _proofs_by(organization_id: str, secret_id: str, *columns: Any) -> sa.Select[Any]:
    found = sa.select(*columns).where(
        CustomerProof.organization_id == organization_id, CustomerProof.secret_id == secret_id
    )
    return found.order_by(*(column.desc() for column in _PLACE))


def _newest_proofs(
    session: Session, organization_id: str, revoked: Collection[str], customer_ids: list[str]
) -> dict[str, _Place]:
    """Return the place of each of these customers in the list: that of the newest proof by one of these secrets."""
    found = sa.select(CustomerProof.customer_id, sa.func.max(CustomerProof.first_at)).where(
        CustomerProof.organization_id == organization_id,
        CustomerProof.customer_id.in_(customer_ids),
        CustomerProof.secret_id.in_(revoked),
    )
    rows = session.execute(found.group_by(CustomerProof.customer_id))
    return {customer_id: (at, customer_id) for customer_id, at in rows}


def _records(session: Session, organization_id: str, ids: list[str]) -> dict[str, CustomerRecord]:
    found = sa.select(*CUSTOMER_COLUMNS).where(Customer.organization_id == organization_id, Customer.id.in_(ids))
    return {row[0]: CustomerRecord(*row) for row in session.execute(found)}


def _marked_by(organization_id: str, secret_id: str) -> sa.Select[str]:
    """Return a walk through the index of the marked ones, and no other: that would meet those that are done first.

    BETWEEN and the order say so to PostgreSQL: to order by what equals one value is to order by nothing.
    """
    of_it = Customer.verified_secret_id.between(secret_id, secret_id)
    found = sa.select(Customer.id).where(Customer.organization_id == organization_id, of_it, _IS_MARKED)
    return found.order_by(Customer.verified_secret_id, Customer.id)
