"""The shop's commands: make the tables, confirm an e-mail address by hand."""

import click
from flask import Flask
from flask.cli import with_appcontext

from host_demo.accounts import find_user
from host_demo.confirmation import confirm
from host_demo.models import create_tables


def init_app(app: Flask) -> None:
    """Add the commands to `flask --app host_demo`."""
    app.cli.command("init-db", help="Make the tables that are missing.")(create_tables)
    app.cli.add_command(confirm_email)


@click.command("confirm-email")
@click.argument("username")
@with_appcontext
def confirm_email(username: str) -> None:
    """Make the e-mail that USERNAME typed theirs without a code: you know that it is."""
    user = find_user(username)
    if user is None:
        raise click.ClickException("There is no user of this name.")
    email = confirm(user)
    click.echo(f"{email} is theirs now." if email else "No address of theirs waits to be confirmed.")
