"""``kaltalk-iv agent``: who logs in to KalTalk's own face."""

import click
from flask.cli import with_appcontext

from ..service import agents
from ..state import Role
from .edge import as_json_option, run, show


@click.group()
def agent() -> None:
    """Create people who answer customers."""


@agent.command("create")
@click.argument("organization_id", metavar="ORG")
@click.argument("login")
@click.option("--name", required=True, help="What customers see beside a reply.")
@click.option("--role", type=click.Choice([role.value for role in Role]), default=Role.AGENT.value, show_default=True)
@click.password_option(help="Asked for when it is not given, so that it need not stand in your shell's history.")
@as_json_option
@with_appcontext
def create(organization_id: str, login: str, name: str, role: str, password: str, as_json: bool) -> None:
    """Create LOGIN, who works for ORG."""
    run(
        lambda session, _settings, now: agents.create_agent(
            session, organization_id, login=login, name=name, role=role, password=password, now=now
        )
    )
    show(
        {"login": login, "organizationId": organization_id, "role": role}, [f"Created {role} {login}."], as_json=as_json
    )
