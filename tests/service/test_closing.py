"""Closing a conversation: done once, said in the thread, never over unread words, and undone by the visitor."""

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from kaltalk_iv.core.errors import Conflict, NotFound
from kaltalk_iv.core.listing import Status
from kaltalk_iv.service import closing
from kaltalk_iv.state import current_state
from kaltalk_iv.testing import OrganizationForTests, add_organization, identify, read_messages, send_message
from tests.api.world import Clock, conversations_of, messages_of


@pytest.fixture
def token(client: FlaskClient, org: OrganizationForTests, clock: Clock) -> str:
    """Give the session of a visitor who has written one message."""
    session: str = identify(client, org.id, userJwt=org.sign("u_ada", now=clock.now)).get_json()["session"]["token"]
    send_message(client, session, "Hello")
    return session


def set_status(app: Flask, org: OrganizationForTests, status: Status, *, seen: int = 1, **other: Any) -> None:
    """Close or open the organization's only conversation, as an agent who has seen ``seen`` lines of it."""
    (said,) = conversations_of(app, org.id)
    with app.app_context():
        current_state().commit(
            lambda session, now: closing.set_status(
                session,
                other.get("organization_id", org.id),
                other.get("conversation_id", said.id),
                status,
                actor="Alan",
                seen=seen,
                now=now,
            )
        )


def events(app: Flask, org: OrganizationForTests) -> list[tuple[str, str | None]]:
    """Return what the thread says of its status, and by whom."""
    return [(line.text, line.author_name) for line in messages_of(app, org.id) if line.author == "event"]


def status(app: Flask, org: OrganizationForTests) -> str:
    """Return the status of the organization's only conversation."""
    (said,) = conversations_of(app, org.id)
    return str(said.status)


@pytest.mark.usefixtures("token")
def test_closed_twice_is_closed_once_and_the_thread_says_by_whom(app: Flask, org: OrganizationForTests) -> None:
    for wanted in (Status.CLOSED, Status.CLOSED, Status.OPEN, Status.OPEN):
        set_status(app, org, wanted)
        assert status(app, org) == wanted
    assert events(app, org) == [("closed", "Alan"), ("open", "Alan")]


def test_words_that_the_agent_has_not_seen_keep_a_conversation_open(
    app: Flask, client: FlaskClient, org: OrganizationForTests, token: str
) -> None:
    send_message(client, token, "One more thing")
    for seen in (0, 1):
        with pytest.raises(Conflict, match="written meanwhile"):
            set_status(app, org, Status.CLOSED, seen=seen)
    assert (status(app, org), events(app, org)) == ("open", [])
    set_status(app, org, Status.CLOSED, seen=2)
    assert status(app, org) == "closed"


def test_a_new_message_opens_a_closed_conversation_and_the_visitor_reads_nothing_of_it(
    app: Flask, client: FlaskClient, org: OrganizationForTests, token: str
) -> None:
    set_status(app, org, Status.CLOSED)
    seen = read_messages(client, token).get_json()["messages"]
    assert status(app, org) == "closed"
    send_message(client, token, "Still there?")
    assert status(app, org) == "open"
    assert events(app, org) == [("closed", "Alan"), ("open", None)]
    after = read_messages(client, token).get_json()["messages"]
    assert [line["text"] for line in after] == [*(line["text"] for line in seen), "Still there?"]


def test_a_message_that_is_sent_again_does_not_open_what_was_closed_since(
    app: Flask, client: FlaskClient, org: OrganizationForTests, token: str
) -> None:
    send_message(client, token, "Once", "m1")
    set_status(app, org, Status.CLOSED, seen=2)
    assert send_message(client, token, "Once", "m1").status_code == 201
    assert status(app, org) == "closed"


@pytest.mark.usefixtures("token")
def test_another_organizations_conversation_is_not_there(app: Flask, org: OrganizationForTests) -> None:
    add_organization(app, "org_other")
    elsewhere: list[dict[str, Any]] = [
        {"organization_id": "org_other"},
        {"conversation_id": "con_unknown"},
        {"conversation_id": "\x00"},
    ]
    for other in elsewhere:
        with pytest.raises(NotFound):
            set_status(app, org, Status.CLOSED, **other)
    assert status(app, org) == "open"
