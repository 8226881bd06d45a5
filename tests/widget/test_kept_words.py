"""What somebody typed is theirs: it outlives a reload, a dead network and a lost session, and reaches nobody else."""

import pytest
from playwright.sync_api import expect

from tests.support.browser import Complaints
from tests.widget.conftest import STORED, Shop
from tests.widget.stand_in import DOWN, END, IDENTIFY, SEND, StandIn, problem, user_token

pytestmark = pytest.mark.browser


def test_a_draft_survives_a_reload_though_kaltalk_is_down(shop: Shop, kaltalk: StandIn) -> None:
    shop.visit(userJwt=user_token("ada")).open()
    shop.part("input").fill("half a sen")
    kaltalk.fail(IDENTIFY, *DOWN)
    shop.visit(userJwt=user_token("ada")).open()
    expect(shop.part("input")).to_have_value("half a sen")
    shop.part("input").fill("")
    shop.visit(userJwt=user_token("ada")).open()
    expect(shop.part("input")).to_have_value("")


def test_a_message_typed_while_nothing_answers_survives_reloads_and_arrives_once(
    shop: Shop, kaltalk: StandIn, page_complaints: Complaints
) -> None:
    page_complaints.expect("net::ERR_FAILED")
    shop.page.route("**/v1/**", lambda route: route.abort())
    shop.visit(userJwt=user_token("ada")).open().say("From the tunnel")
    for _ in range(2):
        shop.visit(userJwt=user_token("ada")).open()
        shop.expect_statuses("sending")
    shop.page.unroute("**/v1/**")
    shop.visit(userJwt=user_token("ada")).open()
    shop.expect_statuses("sent")
    assert kaltalk.texts("ada") == ["From the tunnel"]


def test_a_message_that_may_have_arrived_under_a_lost_session_names_it_when_sent_again(
    shop: Shop, kaltalk: StandIn
) -> None:
    kaltalk.fail(SEND, problem(503, "database_unavailable", 600))
    shop.visit(userJwt=user_token("ada")).open().say("Only once")
    shop.settle()
    first = kaltalk.calls(SEND)[0]
    kaltalk.forget_sessions()
    kaltalk.visit = "another visit of {}"
    shop.visit(userJwt=user_token("ada")).open()
    shop.expect_statuses("sent")
    again = kaltalk.calls(SEND)[-1]
    assert "session" not in first.body
    assert again.body == first.body | {"session": first.token}
    assert again.token != first.token


def test_a_message_renewed_under_the_same_visit_names_no_other_session(shop: Shop, kaltalk: StandIn) -> None:
    shop.visit(userJwt=user_token("ada")).open()
    shop.settle()
    kaltalk.forget_sessions()
    shop.say("Hello")
    shop.expect_statuses("sent")
    assert [("session" in seen.body) for seen in kaltalk.calls(SEND)] == [False, False]


@pytest.mark.parametrize("following", [{"userJwt": user_token("bob")}, {"email": "bob@example.com"}, {}])
def test_the_next_user_neither_sees_nor_sends_nor_keeps_them(
    shop: Shop, kaltalk: StandIn, following: dict[str, str]
) -> None:
    kaltalk.fail(SEND, *DOWN)
    shop.visit(userJwt=user_token("ada")).open().say("Ada's secret")
    shop.part("input").fill("Ada's draft")
    shop.settle()
    kaltalk.failures.clear()
    shop.visit(**following).open()
    shop.settle()
    expect(shop.messages).to_have_count(0)
    expect(shop.part("input")).to_have_value("")
    assert "Ada" not in shop.page.evaluate(STORED)
    assert kaltalk.threads == {}


def test_they_are_wiped_before_the_next_users_page_has_reached_the_server(shop: Shop, kaltalk: StandIn) -> None:
    shop.visit(userJwt=user_token("ada")).open()
    shop.part("input").fill("Ada's draft")
    kaltalk.fail(IDENTIFY, *DOWN)
    shop.visit(userJwt=user_token("bob"))
    shop.settle()
    assert "Ada" not in shop.page.evaluate(STORED)


def test_what_an_anonymous_visitor_typed_stays_when_they_log_in(shop: Shop, kaltalk: StandIn) -> None:
    kaltalk.visit = "one visit, whoever it is of"  # the server goes on with it: nobody was named before
    shop.visit().open()
    shop.part("input").fill("half a sen")
    shop.settle()
    shop.visit(userJwt=user_token("ada")).open()
    expect(shop.part("input")).to_have_value("half a sen")


