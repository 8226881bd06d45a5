"""Signals: sent once what they tell is committed, and never for what was not; no receiver can harm a visitor."""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from blinker import NamedSignal
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from kaltalk_iv import observing
from kaltalk_iv.core.errors import Reason
from kaltalk_iv.models import Customer
from kaltalk_iv.service import events
from kaltalk_iv.service import settings as use_cases
from kaltalk_iv.service.events import Event, IdentityVerified, SecretReplaced, SecretRotated
from kaltalk_iv.service.settings import Actor
from kaltalk_iv.state import current_state
from kaltalk_iv.store.sources import Writer
from kaltalk_iv.store.writing import Transaction
from kaltalk_iv.testing import OrganizationForTests, add_organization, identify, set_organization
from tests.api.world import NOW, Clock, build_app, customers_of, dispose

SIGNALS: dict[str, NamedSignal] = {
    name: getattr(observing, name)
    for name in ("identity_verified", "identity_failed", "identity_downgraded", "secret_rotated", "secret_replaced")
}
ACTOR = Actor("test", "local")
EMBEDDING = Path(__file__).parents[2] / "docs" / "embed.md"

Heard = list[tuple[str, Event]]


@pytest.fixture
def heard(app: Flask) -> Iterator[Heard]:
    """Give what the signals of ``app`` have told, in order."""
    told: Heard = []
    with ExitStack() as stack:
        for name, signal in SIGNALS.items():
            stack.enter_context(signal.connected_to(listener(name, told), sender=app))
        yield told


def listener(name: str, told: Heard) -> Callable[..., None]:
    """Return a receiver that keeps what it is told."""

    def listen(sender: Flask, event: Event) -> None:
        assert isinstance(sender, Flask)
        told.append((name, event))

    return listen


def names(heard: Heard) -> list[str]:
    """Return which signals were sent."""
    return [name for name, _ in heard]


def test_a_token_that_verifies_is_told_with_ids_and_the_time(
    app: Flask, client: FlaskClient, org: OrganizationForTests, heard: Heard
) -> None:
    token = org.sign("u_1", now=NOW, email="ada@shop.example", name="Ada")
    answer = identify(client, org.id, userJwt=token)
    [customer] = customers_of(app, org.id)
    [(name, event)] = heard

    assert name == "identity_verified"
    assert isinstance(event, events.IdentityVerified)
    assert (event.organization_id, event.customer_id, event.external_id) == (org.id, customer.id, "u_1")
    assert (event.secret_id, event.at) == (customer.verified_secret_id, NOW)
    for secret in (token, token.split(".")[1], org.secret, answer.json["session"]["token"], "ada@"):  # type: ignore[index]
        assert secret not in repr(heard)


def test_a_failing_token_is_told_and_the_flag_that_it_took(
    client: FlaskClient, org: OrganizationForTests, heard: Heard
) -> None:
    identify(client, org.id, userJwt=org.sign("u_1", now=NOW))
    identify(client, org.id, userJwt=org.sign("u_1", now=NOW - 7200))
    identify(client, org.id, userJwt=org.sign("u_1", now=NOW - 7200))

    assert names(heard) == [
        *("identity_verified", "identity_downgraded", "identity_failed"),
        "identity_failed",  # there was no flag left to take
    ]
    downgraded, failed = heard[1][1], heard[2][1]
    assert isinstance(downgraded, events.IdentityDowngraded)
    assert isinstance(failed, events.IdentityFailed)
    assert downgraded.reason is failed.reason is Reason.EXPIRED
    assert downgraded.external_id == failed.external_id == "u_1"
    assert not failed.refused


def test_what_mode_required_refuses_is_told_as_refused_and_nothing_is_stored(
    app: Flask, client: FlaskClient, org: OrganizationForTests, heard: Heard
) -> None:
    set_organization(app, org.id, mode="required")
    assert identify(client, org.id, userJwt="junk").status_code == 401
    [(name, event)] = heard

    assert name == "identity_failed"
    assert event == events.IdentityFailed(org.id, None, None, Reason.MALFORMED, refused=True, at=NOW)
    assert customers_of(app, org.id) == []


