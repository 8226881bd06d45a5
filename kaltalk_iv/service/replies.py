"""An agent's reply: sent once, to whom the agent meant, and asked about where it holds what a stranger may not have."""

import hashlib

from sqlalchemy.orm import Session

from ..core.errors import Conflict
from ..core.policy import State
from ..core.sensitive import Finding, Kind, find_sensitive
from ..store import messages
from .conversation import conversation_row
from .inbox import effective_mode_of, entry_of


class HeldBack(Conflict):
    """A reply that was not sent for what it holds. ``findings`` say what; nothing of it stands in the message.

    ``confirmation`` sends exactly these words to exactly this visitor; it is None for what is never sent.
    """

    def __init__(self, findings: tuple[Finding, ...], confirmation: str | None) -> None:
        super().__init__("Nothing was sent yet: look at what your reply holds.")
        self.findings = findings
        self.confirmation = confirmation


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
    confirmed: str,
    now: float,
) -> None:
    """Add an agent's reply; sent again under the same id, it is stored once.

    ``seen_state`` is the identity state that the agent had on the screen and ``seen_session`` whose line was the last
    there; ``confirmed`` is the confirmation of an earlier HeldBack, or empty. Raises UnknownOrganization, NotFound,
    HeldBack, or Conflict when words meant for one person would go to another (the identity was lost meanwhile, or an
    unproven somebody else spoke), or when other words were sent under this id.
    """
    mode = effective_mode_of(session, organization_id)
    row = conversation_row(session, organization_id, conversation_id)
    sent = messages.find_reply(session, organization_id, conversation_id, client_message_id)
    if sent is not None:
        if sent.text == text:
            return
        raise Conflict("A reply with other words was sent from this form already. Send again to add this one.")
    verdict = entry_of(row, mode, now).verdict
    reader = row.conversation.session_id
    if seen_state == State.VERIFIED and verdict.state is not State.VERIFIED:
        raise Conflict("The identity was lost while you wrote. Nothing was sent: read your reply again first.")
    if verdict.state is not State.VERIFIED and seen_session != reader:
        raise Conflict("Somebody else has written here while you did. Nothing was sent: look who it is first.")
    _hold_back(text, f"{conversation_id} {reader}", confirmed, is_proven=verdict.state is State.VERIFIED)
    messages.append(
        session,
        organization_id,
        conversation_id,
        author="agent",
        session_id=reader,
        verdict=verdict,
        secret_id=row.conversation.secret_id,
        text=text,
        now=now,
        author_name=author_name,
        client_message_id=client_message_id,
    )


def _hold_back(text: str, reader: str, confirmed: str, *, is_proven: bool) -> None:
    """Raise HeldBack where ``text`` must not go to ``reader``, or not before the agent has looked at it again.

    The confirmation is no secret: it protects an agent from a slip, and a form of somebody else's has no CSRF token.
    """
    findings = find_sensitive(text)
    secrets = tuple(finding for finding in findings if finding.kind is Kind.SIGNING_SECRET)
    if secrets:
        raise HeldBack(secrets, None)
    confirmation = hashlib.sha256(f"{reader}\n{text}".encode()).hexdigest()[:32]
    if findings and not is_proven and confirmed != confirmation:
        raise HeldBack(findings, confirmation)
