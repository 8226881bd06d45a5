"""What a poll costs the database: a few SELECTs and no write, whether reads go past the session or by it."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from kaltalk_iv.testing import OrganizationForTests, identify, read_messages, send_message, set_organization
from tests.api.test_messages import proven, reply, session_of, texts
from tests.api.world import Clock, engine_of, everything_stored, running
from tests.support.statements import told_to


@pytest.fixture(params=[True, False], ids=["past the session", "by the session"])
def app(request: pytest.FixtureRequest, database_url: str, clock: Clock) -> Iterator[Flask]:
    """Give KalTalk as it serves, and as an application embeds it."""
    yield from running(database_url, clock, KALTALK_IV_DIRECT_SQL=request.param)


def asked(app: Flask, client: FlaskClient, session: str, after: str = "0") -> tuple[list[str], int]:
    """Poll twice, and return the lines and how many SELECTs a poll is. Nothing else is sent to the database."""
    read_messages(client, session, after)
    before = everything_stored(app)
    with told_to(engine_of(app)) as told:
        answer = read_messages(client, session, after).get_json()
    assert {statement.split(maxsplit=1)[0] for statement, _values in told} == {"SELECT"}
    assert everything_stored(app) == before
    return [line["text"] for line in answer["messages"]], len(told)


def test_a_poll_is_at_most_four_selects_and_no_write(
    app: Flask, client: FlaskClient, org: OrganizationForTests, clock: Clock
) -> None:
    phone, laptop = proven(client, org, clock), proven(client, org, clock)
    stranger = session_of(identify(client, org.id))
    assert asked(app, client, phone) == ([], 3)  # what the session stands on, where it spoke, what it has proven
    assert asked(app, client, stranger) == ([], 2)
    cursor = send_message(client, phone, "hers").get_json()["cursor"]
    send_message(client, stranger, "mine")
    assert asked(app, client, phone) == (["hers"], 3)
    assert asked(app, client, phone, cursor) == ([], 3)
    assert asked(app, client, laptop) == (["hers"], 4)
    assert asked(app, client, stranger) == (["mine"], 3)


def test_whoever_only_claims_to_be_a_customer_finds_no_thread_and_the_customer_not_a_claimants(
    app: Flask, client: FlaskClient, org: OrganizationForTests, clock: Clock
) -> None:
    claimed = [session_of(identify(client, org.id, externalId="u_1")) for _ in range(2)]
    send_message(client, claimed[0], "forged")
    ada = proven(client, org, clock)  # on the record that the claim made
    assert [read_messages(client, session).get_json()["cursor"] for session in (ada, claimed[1])] == ["0", "0"]
    send_message(client, ada, "hers")
    assert read_messages(client, claimed[1]).get_json()["cursor"] == "0"
    assert asked(app, client, claimed[1]) == ([], 2)
    assert texts(client, claimed[0]) == ["forged"]


def test_a_poll_takes_a_connection_of_the_application_only_where_it_reads_by_the_session(
    app: Flask, client: FlaskClient, org: OrganizationForTests, clock: Clock
) -> None:
    session = proven(client, org, clock)
    send_message(client, session, "hello")
    read_messages(client, session)
    lent: list[object] = []
    sa.event.listen(engine_of(app), "checkout", lambda *connection: lent.append(connection))
    assert texts(client, session) == ["hello"]
    assert len(lent) == (0 if app.config["KALTALK_IV_DIRECT_SQL"] else 1)


def test_a_poll_sees_what_was_committed_before_it(
    app: Flask, client: FlaskClient, org: OrganizationForTests, clock: Clock
) -> None:
    session = proven(client, org, clock)
    for number in range(5):
        send_message(client, session, f"question {number}")
        assert texts(client, session)[-1] == f"question {number}"
        reply(app, org, f"answer {number}", clock.now)
        assert texts(client, session)[-1] == f"answer {number}"


def test_a_preflight_is_one_select(app: Flask, client: FlaskClient, org: OrganizationForTests) -> None:
    set_organization(app, org.id, origins="https://shop.example")
    for origin, status in (("https://shop.example", 204), ("https://evil.example", 403)):
        with told_to(engine_of(app)) as told:
            answer = client.options(f"/v1/organizations/{org.id}/identify", headers={"Origin": origin})
        assert answer.status_code == status
        assert [statement.split(maxsplit=1)[0] for statement, _values in told] == ["SELECT"]
