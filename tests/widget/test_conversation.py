"""Messages out and in: at once, in order, exactly once, and kept when something is down."""

import pytest
from playwright.sync_api import expect

from tests.support.browser import Complaints
from tests.widget.conftest import Shop
from tests.widget.stand_in import READ, SEND, StandIn, problem, user_token

pytestmark = pytest.mark.browser


def test_a_message_is_sent_and_shown(shop: Shop, kaltalk: StandIn) -> None:
    shop.visit(userJwt=user_token("ada")).open().say("Where is my order?")
    shop.expect_statuses("sent")
    assert kaltalk.texts("ada") == ["Where is my order?"]


def test_a_message_typed_before_the_widget_is_identified_is_kept_and_sent(shop: Shop, kaltalk: StandIn) -> None:
    kaltalk.fail("POST /v1/organizations/org_demo/identify", problem(503, "database_unavailable", 5))
    shop.visit(userJwt=user_token("ada")).open().say("Hello?")
    shop.settle()
    shop.expect_statuses("sending")
    shop.page.clock.fast_forward(6_000)
    shop.expect_statuses("sent")
    assert kaltalk.texts("ada") == ["Hello?"]


def test_an_agents_reply_arrives_while_the_panel_is_open(shop: Shop, kaltalk: StandIn) -> None:
    shop.visit(userJwt=user_token("ada")).open().say("Hello")
    shop.expect_statuses("sent")
    kaltalk.reply("ada", "Hi Ada")
    shop.page.clock.fast_forward(3_500)
    expect(shop.messages).to_have_count(2)
    assert shop.texts == ["Hello", "Hi Ada"]
    expect(shop.messages.nth(1)).to_contain_text("Alan")


def test_a_reply_that_stands_before_a_sent_message_is_not_skipped(shop: Shop, kaltalk: StandIn) -> None:
    kaltalk.before_message = lambda: kaltalk.reply("ada", "Anything else?")
    shop.visit(userJwt=user_token("ada")).open().say("Hello")
    expect(shop.messages).to_have_count(2)
    assert shop.texts == ["Anything else?", "Hello"]


def test_a_message_whose_answer_was_lost_is_stored_once(
    shop: Shop, kaltalk: StandIn, page_complaints: Complaints
) -> None:
    page_complaints.expect("net::ERR_FAILED")
    shop.visit(userJwt=user_token("ada")).open()
    expect(shop.part("status")).to_be_empty()

    def lose_the_answer(route: object) -> None:
        route.fetch()  # type: ignore[attr-defined]
        route.abort()  # type: ignore[attr-defined]

    shop.page.route("**/v1/messages", lose_the_answer, times=1)
    shop.say("Only once")
    expect(shop.messages).to_have_count(1)
    for _ in range(3):
        shop.page.clock.fast_forward(2_000)
        shop.page.wait_for_timeout(50)
    shop.expect_statuses("sent")
    assert kaltalk.texts("ada") == ["Only once"]
    assert len({seen.body["clientMessageId"] for seen in kaltalk.calls(SEND)}) == 1


def test_messages_arrive_in_the_order_they_were_typed(shop: Shop, kaltalk: StandIn) -> None:
    kaltalk.fail(SEND, problem(503, "database_unavailable"))
    shop.visit(userJwt=user_token("ada")).open()
    for text in ("one", "two", "three"):
        shop.say(text)
    shop.page.clock.fast_forward(1_500)
    shop.expect_statuses("sent", "sent", "sent")
    assert kaltalk.texts("ada") == ["one", "two", "three"]


def test_a_message_that_is_refused_can_be_tried_again(shop: Shop, kaltalk: StandIn) -> None:
    kaltalk.fail(SEND, problem(400, "unreadable"))
    shop.visit(userJwt=user_token("ada")).open().say("Hm")
    shop.expect_statuses("failed")
    shop.page.get_by_role("button", name="Not sent – try again").click()
    shop.expect_statuses("sent")
    assert kaltalk.texts("ada") == ["Hm"]


def test_a_server_that_asks_to_wait_is_left_alone_so_long(shop: Shop, kaltalk: StandIn) -> None:
    kaltalk.fail(SEND, problem(429, "rate_limited", 30))
    shop.visit(userJwt=user_token("ada")).open().say("one")
    shop.expect_statuses("sending")
    shop.settle()
    shop.say("two")
    shop.page.clock.fast_forward(25_000)
    shop.settle()
    assert len(kaltalk.calls(SEND)) == 1
    shop.page.clock.fast_forward(9_000)
    shop.expect_statuses("sent", "sent")


def test_a_network_that_comes_back_does_not_cut_the_servers_wait_short(shop: Shop, kaltalk: StandIn) -> None:
    kaltalk.fail(SEND, problem(429, "rate_limited", 30))
    shop.visit(userJwt=user_token("ada")).open().say("one")
    shop.settle()
    shop.page.evaluate("() => dispatchEvent(new Event('online'))")
    shop.settle()
    assert len(kaltalk.calls(SEND)) == 1


