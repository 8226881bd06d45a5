"""Widget sessions: a signed note to ourselves about what one identify found.

The text is ``kts1.<base64url JSON>.<base64url HMAC-SHA256>``. It is signed, not encrypted: it holds only what its
bearer brought along, and ids that mean nothing elsewhere.
"""

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from .claims import Claims
from .errors import Reason, SessionExpired, SessionInvalid
from .policy import State, Verdict

MAX_SESSION_LENGTH = 6144
_PREFIX = "kts1"
_SHAPE = re.compile(r"kts1\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]{43})")


@dataclass(frozen=True, slots=True)
class WidgetSession:
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
        return self.claims.names_the_same_person_as(claims)


def seal(session: WidgetSession, key: bytes) -> str:
    """Return the opaque text that a browser keeps for ``session``."""
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
    body = _encode(json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode())
    return f"{_PREFIX}.{body}.{_encode(_mac(body, key))}"


def unseal(text: object, keys: Sequence[bytes], now: float) -> WidgetSession:
    """Return the session that ``text`` is, when one of ``keys`` signed it and ``now`` is before its end.

    Raises SessionInvalid or SessionExpired.
    """
    shape = _SHAPE.fullmatch(text) if isinstance(text, str) and len(text) <= MAX_SESSION_LENGTH else None
    if shape is None or not any(hmac.compare_digest(_encode(_mac(shape[1], key)), shape[2]) for key in keys):
        raise SessionInvalid("This is not a widget session of this server. Identify again.")
    values = json.loads(base64.urlsafe_b64decode(shape[1] + "=" * (-len(shape[1]) % 4)))
    (
        id_,
        organization_id,
        customer_id,
        state,
        reason,
        external_id,
        email,
        name,
        secret_id,
        until,
        expires_at,
    ) = values
    if now >= expires_at:
        raise SessionExpired("This widget session is over. Identify again.")
    verdict = Verdict(State(state), None if reason is None else Reason(reason))
    claims = Claims(external_id, email, name)
    return WidgetSession(id_, organization_id, customer_id, verdict, claims, secret_id, until, expires_at)


def _mac(body: str, key: bytes) -> bytes:
    return hmac.digest(key, f"{_PREFIX}.{body}".encode(), hashlib.sha256)


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
