"""Every state of the widget, checked with axe-core: by the light of day and in the dark, on a desk and on a phone."""

import json
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.conftest import NewContext
from tests.support.axe import violations
from tests.support.browser import Complaints
from tests.support.node import NodeSigner
from tests.widget.conftest import Shop
from tests.widget.stand_in import IDENTIFY, READ, SEND, StandIn, problem, user_token

pytestmark = [pytest.mark.browser, pytest.mark.node]


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_axe_finds_nothing_in_any_state(
    new_context: NewContext,
    kaltalk: StandIn,
    shop_address: str,
    page_complaints: Complaints,
    node_sign: NodeSigner,
    scheme: Any,
    width: int,
) -> None:
    page_complaints.expect("ERR_INTERNET_DISCONNECTED|responded with a status of")
    context = new_context(bypass_csp=True, color_scheme=scheme, viewport={"width": width, "height": 800})
    page = context.new_page()
    page.clock.install()
    shop = Shop(page, kaltalk, shop_address)
    found: dict[str, list[str]] = {}

    def check(state: str) -> None:
        found[state] = violations(page)

    shop.visit(userJwt=user_token("ada"))
    expect(shop.part("launcher")).to_be_visible()
    check("closed")
    shop.open()
    check("open and empty")
    shop.say("Where is my order?")
    kaltalk.reply("ada", "مرحبا", name="ليلى")
    page.clock.fast_forward(4_000)
    expect(shop.messages).to_have_count(2)
    check("with lines")
    page.keyboard.press("Escape")
    kaltalk.reply("ada", "Anything else?")
    page.clock.fast_forward(25_000)
    expect(shop.part("badge")).to_have_text("1")
    check("unread badge")
    shop.open()
    context.set_offline(True)
    shop.say("From the train")
    expect(shop.part("status")).to_contain_text("You are offline")
    check("offline")
    context.set_offline(False)
    shop.expect_statuses("sent", "sent", "sent", "sent")
    kaltalk.fail(SEND, problem(400, "unreadable"))
    shop.say("Refused")
    expect(shop.messages.last).to_have_attribute("data-status", "failed")
    check("not sent")
    lost = problem(200, "")
    lost.data = json.dumps({"messages": [], "cursor": "0", "identity": {"state": "unverified", "reason": "expired"}})
    kaltalk.fail(READ, *[lost] * 3)
    page.clock.fast_forward(4_000)
    expect(shop.part("status")).to_have_text("Reload the page to see new replies.")
    check("expired")
    kaltalk.fail(IDENTIFY, problem(401, "bad_signature"))
    shop.visit(userJwt=user_token("bob")).open()
    expect(shop.part("status")).to_have_text("Chat is not available right now.")
    check("refused")
    assert {state: broken for state, broken in found.items() if broken} == {}
    assert len(found) == 8
