"""An e-mail address is signed once a code that was sent there has come back, and not before."""

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from flask import Flask

from host_demo.accounts import find_user
from host_demo.confirmation import waiting_email
from host_demo.models import NewEmail, db
from tests.host_demo.conftest import MakeApp
from tests.host_demo.visitor import PASSWORD, Clock, Visitor, claims_on

EVE = {"name": "Eve", "username": "eve", "email": "ada@example.com", "password": PASSWORD}


@dataclass
class Post:
    """A mailer that keeps what it was given."""

    mails: list[tuple[str, str]] = field(default_factory=list)
    is_down: bool = False

    def __call__(self, address: str, subject: str, text: str) -> None:
        """Take a mail."""
        if self.is_down:
            raise ConnectionRefusedError(f"no way to {address}")
        assert subject == "Your code for Harrow Lane Tea"
        self.mails.append((address, text))

    @property
    def last_code(self) -> str:
        """The code in the last mail."""
        found = re.match(r"[2-9A-HJ-NP-Z]{5}-[2-9A-HJ-NP-Z]{5} ", self.mails[-1][1])
        assert found
        return found[0].strip()


@pytest.fixture
def post() -> Post:
    """The mail of the shop."""
    return Post()


@pytest.fixture
def app(make_app: MakeApp, post: Post) -> Flask:
    """A shop that sends mail."""
    return make_app(HOST_SEND_MAIL=post)


@pytest.fixture
def eve(app: Flask) -> Visitor:
    """Somebody who registered with the address of somebody else."""
    visitor = Visitor(app)
    assert visitor.submit("/register", **EVE).status_code == 302
    return visitor


def profile(**changes: str) -> dict[str, str]:
    """Ada's profile form."""
    return {"name": "Ada Lovelace", "username": "ada", "email": "ada@example.com"} | changes


def confirm(visitor: Visitor, code: str) -> int:
    """Type a code and return the status of the answer."""
    return visitor.http.post(
        "/profile/email", data={"csrf_token": visitor.csrf_token("/profile"), "code": code}
    ).status_code


def ask_again(visitor: Visitor) -> str:
    """Ask for another code and return the page that follows."""
    token = visitor.csrf_token("/profile")
    assert visitor.http.post("/profile/code", data={"csrf_token": token}).location == "/profile"
    return visitor.get("/profile").text


def test_an_address_that_was_only_typed_is_on_no_page_as_proven(eve: Visitor, post: Post) -> None:
    for path in ("/", "/profile", "/orders", "/nothing-here"):
        assert claims_on(eve.get(path))["email"] is None
    assert "It says nothing of your e-mail address" in eve.get("/").text
    assert [address for address, _ in post.mails] == ["ada@example.com"]
    assert post.last_code not in eve.get("/profile").text


def test_the_code_makes_it_theirs(eve: Visitor, post: Post) -> None:
    assert "the code from our mail to <bdi>ada@example.com</bdi>" in eve.get("/profile").text
    assert confirm(eve, post.last_code) == 302
    page = eve.get("/profile")
    assert claims_on(page)["email"] == "ada@example.com"
    assert "Confirm your address" not in page.text
    assert "It says nothing of your e-mail address" not in eve.get("/").text


@pytest.mark.parametrize("change", [str.lower, lambda code: f" {code} ", lambda code: code.replace("-", " ")])
def test_a_code_may_be_typed_as_people_do(eve: Visitor, post: Post, change: Callable[[str], str]) -> None:
    assert confirm(eve, change(post.last_code)) == 302
    assert claims_on(eve.get("/"))["email"] == "ada@example.com"


@pytest.mark.parametrize("code", ["", "  ", "AAAAA-AAAAA", "\x00", "é" * 40, "٣" * 10, "x" * 5_000])
def test_new_code_is_refused_with_a_sentence(eve: Visitor, code: str) -> None:
    token = eve.csrf_token("/profile")
    page = eve.http.post("/profile/email", data={"csrf_token": token, "code": code})
    assert page.status_code == 422
    assert 'id="code-error"' in page.text
    assert claims_on(page)["email"] is None


def test_a_code_is_good_for_one_hour_and_never_before_it_was_sent(eve: Visitor, post: Post, clock: Clock) -> None:
    sent = clock.now
    clock.now = sent + 3600
    assert confirm(eve, post.last_code) == 422
    clock.now = sent + 3599
    assert confirm(eve, post.last_code) == 302


def test_only_the_last_code_counts(eve: Visitor, post: Post, clock: Clock) -> None:
    first = post.last_code
    clock.now += 60
    ask_again(eve)
    assert len(post.mails) == 2
    assert confirm(eve, first) == 422
    assert confirm(eve, post.last_code) == 302


