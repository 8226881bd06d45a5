"""The identify: what a page says of its visitor, weighed, written down, and answered with a widget session."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

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
from ..core.user_token import UserToken
from ..session_seal import seal, unseal
from ..store import conversations, organizations, signing_secrets
from ..store.database import new_id
from ..store.organizations import IdentifyRecords
from ..store.signing_secrets import SecretRecord
from ..store.sources import Source, Writer
from . import events
from .binding import bind, find_bound
from .chat import speak
from .events import Event, IdentityFailed, IdentityVerified

STAMP_SECRET_EVERY_SECONDS = 60


@dataclass(frozen=True, slots=True)
class IdentifyRequest:
    """What the page sent. ``token`` is there for any ``userJwt`` at all, null too: null proves nothing."""

    token: UserToken | None
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


class Weighed(NamedTuple):
    """A request that may go on: what is stored of it, what follows from it, and the session that the page had."""

    records: IdentifyRecords
    decision: Decision
    notices: tuple[Notice, ...]
    prior: WidgetSession | None


def read_request(body: dict[str, Any], origin: str | None) -> IdentifyRequest:
    """Return the request that a JSON ``body`` is. Unusable plain fields are dropped with a warning."""
    plain, notices = read_self_claimed(body, "externalId")
    token = UserToken(body["userJwt"]) if "userJwt" in body else None
    return IdentifyRequest(token, plain, body.get("session"), origin, notices)


def identify(
    source: Writer,
    settings: Settings,
    organization_id: str,
    request: IdentifyRequest,
    now: float,
    weighed: Weighed | None = None,
) -> Identified:
    """Return a widget session for whoever ``request`` proves or claims to be, and write down what follows from it.

    ``weighed`` is what ``weigh_request`` has just made of it, where that was asked. Raises what that raises.
    """
    if weighed is None:
        weighed = weigh_request(source, settings, organization_id, request, now)
    decision = weighed.decision
    for secret in weighed.records.secrets:
        if _is_stamp_due(secret, decision, now):
            signing_secrets.stamp_secret(source, organization_id, secret.id, now)
    may_name = weighed.prior is not None and weighed.prior.customer_id is None
    customer_id = bind(source, organization_id, decision, weighed.records.customer, now, is_all=not may_name)
    event = _event(organization_id, customer_id, decision, now)
    if event is not None:
        events.note(source, event)
    found = _answer(settings, organization_id, weighed, customer_id, now)
    if _names_nobodys_session(weighed, found.session):
        begun = conversations.nobodys_thread(source, found.session)
        if begun is not None:
            speak(source, begun, found.session, found.session.verdict, now)
    return found


def identify_unchanged(settings: Settings, weighed: Weighed, now: float) -> tuple[Identified, Event | None] | None:
    """Return what ``identify`` would, and its event, when it has nothing to write; None when it has.

    That is nearly every identify of every day: a known customer with unchanged claims. It needs no transaction: all
    that it stands on was read by one statement.
    """
    decision, organization_id = weighed.decision, weighed.records.organization.id
    if any(_is_stamp_due(secret, decision, now) for secret in weighed.records.secrets):
        return None
    bound = find_bound(decision, weighed.records.customer, now)
    if bound is None:
        return None
    found = _answer(settings, organization_id, weighed, bound.customer_id, now)
    if _names_nobodys_session(weighed, found.session):
        return None
    return found, _event(organization_id, bound.customer_id, decision, now)


def weigh_request(
    source: Source, settings: Settings, organization_id: str, request: IdentifyRequest, now: float
) -> Weighed:
    """Return what ``request`` is worth, as the organization's mode and secrets are now.

    Raises UnknownOrganization, OriginNotAllowed, IdentityRefused (mode ``required``) or SecretUnavailable.
    """
    decoded = None if request.token is None else request.token.claims()
    claimed = request.plain if decoded is None else decoded[0].filled_up_from(request.plain)
    prior = _prior_session(settings, organization_id, request, now)
    prior_id = None if prior is None else prior.id
    records = organizations.load_for_identify(source, organization_id, claimed.external_id, prior_id, now)
    if records is None:
        raise UnknownOrganization
    if not origins.is_allowed(request.origin, records.organization.origins):
        raise OriginNotAllowed
    token: Token = NoToken()
    notices: tuple[Notice, ...] = ()
    mode = records.organization.effective_mode
    if request.token is not None:
        token, notices = weigh(settings, organization_id, mode, records.secrets, request.token, now)
    decision = decide(mode, token, request.plain)
    if decision.refused and decision.reason is not None:
        raise IdentityRefused(decision.reason, decision.seconds_off)
    all_notices = request.notices + notices + decision.notices
    return Weighed(records, decision, all_notices, None if records.prior_ended else prior)


def _answer(
    settings: Settings, organization_id: str, weighed: Weighed, customer_id: str | None, now: float
) -> Identified:
    decision, prior = weighed.decision, weighed.prior
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
    return Identified(visitor, seal(visitor, settings.session_keys[0]), weighed.notices, decision.seconds_off)


def _names_nobodys_session(weighed: Weighed, visitor: WidgetSession) -> bool:
    """True when the session of the page goes on, was nobody's so far, and is a customer's from now on."""
    prior = weighed.prior
    is_first = prior is not None and prior.id == visitor.id and prior.customer_id is None
    return is_first and visitor.customer_id is not None


def weigh(
    settings: Settings,
    organization_id: str,
    mode: Mode,
    stored: tuple[SecretRecord, ...],
    user_token: UserToken,
    now: float,
) -> tuple[Token, tuple[Notice, ...]]:
    """Return what a token is worth in the effective ``mode``, and the notes that come with it.

    ``stored`` are the active secrets, sealed. An identify and Test it both ask here, so that neither can say what the
    other would not. Raises SecretUnavailable.
    """
    if mode is Mode.OFF:
        claims, notices = user_token.claims() or (None, ())
        return UncheckedToken(claims), notices
    try:
        secrets = open_secrets(settings, organization_id, stored, now)
        return tokens.verify(user_token, secrets, now, settings.max_token_lifetime), ()
    except TokenError as error:
        claims, notices = user_token.claims() or (None, ())
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


def _is_stamp_due(secret: SecretRecord, decision: Decision, now: float) -> bool:
    is_it = decision.proof is not None and secret.id == decision.proof.secret_id
    return is_it and now - (secret.last_verified_at or 0) >= STAMP_SECRET_EVERY_SECONDS


def _event(organization_id: str, customer_id: str | None, decision: Decision, now: float) -> Event | None:
    external_id = decision.claims.external_id
    if decision.proof is not None:
        return IdentityVerified(organization_id, customer_id, external_id, decision.proof.secret_id, now)
    if decision.downgrades and decision.reason is not None:  # a token was sent and failed
        return IdentityFailed(organization_id, customer_id, external_id, decision.reason, refused=False, at=now)
    return None


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
