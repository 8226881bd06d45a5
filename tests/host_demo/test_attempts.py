"""Guessing passwords gets slow, and one network does not make accounts without end."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from host_demo import accounts
from tests.host_demo.conftest import MakeApp
from tests.host_demo.visitor import PASSWORD, Visitor


def log_in(app: Flask, username: str, password: str, address: str = "192.0.2.1") -> TestResponse:
    """One attempt from an address, in a browser of its own."""
    visitor = Visitor(app)
    form = {"csrf_token": visitor.csrf_token("/login"), "username": username, "password": password}
    return visitor.http.post("/login", data=form, environ_overrides={"REMOTE_ADDR": address})


def guess(app: Flask, times: int, address: str = "192.0.2.1", username: str = "ada") -> list[int]:
    """Wrong passwords, and how they were answered."""
    return [log_in(app, username, "not the password", address).status_code for _ in range(times)]


def test_the_eleventh_guess_in_a_minute_is_refused_without_a_look_at_the_password(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert guess(app, 10) == 10 * [422]
    monkeypatch.setattr(accounts, "check_password_hash", lambda *_: pytest.fail("a hash for nothing"))
    refused = log_in(app, " ADA ", PASSWORD)
    assert refused.status_code == 429
    assert "Too many attempts. Wait a minute and try again." in refused.text
    assert 'value="ada"' in refused.text, "what was typed is still there"


def test_after_a_minute_it_goes_on(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        guess(app, 10, username=f"user{number}")
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 55)
    assert log_in(app, "ada", PASSWORD).status_code == 429
    monkeypatch.setattr(time, "time", lambda: now + 121)
    assert log_in(app, "ada", PASSWORD).status_code == 302


def test_what_is_refused_for_one_name_takes_nothing_from_the_others(app: Flask) -> None:
    assert guess(app, 30) == 10 * [422] + 20 * [429]
    assert log_in(app, "bob", PASSWORD).status_code == 302


def test_logins_of_ones_own_buy_no_guess_at_others(app: Flask) -> None:
    taken = 0
    for number in range(40):
        log_in(app, "ada", PASSWORD)
        taken += guess(app, 1, username=f"user{number}") == [422]
    assert taken == 30


def test_a_stranger_locks_nobody_out(app: Flask) -> None:
    guess(app, 11, "192.0.2.66")
    assert log_in(app, "ada", PASSWORD, "192.0.2.1").status_code == 302


def test_one_network_gets_thirty_guesses_over_all_names_and_its_other_addresses(app: Flask) -> None:
    for number in range(30):
        assert guess(app, 1, f"2001:db8::{number:x}:0:0:1", f"user{number}") == [422]
    assert guess(app, 1, "2001:db8::ffff:0:0:1", "bob") == [429]
    assert guess(app, 1, "2001:db8:0:1::1", "bob") == [422], "the next network"


def test_an_ipv4_address_in_ipv6_clothes_is_that_address(app: Flask) -> None:
    guess(app, 10, "192.0.2.1")
    assert guess(app, 2, "::ffff:192.0.2.1") == [429, 429]
    assert guess(app, 1, "::ffff:192.0.2.2") == [422]


def test_logins_that_succeed_do_not_count(app: Flask) -> None:
    assert {log_in(app, "ada", PASSWORD).status_code for _ in range(31)} == {302}


def test_each_application_counts_for_itself(make_app: MakeApp) -> None:
    guess(make_app(), 10)
    assert guess(make_app(), 1) == [422]


def test_guesses_at_once_count_like_guesses_in_a_row(app: Flask) -> None:
    with ThreadPoolExecutor(20) as pool:
        statuses = list(pool.map(lambda _: guess(app, 1)[0], range(20)))
    assert sorted(statuses) == 10 * [422] + 10 * [429]


@pytest.mark.parametrize("address", ["localhost", "<local>", "1.2.3.4:5678", ""])
def test_an_address_that_is_none_counts_as_it_stands(app: Flask, address: str) -> None:
    assert guess(app, 11, address) == 10 * [422] + [429]


def test_the_thirty_first_account_of_an_hour_is_refused_and_a_taken_name_counts(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    eve = Visitor(app)
    form = {"name": "Eve", "email": "eve@example.com", "password": PASSWORD}

    def register(username: str) -> TestResponse:
        eve.http.delete_cookie("__Host-host_session")
        token = eve.csrf_token("/register")
        return eve.http.post("/register", data={**form, "username": username, "csrf_token": token})

    assert [register("ada").status_code for _ in range(15)] == 15 * [422]
    assert [register(f"eve{number}").status_code for number in range(15)] == 15 * [302]
    page = register("one-more")
    assert page.status_code == 429
    assert "Too many attempts came from your network. Try again in an hour." in page.text
    assert log_in(app, "ada", PASSWORD, "127.0.0.1").status_code == 302
    eve.http.environ_base["REMOTE_ADDR"] = "192.0.2.1"
    assert register("elsewhere").status_code == 302
    eve.http.environ_base["REMOTE_ADDR"] = "127.0.0.1"
    now = time.time()
    for later, status in ((3500, 429), (3601, 302)):
        monkeypatch.setattr(time, "time", lambda at=now + later: at)
        assert register("later").status_code == status
