"""``kaltalk-iv agent``: who works for an organization, until they do not."""

import pytest
from flask import Flask

from kaltalk_iv.service import agents
from kaltalk_iv.state import current_state
from kaltalk_iv.testing import OrganizationForTests, add_organization
from tests.cli.running import answer, refused, run

PASSWORD = "a first calm password"
ANOTHER = "a second calm password"


@pytest.fixture
def eve(app: Flask, org: OrganizationForTests) -> str:
    """Give the login of an agent."""
    answer(app, "agent", "create", org.id, "eve", "--name", "Eve", "--role", "admin", "--password", PASSWORD)
    return "eve"


def log_in(app: Flask, login: str, password: str) -> str | None:
    """Return the token of an open login."""
    with app.app_context():
        return current_state().commit(lambda session, now: agents.log_in(session, login, password, now))


def is_in(app: Flask, token: str | None) -> bool:
    """Whether the login is open still."""
    with app.app_context():
        state = current_state()
        return agents.agent_for(state.session, token, state.clock()) is not None


def test_an_organizations_agents_are_listed_and_no_others(app: Flask, org: OrganizationForTests, eve: str) -> None:
    add_organization(app, "org_other")
    assert answer(app, "agent", "list", org.id) == [{"login": "eve", "name": "Eve", "role": "admin"}]
    assert answer(app, "agent", "list", "org_other") == []
    assert run(app, "agent", "list", "org_other").stdout == "Nobody works for org_other yet.\n"


def test_abuse_38_a_removed_agent_is_out_at_once_and_cannot_log_in(
    app: Flask, org: OrganizationForTests, eve: str
) -> None:
    token = log_in(app, eve, PASSWORD)
    assert is_in(app, token)
    assert answer(app, "agent", "remove", org.id, "EVE")["removed"]
    assert not is_in(app, token)
    assert log_in(app, eve, PASSWORD) is None
    assert refused(app, "agent", "remove", org.id, eve) == "There is no such agent in this organization."


def test_a_changed_password_ends_every_open_login(app: Flask, org: OrganizationForTests, eve: str) -> None:
    token = log_in(app, eve, PASSWORD)
    answer(app, "agent", "password", org.id, eve, "--password", ANOTHER)
    assert not is_in(app, token)
    assert log_in(app, eve, PASSWORD) is None
    assert is_in(app, log_in(app, eve, ANOTHER))


def test_another_organizations_agent_cannot_be_touched(app: Flask, org: OrganizationForTests, eve: str) -> None:
    add_organization(app, "org_other")
    token = log_in(app, eve, PASSWORD)
    for command in (("remove", "org_other", eve), ("password", "org_other", eve, "--password", ANOTHER)):
        assert refused(app, "agent", *command) == "There is no such agent in this organization."
    assert is_in(app, token)


def test_a_password_that_is_too_short_is_refused(app: Flask, org: OrganizationForTests, eve: str) -> None:
    sentence = refused(app, "agent", "password", org.id, eve, "--password", "short")
    assert sentence == "A password has 8 to 256 characters."