@pytest.mark.parametrize("body", [{}, {"email": "ada@shop.example"}, {"externalId": "u_1", "name": "Ada"}])
def test_a_visitor_without_a_token_is_no_event(
    client: FlaskClient, org: OrganizationForTests, heard: Heard, body: dict[str, Any]
) -> None:
    identify(client, org.id, **body)

    assert heard == []


def test_rotation_and_replacement_are_told_without_a_value(app: Flask, org: OrganizationForTests, heard: Heard) -> None:
    run = app.test_cli_runner().invoke
    assert run(args=["kaltalk-iv", "secret", "rotate", org.id]).exit_code == 0
    assert run(args=["kaltalk-iv", "secret", "rotate", org.id]).exit_code == 1  # the window runs: refused, not told
    assert run(args=["kaltalk-iv", "secret", "replace", org.id, "--yes"]).exit_code == 0
    (_, rotated), (_, replaced) = heard

    assert names(heard) == ["secret_rotated", "secret_replaced"]
    assert isinstance(rotated, SecretRotated)
    assert isinstance(replaced, SecretReplaced)
    assert rotated.previous_until == NOW + 24 * 3600
    assert set(replaced.revoked_ids) == {rotated.secret_id, rotated.previous_id}
    assert "ktiv_" not in repr(heard)


def test_a_receiver_finds_committed_what_it_is_told(
    app: Flask, client: FlaskClient, org: OrganizationForTests, sqlite_url: str, clock: Clock
) -> None:
    other = build_app(sqlite_url, clock)  # a database connection of its own sees nothing that is not committed
    seen: list[int] = []

    def look(sender: Flask, event: Event) -> None:
        seen.append(len(customers_of(other, org.id)))

    with observing.identity_verified.connected_to(look, sender=app):
        identify(client, org.id, userJwt=org.sign("u_1", now=NOW))

    assert seen == [1]
    dispose(other)


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_nothing_is_told_of_what_was_rolled_back_not_even_later(
    app: Flask, client: FlaskClient, org: OrganizationForTests, heard: Heard, error: type[BaseException]
) -> None:
    def rotate_and_fail(session: Session, now: float) -> None:
        use_cases.rotate_secret(session, current_state().settings, ACTOR, org.id, None, now)
        raise error

    with app.app_context():
        with pytest.raises(error):
            current_state().commit(rotate_and_fail)
        current_state().commit(lambda _session, _now: None)

    assert heard == []


def test_a_race_that_runs_again_is_told_once(app: Flask, org: OrganizationForTests, heard: Heard) -> None:
    tries: list[int] = []

    def rotate_and_lose_once(session: Session, now: float) -> None:
        use_cases.rotate_secret(session, current_state().settings, ACTOR, org.id, None, now)
        tries.append(1)
        if len(tries) == 1:
            raise IntegrityError("INSERT", {}, ValueError())

    with app.app_context():
        current_state().commit(rotate_and_lose_once)

    assert names(heard) == ["secret_rotated"]


@pytest.mark.parametrize("is_direct", [True, False], ids=["past the session", "by the session"])
def test_who_is_told_of_an_identify_finds_the_session_out_of_any_transaction(
    sqlite_url: str, clock: Clock, *, is_direct: bool
) -> None:
    app = build_app(sqlite_url, clock, KALTALK_IV_DIRECT_SQL=is_direct)
    org, told = add_organization(app, "org_test"), list[tuple[str, bool]]()

    def look(sender: Flask, event: Event) -> None:
        told.append((type(event).__name__, current_state().session.in_transaction()))

    with ExitStack() as stack:
        for signal in SIGNALS.values():
            stack.enter_context(signal.connected_to(look, sender=app))
        client = app.test_client()
        good, bad = org.sign("u_1", now=NOW), org.sign("u_1", now=NOW - 7200)
        for token in (good, good, bad):  # a new record, an unchanged one, one that loses its flag
            assert identify(client, org.id, userJwt=token).status_code == 200
        set_organization(app, org.id, mode="required")
        assert identify(client, org.id, userJwt=bad).status_code == 401
    dispose(app)

    names = ("IdentityVerified", "IdentityVerified", "IdentityDowngraded", "IdentityFailed", "IdentityFailed")
    assert told == [(name, False) for name in names]


