"""Who gets in, and what every answer of the dashboard carries: guard, tenants, CSRF, headers, errors, overriding."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask, redirect
from flask_wtf import CSRFProtect
from jinja2 import StrictUndefined
from werkzeug.exceptions import Forbidden

from kaltalk_iv import Viewer, testing
from kaltalk_iv.dashboard import pages
from kaltalk_iv.dashboard.live import LIVE_HEADER
from kaltalk_iv.dashboard.settings import SETTINGS_ROUTES
from kaltalk_iv.state import current_state
from tests.dashboard.conftest import MakeApp
from tests.dashboard.desk import Clock, Desk
from tests.dashboard.page import read_page

MakeDesk = Callable[..., Desk]


def routes(app: Flask) -> list[tuple[str, str]]:
    """Return (method, path) of every route of the dashboard that is not a public file."""
    with app.test_request_context():
        adapter = app.create_url_adapter(None) or app.url_map.bind("localhost")
        return [
            (method, adapter.build(rule.endpoint, dict.fromkeys(rule.arguments, "con_unknown"), method=method))
            for rule in app.url_map.iter_rules()
            for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
            if rule.endpoint.startswith("kaltalk_iv_dashboard.") and not rule.endpoint.endswith(".asset")
        ]


def test_without_a_guard_every_page_is_forbidden(make_app: MakeApp) -> None:
    app = make_app(None)

    assert len(routes(app)) == 5 + len(SETTINGS_ROUTES)
    for method, path in routes(app):
        answer = app.test_client().open(path, method=method)
        assert answer.status_code == 403, path
        assert "guard=" in answer.text


@pytest.mark.parametrize("answer", [None, False, True, "alan", {"organization_id": "org_shop"}])
def test_a_guard_that_names_no_viewer_lets_nobody_in(desk: Desk, answer: Any) -> None:
    desk.answer = answer

    for method, path in routes(desk.app):
        assert desk.http.open(path, method=method).status_code == 403, path


def test_the_guards_own_answer_is_returned_as_it_is(desk: Desk) -> None:
    desk.answer = redirect("/shop/login")

    answer = desk.get("/inbox")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/shop/login")


def test_a_guard_that_aborts_gets_a_page_of_ours(make_app: MakeApp) -> None:
    def guard() -> None:
        raise Forbidden

    answer = make_app(guard).test_client().get("/inbox")
    assert answer.status_code == 403
    assert "This dashboard is not open to you" in answer.text


def test_a_viewer_of_an_organization_that_is_gone_sees_nothing(desk: Desk) -> None:
    desk.answer = Viewer("Alan", "org_gone")

    assert desk.get("/inbox").status_code == 404


def test_another_organizations_conversation_answers_like_an_unknown_one(desk: Desk) -> None:
    conversation_id = desk.visitor().verify().write("Private words")
    testing.add_organization(desk.app, "org_other")
    form = {"csrf_token": csrf_token(desk, conversation_id), "text": "Hello", "client_message_id": "m1"}
    desk.answer = Viewer("Mallory", "org_other")

    for unknown in ("con_unknown", "con_" + "0" * 24, "x\ufffd\x01y", "con_'--"):
        assert shape(desk.get(f"/inbox/{conversation_id}").text) == shape(desk.get(f"/inbox/{unknown}").text)
    theirs = desk.http.post(f"/inbox/{conversation_id}/reply", data=form)
    nobodys = desk.http.post("/inbox/con_unknown/reply", data=form)

    assert (theirs.status_code, nobodys.status_code) == (404, 404)
    assert shape(theirs.text) == shape(nobodys.text)
    assert desk.inbox().all(data_conversation=None) == []


def test_a_form_without_this_browsers_token_is_refused(desk: Desk) -> None:
    visitor = desk.visitor().verify()
    conversation_id = visitor.write("Hello")
    token = csrf_token(desk, conversation_id)
    stranger = desk.app.test_client()
    form = {"text": "Forged", "client_message_id": "m1"}

    for browser, sent in ((desk.http, {}), (desk.http, {"csrf_token": "x"}), (stranger, {"csrf_token": token})):
        answer = browser.post(f"/inbox/{conversation_id}/reply", data=form | sent)
        assert answer.status_code == 400
        assert "was not sent from a page that we gave you" in answer.text
        assert "reload the page" in answer.text
    assert visitor.read() == ["Hello"]


def test_every_unsafe_route_asks_for_the_token(desk: Desk) -> None:
    unsafe = [path for method, path in routes(desk.app) if method != "GET"]

    assert unsafe
    for path in unsafe:
        assert desk.http.post(path).status_code == 400, path


def test_an_application_that_switched_its_own_check_off_does_not_switch_ours_off(make_desk: MakeDesk) -> None:
    desk = make_desk(lambda app: app.config.update(WTF_CSRF_ENABLED=False))

    assert desk.http.post("/inbox/con_unknown/reply").status_code == 400


def test_an_application_with_its_own_csrf_check_can_use_the_dashboard(make_desk: MakeDesk) -> None:
    desk = make_desk(lambda app: (app.config.update(WTF_CSRF_FIELD_NAME="their_token"), CSRFProtect(app)))
    visitor = desk.visitor().verify()

    assert desk.reply(visitor.write("Hello"), "Hi").status_code == 303
    assert visitor.read() == ["Hello", "Hi"]
    refused = desk.http.post("/inbox/con_unknown/reply")
    assert refused.status_code == 400
    assert "This could not be done" in refused.text


def test_every_page_carries_strict_headers_and_a_nonce_of_its_own(desk: Desk) -> None:
    conversation_id = desk.visitor().verify().write()
    nonces = set()
    for path in ("/inbox", f"/inbox/{conversation_id}", "/inbox/con_unknown", "/"):
        headers = desk.get(path).headers
        policy = headers["Content-Security-Policy"]
        nonce = re.search(r"script-src 'nonce-([\w-]{20,})'", policy)
        assert nonce, path
        nonces.add(nonce[1])
        assert policy.startswith("default-src 'none'; ")
        for rule in ("frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'", "connect-src 'self'"):
            assert rule in policy
        assert "unsafe" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "same-origin"
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert headers["Cache-Control"] == "no-store"
        assert "Cookie" in headers["Vary"]
    assert len(nonces) == 4


def test_every_script_has_the_nonce_and_nothing_is_inline(desk: Desk) -> None:
    answer = desk.get(f"/inbox/{desk.visitor().verify().write()}")

    page = read_page(answer.text)
    for script in page.all("script"):
        assert f"'nonce-{script['nonce']}'" in answer.headers["Content-Security-Policy"]
        assert script.text == ""
    assert page.all(style=None) == []
    assert page.all("style") == []
    assert not re.search(r"\son\w+=", answer.text)


def test_style_and_script_are_served_to_a_page_that_let_nobody_in(make_app: MakeApp) -> None:
    http = make_app(None).test_client()

    for name, kind in (("dashboard.css", "text/css"), ("dashboard.js", "text/javascript")):
        answer = http.get(f"/assets/{name}", buffered=True)
        assert (answer.status_code, answer.mimetype) == (200, kind)
    assert set(pages._ASSETS) == {path.name for path in (Path(pages.__file__).parents[1] / "static").iterdir()}
    assert http.get("/assets/other.css").status_code == 404
    assert http.get("/assets/../models.py").status_code == 404


def test_a_page_of_the_application_takes_the_place_of_ours(desk: Desk, tmp_path: Path) -> None:
    folder = tmp_path / "templates" / "kaltalk_iv"
    folder.mkdir(parents=True)
    (folder / "inbox.html").write_text("The shop's own inbox for {{ viewer.name }}")

    assert desk.get("/inbox").text == "The shop's own inbox for Alan Turing"


def test_the_pages_need_nothing_that_an_application_might_not_define(make_desk: MakeDesk) -> None:
    desk = make_desk(lambda app: setattr(app.jinja_env, "undefined", StrictUndefined))
    conversation_id = desk.visitor().identify(email="ada@example.com").write()

    for path in ("/inbox", f"/inbox/{conversation_id}"):
        assert desk.get(path).status_code == 200
        assert desk.get(path, **{LIVE_HEADER: "1"}).status_code == 200
    assert desk.get("/inbox/con_unknown").status_code == 404


def test_a_database_that_is_away_is_a_503_and_no_word_of_it_on_the_page(desk: Desk) -> None:
    with desk.app.app_context():
        current_state().session.execute(sa.text("ALTER TABLE kaltalk_iv_conversations RENAME TO away"))
        current_state().session.commit()

    answer = desk.get("/inbox")

    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert "kaltalk_iv_conversations" not in answer.text
    assert "Nothing is lost" in answer.text


def test_a_form_that_is_too_large_is_a_413(desk: Desk) -> None:
    conversation_id = desk.visitor().verify().write()

    assert desk.reply(conversation_id, "x" * 100_000).status_code == 413


def test_an_empty_inbox_says_what_to_do(desk: Desk) -> None:
    text = desk.inbox().text

    assert "No conversations yet." in text
    assert "write a message" in text


def test_an_errors_page_of_the_application_stays_the_applications(desk: Desk, clock: Clock) -> None:
    assert "KalTalk" not in desk.get("/nowhere/at/all").text


def csrf_token(desk: Desk, conversation_id: str) -> str:
    """Return the CSRF token on the page of a conversation."""
    return desk.open(conversation_id).one("form", class_="reply").one("input", name="csrf_token")["value"]


def shape(html: str) -> str:
    """Return the page without what is new in every answer."""
    return re.sub(r'(nonce|value)="[^"]*"', "", html)
