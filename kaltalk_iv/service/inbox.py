"""The inbox of an organization: its conversations, newest first. Shields are weighed at the moment of looking."""

import math
from dataclasses import dataclass

from sqlalchemy.orm import Session

from ..core.errors import UnknownOrganization
from ..core.policy import Mode, State, Verdict, verdict_now
from ..store import inbox as rows
from ..store import organizations
from ..store.conversations import ConversationRecord
from ..store.inbox import InboxRow

LIST_LENGTH = 50


@dataclass(frozen=True, slots=True)
class Entry:
    """A conversation with what its identity is worth now, in the effective mode. ``title`` is None for nobody named."""

    conversation: ConversationRecord
    mode: Mode
    verdict: Verdict
    title: str | None


def list_conversations(session: Session, organization_id: str, now: float) -> list[Entry]:
    """Return the 50 newest conversations. Raises UnknownOrganization."""
    mode = effective_mode_of(session, organization_id)
    return [entry_of(row, mode, now) for row in rows.inbox(session, organization_id, LIST_LENGTH)]


def effective_mode_of(session: Session, organization_id: str) -> Mode:
    """Return the mode that acts in this organization now. Raises UnknownOrganization."""
    organization = organizations.get_organization(session, organization_id)
    if organization is None:
        raise UnknownOrganization
    return organization.effective_mode


def entry_of(row: InboxRow, mode: Mode, now: float) -> Entry:
    """Return the conversation of ``row`` with what its identity is worth at ``now``."""
    said = row.conversation
    # No time limit here: what was spoken under proof stays proven when the token has run out since.
    verdict = verdict_now(said.verdict, mode, proven_until=math.inf, secret_revoked=row.secret_revoked, now=now)
    if verdict.state is State.VERIFIED:  # a name that nobody proved must not head what is marked as proven
        return Entry(said, mode, verdict, row.proven_name or row.proven_email or row.customer_external_id)
    of_record = row.customer_name or row.customer_email or row.customer_external_id
    return Entry(said, mode, verdict, of_record or said.claimed_name or said.claimed_email or said.claimed_external_id)
