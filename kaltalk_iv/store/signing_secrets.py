"""Signing secrets as rows: sealed, with the times that say what each is still good for."""

from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ..core.text import is_id
from ..models import Secret
from .database import table_of
from .sources import Source, Writer, run


class SecretRecord(NamedTuple):
    """A signing secret as stored: sealed. Times in Unix seconds."""

    id: str
    sealed: str
    fingerprint: str
    created_at: float
    expires_at: float | None
    revoked_at: float | None
    last_verified_at: float | None


SECRET_COLUMNS = (
    Secret.id,
    Secret.sealed,
    Secret.fingerprint,
    Secret.created_at,
    Secret.expires_at,
    Secret.revoked_at,
    Secret.last_verified_at,
)


_TABLE = table_of(Secret)
_IT = sa.and_(_TABLE.c.organization_id == sa.bindparam("of"), _TABLE.c.id == sa.bindparam("secret"))
_REVOKED_AT = sa.select(_TABLE.c.revoked_at).where(_IT)
_STAMP = sa.update(_TABLE).where(_IT).values(last_verified_at=sa.bindparam("now"))


def list_secrets(session: Session, organization_id: str) -> list[SecretRecord]:
    """Return every signing secret of the organization, newest first, the dead ones too."""
    found = sa.select(*SECRET_COLUMNS).where(Secret.organization_id == organization_id)
    return [SecretRecord(*row) for row in session.execute(found.order_by(Secret.created_at.desc(), Secret.id.desc()))]


def list_all_secrets(session: Session) -> list[tuple[str, SecretRecord]]:
    """Return (organization id, secret) for every stored secret, in a fixed order."""
    found = sa.select(Secret.organization_id, *SECRET_COLUMNS).order_by(
        Secret.organization_id, Secret.created_at, Secret.id
    )
    return [(row[0], SecretRecord(*row[1:])) for row in session.execute(found)]


def some_current_secrets(session: Session, number: int) -> list[tuple[str, SecretRecord]]:
    """Return (organization id, secret) for at most ``number`` current secrets, of any organizations."""
    found = sa.select(Secret.organization_id, *SECRET_COLUMNS).where(
        Secret.expires_at.is_(None), Secret.revoked_at.is_(None)
    )
    return [(row[0], SecretRecord(*row[1:])) for row in session.execute(found.limit(number))]


def reseal_secret(session: Session, organization_id: str, secret_id: str, before: str, after: str) -> None:
    """Store the same secret sealed anew, unless somebody else has done so meanwhile."""
    session.execute(
        sa.update(Secret)
        .where(Secret.organization_id == organization_id, Secret.id == secret_id, Secret.sealed == before)
        .values(sealed=after)
        .execution_options(synchronize_session=False)
    )


def is_revoked(source: Source, organization_id: str, secret_id: str) -> bool:
    """True when the secret was revoked, or is not there at all: fail closed."""
    rows = run(source, _REVOKED_AT, {"of": organization_id, "secret": secret_id})
    return not rows or rows[0][0] is not None


def add_secret(session: Session, organization_id: str, secret: SecretRecord) -> None:
    """Insert ``secret`` as the current one. The database refuses a second current one with an IntegrityError."""
    session.add(Secret(organization_id=organization_id, **secret._asdict()))
    session.flush()


def retire_current_secret(session: Session, organization_id: str, secret_id: str, expires_at: float) -> bool:
    """Give the current secret ``secret_id`` an end; False when it is not the current one any more."""
    done = session.execute(
        sa.update(Secret)
        .where(
            Secret.organization_id == organization_id,
            Secret.id == secret_id,
            Secret.expires_at.is_(None),
            Secret.revoked_at.is_(None),
        )
        .values(expires_at=expires_at)
        .returning(Secret.id)
        .execution_options(synchronize_session=False)
    )
    return done.first() is not None


def end_grace(session: Session, organization_id: str, now: float, secret_id: str | None) -> bool:
    """End the running grace window at ``now``, that of ``secret_id`` when it is given; False when it does not run."""
    runs = [Secret.organization_id == organization_id, Secret.revoked_at.is_(None), Secret.expires_at > now]
    if secret_id is not None:
        if not is_id(secret_id):
            return False
        runs.append(Secret.id == secret_id)
    done = session.execute(
        sa.update(Secret)
        .where(*runs)
        .values(expires_at=now)
        .returning(Secret.id)
        .execution_options(synchronize_session=False)
    )
    return done.first() is not None


def revoke_secrets(session: Session, organization_id: str, now: float) -> list[str]:
    """Revoke every secret of the organization, the expired ones too, and return their ids."""
    done = session.execute(
        sa.update(Secret)
        .where(Secret.organization_id == organization_id, Secret.revoked_at.is_(None))
        .values(revoked_at=now)
        .returning(Secret.id)
        .execution_options(synchronize_session=False)
    )
    return list(done.scalars())


def stamp_secret(source: Writer, organization_id: str, secret_id: str, now: float) -> None:
    """Note that ``secret_id`` verified a token at ``now``."""
    run(source, _STAMP, {"of": organization_id, "secret": secret_id, "now": now})
