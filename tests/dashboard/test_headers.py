"""What every answer of KalTalk on its own carries, whichever way it came about: found, refused, moved or unknown."""

from collections.abc import Iterator
from urllib.parse import quote

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from kaltalk_iv import generate_encryption_key, migrations
from kaltalk_iv.server import create_app
from kaltalk_iv.state import current_state
from tests.dashboard.staff import Staff

ANSWERS = {
    "a page": ("GET", "/login", 200),
    "a redirect to the login": ("GET", "/inbox", 302),
    "an unknown address": ("GET", "/no/such/page", 404),
    "an unknown address of hostile text": ("GET", "/" + quote("<script>\u202e\x00'\"{{7*7}}"), 404),
    "a method that a page does not take": ("DELETE", "/login", 405),
    "an address that is written elsewise": ("GET", "//login", 308),
    "a form without its token": ("POST", "/login", 400),
    "a style sheet": ("GET", "/assets/dashboard.css", 200),
    "a style sheet that is none": ("GET", "/assets/other.css", 404),
    "the widget": ("GET", "/widget/kaltalk.js", 200),
    "a widget that is none": ("GET", "/widget/other.js", 404),
    "a method that the widget does not take": ("POST", "/widget/kaltalk.js", 405),
    "an identify": ("POST", "/v1/organizations/org_shop/identify", 200),
    "an identify that is refused": ("PUT", "/v1/organizations/org_shop/identify", 405),
    "a preflight": ("OPTIONS", "/v1/messages", 204),
    "an unknown address of the API": ("GET", "/v1/nothing", 404),
}


@pytest.fixture(scope="module")
def staff(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Staff]:
    """Give one KalTalk for all of these, because none changes it."""
    database = tmp_path_factory.mktemp("headers") / "own.sqlite3"
    settings = {
        "SECRET_KEY": "a secret key for tests alone",
        "KALTALK_IV_ENCRYPTION_KEYS": generate_encryption_key(),
        "SQLALCHEMY_DATABASE_URI": f"sqlite:///{database}",
    }
    app = create_app(settings)
    with app.app_context():
        engine = current_state().session.get_bind().engine
        migrations.upgrade(engine)
    yield Staff(app)
    engine.dispose()


def get(staff: Staff, what: str, base_url: str = "http://localhost") -> TestResponse:
    """Ask for one of the answers."""
    method, path, status = ANSWERS[what]
    body: dict[str, str] | None = {} if path.startswith("/v1/") and method == "POST" else None
    answer = staff.http.open(path, method=method, buffered=True, json=body, base_url=base_url)
    assert answer.status_code == status
    return answer


@pytest.mark.parametrize("what", ANSWERS)
def test_every_answer_is_strict(staff: Staff, what: str) -> None:
    headers = get(staff, what).headers

    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"].startswith("default-src 'none'; ")
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] in {"same-origin", "no-referrer"}
    assert "camera=()" in headers["Permissions-Policy"]
    is_for_other_sites = what == "the widget"
    assert headers["Cross-Origin-Resource-Policy"] == ("cross-origin" if is_for_other_sites else "same-origin")
    assert "Strict-Transport-Security" not in headers, "this is plain http"


@pytest.mark.parametrize("what", ANSWERS)
def test_strict_transport_security_goes_with_tls_alone(staff: Staff, what: str) -> None:
    headers = get(staff, what, base_url="https://kaltalk.example").headers

    assert headers["Strict-Transport-Security"] == "max-age=31536000"


@pytest.mark.parametrize(
    "what", [name for name, (_, path, _) in ANSWERS.items() if not path.startswith(("/assets/d", "/widget/k", "//"))]
)
def test_nothing_of_it_is_kept(staff: Staff, what: str) -> None:
    assert get(staff, what).headers["Cache-Control"] == "no-store"


def test_an_unknown_address_gets_our_page_and_nothing_of_what_was_asked(staff: Staff) -> None:
    page = get(staff, "an unknown address of hostile text").text

    assert "There is no such page" in page
    assert "script>\u202e" not in page
    assert "49" not in page
    refused = get(staff, "a method that a page does not take")
    assert "does not take that kind of request" in refused.text
    assert set(refused.headers["Allow"].split(", ")) >= {"GET", "POST"}


@pytest.mark.parametrize("organization_id", ["org_shop%2Fx", "a%2Fb", "%2F", "..%2F..", "org_shop%2F"])
def test_an_organization_id_with_a_slash_is_unknown_and_a_page_can_read_that(
    staff: Staff, organization_id: str
) -> None:
    from_page = {"Origin": "https://shop.example"}
    answer = staff.http.post(f"/v1/organizations/{organization_id}/identify", json={}, headers=from_page)

    assert answer.status_code == 404
    assert answer.mimetype == "application/problem+json"
    assert (answer.json or {})["code"] in {"unknown_organization", "not_found"}
    assert answer.headers["Access-Control-Allow-Origin"] == "https://shop.example"
    assert answer.headers["Vary"] == "Origin"


def test_an_unknown_address_of_the_api_is_a_problem(staff: Staff) -> None:
    answer = get(staff, "an unknown address of the API")

    assert answer.mimetype == "application/problem+json"
    assert (answer.json or {})["code"] == "not_found"


@pytest.mark.parametrize(
    ("config", "server", "name"),
    [
        ({}, "gunicorn/27.0.1", "__Host-kaltalk_session"),
        ({}, "", "__Host-kaltalk_session"),
        ({}, "Werkzeug/3.1.9", "kaltalk_session"),
        ({"SESSION_COOKIE_PATH": "/kaltalk"}, "gunicorn/27.0.1", "kaltalk_session"),
        ({"SESSION_COOKIE_DOMAIN": "example.com"}, "gunicorn/27.0.1", "kaltalk_session"),
        ({"SESSION_COOKIE_SECURE": False}, "gunicorn/27.0.1", "kaltalk_session"),
    ],
)
def test_no_other_host_can_plant_a_session_where_the_whole_host_is_ours(
    staff: Staff, config: dict[str, object], server: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    app: Flask = staff.app
    for setting, value in config.items():
        monkeypatch.setitem(app.config, setting, value)
    answer = app.test_client().get("/login", environ_overrides={"SERVER_SOFTWARE": server})
    cookie = answer.headers["Set-Cookie"].split("; ")

    assert cookie[0].startswith(f"{name}=")
    assert {"HttpOnly", "SameSite=Lax"} <= set(cookie)
    assert ("Secure" in cookie) is (not server.startswith("Werkzeug") and "SESSION_COOKIE_SECURE" not in config)
    if name.startswith("__Host-"):
        assert "Path=/" in cookie
        assert not [part for part in cookie if part.startswith("Domain=")]