@pytest.mark.parametrize(
    ("email", "token", "kept"),
    [
        ("ada@example.com", user_token("ada"), "early"),
        ("bob@example.com", user_token("ada"), ""),
        ("ada@example.com", user_token("bob", email=None), ""),
    ],
    ids=["the same", "another", "none in the token"],
)
def test_what_was_typed_before_the_token_came_stays_if_it_names_the_same_email(
    shop: Shop, kaltalk: StandIn, email: str, token: str, kept: str
) -> None:
    late = f"getUserJwt: () => new Promise((go) => {{ window.sign = () => go('{token}'); }})"
    shop.visit(f"KalTalk.init({{ organizationId: 'org_demo', email: '{email}', {late} }});").open()
    shop.part("input").fill("early")
    shop.page.wait_for_function("() => Boolean(window.sign)")
    shop.page.evaluate("() => sign()")
    shop.wait_for(lambda: len(kaltalk.identifies) == 1)
    shop.settle()
    expect(shop.part("input")).to_have_value(kept)


@pytest.mark.parametrize(("earlier", "words"), [("ada@example.com", ["early"]), ("bob@example.com", [])])
def test_what_no_server_has_seen_goes_on_the_next_page_if_its_token_names_the_same_email(
    shop: Shop, kaltalk: StandIn, earlier: str, words: list[str]
) -> None:
    kaltalk.fail(IDENTIFY, *DOWN)
    shop.visit(email=earlier).open().say("early")
    shop.settle()
    kaltalk.failures.clear()
    shop.visit(userJwt=user_token("ada")).open()
    shop.settle()
    assert kaltalk.texts("ada") == words


def test_what_somebody_types_after_a_page_of_nobody_that_was_not_answered_survives_a_reload(
    shop: Shop, kaltalk: StandIn
) -> None:
    kaltalk.fail(IDENTIFY, *DOWN)
    shop.visit().settle()
    shop.visit(userJwt=user_token("ada")).open().say("From the tunnel")
    shop.settle()
    kaltalk.failures.clear()
    shop.visit(userJwt=user_token("ada")).open()
    shop.expect_statuses("sent")
    assert kaltalk.texts("ada") == ["From the tunnel"]


def test_shutdown_wipes_them(shop: Shop, kaltalk: StandIn) -> None:
    kaltalk.fail(SEND, *DOWN)
    shop.visit(userJwt=user_token("ada")).open().say("Ada's secret")
    shop.part("input").fill("Ada's draft")
    shop.settle()
    shop.page.evaluate("() => KalTalk.shutdown()")
    shop.settle()
    assert shop.page.evaluate(STORED) == "[]"
    kaltalk.failures.clear()
    shop.visit(userJwt=user_token("ada")).open()
    shop.settle()
    expect(shop.messages).to_have_count(0)
    expect(shop.part("input")).to_have_value("")
    assert len(kaltalk.calls(END)) == 1


def test_a_message_held_back_by_a_refused_identity_goes_when_a_new_page_proves_it(shop: Shop, kaltalk: StandIn) -> None:
    kaltalk.fail(SEND, problem(401, "expired"))
    kaltalk.fail(IDENTIFY)
    shop.visit(userJwt=user_token("ada")).open()
    shop.settle()
    kaltalk.fail(IDENTIFY, problem(401, "expired"))
    shop.say("Hello?")
    shop.expect_statuses("failed")
    expect(shop.part("status")).to_have_text("Reload the page to go on.")
    shop.visit(userJwt=user_token("ada", iat=1_800_003_600)).open()
    shop.expect_statuses("sent")
    assert kaltalk.texts("ada") == ["Hello?"]


@pytest.mark.parametrize("written", ["null", "7", "{", '{"base": 1}', '{"base": "BASE", "who": 7, "outbox": {}}'])
def test_nonsense_in_the_storage_stops_nothing(shop: Shop, kaltalk: StandIn, written: str) -> None:
    shop.visit("")
    put = "(text) => { sessionStorage['kaltalk:org_demo'] = text; }"
    shop.page.evaluate(put, written.replace("BASE", kaltalk.origin))
    shop.visit(userJwt=user_token("ada")).open().say("Hello")
    shop.expect_statuses("sent")
