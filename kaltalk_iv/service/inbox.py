"""What an agent does: look through the conversations, open one, reply. Shields are weighed at the moment of looking."""

import math
from dataclasses import dataclass

from sqlalchemy.orm import Session

from ..core.claims import email_key
from ..core.errors import Conflict, NotFound, UnknownOrganization
from ..core.policy import Mode, State, Verdict, verdict_now
from ..store import customers, messages, organizations, signing_secrets
from ..store import inbox as rows
from ..store.conversations import ConversationRecord
from ..store.customers import CustomerRecord
from ..store.inbox import InboxRow
from ..store.messages import MessageRecord
from ..store.organizations import OrganizationRecord

LIST_LENGTH = 50
LINES_LENGTH = 200  # a thread is shown from its end
OTHERS_LENGTH = 10


@dataclass(frozen=True, slots=True)
class Entry:
    """A conversation with what its identity is worth now, in the effective mode. ``title`` is None for nobody named."""

    conversation: ConversationRecord
    mode: Mode
    verdict: Verdict
    title: str | None


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

    ``lines`` are the last 200; what a secret in ``revoked_secrets`` proved is not proven any more.
    """

    entry: Entry
    lines: tuple[MessageRecord, ...]
    revoked_secrets: frozenset[str]
    record: Record | None
    fields: tuple[Field, ...]
    others: tuple[Entry, ...]
    proof_ended: bool


def list_conversations(session: Session, organization_id: str, now: float) -> list[Entry]:
    """Return the 50 newest conversations. Raises UnknownOrganization."""
    mode = _organization(session, organization_id).effective_mode
    return [_entry(row, mode, now) for row in rows.inbox(session, organization_id, LIST_LENGTH)]


def open_conversation(session: Session, organization_id: str, conversation_id: str, now: float) -> OpenConversation:
    """Return the conversation and note that it was read.

    Raises UnknownOrganization, or NotFound: another organization's answers like one that is not there.
    """
    mode = _organization(session, organization_id).effective_mode
    row = _row(session, organization_id, conversation_id)
    if row.conversation.unread_count:
        rows.mark_read(session, organization_id, conversation_id)
    entry = _entry(row, mode, now)
    record = _record(session, organization_id, row.conversation.customer_id)
    others = [] if record is None else _others(session, organization_id, record.customer.id, conversation_id)
    proven_until = row.conversation.proven_until
    return OpenConversation(
        entry=entry,
        lines=tuple(messages.latest_messages(session, organization_id, conversation_id, LINES_LENGTH)),
        revoked_secrets=_revoked_secrets(session, organization_id),
        record=record,
        fields=_fields(entry, record),
        others=tuple(_entry(other, mode, now) for other in others),
        proof_ended=entry.verdict.state is State.VERIFIED and (proven_until is None or now >= proven_until),
    )


def reply(
    session: Session,
    organization_id: str,
    conversation_id: str,
    *,
    author_name: str,
    text: str,
    client_message_id: str,
    seen_state: str,
    seen_session: str,
    now: float,
) -> None:
    """Add an agent's reply; sent again under the same id, it is stored once.

    ``seen_state`` is the identity state that the agent had on the screen and ``seen_session`` whose line was the last
    there. Raises UnknownOrganization, NotFound, or Conflict when words meant for one person would go to another (the
    identity was lost meanwhile, or an unproven somebody else spoke), or when other words were sent under this id.
    """
    mode = _organization(session, organization_id).effective_mode
    row = _row(session, organization_id, conversation_id)
    sent = messages.find_reply(session, organization_id, conversation_id, client_message_id)
    if sent is not None:
        if sent.text == text:
            return
        raise Conflict("A reply with other words was sent from this form already. Send again to add this one.")
    verdict = _entry(row, mode, now).verdict
    if seen_state == State.VERIFIED and verdict.state is not State.VERIFIED:
        raise Conflict("The identity was lost while you wrote. Nothing was sent: read your reply again first.")
    if verdict.state is not State.VERIFIED and seen_session != row.conversation.session_id:
        raise Conflict("Somebody else has written here while you did. Nothing was sent: look who it is first.")
    messages.append(
        session,
        organization_id,
        conversation_id,
        author="agent",
        session_id=row.conversation.session_id,
        verdict=verdict,
        secret_id=row.conversation.secret_id,
        text=text,
        now=now,
        author_name=author_name,
        client_message_id=client_message_id,
    )


def _organization(session: Session, organization_id: str) -> OrganizationRecord:
    organization = organizations.get_organization(session, organization_id)
    if organization is None:
        raise UnknownOrganization
    return organization


def _row(session: Session, organization_id: str, conversation_id: str) -> InboxRow:
    row = rows.get_inbox_row(session, organization_id, conversation_id)
    if row is None:
        raise NotFound("conversation")
    return row


def _others(session: Session, organization_id: str, customer_id: str, conversation_id: str) -> list[InboxRow]:
    return rows.other_conversations(session, organization_id, customer_id, conversation_id, OTHERS_LENGTH)


def _entry(row: InboxRow, mode: Mode, now: float) -> Entry:
    said = row.conversation
    # No time limit here: what was spoken under proof stays proven when the token has run out since.
    verdict = verdict_now(said.verdict, mode, proven_until=math.inf, secret_revoked=row.secret_revoked, now=now)
    if verdict.state is State.VERIFIED:  # a name that nobody proved must not head what is marked as proven
        return Entry(said, mode, verdict, row.proven_name or row.proven_email or row.customer_external_id)
    of_record = row.customer_name or row.customer_email or row.customer_external_id
    return Entry(said, mode, verdict, of_record or said.claimed_name or said.claimed_email or said.claimed_external_id)


def _record(session: Session, organization_id: str, customer_id: str | None) -> Record | None:
    customer = None if customer_id is None else customers.get_customer(session, organization_id, customer_id)
    if customer is None:
        return None
    # Whoever held a revoked secret could prove anything: its proofs count for nothing.
    proof_revoked = customer.verified_secret_id in _revoked_secrets(session, organization_id)
    return Record(customer, customer.verified and not proof_revoked, proof_revoked)


def _revoked_secrets(session: Session, organization_id: str) -> frozenset[str]:
    secrets = signing_secrets.list_secrets(session, organization_id)
    return frozenset(secret.id for secret in secrets if secret.revoked_at is not None)


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
