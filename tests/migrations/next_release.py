"""A release that does not exist yet: our migrations and one more, which only adds, as every migration must."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from kaltalk_iv import migrations
from kaltalk_iv.models import Customer

REVISION = "0002"
NEW_TABLE = "kaltalk_iv_notes"

_MIGRATION = '''
"""A column, an index and a table more"""

import os, time
import sqlalchemy as sa
from alembic import op
from kaltalk_iv.migrations.partitions import create_tenant_table

revision = "0002"
down_revision = "0001"

def upgrade():
    op.add_column("kaltalk_iv_customers", sa.Column("locale", sa.Text(), nullable=True))
    op.create_index("ix_kaltalk_iv_customers_locale", "kaltalk_iv_customers", ["organization_id", "locale"])
    if os.environ.get("GO_ON_FILE"):
        print("half", flush=True)
        while not os.path.exists(os.environ["GO_ON_FILE"]):
            time.sleep(0.05)
    create_tenant_table(
        "kaltalk_iv_notes",
        sa.Column("organization_id", sa.String(64), nullable=False),
        sa.Column("id", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "id"),
    )

def downgrade():
    op.drop_table("kaltalk_iv_notes")
    op.drop_index("ix_kaltalk_iv_customers_locale", table_name="kaltalk_iv_customers")
    op.drop_column("kaltalk_iv_customers", "locale")
'''


def write_migrations(folder: Path) -> Path:
    """Put the migrations of the next release into ``folder`` and return where they are."""
    there = folder / "migrations"
    shutil.copytree(Path(migrations.__file__).parent, there)
    (there / "versions/0002_more.py").write_text(_MIGRATION, encoding="utf-8")
    return there


def upgrade(engine: sa.Engine, folder: Path) -> None:
    """Upgrade to the next release."""
    _run(engine, folder, lambda config: command.upgrade(config, "head"))


def downgrade(engine: sa.Engine, folder: Path) -> None:
    """Go back to ours."""
    _run(engine, folder, lambda config: command.downgrade(config, "0001"))


def use_new_column() -> None:
    """Have the code of this process write the new column, as the next release would."""
    Customer.__table__.append_column(sa.Column("locale", sa.Text, default="fr"))  # type: ignore[attr-defined]


def _run(engine: sa.Engine, folder: Path, go: Callable[[Config], None]) -> None:
    with engine.begin() as connection:
        config = migrations._config(connection)
        config.set_main_option("script_location", str(folder).replace("%", "%%"))
        go(config)


if __name__ == "__main__":
    engine_of_this_process = sa.create_engine(sys.argv[1])
    sys.stdout.write("begins\n")
    sys.stdout.flush()
    upgrade(engine_of_this_process, Path(sys.argv[2]))
    engine_of_this_process.dispose()
