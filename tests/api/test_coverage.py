"""Identifies are counted in memory, written after an answer is on its way, and reported by the hour."""

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from kaltalk_iv.core.coverage import Outcome, Sighting
from kaltalk_iv.service import coverage
from kaltalk_iv.service.coverage import Counts, Coverage, Failure
from kaltalk_iv.state import current_state
from kaltalk_iv.testing import OrganizationForTests, add_organization, identify, read_messages, set_organization
from tests.api.world import DAY, HOUR, NOW, Clock, engine_of


def report(app: Flask, organization_id: str, *, write: bool = True) -> Coverage:
    """Return the report, after writing what this process has counted."""
    with app.app_context():
        state = current_state()
        if write:
            state.write_counts()
        return coverage.report(state.session, organization_id, state.clock())


def test_each_kind_of_identify_is_counted_as_what_it_was(
    app: Flask, client: FlaskClient, org: OrganizationForTests, clock: Clock
) -> None:
    identify(client, org.id, userJwt=org.sign("u_1", now=clock.now))
    identify(client, org.id, userJwt=org.sign("u_1", now=clock.now))
    identify(client, org.id, userJwt=org.sign("u_1", now=clock.now - 2 * HOUR))
    identify(client, org.id, userJwt="nonsense")
    identify(client, org.id, email="ada@example.com")
    identify(client, org.id)

    found = report(app, org.id)

    assert found.last_day == found.last_week == Counts(verified=2, failed=2, unsigned=1, anonymous=1)
    assert found.last_week.would_be_refused == 3
    assert found.failures == (
        Failure("expired", 1, NOW, NOW, HOUR),
        Failure("malformed", 1, NOW, NOW, None),
    )


def test_what_required_refuses_is_counted_too(
    app: Flask, client: FlaskClient, org: OrganizationForTests, clock: Clock
) -> None:
    set_organization(app, org.id, mode="required")
    ahead = identify(client, org.id, userJwt=org.sign("u_1", now=clock.now, iat=clock.now + 600))
    claimed = identify(client, org.id, email="ada@example.com")

    found = report(app, org.id)

    assert (ahead.status_code, claimed.status_code) == (401, 401)
    assert found.last_day == Counts(failed=1, unsigned=1)
    assert found.failures == (Failure("not_yet_valid", 1, NOW, NOW, 600.0),)


def test_a_token_that_mode_off_did_not_look_at_is_unsigned(
    app: Flask, client: FlaskClient, org: OrganizationForTests, clock: Clock
) -> None:
    set_organization(app, org.id, mode="off")
    identify(client, org.id, userJwt=org.sign("u_1", now=clock.now))

    assert report(app, org.id).last_day == Counts(unsigned=1)


def test_no_identify_waits_for_its_count_and_the_first_answer_after_ten_seconds_writes_it(
    app: Flask, client: FlaskClient, org: OrganizationForTests, clock: Clock
) -> None:
    token = org.sign("u_1", now=clock.now)
    session = identify(client, org.id, userJwt=token).get_json()["session"]["token"]
    clock.move(coverage.WRITE_EVERY_SECONDS - 1)
    identify(client, org.id, userJwt=token)
    assert report(app, org.id, write=False).last_day == Counts()

    clock.move(1)
    answer = read_messages(client, session)
    assert report(app, org.id, write=False).last_day == Counts(), "not before the answer is on its way"
    answer.close()

    assert report(app, org.id, write=False).last_day == Counts(verified=2)


def test_two_workers_add_up(app: Flask, client: FlaskClient, org: OrganizationForTests, clock: Clock) -> None:
    for move in (0.0, 5.0, -2.0):
        clock.move(move)
        identify(client, org.id, userJwt="nonsense")
        report(app, org.id)

    assert report(app, org.id).failures == (Failure("malformed", 3, NOW, NOW + 5, None),)


def test_a_report_looks_back_24_and_168_hours_and_older_rows_are_forgotten(
    app: Flask, client: FlaskClient, org: OrganizationForTests, clock: Clock
) -> None:
    identify(client, org.id)
    report(app, org.id)
    clock.move(23 * HOUR + 3599)
    assert report(app, org.id).last_day.anonymous == 1
    clock.move(1)
    found = report(app, org.id)
    assert (found.last_day.anonymous, found.last_week.anonymous) == (0, 1)
    assert [bar.counts.anonymous for bar in found.days] == [0, 0, 0, 0, 0, 1, 0]

    clock.move(6 * DAY)
    assert report(app, org.id).last_week.total == 0

    clock.move(2 * DAY)
    identify(client, org.id)
    report(app, org.id)
    with engine_of(app).connect() as connection:
        assert connection.scalar(sa.text("SELECT count(*) FROM kaltalk_iv_identify_counts")) == 1


def test_the_bars_of_the_chart_begin_on_the_hour_and_add_up(
    app: Flask, client: FlaskClient, org: OrganizationForTests, clock: Clock
) -> None:
    for _ in range(30):
        identify(client, org.id)
        clock.move(HOUR)
    found = report(app, org.id)

    assert len(found.hours) == 24
    assert [bar.begins_at % 3600 for bar in found.hours] == [0.0] * 24
    assert sum(bar.counts.total for bar in found.hours) == found.last_day.total == 23
    assert sum(bar.counts.total for bar in found.days) == found.last_week.total == 30


def test_another_organizations_identifies_are_not_ours(
    app: Flask, client: FlaskClient, org: OrganizationForTests
) -> None:
    other = add_organization(app, "org_other")
    identify(client, other.id)

    assert report(app, org.id).last_week.total == 0
    assert report(app, other.id).last_week.total == 1


def test_an_unknown_organization_is_not_counted(app: Flask, client: FlaskClient, org: OrganizationForTests) -> None:
    identify(client, "org_nobody")

    assert report(app, org.id).last_week.total == 0


def test_counts_that_cannot_be_written_are_kept_and_the_visitor_notices_nothing(
    app: Flask, client: FlaskClient, org: OrganizationForTests, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    rename = "ALTER TABLE kaltalk_iv_identify_counts RENAME TO {}"
    identify(client, org.id)
    with engine_of(app).begin() as connection:
        connection.execute(sa.text(rename.format("away")))
    clock.move(coverage.WRITE_EVERY_SECONDS)
    answer = identify(client, org.id)
    answer.close()
    assert answer.status_code == 200
    assert "not written yet" in caplog.text
    with engine_of(app).begin() as connection:
        connection.execute(sa.text("ALTER TABLE away RENAME TO kaltalk_iv_identify_counts"))

    assert report(app, org.id).last_day == Counts(anonymous=2)


def test_nobody_fills_a_worker_with_kinds_of_identifies() -> None:
    tally = coverage.Tally()
    for number in range(coverage.MAX_KINDS + 10):
        tally.add(Sighting(f"org_{number}", Outcome.ANONYMOUS, None), NOW)

    assert len(tally.take()) == coverage.MAX_KINDS
    assert tally.take() == []
