"""Everything that can be wrong, one class per cause.

Each carries a stable ``code`` and one sentence for the developer who has to mend it. No message and no ``repr`` ever
holds a token, a secret or a session. The HTTP status belongs to the edge that answers, so it is not here.
"""

from enum import StrEnum
from typing import ClassVar


class Reason(StrEnum):
    """Why an identity is not verified. The codes are the same in the API, the inbox, Test it and the docs."""

    MALFORMED = "malformed"
    UNSUPPORTED_ALGORITHM = "unsupported_algorithm"
    BAD_SIGNATURE = "bad_signature"
    EXPIRED = "expired"
    NOT_YET_VALID = "not_yet_valid"
    MISSING_CLAIM = "missing_claim"
    INVALID_CLAIM = "invalid_claim"
    LIFETIME_TOO_LONG = "lifetime_too_long"
    NO_TOKEN = "no_token"  # noqa: S105 - a code, not a password
    VERIFICATION_OFF = "verification_off"
    SECRET_REVOKED = "secret_revoked"  # noqa: S105 - a code, not a password


class KalTalkError(Exception):
    """The root: a stable ``code`` and a sentence."""

    code: str

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class TokenError(KalTalkError):
    """A user token does not verify. ``reason`` is its stable code."""

    reason: ClassVar[Reason]

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.code = cls.reason.value


class Malformed(TokenError):
    """Not a compact JWS of strict JSON (RFC 7515, section 3.1)."""

    reason = Reason.MALFORMED


class UnsupportedAlgorithm(TokenError):
    """``alg`` is not exactly the string ``HS256``."""

    reason = Reason.UNSUPPORTED_ALGORITHM


class BadSignature(TokenError):
    """No active secret made this signature."""

    reason = Reason.BAD_SIGNATURE


class Expired(TokenError):
    """``now >= exp``. ``seconds_ago`` says by how much."""

    reason = Reason.EXPIRED

    def __init__(self, detail: str, *, seconds_ago: float) -> None:
        super().__init__(detail)
        self.seconds_ago = seconds_ago


class NotYetValid(TokenError):
    """``iat`` or ``nbf`` lies in the future. ``seconds_ahead`` says by how much."""

    reason = Reason.NOT_YET_VALID

    def __init__(self, detail: str, *, seconds_ahead: float) -> None:
        super().__init__(detail)
        self.seconds_ahead = seconds_ahead


class MissingClaim(TokenError):
    """A required claim is not there. ``claim`` names it."""

    reason = Reason.MISSING_CLAIM

    def __init__(self, claim: str) -> None:
        super().__init__(f"The claim {claim} is missing.")
        self.claim = claim


class InvalidClaim(TokenError):
    """A claim has a value that it must not have. ``claim`` names it."""

    reason = Reason.INVALID_CLAIM

    def __init__(self, claim: str, detail: str) -> None:
        super().__init__(detail)
        self.claim = claim


class LifetimeTooLong(TokenError):
    """``exp`` lies further ahead than the organization allows; mostly ``exp`` in milliseconds."""

    reason = Reason.LIFETIME_TOO_LONG


class SessionInvalid(KalTalkError):
    """Not a widget session that this server signed for this use."""

    code = "session_invalid"


class SessionExpired(KalTalkError):
    """The widget session is past its end."""

    code = "session_expired"


class SessionEnded(KalTalkError):
    """The widget session was ended by its holder."""

    code = "session_ended"


class IdentityRefused(KalTalkError):
    """Mode ``required`` and no proof. The code is the reason."""

    def __init__(self, reason: Reason, seconds_off: float | None = None) -> None:
        super().__init__(f"This organization requires a verified identity: {reason.value}.")
        self.code = reason.value
        self.reason = reason
        self.seconds_off = seconds_off


class UnknownOrganization(KalTalkError):
    """No organization has this id."""

    code = "unknown_organization"

    def __init__(self) -> None:
        super().__init__("There is no organization with this id. Copy it from Settings, Identity verification.")


class NotFound(KalTalkError):
    """The thing is not there, or belongs to somebody else: the two answer alike."""

    code = "not_found"

    def __init__(self, what: str) -> None:
        super().__init__(f"There is no such {what}.")


class OriginNotAllowed(KalTalkError):
    """The page's origin is not on the organization's list."""

    code = "origin_not_allowed"

    def __init__(self) -> None:
        super().__init__("This page's origin is not on the organization's list of allowed origins.")


class Unreadable(KalTalkError):
    """Text that is not what the edge asked for: bad JSON, a wrong type, a wrong size."""

    code = "unreadable"


class Conflict(KalTalkError):
    """The state has moved on: somebody else was first, or a grace window runs."""

    code = "conflict"


class RateLimited(KalTalkError):
    """Too many of these in a short time. ``retry_after`` is in whole seconds."""

    code = "rate_limited"

    def __init__(self, *, retry_after: int) -> None:
        super().__init__(f"Too many requests. Try again in {retry_after} s.")
        self.retry_after = retry_after


class SecretUnavailable(KalTalkError):
    """A stored signing secret cannot be opened with the encryption keys at hand."""

    code = "secret_unavailable"

    def __init__(self, secret_id: str) -> None:
        super().__init__(
            f"The stored signing secret {secret_id} does not open. Put the key that sealed it back into"
            " KALTALK_IV_ENCRYPTION_KEYS or, when that is lost, replace the secret."
        )
        self.secret_id = secret_id
