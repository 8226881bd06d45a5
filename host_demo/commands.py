"""The shop's commands: make the tables, confirm an e-mail address by hand."""

import click
from flask import Flask
from flask.cli import with_appcontext

from host_demo.accounts import find_user
from host_demo.forms import normal_email
from host_demo.models import create_tables, db


def init_app(app: Flask) -> None:
    """Add the commands to `flask --app host_demo`."""
    app.cli.command("init-db", help="Make the tables that are missing.")(create_tables)
    app.cli.add_command(confirm_email)


@click.command("confirm-email")
@click.argument("username")
@click.argument("address")
@with_appcontext
def confirm_email(username: str, address: str) -> None:
    """Make ADDRESS the e-mail of USERNAME without a code: you know that it is theirs."""
    user = find_user(username)
    if user is None:
        raise click.ClickException("There is no user of this name.")
    try:
        user.email = normal_email(address)
    except ValueError:
        raise click.ClickException("This is not an e-mail address.") from None
    db.session.commit()
    click.echo(f"{user.email} is theirs now.")
