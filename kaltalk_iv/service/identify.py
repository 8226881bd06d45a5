"""The identify: what a page says of its visitor, weighed, written down, and answered with a widget session."""

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.orm import Session

from ..config import Settings
from ..core import keyring, origins, tokens
from ..core.claims import Claims, Notice, read_self_claimed
from ..core.errors import (
    Expired,
    IdentityRefused,
    NotYetValid,
    OriginNotAllowed,
    SessionExpired,
    SessionInvalid,
    TokenError,
    UnknownOrganization,
)
from ..core.keyring import SigningSecret
from ..core.policy import Decision, FailedToken, Mode, NoToken, Token, UncheckedToken, Verdict, decide
from ..core.sessions import WidgetSession
from ..session_seal import seal, unseal
from ..store import conversations, organizations, signing_secrets
from ..store.database import new_id
from ..store.organizations import IdentifyRecords
from ..store.signing_secrets import SecretRecord
from . import events
from .binding import bind
from .chat import speak
from .events import IdentityFailed, IdentityVerified

STAMP_SECRET_EVERY_SECONDS = 60


@dataclass(frozen=True, slots=True)
class IdentifyRequest:
    """What the page sent. ``has_token`` is true for any ``userJwt`` at all, null too: null proves nothing."""

    has_token: bool
    user_jwt: object = field(repr=False)
    plain: Claims
    session: object = field(repr=False)
    origin: str | None
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True, slots=True)
class Identified:
    """The answer: the session's verdict, the claims that this very request brought or proved, and the session."""

    session: WidgetSession
    token: str = field(repr=False)
    notices: tuple[Notice, ...]
    seconds_off: float | None


def read_request(body: dict[str, Any], origin: str | None) -> IdentifyRequest:
    """Return the request that a JSON ``body`` is. Unusable plain fields are dropped with a warning."""
    plain, notices = read_self_claimed(body, "externalId")
    return IdentifyRequest("userJwt" in body, body.get("userJwt"), plain, body.get("session"), origin, notices)


def identify(
    session: Session, settings: Settings, organization_id: str, request: IdentifyRequest, now: float
) -> Identified:
    """Return a widget session for whoever ``request`` proves or claims to be.

    Raises UnknownOrganization, OriginNotAllowed, IdentityRefused (mode ``required``) or SecretUnavailable.
    """
    decoded = tokens.decode_unverified(request.user_jwt) if request.has_token else None
    claimed = request.plain if decoded is None else decoded[0].filled_up_from(request.plain)
    prior = _prior_session(settings, organization_id, request, now)
    prior_id = None if prior is None else prior.id
    records = organizations.load_for_identify(session, organization_id, claimed.external_id, prior_id, now)
    if records is None:
        raise UnknownOrganization
    if not origins.is_allowed(request.origin, records.organization.origins):
        raise OriginNotAllowed
    mode = records.organization.effective_mode
    token: Token = NoToken()
    notices: tuple[Notice, ...] = ()
    if request.has_token:
        token, notices = weigh(settings, organization_id, mode, records.secrets, request.user_jwt, decoded, now)
    decision = decide(mode, token, request.plain)
    if decision.refused and decision.reason is not None:
        raise IdentityRefused(decision.reason, decision.seconds_off)
    _stamp_secret(session, records, decision, now)
    customer_id = bind(session, organization_id, decision, records.customer, now)
    _note(session, organization_id, customer_id, decision, now)
    if records.prior_ended:
        prior = None
    goes_on = prior is not None and prior.is_continued_by(decision.state, decision.claims)
    visitor = WidgetSession(
        id=prior.id if prior is not None and goes_on else new_id("ses"),
        organization_id=organization_id,
        customer_id=customer_id,
        verdict=Verdict(decision.state, decision.reason),
        claims=decision.claims,
        secret_id=None if decision.proof is None else decision.proof.secret_id,
        proven_until=None if decision.proof is None else decision.proof.expires_at,
        expires_at=now + settings.session_lifetime,
    )
    if prior is not None and goes_on and prior.customer_id is None and customer_id is not None:
        begun = conversations.nobodys_thread(session, visitor)
        if begun is not None:
            speak(session, begun, visitor, visitor.verdict, now)
    text = seal(visitor, settings.session_keys[0])
    return Identified(visitor, text, request.notices + notices + decision.notices, decision.seconds_off)


def weigh(
    settings: Settings,
    organization_id: str,
    mode: Mode,
    stored: tuple[SecretRecord, ...],
    user_jwt: object,
    decoded: tuple[Claims, tuple[Notice, ...]] | None,
    now: float,
) -> tuple[Token, tuple[Notice, ...]]:
    """Return what a token is worth in the effective ``mode``, and the notes that come with it.

    ``stored`` are the active secrets, sealed; ``decoded`` is what the token claims without proof. An identify and
    Test it both ask here, so that neither can say what the other would not. Raises SecretUnavailable.
    """
    claims, notices = (None, ()) if decoded is None else decoded
    if mode is Mode.OFF:
        return UncheckedToken(claims), notices
    try:
        secrets = open_secrets(settings, organization_id, stored, now)
        return tokens.verify(user_jwt, secrets, now, settings.max_token_lifetime), ()
    except TokenError as error:
        return FailedToken(error.reason, claims, _seconds_off(error)), notices


def _seconds_off(error: TokenError) -> float | None:
    match error:
        case Expired(seconds_ago=seconds):
            return seconds
        case NotYetValid(seconds_ahead=seconds):
            return seconds
        case _:
            return None


def open_secrets(
    settings: Settings, organization_id: str, stored: tuple[SecretRecord, ...], now: float
) -> tuple[SigningSecret, ...]:
    """Return the active secrets, opened, newest first. Raises SecretUnavailable when one does not open."""
    return keyring.active((open_secret(settings, organization_id, secret) for secret in stored), now)


def open_secret(settings: Settings, organization_id: str, stored: SecretRecord) -> SigningSecret:
    """Return one secret, opened, whether it is active or not. Raises SecretUnavailable."""
    key = settings.vault.open(stored.sealed, organization_id, stored.id).encode()
    return SigningSecret(stored.id, key, stored.created_at, stored.expires_at, stored.revoked_at)


def _stamp_secret(session: Session, records: IdentifyRecords, decision: Decision, now: float) -> None:
    if decision.proof is None:
        return
    for secret in records.secrets:
        is_it = secret.id == decision.proof.secret_id
        if is_it and now - (secret.last_verified_at or 0) >= STAMP_SECRET_EVERY_SECONDS:
            signing_secrets.stamp_secret(session, records.organization.id, secret.id, now)


def _note(session: Session, organization_id: str, customer_id: str | None, decision: Decision, now: float) -> None:
    external_id = decision.claims.external_id
    if decision.proof is not None:
        secret_id = decision.proof.secret_id
        events.note(session, IdentityVerified(organization_id, customer_id, external_id, secret_id, now))
    elif decision.downgrades and decision.reason is not None:  # a token was sent and failed
        failed = IdentityFailed(organization_id, customer_id, external_id, decision.reason, refused=False, at=now)
        events.note(session, failed)


def _prior_session(
    settings: Settings, organization_id: str, request: IdentifyRequest, now: float
) -> WidgetSession | None:
    """Return the session that the page had before, or None: a dead one is no reason to refuse an identify."""
    if request.session is None:
        return None
    try:
        prior = unseal(request.session, settings.session_keys, now)
    except (SessionInvalid, SessionExpired):
        return None
    return prior if prior.organization_id == organization_id else None
