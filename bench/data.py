"""The data of the comparison: an organization, its secrets and customers, in KalTalk's tables and in the peers'.

The peers keep signing secrets in plain text, as people do; KalTalk seals them. Both have a current secret and one in
its grace window, and customers who were all verified by the current one.
"""

import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa

from bench.ground import connect, postgresql, tidy
from kaltalk_iv import generate_encryption_key, migrations
from kaltalk_iv.models import Base, Customer, CustomerProof
from kaltalk_iv.server import create_app
from kaltalk_iv.service import settings as use_cases
from kaltalk_iv.service.settings import Actor
from kaltalk_iv.state import current_state
from kaltalk_iv.testing import OrganizationForTests, add_organization

Backend = Literal["sqlite", "postgresql"]
BACKENDS: tuple[Backend, ...] = ("sqlite", "postgresql")

ORGANIZATION = "org_bench"
ORIGIN = "https://shop.example"
IDENTIFY_PATH = f"/v1/organizations/{ORGANIZATION}/identify"
_SCHEMA = (Path(__file__).parent / "peers" / "schema.sql").read_text(encoding="utf-8")
_BATCH = 5_000
_CUSTOMERS, _PROOFS = (Base.metadata.tables[model.__tablename__] for model in (Customer, CustomerProof))


@dataclass(frozen=True, slots=True)
class Data:
    """Two filled databases of one kind, and what their hosts and their servers know."""

    backend: Backend
    ours: sa.Engine
    peers: sa.Engine
    customers: int
    secret: str = field(repr=False)
    previous_secret: str = field(repr=False)
    environment: Mapping[str, str] = field(repr=False)  # of ours
    peers_environment: Mapping[str, str] = field(repr=False)


def customer_claims(number: int | str, name: str | None = None) -> dict[str, str]:
    """Return what the token of a customer says: ``u_1`` and so on are there, other words are new ones."""
    sub = f"u_{number}"
    return {"sub": sub, "email": f"{sub}@shop.example", "name": name or f"Customer {number}"}


def sign(claims: Mapping[str, Any], secret: str, now: float, lifetime: float = 3600) -> str:
    """Return a user token as a host signs it. By hand, because ten thousands are wanted at a time."""
    payload = dict(claims) | {"iat": int(now), "exp": int(now + lifetime)}
    parts = ({"alg": "HS256", "typ": "JWT"}, payload)
    signed = ".".join(_base64url(json.dumps(part, separators=(",", ":")).encode()) for part in parts)
    return f"{signed}.{_base64url(hmac.digest(secret.encode(), signed.encode(), hashlib.sha256))}"


@contextmanager
def prepared(backend: Backend, folder: Path, customers: int) -> Iterator[Data]:
    """Yield both databases, filled with so many customers who were seen just now."""
    if backend == "sqlite":
        yield from _filled(backend, lambda name: f"sqlite:///{folder}/{name}.sqlite3", customers)
        return
    with postgresql() as url:
        with connect(url) as connection:
            for name in ("ours", "peers"):
                connection.execute(f"CREATE DATABASE {name}".encode())
        yield from _filled(backend, lambda name: url.replace("/postgres?", f"/{name}?"), customers)


def see_again(data: Data, numbers: Sequence[int]) -> None:
    """Let these customers have been seen just now: an identify of theirs writes nothing for a quarter of an hour."""
    values = [{"now": time.time(), "sub": f"u_{number}"} for number in numbers]
    for engine, table in ((data.ours, "kaltalk_iv_customers"), (data.peers, "customers")):
        statement = f"UPDATE {table} SET last_seen_at = :now WHERE organization_id = '{ORGANIZATION}'"
        with engine.begin() as connection:
            connection.execute(sa.text(f"{statement} AND external_id = :sub"), values)
    settle(data)


def settle(data: Data) -> None:
    """Tidy both databases, and have what was changed on the disk, so that no side pays for another."""
    for engine in (data.ours, data.peers):
        tidy(engine)
    if data.backend == "postgresql":
        with connect(data.ours.url.render_as_string(hide_password=False)) as administration:
            administration.execute("CHECKPOINT")


def count(data: Data, table: str, *, ours: bool, like: str = "%") -> int:
    """Return how many customers or messages there are whose name, or text, is ``like`` this."""
    column = "name" if table == "customers" else "text"
    statement = f"SELECT count(*) FROM {'kaltalk_iv_' if ours else ''}{table} WHERE {column} LIKE :like"
    with (data.ours if ours else data.peers).connect() as connection:
        found: int = connection.execute(sa.text(statement), {"like": like}).scalar_one()
    return found


