"""The address where a page that has been open for long gets a fresh user token."""

import re
from typing import Any

import jwt
import pytest
from flask import Flask
from jwt.types import Options
from werkzeug.test import TestResponse

from host_demo.config import SIGN_IN_LIFETIME
from tests.host_demo.conftest import MakeApp
from tests.host_demo.visitor import SECRET, Clock, Visitor, claims_on

ADDRESS = "/kaltalk-token"


def claims_in(answer: TestResponse) -> dict[str, Any]:
    """The claims of the token in an answer, after its signature was checked."""
    options: Options = {"verify_exp": False, "verify_iat": False}
    return jwt.decode(answer.get_json()["userJwt"], SECRET, algorithms=["HS256"], options=options)


def test_a_logged_in_page_gets_a_token_signed_now_with_the_claims_of_a_render(ada: Visitor, clock: Clock) -> None:
    rendered = claims_on(ada.get("/"))
    clock.now += 3500
    answer = ada.get(ADDRESS)
    assert (answer.status_code, answer.mimetype) == (200, "application/json")
    assert list(answer.get_json()) == ["userJwt"]
    assert claims_in(answer) == rendered | {"iat": int(clock.now), "exp": int(clock.now) + 3600}


def test_nobody_gets_none_and_no_redirect_to_a_page_of_html(stranger: Visitor) -> None:
    answer = stranger.get(ADDRESS)
    assert (answer.status_code, answer.mimetype) == (401, "application/json")
    assert answer.get_json() == {"userJwt": None}
    assert "Location" not in answer.headers


def test_after_a_logout_or_a_login_that_is_too_old_there_is_none(app: Flask, ada: Visitor, clock: Clock) -> None:
    other = Visitor(app)
    other.log_in()
    cookie = other.cookie()
    other.log_out()
    other.http.set_cookie("host_session", cookie)
    assert other.get(ADDRESS).status_code == 401, "a cookie that was copied before the logout"
    clock.now += SIGN_IN_LIFETIME
    assert ada.get(ADDRESS).status_code == 401


@pytest.mark.parametrize("who", ["ada", "stranger"])
def test_no_cache_keeps_it_and_no_other_site_reads_it(request: pytest.FixtureRequest, who: str) -> None:
    visitor: Visitor = request.getfixturevalue(who)
    answer = visitor.http.get(ADDRESS, headers={"Origin": "https://evil.example"})
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Cookie" in answer.headers["Vary"]
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert not [name for name, _ in answer.headers if name.lower().startswith("access-control")]


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none", "", "Same-Origin", "nonsense"])
def test_a_browser_that_says_another_site_asks_gets_none(ada: Visitor, site: str) -> None:
    answer = ada.http.get(ADDRESS, headers={"Sec-Fetch-Site": site})
    assert (answer.status_code, answer.get_json()) == (403, {"userJwt": None})


def test_the_pages_own_request_is_answered(ada: Visitor) -> None:
    assert ada.http.get(ADDRESS, headers={"Sec-Fetch-Site": "same-origin"}).status_code == 200


def test_it_signs_for_whom_the_session_names_and_nobody_whom_the_request_names(ada: Visitor) -> None:
    sub = claims_on(ada.get("/"))["sub"]
    answer = ada.http.get(ADDRESS, query_string={"sub": "u_bob", "id": "u_bob"}, headers={"X-User": "u_bob"})
    assert claims_in(answer)["sub"] == sub


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_it_is_only_read(ada: Visitor, method: str) -> None:
    assert ada.http.open(ADDRESS, method=method).status_code in {400, 405}


@pytest.mark.parametrize("secret", [None, "too-short"])
def test_without_a_usable_secret_there_is_none_and_nothing_unsigned(make_app: MakeApp, secret: str | None) -> None:
    ada = Visitor(make_app(KALTALK_IV_SECRET=secret))
    ada.log_in()
    answer = ada.get(ADDRESS)
    assert (answer.status_code, answer.get_json()) == (503, {"userJwt": None})


def test_the_snippet_hands_it_over_for_those_who_are_logged_in_only(ada: Visitor, stranger: Visitor) -> None:
    line = re.search(r"getUserJwt: .*", ada.get("/").text)
    assert line
    assert line[0] == 'getUserJwt: async () => (await (await fetch("/kaltalk-token")).json()).userJwt,'
    assert "getUserJwt" not in stranger.get("/").text


def test_a_page_signed_without_a_secret_asks_for_nothing(make_app: MakeApp) -> None:
    ada = Visitor(make_app(KALTALK_IV_SECRET=None))
    ada.log_in()
    assert "getUserJwt" not in ada.get("/").text
