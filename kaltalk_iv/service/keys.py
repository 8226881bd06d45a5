"""Encryption keys: does every stored signing secret open, and is each sealed with the newest key?"""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from ..config import Settings
from ..core.errors import Conflict, SecretUnavailable
from ..store import signing_secrets
from ..store.signing_secrets import SecretRecord


@dataclass(frozen=True, slots=True)
class Examined:
    """A stored secret, by its row, and what the keys at hand can do with it."""

    organization_id: str
    secret_id: str
    fingerprint: str
    opens: bool
    has_newest_key: bool


def examine(session: Session, settings: Settings) -> list[Examined]:
    """Return what the encryption keys at hand can do with every stored signing secret, the dead ones too."""
    found = signing_secrets.list_all_secrets(session)
    return [_examined(settings, organization_id, secret) for organization_id, secret in found]


def rewrap(session: Session, settings: Settings) -> int:
    """Seal every secret with the newest key and return how many were not; the older keys can go afterwards.

    Raises Conflict, and changes nothing, when one does not open: its key must not be lost.
    """
    examined = examine(session, settings)
    shut = [row for row in examined if not row.opens]
    if shut:
        raise Conflict(
            f"Nothing was changed: {len(shut)} stored secrets do not open. The command keys doctor names them."
        )
    stale = {(row.organization_id, row.secret_id) for row in examined if not row.has_newest_key}
    for organization_id, secret in signing_secrets.list_all_secrets(session):
        if (organization_id, secret.id) in stale:
            value = settings.vault.open(secret.sealed, organization_id, secret.id)
            sealed = settings.vault.seal(value, organization_id, secret.id)
            signing_secrets.reseal_secret(session, organization_id, secret.id, secret.sealed, sealed)
    return len(stale)


def _examined(settings: Settings, organization_id: str, secret: SecretRecord) -> Examined:
    row = (organization_id, secret.id)
    try:
        settings.vault.open(secret.sealed, *row)
    except SecretUnavailable:
        return Examined(*row, secret.fingerprint, opens=False, has_newest_key=False)
    has_newest_key = settings.vault.is_sealed_with_newest(secret.sealed, *row)
    return Examined(*row, secret.fingerprint, opens=True, has_newest_key=has_newest_key)
