"""Log in and log out."""

import re
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select
from werkzeug.security import check_password_hash
from werkzeug.test import TestResponse

from host_demo import accounts, db
from host_demo.models import SignIn
from tests.host_demo.conftest import MakeApp
from tests.host_demo.visitor import PASSWORD, Clock, Visitor

ELSEWHERE = [
    "//evil.example",
    "///evil.example",
    "////evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "/\\/evil.example",
    "https:evil.example",
    "https://evil.example",
    "HTTPS://evil.example/orders",
    "javascript:alert(1)",
    "data:text/html,x",
    "//[::1",
    "http://[::1",
    "/orders\r\nSet-Cookie: a=b",
    "/\t/evil.example",
    "/\n/evil.example",
    "\t//evil.example",
    " //evil.example",
    "/%09/evil.example",
    "/%5cevil.example",
    "/..//evil.example",
    "/.//evil.example",
    "/orders//evil.example",
    "/@evil.example",
    "evil.example",
    "orders",
    "/orders\x00",
    "/ordérs",
    "",
]


def without_csrf(response: TestResponse) -> str:
    """The page without what differs on every render."""
    return re.sub(r'(nonce=|name="csrf_token"[^>]*value=)"[^"]*"', r"\1", response.text)


def sign_ins(app: Flask) -> int:
    """How many browsers are logged in."""
    with app.app_context():
        return db.session.scalar(select(func.count()).select_from(SignIn)) or 0


def test_the_right_password_opens_the_home_page(stranger: Visitor) -> None:
    answer = stranger.log_in()
    assert (answer.status_code, answer.location) == (302, "/")
    assert "Good to see you, <bdi>Ada Lovelace</bdi>" in stranger.get("/").text


def test_the_case_of_the_username_does_not_matter(stranger: Visitor) -> None:
    assert stranger.log_in(" ADA ").status_code == 302


def test_unknown_user_and_wrong_password_get_one_answer(make_app: MakeApp) -> None:
    app = make_app()
    wrong = Visitor(app).log_in("ada", "not the password")
    unknown = Visitor(app).log_in("eve", "not the password")
    assert wrong.status_code == unknown.status_code == 422
    assert without_csrf(wrong) == without_csrf(unknown).replace('value="eve"', 'value="ada"')