def _filled(backend: Backend, url_of: Callable[[str], str], customers: int) -> Iterator[Data]:
    ours_url, peers_url = url_of("ours"), url_of("peers")
    keys = {"KALTALK_SECRET_KEY": secrets.token_urlsafe(32), "KALTALK_IV_ENCRYPTION_KEYS": generate_encryption_key()}
    ours, peers = sa.create_engine(ours_url), sa.create_engine(peers_url)
    current, previous = _fill_ours(ours, keys, customers)
    _fill_peers(peers, current, previous, customers)
    url = peers.url
    peers_environment = {"BENCH_DATABASE_URL": peers_url, "BENCH_SESSION_KEY": secrets.token_urlsafe(32)}
    if backend == "sqlite":
        peers_environment["BENCH_SQLITE_FILE"] = str(url.database)
    else:  # what libpq, node-postgres and Django take
        peers_environment |= {"PGHOST": str(url.query["host"]), "PGUSER": "postgres", "PGDATABASE": str(url.database)}
    data = Data(
        backend, ours, peers, customers, current, previous, keys | {"KALTALK_DATABASE_URL": ours_url}, peers_environment
    )
    settle(data)
    yield data
    ours.dispose()
    peers.dispose()


def _fill_ours(engine: sa.Engine, keys: Mapping[str, str], customers: int) -> tuple[str, str]:
    """Fill KalTalk's tables by its own migration and services; return the current and the previous secret.

    One customer comes of a real identify, and the others are rows of the same shape.
    """
    url = engine.url.render_as_string(hide_password=False)
    app = create_app(
        {
            "SQLALCHEMY_DATABASE_URI": url,
            "SECRET_KEY": keys["KALTALK_SECRET_KEY"],
            "KALTALK_IV_ENCRYPTION_KEYS": keys["KALTALK_IV_ENCRYPTION_KEYS"],
        }
    )
    now, actor = time.time(), Actor("bench", "local")
    with app.app_context():
        state = current_state()
        migrations.upgrade(state.engine)
        previous = add_organization(app, ORGANIZATION, origins=ORIGIN)
        state.commit(lambda s, at: use_cases.rotate_secret(s, state.settings, actor, ORGANIZATION, None, at))
        secret = state.commit(lambda s, at: use_cases.reveal_current_secret(s, state.settings, actor, ORGANIZATION, at))
        current = OrganizationForTests(ORGANIZATION, secret)
    token = sign(customer_claims(0), secret, now)
    answer = app.test_client().post(IDENTIFY_PATH, json={"userJwt": token}, headers={"Origin": ORIGIN})
    if answer.status_code != 200 or answer.get_json()["identity"]["state"] != "verified":
        raise RuntimeError(f"the pattern of all customers was not verified: {answer.status_code}")
    with engine.begin() as connection:
        pattern = connection.execute(sa.select(*_CUSTOMERS.c)).one()._asdict()
        proof = connection.execute(sa.select(*_PROOFS.c)).one()._asdict()
        for first in range(1, customers + 1, _BATCH):
            rows = [_like(pattern, number) for number in range(first, min(first + _BATCH, customers + 1))]
            connection.execute(_CUSTOMERS.insert(), rows)
            connection.execute(_PROOFS.insert(), [proof | {"customer_id": row["id"]} for row in rows])
    return current.secret, previous.secret


def _like(pattern: Mapping[str, Any], number: int) -> dict[str, Any]:
    """Return the row of a customer like that of number 0, with its own id and values."""
    claims, before = customer_claims(number), customer_claims(0)
    changed = {pattern["id"]: f"cus_{secrets.token_hex(12)}"}
    changed |= {before[name]: claims[name] for name in before}
    changed |= {before[name].casefold(): claims[name].casefold() for name in before}
    return {name: changed.get(value, value) for name, value in pattern.items()}


def _fill_peers(engine: sa.Engine, current: str, previous: str, customers: int) -> None:
    now = time.time()
    key = "bigserial PRIMARY KEY" if engine.dialect.name == "postgresql" else "integer PRIMARY KEY AUTOINCREMENT"
    with engine.begin() as connection:
        for statement in _SCHEMA.replace("BIG_ID", key).split(";\n"):
            if statement.strip():
                connection.exec_driver_sql(statement)
        origins = {"id": ORGANIZATION, "origins": json.dumps([ORIGIN])}
        connection.execute(sa.text("INSERT INTO organizations VALUES (:id, 'Shop', 'optional', :origins)"), origins)
        insert = sa.text(
            "INSERT INTO signing_secrets (organization_id, secret, created_at, expires_at) VALUES (:id, :s, :t, :e)"
        )
        aged = {"id": ORGANIZATION, "s": previous, "t": now - 3600, "e": now + 86_400}
        connection.execute(insert, [aged, {"id": ORGANIZATION, "s": current, "t": now, "e": None}])
        add = sa.text(
            "INSERT INTO customers (organization_id, external_id, email, name, verified, verified_at, last_seen_at)"
            f" VALUES ('{ORGANIZATION}', :sub, :email, :name, :yes, :now, :now)"
        )
        for first in range(0, customers + 1, _BATCH):
            rows = [customer_claims(number) for number in range(first, min(first + _BATCH, customers + 1))]
            connection.execute(add, [row | {"yes": True, "now": now} for row in rows])
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA journal_mode=WAL")  # stays with the file; KalTalk sets it for itself


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
