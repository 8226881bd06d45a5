"""Conversations: which one a visitor is in, and who speaks in it."""

import hashlib
import secrets
from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import sqlalchemy as sa

from ..core.claims import email_key, name_key
from ..core.errors import Reason
from ..core.listing import Status
from ..core.policy import State, Verdict
from ..core.sessions import WidgetSession
from ..models import Conversation, Message
from .compiled import Statement, Values
from .database import first_of, spelled_out, table_of
from .sources import Source, Writer, insert_unless_there, run

PREVIEW_LENGTH = 140


class ConversationRecord(NamedTuple):
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
CONVERSATION_COLUMNS = tuple(_TABLE.c[name] for name in ConversationRecord._fields)
_IT = sa.and_(_TABLE.c.organization_id == sa.bindparam("of"), _TABLE.c.id == sa.bindparam("thread"))
_OPEN_TO = sa.or_(_TABLE.c.first_proven_at.is_(None), _TABLE.c.customer_id == sa.bindparam("customer", type_=sa.String))
_IT_IF_OPEN = sa.select(*CONVERSATION_COLUMNS).where(_IT, _OPEN_TO)
_ONE_MORE = sa.update(_TABLE).values(message_count=_TABLE.c.message_count + 1)
_LAST_LINE = _ONE_MORE.values(
    last_message=sa.bindparam("preview"), last_author=sa.bindparam("by"), last_message_at=sa.bindparam("now")
)
_VISITORS_LINE = _LAST_LINE.values(unread_count=_TABLE.c.unread_count + 1)
_JOINED = _VISITORS_LINE.where(_IT, _OPEN_TO).returning(*CONVERSATION_COLUMNS)
_COUNTED = {
    "event": _ONE_MORE.where(_IT).returning(_TABLE.c.message_count),
    "visitor": _VISITORS_LINE.where(_IT).returning(_TABLE.c.message_count),
    "agent": _LAST_LINE.values(unread_count=0).where(_IT).returning(_TABLE.c.message_count),
}
_STATUS = (
    sa.update(_TABLE)
    .where(_IT, _TABLE.c.status != sa.bindparam("wanted"))
    .values(status=sa.bindparam("wanted"))
    .returning(_TABLE.c.id)
)
_LINES = table_of(Message)
_SPOKE_IN = sa.select(_LINES.c.conversation_id).where(
    _LINES.c.organization_id == sa.bindparam("of"),
    _LINES.c.session_id == sa.bindparam("speaker"),
    _LINES.c.author == spelled_out("visitor"),
)
_ONE = first_of(sa.select(*CONVERSATION_COLUMNS).where(_TABLE.c.organization_id == sa.bindparam("of")))
_LATEST = _ONE.order_by(_TABLE.c.last_message_at.desc())
_SPOKEN_IN = _ONE.where(_TABLE.c.id.in_(_SPOKE_IN), _OPEN_TO).order_by(
    sa.case((_TABLE.c.customer_id == sa.bindparam("proven"), 0), else_=1), _TABLE.c.last_message_at.desc()
)
_PROVEN = _LATEST.where(_TABLE.c.customer_id == sa.bindparam("proven"), _TABLE.c.first_proven_at.is_not(None))


def _joining(its: sa.Select[*tuple[Any, ...]]) -> sa.Update:
    return _VISITORS_LINE.where(
        _TABLE.c.organization_id == sa.bindparam("of"),
        _TABLE.c.id == its.with_only_columns(_TABLE.c.id).correlate(None).scalar_subquery(),
        _OPEN_TO,  # once more: by the time that the row is locked, it may have become somebody else's
    )


_READ = (_SPOKEN_IN, _PROVEN)
_JOINED_OWN = tuple(_joining(its).returning(*CONVERSATION_COLUMNS) for its in _READ)
# As an expression: with the bare column SQLite would look through all conversations that are nobody's.
_IS_NOBODYS = sa.func.coalesce(_TABLE.c.customer_id, "") == ""
_NOBODYS = _LATEST.where(_TABLE.c.id.in_(_SPOKE_IN), _TABLE.c.session_id == sa.bindparam("speaker"), _IS_NOBODYS)


def thread_of(source: Source, visitor: WidgetSession, *, is_verified: bool) -> ConversationRecord | None:
    """Return the conversation that ``visitor`` is in: one where this session spoke, else its customer's proven one.

    Never somebody else's proven one, though this session spoke there. Of unproven ones the record does not matter: by
    which of its own lines a visitor finds again it would learn which claims share a record.
    """
    return _own(source, _READ, visitor, {}, is_verified=is_verified)


def join_own_thread(
    source: Writer, visitor: WidgetSession, text: str, now: float, *, is_verified: bool
) -> ConversationRecord | None:
    """Return what ``thread_of`` would, with one line more, as ``join_thread`` does; None when there is none."""
    return _own(source, _JOINED_OWN, visitor, _said(text, now), is_verified=is_verified)


def _own(
    source: Source, statements: Sequence[Statement], visitor: WidgetSession, more: Values, *, is_verified: bool
) -> ConversationRecord | None:
    spoken_in, proven_ones = statements
    its = {**_its(visitor, is_verified=is_verified), **more}
    found = _first(source, spoken_in, {**its, "speaker": visitor.id})
    if found is None and its["proven"] is not None:
        found = _first(source, proven_ones, its)
    return found


def _its(visitor: WidgetSession, *, is_verified: bool) -> dict[str, str | float | None]:
    """Return whose conversations are meant; ``proven`` is the customer that the session is proven to be."""
    customer = visitor.customer_id
    return {"of": visitor.organization_id, "customer": customer, "proven": customer if is_verified else None}


