"""``kaltalk-iv customer``: what is stored of a customer, and how much of it is proven."""

from typing import Any

import click
from flask.cli import with_appcontext
from sqlalchemy.orm import Session

from ..config import Settings
from ..core.claims import parse_external_id
from ..core.errors import NotFound, UnknownOrganization
from ..store import customers, organizations
from ..store.customers import CustomerRecord
from .edge import as_json_option, run, show


@click.group()
def customer() -> None:
    """Look at customers."""


@customer.command("show")
@click.argument("organization_id", metavar="ORG")
@click.option("--external-id", required=True, help="The sub, exactly.")
@as_json_option
@with_appcontext
def show_(organization_id: str, external_id: str, as_json: bool) -> None:
    """Show the customer of ORG with this external id."""

    def find(session: Session, _settings: Settings, _now: float) -> tuple[CustomerRecord, bool]:
        if organizations.get_organization(session, organization_id) is None:
            raise UnknownOrganization
        found = customers.find_by_external_id(session, organization_id, parse_external_id(external_id, "--external-id"))
        if found is None:
            raise NotFound("customer")
        return found, customers.verified_flag_now(session, organization_id, found)

    record, verified = run(find)
    values = _values(record, verified)
    show(values, [f"{name}: {value}" for name, value in values.items()], as_json=as_json)


def _values(record: CustomerRecord, verified: bool) -> dict[str, Any]:
    return {
        "id": record.id,
        "externalId": record.external_id,
        "externalIdProven": record.external_id_proven,
        "email": record.email,
        "emailProven": record.email_proven,
        "name": record.name,
        "nameProven": record.name_proven,
        "verified": verified,
        "lastVerifiedAt": record.last_verified_at,
        "downgradedAt": record.downgraded_at,
        "downgradedReason": record.downgraded_reason,
        "lastSeenAt": record.last_seen_at,
    }
