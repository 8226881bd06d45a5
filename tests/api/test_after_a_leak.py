"""What a leaked secret proved proves nothing any more: in a thread, on a record, in the list of the exposed."""

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from kaltalk_iv.core.errors import Conflict
from kaltalk_iv.service import conversation, leaks, replies
from kaltalk_iv.service import settings as use_cases
from kaltalk_iv.service.settings import Actor
from kaltalk_iv.state import current_state
from kaltalk_iv.testing import OrganizationForTests, bearer, identify, read_messages, send_message, set_organization
from tests.api.world import Clock, conversations_of, customer, messages_of

ADMIN = Actor("grace", "local")


def replace_secrets(app: Flask, org: OrganizationForTests) -> OrganizationForTests:
    """Replace every secret, and return the organization with the new one."""
    with app.app_context():
        state = current_state()
        state.commit(lambda db, now: use_cases.replace_secrets(db, state.settings, ADMIN, org.id, now))
        secret = state.commit(lambda db, now: use_cases.reveal_current_secret(db, state.settings, ADMIN, org.id, now))
    return OrganizationForTests(org.id, secret)


def verified(client: FlaskClient, org: OrganizationForTests, clock: Clock, sub: str = "u_ada", **claims: Any) -> str:
    """Return the session of somebody whom a token has just verified."""
    token: str = identify(client, org.id, userJwt=org.sign(sub, now=clock.now, **claims)).get_json()["session"]["token"]
    return token


def opened(app: Flask, org: OrganizationForTests) -> conversation.OpenConversation:
    """Return the organization's one conversation as an agent sees it."""
    (thread,) = conversations_of(app, org.id)
    with app.app_context():
        state = current_state()
        return conversation.open_conversation(state.session, org.id, thread.id, state.clock())


def reply(app: Flask, org: OrganizationForTests, seen: conversation.OpenConversation, text: str) -> None:
    """Answer what an agent has on the screen."""
    said = seen.entry.conversation
    with app.app_context():
        current_state().commit(
            lambda db, now: replies.reply(
                db,
                org.id,
                said.id,
                author_name="Grace",
                text=text,
                client_message_id=f"reply to {text}"[:60].replace(" ", "-"),
                seen_state=seen.entry.verdict.state,
                seen_session=said.session_id,
                confirmed="",
                now=now,
            )
        )


def texts(client: FlaskClient, session: str) -> list[str]:
    """Return what the widget would show."""
    return [line["text"] for line in read_messages(client, session).get_json()["messages"]]


def test_a_forged_line_stays_forged_when_the_real_customer_speaks_again(
    app: Flask, client: FlaskClient, org: OrganizationForTests, clock: Clock
) -> None:
    mallory = verified(client, org, clock)
    send_message(client, mallory, "Send my refund elsewhere")
    clock.move(1)
    mended = replace_secrets(app, org)
    ada = verified(client, mended, clock)
    clock.move(1)
    send_message(client, ada, "Hello, it is me")

    seen = opened(app, org)
    assert [line.author for line in seen.lines] == ["visitor", "event", "visitor"]
    assert seen.lines[0].secret_id in seen.revoked_secrets
    assert seen.lines[2].secret_id not in seen.revoked_secrets
    assert seen.entry.conversation.state_since == clock.now, "not since the forgery"
    assert texts(client, ada) == ["Hello, it is me"]
    assert texts(client, mallory) == []


def test_a_conversation_that_begins_after_the_leak_begins_with_the_visitors_words(
    app: Flask, client: FlaskClient, org: OrganizationForTests, clock: Clock
) -> None:
    session = verified(client, org, clock)
    replace_secrets(app, org)
    set_organization(app, org.id, mode="off")  # the shield says that, and not that the secret was revoked
    send_message(client, session, "Hello")
    assert [(line.author, line.text, line.position) for line in messages_of(app, org.id)] == [("visitor", "Hello", 1)]


def test_a_forged_address_is_a_claim_once_the_secret_is_revoked(
    app: Flask, client: FlaskClient, org: OrganizationForTests, clock: Clock
) -> None:
    verified(client, org, clock, email="evil@example.com", name="Ada")
    mended = replace_secrets(app, org)
    verified(client, mended, clock, name="Ada")

    record = customer(app, org.id, "u_ada")
    assert (record.email, record.email_proven) == ("evil@example.com", False)
    assert (record.name, record.name_proven) == ("Ada", True)


def test_an_honest_rotation_takes_no_proof_away(
    app: Flask, client: FlaskClient, org: OrganizationForTests, clock: Clock
) -> None:
    verified(client, org, clock, email="ada@example.com")
    with app.app_context():
        state = current_state()
        state.commit(lambda db, now: use_cases.rotate_secret(db, state.settings, ADMIN, org.id, None, now))
        fresh = state.commit(lambda db, now: use_cases.reveal_current_secret(db, state.settings, ADMIN, org.id, now))
    verified(client, OrganizationForTests(org.id, fresh), clock)

    assert customer(app, org.id, "u_ada").email_proven is True


def test_the_list_of_the_exposed_keeps_those_who_have_verified_again_since(
    app: Flask, client: FlaskClient, org: OrganizationForTests, clock: Clock
) -> None:
    verified(client, org, clock)
    verified(client, org, clock, sub="u_bob")
    mended = replace_secrets(app, org)
    verified(client, mended, clock)

    with app.app_context():
        found = leaks.exposure(current_state().session, org.id)
    assert {row.customer.external_id for row in found.rows} == {"u_ada", "u_bob"}
    assert (found.count, found.still_marked) == (2, 1)


def test_a_reply_meant_for_one_unproven_visitor_does_not_go_to_another(
    app: Flask, client: FlaskClient, org: OrganizationForTests, clock: Clock
) -> None:
    mallory, ada = verified(client, org, clock), verified(client, org, clock)
    for session, text in ((mallory, "M: hello"), (ada, "Ada: hello")):
        clock.move(1)
        send_message(client, session, text)
    replace_secrets(app, org)
    clock.move(1)
    send_message(client, ada, "Ada: anybody?")
    seen = opened(app, org)
    clock.move(1)
    send_message(client, mallory, "M: me too")

    with pytest.raises(Conflict, match="Somebody else has written"):
        reply(app, org, seen, "Dear Ada, it is at 5 Elm Street")

    assert "Elm" not in str(texts(client, mallory))
    reply(app, org, opened(app, org), "Hello, M")
    assert texts(client, mallory)[-1:] == ["Hello, M"]
    assert "Hello, M" not in texts(client, ada)


def test_a_session_that_was_ended_stays_ended_for_as_long_as_it_would_have_lived(
    app: Flask, client: FlaskClient, org: OrganizationForTests, clock: Clock
) -> None:
    ada = verified(client, org, clock)
    client.delete("/v1/session", headers=bearer(ada))
    clock.move(11 * 3600)
    other = verified(client, org, clock, sub="u_bob")
    client.delete("/v1/session", headers=bearer(other))

    assert read_messages(client, ada).get_json()["code"] == "session_ended"
