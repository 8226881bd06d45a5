"""What a widget does with its session: send a message, read its thread, end it."""

import math
import re
from dataclasses import dataclass
from typing import NamedTuple

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
from ..store.sources import Source, Writer

PAGE_LENGTH = 100
_ATTEMPTS = 3  # a conversation that another tab began may become somebody else's before one writes there

_CURSOR = re.compile(r"(con_[0-9a-f]{24})\.([0-9]{1,15})")
START = "0"


class Visitor(NamedTuple):
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


def enter(source: Source, settings: Settings, token: object, origin: str | None, now: float) -> Visitor:
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
    source: Writer,
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
    if earlier is None:
        gone_on = messages.append_where_it_goes_on(source, speaker, visitor.verdict, text, client_message_id, now)
        if gone_on is not None:
            return gone_on[1], _cursor(gone_on[0], gone_on[1].position)
    sent = messages.find_sent(source, speaker, client_message_id)
    if sent is None and earlier is not None and earlier.organization_id == speaker.organization_id:
        sent = messages.find_sent(source, earlier, client_message_id)
    if sent is not None:
        if sent[1].text != text:
            raise Conflict("This clientMessageId was used for other words. Send the message under a new one.")
        return sent[1], _cursor(sent[0], sent[1].position)
    thread = _joined_thread(source, visitor, text, now)
    place = thread.message_count
    before = _worth_now(source, thread, speaker, visitor.verdict)
    events = [before.state.value] if place > 1 and before != visitor.verdict else []
    if thread.status != Status.OPEN:
        conversations.change_status(source, speaker.organization_id, thread.id, Status.OPEN)
        events.append(Status.OPEN.value)
    for event in events:  # before the line that it explains, which moves on by one
        _note(source, thread, speaker, visitor.verdict, event, now, place)
        place = conversations.count_line(source, speaker.organization_id, thread.id, "event", event, now)
    conversations.change_speaker(source, thread, speaker, visitor.verdict, now, is_change=before != visitor.verdict)
    message = messages.append(
        source,
        speaker.organization_id,
        thread.id,
        author="visitor",
        session_id=speaker.id,
        verdict=visitor.verdict,
        secret_id=speaker.secret_id,
        text=text,
        now=now,
        client_message_id=client_message_id,
        place=place,
    )
    return message, _cursor(thread.id, place)


def earlier_session(settings: Settings, token: object) -> WidgetSession | None:
    """Return the session that ``token`` was, over or not; None when there is none.

    It opens nothing: it only says whose ``clientMessageId`` is meant. Message ids are counted by session, and never by
    customer, because anybody may claim a customer: a forger who guessed an id could learn of, or suppress, a message.
    """
    try:
        return unseal(token, settings.session_keys, -math.inf)
    except SessionInvalid:
        return None


def _joined_thread(source: Writer, visitor: Visitor, text: str, now: float) -> ConversationRecord:
    """Return the visitor's conversation, or a new one, with a place for ``text``: its own until the commit."""
    speaker = visitor.session
    joined = conversations.join_own_thread(source, speaker, text, now, is_verified=visitor.is_verified)
    if joined is not None:
        return joined
    for _ in range(_ATTEMPTS):
        begun = conversations.start_thread(source, speaker, visitor.verdict, now)
        joined = conversations.join_thread(source, speaker, begun.id, text, now)
        if joined is not None:
            return joined
    raise Conflict("This conversation has just become somebody else's. Send the message again.")


def speak(source: Writer, thread: ConversationRecord, speaker: WidgetSession, verdict: Verdict, now: float) -> None:
    """Let ``thread`` follow the session that speaks in it now; a change of its identity becomes a line."""
    before = _worth_now(source, thread, speaker, verdict)
    if thread.message_count and before != verdict:
        _note(source, thread, speaker, verdict, before.state.value, now)
    conversations.change_speaker(source, thread, speaker, verdict, now, is_change=before != verdict)


def _worth_now(source: Source, thread: ConversationRecord, speaker: WidgetSession, verdict: Verdict) -> Verdict:
    """Return what the conversation's own state is still worth, as ``speaker`` comes to it with ``verdict``."""
    # What a verified speaker is proven by is not revoked: that was asked when it came in.
    is_known_good = verdict.state is State.VERIFIED and thread.secret_id == speaker.secret_id
    if thread.secret_id is None or is_known_good:
        return thread.verdict
    is_revoked = signing_secrets.is_revoked(source, speaker.organization_id, thread.secret_id)
    return Verdict(State.UNVERIFIED, Reason.SECRET_REVOKED) if is_revoked else thread.verdict


def _note(
    source: Writer,
    thread: ConversationRecord,
    speaker: WidgetSession,
    verdict: Verdict,
    event: str,
    now: float,
    place: int | None = None,
) -> None:
    messages.append(
        source,
        speaker.organization_id,
        thread.id,
        author="event",
        session_id=speaker.id,
        verdict=verdict,
        secret_id=speaker.secret_id,
        text=event,
        now=now,
        place=place,
    )


def read_thread(source: Source, visitor: Visitor, after: str) -> Thread:
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


def end_session(source: Writer, settings: Settings, token: object, origin: str | None, now: float) -> None:
    """End the session ``token`` and every other one of the same visit; ended twice is ended.

    Raises SessionInvalid, SessionExpired or OriginNotAllowed. Any mode lets a visitor leave.
    """
    visitor, _records = _admit(source, settings, token, origin, now)
    sessions.end_session(
        source, visitor.organization_id, visitor.id, now, max(visitor.expires_at, now + settings.session_lifetime)
    )


def _admit(
    source: Source, settings: Settings, token: object, origin: str | None, now: float
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