def test_once_a_servers_wait_is_over_a_network_that_comes_back_is_asked_at_once(shop: Shop, kaltalk: StandIn) -> None:
    kaltalk.fail(SEND, problem(429, "rate_limited", 30))
    shop.visit(userJwt=user_token("ada")).open().say("one")
    shop.settle()
    shop.page.clock.fast_forward(34_000)
    shop.expect_statuses("sent")
    shop.settle()
    before = len(kaltalk.calls(READ))
    shop.page.evaluate("() => dispatchEvent(new Event('online'))")
    shop.settle()
    assert len(kaltalk.calls(READ)) == before + 1


def test_answers_that_make_no_sense_are_asked_for_less_and_less(shop: Shop, kaltalk: StandIn) -> None:
    kaltalk.fail(READ, *[problem(status, "nonsense") for status in (200, 404, 400, 403) * 15])
    shop.visit(userJwt=user_token("ada")).open()
    shop.let_pass(60)
    assert 4 <= len(kaltalk.calls(READ)) <= 12


def test_offline_the_message_is_kept_and_sent_when_the_network_is_back(
    shop: Shop, kaltalk: StandIn, page_complaints: Complaints
) -> None:
    page_complaints.expect("ERR_INTERNET_DISCONNECTED")
    shop.visit(userJwt=user_token("ada")).open()
    expect(shop.part("status")).to_be_empty()
    shop.page.context.set_offline(True)
    shop.say("From the train")
    expect(shop.part("status")).to_have_text("You are offline. Your message is kept and will be sent.")
    shop.expect_statuses("sending")
    shop.page.context.set_offline(False)
    shop.expect_statuses("sent")
    expect(shop.part("status")).to_be_empty()
    assert kaltalk.texts("ada") == ["From the train"]


def test_a_message_that_waits_survives_a_reload(shop: Shop, kaltalk: StandIn) -> None:
    kaltalk.fail(SEND, problem(503, "database_unavailable", 60))
    shop.visit(userJwt=user_token("ada")).open().say("Do not lose me")
    shop.expect_statuses("sending")
    shop.settle()
    shop.visit(userJwt=user_token("ada")).open()
    shop.expect_statuses("sent")
    assert kaltalk.texts("ada") == ["Do not lose me"]


def test_a_message_that_is_too_long_is_kept_in_the_box_and_not_cut(shop: Shop, kaltalk: StandIn) -> None:
    shop.visit(userJwt=user_token("ada")).open()
    shop.say("x" * 4_001)
    expect(shop.part("status")).to_have_text("Too long by 1 characters.")
    expect(shop.part("input")).to_have_value("x" * 4_001)
    shop.say("x" * 4_000)
    shop.expect_statuses("sent")


def test_a_reply_while_closed_is_counted_announced_and_read_on_opening(shop: Shop, kaltalk: StandIn) -> None:
    shop.visit(userJwt=user_token("ada")).open().say("Hello")
    shop.expect_statuses("sent")
    shop.page.keyboard.press("Escape")
    kaltalk.reply("ada", "First")
    kaltalk.reply("ada", "Second")
    shop.page.clock.fast_forward(25_000)
    expect(shop.part("launcher")).to_have_accessible_name("Open chat, 2 new messages")
    expect(shop.part("badge")).to_have_text("2")
    expect(shop.page.locator('#kaltalk-widget [role="status"]').last).to_have_text("New in the chat: 2 new messages")
    shop.visit(userJwt=user_token("ada"))
    expect(shop.part("launcher")).to_have_accessible_name("Open chat, 2 new messages")
    shop.open()
    expect(shop.messages).to_have_count(3)
    shop.page.keyboard.press("Escape")
    expect(shop.part("launcher")).to_have_accessible_name("Open chat")


def test_a_closed_widget_without_a_conversation_asks_for_nothing(shop: Shop, kaltalk: StandIn) -> None:
    shop.visit(userJwt=user_token("ada"))
    expect(shop.part("launcher")).to_be_visible()
    shop.settle()
    for _ in range(5):
        shop.page.clock.fast_forward(30_000)
    shop.settle()
    assert len(kaltalk.calls(READ)) == 1


def test_markup_in_a_message_is_plain_text(shop: Shop, kaltalk: StandIn) -> None:
    text = '<img src=x onerror="alert(1)"> {{7*7}} https://example.com'
    kaltalk.reply("ada", text, name="<b>Alan</b>")
    shop.visit(userJwt=user_token("ada")).open()
    expect(shop.messages).to_have_count(1)
    assert shop.texts == [text]
    assert shop.page.locator("#kaltalk-widget :is(img, b, a)").count() == 0
