"""The lines of a thread: who may read which, and adding one at the end."""

from functools import cache
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ..core.policy import State, Verdict
from ..core.sessions import WidgetSession
from ..models import Message, Secret
from .compiled import Values
from .conversations import count_line, going_on
from .database import first_of, new_id, spelled_out, table_of
from .sources import Source, Writer, dialect_of, run, run_alone


class MessageRecord(NamedTuple):
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


_TABLE = table_of(Message)
_MESSAGE = tuple(_TABLE.c[name] for name in MessageRecord._fields)
_SENT = sa.select(_TABLE.c.conversation_id, *_MESSAGE).where(
    _TABLE.c.organization_id == sa.bindparam("of"),
    _TABLE.c.session_id == sa.bindparam("speaker"),
    _TABLE.c.client_message_id == sa.bindparam("sent_as"),
)
_SECRET = table_of(Secret)
_REVOKED = sa.select(_SECRET.c.id).where(
    _SECRET.c.organization_id == sa.bindparam("of"), _SECRET.c.revoked_at.is_not(None)
)
_OWN = _TABLE.c.session_id == sa.bindparam("reader")
_SAID_UNDER_PROOF = _TABLE.c.state == State.VERIFIED.value
_AFTER = (
    sa.select(*_MESSAGE)
    .where(
        _TABLE.c.organization_id == sa.bindparam("of"),
        _TABLE.c.conversation_id == sa.bindparam("thread"),
        _TABLE.c.position > sa.bindparam("after"),
        _TABLE.c.author != spelled_out("event"),
    )
    .order_by(_TABLE.c.position)
    .limit(sa.bindparam("limit"))
)
_FOR_VERIFIED = _AFTER.where(sa.or_(_OWN, sa.and_(_SAID_UNDER_PROOF, _TABLE.c.secret_id.not_in(_REVOKED))))
_FOR_OTHERS = _AFTER.where(_OWN, sa.not_(_SAID_UNDER_PROOF))
_ADDED = sa.insert(_TABLE).values(
    {name: sa.bindparam(name) for name in ("organization_id", "conversation_id", *MessageRecord._fields)}
)
_SENT_AS = "line_client_message_id"
_GIVEN = ("id", "author", "session_id", "state", "reason", "secret_id", "text", "client_message_id", "created_at")


def append_where_it_goes_on(
    source: Writer, visitor: WidgetSession, verdict: Verdict, text: str, client_message_id: str, now: float
) -> tuple[str, MessageRecord] | None:
    """Add a visitor's line by one statement, on SQLite by two, if that will do; return (conversation id, message).

    Most lines are the next one of somebody who is worth what the conversation is worth: nothing is opened, and no event
    stands before it. None, and nothing is changed, for all others, and for what was sent before.
    """
    line = _line("visitor", visitor.id, verdict, visitor.secret_id, text, now, client_message_id=client_message_id)
    if dialect_of(source) == "postgresql":  # which changes two tables in one statement
        joining, values = going_on(visitor, verdict, text, now, follows=True)
        given = {f"line_{name}": getattr(line, name) for name in _GIVEN}
        rows = run_alone(source, _gone_on(joining), values | given)
        return (rows[0][0], line._replace(position=rows[0][1])) if rows else None
    joining, values = going_on(visitor, verdict, text, now, follows=False)
    rows = run(source, _unsent(joining), values | {_SENT_AS: client_message_id})
    if not rows:
        return None
    conversation_id, position = rows[0]
    message = line._replace(position=position)
    _add(source, visitor.organization_id, conversation_id, message)
    return conversation_id, message


@cache
def _unsent(joining: sa.Update) -> sa.Update:
    was_sent = sa.exists().where(
        _TABLE.c.organization_id == sa.bindparam("of"),
        _TABLE.c.session_id == sa.bindparam("speaker"),
        _TABLE.c.client_message_id == sa.bindparam(_SENT_AS),
    )
    return joining.where(sa.not_(was_sent))


