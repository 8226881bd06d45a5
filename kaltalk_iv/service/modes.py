"""Choosing a mode in the dashboard. ``required`` turns visitors away, so it asks first whether signing works at all."""

from collections.abc import Iterable

from sqlalchemy.orm import Session

from ..core.errors import Conflict, UnknownOrganization
from ..core.policy import Mode, effective_mode
from ..store import organizations, signing_secrets
from ..store.organizations import OrganizationRecord
from ..store.signing_secrets import SecretRecord
from .settings import Actor, change_organization

PROOF_SECONDS = 7 * 24 * 3600

BELOW_PRO = "Identity verification is part of the Pro plan: no mode can be chosen on this one."
NO_PROOF = (
    "No token has verified within the last 7 days, so Required would turn away every customer who is logged in to your "
    "website. Choose Optional first and let one token verify."
)


def last_verified_at(secrets: Iterable[SecretRecord]) -> float | None:
    """Return when a secret that is not revoked last verified a token, or None."""
    return max((s.last_verified_at for s in secrets if s.revoked_at is None and s.last_verified_at), default=None)


def why_not_required(organization: OrganizationRecord, secrets: Iterable[SecretRecord], now: float) -> str | None:
    """Return the sentence that says why ``required`` cannot be chosen now, or None when it can."""
    if organization.mode is Mode.REQUIRED:
        return None
    verified_at = last_verified_at(secrets)
    return None if verified_at is not None and now - verified_at <= PROOF_SECONDS else NO_PROOF


def check_mode(session: Session, organization_id: str, mode: Mode, now: float) -> OrganizationRecord:
    """Return the organization, unchanged, when it may choose ``mode``. Raises Conflict or UnknownOrganization."""
    organization = organizations.get_organization(session, organization_id)
    if organization is None:
        raise UnknownOrganization
    if effective_mode(organization.plan, Mode.REQUIRED) is Mode.OFF:
        raise Conflict(BELOW_PRO)
    if mode is Mode.REQUIRED:
        refusal = why_not_required(organization, signing_secrets.list_secrets(session, organization_id), now)
        if refusal is not None:
            raise Conflict(refusal)
    return organization


def choose_mode(session: Session, actor: Actor, organization_id: str, mode: Mode, now: float) -> OrganizationRecord:
    """Return the organization after choosing ``mode``. Raises Conflict below Pro, or for ``required`` without proof.

    The command line changes any mode through ``change_organization``: whoever has the server knows better.
    """
    check_mode(session, organization_id, mode, now)
    return change_organization(session, actor, organization_id, now, mode=mode)
