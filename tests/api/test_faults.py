"""A database that is away or locked, and secrets that cannot be opened: 503, never 401, and no half a row."""

import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import make_url
from werkzeug.test import TestResponse

from kaltalk_iv import generate_encryption_key, migrations
from kaltalk_iv.models import Secret
from kaltalk_iv.store import conversations
from kaltalk_iv.store.compiled import Compiled
from kaltalk_iv.testing import OrganizationForTests, add_organization, bearer, identify, read_messages, send_message
from tests.api.world import Clock, build_app, dispose, engine_of, everything_stored, rows_of


def check_unavailable(answer: TestResponse, code: str) -> None:
    """Fail unless ``answer`` asks to come back later."""
    assert (answer.status_code, answer.get_json()["code"]) == (503, code)
    assert answer.mimetype == "application/problem+json"
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.headers["Vary"] == "Origin"
    assert "SELECT" not in answer.text
    assert "kaltalk_iv_" not in answer.text


# Long enough to be a key, and not of a secret's shape: the whole run is searched for those.
PLAIN_TEXT = "somebody's own text in the place of a sealed secret"


def seal_differently(app: Flask, organization_id: str, sealed: str) -> None:
    """Put another text where the organization's sealed secret stands."""
    changed = sa.update(Secret).where(Secret.organization_id == organization_id).values(sealed=sealed)
    with engine_of(app).begin() as connection:
        connection.execute(changed)


def sealed_of(app: Flask, organization_id: str) -> str:
    """Return the sealed secret of the organization."""
    (secret,) = rows_of(app, Secret, organization_id)
    sealed: str = secret.sealed
    return sealed


@pytest.mark.parametrize("how", ["copied", "cut", "cut short", "plain text", "empty", "flipped", "version"])
@pytest.mark.parametrize("mode", ["optional", "required"])
def test_a_secret_that_does_not_open_is_a_503_and_never_a_key(
    app: Flask, client: FlaskClient, clock: Clock, caplog: pytest.LogCaptureFixture, how: str, mode: str
) -> None:
    org, other = add_organization(app, mode=mode), add_organization(app, "org_other")
    sealed, spare = sealed_of(app, org.id), sealed_of(app, other.id)
    broken = {
        "copied": spare,
        "cut": sealed[:-8],
        "cut short": sealed[:7],
        "plain text": PLAIN_TEXT,
        "empty": "",
        "flipped": sealed[:20] + ("A" if sealed[20] != "A" else "B") + sealed[21:],
        "version": "v2." + sealed[3:],
    }
    seal_differently(app, org.id, broken[how])
    before = everything_stored(app)
    for secret in (org.secret, other.secret, PLAIN_TEXT):
        token = OrganizationForTests(org.id, secret).sign("u_1", now=clock.now)
        check_unavailable(identify(client, org.id, userJwt=token), "secret_unavailable")
    check_unavailable(identify(client, org.id, userJwt="rubbish"), "secret_unavailable")
    assert everything_stored(app) == before
    assert org.secret not in caplog.text
    assert "CRITICAL" in {record.levelname for record in caplog.records}
    assert identify(client, other.id, userJwt=other.sign("u_1", now=clock.now)).status_code == 200


def test_without_its_encryption_key_a_secret_is_a_503_and_visitors_without_tokens_go_on(
    sqlite_url: str, clock: Clock
) -> None:
    app = build_app(sqlite_url, clock)
    org = add_organization(app)
    dispose(app)
    stranger = build_app(sqlite_url, clock, KALTALK_IV_ENCRYPTION_KEYS=generate_encryption_key())
    client = stranger.test_client()
    check_unavailable(identify(client, org.id, userJwt=org.sign("u_1", now=clock.now)), "secret_unavailable")
    assert identify(client, org.id, externalId="u_1").get_json()["identity"]["reason"] == "no_token"
    dispose(stranger)


@pytest.fixture
def impatient(sqlite_app: Flask) -> Flask:
    """Give KalTalk on a SQLite file for which it does not wait ten seconds."""
    engine = engine_of(sqlite_app)
    engine.dispose()
    sa.event.listen(engine, "connect", lambda connection, _record: connection.execute("PRAGMA busy_timeout=20"))
    return sqlite_app


