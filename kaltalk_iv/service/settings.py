"""What admins change: plan, mode, origins and signing secrets. Each change leaves an audit line, never a value."""

import os
from dataclasses import dataclass

from sqlalchemy.orm import Session

from ..config import Settings
from ..core.claims import parse_name
from ..core.errors import Conflict, InvalidClaim, UnknownOrganization, Unreadable
from ..core.keyring import ENTROPY_BYTES, GRACE_SECONDS, fingerprint, is_active, secret_from
from ..core.origins import parse_origin
from ..core.policy import Mode, Plan
from ..core.text import is_id
from ..store import audit, organizations, signing_secrets
from ..store.database import new_id
from ..store.organizations import OrganizationRecord
from ..store.signing_secrets import SecretRecord
from . import events
from .events import SecretReplaced, SecretRotated


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, and from which address, for the audit trail."""

    name: str
    address: str


def create_organization(
    session: Session, settings: Settings, actor: Actor, organization: OrganizationRecord, now: float
) -> OrganizationRecord:
    """Store a new organization with its first signing secret, and return it as stored.

    Raises Unreadable for an id or a name that is none, or Conflict when the id is taken.
    """
    if not is_id(organization.id):
        raise Unreadable("An id has 1 to 64 letters, digits, hyphens or underscores, such as org_shop.")
    try:
        organization = organization._replace(name=parse_name(organization.name))
    except InvalidClaim as error:
        raise Unreadable(error.detail) from None
    if organizations.get_organization(session, organization.id) is not None:
        raise Conflict(f"There is an organization {organization.id} already.")
    organizations.add_organization(session, organization, now)
    _audit(session, organization.id, actor, "organization_created", f"plan {organization.plan}", now)
    _add_secret(session, settings, organization.id, now)
    return organization


def change_organization(
    session: Session,
    actor: Actor,
    organization_id: str,
    now: float,
    *,
    plan: Plan | None = None,
    mode: Mode | None = None,
    allowed_origins: list[str] | None = None,
) -> OrganizationRecord:
    """Return the organization after setting what is given. Raises UnknownOrganization, or Unreadable for an origin."""
    before = _organization(session, organization_id)
    if plan is not None and plan is not before.plan:
        organizations.change_organization(session, organization_id, {"plan": plan.value})
        _audit(session, organization_id, actor, "plan_changed", f"{before.plan} to {plan}", now)
    if mode is not None and mode is not before.mode:
        organizations.change_organization(session, organization_id, {"mode": mode.value})
        _audit(session, organization_id, actor, "mode_changed", f"{before.mode} to {mode}", now)
    if allowed_origins is not None:
        parsed = list(dict.fromkeys(parse_origin(origin) for origin in allowed_origins))
        if tuple(parsed) != before.origins:
            organizations.change_organization(session, organization_id, {"origins": parsed})
            _audit(session, organization_id, actor, "origins_changed", ", ".join(parsed) or "any", now)
    return _organization(session, organization_id)


def list_secrets(session: Session, organization_id: str) -> list[SecretRecord]:
    """Return the organization's signing secrets, sealed, newest first. Raises UnknownOrganization."""
    _organization(session, organization_id)
    return signing_secrets.list_secrets(session, organization_id)


def reveal_current_secret(session: Session, settings: Settings, actor: Actor, organization_id: str, now: float) -> str:
    """Return the current signing secret in plain text, and note who asked.

    Raises UnknownOrganization, Conflict when there is none, or SecretUnavailable.
    """
    current = _current(list_secrets(session, organization_id))
    secret = settings.vault.open(current.sealed, organization_id, current.id)
    _audit(session, organization_id, actor, "secret_revealed", f"secret {current.fingerprint}", now)
    return secret


