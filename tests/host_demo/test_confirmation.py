"""An e-mail address is signed once a code that was sent there has come back, and not before."""

from collections.abc import Callable

import pytest
from flask import Flask

from host_demo import attempts
from tests.host_demo.conftest import MakeApp
from tests.host_demo.mail import EVE, Post, ask_for_code, confirm, email_told, profile
from tests.host_demo.visitor import PASSWORD, Clock, Visitor, claims_on


def test_an_address_that_was_only_typed_is_signed_on_no_page(eve: Visitor, post: Post) -> None:
    for path in ("/", "/profile", "/orders", "/nothing-here"):
        assert claims_on(eve.get(path))["email"] is None
    assert "It holds no e-mail address" in eve.get("/").text
    assert [address for address, _ in post.mails] == ["ada@example.com"]
    page = eve.get("/profile").text
    assert "Type the code from our mail to <bdi>ada@example.com</bdi>." in page
    assert "the support team is told\n          no address of yours" in page
    assert post.last_code not in page


def test_the_code_makes_it_theirs(eve: Visitor, post: Post) -> None:
    assert confirm(eve, post.last_code) == 302
    page = eve.get("/profile")
    assert claims_on(page)["email"] == "ada@example.com"
    assert "ada@example.com is confirmed." in page.text
    assert "Confirm your address" not in page.text
    assert "It holds no e-mail address" not in eve.get("/").text


def test_zero_and_one_are_read_as_the_letters_that_they_look_like(eve: Visitor, post: Post, clock: Clock) -> None:
    while not {"O", "I"} <= set(post.last_code):
        clock.now += 1
        attempts.init_app(eve.http.application)  # count anew
        ask_for_code(eve)
    assert confirm(eve, post.last_code.replace("O", "0").replace("I", "1")) == 302


@pytest.mark.parametrize("change", [str.lower, lambda code: f" {code} ", lambda code: code.replace("-", " ")])
def test_a_code_may_be_typed_as_people_do(eve: Visitor, post: Post, change: Callable[[str], str]) -> None:
    assert confirm(eve, change(post.last_code)) == 302
    assert email_told(eve) == "ada@example.com"


@pytest.mark.parametrize("code", ["AAAAA-AAAAA", "  ", "\x00", "é" * 40, "٣" * 10, "x" * 5_000])
def test_another_code_is_refused(eve: Visitor, code: str) -> None:
    page = eve.submit("/profile", code=code)
    assert page.status_code == 422
    assert "This is not the last code that this browser asked for." in page.text
    assert '<a href="#code">' in page.text
    assert 'aria-describedby="code-error" aria-invalid="true"' in page.text
    assert claims_on(page)["email"] is None


def test_no_code_is_asked_for(eve: Visitor) -> None:
    page = eve.submit("/profile", code="")
    assert page.status_code == 422
    assert "Type the code from the mail." in page.text


def test_a_code_is_good_for_one_hour_and_never_before_it_was_sent(eve: Visitor, post: Post, clock: Clock) -> None:
    sent, token = clock.now, eve.csrf_token("/profile")
    for wrong in (sent - 1, sent + 3600):
        clock.now = wrong
        eve.http.post("/profile", data={"csrf_token": token, "code": post.last_code})
        page = eve.get("/profile").text
        assert "No code is out for this browser. Ask for a new one." in page
        assert "No code is out for <bdi>ada@example.com</bdi>." in page
        assert email_told(eve) is None
    clock.now = sent + 3599
    assert confirm(eve, post.last_code) == 302
    assert email_told(eve) == "ada@example.com"


def test_only_the_last_code_counts(eve: Visitor, post: Post, clock: Clock) -> None:
    first = post.last_code
    clock.now += 1
    ask_for_code(eve)
    assert len(post.mails) == 2
    assert confirm(eve, first) == 422
    assert confirm(eve, post.last_code) == 302


def test_a_code_confirms_the_address_that_it_was_sent_to_and_no_other(ada: Visitor, post: Post) -> None:
    ada.submit("/profile", **profile(email="mine@example.org"))
    code_for_mine = post.last_code
    ada.submit("/profile", **profile(email="bob@example.com"))
    assert confirm(ada, code_for_mine) == 422
    assert email_told(ada) == "ada@example.com"


def test_what_two_browsers_of_one_user_do_at_once_confirms_nothing_else(app: Flask, ada: Visitor, post: Post) -> None:
    phone = Visitor(app)
    phone.log_in()
    ada.submit("/profile", **profile(email="mine@example.org"))
    code_for_mine = post.last_code
    phone.submit("/profile", **profile(email="bob@example.com"))
    assert confirm(phone, code_for_mine) == 422
    assert email_told(phone) == "ada@example.com"
    assert confirm(ada, code_for_mine) == 302
    assert email_told(phone) == "mine@example.org"


def test_a_cookie_of_before_confirms_no_more_than_its_own_address(ada: Visitor, post: Post) -> None:
    ada.submit("/profile", **profile(email="mine@example.org"))
    of_mine, code_for_mine = ada.cookie(), post.last_code
    ada.submit("/profile", **profile(email="bob@example.com"))
    ada.http.set_cookie("__Host-host_session", of_mine)
    assert confirm(ada, post.last_code) == 422
    assert confirm(ada, code_for_mine) == 302
    assert email_told(ada) == "mine@example.org"


