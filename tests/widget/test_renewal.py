"""A page that stays open longer than its token: the host is asked in time, once, and not for ever."""

import json

import pytest
from playwright.sync_api import expect

from tests.widget.conftest import Shop
from tests.widget.stand_in import IDENTIFY, READ, SEND, StandIn, problem, user_token

pytestmark = pytest.mark.browser

IAT = 1_800_000_000
FIRST = user_token("ada")
HOUR = 3_600
# A jump of the clock would break off what is under way: the widget gives a request twenty seconds.
NO_LIMIT = "AbortController.prototype.abort = () => {};"


def visit(shop: Shop, provider: str, user_jwt: str | None = FIRST) -> Shop:
    """Open the page of a host whose getUserJwt has this body; `asked` counts its calls, `errors` what was told."""
    init = f"organizationId: 'org_demo', getUserJwt: async () => {{ window.asked += 1; {provider} }}"
    given = "" if user_jwt is None else f", userJwt: '{user_jwt}'"
    shop.page.add_init_script(NO_LIMIT)
    watch = "addEventListener('load', () => KalTalk.on('error', (error) => errors.push(error.code)));"
    shop.visit(f"window.asked = 0; window.errors = []; {watch} KalTalk.init({{ {init}{given} }});")
    shop.settle()
    return shop


def asked(shop: Shop) -> int:
    """How often the host was asked."""
    count: int = shop.page.evaluate("() => asked")
    return count


def hours_pass(shop: Shop, hours: int) -> None:
    """Let hours pass, two minutes at a time, and never while a request is under way: it would run into its limit."""
    for _ in range(hours * 30):
        shop.page.clock.fast_forward(120_000)
        shop.rest()


def test_a_long_day_costs_one_call_an_hour_and_the_identity_is_never_lost(shop: Shop, kaltalk: StandIn) -> None:
    tokens = json.dumps([user_token("ada", iat=IAT + HOUR * n) for n in range(1, 9)])
    visit(shop, f"return (window.tokens ??= {tokens}).shift();")
    hours_pass(shop, 4)
    assert asked(shop) == 4
    issued = [body["userJwt"] for body in kaltalk.identifies]
    assert issued == sorted(set(issued), key=issued.index)
    assert shop.warnings == []


@pytest.mark.parametrize(
    "provider",
    [f"return '{FIRST}';", "throw new Error('no');", "return undefined;", "return 'not a token';", "return {};"],
    ids=["the same token", "a rejection", "nothing", "nonsense", "an object"],
)
def test_a_host_that_brings_nothing_new_is_asked_a_few_times_and_told_once(
    shop: Shop, kaltalk: StandIn, provider: str
) -> None:
    visit(shop, provider)
    hours_pass(shop, 3)
    assert 3 <= asked(shop) <= 6
    assert len(kaltalk.identifies) == 1
    assert len(shop.warnings) == 1
    assert "getUserJwt" in shop.warnings[0]
    assert "no_new_token" in shop.page.evaluate("() => errors")


def test_a_host_whose_tokens_are_never_taken_is_asked_a_few_times(shop: Shop, kaltalk: StandIn) -> None:
    bad = "return 'a.' + btoa(JSON.stringify({ sub: 'ada', iat: 18e8 + asked, exp: 18e8 + asked + 3600 })) + '.bad';"
    visit(shop, bad, user_token("ada", signature="bad"))
    hours_pass(shop, 1)
    assert 3 <= asked(shop) <= 6
    assert len(kaltalk.identifies) == asked(shop) + 1


def test_a_host_that_says_nobody_is_logged_in_is_not_asked_again_until_the_page_is_looked_at(shop: Shop) -> None:
    visit(shop, "return null;")
    hours_pass(shop, 3)
    assert asked(shop) == 1
    shop.page.evaluate("() => document.dispatchEvent(new Event('visibilitychange'))")
    shop.settle()
    assert asked(shop) == 2