def test_an_unknown_user_costs_one_hash_like_a_known_one(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    hashed: list[str] = []

    def count(stored: str, password: str) -> bool:
        hashed.append(stored.partition("$")[0])
        return check_password_hash(stored, password)

    monkeypatch.setattr(accounts, "check_password_hash", count)
    with app.app_context():
        for username in ("ada", "eve", "no such name", "a\x00b"):
            assert accounts.check_password(username, "wrong") is None
    assert len(hashed) == 4
    assert len(set(hashed)) == 1, "one method, one cost"


@pytest.mark.parametrize("target", ELSEWHERE)
def test_next_leads_nowhere_but_to_a_path_of_this_site(app: Flask, target: str) -> None:
    page = Visitor(app).http.get("/login", query_string={"next": target})
    assert page.status_code == 200
    if target:
        assert 'name="next" type="hidden" value="/"' in page.text
    assert Visitor(app).log_in(next=target).location == "/"
    visitor = Visitor(app)
    visitor.log_in()
    assert visitor.http.get("/login", query_string={"next": target}).location == "/"


def test_next_leads_back_to_the_page_that_was_asked_for(stranger: Visitor) -> None:
    asked = stranger.get("/orders")
    assert (asked.status_code, asked.location) == (302, "/login?next=/orders")
    page = stranger.get(asked.location)
    assert "Log in to see that page." in page.text
    assert 'value="/orders"' in page.text
    assert stranger.log_in(next="/orders").location == "/orders"


def test_a_cookie_copied_before_log_out_is_worthless_after_it(app: Flask, ada: Visitor) -> None:
    copied = ada.cookie()
    thief = Visitor(app)
    thief.http.set_cookie("__Host-host_session", copied)
    assert thief.is_logged_in(), "the copy works as long as Ada is logged in"
    ada.log_out()
    thief.http.set_cookie("__Host-host_session", copied)
    assert not thief.is_logged_in()


def test_a_session_planted_before_log_in_is_not_taken_over(app: Flask, stranger: Visitor) -> None:
    planted_token = stranger.csrf_token("/login")
    planted_cookie = stranger.cookie()
    stranger.log_in()
    assert stranger.csrf_token("/") != planted_token
    attacker = Visitor(app)
    attacker.http.set_cookie("__Host-host_session", planted_cookie)
    assert not attacker.is_logged_in()


def test_logging_in_as_someone_else_ends_the_first_session(app: Flask, ada: Visitor) -> None:
    before = ada.cookie()
    token = ada.csrf_token("/")
    answer = ada.http.post("/login", data={"csrf_token": token, "username": "bob", "password": PASSWORD})
    assert answer.status_code == 302
    assert "<bdi>Bob</bdi>" in ada.get("/").text
    thief = Visitor(app)
    thief.http.set_cookie("__Host-host_session", before)
    assert not thief.is_logged_in()
    assert sign_ins(app) == 1


def test_logging_out_in_one_browser_leaves_the_other_alone(app: Flask, ada: Visitor) -> None:
    phone = Visitor(app)
    phone.log_in()
    phone.log_out()
    assert ada.is_logged_in()


def test_a_session_ends_twelve_hours_after_log_in_however_busy(ada: Visitor, clock: Clock) -> None:
    for _ in range(11):
        clock.now += 3600
        assert ada.is_logged_in()
    clock.now += 3599
    assert ada.is_logged_in()
    clock.now += 1
    assert not ada.is_logged_in()


def test_old_sign_ins_are_swept_away_at_the_next_log_in(app: Flask, ada: Visitor, clock: Clock) -> None:
    assert sign_ins(app) == 1
    clock.now += 13 * 3600
    Visitor(app).log_in("bob")
    assert sign_ins(app) == 1


def test_a_deleted_user_is_logged_out(app: Flask, ada: Visitor) -> None:
    with app.app_context():
        user = accounts.find_user("ada")
        db.session.query(SignIn).delete()
        db.session.delete(user)
        db.session.commit()
    assert not ada.is_logged_in()


def test_log_out_takes_a_post_with_a_csrf_token(ada: Visitor) -> None:
    assert ada.get("/logout").status_code == 405
    assert ada.http.post("/logout").status_code == 400
    assert ada.is_logged_in()
    assert ada.log_out().location == "/"
    assert not ada.is_logged_in()


def test_logging_out_twice_does_no_harm(ada: Visitor) -> None:
    ada.log_out()
    answer = ada.http.post("/logout", data={"csrf_token": ada.csrf_token("/login")})
    assert answer.status_code == 302


@pytest.mark.parametrize(("settings", "is_secure"), [({}, True), ({"SESSION_COOKIE_SECURE": False}, False)])
def test_the_cookie_is_kept_from_scripts_and_other_sites(
    make_app: MakeApp, settings: dict[str, Any], is_secure: bool
) -> None:
    answer = Visitor(make_app(**settings)).get("/login")
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-host_session=" if is_secure else "host_session=")
    assert {"HttpOnly", "Path=/", "SameSite=Lax"} <= set(cookie.split("; "))
    assert ("Secure" in cookie.split("; ")) is is_secure


@pytest.mark.parametrize(
    ("server", "is_secure"), [("Werkzeug/3.1.9", False), ("gunicorn/27.0.1", True), ("", True), ("X-Werkzeug/", True)]
)
def test_only_the_development_server_gets_a_cookie_for_plain_http(
    make_app: MakeApp, server: str, is_secure: bool
) -> None:
    answer = make_app().test_client().get("/login", environ_overrides={"SERVER_SOFTWARE": server})
    assert ("Secure" in answer.headers["Set-Cookie"].split("; ")) is is_secure


def test_the_navigation_offers_what_fits_the_visitor(stranger: Visitor) -> None:
    outside = stranger.get("/").text
    assert ">Log in</a>" in outside
    assert ">Log out</button>" not in outside
    stranger.log_in()
    inside = stranger.get("/").text
    assert ">Log in</a>" not in inside
    assert ">Log out</button>" in inside


def test_the_demo_names_its_accounts_and_a_real_shop_does_not(make_app: MakeApp, stranger: Visitor) -> None:
    demo = Visitor(make_app(HOST_DEMO_ACCOUNTS=["ada", "bob"])).get("/login").text
    assert "<strong>ada</strong> or <strong>bob</strong>" in demo
    assert "terminal" not in stranger.get("/login").text