def rotate_secret(
    session: Session, settings: Settings, actor: Actor, organization_id: str, replaces: str | None, now: float
) -> SecretRecord:
    """Return a new current secret; the one before verifies for exactly 24 hours more.

    ``replaces`` is the id of the secret that the caller means to replace, or None for whichever is current.
    Raises Conflict when it is not the current one any more, or while a grace window runs.
    """
    _lock(session, organization_id)
    secrets = signing_secrets.list_secrets(session, organization_id)
    current = _current(secrets)
    if replaces is not None and replaces != current.id:
        raise Conflict("This secret is not the current one any more: somebody has rotated it.")
    if any(is_active(secret.expires_at, secret.revoked_at, now) for secret in secrets if secret.id != current.id):
        raise Conflict("A grace window still runs. End it first (command: secret retire), or wait until it ends.")
    if not signing_secrets.retire_current_secret(session, organization_id, current.id, now + GRACE_SECONDS):
        raise Conflict("This secret is not the current one any more: somebody has rotated it.")
    fresh = _add_secret(session, settings, organization_id, now)
    _audit(session, organization_id, actor, "secret_rotated", f"{current.fingerprint} to {fresh.fingerprint}", now)
    events.note(session, SecretRotated(organization_id, fresh.id, current.id, now + GRACE_SECONDS, now))
    return fresh


def retire_previous_secret(
    session: Session, actor: Actor, organization_id: str, now: float, *, retires: str | None = None
) -> None:
    """End the running grace window at once: that of the secret ``retires``, or None for whichever runs.

    Raises Conflict when it does not run.
    """
    _lock(session, organization_id)
    if not signing_secrets.end_grace(session, organization_id, now, retires):
        raise Conflict("This grace window does not run any more: there is no previous secret to retire.")
    _audit(session, organization_id, actor, "grace_ended", "the previous secret retired early", now)


def replace_secrets(
    session: Session, settings: Settings, actor: Actor, organization_id: str, now: float, *, replaces: str | None = None
) -> SecretRecord:
    """Return one new secret; every other one is revoked in the same transaction, and their sessions prove nothing.

    ``replaces`` is the id of the current secret that the caller saw, empty when there was none, or None for whichever
    is current. Raises Conflict when it is not the current one any more.
    """
    _lock(session, organization_id)
    if replaces not in {None, current_id(signing_secrets.list_secrets(session, organization_id))}:
        raise Conflict("This secret is not the current one any more: somebody has replaced it.")
    revoked = signing_secrets.revoke_secrets(session, organization_id, now)
    fresh = _add_secret(session, settings, organization_id, now)
    detail = f"{len(revoked)} revoked, new secret {fresh.fingerprint}"
    _audit(session, organization_id, actor, "secrets_replaced", detail, now)
    events.note(session, SecretReplaced(organization_id, fresh.id, tuple(revoked), now))
    return fresh


def _organization(session: Session, organization_id: str) -> OrganizationRecord:
    organization = organizations.get_organization(session, organization_id)
    if organization is None:
        raise UnknownOrganization
    return organization


def _lock(session: Session, organization_id: str) -> None:
    if not organizations.lock_organization(session, organization_id):
        raise UnknownOrganization


def current_id(secrets: list[SecretRecord]) -> str:
    """Return the id of the current one of ``secrets``, or an empty text when there is none."""
    current = _find_current(secrets)
    return "" if current is None else current.id


def _current(secrets: list[SecretRecord]) -> SecretRecord:
    current = _find_current(secrets)
    if current is None:
        raise Conflict("There is no current signing secret. Replace the secrets to make one.")
    return current


def _find_current(secrets: list[SecretRecord]) -> SecretRecord | None:
    return next((secret for secret in secrets if secret.expires_at is None and secret.revoked_at is None), None)


def _add_secret(session: Session, settings: Settings, organization_id: str, now: float) -> SecretRecord:
    value = secret_from(os.urandom(ENTROPY_BYTES))
    secret_id = new_id("sec")
    sealed = settings.vault.seal(value, organization_id, secret_id)
    secret = SecretRecord(secret_id, sealed, fingerprint(value), now, None, None, None)
    signing_secrets.add_secret(session, organization_id, secret)
    return secret


def _audit(session: Session, organization_id: str, actor: Actor, action: str, detail: str, now: float) -> None:
    audit.add_audit_event(
        session, organization_id, actor=actor.name, address=actor.address, action=action, detail=detail, now=now
    )
