"""Signing secrets on the page: a value is shown once and to one person; rotating and replacing happen once."""

import logging
import re
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from kaltalk_iv import Role, Viewer
from kaltalk_iv.core.keyring import GRACE_SECONDS
from kaltalk_iv.dashboard.settings import PATH
from kaltalk_iv.models import Base
from kaltalk_iv.service.agents import change_password
from kaltalk_iv.state import current_state
from tests.dashboard.admin import Admin, another_browser
from tests.dashboard.desk import Desk
from tests.dashboard.page import Element, read_page
from tests.dashboard.staff import PASSWORD

HOUR = 3600


def rows(admin: Admin) -> list[Element]:
    """Return the rows of the table of secrets."""
    return admin.page().all("tr", data_secret=None)


def test_reveal_shows_the_secret_to_whoever_knows_the_password_and_leaves_a_line(admin: Admin) -> None:
    answer = admin.press("/reveal", on="/reveal", password=PASSWORD)

    assert answer.status_code == 200
    assert read_page(answer.text).one(id="secret").text == admin.organization.secret
    assert answer.headers["Cache-Control"] == "no-store"
    [line] = [line for line in admin.audit() if line.actor == "grace (Grace Hopper)"]
    assert (line.action, line.address) == ("secret_revealed", "127.0.0.1")


@pytest.mark.parametrize("password", ["", "wrong", PASSWORD.upper(), PASSWORD + " ", "\x00", "\ud800", "x" * 5000])
def test_a_wrong_password_reveals_nothing_and_leaves_a_line(admin: Admin, password: str) -> None:
    fields = {"password": password.encode("utf-8", "replace").decode()}
    answer = admin.press("/reveal", on="/reveal", **fields)

    assert answer.status_code == 403
    assert "not your password" in answer.text
    assert "ktiv_" not in answer.text
    assert admin.actions() == ["reveal_refused"]


def test_the_password_of_somebody_else_reveals_nothing(admin: Admin) -> None:
    admin.in_database(lambda db: change_password(db, "org_shop", "alan", "alan's own password"))

    assert admin.press("/reveal", on="/reveal", password="alan's own password").status_code == 403


def test_an_application_that_cannot_ask_for_the_password_reveals_nothing(desk: Desk) -> None:
    desk.answer = Viewer("Grace", "org_shop", Role.ADMIN)
    page = read_page(desk.get(PATH).text)
    token = page.all("input", name="csrf_token")[0]["value"]

    posted = desk.http.post(f"{PATH}/reveal", data={"csrf_token": token, "password": ""})

    for answer in (desk.get(f"{PATH}/reveal"), posted):
        assert answer.status_code == 403
        assert "confirm=" in answer.text
        assert "ktiv_" not in answer.text


@pytest.mark.parametrize("said", ["yes", 1, None])
def test_an_application_whose_answer_is_not_true_reveals_nothing(admin: Admin, said: Any) -> None:
    state = admin.app.extensions["kaltalk_iv"]
    object.__setattr__(state, "confirm", lambda _password: said)

    assert admin.press("/reveal", on="/reveal", password=PASSWORD).status_code == 403


