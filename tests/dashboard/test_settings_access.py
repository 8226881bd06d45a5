"""Who may use the settings: every route, walked from the URL map, for an admin, an agent, a stranger and nobody."""

import re
from collections.abc import Callable
from html import unescape
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from jinja2 import StrictUndefined
from werkzeug.test import TestResponse

from kaltalk_iv import Role, Viewer, testing
from kaltalk_iv.dashboard.settings import PATH, SETTINGS_ROUTES
from kaltalk_iv.service.agents import create_agent
from tests.dashboard.admin import Admin, another_browser
from tests.dashboard.desk import Desk
from tests.dashboard.staff import PASSWORD
from tests.dashboard.test_access import routes


def settings_routes(app: Flask) -> list[tuple[str, str]]:
    """Return (method, path) of every route of the settings."""
    found = [(method, path) for method, path in routes(app) if path.startswith(PATH)]
    assert len(found) == len(SETTINGS_ROUTES)
    return found


def csrf_token(http: FlaskClient) -> str:
    """Return a token for forms of this browser. Its inbox has the button that logs out."""
    found = re.search(r'name="csrf_token" value="([^"]+)"', http.get("/inbox").text)
    assert found
    return unescape(found[1])


def ask(http: FlaskClient, method: str, path: str, token: str) -> TestResponse:
    """Send a request that only the role can stop."""
    return http.open(path, method=method, data={"csrf_token": token} if method == "POST" else None, buffered=True)


def test_an_agent_is_stopped_at_every_route_told_who_can_and_noted(admin: Admin) -> None:
    alan = another_browser(admin, "alan")
    token = csrf_token(alan)
    before = (admin.stored(), admin.secrets())

    walked = settings_routes(admin.app)
    for method, path in walked:
        answer = ask(alan, method, path, token)
        assert answer.status_code == 403, (method, path)
        assert "Ask an admin of your organization" in answer.text
        assert "ktiv_" not in answer.text

    denied = [line for line in admin.audit() if line.action == "settings_denied"]
    assert len(denied) == len(walked)
    assert {line.actor for line in denied} == {"alan (Alan Turing)"}
    assert {line.address for line in denied} == {"127.0.0.1"}
    assert (admin.stored(), admin.secrets()) == before


def test_an_admin_is_stopped_at_no_route(admin: Admin) -> None:
    token = csrf_token(admin.staff.http)

    for method, path in settings_routes(admin.app):
        answer = ask(admin.staff.http, method, path, token)
        wrong_password = path.endswith("/reveal") and method == "POST"
        assert answer.status_code in ({403} if wrong_password else {200, 303, 400, 409}), (method, path)
    assert "settings_denied" not in admin.actions()


def test_another_organizations_admin_changes_and_sees_nothing_of_ours(admin: Admin) -> None:
    testing.add_organization(admin.app, "org_other")
    admin.in_database(
        lambda db: create_agent(db, "org_other", "mallory", "Mallory", "admin", PASSWORD, admin.clock.now)
    )
    mallory = another_browser(admin, "mallory")
    token = csrf_token(mallory)
    before = (admin.stored(), admin.secrets(), admin.audit())
    [ours] = admin.secrets()
    form = {"csrf_token": token, "password": PASSWORD, "replaces": ours.id, "retires": ours.id}
    form |= {"confirmation": "org_shop", "mode": "off", "origins": "https://evil.example"}

    for method, path in settings_routes(admin.app):
        query = f"?before={before[2][0].id}&after={ours.id}" if method == "GET" else ""
        answer = mallory.open(path + query, method=method, data=form if method == "POST" else None, buffered=True)
        for word in (ours.fingerprint, ours.id, admin.organization.secret, "org_shop"):
            assert word not in answer.text, (method, path)

    assert (admin.stored(), admin.secrets(), admin.audit()) == before


def test_nobody_is_led_to_the_login_and_back(admin: Admin) -> None:
    nobody = admin.app.test_client()
    nobody.get("/login")

    for method, path in settings_routes(admin.app):
        if method == "GET":
            # The login leads back to pages, not to a download: a path with a dot is not followed.
            assert nobody.get(path).location == ("/login" if "." in path else f"/login?next={path}")
        else:
            assert nobody.post(path).location == "/login"
    assert admin.actions() == []


