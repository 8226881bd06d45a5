"""Guessing is slow, answers tell nothing, nobody is locked out by a stranger, and the audit trail does not fill up."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from kaltalk_iv import generate_encryption_key, migrations
from kaltalk_iv.rates import Limit
from kaltalk_iv.server import create_app
from kaltalk_iv.state import current_state
from tests.dashboard.admin import Admin, another_browser
from tests.dashboard.desk import Clock
from tests.dashboard.staff import PASSWORD, Staff
from tests.dashboard.test_access import shape

WRONG = "not the password"
HOME, EVIL = "192.0.2.1", "198.51.100.66"
MakeStaff = Callable[..., Staff]


@pytest.fixture
def make_staff(tmp_path: Path, clock: Clock) -> Iterator[MakeStaff]:
    """Return a function that makes KalTalk on its own; it takes limits by their short names."""
    made: list[Flask] = []

    def make(**rates: str) -> Staff:
        config = {
            "SECRET_KEY": "a secret key for tests alone",
            "KALTALK_IV_ENCRYPTION_KEYS": generate_encryption_key(),
            "SQLALCHEMY_DATABASE_URI": f"sqlite:///{tmp_path / 'own.sqlite3'}",
        }
        app = create_app(config | {Limit[name].value: rate for name, rate in rates.items()}, clock=clock)
        with app.app_context():
            migrations.upgrade(current_state().session.get_bind().engine)
        made.append(app)
        return Staff(app)

    yield make
    for app in made:
        with app.app_context():
            current_state().session.get_bind().engine.dispose()


@pytest.fixture
def staff(make_staff: MakeStaff) -> Staff:
    """Give KalTalk where a guess is counted sooner than usual: each one costs a slow hash."""
    return make_staff(LOGIN_NAME="2 per minute", LOGIN_NAME_ANYWHERE="4 per minute", LOGIN_ADDRESS="5 per minute")


def attempt(staff: Staff, login: str, password: str = WRONG, address: str = EVIL) -> TestResponse:
    """Try to log in from an address, in a browser that nobody knows."""
    return at(staff, address).log_in(login, password)


def at(staff: Staff, address: str) -> Staff:
    """Return the same application seen from a new browser at this address."""
    browser = object.__new__(Staff)
    browser.app, browser.organization, browser.http = staff.app, staff.organization, staff.app.test_client()
    browser.http.environ_base["REMOTE_ADDR"] = address
    return browser


def test_the_eleventh_guess_in_a_minute_is_not_looked_at(make_staff: MakeStaff, clock: Clock) -> None:
    staff = make_staff()
    assert [attempt(staff, "alan").status_code for _ in range(11)] == [401] * 10 + [429]
    clock.now += 20
    refused = attempt(staff, "alan", PASSWORD)

    assert refused.status_code == 429, "the right one is not told from a wrong one"
    assert refused.headers["Retry-After"] == "40"
    assert "That was too often" in refused.text
    assert "in 40 seconds" in refused.text
    assert refused.headers["Cache-Control"] == "no-store"
    assert "frame-ancestors 'none'" in refused.headers["Content-Security-Policy"]
    clock.now += 40
    assert attempt(staff, "alan", PASSWORD).status_code == 303


def test_a_login_that_nobody_has_is_refused_alike(staff: Staff) -> None:
    known = [attempt(staff, "alan") for _ in range(3)]
    unknown = [attempt(staff, "nobody", address=HOME) for _ in range(3)]

    assert [answer.status_code for answer in known] == [answer.status_code for answer in unknown] == [401, 401, 429]
    assert shape(known[-1].text) == shape(unknown[-1].text)
    assert known[-1].headers["Retry-After"] == unknown[-1].headers["Retry-After"]


def test_spelling_the_login_otherwise_buys_no_guess(staff: Staff) -> None:
    spellings = ["alan", "ALAN ", "\taLaN"]

    assert [attempt(staff, spelling).status_code for spelling in spellings] == [401, 401, 429]


def test_many_logins_from_one_address_are_bounded(staff: Staff) -> None:
    answers = [attempt(staff, f"user{number}").status_code for number in range(6)]

    assert answers == [401] * 5 + [429]
    assert attempt(staff, "alan", PASSWORD, HOME).status_code == 303


def test_guessing_one_login_from_many_addresses_is_bounded(staff: Staff) -> None:
    answers = [attempt(staff, "alan", address=f"198.51.100.{number}").status_code for number in range(5)]

    assert answers == [401] * 4 + [429]


def test_a_stranger_locks_nobody_out(staff: Staff) -> None:
    for _ in range(30):
        attempt(staff, "alan")

    assert attempt(staff, "alan", PASSWORD, HOME).status_code == 303


def test_not_even_many_strangers_lock_out_a_browser_that_was_logged_in_before(staff: Staff, clock: Clock) -> None:
    laptop = at(staff, HOME)
    assert laptop.log_in("alan").status_code == 303
    laptop.log_out()
    for number in range(6):
        attempt(staff, "alan", address=f"198.51.100.{number}")
        attempt(staff, f"user{number}", address=HOME)

    assert attempt(staff, "alan", PASSWORD, "203.0.113.1").status_code == 429, "a browser that nobody knows waits"
    assert laptop.log_in("alan", WRONG).status_code == 401
    assert laptop.log_in("alan").status_code == 303


def test_what_proves_a_browser_known_is_good_for_one_login_and_ninety_days(staff: Staff, clock: Clock) -> None:
    laptop = at(staff, HOME)
    laptop.log_in("alan")
    laptop.log_out()
    for number in range(6):
        attempt(staff, f"user{number}", address=HOME)

    assert laptop.log_in("grace").status_code == 429, "of another login it proves nothing"
    proof = laptop.http.get_cookie("__Host-kaltalk_session_known")
    assert proof is not None
    assert (proof.http_only, proof.secure, proof.same_site, proof.path) == (True, True, "Strict", "/")
    assert "alan" not in proof.value
    flipped = proof.value[:-1] + ("1" if proof.value.endswith("0") else "0")
    for forged in (flipped, "1" + proof.value, "9" * 12 + proof.value[10:], "", "1.", "x" * 3000):
        browser = at(staff, HOME)
        browser.http.set_cookie("__Host-kaltalk_session_known", forged)
        assert browser.log_in("alan").status_code == 429, forged
    clock.now += 90 * 24 * 3600 + 61
    for number in range(6):
        attempt(staff, f"user{number}", address=HOME)
    assert laptop.log_in("alan").status_code == 429


def test_a_known_browser_guesses_no_faster(staff: Staff) -> None:
    laptop = at(staff, HOME)
    laptop.log_in("alan")
    laptop.log_out()

    assert [laptop.log_in("alan", WRONG).status_code for _ in range(3)] == [401, 401, 429]


def test_logging_in_rightly_is_no_guess_however_many_do_at_nine_o_clock(make_staff: MakeStaff) -> None:
    staff = make_staff(LOGIN_ADDRESS="3 per minute", LOGIN_NAME="2 per minute", LOGIN_NAME_ANYWHERE="2 per minute")

    assert [attempt(staff, "alan", PASSWORD).status_code for _ in range(5)] == [303] * 5
    assert [attempt(staff, "alan").status_code for _ in range(3)] == [401, 401, 429]


def test_wrong_passwords_at_reveal_are_bounded_and_so_are_their_lines(make_staff: MakeStaff, clock: Clock) -> None:
    admin = Admin(make_staff(REVEAL="3 per 10 minutes"), clock)
    answers = [admin.press("/reveal", on="/reveal", password=WRONG).status_code for _ in range(6)]

    assert answers == [403] * 3 + [429] * 3
    assert admin.actions().count("reveal_refused") == 3
    assert admin.press("/reveal", on="/reveal", password=PASSWORD).status_code == 429


def test_what_an_agent_is_denied_fills_the_trail_only_so_far(make_staff: MakeStaff, clock: Clock) -> None:
    admin = Admin(make_staff(DENIED="3 per minute"), clock)
    agent = another_browser(admin, "alan")
    answers = [agent.get("/settings/security/identity-verification").status_code for _ in range(8)]

    assert answers == [403] * 3 + [429] * 5
    assert admin.actions().count("settings_denied") == 3
    assert admin.get().status_code == 200


def test_changes_and_test_it_are_bounded_for_each_admin(make_staff: MakeStaff, clock: Clock) -> None:
    admin = Admin(make_staff(CHANGE="2 per minute", TEST_IT="1 per minute"), clock)

    assert [admin.send("/mode", mode=mode).status_code for mode in ("off", "optional", "off")] == [303, 303, 429]
    assert [admin.send("/test-it", token="x").status_code for _ in range(2)] == [200, 429]
    assert admin.stored().mode == "optional"
    assert admin.get().status_code == 200, "looking is free"


def test_the_trail_has_the_address_that_the_proxy_saw(tmp_path: Path, clock: Clock) -> None:
    config = {
        "SECRET_KEY": "a secret key for tests alone",
        "KALTALK_IV_ENCRYPTION_KEYS": generate_encryption_key(),
        "SQLALCHEMY_DATABASE_URI": f"sqlite:///{tmp_path / 'own.sqlite3'}",
    }
    for hops, address in ((0, "127.0.0.1"), (1, HOME)):
        app = create_app(config | {"KALTALK_PROXY_HOPS": hops}, clock=clock)
        with app.app_context():
            engine = current_state().session.get_bind().engine
            migrations.upgrade(engine)
        if hops == 0:
            staff = Staff(app)
        else:
            staff.app, staff.http = app, app.test_client()
        staff.http.environ_base["HTTP_X_FORWARDED_FOR"] = f"{EVIL}, {HOME}"
        admin = Admin(staff, clock)
        assert admin.send("/mode", mode="optional" if hops else "off").status_code == 303
        assert admin.audit()[0].address == address
        engine.dispose()
