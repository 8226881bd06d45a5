"""One conversation as an agent sees it: its lines and its customer, weighed at the moment of looking."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy.orm import Session

from ..core.claims import email_key
from ..core.errors import NotFound, Reason
from ..core.policy import State, Verdict
from ..store import customers, messages, signing_secrets
from ..store import inbox as rows
from ..store.customers import CustomerRecord
from ..store.inbox import InboxRow
from ..store.messages import MessageRecord
from .inbox import Entry, effective_mode_of, entry_of

LINES_LENGTH = 200  # a thread is shown from its end
OTHERS_LENGTH = 10
CHANGES_LENGTH = 20


@dataclass(frozen=True, slots=True)
class Field:
    """A value of the customer: proven by a token or claimed, and what this conversation claimed instead, if anything.

    ``name`` is external_id, email or name. ``value`` is None when nobody gave one.
    """

    name: str
    value: str | None
    is_proven: bool
    claimed_here: str | None


@dataclass(frozen=True, slots=True)
class Record:
    """A customer's record, with what became of its proof. Nothing on it is proven once ``proof_revoked``."""

    customer: CustomerRecord
    is_verified: bool
    proof_revoked: bool


@dataclass(frozen=True, slots=True)
class OpenConversation:
    """All that an agent sees of one conversation. ``proof_ended``: what was said is proven, a reply waits for proof.

    ``lines`` are the last 200, or the 200 before the position asked for; ``earlier`` is where to ask for those before
    them. ``changes`` are the first line and the last 20 events of its identity. What a secret in ``revoked_secrets``
    (when it was, by id) proved is not proven any more; ``proof_revoked_at`` is that time for this conversation's own.
    """

    entry: Entry
    lines: tuple[MessageRecord, ...]
    earlier: int | None
    is_end: bool
    changes: tuple[MessageRecord, ...]
    revoked_secrets: Mapping[str, float]
    proof_revoked_at: float | None
    record: Record | None
    fields: tuple[Field, ...]
    others: tuple[Entry, ...]
    has_more_others: bool
    proof_ended: bool


def open_conversation(
    session: Session, organization_id: str, conversation_id: str, now: float, before: int | None = None
) -> OpenConversation:
    """Return the conversation and note that its end was read. ``before``: the lines before this position instead.

    Raises UnknownOrganization, or NotFound: another organization's answers like one that is not there.
    """
    mode = effective_mode_of(session, organization_id)
    row = conversation_row(session, organization_id, conversation_id)
    if row.conversation.unread_count and before is None:
        rows.mark_read(session, organization_id, conversation_id)
    entry = entry_of(row, mode, now)
    revoked = _revoked_secrets(session, organization_id)
    record = _record(session, organization_id, row.conversation.customer_id, revoked)
    others = [] if record is None else _others(session, organization_id, record.customer.id, conversation_id)
    proven_until = row.conversation.proven_until
    lines = messages.latest_messages(session, organization_id, conversation_id, LINES_LENGTH, before)
    return OpenConversation(
        entry=entry,
        lines=tuple(lines),
        earlier=lines[0].position if lines and lines[0].position > 1 else None,
        is_end=before is None,
        changes=tuple(messages.identity_changes(session, organization_id, conversation_id, CHANGES_LENGTH)),
        revoked_secrets=revoked,
        proof_revoked_at=_proof_revoked_at(entry, revoked),
        record=record,
        fields=_fields(entry, record),
        others=tuple(entry_of(other, mode, now) for other in others[:OTHERS_LENGTH]),
        has_more_others=len(others) > OTHERS_LENGTH,
        proof_ended=entry.verdict.state is State.VERIFIED and (proven_until is None or now >= proven_until),
    )


def conversation_row(session: Session, organization_id: str, conversation_id: str) -> InboxRow:
    """Return the conversation as stored. Raises NotFound."""
    row = rows.get_inbox_row(session, organization_id, conversation_id)
    if row is None:
        raise NotFound("conversation")
    return row


def _others(session: Session, organization_id: str, customer_id: str, conversation_id: str) -> list[InboxRow]:
    return rows.other_conversations(session, organization_id, customer_id, conversation_id, OTHERS_LENGTH + 1)


def _record(
    session: Session, organization_id: str, customer_id: str | None, revoked: Mapping[str, float]
) -> Record | None:
    customer = None if customer_id is None else customers.get_customer(session, organization_id, customer_id)
    if customer is None:
        return None
    # Whoever held a revoked secret could prove anything: its proofs count for nothing.
    proof_revoked = customer.verified_secret_id in revoked
    return Record(customer, customer.verified and not proof_revoked, proof_revoked)


def _revoked_secrets(session: Session, organization_id: str) -> dict[str, float]:
    secrets = signing_secrets.list_secrets(session, organization_id)
    return {secret.id: secret.revoked_at for secret in secrets if secret.revoked_at is not None}


def _proof_revoked_at(entry: Entry, revoked: Mapping[str, float]) -> float | None:
    secret_id = entry.conversation.secret_id
    is_lost = entry.verdict.reason is Reason.SECRET_REVOKED
    return revoked.get(secret_id) if is_lost and secret_id is not None else None


def _fields(entry: Entry, record: Record | None) -> tuple[Field, ...]:
    said = entry.conversation
    claims = {"email": said.claimed_email, "name": said.claimed_name, "external_id": said.claimed_external_id}
    return tuple(_field(name, claimed, record, entry.verdict) for name, claimed in claims.items())


def _field(name: str, claimed: str | None, record: Record | None, verdict: Verdict) -> Field:
    value: str | None = None if record is None else getattr(record.customer, name)
    if record is None or value is None:
        return Field(name, claimed, is_proven=False, claimed_here=None)
    is_proven = getattr(record.customer, f"{name}_proven") and not record.proof_revoked
    same = claimed == value or (name == "email" and claimed is not None and email_key(claimed) == email_key(value))
    differs = claimed is not None and not same and verdict.state is not State.VERIFIED
    return Field(name, value, is_proven=is_proven, claimed_here=claimed if differs else None)
