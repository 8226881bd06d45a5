"""``kaltalk-iv keys``: the keys that signing secrets are encrypted with."""

import click
from flask.cli import with_appcontext

from ..service import keys as use_cases
from ..service.keys import Examined
from ..vault import generate_encryption_key
from .edge import as_json_option, run, show


@click.group()
def keys() -> None:
    """Make encryption keys, change them, and see that they fit."""


@keys.command("generate")
@as_json_option
def generate(as_json: bool) -> None:
    """Print a new key. Put it first in KALTALK_IV_ENCRYPTION_KEYS and keep the older ones behind it."""
    key = generate_encryption_key()
    show({"key": key}, [key], as_json=as_json)


@keys.command("doctor")
@as_json_option
@with_appcontext
def doctor(as_json: bool) -> None:
    """Open every stored signing secret, and name the rows that do not open. Exits with 1 when there are any."""
    found = run(lambda session, settings, _now: use_cases.examine(session, settings))
    shut = sum(not row.opens for row in found)
    stale = sum(row.opens and not row.has_newest_key for row in found)
    summary = f"{len(found)} stored secrets: {shut} do not open, {stale} wait for rewrap."
    lines = [*(_line(row) for row in found if not row.has_newest_key), summary]
    show({"secrets": [_values(row) for row in found], "unopened": shut, "stale": stale}, lines, as_json=as_json)
    if shut:
        raise SystemExit(1)


@keys.command("rewrap")
@as_json_option
@with_appcontext
def rewrap(as_json: bool) -> None:
    """Seal every signing secret with the newest key; the older keys can be taken out afterwards."""
    done = run(lambda session, settings, _now: use_cases.rewrap(session, settings))
    lines = [f"{done} secrets were sealed anew: all of them have the newest key now."]
    show({"rewrapped": done}, lines, as_json=as_json)


def _line(row: Examined) -> str:
    wrong = "is sealed with an older key" if row.opens else "DOES NOT OPEN: its encryption key is not at hand"
    return f"{row.organization_id}  {row.secret_id}  {row.fingerprint}  {wrong}"


def _values(row: Examined) -> dict[str, object]:
    return {
        "organizationId": row.organization_id,
        "id": row.secret_id,
        "fingerprint": row.fingerprint,
        "opens": row.opens,
        "hasNewestKey": row.has_newest_key,
    }
