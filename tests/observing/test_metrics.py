"""Metrics: closed without their token, right in number, and never labelled with what a request says."""

from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy.exc import IntegrityError

from kaltalk_iv.core.errors import Reason
from kaltalk_iv.models import Secret
from kaltalk_iv.state import current_state
from kaltalk_iv.testing import OrganizationForTests, add_organization, bearer, identify, send_message, set_organization
from tests.api.world import NOW, Clock, build_app, dispose, engine_of

TOKEN = "a-token-of-those-who-run-this"

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


@pytest.fixture(autouse=True)
def _metrics_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KALTALK_METRICS_TOKEN", TOKEN)


def counted(app: Flask) -> Samples:
    """Return every sample by (name, labels)."""
    answer = app.test_client().get("/metrics", headers=bearer(TOKEN))
    assert answer.status_code == 200
    families = text_string_to_metric_families(answer.get_data(as_text=True))
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def value(app: Flask, name: str, **labels: Any) -> float:
    """Return one sample; 0 when it was never counted."""
    return counted(app).get((name, tuple(sorted(labels.items()))), 0.0)


def test_without_a_token_in_the_settings_there_are_no_metrics(
    sqlite_url: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KALTALK_METRICS_TOKEN")
    app = build_app(sqlite_url, clock)
    for headers in ({}, bearer(""), bearer("None"), bearer(TOKEN)):
        assert app.test_client().get("/metrics", headers=headers).status_code == 404
    dispose(app)


@pytest.mark.parametrize(
    "header",
    [None, "", "Bearer", "Bearer ", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", f"Basic {TOKEN}", TOKEN, "Bearer é"],
)
def test_with_a_wrong_token_nothing_is_shown(client: FlaskClient, header: str | None) -> None:
    answer = client.get("/metrics", headers={} if header is None else {"Authorization": header})

    assert answer.status_code == 401
    assert b"kaltalk_" not in answer.data
    assert TOKEN not in answer.get_data(as_text=True)


@pytest.mark.parametrize(
    "token", ["short", "x" * 15, "with blanks in the middle", "ünïcödé-ünïcödé-ü", 12345678901234567]
)
def test_a_token_that_is_easy_to_guess_is_refused_at_the_start(sqlite_url: str, clock: Clock, token: object) -> None:
    with pytest.raises(RuntimeError, match="KALTALK_METRICS_TOKEN") as refused:
        build_app(sqlite_url, clock, KALTALK_METRICS_TOKEN=token)

    assert str(token) not in str(refused.value)


def test_identifies_are_counted_by_what_they_came_to(
    app: Flask, client: FlaskClient, org: OrganizationForTests
) -> None:
    identify(client, org.id, userJwt=org.sign("u_1", now=NOW))
    identify(client, org.id, userJwt=org.sign("u_1", now=NOW))
    identify(client, org.id, userJwt=org.sign("u_1", now=NOW - 7200))
    identify(client, org.id, email="ada@shop.example")
    identify(client, org.id)
    set_organization(app, org.id, mode="required")
    identify(client, org.id, userJwt="x")

    def identifies(outcome: str, reason: str = "") -> float:
        return value(app, "kaltalk_identifies_total", outcome=outcome, reason=reason)

    assert identifies("verified") == 2
    assert identifies("failed", "expired") == 1
    assert identifies("failed", "malformed") == 1
    assert identifies("unsigned", "no_token") == 1
    assert identifies("anonymous") == 1


def test_messages_answers_problems_and_times_are_counted(
    app: Flask, client: FlaskClient, org: OrganizationForTests
) -> None:
    session = identify(client, org.id, userJwt=org.sign("u_1", now=NOW)).json["session"]["token"]  # type: ignore[index]
    send_message(client, session, "Hello")
    send_message(client, "kts1.forged", "Hello")
    identify(client, "org_unknown")

    endpoint = "kaltalk_iv_api.messages"
    assert value(app, "kaltalk_messages_total", state="verified") == 1
    assert value(app, "kaltalk_requests_total", endpoint=endpoint, status="201") == 1
    assert value(app, "kaltalk_requests_total", endpoint=endpoint, status="401") == 1
    assert value(app, "kaltalk_request_seconds_count", endpoint=endpoint) == 2
    assert value(app, "kaltalk_problems_total", code="session_invalid") == 1
    assert value(app, "kaltalk_problems_total", code="unknown_organization") == 1


def test_what_an_operator_must_hear_of_is_counted(
    app: Flask, client: FlaskClient, org: OrganizationForTests, clock: Clock
) -> None:
    identify(client, org.id)
    clock.move(11)
    with client.get("/v1/messages"):
        pass  # the counts are written once an answer is on its way
    run = app.test_cli_runner().invoke
    run(args=["kaltalk-iv", "secret", "rotate", org.id])
    run(args=["kaltalk-iv", "secret", "replace", org.id, "--yes"])
    add_organization(app, "org_spoilt")
    with engine_of(app).begin() as connection:
        connection.execute(sa.update(Secret).where(Secret.organization_id == "org_spoilt").values(sealed="v1.AAAA"))
    assert identify(client, "org_spoilt", userJwt=org.sign("u_1", now=clock())).status_code == 503
    with engine_of(app).begin() as connection:
        connection.execute(sa.text("ALTER TABLE kaltalk_iv_organizations RENAME TO away"))
    assert identify(client, org.id).status_code == 503

    assert value(app, "kaltalk_count_writes_total", outcome="written") >= 1
    assert value(app, "kaltalk_secret_changes_total", change="rotated") == 1
    assert value(app, "kaltalk_secret_changes_total", change="replaced") == 1
    assert value(app, "kaltalk_secret_unavailable_total") == 1
    assert value(app, "kaltalk_database_errors_total", kind="OperationalError") == 1


def test_a_lost_race_that_runs_again_is_counted(app: Flask) -> None:
    tries: list[int] = []

    def lose_once(_session: object, _now: float) -> int:
        tries.append(1)
        if len(tries) == 1:
            raise IntegrityError("INSERT", {}, ValueError())
        return len(tries)

    with app.app_context():
        assert current_state().commit(lose_once) == 2

    assert value(app, "kaltalk_database_retries_total") == 1


def test_no_label_comes_from_a_request(app: Flask, client: FlaskClient, org: OrganizationForTests) -> None:
    marks = "mark-of-a-stranger"
    for path in (f"/{marks}", f"/v1/{marks}", f"/v1/organizations/{marks}/identify", f"/inbox/{marks}"):
        for method in ("GET", "POST", "DELETE"):
            client.open(
                path, method=method, json={"userJwt": marks, "email": f"{marks}@shop.example", "session": marks}
            )
    identify(client, org.id, userJwt=org.sign(marks, now=NOW, kid=marks))
    found = counted(app)

    assert marks not in str(found)
    assert org.id not in str(found)
    labels = {(name, value) for _, pairs in found for name, value in pairs}
    assert {value for name, value in labels if name == "reason"} <= {"", *Reason}
    endpoints = {value for name, value in labels if name == "endpoint"}
    assert endpoints <= set(app.view_functions) | {""}
    assert len(found) < 400


def test_two_applications_in_one_process_count_apart(
    app: Flask, client: FlaskClient, org: OrganizationForTests, sqlite_url: str, clock: Clock
) -> None:
    other = build_app(sqlite_url, clock)
    identify(client, org.id)

    assert value(app, "kaltalk_identifies_total", outcome="anonymous", reason="") == 1
    assert value(other, "kaltalk_identifies_total", outcome="anonymous", reason="") == 0
    dispose(other)


def test_junk_gives_one_line_a_minute_for_each_kind_and_the_next_says_how_many(
    client: FlaskClient, org: OrganizationForTests, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    def lines() -> list[str]:
        return [record.getMessage() for record in caplog.records if record.name == "kaltalk_iv.identify"]

    caplog.clear()
    for _ in range(30):
        identify(client, org.id, userJwt="junk")
        identify(client, org.id, userJwt=org.sign("u_1", now=NOW - 7200))
    assert sorted(lines()) == [f"An identify of {org.id} failed: {reason}." for reason in ("expired", "malformed")]

    clock.move(59)
    identify(client, org.id, userJwt="junk")
    assert len(lines()) == 2
    clock.move(1)
    identify(client, org.id, userJwt="junk")
    assert lines()[2:] == [f"An identify of {org.id} failed: malformed. (30 more like this since the last line)"]
