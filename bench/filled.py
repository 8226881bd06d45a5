"""Where filled databases are kept: a folder with a PostgreSQL cluster, SQLite files and their keys."""

import hashlib
import json
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import sqlalchemy as sa
from flask import Flask

from bench.rows import LARGE, SMALL_ONES
from kaltalk_iv import generate_encryption_key, migrations
from kaltalk_iv.migrations import versions
from kaltalk_iv.server import create_app
from kaltalk_iv.service import agents
from kaltalk_iv.service import settings as use_cases
from kaltalk_iv.service.settings import Actor
from kaltalk_iv.state import current_state
from kaltalk_iv.testing import OrganizationForTests, add_organization
from tests.support.cluster import Cluster, find_postgresql

LOGIN = "grace"


@dataclass(frozen=True, slots=True)
class Filled:
    """A filled database: what a KalTalk on it is started with, and what its host and its agent know."""

    kind: str  # plain, parts or sqlite
    size: str
    url: str
    secret_key: str = field(repr=False)
    encryption_key: str = field(repr=False)
    signing_secret: str = field(repr=False)
    password: str = field(repr=False)

    @property
    def environment(self) -> dict[str, str]:
        """The settings of a server on it. Limits are off: a single client asks for all."""
        return {
            "KALTALK_DATABASE_URL": self.url,
            "KALTALK_SECRET_KEY": self.secret_key,
            "KALTALK_IV_ENCRYPTION_KEYS": self.encryption_key,
            "KALTALK_IV_LIMITS": "off",
        }

    @property
    def organization(self) -> OrganizationForTests:
        """The large organization, with its signing secret."""
        return OrganizationForTests(LARGE, self.signing_secret)


class Place:
    """A folder of filled databases."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        binaries = find_postgresql()
        if binaries is None:
            raise RuntimeError("PostgreSQL is not there. On Debian: apt install postgresql")
        self._cluster_folder = folder / "cluster"
        if not self._cluster_folder.exists():
            self._cluster_folder.mkdir()
            if os.geteuid() == 0:
                shutil.chown(self._cluster_folder, "postgres", "postgres")
        self._binaries = binaries
        self._url = ""

    @property
    def log(self) -> Path:
        """What the PostgreSQL server writes."""
        return self._cluster_folder / "log"

    @contextmanager
    def server(self, settings: Mapping[str, str]) -> Iterator[Cluster]:
        """Run the PostgreSQL server with ``settings`` meanwhile."""
        cluster = Cluster(self._binaries, self._cluster_folder, settings)
        self._url = cluster.url
        cluster.start()
        try:
            yield cluster
        finally:
            cluster.stop()

    def find(self, kind: str, size: str) -> Filled | None:
        """Return the database of this kind and size, or None when it is not there, only in part, or of other tables."""
        kept = self._kept(kind, size)
        found = json.loads(kept.read_text()) if kept.exists() else {}
        return Filled(**found["filled"]) if found.get("tables") == _tables() else None

    def keep(self, filled: Filled) -> None:
        """Note that the database is filled. Its keys open nothing else, and still only their owner reads them."""
        kept = self._kept(filled.kind, filled.size)
        kept.touch(mode=0o600)
        kept.write_text(json.dumps({"tables": _tables(), "filled": asdict(filled)}))

    def create(self, kind: str, size: str, partitions: int | None) -> tuple[Filled, sa.Engine, str]:
        """Return a database with KalTalk's tables, an agent and a hundred organizations, one of them with two secrets.

        Also an engine on it, and the id of the revoked secret. One that is there, but was not kept, is replaced.
        """
        url = self._empty_database(kind, size)
        keys = secrets.token_urlsafe(32), generate_encryption_key(), "", secrets.token_urlsafe(16)
        unsaid = Filled(kind, size, url, *keys)
        app = create_app(
            {
                "SQLALCHEMY_DATABASE_URI": url,
                "SECRET_KEY": unsaid.secret_key,
                "KALTALK_IV_ENCRYPTION_KEYS": unsaid.encryption_key,
                "KALTALK_IV_LIMITS": "off",
            }
        )
        with app.app_context():
            migrations.upgrade(current_state().engine, partitions=partitions)
        secret = _found(app, unsaid.password)
        engine = sa.create_engine(url)
        with engine.connect() as connection:
            revoked: str = connection.execute(
                sa.text("SELECT id FROM kaltalk_iv_secrets WHERE revoked_at IS NOT NULL")
            ).scalar_one()
        return Filled(kind, size, url, *keys[:2], secret, keys[3]), engine, revoked

    def _empty_database(self, kind: str, size: str) -> str:
        name = f"{kind}_{size}"
        if kind == "sqlite":
            for path in self.folder.glob(f"{name}.sqlite3*"):
                path.unlink()
            return f"sqlite:///{self.folder / name}.sqlite3"
        engine = sa.create_engine(self._url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(sa.text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
            connection.execute(sa.text(f"CREATE DATABASE {name}"))
        engine.dispose()
        return self._url.replace("/postgres?", f"/{name}?")

    def _kept(self, kind: str, size: str) -> Path:
        return self.folder / f"{kind}_{size}.json"


@contextmanager
def open_place(folder: str | None) -> Iterator[Place]:
    """Yield the place in ``folder``, which stays; without one, a place that is gone afterwards."""
    if folder is not None:
        Path(folder).mkdir(parents=True, exist_ok=True)
        yield Place(Path(folder))
        return
    made = Path(tempfile.mkdtemp(prefix="kaltalk-filled-"))
    made.chmod(0o755)  # the server runs as postgres, and its socket is in here
    try:
        yield Place(made)
    finally:
        shutil.rmtree(made)


def _tables() -> str:
    """Return what tells the tables that the migrations of this checkout make from those of another."""
    files = sorted(Path(versions.__path__[0]).glob("*.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def _found(app: Flask, password: str) -> str:
    """Make the organizations and the agent, and return the signing secret of the large one."""
    add_organization(app, LARGE)
    for number in range(SMALL_ONES):
        add_organization(app, f"org_small_{number}")
    actor = Actor("bench", "local")
    with app.app_context():
        state = current_state()
        state.commit(lambda db, now: use_cases.replace_secrets(db, state.settings, actor, LARGE, now))
        state.commit(
            lambda db, now: agents.create_agent(
                db, LARGE, login=LOGIN, name="Grace", role="agent", password=password, now=now
            )
        )
        return state.commit(lambda db, now: use_cases.reveal_current_secret(db, state.settings, actor, LARGE, now))
