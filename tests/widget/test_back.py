"""Back to a page that the browser has kept whole: what was logged out stays hidden, and everything else goes on."""

import pytest

from tests.widget.conftest import STORED, Shop
from tests.widget.stand_in import DOWN, IDENTIFY, StandIn, user_token

pytestmark = pytest.mark.browser

BACK = "() => dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))"


def test_back_to_a_cached_page_after_a_logout_shows_nothing(shop: Shop) -> None:
    shop.visit(userJwt=user_token("ada")).open().say("Ada's secret")
    shop.expect_statuses("sent")
    shop.settle()
    shop.page.evaluate("() => sessionStorage.clear()")
    shop.page.evaluate(BACK)
    assert shop.page.locator("#kaltalk-widget").count() == 0


@pytest.mark.parametrize(
    ("found", "goes_on"),
    [({"userJwt": user_token("ada")}, True), ({"userJwt": user_token("bob")}, False), ({}, False)],
    ids=["of the same person", "of another", "of nobody"],
)
def test_back_to_a_cached_page_that_was_left_before_an_answer_and_finds_a_session(
    shop: Shop, kaltalk: StandIn, found: dict[str, str], goes_on: bool
) -> None:
    shop.visit(**found).settle()
    (stored,) = shop.page.evaluate("() => Object.entries(sessionStorage)")
    shop.page.evaluate("() => sessionStorage.clear()")
    kaltalk.fail(IDENTIFY, *DOWN)
    shop.visit(userJwt=user_token("ada")).settle()
    kaltalk.failures.clear()
    shop.page.evaluate("([key, value]) => sessionStorage.setItem(key, value)", stored)
    shop.page.evaluate(BACK)
    shop.settle()
    assert shop.page.locator("#kaltalk-widget").count() == goes_on
    assert [body.get("session") in kaltalk.sessions for body in kaltalk.identifies[2:]] == [True] * goes_on


@pytest.mark.parametrize("logged_out", [True, False])
def test_back_to_a_cached_page_that_was_left_before_an_answer_and_finds_none(
    shop: Shop, kaltalk: StandIn, logged_out: bool
) -> None:
    kaltalk.fail(IDENTIFY, *DOWN)
    shop.visit(userJwt=user_token("ada")).settle()
    if logged_out:
        shop.page.evaluate("() => sessionStorage.clear()")
    shop.page.evaluate(BACK)
    assert shop.page.locator("#kaltalk-widget").count() == (not logged_out)


def test_back_to_a_cached_page_of_somebody_who_has_logged_in_since_goes_on(shop: Shop) -> None:
    shop.visit().settle()
    log_in = (
        "() => { const [k, v] = Object.entries(sessionStorage)[0]; sessionStorage[k] = v.replace('\"\"', '\"ada\"'); }"
    )
    shop.page.evaluate(log_in)
    assert '[\\"ada\\",\\"\\"]' in shop.page.evaluate(STORED)
    shop.page.evaluate(BACK)
    assert shop.page.locator("#kaltalk-widget").count() == 1


def test_back_to_a_cached_page_that_had_fetched_its_token_and_was_not_answered_goes_on(
    shop: Shop, kaltalk: StandIn
) -> None:
    kaltalk.fail(IDENTIFY, *DOWN)
    provider = f"getUserJwt: async () => '{user_token('ada')}'"
    shop.visit(f"KalTalk.init({{ organizationId: 'org_demo', {provider} }});").settle()
    shop.page.evaluate(BACK)
    assert shop.page.locator("#kaltalk-widget").count() == 1
