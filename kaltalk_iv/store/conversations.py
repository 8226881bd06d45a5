"""Conversations: which one a visitor is in, and who speaks in it."""

import hashlib
import secrets
from dataclasses import dataclass
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ..core.claims import email_key, name_key
from ..core.errors import Reason
from ..core.listing import Status
from ..core.policy import State, Verdict
from ..core.sessions import WidgetSession
from ..models import Conversation, Message
from .database import insert_unless_there, run, table_of
from .reading import Reader, Values, read


@dataclass(frozen=True, slots=True)
class ConversationRecord:
    """A thread as stored, with what its shield depends on."""

    id: str
    customer_id: str | None
    session_id: str
    status: str
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


_TABLE = table_of(Conversation)
CONVERSATION_COLUMNS = tuple(_TABLE.c[name] for name in ConversationRecord.__slots__)
_IT = sa.and_(_TABLE.c.organization_id == sa.bindparam("of"), _TABLE.c.id == sa.bindparam("thread"))
_OPEN_TO = sa.or_(_TABLE.c.first_proven_at.is_(None), _TABLE.c.customer_id == sa.bindparam("customer", type_=sa.String))
_IT_IF_OPEN = sa.select(*CONVERSATION_COLUMNS).where(_IT, _OPEN_TO)
_LOCKED: dict[str, sa.Executable] = {
    "postgresql": _IT_IF_OPEN.with_for_update(),
    # SQLite knows no lock of a row: an update that changes nothing takes that of the writer.
    "sqlite": sa.update(_TABLE)
    .where(_IT, _OPEN_TO)
    .values(message_count=_TABLE.c.message_count)
    .returning(*CONVERSATION_COLUMNS),
}
_LINES = table_of(Message)
_SPOKE_IN = sa.select(_LINES.c.conversation_id).where(
    _LINES.c.organization_id == sa.bindparam("of"),
    _LINES.c.session_id == sa.bindparam("speaker"),
    _LINES.c.author == "visitor",
)
_ONE = sa.select(*CONVERSATION_COLUMNS).where(_TABLE.c.organization_id == sa.bindparam("of")).limit(1)
_LATEST = _ONE.order_by(_TABLE.c.last_message_at.desc())
_SPOKEN_IN = _ONE.where(_TABLE.c.id.in_(_SPOKE_IN), _OPEN_TO).order_by(
    sa.case((_TABLE.c.customer_id == sa.bindparam("proven"), 0), else_=1), _TABLE.c.last_message_at.desc()
)
_PROVEN = _LATEST.where(_TABLE.c.customer_id == sa.bindparam("proven"), _TABLE.c.first_proven_at.is_not(None))
_NOBODYS = _LATEST.where(
    _TABLE.c.id.in_(_SPOKE_IN), _TABLE.c.session_id == sa.bindparam("speaker"), _TABLE.c.customer_id.is_(None)
)


def thread_of(source: Session | Reader, visitor: WidgetSession, *, is_verified: bool) -> ConversationRecord | None:
    """Return the conversation that ``visitor`` is in: one where this session spoke, else its customer's proven one.

    Never somebody else's proven one, though this session spoke there. Of unproven ones the record does not matter: by
    which of its own lines a visitor finds again it would learn which claims share a record.
    """
    proven = visitor.customer_id if is_verified else None
    its = {"of": visitor.organization_id, "proven": proven}
    found = _first(source, _SPOKEN_IN, its | {"speaker": visitor.id, "customer": visitor.customer_id})
    if found is None and proven is not None:
        found = _first(source, _PROVEN, its)
    return found


def start_thread(session: Session, visitor: WidgetSession, verdict: Verdict, now: float) -> ConversationRecord:
    """Return a new conversation for ``visitor``; when another tab has just started it, that one.

    The id follows from who speaks, so that two first messages at once meet in one row. One that has become somebody
    else's proven conversation meanwhile is passed over.
    """
    is_verified = verdict.state is State.VERIFIED and visitor.customer_id is not None
    owner = f"customer:{visitor.customer_id}" if is_verified else f"session:{visitor.id}:{visitor.customer_id}"
    for distinction in ("", secrets.token_hex(16)):
        conversation_id = "con_" + hashlib.sha256(f"{owner}:{distinction}".encode()).hexdigest()[:24]
        insert_unless_there(
            session,
            Conversation,
            organization_id=visitor.organization_id,
            id=conversation_id,
            status=Status.OPEN.value,
            message_count=0,
            unread_count=0,
            last_message_at=now,
            last_message="",
            last_author="visitor",
            created_at=now,
            first_proven_at=now if is_verified else None,
            **_speaker(visitor, verdict, now),
        )
        started = _first(session, _IT_IF_OPEN, _place(visitor, conversation_id))
        if started is not None:
            return started
    raise AssertionError("unreachable")


