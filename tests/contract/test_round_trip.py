"""The whole trip in a real browser, with no faked network: the shop signs, the widget identifies, the agent sees.

Once in one process, as the demo has it, and once on two origins. The tests of a module share the running servers; each
brings people with browsers of their own and says words of its own.
"""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.contract.conftest import RoundTrip
from tests.contract.people import Agent, Customer

pytestmark = pytest.mark.browser

NewCustomer = Callable[[], Customer]


def test_ada_signs_in_writes_and_is_green_for_the_agent_whose_reply_reaches_her(
    new_customer: NewCustomer, agent: Agent, round_trip: RoundTrip
) -> None:
    ada = new_customer()
    ada.log_in("ada")
    ada.write("Where is my Assam?")

    agent.open_conversation("Where is my Assam?")
    agent.sees_green()
    expect(agent.field("email")).to_have_text("ada@example.com")
    for name in ("email", "name", "external_id"):
        expect(agent.field(name)).to_have_attribute("data-provenance", "proven")

    agent.reply("It left this morning.")
    expect(ada.lines.filter(has_text="It left this morning.")).to_have_attribute("data-author", "agent")
    sub = agent.field("external_id").text_content() or ""
    assert round_trip.customer(sub)["verified"] is True


def test_a_new_message_appears_to_the_agent_without_a_reload(new_customer: NewCustomer, agent: Agent) -> None:
    ada = new_customer()
    ada.log_in("ada")
    ada.write("First words")
    agent.open_conversation("First words")
    agent.page.evaluate("window.isStillThisPage = true")

    ada.write("Second words, a moment later")

    expect(agent.page.get_by_role("log").get_by_text("Second words, a moment later")).to_be_visible()
    assert agent.page.evaluate("window.isStillThisPage") is True


def test_bob_with_a_tampered_token_is_amber_and_the_agent_reads_bad_signature(
    new_customer: NewCustomer, agent: Agent, round_trip: RoundTrip
) -> None:
    bob = new_customer()
    bob.visit("/login")
    bob.tamper_with_the_token()
    bob.log_in("bob")
    bob.write("I am Bob, believe me")

    agent.open_conversation("I am Bob, believe me")
    agent.sees_amber("bad_signature")
    expect(agent.drawer).to_contain_text("signature")
    assert round_trip.customer(agent.field("external_id").text_content() or "")["verified"] is False


def test_a_page_that_only_claims_adas_address_lands_amber_reads_nothing_of_hers_and_changes_nothing_proven(
    new_customer: NewCustomer, agent: Agent, round_trip: RoundTrip
) -> None:
    ada = new_customer()
    ada.log_in("ada")
    ada.write("My card ends in 4242")
    agent.open_conversation("My card ends in 4242")
    agent.reply("Thank you, Ada, noted.")
    sub = agent.field("external_id").text_content() or ""
    proven = {name: agent.field(name).text_content() for name in ("email", "name", "external_id")}
    before = round_trip.customer(sub)

    mallory = new_customer()
    mallory.visit("/login")
    mallory.page.evaluate(
        """organizationId => KalTalk.init({organizationId, email: "ada@example.com", name: "Ada, really"})""",
        round_trip.organization_id,
    )
    mallory.write("Hello, it is me, Ada")

    expect(mallory.lines).to_have_count(1)
    mallory.page.reload()
    agent.open_conversation("Hello, it is me, Ada")
    agent.sees_amber("no_token")
    assert {name: agent.field(name).text_content() for name in proven} == proven
    expect(agent.drawer).to_contain_text("has not proven that they are this customer")
    expect(agent.drawer.locator("[data-claimed-field=name]")).to_have_text("Ada, really")
    after = round_trip.customer(sub)
    assert {key: after[key] for key in ("email", "emailProven", "name", "nameProven", "verified")} == {
        key: before[key] for key in ("email", "emailProven", "name", "nameProven", "verified")
    }
    content = mallory.page.content() + str(mallory.lines.all_text_contents())
    assert "4242" not in content
    assert "noted" not in content

    ada.visit("/orders")
    ada.write("And one more thing")
    agent.open_conversation("And one more thing")
    agent.sees_green()
    expect(ada.lines.filter(has_text="Hello, it is me, Ada")).to_have_count(0)