def test_of_what_is_written_past_the_session_too_nothing_is_told_that_was_rolled_back(
    app: Flask, org: OrganizationForTests, heard: Heard
) -> None:
    tries: list[int] = []

    def fail(source: Writer, now: float) -> None:
        assert isinstance(source, Transaction)
        events.note(source, IdentityVerified(org.id, None, "u_1", None, now))
        tries.append(1)
        if len(tries) < 3:
            raise IntegrityError("INSERT", {}, ValueError()) if len(tries) == 1 else RuntimeError

    with app.app_context():
        with pytest.raises(RuntimeError):
            current_state().write(fail)
        assert (len(tries), heard) == (2, [])
        current_state().write(fail)

    assert names(heard) == ["identity_verified"]


def test_a_receiver_that_raises_harms_neither_the_visitor_nor_the_other_receivers(
    app: Flask, client: FlaskClient, org: OrganizationForTests, caplog: pytest.LogCaptureFixture
) -> None:
    calls: list[str] = []

    def spoil(sender: Flask, event: Event) -> None:
        calls.append("spoil")
        raise ValueError("a receiver that fails")

    def fine(sender: Flask, event: Event) -> None:
        calls.append("fine")

    with (
        observing.identity_verified.connected_to(spoil, sender=app),
        observing.identity_verified.connected_to(fine, sender=app),
    ):
        answer = identify(client, org.id, userJwt=org.sign("u_1", now=NOW))

    assert answer.status_code == 200
    assert sorted(calls) == ["fine", "spoil"]
    assert "A receiver of the signal identity_verified failed" in caplog.text


def test_what_a_failing_receiver_left_half_done_is_not_committed_by_us(
    app: Flask, client: FlaskClient, org: OrganizationForTests
) -> None:
    identify(client, org.id, userJwt=org.sign("u_1", now=NOW))

    def spoil(sender: Flask, event: Event) -> None:
        current_state().session.execute(sa.update(Customer).values(name="Spoilt"))
        raise ValueError("a receiver that fails")

    def rotate(session: Session, now: float) -> None:
        use_cases.rotate_secret(session, current_state().settings, ACTOR, org.id, None, now)

    with observing.secret_rotated.connected_to(spoil, sender=app), app.app_context():
        current_state().commit(rotate)
        current_state().commit(lambda _session, _now: None)

    assert [customer.name for customer in customers_of(app, org.id)] == [None]


def test_a_receiver_hears_of_its_own_application_alone(
    client: FlaskClient, org: OrganizationForTests, heard: Heard, sqlite_url: str, clock: Clock
) -> None:
    other = build_app(sqlite_url, clock)
    identify(other.test_client(), org.id, userJwt=org.sign("u_1", now=NOW))
    dispose(other)

    assert heard == []


def test_the_example_in_the_documents_runs(app: Flask, client: FlaskClient, org: OrganizationForTests) -> None:
    blocks = re.findall(r"```python\n(.*?)```", EMBEDDING.read_text(encoding="utf-8"), re.DOTALL)
    [example] = [block for block in blocks if "identity_downgraded" in block]
    warned: list[str] = []
    names: dict[str, Any] = {"app": app, "warn_the_team": warned.append}
    exec(example, names)  # noqa: S102 - our own document
    try:
        identify(client, org.id, userJwt=org.sign("u_1", now=NOW))
        identify(client, org.id, userJwt=org.sign("u_1", now=NOW - 7200))
    finally:  # the function and its globals hold each other: it would hear of other tests until both are collected
        observing.identity_downgraded.disconnect(names["warn"])

    assert warned == [f"u_1 of {org.id} lost the shield: expired"]
