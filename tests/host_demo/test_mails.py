"""The mails with a code: how many leave, to where, and what happens when none can."""

import itertools
import logging
import time

import pytest
from flask import Flask

from host_demo.models import db
from tests.host_demo.conftest import MakeApp
from tests.host_demo.mail import EVE, Post, ask_for_code, confirm, email_told, profile
from tests.host_demo.visitor import Visitor


def test_nobody_fills_a_mailbox_whatever_its_spelling_and_the_account(
    app: Flask, ada: Visitor, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        ada.submit("/profile", **profile(email=f"{number}@example.org"))
        ada.submit("/profile", **profile(email="Victim@example.org" if number % 2 else "victim@example.org"))
    eve = Visitor(app)
    eve.submit("/register", **{**EVE, "email": "victim@example.org"})
    for _ in range(3):
        page = ask_for_code(eve)
    assert "Too many codes were asked for. Try again in an hour." in page
    assert [address.lower() for address, _ in post.mails].count("victim@example.org") == 5
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 3601)
    ask_for_code(eve)
    assert [address.lower() for address, _ in post.mails].count("victim@example.org") == 6


def test_nobody_writes_to_all_the_mailboxes_there_are(
    ada: Visitor, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    addresses = (f"{number}@example.org" for number in itertools.count())
    while "Too many codes" not in ada.get("/profile").text:
        ada.submit("/profile", **profile(email=next(addresses)))
    assert len(post.mails) == 30
    ada.http.environ_base["REMOTE_ADDR"] = "192.0.2.2"
    ask_for_code(ada)
    assert len(post.mails) == 31, "another network"
    ada.http.environ_base["REMOTE_ADDR"] = "127.0.0.1"
    now = time.time()
    for later, mails in ((3599, 31), (3601, 32)):
        monkeypatch.setattr(time, "time", lambda at=now + later: at)
        ask_for_code(ada)
        assert len(post.mails) == mails


def test_who_asks_too_often_for_one_address_takes_nothing_from_the_others(app: Flask, ada: Visitor, post: Post) -> None:
    ada.submit("/profile", **profile(email="augusta@example.org"))
    for _ in range(40):
        ask_for_code(ada)
    assert len(post.mails) == 5
    bob = Visitor(app)
    bob.log_in("bob")
    bob.submit("/profile", name="Bob", username="bob", email="bob@example.org")
    assert post.mails[-1][0] == "bob@example.org"


def test_a_mail_that_failed_does_not_count(eve: Visitor, post: Post) -> None:
    post.trouble = TimeoutError()
    for _ in range(31):
        ask_for_code(eve)
    post.trouble = None
    ask_for_code(eve)
    assert len(post.mails) == 2


def test_a_code_that_is_out_stays_good_when_no_other_can_be_sent(eve: Visitor, post: Post) -> None:
    post.trouble = TimeoutError()
    ask_for_code(eve)
    assert confirm(eve, post.last_code) == 302


def test_another_address_whose_mail_failed_waits_without_a_code(ada: Visitor, post: Post) -> None:
    ada.submit("/profile", **profile(email="mine@example.org"))
    post.trouble = TimeoutError()
    ada.submit("/profile", **profile(email="other@example.org"))
    assert "No code is out for <bdi>other@example.org</bdi>." in ada.get("/profile").text


def test_a_mail_server_gets_the_ascii_spelling_of_a_domain(ada: Visitor, post: Post) -> None:
    ada.submit("/profile", **profile(email="ada@münchen.example"))
    assert post.mails[-1][0] == "ada@xn--mnchen-3ya.example"
    assert confirm(ada, post.last_code) == 302
    assert email_told(ada) == "ada@münchen.example"


@pytest.mark.parametrize("trouble", [ConnectionRefusedError("ada@example.com"), ValueError("ada@example.com")])
def test_a_mail_that_cannot_be_sent_costs_no_account_and_names_nobody_in_the_log(
    app: Flask, post: Post, trouble: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    post.trouble = trouble
    eve = Visitor(app)
    with caplog.at_level(logging.DEBUG):
        assert eve.submit("/register", **EVE).status_code == 302
        page = eve.get("/profile").text
    assert "Your account is ready" in page
    assert "The mail with the code could not be sent. Try again in a minute." in page
    assert "No code is out for <bdi>ada@example.com</bdi>." in page
    assert 'name="code"' not in page
    assert f"No code was sent: {type(trouble).__name__}" in caplog.text
    assert "ada@example.com" not in caplog.text
    eve.submit("/profile", code="AAAAA-AAAAA")
    assert "No code is out for this browser." in eve.get("/profile").text
    post.trouble = None
    ask_for_code(eve)
    assert confirm(eve, post.last_code) == 302


def test_no_connection_to_the_database_waits_for_the_mail(make_app: MakeApp) -> None:
    held: list[int] = []
    app = make_app(HOST_SEND_MAIL=lambda *_: held.append(db.engine.pool.checkedout()))  # type: ignore[attr-defined]
    eve = Visitor(app)
    eve.submit("/register", **EVE)
    ask_for_code(eve)
    assert held == [0, 0]


@pytest.mark.parametrize(
    "email", ["=?utf-8?q?ada?=@example.com", "=?utf-8?q?a=0d=0aBcc=3a=20z=40z.com?=@example.com", "a@b.com,c@d.com"]
)
def test_no_mail_goes_elsewhere_than_the_address_says(app: Flask, ada: Visitor, post: Post, email: str) -> None:
    assert Visitor(app).submit("/register", **{**EVE, "email": email}).status_code == 422
    assert ada.submit("/profile", **profile(email=email)).status_code == 422
    assert not post.mails
