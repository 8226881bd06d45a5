"""Widget sessions: what one identify found, as a value. ``session_seal`` makes it the text that a browser keeps."""

import json
from typing import NamedTuple

from .claims import Claims
from .errors import Reason
from .policy import State, Verdict

_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


class WidgetSession(NamedTuple):
    """One visitor on one page.

    ``id`` outlives renewals by the same person, so that a thread goes on. ``customer_id`` is None while nobody is
    named. ``secret_id`` and ``proven_until`` say which secret proved it and when that proof ends. Times are Unix
    seconds.
    """

    id: str
    organization_id: str
    customer_id: str | None
    verdict: Verdict
    claims: Claims
    secret_id: str | None
    proven_until: float | None
    expires_at: float

    def is_continued_by(self, state: State, claims: Claims) -> bool:
        """True when the next identify of this page is the same visitor: nobody was named before, or the same person.

        By claims alone and never by the record they land on, or the answer would tell which claims share a record.
        """
        if state is State.ANONYMOUS or self.claims.is_empty:
            return self.claims.is_empty
        return self.claims == claims or self.claims.names_the_same_person_as(claims)


def pack(session: WidgetSession) -> bytes:
    """Return ``session`` as JSON, an array in a fixed order. Another order needs another prefix in ``session_seal``."""
    values = [
        session.id,
        session.organization_id,
        session.customer_id,
        session.verdict.state,
        session.verdict.reason,
        session.claims.external_id,
        session.claims.email,
        session.claims.name,
        session.secret_id,
        session.proven_until,
        session.expires_at,
    ]
    return _ENCODER.encode(values).encode()


def unpack(packed: bytes) -> WidgetSession:
    """Return the session that ``pack`` was given. For text that this server sealed; it checks nothing."""
    id_, organization_id, customer_id, state, reason, *rest = json.loads(packed)
    external_id, email, name, secret_id, proven_until, expires_at = rest
    verdict = Verdict(State(state), None if reason is None else Reason(reason))
    claims = Claims(external_id, email, name)
    return WidgetSession(id_, organization_id, customer_id, verdict, claims, secret_id, proven_until, expires_at)
