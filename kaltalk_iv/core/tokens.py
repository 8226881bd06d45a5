"""Reading a user token: what a ``userJwt`` must be before it proves anything.

``verify`` answers or raises; ``inspect`` walks the same checks and says of each how it went. PyJWT computes and
compares the signature. The rest is ours, because ``jwt.decode`` lets through what must not pass (docs/architecture.md
lists it).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

from jwt.algorithms import HMACAlgorithm

from .claims import Claims, Notice, read_numeric_date, read_sub
from .errors import (
    BadSignature,
    Expired,
    LifetimeTooLong,
    Malformed,
    MissingClaim,
    NotYetValid,
    TokenError,
    UnsupportedAlgorithm,
)
from .keyring import SigningSecret
from .user_token import UserToken, decode_object, decode_segment, split

MAX_LIFETIME_SECONDS = 24 * 60 * 60
CLOCK_SKEW_SECONDS = 60  # for iat and nbf alone; exp has no leeway

_HS256 = HMACAlgorithm(HMACAlgorithm.SHA256)
_SIGNATURE_LENGTH = 43  # 32 bytes in base64url without padding
_LAST_CHARACTERS = frozenset("AEIMQUYcgkosw048")  # those of base64url whose last two bits are zero
_USUAL_HEADERS = 256
_USUAL_HEADER_LENGTH = 128
_REFUSED_HEADERS = ("crit", "b64", "zip", "enc")


class Proof(NamedTuple):
    """What a token that verified proves, by which secret, and until when. Times are Unix seconds.

    ``issued_at`` is None where the token does not say when it was signed.
    """

    claims: Claims
    secret_id: str
    expires_at: float
    notices: tuple[Notice, ...] = ()
    issued_at: float | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """How one check went: ``passed`` is None when an earlier failure kept it from running."""

    name: str
    passed: bool | None
    detail: str


@dataclass(slots=True, repr=False)
class _Reading:
    """What is known of one token so far. Each check reads what the ones before it have found. It is never shown."""

    token: UserToken
    secrets: Sequence[SigningSecret]
    now: float
    max_lifetime: float
    secret_id: str = ""
    payload: Mapping[str, Any] = field(default_factory=dict)
    expires_at: float = 0.0
    issued_at: float | None = None
    external_id: str = ""
    email: str | None = None
    name: str | None = None
    notices: tuple[Notice, ...] = ()


def verify(
    token: object, secrets: Sequence[SigningSecret], now: float, max_lifetime: float = MAX_LIFETIME_SECONDS
) -> Proof:
    """Return what ``token``, a UserToken or what a page sent, proves at ``now``.

    ``secrets`` are the active ones, newest first; ``now`` is in Unix seconds, ``max_lifetime`` in seconds.
    Raises a TokenError, and nothing else, for everything that is not a good token.
    """
    reading = _reading(token, secrets, now, max_lifetime)
    for _name, check in _CHECKS:
        check(reading)
    return _proof(reading)


def inspect(
    token: object, secrets: Sequence[SigningSecret], now: float, max_lifetime: float = MAX_LIFETIME_SECONDS
) -> tuple[tuple[Check, ...], Proof | TokenError]:
    """Return each check by name and how it went, and the verdict that ``verify`` would give. Raises nothing."""
    reading = _reading(token, secrets, now, max_lifetime)
    checks: list[Check] = []
    failure: TokenError | None = None
    for name, check in _CHECKS:
        if failure is not None:
            checks.append(Check(name, None, "Not checked: an earlier check failed."))
            continue
        try:
            checks.append(Check(name, True, check(reading)))
        except TokenError as error:
            failure = error
            checks.append(Check(name, False, error.detail))
    return tuple(checks), failure if failure is not None else _proof(reading)


def decode_header(token: object) -> dict[str, Any] | None:
    """Return the header as it stands, proving nothing, or None when it cannot be read. Raises nothing."""
    return _decode_part(token, 0, "header")


def decode_payload(token: object) -> dict[str, Any] | None:
    """Return the payload as it stands, proving nothing, or None when it cannot be read. Raises nothing."""
    return _decode_part(token, 1, "payload")


def signed_by(token: object, secrets: Sequence[SigningSecret]) -> str | None:
    """Return the id of the secret that signed ``token``, whatever else is wrong with it, or None."""
    reading = _reading(token, secrets, 0, 0)
    try:
        for check in (_check_shape, _check_header, _check_signature):
            check(reading)
    except TokenError:
        return None
    return reading.secret_id


def _reading(token: object, secrets: Sequence[SigningSecret], now: float, max_lifetime: float) -> _Reading:
    return _Reading(token if isinstance(token, UserToken) else UserToken(token), secrets, now, max_lifetime)


def _decode_part(token: object, place: int, name: str) -> dict[str, Any] | None:
    try:
        return decode_object(split(token)[place], name)
    except Malformed:
        return None


@lru_cache(_USUAL_HEADERS)
def _usual_header(segment: str) -> Mapping[str, Any]:
    """Return a short header: a host writes the same one on every token, and it holds nothing secret."""
    return decode_object(segment, "header")


def _check_shape(reading: _Reading) -> str:
    _ = reading.token.segments
    return "Three base64url parts joined by dots."


def _check_header(reading: _Reading) -> str:
    """RFC 8725, sections 3.1 and 3.2: the algorithm is ours to choose, and the token never picks its key."""
    encoded = reading.token.segments[0]
    header = _usual_header(encoded) if len(encoded) <= _USUAL_HEADER_LENGTH else decode_object(encoded, "header")
    if header.get("alg") != "HS256":  # a list or an object compares unequal like any other value
        raise UnsupportedAlgorithm('The header must say "alg": "HS256", exactly so.')
    typ = header.get("typ", "JWT")
    if not isinstance(typ, str) or typ.upper() != "JWT":
        raise Malformed('The header\'s typ must be "JWT" or absent.')
    for member in _REFUSED_HEADERS:
        if member in header:
            raise Malformed(f"The header holds {member}, which changes how a token is read. Leave it out.")
    return "HS256, and nothing that changes how the token is read."


def _check_signature(reading: _Reading) -> str:
    header, payload, encoded = reading.token.segments
    if len(encoded) != _SIGNATURE_LENGTH:
        raise Malformed(f"The signature has {len(encoded)} characters; an HS256 signature has {_SIGNATURE_LENGTH}.")
    # The last character carries two unused bits: without this, four spellings of one signature would pass.
    if encoded[-1] not in _LAST_CHARACTERS:
        raise Malformed("The signature's last character has bits set that base64url leaves zero.")
    signature = decode_segment(encoded, "signature")
    signed = f"{header}.{payload}".encode()
    for secret in reading.secrets:
        if _HS256.verify(signed, secret.key, signature):
            reading.secret_id = secret.id
            return "Signed with an active secret of this organization."
    raise BadSignature("No active signing secret of this organization made this signature.")


def _check_payload(reading: _Reading) -> str:
    reading.payload = reading.token.payload
    return "A strict JSON object."


def _check_expiry(reading: _Reading) -> str:
    """RFC 7519, section 4.1.4, without the leeway that it allows. Comparisons, because 10**400 has no float."""
    expires_at = read_numeric_date(reading.payload, "exp")
    if expires_at is None:
        raise MissingClaim("exp")
    if reading.now >= expires_at:
        seconds_ago = reading.now - expires_at if expires_at > -reading.now else reading.now
        raise Expired("The token has expired. Sign a new one on every page render.", seconds_ago=seconds_ago)
    if expires_at > reading.now + reading.max_lifetime:
        hours = reading.max_lifetime / 3600
        raise LifetimeTooLong(f"exp lies more than {hours:g} hours ahead. It counts seconds, not milliseconds.")
    reading.expires_at = float(expires_at)
    return "Not expired, and not too far ahead."


def _check_start(reading: _Reading) -> str:
    """RFC 7519, sections 4.1.5 and 4.1.6: a minute of skew between two honest clocks, no more."""
    for claim in ("nbf", "iat"):
        starts_at = read_numeric_date(reading.payload, claim)
        if starts_at is not None and starts_at > reading.now + CLOCK_SKEW_SECONDS:
            is_near = starts_at < reading.now + reading.max_lifetime
            seconds_ahead = float(starts_at - reading.now) if is_near else reading.max_lifetime
            raise NotYetValid(f"{claim} lies in the future: check your server's clock.", seconds_ahead=seconds_ahead)
        if claim == "iat" and starts_at is not None and starts_at >= 0:
            reading.issued_at = float(starts_at)
    return "iat and nbf, where given, are not in the future."


def _check_sub(reading: _Reading) -> str:
    reading.external_id = read_sub(reading.payload)
    return "sub names the customer."


def _check_profile(reading: _Reading) -> str:
    reading.email, reading.name, reading.notices = reading.token.profile
    return "email and name are usable." if not reading.notices else "A bad value was dropped; the token still counts."


def _proof(reading: _Reading) -> Proof:
    claims = Claims(reading.external_id, reading.email, reading.name)
    return Proof(claims, reading.secret_id, reading.expires_at, reading.notices, reading.issued_at)


_CHECKS: tuple[tuple[str, Callable[[_Reading], str]], ...] = (
    ("shape", _check_shape),
    ("header", _check_header),
    ("signature", _check_signature),
    ("payload", _check_payload),
    ("expiry", _check_expiry),
    ("start", _check_start),
    ("sub", _check_sub),
    ("profile", _check_profile),
)
