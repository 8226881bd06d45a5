"""``kaltalk-iv agent``: who logs in to KalTalk's own face."""

import click
from flask.cli import with_appcontext

from ..service import agents
from ..state import Role
from .edge import as_json_option, run, show


@click.group()
def agent() -> None:
    """People who answer customers: create, list and remove them."""


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


@agent.command("list")
@click.argument("organization_id", metavar="ORG")
@as_json_option
@with_appcontext
def list_(organization_id: str, as_json: bool) -> None:
    """List who works for ORG."""
    found = run(lambda session, _settings, _now: agents.list_agents(session, organization_id))
    lines = [f"{one.login}  {one.role}  {one.name}" for one in found] or [f"Nobody works for {organization_id} yet."]
    show([{"login": one.login, "name": one.name, "role": one.role} for one in found], lines, as_json=as_json)


@agent.command("password")
@click.argument("organization_id", metavar="ORG")
@click.argument("login")
@click.password_option(help="Asked for when it is not given.")
@as_json_option
@with_appcontext
def password_(organization_id: str, login: str, password: str, as_json: bool) -> None:
    """Give LOGIN another password, and end every open login of theirs."""
    run(lambda session, _settings, _now: agents.change_password(session, organization_id, login, password))
    show({"login": login, "organizationId": organization_id}, [f"Changed the password of {login}."], as_json=as_json)


@agent.command("remove")
@click.argument("organization_id", metavar="ORG")
@click.argument("login")
@as_json_option
@with_appcontext
def remove(organization_id: str, login: str, as_json: bool) -> None:
    """Remove LOGIN from ORG, and end every open login of theirs."""
    run(lambda session, _settings, _now: agents.remove_agent(session, organization_id, login))
    show({"login": login, "organizationId": organization_id, "removed": True}, [f"Removed {login}."], as_json=as_json)
