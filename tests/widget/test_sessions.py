"""Who the visitor is: renewed when needed, forgotten on logout in every tab, never mixed up with the next one."""

import json
from collections.abc import Callable

import pytest
from playwright.sync_api import Route, expect

from tests.widget.conftest import STORED, Shop
from tests.widget.stand_in import END, IDENTIFY, READ, StandIn, problem, user_token

pytestmark = pytest.mark.browser

KEPT_EVENTS = """
  window.seen = [];
  const watch = () => { for (const e of ["identity", "message", "error"]) KalTalk.on(e, (d) => seen.push([e, d])); };
  addEventListener("load", watch);
"""


def test_the_user_token_is_stored_nowhere(shop: Shop) -> None:
    token = user_token("ada")
    shop.visit(userJwt=token).open().say("Hello")
    shop.expect_statuses("sent")
    payload = token.split(".")[1]
    stored = shop.page.evaluate(STORED) + shop.page.evaluate("() => JSON.stringify(localStorage) + document.cookie")
    assert "session-of-ada" in stored
    assert payload not in stored
    assert payload not in shop.page.evaluate("() => document.getElementById('kaltalk-widget').shadowRoot.innerHTML")


def test_tokens_stay_out_of_addresses_markup_local_storage_and_the_console(shop: Shop, kaltalk: StandIn) -> None:
    addresses: list[str] = []
    shop.page.on("request", lambda request: addresses.append(request.url))
    kaltalk.fail(IDENTIFY, problem(503, f"see {user_token('ada')}", 1))
    shop.visit(userJwt=user_token("ada", signature="bad")).open().say("Hello")
    shop.page.clock.fast_forward(3_000)
    shop.expect_statuses("sent")
    markup = shop.page.evaluate("() => document.getElementById('kaltalk-widget').shadowRoot.innerHTML")
    local = shop.page.evaluate("() => JSON.stringify(localStorage)")
    everything = " ".join([*addresses, *shop.warnings, markup, local])
    assert len(shop.warnings) == 2
    assert "eyJ" not in everything
    assert "session-of-" not in everything


def test_requests_carry_no_cookie_and_no_referrer(shop: Shop) -> None:
    headers: list[dict[str, str]] = []
    shop.page.on("request", lambda request: headers.append(request.all_headers()) if "/v1/" in request.url else None)
    shop.visit(userJwt=user_token("ada"))
    shop.settle()
    assert headers
    assert not any({"cookie", "referer"} & set(found) for found in headers)


def test_the_next_page_brings_the_stored_session_along(shop: Shop, kaltalk: StandIn) -> None:
    shop.visit(userJwt=user_token("ada"))
    shop.settle()
    shop.visit(userJwt=user_token("ada"))
    shop.settle()
    first, second = kaltalk.identifies
    assert "session" not in first
    assert second["session"].startswith("kts1.session-of-ada")


def test_a_session_that_is_not_taken_any_more_is_renewed_once(shop: Shop, kaltalk: StandIn) -> None:
    shop.visit(userJwt=user_token("ada")).open()
    shop.settle()
    kaltalk.forget_sessions()
    shop.say("Still there?")
    shop.expect_statuses("sent")
    assert len(kaltalk.identifies) == 2


def test_a_server_that_takes_no_session_at_all_is_asked_less_and_less(shop: Shop, kaltalk: StandIn) -> None:
    refusals = [problem(401, "session_invalid") for _ in range(60)]
    kaltalk.fail(READ, *refusals)
    shop.visit(userJwt=user_token("ada")).open()
    shop.settle()
    shop.let_pass(60)
    assert 4 <= len(kaltalk.identifies) <= 12


def test_a_host_that_gives_new_tokens_is_asked_when_the_old_one_is_not_taken(shop: Shop, kaltalk: StandIn) -> None:
    fresh = user_token("ada", iat=1_800_000_060)
    provider = f"getUserJwt: async () => {{ window.asked = (window.asked || 0) + 1; return '{fresh}'; }}"
    stale = user_token("ada", signature="bad")
    shop.visit(f"KalTalk.init({{ organizationId: 'org_demo', userJwt: '{stale}', {provider} }});")
    shop.settle()
    assert [body["userJwt"] for body in kaltalk.identifies] == [stale, fresh]
    assert shop.page.evaluate("() => asked") == 1
    assert shop.warnings == []