def test_the_value_is_in_no_other_answer_no_log_line_and_no_row(
    admin: Admin, caplog: pytest.LogCaptureFixture, app_log: list[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    values = [admin.reveal().secret]
    texts = [admin.press("/rotate").text, admin.get().text, admin.get("/end-window").text]
    values.append(admin.reveal().secret)
    texts += [admin.send("/test-it", token=value).text for value in values]
    texts += [admin.press("/replace", on="/replace", confirmation="org_shop").text]
    values.append(admin.reveal().secret)
    texts += [admin.get(path).text for path in ("", "/reveal", "/replace", "/revoked", "/audit", "/audit.csv")]
    texts += [caplog.text, *app_log, everything_stored(admin.app)]

    assert len(set(values)) == 3
    for value in values:
        for text in texts:
            assert value not in text
            assert value.removeprefix("ktiv_") not in text


def everything_stored(app: Flask) -> str:
    """Return every row of every table as text."""
    with app.app_context():
        session = current_state().session
        return repr([session.execute(sa.select(table)).all() for table in Base.metadata.sorted_tables])


@pytest.fixture
def app_log(admin: Admin) -> list[str]:
    """Collect what the application's own logger says."""
    lines: list[str] = []

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(record.getMessage())

    admin.app.logger.addHandler(Collector())
    return lines


def test_the_table_says_how_each_secret_is_and_when_it_last_verified(admin: Admin) -> None:
    [only] = rows(admin)
    assert only["data-status"] == "current"
    assert "never" in only.text

    admin.verify()
    admin.clock.now += 180
    assert "3 minutes ago" in rows(admin)[0].text

    admin.press("/rotate")
    assert [row["data-status"] for row in rows(admin)] == ["current", "previous"]
    assert [row.one("th").text for row in rows(admin)] == [secret.fingerprint for secret in admin.secrets()]
    assert "23 h 59 min" in window_after(admin, 1)
    assert "3 minutes ago" in window_after(admin, 0)

    admin.clock.now += GRACE_SECONDS
    admin.log_in()
    assert [row["data-status"] for row in rows(admin)] == ["current", "retired"]
    admin.press("/replace", on="/replace", confirmation="org_shop")
    assert [row["data-status"] for row in rows(admin)] == ["current", "revoked", "revoked"]


def window_after(admin: Admin, seconds: float) -> str:
    """Return what the page says about the grace window after some time."""
    admin.clock.now += seconds
    return admin.page().one(data_window=None).text


def test_rotate_makes_a_new_secret_and_keeps_the_old_one_for_a_while(admin: Admin) -> None:
    answer = admin.press("/rotate")

    assert (answer.status_code, answer.location) == (303, f"{PATH}?done=rotated#secrets")
    assert "There is a new signing secret" in admin.page("?done=rotated").text
    assert admin.verify()["state"] == "verified"
    assert admin.verify(admin.reveal())["state"] == "verified"
    assert admin.actions()[0] == "secret_rotated"


def test_a_second_click_and_a_second_admin_get_a_409_that_says_who_was_first(admin: Admin) -> None:
    [seen] = admin.secrets()
    assert admin.press("/rotate").status_code == 303
    after = admin.secrets()

    double = admin.send("/rotate", replaces=seen.id)

    assert double.status_code == 409
    assert "Nothing was changed" in double.text
    assert "somebody has rotated it" in double.text
    assert "Grace Hopper" in double.text
    assert admin.secrets() == after
    assert admin.actions() == ["secret_rotated"]


def test_while_the_window_runs_no_rotation_is_offered_or_done(admin: Admin) -> None:
    admin.press("/rotate")
    [current, _previous] = admin.secrets()

    actions = [form["action"] for form in admin.page().all("form")]
    assert f"{PATH}/rotate" not in actions
    refused = admin.send("/rotate", replaces=current.id)

    assert refused.status_code == 409
    assert "grace window still runs" in refused.text


@pytest.mark.parametrize("fields", [{}, {"replaces": ""}, {"replaces": "sec_unknown"}, {"replaces": "'--\x00"}])
def test_a_rotation_that_names_no_secret_of_ours_is_refused(admin: Admin, fields: dict[str, str]) -> None:
    assert admin.send("/rotate", **fields).status_code == 409
    assert len(admin.secrets()) == 1


def test_the_window_is_ended_early_after_saying_who_still_uses_the_old_secret(admin: Admin) -> None:
    admin.verify()
    admin.press("/rotate")
    admin.clock.now += 2 * HOUR

    question = admin.page("/end-window").text
    assert "last verified a token 2 hours ago" in question
    assert admin.press("/end-window", on="/end-window").status_code == 303

    assert admin.verify()["reason"] == "bad_signature"
    assert admin.actions() == ["secret_rotated", "grace_ended"]


def test_ending_a_window_twice_or_another_one_than_was_seen_is_a_409(admin: Admin) -> None:
    [first] = admin.secrets()
    assert admin.get("/end-window").status_code == 409
    admin.press("/rotate")
    admin.press("/end-window", on="/end-window")
    admin.clock.now += 1
    admin.press("/rotate")

    stale = admin.send("/end-window", retires=first.id)
    nameless = admin.send("/end-window")

    assert (stale.status_code, nameless.status_code) == (409, 409)
    assert len(admin.page().all(data_window=None)) == 1


@pytest.mark.parametrize("typed", ["", "org_sho", "ORG_SHOP", "org_other", "org_shop\x00"])
def test_an_emergency_replace_wants_the_organizations_id_typed(admin: Admin, typed: str) -> None:
    answer = admin.press("/replace", on="/replace", confirmation=typed)

    assert answer.status_code == 400
    assert "not the organization's id" in answer.text
    assert [secret.revoked_at for secret in admin.secrets()] == [None]


def test_an_emergency_replace_kills_every_other_secret_once(admin: Admin) -> None:
    admin.press("/rotate")
    previous, current = admin.organization, admin.reveal()
    admin.clock.now += 1
    stale = admin.secrets()[0].id

    answer = admin.press("/replace", on="/replace", confirmation=" org_shop ")
    assert (answer.status_code, answer.location) == (303, f"{PATH}/revoked?done=replaced")
    again = admin.send("/replace", confirmation="org_shop", replaces=stale)

    assert again.status_code == 409
    assert "replaced every signing secret" in again.text
    assert [admin.verify(secret)["reason"] for secret in (previous, current)] == ["bad_signature"] * 2
    assert admin.verify(admin.reveal())["state"] == "verified"
    assert admin.actions().count("secrets_replaced") == 1


def test_an_organization_that_lost_its_current_secret_can_be_given_one(admin: Admin) -> None:
    admin.in_database(lambda db: db.execute(sa.text("UPDATE kaltalk_iv_secrets SET revoked_at = 1.0")))

    assert "There is no current signing secret" in admin.press("/reveal", on="/reveal", password=PASSWORD).text
    assert admin.press("/replace", on="/replace", confirmation="org_shop").status_code == 303
    assert admin.verify(admin.reveal())["state"] == "verified"


def test_a_secret_that_cannot_be_opened_is_a_503_an_alarm_and_no_reveal(
    admin: Admin, caplog: pytest.LogCaptureFixture
) -> None:
    admin.in_database(lambda db: db.execute(sa.text("UPDATE kaltalk_iv_secrets SET sealed = 'v1.AAAA'")))

    for answer in (
        admin.press("/reveal", on="/reveal", password=PASSWORD),
        admin.send("/test-it", token=admin.organization.sign("u_1", now=admin.clock.now)),
    ):
        assert answer.status_code == 503
        assert "cannot be opened" in answer.text
    assert any(record.levelno == logging.CRITICAL for record in caplog.records)
    assert admin.get().status_code == 200
    assert "secret_revealed" not in admin.actions()


def test_two_admins_who_rotate_at_once_make_one_new_secret(admin: Admin) -> None:
    second = another_browser(admin, "grace")
    page = read_page(second.get(PATH).text)
    [form] = [form for form in page.all("form") if form["action"] == f"{PATH}/rotate"]
    stale = {box["name"]: box["value"] for box in form.all("input", type="hidden")}

    first, late = admin.press("/rotate"), second.post(f"{PATH}/rotate", data=stale)

    assert (first.status_code, late.status_code) == (303, 409)
    assert len(admin.secrets()) == 2
    assert re.search(r"rotated the signing secret, by\s+<bdi>grace \(Grace Hopper\)</bdi>", late.text)
