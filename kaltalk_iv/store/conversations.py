"""Conversations: which one a visitor is in, and who speaks in it."""

import hashlib
import itertools
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ..core.errors import Reason
from ..core.policy import State, Verdict
from ..core.sessions import WidgetSession
from ..models import Conversation, Message
from .database import insert_unless_there


@dataclass(frozen=True, slots=True)
class ConversationRecord:
    """A thread as stored, with what its shield depends on."""

    id: str
    customer_id: str | None
    session_id: str
    state: str
    reason: str | None
    secret_id: str | None
    state_since: float
    proven_until: float | None
    first_proven_at: float | None
    claimed_external_id: str | None
    claimed_email: str | None
    claimed_name: str | None
    message_count: int
    unread_count: int
    last_message_at: float
    last_message: str
    last_author: str
    created_at: float

    @property
    def verdict(self) -> Verdict:
        """The state of the session that spoke last, as it was then."""
        return Verdict(State(self.state), None if self.reason is None else Reason(self.reason))


CONVERSATION_COLUMNS = tuple(Conversation.__table__.c[name] for name in ConversationRecord.__slots__)


def thread_of(session: Session, visitor: WidgetSession, *, is_verified: bool) -> ConversationRecord | None:
    """Return the conversation that ``visitor`` is in: one where this session spoke, else its customer's proven one.

    Never one of another customer's, though this session spoke there: one e-mail can land on two records in turn.
    """
    spoke_in = sa.select(Message.conversation_id).where(
        Message.organization_id == visitor.organization_id,
        Message.session_id == visitor.id,
        Message.author == "visitor",
    )
    for its_customers in (Conversation.customer_id == visitor.customer_id, Conversation.customer_id.is_(None)):
        own = _find(session, visitor.organization_id, Conversation.id.in_(spoke_in), its_customers)
        if own is not None:
            return own
    if not is_verified or visitor.customer_id is None:
        return None
    return _find(
        session,
        visitor.organization_id,
        Conversation.customer_id == visitor.customer_id,
        Conversation.first_proven_at.is_not(None),
    )


def start_thread(session: Session, visitor: WidgetSession, verdict: Verdict, now: float) -> ConversationRecord:
    """Return a new conversation for ``visitor``; when another tab has just started it, that one.

    The id follows from who speaks, so that two first messages at once meet in one row. A thread that an anonymous
    session began is passed over once another tab has given it to a customer.
    """
    is_verified = verdict.state is State.VERIFIED and visitor.customer_id is not None
    owner = f"customer:{visitor.customer_id}" if is_verified else f"session:{visitor.id}:{visitor.customer_id}"
    for turn in itertools.count():
        conversation_id = "con_" + hashlib.sha256(f"{owner}:{turn}".encode()).hexdigest()[:24]
        insert_unless_there(
            session,
            Conversation,
            organization_id=visitor.organization_id,
            id=conversation_id,
            message_count=0,
            unread_count=0,
            last_message_at=now,
            last_message="",
            last_author="visitor",
            created_at=now,
            first_proven_at=now if is_verified else None,
            **_speaker(visitor, verdict, now),
        )
        started = _find(session, visitor.organization_id, Conversation.id == conversation_id)
        if started is not None and started.customer_id == visitor.customer_id:
            return started
    raise AssertionError("unreachable")


def change_speaker(
    session: Session, conversation: ConversationRecord, visitor: WidgetSession, verdict: Verdict, now: float
) -> None:
    """Note that ``visitor`` speaks now: the conversation's state, claims and customer follow."""
    values = _speaker(visitor, verdict, now)
    if conversation.verdict == verdict:
        del values["state_since"]
    if verdict.state is State.VERIFIED:
        values["first_proven_at"] = sa.func.coalesce(Conversation.first_proven_at, now)
    session.execute(
        sa.update(Conversation)
        .where(Conversation.organization_id == visitor.organization_id, Conversation.id == conversation.id)
        .values(**values)
        .execution_options(synchronize_session=False)
    )


def link_to_customer(session: Session, visitor: WidgetSession) -> None:
    """Give the conversation that this session started before it was named to the customer that it is now."""
    session.execute(
        sa.update(Conversation)
        .where(
            Conversation.organization_id == visitor.organization_id,
            Conversation.session_id == visitor.id,
            Conversation.customer_id.is_(None),
        )
        .values(customer_id=visitor.customer_id)
        .execution_options(synchronize_session=False)
    )


def _find(session: Session, organization_id: str, *conditions: sa.ColumnElement[bool]) -> ConversationRecord | None:
    found = sa.select(*CONVERSATION_COLUMNS).where(Conversation.organization_id == organization_id, *conditions)
    row = session.execute(found.order_by(Conversation.last_message_at.desc()).limit(1)).first()
    return None if row is None else ConversationRecord(*row)


def _speaker(visitor: WidgetSession, verdict: Verdict, now: float) -> dict[str, Any]:
    values: dict[str, Any] = {
        "session_id": visitor.id,
        "state": verdict.state.value,
        "reason": None if verdict.reason is None else verdict.reason.value,
        "secret_id": visitor.secret_id,
        "state_since": now,
        "proven_until": visitor.proven_until,
        "claimed_external_id": visitor.claims.external_id,
        "claimed_email": visitor.claims.email,
        "claimed_name": visitor.claims.name,
    }
    if visitor.customer_id is not None:
        values["customer_id"] = visitor.customer_id
    return values
