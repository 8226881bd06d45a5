"""The migrations make what the models say, touch nothing of the application's, and can be started twice at once."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from kaltalk_iv import migrations
from kaltalk_iv.models import PREFIX, Base
from tests.support.servers import clean_environment

UPGRADE = """
import sys, sqlalchemy as sa
from kaltalk_iv import migrations
engine = sa.create_engine(sys.argv[1])
migrations.upgrade(engine)
engine.dispose()
"""
INDEXES = {
    "sqlite": "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL",
    "postgresql": "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
}


@pytest.fixture
def engine(database_url: str) -> Iterator[sa.Engine]:
    """Give an engine on an empty database."""
    engine = sa.create_engine(database_url)
    yield engine
    engine.dispose()


def tables(engine: sa.Engine) -> set[str]:
    """Return the names of the tables that are there."""
    return set(sa.inspect(engine).get_table_names())


def shape(engine: sa.Engine) -> dict[str, Any]:
    """Return our tables as the database describes them, the conditions of partial indexes too."""
    inspector = sa.inspect(engine)
    described: dict[str, Any] = {}
    for name in sorted(Base.metadata.tables):
        columns = [(column["name"], str(column["type"]), column["nullable"]) for column in inspector.get_columns(name)]
        keys = [inspector.get_pk_constraint(name)["constrained_columns"], *_foreign(inspector, name)]
        unique = sorted((each["name"], each["column_names"]) for each in inspector.get_unique_constraints(name))
        described[name] = (columns, keys, unique)
    with engine.connect() as connection:
        found = connection.exec_driver_sql(INDEXES[engine.dialect.name]).all()
    ours = {name: " ".join(text.split()) for name, text in found if PREFIX in name and "alembic" not in name}
    return described | {"indexes": ours}


def _foreign(inspector: sa.Inspector, table: str) -> list[Any]:
    keys = inspector.get_foreign_keys(table)
    return sorted((each["constrained_columns"], each["referred_table"], each["referred_columns"]) for each in keys)


def test_an_empty_database_gets_our_tables_and_our_own_version_table(engine: sa.Engine) -> None:
    assert migrations.current_revision(engine) is None
    migrations.upgrade(engine)
    assert tables(engine) == set(Base.metadata.tables) | {migrations.VERSION_TABLE}
    assert migrations.current_revision(engine) is not None


def test_every_table_of_ours_carries_our_prefix() -> None:
    assert all(name.startswith(PREFIX) for name in [*Base.metadata.tables, migrations.VERSION_TABLE])


def test_upgrading_again_changes_nothing_and_keeps_what_is_stored(engine: sa.Engine) -> None:
    migrations.upgrade(engine)
    before = shape(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql(
            f"INSERT INTO {PREFIX}organizations VALUES ('org_1', 'Shop', 'pro', 'optional', '[]', 0)"  # noqa: S608
        )
    migrations.upgrade(engine)
    assert shape(engine) == before
    with engine.connect() as connection:
        assert connection.exec_driver_sql(f"SELECT id FROM {PREFIX}organizations").scalar_one() == "org_1"  # noqa: S608


def test_alembic_finds_no_difference_between_the_models_and_the_migrated_tables(engine: sa.Engine) -> None:
    migrations.upgrade(engine)
    options = {"version_table": migrations.VERSION_TABLE, "compare_type": True, "compare_server_default": True}
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection, opts=options), Base.metadata) == []


def test_the_migrated_tables_are_those_that_the_models_would_make(engine: sa.Engine) -> None:
    Base.metadata.create_all(engine)
    made = shape(engine)
    Base.metadata.drop_all(engine)
    migrations.upgrade(engine)
    assert shape(engine) == made


def test_going_down_to_nothing_leaves_the_applications_tables_alone(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE users (id integer PRIMARY KEY)")
        connection.exec_driver_sql("CREATE TABLE alembic_version (version_num varchar(32) NOT NULL)")
        connection.exec_driver_sql("INSERT INTO alembic_version VALUES ('theirs')")
    migrations.upgrade(engine)
    migrations.downgrade(engine, "base")
    assert tables(engine) == {"users", "alembic_version", migrations.VERSION_TABLE}
    assert migrations.current_revision(engine) is None
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one() == "theirs"
    migrations.upgrade(engine)
    assert set(Base.metadata.tables) <= tables(engine)


def test_several_processes_that_upgrade_at_once_all_succeed(engine: sa.Engine, database_url: str) -> None:
    command = [sys.executable, "-W", "error", "-c", UPGRADE, database_url]
    root = Path(migrations.__file__).parents[2]
    with ExitStack() as stack:
        running = [
            stack.enter_context(
                subprocess.Popen(
                    command, cwd=root, env=clean_environment({}), stderr=subprocess.PIPE, stdout=subprocess.DEVNULL
                )
            )
            for _process in range(3)
        ]
        complaints = [process.communicate(timeout=60)[1].decode() for process in running]
    assert complaints == ["", "", ""]
    assert {process.returncode for process in running} == {0}
    assert set(Base.metadata.tables) <= tables(engine)


def test_an_upgrade_that_fails_leaves_no_half_of_it(engine: sa.Engine) -> None:
    with engine.begin() as connection:  # in the way of one of the later tables
        connection.exec_driver_sql(f"CREATE TABLE {PREFIX}messages (id integer)")
    with pytest.raises(sa.exc.DBAPIError):
        migrations.upgrade(engine)
    assert tables(engine) - {migrations.VERSION_TABLE} == {f"{PREFIX}messages"}
    assert migrations.current_revision(engine) is None
    with engine.begin() as connection:
        connection.exec_driver_sql(f"DROP TABLE {PREFIX}messages")
    migrations.upgrade(engine)
    assert set(Base.metadata.tables) <= tables(engine)
