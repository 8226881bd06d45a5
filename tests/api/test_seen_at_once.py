"""What is revoked, ended or changed counts at the very next request of every worker: nothing read is kept meanwhile."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from werkzeug.test import TestResponse

from kaltalk_iv import generate_encryption_key
from kaltalk_iv.service import chat, keys
from kaltalk_iv.service import settings as use_cases
from kaltalk_iv.service.settings import Actor
from kaltalk_iv.state import State, current_state
from kaltalk_iv.store.reading import Reader
from kaltalk_iv.testing import OrganizationForTests, add_organization, identify, read_messages, set_organization
from tests.api.world import ENCRYPTION_KEY, Clock, build_app, dispose, engine_of
from tests.support.statements import told_to

ADMIN = Actor("grace", "local")
OTHER_KEY = generate_encryption_key()


@pytest.fixture
def elsewhere(app: Flask, database_url: str, clock: Clock) -> Iterator[Flask]:
    """Give another worker on the database of ``app``, with another key in front."""
    other = build_app(database_url, clock, KALTALK_IV_ENCRYPTION_KEYS=[OTHER_KEY, ENCRYPTION_KEY])
    yield other
    dispose(other)


@pytest.fixture
def app(database_url: str, clock: Clock) -> Iterator[Flask]:
    """Give a worker that has both keys, and reads past its sessions."""
    app = build_app(database_url, clock, KALTALK_IV_ENCRYPTION_KEYS=[ENCRYPTION_KEY, OTHER_KEY])
    with app.app_context():
        assert isinstance(current_state().reader(), Reader)
    yield app
    dispose(app)


class Page:
    """A page of a customer whom ``app`` knows: all that could be kept in its memory, is."""

    def __init__(self, app: Flask, org: OrganizationForTests, clock: Clock, **headers: str) -> None:
        self._client = app.test_client()
        self._client.environ_base.update(headers)
        self._org = org
        self._token = org.sign("u_1", now=clock.now)
        for _ in range(3):
            self.session: str = self.identify().get_json()["session"]["token"]
        with told_to(engine_of(app)) as told:
            self.identify()
        assert len(told) == 1

    def identify(self, **body: Any) -> TestResponse:
        return identify(self._client, self._org.id, userJwt=self._token, **body)

    def verdict(self) -> tuple[str, str | None]:
        identity = self.identify().get_json()["identity"]
        return identity["state"], identity["reason"]

    def read(self) -> TestResponse:
        return read_messages(self._client, self.session)


@pytest.fixture
def page(app: Flask, org: OrganizationForTests, clock: Clock) -> Page:
    """Give a page that is verified."""
    page = Page(app, org, clock)
    assert page.verdict() == ("verified", None)
    return page


def change(app: Flask, use_case: Callable[[Any, State, float], Any]) -> None:
    with app.app_context():
        state = current_state()
        state.commit(lambda session, now: use_case(session, state, now))


def test_an_emergency_replace(page: Page, elsewhere: Flask) -> None:
    change(elsewhere, lambda db, state, now: use_cases.replace_secrets(db, state.settings, ADMIN, "org_test", now))
    assert page.read().get_json()["identity"]["reason"] == "secret_revoked"
    assert page.verdict() == ("unverified", "bad_signature")


def test_a_rotation_and_the_early_end_of_its_window(page: Page, elsewhere: Flask) -> None:
    change(elsewhere, lambda db, state, now: use_cases.rotate_secret(db, state.settings, ADMIN, "org_test", None, now))
    assert page.verdict() == ("verified", None)
    change(elsewhere, lambda db, _state, now: use_cases.retire_previous_secret(db, ADMIN, "org_test", now))
    assert page.verdict() == ("unverified", "bad_signature")


def test_the_last_second_of_a_rotations_window(page: Page, elsewhere: Flask, clock: Clock) -> None:
    change(elsewhere, lambda db, state, now: use_cases.rotate_secret(db, state.settings, ADMIN, "org_test", None, now))
    with engine_of(elsewhere).begin() as connection:
        until = {"until": clock.now + 10}
        connection.execute(sa.text("UPDATE kaltalk_iv_secrets SET expires_at = :until WHERE expires_at > 0"), until)
    clock.move(9.5)
    assert page.verdict() == ("verified", None)
    clock.move(0.5)
    assert page.verdict() == ("unverified", "bad_signature")


def test_a_mode(app: Flask, page: Page, elsewhere: Flask) -> None:
    client = app.test_client()
    assert identify(client, "org_test", externalId="u_1").status_code == 200
    set_organization(elsewhere, "org_test", mode="required")
    assert identify(client, "org_test", externalId="u_1").status_code == 401
    assert page.verdict() == ("verified", None)
    set_organization(elsewhere, "org_test", mode="off")
    assert page.verdict() == ("unverified", "verification_off")
    assert page.read().get_json()["identity"]["state"] == "unverified"


def test_a_plan(page: Page, elsewhere: Flask) -> None:
    set_organization(elsewhere, "org_test", plan="free")
    assert page.verdict()[0] == "unverified"


def test_the_origins(app: Flask, org: OrganizationForTests, elsewhere: Flask, clock: Clock) -> None:
    set_organization(app, org.id, origins="https://shop.example")
    page = Page(app, org, clock, HTTP_ORIGIN="https://shop.example")
    set_organization(elsewhere, org.id, origins="https://other.example")
    assert (page.identify().status_code, page.read().status_code) == (403, 403)
    set_organization(elsewhere, org.id, origins="https://shop.example,https://other.example")
    assert (page.identify().status_code, page.read().status_code) == (200, 200)


def test_the_end_of_a_session(page: Page, elsewhere: Flask) -> None:
    page.read()
    prior = page.identify(session=page.session).get_json()["session"]
    again = page.identify(session=prior["token"]).get_json()["session"]
    assert again["id"] == prior["id"]
    change(elsewhere, lambda db, state, now: chat.end_session(db, state.settings, prior["token"], None, now))
    assert page.identify(session=prior["token"]).get_json()["session"]["id"] != prior["id"]
    page.session = prior["token"]
    assert page.read().status_code == 401


def test_secrets_that_are_sealed_anew_open_and_one_that_is_spoilt_does_not(
    page: Page, app: Flask, elsewhere: Flask
) -> None:
    change(elsewhere, lambda db, state, _now: keys.rewrap(db, state.settings))
    assert page.verdict() == ("verified", None)
    add_organization(app, "org_other")
    sealed = sa.text("SELECT sealed FROM kaltalk_iv_secrets WHERE organization_id = :of")
    with engine_of(elsewhere).begin() as connection:
        own = connection.execute(sealed, {"of": "org_test"}).scalar_one()
        others = connection.execute(sealed, {"of": "org_other"}).scalar_one()
        _store(connection, others)
    assert page.identify().status_code == 503  # though both were opened here before, each in its own row
    with engine_of(elsewhere).begin() as connection:
        _store(connection, own)
    assert page.verdict() == ("verified", None)


def _store(connection: sa.Connection, sealed: str) -> None:
    statement = sa.text("UPDATE kaltalk_iv_secrets SET sealed = :sealed WHERE organization_id = 'org_test'")
    connection.execute(statement, {"sealed": sealed})
