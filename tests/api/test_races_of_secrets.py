"""Changes of signing secrets at once, and identifies beside them: real threads, one winner, both databases."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from kaltalk_iv.config import Settings
from kaltalk_iv.core.errors import Conflict
from kaltalk_iv.models import AuditEvent, Secret
from kaltalk_iv.service import settings as use_cases
from kaltalk_iv.service.settings import Actor
from kaltalk_iv.state import current_state
from kaltalk_iv.testing import OrganizationForTests, add_organization, identify
from tests.api.test_races import at_once
from tests.api.world import Clock, engine_of, rows_of

T = TypeVar("T")
ACTOR = Actor("race", "local")
ID = "org_test"


def changed(app: Flask, change: Callable[[Session, Settings, float], T]) -> T:
    """Return what ``change`` answers, committed."""
    with app.app_context():
        state = current_state()
        return state.commit(lambda session, now: change(session, state.settings, now))


def rotate(app: Flask, replaces: str | None = None) -> str:
    """Rotate and return the id of the new secret."""
    return changed(app, lambda s, settings, now: use_cases.rotate_secret(s, settings, ACTOR, ID, replaces, now)).id


def replace(app: Flask) -> str:
    """Replace every secret and return the id of the new one."""
    return changed(app, lambda s, settings, now: use_cases.replace_secrets(s, settings, ACTOR, ID, now)).id


@pytest.mark.parametrize("names_the_secret", [True, False])
def test_of_two_rotations_at_once_one_wins_and_one_is_a_conflict(
    app: Flask, org: OrganizationForTests, names_the_secret: bool
) -> None:
    (first,) = rows_of(app, Secret, org.id)
    replaces = first.id if names_the_secret else None

    def try_to_rotate(_number: int) -> str:
        try:
            return rotate(app, replaces)
        except Conflict:
            return "conflict"

    outcomes = at_once(4, try_to_rotate)
    assert outcomes.count("conflict") == 3
    secrets = rows_of(app, Secret, org.id)
    assert len(secrets) == 2
    assert [secret.id for secret in secrets if secret.expires_at is None and secret.revoked_at is None] == [
        outcome for outcome in outcomes if outcome != "conflict"
    ]
    assert [event.action for event in rows_of(app, AuditEvent, org.id)].count("secret_rotated") == 1


def test_replacements_and_a_rotation_at_once_leave_one_secret_that_verifies(
    app: Flask, org: OrganizationForTests
) -> None:
    def change(number: int) -> None:
        if number % 2:
            replace(app)
            return
        with suppress(Conflict):
            rotate(app)

    (first,) = rows_of(app, Secret, org.id)
    at_once(6, change)
    secrets = rows_of(app, Secret, org.id)
    current = [secret for secret in secrets if secret.expires_at is None and secret.revoked_at is None]
    assert len(current) == 1
    # Whatever came first, the first secret is one that somebody called leaked.
    assert next(secret for secret in secrets if secret.id == first.id).revoked_at is not None


@pytest.mark.parametrize("change", [rotate, replace])
def test_a_change_of_secrets_waits_for_the_one_before_it_and_identifies_do_not(
    postgresql_app: Flask, clock: Clock, change: Callable[[Flask], str]
) -> None:
    """Or two changes of several rows, each holding what the other needs, end in a deadlock."""
    app = postgresql_app
    org = add_organization(app)
    with engine_of(app).connect() as another, ThreadPoolExecutor(1) as threads:
        another.exec_driver_sql("SELECT id FROM kaltalk_iv_organizations FOR NO KEY UPDATE")
        changing = threads.submit(change, app)
        with pytest.raises(TimeoutError):
            changing.result(timeout=0.5)
        answer = identify(app.test_client(), org.id, userJwt=org.sign("u_1", now=clock.now))
        assert answer.get_json()["identity"]["state"] == "verified"
        another.rollback()
        changing.result(timeout=10)
    assert len(rows_of(app, Secret, org.id)) == 2


def test_a_token_of_the_secret_before_verifies_while_rotations_commit(
    app: Flask, org: OrganizationForTests, clock: Clock
) -> None:
    stop = threading.Event()
    wrong: list[Any] = []
    answered = [0, 0, 0]
    secret_then = org.secret

    def keep_verifying(number: int) -> None:
        client = app.test_client()
        while not stop.is_set():
            token = OrganizationForTests(org.id, secret_then).sign(f"u_{number}", now=clock.now)
            identity = identify(client, org.id, userJwt=token).get_json()["identity"]
            answered[number] += 1
            if identity["state"] != "verified":
                wrong.append(identity["reason"])

    with ThreadPoolExecutor(3) as threads:
        running = [threads.submit(keep_verifying, number) for number in range(3)]
        try:
            for _rotation in range(25):
                rotate(app)
                secret_then = changed(
                    app, lambda s, settings, now: use_cases.reveal_current_secret(s, settings, ACTOR, ID, now)
                )
                # A window is ended when nobody holds a token of the secret before any more.
                before = list(answered)
                while any(now < then + 2 for now, then in zip(answered, before, strict=True)):
                    assert not any(each.done() for each in running)
                    stop.wait(0.001)
                changed(app, lambda s, _settings, now: use_cases.retire_previous_secret(s, ACTOR, ID, now))
        finally:
            stop.set()
        for each in running:
            each.result()
    assert wrong == []
