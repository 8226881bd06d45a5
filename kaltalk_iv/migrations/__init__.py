"""Schema changes, shipped with the package: an application upgrades our tables without knowing about Alembic."""

from functools import cache
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from .partitions import ask_for_partitions

VERSION_TABLE = "kaltalk_iv_alembic_version"


def upgrade(engine: sa.Engine, revision: str = "head", *, partitions: int | None = None) -> None:
    """Bring our tables up to ``revision``. What they hold stays; the application's own tables are not looked at.

    ``partitions`` makes new tables in that many parts by organization, on PostgreSQL. Raises CommandError when tables
    that are there were made otherwise.
    """
    with engine.begin() as connection:
        config = _config(connection)
        ask_for_partitions(config.attributes, partitions)
        command.upgrade(config, revision)


def downgrade(engine: sa.Engine, revision: str) -> None:
    """Take our tables back to ``revision``; ``base`` drops them all."""
    with engine.begin() as connection:
        command.downgrade(_config(connection), revision)


def current_revision(engine: sa.Engine) -> str | None:
    """Return the revision that our tables are at, or None when they are not there."""
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        return context.get_current_revision()


def is_current(engine: sa.Engine) -> bool:
    """True when our tables are at this code's revision, or at one that it does not know: a later one."""
    newest, known = _revisions()
    revision = current_revision(engine)
    return revision == newest or (revision is not None and revision not in known)


@cache
def _revisions() -> tuple[str | None, frozenset[str]]:
    scripts = ScriptDirectory(Path(__file__).parent)
    return scripts.get_current_head(), frozenset(script.revision for script in scripts.walk_revisions())


def _config(connection: sa.Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
