"""The lines of a thread: who may read which, and adding one at the end."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ..core.errors import Conflict
from ..core.policy import State, Verdict
from ..core.sessions import WidgetSession
from ..models import Conversation, Message
from .database import new_id

PREVIEW_LENGTH = 140


@dataclass(frozen=True, slots=True)
class MessageRecord:
    """A line of a thread. ``author`` is visitor, agent or event; ``created_at`` in Unix seconds."""

    id: str
    position: int
    author: str
    author_name: str | None
    session_id: str
    state: str
    reason: str | None
    text: str
    client_message_id: str | None
    created_at: float


_MESSAGE = tuple(Message.__table__.c[name] for name in MessageRecord.__slots__)


def find_sent(session: Session, visitor: WidgetSession, client_message_id: str) -> tuple[str, MessageRecord] | None:
    """Return (conversation id, message) of what this session has sent under this id before, or None.

    Raises Conflict when it stands in somebody else's conversation: one anonymous session, copied to two tabs, can go on
    as two people, and neither gets the other's words for guessing an id.
    """
    found = (
        sa.select(Conversation.id, Conversation.customer_id, *_MESSAGE)
        .join(
            Conversation,
            sa.and_(
                Conversation.organization_id == Message.organization_id, Conversation.id == Message.conversation_id
            ),
        )
        .where(
            Message.organization_id == visitor.organization_id,
            Message.session_id == visitor.id,
            Message.client_message_id == client_message_id,
        )
    )
    row = session.execute(found).first()
    if row is None:
        return None
    if row[1] not in {None, visitor.customer_id}:
        raise Conflict("This clientMessageId is taken. Send the message under a new one.")
    return row[0], MessageRecord(*row[2:])


def append(
    session: Session,
    organization_id: str,
    conversation_id: str,
    *,
    author: str,
    session_id: str,
    verdict: Verdict,
    text: str,
    now: float,
    author_name: str | None = None,
    client_message_id: str | None = None,
) -> MessageRecord:
    """Add a line at the end. The count is raised first: its row lock puts two writers in one order."""
    values: dict[str, Any] = {"message_count": Conversation.message_count + 1}
    if author != "event":
        values |= {"last_message": text[:PREVIEW_LENGTH], "last_author": author, "last_message_at": now}
        values["unread_count"] = Conversation.unread_count + 1 if author == "visitor" else 0
    position = session.execute(
        sa.update(Conversation)
        .where(Conversation.organization_id == organization_id, Conversation.id == conversation_id)
        .values(**values)
        .returning(Conversation.message_count)
        .execution_options(synchronize_session=False)
    ).scalar_one()
    reason = None if verdict.reason is None else verdict.reason.value
    message = MessageRecord(
        new_id("msg"),
        position,
        author,
        author_name,
        session_id,
        verdict.state.value,
        reason,
        text,
        client_message_id,
        now,
    )
    row = {name: getattr(message, name) for name in MessageRecord.__slots__}
    session.execute(sa.insert(Message).values(organization_id=organization_id, conversation_id=conversation_id, **row))
    return message


def visible_messages(
    session: Session, visitor: WidgetSession, conversation_id: str, *, is_verified: bool, after: int, limit: int
) -> list[MessageRecord]:
    """Return what ``visitor`` may read of a thread after position ``after``, oldest first.

    Its own visit's lines and, for a verified session, its customer's proven ones; never a line that is more proven than
    the session is. Events are for agents.
    """
    proven = Message.state == State.VERIFIED.value
    own = Message.session_id == visitor.id
    found = sa.select(*_MESSAGE).where(
        Message.organization_id == visitor.organization_id,
        Message.conversation_id == conversation_id,
        Message.position > after,
        Message.author != "event",
        sa.or_(own, proven) if is_verified else sa.and_(own, sa.not_(proven)),
    )
    return [MessageRecord(*row) for row in session.execute(found.order_by(Message.position).limit(limit))]


def all_messages(session: Session, organization_id: str, conversation_id: str) -> list[MessageRecord]:
    """Return a whole thread for an agent, events too, oldest first."""
    found = sa.select(*_MESSAGE).where(
        Message.organization_id == organization_id, Message.conversation_id == conversation_id
    )
    return [MessageRecord(*row) for row in session.execute(found.order_by(Message.position))]
