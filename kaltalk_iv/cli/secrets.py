"""``kaltalk-iv secret``: signing secrets."""

from typing import Any

import click
from flask.cli import with_appcontext

from ..core.keyring import is_active
from ..service import settings as use_cases
from ..store.signing_secrets import SecretRecord
from .edge import actor, as_json_option, run, show, utc


@click.group()
def secret() -> None:
    """List, reveal, rotate, replace and retire signing secrets."""


@secret.command("list")
@click.argument("organization_id", metavar="ORG")
@as_json_option
@with_appcontext
def list_(organization_id: str, as_json: bool) -> None:
    """List ORG's signing secrets, newest first, by fingerprint."""
    now, found = run(lambda session, _settings, now: (now, use_cases.list_secrets(session, organization_id)))
    lines = [_line(record, now) for record in found] or ["There is no signing secret."]
    show([_values(record, now) for record in found], lines, as_json=as_json)


@secret.command("reveal")
@click.argument("organization_id", metavar="ORG")
@as_json_option
@with_appcontext
def reveal(organization_id: str, as_json: bool) -> None:
    """Print ORG's current signing secret, and nothing else. This is audited."""
    value = run(
        lambda session, settings, now: use_cases.reveal_current_secret(session, settings, actor(), organization_id, now)
    )
    show({"secret": value}, [value], as_json=as_json)


@secret.command("rotate")
@click.argument("organization_id", metavar="ORG")
@click.option("--replaces", metavar="ID", help="The secret that you mean to replace; refused when another is current.")
@as_json_option
@with_appcontext
def rotate(organization_id: str, replaces: str | None, as_json: bool) -> None:
    """Make a new current secret for ORG. The one before verifies for 24 hours more."""
    now, fresh = run(
        lambda session, settings, now: (
            now,
            use_cases.rotate_secret(session, settings, actor(), organization_id, replaces, now),
        )
    )
    lines = [f"The new secret is {fresh.fingerprint}. Reveal it, deploy it, and the old one retires in 24 hours."]
    show(_values(fresh, now), lines, as_json=as_json)


@secret.command("retire")
@click.argument("organization_id", metavar="ORG")
@as_json_option
@with_appcontext
def retire(organization_id: str, as_json: bool) -> None:
    """End the grace window of ORG's previous secret now."""
    run(lambda session, _settings, now: use_cases.retire_previous_secret(session, actor(), organization_id, now))
    show({"retired": True}, ["The previous secret verifies nothing any more."], as_json=as_json)


@secret.command("replace")
@click.argument("organization_id", metavar="ORG")
@click.confirmation_option("--yes", prompt="Every other secret stops verifying at once, and their sessions too. Go on?")
@as_json_option
@with_appcontext
def replace(organization_id: str, as_json: bool) -> None:
    """Emergency: one new secret for ORG, every other one revoked at once."""
    now, fresh = run(
        lambda session, settings, now: (
            now,
            use_cases.replace_secrets(session, settings, actor(), organization_id, now),
        )
    )
    lines = [f"The new secret is {fresh.fingerprint}; every other one is revoked. Reveal it and deploy it now."]
    show(_values(fresh, now), lines, as_json=as_json)


def _status(record: SecretRecord, now: float) -> str:
    if record.revoked_at is not None:
        return "revoked"
    if record.expires_at is None:
        return "current"
    return "grace" if is_active(record.expires_at, record.revoked_at, now) else "retired"


def _values(record: SecretRecord, now: float) -> dict[str, Any]:
    return {
        "id": record.id,
        "fingerprint": record.fingerprint,
        "status": _status(record, now),
        "createdAt": utc(record.created_at),
        "expiresAt": utc(record.expires_at),
        "revokedAt": utc(record.revoked_at),
        "lastVerifiedAt": utc(record.last_verified_at),
    }


def _line(record: SecretRecord, now: float) -> str:
    until = f"  until {utc(record.expires_at)}" if _status(record, now) == "grace" else ""
    last = utc(record.last_verified_at) or "never"
    return f"{record.id}  {record.fingerprint}  {_status(record, now)}{until}  last verified a token: {last}"