def test_a_page_that_slept_past_its_tokens_end_renews_before_it_sends(shop: Shop, kaltalk: StandIn) -> None:
    visit(shop, f"return '{user_token('ada', iat=IAT + 5 * HOUR)}';").open()
    shop.page.evaluate("() => { const now = Date.now; Date.now = () => now() + 5 * 3600e3; }")  # no timer ran meanwhile
    shop.say("Good morning")
    shop.expect_statuses("sent")
    calls = [f"{seen.method} {seen.path}" for seen in kaltalk.seen]
    assert asked(shop) == 1
    assert calls.index(SEND) > len(calls) - calls[::-1].index(IDENTIFY) - 1


def test_a_clock_that_is_wrong_by_an_hour_makes_no_loop(shop: Shop) -> None:
    fresh = "const t = Math.floor((Date.now() - SKEW) / 1000);"
    token = "return 'a.' + btoa(JSON.stringify({ sub: 'ada', iat: t, exp: t + 3600 })) + '.good';"
    for skew in (59.6 * 60_000, -59.6 * 60_000, 24 * HOUR * 1000):
        visit(shop, fresh.replace("SKEW", str(int(skew))) + token, None)
        hours_pass(shop, 1)
        assert asked(shop) <= 4


def test_an_identity_that_the_server_calls_lost_is_renewed_at_once(shop: Shop, kaltalk: StandIn) -> None:
    visit(shop, f"return '{user_token('ada', iat=IAT + 60)}';").open()
    shop.say("Hello")
    shop.expect_statuses("sent")
    shop.settle()
    kaltalk.state = "unverified"
    reads = len(kaltalk.calls(READ))
    shop.page.clock.fast_forward(4_000)
    shop.wait_for(lambda: len(kaltalk.calls(READ)) > reads)
    shop.settle()
    assert asked(shop) == 1


def test_needs_that_come_together_share_one_call(shop: Shop, kaltalk: StandIn) -> None:
    visit(shop, f"await new Promise((r) => setTimeout(r, 500)); return '{user_token('ada', iat=IAT + 60)}';").open()
    kaltalk.forget_sessions()
    shop.say("one")
    shop.say("two")
    shop.page.evaluate("() => { dispatchEvent(new Event('online')); KalTalk.close(); KalTalk.open(); }")
    shop.expect_statuses("sent", "sent")
    assert asked(shop) == 1
    assert kaltalk.texts("ada") == ["one", "two"]


def test_an_older_token_never_replaces_a_newer_one(shop: Shop, kaltalk: StandIn) -> None:
    visit(shop, "return null;", user_token("ada", iat=IAT + 60))
    older = json.dumps({"organizationId": "org_demo", "userJwt": FIRST})
    shop.page.evaluate(f"() => KalTalk.init({older})")
    shop.settle()
    assert {body["userJwt"] for body in kaltalk.identifies} == {user_token("ada", iat=IAT + 60)}


def test_a_token_of_somebody_else_is_not_filled_up_with_what_the_page_said_of_the_last_one(
    shop: Shop, kaltalk: StandIn
) -> None:
    bob = user_token("bob", iat=IAT + 60)
    given = f"userJwt: '{FIRST}', email: 'ada@example.com', getUserJwt: async () => '{bob}'"
    shop.visit(f"KalTalk.init({{ organizationId: 'org_demo', {given} }});")
    shop.settle()
    kaltalk.forget_sessions()
    shop.open()
    shop.wait_for(lambda: len(kaltalk.identifies) == 2)
    assert kaltalk.identifies[-1]["userJwt"] == bob
    assert "email" not in kaltalk.identifies[-1]


def test_without_a_provider_the_chat_goes_on_and_the_visitor_is_told_how_to_see_replies(
    shop: Shop, kaltalk: StandIn
) -> None:
    shop.visit(userJwt=FIRST).open()
    shop.settle()
    answer = problem(200, "")
    lost = {"messages": [], "cursor": "0", "identity": {"state": "unverified", "reason": "expired"}}
    answer.data = json.dumps(lost)
    kaltalk.fail(READ, answer, answer, answer)
    shop.page.clock.fast_forward(4_000)
    expect(shop.part("status")).to_have_text("Reload the page to see new replies.")
    shop.say("Still here")
    shop.expect_statuses("sent")
