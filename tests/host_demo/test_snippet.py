"""What each page tells KalTalk."""

import itertools
import json
import logging
import re
from html import unescape

import pytest
from flask import Flask

from host_demo import identity
from tests.host_demo.conftest import MakeApp
from tests.host_demo.visitor import SECRET, Clock, Visitor, claims_on, settings_on

SIGNED_PAGES = ["/", "/orders", "/profile", "/no-such-page"]
PUBLIC_PAGES = ["/", "/login", "/register", "/no-such-page"]
TOKEN = re.compile(r"ey[\w-]+\.[\w-]+\.[\w-]+")


@pytest.mark.parametrize("path", PUBLIC_PAGES)
def test_a_logged_out_page_hands_over_the_organization_and_no_user(stranger: Visitor, path: str) -> None:
    page = stranger.get(path)
    assert settings_on(page) == {"organizationId": "org_demo"}
    assert not TOKEN.search(page.text)


def test_a_page_after_log_out_holds_no_token(ada: Visitor) -> None:
    ada.log_out()
    page = ada.get("/")
    assert settings_on(page) == {"organizationId": "org_demo"}
    assert not TOKEN.search(page.text)


@pytest.mark.parametrize("path", SIGNED_PAGES)
def test_every_page_of_a_logged_in_user_is_signed(ada: Visitor, clock: Clock, path: str) -> None:
    assert claims_on(ada.get(path)) == {
        "sub": re.findall(r">(u_[\w-]{16})<", ada.get("/profile").text)[0],
        "email": "ada@example.com",
        "name": "Ada Lovelace",
        "iat": int(clock.now),
        "exp": int(clock.now) + 3600,
    }


def test_no_plain_field_stands_beside_the_token(ada: Visitor) -> None:
    assert settings_on(ada.get("/")).keys() == {"organizationId", "userJwt"}


def test_each_render_signs_a_fresh_token(ada: Visitor, clock: Clock) -> None:
    first = ada.get("/orders")
    clock.now += 60
    second = ada.get("/orders")
    assert settings_on(first)["userJwt"] != settings_on(second)["userJwt"]
    assert claims_on(second)["exp"] == claims_on(first)["exp"] + 60


def test_the_token_stands_in_the_settings_alone_and_in_no_address(ada: Visitor) -> None:
    page = ada.get("/")
    token = settings_on(page)["userJwt"]
    assert page.text.count(token) == 1
    assert token not in str(page.headers)
    for address in re.findall(r'(?:href|src|action)="([^"]*)"', page.text):
        assert "ey" + token[2:12] not in address


def test_the_home_page_says_as_whom_and_until_when_it_was_signed(ada: Visitor) -> None:
    page = ada.get("/")
    assert f'<code id="signed-sub">{claims_on(page)["sub"]}</code>' in page.text
    assert '<time datetime="2027-01-15T09:00:00+00:00">09:00 UTC</time>' in page.text


def test_the_snippet_has_the_shape_that_the_guide_shows(stranger: Visitor) -> None:
    page = stranger.get("/").text
    nonce = re.findall(r'nonce="([\w-]+)"', page)[0]
    assert '<script type="application/json" id="kaltalk-settings">{"organizationId": "org_demo"}</script>' in page
    assert 'KalTalk.init(JSON.parse(document.getElementById("kaltalk-settings").textContent));\n</script>' in page
    assert f'<script async src="/kaltalk/widget/kaltalk.js" nonce="{nonce}"></script>' in page


def test_a_name_with_markup_is_inert_text(ada: Visitor) -> None:
    name = '</script><script>alert(1)</script>"><img src=x onerror=alert(1)>{{7*7}}'
    ada.submit("/profile", name=name, username="ada", email="ada@example.com")
    for path in SIGNED_PAGES:
        page = ada.get(path)
        assert "<script>alert" not in page.text
        assert "<img src=x" not in page.text
        assert claims_on(page)["name"] == name
    greeting = re.search(r"<bdi>(.*?)</bdi>", ada.get("/").text)
    assert greeting
    assert unescape(greeting[1]) == name


def test_settings_with_markup_cannot_leave_their_script(make_app: MakeApp) -> None:
    page = Visitor(make_app(KALTALK_ORGANIZATION_ID="</script><script>alert(1)</script>")).get("/")
    assert "<script>alert" not in page.text
    assert settings_on(page)["organizationId"] == "</script><script>alert(1)</script>"


@pytest.mark.parametrize("secret", [None, "", "hush-hush-short"])
def test_without_a_secret_pages_work_unsigned_and_one_line_says_so(
    make_app: MakeApp, secret: str | None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(identity, "_refusals", itertools.count())
    with caplog.at_level(logging.DEBUG):
        ada = Visitor(make_app(KALTALK_IV_SECRET=secret))
        assert len(caplog.records) == 1, "said at the start, not at the first login"
        ada.log_in()
        for path in SIGNED_PAGES:
            page = ada.get(path)
            assert settings_on(page) == {"organizationId": "org_demo"}
            assert "hush" not in page.text
    assert [record.name for record in caplog.records] == ["host_demo.identity"]
    assert "hush" not in caplog.text


@pytest.mark.parametrize("missing", ["KALTALK_ORGANIZATION_ID", "KALTALK_ORIGIN"])
def test_without_organization_or_origin_pages_work_without_chat_and_one_line_says_so(
    make_app: MakeApp, missing: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        ada = Visitor(make_app(**{missing: None}))
        ada.log_in()
        for path in SIGNED_PAGES:
            page = ada.get(path).text
            assert "kaltalk-settings" not in page
            assert not TOKEN.search(page)
    assert len(caplog.records) == 1
    assert missing in caplog.text


def test_no_log_line_of_a_whole_visit_holds_a_token_or_the_secret(app: Flask, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        ada = Visitor(app)
        ada.log_in()
        for path in SIGNED_PAGES:
            ada.get(path)
        ada.log_out()
    assert not TOKEN.search(caplog.text)
    assert SECRET not in caplog.text


def test_a_head_request_is_answered_like_a_page_without_its_body(ada: Visitor) -> None:
    answer = ada.http.head("/")
    assert (answer.status_code, answer.data) == (200, b"")
    assert json.dumps(dict(answer.headers)).count("no-store") == 1
