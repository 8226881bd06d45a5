"""Several tabs of one browser: one visitor, one conversation, one renewal, one logout."""

import json
from collections.abc import Callable

import pytest
from playwright.sync_api import Route, expect

from tests.widget.conftest import Shop
from tests.widget.stand_in import END, IDENTIFY, READ, SEND, StandIn, problem, user_token

pytestmark = pytest.mark.browser

AnotherTab = Callable[[], Shop]
GONE = "#kaltalk-widget"
NO_TIMERS = "window.setTimeout = () => 0;"
NO_LONG_TIMERS = """
const { setTimeout } = window;
window.setTimeout = (call, wait, ...values) => (wait < 500 ? setTimeout(call, wait, ...values) : 0);
"""
COUNT_LONG_TIMERS = """
const { setTimeout } = window;
window.waits = 0;
window.setTimeout = (call, wait, ...values) => {
  if (wait === 500) waits += 1;
  return setTimeout(call, wait, ...values);
};
"""
ANSWER_LATE = """() => {
  const { postMessage } = BroadcastChannel.prototype;
  BroadcastChannel.prototype.postMessage = function (value) { setTimeout(() => postMessage.call(this, value), 700); };
}"""


@pytest.mark.parametrize("options", [{"userJwt": user_token("ada")}, {"email": "ada@example.com"}, {}])
def test_a_new_tab_of_the_same_visitor_joins_the_session_as_soon_as_it_hears_of_it(
    shop: Shop, kaltalk: StandIn, another_tab: AnotherTab, options: dict[str, str]
) -> None:
    shop.visit(**options)
    shop.settle()
    other = another_tab()
    other.page.add_init_script(NO_TIMERS)
    other.visit(**options)
    other.wait_for(lambda: len(kaltalk.identifies) == 2)
    first, second = kaltalk.identifies
    assert "session" not in first
    assert second["session"] in kaltalk.sessions


def test_a_slow_tab_has_half_a_second_to_answer(shop: Shop, kaltalk: StandIn, another_tab: AnotherTab) -> None:
    shop.visit()
    shop.settle()
    shop.page.evaluate(ANSWER_LATE)
    other = another_tab()
    other.page.add_init_script(NO_LONG_TIMERS)
    other.visit()
    other.wait_for(lambda: len(kaltalk.identifies) == 2)
    assert kaltalk.identifies[1]["session"] in kaltalk.sessions


def test_a_page_that_names_an_email_and_fetches_the_token_joins_too(
    shop: Shop, kaltalk: StandIn, another_tab: AnotherTab
) -> None:
    provider = f"getUserJwt: async () => '{user_token('ada')}'"
    init = f"KalTalk.init({{ organizationId: 'org_demo', email: 'ada@example.com', {provider} }});"
    shop.visit(init).settle()
    other = another_tab()
    other.page.add_init_script(NO_TIMERS)
    other.visit(init)
    other.wait_for(lambda: len(kaltalk.identifies) == 2)
    assert kaltalk.identifies[1]["session"] in kaltalk.sessions


def test_a_page_that_says_more_a_moment_later_waits_once(shop: Shop, kaltalk: StandIn) -> None:
    shop.page.add_init_script(COUNT_LONG_TIMERS)
    first = {"organizationId": "org_demo", "email": "ada@example.com"}
    shop.visit(*(f"KalTalk.init({json.dumps(options)});" for options in (first, first | {"name": "Ada"}))).settle()
    assert [body.get("name") for body in kaltalk.identifies] == ["Ada"]
    assert shop.page.evaluate("() => waits") == 1


def test_a_page_that_still_waits_for_its_first_answer_hands_its_stored_session_on(
    shop: Shop, kaltalk: StandIn, another_tab: AnotherTab
) -> None:
    shop.visit().settle()
    kaltalk.fail(IDENTIFY, problem(503, "database_unavailable", 600))
    shop.visit().settle()
    other = another_tab()
    other.page.add_init_script(NO_TIMERS)
    other.visit()
    other.wait_for(lambda: len(kaltalk.identifies) == 3)
    assert kaltalk.identifies[2]["session"] in kaltalk.sessions


