"""Widget sessions that were ended before their time. All else about a session stands in its own signed text."""

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ..models import EndedSession
from .database import insert_unless_there


def end_session(session: Session, organization_id: str, session_id: str, now: float, remembered_until: float) -> None:
    """Remember that a widget session was ended, and forget those that no token can name any more."""
    session.execute(
        sa.delete(EndedSession).where(EndedSession.organization_id == organization_id, EndedSession.expires_at <= now)
    )
    insert_unless_there(
        session, EndedSession, organization_id=organization_id, id=session_id, expires_at=remembered_until
    )
