"""Logging in while the password changes, on both databases: the old password opens nothing that outlives the change."""

import threading

import pytest
from flask import Flask

from kaltalk_iv.core.errors import Conflict
from kaltalk_iv.service import agents, passwords, settings
from kaltalk_iv.service.settings import Actor
from kaltalk_iv.state import current_state
from kaltalk_iv.testing import OrganizationForTests

_OLD, _NEW = "the old calm password", "the new calm password"


def log_in(app: Flask, password: str) -> str | None:
    with app.app_context():
        return current_state().commit(lambda db, now: agents.log_in(db, "ada", password, now))


def change_password(app: Flask, org: OrganizationForTests) -> None:
    with app.app_context():
        current_state().commit(lambda db, _now: agents.change_password(db, org.id, "ada", _NEW))


def is_open(app: Flask, token: str | None) -> bool:
    with app.app_context():
        state = current_state()
        return agents.agent_for(state.session, token, state.clock()) is not None


@pytest.fixture(autouse=True)
def hire(app: Flask, org: OrganizationForTests) -> None:
    """Have the agent ada work here."""
    with app.app_context():
        current_state().commit(lambda db, now: agents.create_agent(db, org.id, "ada", "Ada", "admin", _OLD, now))


def test_a_password_that_is_changed_while_it_is_checked_opens_nothing(
    app: Flask, org: OrganizationForTests, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_password, checked = passwords.is_password, list[bool]()

    def slowly(stored: str, password: str) -> bool:
        fits = is_password(stored, password)
        checked.append(fits)
        if len(checked) == 1:
            other = threading.Thread(target=change_password, args=(app, org))
            other.start()
            other.join()
        return fits

    monkeypatch.setattr(passwords, "is_password", slowly)
    assert log_in(app, _OLD) is None
    assert checked[0]  # it was the password when it was looked at
    monkeypatch.undo()
    assert is_open(app, log_in(app, _NEW))


def test_a_change_of_the_password_ends_what_was_opened_before_it(app: Flask, org: OrganizationForTests) -> None:
    token = log_in(app, _OLD)
    assert is_open(app, token)
    change_password(app, org)
    assert not is_open(app, token)


@pytest.mark.parametrize("retires", ["sec_\0", "sec_\ud800", "x" * 10_000, ""])
def test_what_cannot_be_a_secret_is_no_window_that_could_end(
    app: Flask, org: OrganizationForTests, retires: str
) -> None:
    with app.app_context(), pytest.raises(Conflict, match="grace window"):
        current_state().commit(
            lambda db, now: settings.retire_previous_secret(db, Actor("ada", "local"), org.id, now, retires=retires)
        )