def start_thread(source: Writer, visitor: WidgetSession, verdict: Verdict, now: float) -> ConversationRecord:
    """Return a new conversation for ``visitor``; when another tab has just started it, that one.

    The id follows from who speaks, so that two first messages at once meet in one row. One that has become somebody
    else's proven conversation meanwhile is passed over.
    """
    is_verified = verdict.state is State.VERIFIED and visitor.customer_id is not None
    owner = f"customer:{visitor.customer_id}" if is_verified else f"session:{visitor.id}:{visitor.customer_id}"
    for distinction in ("", secrets.token_hex(16)):
        conversation_id = "con_" + hashlib.sha256(f"{owner}:{distinction}".encode()).hexdigest()[:24]
        insert_unless_there(
            source,
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
        started = _first(source, _IT_IF_OPEN, _place(visitor, conversation_id))
        if started is not None:
            return started
    raise AssertionError("unreachable")


def join_thread(
    source: Writer, visitor: WidgetSession, conversation_id: str, text: str, now: float
) -> ConversationRecord | None:
    """Return the conversation with one line more, ``text``, which the visitor will add; None when it is closed to it.

    It has become somebody else's proven one then. ``message_count`` is the place of that line. Until the transaction
    ends the row is locked: nobody else changes it, and two who write at once do so one after the other.
    """
    return _first(source, _JOINED, {**_place(visitor, conversation_id), **_said(text, now)})


def count_line(source: Writer, organization_id: str, conversation_id: str, author: str, text: str, now: float) -> int:
    """Return the place of one line more, which the caller will add, and lock the row as ``join_thread`` does."""
    values: dict[str, str | float | None] = {"of": organization_id, "thread": conversation_id}
    if author != "event":
        values |= {"preview": text[:PREVIEW_LENGTH], "by": author, "now": now}
    place: int = run(source, _COUNTED[author], values)[0][0]
    return place


def nobodys_thread(source: Source, visitor: WidgetSession) -> ConversationRecord | None:
    """Return the conversation that this session began before it was named, or None.

    It is found by its lines: an index on the session would cost each visit's first message as much as all the others.
    """
    return _first(source, _NOBODYS, {"of": visitor.organization_id, "speaker": visitor.id})


def _said(text: str, now: float) -> Values:
    return {"preview": text[:PREVIEW_LENGTH], "by": "visitor", "now": now}


def _first(source: Source, statement: Statement, values: Values) -> ConversationRecord | None:
    rows = run(source, statement, values)
    return ConversationRecord(*rows[0]) if rows else None


def _place(visitor: WidgetSession, conversation_id: str) -> dict[str, str | float | None]:
    return {"of": visitor.organization_id, "thread": conversation_id, "customer": visitor.customer_id}


def change_speaker(
    source: Writer,
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
        run(source, _spoken(frozenset(values)), values | {"of": visitor.organization_id, "thread": thread.id})


@cache
def _spoken(names: frozenset[str]) -> sa.Update:
    values: dict[str, Any] = {name: sa.bindparam(name) for name in names}
    if "first_proven_at" in values:  # the first proof counts, also where it came after we read
        values["first_proven_at"] = sa.func.coalesce(_TABLE.c.first_proven_at, values["first_proven_at"])
    return sa.update(_TABLE).where(_IT).values(values)


def going_on(
    visitor: WidgetSession, verdict: Verdict, text: str, now: float, *, follows: bool
) -> tuple[sa.Update, dict[str, Any]]:
    """Return a statement, and its values, that does as ``join_own_thread`` and ``change_speaker`` where no event comes.

    It changes no row where the session has not spoken in a conversation yet, or that is closed, or is worth something
    else than ``verdict`` (or may be, by a secret that was revoked). It returns the id and the place of the line.
    ``follows``: claims and all follow the session; else it changes no row where they would have to, because SQLite
    writes each index of a column that is set, changed or not.
    """
    values = _speaker(visitor, verdict, now)
    del values["state_since"]
    is_verified = verdict.state is State.VERIFIED
    its = {**_its(visitor, is_verified=is_verified), "speaker": visitor.id, **_said(text, now)}
    going = _going_on(frozenset(values), is_verified=is_verified, follows=follows)
    return going, {f"{name}_now": value for name, value in values.items()} | its


@cache
def _going_on(names: frozenset[str], *, is_verified: bool, follows: bool) -> sa.Update:
    # Not bound by the columns' names: a session takes a value of such a name for one to set.
    now: dict[str, Any] = {name: sa.bindparam(f"{name}_now", type_=_TABLE.c[name].type) for name in sorted(names)}
    # As in service/chat.py: what a verified speaker is proven by was asked for when it came in.
    known_good = _TABLE.c.secret_id == now["secret_id"] if is_verified else sa.false()
    joining = _joining(_SPOKEN_IN).where(
        _TABLE.c.status == Status.OPEN.value,
        _TABLE.c.state == now["state"],
        _TABLE.c.reason.is_not_distinct_from(now["reason"]),
        sa.or_(_TABLE.c.secret_id.is_(None), known_good),
    )
    as_it_is = (_TABLE.c[name].is_not_distinct_from(value) for name, value in now.items())
    going = joining.values(now) if follows else joining.where(*as_it_is)
    return going.returning(_TABLE.c.id, _TABLE.c.message_count)


def change_status(source: Writer, organization_id: str, conversation_id: str, status: Status) -> bool:
    """Close or open a conversation and return True, or return False when it is so already.

    The row stays locked until the transaction ends: of two agents who click at once, one makes the change.
    """
    values = {"of": organization_id, "thread": conversation_id, "wanted": status.value}
    return len(run(source, _STATUS, values)) > 0


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
