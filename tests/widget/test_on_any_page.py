"""The host's page is never harmed: not by what it passes, not by its CSP, not by a KalTalk that is away."""

import gzip
import json
import re

import pytest
from playwright.sync_api import expect

from kaltalk_iv.api import widget_file
from kaltalk_iv.dashboard.settings.snippets import page_code
from tests.support.browser import Complaints
from tests.widget.conftest import Shop
from tests.widget.stand_in import IDENTIFY, ORGANIZATION, StandIn, problem, user_token

pytestmark = pytest.mark.browser

NONSENSE = """
  const trap = new Proxy({}, { get() { throw new Error("a trap"); } });
  const getter = { organizationId: "org_demo", get userJwt() { throw new Error("a trap"); } };
  const values = [undefined, null, 0, NaN, "", "text", true, [], {}, () => 1, Symbol("s"), 10n, trap, document,
    { organizationId: 12n }, { organizationId: {} }, { organizationId: " " }, { organizationId: "../.." }, getter,
    { organizationId: "org_demo", userJwt: Promise.resolve("x"), getUserJwt: 7, email: [], name: Symbol("n") }];
"""
RUN_NONSENSE = (
    NONSENSE
    + """
  for (const value of values) {
    KalTalk.init(value); KalTalk.open(value); KalTalk.close(value); KalTalk.shutdown(value);
    KalTalk.on(value, value)(); KalTalk.on("identity", value)(); KalTalk.on(value, () => {})();
  }
  KalTalk.init(); KalTalk.open(); KalTalk.on();
"""
)


def test_what_a_browser_loads_stays_under_12_kilobytes() -> None:
    assert len(gzip.compress(widget_file.script(), 9)) < 12_000


