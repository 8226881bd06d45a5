"""Each test has a database of its own, copied from one that was prepared once."""

from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import OperationalError

from tests.support.cluster import find_postgresql
from tests.support.databases import PostgresqlDatabases, Prepare, SqliteDatabases


def run(url: str, statement: str) -> list[object]:
    """Return the first column of what the statement answers, through a connection that is gone afterwards."""
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            result = connection.execute(text(statement))
            return list(result.scalars()) if result.returns_rows else []
    finally:
        engine.dispose()


class CountedPreparation:
    """Makes one table and counts how often it was asked to."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, url: str) -> None:
        """Make the table `pets` with one row."""
        self.calls += 1
        run(url, "CREATE TABLE pets (name text PRIMARY KEY)")
        run(url, "INSERT INTO pets VALUES ('Rex')")


@pytest.fixture(scope="module")
def preparation() -> CountedPreparation:
    return CountedPreparation()


@pytest.fixture(scope="module")
def prepare_database(preparation: CountedPreparation) -> Prepare:
    return preparation


def test_the_url_names_the_kind_of_database_that_the_test_id_names(
    database_url: str, request: pytest.FixtureRequest
) -> None:
    kind = make_url(database_url).get_backend_name()
    assert request.node.name.endswith(f"[{kind}]")


@pytest.mark.parametrize("repetition", [1, 2, 3])
def test_what_one_test_writes_the_next_one_does_not_find(database_url: str, repetition: int) -> None:
    assert run(database_url, "SELECT name FROM pets") == ["Rex"]
    run(database_url, "INSERT INTO pets VALUES ('Tom')")
    assert run(database_url, "SELECT count(*) FROM pets") == [2]


def test_the_tables_are_made_once_for_each_kind_of_database(
    sqlite_databases: SqliteDatabases, postgresql_databases: PostgresqlDatabases, tmp_path: Path
) -> None:
    counted = CountedPreparation()
    for _ in range(3):
        with sqlite_databases.fresh(counted, tmp_path), postgresql_databases.fresh(counted):
            pass
    assert counted.calls == 2


def test_a_postgresql_database_is_dropped_even_while_someone_holds_a_connection(
    postgresql_databases: PostgresqlDatabases, preparation: CountedPreparation
) -> None:
    with postgresql_databases.fresh(preparation) as url:
        engine = create_engine(url)
        connection = engine.connect()
    with pytest.raises(OperationalError):
        connection.execute(text("SELECT 1"))
    connection.close()
    engine.dispose()
    with pytest.raises(OperationalError, match="does not exist"):
        run(url, "SELECT 1")


def test_closing_leaves_the_server_as_it_was_found(postgresql_url: str, preparation: CountedPreparation) -> None:
    listing = "SELECT datname FROM pg_database ORDER BY 1"
    before = run(postgresql_url, listing)
    databases = PostgresqlDatabases(postgresql_url)
    with databases.fresh(preparation):
        assert len(run(postgresql_url, listing)) == len(before) + 2
    databases.close()
    assert run(postgresql_url, listing) == before


def test_a_sqlite_template_that_is_still_open_is_refused(sqlite_databases: SqliteDatabases, tmp_path: Path) -> None:
    engines = []

    def forget_to_dispose(url: str) -> None:
        engine = create_engine(url)
        engines.append(engine)
        with engine.connect() as connection:
            connection.execute(text("PRAGMA journal_mode=WAL"))
            connection.execute(text("CREATE TABLE pets (name text)"))
            connection.commit()

    with pytest.raises(RuntimeError, match="still open"), sqlite_databases.fresh(forget_to_dispose, tmp_path):
        pass
    engines[0].dispose()


def test_postgresql_is_found_where_debian_puts_it_newest_first(tmp_path: Path) -> None:
    for version in ("9.6", "15", "17"):
        folder = tmp_path / version / "bin"
        folder.mkdir(parents=True)
        for program in ("initdb", "pg_ctl"):
            (folder / program).touch()
    assert find_postgresql(search_path=str(tmp_path), debian=tmp_path) == tmp_path / "17" / "bin"


def test_a_machine_without_postgresql_has_none(tmp_path: Path) -> None:
    assert find_postgresql(search_path=str(tmp_path), debian=tmp_path) is None
