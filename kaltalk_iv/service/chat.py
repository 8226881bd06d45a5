"""What a widget does with its session: send a message, read its thread, end it."""

import math
import re
from dataclasses import dataclass

from sqlalchemy.orm import Session

from ..config import Settings
from ..core import origins
from ..core.errors import (
    Conflict,
    IdentityRefused,
    OriginNotAllowed,
    Reason,
    SessionEnded,
    SessionInvalid,
    Unreadable,
)
from ..core.listing import Status
from ..core.policy import Mode, State, Verdict, verdict_now
from ..core.sessions import WidgetSession
from ..session_seal import unseal
from ..store import conversations, messages, organizations, sessions, signing_secrets
from ..store.conversations import ConversationRecord
from ..store.messages import MessageRecord
from ..store.organizations import SessionRecords
from ..store.reading import Reader

PAGE_LENGTH = 100

_CURSOR = re.compile(r"(con_[0-9a-f]{24})\.([0-9]{1,15})")
START = "0"


@dataclass(frozen=True, slots=True)
class Visitor:
    """A widget session and what it is worth at this moment."""

    session: WidgetSession
    verdict: Verdict

    @property
    def is_verified(self) -> bool:
        """True while its proof stands."""
        return self.verdict.state is State.VERIFIED


@dataclass(frozen=True, slots=True)
class Thread:
    """The lines that a visitor may read, and the cursor to ask for what comes after them."""

    messages: tuple[MessageRecord, ...]
    cursor: str
    verdict: Verdict


def enter(source: Session | Reader, settings: Settings, token: object, origin: str | None, now: float) -> Visitor:
    """Return the visitor whose session ``token`` is, as the organization's mode and secrets have it now.

    Raises SessionInvalid, SessionExpired, SessionEnded, OriginNotAllowed, or IdentityRefused when the mode has become
    ``required`` and the session proves nothing (any more).
    """
    widget_session, records = _admit(source, settings, token, origin, now)
    if records.ended:
        raise SessionEnded("This widget session was ended. Identify again.")
    mode = records.organization.effective_mode
    verdict = verdict_now(
        widget_session.verdict,
        mode,
        proven_until=widget_session.proven_until,
        secret_revoked=records.secret_revoked,
        now=now,
    )
    if mode is Mode.REQUIRED and verdict.state is State.UNVERIFIED and verdict.reason is not None:
        raise IdentityRefused(verdict.reason)
    return Visitor(widget_session, verdict)


def send_message(
    session: Session,
    visitor: Visitor,
    text: str,
    client_message_id: str,
    now: float,
    *,
    earlier: WidgetSession | None = None,
) -> tuple[MessageRecord, str]:
    """Return the stored message and the cursor after it; sent again under the same id, it is stored once.

    ``earlier`` is the session under which the page tried first, when it has had to begin another one since. Raises
    Conflict when other words were sent under this id.
    """
    speaker = visitor.session
    sent = messages.find_sent(session, speaker, client_message_id)
    if sent is None and earlier is not None and earlier.organization_id == speaker.organization_id:
        sent = messages.find_sent(session, earlier, client_message_id)
    if sent is not None:
        if sent[1].text != text:
            raise Conflict("This clientMessageId was used for other words. Send the message under a new one.")
        return sent[1], _cursor(sent[0], sent[1].position)
    thread = _locked_thread(session, visitor, now)
    speak(session, thread, speaker, visitor.verdict, now)
    _open_again(session, thread, visitor, now)
    message = messages.append(
        session,
        speaker.organization_id,
        thread.id,
        author="visitor",
        session_id=speaker.id,
        verdict=visitor.verdict,
        secret_id=speaker.secret_id,
        text=text,
        now=now,
        client_message_id=client_message_id,
    )
    return message, _cursor(thread.id, message.position)


def earlier_session(settings: Settings, token: object) -> WidgetSession | None:
    """Return the session that ``token`` was, over or not; None when there is none.

    It opens nothing: it only says whose ``clientMessageId`` is meant. Message ids are counted by session, and never by
    customer, because anybody may claim a customer: a forger who guessed an id could learn of, or suppress, a message.
    """
    try:
        return unseal(token, settings.session_keys, -math.inf)
    except SessionInvalid:
        return None


