"""Is it alive, is it ready: asked by machines all day and by strangers, and answered in bounded time."""

import time
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from kaltalk_iv import generate_encryption_key
from kaltalk_iv.models import Secret
from kaltalk_iv.service.readiness import WAIT_SECONDS
from kaltalk_iv.testing import OrganizationForTests, add_organization
from tests.api.world import Clock, build_app, dispose, engine_of


@pytest.fixture
def hanging(sqlite_url: str, clock: Clock) -> Iterator[Flask]:
    """Give a KalTalk with one database connection and the patience to wait half a minute for it."""
    options = {"pool_size": 1, "max_overflow": 0, "pool_timeout": 30}
    app = build_app(sqlite_url, clock, SQLALCHEMY_ENGINE_OPTIONS=options)
    yield app
    dispose(app)


def execute(app: Flask, statement: sa.Executable) -> None:
    """Change the database behind ``app``'s back."""
    with engine_of(app).begin() as connection:
        connection.execute(statement)


def readiness(app: Flask) -> tuple[int, str | None]:
    """Return the status and the part that is missing."""
    answer = app.test_client().get("/readyz")
    assert answer.json is not None
    return answer.status_code, answer.json.get("missing")


def test_a_server_that_serves_is_alive_and_ready(app: Flask, org: OrganizationForTests) -> None:
    assert app.test_client().get("/healthz").json == {"status": "ok"}
    assert readiness(app) == (200, None)


def test_a_server_without_any_organization_is_ready(app: Flask) -> None:
    assert readiness(app) == (200, None)


def test_a_server_without_its_database_is_alive_and_not_ready(clock: Clock) -> None:
    app = build_app("sqlite:////there/is/no/such/folder/kaltalk.sqlite3", clock)

    assert app.test_client().get("/healthz").status_code == 200
    assert readiness(app) == (503, "database")


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("DELETE FROM kaltalk_iv_alembic_version", (503, "tables")),
        ("DROP TABLE kaltalk_iv_alembic_version", (503, "tables")),
        ("UPDATE kaltalk_iv_alembic_version SET version_num = '0002_of_the_next_release'", (200, None)),
    ],
)
def test_tables_that_are_missing_are_not_ready_and_newer_ones_are(
    app: Flask, statement: str, expected: tuple[int, str | None]
) -> None:
    execute(app, sa.text(statement))

    assert readiness(app) == expected


def test_with_other_encryption_keys_a_server_is_not_ready(
    app: Flask, org: OrganizationForTests, sqlite_url: str, clock: Clock
) -> None:
    restored = build_app(sqlite_url, clock, KALTALK_IV_ENCRYPTION_KEYS=generate_encryption_key())

    assert readiness(restored) == (503, "encryption_keys")
    dispose(restored)


def test_one_spoilt_secret_does_not_take_every_organization_down(app: Flask, org: OrganizationForTests) -> None:
    add_organization(app, "org_spoilt")
    execute(app, sa.update(Secret).where(Secret.organization_id == "org_spoilt").values(sealed="v1.AAAA"))

    assert readiness(app) == (200, None)


def test_a_database_that_hangs_is_not_waited_for_and_is_asked_once(hanging: Flask) -> None:
    connections = engine_of(hanging).connect()
    began = time.monotonic()
    first = readiness(hanging)
    took = time.monotonic() - began
    with hanging.app_context():
        under_way = hanging.extensions["kaltalk_iv"].readiness._under_way
    second = readiness(hanging)
    still = hanging.extensions["kaltalk_iv"].readiness._under_way
    connections.close()

    assert first == second == (503, "database")
    assert WAIT_SECONDS <= took < WAIT_SECONDS + 5
    assert under_way is not None
    assert under_way is still
    assert under_way.wait(10)  # the question that hung is answered now
    assert readiness(hanging) == (200, None)


def test_the_answer_is_kept_for_a_second_so_that_nobody_can_flood_the_database(app: Flask) -> None:
    asked: list[str] = []
    sa.event.listen(engine_of(app), "before_cursor_execute", lambda *arguments: asked.append(arguments[2]))
    client = app.test_client()
    client.get("/readyz")
    once = len(asked)
    for _ in range(20):
        client.get("/readyz")

    assert once > 0
    assert len(asked) <= 2 * once  # a slow machine may take longer than the second


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_these_answers_are_kept_by_nobody_and_open_no_other_origin(client: FlaskClient, path: str) -> None:
    answer = client.get(path, headers={"Origin": "https://evil.example"})

    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert not [name for name, _ in answer.headers if name.startswith("Access-Control")]
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("broken", [False, True])
def test_a_stranger_learns_no_detail(app: Flask, broken: bool) -> None:
    if broken:
        execute(app, sa.text("DROP TABLE kaltalk_iv_alembic_version"))
    body = app.test_client().get("/readyz").get_data(as_text=True)

    assert len(body) < 60
    assert "sqlite" not in body
    assert "kaltalk" not in body