@cache
def _gone_on(joining: sa.Update) -> sa.Insert:
    joined = _unsent(joining).cte("joined")
    given = [sa.bindparam(f"line_{name}", type_=_TABLE.c[name].type) for name in _GIVEN]
    line = sa.select(sa.bindparam("of", type_=sa.String), joined.c.id, joined.c.message_count, *given)
    columns = ("organization_id", "conversation_id", "position", *_GIVEN)
    return sa.insert(_TABLE).from_select(columns, line).returning(_TABLE.c.conversation_id, _TABLE.c.position)


def find_sent(source: Source, visitor: WidgetSession, client_message_id: str) -> tuple[str, MessageRecord] | None:
    """Return (conversation id, message) of what this session has sent under this id before, or None."""
    values = {"of": visitor.organization_id, "speaker": visitor.id, "sent_as": client_message_id}
    rows = run(source, _SENT, values)
    return (rows[0][0], MessageRecord(*rows[0][1:])) if rows else None


def find_reply(
    session: Session, organization_id: str, conversation_id: str, client_message_id: str
) -> MessageRecord | None:
    """Return the agent's reply that was sent from the form with this id, or None."""
    found = sa.select(*_MESSAGE).where(
        Message.organization_id == organization_id,
        Message.conversation_id == conversation_id,
        Message.client_message_id == client_message_id,
        Message.author == spelled_out("agent"),
    )
    row = session.execute(found).first()
    return None if row is None else MessageRecord(*row)


def append(
    source: Writer,
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
    place: int | None = None,
) -> MessageRecord:
    """Add a line at the end, or at the ``place`` that was counted for it before.

    ``secret_id`` is the secret that proved ``verdict``, if it is proven.
    """
    position = count_line(source, organization_id, conversation_id, author, text, now) if place is None else place
    line = _line(author, session_id, verdict, secret_id, text, now, author_name, client_message_id)
    message = line._replace(position=position)
    _add(source, organization_id, conversation_id, message)
    return message


def _add(source: Writer, organization_id: str, conversation_id: str, message: MessageRecord) -> None:
    run(source, _ADDED, {"organization_id": organization_id, "conversation_id": conversation_id, **message._asdict()})


def _line(
    author: str,
    session_id: str,
    verdict: Verdict,
    secret_id: str | None,
    text: str,
    now: float,
    author_name: str | None = None,
    client_message_id: str | None = None,
) -> MessageRecord:
    """Return a new line that has no place yet."""
    return MessageRecord(
        new_id("msg"),
        0,
        author,
        author_name,
        session_id,
        verdict.state.value,
        None if verdict.reason is None else verdict.reason.value,
        secret_id if verdict.state is State.VERIFIED else None,
        text,
        client_message_id,
        now,
    )


def visible_messages(
    source: Source,
    visitor: WidgetSession,
    conversation_id: str,
    *,
    is_verified: bool,
    after: int,
    limit: int,
) -> list[MessageRecord]:
    """Return what ``visitor`` may read of a thread after position ``after``, oldest first.

    Its own visit's lines and, for a verified session, its customer's proven ones; never a line that is more proven than
    the session is. What a revoked secret proved is not proven. Events are for agents.
    """
    found = _FOR_VERIFIED if is_verified else _FOR_OTHERS
    values: Values = {
        "of": visitor.organization_id,
        "thread": conversation_id,
        "reader": visitor.id,
        "after": after,
        "limit": limit,
    }
    return [MessageRecord(*row) for row in run(source, found, values)]


def latest_messages(
    session: Session, organization_id: str, conversation_id: str, limit: int, before: int | None = None
) -> list[MessageRecord]:
    """Return the end of a thread for an agent, or of what stands before a position; events too, oldest first."""
    conditions = [] if before is None else [Message.position < before]
    return _latest(session, organization_id, conversation_id, limit, *conditions)


def identity_changes(session: Session, organization_id: str, conversation_id: str, limit: int) -> list[MessageRecord]:
    """Return the line that a thread began with and the latest events that changed its identity, oldest first."""
    of_identity = (Message.author == spelled_out("event"), Message.text.in_([state.value for state in State]))
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
        Message.author == spelled_out("visitor"),
    )
    return session.execute(first_of(found)).first() is not None