@pytest.mark.parametrize("another", [["bob", ""], ["", "bob@example.com"]])
def test_a_page_that_has_learned_its_visitors_id_hears_of_another(
    shop: Shop, kaltalk: StandIn, another: list[str]
) -> None:
    kaltalk.fail(IDENTIFY, problem(503, "database_unavailable", 600))
    provider = f"getUserJwt: async () => '{user_token('ada')}'"
    shop.visit(f"KalTalk.init({{ organizationId: 'org_demo', email: 'ada@example.com', {provider} }});").settle()
    hello = {"type": "hello", "key": f"{kaltalk.origin}kaltalk:org_demo", "who": another}
    shop.page.evaluate("(hello) => new BroadcastChannel('kaltalk').postMessage(hello)", hello)
    expect(shop.page.locator(GONE)).to_have_count(0)


def test_a_refused_tab_goes_on_with_what_another_tab_renewed(
    shop: Shop, kaltalk: StandIn, another_tab: AnotherTab
) -> None:
    shop.visit(userJwt=user_token("ada")).open()
    shop.settle()
    kaltalk.forget_sessions()
    kaltalk.fail(IDENTIFY, problem(401, "expired"))
    shop.say("Hello?")
    shop.expect_statuses("failed")
    expect(shop.part("status")).to_have_text("Reload the page to go on.")
    another_tab().visit(userJwt=user_token("ada", iat=1_800_003_600))
    shop.expect_statuses("sent")
    expect(shop.part("status")).to_have_text("")
    assert kaltalk.texts("ada") == ["Hello?"]


def test_a_stored_session_is_handed_to_new_tabs_alone(shop: Shop, kaltalk: StandIn, another_tab: AnotherTab) -> None:
    shop.visit(userJwt=user_token("ada")).open().say("Hello")
    shop.expect_statuses("sent")
    waiting = another_tab().visit(userJwt=user_token("ada"))
    waiting.settle()
    kaltalk.fail(IDENTIFY, problem(503, "database_unavailable", 600))
    waiting.visit(userJwt=user_token("ada", iat=1_800_000_060)).settle()
    another_tab().visit(userJwt=user_token("ada")).settle()
    assert len(kaltalk.identifies) == 4
    shop.say("Still with my own session")
    shop.expect_statuses("sent", "sent")
    first, second = kaltalk.calls(SEND)
    assert first.token == second.token


def test_a_refusal_that_comes_after_another_tabs_renewal_counts_no_more(
    shop: Shop, kaltalk: StandIn, another_tab: AnotherTab
) -> None:
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    shop.visit(userJwt=user_token("ada")).open()
    shop.settle()
    kaltalk.forget_sessions()
    shop.page.route("**/identify", hold, times=1)
    shop.say("Hello?")
    shop.wait_for(lambda: bool(held))
    another_tab().visit(userJwt=user_token("ada", iat=1_800_003_600)).settle()
    body = json.dumps({"code": "expired", "status": 401})
    held[0].fulfill(status=401, body=body, headers={"Access-Control-Allow-Origin": "*"})
    shop.expect_statuses("sent")
    expect(shop.part("status")).to_have_text("")


def test_a_session_that_is_known_to_be_dead_is_not_handed_on(
    shop: Shop, kaltalk: StandIn, another_tab: AnotherTab
) -> None:
    shop.visit(userJwt=user_token("ada")).open().say("Hello")
    shop.expect_statuses("sent")
    shop.settle()
    kaltalk.forget_sessions()
    kaltalk.fail(IDENTIFY, problem(503, "database_unavailable", 600))
    shop.page.clock.fast_forward(4_000)
    shop.wait_for(lambda: len(kaltalk.identifies) == 2)
    another_tab().visit(userJwt=user_token("ada"))
    shop.wait_for(lambda: len(kaltalk.identifies) == 3)
    assert "session" not in kaltalk.identifies[2]


def test_a_message_sent_in_one_tab_appears_at_once_in_the_other(
    shop: Shop, kaltalk: StandIn, another_tab: AnotherTab
) -> None:
    shop.visit(userJwt=user_token("ada")).open()
    shop.settle()
    other = another_tab().visit(userJwt=user_token("ada")).open()
    other.settle()
    other.say("From the second tab")
    expect(shop.messages).to_have_count(1, timeout=2_000)
    shop.say("From the first")
    expect(other.messages).to_have_count(2, timeout=2_000)
    assert kaltalk.texts("ada") == ["From the second tab", "From the first"]