def test_a_new_token_that_meets_a_server_that_is_down_is_used_again_and_not_the_old_one(
    shop: Shop, kaltalk: StandIn
) -> None:
    stale, fresh = user_token("ada"), user_token("ada", iat=1_800_000_060)
    provider = f"getUserJwt: async () => {{ window.asked = (window.asked || 0) + 1; return '{fresh}'; }}"
    shop.visit(f"KalTalk.init({{ organizationId: 'org_demo', userJwt: '{stale}', {provider} }});").open()
    shop.settle()
    kaltalk.forget_sessions()
    kaltalk.fail(IDENTIFY, problem(503, "database_unavailable", 2))
    shop.say("Still there?")
    shop.settle()
    shop.page.clock.fast_forward(3_000)
    shop.expect_statuses("sent")
    assert [body["userJwt"] for body in kaltalk.identifies] == [stale, fresh, fresh]
    assert shop.page.evaluate("() => asked") == 1


def test_a_new_token_is_fetched_before_the_old_one_runs_out(shop: Shop, kaltalk: StandIn) -> None:
    first, second = user_token("ada"), user_token("ada", iat=1_800_003_500)
    provider = f"getUserJwt: async () => '{second}'"
    shop.visit(f"KalTalk.init({{ organizationId: 'org_demo', userJwt: '{first}', {provider} }});")
    shop.settle()
    shop.page.clock.fast_forward(58 * 60_000)
    shop.settle()
    assert len(kaltalk.identifies) == 1
    shop.page.clock.fast_forward(70_000)
    shop.settle()
    assert [body["userJwt"] for body in kaltalk.identifies] == [first, second]


def test_a_provider_that_fails_leaves_the_chat_working(shop: Shop, kaltalk: StandIn) -> None:
    provider = "getUserJwt: () => { throw new Error('no') }"
    shop.visit(f"KalTalk.init({{ organizationId: 'org_demo', {provider} }});").open().say("Hello")
    shop.expect_statuses("sent")
    assert len(shop.warnings) == 1
    assert "getUserJwt" in shop.warnings[0]


def test_shutdown_ends_the_session_and_wipes_everything(shop: Shop, kaltalk: StandIn) -> None:
    shop.visit(userJwt=user_token("ada")).open().say("A secret")
    shop.expect_statuses("sent")
    shop.part("input").fill("half a sen")
    shop.page.evaluate("() => { window.kept = document.getElementById('kaltalk-widget').shadowRoot; }")
    shop.page.evaluate("() => KalTalk.shutdown()")
    shop.settle()
    assert shop.page.evaluate(STORED) == "[]"
    assert shop.page.locator("#kaltalk-widget").count() == 0
    assert "secret" not in shop.page.evaluate("() => kept.innerHTML")
    assert len(kaltalk.calls(END)) == 1
    assert kaltalk.sessions == {}
    reads = len(kaltalk.calls(READ))
    shop.page.clock.fast_forward(60_000)
    shop.page.evaluate("() => { KalTalk.shutdown(); KalTalk.shutdown(); }")
    shop.settle()
    assert (len(kaltalk.calls(READ)), len(kaltalk.calls(END))) == (reads, 1)


def test_shutdown_on_a_page_without_init_ends_what_the_last_page_left(shop: Shop, kaltalk: StandIn) -> None:
    shop.visit(userJwt=user_token("ada"))
    shop.settle()
    shop.visit("KalTalk.shutdown();")
    shop.settle()
    assert shop.page.evaluate(STORED) == "[]"
    assert kaltalk.sessions == {}


def test_shutdown_in_one_tab_shuts_the_other(shop: Shop, kaltalk: StandIn, another_tab: Callable[[], Shop]) -> None:
    shop.visit(userJwt=user_token("ada")).open().say("A secret")
    shop.expect_statuses("sent")
    other = another_tab().visit(userJwt=user_token("ada"))
    shop.wait_for(lambda: len(kaltalk.sessions) == 2)
    other.page.evaluate("() => KalTalk.shutdown()")
    expect(shop.page.locator("#kaltalk-widget")).to_have_count(0)
    shop.settle()
    assert shop.page.evaluate(STORED) == "[]"
    assert kaltalk.sessions == {}


def test_a_session_that_comes_after_shutdown_is_ended(shop: Shop, kaltalk: StandIn) -> None:
    held: list[Route] = []
    shop.page.route("**/identify", lambda route: held.append(route))  # noqa: PLW0108 - Playwright marks what it is given
    shop.visit(userJwt=user_token("ada"))
    expect(shop.page.locator("#kaltalk-widget")).to_have_count(1)
    shop.wait_for(lambda: held != [])
    answer = held[0].fetch()
    assert len(kaltalk.sessions) == 1
    shop.page.evaluate("() => KalTalk.shutdown()")
    expect(shop.page.locator("#kaltalk-widget")).to_have_count(0)
    held[0].fulfill(response=answer)
    shop.settle()
    assert len(kaltalk.identifies) == 1
    assert kaltalk.sessions == {}
    assert shop.page.evaluate(STORED) == "[]"