@pytest.mark.parametrize("sink", ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("])
def test_the_file_uses_no_dangerous_sink(sink: str) -> None:
    assert sink not in widget_file.script().decode()


def test_nonsense_in_a_call_never_throws_into_the_page(shop: Shop) -> None:
    shop.visit()
    expect(shop.part("launcher")).to_be_visible()
    shop.page.evaluate("() => {" + RUN_NONSENSE + "}")
    shop.settle()
    causes = [re.sub(r"\W+", " ", warning) for warning in shop.warnings]
    assert len(causes) == len(set(causes))


def test_nonsense_in_the_queue_never_throws_into_the_page(shop: Shop) -> None:
    queue = "const queue = [...values, ...values.map((value) => ['init', value]), ['constructor'], []];"
    last = "queue.push(['init', { organizationId: 'org_demo' }]); window.KalTalk = { queue };"
    shop.visit(NONSENSE, queue, last)
    expect(shop.part("launcher")).to_be_visible()


def test_an_option_that_cannot_be_read_is_left_out(shop: Shop, kaltalk: StandIn) -> None:
    getters = "get email() { throw new Error('a trap'); }, name: {}, getUserJwt: 7"
    shop.visit(f"KalTalk.init({{ organizationId: 'org_demo', externalId: 12, {getters} }});")
    expect(shop.part("launcher")).to_be_visible()
    shop.settle()
    assert kaltalk.identifies == [{"externalId": "12"}]
    assert len(shop.warnings) == 3


def test_init_in_the_head_before_the_body_exists(shop: Shop, kaltalk: StandIn) -> None:
    shop.visit()
    expect(shop.part("launcher")).to_be_visible()
    assert shop.page.evaluate("() => document.body.lastElementChild.id") == "kaltalk-widget"
    shop.settle()
    assert len(kaltalk.identifies) == 1


def test_init_twice_identifies_once(shop: Shop, kaltalk: StandIn) -> None:
    init = json.dumps({"organizationId": "org_demo", "email": "ada@example.com"})
    shop.visit(f"KalTalk.init({init}); KalTalk.init({init});")
    expect(shop.part("launcher")).to_be_visible()
    shop.settle()
    assert len(kaltalk.identifies) == 1
    assert shop.page.locator("#kaltalk-widget").count() == 1


def test_the_queue_is_replayed_in_order(shop: Shop, kaltalk: StandIn) -> None:
    shop.visit(
        "KalTalk.init({ organizationId: 'org_demo', email: 'a@example.com' }); KalTalk.shutdown();"
        "KalTalk.init({ organizationId: 'org_demo', email: 'b@example.com' });"
    )
    expect(shop.part("launcher")).to_be_visible()
    shop.settle()
    assert list(kaltalk.sessions.values()) == ["b@example.com"]


def test_code_that_kept_the_stub_still_reaches_the_widget(shop: Shop, kaltalk: StandIn) -> None:
    shop.visit("window.early = KalTalk;")
    shop.page.wait_for_function("() => Object.isFrozen(window.KalTalk)")
    shop.page.evaluate("() => early.init({ organizationId: 'org_demo' })")
    expect(shop.part("launcher")).to_be_visible()


@pytest.mark.parametrize("other", ["window.KalTalk = 7;", "window.KalTalk = 'x';", "delete window.KalTalk;"])
def test_anything_else_of_that_name_is_replaced(shop: Shop, kaltalk: StandIn, other: str) -> None:
    kaltalk.body = '<form id="KalTalk"><input name="queue"><input name="init"></form>'
    shop.visit(other)
    shop.page.wait_for_function("() => Object.isFrozen(window.KalTalk)")
    shop.page.evaluate("() => KalTalk.init({ organizationId: 'org_demo' })")
    expect(shop.part("launcher")).to_be_visible()


def test_the_code_of_the_settings_page_identifies_whoever_is_logged_in(shop: Shop, kaltalk: StandIn) -> None:
    code = page_code(ORGANIZATION, f"{kaltalk.origin}/widget/kaltalk.js")
    token = user_token("ada")
    kaltalk.snippet, kaltalk.loads_widget = "", False
    kaltalk.body = f"<main><h1>The shop</h1></main>{code.replace('…', token)}"
    kaltalk.csp = "default-src * 'unsafe-inline'"
    shop.page.goto(shop.address)
    shop.open()
    shop.wait_for(lambda: [body.get("userJwt") for body in kaltalk.identifies] == [token])
    assert shop.warnings == []


def test_a_second_load_of_the_script_does_nothing(shop: Shop, kaltalk: StandIn) -> None:
    shop.visit()
    expect(shop.part("launcher")).to_be_visible()
    again = f"""() => new Promise((resolve) => {{
      window.first = KalTalk;
      const script = document.createElement("script");
      script.nonce = "n0nce"; script.onload = script.onerror = resolve;
      script.setAttribute("src", "{kaltalk.origin}/widget/kaltalk.js");
      document.head.append(script);
    }})"""
    kaltalk.csp = f"script-src 'nonce-n0nce'; connect-src {kaltalk.origin}"
    shop.visit()
    expect(shop.part("launcher")).to_be_visible()
    shop.page.evaluate(again)
    assert shop.page.evaluate("() => first === KalTalk")
    assert shop.warnings == []
    assert shop.page.locator("#kaltalk-widget").count() == 1


def test_kaltalk_out_of_reach_is_told_once_and_asked_with_growing_pauses(
    shop: Shop, page_complaints: Complaints
) -> None:
    page_complaints.expect("net::ERR_CONNECTION_REFUSED")
    tries: list[str] = []

    def refuse(route: object) -> None:
        tries.append("try")
        route.abort("connectionrefused")  # type: ignore[attr-defined]

    shop.page.route("**/v1/**", refuse)
    shop.visit(userJwt=user_token("ada")).open()
    shop.let_pass(120)
    expect(shop.part("status")).to_have_text("Chat is not available right now.")
    assert 5 <= len(tries) <= 14
    assert len(shop.warnings) == 1
    assert "connect-src" in shop.warnings[0]
    assert shop.page.get_by_role("heading", name="The shop").is_visible()


def test_a_host_that_lists_other_origins_is_told_so(shop: Shop, kaltalk: StandIn) -> None:
    kaltalk.fail(IDENTIFY, problem(403, "origin_not_allowed"))
    shop.visit().open()
    expect(shop.part("status")).to_have_text("Chat is not available right now.")
    assert "origin_not_allowed" in shop.warnings[0]


def test_a_listener_that_throws_stops_nothing(shop: Shop) -> None:
    shop.visit(
        "addEventListener('load', () => { for (const f of [() => { throw 1 }, async () => { throw 2 },"
        " ({ state }) => { window.state = state }]) KalTalk.on('identity', f); });"
        "KalTalk.init({ organizationId: 'org_demo' });"
    )
    shop.page.wait_for_function("() => window.state === 'anonymous'")
    assert len(shop.warnings) == 1


def test_a_listener_can_stop_listening(shop: Shop) -> None:
    shop.visit()
    shop.page.evaluate("() => { window.count = 0; window.off = KalTalk.on('message', () => { count += 1; }); }")
    shop.open().say("one")
    shop.expect_statuses("sent")
    shop.page.evaluate("() => off()")
    shop.say("two")
    shop.expect_statuses("sent", "sent")
    assert shop.page.evaluate("() => count") == 1


def test_the_page_does_not_move(shop: Shop, kaltalk: StandIn) -> None:
    kaltalk.body = "<main>a</main><footer>b</footer>"
    kaltalk.csp = f"script-src 'nonce-n0nce'; connect-src {kaltalk.origin}; style-src 'unsafe-inline'"
    hostile = "div { display: block !important; padding: 60px; position: static; margin: 20px }"
    grid = "body { display: grid; gap: 40px; margin: 0 } main { height: 2000px }"
    kaltalk.body = f"<style>{grid} {hostile}</style>{kaltalk.body}"
    size = "() => [document.documentElement.scrollHeight, document.documentElement.scrollWidth]"
    shop.visit("")
    before = shop.page.evaluate(size)
    shop.visit().open()
    assert shop.page.evaluate(size) == before


def test_the_pages_shortcuts_do_not_fire_while_a_message_is_typed(shop: Shop) -> None:
    shop.visit("addEventListener('keydown', (e) => { (window.keys ??= []).push(e.key); });").page.evaluate(
        "() => KalTalk.init({ organizationId: 'org_demo' })"
    )
    shop.open()
    shop.part("input").press("s")
    assert shop.page.evaluate("() => window.keys") is None


def test_the_widget_comes_back_when_the_page_replaces_its_body(shop: Shop) -> None:
    shop.visit()
    expect(shop.part("launcher")).to_be_visible()
    shop.page.evaluate("() => { document.body.replaceChildren('new'); KalTalk.open(); }")
    expect(shop.part("panel")).to_be_visible()