def _locked_thread(session: Session, visitor: Visitor, now: float) -> ConversationRecord:
    """Return the visitor's conversation, its own until the transaction ends; a new one when there is none."""
    found = conversations.thread_of(session, visitor.session, is_verified=visitor.is_verified)
    for candidate in (found, None):
        thread = candidate or conversations.start_thread(session, visitor.session, visitor.verdict, now)
        locked = conversations.lock_thread(session, visitor.session, thread.id)
        if locked is not None:
            return locked
    raise Conflict("This conversation has just become somebody else's. Send the message again.")


def speak(session: Session, thread: ConversationRecord, speaker: WidgetSession, verdict: Verdict, now: float) -> None:
    """Let ``thread`` follow the session that speaks in it now; a change of its identity becomes a line."""
    before = thread.verdict
    # What a verified speaker is proven by is not revoked: that was asked when it came in.
    is_known_good = verdict.state is State.VERIFIED and thread.secret_id == speaker.secret_id
    if thread.secret_id is not None and not is_known_good and _is_revoked(session, speaker, thread.secret_id):
        before = Verdict(State.UNVERIFIED, Reason.SECRET_REVOKED)
    if thread.message_count and before != verdict:
        messages.append(
            session,
            speaker.organization_id,
            thread.id,
            author="event",
            session_id=speaker.id,
            verdict=verdict,
            secret_id=speaker.secret_id,
            text=before.state,
            now=now,
        )
    conversations.change_speaker(session, thread, speaker, verdict, now, is_change=before != verdict)


def _is_revoked(session: Session, speaker: WidgetSession, secret_id: str) -> bool:
    return signing_secrets.is_revoked(session, speaker.organization_id, secret_id)


def _open_again(session: Session, thread: ConversationRecord, visitor: Visitor, now: float) -> None:
    """Open a closed conversation for the visitor's new message, with a line that says so."""
    speaker = visitor.session
    if thread.status == Status.OPEN:
        return
    conversations.change_status(session, speaker.organization_id, thread.id, Status.OPEN)
    messages.append(
        session,
        speaker.organization_id,
        thread.id,
        author="event",
        session_id=speaker.id,
        verdict=visitor.verdict,
        secret_id=speaker.secret_id,
        text=Status.OPEN.value,
        now=now,
    )


def read_thread(source: Session | Reader, visitor: Visitor, after: str) -> Thread:
    """Return what the visitor may read after the cursor ``after``. Raises Unreadable for a cursor that is none."""
    known_thread, position = _parse_cursor(after)
    thread = conversations.thread_of(source, visitor.session, is_verified=visitor.is_verified)
    if thread is None:
        return Thread((), START, visitor.verdict)
    lines = messages.visible_messages(
        source,
        visitor.session,
        thread.id,
        is_verified=visitor.is_verified,
        after=position if known_thread == thread.id else 0,
        limit=PAGE_LENGTH,
    )
    read_up_to = lines[-1].position if lines else position if known_thread == thread.id else 0
    return Thread(tuple(lines), _cursor(thread.id, read_up_to), visitor.verdict)


def end_session(session: Session, settings: Settings, token: object, origin: str | None, now: float) -> None:
    """End the session ``token`` and every other one of the same visit; ended twice is ended.

    Raises SessionInvalid, SessionExpired or OriginNotAllowed. Any mode lets a visitor leave.
    """
    visitor, _records = _admit(session, settings, token, origin, now)
    sessions.end_session(
        session, visitor.organization_id, visitor.id, now, max(visitor.expires_at, now + settings.session_lifetime)
    )


def _admit(
    source: Session | Reader, settings: Settings, token: object, origin: str | None, now: float
) -> tuple[WidgetSession, SessionRecords]:
    visitor = unseal(token, settings.session_keys, now)
    records = organizations.load_for_session(source, visitor.organization_id, visitor.secret_id, visitor.id)
    if records is None:
        raise SessionInvalid("The organization of this widget session is gone.")
    if not origins.is_allowed(origin, records.organization.origins):
        raise OriginNotAllowed
    return visitor, records


def _cursor(conversation_id: str, position: int) -> str:
    return f"{conversation_id}.{position}"


def _parse_cursor(text: str) -> tuple[str | None, int]:
    if text == START:
        return None, 0
    shape = _CURSOR.fullmatch(text)
    if shape is None:
        raise Unreadable("after must be a cursor that an earlier answer gave.")
    return shape[1], int(shape[2])
