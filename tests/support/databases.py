"""Fresh databases for tests: each test its own, copied from one that was prepared once."""

import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql
from sqlalchemy import URL, make_url

# Makes the tables in the empty database at a URL, and lets go of it again: no connection may stay open.
Prepare = Callable[[str], None]


def partitions_for(url: str) -> int | None:
    """Return KALTALK_TEST_PARTITIONS for PostgreSQL: with it the same tests run on tables in so many partitions."""
    wanted = os.environ.get("KALTALK_TEST_PARTITIONS")
    return int(wanted) if wanted and make_url(url).get_backend_name() == "postgresql" else None


class SqliteDatabases:
    """SQLite files, each a copy of a template file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._templates: dict[Prepare, Path] = {}

    @contextmanager
    def fresh(self, prepare: Prepare, folder: Path) -> Iterator[str]:
        """Yield the URL of a file in `folder` as `prepare` leaves an empty one."""
        template = self._templates.get(prepare) or self._make_template(prepare)
        database = folder / f"test-{secrets.token_hex(4)}.sqlite3"
        shutil.copyfile(template, database)
        yield _sqlite_url(database)

    def _make_template(self, prepare: Prepare) -> Path:
        template = self._folder / f"template-{len(self._templates)}.sqlite3"
        template.touch()
        prepare(_sqlite_url(template))
        if Path(f"{template}-wal").exists():
            msg = "the template database is still open: dispose of its engine in `prepare`"
            raise RuntimeError(msg)
        self._templates[prepare] = template
        return template


class PostgresqlDatabases:
    """Databases on one PostgreSQL server, each a copy of a template database; all are dropped in `close`."""

    def __init__(self, admin_url: str) -> None:
        self._admin_url = make_url(admin_url).set(drivername="postgresql+psycopg")
        self._mark = f"kaltalk_test_{secrets.token_hex(4)}"
        self._templates: dict[Prepare, str] = {}
        self._count = 0

    @contextmanager
    def fresh(self, prepare: Prepare) -> Iterator[str]:
        """Yield the URL of a new database as `prepare` leaves an empty one; drop it afterwards, whoever uses it."""
        template = self._templates.get(prepare) or self._make_template(prepare)
        self._count += 1
        name = f"{self._mark}_{self._count}"
        self._create(name, template)
        try:
            yield self._url(name)
        finally:
            self._drop(name)

    def close(self) -> None:
        """Drop the templates. The server is left as it was found."""
        while self._templates:
            self._drop(self._templates.popitem()[1])

    def _make_template(self, prepare: Prepare) -> str:
        name = f"{self._mark}_template_{len(self._templates)}"
        self._create(name, "template0")
        try:
            prepare(self._url(name))
        except BaseException:
            self._drop(name)
            raise
        self._templates[prepare] = name
        return name

    def _create(self, name: str, template: str) -> None:
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
        with self._administer() as connection:
            if connection.info.server_version >= 150000:  # copying files takes a fifth of the time of the default
                statement += sql.SQL(" STRATEGY FILE_COPY")
            connection.execute(statement)

    def _drop(self, name: str) -> None:
        # FORCE: a connection that a test forgot must not keep its database, nor fail the tests after it.
        with self._administer() as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def _administer(self) -> psycopg.Connection:
        return psycopg.connect(_plain(self._admin_url), autocommit=True)

    def _url(self, name: str) -> str:
        return _plain(self._admin_url.set(database=name), driver="postgresql+psycopg")


def _plain(url: URL, driver: str = "postgresql") -> str:
    """Return the URL as text with its password, for whoever connects; SQLAlchemy's str() would put stars there."""
    return url.set(drivername=driver).render_as_string(hide_password=False)


def _sqlite_url(file: Path) -> str:
    return URL.create("sqlite", database=str(file)).render_as_string()