def test_the_next_user_of_the_browser_sees_nothing_of_the_last_one(shop: Shop, kaltalk: StandIn) -> None:
    kaltalk.fail("POST /v1/messages", problem(503, "database_unavailable", 60))
    shop.visit(userJwt=user_token("ada")).open().say("Ada's secret")
    shop.expect_statuses("sending")
    shop.settle()
    shop.visit(userJwt=user_token("bob")).open()
    shop.settle()
    assert shop.texts == []
    assert "Ada" not in shop.page.evaluate(STORED)
    assert kaltalk.threads == {}


def test_init_for_another_user_on_the_same_page_starts_afresh(shop: Shop, kaltalk: StandIn) -> None:
    shop.visit(userJwt=user_token("ada")).open().say("Ada's secret")
    shop.expect_statuses("sent")
    shop.part("input").fill("Ada's draft")
    init = json.dumps({"organizationId": "org_demo", "userJwt": user_token("bob")})
    shop.page.evaluate(f"() => KalTalk.init({init})")
    expect(shop.messages).to_have_count(0)
    shop.open()
    expect(shop.part("input")).to_have_value("")
    shop.say("I am Bob")
    shop.expect_statuses("sent")
    assert kaltalk.texts("bob") == ["I am Bob"]


def test_a_host_that_renews_with_another_users_token_starts_afresh(shop: Shop, kaltalk: StandIn) -> None:
    tokens = json.dumps([user_token("ada"), user_token("bob")])
    provider = f"getUserJwt: async () => (window.tokens ??= {tokens}).shift()"
    shop.visit(f"KalTalk.init({{ organizationId: 'org_demo', {provider} }});").open()
    shop.settle()
    shop.part("input").fill("Ada's draft")
    shop.page.evaluate("() => KalTalk.close()")
    shop.page.clock.fast_forward(8_000)
    kaltalk.forget_sessions()
    shop.part("launcher").click()
    expect(shop.part("input")).to_have_value("")
    assert len(kaltalk.identifies) == 2


def test_a_server_that_names_another_visitor_empties_the_thread(shop: Shop, kaltalk: StandIn) -> None:
    shop.visit(email="ada@example.com").open().say("Hello")
    shop.expect_statuses("sent")
    body = {
        "identity": {"state": "unverified", "reason": "no_token"},
        "session": {"token": "kts1.of-someone-else", "expiresAt": "2026-11-23T00:00:00Z", "visitor": "someone else"},
        "warnings": [],
    }
    kaltalk.forget_sessions()
    kaltalk.sessions["kts1.of-someone-else"] = "someone else"
    answer = problem(200, "")
    answer.data = json.dumps(body)
    kaltalk.fail(IDENTIFY, answer)
    shop.page.clock.fast_forward(4_000)
    expect(shop.messages).to_have_count(0)


def test_a_new_token_of_the_same_user_identifies_anew_and_keeps_the_thread(shop: Shop, kaltalk: StandIn) -> None:
    shop.visit(userJwt=user_token("ada")).open().say("Hello")
    shop.expect_statuses("sent")
    again = json.dumps({"organizationId": "org_demo", "userJwt": user_token("ada", iat=1_800_000_060)})
    shop.page.evaluate(f"() => {{ KalTalk.init({again}); KalTalk.init({again}); }}")
    shop.settle()
    assert len(kaltalk.identifies) == 2
    shop.expect_statuses("sent")


def test_the_page_learns_of_the_identity_and_of_its_loss(shop: Shop, kaltalk: StandIn) -> None:
    init = json.dumps({"organizationId": "org_demo", "userJwt": user_token("ada")})
    shop.visit(KEPT_EVENTS, f"KalTalk.init({init});").open()
    shop.settle()
    kaltalk.state = "unverified"
    shop.page.clock.fast_forward(4_000)
    shop.settle()
    identities = [detail for event, detail in shop.page.evaluate("() => seen") if event == "identity"]
    assert identities == [
        {"state": "verified", "reason": None},
        {"state": "unverified", "reason": "secret_revoked"},
    ]


def test_a_refused_identify_is_told_once_and_not_repeated(shop: Shop, kaltalk: StandIn) -> None:
    kaltalk.fail(IDENTIFY, *[problem(401, "bad_signature") for _ in range(9)])
    init = json.dumps({"organizationId": "org_demo", "userJwt": user_token("ada", signature="bad")})
    shop.visit(KEPT_EVENTS, f"KalTalk.init({init});").open()
    expect(shop.part("status")).to_have_text("Chat is not available right now.")
    shop.page.clock.fast_forward(120_000)
    shop.settle()
    assert len(kaltalk.identifies) == 1
    assert len(shop.warnings) == 1
    assert "bad_signature" in shop.warnings[0]
    shop.say("Anybody?")
    shop.expect_statuses("failed")