def test_a_code_of_somebody_else_is_worth_nothing(eve: Visitor, app: Flask, post: Post) -> None:
    code_for_eve = post.last_code
    mallory = Visitor(app)
    mallory.submit("/register", **{**EVE, "username": "mallory"})
    assert post.last_code != code_for_eve
    assert confirm(mallory, code_for_eve) == 422
    assert confirm(eve, post.last_code) == 422


def test_a_code_of_another_shop_is_worth_nothing(make_app: MakeApp, eve: Visitor, post: Post) -> None:
    elsewhere = Post()
    app = make_app(HOST_SEND_MAIL=elsewhere, HOST_SECRET_KEY="another secret key for tests alone, long enough")
    there = Visitor(app)
    there.log_in("eve", PASSWORD)
    there.submit("/profile", **{name: EVE[name] for name in ("name", "username", "email")})
    assert elsewhere.last_code != post.last_code
    assert confirm(eve, elsewhere.last_code) == 422


def test_a_new_address_waits_and_the_old_one_is_signed_until_then(ada: Visitor, post: Post) -> None:
    ada.submit("/profile", **profile(email="augusta@example.org"))
    page = ada.get("/profile")
    assert 'value="augusta@example.org"' in page.text
    assert "the support team is told\n          <bdi>ada@example.com</bdi>" in page.text
    assert claims_on(page)["email"] == "ada@example.com"
    assert confirm(ada, post.last_code) == 302
    assert email_told(ada) == "augusta@example.org"


def test_saving_the_profile_again_sends_nothing_and_leaves_the_code_as_it_is(ada: Visitor, post: Post) -> None:
    ada.submit("/profile", **profile(name="Ada King"))
    assert not post.mails
    for name in ("Ada", "Augusta"):
        ada.submit("/profile", **profile(name=name, email="augusta@example.org"))
    assert len(post.mails) == 1
    assert confirm(ada, post.last_code) == 302


def test_saving_the_profile_again_after_an_hour_sends_a_new_code(ada: Visitor, post: Post, clock: Clock) -> None:
    for _ in range(2):
        ada.submit("/profile", **profile(email="augusta@example.org"))
        clock.now += 3600
    assert len(post.mails) == 2


def test_going_back_to_the_old_address_leaves_nothing_waiting(ada: Visitor, post: Post) -> None:
    ada.submit("/profile", **profile(email="augusta@example.org"))
    ada.submit("/profile", **profile())
    assert "Confirm your address" not in ada.get("/profile").text
    ada.submit("/profile", code=post.last_code)
    assert "No code is out for this browser." in ada.get("/profile").text
    assert "No e-mail address waits to be confirmed in this browser." in ask_for_code(ada)
    assert email_told(ada) == "ada@example.com"


def test_what_was_confirmed_elsewhere_waits_no_more(app: Flask, ada: Visitor, post: Post) -> None:
    phone = Visitor(app)
    phone.log_in()
    for browser in (phone, ada):
        browser.submit("/profile", **profile(email="augusta@example.org"))
    assert confirm(ada, post.last_code) == 302
    assert "Confirm your address" not in phone.get("/profile").text


def test_a_shop_without_mail_says_so_and_whoever_runs_it_confirms_by_hand(make_app: MakeApp) -> None:
    app = make_app()
    eve = Visitor(app)
    eve.submit("/register", **EVE)
    page = eve.get("/profile").text
    assert "This shop sends no mail yet, so it cannot see" in page
    assert "flask --app host_demo confirm-email" in page
    assert 'name="code"' not in page
    run = app.test_cli_runner().invoke
    for address in ("ada@EXAMPLE.com", "eve@example.com"):
        assert run(args=["confirm-email", "eve", address]).output == f"{address.lower()} is theirs now.\n"
        assert email_told(eve) == address.lower()
        assert ("Confirm your address" in eve.get("/profile").text) == (address == "eve@example.com")
    for args, sentence in (
        (["nobody", "eve@example.com"], "There is no user of this name."),
        (["eve", "nonsense"], "This is not an e-mail address."),
    ):
        refused = run(args=["confirm-email", *args])
        assert (refused.exit_code, refused.output) == (1, f"Error: {sentence}\n")


def test_a_code_that_comes_after_the_session_is_over_leads_to_the_profile(eve: Visitor, post: Post) -> None:
    eve.log_out()
    answer = eve.http.post("/profile", data={"csrf_token": eve.csrf_token("/login"), "code": post.last_code})
    assert answer.location == "/login?next=/profile"
    eve.log_in("eve", PASSWORD)
    assert "No address of yours is confirmed. Save one below to get a code." in eve.get("/profile").text
    assert email_told(eve) is None


def test_codes_and_addresses_work_on_both_databases(make_app: MakeApp, post: Post, database_url: str) -> None:
    eve = Visitor(make_app(HOST_DATABASE_URL=database_url, HOST_SEND_MAIL=post))
    eve.submit("/register", **EVE)
    assert confirm(eve, "\x00") == 422
    assert confirm(eve, post.last_code) == 302
    assert email_told(eve) == "ada@example.com"