def test_who_registers_with_anothers_address_proves_nothing_about_it(
    new_customer: NewCustomer, agent: Agent, round_trip: RoundTrip
) -> None:
    victim = new_customer()
    victim.visit("/login")
    victim.page.evaluate(
        """organizationId => KalTalk.init({organizationId, email: "victim@example.com", name: "Victim"})""",
        round_trip.organization_id,
    )
    victim.write("I have no account, and this is my address")

    eve = new_customer()
    eve.register("eve", email="victim@example.com")
    eve.write("Please read me what I wrote last")
    agent.open_conversation("Please read me what I wrote last")
    agent.sees_green()
    expect(agent.drawer).not_to_contain_text("victim@example.com")
    expect(agent.drawer).not_to_contain_text("I have no account")
    assert round_trip.customer(agent.field("external_id").text_content() or "")["email"] is None


def test_after_a_failed_token_the_record_is_downgraded_and_the_next_page_makes_it_green_again(
    new_customer: NewCustomer, agent: Agent, round_trip: RoundTrip
) -> None:
    ada = new_customer()
    ada.log_in("ada")
    ada.write("Green, tampered, green: one")
    agent.open_conversation("Green, tampered, green: one")
    sub = agent.field("external_id").text_content() or ""

    ada.tamper_with_the_token()
    ada.visit("/orders")
    ada.write("Green, tampered, green: two")
    agent.open_conversation("Green, tampered, green: two")
    agent.sees_amber("bad_signature")
    expect(agent.page.get_by_role("log")).to_contain_text("Identity lost here")
    assert round_trip.customer(sub)["verified"] is False

    ada.stop_tampering()
    ada.visit("/orders")
    ada.write("Green, tampered, green: three")
    agent.open_conversation("Green, tampered, green: three")
    agent.sees_green()
    assert round_trip.customer(sub)["verified"] is True


def test_after_adas_logout_bob_in_the_same_browser_sees_nothing_of_hers(
    new_customer: NewCustomer, agent: Agent
) -> None:
    shared = new_customer()
    shared.log_in("ada")
    shared.write("Ada's private words")
    shared.log_out()
    shared.open_chat()
    expect(shared.lines).to_have_count(0)

    shared.log_in("bob")
    shared.write("Bob's own words")

    expect(shared.lines).to_have_count(1)
    assert "Ada's private words" not in shared.page.content()
    agent.open_conversation("Bob's own words")
    agent.sees_green()
    expect(agent.field("email")).to_have_text("bob@example.com")


def test_an_anonymous_visitor_has_no_shield_and_becomes_green_by_logging_in(
    new_customer: NewCustomer, agent: Agent
) -> None:
    visitor = new_customer()
    visitor.visit("/")
    visitor.write("Do you ship to Delft?")
    agent.open_conversation("Do you ship to Delft?")
    expect(agent.drawer).to_have_attribute("data-identity-state", "anonymous")
    expect(agent.drawer.locator("[data-shield]")).to_have_count(0)

    visitor.log_in("bob")
    visitor.write("It was me, Bob")

    agent.open_conversation("It was me, Bob")
    agent.sees_green()
    expect(agent.page.get_by_role("log")).to_contain_text("Do you ship to Delft?")


def test_the_visitor_sees_nothing_of_shields(new_customer: NewCustomer) -> None:
    ada = new_customer()
    ada.log_in("ada")
    ada.write("Do I look verified?")

    chat = ada.page.locator("[data-kaltalk=panel]").inner_text()
    assert not re.search(r"verif|shield|proven", chat.replace("Do I look verified?", ""), re.IGNORECASE)


def test_no_token_no_secret_and_no_session_stands_in_an_address_or_a_log(
    new_customer: NewCustomer, round_trip: RoundTrip
) -> None:
    ada = new_customer()
    addresses: list[str] = []
    ada.page.on("request", lambda request: addresses.append(request.url))
    ada.log_in("ada")
    ada.write("Quiet, please")
    token = ada.user_jwt
    kept = ada.page.evaluate("JSON.stringify([Object.entries(localStorage), Object.entries(sessionStorage)])")
    session = re.search(r"kts1\.[\w.-]+", kept)
    assert session, "the widget keeps its session in sessionStorage"

    seen = "\n".join([*addresses, *(output() for output in round_trip.outputs)])
    for needle in (token[-43:], session[0][-40:], "ktiv_", "eyJ"):
        assert needle not in seen
    assert token[-43:] not in kept
    assert ada.page.evaluate("localStorage.length") == 0
