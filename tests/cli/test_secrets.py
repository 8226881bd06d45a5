"""``kaltalk-iv secret``, ``customer`` and ``agent``: what is changed, what is shown, and what is asked first."""

import re

import pytest
from flask import Flask

from kaltalk_iv.models import Agent, AuditEvent
from kaltalk_iv.testing import OrganizationForTests, identify
from tests.api.world import HOUR, Clock, everything_stored, rows_of
from tests.cli.running import answer, refused, run
from tests.core.signing import sign

SECRET = re.compile(r"ktiv_[A-Za-z0-9_-]{43}")
PASSWORD = "correct horse battery"


def test_a_secret_is_revealed_rotated_and_retired(app: Flask, org: OrganizationForTests, clock: Clock) -> None:
    assert run(app, "secret", "reveal", org.id).output == f"{org.secret}\n"
    assert answer(app, "secret", "reveal", org.id) == {"secret": org.secret}
    (first,) = answer(app, "secret", "list", org.id)
    clock.move(HOUR)
    fresh = answer(app, "secret", "rotate", org.id, "--replaces", first["id"])
    assert (fresh["status"], fresh["expiresAt"], fresh["lastVerifiedAt"]) == ("current", None, None)
    states = [(secret["id"], secret["status"]) for secret in answer(app, "secret", "list", org.id)]
    assert states == [(fresh["id"], "current"), (first["id"], "grace")]
    assert answer(app, "secret", "list", org.id)[1]["expiresAt"] == "2026-01-02T13:00:00Z"
    assert "grace window" in refused(app, "secret", "rotate", org.id)
    assert "not the current one" in refused(app, "secret", "rotate", org.id, "--replaces", first["id"])
    assert answer(app, "secret", "retire", org.id) == {"retired": True}
    assert [secret["status"] for secret in answer(app, "secret", "list", org.id)] == ["current", "retired"]
    assert "no previous secret to retire" in refused(app, "secret", "retire", org.id)
    assert run(app, "secret", "rotate", org.id).exit_code == 0


def test_replacing_asks_and_yes_answers(app: Flask, org: OrganizationForTests) -> None:
    before = everything_stored(app)
    assert run(app, "secret", "replace", org.id, stdin="n\n").exit_code == 1
    assert run(app, "secret", "replace", org.id).exit_code == 1
    assert everything_stored(app) == before
    fresh = answer(app, "secret", "replace", org.id, "--yes")
    states = [(secret["id"] == fresh["id"], secret["status"]) for secret in answer(app, "secret", "list", org.id)]
    assert sorted(states) == [(False, "revoked"), (True, "current")]


def test_every_change_leaves_a_line_that_says_who_and_never_a_value(app: Flask, org: OrganizationForTests) -> None:
    run(app, "secret", "reveal", org.id)
    run(app, "secret", "rotate", org.id)
    run(app, "secret", "retire", org.id)
    run(app, "secret", "replace", org.id, "--yes")
    changes = ("--mode", "required", "--plan", "business", "--origins", "https://shop.example")
    run(app, "organization", "set", org.id, *changes)
    by_command = [event for event in rows_of(app, AuditEvent, org.id) if event.actor.startswith("command line")]
    assert sorted(event.action for event in by_command) == [
        "grace_ended",
        "mode_changed",
        "origins_changed",
        "plan_changed",
        "secret_revealed",
        "secret_rotated",
        "secrets_replaced",
    ]
    assert not any(SECRET.search(event.detail) for event in by_command)


def test_a_customer_is_shown_with_what_is_proven(app: Flask, org: OrganizationForTests, clock: Clock) -> None:
    client = app.test_client()
    identify(client, org.id, userJwt=org.sign("u_1", now=clock.now, email="ada@shop.example"))
    shown = answer(app, "customer", "show", org.id, "--external-id", "u_1")
    assert shown["verified"] is True
    assert (shown["email"], shown["emailProven"], shown["name"], shown["nameProven"]) == (
        "ada@shop.example",
        True,
        None,
        False,
    )
    assert "verified: True" in run(app, "customer", "show", org.id, "--external-id", "u_1").output
    identify(client, org.id, userJwt=sign({"sub": "u_1", "exp": clock.now + 9}, b"another key"))
    shown = answer(app, "customer", "show", org.id, "--external-id", "u_1")
    assert (shown["verified"], shown["downgradedReason"]) == (False, "bad_signature")


def test_a_customer_whose_secret_was_replaced_is_not_verified(
    app: Flask, org: OrganizationForTests, clock: Clock
) -> None:
    identify(app.test_client(), org.id, userJwt=org.sign("u_1", now=clock.now))
    run(app, "secret", "replace", org.id, "--yes")
    assert answer(app, "customer", "show", org.id, "--external-id", "u_1")["verified"] is False


@pytest.mark.parametrize("external_id", ["u_2", "U_1", "u_1 ", "", "u\udcff", "x" * 256])
def test_a_customer_who_is_not_there_is_said_so(app: Flask, org: OrganizationForTests, external_id: str) -> None:
    identify(app.test_client(), org.id, externalId="u_1")
    assert refused(app, "customer", "show", org.id, "--external-id", external_id)


def test_an_agent_is_created_with_a_password_that_is_asked_for(app: Flask, org: OrganizationForTests) -> None:
    arguments = ("agent", "create", org.id, "Grace", "--name", "Grace Hopper", "--role", "admin")
    done = run(app, *arguments, stdin=f"{PASSWORD}\n{PASSWORD}\n")
    assert done.exit_code == 0
    assert PASSWORD not in done.output
    made = answer(app, "agent", "create", org.id, "alan", "--name", "Alan", "--password", PASSWORD)
    assert (made["login"], made["role"]) == ("alan", "agent")
    assert not any(PASSWORD in agent.password_hash for agent in rows_of(app, Agent, org.id))
    assert "already" in refused(app, "agent", "create", org.id, "alan", "--name", "Alan", "--password", PASSWORD)
    short = ("agent", "create", org.id, "eve", "--name", "Eve", "--password", "short")
    assert "password has" in refused(app, *short)
