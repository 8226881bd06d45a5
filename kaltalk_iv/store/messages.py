"""The lines of a thread: who may read which, and adding one at the end."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ..core.policy import State, Verdict
from ..core.sessions import WidgetSession
from ..models import Conversation, Message, Secret
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
    secret_id: str | None
    text: str
    client_message_id: str | None
    created_at: float


_MESSAGE = tuple(Message.__table__.c[name] for name in MessageRecord.__slots__)


def find_sent(session: Session, visitor: WidgetSession, client_message_id: str) -> tuple[str, MessageRecord] | None:
    """Return (conversation id, message) of what this session has sent under this id before, or None."""
    found = sa.select(Message.conversation_id, *_MESSAGE).where(
        Message.organization_id == visitor.organization_id,
        Message.session_id == visitor.id,
        Message.client_message_id == client_message_id,
    )
    row = session.execute(found).first()
    return None if row is None else (row[0], MessageRecord(*row[1:]))


def find_reply(
    session: Session, organization_id: str, conversation_id: str, client_message_id: str
) -> MessageRecord | None:
    """Return the agent's reply that was sent from the form with this id, or None."""
    found = sa.select(*_MESSAGE).where(
        Message.organization_id == organization_id,
        Message.conversation_id == conversation_id,
        Message.client_message_id == client_message_id,
        Message.author == "agent",
    )
    row = session.execute(found).first()
    return None if row is None else MessageRecord(*row)


def append(
    session: Session,
    organization_id: str,
    conversation_id: str,
    *,
    author: str,
    session_id: str,
    verdict: Verdict,
    secret_id: str | None,
    text: str,
    now: float,
    author_name: str | None = None,
    client_message_id: str | None = None,
) -> MessageRecord:
    """Add a line at the end. The count is raised first: its row lock puts two writers in one order.

    ``secret_id`` is the secret that proved ``verdict``, if it is proven.
    """
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
        secret_id if verdict.state is State.VERIFIED else None,
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
    the session is. What a revoked secret proved is not proven. Events are for agents.
    """
    revoked = sa.select(Secret.id).where(
        Secret.organization_id == visitor.organization_id, Secret.revoked_at.is_not(None)
    )
    said_under_proof = Message.state == State.VERIFIED.value
    proven = sa.and_(said_under_proof, Message.secret_id.not_in(revoked))
    own = Message.session_id == visitor.id
    found = sa.select(*_MESSAGE).where(
        Message.organization_id == visitor.organization_id,
        Message.conversation_id == conversation_id,
        Message.position > after,
        Message.author != "event",
        sa.or_(own, proven) if is_verified else sa.and_(own, sa.not_(said_under_proof)),
    )
    return [MessageRecord(*row) for row in session.execute(found.order_by(Message.position).limit(limit))]


def latest_messages(
    session: Session, organization_id: str, conversation_id: str, limit: int, before: int | None = None
) -> list[MessageRecord]:
    """Return the end of a thread for an agent, or of what stands before a position; events too, oldest first."""
    conditions = [] if before is None else [Message.position < before]
    return _latest(session, organization_id, conversation_id, limit, *conditions)


def identity_changes(session: Session, organization_id: str, conversation_id: str, limit: int) -> list[MessageRecord]:
    """Return the line that a thread began with and the latest events that changed its identity, oldest first."""
    of_identity = (Message.author == "event", Message.text.in_([state.value for state in State]))
    first = _latest(session, organization_id, conversation_id, 1, Message.position == 1)
    return first + _latest(session, organization_id, conversation_id, limit, *of_identity)


def _latest(
    session: Session, organization_id: str, conversation_id: str, limit: int, *conditions: sa.ColumnElement[bool]
) -> list[MessageRecord]:
    found = sa.select(*_MESSAGE).where(
        Message.organization_id == organization_id, Message.conversation_id == conversation_id, *conditions
    )
    newest = session.execute(found.order_by(Message.position.desc()).limit(limit)).all()
    return [MessageRecord(*row) for row in reversed(newest)]


def has_visitor_line(session: Session, organization_id: str, conversation_id: str, *, after: int) -> bool:
    """True when the visitor has written after the line at position ``after``."""
    found = sa.select(Message.id).where(
        Message.organization_id == organization_id,
        Message.conversation_id == conversation_id,
        Message.position > after,
        Message.author == "visitor",
    )
    return session.execute(found.limit(1)).first() is not None