def test_two_tabs_renew_once(shop: Shop, kaltalk: StandIn, another_tab: AnotherTab) -> None:
    fresh = user_token("ada", iat=1_800_003_500)
    provider = f"getUserJwt: async () => {{ window.asked = (window.asked || 0) + 1; return '{fresh}'; }}"
    init = f"KalTalk.init({{ organizationId: 'org_demo', userJwt: '{user_token('ada')}', {provider} }});"
    other = another_tab()
    for tab in (shop, other):
        tab.visit(init)
        tab.settle()
        shop.page.clock.fast_forward(60_000)  # in both: a browser has one clock
    shop.page.clock.fast_forward(55 * 60_000)
    for _ in range(36):
        shop.page.clock.fast_forward(5_000)
        shop.rest()
        other.rest()
    assert sum(tab.page.evaluate("() => window.asked || 0") for tab in (shop, other)) == 1
    other.open().say("Still me")
    other.expect_statuses("sent")
    assert len(kaltalk.identifies) == 3


def test_an_older_token_of_another_tab_replaces_nothing(shop: Shop, kaltalk: StandIn, another_tab: AnotherTab) -> None:
    shop.visit(userJwt=user_token("ada", iat=1_800_003_500)).open()
    shop.settle()
    another_tab().visit(userJwt=user_token("ada")).settle()
    kaltalk.forget_sessions()
    shop.say("Hello")
    shop.expect_statuses("sent")
    assert kaltalk.identifies[-1]["userJwt"] == user_token("ada", iat=1_800_003_500)


def test_another_user_in_one_tab_ends_the_last_ones_chat_in_all(
    shop: Shop, kaltalk: StandIn, another_tab: AnotherTab
) -> None:
    shop.visit(userJwt=user_token("ada")).open().say("Ada's secret")
    shop.expect_statuses("sent")
    other = another_tab().visit(userJwt=user_token("bob")).open()
    expect(shop.page.locator(GONE)).to_have_count(0)
    other.say("I am Bob")
    other.expect_statuses("sent")
    shop.settle()
    assert "ada" not in shop.page.evaluate("() => JSON.stringify(sessionStorage)")
    assert kaltalk.texts("bob") == ["I am Bob"]
    assert set(kaltalk.sessions.values()) == {"bob"}


@pytest.mark.parametrize("other_page", [{}, {"email": "ada@example.com"}, {"name": "Ada"}])
def test_a_page_that_names_nobody_else_ends_nothing(
    shop: Shop, another_tab: AnotherTab, other_page: dict[str, str]
) -> None:
    shop.visit(userJwt=user_token("ada")).open().say("Hello")
    shop.expect_statuses("sent")
    another_tab().visit(**other_page).settle()
    shop.expect_statuses("sent")


def test_a_logout_that_a_tab_did_not_hear_shuts_it_at_its_next_request(shop: Shop, kaltalk: StandIn) -> None:
    shop.visit(userJwt=user_token("ada")).open().say("Ada's secret")
    shop.expect_statuses("sent")
    kaltalk.fail(READ, problem(401, "session_ended"))
    shop.page.clock.fast_forward(4_000)
    expect(shop.page.locator(GONE)).to_have_count(0)
    assert shop.page.evaluate("() => sessionStorage.length") == 0
    assert len(kaltalk.calls(IDENTIFY)) == 1
    shop.settle()
    assert len(kaltalk.calls(END)) == 1


def test_tabs_of_other_organizations_and_other_servers_do_not_hear_each_other(shop: Shop, kaltalk: StandIn) -> None:
    shop.visit(userJwt=user_token("ada")).open().say("Hello")
    shop.expect_statuses("sent")
    messages = [
        {"type": "session", "key": "elsewhere/kaltalk:org_demo", "who": ["bob", ""], "token": "planted"},
        {"type": "hello", "key": f"{kaltalk.origin}kaltalk:org_other", "who": ["bob", ""]},
        {"type": "session", "key": f"{kaltalk.origin}kaltalk:org_demo", "who": None},
        {"type": "nonsense"},
        None,
        "text",
    ]
    post = "(all) => { const c = new BroadcastChannel('kaltalk'); for (const m of all) c.postMessage(m); }"
    shop.page.evaluate(post, messages)
    shop.settle()
    shop.expect_statuses("sent")
    assert "planted" not in json.dumps([seen.token for seen in kaltalk.seen])


def test_without_broadcast_channels_the_chat_works(shop: Shop) -> None:
    broken = "window.BroadcastChannel = class { constructor() { throw new Error('no'); } };"
    init = json.dumps({"organizationId": "org_demo", "userJwt": user_token("ada")})
    shop.visit(broken, f"KalTalk.init({init});").open().say("Hello")
    shop.expect_statuses("sent")
    shop.page.evaluate("() => KalTalk.shutdown()")
    expect(shop.page.locator(GONE)).to_have_count(0)