@pytest.fixture
def locked(impatient: Flask, sqlite_url: str) -> Iterator[sqlite3.Connection]:
    """Give a second program that holds the file, and lets go at the end."""
    add_organization(impatient)
    connection = sqlite3.connect(str(make_url(sqlite_url).database), isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    yield connection
    connection.close()


def test_a_locked_database_is_a_503_and_the_next_try_goes_through(
    impatient: Flask, clock: Clock, locked: sqlite3.Connection
) -> None:
    client = impatient.test_client()
    session = identify(client, "org_test").get_json()["session"]["token"]
    before = everything_stored(impatient)
    check_unavailable(identify(client, "org_test", externalId="u_1"), "unavailable")
    check_unavailable(send_message(client, session, "hello", "m1"), "unavailable")
    check_unavailable(client.delete("/v1/session", headers=bearer(session)), "unavailable")
    assert read_messages(client, session).status_code == 200
    locked.execute("ROLLBACK")
    assert everything_stored(impatient) == before
    assert identify(client, "org_test", externalId="u_1").status_code == 200
    assert send_message(client, session, "hello", "m1").status_code == 201


def answers_of(client: FlaskClient, session: str) -> list[Any]:
    """Return what each route answers."""
    return [
        identify(client, "org_test", externalId="u_9"),
        send_message(client, session, "hello"),
        read_messages(client, session),
        client.delete("/v1/session", headers=bearer(session)),
        client.open("/v1/organizations/org_test/identify", method="OPTIONS", headers={"Origin": "https://a.example"}),
    ]


def test_a_database_that_is_away_is_a_503_everywhere_and_never_a_401(
    postgresql_app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    add_organization(postgresql_app)
    client = postgresql_app.test_client()
    session = identify(client, "org_test").get_json()["session"]["token"]
    engine = engine_of(postgresql_app)
    name = engine.url.database
    admin = sa.create_engine(engine.url.set(database="postgres"), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.exec_driver_sql(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        connection.execute(
            sa.text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"), {"name": name}
        )
        for answer in answers_of(client, session) + answers_of(client, session):
            check_unavailable(answer, "unavailable")
        connection.exec_driver_sql(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
    admin.dispose()
    assert str(name) not in caplog.text
    assert identify(client, "org_test", externalId="u_1").status_code == 200


def test_tables_that_are_not_there_are_a_503(app: Flask, client: FlaskClient) -> None:
    migrations.downgrade(engine_of(app), "base")
    check_unavailable(identify(client, "org_test"), "unavailable")


def test_a_failed_identify_leaves_no_half_a_row(
    app: Flask, client: FlaskClient, org: OrganizationForTests, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = everything_stored(app)
    send, failed = Compiled.rows, list[str]()

    def fail(statement: Any, connection: Any, values: Any) -> Any:
        rows = send(statement, connection, values)
        if "INSERT INTO kaltalk_iv_customers " in statement.text:
            failed.append(statement.text)
            raise sa.exc.OperationalError("the connection is gone", None, Exception())
        return rows

    with monkeypatch.context() as patch:
        patch.setattr(Compiled, "rows", fail)
        answer = identify(client, org.id, userJwt=org.sign("u_1", now=clock.now))
    assert len(failed) == 1
    check_unavailable(answer, "unavailable")
    assert everything_stored(app) == before  # the secret's stamp, written before it, is gone too
    assert identify(client, org.id, userJwt=org.sign("u_1", now=clock.now)).status_code == 200


def test_a_new_customer_does_not_stand_when_the_conversation_could_not_follow(
    app: Flask, client: FlaskClient, org: OrganizationForTests, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    identify(client, org.id, userJwt=org.sign("u_1", now=clock.now))  # stamps the secret, which is a change too
    nobody = identify(client, org.id).get_json()["session"]["token"]
    send_message(client, nobody, "hello")
    before = everything_stored(app)

    def fail(*_of: object) -> None:
        raise sa.exc.OperationalError("the connection is gone", None, Exception())

    with monkeypatch.context() as patch:
        patch.setattr(conversations, "nobodys_thread", fail)
        check_unavailable(
            identify(client, org.id, userJwt=org.sign("u_2", now=clock.now), session=nobody), "unavailable"
        )
    assert everything_stored(app) == before