def test_every_form_without_this_browsers_token_is_refused_and_changes_nothing(admin: Admin) -> None:
    before = (admin.stored(), admin.secrets(), admin.audit())
    stolen = csrf_token(another_browser(admin, "grace"))

    unsafe = [path for method, path in settings_routes(admin.app) if method == "POST"]
    for path in unsafe:
        for form in ({}, {"csrf_token": "x"}, {"csrf_token": stolen}):
            answer = admin.staff.http.post(path, data=form | {"confirmation": "org_shop", "mode": "off"})
            assert answer.status_code == 400, path
            assert "was not sent from a page that we gave you" in answer.text
    assert len(unsafe) == 8
    assert (admin.stored(), admin.secrets(), admin.audit()) == before


def test_a_role_that_is_only_text_opens_nothing(desk: Desk) -> None:
    role: Any
    for role in ("admin", "ADMIN", True, None):
        desk.answer = Viewer("Eve", "org_shop", role)
        for method, path in settings_routes(desk.app):
            assert desk.http.open(path, method=method).status_code == 403, path


def test_two_of_one_name_are_told_apart_by_their_logins(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk(lambda app: app.config.update(KALTALK_IV_LIMIT_DENIED="1 per minute"))
    statuses = []
    people = (("Grace", "grace"), ("Grace", "grace"), ("Eve", "grace"), ("Grace", "g.hopper"), ("Grace", None))
    for name, login in people:
        desk.answer = Viewer(name, "org_shop", Role.AGENT, login)
        statuses.append(desk.get(PATH).status_code)
    assert statuses == [403, 429, 429, 403, 403]
    desk.answer = Viewer("Grace", "org_shop", Role.ADMIN, "grace")
    trail = desk.page(PATH + "/audit").one(class_="trail")
    denied = {row.all("td")[1].text for row in trail.all("tr")[1:] if "settings" in row.all("td")[2].text}
    assert denied == {"grace (Grace)", "g.hopper (Grace)", "Grace"}


def test_a_viewer_of_an_organization_that_is_gone_finds_no_page(desk: Desk) -> None:
    for role in Role:
        desk.answer = Viewer("Eve", "org_gone", role)
        for path in ("", "/audit", "/audit.csv", "/revoked"):
            expected = 200 if path.startswith("/audit") and role is Role.ADMIN else 404
            assert desk.get(PATH + path).status_code == expected, (role, path)


def test_the_pages_need_nothing_that_an_application_might_not_define(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk(lambda app: setattr(app.jinja_env, "undefined", StrictUndefined))
    for role in Role:
        desk.answer = Viewer("Grace", "org_shop", role)
        for method, path in settings_routes(desk.app):
            if method == "GET":
                assert desk.get(path).status_code in {200, 403, 409}, path
    token = csrf_token_of_settings(desk)
    for method, path in settings_routes(desk.app):
        if method == "POST":
            answer = desk.http.post(path, data={"csrf_token": token, "token": "x.y.z", "mode": "off", "origins": "x"})
            assert answer.status_code in {200, 303, 400, 403, 409}, path


def csrf_token_of_settings(desk: Desk) -> str:
    """Return a token from the settings page of an admin."""
    desk.answer = Viewer("Grace", "org_shop", Role.ADMIN)
    found = re.search(r'name="csrf_token" value="([^"]+)"', desk.get(PATH).text)
    assert found
    return unescape(found[1])


def test_the_navigation_leads_admins_and_agents_to_the_settings(desk: Desk) -> None:
    for role in Role:
        desk.answer = Viewer("Somebody", "org_shop", role)
        entry = next(link for link in desk.inbox().one("nav", aria_label="Main").all("a") if link.text == "Settings")
        assert entry["href"] == PATH


def test_every_answer_is_kept_nowhere_and_framed_nowhere(admin: Admin) -> None:
    for method, path in settings_routes(admin.app):
        headers = ask(admin.staff.http, method, path, csrf_token(admin.staff.http)).headers
        assert headers["Cache-Control"] == "no-store", path
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert headers["X-Frame-Options"] == "DENY"