def lock_thread(session: Session, visitor: WidgetSession, conversation_id: str) -> ConversationRecord | None:
    """Return the conversation as it is now, and keep others from changing it until the transaction ends.

    None when it has become somebody else's proven one.
    """
    lock = _LOCKED[session.connection().dialect.name]
    locked = run(session, lock, _place(visitor, conversation_id)).first()
    return None if locked is None else ConversationRecord(*locked)


def nobodys_thread(session: Session, visitor: WidgetSession) -> ConversationRecord | None:
    """Return the conversation that this session began before it was named, or None.

    It is found by its lines: an index on the session would cost each visit's first message as much as all the others.
    """
    return _first(session, _NOBODYS, {"of": visitor.organization_id, "speaker": visitor.id})


def _first(source: Session | Reader, statement: sa.Select[Any], values: Values) -> ConversationRecord | None:
    rows = read(source, statement, values)
    return ConversationRecord(*rows[0]) if rows else None


def _place(visitor: WidgetSession, conversation_id: str) -> dict[str, str | float | None]:
    return {"of": visitor.organization_id, "thread": conversation_id, "customer": visitor.customer_id}


def change_speaker(
    session: Session,
    thread: ConversationRecord,
    visitor: WidgetSession,
    verdict: Verdict,
    now: float,
    *,
    is_change: bool,
) -> None:
    """Note that ``visitor`` speaks now: the state, claims and customer of ``thread`` follow.

    ``is_change`` says whether ``verdict`` is another than what the conversation was worth before; it dates the state.
    Who goes on speaking as before changes nothing, and nothing is written.
    """
    values = _speaker(visitor, verdict, now)
    if not is_change:
        del values["state_since"]
    if verdict.state is State.VERIFIED and thread.first_proven_at is None:
        values["first_proven_at"] = now
    if any(getattr(thread, name, value) != value for name, value in values.items()):
        run(session, _spoken(frozenset(values)), values | {"of": visitor.organization_id, "thread": thread.id})


@cache
def _spoken(names: frozenset[str]) -> sa.Executable:
    values: dict[str, Any] = {name: sa.bindparam(name) for name in names}
    if "first_proven_at" in values:  # the first proof counts, also where it came after we read
        values["first_proven_at"] = sa.func.coalesce(_TABLE.c.first_proven_at, values["first_proven_at"])
    return sa.update(_TABLE).where(_IT).values(values)


def change_status(session: Session, organization_id: str, conversation_id: str, status: Status) -> bool:
    """Close or open a conversation and return True, or return False when it is so already.

    The row stays locked until the transaction ends: of two agents who click at once, one makes the change.
    """
    changed = session.execute(
        sa.update(Conversation)
        .where(
            Conversation.organization_id == organization_id,
            Conversation.id == conversation_id,
            Conversation.status != status.value,
        )
        .values(status=status.value)
        .returning(Conversation.id)
        .execution_options(synchronize_session=False)
    )
    return changed.first() is not None


def _speaker(visitor: WidgetSession, verdict: Verdict, now: float) -> dict[str, Any]:
    claims = visitor.claims
    is_verified = verdict.state is State.VERIFIED
    values: dict[str, Any] = {
        "session_id": visitor.id,
        "state": verdict.state.value,
        "standing": visitor.secret_id if is_verified else verdict.state.value,
        "reason": None if verdict.reason is None else verdict.reason.value,
        "secret_id": visitor.secret_id,
        "state_since": now,
        "proven_until": visitor.proven_until,
        "claimed_external_id": claims.external_id,
        "claimed_email": claims.email,
        "claimed_email_key": None if claims.email is None else email_key(claims.email),
        "claimed_name": claims.name,
        "claimed_name_key": None if claims.name is None else name_key(claims.name),
    }
    if visitor.customer_id is not None:
        values["customer_id"] = visitor.customer_id
    return values
