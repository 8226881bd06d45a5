"""Widget sessions that were ended before their time. All else about a session stands in its own signed text."""

import sqlalchemy as sa

from ..models import EndedSession
from .database import table_of
from .sources import Writer, insert_unless_there, run

_TABLE = table_of(EndedSession)
_FORGET = sa.delete(_TABLE).where(
    _TABLE.c.organization_id == sa.bindparam("of"), _TABLE.c.expires_at <= sa.bindparam("now")
)


def end_session(source: Writer, organization_id: str, session_id: str, now: float, remembered_until: float) -> None:
    """Remember that a widget session was ended, and forget those that no token can name any more."""
    run(source, _FORGET, {"of": organization_id, "now": now})
    insert_unless_there(
        source, EndedSession, organization_id=organization_id, id=session_id, expires_at=remembered_until
    )
