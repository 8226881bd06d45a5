"""``kaltalk-iv organization``: tenants, their plan, mode and origins."""

from typing import Any

import click
from flask.cli import with_appcontext

from ..core.policy import Mode, Plan
from ..service import settings as use_cases
from ..store import organizations
from ..store.database import new_id
from ..store.organizations import OrganizationRecord
from .edge import actor, as_json_option, run, show

_PLANS = click.Choice([plan.value for plan in Plan])
_MODES = click.Choice([mode.value for mode in Mode])


@click.group()
def organization() -> None:
    """Create, list and change organizations."""


@organization.command("create")
@click.argument("name")
@click.option("--id", "organization_id", help="Default: a new one, such as org_6f1c…")
@click.option("--plan", type=_PLANS, default=Plan.FREE.value, show_default=True)
@click.option("--mode", type=_MODES, default=Mode.OFF.value, show_default=True)
@as_json_option
@with_appcontext
def create(name: str, organization_id: str | None, plan: str, mode: str, as_json: bool) -> None:
    """Create an organization called NAME, with its first signing secret."""
    id_ = new_id("org") if organization_id is None else organization_id
    asked = OrganizationRecord(id_, name, Plan(plan), Mode(mode), ())
    new = run(lambda session, settings, now: use_cases.create_organization(session, settings, actor(), asked, now))
    show(_values(new), [f"Created {new.id}."], as_json=as_json)


@organization.command("list")
@as_json_option
@with_appcontext
def list_(as_json: bool) -> None:
    """List the organizations."""
    found = run(lambda session, _settings, _now: organizations.list_organizations(session))
    lines = [_line(record) for record in found] or ["There is no organization yet."]
    show([_values(record) for record in found], lines, as_json=as_json)


@organization.command("set")
@click.argument("organization_id", metavar="ORG")
@click.option("--plan", type=_PLANS)
@click.option("--mode", type=_MODES)
@click.option("--origins", help='Comma-separated, such as "https://shop.example.com"; "" allows any.')
@as_json_option
@with_appcontext
def set_(organization_id: str, plan: str | None, mode: str | None, origins: str | None, as_json: bool) -> None:
    """Change ORG: what is not given stays."""
    listed = None if origins is None else [entry.strip() for entry in origins.split(",") if entry.strip()]
    changed = run(
        lambda session, _settings, now: use_cases.change_organization(
            session,
            actor(),
            organization_id,
            now,
            plan=None if plan is None else Plan(plan),
            mode=None if mode is None else Mode(mode),
            allowed_origins=listed,
        )
    )
    show(_values(changed), [_line(changed)], as_json=as_json)


def _values(record: OrganizationRecord) -> dict[str, Any]:
    return {
        "id": record.id,
        "name": record.name,
        "plan": record.plan,
        "mode": record.mode,
        "effectiveMode": record.effective_mode,
        "origins": list(record.origins),
    }


def _line(record: OrganizationRecord) -> str:
    acts_as = "" if record.effective_mode is record.mode else f" (acts as {record.effective_mode}: needs the Pro plan)"
    origins = ", ".join(record.origins) or "any origin"
    return f"{record.id}  {record.name}  plan {record.plan}  mode {record.mode}{acts_as}  {origins}"
