"""Test it: what a pasted token is worth, why, and what each mode would do with it. Reads, and leaves no trace.

The verdict and the modes come from ``identify.weigh`` and ``policy.decide``, the path of a real identify.
"""

from dataclasses import dataclass
from typing import Final

from sqlalchemy.orm import Session

from ..config import Settings
from ..core import tokens
from ..core.claims import Claims
from ..core.diagnosis import Advice, Diagnosis, Known, Lifetime, ShownClaim, diagnose
from ..core.errors import Reason, SecretUnavailable, UnknownOrganization
from ..core.keyring import SigningSecret, is_active
from ..core.policy import Decision, Mode, State, decide
from ..core.user_token import UserToken
from ..store import organizations, signing_secrets
from ..store.organizations import OrganizationRecord
from ..store.signing_secrets import SecretRecord
from .identify import open_secret, open_secrets, weigh

_MOST_ENDED_SECRETS = 20  # of those that retired or were revoked, the newest are looked at

CHECK_TITLES: Final = {
    "paste": "Nothing stands around the token",
    "shape": "Three parts, joined by dots",
    "header": "Algorithm HS256",
    "signature": "Signed with your secret",
    "payload": "Claims that can be read",
    "expiry": "Not expired, and not good for too long",
    "start": "Not from the future",
    "sub": "sub names the customer",
    "profile": "E-mail and name",
}


@dataclass(frozen=True, slots=True)
class CheckLine:
    """One check: ``passed`` is None when an earlier failure kept it from running."""

    name: str
    title: str
    passed: bool | None
    detail: str


@dataclass(frozen=True, slots=True)
class MatchedSecret:
    """The secret that signed the token. ``until`` is the end of its grace window, None for the current one."""

    fingerprint: str
    status: str
    until: float | None


@dataclass(frozen=True, slots=True)
class ModeOutcome:
    """What one mode would do with the token now. ``acts_now``: it is the mode that acts for this organization."""

    mode: Mode
    state: State
    reason: Reason | None
    is_refused: bool
    sentence: str
    acts_now: bool


@dataclass(frozen=True, slots=True)
class TokenReport:
    """Everything that Test it says. It never holds the token, its signature or a secret. Times are Unix seconds.

    ``verifies`` and ``reason`` are what an identify with exactly this text would find; ``inside_verifies`` is about the
    token inside it, once what stands around is gone. ``note`` says when no token is verified at all, and why.
    """

    verifies: bool
    reason: Reason | None
    inside_verifies: bool
    summary: str
    checks: tuple[CheckLine, ...]
    advice: tuple[Advice, ...]
    claims: tuple[ShownClaim, ...]
    lifetime: Lifetime | None
    secret: MatchedSecret | None
    modes: tuple[ModeOutcome, ...]
    note: str | None
    checked_at: float


def check_token(session: Session, settings: Settings, organization_id: str, pasted: str, now: float) -> TokenReport:
    """Return the report on ``pasted``, whatever it is. Stores, stamps, counts and logs nothing.

    Raises UnknownOrganization, or SecretUnavailable when an active secret cannot be opened.
    """
    organization = organizations.get_organization(session, organization_id)
    if organization is None:
        raise UnknownOrganization
    stored = signing_secrets.list_secrets(session, organization_id)
    active = tuple(secret for secret in stored if is_active(secret.expires_at, secret.revoked_at, now))
    known = Known(
        active=open_secrets(settings, organization_id, active, now),
        ended=_open_ended(settings, organization_id, [secret for secret in stored if secret not in active]),
        names=(organization_id, *(name for secret in stored for name in (secret.id, secret.fingerprint))),
    )
    diagnosis = diagnose(pasted, known, now, settings.max_token_lifetime)
    decisions = {mode: _decide(settings, organization_id, mode, active, pasted, now) for mode in Mode}
    verdict = decisions[Mode.OPTIONAL]
    inside_verifies = isinstance(diagnosis.outcome, tokens.Proof)
    return TokenReport(
        verifies=verdict.proof is not None,
        reason=verdict.reason,
        inside_verifies=inside_verifies,
        summary=_summary(verdict.reason, inside_verifies),
        checks=_checks(diagnosis, pasted),
        advice=diagnosis.advice,
        claims=diagnosis.claims,
        lifetime=diagnosis.lifetime,
        secret=_matched(stored, diagnosis.secret_id),
        modes=tuple(_outcome(mode, decision, organization) for mode, decision in decisions.items()),
        note=_note(organization),
        checked_at=now,
    )


