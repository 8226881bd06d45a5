"""``kaltalk-iv db``: our tables."""

from collections.abc import Iterator
from contextlib import contextmanager

import click
from alembic.util import CommandError
from flask.cli import with_appcontext
from sqlalchemy.exc import InterfaceError, InternalError, OperationalError

from .. import migrations
from ..migrations.partitions import MAX_PARTITIONS
from ..state import current_state
from .edge import as_json_option, show


@click.group()
def db() -> None:
    """Create and upgrade KalTalk's tables."""


@db.command("upgrade")
@click.option(
    "--partitions",
    type=click.IntRange(2, MAX_PARTITIONS),
    help="Make new tables in N hash partitions by organization. For the first upgrade of a PostgreSQL database.",
)
@as_json_option
@with_appcontext
def upgrade(partitions: int | None, as_json: bool) -> None:
    """Bring the tables up to date. Safe to run again, and by two machines at once."""
    with _one_sentence():
        engine = current_state().engine
        migrations.upgrade(engine, partitions=partitions)
        revision = migrations.current_revision(engine)
    show({"revision": revision}, [f"The tables are at revision {revision}."], as_json=as_json)


@db.command("current")
@as_json_option
@with_appcontext
def current(as_json: bool) -> None:
    """Say which revision the tables are at."""
    with _one_sentence():
        revision = migrations.current_revision(current_state().engine)
    show({"revision": revision}, [revision or "The tables are not there yet."], as_json=as_json)


@db.command("downgrade")
@click.argument("revision")
@click.confirmation_option(prompt="This can drop tables and what they hold. Go on?")
@as_json_option
@with_appcontext
def downgrade(revision: str, as_json: bool) -> None:
    """Take the tables back to REVISION ("base" drops them)."""
    with _one_sentence():
        engine = current_state().engine
        migrations.downgrade(engine, revision)
        now_at = migrations.current_revision(engine)
    show({"revision": now_at}, [f"The tables are at revision {now_at or 'base'}."], as_json=as_json)


@contextmanager
def _one_sentence() -> Iterator[None]:
    """End the command with one sentence instead of a traceback, which would show where the database is."""
    try:
        yield
    except CommandError as error:
        raise click.ClickException(f"{error}.") from None
    except (OperationalError, InterfaceError, InternalError) as error:
        if "lock timeout" in str(error.orig):
            raise click.ClickException(
                "Somebody uses our tables for longer than a change waits. Nothing was changed: run this again."
            ) from None
        raise click.ClickException(f"The database did not answer ({type(error).__name__}).") from None
