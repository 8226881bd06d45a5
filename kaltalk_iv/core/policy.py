"""What follows from a request: the decision table, and how long a session's verdict stands."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from .claims import Claims, Notice
from .errors import Reason
from .tokens import Proof


class Mode(StrEnum):
    """What an organization asks of an identify."""

    OFF = "off"
    OPTIONAL = "optional"
    REQUIRED = "required"


class Plan(StrEnum):
    """What an organization pays for, cheapest first."""

    FREE = "free"
    STARTER = "starter"
    PRO = "pro"
    BUSINESS = "business"


class State(StrEnum):
    """How much of an identity is proven."""

    VERIFIED = "verified"
    UNVERIFIED = "unverified"
    ANONYMOUS = "anonymous"


def effective_mode(plan: Plan, mode: Mode) -> Mode:
    """Return the mode that acts: below the Pro plan it is ``off``, whatever is stored."""
    return mode if plan in {Plan.PRO, Plan.BUSINESS} else Mode.OFF


@dataclass(frozen=True, slots=True)
class NoToken:
    """The request brought no token."""


@dataclass(frozen=True, slots=True)
class UncheckedToken:
    """Mode ``off``: the token was read and not verified. ``claims`` is None when it could not be read."""

    claims: Claims | None


@dataclass(frozen=True, slots=True)
class FailedToken:
    """The token does not verify. ``claims`` is None when not even its payload could be read.

    ``seconds_off`` is by how much it missed its time, where that is why.
    """

    reason: Reason
    claims: Claims | None
    seconds_off: float | None = None


Token = NoToken | UncheckedToken | FailedToken | Proof


class Decision(NamedTuple):
    """What to do with a request.

    ``claims`` are proven when ``proof`` is given and self-claimed otherwise. ``downgrades`` takes the verified flag
    from the record that the claims land on. ``refused`` means 401 and no change at all.
    """

    state: State
    reason: Reason | None
    claims: Claims
    proof: Proof | None = None
    downgrades: bool = False
    refused: bool = False
    notices: tuple[Notice, ...] = ()
    seconds_off: float | None = None


def decide(mode: Mode, token: Token, plain: Claims) -> Decision:
    """Return what follows from ``token`` and the page's ``plain`` fields in the effective ``mode``."""
    match mode, token:
        case Mode.OFF, UncheckedToken(claims=Claims() as claims):
            return _self_claimed(claims.filled_up_from(plain), Reason.VERIFICATION_OFF)
        case Mode.OFF, UncheckedToken() | NoToken():
            return _self_claimed(plain, Reason.VERIFICATION_OFF)
        case Mode.OPTIONAL | Mode.REQUIRED, Proof() as proof:
            return Decision(State.VERIFIED, None, proof.claims, proof, notices=proof.notices + _ignored(plain))
        case Mode.OPTIONAL, FailedToken(reason=reason, claims=claims, seconds_off=seconds_off):
            claimed = plain if claims is None else claims.filled_up_from(plain)
            return Decision(State.UNVERIFIED, reason, claimed, downgrades=True, seconds_off=seconds_off)
        case Mode.OPTIONAL, NoToken():
            return _self_claimed(plain, Reason.NO_TOKEN)
        case Mode.REQUIRED, FailedToken(reason=reason, seconds_off=seconds_off):
            return Decision(State.UNVERIFIED, reason, Claims(), refused=True, seconds_off=seconds_off)
        case Mode.REQUIRED, NoToken() if not plain.is_empty:
            return Decision(State.UNVERIFIED, Reason.NO_TOKEN, Claims(), refused=True)
        case Mode.REQUIRED, NoToken():
            return Decision(State.ANONYMOUS, None, Claims())
        case _:
            raise ValueError(f"mode {mode} never meets a {type(token).__name__}")


def _self_claimed(claims: Claims, reason: Reason) -> Decision:
    if claims.is_empty:
        return Decision(State.ANONYMOUS, None, claims)
    return Decision(State.UNVERIFIED, reason, claims)


def _ignored(plain: Claims) -> tuple[Notice, ...]:
    given = (("externalId", plain.external_id), ("email", plain.email), ("name", plain.name))
    return tuple(
        Notice("plain_field_ignored", field, f"{field} was ignored: the token speaks for this customer.")
        for field, value in given
        if value is not None
    )


class Verdict(NamedTuple):
    """An identity state and why it is not better."""

    state: State
    reason: Reason | None


def verdict_now(
    verdict: Verdict, mode: Mode, *, proven_until: float | None, secret_revoked: bool, now: float
) -> Verdict:
    """Return what a ``verdict`` given earlier is worth at ``now`` in the effective ``mode``.

    A verified one lasts as long as the token that proved it and dies with its secret. It never gets better with time.
    """
    if verdict.state is State.ANONYMOUS:
        return verdict
    if mode is Mode.OFF:
        return Verdict(State.UNVERIFIED, Reason.VERIFICATION_OFF)
    if verdict.state is State.UNVERIFIED:
        return verdict
    if secret_revoked:
        return Verdict(State.UNVERIFIED, Reason.SECRET_REVOKED)
    if proven_until is None or now >= proven_until:
        return Verdict(State.UNVERIFIED, Reason.EXPIRED)
    return verdict
