"""Binding: which record an identify lands on, and what it may change there.

Proven claims find by ``sub``, else adopt a record that has no id and the proven e-mail, else create. Self-claimed ones
land on a record and change as little as possible. Nothing here merges two records.
"""

from typing import NamedTuple

from ..core.claims import Claims, email_key
from ..core.policy import Decision
from ..core.tokens import Proof
from ..store import customers
from ..store.customers import CustomerRecord
from ..store.sources import Writer
from . import events
from .events import IdentityDowngraded

SEEN_EVERY_SECONDS = 15 * 60  # a known customer with unchanged claims costs no write more often than this
_ATTEMPTS = 5  # each lost race leaves a row that the next attempt finds


def bind(
    source: Writer,
    organization_id: str,
    decision: Decision,
    known: CustomerRecord | None,
    now: float,
    *,
    is_all: bool = False,
) -> str | None:
    """Return the id of the customer that ``decision`` lands on, written as it allows; None when nobody is named.

    ``known`` is the customer with the claimed id, if there is one. ``is_all`` says that nothing is written after it.
    """
    for _ in range(_ATTEMPTS):
        if decision.proof is not None:
            customer_id = _bind_proven(source, organization_id, decision.proof, known, now, is_all=is_all)
        elif decision.claims.external_id is None and decision.claims.email is None:
            return None  # a bare name finds nobody: it stays with the conversation
        else:
            customer_id = _bind_self_claimed(source, organization_id, decision, known, now)
        if customer_id is not None:
            return customer_id
        if decision.claims.external_id is not None:
            known = customers.find_by_external_id(source, organization_id, decision.claims.external_id)
    raise RuntimeError("binding a customer lost every race")


class Bound(NamedTuple):
    """Whom a decision lands on; None when nobody is named."""

    customer_id: str | None


def find_bound(decision: Decision, known: CustomerRecord | None, now: float) -> Bound | None:
    """Return what ``bind`` would, when it would write nothing; None when it would, or would have to read more."""
    claims = decision.claims
    if decision.proof is None and claims.external_id is None and claims.email is None:
        return Bound(None)
    if known is None:
        return None
    if decision.proof is not None:
        return Bound(known.id) if _is_current(known, decision.proof, now) else None
    is_downgraded = decision.downgrades and decision.reason is not None and known.verified
    return None if is_downgraded or _is_change_due(known, claims, now) else Bound(known.id)


def _bind_proven(
    source: Writer, organization_id: str, proof: Proof, known: CustomerRecord | None, now: float, *, is_all: bool
) -> str | None:
    if known is not None:
        if not _is_current(known, proof, now):
            customers.stamp_verified(source, organization_id, known.id, proof, now)
            if known.verified_secret_id != proof.secret_id:
                customers.remember_proof(source, organization_id, known.id, proof, now)
        return known.id
    if proof.claims.email is not None:
        orphan = customers.find_by_email(source, organization_id, proof.claims.email, without_id=True)
        if orphan is not None:
            return orphan.id if customers.adopt(source, organization_id, orphan.id, proof, now) else None
    return customers.add_verified(source, organization_id, proof, now, is_all=is_all)


def _is_current(customer: CustomerRecord, proof: Proof, now: float) -> bool:
    claims = proof.claims
    is_older = proof.issued_at is not None and proof.issued_at < (customer.proven_iat or 0)
    return (
        customer.verified
        and customer.external_id_proven
        and customer.verified_secret_id == proof.secret_id
        and (claims.email is None or (customer.email_proven and (is_older or customer.email == claims.email)))
        and (claims.name is None or (customer.name_proven and (is_older or customer.name == claims.name)))
        and now - customer.last_seen_at < SEEN_EVERY_SECONDS
    )


def _bind_self_claimed(
    source: Writer, organization_id: str, decision: Decision, known: CustomerRecord | None, now: float
) -> str | None:
    claims = decision.claims
    record = known
    if record is None and claims.email is not None:
        with_id = claims.external_id is not None
        record = customers.find_by_email(source, organization_id, claims.email, without_id=with_id)
    if record is None:
        return customers.add_self_claimed(source, organization_id, claims, now)
    if decision.downgrades and decision.reason is not None and record.verified:
        customers.downgrade(source, organization_id, record.id, decision.reason, now)
        downgraded = IdentityDowngraded(organization_id, record.id, record.external_id, decision.reason, now)
        events.note(source, downgraded)
    if _is_change_due(record, claims, now):
        customers.apply_self_claimed(source, organization_id, record.id, claims, now)
    return record.id


def _is_change_due(record: CustomerRecord, claims: Claims, now: float) -> bool:
    return _would_change(record, claims) or now - record.last_seen_at >= SEEN_EVERY_SECONDS


def _would_change(record: CustomerRecord, claims: Claims) -> bool:
    may_replace = record.first_verified_at is None
    same_email = (record.email and email_key(record.email)) == (claims.email and email_key(claims.email))
    return (claims.email is not None and (record.email is None or (may_replace and not same_email))) or (
        claims.name is not None and (record.name is None or (may_replace and record.name != claims.name))
    )