def _decide(
    settings: Settings, organization_id: str, mode: Mode, active: tuple[SecretRecord, ...], pasted: str, now: float
) -> Decision:
    """Return what an identify in ``mode`` would decide, from a page that sends this token and names nobody."""
    token, _notices = weigh(settings, organization_id, mode, active, UserToken(pasted), now)
    return decide(mode, token, Claims())


def _open_ended(settings: Settings, organization_id: str, stored: list[SecretRecord]) -> tuple[SigningSecret, ...]:
    """Return the newest of the secrets that ended. One that no key opens any more only goes unrecognised."""
    opened = []
    for secret in stored[:_MOST_ENDED_SECRETS]:
        try:
            opened.append(open_secret(settings, organization_id, secret))
        except SecretUnavailable:
            continue
    return tuple(opened)


def _checks(diagnosis: Diagnosis, pasted: str) -> tuple[CheckLine, ...]:
    if diagnosis.token is None:
        paste: tuple[bool | None, str] = (None, "Not checked: there is no token in this text.")
    elif diagnosis.token == pasted:
        paste = (True, "The text is the token and nothing else.")
    else:
        paste = (False, "The text is more than the token. What follows is about the token inside it.")
    lines = [CheckLine("paste", CHECK_TITLES["paste"], *paste)]
    lines += [CheckLine(check.name, CHECK_TITLES[check.name], check.passed, check.detail) for check in diagnosis.checks]
    return tuple(lines)


def _matched(stored: list[SecretRecord], secret_id: str | None) -> MatchedSecret | None:
    for secret in stored:
        if secret.id == secret_id:
            status = "current" if secret.expires_at is None else "previous"
            return MatchedSecret(secret.fingerprint, status, secret.expires_at)
    return None


def _summary(reason: Reason | None, inside_verifies: bool) -> str:
    if reason is None:
        return "This token verifies."
    if inside_verifies:
        return f"Sent like this it fails ({reason}). The token inside verifies."
    return f"This does not verify: {reason}."


def _outcome(mode: Mode, decision: Decision, organization: OrganizationRecord) -> ModeOutcome:
    acts_now = mode is organization.effective_mode
    return ModeOutcome(mode, decision.state, decision.reason, decision.refused, _consequence(mode, decision), acts_now)


def _consequence(mode: Mode, decision: Decision) -> str:
    """Return what the decision does, for a page that sends this token and names nobody beside it."""
    if decision.proof is not None:
        return "Verified: the green shield, and the record is bound to this sub."
    if decision.refused:
        return "Refused with 401: nothing is bound, created or changed."
    if mode is Mode.OFF:
        if decision.claims.is_empty:
            return "Not checked, and no claims can be read: an anonymous visitor without a shield."
        return "Not checked: the claims fill the record as self-claimed, and no shield is drawn."
    if decision.claims.is_empty:
        return "Unverified: the amber shield, on an Unknown row."
    return "Unverified: the amber shield. The claims fill the record as self-claimed, and it loses its verified flag."


def _note(organization: OrganizationRecord) -> str | None:
    if organization.effective_mode is not Mode.OFF:
        return None
    if organization.mode is Mode.OFF:
        return "The mode is Off, so no token is verified yet: everything acts as Off."
    return "Your plan is below Pro, so no token is verified: everything acts as Off."
