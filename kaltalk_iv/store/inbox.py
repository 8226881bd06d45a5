"""What agents read: conversations with what their shields depend on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ..core.text import is_id
from ..models import Conversation, Customer, Secret
from .conversations import CONVERSATION_COLUMNS, ConversationRecord


@dataclass(frozen=True, slots=True)
class InboxRow:
    """A conversation in the inbox, with the names that may head it and what its shield depends on now."""

    conversation: ConversationRecord
    customer_name: str | None
    customer_email: str | None
    customer_external_id: str | None
    proven_name: str | None
    proven_email: str | None
    secret_revoked: bool


def get_inbox_row(session: Session, organization_id: str, conversation_id: str) -> InboxRow | None:
    """Return one conversation of this organization, or None."""
    if not is_id(conversation_id):
        return None
    row = session.execute(inbox_rows(organization_id).where(Conversation.id == conversation_id)).first()
    return None if row is None else inbox_row(row)


def other_conversations(
    session: Session, organization_id: str, customer_id: str, conversation_id: str, limit: int
) -> list[InboxRow]:
    """Return the customer's other conversations, newest first."""
    others = inbox_rows(organization_id).where(
        Conversation.customer_id == customer_id, Conversation.id != conversation_id
    )
    return [
        inbox_row(row) for row in session.execute(others.order_by(Conversation.last_message_at.desc()).limit(limit))
    ]


def mark_read(session: Session, organization_id: str, conversation_id: str) -> None:
    """Note that an agent has seen the conversation."""
    session.execute(
        sa.update(Conversation)
        .where(
            Conversation.organization_id == organization_id,
            Conversation.id == conversation_id,
            Conversation.unread_count > 0,
        )
        .values(unread_count=0)
        .execution_options(synchronize_session=False)
    )


def inbox_rows(organization_id: str) -> sa.Select[Any]:
    """Return the query of an organization's conversations, for ``inbox_row`` to read."""
    return (
        sa.select(
            *CONVERSATION_COLUMNS,
            Customer.name,
            Customer.email,
            Customer.external_id,
            sa.case((Customer.name_proven, Customer.name)),
            sa.case((Customer.email_proven, Customer.email)),
            Secret.id,
            Secret.revoked_at,
        )
        .select_from(Conversation)
        .outerjoin(
            Customer,
            sa.and_(Customer.organization_id == Conversation.organization_id, Customer.id == Conversation.customer_id),
        )
        .outerjoin(
            Secret,
            sa.and_(Secret.organization_id == Conversation.organization_id, Secret.id == Conversation.secret_id),
        )
        .where(Conversation.organization_id == organization_id)
    )


def inbox_row(row: Sequence[Any]) -> InboxRow:
    """Return a row of ``inbox_rows``."""
    conversation = ConversationRecord(*row[: len(CONVERSATION_COLUMNS)])
    name, email, external_id, proven_name, proven_email, secret_id, revoked_at = row[len(CONVERSATION_COLUMNS) :]
    secret_revoked = conversation.secret_id is not None and (secret_id is None or revoked_at is not None)
    return InboxRow(conversation, name, email, external_id, proven_name, proven_email, secret_revoked)