def test_a_code_for_one_address_does_not_confirm_another(ada: Visitor, post: Post, clock: Clock) -> None:
    ada.submit("/profile", **profile(email="mine@example.org"))
    code_for_mine = post.last_code
    ada.submit("/profile", **profile(email="bob@example.com"))
    assert confirm(ada, code_for_mine) == 422
    ada.submit("/profile", **profile(email="mine@example.org"))
    assert confirm(ada, code_for_mine) == 422
    assert claims_on(ada.get("/"))["email"] == "ada@example.com"


def test_a_code_of_somebody_else_is_worth_nothing(eve: Visitor, app: Flask, post: Post) -> None:
    mallory = Visitor(app)
    mallory.submit("/register", **{**EVE, "username": "mallory", "email": "mallory@example.com"})
    assert confirm(eve, post.last_code) == 422
    assert claims_on(eve.get("/"))["email"] is None


def test_a_new_address_waits_and_the_old_one_is_signed_until_then(ada: Visitor, post: Post) -> None:
    ada.submit("/profile", **profile(email="augusta@example.org"))
    page = ada.get("/profile")
    assert 'value="augusta@example.org"' in page.text
    assert claims_on(page)["email"] == "ada@example.com"
    assert confirm(ada, post.last_code) == 302
    assert claims_on(ada.get("/"))["email"] == "augusta@example.org"


def test_saving_the_profile_sends_one_mail_for_one_new_address(ada: Visitor, post: Post) -> None:
    ada.submit("/profile", **profile(name="Ada King"))
    assert not post.mails
    for name in ("Ada", "Augusta"):
        ada.submit("/profile", **profile(name=name, email="augusta@example.org"))
    assert len(post.mails) == 1


def test_going_back_to_the_old_address_leaves_nothing_waiting(ada: Visitor, post: Post) -> None:
    ada.submit("/profile", **profile(email="augusta@example.org"))
    ada.submit("/profile", **profile())
    assert "Confirm your address" not in ada.get("/profile").text
    assert confirm(ada, post.last_code) == 422
    assert "No e-mail address waits" in ask_again(ada)


def test_nobody_fills_a_mailbox(ada: Visitor, post: Post, clock: Clock) -> None:
    for number in range(5):
        ada.submit("/profile", **profile(email=f"victim{number}@example.org"))
        assert len(post.mails) == 1
    assert "Wait a minute, then ask for a new one." in ask_again(ada)
    ada.submit("/profile", **profile())
    ada.submit("/profile", **profile(email="victim9@example.org"))
    assert len(post.mails) == 1
    clock.now += 60
    ask_again(ada)
    assert [address for address, _ in post.mails] == ["victim0@example.org", "victim9@example.org"]


def test_a_mail_that_cannot_be_sent_costs_no_account_and_names_nobody_in_the_log(
    app: Flask, post: Post, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    post.is_down = True
    eve = Visitor(app)
    with caplog.at_level(logging.DEBUG):
        assert eve.submit("/register", **EVE).status_code == 302
        assert "Your account is ready" in eve.get("/").text
        clock.now += 60
        assert "The mail could not be sent. Ask for a new code in a minute." in ask_again(eve)
    assert "No code was sent: ConnectionRefusedError" in caplog.text
    assert "ada@example.com" not in caplog.text
    post.is_down = False
    clock.now += 60
    ask_again(eve)
    assert confirm(eve, post.last_code) == 302


def test_the_code_is_stored_as_a_hash(eve: Visitor, app: Flask, post: Post) -> None:
    with app.app_context():
        stored = db.session.query(NewEmail).one().code_hash
    assert len(stored) == 64
    assert post.last_code.replace("-", "") not in stored


def test_a_shop_without_mail_says_so_and_whoever_runs_it_confirms_by_hand(make_app: MakeApp) -> None:
    app = make_app()
    eve = Visitor(app)
    eve.submit("/register", **EVE)
    page = eve.get("/profile").text
    assert "flask --app host_demo confirm-email eve" in page
    assert 'name="code"' not in page
    assert "This shop sends no mail yet." in ask_again(eve)
    run = app.test_cli_runner().invoke
    assert run(args=["confirm-email", "eve"]).output == "ada@example.com is theirs now.\n"
    assert claims_on(eve.get("/"))["email"] == "ada@example.com"
    assert run(args=["confirm-email", "eve"]).output == "No address of theirs waits to be confirmed.\n"
    unknown = run(args=["confirm-email", "nobody"])
    assert (unknown.exit_code, unknown.output) == (1, "Error: There is no user of this name.\n")


def test_codes_and_mails_work_on_both_databases(make_app: MakeApp, post: Post, database_url: str) -> None:
    app = make_app(HOST_DATABASE_URL=database_url, HOST_SEND_MAIL=post)
    eve = Visitor(app)
    eve.submit("/register", **EVE)
    with app.app_context():
        user = find_user("eve")
        assert user is not None
        assert (user.email, waiting_email(user)) == (None, "ada@example.com")
    assert confirm(eve, "\x00") == 422
    assert confirm(eve, post.last_code) == 302
    assert claims_on(eve.get("/"))["email"] == "ada@example.com"
