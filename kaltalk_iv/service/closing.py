"""Closing a conversation in which nothing is left to do, and opening it again."""

from sqlalchemy.orm import Session

from ..core.errors import Conflict
from ..core.listing import Status
from ..store import conversations, messages
from .conversation import conversation_row
from .inbox import effective_mode_of, entry_of


def set_status(
    session: Session, organization_id: str, conversation_id: str, status: Status, *, actor: str, seen: int, now: float
) -> None:
    """Close or open the conversation for the agent ``actor``, with a line that says so; done already, nothing happens.

    ``seen`` is the position of the last line on the agent's screen. Raises UnknownOrganization, NotFound, or Conflict
    when the visitor has written since: nobody would look at a closed conversation again.
    """
    mode = effective_mode_of(session, organization_id)
    row = conversation_row(session, organization_id, conversation_id)
    if not conversations.change_status(session, organization_id, conversation_id, status):
        return
    if status is Status.CLOSED and messages.has_visitor_line(session, organization_id, conversation_id, after=seen):
        raise Conflict("The visitor has written meanwhile. Nothing was closed: read it first.")
    messages.append(
        session,
        organization_id,
        conversation_id,
        author="event",
        author_name=actor,
        session_id=row.conversation.session_id,
        verdict=entry_of(row, mode, now).verdict,
        secret_id=row.conversation.secret_id,
        text=status.value,
        now=now,
    )
